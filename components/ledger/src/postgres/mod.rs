//! The fast path on Postgres: statements whose text never changes, so that each is prepared and planned once a connection.
//!
//! Rows go over as arrays, one a column: of what was tried, that costs both sides least. Answers come as JSON, for there is little to answer.

mod arrays;
mod load;
mod write;

use crate::read::{self, BookingRow};
use crate::{down, failure};
use kit::sql::Error;
use kit::sql::postgres::{self, Parameter};
use ledger_engine::{Failure, HoldRow, Inventory, KeyRow, KeyedReads, LineRow, PlacesRow, Plan, RefundRow, Write};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// Plans are made once, for any table size: with few rows in a table the planner would read all of it, and keep to that while it grows.
const SETTINGS: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT, \
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false), \
    set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false)";

/// Ready to be asked.
pub struct Session(postgres::Session);

/// What a batch asks for by key.
static READ: LazyLock<String> = LazyLock::new(|| include_str!("read.sql").replace("{booking columns}", &read::booking_columns()));

type ReadingRow = (i64, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

impl Session {
    /// A session, and the database's clock.
    pub async fn open() -> Result<(Self, i64), Failure> {
        let session = postgres::Session::open().await.map_err(down)?;
        let session = session.ok_or_else(|| Failure::Down("the database is not Postgres".to_owned()))?;
        let rows: Vec<(i64,)> = session.all(SETTINGS, Vec::new()).await.map_err(failure)?;
        let (clock,) = one(rows).map_err(failure)?;
        Ok((Self(session), clock))
    }

    async fn reading(&self, plan: &Plan<'_>, bookings: Vec<String>) -> Result<KeyedReads, Error> {
        let parameters = vec![
            texts(plan.events.keys().copied()),
            texts(plan.keys.iter().map(|(event, _, _)| *event)),
            texts(plan.keys.iter().map(|(_, subject, _)| subject.as_str())),
            texts(plan.keys.iter().map(|(_, _, key)| *key)),
            Parameter::ArrayStr(plan.bookings.iter().map(|id| (*id).to_owned()).chain(bookings).map(Some).collect()),
            texts(plan.buyers.iter().map(|(event, _)| *event)),
            texts(plan.buyers.iter().map(|(_, person)| *person)),
            texts(plan.payments.iter().copied()),
            texts(plan.confirmed.iter().copied()),
        ];
        let rows: Vec<ReadingRow> = self.0.all(&READ, parameters).await?;
        let (clock, versions, keys, bookings, bought, refunds) = one(rows)?;
        let (versions, keys): (BTreeMap<String, u64>, Vec<KeyRow>) = (json(versions)?, json(keys)?);
        let bookings: Vec<BookingRow> = json(bookings)?;
        let (bought, refunds): (Vec<PlacesRow>, Vec<RefundRow>) = (json(bought)?, json(refunds)?);
        Ok(KeyedReads { clock, versions, keys, bookings: read::records(bookings)?, bought, refunds })
    }

    async fn written(&self, now: i64, writes: Vec<Write<'_>>) -> Result<Vec<usize>, Error> {
        let parameters = write::parameters(now, writes)?;
        let rows: Vec<(i64, i64)> = self.0.commit(&write::STATEMENT, parameters).await?;
        Ok(rows.into_iter().filter_map(|(number, _)| usize::try_from(number).ok()).collect())
    }
}

impl ledger_engine::Session for Session {
    async fn fence(&self, event: &str, by: u64) -> Result<Option<Inventory>, Failure> {
        self.fenced(event, by).await.map_err(failure)
    }

    async fn lines(&self, event: &str) -> Result<Vec<LineRow>, Failure> {
        self.lines_of(event).await.map_err(failure)
    }

    async fn holds(&self, event: &str, after: (i64, &str), limit: i64) -> Result<Vec<HoldRow>, Failure> {
        self.page_of_holds(event, after, limit).await.map_err(failure)
    }

    async fn read(&self, plan: &Plan<'_>, bookings: Vec<String>) -> Result<KeyedReads, Failure> {
        self.reading(plan, bookings).await.map_err(failure)
    }

    async fn write(&self, now: i64, writes: Vec<Write<'_>>) -> Result<Vec<usize>, Failure> {
        self.written(now, writes).await.map_err(failure)
    }
}

fn one<T>(rows: Vec<T>) -> Result<T, Error> {
    rows.into_iter().next().ok_or_else(|| Error::Other("a statement gave no row".to_owned()))
}

/// What a column says; NULL where an aggregate found nothing.
fn json<T: DeserializeOwned + Default>(text: Option<String>) -> Result<T, Error> {
    let Some(text) = text else { return Ok(T::default()) };
    serde_json::from_str(&text).map_err(|error| Error::Other(format!("an answer cannot be read: {error}")))
}

fn texts<'a>(texts: impl Iterator<Item = &'a str>) -> Parameter {
    Parameter::ArrayStr(texts.map(|text| Some(text.to_owned())).collect())
}
