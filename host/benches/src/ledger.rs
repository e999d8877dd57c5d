//! How many durable holds a second one hot event takes on Postgres: one transaction a hold, the bare SQL of a batch, and the component.
//!
//! `cargo xtask bench ledger postgres://…/an_empty_database [seconds a figure] [batch sizes of the
//! component alone]`, with the component built
//! (`cargo build --release --target wasm32-wasip2 -p ledger`). All results are of one run on one server, each on an event of its own.
//!
//! What limits it, of 256 holds a batch: Postgres executes the write for some 25 µs a hold (a third of it foreign keys, the rest four rows and ten
//! entries in indexes) and the reading for 4 µs; the component and this host take about as much as the write; a commit flushes 3 KB of WAL a hold.
//! They follow one another, so one hot event never uses more than one core at a time.

#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use capabilities::{Bindings, postgres::PostgresPools};
use manifest::{Manifest, VariableSources};
use region::{database::Database, migrate::migrate};
use runtime::{Application, Cache, Engine, LedgerInstance, Loader, Mode};
use sqlx::Row as _;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use tokio::task::JoinSet;
use vocabulary::booking::{Action, Command, Offer, OrderLine, Sale, Subject};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// The statement that the component writes a batch with.
const WRITE: &str = include_str!("../../../components/ledger/src/postgres/write.sql");
/// Clients of the transactions; the best count is what counts.
const CLIENTS: [usize; 4] = [1, 4, 8, 16];
/// Holds of one batch.
const BATCHES: [usize; 4] = [1, 16, 64, 256];
/// People who hold one place each time.
const PEOPLE: usize = 20_000;
const CAPACITY: u32 = 100_000_000;

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = benches::arguments();
    let url = arguments.next().ok_or("which database? It must be an empty one")?;
    let time = Duration::from_secs(arguments.next().map_or(Ok(3), |seconds| seconds.parse())?);
    let alone = arguments.map(|size| size.parse()).collect::<Result<Vec<usize>, _>>()?;
    migrate(&Database::postgres(&url).await?).await?;
    if !alone.is_empty() {
        let mut ledger = ledger(&url).await?;
        for size in alone {
            let (figure, each) = batches(&mut ledger, size, time).await?;
            println!("the component, {size:>8} a batch   {figure:>9.0} holds/s   {each:>7.2} ms a batch");
        }
        return Ok(());
    }
    let pool = PgPoolOptions::new().max_connections(16).connect(&url).await?;
    let fsync: String = sqlx::query("SHOW fsync").fetch_one(&pool).await?.try_get(0)?;
    println!("fsync is {fsync}");

    let mut best = 0.0_f64;
    for clients in CLIENTS {
        let figure = transactions(&pool, clients, time).await?;
        println!("a transaction each, {clients:>3} clients   {figure:>9.0} holds/s");
        best = best.max(figure);
    }
    let mut statement = 0.0;
    for size in [64, 256] {
        let (figure, each) = statements(&pool, size, time).await?;
        println!(
            "the bare statement, {size:>3} a batch   {figure:>9.0} holds/s   {each:>7.2} ms a batch   {:>5.1} x",
            figure / best
        );
        statement = figure;
    }
    let mut ledger = ledger(&url).await?;
    let mut component = 0.0;
    for size in BATCHES {
        let (figure, each) = batches(&mut ledger, size, time).await?;
        println!("the component, {size:>8} a batch   {figure:>9.0} holds/s   {each:>7.2} ms a batch   {:>5.1} x", figure / best);
        component = figure;
    }
    println!("the component, 256 a batch, is {:.2} x the bare statement", component / statement);
    Ok(())
}

fn event(name: &str) -> String {
    format!("bench_{name:0>26}")
}

fn ticket(name: &str) -> String {
    format!("bench_t{name:0>25}")
}

fn person(number: usize) -> String {
    // Spread, as ids of people are.
    format!("bench_{:0>26}", number.wrapping_mul(2_654_435_761) % 1_000_000_007)
}

fn id(kind: &str, name: &str, number: usize) -> String {
    format!("bench_{kind}{name:0>13}{number:0>12}")
}

/// An event that is open, straight in the tables.
async fn open(pool: &PgPool, name: &str) -> Outcome<()> {
    let inventory = "INSERT INTO inventory (event, version, status, revision, currency) VALUES ($1, 1, 'open', 1, 'EUR')";
    sqlx::query(inventory).bind(event(name)).execute(pool).await?;
    let line = "INSERT INTO inventory_lines (event, ticket_type, ordinal, price, per_person_limit, capacity, held, sold) \
        VALUES ($1, $2, 0, 4500, 1000000, $3, 0, 0)";
    sqlx::query(line).bind(event(name)).bind(ticket(name)).bind(i64::from(CAPACITY)).execute(pool).await?;
    Ok(())
}

/// As long as what the component writes.
struct Rows {
    outcome: String,
    payload: String,
    hash: String,
    seed: String,
}

fn rows(name: &str, booking: &str, person: &str) -> Rows {
    let (event, ticket) = (event(name), ticket(name));
    let item = r#""quantity":1,"unit_price":4500"#;
    Rows {
        outcome: format!(
            r#"{{"version":1234567,"outcome":{{"booking":{{"id":"{booking}","event_id":"{event}","person":"{person}","status":"held","expires_at":1800000600000000,"items":[{{"ticket_type":"{ticket}",{item}}}],"total":{{"amount":4500,"currency":"EUR"}},"version":1234567,"created_at":1800000000000000}}}}}}"#
        ),
        payload: format!(
            r#"{{"id":"{booking}","event_id":"{event}","person":"{person}","status":"held","items":[{{"ticket_type_id":"{ticket}","quantity":1,"unit_price":{{"amount":4500,"currency":"EUR"}}}}],"total":{{"amount":4500,"currency":"EUR"}},"version":1234567,"created_at":"2027-01-15T08:00:00.123456Z","expires_at":"2027-01-15T08:10:00.123456Z"}}"#
        ),
        hash: format!("{:0>64}", booking.len()),
        seed: format!("{:0>52}", person.len()),
    }
}

const NOW: i64 = 1_800_000_000_000_000;

/// What most people would write: a transaction that locks the line, looks, and inserts.
async fn transactions(pool: &PgPool, clients: usize, time: Duration) -> Outcome<f64> {
    let name = format!("tx{clients}");
    open(pool, &name).await?;
    let began = Instant::now();
    let mut running = JoinSet::new();
    for client in 0..clients {
        let (pool, name) = (pool.clone(), name.clone());
        running.spawn(async move {
            let mut connection = pool.acquire().await?;
            let mut done = 0;
            while began.elapsed() < time {
                transaction(&mut connection, &name, client * 1_000_000 + done).await?;
                done += 1;
            }
            Ok::<usize, Box<dyn Error + Send + Sync>>(done)
        });
    }
    let mut done = 0;
    while let Some(one) = running.join_next().await {
        done += one??;
    }
    Ok(done as f64 / began.elapsed().as_secs_f64())
}

async fn transaction(connection: &mut PgConnection, name: &str, number: usize) -> Outcome<()> {
    let (event, ticket, booking, person) = (event(name), ticket(name), id("b", name, number), person(number % PEOPLE));
    let Rows { outcome, payload, hash, seed } = rows(name, &booking, &person);
    let mut transaction = sqlx::Connection::begin(connection).await?;
    let lock = "SELECT capacity - held - sold FROM inventory_lines WHERE event = $1 AND ticket_type = $2 FOR UPDATE";
    let free: i64 = sqlx::query(lock).bind(&event).bind(&ticket).fetch_one(&mut *transaction).await?.try_get(0)?;
    if free < 1 {
        return Err("sold out".into());
    }
    let line = "UPDATE inventory_lines SET held = held + 1 WHERE event = $1 AND ticket_type = $2";
    sqlx::query(line).bind(&event).bind(&ticket).execute(&mut *transaction).await?;
    let row = "INSERT INTO bookings (id, event, person, status, expires_at, extended, total, currency, payment, ticket_seed, version, created_at, \
        updated_at) VALUES ($1, $2, $3, 'held', $4, 0, 4500, 'EUR', NULL, $5, 1, $6, $6)";
    let row = sqlx::query(row).bind(&booking).bind(&event).bind(&person).bind(NOW + 600_000_000).bind(seed).bind(NOW);
    row.execute(&mut *transaction).await?;
    let item = "INSERT INTO booking_items (booking, ticket_type, ordinal, quantity, unit_price) VALUES ($1, $2, 0, 1, 4500)";
    sqlx::query(item).bind(&booking).bind(&ticket).execute(&mut *transaction).await?;
    let key = "INSERT INTO idempotency (scope, person, key, request_hash, outcome, created_at) VALUES ($1, $2, $3, $4, $5, $6)";
    let key = sqlx::query(key).bind(&event).bind(format!("person:{person}")).bind(format!("key-{number}"));
    key.bind(hash).bind(outcome).bind(NOW).execute(&mut *transaction).await?;
    let batch = id("j", name, number);
    let told = "INSERT INTO journal (batch, ordinal, topic, type, aggregate, version, payload) \
        VALUES ($1, 0, 'booking-events', 'booking.created', $2, 1, $3)";
    sqlx::query(told).bind(&batch).bind(&booking).bind(payload).execute(&mut *transaction).await?;
    transaction.commit().await?;
    Ok(())
}

/// The component's statement, without the component. Also gives milliseconds a batch.
async fn statements(pool: &PgPool, size: usize, time: Duration) -> Outcome<(f64, f64)> {
    let name = format!("bare{size}");
    open(pool, &name).await?;
    let mut connection = pool.acquire().await?;
    sqlx::query("SET plan_cache_mode = force_generic_plan").execute(&mut *connection).await?;
    for plan in ["seqscan", "hashjoin", "mergejoin"] {
        sqlx::query(&format!("SET enable_{plan} = off")).execute(&mut *connection).await?;
    }
    let (began, mut spent, mut batches) = (Instant::now(), Duration::ZERO, 0);
    while began.elapsed() < time {
        let numbers: Vec<usize> = (batches * size..(batches + 1) * size).collect();
        let query = statement(&name, &numbers, i64::try_from(1 + batches * size)?);
        // Making the batch is the component's work.
        let sent = Instant::now();
        if query.fetch_all(&mut *connection).await?.len() != 1 {
            return Err("the version was not the one expected".into());
        }
        spent += sent.elapsed();
        batches += 1;
    }
    let each = spent.as_secs_f64() / batches as f64;
    Ok((size as f64 / each, each * 1000.0))
}

fn statement<'q>(
    name: &str,
    numbers: &[usize],
    version: i64,
) -> sqlx::query::Query<'q, sqlx::Postgres, sqlx::postgres::PgArguments> {
    let count = numbers.len();
    let bookings: Vec<String> = numbers.iter().map(|number| id("b", name, *number)).collect();
    let people: Vec<String> = numbers.iter().map(|number| person(number.wrapping_mul(7919) % PEOPLE)).collect();
    let rows: Vec<Rows> = bookings.iter().zip(&people).map(|(booking, person)| rows(name, booking, person)).collect();
    let none = Vec::<i64>::new;
    let no_texts = Vec::<String>::new;
    let all = |value: i64| vec![value; count];
    let texts = |text: &str| vec![text.to_owned(); count];
    let of = |text: fn(&Rows) -> &String| rows.iter().map(|row| text(row).clone()).collect::<Vec<_>>();
    let commands = i64::try_from(count).unwrap_or_default();
    let versions: Vec<i64> = (version + 1..).take(count).collect();
    let batch = id("j", name, numbers.first().copied().unwrap_or_default());
    sqlx::query(WRITE)
        .bind(NOW)
        // The event.
        .bind(vec![event(name)])
        .bind(vec![0_i64])
        .bind(vec![version])
        .bind(vec![commands])
        .bind(vec![None::<String>])
        .bind(vec![1_i64])
        .bind(vec![None::<i64>])
        .bind(vec![None::<i64>])
        .bind(vec![None::<i64>])
        // None is new.
        .bind(no_texts())
        .bind(none())
        .bind(none())
        .bind(no_texts())
        .bind(none())
        .bind(no_texts())
        .bind(none())
        .bind(none())
        .bind(none())
        // Its line.
        .bind(vec![0_i64])
        .bind(vec![ticket(name)])
        .bind(vec![0_i64])
        .bind(vec![4500_i64])
        .bind(vec![1_000_000_i64])
        .bind(vec![i64::from(CAPACITY)])
        .bind(vec![commands])
        .bind(vec![0_i64])
        // No new lines.
        .bind(none())
        .bind(no_texts())
        .bind(none())
        .bind(none())
        .bind(none())
        .bind(none())
        .bind(none())
        .bind(none())
        // Bookings.
        .bind(all(0))
        .bind(bookings.clone())
        .bind(people.clone())
        .bind(texts("held"))
        .bind(all(NOW + 600_000_000))
        .bind(all(0))
        .bind(all(4500))
        .bind(vec![None::<String>; count])
        .bind(of(|row| &row.seed))
        .bind(versions.clone())
        // Items.
        .bind(all(0))
        .bind(bookings.clone())
        .bind(texts(&ticket(name)))
        .bind(all(0))
        .bind(all(1))
        .bind(all(4500))
        // No booking changes.
        .bind(none())
        .bind(no_texts())
        .bind(no_texts())
        .bind(none())
        .bind(none())
        .bind(no_texts())
        .bind(none())
        // Keys.
        .bind(all(0))
        .bind(people.iter().map(|person| format!("person:{person}")).collect::<Vec<_>>())
        .bind(numbers.iter().map(|number| format!("key-{number}")).collect::<Vec<_>>())
        .bind(of(|row| &row.hash))
        .bind(of(|row| &row.outcome))
        // No refunds.
        .bind(none())
        .bind(no_texts())
        .bind(no_texts())
        .bind(no_texts())
        .bind(none())
        .bind(no_texts())
        .bind(no_texts())
        // The journal.
        .bind(vec![0_i64])
        .bind(vec![batch.clone()])
        .bind(vec![commands])
        .bind(vec![None::<String>])
        .bind(all(0))
        .bind(texts(&batch))
        .bind((0..commands).collect::<Vec<_>>())
        .bind(texts("booking-events"))
        .bind(texts("booking.created"))
        .bind(bookings)
        .bind(versions)
        .bind(of(|row| &row.payload))
        .bind(vec![None::<String>; count])
}

/// The component's own bytes, on this host.
async fn ledger(url: &str) -> Outcome<LedgerInstance> {
    let path = benches::repository().join("spin.toml").canonicalize()?;
    let sources =
        VariableSources::from_environment().set("database", url).set("database_server", capabilities::postgres::grant(url)?);
    let manifest = Manifest::parse(&std::fs::read_to_string(&path)?, &path, &sources)?;
    let cache = Cache::open(&path.with_file_name("target/tmp/region-tests-cache"));
    let loader = Arc::new(Loader::new(Engine::new()?, cache));
    let version = loader.load(manifest, Mode::Native).await?;
    let application = Application::new(version, Bindings { postgres: Some(PostgresPools::new()), ..Bindings::default() });
    Ok(application.ledger().ok_or("spin.toml has no ledger")?)
}

/// Batches through the component, one after the other, as a coordinator has them. Also gives milliseconds a batch.
async fn batches(ledger: &mut LedgerInstance, size: usize, time: Duration) -> Outcome<(f64, f64)> {
    let (event, ticket) = (event(&format!("c{size}")), ticket(&format!("c{size}")));
    let offer = Offer::new(ticket.clone(), 4500, CAPACITY, 1_000_000);
    let sale = Sale::new(1, "EUR", vec![offer]);
    let command = |subject, key: String, action| Command {
        client: Some("127.0.0.1".into()),
        ..Command::new(subject, key, event.as_str(), i64::MAX, action)
    };
    apply(ledger, vec![command(Subject::Platform, "open".into(), Action::Open(sale))]).await?;
    let hold = |number: usize| {
        let lines = vec![OrderLine { ticket_type: ticket.clone(), quantity: 1 }];
        let person = Subject::Person(person(number.wrapping_mul(7919) % PEOPLE));
        command(person, format!("key-{number}"), Action::Hold(lines))
    };
    let (began, mut spent, mut batches) = (Instant::now(), Duration::ZERO, 0);
    while began.elapsed() < time {
        let commands = (batches * size..(batches + 1) * size).map(hold).collect();
        let sent = Instant::now();
        apply(ledger, commands).await?;
        spent += sent.elapsed();
        batches += 1;
    }
    let each = spent.as_secs_f64() / batches as f64;
    Ok((size as f64 / each, each * 1000.0))
}

async fn apply(ledger: &mut LedgerInstance, commands: Vec<Command>) -> Outcome<()> {
    for answer in ledger.apply(commands).await? {
        answer.map_err(|rejection| format!("refused: {rejection:?}"))?;
    }
    Ok(())
}
