//! Questions, and who answers them when.

use super::world::*;
use crate::answers::{self, Body, Columns, Scope, Who};
use crate::{booking_tickets, mine, offline, transfer};
use kit::questions::QuestionScope;
use kit::sql::testing::Database;
use kit::{Problem, Request};
use serde_json::{Value as Json, json};

const HOUR: i64 = 3600 * SECOND;

/// An event that begins in an hour and asks these questions.
fn asking(database: &Database, questions: &Json) {
    let (starts, ends) = (NOW + HOUR, NOW + 4 * HOUR);
    let questions = questions.to_string().replace('\'', "''");
    database.run(&format!(
        "UPDATE events SET questions = '{questions}', starts_at = {starts}, ends_at = {ends} WHERE id = '{EVENT}'"
    ));
}

fn questions() -> Json {
    json!([
        {"id": "eu_q1", "label": "How did you hear of us?", "kind": "text", "per": "order", "required": true},
        {"id": "eu_q2", "label": "Meal", "kind": "choice", "choices": ["Fish", "Rice"], "per": "ticket", "required": true, "ticket_types": ["eu_seat"],
         "show_at_check_in": true},
        {"id": "eu_q3", "label": "Send me news", "kind": "consent", "per": "order", "required": false},
        {"id": "eu_q4", "label": "Notes", "kind": "paragraph", "per": "ticket", "required": false},
    ])
}

/// What somebody answers, as they send it.
fn give(who: Who<'_>, body: &Json) -> Result<(), Problem> {
    let body = Body::of(body)?;
    written(async |tx| answers::write(tx, &Request::of_nobody(), BOOKING, who, &body).await)
}

fn answered(person: &str, body: Json) -> Result<(), (&'static str, Vec<String>)> {
    give(Who::Person(person), &body)
        .map_err(|problem| (problem.kind.slug, problem.faults.into_iter().map(|fault| fault.pointer).collect()))
}

fn shown(person: &str) -> Json {
    written(async |tx| Ok(serde_json::to_value(answers::shown(tx, BOOKING, person).await?).unwrap())).unwrap()
}

/// The codes of the booking's tickets that somebody sees.
fn codes(person: &str) -> Vec<bool> {
    let key = key();
    let views = written(async |tx| booking_tickets::views(tx, &key, BOOKING, person).await).unwrap();
    serde_json::to_value(views).unwrap().as_array().unwrap().iter().map(|view| view["code"].is_string()).collect()
}

fn papers(person: &str) -> (usize, usize) {
    let key = key();
    let order = written(async |tx| booking_tickets::order(tx, &key, BOOKING, person).await).unwrap();
    (order.tickets.len(), order.withheld)
}

fn told(database: &Database) -> Vec<Json> {
    let rows: Vec<(String,)> = database.all_rows("SELECT payload FROM journal WHERE type = 'order.answered'");
    rows.into_iter().map(|(payload,)| serde_json::from_str(&payload).unwrap()).collect()
}

fn rows(database: &Database) -> Vec<(i64, String, String, String, String, i64)> {
    database.all_rows("SELECT number, question, person, label, value, answered_at FROM answers ORDER BY number, question")
}

#[test]
fn codes_are_shown_once_what_is_required_is_answered() {
    for database in worlds() {
        database.enter();
        assert_eq!((codes("eu_ada"), papers("eu_ada")), (vec![true; 3], (3, 0)), "nothing is asked");
        asking(&database, &questions());
        assert_eq!((codes("eu_ada"), papers("eu_ada")), (vec![false; 3], (0, 3)));
        assert_eq!(shown("eu_ada")["complete"], false);

        assert_eq!(answered("eu_ada", json!({"order": {"eu_q1": "From  Grace"}})), Ok(()));
        assert_eq!((codes("eu_ada"), papers("eu_ada")), (vec![true, true, false], (2, 1)));
        assert_eq!(
            answered("eu_ada", json!({"tickets": [{"number": 3, "answers": {"eu_q2": "Rice", "eu_q4": "a\nb"}}]})),
            Ok(())
        );
        assert_eq!((codes("eu_ada"), papers("eu_ada")), (vec![true; 3], (3, 0)));
        let now = shown("eu_ada");
        assert_eq!((&now["complete"], &now["order"]), (&json!(true), &json!({"eu_q1": "From Grace"})));
        assert_eq!(
            now["tickets"][2],
            json!({"number": 3, "ticket_type_id": "eu_seat", "answers": {"eu_q2": "Rice", "eu_q4": "a\nb"}})
        );
        // What changes nothing is not told of; the journal has no answer.
        assert_eq!(answered("eu_ada", json!({"order": {"eu_q1": "From Grace"}})), Ok(()));
        let journal = told(&database);
        let [completed] = &journal.iter().filter(|entry| entry["completed"] == true).collect::<Vec<_>>()[..] else {
            panic!("{journal:?}")
        };
        assert_eq!(
            (&completed["tickets"], &completed["user_id"], &completed["actor"], journal.len()),
            (&json!([3]), &json!("eu_ada"), &json!("eu_ada"), 2)
        );
        assert!(journal.iter().all(|entry| !entry.to_string().contains("Grace") && !entry.to_string().contains("Rice")));

        // A question that is required later is asked those who have their tickets; once the event is over nothing is missing.
        let mut more = questions();
        more[3]["required"] = true.into();
        asking(&database, &more);
        assert_eq!(codes("eu_ada"), [false, false, true]);
        database.set_now(NOW + 4 * HOUR);
        assert_eq!((codes("eu_ada"), shown("eu_ada")["complete"].clone()), (vec![true; 3], json!(true)));
        assert_eq!(answered("eu_ada", json!({})), Err(("wrong-state", vec![])));
    }
}

#[test]
fn every_fault_of_an_answer_is_pointed_at() {
    for database in worlds() {
        database.enter();
        asking(&database, &questions());
        for (body, pointers) in [
            (json!({"order": {}}), vec!["/order/eu_q1"]),
            (json!({"order": {"eu_q1": "x", "eu_q2": "Rice", "a/b": "x"}}), vec!["/order/a~1b", "/order/eu_q2"]),
            (json!({"order": {"eu_q1": "x", "eu_q3": "yes"}}), vec!["/order/eu_q3"]),
            (json!({"tickets": [{"number": 3, "answers": {"eu_q2": "Meat"}}]}), vec!["/tickets/0/answers/eu_q2"]),
            (json!({"tickets": [{"number": 3, "answers": {"eu_q2": null}}]}), vec!["/tickets/0/answers/eu_q2"]),
            (json!({"tickets": [{"number": 1, "answers": {"eu_q2": "Rice"}}]}), vec!["/tickets/0/answers/eu_q2"]),
            (json!({"tickets": [{"number": 1, "answers": {}}, {"number": 1, "answers": {}}]}), vec!["/tickets/1/number"]),
            (json!({"tickets": [{"number": 4, "answers": {}}]}), vec!["/tickets/0/number"]),
            (
                json!({"order": {"eu_q1": "x".repeat(201)}, "tickets": [{"number": 3, "answers": {}}]}),
                vec!["/order/eu_q1", "/tickets/0/answers/eu_q2"],
            ),
        ] {
            let pointers = pointers.into_iter().map(str::to_owned).collect();
            assert_eq!(answered("eu_ada", body.clone()), Err(("invalid-request", pointers)), "{body}");
        }
        let notes: Vec<Json> = (0..3).map(|number| json!({"id": format!("eu_n{number}"), "label": "N", "kind": "paragraph", "per": "order", "required": false})).collect();
        asking(&database, &json!(notes));
        let long = "x".repeat(1_900);
        let body = json!({"order": {"eu_n0": long, "eu_n1": long, "eu_n2": long}});
        assert_eq!(answered("eu_ada", body), Err(("invalid-request", vec!["/order".to_owned()])));
        assert_eq!(rows(&database), []);
        assert_eq!(answered("eu_grace", json!({})), Err(("not-found", vec![])), "somebody else's is not there");
    }
}

#[test]
fn what_was_answered_stays_once_the_event_has_begun_and_what_is_missing_can_still_be_given() {
    for database in worlds() {
        database.enter();
        asking(&database, &questions());
        assert_eq!(answered("eu_ada", json!({"order": {"eu_q1": "Radio", "eu_q3": true}})), Ok(()));
        database.set_now(NOW + HOUR);
        assert_eq!(answered("eu_ada", json!({"order": {"eu_q1": "Friends", "eu_q3": true}})), Err(("wrong-state", vec![])));
        assert_eq!(answered("eu_ada", json!({"tickets": [{"number": 3, "answers": {"eu_q2": "Fish"}}]})), Ok(()));
        assert_eq!(answered("eu_ada", json!({"order": {"eu_q1": "Radio"}})), Ok(()), "a consent is taken back at any time");
        assert_eq!(shown("eu_ada")["order"], json!({"eu_q1": "Radio"}));

        // What is not bought yet is answered before it is bought, whenever that is.
        database.run(&format!("UPDATE bookings SET status = 'held', expires_at = {} WHERE id = '{BOOKING}'", NOW + 2 * HOUR));
        assert_eq!(answered("eu_ada", json!({"order": {"eu_q1": "Friends"}})), Ok(()));
        database.set_now(NOW + 2 * HOUR);
        assert_eq!(answered("eu_ada", json!({"order": {"eu_q1": "Radio"}})), Err(("wrong-state", vec![])), "the hold is over");
        database.run(&format!("UPDATE bookings SET status = 'cancelled', expires_at = NULL WHERE id = '{BOOKING}'"));
        assert_eq!(answered("eu_ada", json!({"order": {"eu_q1": "Radio"}})), Err(("wrong-state", vec![])));
    }
}

#[test]
fn a_consent_has_the_words_that_were_agreed_to_and_when() {
    for database in worlds() {
        database.enter();
        let mut asked = questions();
        asking(&database, &asked);
        let body = json!({"order": {"eu_q1": "Radio", "eu_q3": true}});
        assert_eq!(answered("eu_ada", body.clone()), Ok(()));
        database.set_now(NOW + 1);
        assert_eq!(answered("eu_ada", body.clone()), Ok(()));
        let consent = |rows: &[(i64, String, String, String, String, i64)]| (rows[1].3.clone(), rows[1].4.clone(), rows[1].5);
        assert_eq!(consent(&rows(&database)), ("Send me news".to_owned(), "true".to_owned(), NOW));
        // Asked in other words, it means the old ones until it is given again.
        asked[2]["label"] = "Send me news and offers".into();
        asking(&database, &asked);
        assert_eq!(consent(&rows(&database)).0, "Send me news");
        assert_eq!(answered("eu_ada", body), Ok(()));
        assert_eq!(consent(&rows(&database)), ("Send me news and offers".to_owned(), "true".to_owned(), NOW + 1));
        // The team takes it back and gives it for nobody.
        let team = |body: &Json| {
            give(Who::Team { event: EVENT, member: "eu_manager" }, body).map_err(|problem| problem.faults[0].pointer.clone())
        };
        assert_eq!(team(&json!({"order": {"eu_q3": true}})), Ok(()), "as it was; and what is required may be left out");
        assert_eq!(team(&json!({"order": {}})), Ok(()));
        assert_eq!(team(&json!({"order": {"eu_q3": true}})), Err("/order/eu_q3".to_owned()));
        assert_eq!(rows(&database), []);
        let elsewhere = give(Who::Team { event: "eu_e2", member: "eu_other" }, &json!({})).unwrap_err();
        assert_eq!(elsewhere.kind.slug, "not-found");
    }
}

#[test]
fn who_is_given_a_ticket_is_asked_anew() {
    for database in worlds() {
        database.enter();
        asking(&database, &questions());
        let all = json!({"order": {"eu_q1": "Radio"}, "tickets": [{"number": 3, "answers": {"eu_q2": "Rice"}}]});
        assert_eq!(answered("eu_ada", all), Ok(()));
        let request = Request::of_nobody();
        written(async |tx| {
            let made = transfer::make(tx, &request, (BOOKING, 3), "eu_ada", "grace@example.com", "eu_offer".to_owned()).await;
            made.map(drop)
        })
        .unwrap();
        written(async |tx| transfer::take(tx, &request, "eu_offer", "eu_grace").await).unwrap();
        assert_eq!(rows(&database).iter().map(|row| row.0).collect::<Vec<_>>(), [0], "answers are whoever's gave them");
        let key = key();
        let hers = || {
            let view = written(async |tx| mine::one(tx, &key, BOOKING, 3).await).unwrap();
            let view = serde_json::to_value(view).unwrap();
            (view["code"].is_string(), view["answers_missing"] == true)
        };
        assert_eq!((codes("eu_ada"), hers()), (vec![true, true, false], (false, true)));
        let now = shown("eu_grace");
        assert_eq!((&now["order"], &now["complete"], &now["tickets"][0]["number"]), (&Json::Null, &json!(false), &json!(3)));
        assert_eq!(
            now["questions"].as_array().unwrap().iter().map(|question| &question["id"]).collect::<Vec<_>>(),
            ["eu_q2", "eu_q4"]
        );
        assert_eq!(shown("eu_ada")["tickets"].as_array().unwrap().len(), 2);

        let meal = json!({"tickets": [{"number": 3, "answers": {"eu_q2": "Fish"}}]});
        assert_eq!(answered("eu_ada", meal.clone()), Err(("invalid-request", vec!["/tickets/0/number".to_owned()])));
        assert_eq!(answered("eu_grace", json!({"order": {"eu_q1": "x"}})), Err(("invalid-request", vec!["/order".to_owned()])));
        assert_eq!(answered("eu_grace", meal), Ok(()));
        assert_eq!((rows(&database)[1].2.as_str(), hers()), ("eu_grace", (true, false)));
        let outcome = at_the_door(&code(3, 2));
        assert_eq!((result(&outcome), outcome.answers_missing), (("admitted", None), false));
    }
}

#[test]
fn a_missing_answer_keeps_nobody_out() {
    for database in worlds() {
        database.enter();
        asking(&database, &questions());
        let outcome = at_the_door(&code(3, 1));
        assert_eq!((result(&outcome), outcome.answers_missing, outcome.answers.len()), (("admitted", None), true, 0));
        let all =
            json!({"order": {"eu_q1": "Radio"}, "tickets": [{"number": 3, "answers": {"eu_q2": "Rice", "eu_q4": "secret"}}]});
        assert_eq!(answered("eu_ada", all), Ok(()));
        let outcome = serde_json::to_value(at_the_door(&code(3, 1))).unwrap();
        assert_eq!(
            (&outcome["result"], &outcome["answers"]),
            (&json!("already-admitted"), &json!([{"label": "Meal", "value": "Rice"}]))
        );
        assert_eq!(outcome.get("answers_missing"), None);
        // A device that is away from the network knows no answers, and what it merges has none.
        let list = serde_json::to_string(&written(async |tx| offline::page(tx, EVENT, None, None).await).unwrap()).unwrap();
        assert!(!list.contains("Rice"));
        let merged = scanned(
            "eu_door",
            Some(EVENT),
            None,
            &crate::checkin::Scan { way: crate::checkin::Way::Offline, at: Some(NOW), ..scan_of(&code(3, 1)) },
        );
        assert_eq!(merged.unwrap().answers, []);
        // Nobody is asked at the counter.
        database.run("DELETE FROM answers");
        database.run(&format!("INSERT INTO order_details (booking, channel, updated_at) VALUES ('{BOOKING}', 'counter', 0)"));
        assert!(!at_the_door(&code(1, 1)).answers_missing);
        assert_eq!(codes("eu_ada"), [true; 3]);
    }
}

#[test]
fn answers_to_what_is_asked_no_more_stay_with_the_question_as_it_was() {
    for database in worlds() {
        database.enter();
        asking(&database, &questions());
        let all = json!({"order": {"eu_q1": "=HYPERLINK(1)"}, "tickets": [{"number": 3, "answers": {"eu_q2": "Rice"}}]});
        assert_eq!(answered("eu_ada", all), Ok(()));
        asking(
            &database,
            &json!([{"id": "eu_q5", "label": "Shirt", "kind": "choices", "choices": ["S", "M"], "per": "order", "required": false}]),
        );
        assert_eq!(answered("eu_ada", json!({"order": {"eu_q5": ["M", "S"]}})), Ok(()));
        assert_eq!(shown("eu_ada")["order"], json!({"eu_q5": ["S", "M"]}));
        let (labels, cells, all) = written(async |tx| {
            let columns = Columns::of(tx, EVENT, QuestionScope::Order).await?;
            let answers = answers::of_bookings(tx, [BOOKING, "eu_b2"], Scope::Orders).await?;
            let all = answers::of_bookings(tx, [BOOKING], Scope::All).await?;
            let labels: Vec<String> = columns.labels().map(str::to_owned).collect();
            Ok((labels, [columns.cells(answers.get(&(BOOKING.to_owned(), 0))), columns.cells(None)], all))
        })
        .unwrap();
        assert_eq!(labels, ["Shirt", "How did you hear of us?"]);
        assert_eq!(cells, [["S; M", "=HYPERLINK(1)"].map(str::to_owned).to_vec(), ["", ""].map(str::to_owned).to_vec()]);
        let of_ticket = serde_json::to_value(&all[&(BOOKING.to_owned(), 3)]).unwrap();
        assert_eq!(
            (&of_ticket[0]["label"], &of_ticket[0]["value"], &of_ticket[0]["number"]),
            (&json!("Meal"), &json!("Rice"), &json!(3))
        );
    }
}

#[test]
fn of_two_answers_at_once_the_later_one_counts_and_none_is_half_there() {
    for database in worlds() {
        database.enter();
        asking(&database, &questions());
        let answer = |word: &'static str| {
            move || {
                answered(
                    "eu_ada",
                    json!({"order": {"eu_q1": word}, "tickets": [{"number": 3, "answers": {"eu_q2": "Rice", "eu_q4": word}}]}),
                )
            }
        };
        let done = at_once(&database, ["a", "b", "c", "d"].map(answer).into());
        assert_eq!(done, [Ok(()), Ok(()), Ok(()), Ok(())]);
        let now = shown("eu_ada");
        assert_eq!(now["order"]["eu_q1"], now["tickets"][2]["answers"]["eu_q4"]);
        assert_eq!(told(&database).iter().filter(|entry| entry["completed"] == true).count(), 1, "its tickets are mailed once");
    }
}
