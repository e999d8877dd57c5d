//! Times of sale of ticket types, an organiser's own events, and copies of events.

use crate::{
    SHARED,
    client::{Client, OnSale, unique},
};
use reqwest::Method;
use serde_json::{Value, json};

fn order(event: &Value, ticket: usize) -> Value {
    json!({"event_id": event["id"], "items": [{"ticket_type_id": event["ticket_types"][ticket]["id"], "quantity": 1}]})
}

async fn change(organiser: &Client<'_>, event: &Value, body: Value) -> crate::client::Answer {
    let etag = format!("\"{}\"", event["revision"]);
    let path = format!("/api/events/{}", event["id"].as_str().unwrap());
    organiser.send(Method::PATCH, &path, &[("if-match", &etag)], Some(body.to_string().into())).await
}

#[tokio::test]
async fn a_ticket_type_is_sold_in_its_own_time_only() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let types = json!([
        {"name": "Early", "price": 0, "capacity": 5, "sales_until": "2001-01-01T00:00:00Z"},
        {"name": "Now", "price": 0, "capacity": 5, "sales_from": "2001-01-01T00:00:00Z"},
        {"name": "Late", "price": 0, "capacity": 5, "sales_from": "2090-01-01T00:00:00Z", "sales_until": "2091-01-01T00:00:00Z"},
        {"name": "Paused", "price": 0, "capacity": 5, "paused": true},
    ]);
    let show = OnSale::publish(&organiser, &id, json!({"ticket_types": types})).await;
    let event = organiser.get(&format!("/api/events/{}", show.id)).await.expect(200);
    assert_eq!(event["ticket_types"][2]["sales_until"], "2091-01-01T00:00:00Z");
    assert_eq!((&event["ticket_types"][3]["paused"], &event["ticket_types"][1]["paused"]), (&json!(true), &Value::Null));
    let left = organiser.get(&format!("/api/events/{}/availability", show.id)).await.expect(200);
    let on_sale: Vec<_> = left["ticket_types"].as_array().unwrap().iter().map(|line| line["on_sale"].clone()).collect();
    assert_eq!(on_sale, [json!(false), json!(true), json!(false), json!(false)]);

    let buyer = Client::register(&SHARED).await;
    for (ticket, sold) in [(0, false), (1, true), (2, false), (3, false)] {
        let answer = buyer.post_with(&unique("key"), "/api/bookings", &order(&event, ticket)).await;
        if sold {
            answer.expect(201);
        } else {
            answer.expect_problem(409, "not-on-sale");
        }
    }

    // Put on sale again, and taken off.
    let types: Vec<_> = event["ticket_types"].as_array().unwrap().iter().map(|ticket| json!({"id": ticket["id"]})).collect();
    let mut types = json!(types);
    types[3]["paused"] = json!(false);
    types[2]["sales_from"] = Value::Null;
    types[1]["paused"] = json!(true);
    let event = change(&organiser, &event, json!({"ticket_types": types})).await.expect(200);
    for (ticket, sold) in [(1, false), (2, true), (3, true)] {
        let answer = buyer.post_with(&unique("key"), "/api/bookings", &order(&event, ticket)).await;
        assert_eq!(answer.status.as_u16(), if sold { 201 } else { 409 }, "{ticket}");
    }
    types[2]["sales_from"] = json!("2092-01-01T00:00:00Z");
    let problem = change(&organiser, &event, json!({"ticket_types": types})).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/ticket_types/2/sales_until");
}

#[tokio::test]
async fn an_organiser_finds_drafts_and_copies_events() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 2).await;
    let event = organiser.get(&format!("/api/events/{}", show.id)).await.expect(200);
    let copies = format!("/api/events/{}/copies", show.id);
    let weekly = json!({"repeat": {"every": "week", "count": 2}});
    let key = unique("key");
    let made = organiser.post_with(&key, &copies, &weekly).await.expect(201);
    assert_eq!(organiser.post_with(&key, &copies, &weekly).await.expect(201), made, "once");
    assert_eq!(made["items"].as_array().unwrap().len(), 2);
    for copy in made["items"].as_array().unwrap() {
        assert_eq!((&copy["status"], &copy["title"]), (&json!("draft"), &event["title"]));
        assert_ne!(copy["ticket_types"][0]["id"], event["ticket_types"][0]["id"]);
    }
    for (body, pointer) in [
        (json!({}), "/starts_at"),
        (json!({"starts_at": "2001-01-01T00:00:00Z"}), "/starts_at"),
        (json!({"repeat": {"every": "year", "count": 1}}), "/repeat/every"),
        (json!({"repeat": {"every": "day", "count": 61}}), "/repeat/count"),
    ] {
        let problem = organiser.post(&copies, &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }

    let own = format!("/api/organisers/{id}/events");
    let drafts = organiser.get(&format!("{own}?status=draft")).await.expect(200);
    let ids = |page: &Value| page["items"].as_array().unwrap().iter().map(|event| event["id"].clone()).collect::<Vec<_>>();
    // Both were made at one moment, so either may come first.
    let sorted = |page: &Value| {
        let mut ids: Vec<_> = ids(page).iter().map(|id| id.as_str().unwrap().to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(sorted(&drafts), sorted(&made));
    assert_eq!(ids(&organiser.get(&format!("{own}?status=published")).await.expect(200)), [json!(show.id)]);
    let first = organiser.get(&format!("{own}?limit=2")).await.expect(200);
    let rest = organiser.get(&format!("{own}?limit=2&cursor={}", first["next_cursor"].as_str().unwrap())).await.expect(200);
    assert_eq!((ids(&rest), &rest["next_cursor"]), (vec![json!(show.id)], &Value::Null));
    Client::register(&SHARED).await.get(&own).await.expect_problem(403, "forbidden");
    organiser.get("/api/organisers/local_00000000000000000000000000/events").await.expect_problem(404, "not-found");
}

#[tokio::test]
async fn ticket_types_share_a_capacity() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let types = json!([
        {"key": "adult", "name": "Adult", "price": 4500, "capacity": 10},
        {"key": "child", "name": "Child", "price": 2000, "capacity": 10},
        {"name": "Balcony", "price": 9000, "capacity": 2},
    ]);
    let hall = json!({"name": "Hall", "capacity": 3, "ticket_types": ["adult", "child"]});
    let title = unique("Togetherness");
    let fields = |shared: &Value| json!({"title": title, "ticket_types": types, "shared_capacities": [shared]});
    let mut unknown = hall.clone();
    unknown["ticket_types"][1] = json!("student");
    let body = crate::client::event(&id, fields(&unknown));
    let problem = organiser.post("/api/events", &body).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/shared_capacities/0/ticket_types/1");
    let show = OnSale::publish(&organiser, &id, fields(&hall)).await;
    let event = organiser.get(&format!("/api/events/{}", show.id)).await.expect(200);
    let shared = &event["shared_capacities"][0];
    assert_eq!((&shared["name"], &shared["capacity"]), (&json!("Hall"), &json!(3)));
    assert_eq!(shared["ticket_types"], json!([event["ticket_types"][0]["id"], event["ticket_types"][1]["id"]]));

    let left = async |client: &Client<'_>| -> Vec<i64> {
        let left = client.get(&format!("/api/events/{}/availability", show.id)).await.expect(200);
        left["ticket_types"].as_array().unwrap().iter().map(|line| line["available"].as_i64().unwrap()).collect()
    };
    assert_eq!(left(&organiser).await, [3, 3, 2]);
    let hold = async |client: &Client<'_>, ticket, quantity: u32| {
        let mut order = order(&event, ticket);
        order["items"][0]["quantity"] = json!(quantity);
        client.post_with(&unique("key"), "/api/bookings", &order).await
    };
    let (ada, bob) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    let held = hold(&ada, 0, 2).await.expect(201);
    assert_eq!(left(&ada.elsewhere()).await, [1, 1, 2], "what one has taken is gone for both, on every edge");
    hold(&bob, 1, 2).await.expect_problem(409, "sold-out");
    // The last place, of whichever type: one of the two has it.
    let (first, second) = tokio::join!(hold(&ada, 0, 1), hold(&bob, 1, 1));
    let mut statuses = [first.status.as_u16(), second.status.as_u16()];
    statuses.sort_unstable();
    assert_eq!(statuses, [201, 409]);
    let eve = Client::register(&SHARED).await;
    hold(&eve, 1, 1).await.expect_problem(409, "sold-out");

    let resized = |event: &Value, capacity: i64| json!({"shared_capacities": [{"id": event["shared_capacities"][0]["id"], "capacity": capacity}]});
    change(&organiser, &event, resized(&event, 2)).await.expect_problem(409, "wrong-state");
    let changed = organiser.get(&format!("/api/events/{}", show.id)).await.expect(200);
    assert_eq!(changed["shared_capacities"], event["shared_capacities"]);
    let cancel = format!("/api/bookings/{}/cancel", held["id"].as_str().unwrap());
    ada.post(&cancel, &json!({})).await.expect(200);
    assert_eq!(left(&ada).await, [2, 2, 2], "what is given back is there for both");
    hold(&eve, 1, 2).await.expect(201);
    // Sold out but for the balcony, and with that in all.
    hold(&eve, 2, 2).await.expect(201);
    let found = async |available: bool| {
        let path = format!("/api/events?q={title}&available={available}");
        eve.get(&path).await.expect(200)["items"].as_array().unwrap().len()
    };
    assert_eq!((found(false).await, found(true).await), (1, 0));
    let changed = change(&organiser, &changed, resized(&changed, 4)).await.expect(200);
    assert_eq!(left(&organiser).await, [1, 1, 0]);
    // Shared no more: each has its own.
    change(&organiser, &changed, json!({"shared_capacities": []})).await.expect(200);
    let alone = left(&organiser).await;
    assert_eq!(alone.iter().sum::<i64>(), 20 - 3, "{alone:?}");
}
