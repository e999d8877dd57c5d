//! Redis and Postgres through their bindings, from a component, beside redis-benchmark and pgbench at the same concurrency.
//!
//! `cargo xtask bench bindings REDIS_URL POSTGRES_URL [READERS [SECONDS]]`, after building the component
//! `bindings-fixture`. Both servers must be one's own: keys `bench:…` are written, and pgbench's tables made anew. Each pair is measured in turns, three times; the
//! last line is JSON with the medians: reads a second here and there, their ratio, and our 50th, 95th and 99th percentile in microseconds.

use capabilities::Bindings;
use capabilities::postgres::PostgresPools;
use futures::future::try_join_all;
use http::Request;
use http_body_util::BodyExt as _;
use manifest::allowed_hosts::AllowedHosts;
use manifest::{Manifest, VariableSources};
use runtime::{Application, Cache, Engine, Loader, Mode};
use std::error::Error;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use storage::redis::RedisConnections;

/// As the node's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error>>;

/// Turns.
const ROUNDS: usize = 3;
/// Instances that the readers are spread over: what a machine with as many cores has at once.
const INSTANCES: usize = 2;
const MANIFEST: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../runtime/fixtures/bindings/spin.toml");

struct Settings {
    redis: String,
    postgres: String,
    readers: usize,
    seconds: u64,
}

/// Reads a second, and the 50th, 95th and 99th percentile in microseconds.
#[derive(Clone, Copy)]
struct Measurement {
    per_second: f64,
    percentiles: [u32; 3],
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = benches::arguments().collect();
    let [redis, postgres, rest @ ..] = &*arguments else {
        return Err("usage: bindings REDIS_URL POSTGRES_URL [READERS [SECONDS]]".into());
    };
    let number = |at: usize, default| rest.get(at).map_or(Ok(default), |text| text.parse::<usize>());
    let (readers, seconds) = (number(0, 32)?, u64::try_from(number(1, 4)?)?);
    let setting = Settings { redis: redis.clone(), postgres: postgres.clone(), readers, seconds };
    prepare(&setting).await?;
    let sources = VariableSources::from_environment().set("redis", redis).set("postgres", postgres);
    let loader = Arc::new(Loader::new(Engine::new()?, Cache::none()));
    let version = loader.load(Manifest::load(Path::new(MANIFEST), &sources)?, Mode::Native).await?;
    let bindings = Bindings { redis: Some(RedisConnections::new()), postgres: Some(PostgresPools::new()), ..Bindings::default() };
    let application = Application::new(version, bindings);
    let mut lines = Vec::new();
    for (name, theirs) in [("redis", redis_benchmark as fn(&Settings) -> Outcome<f64>), ("postgres", pgbench)] {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            here.push(measure(&application, name, &setting).await?);
            there.push(theirs(&setting)?);
        }
        here.sort_by(|a, b| a.per_second.total_cmp(&b.per_second));
        there.sort_by(f64::total_cmp);
        let middle = ROUNDS / 2;
        let (ours, theirs) = here.get(middle).copied().zip(there.get(middle).copied()).ok_or("no rounds")?;
        let [p50, p95, p99] = ours.percentiles;
        let ratio = ours.per_second / theirs;
        lines.push(format!(
            "\"{name}\":{{\"here\":{:.0},\"there\":{theirs:.0},\"ratio\":{ratio:.3},\"p50_us\":{p50},\"p95_us\":{p95},\"p99_us\":{p99}}}",
            ours.per_second
        ));
    }
    writeln!(std::io::stdout(), "{{{}}}", lines.join(","))?;
    Ok(())
}

async fn prepare(setting: &Settings) -> Outcome<()> {
    let anybody = AllowedHosts::parse(&["*://*:*"])?;
    let redis = RedisConnections::new().open(&setting.redis, &anybody).await?;
    for key in 0..1_000 {
        redis.set(format!("bench:{key}"), b"xxx".to_vec()).await?;
    }
    run("pgbench", &["-i", "-q", "-s", "1", &setting.postgres]).map(drop)
}

async fn measure(application: &Arc<Application>, what: &str, setting: &Settings) -> Outcome<Measurement> {
    let (tasks, millis) = (setting.readers.div_ceil(INSTANCES), setting.seconds * 1_000);
    let one = || async {
        let request = Request::get(format!("http://bench/{what}?tasks={tasks}&millis={millis}")).body(contracts::empty())?;
        let response = application.handle("bindings", request).await.map_err(|failure| failure.label())?;
        let status = response.status();
        let body = response.into_body().collect().await.map_err(|_| "the answer broke off")?.to_bytes();
        let text = String::from_utf8(body.to_vec())?;
        if status.is_success() { Ok::<_, Box<dyn Error>>(text) } else { Err(format!("{status}: {text}").into()) }
    };
    let answers = try_join_all((0..INSTANCES).map(|_| one())).await?;
    let (mut per_second, mut took) = (0.0, Vec::new());
    for answer in &answers {
        let mut numbers = answer.lines().map(str::parse::<u32>);
        let (reads, micros) = (numbers.next().ok_or("no answer")??, numbers.next().ok_or("no answer")??);
        per_second += f64::from(reads) * 1e6 / f64::from(micros);
        took.extend(numbers.collect::<Result<Vec<_>, _>>()?);
    }
    took.sort_unstable();
    let percentile = |percent: usize| took.get(took.len() * percent / 100).copied().unwrap_or_default();
    Ok(Measurement { per_second, percentiles: [percentile(50), percentile(95), percentile(99)] })
}

fn redis_benchmark(setting: &Settings) -> Outcome<f64> {
    let address = setting.redis.trim_start_matches("redis://");
    let (host, port) = address.trim_end_matches('/').rsplit_once(':').ok_or("the Redis URL needs a port")?;
    let (clients, requests) = (setting.readers.to_string(), (setting.seconds * 50_000).to_string());
    let command = ["-h", host, "-p", port, "-c", &clients, "-n", &requests, "-r", "1000", "--csv", "get", "bench:0"];
    let said = run("redis-benchmark", &command)?;
    let line = said.lines().last().ok_or("redis-benchmark says nothing")?;
    Ok(line.split(',').nth(1).ok_or("redis-benchmark says something else")?.trim_matches('"').parse()?)
}

fn pgbench(setting: &Settings) -> Outcome<f64> {
    let (clients, seconds) = (setting.readers.to_string(), setting.seconds.to_string());
    let command = ["-S", "-M", "prepared", "-c", &clients, "-j", "2", "-T", &seconds, &setting.postgres];
    let said = run("pgbench", &command)?;
    let line = said.lines().find_map(|line| line.strip_prefix("tps = ")).ok_or("pgbench says something else")?;
    Ok(line.split(' ').next().ok_or("pgbench says something else")?.parse()?)
}

fn run(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program).args(arguments).output()?;
    if !output.status.success() {
        return Err(format!("{program}: {}", String::from_utf8_lossy(&output.stderr)).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}
