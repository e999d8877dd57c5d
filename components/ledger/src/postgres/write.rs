//! From batches to the parameters of `write.sql`, in its order.

use kit::journal::Row;
use kit::sql::Error;
use kit::sql::postgres::Parameter;
use ledger_core::{BookingWrite, LineWrite, Record};
use ledger_engine::Write;
use ledger_engine::bigint;

/// A column of BIGINT.
type Numbers = Vec<Option<i64>>;
/// A column of TEXT.
type Texts = Vec<Option<String>>;

/// Columns of rows; each row is of an event, which it names by a number.
macro_rules! columns {
    ($(#[$meta:meta])* $name:ident { $($column:ident: $type:ident),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Default)]
        struct $name { $($column: $type),+ }

        impl $name {
            fn parameters(self, all: &mut Vec<Parameter>) {
                all.extend([$(Into::into(self.$column)),+]);
            }
        }
    };
}

columns!(Swapped {
    event: Texts,
    no: Numbers,
    decided_on: Numbers,
    commands: Numbers,
    status: Texts,
    revision: Numbers,
    sales_from: Numbers,
    sales_until: Numbers,
    refund_until: Numbers,
});
columns!(Opened {
    event: Texts,
    no: Numbers,
    version: Numbers,
    status: Texts,
    revision: Numbers,
    currency: Texts,
    sales_from: Numbers,
    sales_until: Numbers,
    refund_until: Numbers,
});
columns!(Lines {
    no: Numbers,
    ticket_type: Texts,
    ordinal: Numbers,
    price: Numbers,
    per_person_limit: Numbers,
    capacity: Numbers,
    held: Numbers,
    sold: Numbers,
});
columns!(NewBookings {
    no: Numbers,
    id: Texts,
    person: Texts,
    status: Texts,
    expires_at: Numbers,
    extended: Numbers,
    total: Numbers,
    payment: Texts,
    ticket_seed: Texts,
    version: Numbers,
    client: Texts,
    refund_until: Numbers,
});
columns!(Items { no: Numbers, booking: Texts, ticket_type: Texts, ordinal: Numbers, quantity: Numbers, unit_price: Numbers });
columns!(Bookings {
    no: Numbers,
    id: Texts,
    status: Texts,
    expires_at: Numbers,
    extended: Numbers,
    payment: Texts,
    version: Numbers
});
columns!(Keys { no: Numbers, person: Texts, key: Texts, request_hash: Texts, outcome: Texts });
columns!(Refunds { no: Numbers, id: Texts, payment: Texts, booking: Texts, amount: Numbers, currency: Texts, reason: Texts });
columns!(JournalBatches { no: Numbers, id: Texts, entries: Numbers, facts: Texts });
columns!(Journal {
    no: Numbers,
    batch: Texts,
    ordinal: Numbers,
    topic: Texts,
    kind: Texts,
    aggregate: Texts,
    version: Numbers,
    payload: Texts,
    trace: Texts,
});

/// Everything that some events' batches write.
#[derive(Default)]
struct Columns {
    swapped: Swapped,
    opened: Opened,
    lines: Lines,
    new_lines: Lines,
    new_bookings: NewBookings,
    items: Items,
    bookings: Bookings,
    keys: Keys,
    refunds: Refunds,
    journal_batches: JournalBatches,
    journal: Journal,
}

/// The statement's parameters, at this time.
pub(super) fn parameters(now: i64, writes: Vec<Write<'_>>) -> Result<Vec<Parameter>, Error> {
    let mut columns = Columns::default();
    for write in writes {
        columns.add(write)?;
    }
    Ok(columns.into_parameters(now))
}

impl Columns {
    /// Adds an event's batch.
    fn add(&mut self, write: Write<'_>) -> Result<(), Error> {
        let Write { number, state, changes, keys, commands, journal, journal_batch } = write;
        let no = Some(bigint(number as u64));
        let terms = &state.terms;
        let (version, status) = (bigint(state.version), Some(terms.status.as_str().to_owned()));
        match &changes.inventory {
            Some(inventory) if inventory.new => {
                let to = &mut self.opened;
                to.event.push(Some(state.event.clone()));
                to.no.push(no);
                to.version.push(Some(version));
                to.status.push(status);
                to.revision.push(Some(bigint(terms.revision)));
                to.currency.push(Some(terms.currency.clone()));
                to.sales_from.push(terms.sales_from);
                to.sales_until.push(terms.sales_until);
                to.refund_until.push(terms.refund_until);
            }
            changed => {
                let to = &mut self.swapped;
                let commands = bigint(commands as u64);
                to.event.push(Some(state.event.clone()));
                to.no.push(no);
                to.decided_on.push(Some(version - commands));
                to.commands.push(Some(commands));
                to.status.push(status.filter(|_| changed.is_some()));
                to.revision.push(Some(bigint(terms.revision)));
                to.sales_from.push(terms.sales_from);
                to.sales_until.push(terms.sales_until);
                to.refund_until.push(terms.refund_until);
            }
        }
        changes.lines.iter().for_each(|(ticket_type, line)| self.line(no, ticket_type, line));
        changes.bookings.values().for_each(|write| self.booking(no, write));
        for key in keys {
            let to = &mut self.keys;
            let outcome = serde_json::to_string(&*key.accepted);
            let outcome = outcome.map_err(|error| Error::Other(format!("an outcome does not serialize: {error}")))?;
            to.no.push(no);
            to.person.push(Some(key.scope.clone()));
            to.key.push(Some(key.key.clone()));
            to.request_hash.push(Some(key.request_hash.clone()));
            to.outcome.push(Some(outcome));
        }
        for refund in &changes.refunds {
            let to = &mut self.refunds;
            to.no.push(no);
            to.id.push(Some(refund.id.clone()));
            to.payment.push(Some(refund.payment.clone()));
            to.booking.push(Some(refund.booking.clone()));
            to.amount.push(Some(refund.amount));
            to.currency.push(Some(refund.currency.clone()));
            to.reason.push(Some(refund.reason.as_str().to_owned()));
        }
        self.tell(no, journal_batch, journal);
        Ok(())
    }

    fn line(&mut self, no: Option<i64>, ticket_type: &str, line: &LineWrite) {
        let to = if line.new { &mut self.new_lines } else { &mut self.lines };
        let terms = &line.terms;
        to.no.push(no);
        to.ticket_type.push(Some(ticket_type.to_owned()));
        to.ordinal.push(Some(terms.ordinal.into()));
        to.price.push(Some(terms.price));
        to.per_person_limit.push(Some(terms.per_person_limit.into()));
        to.capacity.push(Some(terms.capacity.into()));
        to.held.push(Some(line.held));
        to.sold.push(Some(line.sold));
    }

    fn booking(&mut self, no: Option<i64>, write: &BookingWrite) {
        let Record { booking, extended, payment, client, ticket_seed, refund_until, updated_at: _ } = &write.record;
        let (id, status) = (Some(booking.id.clone()), Some(booking.status.as_str().to_owned()));
        let (version, extended) = (Some(bigint(booking.version)), Some((*extended).into()));
        if !write.new {
            let to = &mut self.bookings;
            to.no.push(no);
            to.id.push(id);
            to.status.push(status);
            to.expires_at.push(booking.expires_at);
            to.extended.push(extended);
            to.payment.push(payment.clone());
            to.version.push(version);
            return;
        }
        let to = &mut self.new_bookings;
        to.no.push(no);
        to.id.push(id);
        to.person.push(Some(booking.person.clone()));
        to.status.push(status);
        to.expires_at.push(booking.expires_at);
        to.extended.push(extended);
        to.total.push(Some(booking.total.amount));
        to.payment.push(payment.clone());
        to.ticket_seed.push(Some(ticket_seed.clone()));
        to.version.push(version);
        to.client.push(client.clone());
        to.refund_until.push(*refund_until);
        for (ordinal, item) in (0i64..).zip(&booking.items) {
            let to = &mut self.items;
            to.no.push(no);
            to.booking.push(Some(booking.id.clone()));
            to.ticket_type.push(Some(item.ticket_type.clone()));
            to.ordinal.push(Some(ordinal));
            to.quantity.push(Some(item.quantity.into()));
            to.unit_price.push(Some(item.unit_price));
        }
    }

    /// Adds what is told of an event, under an id of its own: of events that are left out nothing is told, and what is told has no gaps.
    fn tell(&mut self, no: Option<i64>, batch: String, rows: Vec<Row>) {
        let to = &mut self.journal_batches;
        to.no.push(no);
        to.entries.push(Some(bigint(rows.len() as u64)));
        to.facts.push(kit::journal::facts(&rows));
        let to = &mut self.journal;
        for (ordinal, row) in (0i64..).zip(rows) {
            to.no.push(no);
            to.batch.push(Some(batch.clone()));
            to.ordinal.push(Some(ordinal));
            to.topic.push(row.topic.map(str::to_owned));
            to.kind.push(Some(row.kind.to_owned()));
            to.aggregate.push(Some(row.aggregate));
            to.version.push(Some(row.version));
            to.payload.push(Some(row.payload));
            to.trace.push(row.trace);
        }
        self.journal_batches.id.push(Some(batch));
    }

    /// In the statement's order.
    fn into_parameters(self, now: i64) -> Vec<Parameter> {
        let mut all = vec![Parameter::Int64(now)];
        self.swapped.parameters(&mut all);
        self.opened.parameters(&mut all);
        self.lines.parameters(&mut all);
        self.new_lines.parameters(&mut all);
        self.new_bookings.parameters(&mut all);
        self.items.parameters(&mut all);
        self.bookings.parameters(&mut all);
        self.keys.parameters(&mut all);
        self.refunds.parameters(&mut all);
        self.journal_batches.parameters(&mut all);
        self.journal.parameters(&mut all);
        all
    }
}
