//! Decisions, tried by example and at random, against a model of the tables.

mod examples;
mod model;
mod properties;
mod rejections;
mod shared;
mod world;

use crate::*;

pub(crate) const SECOND: i64 = 1_000_000;
pub(crate) const MINUTE: i64 = 60 * SECOND;
pub(crate) const HOLD: i64 = 10 * MINUTE;
pub(crate) const CAP: i64 = 30 * MINUTE;
pub(crate) const START: Instant = 1_800_000_000 * SECOND;
pub(crate) const EVENT: &str = "eu_event";

/// So that limits are met: no event of these tests lets a person have more than ten of a type.
pub(crate) const SETTINGS: Settings =
    Settings { hold: HOLD, paying_cap: CAP, limits: HoldLimits { account: 4, address: 6, address_percent: 10 } };

pub(crate) fn person(name: &str) -> Subject {
    Subject::Person(name.to_owned())
}

pub(crate) fn euros(amount: i64) -> Money {
    Money { amount, currency: "EUR".to_owned() }
}

pub(crate) fn offer(ticket_type: &str, price: i64, capacity: u32, per_person_limit: u32) -> Offer {
    Offer::new(ticket_type, price, capacity, per_person_limit)
}

pub(crate) fn order(lines: &[(&str, u32)]) -> Action {
    let line = |(ticket_type, quantity): &(&str, u32)| OrderLine { ticket_type: (*ticket_type).to_owned(), quantity: *quantity };
    Action::Hold(lines.iter().map(line).collect())
}
