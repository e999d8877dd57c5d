//! Databases for tests of components, which run natively and have no host: SQLite, and Postgres on the server that `MARQUEE_TEST_POSTGRES_URL` names, in
//! which this may make schemas. A thread that has entered one has all of this crate's SQL go there.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test may fail loudly")]

mod schema;

use super::{Error, FromRow, RowReader, Value, migrate, postgres, sqlite};
use migrations::Engine;
use rusqlite::types::{ToSqlOutput, Value as Sql};
use schema::{Pooled, Schema};
use sqlx::postgres::{PgArguments, PgTypeInfo, types::Oid};
use sqlx::{Row, TypeInfo, ValueRef};
use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

/// Makes names unique in this process.
static NEXT: AtomicU32 = AtomicU32::new(0);

thread_local! {
    static CURRENT: RefCell<Option<Arc<Database>>> = const { RefCell::new(None) };
}

/// A database of a test's own, its migrations applied and nothing else in it.
pub struct Database {
    place: Place,
    now: AtomicI64,
    down: AtomicBool,
}

enum Place {
    Sqlite(PathBuf),
    Postgres(Box<Schema>),
}

impl Database {
    /// One of each engine. Without a server of Postgres the test fails: it would say nothing of half of what is shipped.
    pub fn all() -> Vec<Arc<Self>> {
        let url = std::env::var("MARQUEE_TEST_POSTGRES_URL").expect(
            "MARQUEE_TEST_POSTGRES_URL is not set: `cargo xtask test` sets it, and `cargo xtask services up --only postgres` prints it",
        );
        let file = Self::unmade_file();
        if let Place::Sqlite(path) = &file.place {
            std::fs::write(path, migrated_file()).unwrap();
        }
        vec![Arc::new(file), Arc::new(Self::at(Place::Postgres(Box::new(Schema::claim(&url)))))]
    }

    /// A file of SQLite's that nobody has made yet.
    pub(super) fn unmade_file() -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        Self::at(Place::Sqlite(std::env::temp_dir().join(format!("kit_{}_{number}.db", std::process::id()))))
    }

    fn at(place: Place) -> Self {
        Self { place, now: AtomicI64::new(0), down: AtomicBool::new(false) }
    }

    pub(super) fn migrate(&self) {
        ready(migrate::migrate(&super::Connection::Testing(self.connect().unwrap()))).unwrap();
    }

    /// Has this thread's statements go here from now on.
    pub fn enter(self: &Arc<Self>) {
        CURRENT.set(Some(Arc::clone(self)));
    }

    /// Sets the clock that transactions begin by.
    pub fn set_now(&self, now: i64) {
        self.now.store(now, Ordering::Relaxed);
    }

    /// Whether the database cannot be reached.
    pub fn set_down(&self, down: bool) {
        self.down.store(down, Ordering::Relaxed);
    }

    /// Its engine.
    pub fn engine(&self) -> Engine {
        match &self.place {
            Place::Sqlite(_) => Engine::Sqlite,
            Place::Postgres(_) => Engine::Postgres,
        }
    }

    /// The rows of one statement that commits by itself.
    pub fn all_rows<T: FromRow>(&self, statement: &str) -> Vec<T> {
        let (rows, _) = self.connect().unwrap().query(statement, &[]).unwrap();
        rows.into_iter().map(|row| T::from_row(&mut RowReader::new(row)).unwrap()).collect()
    }

    /// As [`Self::all_rows`], of whose answer nothing is wanted.
    pub fn run(&self, statement: &str) {
        self.connect().unwrap().query(statement, &[]).unwrap();
    }

    /// Runs a statement that changes tables, which no other test may then meet.
    pub fn alter(&self, statement: &str) {
        if let Place::Postgres(schema) = &self.place {
            schema.spoil();
        }
        self.run(statement);
    }

    fn connect(&self) -> Result<Connection, Error> {
        if self.down.load(Ordering::Relaxed) {
            return Err(Error::Unavailable("the test says so".into()));
        }
        Ok(match &self.place {
            Place::Sqlite(path) => {
                let connection = rusqlite::Connection::open(path).unwrap();
                // No test outlives the machine.
                connection
                    .execute_batch("PRAGMA busy_timeout = 30000; PRAGMA foreign_keys = ON; PRAGMA synchronous = OFF")
                    .unwrap();
                Connection::Sqlite(connection)
            }
            Place::Postgres(schema) => Connection::Postgres(RefCell::new(schema.connection())),
        })
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Place::Sqlite(path) = &self.place {
            for suffix in ["", "-wal", "-shm"] {
                let mut name = path.clone().into_os_string();
                name.push(suffix);
                let _ = std::fs::remove_file(name);
            }
        }
    }
}

/// A file of SQLite's as the migrations leave it: applying them takes longer than most tests.
fn migrated_file() -> &'static [u8] {
    static FILE: OnceLock<Vec<u8>> = OnceLock::new();
    FILE.get_or_init(|| {
        let database = Database::unmade_file();
        database.migrate();
        database.run("PRAGMA wal_checkpoint(TRUNCATE)");
        let Place::Sqlite(path) = &database.place else { unreachable!("it is a file") };
        std::fs::read(path).unwrap()
    })
}

/// What a future gives that never waits: all of this module's statements are done when they are asked for.
pub fn ready<T>(future: impl Future<Output = T>) -> T {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => unreachable!("nothing here waits"),
    }
}

/// A connection to the database that this thread has entered.
pub(super) fn connect() -> Result<Option<Connection>, Error> {
    CURRENT.with_borrow(|current| current.as_ref().map(|database| database.connect()).transpose())
}

/// Whether this thread has entered a database.
pub fn entered() -> bool {
    CURRENT.with_borrow(Option::is_some)
}

/// What time it is there, where the test says so.
pub(super) fn now() -> Option<i64> {
    CURRENT.with_borrow(|current| Some(current.as_ref()?.now.load(Ordering::Relaxed)).filter(|now| *now > 0))
}

pub(super) enum Connection {
    Sqlite(rusqlite::Connection),
    Postgres(RefCell<Pooled>),
}

/// Rows, and how many were inserted, changed or deleted.
type Answer = (Vec<Vec<Value>>, u64);

impl Connection {
    pub(super) fn engine(&self) -> Engine {
        match self {
            Self::Sqlite(_) => Engine::Sqlite,
            Self::Postgres(_) => Engine::Postgres,
        }
    }

    pub(super) fn query(&self, statement: &str, parameters: &[Value]) -> Result<Answer, Error> {
        match self {
            Self::Sqlite(connection) => {
                on_sqlite(connection, statement, parameters).map_err(|error| sqlite::classify(&error.to_string()))
            }
            Self::Postgres(connection) => {
                let mut pooled = connection.borrow_mut();
                let (runtime, connection) = pooled.parts();
                runtime.block_on(on_postgres(connection, statement, parameters)).map_err(|error| match error {
                    sqlx::Error::Database(error) => {
                        postgres::classify(&error.code().unwrap_or_default(), error.message().to_owned())
                    }
                    other => Error::Unavailable(other.to_string()),
                })
            }
        }
    }
}

fn on_sqlite(connection: &rusqlite::Connection, statement: &str, parameters: &[Value]) -> rusqlite::Result<Answer> {
    let mut statement = connection.prepare(&sqlite::numbered(statement))?;
    let columns = statement.column_count();
    let mut rows = statement.query(rusqlite::params_from_iter(parameters))?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let column = |index| {
            Ok(match row.get(index)? {
                Sql::Null => Value::Null,
                Sql::Integer(number) => Value::Integer(number),
                Sql::Text(text) => Value::Text(text),
                other => unreachable!("{other:?} is not used here"),
            })
        };
        all.push((0..columns).map(column).collect::<rusqlite::Result<_>>()?);
    }
    Ok((all, connection.changes()))
}

impl rusqlite::ToSql for Value {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self {
            Self::Null => Sql::Null,
            Self::Integer(number) => Sql::Integer(*number),
            Self::Text(text) => Sql::Text(text.clone()),
        }))
    }
}

async fn on_postgres(connection: &mut sqlx::PgConnection, statement: &str, parameters: &[Value]) -> Result<Answer, sqlx::Error> {
    use futures::TryStreamExt;
    use sqlx::{Arguments, Either, Executor};
    let mut arguments = PgArguments::default();
    for value in parameters {
        match value {
            // Of the type that the server finds.
            Value::Null => arguments.add(Untyped),
            Value::Integer(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    let (mut rows, mut changed) = (Vec::new(), 0);
    let query = sqlx::query_with(statement, arguments);
    let mut answers = connection.fetch_many(query);
    while let Some(answer) = answers.try_next().await? {
        match answer {
            Either::Left(result) => changed += result.rows_affected(),
            Either::Right(row) => rows.push((0..row.len()).map(|index| column(&row, index)).collect::<Result<_, _>>()?),
        }
    }
    Ok((rows, changed))
}

fn column(row: &sqlx::postgres::PgRow, index: usize) -> Result<Value, sqlx::Error> {
    let raw = row.try_get_raw(index)?;
    let kind = raw.type_info().name().to_owned();
    Ok(match kind.as_str() {
        _ if raw.is_null() => Value::Null,
        "INT8" => Value::Integer(row.try_get::<i64, _>(index)?),
        "INT4" => Value::Integer(row.try_get::<i32, _>(index)?.into()),
        _ => Value::Text(row.try_get::<String, _>(index)?),
    })
}

struct Untyped;

impl sqlx::Type<sqlx::Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl sqlx::Encode<'_, sqlx::Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut sqlx::postgres::PgArgumentBuffer) -> Result<sqlx::encode::IsNull, sqlx::error::BoxDynError> {
        Ok(sqlx::encode::IsNull::Yes)
    }
}
