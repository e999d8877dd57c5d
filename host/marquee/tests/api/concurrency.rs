//! Many people at once.

use crate::{
    SHARED,
    client::{Client, OnSale, eventually, unique},
};
use std::collections::BTreeMap;
use std::time::Duration;

/// How often somebody asks again.
const TRIES: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_hundred_holds_sell_a_hundred_tickets() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 100, 100).await;
    let mut buyers = Vec::new();
    for _ in 0..10 {
        let buyer = Client::register(&SHARED).await;
        let elsewhere = buyer.elsewhere();
        buyers.extend([buyer, elsewhere]);
    }
    let order = show.order(1);
    let holds = (0..500).map(|n| {
        let (buyer, order, key) = (&buyers[n % buyers.len()], &order, unique("key"));
        async move {
            let mut answer = buyer.post_with(&key, "/api/bookings", order).await;
            // Who is told that too much is going on has lost nothing, and asks again.
            for _ in 0..TRIES {
                if answer.json["type"] != "/problems/unavailable" {
                    break;
                }
                tokio::time::sleep(Duration::from_millis(200)).await;
                answer = buyer.post_with(&key, "/api/bookings", order).await;
            }
            answer
        }
    });
    let mut answers = BTreeMap::<String, usize>::new();
    for answer in futures::future::join_all(holds).await {
        let kind = match answer.status.as_u16() {
            201 => "held".to_owned(),
            _ => answer.json["type"].to_string(),
        };
        *answers.entry(kind).or_default() += 1;
    }
    assert_eq!(answers, BTreeMap::from([("\"/problems/sold-out\"".to_owned(), 400), ("held".to_owned(), 100)]));
    // What others have taken gets to the edges by the feed.
    for place in &buyers[..2] {
        eventually("what is sold out is seen to be", async || show.available(place).await, |left| *left == 0).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_key_sent_many_times_at_once_has_one_effect() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 100, 100).await;
    let (key, order, elsewhere) = (unique("key"), show.order(1), organiser.elsewhere());
    let places = [&organiser, &elsewhere];
    let holds = (0..20).map(|n| places[n % 2].post_with(&key, "/api/bookings", &order));
    let answers = futures::future::join_all(holds).await;
    assert!(answers.iter().all(|answer| answer.status == 201 && answer.bytes == answers[0].bytes));
    assert_eq!(show.available(&organiser).await, 99);
}
