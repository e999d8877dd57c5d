//! The sequencer: gives committed journal entries their positions, gapless and for ever, and hands on what is public of them.
//!
//! Entries become visible in no particular order, so nobody can read a journal by insertion id without missing some. Any number of
//! sequencers may run: a transaction first locks the counter's row; a new statement then numbers what has no number yet, looks
//! at that again while it does, and the counter advances in the same transaction. Whoever waits for the lock finds it all numbered.
//!
//! Numbers are given to batches, which know how many entries they have: one small row is changed, however much was written at once. To change
//! each entry would cost the database more than to decide and write a booking does.

use std::sync::{Arc, Mutex, PoisonError};

use edge::feed::Batch;
use futures::future::BoxFuture;
use read_model::Fact;
use telemetry::{Finding, Health, Needed};
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::database::{Database, Error, Purpose, Transaction};
use crate::limits;
#[cfg(test)]
use crate::simulation::bugs::{Bug, planted};

/// The counter's row.
const COUNTER: &str = "journal";

const NUMBER_BATCHES: &str = "UPDATE journal_batches SET position = $1 + numbered.first \
    FROM (SELECT id, CAST(SUM(entries) OVER (ORDER BY id) AS BIGINT) - entries + 1 AS first \
          FROM (SELECT id, entries FROM journal_batches WHERE position IS NULL ORDER BY id LIMIT $2) AS unnumbered) AS numbered \
    WHERE journal_batches.id = numbered.id AND journal_batches.position IS NULL \
    RETURNING journal_batches.position, journal_batches.entries";

/// In order of position.
const FACTS_AFTER: &str = "SELECT position, entries, facts FROM journal_batches WHERE position > $1 ORDER BY position LIMIT $2";

/// Where the journal stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Counter {
    pub(crate) epoch: Arc<str>,
    pub(crate) position: i64,
}

/// What one look at the journal brought.
#[derive(Debug)]
struct Look {
    /// None where nothing is new.
    batch: Option<Batch>,
    /// There may be more.
    more: bool,
}

/// Wakes the sequencer. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Wake(Arc<Notify>);

impl Wake {
    /// Has it look at once, or again once it has finished the look that it is at.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// Numbers rows and publishes what is public of them.
pub struct Sequencer {
    database: Database,
    facts: broadcast::Sender<Arc<Batch>>,
    wake: Wake,
    /// Told of every commit of a component.
    commits: Vec<watch::Receiver<u64>>,
    /// The last position that is known to be given.
    given: watch::Sender<i64>,
    /// Since when it has been failing.
    failing: Arc<Mutex<Option<Instant>>>,
}

impl Sequencer {
    /// A sequencer for this database. `commits` are the hooks of the pools that components write through.
    #[must_use]
    pub fn new(database: Database, commits: Vec<watch::Receiver<u64>>) -> Self {
        let (facts, _) = broadcast::channel(limits::FEED_BATCHES);
        Self { database, facts, wake: Wake::default(), commits, given: watch::Sender::new(0), failing: Arc::default() }
    }

    /// Wakes it.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
    }

    /// The last position that is known to be given: who reads the journal by position looks when this has changed.
    #[must_use]
    pub fn given(&self) -> watch::Receiver<i64> {
        self.given.subscribe()
    }

    /// Where what it publishes can be heard.
    pub(crate) fn facts(&self) -> broadcast::Sender<Arc<Batch>> {
        self.facts.clone()
    }

    /// Registers its state.
    pub fn register(&self, health: &Health) {
        let failing = Arc::clone(&self.failing);
        health.register("sequencer", Needed::Ready, move || match *failing.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Finding::up("numbers what is committed"),
            Some(since) if since.elapsed() < limits::SEQUENCE_STUCK => Finding::degraded("the database does not answer"),
            Some(since) => Finding::down(format!("the database has not answered for {} s", since.elapsed().as_secs())),
        });
    }

    /// Runs until `stop`. Positions are published from where the journal stood at the beginning; what was before is in snapshots.
    pub async fn run(mut self, stop: CancellationToken) {
        tokio::select! {
            // So that a simulation of one seed is one run; below, too.
            biased;
            () = stop.cancelled() => {}
            () = self.sequence() => {}
        }
    }

    async fn sequence(&mut self) {
        let (first, longest) = limits::SEQUENCE_RETRY;
        let mut pause = first;
        let mut published = None;
        let mut last_word = Instant::now();
        loop {
            match look(&self.database, published).await {
                Ok((counter, Look { batch, more })) => {
                    pause = first;
                    *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    let quiet = batch.is_none();
                    if !quiet || last_word.elapsed() >= edge::limits::FEED_HEARTBEAT {
                        last_word = Instant::now();
                        let sign_of_life = Batch { after: counter, position: counter, facts: Vec::new() };
                        let batch = batch.unwrap_or(sign_of_life);
                        published = Some(batch.position);
                        // Nobody listens before the first node follows.
                        _ = self.facts.send(Arc::new(batch));
                    } else {
                        published = Some(counter);
                    }
                    let given = published.unwrap_or(counter);
                    self.given.send_if_modified(|last| given > std::mem::replace(last, given.max(*last)));
                    if more {
                        continue;
                    }
                    if !quiet {
                        tokio::time::sleep(limits::SEQUENCE_PACE).await;
                    }
                    self.word_of_more().await;
                }
                Err(error) => {
                    let since = {
                        let mut failing = self.failing.lock().unwrap_or_else(PoisonError::into_inner);
                        *failing.get_or_insert_with(Instant::now)
                    };
                    // Once, and then only now and then.
                    if pause == first || pause == longest {
                        tracing::warn!(%error, for_s = since.elapsed().as_secs(), "the journal could not be numbered");
                    }
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(longest);
                }
            }
        }
    }

    /// Returns when there may be something to do.
    async fn word_of_more(&mut self) {
        let commits: Vec<BoxFuture<'_, ()>> = self
            .commits
            .iter_mut()
            .map(|commits| -> BoxFuture<'_, ()> {
                Box::pin(async {
                    if commits.changed().await.is_err() {
                        // The pools are gone: the poll is what is left.
                        std::future::pending::<()>().await;
                    }
                })
            })
            .collect();
        let any_commit = async {
            if commits.is_empty() {
                std::future::pending::<()>().await;
            }
            futures::future::select_all(commits).await;
        };
        tokio::select! {
            biased;
            () = any_commit => {}
            () = self.wake.0.notified() => {}
            () = tokio::time::sleep(limits::SEQUENCE_POLL) => {}
        }
    }
}

/// Numbers what has no number, and reads what is public of the entries after `published` (none: of those numbered now). Returns where the counter or, if
/// more rows are left to be read, what is returned stands.
async fn look(database: &Database, published: Option<i64>) -> Result<(i64, Look), Error> {
    if let Some(published) = published
        && nothing_new(database, published).await?
    {
        return Ok((published, Look { batch: None, more: false }));
    }
    let mut transaction = database.begin(Purpose::Write).await?;
    let counter = counter(&mut transaction).await?;
    #[cfg(test)]
    if planted(Bug::CursorBeforeData) {
        return look_with_the_cursor_first(transaction, counter.position, published).await;
    }
    let Numbered { batches, entries } = number(&mut transaction, counter.position).await?;
    let after = published.unwrap_or(counter.position);
    // With the counter locked, every position up to it is committed, whoever gave it.
    let batch = read_facts(&mut transaction, after).await?;
    transaction.commit().await?;
    let position = batch.as_ref().map_or(after, |batch| batch.position);
    let more = batches == limits::SEQUENCE_BATCHES || position < counter.position + entries;
    Ok((position, Look { batch, more }))
}

/// As [`look`], with a fault: the cursor is where the counter is, although what it publishes was read before.
#[cfg(test)]
async fn look_with_the_cursor_first(mut transaction: Transaction, at: i64, published: Option<i64>) -> Result<(i64, Look), Error> {
    let after = published.unwrap_or(at);
    let batch = read_facts(&mut transaction, after).await?;
    let position = at + number(&mut transaction, at).await?.entries;
    transaction.commit().await?;
    let facts = batch.map(|batch| batch.facts).unwrap_or_default();
    let batch = (position > after).then_some(Batch { after, position, facts });
    Ok((position, Look { batch, more: false }))
}

/// A cheap look, without a lock.
async fn nothing_new(database: &Database, published: i64) -> Result<bool, Error> {
    let rows = database
        .ask(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM journal_batches WHERE position IS NULL LIMIT 1) AS one), \
             (SELECT COALESCE(MAX(position), 0) FROM sequencer WHERE name = $1)",
            &[COUNTER.into()],
        )
        .await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(false) };
    Ok(row.integer()? == 0 && row.integer()? == published)
}

/// The counter, locked until the transaction ends.
async fn counter(transaction: &mut Transaction) -> Result<Counter, Error> {
    transaction
        .query(
            "INSERT INTO sequencer (name, position, epoch) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING",
            &[COUNTER.into(), new_epoch().as_str().into()],
        )
        .await?;
    let rows = transaction.query(lock(), &[COUNTER.into()]).await?;
    read_counter(rows.into_iter().next())
}

/// The statement that locks the counter's row, and reads it.
fn lock() -> &'static str {
    #[cfg(test)]
    if planted(Bug::SequencerUnlocked) {
        return "SELECT position, epoch FROM sequencer WHERE name = $1";
    }
    "UPDATE sequencer SET position = position WHERE name = $1 RETURNING position, epoch"
}

/// The counter as a snapshot sees it.
pub(crate) async fn peek(transaction: &mut Transaction) -> Result<Option<Counter>, Error> {
    let rows = transaction.query("SELECT position, epoch FROM sequencer WHERE name = $1", &[COUNTER.into()]).await?;
    rows.into_iter().next().map(|row| read_counter(Some(row))).transpose()
}

fn read_counter(row: Option<crate::database::Row>) -> Result<Counter, Error> {
    let mut row = row.ok_or_else(|| Error::Row("the counter is gone".to_owned()))?;
    Ok(Counter { position: row.integer()?, epoch: row.text()?.into() })
}

/// What got its numbers.
struct Numbered {
    batches: i64,
    entries: i64,
}

/// Numbers batches after `position`, and advances the counter.
async fn number(transaction: &mut Transaction, position: i64) -> Result<Numbered, Error> {
    let rows = transaction.query(NUMBER_BATCHES, &[position.into(), limits::SEQUENCE_BATCHES.into()]).await?;
    let given = rows.into_iter().map(|mut row| Ok((row.integer()?, row.integer()?)));
    let mut given = given.collect::<Result<Vec<(i64, i64)>, Error>>()?;
    given.sort_unstable();
    let mut last = position;
    for (first, entries) in &given {
        // With the counter locked nobody else can have numbered one of them; were it so, the gap would never close.
        if leaves_a_gap(*first, last) {
            return Err(Error::Row(format!("positions after {last} would have a gap")));
        }
        last += entries;
    }
    if last > position {
        transaction
            .query("UPDATE sequencer SET position = $1 WHERE name = $2 RETURNING position", &[last.into(), COUNTER.into()])
            .await?;
    }
    Ok(Numbered { batches: i64::try_from(given.len()).unwrap_or(i64::MAX), entries: last - position })
}

/// Whether a position does not follow the last one.
fn leaves_a_gap(position: i64, last: i64) -> bool {
    #[cfg(test)]
    if planted(Bug::SequencerUnlocked) {
        return false;
    }
    position != last + 1
}

async fn read_facts(transaction: &mut Transaction, after: i64) -> Result<Option<Batch>, Error> {
    facts_after(transaction.query(FACTS_AFTER, &[after.into(), limits::SEQUENCE_BATCHES.into()]).await?, after)
}

/// A page of what has been given positions after this one; none where there is nothing.
pub(crate) async fn page(database: &Database, after: i64) -> Result<Option<Batch>, Error> {
    facts_after(database.ask(FACTS_AFTER, &[after.into(), limits::SEQUENCE_BATCHES.into()]).await?, after)
}

fn facts_after(rows: Vec<crate::database::Row>, after: i64) -> Result<Option<Batch>, Error> {
    let mut batch = Batch { after, position: after, facts: Vec::new() };
    let mut first = true;
    for mut row in rows {
        let (position, entries) = (row.integer()?, row.integer()?);
        batch.position = position + entries - 1;
        if std::mem::take(&mut first) {
            // There are no gaps: where the next batch has not the next position, it has been deleted, and the reader is told by the gap.
            batch.after = position - 1;
        }
        let Some(text) = row.maybe_text()? else { continue };
        match facts(&text) {
            Ok(facts) => batch.facts.extend(facts),
            // What cannot be read must not stop all that follows; the next fact of its thing makes up for it.
            Err(error) => tracing::error!(position, %error, "a public fact of the journal is malformed"),
        }
    }
    Ok((batch.position > after).then_some(batch))
}

/// The facts of one batch.
fn facts(text: &str) -> serde_json::Result<Vec<Fact>> {
    serde_json::from_str(text)
}

/// Where a feed could begin.
pub(crate) struct Kept {
    pub(crate) counter: Counter,
    /// The smallest position whose entry is kept; none where no numbered one is.
    pub(crate) oldest: Option<i64>,
}

/// What there is to go on from; none before the first row was numbered.
pub(crate) async fn kept(database: &Database) -> Result<Option<Kept>, Error> {
    let rows = database
        .ask(
            "SELECT position, epoch, (SELECT MIN(position) FROM journal_batches) FROM sequencer WHERE name = $1",
            &[COUNTER.into()],
        )
        .await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    let counter = Counter { position: row.integer()?, epoch: row.text()?.into() };
    Ok(Some(Kept { counter, oldest: row.maybe_integer()? }))
}

/// A name for this life of the database: of this moment and this process.
fn new_epoch() -> String {
    format!("{:x}-{:x}", edge::now(), std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, databases};

    async fn write(database: &Database, id: &str, entries: i64, facts: Option<&str>) {
        let mut transaction = database.begin(Purpose::Write).await.unwrap();
        let facts = facts.map_or(crate::database::Value::Null, Into::into);
        let batch = "INSERT INTO journal_batches (id, at, entries, facts) VALUES ($1, 1, $2, $3)";
        transaction.query(batch, &[id.into(), entries.into(), facts]).await.unwrap();
        for ordinal in 0..entries {
            let entry =
                "INSERT INTO journal (batch, ordinal, type, aggregate, version, payload) VALUES ($1, $2, 'test', 'a', 1, '{}')";
            transaction.query(entry, &[id.into(), ordinal.into()]).await.unwrap();
        }
        transaction.commit().await.unwrap();
    }

    async fn positions(database: &Database) -> Vec<Option<i64>> {
        let mut transaction = database.begin(Purpose::Read).await.unwrap();
        let rows = transaction.query("SELECT position FROM positioned_journal ORDER BY position", &[]).await.unwrap();
        rows.into_iter().map(|mut row| row.maybe_integer().unwrap()).collect()
    }

    fn revoked(n: i64) -> String {
        serde_json::to_string(&[Fact::SessionRevoked { session: format!("s{n}"), until: n }]).unwrap()
    }

    /// How many entries the batch of this number has: one to three.
    fn entries(batch: usize) -> i64 {
        i64::try_from(batch % 3).unwrap() + 1
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn positions_are_gapless_whoever_writes_and_numbers() {
        const WRITERS: usize = 8;
        const BATCHES: usize = 40;
        for Scratch { database, .. } in databases(true).await {
            let stop = CancellationToken::new();
            // Two sequencers, none of which hears of commits: whatever is numbered, one of them has found.
            let numbering: Vec<_> =
                (0..2).map(|_| tokio::spawn(Sequencer::new(database.clone(), vec![]).run(stop.clone()))).collect();
            let mut listener = Sequencer::new(database.clone(), vec![]);
            let mut heard = listener.facts().subscribe();
            look(&database, None).await.unwrap();
            let (wake, listening) = (listener.wake(), stop.clone());
            let listening = tokio::spawn(async move {
                tokio::select! { () = listening.cancelled() => {}, () = listener.sequence() => {} }
            });
            // It publishes from where the journal stands: let it have a look first.
            heard.recv().await.unwrap();
            let writers = (0..WRITERS).map(|writer| {
                let (database, wake) = (database.clone(), wake.clone());
                async move {
                    for batch in 0..BATCHES {
                        // Ids in no order, as from many nodes.
                        let id = format!("{:04}-{writer}", (batch * 17 + writer * 31) % 1000);
                        let fact = revoked(i64::try_from(writer * BATCHES + batch).unwrap());
                        let facts = batch.is_multiple_of(2).then_some(fact.as_str());
                        write(&database, &format!("{id}-{batch}"), entries(batch), facts).await;
                        wake.now();
                    }
                }
            });
            futures::future::join_all(writers).await;

            let total = (0..BATCHES).map(entries).sum::<i64>() * i64::try_from(WRITERS).unwrap();
            let (mut at, mut facts) = (0, 0);
            while at < total {
                let batch = heard.recv().await.unwrap();
                assert_eq!(batch.after, at, "nothing is left out and nothing comes twice");
                (at, facts) = (batch.position, facts + batch.facts.len());
            }
            assert_eq!(facts, WRITERS * BATCHES / 2);
            stop.cancel();
            futures::future::join_all(numbering).await;
            listening.await.unwrap();
            let expected: Vec<_> = (1..=total).map(Some).collect();
            assert_eq!(positions(&database).await, expected);
        }
    }

    #[tokio::test]
    async fn more_batches_than_fit_into_one_transaction_come_in_order() {
        for Scratch { database, .. } in databases(true).await {
            assert_eq!(look(&database, None).await.unwrap().0, 0);
            let mut transaction = database.begin(Purpose::Write).await.unwrap();
            for n in 0..limits::SEQUENCE_BATCHES + 5 {
                transaction
                    .query(
                        "INSERT INTO journal_batches (id, at, entries, facts) VALUES ($1, 1, 1, $2)",
                        &[format!("{n:06}").as_str().into(), revoked(n).as_str().into()],
                    )
                    .await
                    .unwrap();
            }
            transaction.commit().await.unwrap();
            let mut at = 0;
            let mut seen = Vec::new();
            loop {
                let (position, Look { batch, more }) = look(&database, Some(at)).await.unwrap();
                seen.extend(batch.into_iter().flat_map(|batch| batch.facts));
                at = position;
                if !more {
                    break;
                }
            }
            let expected: Vec<_> =
                (0..limits::SEQUENCE_BATCHES + 5).map(|n| Fact::SessionRevoked { session: format!("s{n}"), until: n }).collect();
            assert_eq!(seen, expected);
        }
    }

    #[tokio::test]
    async fn a_malformed_fact_does_not_stop_the_rest() {
        for Scratch { database, .. } in databases(true).await {
            look(&database, None).await.unwrap();
            write(&database, "1", 1, Some("[")).await;
            write(&database, "2", 1, Some(&revoked(2))).await;
            let (position, Look { batch, .. }) = look(&database, Some(0)).await.unwrap();
            assert_eq!((position, batch.unwrap().facts.len()), (2, 1));
        }
    }
}
