//! What is shown of tickets.

use super::world::*;
use crate::sold::{self, Place, SoldTicket};
use crate::{limits, mine};
use kit::sql::testing::Database;

fn sold(place: Option<Place>) -> Vec<SoldTicket> {
    written(async |tx| sold::after(tx, EVENT, place.as_ref(), None).await).unwrap()
}

/// Many bookings of seven people.
fn crowd(database: &Database, bookings: u32) {
    let all = |row: fn(u32) -> String| (0..bookings).map(row).collect::<Vec<_>>().join(", ");
    let rows = all(|number| format!("('eu_c{number:04}', 'eu_e', 'eu_p{}', 'confirmed', 0, 0, 'EUR', 's', 9, 0, 0)", number % 7));
    database.run(&format!(
        "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) VALUES {rows}"
    ));
    let rows = all(|number| format!("('eu_c{number:04}', 'eu_stand', 0, {}, 0)", 1 + number % 3));
    database.run(&format!("INSERT INTO booking_items (booking, ticket_type, ordinal, quantity, unit_price) VALUES {rows}"));
}

#[test]
fn all_tickets_of_an_event_come_once_wherever_one_goes_on() {
    for database in worlds() {
        database.enter();
        crowd(&database, u32::try_from(limits::BOOKINGS_AT_ONCE).unwrap() + 20);
        database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_c0003'");
        // None of these was ever sold.
        database.run("UPDATE bookings SET status = 'expired' WHERE id = 'eu_c0004'");
        database.run("UPDATE bookings SET status = 'cancelled', total = 5 WHERE id = 'eu_c0005'");
        let (mut all, mut place) = (Vec::new(), None);
        loop {
            let tickets = sold(place.clone());
            // In the middle of what was read, too.
            let Some(at) = tickets.len().checked_sub(1).map(|last| last.min(7 + all.len() * 2)) else { break };
            place = Some(tickets[at].place.clone());
            all.extend(tickets.into_iter().take(at + 1));
        }
        let unique: std::collections::BTreeSet<_> = all.iter().map(|ticket| ticket.place.cursor()).collect();
        let expected: u32 = (0..u32::try_from(limits::BOOKINGS_AT_ONCE).unwrap() + 20)
            .filter(|number| ![4, 5].contains(number))
            .map(|number| 1 + number % 3)
            .sum();
        assert_eq!((unique.len(), all.len()), (all.len(), expected as usize + 4));
        assert_eq!(all.iter().filter(|ticket| ticket.void).count(), 1);
        let foreign = written(async |tx| sold::after(tx, "eu_e2", place.as_ref(), None).await).unwrap_err();
        assert_eq!(foreign.faults[0].pointer, "/cursor");
    }
}

#[test]
fn a_ticket_says_who_comes_and_who_was_let_in_first() {
    for database in worlds() {
        database.enter();
        at_the_door(&code(1, 1));
        database.run(
            "INSERT INTO admissions (booking, number, list, entry, event, at, gate, admitted_by, way, created_at) \
             VALUES ('eu_b1', 1, 'eu_l', 1, 'eu_e', 5, 'side', 'eu_door', 'scan', 0)",
        );
        database.run("UPDATE tickets SET name = 'Grace Hopper'");
        let all = sold(None);
        let first = all.iter().find(|ticket| ticket.place == Place { booking: BOOKING.to_owned(), number: 1 }).unwrap();
        assert_eq!((first.name.as_deref(), first.admitted.clone()), (Some("Grace Hopper"), Some((5, Some("side".to_owned())))));
        let by_default = written(async |tx| sold::after(tx, EVENT, None, Some("default")).await).unwrap();
        assert_eq!(by_default[0].admitted, Some((NOW, Some("north".to_owned()))));
        assert_eq!(
            all.iter().map(|ticket| ticket.name.clone().unwrap()).collect::<Vec<_>>(),
            ["Grace Hopper", "Ada Lovelace", "Ada Lovelace", "=Grace"]
        );
    }
}

#[test]
fn ones_own_tickets_come_newest_first_and_each_once() {
    for database in worlds() {
        database.enter();
        for (number, created_at) in [(1, 10), (2, 30), (3, 20), (4, 30)] {
            let booking = format!("eu_m{number}");
            book(&database, (&booking, EVENT), "eu_grace", &[("eu_stand", 3)]);
            database.run(&format!("UPDATE bookings SET created_at = {created_at} WHERE id = '{booking}'"));
        }
        // One was given to her between, and of one booking everything was given away.
        database.run(
            "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, version, updated_at) VALUES \
             ('eu_b1', 2, 'eu_e', 'eu_stand', 2, 'eu_grace', 25, 1, 0), ('eu_m3', 1, 'eu_e', 'eu_stand', 2, 'eu_ada', 26, 1, 0), \
             ('eu_m3', 2, 'eu_e', 'eu_stand', 2, 'eu_ada', 26, 1, 0), ('eu_m3', 3, 'eu_e', 'eu_stand', 2, 'eu_ada', 26, 1, 0)",
        );
        let key = key();
        for limit in 1..=12 {
            let (mut all, mut after) = (Vec::new(), None);
            loop {
                let (items, next) = written(async |tx| Ok(mine::page(tx, &key, "eu_grace", after.take(), limit).await?)).unwrap();
                assert!(items.len() <= limit);
                all.extend(items.iter().map(|item| serde_json::to_value(item).unwrap()["id"].as_str().unwrap().to_owned()));
                if next.is_none() {
                    break;
                }
                after = next;
            }
            let booking = |number| (1..=3).rev().map(move |ticket| format!("eu_m{number}.{ticket:04}"));
            let expected: Vec<_> = booking(4)
                .chain(booking(2))
                .chain(["eu_b1.0002".to_owned()])
                .chain(booking(1))
                .chain(["eu_b2.0001".to_owned()])
                .collect();
            assert_eq!(all, expected, "{limit} at a time");
        }
    }
}
