//! Schemas of Postgres for tests. Making one takes longer than most tests, for each table is files; so one is made once for each that is in use at a
//! time, and emptied for who takes it next, in whatever process.

use super::{Connection, RefCell, migrate, ready};
use migrations::{Engine, MIGRATIONS};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{ConnectOptions, Executor, Row};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, Mutex};
use tokio::runtime::Runtime;

/// As many may be in use at a time on one server.
const SCHEMAS: u32 = 1_000;
/// What a connection has set, locked or begun must not meet the next one.
const CLEAN: &str = "ROLLBACK; RESET ALL; SELECT pg_advisory_unlock_all()";

/// A schema that nobody else has, as long as this lives.
pub(super) struct Schema {
    name: String,
    options: PgConnectOptions,
    idle: Arc<Mutex<Vec<Link>>>,
    /// Holds the lock that says whose it is.
    _holder: Link,
}

/// A connection, and what drives it.
type Link = (Runtime, PgConnection);

impl Schema {
    /// One in which nothing is but what the migrations put there. The user must be a superuser.
    pub(super) fn claim(url: &str) -> Self {
        let options: PgConnectOptions = url.parse().unwrap();
        let mut holder = link(&options);
        let prefix = format!("kit_{:x}", migrations());
        let number = (1..=SCHEMAS).find(|number| {
            let taken = "SELECT pg_try_advisory_lock(hashtext($1), $2)";
            let row = sqlx::query(taken).bind(&prefix).bind(i32::try_from(*number).unwrap()).fetch_one(&mut holder.1);
            holder.0.block_on(row).unwrap().get(0)
        });
        let name = format!("{prefix}_{}", number.expect("too many tests at a time"));
        let made = sqlx::query("SELECT to_regnamespace($1) IS NOT NULL").bind(rows_of(&name)).fetch_one(&mut holder.1);
        if holder.0.block_on(made).unwrap().get(0) {
            run(&mut holder, &emptied(&name));
        } else {
            run(&mut holder, &format!("DROP SCHEMA IF EXISTS {name} CASCADE; CREATE SCHEMA {name}"));
            let options = within(&options, &name);
            let idle = Arc::default();
            let connection = Connection::Postgres(RefCell::new(Pooled { link: Some(link(&options)), idle: Arc::clone(&idle) }));
            ready(migrate::migrate(&super::super::Connection::Testing(connection))).unwrap();
            run(&mut holder, &remembered(&name));
        }
        Self { options: within(&options, &name), name, idle: Arc::default(), _holder: holder }
    }

    pub(super) fn connection(&self) -> Pooled {
        let idle = self.idle.lock().unwrap().pop();
        Pooled { link: Some(idle.unwrap_or_else(|| link(&self.options))), idle: Arc::clone(&self.idle) }
    }

    /// Whoever takes it next makes it anew.
    pub(super) fn spoil(&self) {
        let (runtime, connection) = &mut link(&self.options);
        let statement = format!("DROP SCHEMA {} CASCADE", rows_of(&self.name));
        runtime.block_on(connection.execute(&*statement)).unwrap();
    }
}

/// A connection that is used again.
pub(in crate::sql) struct Pooled {
    link: Option<Link>,
    idle: Arc<Mutex<Vec<Link>>>,
}

impl Pooled {
    pub(super) fn parts(&mut self) -> (&Runtime, &mut PgConnection) {
        let (runtime, connection) = self.link.as_mut().unwrap();
        (runtime, connection)
    }
}

impl Drop for Pooled {
    fn drop(&mut self) {
        let Some((runtime, mut connection)) = self.link.take() else { return };
        if runtime.block_on(sqlx::raw_sql(CLEAN).execute(&mut connection)).is_ok()
            && let Ok(mut idle) = self.idle.lock()
        {
            idle.push((runtime, connection));
        }
    }
}

fn link(options: &PgConnectOptions) -> Link {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let connection = runtime.block_on(options.connect()).unwrap();
    (runtime, connection)
}

fn run((runtime, connection): &mut Link, statements: &str) {
    runtime.block_on(sqlx::raw_sql(statements).execute(connection)).unwrap();
}

fn within(options: &PgConnectOptions, schema: &str) -> PgConnectOptions {
    options.clone().options([("search_path", schema)])
}

/// Tells one list of migrations from another.
fn migrations() -> u64 {
    let mut hasher = DefaultHasher::new();
    for migration in MIGRATIONS {
        migration.statements(Engine::Postgres).for_each(|statement| statement.hash(&mut hasher));
    }
    hasher.finish()
}

/// The schema of the rows that migrations put into another. It is made last, and says that the other is whole.
fn rows_of(schema: &str) -> String {
    format!("{schema}_rows")
}

fn remembered(schema: &str) -> String {
    let rows = rows_of(schema);
    format!(
        "DO $$ DECLARE name TEXT; filled BOOLEAN; BEGIN
            CREATE SCHEMA {rows};
            FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = '{schema}' LOOP
                EXECUTE format('SELECT EXISTS (SELECT FROM {schema}.%I)', name) INTO filled;
                IF filled THEN EXECUTE format('CREATE TABLE {rows}.%I AS TABLE {schema}.%I', name, name); END IF;
            END LOOP;
        END $$"
    )
}

/// Without triggers, and with foreign keys in any order.
fn emptied(schema: &str) -> String {
    let rows = rows_of(schema);
    format!(
        "DO $$ DECLARE name TEXT; BEGIN
            SET LOCAL session_replication_role = replica;
            FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = '{schema}' LOOP
                EXECUTE format('DELETE FROM {schema}.%I', name);
            END LOOP;
            FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = '{rows}' LOOP
                EXECUTE format('INSERT INTO {schema}.%I SELECT * FROM {rows}.%I', name, name);
            END LOOP;
        END $$"
    )
}
