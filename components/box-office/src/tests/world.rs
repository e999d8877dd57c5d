//! A small world: two organisers with an event each, a team, and three bookings.

use crate::checkin::{self, Outcome, Scan, Way};
use crate::scan::Door;
use kit::claims::Claims;
use kit::sql::testing::{Database, ready};
use kit::sql::{self, Tx};
use kit::tickets::{self, SigningKey};
use kit::{Problem, Request};
use std::sync::Arc;

/// 2027-01-15T08:00:00Z
pub const NOW: i64 = 1_800_000_000_000_000;
pub const SECOND: i64 = 1_000_000;
pub const EVENT: &str = "eu_e";
/// Ada's, of three places: two standing and a seated one.
pub const BOOKING: &str = "eu_b1";

/// A database of each engine with all of it.
pub fn worlds() -> Vec<Arc<Database>> {
    let all = Database::all();
    for database in &all {
        database.enter();
        database.set_now(NOW);
        populate(database);
    }
    all
}

fn populate(database: &Database) {
    for (id, email, name) in [
        ("eu_ada", "ada@example.com", "Ada Lovelace"),
        ("eu_grace", "grace@example.com", "=Grace"),
        ("eu_owner", "owner@example.com", "Owner"),
        ("eu_manager", "manager@example.com", "Manager"),
        ("eu_finance", "finance@example.com", "Finance"),
        ("eu_door", "door@example.com", "Door"),
        ("eu_other", "other@example.com", "Other"),
        ("eu_idle", "idle@example.com", "Idle"),
        ("eu_admin", "admin@example.com", "Admin"),
    ] {
        database.run(&format!(
            "INSERT INTO users (id, email, name, password_hash, version, created_at, email_verified_at) VALUES ('{id}', '{email}', '{name}', 'x', 1, 0, 0)"
        ));
    }
    for (organiser, event) in [("eu_o", EVENT), ("eu_o2", "eu_e2")] {
        database.run(&format!("INSERT INTO organisers (id, name, created_at) VALUES ('{organiser}', 'Blue Hall', 0)"));
        database.run(&format!(
            "INSERT INTO events (id, organiser_id, status, revision, title, description, category, venue_name, city, country, starts_at, \
             ends_at, timezone, currency, region, created_by, created_at, updated_at) VALUES ('{event}', '{organiser}', 'published', 2, \
             'Night of Strings', '', 'music', 'Blue Hall', 'Colombo', 'LK', {NOW}, {NOW}, 'Asia/Colombo', 'EUR', 'eu', 'eu_u', 0, 0)"
        ));
        database.run(&format!(
            "INSERT INTO inventory (event, version, status, revision, currency) VALUES ('{event}', 9, 'open', 2, 'EUR')"
        ));
    }
    for (id, event) in [("eu_stand", EVENT), ("eu_seat", EVENT), ("eu_t2", "eu_e2")] {
        database.run(&format!(
            "INSERT INTO ticket_types (id, event_id, ordinal, name, price, capacity, per_person_limit) VALUES ('{id}', '{event}', 0, 'x', 0, 100, 6)"
        ));
    }
    for (user, organiser, role) in [
        ("eu_owner", "eu_o", "owner"),
        ("eu_manager", "eu_o", "manager"),
        ("eu_finance", "eu_o", "finance"),
        ("eu_door", "eu_o", "door"),
        ("eu_other", "eu_o2", "owner"),
        ("eu_idle", "eu_o", "owner"),
    ] {
        database.run(&format!(
            "INSERT INTO organiser_members (organiser_id, user_id, role) VALUES ('{organiser}', '{user}', '{role}')"
        ));
        if user != "eu_idle" {
            database.run(&format!("INSERT INTO user_roles (user_id, role) VALUES ('{user}', 'organiser')"));
        }
    }
    database.run("INSERT INTO user_roles (user_id, role) VALUES ('eu_admin', 'admin')");
    book(database, (BOOKING, EVENT), "eu_ada", &[("eu_stand", 2), ("eu_seat", 1)]);
    book(database, ("eu_b2", EVENT), "eu_grace", &[("eu_seat", 1)]);
    book(database, ("eu_ob", "eu_e2"), "eu_ada", &[("eu_t2", 1)]);
}

/// A confirmed booking.
pub fn book(database: &Database, (booking, event): (&str, &str), person: &str, items: &[(&str, u32)]) {
    database.run(&format!(
        "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) \
         VALUES ('{booking}', '{event}', '{person}', 'confirmed', 0, 0, 'EUR', 'seed {booking}', 9, 0, 0)"
    ));
    for (ordinal, (ticket_type, quantity)) in items.iter().enumerate() {
        database.run(&format!(
            "INSERT INTO booking_items (booking, ticket_type, ordinal, quantity, unit_price) \
             VALUES ('{booking}', '{ticket_type}', {ordinal}, {quantity}, 0)"
        ));
    }
}

/// What a request gets, committed.
pub fn written<T>(work: impl AsyncFnOnce(&mut Tx) -> Result<T, Problem>) -> Result<T, Problem> {
    ready(async {
        let mut tx = sql::write().await?;
        let done = work(&mut tx).await?;
        tx.commit().await?;
        Ok(done)
    })
}

pub fn key() -> Arc<SigningKey> {
    ready(tickets::signer()).unwrap()
}

/// The code of a ticket of the first booking.
pub fn code(number: u32, generation: u32) -> String {
    let ticket_type = if number == 3 { "eu_seat" } else { "eu_stand" };
    tickets::code(&key(), (BOOKING, number, generation), EVENT, ticket_type)
}

/// A scan at the north gate.
pub fn scan_of(code: &str) -> Scan {
    Scan { code: code.to_owned(), gate: Some("north".to_owned()), at: None, way: Way::Scan }
}

/// What somebody's access token says.
pub fn claims(person: &str) -> Claims {
    Claims {
        subject: person.to_owned(),
        session: "eu_s".to_owned(),
        roles: Vec::new(),
        expires_at: i64::MAX,
        scope: None,
        guest: false,
    }
}

/// Scans as somebody, for the event or for whatever the code is of.
pub fn scanned(person: &str, event: Option<&str>, list: Option<&str>, scan: &Scan) -> Result<Outcome, Problem> {
    let claims = claims(person);
    written(async |tx| {
        let door = Door::open(tx, &claims, event).await?;
        checkin::scan(tx, &Request::of_nobody(), &door, list, scan).await
    })
}

/// Scans a code at the door of the event.
pub fn at_the_door(code: &str) -> Outcome {
    scanned("eu_door", Some(EVENT), None, &scan_of(code)).unwrap()
}

/// The result, and why it is void.
pub fn result(outcome: &Outcome) -> (&str, Option<&str>) {
    (&outcome.result, outcome.reason.as_deref())
}

/// Runs these at the same time, each on a thread of its own.
pub fn at_once<T: Send>(database: &Arc<Database>, all: Vec<impl FnOnce() -> T + Send>) -> Vec<T> {
    let barrier = std::sync::Barrier::new(all.len());
    std::thread::scope(|scope| {
        let threads: Vec<_> = all
            .into_iter()
            .map(|work| {
                let barrier = &barrier;
                scope.spawn(move || {
                    database.enter();
                    barrier.wait();
                    work()
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    })
}
