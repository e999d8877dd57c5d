//! What `marquee up` has in Kafka's place: hands the journal's records to the component that takes them, in this process.
//!
//! Its place is a row of `sequencer`, moved on once everything before it is done with, so that a crash hands over again and never too
//! little. A record that is to be tried again holds back those of its key; one that cannot succeed, or has been tried
//! [`limits::BUS_TRIES`] times, is left out, and the log says so: a developer's machine has no topic for it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use capabilities::kafka::{ConsumerRecord, Header};
use region::Database;
use region::database::{Error, Row, Value};
use runtime::Disposition;
use streams::cloud_events::{HEADERS, Headers};
use streams::journal;
use streams::retry::{Retry, Verdict};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;

use crate::journal::record_handler::RecordHandler;
use crate::limits;

/// Its row of `sequencer`.
const PLACE: &str = "worker";

const BEGIN: &str = "INSERT INTO sequencer (name, position, epoch) \
    VALUES ($1, 0, COALESCE((SELECT MAX(epoch) FROM sequencer), '')) ON CONFLICT (name) DO NOTHING";

/// AuditReport batches: the place is always a batch's end.
const BATCHES: &str = "SELECT id, position, entries, at FROM journal_batches WHERE position > $1 ORDER BY position LIMIT $2";

/// Their rows, by their names: for a join a database may read the whole journal.
const ROWS: &str =
    "SELECT batch, ordinal, topic, type, aggregate, version, payload, trace FROM journal WHERE topic IS NOT NULL AND batch IN";

/// Hands the journal's records over.
pub struct Bus {
    database: Database,
    region: String,
    following: Arc<RecordHandler>,
    positions: watch::Receiver<i64>,
}

/// What a look has found.
enum ScanResult {
    Nothing,
    /// All that there was.
    All,
    /// As much as one look takes.
    More,
}

/// A record that is not done with.
struct PendingRecord {
    record: ConsumerRecord,
    tries: u32,
    due: Instant,
}

impl Bus {
    /// A bus of this region's journal. `positions` tells when it has grown.
    pub fn new(database: Database, region: String, following: RecordHandler, positions: watch::Receiver<i64>) -> Self {
        Self { database, region, following: Arc::new(following), positions }
    }

    /// Runs until `stop`.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            () = stop.cancelled() => {}
            () = self.follow() => {}
        }
    }

    async fn follow(&mut self) {
        let mut pause = limits::BUS_PAUSE.0;
        let (mut ticks, mut ticked) = (JoinSet::new(), Instant::now());
        loop {
            while ticks.try_join_next().is_some() {}
            // Also while there are records: what comes due does not wait until nothing happens.
            if ticked.elapsed() >= limits::BUS_TICK {
                ticked = Instant::now();
                self.tick(&mut ticks);
            }
            let next = Instant::now() + limits::BUS_PACE;
            match self.look().await {
                Ok(ScanResult::More) => pause = limits::BUS_PAUSE.0,
                Ok(ScanResult::All) => {
                    pause = limits::BUS_PAUSE.0;
                    sleep_until(next).await;
                }
                Ok(ScanResult::Nothing) => {
                    pause = limits::BUS_PAUSE.0;
                    tokio::select! {
                        _ = self.positions.changed() => {}
                        () = sleep(limits::BUS_TICK) => {}
                    }
                }
                Err(error) => {
                    tracing::warn!(%error, "the journal could not be followed");
                    sleep(telemetry::jittered(pause)).await;
                    pause = (pause * 2).min(limits::BUS_OUTAGE);
                }
            }
        }
    }

    /// Beside the records: a tick may wait for others' servers. Where several do already, there is none.
    fn tick(&self, ticks: &mut JoinSet<()>) {
        if ticks.len() >= limits::BUS_TICKS {
            return;
        }
        let following = Arc::clone(&self.following);
        ticks.spawn(async move {
            if let Err(reason) = following.take(Vec::new()).await {
                tracing::warn!(reason, "a tick was not handled");
            }
        });
    }

    /// Reads on from its place, has everything done, and moves it.
    async fn look(&self) -> Result<ScanResult, Error> {
        self.database.ask(BEGIN, &[PLACE.into()]).await?;
        let mut place = self.database.ask("SELECT position FROM sequencer WHERE name = $1", &[PLACE.into()]).await?;
        let Some(place) = place.first_mut().map(Row::integer).transpose()? else { return Ok(ScanResult::Nothing) };
        let (mut batches, mut end) = (BTreeMap::new(), place);
        for mut row in self.database.ask(BATCHES, &[place.into(), limits::BUS_BATCHES.into()]).await? {
            let (id, position, entries) = (row.text()?, row.integer()?, row.integer()?);
            end = position + entries - 1;
            batches.insert(id, (position, row.integer()?));
        }
        let Some(last) = batches.keys().next_back() else { return Ok(ScanResult::Nothing) };
        // Always as many, so that it is one statement: a name twice is found once.
        let names = (0..limits::BUS_BATCHES).map(|number| format!("${}", number + 1)).collect::<Vec<_>>().join(",");
        let ids = batches.keys().chain(std::iter::repeat(last)).map(|id| Value::from(id.as_str()));
        let ids: Vec<Value> = ids.take(usize::try_from(limits::BUS_BATCHES).unwrap_or_default()).collect();
        let (mut records, mut headers) = (Vec::new(), Headers::new(&self.region));
        for mut row in self.database.ask(&format!("{ROWS} ({names})"), &ids).await? {
            let record = record(&mut row, &batches, &mut headers)?;
            records.push(PendingRecord { record, tries: 0, due: Instant::now() });
        }
        records.sort_by_key(|waiting| waiting.record.offset);
        self.done(records).await;
        let moved = "UPDATE sequencer SET position = $1 WHERE name = $2 AND position < $1";
        self.database.ask(moved, &[end.into(), PLACE.into()]).await?;
        let full = i64::try_from(batches.len()).is_ok_and(|count| count >= limits::BUS_BATCHES);
        Ok(if full { ScanResult::More } else { ScanResult::All })
    }

    /// Hands these records over until each is done with.
    async fn done(&self, mut waiting: Vec<PendingRecord>) {
        while let Some(first) = waiting.iter().map(|waiting| waiting.due).min() {
            sleep_until(first).await;
            let (now, mut held) = (Instant::now(), BTreeSet::new());
            let (batch, rest): (Vec<_>, Vec<_>) = waiting.into_iter().enumerate().partition(|(number, waiting)| {
                // An earlier record of the same key goes first.
                let goes = waiting.due <= now && *number < limits::BUS_RECORDS && !held.contains(&waiting.record.key);
                if !goes {
                    held.insert(waiting.record.key.clone());
                }
                goes
            });
            let batch: Vec<PendingRecord> = batch.into_iter().map(|(_, waiting)| waiting).collect();
            let records = batch.iter().map(|waiting| waiting.record.clone()).collect();
            let dispositions = self.following.take(records).await.unwrap_or_else(|reason| {
                tracing::warn!(reason, records = batch.len(), "records were not handled");
                batch.iter().map(|_| Disposition::Retry(0)).collect()
            });
            let mut left: Vec<PendingRecord> =
                batch.into_iter().zip(dispositions).filter_map(|(waiting, disposition)| judge(waiting, disposition)).collect();
            left.extend(rest.into_iter().map(|(_, waiting)| waiting));
            left.sort_by_key(|waiting| waiting.record.offset);
            waiting = left;
        }
    }
}

/// How often a record is tried, and after which pauses.
const RETRY: Retry = Retry { pauses: limits::BUS_PAUSE, attempts: limits::BUS_TRIES };

/// The record again, where it is to be tried again.
fn judge(mut waiting: PendingRecord, disposition: Disposition) -> Option<PendingRecord> {
    waiting.tries += 1;
    let verdict = match disposition {
        Disposition::Done => return None,
        Disposition::Retry(asked) => RETRY.verdict(waiting.tries, asked),
        Disposition::Reject(reason) => Verdict::GivenUp(reason),
    };
    match verdict {
        Verdict::Again(pause) => {
            waiting.due = Instant::now() + pause;
            Some(waiting)
        }
        Verdict::GivenUp(reason) => {
            tracing::error!(position = waiting.record.offset, topic = waiting.record.topic, reason, "a record is left out");
            None
        }
    }
}

/// A row of the journal as the relay would have written it to Kafka; `batches` says where its batch stands, and when it was written.
fn record(row: &mut Row, batches: &BTreeMap<String, (i64, i64)>, headers: &mut Headers) -> Result<ConsumerRecord, Error> {
    let (batch, ordinal) = (row.text()?, row.integer()?);
    let (first, at) = *batches.get(&batch).ok_or_else(|| Error::Row("of a batch that was not asked for".to_owned()))?;
    let (topic, kind, aggregate) = (row.text()?, row.text()?, row.text()?);
    let (version, payload, trace) = (row.integer()?, row.text()?, row.maybe_text()?);
    let row = journal::Row {
        position: first + ordinal,
        at,
        batch: &batch,
        ordinal,
        topic: Some(&topic),
        kind: &kind,
        aggregate: &aggregate,
        version,
        payload: &payload,
        trace: trace.as_deref(),
    };
    let mut named = Vec::with_capacity(HEADERS);
    headers.each(&row, false, |key, value| named.push(Header { key: key.to_owned(), value: value.as_bytes().to_vec() }));
    let (position, timestamp) = (row.position, at.div_euclid(1_000));
    Ok(ConsumerRecord {
        topic,
        partition: 0,
        offset: position,
        timestamp,
        key: aggregate.into_bytes(),
        headers: named,
        value: Some(payload.into_bytes()),
    })
}
