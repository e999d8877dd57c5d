//! Records into effects: one transaction for many, and one for fewer where something is wrong with one of them.

use crate::analytics::Sums;
use crate::effects::{self, Effects};
use crate::record::{self, Record};
use crate::wit::kafka::ConsumerRecord;
use crate::{Fate, audit_log, limits, mail, webhooks};
use audit::Entry;
use kit::Problem;
use kit::params;
use kit::sql::{self, Error, Tx};
use std::collections::BTreeSet;

/// This consumer's name in `inbox`.
const CONSUMER: &str = "worker";

/// A record, where it stands among those that were handed over, and what it leads to.
struct Item<'a> {
    place: usize,
    record: Record<'a>,
    effects: Effects,
}

/// Why a transaction was not made.
enum Failure {
    /// Somebody else's was in its way.
    Race(String),
    /// The database refuses what is in it.
    Refused(String),
    /// The database cannot be reached or is not as it should be; what was sent may or may not be done.
    Down(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        match error {
            Error::Busy | Error::Unique(_) => Self::Race(error.to_string()),
            Error::Constraint(_) => Self::Refused(error.to_string()),
            Error::Unavailable(_) | Error::CommitUnknown(_) | Error::Other(_) => Self::Down(error.to_string()),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Down(problem.log.unwrap_or(problem.detail))
    }
}

/// Does what these records lead to in the database, each exactly once; one fate each, in order.
pub async fn handle(records: &[ConsumerRecord]) -> Vec<Fate> {
    let mut fates = vec![Fate::Retry(limits::RETRY_MILLISECONDS); records.len()];
    let mut items = Vec::with_capacity(records.len());
    for (place, record) in records.iter().enumerate() {
        let read = record::read(record).and_then(|record| Ok((effects::of(&record)?, record)));
        match read {
            Ok((effects, record)) => items.push(Item { place, record, effects }),
            Err(reason) => set(&mut fates, place, rejected(&reason)),
        }
    }
    // The last first: taken from the end, they are done in order.
    let mut waiting: Vec<&[Item<'_>]> = items.chunks(limits::RECORDS).rev().collect();
    while let Some(items) = waiting.pop() {
        let fate = match attempts(items).await {
            Ok(()) => Fate::Done,
            Err(Failure::Refused(_)) if items.len() > 1 => {
                let (first, second) = items.split_at(items.len() / 2);
                waiting.extend([second, first]);
                continue;
            }
            Err(Failure::Refused(reason)) => rejected(&reason),
            Err(Failure::Race(reason) | Failure::Down(reason)) => {
                kit::router::log(&format!("{} records come again: {reason}", items.len()));
                Fate::Retry(limits::RETRY_MILLISECONDS)
            }
        };
        for item in items {
            set(&mut fates, item.place, fate.clone());
        }
    }
    fates
}

fn set(fates: &mut [Fate], place: usize, fate: Fate) {
    if let Some(slot) = fates.get_mut(place) {
        *slot = fate;
    }
}

fn rejected(reason: &str) -> Fate {
    Fate::Reject(reason.chars().take(limits::REASON).collect())
}

async fn attempts(items: &[Item<'_>]) -> Result<(), Failure> {
    let mut attempt = 1;
    loop {
        match transaction(items).await {
            Err(Failure::Race(_)) if attempt < limits::ATTEMPTS => attempt += 1,
            outcome => return outcome,
        }
    }
}

async fn transaction(items: &[Item<'_>]) -> Result<(), Failure> {
    let mut tx = sql::write().await?;
    let mut new = enter(&mut tx, items).await?;
    // Taken out when it is found: of two with one id in this batch, the first counts.
    let new: Vec<&Item<'_>> = items.iter().filter(|item| new.remove(item.record.id)).collect();
    if new.is_empty() {
        return Ok(tx.rollback().await?);
    }
    let mut sums = Sums::default();
    for item in &new {
        if let Some((event, figures)) = &item.effects.figures {
            sums.add(event, item.record.at, figures);
        }
    }
    sums.write(&mut tx).await?;
    let wishes =
        new.iter().filter(|item| !item.record.replayed).filter_map(|item| Some((&item.record, item.effects.mail.as_ref()?)));
    mail::queue::add(&mut tx, wishes).await?;
    for item in new.iter().filter(|item| !item.record.replayed) {
        if let Some(moved) = &item.effects.moved {
            mail::queue::add_for_holders(&mut tx, &item.record, moved).await?;
        }
    }
    webhooks::queue::add(&mut tx, new.iter().filter(|item| !item.record.replayed).map(|item| &item.record)).await?;
    // Last: whoever is at the chain has others wait.
    audit_log::append(&mut tx, new.iter().map(|item| entry(item)).collect()).await?;
    Ok(tx.commit().await?)
}

/// Remembers these records, in order of their ids, so that two transactions with the same ones meet at the first; gives the ids that are new.
async fn enter(tx: &mut Tx, items: &[Item<'_>]) -> Result<BTreeSet<String>, Error> {
    let ids: BTreeSet<&str> = items.iter().map(|item| item.record.id).collect();
    let now = tx.now();
    let mut parameters = Vec::with_capacity(ids.len() * 3);
    for id in &ids {
        parameters.extend(params![CONSUMER, *id, now]);
    }
    let statement = format!(
        "INSERT INTO inbox (consumer, message_id, created_at) VALUES {} ON CONFLICT (consumer, message_id) DO NOTHING RETURNING message_id",
        sql::padded_rows(&mut parameters, 3)
    );
    let rows: Vec<(String,)> = tx.all(&statement, parameters).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

fn entry(item: &Item<'_>) -> (String, Entry) {
    let record = &item.record;
    let entry = Entry {
        ce_id: record.id.to_owned(),
        kind: record.kind.to_owned(),
        subject: record.subject.to_owned(),
        actor: item.effects.actor.clone(),
        network: item.effects.network.clone(),
        at: record.at,
        digest: audit::digest(record.value),
    };
    (record.region.to_owned(), entry)
}
