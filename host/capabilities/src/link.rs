//! The assembly: one line an interface.

use std::collections::BTreeSet;

use bindings::{booking, edge, kafka, mail, passwords, spin};
use wasmtime::component::Linker;

use crate::{
    earlier,
    state::{Host, InstanceState},
};

/// Which interfaces a linker offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkSet {
    /// WASI, Spin's standard interfaces and our own.
    All,
    /// WASI and Spin's standard interfaces only, as stock Spin offers them: our own must be composed in.
    SpinOnly,
}

/// Adds every interface of `set` to `linker`. None is ever left out for a role: what a role lacks answers with an error.
///
/// # Errors
/// Where `linker` has one of these already.
pub fn add_to_linker(linker: &mut Linker<InstanceState>, set: LinkSet) -> wasmtime::Result<()> {
    // Components built today import wasi:cli and wasi:io 0.2 beside 0.3.
    wasmtime_wasi::p2::add_to_linker_async(linker)?;
    wasmtime_wasi::p3::add_to_linker(linker)?;
    wasmtime_wasi_http::p3::add_to_linker(linker)?;
    // What is built with an earlier SDK of Spin's knows nothing newer.
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(linker)?;
    earlier::add_to_linker(linker)?;
    spin::key_value::key_value::add_to_linker::<_, Host>(linker, |state| state)?;
    spin::postgres::postgres::add_to_linker::<_, Host>(linker, |state| state)?;
    spin::redis::redis::add_to_linker::<_, Host>(linker, |state| state)?;
    spin::sqlite::sqlite::add_to_linker::<_, Host>(linker, |state| state)?;
    spin::variables::variables::add_to_linker::<_, Host>(linker, |state| state)?;
    if set == LinkSet::All {
        booking::types::add_to_linker::<_, Host>(linker, |state| state)?;
        booking::ledger::add_to_linker::<_, Host>(linker, |state| state)?;
        edge::types::add_to_linker::<_, Host>(linker, |state| state)?;
        edge::replica::add_to_linker::<_, Host>(linker, |state| state)?;
        edge::identity::add_to_linker::<_, Host>(linker, |state| state)?;
        kafka::types::add_to_linker::<_, Host>(linker, |state| state)?;
        kafka::producer::add_to_linker::<_, Host>(linker, |state| state)?;
        mail::mailer::add_to_linker::<_, Host>(linker, |state| state)?;
        passwords::hasher::add_to_linker::<_, Host>(linker, |state| state)?;
    }
    Ok(())
}

/// Packages of WASI and what of them [`add_to_linker`] adds, by [`compatible_name`].
const WASI: [(&str, &[&str], &str); 13] = [
    ("wasi:cli", &CLI, "0.2"),
    ("wasi:cli", &CLI, "0.3"),
    ("wasi:clocks", &["monotonic-clock", "wall-clock"], "0.2"),
    ("wasi:clocks", &["monotonic-clock", "system-clock", "types"], "0.3"),
    ("wasi:filesystem", &["preopens", "types"], "0.2"),
    ("wasi:filesystem", &["preopens", "types"], "0.3"),
    ("wasi:http", &["outgoing-handler", "types"], "0.2"),
    ("wasi:http", &["client", "types"], "0.3"),
    ("wasi:io", &["error", "poll", "streams"], "0.2"),
    ("wasi:random", &RANDOM, "0.2"),
    ("wasi:random", &RANDOM, "0.3"),
    (
        "wasi:sockets",
        &["instance-network", "ip-name-lookup", "network", "tcp", "tcp-create-socket", "udp", "udp-create-socket"],
        "0.2",
    ),
    ("wasi:sockets", &["ip-name-lookup", "types"], "0.3"),
];
const CLI: [&str; 10] = [
    "environment",
    "exit",
    "stderr",
    "stdin",
    "stdout",
    "terminal-input",
    "terminal-output",
    "terminal-stderr",
    "terminal-stdin",
    "terminal-stdout",
];
const RANDOM: [&str; 3] = ["insecure", "insecure-seed", "random"];
/// What it adds of Spin's and of ours.
const OTHERS: [&str; 17] = [
    "fermyon:spin/key-value@2",
    "fermyon:spin/sqlite@2",
    "fermyon:spin/variables@2",
    "marquee:booking/ledger@0.1",
    "marquee:booking/types@0.1",
    "marquee:edge/identity@0.1",
    "marquee:edge/replica@0.1",
    "marquee:edge/types@0.1",
    "marquee:kafka/producer@0.1",
    "marquee:kafka/types@0.1",
    "marquee:mail/mailer@0.1",
    "marquee:passwords/hasher@0.1",
    "spin:key-value/key-value@3",
    "spin:postgres/postgres@4",
    "spin:redis/redis@3",
    "spin:sqlite/sqlite@3",
    "spin:variables/variables@3",
];

/// The interfaces that components may import of this host ([`LinkSet::All`]), by their [`compatible_name`]s.
#[must_use]
pub fn interfaces() -> BTreeSet<String> {
    let wasi = WASI.iter().flat_map(|(package, interfaces, version)| {
        interfaces.iter().map(move |interface| format!("{package}/{interface}@{version}"))
    });
    wasi.chain(OTHERS.iter().map(|name| (*name).to_owned())).collect()
}

/// An interface's name with what is compatible of its version: `wasi:io/poll@0.2.6` is `wasi:io/poll@0.2`, `spin:sqlite/sqlite@3.1.0` is
/// `spin:sqlite/sqlite@3`. That is how wasmtime finds it.
#[must_use]
pub fn compatible_name(interface: &str) -> String {
    let Some((name, version)) = interface.split_once('@') else { return interface.to_owned() };
    let numbers = if version.contains('-') { usize::MAX } else { 1 + usize::from(version.starts_with("0.")) };
    let version: Vec<&str> = version.split('.').take(numbers).collect();
    format!("{name}@{}", version.join("."))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use bindings::{Twin as _, booking::types as booking, edge::types as edge};
    use bindings::{
        booking::ledger::HostWithStore as _,
        edge::{identity::HostWithStore as _, replica::HostWithStore as _},
        kafka::producer::HostWithStore as _,
        spin::{
            key_value::key_value::{self, HostStoreWithStore as KeyValue},
            postgres::postgres::{self, HostConnectionWithStore as Postgres},
            redis::redis::{self, HostConnectionWithStore as Redis},
            sqlite::sqlite::{self, HostConnectionWithStore as Sqlite},
            variables::variables::{Error as VariableError, HostWithStore as Variables},
        },
    };
    use contracts::{Ledger, limits::LEDGER_COMMANDS};
    use futures::future::BoxFuture;
    use manifest::{Grants, allowed_hosts::AllowedHosts};
    use vocabulary::booking::{Action, Command, Receipt, Rejection, Subject};
    use wasmtime::{Engine, Store};

    use super::*;
    use crate::{
        Bindings,
        kafka::{self, Producer, ProducerRecord, RecordMetadata, WriteResult},
        limits,
    };

    fn everything_granted() -> Grants {
        Grants {
            sqlite_databases: BTreeSet::from(["default".to_owned()]),
            key_value_stores: BTreeSet::from(["default".to_owned()]),
            allowed_outbound_hosts: AllowedHosts::parse(&["*://*:*"]).unwrap(),
            ..Grants::default()
        }
    }

    fn store(grants: Grants, bindings: &Bindings) -> Store<InstanceState> {
        let state = InstanceState::new(&"test".into(), &Arc::new(grants), bindings, 1 << 20);
        Store::new(&Engine::default(), state)
    }

    fn command(event_id: &str) -> booking::Command {
        Command::new(Subject::Platform, "key", event_id, i64::MAX, Action::Expire).twin()
    }

    #[test]
    fn platform_interfaces_are_only_in_the_full_link_set() {
        for (set, ours) in [(LinkSet::All, true), (LinkSet::SpinOnly, false)] {
            let mut linker = Linker::new(&Engine::default());
            add_to_linker(&mut linker, set).unwrap();
            for (interface, function, there) in [
                ("wasi:http/client@0.3.0", "send", true),
                ("fermyon:spin/key-value@2.0.0", "[method]store.get", true),
                ("fermyon:spin/sqlite@2.0.0", "[method]connection.execute", true),
                ("fermyon:spin/variables@2.0.0", "get", true),
                ("spin:sqlite/sqlite@3.1.0", "[method]connection.execute", true),
                ("spin:postgres/postgres@4.2.0", "[method]connection.query", true),
                ("marquee:booking/ledger@0.1.0", "apply", ours),
                ("marquee:edge/replica@0.1.0", "search", ours),
                ("marquee:edge/identity@0.1.0", "verify", ours),
                ("marquee:kafka/producer@0.1.0", "send", ours),
                ("marquee:mail/mailer@0.1.0", "send", ours),
                ("marquee:passwords/hasher@0.1.0", "verify", ours),
            ] {
                // A function that is there cannot be given again.
                let again = linker.instance(interface).and_then(|mut instance| instance.func_wrap(function, |_, (): ()| Ok(())));
                assert_eq!(again.is_err(), there, "{set:?} {interface}");
            }
        }
    }

    #[test]
    fn interfaces_are_named_by_what_is_compatible() {
        for (name, compatible) in [
            ("wasi:io/poll@0.2.6", "wasi:io/poll@0.2"),
            ("marquee:booking/ledger@0.1.0", "marquee:booking/ledger@0.1"),
            ("spin:sqlite/sqlite@3.1.0", "spin:sqlite/sqlite@3"),
            ("wasi:http/types@0.3.0-rc-2025", "wasi:http/types@0.3.0-rc-2025"),
            ("a:b/c", "a:b/c"),
        ] {
            assert_eq!(compatible_name(name), compatible);
        }
        let offered = interfaces();
        assert_eq!(offered.len(), OTHERS.len() + WASI.iter().map(|(_, interfaces, _)| interfaces.len()).sum::<usize>());
        for name in ["wasi:io/poll@0.2.6", "wasi:http/client@0.3.0", "marquee:edge/replica@0.1.0", "spin:postgres/postgres@4.2.0"]
        {
            assert!(offered.contains(&compatible_name(name)), "{name}");
        }
    }

    #[tokio::test]
    async fn a_missing_capability_returns_its_interfaces_error() {
        let mut store = store(everything_granted(), &Bindings::default());
        let checks = store.run_concurrent(async |accessor| {
            let host = accessor.with_getter::<Host>(|state| state);
            let sqlite = <Host as Sqlite<_>>::open_async(&host, "default".into()).await.unwrap();
            assert!(matches!(sqlite, Err(sqlite::Error::NoSuchDatabase)));
            let key_value = <Host as KeyValue<_>>::open(&host, "default".into()).await.unwrap();
            assert!(matches!(key_value, Err(key_value::Error::NoSuchStore)));
            let address = "postgres://127.0.0.1/none".to_owned();
            let postgres = <Host as Postgres<_>>::open_async(&host, address).await.unwrap();
            assert!(matches!(postgres, Err(postgres::Error::ConnectionFailed(_))));
            let address = "redis://127.0.0.1".to_owned();
            let redis = <Host as Redis<_>>::open(&host, address).await.unwrap();
            assert!(matches!(redis, Err(redis::Error::Other(_))));
            let applied = Host::apply(&host, vec![command("a"), command("b")]).await;
            assert!(matches!(applied[..], [Err(booking::Rejection::Unavailable(_)), Err(booking::Rejection::Unavailable(_))]));
            assert!(matches!(Host::get_event(&host, "a".into()).await, Err(edge::ReadError::Unavailable(_))));
            assert!(matches!(Host::verify(&host, "token".into()).await, Err(edge::Refusal::Unavailable(_))));
        });
        checks.await.unwrap();
    }

    #[tokio::test]
    async fn ungranted_capabilities_are_denied_first() {
        let mut store = store(Grants::default(), &Bindings::default());
        let checks = store.run_concurrent(async |accessor| {
            let host = accessor.with_getter::<Host>(|state| state);
            let sqlite = <Host as Sqlite<_>>::open_async(&host, "default".into()).await.unwrap();
            assert!(matches!(sqlite, Err(sqlite::Error::AccessDenied)));
            let key_value = <Host as KeyValue<_>>::open(&host, "default".into()).await.unwrap();
            assert!(matches!(key_value, Err(key_value::Error::AccessDenied)));
            let variable = <Host as Variables<_>>::get(&host, "region".into()).await.unwrap();
            assert!(matches!(variable, Err(VariableError::Undefined(_))));
        });
        checks.await.unwrap();
    }

    /// Refuses every command by its event's name.
    struct RefusingLedger;

    impl Ledger for RefusingLedger {
        fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Result<Receipt, Rejection>>> {
            Box::pin(async move { commands.into_iter().map(|command| Err(Rejection::Invalid(command.event_id))).collect() })
        }
    }

    #[tokio::test]
    async fn commands_reach_the_ledger_in_order_and_bounded() {
        let bindings = Bindings { ledger: Some(Arc::new(RefusingLedger)), ..Bindings::default() };
        let mut store = store(Grants::default(), &bindings);
        let checks = store.run_concurrent(async |accessor| {
            let host = accessor.with_getter::<Host>(|state| state);
            let answers = Host::apply(&host, vec![command("a"), command("b")]).await;
            let answers: Vec<Result<Receipt, Rejection>> = answers.twin();
            assert_eq!(answers, [Err(Rejection::Invalid("a".into())), Err(Rejection::Invalid("b".into()))]);
            let too_many = Host::apply(&host, vec![command("a"); LEDGER_COMMANDS + 1]).await;
            assert_eq!(too_many.len(), LEDGER_COMMANDS + 1);
            assert!(too_many.iter().all(|answer| matches!(answer, Err(booking::Rejection::Invalid(text)) if text != "a")));
        });
        checks.await.unwrap();
    }

    /// Writes whatever comes, one after the other.
    struct Topic;

    impl Producer for Topic {
        fn send(&self, records: Vec<ProducerRecord>) -> BoxFuture<'_, Vec<WriteResult>> {
            let written =
                |(offset, record): (i64, ProducerRecord)| Ok(RecordMetadata { topic: record.topic, partition: 0, offset });
            Box::pin(async move { (0..).zip(records).map(written).collect() })
        }
    }

    #[tokio::test]
    async fn records_reach_only_granted_topics() {
        let record =
            |topic: &str, bytes| ProducerRecord { topic: topic.into(), key: vec![], headers: vec![], value: vec![0; bytes] };
        let grants = || Grants { kafka_topics: BTreeSet::from(["granted".to_owned()]), ..Grants::default() };
        let mut store = store(grants(), &Bindings { producer: Some(Arc::new(Topic)), ..Bindings::default() });
        let checks = store.run_concurrent(async |accessor| {
            let host = accessor.with_getter::<Host>(|state| state);
            let sent = [
                record("granted", 1),
                record("other", 1),
                record("granted", limits::KAFKA_RECORD_BYTES + 1),
                record("granted", 2),
            ];
            let written = Host::send(&host, sent.to_vec()).await;
            let at = |offset| Ok(RecordMetadata { topic: "granted".into(), partition: 0, offset });
            let too_large = Err(kafka::Error::TooLarge(u32::try_from(limits::KAFKA_RECORD_BYTES).unwrap()));
            assert_eq!(written, [at(0), Err(kafka::Error::AccessDenied), too_large, at(1)]);
            let too_many = Host::send(&host, vec![record("granted", 1); limits::KAFKA_RECORDS + 1]).await;
            assert!(
                too_many.len() == limits::KAFKA_RECORDS + 1
                    && too_many.iter().all(|one| matches!(one, Err(kafka::Error::Other(_))))
            );
        });
        checks.await.unwrap();
        let mut store = self::store(grants(), &Bindings::default());
        let checks = store.run_concurrent(async |accessor| {
            let host = accessor.with_getter::<Host>(|state| state);
            assert!(matches!(Host::send(&host, vec![record("granted", 1)]).await[..], [Err(kafka::Error::Unavailable(_))]));
        });
        checks.await.unwrap();
    }

    #[test]
    fn handles_are_bounded() {
        let mut count = crate::state::ConnectionCount::default();
        assert!((0..limits::INSTANCE_CONNECTIONS).all(|_| count.add()));
        assert!(!count.add());
        count.remove();
        assert!(count.add());
    }
}
