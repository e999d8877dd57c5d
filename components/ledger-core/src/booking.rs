//! hold, begin-payment, end-payment, confirm, cancel, annul: what happens to one booking.

use crate::changes::{CancelledBy, EntryKind, Refund, RefundReason};
use crate::decide::CommandInputs;
use crate::draft::{CapacityMove, CapacityShortage, Draft};
use crate::limits;
use crate::state::{Record, SaleStatus};
use crate::types::{
    Booking, BookingItem, BookingStatus, CancelRefusal, Command, Confirmation, HoldLimit, HoldScope, Limit, Money, OrderLine,
    Outcome, Rejection, SalePhase, Shortage, Subject,
};
use std::collections::BTreeMap;

/// Takes places: until a deadline, or for good where they are free of charge.
pub(crate) fn hold(
    draft: &mut Draft<'_>,
    command: &Command,
    lines: &[OrderLine],
    fresh: CommandInputs,
) -> Result<Outcome, Rejection> {
    let Subject::Person(person) = &command.subject else {
        return Err(Rejection::Forbidden);
    };
    if let Some(phase) = draft.state.terms.off_sale(draft.now) {
        return Err(Rejection::NotOnSale(phase));
    }
    let items = priced(draft, lines)?;
    for item in &items {
        if let Some(phase) = draft.state.offered(&item.ticket_type).and_then(|line| line.terms.off_sale(draft.now)) {
            return Err(Rejection::NotOnSale(phase));
        }
    }
    within_limits(draft, person, &items)?;
    let amount: i64 = items.iter().map(|item| item.unit_price * i64::from(item.quantity)).sum();
    if amount > 0
        && let Err(rejection) = within_hold_limits(draft, person, command.client.as_deref(), &items)
    {
        // Sold out comes before any limit of the buyer. Tried on a draft of its own: a refusal changes nothing.
        let mut tried = Draft::new(draft.state, draft.facts, draft.now, draft.settings);
        return Err(match make_room(&mut tried, &items) {
            Err(CapacityShortage::Missing(missing)) => sold_out(draft, &missing, &items),
            Ok(()) | Err(CapacityShortage::Untidy) => rejection,
        });
    }
    make_room(draft, &items).map_err(|no_room| match no_room {
        CapacityShortage::Untidy => Rejection::Unavailable(limits::RETRY_MILLISECONDS),
        CapacityShortage::Missing(missing) => sold_out(draft, &missing, &items),
    })?;

    let (status, expires_at, shift) = if amount == 0 {
        (BookingStatus::Confirmed, None, CapacityMove::Sell)
    } else {
        let deadline = draft.now + draft.settings.hold;
        (BookingStatus::Held, Some(deadline), CapacityMove::Hold)
    };
    draft.shift(&items, shift);
    let booking = Booking {
        id: fresh.booking,
        event_id: draft.state.event.clone(),
        person: person.clone(),
        status,
        expires_at,
        items,
        total: Money { amount, currency: draft.state.terms.currency.clone() },
        version: draft.version(),
        created_at: draft.now,
    };
    let record = Record {
        booking,
        extended: false,
        payment: None,
        client: command.client.clone(),
        ticket_seed: fresh.ticket_seed,
        refund_until: draft.state.terms.refund_until,
        updated_at: draft.now,
    };
    Ok(Outcome::Booking(draft.put(record, EntryKind::Created)))
}

/// held -> paying, with a later deadline the first time. One that is paying already stays as it is: which payment may go on is not for the
/// ledger to say.
pub(crate) fn begin_payment(draft: &mut Draft<'_>, subject: &Subject, id: &str) -> Result<Outcome, Rejection> {
    let mut record = find(draft, subject, id)?;
    match record.status(draft.now) {
        BookingStatus::Expired => return Err(Rejection::Expired),
        status if !status.is_hold() => return Err(Rejection::WrongState(status)),
        _ => {}
    }
    if draft.state.terms.status == SaleStatus::Closed {
        return Err(Rejection::NotOnSale(SalePhase::Closed));
    }
    if record.booking.status == BookingStatus::Paying {
        return Ok(Outcome::Booking(record.booking));
    }
    record.booking.status = BookingStatus::Paying;
    if !record.extended {
        record.extended = true;
        let cap = record.booking.created_at + draft.settings.paying_cap;
        let later = cap.min(draft.now + draft.settings.hold);
        record.booking.expires_at = record.booking.expires_at.max(Some(later));
    }
    Ok(Outcome::Booking(draft.put(record, EntryKind::Updated)))
}

/// paying -> held, with the same deadline.
pub(crate) fn end_payment(draft: &mut Draft<'_>, subject: &Subject, id: &str) -> Result<Outcome, Rejection> {
    let mut record = find(draft, subject, id)?;
    match record.status(draft.now) {
        BookingStatus::Paying => {}
        BookingStatus::Expired => return Err(Rejection::Expired),
        status => return Err(Rejection::WrongState(status)),
    }
    record.booking.status = BookingStatus::Held;
    Ok(Outcome::Booking(draft.put(record, EntryKind::Updated)))
}

/// Money has arrived: it buys the places if they are still the booking's, or still there; else it goes back.
pub(crate) fn confirm(draft: &mut Draft<'_>, confirmation: &Confirmation, refund: String) -> Result<Outcome, Rejection> {
    let mut record = find(draft, &Subject::Platform, &confirmation.booking)?;
    let total = &record.booking.total;
    if confirmation.paid != *total {
        let text = format!("paid: the booking's total is {} {}", total.amount, total.currency);
        return Err(Rejection::Invalid(text));
    }
    let payment = &confirmation.payment;
    // By what the row says: an overdue hold whose places were not needed still has them.
    let shift = match record.booking.status {
        BookingStatus::Confirmed if record.payment.as_ref() == Some(payment) => {
            return Ok(Outcome::Booking(record.booking));
        }
        BookingStatus::Confirmed => return Ok(late(draft, record, payment, RefundReason::AlreadyPaid, refund)),
        // It bought them once. What goes back of it was decided when they were given back.
        BookingStatus::Cancelled if record.payment.as_ref() == Some(payment) => return Ok(Outcome::RefundDue(record.booking)),
        _ if draft.state.terms.status == SaleStatus::Closed => {
            return Ok(late(draft, record, payment, RefundReason::EventCancelled, refund));
        }
        BookingStatus::Cancelled => return Ok(late(draft, record, payment, RefundReason::BookingCancelled, refund)),
        // Past its deadline it no longer counts for a limit, so what its owner has taken since comes first.
        _ if !record.counts(draft.now) && within_limits(draft, &record.booking.person, &record.booking.items).is_err() => {
            return Ok(late(draft, record, payment, RefundReason::OverLimit, refund));
        }
        BookingStatus::Held | BookingStatus::Paying => CapacityMove::Settle,
        BookingStatus::Expired => match make_room(draft, &record.booking.items) {
            Ok(()) => CapacityMove::Sell,
            Err(CapacityShortage::Missing(_)) => return Ok(late(draft, record, payment, RefundReason::SoldOut, refund)),
            Err(CapacityShortage::Untidy) => return Err(Rejection::Unavailable(limits::RETRY_MILLISECONDS)),
        },
    };
    draft.shift(&record.booking.items, shift);
    record.booking.status = BookingStatus::Confirmed;
    record.payment = Some(payment.clone());
    Ok(Outcome::Booking(draft.put(record, EntryKind::Updated)))
}

/// Gives places back. What was paid becomes due for a refund: all that has not gone back yet, or `amount` of it.
pub(crate) fn cancel(
    draft: &mut Draft<'_>,
    subject: &Subject,
    id: &str,
    amount: Option<i64>,
    refund: String,
) -> Result<Outcome, Rejection> {
    let mut record = find(draft, subject, id)?;
    let shift = match record.status(draft.now) {
        BookingStatus::Held | BookingStatus::Paying => CapacityMove::Release,
        BookingStatus::Confirmed => {
            if matches!(subject, Subject::Person(_)) {
                cancellable_by_buyer(draft, &record).map_err(Rejection::NotCancellable)?;
            }
            CapacityMove::Return
        }
        status => return Err(Rejection::WrongState(status)),
    };
    let left = left_of(draft, &record);
    if amount.is_some_and(|amount| amount > left) {
        return Err(Rejection::Invalid(format!("refund: only {left} of what was paid are left, in minor units")));
    }
    draft.shift(&record.booking.items, shift);
    record.booking.status = BookingStatus::Cancelled;
    let (by, reason) = match subject {
        Subject::Person(_) => (CancelledBy::Buyer, RefundReason::Cancelled),
        _ if draft.state.terms.status == SaleStatus::Closed => (CancelledBy::Event, RefundReason::EventCancelled),
        Subject::Steward(_) | Subject::Platform => (CancelledBy::Organiser, RefundReason::Cancelled),
    };
    if let Some(payment) = record.payment.clone() {
        give_back(draft, &record, &payment, reason, amount, refund);
    }
    Ok(Outcome::Booking(draft.put_cancelled(record, by)))
}

/// The booking, unless it is none of the subject's business.
fn find(draft: &Draft<'_>, subject: &Subject, id: &str) -> Result<Record, Rejection> {
    let record = draft.facts.bookings.get(id).ok_or(Rejection::UnknownBooking)?;
    match subject {
        Subject::Person(person) if *person != record.booking.person => Err(Rejection::UnknownBooking),
        _ => Ok(record.clone()),
    }
}

fn priced(draft: &Draft<'_>, lines: &[OrderLine]) -> Result<Vec<BookingItem>, Rejection> {
    let priced = lines.iter().map(|line| {
        let ticket_type = line.ticket_type.clone();
        match draft.state.offered(&ticket_type) {
            Some(known) => Ok(BookingItem { ticket_type, quantity: line.quantity, unit_price: known.terms.price }),
            None => Err(Rejection::UnknownTicketType(ticket_type)),
        }
    });
    priced.collect()
}

fn within_limits(draft: &Draft<'_>, person: &str, items: &[BookingItem]) -> Result<(), Rejection> {
    for item in items {
        let limit = draft.state.offered(&item.ticket_type).map_or(0, |line| line.terms.per_person_limit);
        let has = draft.facts.places(person, &item.ticket_type);
        if has + i64::from(item.quantity) > i64::from(limit) {
            return Err(Rejection::OverLimit(Limit {
                ticket_type: item.ticket_type.clone(),
                per_person: limit,
                has: u32::try_from(has).unwrap_or(u32::MAX),
            }));
        }
    }
    Ok(())
}

/// Whether so much more may be held, unpaid, by this person and from this network.
fn within_hold_limits(draft: &Draft<'_>, person: &str, client: Option<&str>, items: &[BookingItem]) -> Result<(), Rejection> {
    let limits = &draft.settings.limits;
    let (account, address) = (limits.of_account(draft.state), limits.of_address(draft.state));
    let wanted: i64 = items.iter().map(|item| i64::from(item.quantity)).sum();
    let of_client = client.map(|client| (HoldScope::Address, address, draft.facts.held_from(client)));
    for (scope, places, held) in [Some((HoldScope::Account, account, draft.facts.held(person))), of_client].into_iter().flatten()
    {
        if held + wanted > places {
            let number = |places: i64| u32::try_from(places).unwrap_or(u32::MAX);
            return Err(Rejection::TooManyHolds(HoldLimit { scope, places: number(places), held: number(held) }));
        }
    }
    Ok(())
}

fn make_room(draft: &mut Draft<'_>, items: &[BookingItem]) -> Result<(), CapacityShortage> {
    let state = draft.state;
    let mut missing: BTreeMap<String, i64> = BTreeMap::new();
    for item in items {
        for (id, line) in state.lines_of(&item.ticket_type) {
            *missing.entry(id.clone()).or_insert_with(|| -line.free()) += i64::from(item.quantity);
        }
    }
    let takes = |ticket_type: &str, id: &str| {
        ticket_type == id || state.lines.get(id).is_some_and(|line| line.terms.is_shared_by(ticket_type))
    };
    draft.make_room(missing, takes)
}

/// `missing`: places, by line. Of what is short, it says what is left as the public sees it; where several ticket types are asked for that share
/// something, that may be enough for each of them, and is not for all.
fn sold_out(draft: &Draft<'_>, missing: &BTreeMap<String, i64>, items: &[BookingItem]) -> Rejection {
    let overdue = draft.facts.overdue_places(draft.now);
    let short = |item: &&BookingItem| draft.state.lines_of(&item.ticket_type).any(|(id, _)| missing.contains_key(id));
    let shortages = items.iter().filter(short).map(|item| Shortage {
        ticket_type: item.ticket_type.clone(),
        available: u32::try_from(draft.state.available(&item.ticket_type, &overdue)).unwrap_or_default(),
    });
    Rejection::SoldOut(shortages.collect())
}

fn cancellable_by_buyer(draft: &Draft<'_>, record: &Record) -> Result<(), CancelRefusal> {
    let terms = &draft.state.terms;
    let paid = record.payment.is_some();
    match record.refund_until {
        None if paid => Err(CancelRefusal::NoRefunds),
        Some(until) if paid && until <= draft.now => Err(CancelRefusal::TooLate),
        _ if paid => Ok(()),
        // Given back after the sale, a free place would stay empty.
        _ if matches!(terms.off_sale(draft.now), Some(SalePhase::Over | SalePhase::Closed)) => Err(CancelRefusal::TooLate),
        _ => Ok(()),
    }
}

fn late(draft: &mut Draft<'_>, record: Record, payment: &str, reason: RefundReason, refund: String) -> Outcome {
    give_back(draft, &record, payment, reason, None, refund);
    Outcome::RefundDue(record.booking)
}

/// What of a booking's payment is neither refunded nor due, in minor units.
fn left_of(draft: &Draft<'_>, record: &Record) -> i64 {
    record.payment.as_ref().map_or(0, |payment| left_of_payment(draft, record, payment))
}

fn left_of_payment(draft: &Draft<'_>, record: &Record, payment: &str) -> i64 {
    record.booking.total.amount - draft.facts.refunded.get(payment).copied().unwrap_or_default()
}

/// Makes due what of a payment is neither refunded nor due already, or so much of it: a repeated confirmation is refunded once.
fn give_back(draft: &mut Draft<'_>, record: &Record, payment: &str, reason: RefundReason, asked: Option<i64>, id: String) {
    let total = &record.booking.total;
    let left = left_of_payment(draft, record, payment);
    let amount = asked.map_or(left, |asked| asked.min(left));
    if amount > 0 {
        draft.changes.refunds.push(Refund {
            id,
            payment: payment.to_owned(),
            booking: record.booking.id.clone(),
            amount,
            currency: total.currency.clone(),
            reason,
        });
    }
}
