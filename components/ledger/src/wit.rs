//! The export, and the way between its types and [`ledger_core`]'s.

use ledger_core as core;
use ledger_engine::Answer;

mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-booking",
        inline: "package marquee:ledger-component; \
            world ledger { export marquee:booking/types@0.1.0; export marquee:booking/ledger@0.1.0; }",
        world: "marquee:ledger-component/ledger",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        generate_all,
    });
}

use bindings::exports::marquee::booking::ledger::Guest;
use bindings::exports::marquee::booking::types as wit;

struct Ledger;

bindings::export!(Ledger with_types_in bindings);

impl Guest for Ledger {
    async fn apply(commands: Vec<wit::Command>) -> Vec<Result<wit::Receipt, wit::Rejection>> {
        let answers: Vec<Answer> = crate::apply(commands.into_iter().map(Into::into).collect()).await;
        answers.into_iter().map(|answer| answer.map(Into::into).map_err(Into::into)).collect()
    }
}

impl From<wit::Command> for core::Command {
    fn from(command: wit::Command) -> Self {
        // Whether the token speaks for the subject was seen to before.
        let wit::Command { subject, idempotency_key, event_id, deadline, trace, token: _, action } = command;
        Self { subject: subject.into(), idempotency_key, event_id, deadline, trace, action: action.into() }
    }
}

impl From<wit::Subject> for core::Subject {
    fn from(subject: wit::Subject) -> Self {
        match subject {
            wit::Subject::Person(id) => Self::Person(id),
            wit::Subject::Steward(id) => Self::Steward(id),
            wit::Subject::Platform => Self::Platform,
        }
    }
}

impl From<wit::Action> for core::Action {
    fn from(action: wit::Action) -> Self {
        match action {
            wit::Action::Open(sale) => Self::Open(sale.into()),
            wit::Action::Adjust(sale) => Self::Adjust(sale.into()),
            wit::Action::Close(revision) => Self::Close(revision),
            wit::Action::Hold(lines) => Self::Hold(lines.into_iter().map(Into::into).collect()),
            wit::Action::BeginPayment(booking) => Self::BeginPayment(booking),
            wit::Action::EndPayment(booking) => Self::EndPayment(booking),
            wit::Action::Confirm(confirmation) => Self::Confirm(confirmation.into()),
            wit::Action::Cancel(booking) => Self::Cancel(booking),
            wit::Action::Expire => Self::Expire,
        }
    }
}

impl From<wit::Sale> for core::Sale {
    fn from(sale: wit::Sale) -> Self {
        let wit::Sale { revision, currency, sales_from, sales_until, refund_until, offers } = sale;
        let offers = offers.into_iter().map(Into::into).collect();
        Self { revision, currency, sales_from, sales_until, refund_until, offers }
    }
}

impl From<wit::Offer> for core::Offer {
    fn from(offer: wit::Offer) -> Self {
        let wit::Offer { ticket_type, price, capacity, per_person_limit } = offer;
        Self { ticket_type, price, capacity, per_person_limit }
    }
}

impl From<wit::OrderLine> for core::OrderLine {
    fn from(line: wit::OrderLine) -> Self {
        Self { ticket_type: line.ticket_type, quantity: line.quantity }
    }
}

impl From<wit::Confirmation> for core::Confirmation {
    fn from(confirmation: wit::Confirmation) -> Self {
        let wit::Confirmation { booking, payment, paid } = confirmation;
        Self { booking, payment, paid: core::Money { amount: paid.amount, currency: paid.currency } }
    }
}

impl From<core::Receipt> for wit::Receipt {
    fn from(receipt: core::Receipt) -> Self {
        Self { version: receipt.version, replayed: receipt.replayed, outcome: receipt.outcome.into() }
    }
}

impl From<core::Outcome> for wit::Outcome {
    fn from(outcome: core::Outcome) -> Self {
        match outcome {
            core::Outcome::Sale(revision) => Self::Sale(revision),
            core::Outcome::Booking(booking) => Self::Booking(booking.into()),
            core::Outcome::RefundDue(booking) => Self::RefundDue(booking.into()),
            core::Outcome::Swept(holds) => Self::Swept(holds),
        }
    }
}

impl From<core::Booking> for wit::Booking {
    fn from(booking: core::Booking) -> Self {
        let core::Booking { id, event_id, person, status, expires_at, items, total, version, created_at } = booking;
        let total = wit::Money { amount: total.amount, currency: total.currency };
        let items = items.into_iter().map(Into::into).collect();
        Self { id, event_id, person, status: status.into(), expires_at, items, total, version, created_at }
    }
}

impl From<core::BookingItem> for wit::BookingItem {
    fn from(item: core::BookingItem) -> Self {
        let core::BookingItem { ticket_type, quantity, unit_price } = item;
        Self { ticket_type, quantity, unit_price }
    }
}

impl From<core::BookingStatus> for wit::BookingStatus {
    fn from(status: core::BookingStatus) -> Self {
        match status {
            core::BookingStatus::Held => Self::Held,
            core::BookingStatus::Paying => Self::Paying,
            core::BookingStatus::Confirmed => Self::Confirmed,
            core::BookingStatus::Cancelled => Self::Cancelled,
            core::BookingStatus::Expired => Self::Expired,
        }
    }
}

impl From<core::Shortage> for wit::Shortage {
    fn from(shortage: core::Shortage) -> Self {
        Self { ticket_type: shortage.ticket_type, available: shortage.available }
    }
}

impl From<core::SalePhase> for wit::SalePhase {
    fn from(phase: core::SalePhase) -> Self {
        match phase {
            core::SalePhase::NotYet => Self::NotYet,
            core::SalePhase::Over => Self::Over,
            core::SalePhase::Closed => Self::Closed,
        }
    }
}

impl From<core::CancelRefusal> for wit::CancelRefusal {
    fn from(refusal: core::CancelRefusal) -> Self {
        match refusal {
            core::CancelRefusal::NoRefunds => Self::NoRefunds,
            core::CancelRefusal::TooLate => Self::TooLate,
        }
    }
}

impl From<core::Rejection> for wit::Rejection {
    fn from(rejection: core::Rejection) -> Self {
        match rejection {
            core::Rejection::Invalid(text) => Self::Invalid(text),
            core::Rejection::UnknownEvent => Self::UnknownEvent,
            core::Rejection::UnknownTicketType(ticket_type) => Self::UnknownTicketType(ticket_type),
            core::Rejection::UnknownBooking => Self::UnknownBooking,
            core::Rejection::NotOnSale(phase) => Self::NotOnSale(phase.into()),
            core::Rejection::SoldOut(shortages) => Self::SoldOut(shortages.into_iter().map(Into::into).collect()),
            core::Rejection::OverLimit(core::Limit { ticket_type, per_person, has }) => {
                Self::OverLimit(wit::Limit { ticket_type, per_person, has })
            }
            core::Rejection::Expired => Self::Expired,
            core::Rejection::WrongState(status) => Self::WrongState(status.into()),
            core::Rejection::NotCancellable(refusal) => Self::NotCancellable(refusal.into()),
            core::Rejection::Forbidden => Self::Forbidden,
            core::Rejection::CapacityTooLow(shortage) => Self::CapacityTooLow(shortage.into()),
            core::Rejection::StaleRevision(revision) => Self::StaleRevision(revision),
            core::Rejection::KeyConflict => Self::KeyConflict,
            core::Rejection::Unavailable(milliseconds) => Self::Unavailable(milliseconds),
            core::Rejection::Unknown => Self::Unknown,
        }
    }
}
