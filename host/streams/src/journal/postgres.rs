//! The journal in Postgres.
//!
//! A server that is gone does not say so: every answer is waited for so long and no longer, and a connection about which there is any doubt is closed, never
//! used again.
//!
//! Read from its two tables and not from their view: a position is its batch's and an ordinal, and only the batch's has an index.

use std::ops::ControlFlow;

use futures::StreamExt as _;
use futures::future::{BoxFuture, FutureExt as _};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions, PgRow};
use sqlx::{ConnectOptions as _, PgConnection, PgPool, Postgres, Row as _};
use telemetry::secured;
use tokio::time::timeout;

use super::{Journal, JournalHead, Replay, Row, Sink};
use crate::{Error, limits};

/// The relay's place in table `sequencer`.
const RELAY: &str = "kafka";
/// The last assigned position.
const COUNTER: &str = "journal";

/// The first batch that has a row at `$1` or after it. What is before may be deleted already.
const START: &str = "SELECT position FROM journal_batches \
    WHERE position >= (SELECT COALESCE(MAX(position), 0) FROM journal_batches WHERE position <= $1) \
    AND position + entries > $1 ORDER BY position LIMIT 1";

/// The rows of the batches that begin from `$1` to `$2`; positions have no gaps, so that is how many there are. Batch by batch: for a join the
/// planner may read the whole journal, and sort what it has found before the first row is there.
const READ: &str = "SELECT b.position + j.ordinal, b.at, b.id, j.ordinal, j.topic, j.type, j.aggregate, j.version, j.payload, j.trace \
    FROM journal_batches b CROSS JOIN LATERAL (SELECT ordinal, topic, type, aggregate, version, payload, trace FROM journal \
      WHERE batch = b.id ORDER BY ordinal OFFSET 0) j \
    WHERE b.position BETWEEN $1 AND $2 ORDER BY b.position";

/// `$2`: the epoch is the counter's own, as everybody's is who has a place in the table.
const BEGIN: &str = "INSERT INTO sequencer (name, position, epoch) \
    VALUES ($1, 0, COALESCE((SELECT epoch FROM sequencer WHERE name = $2), '')) ON CONFLICT (name) DO NOTHING";

const STANDING: &str = "SELECT counter.position, \
    CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) - \
      (SELECT at FROM journal_batches WHERE position <= $1 + 1 AND counter.position > $1 ORDER BY position DESC LIMIT 1) \
    FROM (SELECT COALESCE(MAX(position), 0) AS position FROM sequencer WHERE name = $2) AS counter";

const OPEN_REPLAY: &str = "SELECT id, last, next FROM replays WHERE done_at IS NULL ORDER BY created_at, id LIMIT 1";

const MOVE_REPLAY: &str = "UPDATE replays SET next = $2, done_at = CASE WHEN $2 > last \
    THEN CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000000 AS BIGINT) END WHERE id = $1 AND next < $2";

/// The journal in Postgres, over a few connections of its own.
#[derive(Clone, Debug)]
pub struct PostgresJournal {
    pool: PgPool,
}

/// A connection in use. Dropped before it is clean, it is closed.
struct JournalConnection {
    connection: PoolConnection<Postgres>,
    clean: bool,
}

impl Drop for JournalConnection {
    fn drop(&mut self) {
        if !self.clean {
            self.connection.close_on_drop();
        }
    }
}

impl PostgresJournal {
    /// The journal at this address, `postgres://…`; connected to when it is first needed. Whose settings differ gives a pool of their own.
    pub fn connect(url: &str) -> Result<Self, Error> {
        let options: PgConnectOptions = secured::postgres(url)
            .parse()
            .map_err(|_| Error::Setting("the journal's address is not a postgres:// URL".to_owned()))?;
        let options = options
            .application_name("marquee-relay")
            .options([
                ("statement_timeout", limits::JOURNAL_STATEMENT.as_millis().to_string().as_str()),
                // The place that a crash of the database takes back is published again; everything else here only reads.
                ("synchronous_commit", "off"),
                // A read is of a few thousand rows or of one: no plan fits both.
                ("plan_cache_mode", "force_custom_plan"),
            ])
            .disable_statement_logging();
        let pool = PgPoolOptions::new()
            .max_connections(limits::JOURNAL_CONNECTIONS)
            .acquire_timeout(limits::JOURNAL_ACQUIRE)
            // What is dead is found when it is used, and tried again; to ask before would cost every read a round trip.
            .test_before_acquire(false)
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// The connections, for what else concerns the journal.
    #[must_use]
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    async fn connection(&self) -> Result<JournalConnection, Error> {
        Ok(JournalConnection { connection: self.pool.acquire().await?, clean: false })
    }

    async fn ask<T>(&self, statement: impl AsyncFnOnce(&mut PgConnection) -> Result<T, sqlx::Error>) -> Result<T, Error> {
        let mut used = self.connection().await?;
        let answer = bounded(statement(&mut used.connection)).await??;
        used.clean = true;
        Ok(answer)
    }
}

async fn bounded<T>(answer: impl Future<Output = T>) -> Result<T, Error> {
    let silent = || std::io::Error::new(std::io::ErrorKind::TimedOut, "the server does not answer");
    Ok(timeout(limits::JOURNAL_PATIENCE, answer).await.map_err(|_| sqlx::Error::Io(silent()))?)
}

fn row(row: &PgRow) -> Result<Row<'_>, sqlx::Error> {
    Ok(Row {
        position: row.try_get_unchecked(0)?,
        at: row.try_get_unchecked(1)?,
        batch: row.try_get_unchecked(2)?,
        ordinal: row.try_get_unchecked(3)?,
        topic: row.try_get_unchecked(4)?,
        kind: row.try_get_unchecked(5)?,
        aggregate: row.try_get_unchecked(6)?,
        version: row.try_get_unchecked(7)?,
        payload: row.try_get_unchecked(8)?,
        trace: row.try_get_unchecked(9)?,
    })
}

impl Journal for PostgresJournal {
    fn read<'a>(&'a self, after: i64, until: i64, limit: usize, sink: &'a mut Sink<'_>) -> BoxFuture<'a, Result<usize, Error>> {
        async move {
            let mut used = self.connection().await?;
            let first = after + 1;
            let start: Option<i64> =
                bounded(sqlx::query_scalar(START).bind(first).fetch_optional(&mut *used.connection)).await??;
            let Some(start) = start.filter(|start| *start <= until) else {
                used.clean = true;
                return Ok(0);
            };
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            let end = start.max(first).saturating_add(limit - 1).min(until);
            let mut rows =
                sqlx::query(READ).bind(start).bind(end).fetch(&mut *used.connection).ready_chunks(limits::JOURNAL_ROWS);
            let (mut count, mut more) = (0, true);
            while let Some(chunk) = bounded(rows.next()).await? {
                for next in chunk {
                    let next = next?;
                    let row = row(&next)?;
                    // What is not wanted is read all the same, so that the connection can be used again. A batch may go on beyond the end.
                    if !more || row.position < first || row.position > until {
                        continue;
                    }
                    count += 1;
                    more = sink(row) == ControlFlow::Continue(());
                }
            }
            drop(rows);
            used.clean = true;
            Ok(count)
        }
        .boxed()
    }

    fn cursor(&self) -> BoxFuture<'_, Result<i64, Error>> {
        async move {
            self.ask(async |connection| {
                sqlx::query(BEGIN).bind(RELAY).bind(COUNTER).execute(&mut *connection).await?;
                sqlx::query_scalar("SELECT position FROM sequencer WHERE name = $1").bind(RELAY).fetch_one(connection).await
            })
            .await
        }
        .boxed()
    }

    fn advance(&self, position: i64) -> BoxFuture<'_, Result<(), Error>> {
        async move {
            let statement = "UPDATE sequencer SET position = $1 WHERE name = $2 AND position < $1";
            self.ask(async |connection| sqlx::query(statement).bind(position).bind(RELAY).execute(connection).await).await?;
            Ok(())
        }
        .boxed()
    }

    fn standing(&self, position: i64) -> BoxFuture<'_, Result<JournalHead, Error>> {
        async move {
            let standing = sqlx::query_as(STANDING).bind(position).bind(COUNTER);
            let (last, oldest) = self.ask(async |connection| standing.fetch_one(connection).await).await?;
            Ok(JournalHead { last, oldest })
        }
        .boxed()
    }

    fn open_replay(&self) -> BoxFuture<'_, Result<Option<Replay>, Error>> {
        async move {
            let found: Option<(String, i64, i64)> =
                self.ask(async |connection| sqlx::query_as(OPEN_REPLAY).fetch_optional(connection).await).await?;
            Ok(found.map(|(id, last, next)| Replay { id, last, next }))
        }
        .boxed()
    }

    fn move_replay<'a>(&'a self, replay: &'a Replay, next: i64) -> BoxFuture<'a, Result<(), Error>> {
        async move {
            self.ask(async |connection| sqlx::query(MOVE_REPLAY).bind(&replay.id).bind(next).execute(connection).await).await?;
            Ok(())
        }
        .boxed()
    }
}
