use std::sync::atomic::{AtomicU32, Ordering};

use rollout::machine::Rollout;
use rollout::plan::Plan;
use rollout::protocol::{Needs, Release};
use telemetry::rollouts::ControlPlane;

use super::*;

/// An empty schema on the server that `MARQUEE_TEST_POSTGRES_URL` names.
async fn empty() -> Store {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let url = test_support::variable("MARQUEE_TEST_POSTGRES_URL");
    let schema = format!("control_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let server = Store::connect(&url, ControlPlane::new().unwrap()).await.unwrap();
    server.ask(sqlx::query(&format!("CREATE SCHEMA {schema}"))).await.unwrap();
    let separator = if url.contains('?') { '&' } else { '?' };
    Store::connect(&format!("{url}{separator}options=-c%20search_path%3D{schema}"), ControlPlane::new().unwrap()).await.unwrap()
}

async fn migrated() -> Store {
    let store = empty().await;
    store.migrate().await.unwrap();
    store
}

/// Ends a lease as time does.
async fn expire(store: &Store) {
    store.ask(sqlx::query("UPDATE control_lease SET expires_at = 0")).await.unwrap();
}

fn new(id: ReleaseId) -> NewRelease {
    let plan = Plan::parse("application = \"shop\"\n[[stages]]\nname = \"all\"\n").unwrap();
    let release =
        Release { id, reference: format!("r.example/shop@sha256:{:064x}", id.0), variables: [].into(), needs: Needs::default() };
    NewRelease {
        id,
        application: "shop".to_owned(),
        version: "1".to_owned(),
        release: serde_json::to_string(&release).unwrap(),
        contents: "{\"components\":{},\"manifest\":\"\",\"key\":\"\"}".to_owned(),
        state: serde_json::to_string(&Rollout::new(plan, None, release, 1)).unwrap(),
        by: "ci".to_owned(),
        declaration: None,
    }
}

async fn begun(store: &Store) -> RolloutRow {
    let from = store.stamp().await.unwrap();
    let id = store.next_release().await.unwrap();
    assert!(store.begin_rollout(&new(id), from, &AuditEntry::new("ci", "deploy", "it", "")).await.unwrap());
    store.rollout(id).await.unwrap().unwrap()
}

fn change(from: Stamp, row: &RolloutRow, ended: bool, desired: bool) -> Change {
    let audit = vec![AuditEntry::new("ci", "change", "it", "")];
    let state = serde_json::to_string(&row.state).unwrap();
    Change { from, release: row.release, revision: row.revision, state, ended, desired, audit }
}

#[tokio::test]
async fn concurrent_migrations_are_applied_once() {
    let store = empty().await;
    for done in futures::future::join_all((0..4).map(|_| store.migrate())).await {
        done.unwrap();
    }
    assert_eq!(store.stamp().await.unwrap(), Stamp::default());
    store.ask(sqlx::query("INSERT INTO control_schema_version (number) VALUES (99)")).await.unwrap();
    assert!(matches!(store.migrate().await, Err(Error::Newer { database: 99, .. })));
}

#[tokio::test]
async fn one_acts_and_epochs_only_grow() {
    let store = migrated().await;
    let first = store.claim("a").await.unwrap().unwrap();
    assert_eq!(store.claim("b").await.unwrap(), None, "a has it");
    assert!(store.renew("a", first).await.unwrap() && !store.renew("b", first).await.unwrap());
    let seen = store.look().await.unwrap();
    assert!(seen.lease.holder == "a" && seen.lease.expires_at > seen.now && seen.rollout.is_none());
    expire(&store).await;
    let second = store.claim("b").await.unwrap().unwrap();
    assert!(second > first && !store.renew("a", first).await.unwrap());
    store.give_up("a").await.unwrap();
    assert_eq!(store.look().await.unwrap().lease.holder, "b", "nobody gives up what is another's");
    store.give_up("b").await.unwrap();
    let third = store.claim("a").await.unwrap().unwrap();
    assert!(third > second);
    // A copy from yesterday does not know these epochs, and those that follow on it are later all the same.
    store.ask(sqlx::query("UPDATE control_lease SET epoch = 7, holder = '', expires_at = 0")).await.unwrap();
    assert!(store.claim("c").await.unwrap().unwrap() >= first);
}

#[tokio::test]
async fn a_change_made_from_what_is_past_is_not_made() {
    let store = migrated().await;
    store.claim("a").await.unwrap();
    let row = begun(&store).await;
    let from = store.stamp().await.unwrap();
    // Two who have read the same.
    assert!(store.swap(&change(from, &row, false, true)).await.unwrap());
    assert!(!store.swap(&change(from, &row, false, true)).await.unwrap(), "the desired state's revision has changed");
    let now = store.stamp().await.unwrap();
    assert_eq!((now.epoch, now.revision), (from.epoch, from.revision + 1));
    assert!(!store.swap(&change(now, &row, false, false)).await.unwrap(), "the row's revision has changed");
    let row = store.rollout(row.release).await.unwrap().unwrap();
    // Nodes have nothing to do that they had not before: the stamp stays.
    assert!(store.swap(&change(now, &row, false, false)).await.unwrap());
    assert_eq!(store.stamp().await.unwrap(), now);
    // An instance that was thought dead, and comes back.
    let row = store.rollout(row.release).await.unwrap().unwrap();
    expire(&store).await;
    store.claim("b").await.unwrap();
    assert!(!store.swap(&change(now, &row, true, true)).await.unwrap());
    let made = store.audit_log(u64::MAX, 100).await.unwrap();
    let made = made.iter().filter(|entry| entry.what == "change").count();
    assert_eq!(made, 2, "what was not made is in no log");
}

#[tokio::test]
async fn one_rollout_at_a_time() {
    let store = migrated().await;
    store.claim("a").await.unwrap();
    let first = begun(&store).await;
    let from = store.stamp().await.unwrap();
    let id = store.next_release().await.unwrap();
    let entry = AuditEntry::new("ci", "deploy", "it", "");
    let beside = store.begin_rollout(&new(id), from, &entry).await;
    assert!(beside.is_err(), "the table itself refuses a second one: {beside:?}");
    assert!(store.swap(&change(from, &first, true, true)).await.unwrap());
    assert!(!store.begin_rollout(&new(id), from, &entry).await.unwrap(), "what it was made from is past");
    let second = begun(&store).await;
    assert!(second.release > id, "no number comes twice");
    let all = store.rollouts(u64::MAX, 10).await.unwrap();
    assert_eq!(
        all.iter().map(|row| (row.release, row.ended)).collect::<Vec<_>>(),
        [(second.release, false), (first.release, true)]
    );
    assert_eq!(store.rollouts(second.release.0, 10).await.unwrap().len(), 1);
    let release = store.release(first.release).await.unwrap().unwrap();
    assert_eq!((release.release.id, release.created_by.as_str()), (first.release, "ci"));
    assert!(store.release(ReleaseId(999)).await.unwrap().is_none());
}

#[tokio::test]
async fn of_reports_the_last_counts() {
    let store = migrated().await;
    let report = |boot: u64| {
        let node = serde_json::json!({
            "kind": "edge", "region": "eu", "host": "1", "interfaces": [], "ledger_wire": 1, "schema": null, "variables": [],
        });
        let known = serde_json::json!({ "epoch": 0, "revision": 0 });
        serde_json::json!({ "node": node, "boot": boot, "known": known, "releases": [], "serving": [], "wait": false })
            .to_string()
    };
    let write = async |node: &str, boot, ago: u64| {
        store.write_reports(&[(node.to_owned(), report(boot), Duration::from_secs(ago))]).await.unwrap();
    };
    assert!(store.nodes().await.unwrap().0.is_empty());
    write("a", 1, 5).await;
    write("b", 1, 5).await;
    write("a", 2, 1).await;
    // Heard by another instance, and written down late.
    write("a", 3, 60).await;
    let (nodes, now) = store.nodes().await.unwrap();
    let seen: Vec<_> = nodes.iter().map(|row| (row.node.as_str(), row.report.boot)).collect();
    assert_eq!(seen, [("a", 2), ("b", 1)]);
    assert!(nodes.iter().all(|row| now - row.seen_at >= 1_000));
    let (seen, _) = store.seen().await.unwrap();
    assert_eq!(seen, nodes.iter().map(|row| (row.node.clone(), row.seen_at)).collect());
    let called = store.nodes_called(&["b".to_owned(), "z".to_owned()]).await.unwrap();
    assert_eq!(called.iter().map(|row| row.node.as_str()).collect::<Vec<_>>(), ["b"]);
    store.write_reports(&[("c".to_owned(), "{}".to_owned(), Duration::ZERO)]).await.unwrap();
    assert_eq!(store.nodes().await.unwrap().0.len(), 2, "one that cannot be read hides no other");
    let entry = AuditEntry::new("root", "forget", "a", "");
    assert!(store.forget_node("a", &entry).await.unwrap() && !store.forget_node("a", &entry).await.unwrap());
    assert_eq!(store.nodes().await.unwrap().0.len(), 1);
}

#[tokio::test]
async fn the_audit_log_only_grows() {
    let store = migrated().await;
    store.claim("a").await.unwrap();
    for statement in ["UPDATE control_audit SET who = 'nobody'", "DELETE FROM control_audit", "TRUNCATE control_audit"] {
        let refused = store.ask(sqlx::query(statement)).await.unwrap_err().to_string();
        assert!(refused.contains("never changed"), "{statement}: {refused}");
    }
    let long = AuditEntry::new("ci", "x", "y", "é".repeat(limits::AUDIT_BYTES));
    assert!(long.detail.len() <= limits::AUDIT_BYTES);
    assert_eq!(store.audit_log(u64::MAX, 10).await.unwrap().len(), 1);
}
