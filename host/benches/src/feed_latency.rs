//! How long it takes from a booking's answer, which follows its commit, until every reader of the feed knows of it.
//!
//! `cargo xtask bench feed_latency FOLDER NAME REGION READERS HOLDS-A-SECOND SECONDS NODE...` with the folder of
//! certificates, the name in it of a node of the region (an edge could not open a sale), and the addresses of the region's running nodes. Opens a sale of its own. Every reader is a follower's
//! end of the feed, over TLS; they take turns at the nodes. This process reads for all of them: what it costs is in the results.

#![allow(clippy::print_stdout, reason = "it is what it is for")]

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use contracts::Ledger;
use edge::feed::Source;
use fleet::client::{self, Route};
use fleet::{Client, NodeAddress, RemoteRegion, Tls, certificates};
use futures::StreamExt;
use read_model::Fact;
use telemetry::Metrics;
use tokio_util::sync::CancellationToken;
use vocabulary::booking::{Action, Command, Offer, OrderLine, Sale, Subject};

type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// How long a fact may be on its way before this gives up.
const LATEST: Duration = Duration::from_secs(10);

/// When each version was answered.
type AnswerTimes = Arc<Mutex<BTreeMap<u64, Instant>>>;

#[tokio::main]
async fn main() -> Outcome<()> {
    let arguments: Vec<String> = benches::arguments().collect();
    let [folder, name, region, readers, rate, seconds, nodes @ ..] = &arguments[..] else {
        return Err("FOLDER NAME REGION READERS HOLDS-A-SECOND SECONDS NODE...".into());
    };
    let (readers, rate, seconds): (usize, u32, u64) = (readers.parse()?, rate.parse()?, seconds.parse()?);
    let folder = &*benches::repository().join(folder);
    let connect = |nodes: Vec<&String>| -> Outcome<Client> {
        let (certificate, key) = certificates::files(folder, name);
        let nodes = nodes.into_iter().map(|address| NodeAddress { name: address.clone(), address: address.clone() });
        Ok(Client::new(client::Options {
            tls: Tls::load(&folder.join(certificates::AUTHORITY), &certificate, &key)?,
            region: region.clone(),
            nodes: nodes.collect(),
            route: Route::Ledger,
            breaker: fleet::limits::BREAKER,
            metrics: Arc::new(Metrics::new()?),
        })?)
    };
    let stop = CancellationToken::new();
    let buyer = run(connect(nodes.iter().collect())?, &stop).await;
    let event = format!("{region}_latency{}", edge::now());
    open(&buyer, region, &event).await?;

    let answered = AnswerTimes::default();
    let mut following = Vec::new();
    for reader in 0..readers {
        let node = nodes.get(reader % nodes.len().max(1)).ok_or("no node")?;
        let source = run(connect(vec![node])?, &stop).await;
        following.push(tokio::spawn(follow(source, event.clone(), stop.clone())));
    }
    // Holds begin once all of them follow.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let holding = (0..seconds * u64::from(rate)).map(|number| {
        let (buyer, answered) = (buyer.clone(), Arc::clone(&answered));
        let command =
            command(region, &event, Subject::Person(format!("{region}_person{}", number % 5_000)), number, &hold(region));
        async move {
            tokio::time::sleep(Duration::from_secs(1).mul_f64(number as f64 / f64::from(rate))).await;
            let receipt = buyer.apply(vec![command]).await.pop().ok_or("no answer")?;
            let receipt = receipt.map_err(|rejection| format!("refused: {rejection:?}"))?;
            answered.lock().unwrap_or_else(PoisonError::into_inner).insert(receipt.version, Instant::now());
            Ok::<(), Box<dyn Error + Send + Sync>>(())
        }
    });
    let holding: Vec<_> = holding.map(tokio::spawn).collect();
    let held = holding.len();
    for hold in holding {
        hold.await??;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.cancel();
    let answered = std::mem::take(&mut *answered.lock().unwrap_or_else(PoisonError::into_inner));
    let mut latencies = Vec::new();
    for reader in following {
        let heard = reader.await??;
        for (version, when) in &answered {
            let (_, arrived) = heard.range(version..).next().ok_or("a reader missed what was committed")?;
            latencies.push(arrived.saturating_duration_since(*when));
        }
    }
    latencies.sort_unstable();
    let at =
        |share: f64| latencies.get(((latencies.len() as f64 - 1.0) * share) as usize).map_or(0.0, |it| it.as_secs_f64() * 1e3);
    println!(
        "{held} holds at {rate}/s, {readers} readers: answer to reader p50 {:.2} ms   p99 {:.2} ms   max {:.2} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

async fn run(client: Client, stop: &CancellationToken) -> RemoteRegion {
    let region = client.handle();
    tokio::spawn(client.run(stop.clone()));
    while !region.reachable() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    region
}

fn ticket(region: &str) -> String {
    format!("{region}_ticket")
}

fn hold(region: &str) -> Action {
    Action::Hold(vec![OrderLine { ticket_type: ticket(region), quantity: 1 }])
}

fn command(region: &str, event: &str, subject: Subject, number: u64, action: &Action) -> Command {
    let deadline = edge::now() + i64::try_from(LATEST.as_micros()).unwrap_or(i64::MAX) * 60;
    Command::new(subject, format!("{region}-{number}"), event, deadline, action.clone())
}

async fn open(buyer: &RemoteRegion, region: &str, event: &str) -> Outcome<()> {
    let offer = Offer::new(ticket(region), 4500, 10_000_000, 1_000_000);
    let sale = Sale::new(1, "EUR", vec![offer]);
    let opened = buyer.apply(vec![command(region, event, Subject::Platform, u64::MAX, &Action::Open(sale))]).await;
    opened.into_iter().next().ok_or("no answer")?.map_err(|rejection| format!("refused: {rejection:?}"))?;
    Ok(())
}

/// When each version of this event arrived.
async fn follow(source: RemoteRegion, event: String, stop: CancellationToken) -> Outcome<BTreeMap<u64, Instant>> {
    let mut batches = source.open(None).await?.batches;
    let mut heard = BTreeMap::new();
    loop {
        let batch = tokio::select! {
            () = stop.cancelled() => return Ok(heard),
            batch = tokio::time::timeout(LATEST, batches.next()) => batch?.ok_or("the feed ended")??,
        };
        for fact in &batch.facts {
            if let Fact::Availability(availability) = fact
                && availability.event_id == event
            {
                heard.insert(availability.version, Instant::now());
            }
        }
    }
}
