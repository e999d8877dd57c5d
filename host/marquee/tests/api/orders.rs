//! An event's orders, as its organiser's team sees and changes them, and sales at the counter.

use crate::{
    SHARED,
    client::{Client, OnSale, eventually, unique},
    server::Form,
};
use reqwest::Method;
use serde_json::{Value, json};

/// An organiser, a buyer, an event with tickets at 45.00, and what the buyer has bought: two.
async fn bought() -> (Client<'static>, Client<'static>, OnSale, String) {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 20, 8).await;
    let buyer = Client::register(&SHARED).await;
    let booking = buy(&buyer, &show, 2).await;
    (organiser, buyer, show, booking)
}

async fn buy(buyer: &Client<'_>, show: &OnSale, quantity: i64) -> String {
    let held = buyer.post_with(&unique("key"), "/api/bookings", &show.order(quantity)).await.expect(201);
    let booking = held["id"].as_str().unwrap().to_owned();
    let card = json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}});
    let paid = buyer.post_with(&unique("key"), "/api/payments", &card).await.expect(201);
    assert_eq!(paid["status"], "completed");
    booking
}

async fn patch(client: &Client<'_>, path: &str, body: Value) -> crate::client::Answer {
    client.send(Method::PATCH, path, &[], Some(body.to_string().into())).await
}

#[tokio::test]
async fn an_organiser_sees_who_bought_what() {
    let (organiser, buyer, show, booking) = bought().await;
    let held = buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    let orders = format!("/api/events/{}/orders", show.id);

    let page = organiser.get(&orders).await.expect(200);
    let ids: Vec<_> = page["items"].as_array().unwrap().iter().map(|order| order["id"].clone()).collect();
    assert_eq!(ids, [held["id"].clone(), json!(booking)], "newest first");
    let order = &page["items"][1];
    assert_eq!((&order["status"], &order["channel"]), (&json!("confirmed"), &json!("online")));
    assert_eq!(order["buyer"]["name"], "Ada");
    assert_eq!(order["total"], json!({"amount": 9000, "currency": "EUR"}));
    assert_eq!(order["items"][0]["name"], "Standard");

    // One a page, and the second where the first says.
    let first = organiser.get(&format!("{orders}?limit=1")).await.expect(200);
    let cursor = first["next_cursor"].as_str().unwrap();
    let second = organiser.get(&format!("{orders}?limit=1&cursor={cursor}")).await.expect(200);
    assert_eq!((&second["items"][0]["id"], &second["next_cursor"]), (&json!(booking), &Value::Null));

    let email = order["buyer"]["email"].as_str().unwrap();
    for (query, found) in [
        ("status=confirmed".to_owned(), 1),
        ("status=held".to_owned(), 1),
        ("status=cancelled".to_owned(), 0),
        (format!("q={}", email.to_uppercase()), 2),
        (format!("q={booking}"), 1),
        (format!("q={booking}&status=held"), 0),
        ("q=%25".to_owned(), 0),
        ("q=somebody+else".to_owned(), 0),
    ] {
        let page = organiser.get(&format!("{orders}?{query}")).await.expect(200);
        assert_eq!(page["items"].as_array().unwrap().len(), found, "{query}");
    }
    organiser.get(&format!("{orders}?cursor=nonsense")).await.expect_problem(400, "invalid-request");
    buyer.get(&orders).await.expect_problem(403, "forbidden");
    Client::organiser(&SHARED).await.0.get(&format!("{orders}/{booking}")).await.expect_problem(403, "forbidden");
    organiser.get(&format!("{orders}/local_00000000000000000000000000")).await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn orders_leave_as_csv_without_formulas() {
    let (organiser, _, show, booking) = bought().await;
    let orders = format!("/api/events/{}/orders", show.id);
    patch(&organiser, &format!("{orders}/{booking}"), json!({"name": "=HYPERLINK(\"http://evil.example\")", "note": "a, b"}))
        .await
        .expect(200);
    let answer = organiser.send(Method::GET, &orders, &[("accept", "text/csv")], None).await;
    assert!(answer.header("content-type").unwrap().starts_with("text/csv"), "{:?}", answer.headers);
    let text = String::from_utf8(answer.bytes).unwrap();
    let lines: Vec<_> = text.trim_start_matches('\u{feff}').split("\r\n").collect();
    assert!(lines[0].starts_with("order,created_at,status"));
    assert!(
        lines[1].starts_with(&booking) && lines[1].contains(",\"'=HYPERLINK(\"\"http://evil.example\"\")\","),
        "{}",
        lines[1]
    );
    assert!(lines[1].contains("9000,0,EUR,") && lines[1].ends_with(",\"a, b\""), "{}", lines[1]);
}

#[tokio::test]
async fn an_organiser_cancels_and_says_what_goes_back() {
    for (refund, back) in [(json!("full"), 9000), (json!("none"), 0), (json!({"amount": 2500}), 2500)] {
        let (organiser, buyer, show, booking) = bought().await;
        let before = show.available(&organiser).await;
        let order = format!("/api/events/{}/orders/{booking}", show.id);
        let cancel = format!("{order}/cancel");
        organiser.post(&cancel, &json!({"refund": {"amount": 9001}})).await.expect_problem(400, "invalid-request");
        organiser.post(&cancel, &json!({})).await.expect_problem(400, "invalid-request");
        organiser.post(&cancel, &json!({"refund": "half"})).await.expect_problem(400, "invalid-request");
        buyer.post(&cancel, &json!({"refund": "full"})).await.expect_problem(403, "forbidden");
        assert_eq!(buyer.get(&format!("/api/bookings/{booking}")).await.expect(200)["status"], "confirmed");

        let body = json!({"refund": refund});
        let cancelled = organiser.post(&cancel, &body).await.expect(200);
        assert_eq!(cancelled["status"], "cancelled");
        let due: i64 =
            cancelled["refunds"].as_array().unwrap().iter().map(|refund| refund["amount"]["amount"].as_i64().unwrap()).sum();
        assert_eq!(due, back, "{refund}");
        assert_eq!(show.available(&organiser).await, before + 2, "its places are free again");
        let again = organiser.post(&cancel, &body).await.expect(200);
        assert_eq!(again["refunds"].as_array().unwrap().len(), cancelled["refunds"].as_array().unwrap().len(), "once");
        // Another wish changes nothing of what was decided.
        let other = organiser.post(&cancel, &json!({"refund": "full"})).await.expect(200);
        let due: i64 =
            other["refunds"].as_array().unwrap().iter().map(|refund| refund["amount"]["amount"].as_i64().unwrap()).sum();
        assert_eq!(due, back, "{refund}");
    }
}

#[tokio::test]
async fn papers_go_where_the_organiser_says() {
    let (organiser, buyer, show, booking) = bought().await;
    let order = format!("/api/events/{}/orders/{booking}", show.id);
    let own = organiser.get(&order).await.expect(200);
    let changed = patch(&organiser, &order, json!({"name": "Ada L.", "email": "Ada@Example.ORG", "note": "By telephone."}))
        .await
        .expect(200);
    assert_eq!(changed["buyer"], json!({"name": "Ada L.", "email": "ada@example.org"}));
    assert_eq!(changed["note"], "By telephone.");
    let changed = patch(&organiser, &order, json!({"email": null})).await.expect(200);
    assert_eq!(changed["buyer"], json!({"name": "Ada L.", "email": own["buyer"]["email"]}));
    assert_eq!(changed["note"], "By telephone.", "what is left out stays");
    let problem = patch(&organiser, &order, json!({"email": "nowhere", "name": "", "colour": "red"}))
        .await
        .expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    patch(&buyer, &order, json!({"note": "mine"})).await.expect_problem(403, "forbidden");

    let resend = format!("{order}/resend");
    organiser.post(&resend, &json!({})).await.expect(202);
    let answer = organiser.post(&resend, &json!({})).await;
    assert!(answer.header("retry-after").is_some());
    answer.expect_problem(429, "rate-limited");
    let held = buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    let unpaid = format!("/api/events/{}/orders/{}/resend", show.id, held["id"].as_str().unwrap());
    organiser.post(&unpaid, &json!({})).await.expect_problem(409, "wrong-state");
}

#[tokio::test]
async fn the_counter_sells_out_of_the_same_places() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 5, 3).await;
    let sales = format!("/api/events/{}/sales", show.id);
    let sale = |quantity: i64| json!({"items": show.order(quantity)["items"], "method": "cash", "buyer": {"name": "Grace"}});
    let key = unique("key");
    let sold = organiser.post_with(&key, &sales, &sale(3)).await;
    let again = organiser.elsewhere().post_with(&key, &sales, &sale(3)).await;
    assert_eq!(sold.bytes, again.bytes, "once");
    let sold = sold.expect(201);
    assert_eq!((&sold["status"], &sold["total"]["amount"]), (&json!("confirmed"), &json!(13_500)));
    assert_eq!(show.available(&organiser).await, 2);

    let order = format!("/api/events/{}/orders/{}", show.id, sold["order_id"].as_str().unwrap());
    let shown = organiser.get(&order).await.expect(200);
    assert_eq!((&shown["channel"], &shown["buyer"]), (&json!("counter"), &json!({"name": "Grace", "email": null})));
    assert_eq!((&shown["payments"][0]["provider"], &shown["payments"][0]["method"]), (&json!("counter"), &json!("cash")));

    // What is left is sold to whoever comes first, on the page or at the counter.
    organiser.post_with(&unique("key"), &sales, &sale(3)).await.expect_problem(409, "sold-out");
    organiser.post_with(&unique("key"), &sales, &sale(4)).await.expect_problem(409, "over-limit");
    organiser.post(&sales, &sale(1)).await.expect_problem(400, "idempotency-key-missing");
    let buyer = Client::register(&SHARED).await;
    buyer.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    organiser.post_with(&unique("key"), &sales, &sale(1)).await.expect_problem(409, "sold-out");
    buyer.post_with(&unique("key"), &sales, &sale(1)).await.expect_problem(403, "forbidden");

    // The money is handed back by hand, and the books say so.
    let cancelled = organiser.post(&format!("{order}/cancel"), &json!({"refund": "full"})).await.expect(200);
    assert_eq!(cancelled["refunds"][0]["amount"]["amount"], 13_500);
    // Where no host ticks it stays due until its payment is asked for, which at the counter nobody does.
    if !matches!(Form::of_this_run(), Form::Composed | Form::Spin) {
        let booked = |order: &Value| order["refunded"]["amount"] == 13_500;
        eventually("the refund is booked", async || organiser.get(&order).await.json, booked).await;
    }
    assert_eq!(show.available(&organiser).await, 3);
}

#[tokio::test]
async fn what_is_free_is_given_away_at_the_counter() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 5, 3).await;
    let sale = json!({"items": show.order(1)["items"], "method": "cash"});
    let sold = organiser.post_with(&unique("key"), &format!("/api/events/{}/sales", show.id), &sale).await.expect(201);
    assert_eq!((&sold["status"], &sold["payment_id"]), (&json!("confirmed"), &Value::Null));
}
