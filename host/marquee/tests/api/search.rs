//! Finding events. Each test has a category of its own, so that it finds its own only.

use crate::{
    SHARED,
    client::{Client, OnSale, unique},
};
use serde_json::{Value, json};

fn titles(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|event| event["title"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn every_filter_filters() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let category = unique("c");
    let show = |title: &str, city: &str, month: u32, price: i64, capacity: i64| {
        json!({"title": title, "category": category, "venue": {"name": "Hall", "city": city, "country": "LK"},
            "starts_at": format!("2037-{month:02}-01T19:00:00Z"), "ends_at": format!("2037-{month:02}-01T22:00:00Z"),
            "ticket_types": [{"name": "A", "price": price, "capacity": capacity, "per_person_limit": 10}]})
    };
    OnSale::publish(&organiser, &id, show("Café Nights", "Colombo", 1, 1000, 10)).await;
    OnSale::publish(&organiser, &id, show("Big Band Night", "Kandy", 2, 3000, 10)).await;
    let full = OnSale::publish(&organiser, &id, show("Strings", "Colombo", 3, 2000, 1)).await;
    organiser.post_with(&unique("key"), "/api/bookings", &full.order(1)).await.expect(201);

    for (query, found) in [
        ("", vec!["Café Nights", "Big Band Night", "Strings"]),
        ("&q=cafe", vec!["Café Nights"]),
        ("&q=NIGHT", vec!["Café Nights", "Big Band Night"]),
        ("&q=night+kandy", vec!["Big Band Night"]),
        ("&q=nothing", vec![]),
        ("&city=Colombo", vec!["Café Nights", "Strings"]),
        ("&from=2037-02-01T00:00:00Z", vec!["Big Band Night", "Strings"]),
        ("&to=2037-02-01T00:00:00Z", vec!["Café Nights"]),
        ("&min_price=2000", vec!["Big Band Night", "Strings"]),
        ("&max_price=2000", vec!["Café Nights", "Strings"]),
        ("&min_price=1500&max_price=2500", vec!["Strings"]),
        ("&available=true", vec!["Café Nights", "Big Band Night"]),
        ("&available=false", vec!["Strings"]),
        ("&min_price=2000&currency=EUR", vec!["Big Band Night", "Strings"]),
        ("&min_price=0&currency=JPY", vec![]),
        ("&min_price=2500&max_price=1500", vec![]),
        ("&currency=JPY", vec![]),
        ("&q=!?", vec![]),
        ("&sort=price", vec!["Café Nights", "Strings", "Big Band Night"]),
        ("&sort=-price", vec!["Big Band Night", "Strings", "Café Nights"]),
        ("&sort=title", vec!["Big Band Night", "Café Nights", "Strings"]),
        ("&sort=-starts_at", vec!["Strings", "Big Band Night", "Café Nights"]),
    ] {
        for place in [&organiser, &organiser.elsewhere()] {
            let page = place.get(&format!("/api/events?category={category}{query}")).await.expect(200);
            assert_eq!(titles(&page), found, "{query}");
            assert!(page["as_of"].is_string());
            assert!(page["items"].as_array().unwrap().iter().all(|item| item.get("description").is_none()), "lists have none");
        }
    }
    let page = organiser.get(&format!("/api/events?category={category}&limit=1")).await.expect(200);
    assert_eq!(
        page["facets"],
        json!({"category": {&category: 3}, "city": {"Colombo": 2, "Kandy": 1}}),
        "facets count everything that matches"
    );
}

#[tokio::test]
async fn pages_have_everything_once_while_others_write() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let category = unique("p");
    // All start at the same time: the id decides then.
    for n in 0..7 {
        OnSale::publish(&organiser, &id, json!({"title": format!("Show {n}"), "category": category})).await;
    }
    let (mut all, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = organiser.get(&format!("/api/events?category={category}&limit=3{cursor}")).await.expect(200);
        all.extend(titles(&page).into_iter().map(str::to_owned));
        if all.len() == 3 {
            OnSale::publish(
                &organiser,
                &id,
                json!({"title": "Early", "category": category, "starts_at": "2037-01-01T19:00:00Z"}),
            )
            .await;
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(all, (0..7).map(|n| format!("Show {n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_query_that_makes_no_sense_is_refused() {
    let client = Client::new(&SHARED);
    for (query, pointer) in [
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("limit=ten", "/limit"),
        ("limit=1&limit=2", "/limit"),
        ("colour=red", "/colour"),
        ("sort=beauty", "/sort"),
        ("available=maybe", "/available"),
        ("from=yesterday", "/from"),
        ("min_price=-1", "/min_price"),
        ("max_price=1e9", "/max_price"),
        ("cursor=nonsense", "/cursor"),
        ("currency=euro", "/currency"),
        ("currency=ANG", "/currency"),
    ] {
        let problem = client.get(&format!("/api/events?{query}")).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{query}");
    }
    client.get("/api/events?q=%ff").await.expect_problem(400, "invalid-request");
}
