//! One booking, and everything that follows it.

use crate::client::{Client, OnSale, PASSWORD, event, eventually, unique};
use crate::scene::{Scene, person, until};
use crate::{mail, topics};
use futures::StreamExt as _;
use lapin::options::{BasicAckOptions, BasicConsumeOptions};
use lapin::types::FieldTable;
use serde_json::{Value, json};
use std::sync::Arc;
use test_support::variable;

/// What has come to the queue by now, by type, of this booking.
async fn mirrored(queue: &str, booking: &str, count: usize) -> Vec<(String, Value)> {
    let connection = lapin::Connection::connect(&variable("MARQUEE_TEST_AMQP_URL"), Default::default()).await.unwrap();
    let mut consumer = None;
    // The mirror makes the queue with the first record; until then a channel that asks for it is closed.
    until("the queue is there", async || {
        let channel = connection.create_channel().await.unwrap();
        let options = BasicConsumeOptions::default();
        consumer = channel.basic_consume(queue.into(), "test".into(), options, FieldTable::default()).await.ok();
        consumer.is_some()
    })
    .await;
    let (mut consumer, mut found) = (consumer.unwrap(), Vec::new());
    while found.len() < count {
        let next = tokio::time::timeout(std::time::Duration::from_secs(60), consumer.next());
        let delivery = next.await.expect("a message in time").unwrap().unwrap();
        delivery.ack(BasicAckOptions::default()).await.unwrap();
        let body: Value = serde_json::from_slice(&delivery.data).unwrap();
        if body["id"] == booking {
            let kind = delivery.properties.kind().as_ref().map(ToString::to_string).unwrap_or_default();
            found.push((kind, body));
        }
    }
    found
}

/// What a browser says its requests are part of.
const TRACE: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// A write of a browser that traces.
async fn traced_as(client: &Client<'_>, path: &str, body: &Value, status: u16) -> Value {
    let headers = [("idempotency-key", &*unique("key")), ("traceparent", TRACE)];
    client.send(reqwest::Method::POST, path, &headers, Some(body.to_string().into())).await.expect(status)
}

/// One that makes something.
async fn traced(client: &Client<'_>, path: &str, body: &Value) -> Value {
    traced_as(client, path, body, 201).await
}

/// What is written beside the ledger, by a transaction and by a step that is recorded first, says what it is part of, too.
pub async fn account_and_event_records_carry_their_trace(scene: &Scene) {
    let body = json!({"email": format!("{}@example.com", unique("traced")), "password": PASSWORD, "name": "Ada"});
    let user = traced(&Client::new(&scene.server), "/api/auth/register", &body).await["user"]["id"].clone();
    let (organiser, organiser_id) = Client::organiser(&scene.server).await;
    let made = traced(&organiser, "/api/events", &event(&organiser_id, json!({}))).await["id"].clone();
    let path = format!("/api/events/{}", made.as_str().unwrap());
    traced_as(&organiser, &format!("{path}/publish"), &json!({}), 200).await;
    traced_as(&organiser, &format!("{path}/cancel"), &json!({}), 200).await;
    for (topic, key, last) in [("user-events", user, "user.registered"), ("catalog-events", made, "event.cancelled")] {
        let wanted = key.as_str().unwrap().to_owned();
        let last = move |record: &topics::TopicRecord| record.key == wanted && record.header("ce_type") == last;
        let read = topics::read(scene.kafka.broker(), topic, move |read| read.iter().any(&last)).await;
        let ours = read.iter().filter(|record| record.key == key);
        assert!(ours.clone().all(|record| record.headers.get("traceparent").is_some_and(|it| it == TRACE)), "{read:?}");
    }
}

async fn paid(client: &Client<'_>, booking: &str) {
    traced(client, "/api/payments", &json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_booking_reaches_kafka_mail_analytics_audit_log_and_rabbitmq() {
    let scene = Scene::start("once").await;
    let (organiser, organiser_id) = Client::organiser(&scene.server).await;
    let show = OnSale::publish(&organiser, &organiser_id, json!({"refund_until": "2036-01-01T00:00:00Z"})).await;
    let (buyer, address) = person(&scene.server).await;
    let booking = traced(&buyer, "/api/bookings", &show.order(2)).await;
    let booking = booking["id"].as_str().unwrap().to_owned();
    paid(&buyer, &booking).await;

    // Kafka, as anybody reads it.
    let key = booking.clone();
    let confirmed = move |record: &topics::TopicRecord| record.key == key && record.value["status"] == "confirmed";
    let read = topics::read(scene.kafka.broker(), "booking-events", move |read| read.iter().any(&confirmed)).await;
    let ours: Vec<_> = read.iter().filter(|record| record.key == booking).collect();
    assert_eq!(ours[0].header("ce_type"), "booking.created");
    let versions: Vec<i64> = ours.iter().map(|record| record.header("ce_aggregateversion").parse().unwrap()).collect();
    assert!(versions.is_sorted(), "{versions:?}");
    for record in &ours {
        assert_eq!((record.header("ce_specversion"), record.header("ce_source")), ("1.0", "/regions/eu"));
        assert_eq!((record.header("content-type"), record.header("ce_subject")), ("application/json", &*booking));
        assert!(record.header("ce_id").contains('.') && record.header("ce_time").ends_with('Z'), "{record:?}");
        assert!(record.header("ce_position").parse::<i64>().unwrap() > 0 && !record.headers.contains_key("ce_replayed"));
        assert_eq!(record.header("traceparent"), TRACE, "of the request that caused it: {record:?}");
    }
    let key = booking.clone();
    let completed =
        move |record: &topics::TopicRecord| record.value["booking_id"] == key && record.header("ce_type") == "payment.completed";
    let payments = topics::read(scene.kafka.broker(), "payment-events", move |read| read.iter().any(&completed)).await;
    let of_it = |record: &&topics::TopicRecord| record.value["booking_id"] == booking;
    assert!(payments.iter().filter(of_it).all(|record| record.header("traceparent") == TRACE), "{payments:?}");

    // Mail.
    let arrived = async || mail::of(&address);
    until("the welcome and the tickets have come", async || arrived().await.len() >= 2).await;
    let mails = arrived().await;
    let welcome = mails.iter().find(|mail| mail.header("Subject").contains("Welcome")).unwrap();
    assert!(welcome.header("Message-ID").starts_with('<') && !welcome.has("<b>Lovelace</b></"), "names are text");
    let tickets = mails.iter().find(|mail| mail.header("Subject").contains("tickets")).unwrap();
    assert!(tickets.has("application/pdf") && tickets.has("text/html"), "with its receipt");

    // Figures, for who organises the event and for nobody else.
    let path = format!("/api/events/{}/analytics", show.id);
    let analytics =
        eventually("analytics", async || organiser.get(&path).await.expect(200), |it| it["totals"]["bookings"] == 1).await;
    assert_eq!(analytics["totals"]["tickets"], 2);
    assert_eq!(analytics["totals"]["revenue"], json!({"amount": 9000, "currency": "EUR"}));
    assert_eq!((&analytics["totals"]["holds"], &analytics["totals"]["conversion"]), (&json!(1), &json!(1.0)));
    buyer.get(&path).await.expect_problem(403, "forbidden");

    // RabbitMQ.
    let messages = mirrored(&scene.queue, &booking, ours.len()).await;
    assert_eq!(messages[0].0, "booking.created");

    // Cancelled: the analytics and the mail say so.
    buyer.post_with(&unique("key"), &format!("/api/bookings/{booking}/cancel"), &json!({})).await.expect(200);
    eventually("the refund", async || organiser.get(&path).await.expect(200), |it| it["totals"]["refunded"]["amount"] == 9000)
        .await;
    until("the mails of the cancellation", async || arrived().await.len() >= 4).await;
    let subjects: Vec<_> = mail::of(&address).iter().map(|mail| mail.header("Subject").to_owned()).collect();
    assert!(["Cancelled", "refund"].iter().all(|word| subjects.iter().any(|subject| subject.contains(word))), "{subjects:?}");

    audited(&scene, &booking).await;
    operated(&scene, &booking).await;
}

/// The audit log has it, a command finds it as it was written, and finds where it is not.
async fn audited(scene: &Scene, booking: &str) {
    let admin = scene.admin().await;
    let log = admin.get("/api/audit?limit=100").await.expect(200);
    let entries = log["items"].as_array().unwrap();
    assert!(entries.iter().any(|entry| entry["subject"] == booking && entry["type"] == "booking.cancelled"), "{log}");
    let (whole, text) = audit(scene);
    assert!(whole && text.contains("all as they were written"), "{text}");
    let mut database = <sqlx::PgConnection as sqlx::Connection>::connect(&scene.database).await.unwrap();
    sqlx::query("UPDATE audit_log SET actor = 'somebody' WHERE sequence = 2").execute(&mut database).await.unwrap();
    let (whole, text) = audit(scene);
    assert!(!whole && text.contains("entry 2"), "{text}");
}

fn audit(scene: &Scene) -> (bool, String) {
    let output = scene.audit();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

/// What operators see and do.
async fn operated(scene: &Scene, booking: &str) {
    let admin = scene.admin().await;
    let status = async || admin.get("/events/status").await.expect(200);
    let now = eventually("nothing is left to publish", status, |it| it["kafka"]["lag"] == 0).await;
    let last = now["kafka"]["position"].as_i64().unwrap();
    // An event of an admin's own goes the way of all others, to the letter.
    let event =
        serde_json::json!({"topic": "booking-events", "type": "com.example.poster", "subject": booking, "data": {"copies": 200}});
    let published = admin.post_with(&unique("key"), "/events/publish", &event).await.expect(202);
    let id = published["id"].as_str().unwrap().to_owned();
    let read = topics::read(scene.kafka.broker(), "booking-events", {
        let id = id.clone();
        move |read| read.iter().any(|record| record.header("ce_id") == id)
    })
    .await;
    let record = read.iter().find(|record| record.header("ce_id") == id).unwrap();
    assert_eq!((record.key.as_str(), record.header("ce_type")), (booking, "com.example.poster"));
    assert_eq!((&record.value, record.header("ce_aggregateversion")), (&event["data"], "0"));
    // What was published is published again, marked, and moves nobody.
    let (key, range) = (unique("key"), json!({"first": 1, "last": last}));
    let asked = admin.post_with(&key, "/events/replay", &range).await;
    let again = admin.post_with(&key, "/events/replay", &range).await;
    assert_eq!((again.status, &again.bytes), (asked.status, &asked.bytes));
    let other = json!({"first": 1, "last": 1});
    admin.post_with(&key, "/events/replay", &other).await.expect_problem(409, "idempotency-conflict");
    let replay = asked.expect(202);
    let key = booking.to_owned();
    let again = move |record: &topics::TopicRecord| record.key == key && record.header("ce_replayed") == "true";
    topics::read(scene.kafka.broker(), "booking-events", move |read| read.iter().any(&again)).await;
    eventually("it is done", status, |it| {
        it["replays"].as_array().unwrap().iter().any(|it| it["id"] == replay["id"] && it["done_at"].is_string())
    })
    .await;

    let address = &scene.worker.addresses[0];
    let ask = async |path: &str| {
        let answer = reqwest::get(format!("http://{address}{path}")).await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    assert_eq!(ask("/health/ready").await.0, 200);
    let (_, detail) = ask("/health/detailed").await;
    assert!(detail.contains("kafka-marquee-worker") && detail.contains("rabbitmq"), "{detail}");
    let (_, breakers) = ask("/metrics/circuit-breakers").await;
    assert!(["kafka-marquee-worker", "rabbitmq"].iter().all(|name| breakers.contains(name)), "{breakers}");
    let (_, metrics) = ask("/metrics").await;
    assert!(metrics.contains("marquee_circuit_breaker_calls_total"), "{metrics}");
}

/// Nobody needs Kafka for the rest, and a poison record is in nobody's way.
#[tokio::test(flavor = "multi_thread")]
async fn a_poison_record_is_dead_lettered_and_blocks_no_other() {
    let scene = Arc::new(Scene::start("poison").await);
    topics::poison(&scene.kafka.broker(), "user-events");
    let (_, address) = person(&scene.server).await;
    until("the welcome has come", async || mail::of(&address).len() == 1).await;
    let dead = topics::read(scene.kafka.broker(), "user-events.dead-letter", |read| !read.is_empty()).await;
    assert!(!dead[0].header("marquee_reason").is_empty(), "{dead:?}");
    assert_eq!((dead[0].key.as_str(), dead[0].header("marquee_topic")), ("poison", "user-events"));
}
