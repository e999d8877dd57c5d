//! The sequencer: gives committed journal rows their position, gapless and for ever, and hands on what is public of them.
//!
//! Rows become visible in no particular order, so nobody can read a journal by insertion id without missing some. Any number of
//! sequencers may run: a transaction first locks the counter's row; a new statement then numbers what has no number yet, looks
//! at that again while it does, and the counter advances in the same transaction. Whoever waits for the lock finds the rows numbered.

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

const NUMBER_ROWS: &str = "UPDATE journal SET position = $1 + numbered.rank \
    FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) AS rank \
          FROM (SELECT id FROM journal WHERE position IS NULL ORDER BY id LIMIT $2) AS unnumbered) AS numbered \
    WHERE journal.id = numbered.id AND journal.position IS NULL RETURNING journal.position";

/// In order of position.
const FACTS_AFTER: &str = "SELECT position, feed FROM journal WHERE position > $1 ORDER BY position LIMIT $2";

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
    /// Since when it has been failing.
    failing: Arc<Mutex<Option<Instant>>>,
}

impl Sequencer {
    /// A sequencer for this database. `commits` are the hooks of the pools that components write through.
    #[must_use]
    pub fn new(database: Database, commits: Vec<watch::Receiver<u64>>) -> Self {
        let (facts, _) = broadcast::channel(limits::FEED_BATCHES);
        Self { database, facts, wake: Wake::default(), commits, failing: Arc::default() }
    }

    /// Wakes it.
    #[must_use]
    pub fn wake(&self) -> Wake {
        self.wake.clone()
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

/// Numbers what has no number, and reads what is public of the rows after `published` (none: of those numbered now). Returns where the counter or, if
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
    let numbered = number(&mut transaction, counter.position).await?;
    let after = published.unwrap_or(counter.position);
    // With the counter locked, every position up to it is committed, whoever gave it.
    let batch = read_facts(&mut transaction, after).await?;
    transaction.commit().await?;
    let position = batch.as_ref().map_or(after, |batch| batch.position);
    let more = numbered == limits::SEQUENCE_ROWS || position < counter.position + numbered;
    Ok((position, Look { batch, more }))
}

/// As [`look`], with a fault: the cursor is where the counter is, although what it publishes was read before.
#[cfg(test)]
async fn look_with_the_cursor_first(mut transaction: Transaction, at: i64, published: Option<i64>) -> Result<(i64, Look), Error> {
    let after = published.unwrap_or(at);
    let batch = read_facts(&mut transaction, after).await?;
    let position = at + number(&mut transaction, at).await?;
    transaction.commit().await?;
    let facts = batch.map(|batch| batch.facts).unwrap_or_default();
    let batch = (position > after).then_some(Batch { after, position, facts });
    Ok((position, Look { batch, more: false }))
}

/// A cheap look, without a lock.
async fn nothing_new(database: &Database, published: i64) -> Result<bool, Error> {
    let rows = database
        .ask(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM journal WHERE position IS NULL LIMIT 1) AS one), \
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

/// Numbers rows after `position`, and advances the counter. Returns how many.
async fn number(transaction: &mut Transaction, position: i64) -> Result<i64, Error> {
    let rows = transaction.query(NUMBER_ROWS, &[position.into(), limits::SEQUENCE_ROWS.into()]).await?;
    let mut given = rows.into_iter().map(|mut row| row.integer()).collect::<Result<Vec<i64>, Error>>()?;
    given.sort_unstable();
    // With the counter locked nobody else can have numbered one of them; were it so, the gap would never close.
    if leaves_a_gap(&given, position) {
        return Err(Error::Row(format!("positions after {position} would have a gap")));
    }
    let numbered = i64::try_from(given.len()).unwrap_or(i64::MAX);
    if numbered > 0 {
        transaction
            .query(
                "UPDATE sequencer SET position = $1 WHERE name = $2 RETURNING position",
                &[(position + numbered).into(), COUNTER.into()],
            )
            .await?;
    }
    Ok(numbered)
}

fn leaves_a_gap(given: &[i64], position: i64) -> bool {
    #[cfg(test)]
    if planted(Bug::SequencerUnlocked) {
        return false;
    }
    given.iter().zip(position + 1..).any(|(given, expected)| *given != expected)
}

async fn read_facts(transaction: &mut Transaction, after: i64) -> Result<Option<Batch>, Error> {
    facts_after(transaction.query(FACTS_AFTER, &[after.into(), limits::SEQUENCE_ROWS.into()]).await?, after)
}

/// A page of what has been given positions after this one; none where there is nothing.
pub(crate) async fn page(database: &Database, after: i64) -> Result<Option<Batch>, Error> {
    facts_after(database.ask(FACTS_AFTER, &[after.into(), limits::SEQUENCE_ROWS.into()]).await?, after)
}

fn facts_after(rows: Vec<crate::database::Row>, after: i64) -> Result<Option<Batch>, Error> {
    let mut batch = Batch { after, position: after, facts: Vec::new() };
    let mut first = true;
    for mut row in rows {
        batch.position = row.integer()?;
        if std::mem::take(&mut first) {
            // There are no gaps: where the next row is not the next position, it has been deleted, and the reader is told by the gap.
            batch.after = batch.position.saturating_sub(1);
        }
        let Some(text) = row.maybe_text()? else { continue };
        match serde_json::from_str::<Fact>(&text) {
            Ok(fact) => batch.facts.push(fact),
            // One that cannot be read must not stop all that follow; the next of its thing makes up for it.
            Err(error) => tracing::error!(position = batch.position, %error, "a public fact of the journal is malformed"),
        }
    }
    Ok((batch.position > after).then_some(batch))
}

/// Where a feed could begin.
pub(crate) struct Kept {
    pub(crate) counter: Counter,
    /// The smallest position whose row is kept; none where no numbered row is.
    pub(crate) oldest: Option<i64>,
}

/// What there is to go on from; none before the first row was numbered.
pub(crate) async fn kept(database: &Database) -> Result<Option<Kept>, Error> {
    let rows = database
        .ask("SELECT position, epoch, (SELECT MIN(position) FROM journal) FROM sequencer WHERE name = $1", &[COUNTER.into()])
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

    async fn write(database: &Database, id: &str, feed: Option<&str>) {
        let mut transaction = database.begin(Purpose::Write).await.unwrap();
        let feed = feed.map_or(crate::database::Value::Null, Into::into);
        transaction
            .query(
                "INSERT INTO journal (id, topic, type, aggregate, version, at, payload, feed) VALUES ($1, NULL, 'test', 'a', 1, 1, '{}', $2)",
                &[id.into(), feed],
            )
            .await
            .unwrap();
        transaction.commit().await.unwrap();
    }

    async fn positions(database: &Database) -> Vec<Option<i64>> {
        let mut transaction = database.begin(Purpose::Read).await.unwrap();
        let rows = transaction.query("SELECT position FROM journal ORDER BY position", &[]).await.unwrap();
        rows.into_iter().map(|mut row| row.maybe_integer().unwrap()).collect()
    }

    fn revoked(n: i64) -> String {
        serde_json::to_string(&Fact::SessionRevoked { session: format!("s{n}"), until: n }).unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn positions_are_gapless_whoever_writes_and_numbers() {
        const WRITERS: usize = 8;
        const ROWS: usize = 40;
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
                    for row in 0..ROWS {
                        // Ids in no order, as from many nodes.
                        let id = format!("{:04}-{writer}", (row * 17 + writer * 31) % 1000);
                        let fact = revoked(i64::try_from(writer * ROWS + row).unwrap());
                        write(&database, &format!("{id}-{row}"), row.is_multiple_of(2).then_some(fact.as_str())).await;
                        wake.now();
                    }
                }
            });
            futures::future::join_all(writers).await;

            let total = i64::try_from(WRITERS * ROWS).unwrap();
            let (mut at, mut facts) = (0, 0);
            while at < total {
                let batch = heard.recv().await.unwrap();
                assert_eq!(batch.after, at, "nothing is left out and nothing comes twice");
                (at, facts) = (batch.position, facts + batch.facts.len());
            }
            assert_eq!(facts, WRITERS * ROWS / 2);
            stop.cancel();
            futures::future::join_all(numbering).await;
            listening.await.unwrap();
            let expected: Vec<_> = (1..=total).map(Some).collect();
            assert_eq!(positions(&database).await, expected);
        }
    }

    #[tokio::test]
    async fn more_rows_than_fit_into_one_transaction_come_in_order() {
        for Scratch { database, .. } in databases(true).await {
            assert_eq!(look(&database, None).await.unwrap().0, 0);
            let mut transaction = database.begin(Purpose::Write).await.unwrap();
            for n in 0..limits::SEQUENCE_ROWS + 5 {
                transaction
                    .query(
                        "INSERT INTO journal (id, type, aggregate, version, at, payload, feed) VALUES ($1, 't', 'a', 1, 1, '{}', $2)",
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
                (0..limits::SEQUENCE_ROWS + 5).map(|n| Fact::SessionRevoked { session: format!("s{n}"), until: n }).collect();
            assert_eq!(seen, expected);
        }
    }

    #[tokio::test]
    async fn a_malformed_fact_does_not_stop_the_rest() {
        for Scratch { database, .. } in databases(true).await {
            look(&database, None).await.unwrap();
            write(&database, "1", Some("{")).await;
            write(&database, "2", Some(&revoked(2))).await;
            let (position, Look { batch, .. }) = look(&database, Some(0)).await.unwrap();
            assert_eq!((position, batch.unwrap().facts.len()), (2, 1));
        }
    }
}
