//! An event, from its rows into memory.

use super::{Store, json, one};
use crate::attempts::Failure;
use crate::limits;
use crate::read::{InventoryRow, LineRow, Read};
use kit::sql::postgres::Parameter;
use ledger_core::{Holds, State};

/// The fence: a batch that was sent before, by whomever, and has not been committed by then, never will be.
const FENCE: &str = "UPDATE inventory SET version = version + 1 WHERE event = $1 \
    RETURNING version, status, revision, currency, sales_from, sales_until, refund_until";

const LINES: &str =
    "SELECT event, ticket_type, ordinal, price, per_person_limit, capacity, held, sold FROM inventory_lines WHERE event = $1";

/// A page of live holds, in the order of their deadlines. The index `bookings_due` has them in it.
const HOLDS: &str = "SELECT json_agg(json_build_array(b.id, b.person, b.expires_at, i.ticket_type, i.quantity) \
    ORDER BY b.expires_at, b.id, i.ordinal)::TEXT \
    FROM (SELECT id, person, expires_at FROM bookings WHERE event = $1 AND status IN ('held', 'paying') AND expires_at >= $2 \
        AND (expires_at, id) > ($2, $3) ORDER BY expires_at, id LIMIT $4) b JOIN booking_items i ON i.booking = b.id";

/// Booking, person, deadline, ticket type, quantity.
type HoldRow = (String, String, i64, String, u32);

impl Store {
    /// Loads an event, as of a version that nobody else knows; none where it was never opened. The fence comes first and the rest is read after it, in statements of their own: whoever changes something in
    /// between swaps the version, and the batch that this is for reads that again together with its keys.
    pub async fn load(&self, event: &str, now: i64) -> Result<Option<(State, Holds)>, Failure> {
        let named = || Parameter::Str(event.to_owned());
        let fenced: Vec<InventoryRow> = self.session.all(FENCE, vec![named()]).await?;
        let Some(inventory) = fenced.into_iter().next() else { return Ok(None) };
        let mut read = Read::default();
        read.inventory(event, inventory, 0)?;
        let lines: Vec<LineRow> = self.session.all(LINES, vec![named()]).await?;
        read.lines(lines);
        let mut holds = Holds::new(now);
        let mut after = (0, String::new());
        // One more than are kept says that there are too many.
        while holds.len() <= limits::HOLDS {
            let page =
                vec![named(), Parameter::Int64(after.0), Parameter::Str(after.1.clone()), Parameter::Int64(limits::HOLDS_PAGE)];
            let (rows,) = one(self.session.all::<(Option<String>,)>(HOLDS, page).await?)?;
            let rows: Vec<HoldRow> = json(rows)?;
            let Some(last) = rows.last() else { break };
            after = (last.2, last.0.clone());
            for (id, person, expires_at, ticket_type, quantity) in rows {
                holds.insert(&id, &person, expires_at, &ticket_type, quantity);
            }
        }
        Ok(read.into_state(event).map(|state| (state, holds)))
    }
}
