//! Tickets as papers: what they say, and of which.

use super::world::*;
use crate::booking_tickets::{order, paper};
use crate::limits;
use kit::sql::testing::Database;
use kit::{Problem, Request, Response};
use receipt::tickets::Order;

fn read(person: &str, booking: &str) -> Result<Order, Problem> {
    let key = key();
    written(async |tx| order(tx, &key, booking, person).await)
}

fn as_media(order: &Order, media: &str) -> Result<Response, &'static str> {
    paper(&Request::of_nobody(), order.clone(), media, None).map_err(|problem| problem.kind.slug)
}

fn calendar(order: &Order) -> String {
    String::from_utf8(as_media(order, "text/calendar").unwrap().body.to_vec()).unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value)
}

/// Numbers and names of what is printed.
fn printed(order: &Order) -> Vec<(u32, Option<&str>)> {
    order.tickets.iter().map(|ticket| (ticket.number, ticket.name.as_deref())).collect()
}

#[test]
fn papers_have_the_codes_that_the_door_knows() {
    for database in worlds() {
        database.enter();
        database.run("UPDATE booking_items SET unit_price = 4500 WHERE booking = 'eu_b1' AND ticket_type = 'eu_seat'");
        database.run("UPDATE ticket_types SET name = 'Balcony' WHERE id = 'eu_seat'");
        database.run(
            "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, name, version, updated_at) VALUES \
             ('eu_b1', 1, 'eu_e', 'eu_stand', 3, NULL, NULL, 'Grace Hopper', 1, 0), \
             ('eu_b1', 2, 'eu_e', 'eu_stand', 2, 'eu_grace', 25, 'Somebody else', 1, 0)",
        );
        let order = read("eu_ada", BOOKING).unwrap();
        assert_eq!(printed(&order), [(1, Some("Grace Hopper")), (3, None)], "what was given away is somebody else's to print");
        assert_eq!(order.tickets.iter().map(|it| it.code.clone()).collect::<Vec<_>>(), [code(1, 3), code(3, 1)]);
        assert_eq!((order.size, order.more, order.buyer.as_deref(), &*order.seller), (3, 0, Some("Ada Lovelace"), "Blue Hall"));
        let last = &order.tickets[1];
        assert_eq!((&*last.kind, last.price.amount, &*last.price.currency), ("Balcony", 4500, "EUR"));

        let pdf = as_media(&order, "application/pdf").unwrap();
        assert!(pdf.body.starts_with(b"%PDF-"));
        assert_eq!(header(&pdf, "content-disposition"), "inline; filename=\"tickets-eu_b1.pdf\"");
        let answer = as_media(&order, "text/calendar").unwrap();
        assert_eq!(header(&answer, "content-type"), "text/calendar; charset=utf-8");
        assert_eq!(header(&answer, "content-disposition"), "attachment; filename=\"tickets-eu_b1.ics\"");
        let calendar = calendar(&order);
        for line in [
            "DTSTART;TZID=Asia/Colombo:20270115T133000",
            "SEQUENCE:2",
            "STATUS:CONFIRMED",
            "DESCRIPTION:Order eu_b1\\n1 × x\\n1 × Balcony",
        ] {
            assert!(calendar.contains(&format!("{line}\r\n")), "{line} in {calendar}");
        }
    }
}

#[test]
fn what_is_void_is_on_no_paper_and_in_the_calendar_as_cancelled() {
    type Change = fn(&Database);
    let all: [(&str, &str, Change); 3] = [
        ("the booking was cancelled", "SEQUENCE:3", |database| {
            database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_b1'");
        }),
        ("the event was cancelled", "SEQUENCE:4", |database| {
            database.run("UPDATE events SET status = 'cancelled', revision = 3 WHERE id = 'eu_e'");
        }),
        ("all were given away", "SEQUENCE:3", |database| {
            for number in 1..=3 {
                database.run(&format!(
                    "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, version, updated_at) \
                     VALUES ('eu_b1', {number}, 'eu_e', 'eu_stand', 2, 'eu_grace', 25, 1, 0)"
                ));
            }
        }),
    ];
    for (name, sequence, change) in all {
        for database in worlds() {
            database.enter();
            let before = calendar(&read("eu_ada", BOOKING).unwrap());
            change(&database);
            let order = read("eu_ada", BOOKING).unwrap();
            assert_eq!(as_media(&order, "application/pdf").unwrap_err(), "wrong-state", "{name}");
            let after = calendar(&order);
            assert!(after.contains("STATUS:CANCELLED\r\n") && after.contains(sequence), "{name}: {after}");
            let uid = |text: &str| text.lines().find(|line| line.starts_with("UID:")).unwrap().to_owned();
            assert_eq!(uid(&before), uid(&after));
        }
    }
}

#[test]
fn papers_are_for_whose_booking_it_is_once_it_is_confirmed() {
    for database in worlds() {
        database.enter();
        let slug = |person, booking| read(person, booking).unwrap_err().kind.slug;
        for (person, booking) in [("eu_grace", BOOKING), ("eu_owner", BOOKING), ("eu_ada", "eu_nothing")] {
            assert_eq!(slug(person, booking), "not-found", "{person} {booking}");
        }
        for status in ["held", "paying", "expired"] {
            database.run(&format!("UPDATE bookings SET status = '{status}' WHERE id = 'eu_b1'"));
            assert_eq!(slug("eu_ada", BOOKING), "wrong-state", "{status}");
        }
    }
}

#[test]
fn the_name_on_the_order_is_the_one_that_the_organiser_gave() {
    for database in worlds() {
        database.enter();
        database.run("INSERT INTO order_details (booking, channel, name, email, updated_at) VALUES ('eu_b1', 'counter', 'Charles Babbage', NULL, 0)");
        assert_eq!(read("eu_ada", BOOKING).unwrap().buyer.as_deref(), Some("Charles Babbage"));
        database.run("UPDATE order_details SET name = NULL WHERE booking = 'eu_b1'");
        assert_eq!(read("eu_ada", BOOKING).unwrap().buyer.as_deref(), Some("Ada Lovelace"));
    }
}

#[test]
fn many_tickets_are_printed_part_by_part() {
    for database in worlds() {
        database.enter();
        database.run("UPDATE booking_items SET quantity = 205 WHERE booking = 'eu_b1' AND ticket_type = 'eu_stand'");
        database.run(
            "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, version, updated_at) \
             VALUES ('eu_b1', 201, 'eu_e', 'eu_stand', 2, 'eu_grace', 25, 1, 0)",
        );
        let order = read("eu_ada", BOOKING).unwrap();
        assert_eq!((order.size, order.tickets.len()), (206, 205));
        let print = |from| paper(&Request::of_nobody(), order.clone(), "application/pdf", from);
        // The 201st was given away.
        assert!(header(&print(None).unwrap(), "link").ends_with("?from=202>; rel=\"next\""));
        assert_eq!(header(&print(Some(202)).unwrap(), "link"), "");
        assert_eq!(print(Some(207)).unwrap_err().kind.slug, "wrong-state");
        let (rest, next) = order.part(202, limits::PRINTED);
        assert_eq!(
            (rest.tickets.iter().map(|ticket| ticket.number).collect::<Vec<_>>(), next),
            (vec![202, 203, 204, 205, 206], None)
        );
    }
}
