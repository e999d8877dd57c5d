//! Letting people in.

use super::world::*;
use crate::checkin::{self, Outcome, Scan, Way};
use crate::scan::Door;
use kit::sql::testing::Database;
use kit::tickets::{self, SigningKey};
use kit::{Problem, Request};

fn undone(person: &str, code: &str) -> Result<Outcome, Problem> {
    let claims = claims(person);
    written(async |tx| {
        let door = Door::open(tx, &claims, Some(EVENT)).await?;
        checkin::take_back(tx, &Request::of_nobody(), &door, None, (code, false)).await
    })
}

fn journal(database: &Database) -> Vec<(String, String)> {
    database.all_rows("SELECT type, aggregate FROM journal WHERE type LIKE 'ticket.%' ORDER BY aggregate, version")
}

#[test]
fn a_ticket_lets_in_once_and_later_scans_say_when_and_where() {
    for database in worlds() {
        database.enter();
        let first = at_the_door(&code(1, 1));
        let expected = Outcome {
            result: "admitted".into(),
            reason: None,
            admitted_at: Some("2027-01-15T08:00:00Z".into()),
            gate: Some("north".into()),
            ticket_type_id: Some("eu_stand".into()),
            name: Some("Ada Lovelace".into()),
            answers: vec![],
            answers_missing: false,
        };
        assert_eq!(first, expected);
        database.set_now(NOW + 60 * SECOND);
        let again = Scan { gate: Some("south".into()), ..scan_of(&code(1, 1).to_lowercase()) };
        let second = scanned("eu_owner", None, None, &again).unwrap();
        assert_eq!(second, Outcome { result: "already-admitted".into(), ..expected });
        assert_eq!(result(&at_the_door(&code(2, 1))), ("admitted", None), "another ticket of the booking");
        let admitted: Vec<(i64, i64, String, String)> =
            database.all_rows("SELECT number, at, gate, admitted_by FROM admissions ORDER BY number");
        let by_door = |number, at| (number, at, "north".to_owned(), "eu_door".to_owned());
        assert_eq!(admitted, [by_door(1, NOW), by_door(2, NOW + 60 * SECOND)]);
        let told = |number: u32| ("ticket.admitted".to_owned(), format!("eu_b1.{number:04}"));
        assert_eq!(journal(&database), [told(1), told(2)], "a refused scan is no news");
    }
}

#[test]
fn of_scans_at_the_same_time_one_lets_in() {
    for database in worlds() {
        database.enter();
        let code = code(1, 1);
        let scanner = || || scanned("eu_door", Some(EVENT), None, &scan_of(&code)).unwrap().result;
        let mut results = at_once(&database, (0..6).map(|_| scanner()).collect());
        results.sort();
        assert_eq!(results[0], "admitted");
        assert!(results[1..].iter().all(|result| result == "already-admitted"), "{results:?}");
        let rows: Vec<(i64,)> = database.all_rows("SELECT COUNT(*) FROM admissions");
        assert_eq!((rows[0].0, journal(&database).len()), (1, 1));
    }
}

#[test]
fn the_key_of_the_table_lets_in_once_whatever_the_code_decides() {
    for database in worlds() {
        database.enter();
        at_the_door(&code(1, 1));
        let again = written(async |tx| {
            tx.execute(
                "INSERT INTO admissions (booking, number, list, entry, event, at, admitted_by, way, created_at) \
                 SELECT booking, number, list, entry, event, at, admitted_by, way, created_at FROM admissions",
                [],
            )
            .await?;
            Ok(())
        });
        assert!(again.is_err());
    }
}

#[test]
fn what_lets_nobody_in_says_why() {
    for database in worlds() {
        database.enter();
        let other = SigningKey::from_seed(&[9; 32]);
        let forged = tickets::code(&other, (BOOKING, 1, 1), EVENT, "eu_stand");
        for text in [
            &*forged,
            "nonsense",
            "0123456789abcdef",
            "EU.T1.B1.1-1",
            &code(4, 1),
            "",
            &tickets::code(&key(), ("eu_none", 1, 1), EVENT, "eu_stand"),
        ] {
            assert_eq!(result(&at_the_door(text)), ("unknown", None), "{text}");
        }
        // Signed by the right key for what it is not: nobody is ever given such a code.
        for (event, ticket_type) in [(EVENT, "eu_seat"), ("eu_e2", "eu_stand")] {
            assert_eq!(result(&at_the_door(&tickets::code(&key(), (BOOKING, 1, 1), event, ticket_type))), ("unknown", None));
        }
        let elsewhere = tickets::code(&key(), ("eu_ob", 1, 1), "eu_e2", "eu_t2");
        let outcome = at_the_door(&elsewhere);
        assert_eq!(outcome, Outcome { result: "wrong-event".into(), ..Outcome::default() }, "nothing is said of another event");
        assert_eq!(result(&at_the_door(&code(1, 2))), ("void", Some("replaced")));

        database.run("INSERT INTO ticket_stops (id, booking, until) VALUES ('s', 'eu_b1', 1800000000000001)");
        assert_eq!(result(&at_the_door(&code(1, 1))), ("void", Some("cancelled")));
        database.set_now(NOW + 1);
        assert_eq!(result(&at_the_door(&code(1, 1))), ("admitted", None), "a stop runs out");

        database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_b1'");
        for number in [1, 2] {
            assert_eq!(result(&at_the_door(&code(number, 1))), ("void", Some("cancelled")));
        }
        let seat = tickets::code(&key(), ("eu_b2", 1, 1), EVENT, "eu_seat");
        database.run("UPDATE events SET status = 'cancelled' WHERE id = 'eu_e'");
        assert_eq!(result(&at_the_door(&seat)), ("void", Some("cancelled")), "before the ledger has cancelled every booking");
        database.run("UPDATE bookings SET status = 'expired' WHERE id = 'eu_b2'");
        assert_eq!(result(&at_the_door(&seat)), ("unknown", None), "nobody was given a code of it");
    }
}

#[test]
fn codes_of_a_retired_key_stay_good_and_those_of_a_revoked_one_do_not() {
    for database in worlds() {
        database.enter();
        let (first, second) = (code(1, 1), code(2, 1));
        database.run("UPDATE ticket_keys SET retired_at = 1, private_key = NULL, slot = NULL");
        let anew = code(1, 1);
        assert_ne!(anew, first, "another key signs");
        assert_eq!(result(&at_the_door(&first)), ("admitted", None));
        assert_eq!(result(&at_the_door(&anew)), ("already-admitted", None), "the same ticket");
        database.run("UPDATE ticket_keys SET revoked_at = 1 WHERE retired_at IS NOT NULL");
        assert_eq!(result(&at_the_door(&second)), ("unknown", None));
        assert_eq!(result(&at_the_door(&code(2, 1))), ("admitted", None));
    }
}

#[test]
fn codes_from_before_they_were_signed_are_still_good() {
    for database in worlds() {
        database.enter();
        let short = |number| tickets::short_code("seed eu_b1", number);
        assert_eq!(result(&at_the_door(&short(1).to_uppercase())), ("admitted", None));
        assert_eq!(result(&at_the_door(&code(1, 1))), ("already-admitted", None), "the same ticket");
        // The scanner does not say which event: one of those that its person's organisers have about now.
        assert_eq!(result(&scanned("eu_door", None, None, &scan_of(&short(2))).unwrap()), ("admitted", None));
        assert_eq!(result(&at_the_door(&tickets::short_code("seed eu_ob", 1))), ("unknown", None));
        // Bookings that came since are found as well.
        book(&database, ("eu_b3", EVENT), "eu_grace", &[("eu_seat", 1)]);
        assert_eq!(result(&at_the_door(&tickets::short_code("seed eu_b3", 1))), ("admitted", None));
        database.run("UPDATE tickets SET generation = 2 WHERE booking = 'eu_b3'");
        assert_eq!(result(&at_the_door(&tickets::short_code("seed eu_b3", 1))), ("void", Some("replaced")));
    }
}

#[test]
fn without_its_signature_a_code_is_good_only_where_somebody_answers_for_it() {
    for database in worlds() {
        database.enter();
        let code = code(3, 1);
        let (reference, _) = code.rsplit_once('.').unwrap();
        assert_eq!(result(&at_the_door(reference)), ("unknown", None));
        let by_hand = Scan { way: Way::Manual, ..scan_of(reference) };
        assert_eq!(result(&scanned("eu_door", Some(EVENT), None, &by_hand).unwrap()), ("admitted", None));
        let ways: Vec<(String,)> = database.all_rows("SELECT way FROM admissions");
        assert_eq!(ways, [("manual".to_owned(),)]);
    }
}

#[test]
fn an_admission_can_be_taken_back() {
    for database in worlds() {
        database.enter();
        let code = code(1, 1);
        assert_eq!(undone("eu_door", &code).unwrap().result, "not-admitted");
        at_the_door(&code);
        let taken = undone("eu_manager", &code).unwrap();
        assert_eq!((taken.result.as_str(), taken.admitted_at.as_deref()), ("undone", Some("2027-01-15T08:00:00Z")));
        assert_eq!(result(&at_the_door(&code)), ("admitted", None));
        assert_eq!(undone("eu_door", "nonsense").unwrap().result, "unknown");
        let kinds: Vec<_> = journal(&database).into_iter().map(|(kind, _)| kind).collect();
        assert_eq!(kinds, ["ticket.admitted", "ticket.admission-undone", "ticket.admitted"]);
    }
}

#[test]
fn only_who_is_at_the_door_lets_people_in() {
    for database in worlds() {
        database.enter();
        let elsewhere = tickets::code(&key(), ("eu_ob", 1, 1), "eu_e2", "eu_t2");
        // By the event that is named; by the code alone; and the code of another organiser's event.
        for (person, named, alone, others) in [
            ("eu_owner", Ok("already-admitted"), Ok("already-admitted"), Ok("wrong-event")),
            ("eu_manager", Ok("already-admitted"), Ok("already-admitted"), Ok("wrong-event")),
            ("eu_door", Ok("already-admitted"), Ok("already-admitted"), Ok("wrong-event")),
            ("eu_admin", Ok("already-admitted"), Ok("already-admitted"), Ok("already-admitted")),
            ("eu_other", Err(403), Ok("wrong-event"), Ok("already-admitted")),
            ("eu_finance", Err(403), Err(403), Err(403)),
            ("eu_idle", Err(403), Err(403), Err(403)),
            ("eu_ada", Err(403), Err(403), Err(403)),
            ("eu_nobody", Err(403), Err(403), Err(403)),
        ] {
            let ask = |event, code: &str| {
                scanned(person, event, None, &scan_of(code)).map(|outcome| outcome.result).map_err(|problem| problem.kind.status)
            };
            at_the_door(&code(1, 1));
            scanned("eu_admin", None, None, &scan_of(&elsewhere)).unwrap();
            let expected = [named, alone, others].map(|result| result.map(str::to_owned));
            assert_eq!([ask(Some(EVENT), &code(1, 1)), ask(None, &code(1, 1)), ask(None, &elsewhere)], expected, "{person}");
            let undone = undone(person, &code(1, 1)).map_err(|problem| problem.kind.status);
            assert_eq!(undone.is_ok(), named.is_ok(), "{person}: {undone:?}");
            assert_eq!(ask(None, "nonsense").is_ok(), alone.is_ok(), "{person}");
        }
        let missing = scanned("eu_owner", Some("eu_none"), None, &scan_of(&code(1, 1))).unwrap_err();
        assert_eq!(missing.kind.status, 404);
    }
}

#[test]
fn a_scanner_whose_clock_is_wrong_is_told_and_nobody_is_let_in() {
    for database in worlds() {
        database.enter();
        for at in [NOW + crate::limits::SKEW + 1, NOW - crate::limits::SCAN_AGE - 1] {
            let scan = Scan { at: Some(at), ..scan_of(&code(1, 1)) };
            assert_eq!(scanned("eu_door", Some(EVENT), None, &scan).unwrap_err().faults[0].pointer, "/at");
        }
        let ahead = Scan { at: Some(NOW + crate::limits::SKEW), ..scan_of(&code(1, 1)) };
        let outcome = scanned("eu_door", Some(EVENT), None, &ahead).unwrap();
        assert_eq!(outcome.admitted_at.as_deref(), Some("2027-01-15T08:00:00Z"), "nobody comes in in the future");
    }
}
