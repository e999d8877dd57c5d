//! What only our host has: an admin listener, ticks that nobody outside may cause, a journal with positions, a worker.

use crate::{
    SHARED,
    client::{Client, OnSale, eventually, unique},
    operations::admin,
    teams,
};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn health_and_metrics_answer_on_the_admin_listener_alone() {
    if !SHARED.form.is_native() {
        eprintln!("skipped: form {:?} has no admin listener of its own", SHARED.form);
        return;
    }
    let admin = SHARED.admin.as_deref().expect("an admin listener");
    for path in ["/health", "/health/live", "/health/ready", "/health/detailed", "/metrics/health", "/metrics/circuit-breakers"] {
        assert_eq!(reqwest::get(format!("{admin}{path}")).await.unwrap().status(), 200, "{path}");
        let outside = Client::new(&SHARED).send_unchecked(Method::GET, path, &[], None).await;
        assert_eq!(outside.status, 404, "{path}");
    }
    let reset = reqwest::Client::new().post(format!("{admin}/metrics/circuit-breakers/reset"));
    let reset = async |origin: &str| reset.try_clone().unwrap().header("origin", origin).send().await.unwrap().status();
    assert_eq!(reset("https://evil.example").await, 403);
    assert_eq!(reset(admin).await, 200);
    let rebound = reqwest::Client::new().get(format!("{admin}/metrics")).header("host", "evil.example").send().await.unwrap();
    assert_eq!(rebound.status(), 403);
    Client::new(&SHARED).get("/api/events").await.expect(200);
    let metrics = reqwest::get(format!("{admin}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("http_server_request_duration_seconds_bucket"), "{metrics}");
}

#[tokio::test]
async fn what_is_the_hosts_alone_is_not_there_for_anybody_else() {
    // In every form: under stock Spin no host stands in front of the components.
    for path in ["/api/auth/due", "/api/events/due", "/api/bookings/due", "/api/payments/due"] {
        for said in [&[][..], &[("marquee-host", "")], &[("marquee-host", "guessed")]] {
            Client::new(&SHARED)
                .send_unchecked(Method::POST, path, said, Some("{}".into()))
                .await
                .expect_problem(404, "not-found");
        }
    }
}

#[tokio::test]
async fn where_nothing_goes_to_kafka_nothing_is_published_again() {
    if !SHARED.form.is_native() {
        eprintln!("skipped: in form {:?} nobody gives the journal's entries positions", SHARED.form);
        return;
    }
    let admin = admin().await;
    let status = async || admin.get("/events/status").await.expect(200);
    let shown = eventually("a position", status, |it| it["position"].as_i64() >= Some(1)).await;
    assert_eq!((&shown["kafka"], shown["worker"].is_object()), (&Value::Null, SHARED.form.has_worker()), "{shown}");
    let range = json!({"first": 1, "last": shown["position"]});
    admin.post_with(&unique("key"), "/events/replay", &range).await.expect_problem(409, "wrong-state");
    assert_eq!(status().await["replays"], json!([]));
}

/// The audit log, newest first. The first pages are small, so that there are several.
async fn audit_log(admin: &Client<'_>) -> Vec<Value> {
    let (mut rows, mut cursor) = (Vec::new(), String::new());
    for limit in [1, 3].into_iter().chain(std::iter::repeat(100)) {
        let page = admin.get(&format!("/api/audit?limit={limit}{cursor}")).await.expect(200);
        let items = page["items"].as_array().unwrap();
        rows.extend_from_slice(items);
        let Some(next) = page["next_cursor"].as_str() else { break };
        assert_eq!(items.len(), limit);
        cursor = format!("&cursor={next}");
    }
    rows
}

#[tokio::test]
async fn what_follows_a_booking_is_counted_and_written_down() {
    if !SHARED.form.has_worker() {
        eprintln!("skipped: in form {:?} there is no worker", SHARED.form);
        return;
    }
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let buyer = Client::register(&SHARED).await;
    let booking = buyer.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    let card = json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_ok"}});
    let payment = buyer.post_with(&unique("key"), "/api/payments", &card).await.expect(201);

    let sold = json!({
        "views": null, "holds": 1, "bookings": 1, "tickets": 2, "cancelled": 0, "revenue": {"amount": 9000, "currency": "EUR"},
        "refunded": {"amount": 0, "currency": "EUR"}, "conversion": 1.0
    });
    let path = format!("/api/events/{}/analytics", show.id);
    let figures = eventually("figures", async || organiser.get(&path).await.expect(200), |it| it["totals"] == sold).await;
    let days = figures["days"].as_array().unwrap();
    assert_eq!(days.iter().map(|day| day["revenue"]["amount"].as_i64().unwrap()).sum::<i64>(), 9000, "{figures}");

    let log = audit_log(&admin().await).await;
    for (newer, older) in log.iter().zip(log.iter().skip(1)) {
        assert_eq!(newer["sequence"].as_i64().unwrap(), older["sequence"].as_i64().unwrap() + 1);
        assert_eq!(newer["previous"], older["hash"], "{newer}");
    }
    let first = log.last().unwrap();
    assert_eq!((&first["sequence"], &first["previous"]), (&json!(1), &json!("0".repeat(64))));
    for (subject, kinds) in [
        (&booking["id"], vec!["booking.created", "booking.updated", "booking.updated"]),
        (&payment["id"], vec!["payment.initiated", "payment.completed"]),
    ] {
        let rows: Vec<_> = log.iter().rev().filter(|row| row["subject"] == *subject).collect();
        assert_eq!(rows.iter().map(|row| row["type"].as_str().unwrap()).collect::<Vec<_>>(), kinds);
        assert_eq!(rows[0]["actor"], json!(buyer.user));
    }
}

#[tokio::test]
async fn what_operators_did_stands_in_the_audit_log_with_their_network() {
    if !SHARED.form.has_worker() {
        eprintln!("skipped: in form {:?} there is no worker", SHARED.form);
        return;
    }
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let admin = admin().await;
    let event = json!({"topic": "user-events", "type": "com.example.poster", "subject": show.id, "data": {"actor": "nobody"}});
    let published = admin.post_with(&unique("key"), "/events/publish", &event).await.expect(202);
    let log = eventually(
        "it is in the log",
        async || audit_log(&admin).await,
        |log| log.iter().any(|row| row["type"] == "com.example.poster" && row["id"] == published["id"]),
    )
    .await;
    let rows = |kind: &str, subject: &Value| {
        log.iter().filter(|row| row["type"] == kind && row["subject"] == *subject).collect::<Vec<_>>()
    };
    let told = rows("events.published", &published["id"]);
    assert_eq!((told.len(), &told[0]["actor"], &told[0]["network"]), (1, &json!(admin.user), &json!("127.0.0.0/24")));
    // What somebody publishes is not believed who did it.
    assert_eq!(rows("com.example.poster", &json!(show.id))[0]["actor"], Value::Null);
}

#[tokio::test]
async fn what_was_done_to_a_team_stands_in_the_audit_log() {
    if !SHARED.form.has_worker() {
        eprintln!("skipped: in form {:?} there is no worker", SHARED.form);
        return;
    }
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let person = teams::member(&owner, &organiser, "manager").await;
    let path = |rest: &str| format!("/api/organisers/{organiser}{rest}");
    let member = path(&format!("/team/{}", person.user));
    teams::patch(&owner, &member, &json!({"role": "door"})).await.expect(200);
    teams::delete(&owner, &member).await.expect(204);
    let withdrawn = teams::invited(&owner, &organiser, &person, "door").await;
    teams::delete(&owner, &path(&format!("/invitations/{withdrawn}"))).await.expect(204);
    let key = teams::api_key(&owner, &organiser, &["check-in"]).await;
    teams::delete(&owner, &path(&format!("/api-keys/{}", key["id"].as_str().unwrap()))).await.expect(204);
    teams::patch(&owner, &path(""), &json!({"name": "Red Hall"})).await.expect(200);
    teams::patch(&owner, &path(""), &json!({"contact_email": "box@example.com"})).await.expect(200);
    let expected = [
        ("organiser.created", &owner),
        ("organiser.invited", &owner),
        ("organiser.member-added", &person),
        ("organiser.member-changed", &owner),
        ("organiser.member-removed", &owner),
        ("organiser.invited", &owner),
        ("organiser.invitation-withdrawn", &owner),
        ("organiser.api-key-created", &owner),
        ("organiser.api-key-deleted", &owner),
        ("organiser.renamed", &owner),
        ("organiser.changed", &owner),
    ];
    let expected: Vec<_> = expected.iter().map(|(kind, actor)| (json!(kind), json!(actor.user), json!("127.0.0.0/24"))).collect();
    let admin = admin().await;
    let told = async || {
        let ours = audit_log(&admin).await.into_iter().rev().filter(|row| row["subject"] == organiser);
        ours.map(|row| (row["type"].clone(), row["actor"].clone(), row["network"].clone())).collect::<Vec<_>>()
    };
    eventually("all of it", told, |told| *told == expected).await;
}
