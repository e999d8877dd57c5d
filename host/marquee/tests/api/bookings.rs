//! Holding and cancelling.

use crate::{
    SHARED,
    client::{Client, OnSale, unique},
};
use serde_json::{Value, json};

#[tokio::test]
async fn a_hold_takes_places_and_a_cancellation_gives_them_back() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let answer = buyer.post_with(&unique("key"), "/api/bookings", &show.order(2)).await;
    let location = answer.header("location").map(str::to_owned);
    let booking = answer.expect(201);
    assert_eq!(booking["status"], "held");
    assert_eq!(booking["event_id"], json!(show.id));
    assert_eq!(
        booking["items"],
        json!([{"ticket_type_id": show.ticket, "quantity": 2, "unit_price": {"amount": 4500, "currency": "EUR"}}])
    );
    assert_eq!(booking["total"], json!({"amount": 9000, "currency": "EUR"}));
    assert!(booking["expires_at"].is_string() && booking["created_at"].is_string() && booking["version"].is_i64());
    let path = format!("/api/bookings/{}", booking["id"].as_str().unwrap());
    assert_eq!(location.as_deref(), Some(&*path));
    for place in [&buyer, &buyer.elsewhere()] {
        assert_eq!(show.available(place).await, 8, "who holds sees it at once, everywhere");
        assert_eq!(place.get(&path).await.expect(200), booking);
    }
    let cancelled = buyer.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    assert!(cancelled["expires_at"].is_null());
    assert!(cancelled["version"].as_i64() > booking["version"].as_i64());
    assert_eq!(show.available(&buyer.elsewhere()).await, 10);
    assert_eq!(
        buyer.post(&format!("{path}/cancel"), &json!({})).await.expect(200),
        cancelled,
        "cancelling twice is cancelling once"
    );
}

#[tokio::test]
async fn a_free_ticket_is_confirmed_at_once() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let booking = organiser.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    assert_eq!(booking["status"], "confirmed");
    let path = format!("/api/bookings/{}", booking["id"].as_str().unwrap());
    let shown = organiser.get(&path).await.expect(200);
    let codes: Vec<_> =
        shown["tickets"].as_array().unwrap().iter().map(|ticket| ticket["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(codes.len(), 2);
    assert_ne!(codes[0], codes[1]);
    assert_eq!(organiser.get(&path).await.expect(200)["tickets"], shown["tickets"], "codes do not change");
    let payment = json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_ok"}});
    organiser.post_with(&unique("key"), "/api/payments", &payment).await.expect_problem(409, "booking-not-payable");
}

#[tokio::test]
async fn a_retried_key_gets_its_first_answer_byte_for_byte() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 10).await;
    let key = unique("key");
    let first = organiser.post_with(&key, "/api/bookings", &show.order(2)).await;
    // Others go on meanwhile.
    organiser.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    for place in [&organiser, &organiser.elsewhere()] {
        let again = place.post_with(&key, "/api/bookings", &show.order(2)).await;
        assert_eq!((again.status, String::from_utf8(again.bytes)), (first.status, String::from_utf8(first.bytes.clone())));
    }
    organiser.post_with(&key, "/api/bookings", &show.order(3)).await.expect_problem(409, "idempotency-conflict");
    assert_eq!(show.available(&organiser).await, 7, "one effect");
    // The key belongs to its person.
    let other = Client::register(&SHARED).await;
    other.post_with(&key, "/api/bookings", &show.order(3)).await.expect(201);
}

#[tokio::test]
async fn a_refused_key_may_succeed_later() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 2, 10).await;
    let first = organiser.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    let buyer = Client::register(&SHARED).await;
    let key = unique("key");
    buyer.post_with(&key, "/api/bookings", &show.order(1)).await.expect_problem(409, "sold-out");
    organiser.post(&format!("/api/bookings/{}/cancel", first["id"].as_str().unwrap()), &json!({})).await.expect(200);
    buyer.post_with(&key, "/api/bookings", &show.order(1)).await.expect(201);
}

#[tokio::test]
async fn limits_are_limits() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let types = json!([
        {"name": "Seated", "price": 4500, "capacity": 5, "per_person_limit": 3},
        {"name": "Standing", "price": 2000, "capacity": 50, "per_person_limit": 4},
    ]);
    let show = OnSale::publish(&organiser, &id, json!({"ticket_types": types})).await;
    let standing = show.document["ticket_types"][1]["id"].as_str().unwrap();
    let order = |seated: i64, stand: i64| {
        let items = [(&*show.ticket, seated), (standing, stand)];
        let items: Vec<Value> =
            items.iter().filter(|(_, n)| *n > 0).map(|(id, n)| json!({"ticket_type_id": id, "quantity": n})).collect();
        json!({"event_id": show.id, "items": items})
    };
    let buyer = Client::register(&SHARED).await;
    let hold = async |order: &Value| buyer.post_with(&unique("key"), "/api/bookings", order).await;
    hold(&order(4, 0)).await.expect_problem(409, "over-limit");
    let both = hold(&order(2, 3)).await.expect(201);
    assert_eq!(both["total"]["amount"], 2 * 4500 + 3 * 2000);
    hold(&order(0, 2)).await.expect_problem(409, "over-limit");
    hold(&order(1, 1)).await.expect(201);
    let other = Client::register(&SHARED).await;
    other.post_with(&unique("key"), "/api/bookings", &order(3, 1)).await.expect_problem(409, "sold-out");
    other.post_with(&unique("key"), "/api/bookings", &order(2, 1)).await.expect(201);
    let left: Vec<_> = other.get(&format!("/api/events/{}/availability", show.id)).await.expect(200)["ticket_types"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["available"].as_i64().unwrap())
        .collect();
    assert_eq!(left, [0, 45], "a refusal takes nothing, not even of the line that had room");
}

#[tokio::test]
async fn an_order_that_makes_no_sense_is_refused() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    let item = |quantity: Value| json!({"event_id": show.id, "items": [{"ticket_type_id": show.ticket, "quantity": quantity}]});
    for (body, pointer) in [
        (item(json!(0)), "/items/0/quantity"),
        (item(json!(-1)), "/items/0/quantity"),
        (item(json!(1.5)), "/items/0/quantity"),
        (item(json!("2")), "/items/0/quantity"),
        (item(json!(9_000_000_000_000_000_000i64)), "/items/0/quantity"),
        (json!({"event_id": show.id, "items": []}), "/items"),
        (json!({"event_id": show.id}), "/items"),
        (json!({"items": [{"ticket_type_id": show.ticket, "quantity": 1}]}), "/event_id"),
        (json!({"event_id": show.id, "items": [{"ticket_type_id": show.ticket, "quantity": 1}], "price": 1}), "/price"),
    ] {
        let problem = organiser.post_with(&unique("key"), "/api/bookings", &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let twice = json!({"event_id": show.id, "items": [{"ticket_type_id": show.ticket, "quantity": 1}, {"ticket_type_id": show.ticket, "quantity": 1}]});
    organiser.post_with(&unique("key"), "/api/bookings", &twice).await.expect_problem(400, "invalid-request");
    let mut foreign = show.order(1);
    foreign["event_id"] = json!("local_00000000000000000000000000");
    organiser.post_with(&unique("key"), "/api/bookings", &foreign).await.expect_problem(404, "not-found");
    let foreign = json!({"event_id": show.id, "items": [{"ticket_type_id": "local_00000000000000000000000000", "quantity": 1}]});
    organiser.post_with(&unique("key"), "/api/bookings", &foreign).await.expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn a_booking_needs_a_key_and_a_token() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    organiser.post("/api/bookings", &show.order(1)).await.expect_problem(400, "idempotency-key-missing");
    for key in ["", "with space", &"k".repeat(201)] {
        let problem = organiser.post_with(key, "/api/bookings", &show.order(1)).await;
        assert_eq!(problem.status, 400, "{key}");
    }
    Client::new(&SHARED).post_with("k", "/api/bookings", &show.order(1)).await.expect_problem(401, "unauthenticated");
    assert_eq!(show.available(&organiser).await, 10);
}

#[tokio::test]
async fn another_persons_booking_does_not_exist() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    let owner = Client::register(&SHARED).await;
    let booking = owner.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    let path = format!("/api/bookings/{}", booking["id"].as_str().unwrap());
    let other = Client::register(&SHARED).await;
    other.get(&path).await.expect_problem(404, "not-found");
    other.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(404, "not-found");
    let payment = json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_ok"}});
    other.post_with(&unique("key"), "/api/payments", &payment).await.expect_problem(404, "not-found");
    assert_eq!(owner.get(&path).await.expect(200)["status"], "held");
}

#[tokio::test]
async fn my_bookings_are_mine_newest_first() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    let buyer = Client::register(&SHARED).await;
    let mut made = Vec::new();
    for _ in 0..3 {
        made.insert(0, buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201)["id"].clone());
    }
    let first = buyer.get("/api/bookings?limit=2").await.expect(200);
    let next = first["next_cursor"].as_str().unwrap();
    let second = buyer.elsewhere().get(&format!("/api/bookings?limit=2&cursor={next}")).await.expect(200);
    assert!(second["next_cursor"].is_null());
    let shown: Vec<_> = [&first, &second]
        .iter()
        .flat_map(|page| page["items"].as_array().unwrap())
        .map(|booking| booking["id"].clone())
        .collect();
    assert_eq!(shown, made);
}

/// Fresh accounts of one address, each within its limit, cannot keep an event's places from everybody else.
#[tokio::test]
async fn one_address_cannot_hold_every_place_with_fresh_accounts() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 300, 10).await;
    let mut refused = Vec::new();
    for number in 0..12 {
        let attacker = Client::register(&SHARED).await;
        let attacker = if number % 2 == 0 { attacker } else { attacker.elsewhere() };
        let answer = attacker.post_with(&unique("key"), "/api/bookings", &show.order(10)).await;
        if answer.status != 201 {
            refused.push((attacker, answer));
        }
    }
    assert_eq!((show.available(&organiser).await, refused.len()), (200, 2));
    let (attacker, answer) = refused.remove(0);
    assert!(answer.header("retry-after").is_some());
    let detail = answer.expect_problem(429, "too-many-holds")["detail"].to_string();
    assert!(detail.contains("100 of 100 places") && detail.contains("network address"), "{detail}");
    // A free place is nobody's loss, and another event is another matter.
    let other = OnSale::with(&organiser, &id, 4500, 300, 10).await;
    attacker.post_with(&unique("key"), "/api/bookings", &other.order(10)).await.expect(201);
}
