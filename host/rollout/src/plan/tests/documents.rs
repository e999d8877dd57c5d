//! Keys of plans, their defaults and bounds, as `docs/configuration.md` says them, beside those that hold.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::path::Path;
use std::time::Duration;

use super::LEAST;
use crate::limits;
use crate::plan::{Plan, duration};

/// Default and bounds.
type Said = (String, String);

/// Rows of the section's tables, by their keys.
fn documented() -> BTreeMap<String, Said> {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/configuration.md");
    let text = std::fs::read_to_string(file).unwrap();
    let (_, section) = text.split_once("\n## Plans of rollouts\n").expect("the section is there");
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        assert_eq!(cells.len(), 7, "{row}");
        (cells[1].trim_matches('`').to_owned(), (cells[3].trim_matches('`').to_owned(), cells[4].to_owned()))
    })
    .collect()
}

/// The keys of a table, as the error of one that is not known lists them.
fn keys(table: &str) -> Vec<String> {
    let error = Plan::parse(&format!("{table}unknown = 1\n")).unwrap_err().to_string();
    let (_, list) = error.split_once("expected ").unwrap_or_else(|| panic!("{error}"));
    list.lines().next().unwrap().split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

#[test]
fn every_key_is_documented_and_no_other() {
    let tables = [
        ("", ""),
        ("freeze[].", "[[freeze]]\n"),
        ("stages[].", "[[stages]]\n"),
        ("stages[].nodes.", "[[stages]]\nnodes."),
        ("analysis.", "[analysis]\n"),
        ("analysis.errors.", "[analysis]\nerrors."),
        ("analysis.latency.", "[analysis]\nlatency."),
        ("analysis.traps.", "[analysis]\ntraps."),
        ("analysis.memory.", "[analysis]\nmemory."),
        ("analysis.restarts.", "[analysis]\nrestarts."),
        ("analysis.queries[].", "[[analysis.queries]]\n"),
    ];
    let all = tables.iter().flat_map(|(path, table)| keys(table).into_iter().map(move |key| format!("{path}{key}")));
    let sections: BTreeSet<&str> = tables.iter().map(|(path, _)| path.trim_end_matches('.').trim_end_matches("[]")).collect();
    let all: BTreeSet<String> = all.filter(|key| !sections.contains(key.as_str())).collect();
    assert!(all.len() > 25, "{all:?}");
    let documented: BTreeSet<String> = documented().into_keys().collect();
    assert_eq!(documented, all);
}

#[test]
fn defaults_and_bounds_are_as_documented() {
    let plan = Plan::parse(LEAST).unwrap();
    let mut held: BTreeMap<&str, Said> = BTreeMap::new();
    let mut numbers = |key, default: &dyn Display, bounds: (&dyn Display, &dyn Display)| {
        held.insert(key, (default.to_string(), format!("{} to {}", bounds.0, bounds.1)));
    };
    let time = |duration: Duration| duration::format(u64::try_from(duration.as_millis()).unwrap());
    for (key, said, (least, _, most)) in [
        ("interval", plan.interval_ms, limits::INTERVAL),
        ("progress_deadline", plan.progress_deadline_ms, limits::PROGRESS_DEADLINE),
        ("rollback_window", plan.rollback_window_ms, limits::ROLLBACK_WINDOW),
        ("stages[].hold", plan.stages[0].hold_ms, limits::HOLD),
    ] {
        numbers(key, &duration::format(said), (&time(least), &time(most)));
    }
    let (least, _, most) = limits::FAILURE_LIMIT;
    numbers("failure_limit", &plan.failure_limit, (&least, &most));
    let (least, _, most) = limits::PERCENT;
    numbers("stages[].nodes.percent", &plan.stages[0].nodes.percent, (&least, &most));
    numbers("stages[].max_weight", &plan.stages[0].max_weight, (&least, &most));
    numbers("stages[].step_weight", &"max_weight", (&least, &"`max_weight`"));
    let analysis = plan.analysis;
    let (least, _, most) = limits::MIN_REQUESTS;
    numbers("analysis.min_requests", &analysis.min_requests, (&least, &most));
    let (least, _, most) = limits::TRAPS;
    numbers("analysis.traps.max", &analysis.traps.unwrap().max, (&least, &most));
    let (least, _, most) = limits::MEMORY_INCREASE_MIB;
    numbers("analysis.memory.min_increase_mib", &analysis.memory.unwrap().min_increase_mib, (&least, &most));
    let (errors, latency, restarts) = (analysis.errors.unwrap(), analysis.latency.unwrap(), analysis.restarts.unwrap());
    for (key, said, (least, _, most)) in [
        ("analysis.errors.max_increase", errors.max_increase, limits::MAX_INCREASE),
        ("analysis.errors.confidence", errors.confidence, limits::CONFIDENCE),
        ("analysis.latency.quantile", latency.quantile, limits::QUANTILE),
        ("analysis.latency.max_ratio", latency.max_ratio, limits::LATENCY_RATIO),
        ("analysis.latency.min_increase_ms", latency.min_increase_ms, limits::LATENCY_INCREASE_MS),
        ("analysis.latency.confidence", latency.confidence, limits::CONFIDENCE),
        ("analysis.memory.max_ratio", analysis.memory.unwrap().max_ratio, limits::MEMORY_RATIO),
        ("analysis.restarts.max_ratio", restarts.max_ratio, limits::RESTARTS_RATIO),
        ("analysis.restarts.min_increase", restarts.min_increase, limits::RESTARTS_INCREASE),
    ] {
        numbers(key, &said, (&least, &most));
    }

    let documented = documented();
    let wrong = held.iter().filter(|(key, said)| documented.get(**key) != Some(said));
    let wrong: Vec<String> =
        wrong.map(|(key, said)| format!("{key}: {said:?}, documented as {:?}", documented.get(*key))).collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
