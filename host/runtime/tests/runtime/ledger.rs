//! The long-lived ledger instance, driven with a ledger that misbehaves when asked to.

use crate::support::application;
use contracts::Failure;
use runtime::LedgerInstance;
use std::time::Duration;
use vocabulary::booking::{Action, Command, Rejection, Subject};

fn commands(keys: &[&str]) -> Vec<Command> {
    let command = |key: &&str| Command::new(Subject::Platform, *key, "local_event", 0, Action::Expire);
    keys.iter().map(command).collect()
}

/// How many calls the instance says to have had, by each answer.
async fn calls(ledger: &mut LedgerInstance, keys: &[&str]) -> Result<Vec<u32>, Failure> {
    let answers = ledger.apply(commands(keys)).await?;
    let calls = answers.into_iter().map(|answer| match answer {
        Err(Rejection::Unavailable(calls)) => calls,
        other => panic!("{other:?}"),
    });
    Ok(calls.collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn one_instance_serves_many_calls_and_is_replaced_after_each_failure() {
    let application = application("memory_mib = 32\ntimeout_ms = 300").await;
    let mut ledger = application.ledger().unwrap();
    assert_eq!(calls(&mut ledger, &["a", "b"]).await, Ok(vec![1, 1]));
    assert_eq!(calls(&mut ledger, &[]).await, Ok(vec![]));
    for (key, label) in [("trap", "trapped"), ("loop", "timed_out"), ("eat-memory", "out_of_memory"), ("forget", "faulted")] {
        assert_eq!(calls(&mut ledger, &["a"]).await, Ok(vec![if key == "trap" { 3 } else { 2 }]));
        assert_eq!(calls(&mut ledger, &["a", key]).await.unwrap_err().label(), label, "{key}");
        assert_eq!(calls(&mut ledger, &["a"]).await, Ok(vec![1]), "a new instance after {key}");
    }
    ledger.forget();
    assert_eq!(calls(&mut ledger, &["a"]).await, Ok(vec![1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cancelled_call_drops_the_instance() {
    let application = application("timeout_ms = 20000").await;
    let mut ledger = application.ledger().unwrap();
    assert_eq!(calls(&mut ledger, &["a"]).await, Ok(vec![1]));
    let gone = tokio::time::timeout(Duration::from_millis(100), ledger.apply(commands(&["loop"]))).await;
    assert!(gone.is_err());
    assert_eq!(calls(&mut ledger, &["a"]).await, Ok(vec![1]));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_is_replaced_after_so_many_calls() {
    let application = application("reuse = 2").await;
    let mut ledger = application.ledger().unwrap();
    let mut seen = Vec::new();
    for _ in 0..5 {
        seen.extend(calls(&mut ledger, &["a"]).await.unwrap());
    }
    assert_eq!(seen, [1, 2, 1, 2, 1]);
}
