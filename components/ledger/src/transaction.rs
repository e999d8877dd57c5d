//! One transaction, on SQLite or Postgres.

use crate::read::{self, BookingRow, InventoryRow, LineRow};
use crate::statement::Statement;
use crate::write;
use crate::{down, failure};
use kit::journal::Row;
use kit::sql::table::Write;
use kit::sql::{self, FromRow, Tx};
use ledger_core::{Batch, Record};
use ledger_engine::{Failure, HeldFromRow, Inventory, KeyRow, PlacesRow, Plan, RefundRow};

/// A transaction that is open.
pub struct Transaction(Tx);

impl Transaction {
    pub async fn begin() -> Result<Self, Failure> {
        sql::write().await.map(Self).map_err(down)
    }

    async fn all<T: FromRow>(&mut self, statement: Option<Statement>) -> Result<Vec<T>, Failure> {
        match statement {
            Some(Statement { text, parameters }) => self.0.all(&text, parameters).await.map_err(failure),
            None => Ok(Vec::new()),
        }
    }
}

impl ledger_engine::Transaction for Transaction {
    fn now(&self) -> i64 {
        self.0.now()
    }

    async fn swap(&mut self, event: &str, commands: usize) -> Result<Option<Inventory>, Failure> {
        let rows: Vec<InventoryRow> = self.all(Some(read::swap(event, commands))).await?;
        rows.into_iter().next().map(|row| row.read(event)).transpose().map_err(failure)
    }

    async fn lines(&mut self, events: &[&str]) -> Result<Vec<ledger_engine::LineRow>, Failure> {
        let rows: Vec<LineRow> = self.all(Some(read::lines_statement(events))).await?;
        read::lines(rows).map_err(failure)
    }

    async fn keys(&mut self, plan: &Plan<'_>) -> Result<Vec<KeyRow>, Failure> {
        self.all(read::keys_statement(plan)).await
    }

    async fn bookings(&mut self, plan: &Plan<'_>) -> Result<Vec<Record>, Failure> {
        let rows: Vec<BookingRow> = self.all(read::bookings_statement(plan)).await?;
        read::records(rows).map_err(failure)
    }

    async fn overdue(&mut self, events: &[&str], now: i64) -> Result<Vec<Record>, Failure> {
        let rows: Vec<BookingRow> = self.all(Some(read::overdue_statement(events, now))).await?;
        read::records(rows).map_err(failure)
    }

    async fn places(&mut self, plan: &Plan<'_>, now: i64) -> Result<Vec<PlacesRow>, Failure> {
        self.all(read::places_statement(plan, now)).await
    }

    async fn held_from(&mut self, plan: &Plan<'_>, now: i64) -> Result<Vec<HeldFromRow>, Failure> {
        self.all(read::held_from_statement(plan, now)).await
    }

    async fn refunds(&mut self, payments: &[&str]) -> Result<Vec<RefundRow>, Failure> {
        self.all(read::refunds_statement(payments)).await
    }

    async fn write(&mut self, batches: &[Batch], journal: Vec<Row>) -> Result<(), Failure> {
        for Write { text, parameters, rows } in write::statements(batches, self.0.now()).map_err(failure)? {
            let touched = self.0.execute(&text, parameters).await.map_err(failure)?;
            if touched != rows {
                return Err(Failure::Bad(format!("{touched} rows instead of {rows}: {text}")));
            }
        }
        kit::journal::write_rows(&mut self.0, journal).await.map_err(failure)
    }

    async fn commit(self) -> Result<(), Failure> {
        self.0.commit().await.map_err(failure)
    }

    async fn rollback(self) -> Result<(), Failure> {
        self.0.rollback().await.map_err(failure)
    }
}
