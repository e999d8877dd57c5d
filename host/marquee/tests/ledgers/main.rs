//! Two ledgers on one database, each believing it is alone: whatever they do at the same time, nothing is oversold, no key has two
//! effects, and the books balance. The component's own bytes run here; on SQLite, and on Postgres where `MARQUEE_TEST_POSTGRES_URL` names one.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking, and says what it skips"
)]

mod proxy;
mod quick;

use capabilities::{Bindings, postgres::PostgresPools};
use manifest::{Manifest, VariableSources};
use region::{database::Database, migrate::migrate};
use runtime::{Application, Cache, Engine, LedgerInstance, Loader, Mode};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::Arc,
};
use storage::sqlite::SqliteDatabases;
use vocabulary::booking::{Action, BookingStatus, Command, Offer, OrderLine, Outcome, Receipt, Rejection, Sale, Subject};

const EVENT: &str = "local_event0000000000000000000000";
const TICKET: &str = "local_ticket000000000000000000000";
const CAPACITY: u32 = 150;
/// Far away: nothing here is about deadlines.
const DEADLINE: i64 = 4_000_000_000_000_000;

/// A database, and an application whose ledger works on it.
struct Region {
    application: Arc<Application>,
    database: Database,
}

impl Region {
    /// The number that a statement gives.
    async fn number(&self, statement: &str) -> usize {
        self.database.ask(statement, &[]).await.unwrap().into_iter().next().unwrap().count().unwrap()
    }
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// What `ledger_cache` and `hold_seconds` are.
#[derive(Clone, Copy)]
struct Settings {
    cache: &'static str,
    hold_seconds: &'static str,
}

const CACHED: Settings = Settings { cache: "on", hold_seconds: "600" };
const UNCACHED: Settings = Settings { cache: "off", ..CACHED };

async fn application(address: &str, settings: Settings, bindings: Bindings) -> Arc<Application> {
    let sources = VariableSources::new().set("database", address).set("paying_cap_seconds", "1800");
    let sources = sources.set("database_server", capabilities::postgres::grant(address).unwrap_or_default());
    let sources = sources.set("hold_seconds", settings.hold_seconds).set("ledger_cache", settings.cache);
    let path = root().join("spin.toml");
    let manifest = Manifest::parse(&std::fs::read_to_string(&path).unwrap(), &path, &sources).unwrap();
    let cache = Cache::open(&test_support::compiled_code());
    let version = Arc::new(Loader::new(Engine::new().unwrap(), cache)).load(manifest, Mode::Native).await.unwrap();
    Application::new(version, bindings)
}

async fn on_sqlite(folder: &Path) -> Region {
    let databases = SqliteDatabases::new(BTreeMap::from([("default".to_owned(), folder.join("ledgers.db"))]));
    let database = Database::sqlite(databases.clone(), "default");
    migrate(&database).await.unwrap();
    Region { application: application("", CACHED, Bindings { sqlite: Some(databases), ..Bindings::default() }).await, database }
}

/// A database of this test's own on the server; its address.
async fn on_postgres(name: &str) -> (String, Database) {
    let server = std::env::var("MARQUEE_TEST_POSTGRES_URL").expect(
        "MARQUEE_TEST_POSTGRES_URL is not set: `cargo xtask test` sets it, and `cargo xtask services up --only postgres` prints it",
    );
    let name = format!("ledgers_{name}_{}", std::process::id());
    let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&server).await.unwrap();
    for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
        sqlx::query(&statement).execute(&mut admin).await.unwrap();
    }
    let address = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    let database = Database::postgres(&address).await.unwrap();
    migrate(&database).await.unwrap();
    (address, database)
}

async fn application_on(address: &str, settings: Settings) -> Arc<Application> {
    application(address, settings, Bindings { postgres: Some(PostgresPools::new()), ..Bindings::default() }).await
}

/// Bookings that are not told with what made them.
const UNTRACED: &str = "SELECT COUNT(*) FROM journal WHERE type = 'booking.created' AND trace IS NULL";

fn command(subject: Subject, key: String, action: Action) -> Command {
    Command { trace: Some(key.clone()), ..Command::new(subject, key, EVENT, DEADLINE, action) }
}

fn sale() -> Sale {
    let offer = Offer::new(TICKET, 4500, CAPACITY, 40);
    Sale::new(1, "EUR", vec![offer])
}

fn hold(person: usize, key: usize) -> Command {
    let lines = vec![OrderLine { ticket_type: TICKET.into(), quantity: 1 }];
    command(Subject::Person(format!("local_person{person}")), format!("hold-{key}"), Action::Hold(lines))
}

/// What a key was answered, by either ledger; an unknown or unavailable answer is asked again.
async fn ask(ledger: &mut LedgerInstance, commands: Vec<Command>) -> Vec<(Command, Result<Receipt, Rejection>)> {
    let mut open = commands;
    let mut answered = Vec::new();
    for _ in 0..200 {
        if open.is_empty() {
            return answered;
        }
        let answers = ledger.apply(open.clone()).await.unwrap();
        let mut again = Vec::new();
        for (command, answer) in open.into_iter().zip(answers) {
            match answer {
                Err(Rejection::Unavailable(_) | Rejection::Unknown) => again.push(command),
                answer => answered.push((command, answer)),
            }
        }
        open = again;
    }
    panic!("{} commands never got an answer", open.len());
}

/// 400 holds by 10 people, and cancellations of some: the ledgers share the keys 100 to 300, in batches of different sizes.
async fn sell(
    mut ledger: LedgerInstance,
    keys: std::ops::Range<usize>,
    batch: usize,
) -> Vec<(String, Result<Receipt, Rejection>)> {
    let mut answers = Vec::new();
    let keys: Vec<_> = keys.collect();
    for (number, keys) in keys.chunks(batch).enumerate() {
        let commands = keys.iter().map(|key| hold(key % 10, *key)).collect();
        let held = ask(&mut ledger, commands).await;
        // One in three batches gives one place back.
        if number % 3 == 0
            && let Some((command, Ok(Receipt { outcome: Outcome::Booking(booking), .. }))) = held.first()
        {
            let key = format!("cancel-{}", command.idempotency_key);
            let cancel = self::command(command.subject.clone(), key, Action::Cancel(booking.id.clone()));
            answers.extend(ask(&mut ledger, vec![cancel]).await);
        }
        answers.extend(held);
    }
    answers.into_iter().map(|(command, answer)| (format!("{:?} {}", command.subject, command.idempotency_key), answer)).collect()
}

async fn two_ledgers_never_oversell(region: Region) {
    let mut first = region.application.ledger().unwrap();
    let second = region.application.ledger().unwrap();
    let opened =
        first.apply(vec![command(Subject::Steward("local_s".into()), "open".into(), Action::Open(sale()))]).await.unwrap();
    assert!(opened[0].is_ok(), "{opened:?}");

    let (one, two) = tokio::join!(tokio::spawn(sell(first, 0..300, 7)), tokio::spawn(sell(second, 100..400, 11)));
    let (one, two) = (one.unwrap(), two.unwrap());

    // A key that both ledgers accepted has one booking.
    let mut by_key = BTreeMap::<String, BTreeSet<String>>::new();
    for (key, answer) in one.iter().chain(&two) {
        match answer {
            Ok(Receipt { outcome: Outcome::Booking(booking), .. }) => {
                by_key.entry(key.clone()).or_default().insert(booking.id.clone());
            }
            Ok(other) => panic!("{other:?}"),
            Err(Rejection::SoldOut(_) | Rejection::OverLimit(_)) => {}
            // The other ledger cancelled it first, under the same key's booking but a key of its own.
            Err(Rejection::WrongState(BookingStatus::Cancelled)) => {}
            Err(other) => panic!("{key}: {other:?}"),
        }
    }
    assert!(by_key.len() > CAPACITY as usize, "too little was sold to mean anything: {}", by_key.len());
    for (key, bookings) in &by_key {
        assert_eq!(bookings.len(), 1, "{key} has more than one effect");
    }

    // The books, from the database itself.
    let held = region.number("SELECT CAST(SUM(held) AS BIGINT) FROM inventory_lines").await;
    let sold = region.number("SELECT CAST(SUM(sold) AS BIGINT) FROM inventory_lines").await;
    let live = "SELECT CAST(COALESCE(SUM(i.quantity), 0) AS BIGINT) FROM booking_items i JOIN bookings b ON b.id = i.booking WHERE b.status";
    assert_eq!((held, sold), (region.number(&format!("{live} IN ('held', 'paying')")).await, 0));
    assert_eq!(held, CAPACITY as usize, "there were more buyers than places");
    let bookings = region.number("SELECT COUNT(*) FROM bookings").await;
    assert_eq!(bookings, region.number("SELECT COUNT(*) FROM journal WHERE type = 'booking.created'").await);
    assert_eq!(region.number(UNTRACED).await, 0);
    let most = region
        .number(
            "SELECT CAST(MAX(n) AS BIGINT) FROM (SELECT COUNT(*) AS n FROM bookings WHERE status = 'held' GROUP BY person) AS people",
        )
        .await;
    assert!(most <= 40, "a person has {most}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ledgers_on_sqlite() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("ledgers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    two_ledgers_never_oversell(on_sqlite(&folder).await).await;
    std::fs::remove_dir_all(folder).unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn two_ledgers_on_postgres() {
    for (name, settings) in [("on", CACHED), ("off", UNCACHED)] {
        let (address, database) = on_postgres(name).await;
        two_ledgers_never_oversell(Region { application: application_on(&address, settings).await, database }).await;
    }
}
