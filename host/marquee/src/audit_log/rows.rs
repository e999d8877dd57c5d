//! The log's rows, as the database has them.

use audit::Entry;
use region::database::{Error, Row};

/// A region's audit log from here on, in order.
pub const ROWS: &str = "SELECT sequence, ce_id, type, subject, actor, network, at, digest, previous, hash FROM audit_log \
    WHERE region = $1 AND sequence > $2 ORDER BY sequence LIMIT $3";

/// One of [`ROWS`].
pub fn row(row: &mut Row) -> Result<audit::Row, Error> {
    Ok(audit::Row {
        sequence: row.integer()?,
        entry: Entry {
            ce_id: row.text()?,
            kind: row.text()?,
            subject: row.text()?,
            actor: row.maybe_text()?,
            network: row.maybe_text()?,
            at: row.integer()?,
            digest: row.text()?,
        },
        previous: row.text()?,
        hash: row.text()?,
    })
}
