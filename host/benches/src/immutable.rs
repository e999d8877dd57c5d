//! Answers of a file that never changes out of an edge's memory, beside the same through the component.
//!
//! `cargo xtask bench immutable [CONNECTIONS SECONDS PATH]`: two edges in this process serve the component `web`, one of which keeps what never changes
//! and one of which asks the component each time; a process of its own loads them in turns, three times each. Without PATH it is the first style of the
//! app's page. Expected: five times as many.

#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::error::Error;
use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use capabilities::Bindings;
use edge::rates::Rates;
use edge::{ClientTimeouts, Clients, Cors, Edge};
use manifest::{Manifest, VariableSources};
use runtime::{Application, Cache, Engine, Loader, Mode, Switch};
use telemetry::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Turns of each, and how many times as many answers are expected.
const ROUNDS: usize = 3;
const EXPECTED: f64 = 5.0;

fn manifest(immutable: bool) -> Outcome<Manifest> {
    let wasm = benches::repository().join("target/wasm32-wasip2/release/web.wasm");
    let text = format!(
        r#"
spin_manifest_version = 2
[application]
name = "immutable"
[[trigger.http]]
route = "/..."
component = "web"
[component.web]
source = {wasm:?}
[component.web.variables]
cors_origins = ""
[component.web.tool.marquee]
concurrency = 16
reuse = 10000
memory_mib = 32
timeout_ms = 5000
[component.web.tool.marquee.routes]
"GET /" = {{ runs = "edge" }}
"GET /app/:file" = {{ runs = "edge", immutable = {immutable} }}
"#
    );
    Ok(Manifest::parse(&text, &benches::repository().join("spin.toml"), &VariableSources::new())?)
}

async fn edge(loader: &Arc<Loader>, immutable: bool, stop: &CancellationToken) -> Outcome<SocketAddr> {
    let application = Application::new(loader.load(manifest(immutable)?, Mode::Native).await?, Bindings::default());
    let edge = Edge::new(edge::Options {
        traffic: Arc::new(Switch::new(application)),
        region_router: None,
        replica: None,
        identity: None,
        rates: Rates::default(),
        metrics: Arc::new(Metrics::new()?),
        cors: Cors::parse("")?,
        clients: Clients::default(),
        certificate: None,
        timeouts: ClientTimeouts::default(),
        drain: Duration::from_secs(1),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(edge.serve(listener, stop.clone()));
    Ok(address)
}

#[tokio::main]
async fn main() -> Outcome<()> {
    let mut arguments = benches::arguments().peekable();
    if arguments.next_if(|word| word == "load").is_some() {
        let words: Vec<String> = arguments.collect();
        let [address, path, connections, seconds] = &words[..] else { return Err("ADDRESS PATH CONNECTIONS SECONDS".into()) };
        println!("{}", load(address.parse()?, path, connections.parse()?, Duration::from_secs(seconds.parse()?)).await?);
        return Ok(());
    }
    let connections: usize = arguments.next().map_or(Ok(32), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let loader = Arc::new(Loader::new(Engine::new()?, Cache::none()));
    let stop = CancellationToken::new();
    let (memory, component) = (edge(&loader, true, &stop).await?, edge(&loader, false, &stop).await?);
    let path = match arguments.next() {
        Some(path) => path,
        None => style(memory).await?,
    };
    let (mut kept, mut asked) = (Vec::new(), Vec::new());
    for round in 0..=ROUNDS {
        for (address, results) in [(memory, &mut kept), (component, &mut asked)] {
            let before = benches::cpu()?;
            let mut load = Command::new(std::env::current_exe()?);
            load.args(["load", &address.to_string(), &path, &connections.to_string(), &seconds.to_string()]);
            load.stdin(Stdio::null()).stderr(Stdio::inherit());
            let output = tokio::task::spawn_blocking(move || load.output()).await??;
            if !output.status.success() {
                return Err(format!("the load ended with {}", output.status).into());
            }
            let answers: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
            let cpu = benches::cpu()?.saturating_sub(before);
            // The first turn warms up.
            if round > 0 {
                results.push((answers / seconds as f64, cpu.as_secs_f64() * 1e6 / answers.max(1.0)));
            }
        }
    }
    println!("{path}, {connections} connections, {ROUNDS} turns of {seconds} s each, medians; the load shares the machine");
    let ((kept, kept_cpu), (asked, asked_cpu)) = (median(kept), median(asked));
    println!("    out of memory          {kept:>9.0} answers/s   {kept_cpu:>7.1} us of the edge's time each");
    println!("    through the component  {asked:>9.0} answers/s   {asked_cpu:>7.1} us of the edge's time each");
    let ratio = kept / asked;
    let verdict = if ratio >= EXPECTED { "as expected" } else { "LESS than expected" };
    println!("    {ratio:.1} x as many (expected at least {EXPECTED}): {verdict}; each costs {:.1} x less", asked_cpu / kept_cpu);
    stop.cancel();
    Ok(())
}

fn median(mut results: Vec<(f64, f64)>) -> (f64, f64) {
    results.sort_by(|one, other| one.0.total_cmp(&other.0));
    results.get(results.len() / 2).copied().unwrap_or_default()
}

/// The first style that the app's page names.
async fn style(address: SocketAddr) -> Outcome<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET / HTTP/1.1\r\nhost: bench\r\nconnection: close\r\n\r\n").await?;
    let mut page = String::new();
    stream.read_to_string(&mut page).await?;
    let name = page.split("/app/").skip(1).filter_map(|rest| rest.split('"').next()).find(|name| name.ends_with(".css"));
    Ok(format!("/app/{}", name.ok_or("the page names no style: was the web app built?")?))
}

/// Asks over so many connections, one answer after the other on each; gives how many came.
async fn load(address: SocketAddr, path: &str, connections: usize, time: Duration) -> Outcome<u64> {
    let request = format!("GET {path} HTTP/1.1\r\nhost: bench\r\naccept-encoding: br\r\n\r\n");
    let until = Instant::now() + time;
    let asking = (0..connections).map(|_| {
        let request = request.clone();
        tokio::spawn(async move {
            let mut stream = TcpStream::connect(address).await?;
            let (mut answers, mut buffer) = (0_u64, Vec::with_capacity(64 * 1024));
            while Instant::now() < until {
                stream.write_all(request.as_bytes()).await?;
                buffer.clear();
                let (mut head, mut length) = (None, 0);
                while head.is_none_or(|head| buffer.len() < head + length) {
                    if stream.read_buf(&mut buffer).await? == 0 {
                        return Err("the edge closed a connection".into());
                    }
                    if head.is_none() {
                        head = buffer.windows(4).position(|at| at == b"\r\n\r\n").map(|at| at + 4);
                        let text = String::from_utf8_lossy(buffer.get(..head.unwrap_or(0)).unwrap_or_default()).to_lowercase();
                        if head.is_some() && !text.starts_with("http/1.1 200") {
                            return Err(format!("not as expected: {text}").into());
                        }
                        let said = text.split("content-length: ").nth(1).and_then(|rest| rest.split("\r\n").next());
                        length = said.and_then(|said| said.parse().ok()).unwrap_or(0);
                    }
                }
                answers += 1;
            }
            Ok::<u64, Box<dyn Error + Send + Sync>>(answers)
        })
    });
    let asking: Vec<_> = asking.collect();
    let mut all = 0;
    for one in asking {
        all += one.await??;
    }
    Ok(all)
}
