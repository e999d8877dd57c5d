//! Defaults and bounds of settings as `docs/configuration.md` says them, beside those that hold. That it has every setting, and no other, is
//! compared by `cargo xtask check`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;
use std::path::Path;

use super::{Breakers, Retention, worker};
use crate::limits;

/// A setting's default and bounds, as the document says them.
type DocumentedSetting = (String, String);

/// Rows by their settings: `a.{b,c}` is `a.b` and `a.c`.
fn documented() -> BTreeMap<String, DocumentedSetting> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(file).unwrap();
    let mut rows = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        if cells.len() < 7 {
            continue;
        }
        let said = (cells[4].trim_matches('`').to_owned(), cells[5].to_owned());
        let names = cells[1].trim_matches('`');
        let parts = names.split_once('{').map(|(before, rest)| (before, rest.split_once('}').unwrap()));
        match parts {
            None => drop(rows.insert(names.to_owned(), said)),
            Some((before, (within, after))) => {
                rows.extend(within.split(',').map(|name| (format!("{before}{name}{after}"), said.clone())));
            }
        }
    }
    rows
}

fn bounds<T: std::fmt::Display>(range: &RangeInclusive<T>) -> String {
    format!("{} to {}", range.start(), range.end())
}

#[test]
fn defaults_and_bounds_are_as_documented() {
    let mut held: BTreeMap<String, DocumentedSetting> = BTreeMap::new();
    let mut hold = |name: String, default: String, bounds: String| drop(held.insert(name, (default, bounds)));
    let rates = edge::rates::Rates::default();
    for (name, quota) in
        [("address", rates.address), ("user", rates.user), ("attempts", rates.attempts), ("edge_attempts", rates.edge_attempts)]
    {
        let (often, burst) = (bounds(&edge::limits::PER_MINUTE), bounds(&edge::limits::BURST));
        hold(format!("rates.{name}.per_minute"), quota.per_minute.to_string(), often);
        hold(format!("rates.{name}.burst"), quota.burst.to_string(), burst);
    }
    let Breakers { postgres, redis, web, mail, kafka, rabbitmq, regions } = Breakers::default();
    for (name, options) in [
        ("postgres", postgres),
        ("redis", redis),
        ("web", web),
        ("mail", mail),
        ("kafka", kafka),
        ("rabbitmq", rabbitmq),
        ("regions", regions),
    ] {
        let pause = limits::BREAKER_PAUSE.start().as_millis()..=limits::BREAKER_PAUSE.end().as_millis();
        hold(format!("breakers.{name}.failures"), options.failures.to_string(), bounds(&limits::BREAKER_FAILURES));
        hold(format!("breakers.{name}.open_ms"), options.open.as_millis().to_string(), bounds(&pause));
        hold(format!("breakers.{name}.longest_ms"), options.longest.as_millis().to_string(), bounds(&pause));
    }
    let Retention { idempotency_hours, journal_days } = Retention::default();
    hold("retention.idempotency_hours".into(), idempotency_hours.to_string(), bounds(&limits::IDEMPOTENCY_HOURS));
    hold("retention.journal_days".into(), journal_days.to_string(), "1 or more".into());
    let replica = edge::limits::REPLICA_BYTES / 1024 / 1024;
    hold("replica_mib".into(), replica.to_string(), bounds(&edge::limits::REPLICA_MIB));
    hold("regions[].nodes".into(), String::new(), bounds(&(1..=limits::REGION_NODES)));
    hold("control.nodes".into(), "none".into(), bounds(&agent::limits::INSTANCES));
    hold("accounts.nodes".into(), String::new(), bounds(&(1..=limits::REGION_NODES)));
    let kafka: streams::Settings = toml::from_str("brokers = [\"a:1\"]").unwrap();
    hold("kafka.partitions".into(), kafka.partitions.to_string(), "1 or more".into());
    hold("kafka.retention_days".into(), kafka.retention_days.to_string(), String::new());
    hold("kafka.dead_letter_days".into(), kafka.dead_letter_days.to_string(), String::new());
    hold("kafka.client_id".into(), kafka.client_id, String::new());
    let rabbitmq: worker::RabbitMq = toml::from_str("").unwrap();
    hold("rabbitmq.queue".into(), rabbitmq.queue, String::new());

    let documented = documented();
    let wrong: Vec<_> = held.iter().filter(|(name, said)| documented.get(*name) != Some(said)).collect();
    let shown = wrong.iter().map(|(name, said)| format!("{name}: {said:?}, documented as {:?}", documented.get(*name)));
    assert!(wrong.is_empty(), "{}", shown.collect::<Vec<_>>().join("\n"));
}
