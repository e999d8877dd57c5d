//! What the ledger writes: each table's columns, once. All its statements that write are made of these.

use kit::sql::Error;
use kit::sql::table::{Column, Row};
use ledger_core::{Accepted, BookingItem, Changes, KeyWrite, LineWrite, Record, Refund, State, Terms};
use ledger_engine::bigint;
use serde_json::json;
use std::mem::take;

/// An event's inventory, with the terms that it has from now on; without any, they stay.
pub struct Inventory<'a> {
    pub version: u64,
    pub terms: Option<&'a Terms>,
}

impl Row for Inventory<'_> {
    const TABLE: &'static str = "inventory";

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::<Self>::event("event").key(),
            // Swapped before anything else is done with the event.
            Column::<Self>::number("version", |row| Some(bigint(row.version))),
            Column::<Self>::text("status", |row| row.terms.map(|terms| terms.status.as_str().to_owned())).set(),
            Column::<Self>::number("revision", |row| row.terms.map(|terms| bigint(terms.revision))).set(),
            Column::<Self>::text("currency", |row| row.terms.map(|terms| terms.currency.clone())),
            Column::<Self>::number("sales_from", |row| row.terms.and_then(|terms| terms.sales_from)).set(),
            Column::<Self>::number("sales_until", |row| row.terms.and_then(|terms| terms.sales_until)).set(),
            Column::<Self>::number("refund_until", |row| row.terms.and_then(|terms| terms.refund_until)).set(),
        ]
    }
}

/// A ticket type of an event, or what some share. Places are added, never set: should the swap ever fail to keep two writers apart, the sum stays right and the CHECK
/// refuses.
pub struct Line<'a> {
    ticket_type: &'a str,
    write: &'a LineWrite,
}

impl Row for Line<'_> {
    const TABLE: &'static str = "inventory_lines";

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::<Self>::event("event").key(),
            Column::<Self>::text("ticket_type", |row| Some(row.ticket_type.to_owned())).key(),
            Column::<Self>::number("ordinal", |row| Some(row.write.terms.ordinal.into())).set(),
            Column::<Self>::number("price", |row| Some(row.write.terms.price)).set(),
            Column::<Self>::number("per_person_limit", |row| Some(row.per_person_limit())).set(),
            Column::<Self>::number("capacity", |row| Some(row.write.terms.capacity.into())).set(),
            Column::<Self>::text("shared_by", |row| row.write.terms.shared_by.as_deref().map(|types| json!(types).to_string()))
                .set(),
            Column::<Self>::number("sales_from", |row| row.write.terms.sales_from).set(),
            Column::<Self>::number("sales_until", |row| row.write.terms.sales_until).set(),
            Column::<Self>::number("paused", |row| Some(row.write.terms.paused.into())).set(),
            Column::<Self>::number("held", |row| Some(row.write.held)).add(),
            Column::<Self>::number("sold", |row| Some(row.write.sold)).add(),
        ]
    }
}

/// What stands for the limit per person of what is shared. A ledger from before it could be reads no such limit, so it refuses the event, and does not sell of
/// it as if nothing were shared.
pub const NO_TICKET_TYPE: i64 = -1;

impl Line<'_> {
    fn per_person_limit(&self) -> i64 {
        let terms = &self.write.terms;
        if terms.shared_by.is_some() { NO_TICKET_TYPE } else { terms.per_person_limit.into() }
    }
}

/// A booking.
pub struct Booking<'a>(&'a Record);

impl Row for Booking<'_> {
    const TABLE: &'static str = "bookings";

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::<Self>::text("id", |row| Some(row.0.booking.id.clone())).key(),
            Column::<Self>::event("event").key(),
            Column::<Self>::text("person", |row| Some(row.0.booking.person.clone())),
            Column::<Self>::text("status", |row| Some(row.0.booking.status.as_str().to_owned())).set(),
            Column::<Self>::number("expires_at", |row| row.0.booking.expires_at).set(),
            Column::<Self>::number("extended", |row| Some(row.0.extended.into())).set(),
            Column::<Self>::number("total", |row| Some(row.0.booking.total.amount)),
            Column::<Self>::text("currency", |row| Some(row.0.booking.total.currency.clone())),
            Column::<Self>::text("payment", |row| row.0.payment.clone()).set(),
            Column::<Self>::text("ticket_seed", |row| Some(row.0.ticket_seed.clone())),
            Column::<Self>::number("version", |row| Some(bigint(row.0.booking.version))).grow(),
            Column::<Self>::now("created_at"),
            Column::<Self>::now("updated_at").set(),
            Column::<Self>::text("client", |row| row.0.client.clone()).set(),
            Column::<Self>::number("refund_until", |row| row.0.refund_until),
        ]
    }
}

/// An item of a booking that is new.
pub struct Item<'a> {
    booking: &'a str,
    ordinal: i64,
    item: &'a BookingItem,
}

impl Row for Item<'_> {
    const TABLE: &'static str = "booking_items";

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::<Self>::text("booking", |row| Some(row.booking.to_owned())),
            Column::<Self>::text("ticket_type", |row| Some(row.item.ticket_type.clone())),
            Column::<Self>::number("ordinal", |row| Some(row.ordinal)),
            Column::<Self>::number("quantity", |row| Some(row.item.quantity.into())),
            Column::<Self>::number("unit_price", |row| Some(row.item.unit_price)),
        ]
    }
}

/// An idempotency key.
pub struct Key<'a> {
    key: &'a KeyWrite,
    outcome: String,
}

impl<'a> Key<'a> {
    fn new(key: &'a KeyWrite) -> Result<Self, Error> {
        let accepted: &Accepted = &key.accepted;
        let outcome = serde_json::to_string(accepted);
        let outcome = outcome.map_err(|error| Error::Other(format!("an outcome does not serialize: {error}")))?;
        Ok(Self { key, outcome })
    }
}

impl Row for Key<'_> {
    const TABLE: &'static str = "idempotency";

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::<Self>::event("scope"),
            Column::<Self>::text("person", |row| Some(row.key.scope.clone())),
            Column::<Self>::text("key", |row| Some(row.key.key.clone())),
            Column::<Self>::text("request_hash", |row| Some(row.key.request_hash.clone())),
            Column::<Self>::text("outcome", |row| Some(take(&mut row.outcome))),
            Column::<Self>::now("created_at"),
        ]
    }
}

/// A refund that becomes due at once.
pub struct DueRefund<'a>(&'a Refund);

impl Row for DueRefund<'_> {
    const TABLE: &'static str = "refunds";

    fn columns() -> Vec<Column<Self>> {
        vec![
            Column::<Self>::text("id", |row| Some(row.0.id.clone())),
            Column::<Self>::text("payment", |row| Some(row.0.payment.clone())),
            Column::<Self>::text("booking", |row| Some(row.0.booking.clone())),
            Column::<Self>::number("amount", |row| Some(row.0.amount)),
            Column::<Self>::text("currency", |row| Some(row.0.currency.clone())),
            Column::<Self>::text("reason", |row| Some(row.0.reason.as_str().to_owned())),
            Column::<Self>::literal("status", "'due'"),
            Column::<Self>::literal("attempts", "0"),
            Column::<Self>::now("due_at"),
            Column::<Self>::now("created_at"),
            Column::<Self>::now("updated_at"),
        ]
    }
}

/// What batches write, table by table; each row with what its event is called by.
pub struct BatchRows<'a, E> {
    /// Inventories of events that are new.
    pub opened: Vec<(E, Inventory<'a>)>,
    /// Inventories whose terms change.
    pub changed: Vec<(E, Inventory<'a>)>,
    /// Lines that are new.
    pub new_lines: Vec<(E, Line<'a>)>,
    /// Lines that change.
    pub lines: Vec<(E, Line<'a>)>,
    /// Bookings that are new.
    pub new_bookings: Vec<(E, Booking<'a>)>,
    /// Their items.
    pub items: Vec<(E, Item<'a>)>,
    /// Bookings that change.
    pub bookings: Vec<(E, Booking<'a>)>,
    /// Keys.
    pub keys: Vec<(E, Key<'a>)>,
    /// Refunds.
    pub refunds: Vec<(E, DueRefund<'a>)>,
}

impl<E> Default for BatchRows<'_, E> {
    fn default() -> Self {
        Self {
            opened: Vec::new(),
            changed: Vec::new(),
            new_lines: Vec::new(),
            lines: Vec::new(),
            new_bookings: Vec::new(),
            items: Vec::new(),
            bookings: Vec::new(),
            keys: Vec::new(),
            refunds: Vec::new(),
        }
    }
}

impl<'a, E: Copy> BatchRows<'a, E> {
    /// Adds what an event's batch changes: `state` is the inventory after it.
    pub fn add(&mut self, of: E, state: &State, changes: &'a Changes, keys: &'a [KeyWrite]) -> Result<(), Error> {
        if let Some(inventory) = &changes.inventory {
            let to = if inventory.new { &mut self.opened } else { &mut self.changed };
            to.push((of, Inventory { version: state.version, terms: Some(&inventory.terms) }));
        }
        for (ticket_type, write) in &changes.lines {
            let to = if write.new { &mut self.new_lines } else { &mut self.lines };
            to.push((of, Line { ticket_type, write }));
        }
        for write in changes.bookings.values() {
            if !write.new {
                self.bookings.push((of, Booking(&write.record)));
                continue;
            }
            let booking = &write.record.booking;
            let items = (0i64..).zip(&booking.items);
            self.items.extend(items.map(|(ordinal, item)| (of, Item { booking: &booking.id, ordinal, item })));
            self.new_bookings.push((of, Booking(&write.record)));
        }
        for key in keys {
            self.keys.push((of, Key::new(key)?));
        }
        self.refunds.extend(changes.refunds.iter().map(|refund| (of, DueRefund(refund))));
        Ok(())
    }
}
