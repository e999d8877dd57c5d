//! What no state can make right.

use crate::limits;
use crate::types::{Action, Annulment, Command, Confirmation, Instant, OrderLine, Rejection, Sale, SharedCapacity, Subject};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

/// Refuses a malformed command. [`crate::decide`] does so, too; a shell that asks first need not read anything for it.
///
/// # Errors
/// [`Rejection::Invalid`], which says what is malformed.
pub fn validate(command: &Command) -> Result<(), Rejection> {
    self::command(command).map_err(Rejection::Invalid)
}

fn command(command: &Command) -> Result<(), String> {
    text("event-id", &command.event_id, &limits::ID_BYTES)?;
    match &command.subject {
        Subject::Person(id) | Subject::Steward(id) => text("subject", id, &limits::ID_BYTES)?,
        Subject::Platform => {}
    }
    if !matches!(command.action, Action::Expire) {
        text("idempotency-key", &command.idempotency_key, &limits::KEY_BYTES)?;
    }
    match &command.action {
        Action::Open(sale) | Action::Adjust(sale) => self::sale(sale),
        Action::Close(revision) => self::revision(*revision),
        Action::Hold(lines) => order(lines),
        Action::BeginPayment(id) | Action::EndPayment(id) | Action::Cancel(id) => text("booking", id, &limits::ID_BYTES),
        Action::Confirm(it) => confirmation(it),
        Action::Annul(it) => annulment(it),
        Action::Expire => Ok(()),
    }
}

fn sale(sale: &Sale) -> Result<(), String> {
    revision(sale.revision)?;
    if sale.currency.len() != 3 || !sale.currency.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Err("currency: not three upper-case letters".to_owned());
    }
    time_of_sale(sale.sales_from, sale.sales_until)?;
    within("offers", sale.offers.len(), &limits::OFFERS)?;
    unique("offers", sale.offers.iter().map(|offer| offer.ticket_type.as_str()))?;
    for offer in &sale.offers {
        text("ticket-type", &offer.ticket_type, &limits::ID_BYTES)?;
        within("price", offer.price, &limits::PRICE)?;
        if offer.per_person_limit == 0 {
            return Err("per-person-limit: 0".to_owned());
        }
        time_of_sale(offer.sales_from, offer.sales_until)?;
    }
    shared(sale)
}

fn shared(sale: &Sale) -> Result<(), String> {
    within("shared", sale.shared.len(), &limits::SHARED)?;
    let offers = sale.offers.iter().map(|offer| offer.ticket_type.as_str());
    unique("shared", offers.clone().chain(sale.shared.iter().map(|shared| shared.id.as_str())))?;
    let offers: BTreeSet<&str> = offers.collect();
    let mut shared_by: BTreeMap<&str, usize> = BTreeMap::new();
    for SharedCapacity { id, ticket_types, capacity: _ } in &sale.shared {
        text("shared", id, &limits::ID_BYTES)?;
        within("ticket-types", ticket_types.len(), &limits::SHARED_TYPES)?;
        unique("ticket-types", ticket_types.iter().map(String::as_str))?;
        for ticket_type in ticket_types {
            if !offers.contains(ticket_type.as_str()) {
                return Err(format!("ticket-types: {ticket_type} is no offer"));
            }
            let count = shared_by.entry(ticket_type).or_default();
            *count += 1;
            within("shared: of a ticket type", *count, &(0..=limits::SHARED_OF_TYPE))?;
        }
    }
    Ok(())
}

fn time_of_sale(from: Option<Instant>, until: Option<Instant>) -> Result<(), String> {
    match (from, until) {
        (Some(from), Some(until)) if until <= from => Err("sales-until: not after sales-from".to_owned()),
        _ => Ok(()),
    }
}

fn order(lines: &[OrderLine]) -> Result<(), String> {
    within("lines", lines.len(), &limits::ORDER_LINES)?;
    unique("lines", lines.iter().map(|line| line.ticket_type.as_str()))?;
    for line in lines {
        text("ticket-type", &line.ticket_type, &limits::ID_BYTES)?;
        within("quantity", line.quantity, &limits::QUANTITY)?;
    }
    Ok(())
}

fn annulment(annulment: &Annulment) -> Result<(), String> {
    text("booking", &annulment.booking, &limits::ID_BYTES)?;
    if annulment.refund.is_some_and(|amount| amount < 0) {
        return Err("refund: less than 0".to_owned());
    }
    Ok(())
}

fn confirmation(confirmation: &Confirmation) -> Result<(), String> {
    text("booking", &confirmation.booking, &limits::ID_BYTES)?;
    text("payment", &confirmation.payment, &limits::ID_BYTES)?;
    if confirmation.paid.amount <= 0 {
        return Err("paid: not more than 0".to_owned());
    }
    Ok(())
}

// Stored as BIGINT.
fn revision(revision: u64) -> Result<(), String> {
    within("revision", revision, &(0..=i64::MAX.unsigned_abs()))
}

// No id or key of ours has control characters, and Postgres takes no NUL in a text.
fn text(name: &str, text: &str, bytes: &RangeInclusive<usize>) -> Result<(), String> {
    if !bytes.contains(&text.len()) {
        Err(format!("{name}: not {} to {} bytes", bytes.start(), bytes.end()))
    } else if text.chars().any(char::is_control) {
        Err(format!("{name}: has control characters"))
    } else {
        Ok(())
    }
}

fn within<T: PartialOrd + std::fmt::Display>(name: &str, value: T, range: &RangeInclusive<T>) -> Result<(), String> {
    if range.contains(&value) { Ok(()) } else { Err(format!("{name}: {value} is not {} to {}", range.start(), range.end())) }
}

fn unique<'a>(name: &str, ticket_types: impl Iterator<Item = &'a str>) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    for ticket_type in ticket_types {
        if !seen.insert(ticket_type) {
            return Err(format!("{name}: {ticket_type} is listed twice"));
        }
    }
    Ok(())
}
