//! A booking as the API shows it.

use kit::{
    ledger::{Booking, BookingItem, BookingStatus, Money},
    tickets::{OwnTickets, Ticket},
    time,
};
use serde::Serialize;

/// Minor units beside their currency.
#[derive(Debug, PartialEq, Serialize)]
struct Amount {
    amount: i64,
    currency: String,
}

impl Amount {
    fn new(amount: i64, currency: &str) -> Self {
        Self { amount, currency: currency.to_owned() }
    }
}

#[derive(Debug, PartialEq, Serialize)]
struct Item {
    ticket_type_id: String,
    quantity: u32,
    unit_price: Amount,
}

/// The JSON of a booking, its fields in the order they are shown in.
#[derive(Debug, PartialEq, Serialize)]
pub struct View {
    id: String,
    event_id: String,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    items: Vec<Item>,
    total: Amount,
    version: u64,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tickets: Option<Vec<Ticket>>,
    /// Whether some of its tickets are not there because required answers are missing.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    answers_missing: bool,
}

impl View {
    /// The booking as it was decided. It depends on nothing else, so that a repeated decision shows the same.
    pub fn new(booking: &Booking) -> Self {
        let Money { amount, currency } = &booking.total;
        let open = matches!(booking.status, BookingStatus::Held | BookingStatus::Paying);
        Self {
            id: booking.id.clone(),
            event_id: booking.event_id.clone(),
            status: booking.status.as_str(),
            expires_at: booking.expires_at.filter(|_| open).map(time::format),
            items: booking.items.iter().map(|item| item_view(item, currency)).collect(),
            total: Amount::new(*amount, currency),
            version: booking.version,
            created_at: time::format(booking.created_at),
            payment_id: None,
            tickets: None,
            answers_missing: false,
        }
    }

    /// This view with the payment that confirmed it.
    pub fn with_payment(mut self, payment: Option<String>) -> Self {
        self.payment_id = payment;
        self
    }

    /// This view with its tickets.
    pub fn with_tickets(mut self, own: OwnTickets) -> Self {
        self.tickets = Some(own.tickets);
        self.answers_missing = own.withheld > 0;
        self
    }
}

fn item_view(item: &BookingItem, currency: &str) -> Item {
    Item { ticket_type_id: item.ticket_type.clone(), quantity: item.quantity, unit_price: Amount::new(item.unit_price, currency) }
}

/// The booking as it is at `now`: a hold whose time is over has expired, whether or not its row was tidied already.
pub fn at(mut booking: Booking, now: i64) -> Booking {
    let open = matches!(booking.status, BookingStatus::Held | BookingStatus::Paying);
    if open && booking.expires_at.is_some_and(|deadline| deadline <= now) {
        booking.status = BookingStatus::Expired;
    }
    booking
}

#[cfg(test)]
mod tests {
    use super::*;

    fn booking(status: BookingStatus, expires_at: Option<i64>) -> Booking {
        Booking {
            id: "eu_b".into(),
            event_id: "eu_e".into(),
            person: "eu_p".into(),
            status,
            expires_at,
            items: vec![BookingItem { ticket_type: "eu_t".into(), quantity: 2, unit_price: 4500 }],
            total: Money { amount: 9000, currency: "EUR".into() },
            version: 17,
            created_at: 0,
        }
    }

    fn json(booking: &Booking) -> String {
        serde_json::to_string(&View::new(booking)).unwrap()
    }

    #[test]
    fn a_hold_is_shown_with_its_deadline() {
        assert_eq!(
            json(&booking(BookingStatus::Held, Some(600_000_000))),
            r#"{"id":"eu_b","event_id":"eu_e","status":"held","expires_at":"1970-01-01T00:10:00Z","items":[{"ticket_type_id":"eu_t","quantity":2,"unit_price":{"amount":4500,"currency":"EUR"}}],"total":{"amount":9000,"currency":"EUR"},"version":17,"created_at":"1970-01-01T00:00:00Z"}"#
        );
    }

    #[test]
    fn a_finished_booking_has_no_deadline() {
        for status in [BookingStatus::Confirmed, BookingStatus::Cancelled, BookingStatus::Expired] {
            assert!(!json(&booking(status, Some(1))).contains("expires_at"), "{status:?}");
        }
    }

    #[test]
    fn a_hold_ends_with_its_deadline() {
        for (status, now, shown) in [
            (BookingStatus::Held, 9, BookingStatus::Held),
            (BookingStatus::Held, 10, BookingStatus::Expired),
            (BookingStatus::Paying, 11, BookingStatus::Expired),
            (BookingStatus::Confirmed, 11, BookingStatus::Confirmed),
        ] {
            assert_eq!(at(booking(status, Some(10)), now).status, shown, "{status:?} at {now}");
        }
    }
}
