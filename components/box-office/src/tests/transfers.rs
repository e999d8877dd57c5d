//! Names, and tickets that change hands.

use super::world::*;
use crate::booking_tickets::{self, held, rename};
use crate::{limits, mine, offers, transfer};
use kit::sql::testing::Database;
use kit::{Problem, Request};
use serde_json::{Value as Json, json};

fn offer(person: &str, number: u32, address: &str, id: &str) -> Result<(), &'static str> {
    let made =
        written(async |tx| transfer::make(tx, &Request::of_nobody(), (BOOKING, number), person, address, id.to_owned()).await);
    made.map(drop).map_err(|problem| problem.kind.slug)
}

fn accept(person: &str, offer: &str) -> Result<(), &'static str> {
    written(async |tx| transfer::take(tx, &Request::of_nobody(), offer, person).await)
        .map(drop)
        .map_err(|problem| problem.kind.slug)
}

fn named(person: &str, number: u32, name: &str) -> Result<(), &'static str> {
    let done: Result<(), Problem> = written(async |tx| {
        let ticket = held(tx, BOOKING, number, person).await?;
        rename(tx, &Request::of_nobody(), ticket, person, name).await
    });
    done.map_err(|problem| problem.kind.slug)
}

fn offered_to(person: &str) -> Vec<String> {
    let offers = written(async |tx| Ok(offers::page(tx, person, None, 10).await?.0)).unwrap();
    offers.into_iter().map(|offer| offer.id).collect()
}

fn of_booking(person: &str) -> Json {
    let key = key();
    written(async |tx| Ok(serde_json::to_value(booking_tickets::views(tx, &key, BOOKING, person).await?).unwrap())).unwrap()
}

fn mine(person: &str) -> Vec<Json> {
    let key = key();
    let (items, _) = written(async |tx| Ok(mine::page(tx, &key, person, None, 10).await?)).unwrap();
    items.into_iter().map(|item| serde_json::to_value(item).unwrap()).collect()
}

fn kinds(database: &Database) -> Vec<String> {
    let rows: Vec<(String,)> =
        database.all_rows("SELECT type FROM journal WHERE type LIKE 'ticket.%' ORDER BY aggregate, version");
    rows.into_iter().map(|(kind,)| kind).collect()
}

#[test]
fn a_ticket_is_in_a_name_until_somebody_is_let_in() {
    for database in worlds() {
        database.enter();
        assert_eq!(named("eu_ada", 1, "Grace Hopper"), Ok(()));
        assert_eq!(at_the_door(&code(1, 1)).name.as_deref(), Some("Grace Hopper"));
        assert_eq!(named("eu_ada", 1, "Ada"), Err("wrong-state"));
        assert_eq!(named("eu_grace", 2, "Grace"), Err("not-found"), "somebody else's is not there");
        assert_eq!(named("eu_ada", 4, "Grace"), Err("not-found"));
        database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_b1'");
        assert_eq!(named("eu_ada", 2, "Grace"), Err("wrong-state"));
    }
}

#[test]
fn a_transferred_ticket_is_the_receivers_and_its_codes_before_are_void() {
    for database in worlds() {
        database.enter();
        let before = code(1, 1);
        named("eu_ada", 1, "Ada").unwrap();
        assert_eq!(offer("eu_ada", 1, "grace@example.com", "eu_offer"), Ok(()));
        assert_eq!((offered_to("eu_grace"), offered_to("eu_door")), (vec!["eu_offer".to_owned()], vec![]));
        assert_eq!(of_booking("eu_ada")[0]["offered_to"], "grace@example.com");
        assert_eq!(accept("eu_door", "eu_offer"), Err("not-found"), "it is for one address");
        assert_eq!(accept("eu_grace", "eu_none"), Err("not-found"));
        assert_eq!(
            (accept("eu_grace", "eu_offer"), accept("eu_grace", "eu_offer")),
            (Ok(()), Ok(())),
            "to accept twice is to accept once"
        );
        assert_eq!(offered_to("eu_grace"), Vec::<String>::new());

        let theirs = mine("eu_grace");
        let after = theirs[0]["code"].as_str().unwrap().to_owned();
        assert_eq!(
            (&theirs[0]["id"], &theirs[0]["transferred"], &theirs[0]["name"]),
            (&json!("eu_b1.0001"), &json!(true), &Json::Null)
        );
        assert_eq!(after, code(1, 2));
        let own = of_booking("eu_ada");
        assert_eq!((&own[0]["code"], &own[0]["transferred"], &own[0]["name"]), (&Json::Null, &json!(true), &Json::Null));
        assert!(own[1]["code"].is_string() && mine("eu_ada").iter().all(|ticket| ticket["id"] != "eu_b1.0001"));
        assert_eq!(named("eu_ada", 1, "Ada"), Err("not-found"));
        assert_eq!(result(&at_the_door(&before)), ("void", Some("replaced")));
        let outcome = at_the_door(&after);
        assert_eq!((outcome.result.as_str(), outcome.name.as_deref()), ("admitted", Some("=Grace")));
        assert_eq!(kinds(&database), ["ticket.named", "ticket.offered", "ticket.transferred", "ticket.admitted"]);

        // The booking is the buyer's: with it all of its tickets go.
        database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_b1'");
        let void = &mine("eu_grace")[0];
        assert_eq!((&void["state"], &void["code"]), (&json!("void"), &Json::Null));
    }
}

#[test]
fn who_gets_their_own_back_has_it_as_before() {
    for database in worlds() {
        database.enter();
        offer("eu_ada", 1, "grace@example.com", "eu_1").unwrap();
        accept("eu_grace", "eu_1").unwrap();
        assert_eq!(offer("eu_ada", 1, "door@example.com", "eu_2"), Err("not-found"));
        offer("eu_grace", 1, "ada@example.com", "eu_2").unwrap();
        accept("eu_ada", "eu_2").unwrap();
        assert_eq!(of_booking("eu_ada")[0]["code"], code(1, 3));
        assert_eq!(mine("eu_grace").iter().filter(|ticket| ticket["booking_id"] == BOOKING).count(), 0);
        assert_eq!(result(&at_the_door(&code(1, 2))), ("void", Some("replaced")));
        assert_eq!(result(&at_the_door(&code(1, 3))), ("admitted", None));
    }
}

#[test]
fn an_offer_ends_when_it_is_withdrawn_replaced_too_old_or_the_ticket_is_used() {
    for database in worlds() {
        database.enter();
        let withdraw = |person: &str| {
            written(async |tx| transfer::take_back(tx, &Request::of_nobody(), (BOOKING, 1), person).await)
                .map_err(|problem| problem.kind.slug)
        };
        offer("eu_ada", 1, "grace@example.com", "eu_1").unwrap();
        assert_eq!(withdraw("eu_grace"), Err("not-found"));
        assert_eq!((withdraw("eu_ada"), withdraw("eu_ada")), (Ok(()), Ok(())));
        assert_eq!(accept("eu_grace", "eu_1"), Err("wrong-state"));
        offer("eu_ada", 1, "grace@example.com", "eu_2").unwrap();
        offer("eu_ada", 1, "door@example.com", "eu_3").unwrap();
        assert_eq!(accept("eu_grace", "eu_2"), Err("wrong-state"), "another one took its place");
        database.set_now(NOW + limits::OFFER);
        assert_eq!((accept("eu_door", "eu_3"), offered_to("eu_door")), (Err("wrong-state"), vec![]));
        offer("eu_ada", 1, "grace@example.com", "eu_4").unwrap();
        at_the_door(&code(1, 1));
        assert_eq!(accept("eu_grace", "eu_4"), Err("wrong-state"));
        assert_eq!(offer("eu_ada", 1, "grace@example.com", "eu_5"), Err("wrong-state"));
        offer("eu_ada", 2, "ada@example.com", "eu_6").unwrap();
        assert_eq!(accept("eu_ada", "eu_6"), Err("wrong-state"), "it is hers already");
        assert_eq!(kinds(&database).iter().filter(|kind| *kind == "ticket.offer-withdrawn").count(), 1);
    }
}

#[test]
fn whoever_accepts_has_shown_to_read_the_address() {
    for database in worlds() {
        database.enter();
        offer("eu_ada", 1, "grace@example.com", "eu_1").unwrap();
        database.run("UPDATE users SET email_verified_at = NULL WHERE id = 'eu_grace'");
        assert_eq!((accept("eu_grace", "eu_1"), offered_to("eu_grace")), (Err("forbidden"), vec![]));
        // Where the accounts are not kept nobody has an address before they are known to read it: they are told what to do about it.
        database.run("UPDATE users SET email = id WHERE id = 'eu_grace'");
        assert_eq!((accept("eu_grace", "eu_1"), offered_to("eu_grace")), (Err("forbidden"), vec![]));
    }
}

#[test]
fn nobody_fills_mailboxes() {
    for database in worlds() {
        database.enter();
        for number in 0..limits::OFFERS_A_DAY {
            offer("eu_ada", 1, "grace@example.com", &format!("eu_{number}")).unwrap();
        }
        assert_eq!(offer("eu_ada", 2, "grace@example.com", "eu_more"), Err("wrong-state"));
        database.set_now(NOW + limits::DAY);
        assert_eq!(offer("eu_ada", 2, "grace@example.com", "eu_more"), Ok(()));
        database.run(&format!("UPDATE tickets SET generation = {} WHERE number = 3", limits::GENERATIONS));
        let full = written(async |tx| {
            transfer::make(tx, &Request::of_nobody(), (BOOKING, 2), "eu_ada", "g@example.com", "eu_x".to_owned()).await
        });
        assert!(full.is_ok());
        database.run(&format!("UPDATE tickets SET generation = {} WHERE number = 2", limits::GENERATIONS));
        assert_eq!(offer("eu_ada", 2, "grace@example.com", "eu_last"), Err("wrong-state"));
    }
}

#[test]
fn a_ticket_is_transferred_or_lets_somebody_in_and_never_both() {
    for database in worlds() {
        database.enter();
        for round in 0..8 {
            let booking = format!("eu_race{round}");
            book(&database, (&booking, EVENT), "eu_ada", &[("eu_seat", 1)]);
            let code = kit::tickets::code(&key(), (&booking, 1, 1), EVENT, "eu_seat");
            let id = format!("eu_offer{round}");
            written(async |tx| {
                transfer::make(tx, &Request::of_nobody(), (&booking, 1), "eu_ada", "grace@example.com", id.clone()).await
            })
            .unwrap();
            type Work<'a> = Box<dyn FnOnce() -> String + Send + 'a>;
            let take: Work<'_> = Box::new(|| accept("eu_grace", &id).map_or_else(str::to_owned, |()| "taken".to_owned()));
            let scan: Work<'_> = Box::new(|| at_the_door(&code).result);
            let both = at_once(&database, vec![take, scan]);
            assert!(both == ["taken", "void"] || both == ["wrong-state", "admitted"], "round {round}: {both:?}");
        }
    }
}
