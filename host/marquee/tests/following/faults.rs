//! Processes and services that end while people buy: what follows is exact all the same.

use crate::client::{Client, OnSale, unique};
use crate::scene::{Scene, until};
use crate::{mail, topics};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// Times that the worker is killed.
const KILLS: u64 = 20;
/// How long Kafka is away: `MARQUEE_TEST_OUTAGE` seconds.
const OUTAGE: Duration = Duration::from_secs(15);
/// People who buy at once.
const BUYERS: usize = 6;

/// Has people take free tickets, which are confirmed at once, while `fault` goes on; gives the bookings.
async fn under_load(buyers: &[Client<'_>], show: &OnSale, fault: impl AsyncFnOnce()) -> BTreeSet<String> {
    let stopped = AtomicBool::new(false);
    let buying = buyers.iter().map(async |buyer| {
        let mut bookings = BTreeSet::new();
        while !stopped.load(Ordering::Relaxed) {
            let answer = buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
            bookings.insert(answer["id"].as_str().unwrap().to_owned());
            // A person's pace: the mail server is a small one.
            tokio::time::sleep(Duration::from_millis(80)).await;
        }
        bookings
    });
    let fault = async {
        fault().await;
        stopped.store(true, Ordering::Relaxed);
    };
    let (bookings, ()) = tokio::join!(futures::future::join_all(buying), fault);
    bookings.into_iter().flatten().collect()
}

/// Waits until the analytics say that so many are booked, and a little longer whether they stay there.
async fn counted(organiser: &Client<'_>, show: &OnSale, bookings: usize) {
    let path = format!("/api/events/{}/analytics", show.id);
    let totals = async || organiser.get(&path).await.expect(200)["totals"].clone();
    until("everything is counted", async || totals().await["bookings"].as_u64() >= Some(bookings as u64)).await;
    let totals: Value = totals().await;
    assert_eq!((totals["bookings"].as_u64(), totals["tickets"].as_u64()), (Some(bookings as u64), Some(bookings as u64)));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_effect_happens_once_despite_crashes() {
    let mut scene = Scene::start("following-faults").await;
    // Borrowed apart: the worker and Kafka end and come back while the fleet serves.
    let Scene { server, kafka, worker, database, .. } = &mut scene;
    let (organiser, organiser_id) = Client::organiser(server).await;
    let show = OnSale::with(&organiser, &organiser_id, 0, 1_000_000, 1_000).await;
    let mut buyers = Vec::new();
    for _ in 0..BUYERS {
        buyers.push(Client::register(server).await);
    }

    // The worker, twenty times, at moments that differ.
    let mut bookings = under_load(&buyers, &show, async || {
        for kill in 0..KILLS {
            tokio::time::sleep(Duration::from_millis(200 + kill * 37 % 400)).await;
            tokio::task::block_in_place(|| {
                worker.kill();
                worker.spawn();
            });
        }
    })
    .await;
    eprintln!("{} bookings while the worker was killed {KILLS} times", bookings.len());
    counted(&organiser, &show, bookings.len()).await;

    // Kafka, for a while.
    let outage = std::env::var("MARQUEE_TEST_OUTAGE").ok().and_then(|text| text.parse().ok()).map_or(OUTAGE, Duration::from_secs);
    let during = under_load(&buyers, &show, async || {
        kafka.stop();
        tokio::time::sleep(outage).await;
        kafka.go_on().await;
    })
    .await;
    eprintln!("{} bookings while Kafka was away for {} s", during.len(), outage.as_secs());
    bookings.extend(during);
    counted(&organiser, &show, bookings.len()).await;

    // Every row of the journal that has a topic is there, in order per key where it comes first.
    let mut connection = <sqlx::PgConnection as sqlx::Connection>::connect(database).await.unwrap();
    let rows: Vec<(String, String)> =
        sqlx::query_as("SELECT aggregate, batch || '.' || ordinal FROM journal WHERE topic = 'booking-events'")
            .fetch_all(&mut connection)
            .await
            .unwrap();
    let wanted: BTreeSet<String> = rows.into_iter().map(|(_, id)| id).collect();
    let all = wanted.clone();
    let read = topics::read(kafka.broker(), "booking-events", move |read| {
        read.len() >= all.len() && read.iter().map(|record| record.header("ce_id")).collect::<BTreeSet<_>>().len() >= all.len()
    })
    .await;
    let mut seen = BTreeSet::new();
    let mut versions: BTreeMap<&str, i64> = BTreeMap::new();
    for record in &read {
        if seen.insert(record.header("ce_id").to_owned()) {
            let version = record.header("ce_aggregateversion").parse().unwrap();
            let last = versions.insert(&record.key, version).unwrap_or_default();
            assert!(version > last, "{}: version {version} after {last}", record.key);
        }
    }
    assert_eq!(seen, wanted);

    // A mail for each, and a second copy only as what it is.
    let mailed = async || {
        let mut ids: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for mail in mail::all() {
            if let Some(booking) = mail.booking() {
                ids.entry(booking.to_owned()).or_default().insert(mail.header("Message-ID").to_owned());
            }
        }
        ids
    };
    until("a mail has come for every booking", async || {
        let mailed = mailed().await;
        bookings.iter().all(|booking| mailed.contains_key(booking))
    })
    .await;
    let mailed = mailed().await;
    assert!(bookings.iter().all(|booking| mailed[booking].len() == 1), "one Message-ID for each booking");

    // The audit log has each record once, in one chain.
    let entries: Vec<(i64, i64)> =
        sqlx::query_as("SELECT COUNT(*), COUNT(DISTINCT ce_id) FROM audit_log").fetch_all(&mut connection).await.unwrap();
    let (published,): (i64,) =
        sqlx::query_as("SELECT COUNT(*) FROM journal WHERE topic IS NOT NULL").fetch_one(&mut connection).await.unwrap();
    assert_eq!(entries, [(published, published)]);
    assert!(scene.audit().status.success());
}
