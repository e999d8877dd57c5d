//! What admins see and do, and an event's figures. What only some forms of the platform show stands in `native.rs`.

use crate::{
    ADMIN_EMAIL, SHARED,
    client::{Client, OnSale, PASSWORD, unique},
};
use serde_json::{Value, json};

pub async fn admin() -> Client<'static> {
    let mut admin = Client::new(&SHARED);
    let tokens = admin.post("/api/auth/login", &json!({"email": ADMIN_EMAIL, "password": PASSWORD})).await.expect(200);
    admin.take_tokens(&tokens);
    admin
}

fn pointers(problem: &Value) -> Vec<&str> {
    problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect()
}

/// An event that is not the platform's own.
fn poster() -> Value {
    json!({"topic": "catalog-events", "type": "com.example.poster", "subject": unique("poster"), "data": {"copies": 200, "of": [{"x": 1.5}]}})
}

#[tokio::test]
async fn an_admin_publishes_an_event_of_their_own() {
    let (admin, event, key) = (admin().await, poster(), unique("key"));
    let answer = admin.post_with(&key, "/events/publish", &event).await;
    let again = admin.elsewhere().post_with(&key, "/events/publish", &event).await;
    assert_eq!((again.status, &again.bytes), (answer.status, &answer.bytes), "once, however often it is asked for");
    let published = answer.expect(202);
    for member in ["topic", "type", "subject"] {
        assert_eq!(published[member], event[member]);
    }
    assert!(published["id"].as_str().is_some_and(|id| id.ends_with(".0")), "{published}");
    admin.post_with(&key, "/events/publish", &poster()).await.expect_problem(409, "idempotency-conflict");
    admin.post("/events/publish", &event).await.expect_problem(400, "idempotency-key-missing");
}

#[tokio::test]
async fn an_event_that_is_none_or_says_it_is_the_platforms_is_refused() {
    let admin = admin().await;
    for (change, faults) in [
        (json!({"type": "payment.completed"}), vec!["/type"]),
        (json!({"type": "poster"}), vec!["/type"]),
        (json!({"type": null}), vec!["/type"]),
        (json!({"topic": "other-events"}), vec!["/topic"]),
        (json!({"subject": "two words"}), vec!["/subject"]),
        (json!({"subject": "x".repeat(101)}), vec!["/subject"]),
        (json!({"data": "text"}), vec!["/data"]),
        (json!({"data": null}), vec!["/data"]),
        (json!({"data": {"text": "x".repeat(65_536)}}), vec!["/data"]),
        (json!({"region": "mars"}), vec!["/region"]),
        (json!({"first": 1, "last": 1}), vec!["/first", "/last"]),
    ] {
        let mut event = poster();
        event.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let problem = admin.post_with(&unique("key"), "/events/publish", &event).await.expect_problem(400, "invalid-request");
        assert_eq!(pointers(&problem), faults, "{change}");
    }
}

#[tokio::test]
async fn only_admins_operate() {
    let range = json!({"first": 1, "last": 1});
    for (person, status, slug) in
        [(Client::new(&SHARED), 401, "unauthenticated"), (Client::organiser(&SHARED).await.0, 403, "forbidden")]
    {
        for path in ["/api/audit", "/events/status"] {
            person.get(path).await.expect_problem(status, slug);
        }
        for (path, body) in [("/events/replay", &range), ("/events/publish", &poster())] {
            person.post_with(&unique("key"), path, body).await.expect_problem(status, slug);
        }
    }
    let admin = admin().await;
    for place in [&admin, &admin.elsewhere()] {
        let log = place.get("/api/audit").await.expect(200);
        assert!(admin.user.starts_with(&format!("{}_", log["region"].as_str().unwrap())), "{log}");
        place.get("/events/status").await.expect(200);
    }
}

#[tokio::test]
async fn a_question_that_makes_no_sense_is_refused() {
    let admin = admin().await;
    for (path, pointer) in [
        ("/api/audit?limit=0", "/limit"),
        ("/api/audit?limit=101", "/limit"),
        ("/api/audit?limit=ten", "/limit"),
        ("/api/audit?limit=1&limit=2", "/limit"),
        ("/api/audit?cursor=", "/cursor"),
        ("/api/audit?cursor=0", "/cursor"),
        ("/api/audit?cursor=-1", "/cursor"),
        ("/api/audit?cursor=newest", "/cursor"),
        ("/api/audit?cursor=99999999999999999999", "/cursor"),
        ("/api/audit?cursor=100000000000000000000", "/cursor"),
        ("/api/audit?page=2", "/page"),
        ("/events/status?verbose=true", "/verbose"),
        ("/events/status?region=mars", "/region"),
        ("/api/audit?region=mars", "/region"),
        ("/api/events/local_00000000000000000000000000/analytics?day=today", "/day"),
    ] {
        let problem = admin.get(path).await.expect_problem(400, "invalid-request");
        assert_eq!(pointers(&problem), [pointer], "{path}");
    }
}

#[tokio::test]
async fn a_range_that_makes_no_sense_is_refused() {
    let (admin, path) = (admin().await, "/events/replay");
    for (body, faults) in [
        (json!({}), vec!["/first", "/last"]),
        (json!({"first": 1}), vec!["/last"]),
        (json!({"first": 0, "last": 1}), vec!["/first"]),
        (json!({"first": "1", "last": 1.5}), vec!["/first", "/last"]),
        (json!({"first": 2, "last": 1}), vec!["/last"]),
        (json!({"first": 1, "last": 1, "topic": "user-events"}), vec!["/topic"]),
        (json!({"region": "mars", "first": 1, "last": 1}), vec!["/region"]),
        // Too many, and more than the journal has.
        (json!({"first": 1, "last": i64::MAX}), vec!["/last"]),
        (json!({"first": 50_000_000, "last": 50_000_001}), vec!["/last"]),
    ] {
        let problem = admin.post_with(&unique("key"), path, &body).await.expect_problem(400, "invalid-request");
        assert_eq!(pointers(&problem), faults, "{body}");
    }
    let range = json!({"first": 1, "last": 1});
    admin.post(path, &range).await.expect_problem(400, "idempotency-key-missing");
    admin.post_with("with space", path, &range).await.expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn figures_are_for_who_organises_the_event() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let path = format!("/api/events/{}/analytics", show.id);
    // Nobody has counted anything; where nobody counts, that is not what zeros would say.
    let zeros = json!({
        "views": null, "holds": 0, "bookings": 0, "tickets": 0, "cancelled": 0, "revenue": {"amount": 0, "currency": "EUR"},
        "refunded": {"amount": 0, "currency": "EUR"}, "conversion": null
    });
    for person in [&organiser, &organiser.elsewhere(), &admin().await] {
        let figures = person.get(&path).await.expect(200);
        assert_eq!((&figures["event_id"], &figures["days"]), (&json!(show.id), &json!([])));
        let counted = SHARED.form.has_worker();
        let totals = if counted { &zeros } else { &Value::Null };
        assert_eq!((&figures["available"], &figures["totals"]), (&json!(counted), totals));
    }
    let (other, _) = Client::organiser(&SHARED).await;
    for person in [&other, &Client::register(&SHARED).await] {
        person.get(&path).await.expect_problem(403, "forbidden");
    }
    Client::new(&SHARED).get(&path).await.expect_problem(401, "unauthenticated");
    let unknown = "/api/events/local_00000000000000000000000000/analytics";
    organiser.get(unknown).await.expect_problem(404, "not-found");
}
