//! Paying, receipts, refunds.

use crate::{
    SHARED, WEBHOOK_SECRET,
    client::{Answer, Client, OnSale, eventually, unique},
};
use hmac::{Hmac, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;

/// An organiser, a buyer with a hold of two tickets at 45.00, and its booking.
async fn held() -> (Client<'static>, Client<'static>, OnSale, Value) {
    held_at(json!({})).await
}

async fn held_at(change: Value) -> (Client<'static>, Client<'static>, OnSale, Value) {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, change).await;
    let buyer = Client::register(&SHARED).await;
    let booking = buyer.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    (organiser, buyer, show, booking)
}

fn card(booking: &Value, token: &str) -> Value {
    json!({"booking_id": booking["id"], "method": {"type": "card", "token": token}})
}

async fn pay(buyer: &Client<'_>, booking: &Value, token: &str) -> Answer {
    buyer.post_with(&unique("key"), "/api/payments", &card(booking, token)).await
}

async fn status_of(buyer: &Client<'_>, booking: &Value) -> Value {
    buyer.get(&format!("/api/bookings/{}", booking["id"].as_str().unwrap())).await.expect(200)["status"].clone()
}

async fn until_completed(buyer: &Client<'_>, payment: &Value) -> Value {
    let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
    eventually("the payment completes", async || buyer.get(&path).await.json, |payment| payment["status"] == "completed").await
}

#[tokio::test]
async fn a_paid_booking_is_confirmed_and_has_tickets() {
    let (_, buyer, show, booking) = held().await;
    let payment = pay(&buyer, &booking, "tok_ok").await.expect(201);
    assert_eq!((&payment["status"], &payment["amount"]), (&json!("completed"), &json!({"amount": 9000, "currency": "EUR"})));
    let confirmed = buyer.elsewhere().get(&format!("/api/bookings/{}", booking["id"].as_str().unwrap())).await.expect(200);
    assert_eq!((&confirmed["status"], &confirmed["payment_id"]), (&json!("confirmed"), &payment["id"]));
    assert_eq!(confirmed["tickets"].as_array().unwrap().len(), 2);
    assert!(confirmed["tickets"].as_array().unwrap().iter().all(|ticket| ticket["ticket_type_id"] == json!(show.ticket)));
    pay(&buyer, &booking, "tok_ok").await.expect_problem(409, "booking-not-payable");
    let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
    assert_eq!(buyer.get(&path).await.expect(200), payment);
    Client::register(&SHARED).await.get(&path).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_repeated_payment_is_one_payment() {
    let (_, buyer, _, booking) = held().await;
    let key = unique("key");
    let first = buyer.post_with(&key, "/api/payments", &card(&booking, "tok_ok")).await;
    let again = buyer.elsewhere().post_with(&key, "/api/payments", &card(&booking, "tok_ok")).await;
    assert_eq!((first.status, String::from_utf8(first.bytes)), (again.status, String::from_utf8(again.bytes)));
    buyer.post_with(&key, "/api/payments", &card(&booking, "tok_declined")).await.expect_problem(409, "idempotency-conflict");
    buyer.post("/api/payments", &card(&booking, "tok_ok")).await.expect_problem(400, "idempotency-key-missing");
}

#[tokio::test]
async fn a_declined_card_leaves_the_hold() {
    let (_, buyer, _, booking) = held().await;
    for token in ["tok_declined", "tok_insufficient"] {
        pay(&buyer, &booking, token).await.expect_problem(402, "payment-declined");
        assert_eq!(status_of(&buyer, &booking).await, "held");
    }
    pay(&buyer, &booking, "tok_ok").await.expect(201);
    assert_eq!(status_of(&buyer, &booking).await, "confirmed");
}

#[tokio::test]
async fn a_payment_that_makes_no_sense_is_refused() {
    let (_, buyer, _, booking) = held().await;
    for (body, pointer) in [
        (card(&booking, "4111111111111111"), "/method/token"),
        (json!({"booking_id": booking["id"], "method": {"type": "cash", "token": "tok_ok"}}), "/method/type"),
        (json!({"booking_id": booking["id"]}), "/method"),
        (json!({"booking_id": 7, "method": {"type": "card", "token": "tok_ok"}}), "/booking_id"),
        (json!({"booking_id": booking["id"], "amount": 1, "method": {"type": "card", "token": "tok_ok"}}), "/amount"),
    ] {
        let problem = buyer.post_with(&unique("key"), "/api/payments", &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    pay(&buyer, &json!({"id": "local_00000000000000000000000000"}), "tok_ok").await.expect_problem(404, "not-found");
    assert_eq!(status_of(&buyer, &booking).await, "held");
}

#[tokio::test]
async fn slow_providers_are_waited_for() {
    for token in ["tok_timeout", "tok_ok_async"] {
        let (_, buyer, _, booking) = held().await;
        let payment = pay(&buyer, &booking, token).await.expect(201);
        assert_eq!(payment["status"], "processing", "{token}");
        assert_eq!(status_of(&buyer, &booking).await, "paying", "{token}");
        pay(&buyer, &booking, "tok_ok").await.expect_problem(409, "booking-not-payable");
        until_completed(&buyer, &payment).await;
        assert_eq!(status_of(&buyer, &booking).await, "confirmed", "{token}");
    }
}

#[tokio::test]
async fn a_redirect_leads_to_a_page_that_decides() {
    for (choice, paid) in [("approve", "confirmed"), ("decline", "held")] {
        let (_, buyer, _, booking) = held().await;
        let payment = pay(&buyer, &booking, "tok_redirect").await.expect(201);
        assert_eq!(payment["status"], "requires_action");
        assert_eq!(payment["next_action"]["type"], "redirect");
        let url = payment["next_action"]["url"].as_str().unwrap();
        let page = reqwest::get(url).await.unwrap();
        assert_eq!(page.status(), 200);
        let html = page.text().await.unwrap();
        assert!(html.contains(choice) && html.contains("90.00"), "{html}");
        // As a browser would: the form's own address and fields.
        let form = form_with(&html, choice);
        let target = reqwest::Url::parse(url).unwrap().join(&form.action).unwrap();
        let done = reqwest::Client::new().post(target).form(&form.fields).send().await.unwrap();
        let (status, html) = (done.status(), done.text().await.unwrap());
        let back = format!("href=\"/pay/{}\"", payment["id"].as_str().unwrap());
        assert!(status.is_success() && html.contains(&back), "{html}");
        let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
        eventually("it is decided", async || buyer.get(&path).await.json, |payment| payment["status"] != "requires_action").await;
        eventually("the booking follows", async || status_of(&buyer, &booking).await, |status| *status == paid).await;
    }
}

struct Form {
    action: String,
    fields: Vec<(String, String)>,
}

/// The form whose button says this, read as plainly as it is written.
fn form_with(html: &str, choice: &str) -> Form {
    let attribute = |tag: &str, name: &str| {
        let rest = tag.split_once(&format!("{name}=\""))?.1;
        Some(rest.split_once('"')?.0.replace("&amp;", "&"))
    };
    let form = html
        .split("<form")
        .skip(1)
        .map(|form| form.split("</form>").next().unwrap())
        .find(|form| form.contains(choice))
        .expect("a form");
    let tags = form.split('<').skip(1);
    let fields = tags.filter(|tag| tag.starts_with("input") || tag.starts_with("button")).filter_map(|tag| {
        let (name, value) = (attribute(tag, "name")?, attribute(tag, "value").unwrap_or_default());
        // A form may have several buttons of one name: only the pressed one is sent.
        (!tag.starts_with("button") || value.contains(choice)).then_some((name, value))
    });
    Form { action: attribute(form, "action").unwrap_or_default(), fields: fields.collect() }
}

fn signed(secret: &str, at: u64, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(format!("{at}.{body}").as_bytes());
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={at},v1={hex}")
}

#[tokio::test]
async fn webhooks_are_believed_only_when_signed_and_fresh() {
    let (_, buyer, _, booking) = held().await;
    let payment = pay(&buyer, &booking, "tok_redirect").await.expect(201);
    let body = json!({"id": unique("evt"), "type": "payment.completed", "payment_id": payment["id"]}).to_string();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let provider = Client::new(&SHARED);
    let region = payment["id"].as_str().unwrap().split('_').next().unwrap();
    let send = async |signature: &str| {
        let (path, headers) = (format!("/api/payments/webhooks/sandbox/{region}"), [("sandbox-signature", signature)]);
        provider.send(Method::POST, &path, &headers, Some(body.clone().into())).await
    };
    for forged in [
        String::new(),
        "nonsense".into(),
        signed("another secret", now, &body),
        signed(WEBHOOK_SECRET, now - 3600, &body),
        signed(WEBHOOK_SECRET, now, "{}"),
    ] {
        assert_eq!(send(&forged).await.status, 401, "{forged}");
    }
    assert_eq!(status_of(&buyer, &booking).await, "paying");
    for _ in 0..2 {
        assert!(send(&signed(WEBHOOK_SECRET, now, &body)).await.status.is_success());
    }
    until_completed(&buyer, &payment).await;
    assert_eq!(status_of(&buyer, &booking).await, "confirmed");
    // Another provider, and another region: there is nothing, however well it is signed.
    for path in [format!("/api/payments/webhooks/nobody/{region}"), "/api/payments/webhooks/sandbox/mars".to_owned()] {
        let signature = signed(WEBHOOK_SECRET, now, &body);
        let headers = [("sandbox-signature", signature.as_str())];
        provider.send(Method::POST, &path, &headers, Some(body.clone().into())).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn a_receipt_is_json_or_a_pdf() {
    let (_, buyer, _, booking) = held().await;
    let payment = pay(&buyer, &booking, "tok_ok").await.expect(201);
    let path = format!("/api/payments/{}/receipt", payment["id"].as_str().unwrap());
    let receipt = buyer.get(&path).await.expect(200);
    // Neither what buys entry nor who bought it is kept by anybody between us and the buyer, at any edge.
    let booked = format!("/api/bookings/{}", booking["id"].as_str().unwrap());
    let paid = path.strip_suffix("/receipt").unwrap();
    for path in [path.as_str(), paid, &booked, "/api/bookings", "/api/auth/me"] {
        for place in [&buyer, &buyer.elsewhere()] {
            let answer = place.get(path).await;
            assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, Some("no-store")), "{path}");
        }
    }
    assert!(receipt.to_string().contains("Night of Strings") && receipt["total"]["amount"] == 9000, "{receipt}");
    let pdf = buyer.send(Method::GET, &path, &[("accept", "application/pdf")], None).await;
    assert_eq!((pdf.status.as_u16(), pdf.header("content-type")), (200, Some("application/pdf")));
    assert!(pdf.bytes.starts_with(b"%PDF-") && pdf.bytes.trim_ascii_end().ends_with(b"%%EOF"));
    let preferred = buyer.send(Method::GET, &path, &[("accept", "application/pdf;q=0.5, application/json")], None).await;
    assert_eq!(preferred.header("content-type"), Some("application/json"));
    buyer.send(Method::GET, &path, &[("accept", "image/png")], None).await.expect_problem(406, "not-acceptable");
    Client::register(&SHARED).await.get(&path).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_paid_booking_is_refunded_until_the_event_says_no() {
    for (refund_until, cancellable) in
        [(json!("2037-02-01T00:00:00Z"), true), (json!("2020-01-01T00:00:00Z"), false), (Value::Null, false)]
    {
        let (_, buyer, show, booking) = held_at(json!({"refund_until": refund_until})).await;
        let payment = pay(&buyer, &booking, "tok_ok").await.expect(201);
        let answer = buyer.post(&format!("/api/bookings/{}/cancel", booking["id"].as_str().unwrap()), &json!({})).await;
        if !cancellable {
            answer.expect_problem(409, "not-cancellable");
            assert_eq!(status_of(&buyer, &booking).await, "confirmed");
            continue;
        }
        assert_eq!(answer.expect(200)["status"], "cancelled");
        assert_eq!(show.available(&buyer).await, 100);
        let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
        eventually("the money goes back", async || buyer.get(&path).await.json, |payment| payment["refunded"]["amount"] == 9000)
            .await;
    }
}

#[tokio::test]
async fn an_organiser_refunds_never_more_than_was_paid() {
    let (organiser, buyer, _, booking) = held().await;
    let payment = pay(&buyer, &booking, "tok_ok").await.expect(201);
    let id = payment["id"].as_str().unwrap();
    let (path, refund) = (format!("/api/payments/{id}"), format!("/api/payments/{id}/refund"));
    buyer.post_with(&unique("key"), &refund, &json!({"amount": 1})).await.expect_problem(403, "forbidden");
    organiser.post_with(&unique("key"), &refund, &json!({"amount": 9001})).await.expect_problem(409, "wrong-state");
    organiser.post_with(&unique("key"), &refund, &json!({"amount": 0})).await.expect_problem(400, "invalid-request");
    let key = unique("key");
    for _ in 0..2 {
        organiser.post_with(&key, &refund, &json!({"amount": 4500})).await.expect(200);
    }
    eventually("half is back", async || buyer.get(&path).await.json, |payment| payment["refunded"]["amount"] == 4500).await;
    organiser.post_with(&unique("key"), &refund, &json!({"amount": 4501})).await.expect_problem(409, "wrong-state");
    organiser.post_with(&unique("key"), &refund, &json!({})).await.expect(200);
    eventually("everything is back", async || buyer.get(&path).await.json, |payment| payment["refunded"]["amount"] == 9000).await;
    organiser.post_with(&unique("key"), &refund, &json!({})).await.expect_problem(409, "wrong-state");
}

/// The provider's page of a payment that waits for its buyer, as a browser shows it.
async fn page_of(payment: &Value) -> String {
    reqwest::get(payment["next_action"]["url"].as_str().unwrap()).await.unwrap().text().await.unwrap()
}

#[tokio::test]
async fn a_payment_whose_booking_is_gone_asks_for_nothing_and_says_what_happened() {
    for (event_cancelled, code, sentence) in [
        (false, "booking_cancelled", "The booking was cancelled before it was paid."),
        (true, "event_cancelled", "The event was cancelled."),
    ] {
        let (organiser, buyer, show, booking) = held().await;
        let payment = pay(&buyer, &booking, "tok_redirect").await.expect(201);
        assert!(page_of(&payment).await.contains("<form"));
        if event_cancelled {
            organiser.post(&format!("/api/events/{}/cancel", show.id), &json!({})).await.expect(200);
        } else {
            buyer.post(&format!("/api/bookings/{}/cancel", booking["id"].as_str().unwrap()), &json!({})).await.expect(200);
        }
        let page = page_of(&payment).await;
        assert!(!page.contains("<form") && page.contains(sentence) && page.contains("Nothing was paid"), "{page}");
        let shown = buyer.get(&format!("/api/payments/{}", payment["id"].as_str().unwrap())).await.expect(200);
        assert_eq!((&shown["status"], &shown["failure"]), (&json!("failed"), &json!(code)));
        assert!(shown["next_action"].is_null());
    }
}

#[tokio::test]
async fn a_receipt_is_a_record_of_the_sale_whatever_is_renamed_afterwards() {
    let change = json!({"timezone": "America/New_York", "starts_at": "2037-11-09T00:30:00Z", "ends_at": "2037-11-09T03:00:00Z"});
    let (organiser, buyer, show, booking) = held_at(change).await;
    let payment = pay(&buyer, &booking, "tok_ok").await.expect(201);
    let path = format!("/api/payments/{}/receipt", payment["id"].as_str().unwrap());
    let sold = buyer.get(&path).await.expect(200);
    assert_eq!((&sold["seller"]["name"], &sold["buyer"]["name"]), (&json!("Blue Hall"), &json!("Ada")));
    assert!(sold["buyer"]["email"].as_str().unwrap().ends_with("@example.com"));
    assert_eq!(sold["event"]["starts_at_local"], "2037-11-08T19:30:00-05:00", "the evening before, where it is");

    let renamed = json!({
        "title": "Another Night", "venue": {"name": "Red Hall", "city": "Kandy", "country": "LK"}, "timezone": "Asia/Colombo",
        "ticket_types": [{"id": show.ticket, "name": "Cheap", "price": 1, "capacity": 100, "per_person_limit": 6}],
    });
    let event = format!("/api/events/{}", show.id);
    let revision = format!("\"{}\"", show.document["revision"]);
    organiser.send(Method::PATCH, &event, &[("if-match", &revision)], Some(renamed.to_string().into())).await.expect(200);
    assert_eq!(buyer.get(&path).await.expect(200), sold);
}

#[tokio::test]
async fn terms_of_refund_are_those_of_the_purchase() {
    let (organiser, buyer, show, booking) = held_at(json!({"refund_until": "2037-02-01T00:00:00Z"})).await;
    let payment = pay(&buyer, &booking, "tok_ok").await.expect(201);
    let revision = format!("\"{}\"", show.document["revision"]);
    let no_more = json!({"refund_until": null}).to_string();
    let event = format!("/api/events/{}", show.id);
    organiser.send(Method::PATCH, &event, &[("if-match", &revision)], Some(no_more.into())).await.expect(200);
    let cancel = format!("/api/bookings/{}/cancel", booking["id"].as_str().unwrap());
    assert_eq!(buyer.post(&cancel, &json!({})).await.expect(200)["status"], "cancelled");
    let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
    let payment =
        eventually("the money goes back", async || buyer.get(&path).await.json, |payment| payment["refunded"]["amount"] == 9000)
            .await;
    assert_eq!(payment["refunds"][0]["reason"], "cancelled");

    let later = Client::register(&SHARED).await;
    let booking = later.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    pay(&later, &booking, "tok_ok").await.expect(201);
    let cancel = format!("/api/bookings/{}/cancel", booking["id"].as_str().unwrap());
    later.post(&cancel, &json!({})).await.expect_problem(409, "not-cancellable");
}
