//! From changes to statements.

use crate::limits;
use crate::statement::{Statement, typed_rows};
use kit::params;
use kit::sql::{self, Error, Value};
use ledger_core::{Batch, Changes, Record, Refund};
use ledger_engine::bigint;

/// A statement, and how many rows it must touch: anything else means that the rows are not what was read, and undoes it all.
#[derive(Debug)]
pub struct Write {
    pub statement: Statement,
    pub rows: u64,
}

/// Everything that these batches change, the journal aside, in as few statements as can be. Rows that others refer to come first.
///
/// Updates are relative to the row, or of rows whose event's version this transaction has swapped.
pub fn statements(batches: &[Batch], now: i64) -> Result<Vec<Write>, Error> {
    let mut writes = Vec::new();
    let all = || batches.iter().map(|batch| (batch, batch.changes()));
    inventories(&mut writes, all());
    lines(&mut writes, all());
    bookings(&mut writes, all());
    keys(&mut writes, all(), now)?;
    refunds(&mut writes, all(), now);
    Ok(writes)
}

fn inventories<'a>(writes: &mut Vec<Write>, all: impl Iterator<Item = (&'a Batch, &'a Changes)>) {
    for (batch, changes) in all {
        let Some((inventory, state)) = changes.inventory.as_ref().zip(batch.state()) else { continue };
        let terms = &inventory.terms;
        let (status, revision) = (terms.status.as_str(), bigint(terms.revision));
        let windows = params![terms.sales_from, terms.sales_until, terms.refund_until];
        let statement = if inventory.new {
            // No ON CONFLICT: whoever is second must fail, and decide again on what the first one wrote.
            let mut parameters = Vec::from(params![batch.event(), bigint(state.version), status, revision, &terms.currency]);
            parameters.extend(windows);
            Statement::new(
                "INSERT INTO inventory (event, version, status, revision, currency, sales_from, sales_until, refund_until) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
                parameters,
            )
        } else {
            let mut parameters = Vec::from(params![batch.event(), status, revision]);
            parameters.extend(windows);
            Statement::new(
                "UPDATE inventory SET status = $2, revision = $3, sales_from = $4, sales_until = $5, refund_until = $6 WHERE event = $1",
                parameters,
            )
        };
        writes.push(Write { statement, rows: 1 });
    }
}

fn lines<'a>(writes: &mut Vec<Write>, all: impl Iterator<Item = (&'a Batch, &'a Changes)>) {
    let (mut new, mut known) = (Vec::new(), Vec::new());
    for (batch, changes) in all {
        for (ticket_type, line) in &changes.lines {
            let terms = &line.terms;
            let row = params![
                batch.event(),
                ticket_type,
                terms.ordinal,
                terms.price,
                terms.per_person_limit,
                terms.capacity,
                line.held,
                line.sold,
            ];
            if line.new { new.push(row) } else { known.push(row) }
        }
    }
    let columns = "inventory_lines (event, ticket_type, ordinal, price, per_person_limit, capacity, held, sold)";
    insert(writes, columns, &new);
    // Places are added, never set: should the swap ever fail to keep two writers apart, the sum stays right and the CHECK refuses.
    let text = "UPDATE inventory_lines SET ordinal = v.ordinal, price = v.price, per_person_limit = v.per_person_limit, \
        capacity = v.capacity, held = inventory_lines.held + v.held, sold = inventory_lines.sold + v.sold \
        FROM v WHERE inventory_lines.event = v.event AND inventory_lines.ticket_type = v.ticket_type";
    let columns = [
        ("event", "TEXT"),
        ("ticket_type", "TEXT"),
        ("ordinal", "BIGINT"),
        ("price", "BIGINT"),
        ("per_person_limit", "BIGINT"),
        ("capacity", "BIGINT"),
        ("held", "BIGINT"),
        ("sold", "BIGINT"),
    ];
    update(writes, &columns, text, &known);
}

fn bookings<'a>(writes: &mut Vec<Write>, all: impl Iterator<Item = (&'a Batch, &'a Changes)>) {
    let (mut new, mut items, mut known) = (Vec::new(), Vec::new(), Vec::new());
    for write in all.flat_map(|(_, changes)| changes.bookings.values()) {
        let Record { booking, extended, payment, client, ticket_seed, refund_until, updated_at } = &write.record;
        let (id, status, version) = (&booking.id, booking.status.as_str(), bigint(booking.version));
        if !write.new {
            known.push(params![id, status, booking.expires_at, *extended, payment.clone(), version, *updated_at]);
            continue;
        }
        new.push(params![
            id,
            &booking.event_id,
            &booking.person,
            status,
            booking.expires_at,
            *extended,
            booking.total.amount,
            &booking.total.currency,
            payment.clone(),
            ticket_seed,
            version,
            booking.created_at,
            *updated_at,
            client.clone(),
            *refund_until,
        ]);
        let rows = (0i64..).zip(&booking.items);
        items.extend(rows.map(|(ordinal, item)| params![id, &item.ticket_type, ordinal, item.quantity, item.unit_price]));
    }
    let columns = "bookings (id, event, person, status, expires_at, extended, total, currency, payment, ticket_seed, version, \
        created_at, updated_at, client, refund_until)";
    insert(writes, columns, &new);
    insert(writes, "booking_items (booking, ticket_type, ordinal, quantity, unit_price)", &items);
    let text = "UPDATE bookings SET status = v.status, expires_at = v.expires_at, extended = v.extended, payment = v.payment, \
        version = v.version, updated_at = v.updated_at, \
        client = CASE WHEN v.status IN ('held', 'paying') THEN bookings.client END FROM v WHERE bookings.id = v.id AND bookings.version < v.version";
    let columns = [
        ("id", "TEXT"),
        ("status", "TEXT"),
        ("expires_at", "BIGINT"),
        ("extended", "BIGINT"),
        ("payment", "TEXT"),
        ("version", "BIGINT"),
        ("updated_at", "BIGINT"),
    ];
    update(writes, &columns, text, &known);
}

fn keys<'a>(writes: &mut Vec<Write>, all: impl Iterator<Item = (&'a Batch, &'a Changes)>, now: i64) -> Result<(), Error> {
    let mut rows = Vec::new();
    for (batch, changes) in all {
        for key in &changes.keys {
            let outcome = serde_json::to_string(&*key.accepted);
            let outcome = outcome.map_err(|error| Error::Other(format!("an outcome does not serialize: {error}")))?;
            rows.push(params![batch.event(), &key.scope, &key.key, &key.request_hash, outcome, now]);
        }
    }
    insert(writes, "idempotency (scope, person, key, request_hash, outcome, created_at)", &rows);
    Ok(())
}

fn refunds<'a>(writes: &mut Vec<Write>, all: impl Iterator<Item = (&'a Batch, &'a Changes)>, now: i64) {
    let row = |refund: &Refund| {
        let Refund { id, payment, booking, amount, currency, reason } = refund;
        params![id, payment, booking, *amount, currency, reason.as_str(), "due", 0i64, now, now, now]
    };
    let rows: Vec<_> = all.flat_map(|(_, changes)| &changes.refunds).map(row).collect();
    let columns = "refunds (id, payment, booking, amount, currency, reason, status, attempts, due_at, created_at, updated_at)";
    insert(writes, columns, &rows);
}

/// Rows into a table, given as `table (column, …)`.
fn insert<const N: usize>(writes: &mut Vec<Write>, into: &str, rows: &[[Value; N]]) {
    for rows in rows.chunks(limits::ROWS) {
        let text = format!("INSERT INTO {into} VALUES {}", sql::rows(rows.len(), N));
        push(writes, text, rows);
    }
}

/// Changes rows from a table `v` of these columns.
fn update<const N: usize>(writes: &mut Vec<Write>, columns: &[(&str, &str); N], text: &str, rows: &[[Value; N]]) {
    let names = columns.map(|(name, _)| name).join(", ");
    let types = columns.map(|(_, sql_type)| sql_type);
    for rows in rows.chunks(limits::ROWS) {
        let text = format!("WITH v ({names}) AS (VALUES {}) {text}", typed_rows(rows.len(), &types));
        push(writes, text, rows);
    }
}

fn push<const N: usize>(writes: &mut Vec<Write>, text: String, rows: &[[Value; N]]) {
    let parameters: Vec<Value> = rows.iter().flatten().cloned().collect();
    writes.push(Write { statement: Statement::new(text, parameters), rows: rows.len() as u64 });
}
