//! Check-in lists.

use super::world::*;
use crate::checkin::Scan;
use crate::limits;
use crate::lists::{self, List};
use kit::Problem;
use serde_json::{Value as Json, json};

fn list(id: &str) -> List {
    List { id: id.to_owned(), ..List::of_all() }
}

fn add(list: &List) -> Result<(), Problem> {
    written(async |tx| lists::add(tx, EVENT, list).await)
}

fn scan(list: &str, code: &str) -> (String, Option<String>) {
    let outcome = scanned("eu_door", Some(EVENT), Some(list), &scan_of(code)).unwrap();
    (outcome.result, outcome.reason)
}

fn said(result: &str, reason: Option<&str>) -> (String, Option<String>) {
    (result.to_owned(), reason.map(str::to_owned))
}

#[test]
fn each_list_lets_in_by_itself() {
    for database in worlds() {
        database.enter();
        add(&List { ticket_types: Some(vec!["eu_seat".into()]), ..list("eu_seats") }).unwrap();
        add(&List { many: true, ..list("eu_many") }).unwrap();
        add(&List { opens_at: Some(NOW + SECOND), closes_at: Some(NOW + 2 * SECOND), ..list("eu_late") }).unwrap();
        let (standing, seated) = (code(1, 1), code(3, 1));
        at_the_door(&standing);
        assert_eq!(scan("default", &standing), said("already-admitted", None));
        assert_eq!(scan("eu_seats", &standing), said("void", Some("not-on-list")));
        assert_eq!(scan("eu_seats", &seated), said("admitted", None));
        assert_eq!([scan("eu_many", &standing), scan("eu_many", &standing)], [said("admitted", None), said("admitted", None)]);
        assert_eq!(scan("eu_late", &seated), said("void", Some("not-open")));
        database.set_now(NOW + SECOND);
        assert_eq!(scan("eu_late", &seated), said("admitted", None));
        // A scanner says when it was, and may be a little ahead.
        let late = Scan { at: Some(NOW + 3 * SECOND), ..scan_of(&seated) };
        assert_eq!(scanned("eu_door", Some(EVENT), Some("eu_late"), &late).unwrap().result, "already-admitted");
        let problem = scanned("eu_door", Some(EVENT), Some("eu_none"), &scan_of(&seated)).unwrap_err();
        assert_eq!(problem.faults[0].pointer, "/list");

        let shown = written(async |tx| Ok(serde_json::to_value(lists::shown(tx, EVENT).await?).unwrap())).unwrap();
        let counts: Vec<_> =
            shown.as_array().unwrap().iter().map(|list| (&list["id"], &list["entries"], &list["admissions"])).collect();
        let expected = [("default", "once", 1), ("eu_late", "once", 1), ("eu_many", "many", 2), ("eu_seats", "once", 1)]
            .map(|(id, entries, count)| (json!(id), json!(entries), json!(count)));
        assert_eq!(counts, expected.each_ref().map(|(id, entries, count): &(Json, Json, Json)| (id, entries, count)));
    }
}

#[test]
fn a_list_is_of_its_events_types_and_there_are_not_too_many() {
    for database in worlds() {
        database.enter();
        let foreign = add(&List { ticket_types: Some(vec!["eu_seat".into(), "eu_t2".into()]), ..list("eu_l") }).unwrap_err();
        assert_eq!(foreign.faults[0].pointer, "/ticket_types/1");
        let never = add(&List { opens_at: Some(2), closes_at: Some(2), ..list("eu_l") }).unwrap_err();
        assert_eq!(never.faults[0].pointer, "/closes_at");
        for number in 0..limits::LISTS {
            add(&list(&format!("eu_l{number}"))).unwrap();
        }
        assert_eq!(add(&list("eu_more")).unwrap_err().kind.slug, "wrong-state");
    }
}

#[test]
fn a_list_that_let_somebody_in_stays() {
    for database in worlds() {
        database.enter();
        add(&list("eu_l")).unwrap();
        let remove = |event: &str, list: &str| {
            written(async |tx| lists::remove(tx, event, list).await).map_err(|problem| problem.kind.slug)
        };
        assert_eq!(remove("eu_e2", "eu_l"), Err("not-found"));
        assert_eq!(scan("eu_l", &code(1, 1)).0, "admitted");
        assert_eq!(remove(EVENT, "eu_l"), Err("wrong-state"));
        database.run("DELETE FROM admissions");
        assert_eq!(remove(EVENT, "eu_l"), Ok(()));
        assert_eq!(remove(EVENT, "eu_l"), Err("not-found"));
    }
}
