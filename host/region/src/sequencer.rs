//! The sequencer: assigns gapless, permanent positions to committed journal entries, and publishes their public facts.
//!
//! Entries become visible in no particular order, so a reader that goes by insertion id would miss some. Any number of
//! sequencers may run: a transaction first locks the counter's row; a new statement then numbers what has no number yet, and checks
//! that again while it does; the counter advances in the same transaction. A sequencer that has waited for the lock finds everything numbered.
//!
//! Numbers are given to batches, which know how many entries they have: one small row is changed, however much was written at once. To change
//! each entry would cost the database more than to decide and write a booking does.
//!
//! # Epochs
//! Positions are of one history of the database, which the counter's epoch names. A history ends with a restore, or with the promotion of a replica
//! that lacked commits: what followed a position is then something else. Every sequencer notices that, and begins a new epoch: by the server itself
//! ([`Database::history`], which the epoch's name ends with), by a counter that is behind what this node has published, by another batch where this node
//! has seen one, or by an epoch that is older than one that it knows. Published batches name their epoch.

use std::sync::{Arc, Mutex, PoisonError};

use edge::feed::Batch;
use futures::future::BoxFuture;
use read_model::Fact;
use telemetry::{Finding, Health, Needed};
use tokio::sync::{Notify, broadcast, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::database::{Database, Error, Purpose, Transaction};
#[cfg(test)]
use crate::simulation::bugs::{Bug, planted};
use crate::{clock, limits};

/// The counter's row.
const COUNTER: &str = "journal";

const NUMBER_BATCHES: &str = "UPDATE journal_batches SET position = $1 + numbered.first \
    FROM (SELECT id, CAST(SUM(entries) OVER (ORDER BY id) AS BIGINT) - entries + 1 AS first \
          FROM (SELECT id, entries FROM journal_batches WHERE position IS NULL ORDER BY id LIMIT $2) AS unnumbered) AS numbered \
    WHERE journal_batches.id = numbered.id AND journal_batches.position IS NULL \
    RETURNING journal_batches.position, journal_batches.entries";

const NEW_EPOCH: &str = "UPDATE sequencer SET epoch = $1 WHERE name = $2";

/// The batch that a position is of.
const BATCH_AT: &str = "SELECT id FROM journal_batches WHERE position <= $1 ORDER BY position DESC LIMIT 1";

/// In order of position.
const FACTS_AFTER: &str =
    "SELECT position, entries, facts, id FROM journal_batches WHERE position > $1 ORDER BY position LIMIT $2";

/// The end of the journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct JournalPosition {
    pub(crate) epoch: Arc<str>,
    pub(crate) position: i64,
}

/// What has been published.
#[derive(Clone, Debug)]
pub(crate) struct PublishedBatch {
    /// The history that its positions are of.
    pub(crate) epoch: Arc<str>,
    pub(crate) batch: Arc<Batch>,
}

/// The end of the journal as this node last saw it: what the database says later must continue from there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct LastPublished {
    counter: JournalPosition,
    /// The batch that the position is the end of, where it is known.
    batch: Option<String>,
}

/// The result of one scan of the journal.
#[derive(Debug)]
struct ScanResult {
    /// The counter's position or, if more rows are left to be read, that of the last row returned.
    place: LastPublished,
    /// None where nothing is new.
    batch: Option<Batch>,
    /// There may be more.
    more: bool,
}

/// Wakes the sequencer. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct SequencerWaker(Arc<Notify>);

impl SequencerWaker {
    /// Triggers a scan at once, or another one after the scan in progress.
    pub fn now(&self) {
        self.0.notify_one();
    }
}

/// Numbers rows and publishes what is public of them.
pub struct Sequencer {
    database: Database,
    facts: broadcast::Sender<PublishedBatch>,
    /// The epoch, as this node last saw it; empty: not yet.
    epoch: watch::Sender<Arc<str>>,
    wake: SequencerWaker,
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
        let epoch = watch::Sender::new("".into());
        Self {
            database,
            facts,
            epoch,
            wake: SequencerWaker::default(),
            commits,
            given: watch::Sender::new(0),
            failing: Arc::default(),
        }
    }

    /// Wakes it.
    #[must_use]
    pub fn wake(&self) -> SequencerWaker {
        self.wake.clone()
    }

    /// The last position that is known to be given: who reads the journal by position looks when this has changed.
    #[must_use]
    pub fn given(&self) -> watch::Receiver<i64> {
        self.given.subscribe()
    }

    /// The epoch that this node last saw; empty before its first look. Anything cached from the database is dropped when this changes.
    #[must_use]
    pub fn epoch(&self) -> watch::Receiver<Arc<str>> {
        self.epoch.subscribe()
    }

    /// The channel that batches are published on.
    pub(crate) fn facts(&self) -> broadcast::Sender<PublishedBatch> {
        self.facts.clone()
    }

    /// Registers its state.
    pub fn register(&self, health: &Health) {
        let failing = Arc::clone(&self.failing);
        health.register("sequencer", Needed::Ready, move || match *failing.lock().unwrap_or_else(PoisonError::into_inner) {
            None => Finding::up("assigning positions"),
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
        let mut published: Option<LastPublished> = None;
        let mut last_word = Instant::now();
        let mut patience = limits::SEQUENCE_PATIENCE.0;
        let mut database = self.database.apart(patience);
        // When the database's history was last verified to continue from there.
        let mut sure: Option<Instant> = None;
        loop {
            // An embedded database belongs to this process alone and is not replaced while it runs.
            let again = self.database.engine() == migrations::Engine::Postgres;
            let doubt = sure.is_none_or(|sure| again && sure.elapsed() >= limits::HISTORY_LOOK);
            let asked = Instant::now();
            match looked(&database, published.as_ref(), doubt).await {
                Ok(ScanResult { place, batch, more }) => {
                    pause = first;
                    patience = limits::SEQUENCE_PATIENCE.0;
                    *self.failing.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    if doubt {
                        sure = Some(Instant::now());
                    }
                    let begins = published.as_ref().is_none_or(|published| published.counter.epoch != place.counter.epoch);
                    debug_assert!(
                        begins || published.as_ref().is_none_or(|published| published.counter.position <= place.counter.position),
                        "{published:?} was published and {place:?} follows in the same epoch"
                    );
                    let quiet = batch.is_none();
                    if begins {
                        self.begins(&place.counter, published.is_some());
                    }
                    if !quiet || begins || last_word.elapsed() >= edge::limits::FEED_HEARTBEAT {
                        last_word = Instant::now();
                        let at = place.counter.position;
                        let batch = batch.unwrap_or(Batch { after: at, position: at, facts: Vec::new() });
                        // There is no receiver before the first follower.
                        _ = self.facts.send(PublishedBatch { epoch: Arc::clone(&place.counter.epoch), batch: Arc::new(batch) });
                    }
                    let given = place.counter.position;
                    published = Some(place);
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
                    // The connection may be dead, so it is replaced; and the next one may reach another server. One that is only
                    // slow is given more time. One that refuses is not slow: patience that an outage has made would be spent on the first
                    // connection after it that falls silent, while no feed moves.
                    if asked.elapsed() >= patience {
                        patience = (patience * 2).min(limits::SEQUENCE_PATIENCE.1);
                    }
                    database = self.database.apart(patience);
                    sure = None;
                    tokio::time::sleep(clock::jittered(pause)).await;
                    pause = (pause * 2).min(longest);
                }
            }
        }
    }

    /// Another epoch than the last one, if there was one.
    fn begins(&self, counter: &JournalPosition, anew: bool) {
        if anew {
            tracing::warn!(
                epoch = &*counter.epoch,
                position = counter.position,
                "the database has another history than this node has seen: every replica takes a new snapshot"
            );
            // Lower than before: who reads by position has to look.
            self.given.send_replace(counter.position);
        }
        self.epoch.send_replace(Arc::clone(&counter.epoch));
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

/// A look that ends.
async fn looked(database: &Database, published: Option<&LastPublished>, doubt: bool) -> Result<ScanResult, Error> {
    let history = if doubt { database.history().await? } else { None };
    look(database, published, doubt.then_some(history)).await
}

/// Numbers what has no number, and reads what is public of the entries after `published` (none: of those numbered now). `history` is given where it is
/// in doubt whether the database has the same history: the server's own history id.
async fn look(
    database: &Database,
    published: Option<&LastPublished>,
    history: Option<Option<String>>,
) -> Result<ScanResult, Error> {
    if let Some(published) = published.filter(|_| history.is_none())
        && nothing_new(database, &published.counter).await?
    {
        return Ok(ScanResult { place: published.clone(), batch: None, more: false });
    }
    let mut transaction = database.begin(Purpose::Write).await?;
    let history = history.map(|history| history.unwrap_or_default());
    let mut counter = counter(&mut transaction, history.as_deref()).await?;
    if ended(&mut transaction, &counter, published, history.as_deref()).await? {
        counter.epoch = next_epoch(&counter.epoch, Some(history.as_deref().unwrap_or(counter.history())));
        transaction.query(NEW_EPOCH, &[(&*counter.epoch).into(), COUNTER.into()]).await?;
    }
    #[cfg(test)]
    if planted(Bug::CursorBeforeData) {
        return look_with_the_cursor_first(transaction, counter, published).await;
    }
    let NumberedRows { batches, entries } = number(&mut transaction, counter.position).await?;
    let known = published.filter(|published| published.counter.epoch == counter.epoch);
    let after = known.map_or(counter.position, |known| known.counter.position);
    // With the counter locked, every position up to it is committed, whichever node assigned it.
    let read = read_facts(&mut transaction, after).await?;
    transaction.commit().await?;
    let (batch, last) =
        read.map_or((None, known.and_then(|known| known.batch.clone())), |(batch, last)| (Some(batch), Some(last)));
    let position = batch.as_ref().map_or(after, |batch| batch.position);
    debug_assert!(
        !is_beyond(position, after.max(counter.position + entries)),
        "{position} is read, {counter:?} and {entries} are given"
    );
    let more = batches == limits::SEQUENCE_BATCHES || position < counter.position + entries;
    Ok(ScanResult { place: LastPublished { counter: JournalPosition { position, ..counter }, batch: last }, batch, more })
}

/// Whether the history that the epoch names has ended. The counter is locked.
async fn ended(
    transaction: &mut Transaction,
    counter: &JournalPosition,
    published: Option<&LastPublished>,
    history: Option<&str>,
) -> Result<bool, Error> {
    #[cfg(test)]
    if planted(Bug::RestoreUnnoticed) {
        return Ok(false);
    }
    // What cannot be asked for says nothing.
    if history.is_some_and(|history| !history.is_empty() && history != counter.history()) {
        return Ok(true);
    }
    let Some(LastPublished { counter: seen, batch }) = published else { return Ok(false) };
    if counter.epoch != seen.epoch {
        // Somebody has begun another; an older one is of a backup.
        return Ok(counter.number() < seen.number());
    }
    if counter.position < seen.position {
        return Ok(true);
    }
    let Some(batch) = batch.as_deref().filter(|_| history.is_some()) else { return Ok(false) };
    let rows = transaction.query(BATCH_AT, &[seen.position.into()]).await?;
    // None is there any more: it was deleted for its age.
    Ok(rows.into_iter().next().map(|mut row| row.text()).transpose()?.is_some_and(|there| there != batch))
}

/// Begins a new epoch: every replica takes a new snapshot. Returns its name.
///
/// # Errors
/// Where the database fails.
pub async fn begin_epoch(database: &Database) -> Result<String, Error> {
    let history = database.history().await?.unwrap_or_default();
    let mut transaction = database.begin(Purpose::Write).await?;
    let counter = counter(&mut transaction, Some(&history)).await?;
    let epoch = next_epoch(&counter.epoch, Some(&history));
    transaction.query(NEW_EPOCH, &[(&*epoch).into(), COUNTER.into()]).await?;
    transaction.commit().await?;
    Ok(epoch.to_string())
}

/// The epoch, and its last assigned position; none before the first scan.
///
/// # Errors
/// Where the database fails.
pub async fn epoch(database: &Database) -> Result<Option<(String, i64)>, Error> {
    Ok(kept(database).await?.map(|kept| (kept.counter.epoch.to_string(), kept.counter.position)))
}

/// As [`look`], with a fault: the cursor is where the counter is, although what it publishes was read before.
#[cfg(test)]
async fn look_with_the_cursor_first(
    mut transaction: Transaction,
    counter: JournalPosition,
    published: Option<&LastPublished>,
) -> Result<ScanResult, Error> {
    let known = published.filter(|published| published.counter.epoch == counter.epoch);
    let after = known.map_or(counter.position, |known| known.counter.position);
    let read = read_facts(&mut transaction, after).await?;
    let position = counter.position + number(&mut transaction, counter.position).await?.entries;
    transaction.commit().await?;
    let facts = read.map(|(batch, _)| batch.facts).unwrap_or_default();
    let batch = (position > after).then_some(Batch { after, position, facts });
    Ok(ScanResult { place: LastPublished { counter: JournalPosition { position, ..counter }, batch: None }, batch, more: false })
}

/// A cheap look, without a lock.
async fn nothing_new(database: &Database, published: &JournalPosition) -> Result<bool, Error> {
    let rows = database
        .ask(
            "SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM journal_batches WHERE position IS NULL LIMIT 1) AS one), \
             (SELECT COALESCE(MAX(position), 0) FROM sequencer WHERE name = $1), \
             (SELECT COALESCE(MAX(epoch), '') FROM sequencer WHERE name = $1)",
            &[COUNTER.into()],
        )
        .await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(false) };
    Ok(row.integer()? == 0 && row.integer()? == published.position && row.text()? == *published.epoch)
}

/// The counter, locked until the transaction ends. Where there is none yet it begins, with this history.
async fn counter(transaction: &mut Transaction, history: Option<&str>) -> Result<JournalPosition, Error> {
    transaction
        .query(
            "INSERT INTO sequencer (name, position, epoch) VALUES ($1, 0, $2) ON CONFLICT (name) DO NOTHING",
            &[COUNTER.into(), (&*next_epoch("", history)).into()],
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
pub(crate) async fn peek(transaction: &mut Transaction) -> Result<Option<JournalPosition>, Error> {
    let rows = transaction.query("SELECT position, epoch FROM sequencer WHERE name = $1", &[COUNTER.into()]).await?;
    rows.into_iter().next().map(|row| read_counter(Some(row))).transpose()
}

fn read_counter(row: Option<crate::database::Row>) -> Result<JournalPosition, Error> {
    let mut row = row.ok_or_else(|| Error::Row("the counter is gone".to_owned()))?;
    Ok(JournalPosition { position: row.integer()?, epoch: row.text()?.into() })
}

impl JournalPosition {
    /// What the server said of its history when the epoch began.
    fn history(&self) -> &str {
        self.epoch.split_once('@').map_or("", |(_, history)| history)
    }

    /// Epochs by the order in which they began.
    fn number(&self) -> u64 {
        read_model::epoch_number(&self.epoch)
    }
}

/// What got its numbers.
struct NumberedRows {
    batches: i64,
    entries: i64,
}

/// Numbers batches after `position`, and advances the counter.
async fn number(transaction: &mut Transaction, position: i64) -> Result<NumberedRows, Error> {
    let rows = transaction.query(NUMBER_BATCHES, &[position.into(), limits::SEQUENCE_BATCHES.into()]).await?;
    let given = rows.into_iter().map(|mut row| Ok((row.integer()?, row.integer()?)));
    let mut given = given.collect::<Result<Vec<(i64, i64)>, Error>>()?;
    given.sort_unstable();
    let mut last = position;
    for (first, entries) in &given {
        // With the counter locked no other sequencer can have numbered one of them; had one, the gap would never close.
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
    Ok(NumberedRows { batches: i64::try_from(given.len()).unwrap_or(i64::MAX), entries: last - position })
}

/// Whether a position does not follow the last one.
fn leaves_a_gap(position: i64, last: i64) -> bool {
    #[cfg(test)]
    if planted(Bug::SequencerUnlocked) {
        return false;
    }
    position != last + 1
}

/// Whether a position that was read back is one that nobody can have given while the counter was locked.
fn is_beyond(position: i64, given: i64) -> bool {
    #[cfg(test)]
    if planted(Bug::SequencerUnlocked) {
        return false;
    }
    position > given
}

/// With the id of the last batch.
async fn read_facts(transaction: &mut Transaction, after: i64) -> Result<Option<(Batch, String)>, Error> {
    facts_after(transaction.query(FACTS_AFTER, &[after.into(), limits::SEQUENCE_BATCHES.into()]).await?, after)
}

/// A page of what has been given positions after this one; none where there is nothing.
pub(crate) async fn page(database: &Database, after: i64) -> Result<Option<Batch>, Error> {
    let read = facts_after(database.ask(FACTS_AFTER, &[after.into(), limits::SEQUENCE_BATCHES.into()]).await?, after)?;
    Ok(read.map(|(batch, _)| batch))
}

/// The rows as one batch, with the id of the last.
fn facts_after(rows: Vec<crate::database::Row>, after: i64) -> Result<Option<(Batch, String)>, Error> {
    let mut batch = Batch { after, position: after, facts: Vec::new() };
    let mut last = None;
    for mut row in rows {
        let (position, entries, text) = (row.integer()?, row.integer()?, row.maybe_text()?);
        batch.position = position + entries - 1;
        if last.replace(row.text()?).is_none() {
            // There are no gaps: where the next batch has not the next position, it has been deleted, and the reader notices the gap.
            batch.after = position - 1;
        }
        match text.map(|text| facts(&text)) {
            None => {}
            Some(Ok(facts)) => batch.facts.extend(facts),
            // What cannot be read must not stop all that follows; the next fact of its thing makes up for it.
            Some(Err(error)) => tracing::error!(position, %error, "skipped a malformed entry of the journal"),
        }
    }
    Ok(last.filter(|_| batch.position > after).map(|last| (batch, last)))
}

/// The facts of one batch.
fn facts(text: &str) -> serde_json::Result<Vec<Fact>> {
    serde_json::from_str(text)
}

/// Where a feed could begin.
pub(crate) struct FeedStart {
    pub(crate) counter: JournalPosition,
    /// The smallest position whose entry still exists; none where no numbered one does.
    pub(crate) oldest: Option<i64>,
}

/// The positions from which a feed can resume; none before the first row was numbered.
pub(crate) async fn kept(database: &Database) -> Result<Option<FeedStart>, Error> {
    let rows = database
        .ask(
            "SELECT position, epoch, (SELECT MIN(position) FROM journal_batches) FROM sequencer WHERE name = $1",
            &[COUNTER.into()],
        )
        .await?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    let counter = JournalPosition { position: row.integer()?, epoch: row.text()?.into() };
    Ok(Some(FeedStart { counter, oldest: row.maybe_integer()? }))
}

/// A name for the epoch that follows this one: of this moment and this process, and of what the server says of its history. Its number is greater than
/// any before it, by whatever clock those began.
fn next_epoch(last: &str, history: Option<&str>) -> Arc<str> {
    let now = u64::try_from(clock::now()).unwrap_or(0);
    let number = now.max(read_model::epoch_number(last).saturating_add(1));
    let history = history.filter(|history| !history.is_empty()).map(|history| format!("@{history}")).unwrap_or_default();
    format!("{number:x}-{:x}{history}", std::process::id()).into()
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
    async fn positions_are_gapless_with_concurrent_writers_and_sequencers() {
        const WRITERS: usize = 8;
        const BATCHES: usize = 40;
        for Scratch { database, .. } in databases(true).await {
            let stop = CancellationToken::new();
            // Two sequencers, neither of which is notified of commits: every numbered row was found by one of them.
            let numbering: Vec<_> =
                (0..2).map(|_| tokio::spawn(Sequencer::new(database.clone(), vec![]).run(stop.clone()))).collect();
            let mut listener = Sequencer::new(database.clone(), vec![]);
            let mut heard = listener.facts().subscribe();
            look(&database, None, None).await.unwrap();
            let (wake, listening) = (listener.wake(), stop.clone());
            let listening = tokio::spawn(async move {
                tokio::select! { () = listening.cancelled() => {}, () = listener.sequence() => {} }
            });
            // It publishes from the journal's current end: let it scan once first.
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
                let batch = heard.recv().await.unwrap().batch;
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
            let mut place = look(&database, None, None).await.unwrap().place;
            assert_eq!(place.counter.position, 0);
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
            let mut seen = Vec::new();
            loop {
                let ScanResult { place: now, batch, more } = look(&database, Some(&place), None).await.unwrap();
                seen.extend(batch.into_iter().flat_map(|batch| batch.facts));
                place = now;
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
            let place = look(&database, None, None).await.unwrap().place;
            write(&database, "1", 1, Some("[")).await;
            write(&database, "2", 1, Some(&revoked(2))).await;
            let ScanResult { place, batch, .. } = look(&database, Some(&place), None).await.unwrap();
            assert_eq!((place.counter.position, batch.unwrap().facts.len()), (2, 1));
        }
    }

    /// What a look sees that has seen `place` before, where the database was undone meanwhile as `undo` says.
    async fn seen_after(undo: &[&str], write_then: &[&str]) -> Vec<(bool, i64)> {
        let mut seen = Vec::new();
        for Scratch { database, .. } in databases(true).await {
            let place = look(&database, None, Some(database.history().await.unwrap())).await.unwrap().place;
            for id in ["a", "b", "c"] {
                write(&database, id, 1, None).await;
            }
            let place = look(&database, Some(&place), None).await.unwrap().place;
            assert_eq!((place.counter.position, place.batch.as_deref()), (3, Some("c")));
            let mut transaction = database.begin(Purpose::Write).await.unwrap();
            for statement in undo {
                transaction.query(statement, &[]).await.unwrap();
            }
            transaction.commit().await.unwrap();
            for id in write_then {
                write(&database, id, 1, None).await;
            }
            // Another node, which has just started and remembers nothing, numbers them first.
            look(&database, None, None).await.unwrap();
            let now = look(&database, Some(&place), Some(database.history().await.unwrap())).await.unwrap().place;
            seen.push((now.counter.epoch != place.counter.epoch, now.counter.position));
        }
        seen
    }

    const LOSE_THE_LAST: &[&str] = &[
        "DELETE FROM journal WHERE batch = 'c'",
        "DELETE FROM journal_batches WHERE id = 'c'",
        "UPDATE sequencer SET position = 2 WHERE name = 'journal'",
    ];

    #[tokio::test]
    async fn a_restored_database_is_noticed_at_any_position() {
        for writes in [&[][..], &["d"], &["d", "e", "f"]] {
            for (noticed, position) in seen_after(LOSE_THE_LAST, writes).await {
                assert!(noticed, "{writes:?}");
                assert_eq!(position, 2 + i64::try_from(writes.len()).unwrap());
            }
        }
        // Of a backup that was made before the last epoch began.
        for (noticed, _) in seen_after(&["UPDATE sequencer SET epoch = '1-1' WHERE name = 'journal'"], &[]).await {
            assert!(noticed);
        }
    }

    #[tokio::test]
    async fn rows_deleted_by_retention_do_not_begin_a_new_epoch() {
        for statements in [&[][..], &["DELETE FROM journal", "DELETE FROM journal_batches"]] {
            for seen in seen_after(statements, &["d"]).await {
                assert_eq!(seen, (false, 4));
            }
        }
    }

    #[tokio::test]
    async fn an_epoch_begun_by_an_operator_is_adopted_by_every_node() {
        for Scratch { database, .. } in databases(true).await {
            let place = look(&database, None, None).await.unwrap().place;
            let epoch = begin_epoch(&database).await.unwrap();
            let now = look(&database, Some(&place), None).await.unwrap().place;
            assert_eq!(&*now.counter.epoch, epoch);
            assert!(now.counter.number() > place.counter.number());
            // And stays: nobody begins one more.
            let history = database.history().await.unwrap();
            assert_eq!(look(&database, Some(&now), Some(history)).await.unwrap().place, now);
        }
    }
}
