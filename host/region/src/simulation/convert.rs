//! Between the types of the ledger's interface and the engine's, as the component `ledger` does it.

use capabilities::booking as wit;
use ledger_core as core;

pub(super) fn command(command: wit::Command) -> core::Command {
    let wit::Command { subject, idempotency_key, event_id, deadline, trace, token: _, action } = command;
    let subject = match subject {
        wit::Subject::Person(id) => core::Subject::Person(id),
        wit::Subject::Steward(id) => core::Subject::Steward(id),
        wit::Subject::Platform => core::Subject::Platform,
    };
    core::Command { subject, idempotency_key, event_id, deadline, trace, action: self::action(action) }
}

pub(super) fn action(action: wit::Action) -> core::Action {
    match action {
        wit::Action::Open(sale) => core::Action::Open(self::sale(sale)),
        wit::Action::Adjust(sale) => core::Action::Adjust(self::sale(sale)),
        wit::Action::Close(revision) => core::Action::Close(revision),
        wit::Action::Hold(lines) => core::Action::Hold(
            lines.into_iter().map(|line| core::OrderLine { ticket_type: line.ticket_type, quantity: line.quantity }).collect(),
        ),
        wit::Action::BeginPayment(booking) => core::Action::BeginPayment(booking),
        wit::Action::EndPayment(booking) => core::Action::EndPayment(booking),
        wit::Action::Confirm(wit::Confirmation { booking, payment, paid }) => core::Action::Confirm(core::Confirmation {
            booking,
            payment,
            paid: core::Money { amount: paid.amount, currency: paid.currency },
        }),
        wit::Action::Cancel(booking) => core::Action::Cancel(booking),
        wit::Action::Expire => core::Action::Expire,
    }
}

fn sale(sale: wit::Sale) -> core::Sale {
    let wit::Sale { revision, currency, sales_from, sales_until, refund_until, offers } = sale;
    let offers = offers.into_iter().map(|offer| {
        let wit::Offer { ticket_type, price, capacity, per_person_limit } = offer;
        core::Offer { ticket_type, price, capacity, per_person_limit }
    });
    core::Sale { revision, currency, sales_from, sales_until, refund_until, offers: offers.collect() }
}

pub(super) fn answer(answer: Result<core::Receipt, core::Rejection>) -> Result<wit::Receipt, wit::Rejection> {
    match answer {
        Ok(core::Receipt { version, replayed, outcome }) => {
            Ok(wit::Receipt { version, replayed, outcome: self::outcome(outcome) })
        }
        Err(rejection) => Err(self::rejection(rejection)),
    }
}

pub(super) fn outcome(outcome: core::Outcome) -> wit::Outcome {
    match outcome {
        core::Outcome::Sale(revision) => wit::Outcome::Sale(revision),
        core::Outcome::Booking(booking) => wit::Outcome::Booking(self::booking(booking)),
        core::Outcome::RefundDue(booking) => wit::Outcome::RefundDue(self::booking(booking)),
        core::Outcome::Swept(holds) => wit::Outcome::Swept(holds),
    }
}

fn booking(booking: core::Booking) -> wit::Booking {
    let core::Booking { id, event_id, person, status, expires_at, items, total, version, created_at } = booking;
    let items = items.into_iter().map(|item| wit::BookingItem {
        ticket_type: item.ticket_type,
        quantity: item.quantity,
        unit_price: item.unit_price,
    });
    wit::Booking {
        id,
        event_id,
        person,
        status: self::status(status),
        expires_at,
        items: items.collect(),
        total: wit::Money { amount: total.amount, currency: total.currency },
        version,
        created_at,
    }
}

fn status(status: core::BookingStatus) -> wit::BookingStatus {
    match status {
        core::BookingStatus::Held => wit::BookingStatus::Held,
        core::BookingStatus::Paying => wit::BookingStatus::Paying,
        core::BookingStatus::Confirmed => wit::BookingStatus::Confirmed,
        core::BookingStatus::Cancelled => wit::BookingStatus::Cancelled,
        core::BookingStatus::Expired => wit::BookingStatus::Expired,
    }
}

fn rejection(rejection: core::Rejection) -> wit::Rejection {
    let shortage = |short: core::Shortage| wit::Shortage { ticket_type: short.ticket_type, available: short.available };
    match rejection {
        core::Rejection::Invalid(text) => wit::Rejection::Invalid(text),
        core::Rejection::UnknownEvent => wit::Rejection::UnknownEvent,
        core::Rejection::UnknownTicketType(ticket_type) => wit::Rejection::UnknownTicketType(ticket_type),
        core::Rejection::UnknownBooking => wit::Rejection::UnknownBooking,
        core::Rejection::NotOnSale(phase) => wit::Rejection::NotOnSale(match phase {
            core::SalePhase::NotYet => wit::SalePhase::NotYet,
            core::SalePhase::Over => wit::SalePhase::Over,
            core::SalePhase::Closed => wit::SalePhase::Closed,
        }),
        core::Rejection::SoldOut(shortages) => wit::Rejection::SoldOut(shortages.into_iter().map(shortage).collect()),
        core::Rejection::OverLimit(core::Limit { ticket_type, per_person, has }) => {
            wit::Rejection::OverLimit(wit::Limit { ticket_type, per_person, has })
        }
        core::Rejection::Expired => wit::Rejection::Expired,
        core::Rejection::WrongState(status) => wit::Rejection::WrongState(self::status(status)),
        core::Rejection::NotCancellable(refusal) => wit::Rejection::NotCancellable(match refusal {
            core::CancelRefusal::NoRefunds => wit::CancelRefusal::NoRefunds,
            core::CancelRefusal::TooLate => wit::CancelRefusal::TooLate,
        }),
        core::Rejection::Forbidden => wit::Rejection::Forbidden,
        core::Rejection::CapacityTooLow(short) => wit::Rejection::CapacityTooLow(shortage(short)),
        core::Rejection::StaleRevision(revision) => wit::Rejection::StaleRevision(revision),
        core::Rejection::KeyConflict => wit::Rejection::KeyConflict,
        core::Rejection::Unavailable(milliseconds) => wit::Rejection::Unavailable(milliseconds),
        core::Rejection::Unknown => wit::Rejection::Unknown,
    }
}
