//! What is known of a person: handed out to them, and erased.

use crate::{
    SHARED,
    client::{Client, PASSWORD, eventually},
    factors,
    operations::admin,
    teams,
    tickets::written,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use test_support::archives::unzipped;
use test_support::people::Known;

async fn erase(person: &Client<'_>, body: Value) -> crate::client::Answer {
    person.send(Method::DELETE, "/api/auth/me", &[], Some(body.to_string().into())).await
}

/// Every page of an export, as kinds and items.
async fn export(person: &Client<'_>, limit: usize) -> Vec<Value> {
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = person.get(&format!("/api/auth/me/export?limit={limit}{cursor}")).await.expect(200);
        assert!(page["incomplete"].is_null(), "{page}");
        all.extend(page["items"].as_array().unwrap().iter().cloned());
        let Some(next) = page["next_cursor"].as_str() else { return all };
        cursor = format!("&cursor={next}");
    }
}

#[tokio::test]
async fn an_export_has_everything_and_nothing_of_others() {
    let known = Known::everywhere(&SHARED, &admin().await, None).await;
    let all = export(&known.person, 100).await;
    let of = |kind: &str| all.iter().filter(|item| item["kind"] == kind).map(|item| item["data"].clone()).collect::<Vec<_>>();
    let one = |kind: &str| {
        let found = of(kind);
        assert_eq!(found.len(), 1, "{kind}: {found:?}");
        found[0].clone()
    };
    let word = &known.word;
    assert_eq!(
        (&one("account")["email"], &one("account")["name"]),
        (&json!(known.email), &json!(format!("Ada {word} Lovelace")))
    );
    assert_eq!(one("session")["user_agent"], format!("{word}/1.0"));
    assert_eq!(one("membership")["organiser_id"], known.organiser_id);
    assert_eq!(one("email-change")["new_email"], format!("{word}2@example.com"));
    assert_eq!((&one("booking")["booking_id"], &one("booking")["total"]), (&json!(known.booking), &json!(13_500)));
    assert_eq!(one("booking-item")["quantity"], 3);
    assert_eq!((&one("payment")["status"], &one("payment")["amount"]), (&json!("completed"), &json!(13_500)));
    assert_eq!(one("receipt")["payment_id"], known.payment);
    assert!(of("ticket").iter().any(|ticket| ticket["name"] == format!("Little {word}")), "{:?}", of("ticket"));
    assert_eq!(one("ticket-offer")["email"], format!("cousin{word}@example.com"));
    assert_eq!(one("order-details")["note"], format!("{word} sings"));
    assert_eq!(one("admission")["gate"], "north");
    // In pages of any size the same comes, once; but what follows from it all may still be on its way: mails, and the audit log.
    let settled = |items: &[Value]| {
        items.iter().filter(|item| item["kind"] != "audit" && item["kind"] != "mail").cloned().collect::<Vec<_>>()
    };
    assert_eq!(settled(&export(&known.person, 2).await), settled(&all));
    // Secrets stay where they are, and others' data is theirs.
    let text = serde_json::to_string(&all).unwrap();
    for secret in ["password", "hash", "secret"] {
        assert!(!text.contains(secret), "{secret}");
    }
    let other = Client::register(&SHARED).await;
    let others = export(&other, 100).await;
    let kinds: Vec<_> =
        others.iter().map(|item| item["kind"].as_str().unwrap()).filter(|kind| *kind != "audit" && *kind != "mail").collect();
    assert_eq!(kinds.len(), 2, "{others:?}");
    other.get("/api/auth/me/export?cursor=x").await.expect_problem(400, "invalid-request");
}

/// An export as an archive: its files, by their names.
async fn archive(person: &Client<'_>) -> BTreeMap<String, Vec<u8>> {
    let answer = person.send(Method::GET, "/api/auth/me/export", &[("accept", "application/zip")], None).await;
    assert_eq!((answer.status.as_u16(), answer.header("content-type")), (200, Some("application/zip")));
    assert_eq!(answer.header("content-disposition"), Some("attachment; filename=\"my-data.zip\""));
    unzipped(&answer.bytes)
}

#[tokio::test]
async fn an_archive_has_everything_with_its_papers_and_nothing_of_others() {
    let known = Known::everywhere(&SHARED, &admin().await, None).await;
    let Known { person, organiser, booking, payment, word, code, .. } = &known;
    let home = booking.split_once('_').unwrap().0;
    let number = payment.to_uppercase().replace('_', "-");
    let (tickets, receipt) = (format!("{home}/papers/tickets-{booking}.pdf"), format!("{home}/papers/receipt-{number}.pdf"));
    let data = format!("{home}/data.json");
    for edge in [person, &person.elsewhere()] {
        let files = archive(edge).await;
        assert_eq!(files.keys().collect::<Vec<_>>(), [&data, &receipt, &tickets]);
        let said: Value = serde_json::from_slice(&files[&data]).unwrap();
        let kinds: BTreeSet<_> = said["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
        let listed = export(edge, 100).await;
        let settled = |kind: &&str| *kind != "audit" && *kind != "mail";
        let expected: BTreeSet<_> = listed.iter().map(|item| item["kind"].as_str().unwrap()).filter(settled).collect();
        assert_eq!(kinds.iter().copied().filter(settled).collect::<BTreeSet<_>>(), expected);
        assert_eq!((&said["papers_missing"], &said["more_items"]), (&json!([]), &json!(false)));
        let printed = written(&files[&tickets]);
        assert!(printed.contains(code) && printed.contains(&format!("Little{word}")), "{printed}");
        assert!(written(&files[&receipt]).contains(&number));
    }
    // Who sold it has none of that: what they have of their own is in theirs.
    let theirs = archive(organiser).await;
    assert_eq!(theirs.keys().collect::<Vec<_>>(), [&data]);
    let said = String::from_utf8(theirs[&data].clone()).unwrap();
    assert!(said.contains(&organiser.user) && !said.contains(&person.user), "{said}");
    let not = person.send(Method::GET, "/api/auth/me/export", &[("accept", "text/html")], None).await;
    not.expect_problem(406, "not-acceptable");
    let cursor = person.send(Method::GET, "/api/auth/me/export?cursor=1.a", &[("accept", "application/zip")], None).await;
    cursor.expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn an_export_and_an_erasure_need_proof() {
    let person = factors::Person::new().await;
    // What this one has proved is the password alone, from before there was a second factor.
    let email = json!({"email": person.email, "password": PASSWORD});
    let other = Client::register(&SHARED).await;
    erase(&other, json!({"password": "not this one"})).await.expect_problem(401, "bad-credentials");
    erase(&other, json!({"anything": 1})).await.expect_problem(400, "invalid-request");
    other.get("/api/auth/me?recent=true").await.expect(200);
    let before = Client::register(&SHARED).await;
    let address = before.get("/api/auth/me").await.expect(200)["email"].clone();
    let mut second = Client::new(&SHARED);
    let login = second.post("/api/auth/login", &json!({"email": address, "password": PASSWORD})).await;
    second.take_tokens(&login.expect(200));
    factors::enable(&before).await;
    for body in [json!({}), json!({"password": PASSWORD})] {
        erase(&second, body).await.expect_problem(403, "reauthentication-required");
    }
    for accept in ["application/json", "application/zip"] {
        let refused = second.send(Method::GET, "/api/auth/me/export", &[("accept", accept)], None).await;
        refused.expect_problem(403, "reauthentication-required");
    }
    second.get("/api/auth/me?recent=true").await.expect_problem(403, "reauthentication-required");
    second.get("/api/auth/me").await.expect(200);
    // Who has just shown both needs no password once more.
    erase(&before, json!({})).await.expect(204);
    erase(&person.client, json!({"password": PASSWORD})).await.expect(204);
    Client::new(&SHARED).post("/api/auth/login", &email).await.expect_problem(401, "bad-credentials");
}

#[tokio::test]
async fn who_is_erased_is_out_and_what_they_bought_is_nobodys() {
    let known = Known::everywhere(&SHARED, &admin().await, None).await;
    known.erased().await;
    let Known { person, organiser, event, booking, payment, word, email, .. } = &known;
    eventually("the session is over", async || person.get("/api/auth/me").await.status, |it| *it == 401).await;
    let refresh = json!({"refresh_token": person.refresh_token});
    Client::new(&SHARED).post("/api/auth/refresh", &refresh).await.expect_problem(401, "token-revoked");
    Client::new(&SHARED)
        .post("/api/auth/login", &json!({"email": email, "password": PASSWORD}))
        .await
        .expect_problem(401, "bad-credentials");

    // To the organiser there is a sale, and nobody's name.
    let order = organiser.get(&format!("/api/events/{event}/orders/{booking}")).await.expect(200);
    assert_eq!((&order["status"], &order["total"]["amount"]), (&json!("confirmed"), &json!(13_500)), "{order}");
    let seen = [
        order.to_string(),
        organiser.get(&format!("/api/events/{event}/attendees")).await.expect(200).to_string(),
        organiser.get(&format!("/api/organisers/{}/team", known.organiser_id)).await.expect(200).to_string(),
        organiser.get("/api/organisers").await.expect(200).to_string(),
        organiser
            .get(&format!("/api/organisers/{}/webhooks/{}/deliveries", known.organiser_id, known.hook))
            .await
            .expect(200)
            .to_string(),
    ];
    for text in seen {
        assert!(!text.to_lowercase().contains(word), "{text}");
    }
    // Money goes back as ever, and whoever has a ticket's code comes in.
    organiser.post_with(word, &format!("/api/payments/{payment}/refund"), &json!({"amount": 1})).await.expect(200);
    let scan = json!({"code": known.code, "event_id": event});
    let scanned = organiser.post("/api/checkin", &scan).await.expect(200);
    assert_eq!((&scanned["result"], &scanned["name"]), (&json!("already-admitted"), &Value::Null), "{scanned}");

    // The address is free, and who has it now finds nothing there.
    let mut next = Client::new(&SHARED);
    let body = json!({"email": email, "password": PASSWORD, "name": "Eve"});
    next.take_tokens(&next.post("/api/auth/register", &body).await.expect(201));
    assert_ne!(next.user, person.user);
    admin().await.post(&format!("/api/users/{}/verify-email", next.user), &json!({})).await.expect(204);
    assert_eq!(next.get("/api/bookings").await.expect(200)["items"], json!([]));
    assert_eq!(next.get("/api/tickets/offers").await.expect(200)["items"], json!([]));
    // To admins there is nobody any more.
    admin().await.post(&format!("/api/users/{}/suspend", person.user), &json!({})).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn an_organiser_keeps_an_owner() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let refused = erase(&owner, json!({"password": PASSWORD})).await.expect_problem(409, "wrong-state");
    assert!(refused["detail"].as_str().unwrap().contains(&organiser), "{refused}");
    owner.get("/api/auth/me").await.expect(200);
    teams::member(&owner, &organiser, "owner").await;
    erase(&owner, json!({"password": PASSWORD})).await.expect(204);
}
