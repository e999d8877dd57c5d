//! Who gets a pass of which ticket, and what it says.

use super::world::*;
use crate::passes;
use kit::sql::testing::Database;

/// The code on a pass, and the name that is on it.
fn pass(person: &str, number: u32) -> Result<(String, Option<String>), &'static str> {
    let key = key();
    let held = written(async |tx| passes::held(tx, &key, BOOKING, number, person).await).map_err(|problem| problem.kind.slug)?;
    Ok(held.with(|ticket| (ticket.code.to_owned(), ticket.holder.map(str::to_owned))))
}

#[test]
fn a_pass_is_for_who_has_the_ticket() {
    for database in worlds() {
        database.enter();
        database.run(
            "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, name, version, updated_at) VALUES \
             ('eu_b1', 1, 'eu_e', 'eu_stand', 3, NULL, NULL, 'Grace Hopper', 1, 0), \
             ('eu_b1', 2, 'eu_e', 'eu_stand', 2, 'eu_grace', 25, NULL, 1, 0)",
        );
        assert_eq!(pass("eu_ada", 1), Ok((code(1, 3), Some("Grace Hopper".to_owned()))));
        assert_eq!(pass("eu_ada", 3), Ok((code(3, 1), None)));
        assert_eq!(pass("eu_ada", 2), Err("wrong-state"), "it is another's by now");
        assert_eq!(pass("eu_grace", 2), Ok((code(2, 2), None)));
        for (person, number) in [("eu_grace", 1), ("eu_owner", 1), ("eu_owner", 2), ("eu_ada", 4), ("eu_ada", 9_999)] {
            assert_eq!(pass(person, number), Err("not-found"), "{person} {number}");
        }
        database.run("INSERT INTO guest_claims (guest, account, claimed_at) VALUES ('eu_ada', 'eu_idle', 1)");
        assert_eq!(pass("eu_idle", 3), Ok((code(3, 1), None)), "whose guest has bought it");
    }
}

#[test]
fn what_lets_nobody_in_has_no_pass() {
    type Change = fn(&Database);
    let all: [(&str, &str, Change); 5] = [
        ("the booking was cancelled", "wrong-state", |database| {
            database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_b1'");
        }),
        ("the booking is only held", "wrong-state", |database| {
            database.run("UPDATE bookings SET status = 'held' WHERE id = 'eu_b1'");
        }),
        ("the booking is being cancelled", "wrong-state", |database| {
            database.run(&format!("INSERT INTO ticket_stops (booking, id, until) VALUES ('eu_b1', 's', {})", NOW + SECOND));
        }),
        ("the event was cancelled", "wrong-state", |database| {
            database.run("UPDATE events SET status = 'cancelled' WHERE id = 'eu_e'");
        }),
        ("the organiser asks first", "answers-missing", |database| {
            let question = r#"[{"id": "eu_q", "label": "Meal", "kind": "text", "per": "ticket", "required": true}]"#;
            database.run(&format!(
                "UPDATE events SET questions = '{question}', starts_at = {0}, ends_at = {0} WHERE id = 'eu_e'",
                NOW + SECOND
            ));
        }),
    ];
    for (name, slug, change) in all {
        for database in worlds() {
            database.enter();
            assert!(pass("eu_ada", 1).is_ok());
            change(&database);
            assert_eq!(pass("eu_ada", 1), Err(slug), "{name}");
        }
    }
}
