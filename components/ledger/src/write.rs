//! What a transaction writes, for both engines.

use crate::rows::BatchRows;
use kit::sql::Error;
use kit::sql::table::{Write, insert, update};
use ledger_core::Batch;

/// Everything that these batches change, the journal aside, in as few statements as can be. Rows that others refer to come first.
///
/// Updates are relative to the row, or of rows whose event's version this transaction has swapped. Nowhere is there an ON CONFLICT: a ledger that is
/// second must fail, and decide again on what the first one wrote.
pub fn statements(batches: &[Batch], now: i64) -> Result<Vec<Write>, Error> {
    let mut written = BatchRows::default();
    for batch in batches {
        if let Some(state) = batch.state() {
            let changes = batch.changes();
            written.add(batch.event(), state, changes, &changes.keys)?;
        }
    }
    let BatchRows { opened, changed, new_lines, lines, new_bookings, items, bookings, keys, refunds } = written;
    let statements = [
        insert(opened, now),
        update(changed, now),
        insert(new_lines, now),
        update(lines, now),
        insert(new_bookings, now),
        insert(items, now),
        update(bookings, now),
        insert(keys, now),
        insert(refunds, now),
    ];
    Ok(statements.into_iter().flatten().collect())
}
