//! Holds that end by themselves.

use crate::{
    HASTY,
    client::{Client, OnSale, eventually, unique},
};
use serde_json::{Value, json};

#[tokio::test]
async fn an_overdue_hold_is_free_for_others_without_any_request() {
    let (organiser, id) = Client::organiser(&HASTY).await;
    let show = OnSale::with(&organiser, &id, 4500, 1, 1).await;
    let first = organiser.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    let other = Client::register(&HASTY).await;
    other.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect_problem(409, "sold-out");
    eventually("the place is shown as free", async || show.available(&other).await, |available| *available == 1).await;
    other.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    let expired = organiser.get(&format!("/api/bookings/{}", first["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(expired["status"], "expired");
    let payment = json!({"booking_id": first["id"], "method": {"type": "card", "token": "tok_ok"}});
    organiser.post_with(&unique("key"), "/api/payments", &payment).await.expect_problem(409, "booking-not-payable");
}

#[tokio::test]
async fn money_that_comes_late_confirms_if_there_is_room_and_goes_back_if_not() {
    let (organiser, id) = Client::organiser(&HASTY).await;
    for (capacity, outcome) in [(2, "confirmed"), (1, "expired")] {
        let show = OnSale::with(&organiser, &id, 4500, capacity, 1).await;
        let late = Client::register(&HASTY).await;
        let booking = late.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
        let payment = json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_late"}});
        let payment = late.post_with(&unique("key"), "/api/payments", &payment).await.expect(201);
        assert_eq!(payment["status"], "processing");
        // Somebody takes the place as soon as the hold is over.
        let other = Client::register(&HASTY).await;
        let order = show.order(1);
        eventually(
            "a place",
            async || other.post_with(&unique("key"), "/api/bookings", &order).await.status.as_u16(),
            |status| *status == 201,
        )
        .await;
        let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
        eventually("the money comes", async || late.get(&path).await.json, |payment| payment["status"] == "completed").await;
        let booking = late.get(&format!("/api/bookings/{}", booking["id"].as_str().unwrap())).await.expect(200);
        assert_eq!(booking["status"], outcome, "capacity {capacity}");
        if outcome == "expired" {
            eventually(
                "the money goes back",
                async || late.get(&path).await.json,
                |payment| payment["refunded"]["amount"] == 4500,
            )
            .await;
        }
    }
}

#[tokio::test]
async fn slow_payments_get_nobody_more_tickets_than_one_person_may_have() {
    let (organiser, id) = Client::organiser(&HASTY).await;
    let show = OnSale::with(&organiser, &id, 4500, 100, 2).await;
    let buyer = Client::register(&HASTY).await;
    let order = show.order(2);
    let mut payments = Vec::new();
    for _ in 0..3 {
        // All that one person may hold, as soon as the hold before is over; its money is on its way.
        let held = eventually(
            "a hold",
            async || buyer.post_with(&unique("key"), "/api/bookings", &order).await,
            |answer| answer.status.as_u16() == 201,
        )
        .await;
        let payment = json!({"booking_id": held.json["id"], "method": {"type": "card", "token": "tok_late"}});
        payments.push(buyer.post_with(&unique("key"), "/api/payments", &payment).await.expect(201));
    }
    let (mut tickets, mut returned) = (0, 0);
    for payment in payments {
        let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
        let settled = |payment: &Value| payment["status"] == "completed";
        eventually("the money comes", async || buyer.get(&path).await.json, settled).await;
        let booking = buyer.get(&format!("/api/bookings/{}", payment["booking_id"].as_str().unwrap())).await.expect(200);
        if booking["status"] == "confirmed" {
            tickets += booking["tickets"].as_array().unwrap().len();
            continue;
        }
        let back = |payment: &Value| payment["refunded"]["amount"] == 9000;
        let payment = eventually("what does not fit goes back", async || buyer.get(&path).await.json, back).await;
        assert_eq!(payment["refunds"][0]["reason"], "over_limit", "{payment}");
        returned += 1;
    }
    assert_eq!((tickets, returned), (2, 2), "two tickets, and the money of the other four");
}
