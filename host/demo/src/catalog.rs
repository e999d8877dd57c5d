//! What events there are to be, decided by a seed.

use serde_json::{Value, json};

use crate::random::Random;
use crate::words::{CITIES, City, KINDS, Kind};

/// How many events.
pub const EVENTS: usize = 300;
/// Every so many-th is nearly sold out.
const SCARCE: usize = 10;
/// Places one person may have.
pub const PER_PERSON: i64 = 8;
const HOUR: i64 = 3_600_000_000;
const DAY: i64 = 24 * HOUR;

/// One event to be.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Which organiser.
    pub house: usize,
    fields: Value,
    /// Places to be sold, by ticket type.
    pub sold: Vec<i64>,
}

impl Plan {
    /// The body of the request that makes it.
    pub fn document(&self, organiser: &str) -> Value {
        let mut document = self.fields.clone();
        if let Some(fields) = document.as_object_mut() {
            fields.insert("organiser_id".to_owned(), organiser.into());
        }
        document
    }
}

/// All events to be, with dates after `began` (microseconds).
pub fn plans(random: &mut Random, began: i64, houses: usize) -> Vec<Plan> {
    let mut plans = Vec::with_capacity(EVENTS);
    for number in 0..EVENTS {
        // Every city and every kind has its share; the rest is left to the seed.
        let (Some(city), Some(kind)) = (CITIES.get(number % CITIES.len()), KINDS.get(random.below(KINDS.len()))) else {
            continue;
        };
        plans.push(plan(random, began, houses, city, kind, number.is_multiple_of(SCARCE)));
    }
    plans
}

fn plan(random: &mut Random, began: i64, houses: usize, city: &City, kind: &Kind, scarce: bool) -> Plan {
    let starts_at = starts_at(random, began, city, kind);
    let ends_at = starts_at + random.between(kind.minutes.0 / 15, kind.minutes.1 / 15) * 15 * 60 * 1_000_000;
    let (tickets, sold) = tickets(random, city, kind, scarce);
    let mut fields = json!({
        "title": title(random, city, kind),
        "description": random.one(kind.descriptions).copied().unwrap_or_default(),
        "category": kind.category,
        "venue": {"name": random.one(kind.venues).copied().unwrap_or_default(), "city": city.name, "country": city.country},
        "starts_at": instant(starts_at),
        "ends_at": instant(ends_at),
        "timezone": city.timezone,
        "currency": city.currency,
        "ticket_types": tickets,
    });
    // Two thirds take tickets back, until two days before.
    if random.below(3) > 0
        && let Some(fields) = fields.as_object_mut()
    {
        fields.insert("refund_until".to_owned(), instant(starts_at - 2 * DAY).into());
    }
    Plan { house: random.below(houses), fields, sold }
}

/// In three days to nine months, at a local hour that suits it, on the hour or at half past.
fn starts_at(random: &mut Random, began: i64, city: &City, kind: &Kind) -> i64 {
    // More of them soon than late.
    let days = random.between(3, 60) + if random.below(2) == 0 { random.between(0, 210) } else { 0 };
    let midnight = began - began.rem_euclid(DAY) + days * DAY;
    let local = random.between(kind.begins.0, kind.begins.1) * HOUR + random.between(0, 1) * HOUR / 2;
    midnight + local - city.hours * HOUR
}

fn title(random: &mut Random, city: &City, kind: &Kind) -> String {
    let mut word = |of: &'static [&'static str]| random.one(of).copied().unwrap_or_default();
    let (pattern, first, second) = (word(kind.titles), word(kind.first), word(kind.second));
    pattern.replace("{a}", first).replace("{b}", second).replace("{city}", city.name)
}

/// Ticket types, and how many of each are to be sold.
fn tickets(random: &mut Random, city: &City, kind: &Kind, scarce: bool) -> (Vec<Value>, Vec<i64>) {
    // A free event is free for all.
    let base = random.between(kind.price.0, kind.price.1);
    let base = if base < 500 { 0 } else { base };
    let names: &[&str] = match random.below(4) {
        // A small house, and a free event, has one kind of ticket.
        _ if scarce || base == 0 => &["Standard"],
        0 => &["Standard"],
        1 => &["Standard", "Concession"],
        2 => &["Standard", "Premium"],
        _ => &["Early Bird", "Standard", "Front Row"],
    };
    let mut capacity = random.between(kind.capacity.0, kind.capacity.1);
    let mut sold = Vec::with_capacity(names.len());
    let mut tickets = Vec::with_capacity(names.len());
    for name in names {
        let percent = match *name {
            "Concession" => 60,
            "Early Bird" => 80,
            "Premium" => 180,
            "Front Row" => 250,
            _ => 100,
        };
        let (places, taken) = if scarce {
            let places = random.between(PER_PERSON, 2 * PER_PERSON);
            (places, places - random.between(0, 3))
        } else {
            (capacity, 0)
        };
        tickets.push(json!({
            "name": name,
            "price": price(base * percent / 100, city),
            "capacity": places,
            "per_person_limit": PER_PERSON,
        }));
        sold.push(taken);
        // Each further type is a smaller part of the house.
        capacity = (capacity / 3).max(PER_PERSON);
    }
    (tickets, sold)
}

/// Cents of a euro as a round price in the city's money.
fn price(cents: i64, city: &City) -> i64 {
    let exact = cents * city.per_euro / 100;
    (exact + city.round_to / 2) / city.round_to * city.round_to
}

/// RFC 3339 in UTC.
fn instant(microseconds: i64) -> String {
    jiff::Timestamp::from_microsecond(microseconds).map(|instant| instant.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    const BEGAN: i64 = 1_790_000_000_000_000;

    fn all() -> Vec<Plan> {
        plans(&mut Random::new(1), BEGAN, 8)
    }

    #[test]
    fn the_same_seed_makes_the_same_catalog() {
        assert_eq!(all(), all());
    }

    #[test]
    fn there_is_something_for_everybody() {
        let plans = all();
        assert_eq!(plans.len(), EVENTS);
        let of = |field: &str| plans.iter().map(|plan| plan.fields[field].to_string()).collect::<HashSet<_>>().len();
        assert!(
            of("category") >= 8 && of("timezone") >= 20 && of("currency") >= 15 && of("starts_at") > 200 && of("title") > 150
        );
        let cities: HashSet<_> = plans.iter().map(|plan| plan.fields["venue"]["city"].to_string()).collect();
        assert!(cities.len() >= 30);
        assert!(plans.iter().all(|plan| plan.house < 8));
        let scarce = plans.iter().filter(|plan| plan.sold.iter().any(|sold| *sold > 0)).count();
        assert_eq!(scarce, EVENTS / SCARCE);
    }

    #[test]
    fn events_are_as_the_api_wants_them() {
        for plan in all() {
            let document = plan.document("local_o");
            assert_eq!(document["organiser_id"], "local_o");
            let at = |field: &str| document[field].as_str().map(|text| text.parse::<jiff::Timestamp>().unwrap().as_microsecond());
            let (starts, ends) = (at("starts_at").unwrap(), at("ends_at").unwrap());
            assert!(starts > BEGAN + DAY && ends > starts && ends < BEGAN + 366 * DAY, "{document}");
            assert!(at("refund_until").is_none_or(|until| BEGAN < until && until < starts));
            let tickets = document["ticket_types"].as_array().unwrap();
            assert_eq!(tickets.len(), plan.sold.len());
            for (ticket, sold) in tickets.iter().zip(&plan.sold) {
                let capacity = ticket["capacity"].as_i64().unwrap();
                assert!((1..=1_000_000).contains(&capacity) && (0..=capacity.min(2 * PER_PERSON)).contains(sold), "{document}");
                assert!((0..=1_000_000_000).contains(&ticket["price"].as_i64().unwrap()));
            }
            assert!(!document["title"].as_str().unwrap().contains('{'));
        }
    }
}
