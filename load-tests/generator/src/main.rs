//! Holds of one place each on one event, by many people, every one with a key of its own, at a rate that does not depend on the answers.
//!
//! A request that is due while every connection waits for an answer waits as well, and its latency counts from when it was due: a server
//! that stalls cannot hide it by slowing the load down. One thread, no allocation per request: what it costs is a few microseconds each, for it
//! shares the machine with what it measures. The last line it prints is a [`report::Report`] as JSON.

mod connection;
mod limits;
mod report;
mod run;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use clap::Parser;

/// What to send, where and how fast.
#[derive(Parser)]
#[command(about = "Holds at a given rate, with latencies from when each was due")]
struct Arguments {
    /// The edge's address.
    address: SocketAddr,
    /// A file with an access token a line; people take turns.
    #[arg(long)]
    tokens: PathBuf,
    /// The event's id.
    #[arg(long)]
    event: String,
    /// The ticket type's id.
    #[arg(long)]
    ticket: String,
    /// Holds a second; 0: as fast as the connections take turns.
    #[arg(long)]
    rate: u32,
    /// Connections.
    #[arg(long, default_value_t = 256)]
    connections: usize,
    /// How long to send. Answers are waited for a little longer.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// A word that makes keys of this run its own.
    #[arg(long)]
    run: String,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    ensure!((1..=limits::CONNECTIONS).contains(&arguments.connections), "connections: 1 to {}", limits::CONNECTIONS);
    ensure!(arguments.rate <= limits::RATE, "rate: at most {}", limits::RATE);
    let file = &arguments.tokens;
    let tokens = std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let tokens: Vec<String> = tokens.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    ensure!(!tokens.is_empty(), "{} holds no token", file.display());
    let body =
        format!(r#"{{"event_id":"{}","items":[{{"ticket_type_id":"{}","quantity":1}}]}}"#, arguments.event, arguments.ticket);
    let plan = run::Plan {
        address: arguments.address,
        requests: run::Requests::new(arguments.address, tokens, &body, &arguments.run),
        rate: arguments.rate,
        connections: arguments.connections,
        time: Duration::from_secs(arguments.seconds),
    };
    let report = run::run(plan)?;
    report.print()
}
