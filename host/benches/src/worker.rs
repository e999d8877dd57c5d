//! How many records a second the component `worker` handles on Postgres: each into `inbox`, the analytics and the audit log.
//!
//! `cargo xtask bench worker postgres://…/an_empty_database [seconds a figure]`, with the component built. Bookings that were
//! made, of one event and many people, in batches of several sizes; none of them asks for mail. One instance, one batch after the other, as one
//! worker has them. Beside them the same rows written by bare SQL, in transactions of the same size.

#![allow(clippy::print_stdout, reason = "it is what this program is for")]

use std::error::Error;
use std::sync::Arc;
use std::time::{Duration, Instant};

use capabilities::kafka::{ConsumerRecord, Header};
use capabilities::{Bindings, postgres::PostgresPools};
use manifest::{Manifest, VariableSources};
use region::{database::Database, migrate::migrate};
use runtime::Disposition;
use runtime::{Application, Cache, ConsumerInstance, Engine, Loader, Mode};
use sqlx::Connection as _;
use sqlx::postgres::PgConnection;

/// As the node's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Records of one batch: what comes when little happens, and as much as a consumer hands over.
const BATCHES: [usize; 4] = [1, 16, 64, 256];

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = benches::arguments();
    let url = arguments.next().ok_or("which database? It must be an empty one")?;
    let time = Duration::from_secs(arguments.next().map_or(Ok(3), |seconds| seconds.parse())?);
    migrate(&Database::postgres(&url).await?).await?;
    let mut worker = worker(&url).await?;
    let mut bare = PgConnection::connect(&url).await?;
    let mut last = 0;
    for size in BATCHES {
        let component = measure(time, size, &mut last, async |first| {
            let records = (first..first + size).map(record).collect();
            let outcome = worker.handle(records).await.map_err(|failure| failure.to_string())?;
            if outcome.iter().all(|each| matches!(each, Disposition::Done)) { Ok(()) } else { Err(format!("{outcome:?}").into()) }
        })
        .await?;
        let sql = measure(time, size, &mut last, async |first| write(&mut bare, first, size).await).await?;
        println!("worker, {size:>3} a batch   {component:>8.0} records/s   bare SQL {sql:>8.0}   {:.2} x", component / sql);
    }
    Ok(())
}

/// Records a second, in batches; `last` counts them all.
async fn measure(time: Duration, size: usize, last: &mut usize, mut work: impl AsyncFnMut(usize) -> Outcome<()>) -> Outcome<f64> {
    // The first prepares statements.
    work(*last).await?;
    *last += size;
    let (began, first) = (Instant::now(), *last);
    while began.elapsed() < time {
        work(*last).await?;
        *last += size;
    }
    Ok((*last - first) as f64 / began.elapsed().as_secs_f64())
}

async fn worker(url: &str) -> Outcome<ConsumerInstance> {
    let path = benches::repository().join("spin.toml").canonicalize()?;
    let sources = VariableSources::new()
        .set("region", "eu")
        .set("database", url)
        .set("database_server", capabilities::postgres::grant(url)?);
    let manifest = Manifest::parse(&std::fs::read_to_string(&path)?, &path, &sources)?;
    let cache = Cache::open(&path.with_file_name("target/tmp/region-tests-cache"));
    let loader = Arc::new(Loader::new(Engine::new()?, cache));
    let version = loader.load(manifest, Mode::Native).await?;
    let application = Application::new(version, Bindings { postgres: Some(PostgresPools::new()), ..Bindings::default() });
    Ok(application.consumer().ok_or("no component takes records")?)
}

/// As a relay writes it.
fn record(number: usize) -> ConsumerRecord {
    let header = |key: &str, value: String| Header { key: key.to_owned(), value: value.into_bytes() };
    let booking = booking(number);
    let value = format!(
        "{{\"id\":\"{booking}\",\"event_id\":\"eu_01jdf3c7k2m4n6p8q0r2s4t6v8\",\"person\":\"eu_01jdf3c7k2m4n6p8q0r2s4{:04}\",\"status\":\"held\",\
         \"version\":{number},\"items\":[{{\"ticket_type_id\":\"eu_01jdf3c7k2m4n6p8q0r2s4t6vz\",\"quantity\":2,\"unit_price\":{{\"amount\":4500,\
         \"currency\":\"EUR\"}}}}],\"total\":{{\"amount\":9000,\"currency\":\"EUR\"}},\"created_at\":\"2026-11-24T18:52:17.120500Z\"}}",
        number % 1_000
    );
    ConsumerRecord {
        topic: "booking-events".to_owned(),
        partition: 0,
        offset: number as i64,
        timestamp: 1_795_546_337_120,
        key: booking.clone().into_bytes(),
        headers: vec![
            header("content-type", "application/json".to_owned()),
            header("ce_specversion", "1.0".to_owned()),
            header("ce_id", format!("eu_01jdfbatch{number}.0")),
            header("ce_source", "/regions/eu".to_owned()),
            header("ce_type", "booking.created".to_owned()),
            header("ce_subject", booking),
            header("ce_time", "2026-11-24T18:52:17.120500Z".to_owned()),
            header("ce_aggregateversion", "1".to_owned()),
            header("ce_position", number.to_string()),
        ],
        value: Some(value.into_bytes()),
    }
}

fn booking(number: usize) -> String {
    format!("eu_01jdf0000booking{number}")
}

/// The same rows, by a statement for each table.
async fn write(connection: &mut PgConnection, first: usize, size: usize) -> Outcome<()> {
    let numbers: Vec<i64> = (first..first + size).map(|number| number as i64).collect();
    let mut transaction = connection.begin().await?;
    for statement in [
        "INSERT INTO inbox (consumer, message_id, created_at) SELECT 'bare', 'eu_01jdfbatch' || n || '.0', 1 FROM unnest($1::bigint[]) AS n",
        "INSERT INTO analytics (event, day, holds, bookings, tickets, cancelled, revenue, refunded, currency) \
         SELECT 'bare', '2026-11-24', COUNT(n), 0, 0, 0, 0, 0, 'EUR' FROM unnest($1::bigint[]) AS n \
         ON CONFLICT (event, day) DO UPDATE SET holds = analytics.holds + excluded.holds",
        "INSERT INTO audit_log (region, sequence, ce_id, type, subject, actor, at, digest, previous, hash) \
         SELECT 'bare', n, 'eu_01jdfbatch' || n || '.0', 'booking.created', 'eu_01jdf0000booking' || n, 'eu_01jdf3c7k2m4n6p8q0r2s4t6v8', 1, \
           repeat('d', 64), repeat('p', 64), repeat('h', 64) FROM unnest($1::bigint[]) AS n",
    ] {
        sqlx::query(statement).bind(&numbers).execute(&mut *transaction).await?;
    }
    Ok(transaction.commit().await?)
}
