//! Calls of a component that exports `marquee:accounts`, with one that misbehaves when asked to.

use crate::support::application;
use contracts::AccountsComponent as _;
use runtime::AccountsInstances;
use vocabulary::accounts::Error;

/// How many calls the instance says to have had; else how the call failed.
async fn calls(accounts: &AccountsInstances, user: &str) -> Result<u32, String> {
    match accounts.addresses_of(vec![user.to_owned()]).await {
        Err(Error::TooLong(calls)) => Ok(calls),
        Err(Error::Failed(reason)) => Err(reason),
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_goes_wrong_is_nobody_elses_affair() {
    let application = application("memory_mib = 32\ntimeout_ms = 300").await;
    let accounts = application.accounts().unwrap();
    for (user, reason) in [("trap", "trapped"), ("loop", "in time"), ("eat-memory", "out of memory")] {
        let (good, bad) = tokio::join!(calls(accounts, "slow"), calls(accounts, user));
        assert_eq!(good, Ok(1), "each call has an instance of its own");
        assert!(bad.as_ref().is_err_and(|said| said.contains(reason)), "{user}: {bad:?}");
    }
    accounts.put_addresses(Vec::new()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn more_calls_than_instances_wait_their_turn() {
    let application = application("timeout_ms = 20000").await;
    let accounts = application.accounts().unwrap();
    let many = (0..2 * manifest::limits::INSTANCES.1).map(|_| calls(accounts, "slow"));
    for answer in futures::future::join_all(many).await {
        assert_eq!(answer, Ok(1));
    }
}
