//! Sockets of the live channel on one edge, beside the same information by polling: memory, processor time, and how long a change takes to its readers.
//!
//! `cargo xtask bench live [SOCKETS [EVENTS [CHANGES-A-SECOND [SECONDS]]]]`: this process is the edge, with the component `booking` and a feed that is made
//! up; a process of its own has all readers. Each watches one event, the events in turn. First over sockets; then each asks every 5 s with the `ETag` that
//! it knows, as the page does without the channel, over a few connections that they share, 512 at most, which is kinder to the edge than one for each.
//! A change carries the microsecond in which it was given to the feed, which is where a commit would be once the region's sequencer has it: what comes
//! before that, `feed_latency` measures. With 10,000 sockets each of both processes needs as many open files; the limit is raised as far as the system lets it.

#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::collections::VecDeque;
use std::error::Error;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use capabilities::Bindings;
use edge::feed::{self, Batch, Cursor, Snapshot, Source, Subscription};
use edge::rates::Rates;
use edge::{ClientTimeouts, Clients, Cors, Edge, Follower, Identity, Replica};
use futures::future::BoxFuture;
use futures::{SinkExt as _, StreamExt as _};
use manifest::{Manifest, VariableSources};
use read_model::{Availability, EventDoc, EventStatus, Fact, Line, TicketType, Venue};
use runtime::{Application, Cache, Engine, Loader, Mode, Switch};
use telemetry::Metrics;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How often a page without the channel asks.
const EVERY: Duration = Duration::from_secs(5);
/// Connections that those who ask share, and how many open at once.
const SHARED: usize = 512;
const OPENING: usize = 64;
/// Files that a process has open beside its sockets.
const FILES: u64 = 1_024;

const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "live"
[[trigger.http]]
route = "/api/events/:id/availability"
component = "booking"
[component.booking]
source = "target/wasm32-wasip2/release/booking.wasm"
[component.booking.variables]
cors_origins = ""
region = "eu"
[component.booking.tool.marquee]
concurrency = 16
reuse = 10000
memory_mib = 64
timeout_ms = 30000
[component.booking.tool.marquee.routes]
"GET /api/events/:id/availability" = { runs = "edge", by = { path = "id" } }
"#;

#[tokio::main]
async fn main() -> Outcome<()> {
    let words: Vec<String> = benches::arguments().collect();
    if let [kind, address, readers, events, base] = &words[..]
        && ["sockets", "polling"].contains(&kind.as_str())
    {
        return read(kind, address.parse()?, readers.parse()?, events.parse()?, base.parse()?).await;
    }
    let number = |at: usize, default: u64| words.get(at).map_or(Ok(default), |text| text.parse());
    let (sockets, events, changes, seconds) = (number(0, 10_000)?, number(1, 100)?, number(2, 10)?, number(3, 30)?);
    open_files(sockets + FILES)?;

    let base = microseconds();
    let feed = Arc::new(MadeUpFeed::new(events));
    let (replica, identity) = (Replica::new(["eu"]), Identity::new("eu"));
    let stop = CancellationToken::new();
    let follower = Follower::new("edge", "eu", Arc::clone(&feed) as Arc<dyn Source>, &replica, &identity);
    tokio::spawn(follower.run(stop.clone()));
    let manifest = Manifest::parse(MANIFEST, &benches::repository().join("spin.toml"), &VariableSources::new())?;
    let loader = Arc::new(Loader::new(Engine::new()?, Cache::none()));
    let bindings = Bindings { replica: Some(Arc::new(replica.clone())), ..Bindings::default() };
    let application = Application::new(loader.load(manifest, Mode::Native).await?, bindings);
    let edge = Edge::new(edge::Options {
        traffic: Arc::new(Switch::new(application)),
        region_router: None,
        replica: Some(replica.clone()),
        identity: None,
        rates: Rates::default(),
        metrics: Arc::new(Metrics::new()?),
        cors: Cors::parse("")?,
        clients: Clients::default(),
        certificate: None,
        timeouts: ClientTimeouts::default(),
        drain: Duration::from_secs(2),
    });
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let serving = tokio::spawn(edge.serve(listener, stop.clone()));

    println!("{sockets} readers of {events} events, {changes} changes a second for {seconds} s");
    // A first turn has whatever is made once, so that the memory is the sockets' own.
    turn("sockets", address, 100.min(sockets), events, (0, 0), base, &feed).await?;
    let told = turn("sockets", address, sockets, events, (changes, seconds), base, &feed).await?;
    let polled = turn("polling", address, sockets, events, (changes, seconds), base, &feed).await?;
    println!("    memory of the edge: {:.1} KiB a socket, without the kernel's buffers", told.memory / 1_024.0 / sockets as f64);
    for (name, turn) in [("sockets", &told), ("polling", &polled)] {
        println!(
            "    {name}: {:>6.3} CPU seconds a second   change to reader p50 {:>8.1} ms   p99 {:>8.1} ms   {} updates read",
            turn.cpu / seconds as f64,
            turn.p50,
            turn.p99,
            turn.updates
        );
    }
    println!(
        "    polling costs {:.2} x the processor time of sockets, and its news are {:.0} x as old (p50), {:.0} x (p99)",
        polled.cpu / told.cpu,
        polled.p50 / told.p50,
        polled.p99 / told.p99
    );
    stop.cancel();
    serving.await?;
    Ok(())
}

/// Lets this process, and those that it starts, have so many files open.
fn open_files(wanted: u64) -> Outcome<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a structure of our own, which the call fills in.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    if limit.rlim_max < wanted {
        let most = limit.rlim_max;
        return Err(format!(
            "this needs {wanted} open files, and may have {most}: raise that (ulimit -Hn), or take fewer sockets"
        )
        .into());
    }
    limit.rlim_cur = limit.rlim_cur.max(wanted);
    // SAFETY: as above; the call only reads it.
    if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) } != 0 {
        return Err(std::io::Error::last_os_error().into());
    }
    Ok(())
}

/// What one way of reading came to.
struct Turn {
    memory: f64,
    cpu: f64,
    p50: f64,
    p99: f64,
    updates: u64,
}

/// Has a process of its own read in this way, while so many changes a second come for so many seconds.
async fn turn(
    kind: &str,
    address: SocketAddr,
    readers: u64,
    events: u64,
    (changes, seconds): (u64, u64),
    base: u64,
    feed: &MadeUpFeed,
) -> Outcome<Turn> {
    let before = benches::memory()?;
    let words = [kind.to_owned(), address.to_string(), readers.to_string(), events.to_string(), base.to_string()];
    let mut child = Command::new(std::env::current_exe()?).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
    let output = BufReader::new(child.stdout.take().ok_or("no output")?);
    let reads = async {
        let (ready, output) = line(output).await?;
        if ready.trim() != "ready" {
            return Err(format!("the readers said {ready:?}").into());
        }
        // What opening them needed is given back.
        tokio::time::sleep(Duration::from_secs(2)).await;
        let memory = benches::memory()?.saturating_sub(before) as f64;
        let cpu = benches::cpu()?;
        let (began, all) = (Instant::now(), changes * seconds);
        for change in 0..all {
            let at = began + Duration::from_secs(1).mul_f64(change as f64 / changes as f64);
            tokio::time::sleep_until(at.into()).await;
            // The events in an order that repeats, and is not that of their numbers.
            feed.change((change * 7_919) % events, base)?;
        }
        // Who polls reads the last of it by then.
        if all > 0 {
            tokio::time::sleep(EVERY + Duration::from_secs(1)).await;
        }
        let cpu = benches::cpu()?.saturating_sub(cpu).as_secs_f64();
        drop(child.stdin.take());
        let (said, _) = line(output).await?;
        let numbers: Vec<f64> = said.split_whitespace().map(str::parse).collect::<Result<_, _>>()?;
        let [updates, p50, p99] = numbers[..] else { return Err(format!("the readers said {said:?}").into()) };
        Ok(Turn { memory, cpu, p50, p99, updates: updates as u64 })
    };
    let outcome = reads.await;
    finish(&mut child)?;
    outcome
}

/// The next line of a process, read where waiting is permitted.
async fn line(mut output: BufReader<ChildStdout>) -> Outcome<(String, BufReader<ChildStdout>)> {
    tokio::task::spawn_blocking(move || {
        let mut line = String::new();
        output.read_line(&mut line)?;
        Ok((line, output))
    })
    .await?
}

fn finish(child: &mut Child) -> Outcome<()> {
    drop(child.stdin.take());
    let status = child.wait()?;
    if status.success() { Ok(()) } else { Err(format!("the readers ended with {status}").into()) }
}

fn microseconds() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_micros()).unwrap_or(u64::MAX)
}

// The feed ------------------------------------------------------------------------------------------------------------

fn id(event: u64) -> String {
    format!("eu_{event:026}")
}

fn document(event: u64) -> Fact {
    let text = |text: &str| text.to_owned();
    Fact::Event(EventDoc {
        id: id(event),
        organiser_id: text("eu_organiser"),
        status: EventStatus::Published,
        revision: 1,
        title: text("Night of Strings"),
        category: text("music"),
        venue: Venue { name: text("Blue Hall"), city: text("Colombo"), country: text("LK") },
        starts_at: i64::MAX - 2,
        ends_at: i64::MAX - 1,
        timezone: text("Asia/Colombo"),
        currency: text("EUR"),
        region: text("eu"),
        ticket_types: vec![TicketType {
            id: id(event),
            name: text("Standard"),
            price: 4500,
            capacity: u32::MAX,
            per_person_limit: 6,
            ..TicketType::default()
        }],
        ..EventDoc::default()
    })
}

/// What is left is when it was so.
fn left(event: u64, version: u64, available: u32) -> Fact {
    Fact::Availability(Availability {
        event_id: id(event),
        version,
        open: true,
        sales_from: None,
        sales_until: None,
        lines: vec![Line { ticket_type: id(event), capacity: u32::MAX, available }],
    })
}

/// A region's feed, of events that this process makes up.
struct MadeUpFeed {
    events: u64,
    changes: mpsc::UnboundedSender<Fact>,
    coming: Mutex<Option<mpsc::UnboundedReceiver<Fact>>>,
    version: Mutex<u64>,
}

impl MadeUpFeed {
    fn new(events: u64) -> Self {
        let (changes, coming) = mpsc::unbounded_channel();
        Self { events, changes, coming: Mutex::new(Some(coming)), version: Mutex::new(1) }
    }

    fn change(&self, event: u64, base: u64) -> Outcome<()> {
        let mut version = self.version.lock().unwrap_or_else(PoisonError::into_inner);
        *version += 1;
        let since = u32::try_from(microseconds().saturating_sub(base))?;
        Ok(self.changes.send(left(event, *version, since))?)
    }
}

impl Source for MadeUpFeed {
    fn open(&self, _: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, feed::Error>> {
        let coming = self.coming.lock().unwrap_or_else(PoisonError::into_inner).take();
        Box::pin(async move {
            let coming = coming.ok_or(feed::Error::Ended)?;
            let facts = (0..self.events).flat_map(|event| [document(event), left(event, 1, 0)]).collect();
            let batches = futures::stream::unfold((coming, 1), |(mut coming, at)| async move {
                let next = tokio::time::timeout(Duration::from_millis(250), coming.recv()).await;
                let (facts, position) = match next {
                    Err(_) => (Vec::new(), at),
                    Ok(fact) => (vec![fact?], at + 1),
                };
                Some((Ok(Arc::new(Batch { after: at, position, facts })), (coming, position)))
            });
            let snapshot = Some(Snapshot { epoch: "1".into(), position: 1, facts });
            Ok(Subscription { snapshot, batches: batches.boxed() })
        })
    }
}

// The readers ---------------------------------------------------------------------------------------------------------

/// When each update was read after it had happened, in milliseconds.
type Ages = Arc<Mutex<Vec<f64>>>;

/// Notes how old what was just read is.
fn note(ages: &Ages, text: &str, base: u64) {
    let said = text.split("\"available\":").nth(1).and_then(|rest| rest.split(|letter: char| !letter.is_ascii_digit()).next());
    let Some(at) = said.and_then(|said| said.parse::<u64>().ok()).filter(|at| *at > 0) else { return };
    let age = microseconds().saturating_sub(base).saturating_sub(at) as f64 / 1e3;
    ages.lock().unwrap_or_else(PoisonError::into_inner).push(age);
}

/// Reads in this way until standard input ends.
async fn read(kind: &str, address: SocketAddr, readers: u64, events: u64, base: u64) -> Outcome<()> {
    open_files(readers + FILES)?;
    let (ages, over) = (Ages::default(), CancellationToken::new());
    let mut tasks = Vec::new();
    if kind == "sockets" {
        let turns = Arc::new(Semaphore::new(OPENING));
        let (opened, mut all) = mpsc::channel::<()>(1);
        for reader in 0..readers {
            let (turns, opened) = (Arc::clone(&turns), opened.clone());
            let (ages, over) = (Arc::clone(&ages), over.clone());
            tasks.push(tokio::spawn(async move {
                let mut socket = {
                    let _turn = turns.acquire().await?;
                    socket(address, &id(reader % events)).await?
                };
                drop(opened);
                loop {
                    let message = tokio::select! {
                        () = over.cancelled() => return Ok::<(), Box<dyn Error + Send + Sync>>(()),
                        message = socket.next() => message.ok_or("a socket was closed")??,
                    };
                    if let Message::Text(text) = message {
                        note(&ages, &text, base);
                    }
                }
            }));
        }
        drop(opened);
        // All have said so, or failed.
        _ = all.recv().await;
    } else {
        let connections: Arc<Mutex<VecDeque<TcpStream>>> = Arc::default();
        let turns = Arc::new(Semaphore::new(SHARED));
        let began = Instant::now();
        for reader in 0..readers {
            let (turns, connections) = (Arc::clone(&turns), Arc::clone(&connections));
            let (ages, over) = (Arc::clone(&ages), over.clone());
            tasks.push(tokio::spawn(async move {
                // Each at a moment of its own.
                let mut next = began + EVERY.mul_f64((reader * 7_919 % readers) as f64 / readers as f64);
                let mut tag = String::new();
                loop {
                    tokio::select! {
                        () = over.cancelled() => return Ok(()),
                        () = tokio::time::sleep_until(next.into()) => next += EVERY,
                    }
                    let _turn = turns.acquire().await?;
                    let known = connections.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
                    let mut stream = match known {
                        Some(stream) => stream,
                        None => TcpStream::connect(address).await?,
                    };
                    // What it is at first is no news.
                    let first = tag.is_empty();
                    let body = ask(&mut stream, &id(reader % events), &mut tag).await?;
                    if let Some(body) = body.filter(|_| !first) {
                        note(&ages, &body, base);
                    }
                    connections.lock().unwrap_or_else(PoisonError::into_inner).push_back(stream);
                }
            }));
        }
        // Everybody has asked once.
        tokio::time::sleep(EVERY + Duration::from_secs(1)).await;
    }
    println!("ready");
    std::io::stdout().flush()?;
    tokio::task::spawn_blocking(|| std::io::stdin().lines().for_each(drop)).await?;
    over.cancel();
    for task in tasks {
        task.await??;
    }
    let mut ages = std::mem::take(&mut *ages.lock().unwrap_or_else(PoisonError::into_inner));
    ages.sort_by(f64::total_cmp);
    let at = |share: f64| ages.get(((ages.len() as f64 - 1.0) * share) as usize).copied().unwrap_or(0.0);
    println!("{} {} {}", ages.len(), at(0.5), at(0.99));
    Ok(())
}

/// A socket that watches this event, and has heard what it is.
async fn socket(address: SocketAddr, event: &str) -> Outcome<WebSocketStream<TcpStream>> {
    let mut stream = TcpStream::connect(address).await?;
    let handshake = "GET /api/live HTTP/1.1\r\nhost: bench\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
                     sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    stream.write_all(handshake.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 101") {
        return Err(String::from_utf8_lossy(&head).into());
    }
    let config = WebSocketConfig::default().read_buffer_size(1_024).write_buffer_size(0);
    let mut socket = WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await;
    socket.send(Message::text(format!("{{\"watch\":{{\"events\":[\"{event}\"]}}}}"))).await?;
    loop {
        if let Message::Text(text) = socket.next().await.ok_or("a socket was closed")?? {
            if text.contains("\"refused\"") {
                return Err(text.as_str().into());
            }
            return Ok(socket);
        }
    }
}

/// Asks what is left, with what is known; gives it where it is another.
async fn ask(stream: &mut TcpStream, event: &str, tag: &mut String) -> Outcome<Option<String>> {
    let known = if tag.is_empty() { String::new() } else { format!("if-none-match: {tag}\r\n") };
    let request = format!("GET /api/events/{event}/availability HTTP/1.1\r\nhost: bench\r\n{known}\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut buffer = Vec::with_capacity(2_048);
    loop {
        if stream.read_buf(&mut buffer).await? == 0 {
            return Err("the edge closed a connection".into());
        }
        let Some(end) = buffer.windows(4).position(|at| at == b"\r\n\r\n").map(|at| at + 4) else { continue };
        let text = String::from_utf8_lossy(&buffer);
        let (head, body) = text.split_at(end);
        if head.starts_with("HTTP/1.1 304") {
            return Ok(None);
        }
        if !head.starts_with("HTTP/1.1 200") {
            return Err(head.into());
        }
        let field = |name: &str| {
            head.lines()
                .find_map(|line| line.split_once(": ").filter(|(named, _)| named.eq_ignore_ascii_case(name)))
                .map(|(_, it)| it)
        };
        let length: usize = field("content-length").ok_or("no length")?.parse()?;
        if body.len() >= length {
            tag.clear();
            tag.push_str(field("etag").unwrap_or_default());
            return Ok(Some(body.to_owned()));
        }
    }
}
