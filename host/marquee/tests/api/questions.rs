//! What organisers ask those who buy, and what becomes of the answers.

use crate::{
    SHARED,
    client::{Answer, Client, OnSale, event, eventually, unique},
    operations::admin,
    tickets::{booked, code, tickets},
};
use reqwest::Method;
use serde_json::{Value, json};

/// Something of each kind: two are required.
fn asked() -> Value {
    json!([
        {"label": "How did you hear of us?", "kind": "text", "per": "order", "required": true},
        {"label": "Meal", "help": "No fish on Sundays.", "kind": "choice", "choices": ["Fish", "Rice"], "per": "ticket", "required": true,
         "show_at_check_in": true},
        {"label": "Workshops", "kind": "choices", "choices": ["Bow", "Wood"], "per": "ticket"},
        {"label": "Write to me about other concerts.", "kind": "consent", "per": "order"},
        {"label": "Notes", "kind": "paragraph", "per": "order", "required": null},
    ])
}

/// An organiser, an event with tickets of this price that asks, and a buyer.
async fn scene(price: i64) -> (Client<'static>, OnSale, Client<'static>) {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let types = json!([{"name": "Standard", "price": price, "capacity": 50, "per_person_limit": 8}]);
    let show = OnSale::publish(&organiser, &id, json!({"ticket_types": types, "questions": asked()})).await;
    (organiser, show, Client::register(&SHARED).await)
}

/// The ids of its questions.
fn ids(show: &OnSale) -> Vec<String> {
    show.document["questions"].as_array().unwrap().iter().map(|question| question["id"].as_str().unwrap().to_owned()).collect()
}

async fn put(client: &Client<'_>, path: &str, body: &Value) -> Answer {
    client.send(Method::PUT, path, &[], Some(body.to_string().into())).await
}

/// What is required of an order of two tickets.
fn answers(ids: &[String]) -> Value {
    let meal = |number: u32, meal: &str| json!({"number": number, "answers": {&ids[1]: meal}});
    json!({"order": {&ids[0]: "=HYPERLINK(\"http://x\")", &ids[3]: true}, "tickets": [meal(1, "Fish"), meal(2, "Rice")]})
}

fn card(booking: &Value) -> Value {
    json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_ok"}})
}

#[tokio::test]
async fn nobody_pays_before_what_is_required_is_answered() {
    let (organiser, show, buyer) = scene(4500).await;
    let ids = ids(&show);
    // Everybody sees what is asked, at an edge; lists have no questions.
    let page = Client::new(&SHARED).elsewhere();
    let shown = eventually(
        "the event is there",
        async || page.get(&format!("/api/events/{}", show.id)).await,
        |answer| answer.status == 200,
    );
    let shown = shown.await.json;
    assert_eq!(shown["questions"], show.document["questions"]);
    assert_eq!((&shown["questions"][1]["help"], &shown["questions"][0].get("choices")), (&json!("No fish on Sundays."), &None));
    let listed = page.get("/api/events?q=strings&limit=1").await.expect(200);
    assert_eq!(listed["items"][0].get("questions"), None);

    let held = buyer.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    let path = format!("/api/bookings/{}/answers", held["id"].as_str().unwrap());
    let problem = buyer.post_with(&unique("key"), "/api/payments", &card(&held)).await.expect_problem(409, "answers-missing");
    let missing: Vec<_> =
        problem["missing"].as_array().unwrap().iter().map(|one| (one["question_id"].clone(), one["number"].clone())).collect();
    assert_eq!(missing, [(json!(ids[0]), Value::Null), (json!(ids[1]), json!(1)), (json!(ids[1]), json!(2))]);
    let before = buyer.elsewhere().get(&path).await.expect(200);
    assert_eq!(
        (&before["complete"], &before["order"], &before["questions"]),
        (&json!(false), &json!({}), &show.document["questions"])
    );

    let half = json!({"order": {&ids[0]: "Radio", &ids[4]: "one\ntwo"}, "tickets": [{"number": 2, "answers": {&ids[1]: "Fish", &ids[2]: ["Wood", "Bow"]}}]});
    let now = put(&buyer, &path, &half).await.expect(200);
    assert_eq!((&now["complete"], &now["order"]), (&json!(false), &half["order"]));
    assert_eq!(now["tickets"][1]["answers"], json!({&ids[1]: "Fish", &ids[2]: ["Bow", "Wood"]}));
    buyer.post_with(&unique("key"), "/api/payments", &card(&held)).await.expect_problem(409, "answers-missing");
    assert_eq!(put(&buyer.elsewhere(), &path, &answers(&ids)).await.expect(200)["complete"], true);
    let paid = buyer.post_with(&unique("key"), "/api/payments", &card(&held)).await.expect(201);
    assert_eq!(paid["status"], "completed");

    // The team sees them: of the order in the list, all of them with the order.
    let orders = format!("/api/events/{}/orders", show.id);
    let list = organiser.get(&orders).await.expect(200);
    let of_order = list["items"][0]["answers"].as_array().unwrap().clone();
    assert_eq!(of_order.iter().map(|answer| answer["kind"].as_str().unwrap()).collect::<Vec<_>>(), ["text", "consent"]);
    assert_eq!((&of_order[1]["label"], &of_order[1]["value"]), (&json!("Write to me about other concerts."), &json!(true)));
    let order = organiser.get(&format!("{orders}/{}", held["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(order["answers"].as_array().unwrap().len(), 4);
    let attendees = organiser.get(&format!("/api/events/{}/attendees", show.id)).await.expect(200);
    let meals: Vec<_> = attendees["items"].as_array().unwrap().iter().map(|one| one["answers"][0]["value"].clone()).collect();
    assert_eq!(meals, ["Fish", "Rice"]);

    // In files a column is a question, and what begins like a formula is none.
    for (path, heading, cell) in [
        (orders, "How did you hear of us?,Write to me about other concerts.,Notes", "\"'=HYPERLINK(\"\"http://x\"\")\",yes,\r\n"),
        (format!("/api/events/{}/attendees", show.id), "Meal,Workshops", ",Rice,\r\n"),
    ] {
        let csv = organiser.send(Method::GET, &path, &[("accept", "text/csv")], None).await;
        let text = String::from_utf8(csv.bytes).unwrap();
        assert!(text.lines().next().unwrap().ends_with(heading) && text.contains(cell), "{text}");
    }
}

#[tokio::test]
async fn tickets_that_cost_nothing_are_shown_once_what_is_required_is_answered() {
    let (organiser, show, buyer) = scene(0).await;
    let ids = ids(&show);
    let path = booked(&buyer, &show, 2).await;
    let booking = buyer.get(&path).await.expect(200);
    assert_eq!(
        (&booking["status"], &booking["tickets"], &booking["answers_missing"]),
        (&json!("confirmed"), &json!([]), &json!(true))
    );
    let shown = tickets(&buyer, &path).await;
    assert!(shown.iter().all(|ticket| ticket["code"].is_null() && ticket["answers_missing"] == true));
    let pdf = async || buyer.send(Method::GET, &format!("{path}/tickets"), &[("accept", "application/pdf")], None).await;
    assert_eq!(pdf().await.expect_problem(409, "answers-missing")["missing"].as_array().unwrap().len(), 3);
    let calendar = buyer.send(Method::GET, &format!("{path}/tickets"), &[("accept", "text/calendar")], None).await;
    assert!(calendar.status == 200 && !String::from_utf8(calendar.bytes).unwrap().contains("CANCELLED"));
    assert!(buyer.get("/api/tickets").await.expect(200)["items"][0]["code"].is_null());

    // Nobody is kept out for it: who stands at the door finds them in the list.
    let reference = organiser.get(&format!("/api/events/{}/attendees", show.id)).await.expect(200)["items"][1]["code"].clone();
    let scanned = organiser.post("/api/checkin", &json!({"code": reference, "event_id": show.id})).await.expect(200);
    assert_eq!((&scanned["result"], &scanned["answers_missing"]), (&json!("admitted"), &json!(true)));

    put(&buyer, &format!("{path}/answers"), &answers(&ids)).await.expect(200);
    let shown = tickets(&buyer.elsewhere(), &path).await;
    assert!(shown.iter().all(|ticket| ticket.get("answers_missing").is_none()));
    assert_eq!((pdf().await.status.as_u16(), buyer.get(&path).await.expect(200)["tickets"].as_array().unwrap().len()), (200, 2));
    let scanned = organiser.post("/api/checkin", &json!({"code": code(&shown[0]), "event_id": show.id})).await.expect(200);
    assert_eq!(
        (&scanned["result"], &scanned["answers"], scanned.get("answers_missing")),
        (&json!("admitted"), &json!([{"label": "Meal", "value": "Fish"}]), None)
    );
    // Who buys at the counter is asked nothing.
    let sale = json!({"items": show.order(1)["items"], "method": "cash"});
    organiser.post_with(&unique("key"), &format!("/api/events/{}/sales", show.id), &sale).await.expect(201);
}

#[tokio::test]
async fn faults_of_answers_and_questions_are_pointed_at() {
    let (organiser, show, buyer) = scene(0).await;
    let ids = ids(&show);
    let path = format!("{}/answers", booked(&buyer, &show, 1).await);
    for (body, pointers) in [
        (json!({"order": []}), vec!["/order".to_owned()]),
        (json!({"order": {"x": "y"}}), vec!["/order/x".to_owned(), format!("/order/{}", ids[0])]),
        (json!({"order": {&ids[0]: true, &ids[3]: "yes"}}), vec![format!("/order/{}", ids[0]), format!("/order/{}", ids[3])]),
        (json!({"order": {&ids[0]: {"text": "x"}}}), vec![format!("/order/{}", ids[0])]),
        (json!({"tickets": [{"number": 1, "answers": {&ids[1]: "Meat"}}]}), vec![format!("/tickets/0/answers/{}", ids[1])]),
        (json!({"tickets": [{"number": 1}]}), vec!["/tickets/0/answers".to_owned()]),
        (json!({"tickets": [{"number": 2, "answers": {&ids[1]: "Fish"}}]}), vec!["/tickets/0/number".to_owned()]),
        (json!({"answers": {}}), vec!["/answers".to_owned()]),
    ] {
        let problem = put(&buyer, &path, &body).await.expect_problem(400, "invalid-request");
        let found: Vec<_> =
            problem["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap().to_owned()).collect();
        assert_eq!(found, pointers, "{body}");
    }
    assert_eq!(buyer.get(&path).await.expect(200)["order"], json!({}));
    let other = Client::register(&SHARED).await;
    other.get(&path).await.expect_problem(404, "not-found");
    put(&other, &path, &json!({})).await.expect_problem(404, "not-found");

    let organiser_id = show.document["organiser_id"].as_str().unwrap();
    let question = |change: Value| {
        let mut question = json!({"label": "Meal", "kind": "text", "per": "order"});
        question.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        json!([question])
    };
    for (questions, pointer) in [
        (question(json!({"kind": "number"})), "/questions/0/kind"),
        (question(json!({"kind": "choice"})), "/questions/0/choices"),
        (question(json!({"choices": ["a"]})), "/questions/0/choices"),
        (question(json!({"kind": "choice", "choices": ["a", "a"]})), "/questions/0/choices/1"),
        (question(json!({"label": " "})), "/questions/0/label"),
        (question(json!({"id": ids[0]})), "/questions/0/id"),
        (question(json!({"ticket_types": [show.ticket]})), "/questions/0/ticket_types/0"),
        (json!(vec![question(json!({}))[0].clone(); 31]), "/questions"),
        (json!(vec![question(json!({"help": "x".repeat(1000)}))[0].clone(); 20]), "/questions"),
    ] {
        let problem = organiser.post("/api/events", &event(organiser_id, json!({"questions": questions}))).await;
        assert_eq!(problem.expect_problem(400, "invalid-request")["errors"][0]["pointer"], pointer, "{questions}");
    }
}

#[tokio::test]
async fn a_question_changes_and_what_was_answered_does_not() {
    let (organiser, show, buyer) = scene(0).await;
    let ids = ids(&show);
    let booking = booked(&buyer, &show, 1).await;
    let given = json!({"order": {&ids[0]: "Radio"}, "tickets": [{"number": 1, "answers": {&ids[1]: "Fish"}}]});
    put(&buyer, &format!("{booking}/answers"), &given).await.expect(200);

    let path = format!("/api/events/{}", show.id);
    let change = async |questions: &Value| {
        let etag = organiser.get(&path).await.header("etag").unwrap().to_owned();
        let body = json!({"questions": questions}).to_string();
        organiser.send(Method::PATCH, &path, &[("if-match", &etag)], Some(body.into())).await
    };
    let mut questions = show.document["questions"].clone();
    questions[0]["kind"] = "paragraph".into();
    change(&questions).await.expect_problem(409, "wrong-state");
    // The first is called otherwise and asked of one ticket type, the meal is asked no more, and there is another.
    let kept =
        json!({"id": ids[0], "label": "How did you find us?", "kind": "text", "per": "order", "ticket_types": [show.ticket]});
    let new = json!({"label": "Shirt", "kind": "choice", "choices": ["S", "M"], "per": "ticket", "required": true});
    let now = change(&json!([kept, new])).await.expect(200);
    assert_eq!((&now["questions"][0]["id"], now["questions"].as_array().unwrap().len()), (&json!(ids[0]), 2));
    assert!(!ids.contains(&now["questions"][1]["id"].as_str().unwrap().to_owned()), "an id means one question for good");

    let order = booking.rsplit_once('/').unwrap().1;
    let order = organiser.get(&format!("/api/events/{}/orders/{order}", show.id)).await.expect(200);
    let labels: Vec<_> = order["answers"].as_array().unwrap().iter().map(|answer| answer["label"].as_str().unwrap()).collect();
    assert_eq!(labels, ["How did you hear of us?", "Meal"]);
    let mine = buyer.get(&format!("{booking}/answers")).await.expect(200);
    assert_eq!((&mine["order"], &mine["tickets"][0]["answers"], &mine["complete"]), (&given["order"], &json!({}), &json!(false)));
    let file = organiser.send(Method::GET, &format!("{path}/attendees"), &[("accept", "text/csv")], None).await;
    let text = String::from_utf8(file.bytes).unwrap();
    assert!(text.contains(",Shirt,Meal\r\n") && text.contains(",,Fish\r\n"), "{text}");

    // A copy asks the same, by questions of its own.
    let copies = organiser.post(&format!("{path}/copies"), &json!({"starts_at": "2037-04-01T19:00:00Z"})).await.expect(201);
    let organiser_id = show.document["organiser_id"].as_str().unwrap();
    let drafts = organiser.get(&format!("/api/organisers/{organiser_id}/events?status=draft")).await.expect(200);
    let copy = &drafts["items"][0];
    assert_eq!((&copy["id"], &copy["questions"][0]["label"]), (&copies["items"][0]["id"], &json!("How did you find us?")));
    assert_eq!(copy["questions"][0]["ticket_types"], json!([copy["ticket_types"][0]["id"]]));
    assert_ne!(copy["questions"][0]["id"], json!(ids[0]));
}

#[tokio::test]
async fn who_is_given_a_ticket_answers_for_themselves() {
    let (organiser, show, buyer) = scene(0).await;
    let ids = ids(&show);
    let booking = booked(&buyer, &show, 2).await;
    put(&buyer, &format!("{booking}/answers"), &answers(&ids)).await.expect(200);
    let friend = Client::register(&SHARED).await;
    admin().await.post(&format!("/api/users/{}/verify-email", friend.user), &json!({})).await.expect(204);
    let email = friend.get("/api/auth/me").await.expect(200)["email"].clone();
    let offer = buyer.post(&format!("{booking}/tickets/2/transfer"), &json!({"email": email})).await.expect(201);
    let taken = friend.post("/api/tickets/accept", &json!({"token": offer["token"]})).await.expect(200);
    assert_eq!((&taken["code"], &taken["answers_missing"]), (&Value::Null, &json!(true)), "they are asked anew");

    let path = format!("{booking}/answers");
    let asked = friend.get(&path).await.expect(200);
    assert_eq!(
        (asked.get("order"), asked["questions"].as_array().unwrap().len()),
        (None, 2),
        "of the order they are asked nothing"
    );
    put(&friend, &path, &json!({"order": {&ids[0]: "x"}})).await.expect_problem(400, "invalid-request");
    let meal = json!({"tickets": [{"number": 2, "answers": {&ids[1]: "Rice"}}]});
    put(&buyer, &path, &meal).await.expect_problem(400, "invalid-request");
    assert_eq!(put(&friend, &path, &meal).await.expect(200)["complete"], true);
    let theirs = friend.get("/api/tickets").await.expect(200)["items"][0].clone();
    assert!(theirs["code"].is_string() && theirs.get("answers_missing").is_none(), "{theirs}");

    // The team puts it right, and may leave out what is required; a consent is nobody else's to give.
    let order = booking.rsplit_once('/').unwrap().1;
    let path = format!("/api/events/{}/orders/{order}/answers", show.id);
    let corrected =
        put(&organiser, &path, &json!({"order": {}, "tickets": [{"number": 2, "answers": {&ids[1]: "Fish"}}]})).await.expect(200);
    let values: Vec<_> = corrected["answers"]
        .as_array()
        .unwrap()
        .iter()
        .map(|answer| (answer["number"].clone(), answer["value"].clone()))
        .collect();
    assert_eq!(values, [(json!(1), json!("Fish")), (json!(2), json!("Fish"))]);
    let consent = put(&organiser, &path, &json!({"order": {&ids[3]: true}})).await.expect_problem(400, "invalid-request");
    assert_eq!(consent["errors"][0]["pointer"], format!("/order/{}", ids[3]));
    assert!(tickets(&buyer, &booking).await[0]["code"].is_null(), "the buyer is asked again");
    let elsewhere = format!("/api/events/{}/orders/{order}/answers", scene(0).await.1.id);
    put(&organiser, &elsewhere, &json!({})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn of_answers_given_at_once_the_last_ones_count_whole() {
    let (_, show, buyer) = scene(0).await;
    let ids = ids(&show);
    let path = format!("{}/answers", booked(&buyer, &show, 1).await);
    let other = buyer.elsewhere();
    let give =
        |word: &str| json!({"order": {&ids[0]: word, &ids[4]: word}, "tickets": [{"number": 1, "answers": {&ids[1]: "Fish"}}]});
    let bodies: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(give).into();
    let all = bodies.iter().enumerate().map(|(at, body)| put(if at % 2 == 0 { &buyer } else { &other }, &path, body));
    for answer in futures::future::join_all(all).await {
        answer.expect(200);
    }
    let order = buyer.get(&path).await.expect(200)["order"].clone();
    assert_eq!(order[&ids[0]], order[&ids[4]]);
}
