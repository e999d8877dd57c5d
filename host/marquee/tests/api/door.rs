//! The door: check-in, its lists, attendees, and scanners without a network.

use crate::{
    SHARED,
    client::{Answer, Client, OnSale, unique},
    tickets::{booked, code, tickets},
};
use reqwest::Method;
use serde_json::{Value, json};

/// An event with free places, its organiser, a buyer, and the codes of three tickets of theirs.
async fn scene() -> (Client<'static>, OnSale, Client<'static>, String, Vec<String>) {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 100, 50).await;
    let buyer = Client::register(&SHARED).await;
    let path = booked(&buyer, &show, 3).await;
    let codes = tickets(&buyer, &path).await.iter().map(|ticket| code(ticket).to_owned()).collect();
    (organiser, show, buyer, path, codes)
}

async fn scan(door: &Client<'_>, body: Value) -> Value {
    door.post("/api/checkin", &body).await.expect(200)
}

async fn delete(client: &Client<'_>, path: &str) -> Answer {
    client.send(Method::DELETE, path, &[], None).await
}

#[tokio::test]
async fn a_ticket_lets_in_once_wherever_it_is_scanned() {
    let (organiser, show, _, _, codes) = scene().await;
    let first = scan(&organiser, json!({"code": codes[0], "gate": "north"})).await;
    assert_eq!((&first["result"], &first["gate"], &first["name"]), (&json!("admitted"), &json!("north"), &json!("Ada")));
    assert_eq!(first["ticket_type_id"], json!(show.ticket));
    let again = json!({"code": codes[0].to_lowercase(), "gate": "south", "event_id": show.id});
    let second = scan(&organiser.elsewhere(), again).await;
    assert_eq!(
        (&second["result"], &second["gate"], &second["admitted_at"]),
        (&json!("already-admitted"), &json!("north"), &first["admitted_at"])
    );
    // With a key a repeated request is answered as before.
    let (key, body) = (unique("key"), json!({"code": codes[1], "event_id": show.id}));
    let kept = organiser.post_with(&key, "/api/checkin", &body).await.expect(200);
    assert_eq!(organiser.elsewhere().post_with(&key, "/api/checkin", &body).await.expect(200), kept);

    let undo = json!({"code": codes[0], "event_id": show.id});
    assert_eq!(organiser.post("/api/checkin/undo", &undo).await.expect(200)["result"], "undone");
    assert_eq!(organiser.post("/api/checkin/undo", &undo).await.expect(200)["result"], "not-admitted");
    assert_eq!(scan(&organiser, json!({"code": codes[0]})).await["result"], "admitted");
}

#[tokio::test]
async fn many_scanners_at_once_let_in_once() {
    let (organiser, show, _, _, codes) = scene().await;
    let body = json!({"code": codes[2], "event_id": show.id});
    let doors: Vec<_> =
        (0..8).map(|number| if number % 2 == 0 { organiser.elsewhere() } else { organiser.elsewhere().elsewhere() }).collect();
    let mut results: Vec<_> = futures::future::join_all(doors.iter().map(|door| scan(door, body.clone()))).await;
    results.sort_by_key(|outcome| outcome["result"].to_string());
    let words: Vec<_> = results.iter().map(|outcome| outcome["result"].as_str().unwrap()).collect();
    assert_eq!(words, [&["admitted"][..], &["already-admitted"; 7]].concat());
    assert!(results.iter().all(|outcome| outcome["admitted_at"] == results[0]["admitted_at"]), "all say the same of the first");
}

#[tokio::test]
async fn cancelling_and_letting_in_are_one_of_the_two() {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 0, 100, 50).await;
    let buyer = Client::register(&SHARED).await;
    for round in 0..6 {
        let path = booked(&buyer, &show, 1).await;
        let code = code(&tickets(&buyer, &path).await[0]).to_owned();
        let (door, cancel) = (json!({"code": code, "event_id": show.id}), format!("{path}/cancel"));
        let nothing = json!({});
        let (outcome, cancelled) = tokio::join!(scan(&organiser, door.clone()), buyer.post(&cancel, &nothing));
        match (outcome["result"].as_str().unwrap(), cancelled.status.as_u16()) {
            ("admitted", 409) => assert_eq!(buyer.get(&path).await.expect(200)["status"], "confirmed"),
            ("void", 200) => assert_eq!(scan(&organiser, door).await["reason"], "cancelled"),
            both => panic!("round {round}: {both:?}"),
        }
    }
}

#[tokio::test]
async fn what_is_no_ticket_of_the_event_lets_nobody_in() {
    let (organiser, show, buyer, path, codes) = scene().await;
    let other = OnSale::with(&organiser, &organiser_of(&organiser).await, 0, 10, 5).await;
    for body in [
        json!({"code": ""}),
        json!({"code": "https://example.com/ticket/1"}),
        json!({"code": codes[0].replace(".1-1.", ".2-1.")}),
    ] {
        let outcome = scan(&organiser, body.clone()).await;
        assert_eq!((&outcome["result"], &outcome["name"]), (&json!("unknown"), &Value::Null), "{body}");
    }
    let outcome = scan(&organiser, json!({"code": codes[0], "event_id": other.id})).await;
    assert_eq!((&outcome["result"], &outcome["name"]), (&json!("wrong-event"), &Value::Null));
    buyer.post(&format!("{path}/cancel"), &json!({})).await.expect(200);
    let outcome = scan(&organiser, json!({"code": codes[0], "event_id": show.id})).await;
    assert_eq!((&outcome["result"], &outcome["reason"]), (&json!("void"), &json!("cancelled")));
    for (body, pointer) in [
        (json!({}), "/code"),
        (json!({"code": 1}), "/code"),
        (json!({"code": "x", "event_id": "x"}), "/event_id"),
        (json!({"code": "x", "at": "yesterday"}), "/at"),
        (json!({"code": "x", "gate": ""}), "/gate"),
        (json!({"code": "x", "list": "everybody"}), "/list"),
        (json!({"code": "x", "door": 1}), "/door"),
    ] {
        let problem = organiser.post("/api/checkin", &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let nowhere = json!({"code": codes[0], "event_id": "local_00000000000000000000000000"});
    organiser.post("/api/checkin", &nowhere).await.expect_problem(404, "not-found");
    buyer.post("/api/checkin", &json!({"code": codes[0]})).await.expect_problem(403, "forbidden");
}

async fn organiser_of(client: &Client<'_>) -> String {
    client.get("/api/organisers").await.expect(200)["items"][0]["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn lists_are_made_changed_used_and_deleted() {
    let (organiser, show, _, _, codes) = scene().await;
    let path = format!("/api/events/{}/checkin-lists", show.id);
    let made = organiser.post_with(&unique("key"), &path, &json!({"name": "Cloakroom", "entries": "many"})).await.expect(201);
    let list = made["id"].as_str().unwrap();
    for _ in 0..2 {
        let outcome = scan(&organiser, json!({"code": codes[0], "event_id": show.id, "list": list})).await;
        assert_eq!(outcome["result"], "admitted");
    }
    assert_eq!(scan(&organiser, json!({"code": codes[0], "event_id": show.id, "list": "default"})).await["result"], "admitted");
    let counts = |lists: &Value| -> Vec<(Value, i64)> {
        lists["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|list| (list["name"].clone(), list["admissions"].as_i64().unwrap()))
            .collect()
    };
    let all = organiser.elsewhere().get(&path).await.expect(200);
    assert_eq!(counts(&all), [(json!("All tickets"), 1), (json!("Cloakroom"), 2)]);

    let change = json!({"name": "Evening", "ticket_types": [show.ticket], "opens_at": "2037-03-01T18:00:00Z"});
    let one = format!("{path}/{list}");
    let changed = organiser.send(Method::PUT, &one, &[], Some(change.to_string().into())).await.expect(200);
    assert_eq!((&changed["entries"], &changed["admissions"]), (&json!("once"), &json!(2)));
    let outcome = scan(&organiser, json!({"code": codes[1], "event_id": show.id, "list": list})).await;
    assert_eq!((&outcome["result"], &outcome["reason"]), (&json!("void"), &json!("not-open")));
    delete(&organiser, &one).await.expect_problem(409, "wrong-state");
    let unused = organiser.post(&path, &json!({"name": "Unused"})).await.expect(201);
    let unused = format!("{path}/{}", unused["id"].as_str().unwrap());
    delete(&organiser, &unused).await.expect(204);
    delete(&organiser, &unused).await.expect_problem(404, "not-found");
    delete(&organiser, &format!("{path}/default")).await.expect_problem(404, "not-found");
    for (body, pointer) in [
        (json!({"name": "x", "ticket_types": []}), "/ticket_types"),
        (json!({"name": "x", "ticket_types": ["local_00000000000000000000000000"]}), "/ticket_types/0"),
        (json!({"name": "x", "entries": "twice"}), "/entries"),
        (json!({"name": "x", "opens_at": "2037-03-01T18:00:00Z", "closes_at": "2037-03-01T18:00:00Z"}), "/closes_at"),
    ] {
        let problem = organiser.post(&path, &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
}

#[tokio::test]
async fn attendees_are_found_and_exported() {
    let (organiser, show, buyer, path, codes) = scene().await;
    let evil = json!({"name": "=HYPERLINK(\"https://evil.example\")"});
    buyer.send(Method::PUT, &format!("{path}/tickets/2"), &[], Some(evil.to_string().into())).await.expect(200);
    scan(&organiser, json!({"code": codes[0], "gate": "north"})).await;
    let all = format!("/api/events/{}/attendees", show.id);
    let names = async |query: &str| -> Vec<Value> {
        organiser.get(&format!("{all}{query}")).await.expect(200)["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["name"].clone())
            .collect()
    };
    assert_eq!(names("").await.len(), 3);
    assert_eq!(names("?q=hyper").await, [evil["name"].clone()]);
    assert_eq!(
        (names("?state=admitted").await.len(), names("?state=valid").await.len(), names("?state=void").await.len()),
        (1, 2, 0)
    );
    assert_eq!(names(&format!("?ticket_type={}", show.ticket)).await.len(), 3);
    let page = organiser.get(&format!("{all}?limit=2")).await.expect(200);
    let rest = organiser.get(&format!("{all}?limit=2&cursor={}", page["next_cursor"].as_str().unwrap())).await.expect(200);
    assert_eq!(
        (page["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len(), &rest["next_cursor"]),
        (2, 1, &Value::Null)
    );
    let first = page["items"].as_array().unwrap().iter().find(|item| item["state"] == "admitted").unwrap();
    assert_eq!((&first["code"], &first["gate"]), (&json!(codes[0]), &json!("north")), "who runs the orders sees the code");

    let answer = organiser.send(Method::GET, &all, &[("accept", "text/csv")], None).await;
    assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
    let text = String::from_utf8(answer.bytes).unwrap();
    assert_eq!((text.lines().count(), text.contains("\"'=HYPERLINK(\"\"https://evil.example\"\")\"")), (4, true), "{text}");
    assert!(codes.iter().all(|code| !text.contains(code) && text.contains(code.rsplit_once('.').unwrap().0)), "files get lost");
    // Such a code lets in whom somebody at the door answers for.
    let reference = codes[2].rsplit_once('.').unwrap().0;
    assert_eq!(scan(&organiser, json!({"code": reference})).await["result"], "unknown");
    assert_eq!(scan(&organiser, json!({"code": reference, "manual": true})).await["result"], "admitted");
    for query in ["?limit=0", "?cursor=x", "?state=here", "?list=x", "?ticket_type=X", "?page=2"] {
        organiser.get(&format!("{all}{query}")).await.expect_problem(400, "invalid-request");
    }
}

#[tokio::test]
async fn a_scanner_without_a_network_tells_afterwards_what_it_has_scanned() {
    let (organiser, show, _, _, codes) = scene().await;
    let path = format!("/api/events/{}/checkin-list", show.id);
    let list = organiser.get(&path).await;
    let etag = list.header("etag").unwrap().to_owned();
    let list = list.expect(200);
    assert_eq!((list["tickets"].as_array().unwrap().len(), &list["next_cursor"]), (3, &Value::Null));
    organiser.send(Method::GET, &path, &[("if-none-match", &etag)], None).await.expect(304);

    let now = list["as_of"].as_str().unwrap().to_owned();
    scan(&organiser, json!({"code": codes[1], "event_id": show.id, "gate": "north"})).await;
    let body = json!({"event_id": show.id, "scans": [
        {"code": codes[0], "gate": "south", "at": now},
        {"code": codes[1], "gate": "south", "at": now},
        {"code": codes[0], "gate": "west", "at": now},
        {"code": "nonsense", "at": now},
    ]});
    let merged = organiser.post("/api/checkin/merge", &body).await.expect(200);
    let results: Vec<_> = merged["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|outcome| (outcome["result"].as_str().unwrap(), outcome["gate"].clone()))
        .collect();
    let expected = [
        ("admitted", json!("south")),
        ("admitted", json!("south")),
        ("already-admitted", json!("south")),
        ("unknown", Value::Null),
    ];
    assert_eq!(results, expected, "the second was before the scan at the north gate");
    assert_eq!(
        organiser.elsewhere().post("/api/checkin/merge", &body).await.expect(200),
        merged,
        "to tell of it again changes nothing"
    );
    let changed = organiser.send(Method::GET, &path, &[("if-none-match", &etag)], None).await.expect(200);
    assert_eq!(changed["tickets"].as_array().unwrap().iter().filter(|ticket| ticket["admitted"] == true).count(), 2);

    let late =
        json!({"event_id": show.id, "scans": [{"code": codes[2], "at": now}, {"code": codes[2], "at": "2099-01-01T00:00:00Z"}]});
    let problem = organiser.post("/api/checkin/merge", &late).await.expect_problem(400, "invalid-request");
    assert_eq!(problem["errors"][0]["pointer"], "/scans/1/at");
    assert_eq!(
        scan(&organiser, json!({"code": codes[2], "event_id": show.id})).await["result"],
        "admitted",
        "nothing of it was done"
    );
    for (body, pointer) in [
        (json!({"scans": [{"code": "x", "at": now}]}), "/event_id"),
        (json!({"event_id": show.id, "scans": []}), "/scans"),
        (json!({"event_id": show.id, "scans": [{"code": "x"}]}), "/scans/0/at"),
    ] {
        let problem = organiser.post("/api/checkin/merge", &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
}
