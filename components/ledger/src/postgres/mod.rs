//! What the quick way asks Postgres: statements whose text never changes, so that each is prepared and planned once a connection.
//!
//! Rows go over as arrays, one a column: of what was tried, that costs both sides least. Answers come as JSON, for there is little to answer.

mod load;
mod write;

pub use write::Writes;

use crate::attempts::Failure;
use crate::plan::Plan;
use crate::read::{BookingRow, KeyRow, PlacesRow, RefundRow};
use kit::sql::Error;
use kit::sql::postgres::{Parameter, Session};
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;

/// Plans are made once, for any table size: with few rows in a table the planner would read all of it, and keep to that while it grows.
const SETTINGS: &str = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT, \
    set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false), \
    set_config('enable_hashjoin', 'off', false), set_config('enable_mergejoin', 'off', false), set_config('jit', 'off', false)";

/// Ready to be asked.
pub struct Store {
    session: Session,
}

/// What was read by key, of one moment.
pub struct Reading {
    /// The database's clock.
    pub clock: i64,
    /// Of the events that are open.
    pub versions: BTreeMap<String, u64>,
    pub keys: Vec<KeyRow>,
    pub bookings: Vec<BookingRow>,
    /// Places that were bought; those that are held stand in memory.
    pub bought: Vec<PlacesRow>,
    pub refunds: Vec<RefundRow>,
}

type ReadingRow = (i64, Option<String>, Option<String>, Option<String>, Option<String>, Option<String>);

impl Store {
    /// A store, and the database's clock.
    pub async fn open() -> Result<(Self, i64), Failure> {
        let down = |problem: kit::Problem| Failure::Down(problem.log.unwrap_or(problem.detail));
        let session = Session::open().await.map_err(down)?;
        let session = session.ok_or_else(|| Failure::Down("the database is not Postgres".to_owned()))?;
        let rows: Vec<(i64,)> = session.all(SETTINGS, Vec::new()).await?;
        let (clock,) = one(rows)?;
        Ok((Self { session }, clock))
    }

    /// Reads what these commands need, these further bookings, and the versions of their events.
    pub async fn read(&self, plan: &Plan<'_>, bookings: Vec<Option<String>>) -> Result<Reading, Failure> {
        let parameters = vec![
            texts(plan.events.keys().copied()),
            texts(plan.keys.iter().map(|(event, _, _)| *event)),
            texts(plan.keys.iter().map(|(_, subject, _)| subject.as_str())),
            texts(plan.keys.iter().map(|(_, _, key)| *key)),
            Parameter::ArrayStr(plan.bookings.iter().map(|id| Some((*id).to_owned())).chain(bookings).collect()),
            texts(plan.buyers.iter().map(|(event, _)| *event)),
            texts(plan.buyers.iter().map(|(_, person)| *person)),
            texts(plan.payments.iter().copied()),
        ];
        let rows: Vec<ReadingRow> = self.session.all(include_str!("read.sql"), parameters).await?;
        let (clock, versions, keys, bookings, bought, refunds) = one(rows)?;
        Ok(Reading {
            clock,
            versions: json(versions)?,
            keys: json(keys)?,
            bookings: json(bookings)?,
            bought: json(bought)?,
            refunds: json(refunds)?,
        })
    }

    /// Writes these, all or nothing. Gives the numbers of the events that were written: an event whose version was not the one that was
    /// decided on any more is left out, with everything that belongs to it.
    pub async fn write(&self, writes: Writes) -> Result<Vec<usize>, Failure> {
        let rows: Vec<(i64, i64)> = self.session.commit(include_str!("write.sql"), writes.into_parameters()).await?;
        Ok(rows.into_iter().filter_map(|(number, _)| usize::try_from(number).ok()).collect())
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
