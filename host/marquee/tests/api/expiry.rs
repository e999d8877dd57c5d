//! Holds that end by themselves.

use crate::{
    HASTY,
    client::{Client, OnSale, eventually, unique},
};
use serde_json::json;

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
