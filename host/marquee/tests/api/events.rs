//! The catalog: drafts, publishing, changing, cancelling.

use crate::{
    SHARED,
    client::{Client, OnSale, event, eventually, unique},
    server::Form,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::{Value, json};

async fn patch(client: &Client<'_>, id: &str, etag: Option<&str>, body: Value) -> crate::client::Answer {
    let headers: Vec<_> = etag.map(|etag| ("if-match", etag)).into_iter().collect();
    client.send(Method::PATCH, &format!("/api/events/{id}"), &headers, Some(body.to_string().into())).await
}

/// An event, as its team is answered, without what the team alone is shown.
fn as_everybody_reads_it(event: &Value) -> Value {
    let mut event = event.clone();
    event.as_object_mut().unwrap().remove("reminder_hours").expect("the hours of the reminder");
    event
}

#[tokio::test]
async fn a_draft_is_nobodys_business_until_it_is_published() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let draft = organiser.post("/api/events", &event(&id, json!({}))).await.expect(201);
    assert_eq!((&draft["status"], &draft["title"]), (&json!("draft"), &json!("Night of Strings")));
    let path = format!("/api/events/{}", draft["id"].as_str().unwrap());
    for place in [&organiser.elsewhere(), &Client::new(&SHARED)] {
        place.get(&path).await.expect_problem(404, "not-found");
        place.get(&format!("{path}/availability")).await.expect_problem(404, "not-found");
    }
    let published = organiser.post(&format!("{path}/publish"), &json!({})).await.expect(200);
    assert_eq!(published["status"], "published");
    for place in [&organiser, &organiser.elsewhere()] {
        assert_eq!(
            place.get(&path).await.expect(200),
            as_everybody_reads_it(&published),
            "who wrote it reads it at once, everywhere"
        );
    }
    let stranger = organiser.forgetful();
    eventually("everybody reads it", async || stranger.get(&path).await.status.as_u16(), |status| *status == 200).await;
    assert_eq!(
        organiser.post(&format!("{path}/publish"), &json!({})).await.expect(200),
        published,
        "publishing twice is publishing once"
    );
}

/// PNG, 600 x 400, of one bit each.
const BLACK: &str = "iVBORw0KGgoAAAANSUhEUgAAAlgAAAGQAQAAAABaTiM1AAAANElEQVR42u3BAQ0AAADCoPdPbQ8HFAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAjwZ2wAABTwrGEAAAAABJRU5ErkJggg==";
const WHITE: &str = "iVBORw0KGgoAAAANSUhEUgAAAlgAAAGQAQAAAABaTiM1AAAAgklEQVR42u3MMQEAAAwCIPuX1hI7dkAA0jtxuVwul8vlcrlcLpfL5XK5XC6Xy+VyuVwul8vlcrlcLpfL5XK5XC6Xy+VyuVwul8vlcrlcLpfL5XK5XC6Xy+VyuVwul8vlcrlcLpfL5XK5XC6Xy+VyuVwul8vlcrlcLpfL5XK5XC7Xm2um9sGdGChlqwAAAABJRU5ErkJggg==";

async fn put_picture(client: &Client<'_>, event: &str, kind: &str, picture: &str) -> crate::client::Answer {
    let body = STANDARD.decode(picture).unwrap();
    client.send(Method::PUT, &format!("/api/events/{event}/image"), &[("content-type", kind)], Some(body)).await
}

#[tokio::test]
async fn a_picture_is_everywhere_for_good_and_gone_with_its_last_event() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let path = format!("/api/events/{}", show.id);
    assert_eq!(show.document["image"], Value::Null);

    let stranger = Client::register(&SHARED).await;
    put_picture(&stranger, &show.id, "image/png", BLACK).await.expect_problem(403, "forbidden");
    put_picture(&organiser, &show.id, "image/gif", BLACK).await.expect_problem(415, "unsupported-media-type");
    put_picture(&organiser, &show.id, "image/webp", BLACK).await.expect_problem(400, "invalid-request");

    let black = put_picture(&organiser, &show.id, "image/png", BLACK).await.expect(200)["image"].clone();
    let size = |file: &Value| (file["width"].as_u64().unwrap(), file["height"].as_u64().unwrap());
    let sizes = black["sizes"].as_array().unwrap();
    assert_eq!(sizes.iter().map(size).collect::<Vec<_>>(), [(480, 320), (600, 400)]);
    assert_eq!((size(&black), &black["url"]), ((600, 400), &sizes[1]["url"]));
    let elsewhere = organiser.elsewhere();
    for event in [organiser.get(&path).await.expect(200), elsewhere.get(&path).await.expect(200)] {
        assert_eq!(event["image"], black, "who gave it sees it, everywhere");
    }
    let mine = organiser.get(&format!("/api/organisers/{id}/events")).await.expect(200);
    assert_eq!(mine["items"][0]["image"], black);

    // At an edge that never saw it, and whoever asks.
    let (small, large) = (sizes[0]["url"].as_str().unwrap(), sizes[1]["url"].as_str().unwrap());
    let reader = Client::new(&SHARED).elsewhere();
    let file = reader.get(small).await;
    assert_eq!((file.status.as_u16(), file.header("content-type")), (200, Some("image/jpeg")));
    assert_eq!(file.header("cache-control"), Some("public, max-age=31536000, immutable"));
    assert_eq!(file.header("x-content-type-options"), Some("nosniff"));
    assert_eq!(file.bytes[..3], [0xff, 0xd8, 0xff]);
    let tag = file.header("etag").unwrap().to_owned();
    let known = reader.send(Method::GET, small, &[("if-none-match", &tag)], None).await;
    assert_eq!((known.status.as_u16(), known.bytes.len()), (304, 0));

    let again = json!({"starts_at": "2037-04-01T19:00:00Z"});
    let copy = organiser.post(&format!("{path}/copies"), &again).await.expect(201)["items"][0].clone();
    assert_eq!(copy["image"], black, "a copy keeps it");
    let white = put_picture(&organiser, &show.id, "image/png", WHITE).await.expect(200)["image"].clone();
    assert_ne!(white["url"], black["url"]);
    organiser.get(large).await.expect(200);
    let of_copy = format!("/api/events/{}/image", copy["id"].as_str().unwrap());
    stranger.send(Method::DELETE, &of_copy, &[], None).await.expect_problem(403, "forbidden");
    let without = organiser.send(Method::DELETE, &of_copy, &[], None).await.expect(200);
    assert_eq!(without["image"], Value::Null);
    // Nobody has asked for this one here; and the other edge, which was asked for it, has heard that an event has it no more. One without a replica remembers it
    // for a while.
    organiser.get(small).await.expect_problem(404, "not-found");
    let remembered = if SHARED.form == Form::Composed { 200 } else { 404 };
    eventually("nobody gives it", async || reader.get(small).await.status, |status| *status == remembered).await;
    organiser.get(white["url"].as_str().unwrap()).await.expect(200);
}

#[tokio::test]
async fn an_event_has_a_colour_of_its_own() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    for colour in ["red", "#fff", "#12345g", "url(x)", "#0b6e4f;"] {
        let refused = organiser.post("/api/events", &event(&id, json!({"accent": colour}))).await;
        assert_eq!(refused.expect_problem(400, "invalid-request")["errors"][0]["pointer"], "/accent", "{colour}");
    }
    let show = OnSale::publish(&organiser, &id, json!({"accent": "#0B6E4F"})).await;
    assert_eq!(show.document["accent"], "#0b6e4f", "in its one form");
    let path = format!("/api/events/{}", show.id);
    let change = async |accent: Value| {
        let etag = organiser.get(&path).await.header("etag").unwrap().to_owned();
        patch(&organiser, &show.id, Some(&etag), json!({ "accent": accent })).await.expect(200)
    };
    for place in [&organiser, &organiser.elsewhere()] {
        assert_eq!(place.get(&path).await.expect(200)["accent"], "#0b6e4f", "everywhere");
    }
    let again = json!({"starts_at": "2037-04-01T19:00:00Z"});
    let copy = organiser.post(&format!("{path}/copies"), &again).await.expect(201)["items"][0].clone();
    assert_eq!(copy["accent"], "#0b6e4f", "a copy has it, too");
    let same = change(json!("#0b6e4F")).await;
    assert_eq!(same["revision"], show.document["revision"], "nothing has changed");
    assert_eq!(change(json!("#ffcc00")).await["accent"], "#ffcc00");
    let mine = organiser.get(&format!("/api/organisers/{id}/events")).await.expect(200);
    let listed = mine["items"].as_array().unwrap().iter().find(|listed| listed["id"] == *show.id).unwrap();
    assert_eq!(listed["accent"], "#ffcc00");
    assert!(change(Value::Null).await.get("accent").is_none());
}

#[tokio::test]
async fn an_unchanged_event_is_not_sent_again() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let path = format!("/api/events/{}", show.id);
    let answer = organiser.get(&path).await;
    let etag = answer.header("etag").unwrap().to_owned();
    let again = organiser.send(Method::GET, &path, &[("if-none-match", &etag)], None).await;
    assert_eq!((again.status.as_u16(), again.bytes.len()), (304, 0));
    organiser.send(Method::GET, &path, &[("if-none-match", "\"other\"")], None).await.expect(200);
    let head = organiser.send(Method::HEAD, &path, &[], None).await;
    assert_eq!((head.status.as_u16(), head.bytes.len(), head.header("etag")), (200, 0, Some(&*etag)));
}

#[tokio::test]
async fn a_change_needs_the_version_that_was_read() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let etag = organiser.get(&format!("/api/events/{}", show.id)).await.header("etag").unwrap().to_owned();
    patch(&organiser, &show.id, None, json!({"title": "Other"})).await.expect_problem(428, "precondition-required");
    patch(&organiser, &show.id, Some("\"999\""), json!({"title": "Other"})).await.expect_problem(412, "precondition-failed");
    let changed = patch(&organiser, &show.id, Some(&etag), json!({"title": "Other"})).await.expect(200);
    assert_eq!(changed["title"], "Other");
    patch(&organiser, &show.id, Some(&etag), json!({"title": "Third"})).await.expect_problem(412, "precondition-failed");
    assert_eq!(organiser.elsewhere().get(&format!("/api/events/{}", show.id)).await.expect(200), as_everybody_reads_it(&changed));
}

#[tokio::test]
async fn capacity_grows_and_never_shrinks_below_what_is_taken() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 10).await;
    organiser.post_with(&unique("key"), "/api/bookings", &show.order(6)).await.expect(201);
    let types = |capacity: i64| json!({"ticket_types": [{"id": show.ticket, "name": "Standard", "price": 5000, "capacity": capacity, "per_person_limit": 10}]});
    let etag = async || organiser.get(&format!("/api/events/{}", show.id)).await.header("etag").unwrap().to_owned();
    patch(&organiser, &show.id, Some(&etag().await), types(5)).await.expect_problem(409, "wrong-state");
    assert_eq!(show.available(&organiser).await, 4, "a refused change changes nothing");
    patch(&organiser, &show.id, Some(&etag().await), types(8)).await.expect(200);
    assert_eq!(show.available(&organiser).await, 2);
    patch(&organiser, &show.id, Some(&etag().await), types(20)).await.expect(200);
    let booking = organiser.post_with(&unique("key"), "/api/bookings", &show.order(4)).await.expect(201);
    assert_eq!(booking["total"]["amount"], 20_000, "the new price is the ledger's too");
}

#[tokio::test]
async fn only_its_organiser_changes_an_event() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let (other, _) = Client::organiser(&SHARED).await;
    let etag = organiser.get(&format!("/api/events/{}", show.id)).await.header("etag").unwrap().to_owned();
    for person in [&other, &Client::register(&SHARED).await] {
        person.post("/api/events", &event(&id, json!({}))).await.expect_problem(403, "forbidden");
        patch(person, &show.id, Some(&etag), json!({"title": "Mine"})).await.expect_problem(403, "forbidden");
        person.post(&format!("/api/events/{}/cancel", show.id), &json!({})).await.expect_problem(403, "forbidden");
    }
    Client::new(&SHARED).post("/api/events", &event(&id, json!({}))).await.expect_problem(401, "unauthenticated");
}

#[tokio::test]
async fn a_repeated_write_is_done_once() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let (key, body) = (unique("key"), event(&id, json!({})));
    let first = organiser.post_with(&key, "/api/events", &body).await;
    let again = organiser.elsewhere().post_with(&key, "/api/events", &body).await;
    assert_eq!((first.status.as_u16(), &first.bytes), (again.status.as_u16(), &again.bytes));
    organiser
        .post_with(&key, "/api/events", &event(&id, json!({"title": "Other"})))
        .await
        .expect_problem(409, "idempotency-conflict");
}

#[tokio::test]
async fn cancelling_an_event_ends_the_sale_and_gives_money_back() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 10).await;
    let buyer = Client::register(&SHARED).await;
    let booking = buyer.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    let payment = buyer
        .post_with(
            &unique("key"),
            "/api/payments",
            &json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_ok"}}),
        )
        .await
        .expect(201);
    let cancelled = organiser.post(&format!("/api/events/{}/cancel", show.id), &json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");
    buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect_problem(409, "not-on-sale");
    organiser.post(&format!("/api/events/{}/publish", show.id), &json!({})).await.expect_problem(409, "wrong-state");
    let path = format!("/api/bookings/{}", booking["id"].as_str().unwrap());
    eventually(
        "its bookings are cancelled",
        async || {
            // Under stock Spin nothing happens by itself: the next look at the event drives it on.
            organiser.post(&format!("/api/events/{}/cancel", show.id), &json!({})).await.expect(200);
            buyer.get(&path).await.json
        },
        |booking| booking["status"] == "cancelled",
    )
    .await;
    let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
    eventually("money is back", async || buyer.get(&path).await.json, |payment| payment["refunded"]["amount"] == 9000).await;
}

#[tokio::test]
async fn an_event_that_makes_no_sense_is_refused_with_every_fault() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let types = |change: Value| {
        let mut ticket = json!({"name": "Standard", "price": 1, "capacity": 1, "per_person_limit": 1});
        change.as_object().unwrap().iter().for_each(|(name, value)| ticket[name] = value.clone());
        json!({"ticket_types": [ticket]})
    };
    for (change, pointer) in [
        (json!({"title": ""}), "/title"),
        (json!({"title": "x".repeat(201)}), "/title"),
        (json!({"description": 7}), "/description"),
        (json!({"category": "Rock & Roll!"}), "/category"),
        (json!({"venue": "there"}), "/venue"),
        (json!({"venue": {"name": "a", "city": "b", "country": "Sri Lanka"}}), "/venue/country"),
        (json!({"starts_at": "tomorrow"}), "/starts_at"),
        (json!({"starts_at": "2001-01-01T00:00:00Z"}), "/starts_at"),
        (json!({"ends_at": "2037-03-01T18:00:00Z"}), "/ends_at"),
        (json!({"timezone": "Middle Earth"}), "/timezone"),
        (json!({"currency": "XXQ"}), "/currency"),
        (json!({"ticket_types": []}), "/ticket_types"),
        (types(json!({"price": -1})), "/ticket_types/0/price"),
        (types(json!({"price": 1.5})), "/ticket_types/0/price"),
        (types(json!({"capacity": 0})), "/ticket_types/0/capacity"),
        (types(json!({"capacity": 10_000_000_000i64})), "/ticket_types/0/capacity"),
        (types(json!({"per_person_limit": 0})), "/ticket_types/0/per_person_limit"),
        (types(json!({"colour": "red"})), "/ticket_types/0/colour"),
        (json!({"status": "published"}), "/status"),
        (json!({"organiser_id": "nobody"}), "/organiser_id"),
    ] {
        let problem = organiser.post("/api/events", &event(&id, change.clone())).await.expect_problem(400, "invalid-request");
        let pointers: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|fault| fault["pointer"].as_str().unwrap()).collect();
        assert_eq!(pointers, [pointer], "{change}");
    }
}

#[tokio::test]
async fn a_name_that_cannot_be_seen_is_refused_and_what_hides_in_one_is_taken_out() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    for title in ["\u{200b}", "\u{2800}\u{3164}", "\u{202e}\u{202c}", "two\u{2028}lines"] {
        let problem =
            organiser.post("/api/events", &event(&id, json!({"title": title}))).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/title");
        organiser.post("/api/organisers", &json!({"name": title})).await.expect_problem(400, "invalid-request");
    }
    let change = json!({"title": "Night \u{202e}of\u{ad} Strings", "venue": {"name": "Blue\u{200b} Hall", "city": "Zu\u{308}rich", "country": "CH"}});
    let made = organiser.post("/api/events", &event(&id, change)).await.expect(201);
    assert_eq!(
        (&made["title"], &made["venue"]["name"], &made["venue"]["city"]),
        (&json!("Night of Strings"), &json!("Blue Hall"), &json!("Zürich"))
    );
}

#[tokio::test]
async fn prices_are_bound_by_what_they_are_worth_and_currencies_by_what_is_in_circulation() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let priced = |currency: &str, price: i64| json!({"currency": currency, "ticket_types": [{"name": "A", "price": price, "capacity": 1}]});
    for (currency, price, fault) in [
        ("IRR", 12_000_000_000_i64, None),
        ("LBP", 1_050_000_000, None),
        ("XCG", 4_500, None),
        ("EUR", 1_000_000_001, Some("/ticket_types/0/price")),
        ("BGN", 4_500, Some("/currency")),
        ("ANG", 4_500, Some("/currency")),
    ] {
        let answer = organiser.post("/api/events", &event(&id, priced(currency, price))).await;
        match fault {
            None => _ = answer.expect(201),
            Some(pointer) => {
                assert_eq!(answer.expect_problem(400, "invalid-request")["errors"][0]["pointer"], pointer, "{currency}")
            }
        }
    }
    let late = json!({"refund_until": "2037-03-02T00:00:00Z"});
    let problem = organiser.post("/api/events", &event(&id, late)).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/refund_until");
}
