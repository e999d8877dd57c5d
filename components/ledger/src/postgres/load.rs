//! An event, from its rows into memory.

use super::{Session, json, one};
use crate::read::{self, InventoryRow, LineRow};
use kit::sql::Error;
use kit::sql::postgres::Parameter;
use ledger_engine::bigint;
use ledger_engine::{HoldRow, Inventory};
use std::sync::LazyLock;

static FENCE: LazyLock<String> = LazyLock::new(|| read::swap_statement("$1", "$2"));

static LINES: LazyLock<String> = LazyLock::new(|| read::lines_of("= $1"));

/// A page of live holds, in the order of their deadlines. The index `bookings_due` has them in it.
const HOLDS: &str = "SELECT json_agg(json_build_array(b.id, b.person, b.expires_at, i.ticket_type, i.quantity, b.client) \
    ORDER BY b.expires_at, b.id, i.ordinal)::TEXT \
    FROM (SELECT id, person, expires_at, client FROM bookings WHERE event = $1 AND status IN ('held', 'paying') AND expires_at >= $2 \
        AND (expires_at, id) > ($2, $3) ORDER BY expires_at, id LIMIT $4) b JOIN booking_items i ON i.booking = b.id";

impl Session {
    pub(super) async fn fenced(&self, event: &str, by: u64) -> Result<Option<Inventory>, Error> {
        let rows: Vec<InventoryRow> = self.0.all(&FENCE, vec![named(event), Parameter::Int64(bigint(by))]).await?;
        rows.into_iter().next().map(|row| row.read(event)).transpose()
    }

    pub(super) async fn lines_of(&self, event: &str) -> Result<Vec<ledger_engine::LineRow>, Error> {
        let rows: Vec<LineRow> = self.0.all(&LINES, vec![named(event)]).await?;
        read::lines(rows)
    }

    pub(super) async fn page_of_holds(&self, event: &str, after: (i64, &str), limit: i64) -> Result<Vec<HoldRow>, Error> {
        let page = vec![named(event), Parameter::Int64(after.0), Parameter::Str(after.1.to_owned()), Parameter::Int64(limit)];
        let (rows,) = one(self.0.all::<(Option<String>,)>(HOLDS, page).await?)?;
        json(rows)
    }
}

fn named(event: &str) -> Parameter {
    Parameter::Str(event.to_owned())
}
