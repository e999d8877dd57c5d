//! What the examples happen in.

use super::model::Rows;
use super::{EVENT, MINUTE, SECOND, START, offer, order, person};
use crate::*;

/// An event's tables and a clock.
pub(super) struct World {
    pub(super) rows: Rows,
    pub(super) now: Instant,
    pub(super) asked: usize,
}

pub(super) type Answer = Result<Receipt, Rejection>;

/// Ten standard places at 45.00, two on the balcony, five free ones; three each. Refunds for an hour, on sale for two.
pub(super) fn sale(revision: u64) -> Sale {
    let offers = vec![offer("standard", 4500, 10, 3), offer("balcony", 9000, 2, 3), offer("free", 0, 5, 3)];
    Sale {
        sales_until: Some(START + 120 * MINUTE),
        refund_until: Some(START + 60 * MINUTE),
        ..Sale::new(revision, "EUR", offers)
    }
}

impl World {
    pub(super) fn unopened() -> Self {
        Self { rows: Rows::default(), now: START, asked: 0 }
    }

    pub(super) fn open() -> Self {
        let mut world = Self::unopened();
        assert_eq!(outcome(world.ask(Subject::Platform, Action::Open(sale(3)))), Outcome::Sale(3));
        world
    }

    pub(super) fn command(&mut self, subject: Subject, action: Action) -> Command {
        self.asked += 1;
        Command::new(subject, format!("key-{}", self.asked), EVENT, self.now + SECOND, action)
    }

    pub(super) fn ask(&mut self, subject: Subject, action: Action) -> Answer {
        let command = self.command(subject, action);
        self.send(&command)
    }

    pub(super) fn send(&mut self, command: &Command) -> Answer {
        self.rows.apply(self.now, 100, std::slice::from_ref(command)).remove(0)
    }

    pub(super) fn hold(&mut self, name: &str, ticket_type: &str, quantity: u32) -> Booking {
        booking(self.ask(person(name), order(&[(ticket_type, quantity)])))
    }

    pub(super) fn pay(&mut self, id: &str, payment: &str) -> Answer {
        let paid = self.rows.bookings[id].booking.total.clone();
        self.ask(Subject::Platform, confirmation(id, payment, paid))
    }

    /// A booking of two standard places, confirmed by payment `p`.
    pub(super) fn bought(&mut self, name: &str) -> String {
        let id = self.hold(name, "standard", 2).id;
        assert_eq!(booking(self.pay(&id, "p")).status, BookingStatus::Confirmed);
        id
    }
}

pub(super) fn confirmation(booking: &str, payment: &str, paid: Money) -> Action {
    Action::Confirm(Confirmation { booking: booking.to_owned(), payment: payment.to_owned(), paid })
}

pub(super) fn outcome(answer: Answer) -> Outcome {
    answer.unwrap().outcome
}

pub(super) fn booking(answer: Answer) -> Booking {
    match outcome(answer) {
        Outcome::Booking(booking) => booking,
        other => panic!("{other:?}"),
    }
}

pub(super) fn refund_due(answer: Answer) -> Booking {
    match outcome(answer) {
        Outcome::RefundDue(booking) => booking,
        other => panic!("{other:?}"),
    }
}

pub(super) fn shortage(ticket_type: &str, available: u32) -> Shortage {
    Shortage { ticket_type: ticket_type.to_owned(), available }
}

pub(super) fn changed(change: impl FnOnce(&mut Sale)) -> Sale {
    let mut sale = sale(4);
    change(&mut sale);
    sale
}
