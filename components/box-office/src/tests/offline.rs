//! Scanners without a network.

use super::world::*;
use crate::checkin::{Outcome, Scan, Way};
use crate::scan::Door;
use crate::sold::Place;
use crate::{merge, offline};
use kit::sql::testing::Database;
use kit::{Problem, Request};
use serde_json::{Value as Json, json};
use ticket_code::{Code, PublicKey};

fn offline_scan(code: &str, gate: &str, at: i64) -> Scan {
    Scan { code: code.to_owned(), gate: Some(gate.to_owned()), at: Some(at), way: Way::Offline }
}

fn merged(scan: &Scan) -> Outcome {
    let claims = claims("eu_door");
    written(async |tx| {
        let door = Door::open(tx, &claims, Some(EVENT)).await?;
        merge::once(tx, &Request::of_nobody(), &door, (EVENT, None), scan).await
    })
    .unwrap()
}

fn admissions(database: &Database) -> Vec<(i64, i64, String, String)> {
    database.all_rows("SELECT number, at, gate, way FROM admissions ORDER BY number")
}

#[test]
fn the_first_by_their_clocks_counts_whichever_is_told_of_first() {
    for database in worlds() {
        database.enter();
        let code = code(1, 1);
        at_the_door(&code);
        database.set_now(NOW + 600 * SECOND);
        let later = merged(&offline_scan(&code, "south", NOW + 60 * SECOND));
        assert_eq!((later.result.as_str(), later.gate.as_deref()), ("already-admitted", Some("north")));
        let earlier = offline_scan(&code, "south", NOW - 60 * SECOND);
        let first = merged(&earlier);
        assert_eq!((first.result.as_str(), first.gate.as_deref()), ("admitted", Some("south")));
        assert_eq!(admissions(&database), [(1, NOW - 60 * SECOND, "south".to_owned(), "offline".to_owned())]);
        assert_eq!(at_the_door(&code).gate.as_deref(), Some("south"), "and everybody hears of it");
        let told: Vec<(String, String)> =
            database.all_rows("SELECT type, payload FROM journal WHERE type LIKE 'ticket.%' ORDER BY aggregate, version");
        assert_eq!(told.len(), 2);
        let correction: Json = serde_json::from_str(&told[1].1).unwrap();
        assert_eq!((told[1].0.as_str(), &correction["before"]["gate"]), ("ticket.admission-corrected", &json!("north")));
    }
}

#[test]
fn a_scan_that_is_told_of_again_has_its_outcome_from_before() {
    for database in worlds() {
        database.enter();
        let scan = offline_scan(&code(1, 1), "south", NOW - SECOND);
        let first = merged(&scan);
        assert_eq!(first.result, "admitted");
        assert_eq!(merged(&scan), first);
        let unknown = offline_scan("nonsense", "south", NOW);
        assert_eq!([merged(&unknown), merged(&unknown)].map(|outcome| outcome.result), ["unknown", "unknown"]);
        let rows: Vec<(i64,)> = database.all_rows("SELECT COUNT(*) FROM offline_scans");
        assert_eq!((rows[0].0, admissions(&database).len()), (2, 1));

        // At the same time, too.
        let other = offline_scan(&code(2, 1), "south", NOW - SECOND);
        let tell = || || merged(&other);
        let told = at_once(&database, (0..4).map(|_| tell()).collect());
        assert!(told.iter().all(|outcome| outcome.result == "admitted"), "{told:?}");
        assert_eq!(admissions(&database).len(), 2);
    }
}

fn page(place: Option<Place>, list: Option<&str>) -> Result<Json, Problem> {
    written(async |tx| Ok(serde_json::to_value(offline::page(tx, EVENT, list, place).await?).unwrap()))
}

#[test]
fn with_the_list_a_scanner_decides_by_itself() {
    for database in worlds() {
        database.enter();
        at_the_door(&code(2, 1));
        database.run("UPDATE tickets SET generation = 2 WHERE booking = 'eu_b1' AND number = 2");
        let void = kit::tickets::code(&key(), ("eu_b2", 1, 1), EVENT, "eu_seat");
        database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_b2'");
        let page = page(None, None).unwrap();
        assert_eq!(
            (&page["event_id"], &page["list"]["id"], &page["next_cursor"]),
            (&json!(EVENT), &json!("default"), &Json::Null)
        );
        let keys: Vec<_> =
            page["keys"].as_array().unwrap().iter().map(|key| PublicKey::parse(key["x"].as_str().unwrap()).unwrap()).collect();
        assert_eq!(page["keys"][0]["kid"], json!(keys[0].kid()));

        // As a scanner does it.
        let told = |text: &str| {
            let code = Code::parse(text).unwrap();
            assert!(keys.iter().any(|key| code.kid() == key.kid() && code.is_signed_by(key)) && code.is_for_event(EVENT));
            let hash = ticket_code::hash(code.reference());
            let listed = page["tickets"].as_array().unwrap().iter().find(|ticket| ticket["code_hash"] == hash).unwrap();
            (listed["void"] == true, listed["admitted"] == true, listed["name"].clone())
        };
        assert_eq!(told(&code(1, 1)), (false, false, json!("Ada Lovelace")));
        assert_eq!(told(&code(2, 2)), (false, true, json!("Ada Lovelace")));
        assert_eq!(told(&code(2, 1)), (true, false, Json::Null), "a code from before a transfer");
        assert_eq!(told(&void), (true, false, json!("=Grace")));
        let text = page.to_string();
        assert!(!text.contains(&code(1, 1)) && !text.to_lowercase().contains("eu_b1"), "whoever gets hold of it has no ticket");
        assert_eq!(page["tickets"].as_array().unwrap().len(), 5);
    }
}

#[test]
fn a_list_for_some_types_has_their_tickets_alone() {
    for database in worlds() {
        database.enter();
        database.run(
            "INSERT INTO checkin_lists (id, event, name, ticket_types, entries, version, created_at, updated_at) \
             VALUES ('eu_l', 'eu_e', 'Seats', '[\"eu_seat\"]', 'once', 1, 0, 0)",
        );
        at_the_door(&code(3, 1));
        let seats = page(None, Some("eu_l")).unwrap();
        let listed: Vec<_> =
            seats["tickets"].as_array().unwrap().iter().map(|ticket| (&ticket["ticket_type_id"], &ticket["admitted"])).collect();
        assert_eq!(
            listed,
            [(&json!("eu_seat"), &json!(false)), (&json!("eu_seat"), &json!(false))],
            "each list lets in by itself"
        );
        let after = page(Some(Place { booking: BOOKING.to_owned(), number: 3 }), Some("eu_l")).unwrap();
        assert_eq!(after["tickets"].as_array().unwrap().len(), 1);
        assert_eq!(page(None, Some("eu_none")).unwrap_err().faults[0].pointer, "/list");
    }
}
