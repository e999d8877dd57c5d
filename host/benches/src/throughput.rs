//! Commands a second between an edge and a region over TLS on loopback, with a ledger that answers at once: what the network costs, and no
//! more. Both ends run in this process, so its CPU time is that of both.
//!
//! `cargo xtask bench throughput [CALLERS SECONDS [peer]]`: as an edge, each command with a token; or as a node of the region, which
//! needs none. The difference is what tokens cost on the wire; what one costs to look up, `cargo xtask bench tokens` says.

#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use contracts::Identity as Verifier;
use contracts::Ledger;
use edge::feed::{self, Cursor, Source, Subscription};
use edge::{Accounts, Body, Problem, Region, RequestBody};
use fleet::client::{self, Route};
use fleet::{Client, Identity, NodeAddress, Server, Tls, certificates, server};
use futures::future::BoxFuture;
use http::{Request, Response};
use telemetry::Metrics;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use vocabulary::accounts;
use vocabulary::booking::{
    Action, Booking, BookingItem, BookingStatus, Command, Money, OrderLine, Outcome, Receipt, Rejection, Subject,
};
use vocabulary::edge::{Claims, Refusal};

/// Answers every hold with a booking, and anything else with nothing.
#[derive(Default)]
struct InstantLedger {
    calls: AtomicU64,
}

impl Ledger for InstantLedger {
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Result<Receipt, Rejection>>> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        Box::pin(std::future::ready(commands.into_iter().map(booked).collect()))
    }
}

impl Verifier for InstantLedger {
    /// As good as the first part of a token: what a real one costs is not the network's.
    fn verify(&self, token: String) -> BoxFuture<'_, Result<Claims, Refusal>> {
        let subject = token.split('.').next().unwrap_or_default().to_owned();
        let claims =
            Claims { subject, session: String::new(), roles: Vec::new(), expires_at: i64::MAX, scope: None, guest: false };
        Box::pin(std::future::ready(Ok(claims)))
    }
}

impl Region for InstantLedger {
    fn handle(&self, _request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(std::future::ready(Err(Problem::NotFound)))
    }
}

impl Accounts for InstantLedger {
    fn addresses_of(&self, _users: Vec<String>) -> BoxFuture<'_, Result<Vec<accounts::Address>, accounts::Error>> {
        Box::pin(std::future::ready(Err(accounts::Error::NotHere)))
    }

    fn erasures_after(&self, _: String, _: i64) -> BoxFuture<'_, Result<Vec<accounts::Erasure>, accounts::Error>> {
        Box::pin(std::future::ready(Err(accounts::Error::NotHere)))
    }

    fn exchange_guests(
        &self,
        _exchange: accounts::GuestExchange,
    ) -> BoxFuture<'_, Result<Vec<accounts::GuestClaim>, accounts::Error>> {
        Box::pin(std::future::ready(Err(accounts::Error::NotHere)))
    }
}

impl Source for InstantLedger {
    fn open(&self, _cursor: Option<Cursor>) -> BoxFuture<'_, Result<Subscription, feed::Error>> {
        Box::pin(std::future::ready(Err(feed::Error::Ended)))
    }
}

fn booked(command: Command) -> Result<Receipt, Rejection> {
    let (Action::Hold(lines), Subject::Person(person)) = (command.action, command.subject) else {
        return Err(Rejection::Forbidden);
    };
    let items =
        lines.into_iter().map(|line| BookingItem { ticket_type: line.ticket_type, quantity: line.quantity, unit_price: 4500 });
    let booking = Booking {
        id: format!("eu_{}", command.idempotency_key),
        event_id: command.event_id,
        person,
        status: BookingStatus::Held,
        expires_at: Some(command.deadline),
        items: items.collect(),
        total: Money { amount: 9000, currency: "EUR".to_owned() },
        version: 17,
        created_at: command.deadline,
    };
    Ok(Receipt { version: 17, replayed: false, outcome: Outcome::Booking(booking) })
}

fn hold(caller: u64, n: u64, with_token: bool) -> Command {
    let person = format!("eu_user000000000000000000{caller:05}");
    // As long as one of ours.
    let token = with_token.then(|| format!("{person}.{}", "x".repeat(400)));
    let hold = Action::Hold(vec![OrderLine { ticket_type: "eu_ticket0000000000000000000000".to_owned(), quantity: 2 }]);
    let (key, event, deadline) = (format!("{caller:016x}-{n:016x}"), "eu_event00000000000000000000000", edge::now() + 10_000_000);
    Command { token, ..Command::new(Subject::Person(person), key, event, deadline, hold) }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = benches::arguments();
    let callers: u64 = arguments.next().map_or(Ok(256), |text| text.parse())?;
    let seconds: u64 = arguments.next().map_or(Ok(5), |text| text.parse())?;
    let peer = arguments.next().is_some_and(|text| text == "peer");

    let folder = tempfile::tempdir()?;
    let nodes = [Identity::region_node("eu", "eu-1")?, Identity::region_node("eu", "eu-2")?, Identity::edge_node("edge-0")?];
    certificates::make(folder.path(), &nodes, 1)?;
    let tls = |name: &str| {
        let (certificate, key) = certificates::files(folder.path(), name);
        Tls::load(&folder.path().join(certificates::AUTHORITY), &certificate, &key)
    };
    let made_up = Arc::new(InstantLedger::default());
    let server = Server::new(server::Options {
        tls: tls("eu-1")?,
        ledger: Arc::clone(&made_up) as _,
        decide: Arc::clone(&made_up) as _,
        verifier: Arc::clone(&made_up) as _,
        region: Arc::clone(&made_up) as _,
        accounts: Arc::clone(&made_up) as _,
        feed: Arc::clone(&made_up) as _,
        ready: Arc::new(|| true),
        drain: fleet::limits::DRAIN,
    })?;
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let client = Client::new(client::Options {
        tls: tls(if peer { "eu-2" } else { "edge-0" })?,
        region: "eu".to_owned(),
        nodes: vec![NodeAddress { name: "eu-1".to_owned(), address }],
        route: Route::Ledger,
        breaker: fleet::limits::BREAKER,
        metrics: Arc::new(Metrics::new()?),
    })?;
    let (region, stop) = (client.handle(), CancellationToken::new());
    let serving = tokio::spawn(server.serve(listener, stop.clone()));
    let asking = tokio::spawn(client.run(stop.clone()));
    while !region.reachable() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }

    let over = Arc::new(AtomicBool::new(false));
    let (began, cpu_before) = (Instant::now(), benches::cpu()?);
    let tasks: Vec<_> = (0..callers)
        .map(|caller| {
            let (region, over) = (region.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let (mut booked, mut longest) = (0_u64, Duration::ZERO);
                while !over.load(Ordering::Relaxed) {
                    let asked = Instant::now();
                    let answers = region.apply(vec![hold(caller, booked, !peer)]).await;
                    if !matches!(answers.first(), Some(Ok(_))) {
                        return Err(format!("not booked: {answers:?}"));
                    }
                    longest = longest.max(asked.elapsed());
                    booked += 1;
                }
                Ok((booked, longest))
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(seconds)).await;
    over.store(true, Ordering::Relaxed);
    let (mut booked, mut longest) = (0, Duration::ZERO);
    for task in tasks {
        let (count, slowest) = task.await??;
        booked += count;
        longest = longest.max(slowest);
    }
    let (took, used) = (began.elapsed(), benches::cpu()? - cpu_before);
    stop.cancel();
    asking.await?;
    serving.await?;

    let requests = made_up.calls.load(Ordering::Relaxed);
    println!("{callers} callers, {:.1} s, both ends in one process", took.as_secs_f64());
    println!("commands a second   {:>10.0}", booked as f64 / took.as_secs_f64());
    println!("commands a request  {:>10.1}", booked as f64 / requests as f64);
    println!("CPU a command       {:>10.2} us", used.as_secs_f64() * 1e6 / booked as f64);
    println!("CPUs in use         {:>10.2}", used.as_secs_f64() / took.as_secs_f64());
    println!("longest answer      {:>10.2} ms", longest.as_secs_f64() * 1e3);
    Ok(())
}
