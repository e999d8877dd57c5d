//! `cargo xtask bench checkin`: durable check-ins of one event at one node, on Postgres with fsync on.
//!
//! Scanners show ticket after ticket over HTTP, each with an idempotency key, and wait for each answer. Every scan is a transaction of its own, committed before
//! it is answered; in the end the database is asked whether everybody is in it. Beside them, in turns on the same server, as many clients commit one row each,
//! which is the least that something durable takes. Load and server share the machine.

use super::sale::Sale;
use crate::{
    build,
    node::Node,
    services::{Kind, Services},
    step::{root, say, step},
};
use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

/// Scanners at once, one turn each.
const SCANNERS: [usize; 4] = [1, 4, 16, 64];
/// Tickets that are scanned in a turn, and those before the first one, which warm up.
const TICKETS: usize = 2_000;
const WARM: usize = 500;
/// Tickets of one booking, and bookings of one person.
const BOOKING: usize = 100;
const BOOKINGS: usize = 10;
/// Seconds of the plain commits of each turn.
const SECONDS: u32 = 5;
/// Expected: check-ins a second, with the best number of scanners.
const EXPECTED: f64 = 200.0;
/// One row in a transaction of its own, with a key as an admission has.
const TABLE: &str = "CREATE TABLE commits (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, content TEXT NOT NULL)";
const ROW: &str = "INSERT INTO commits (content) VALUES (repeat('x', 100));\n";

/// Runs it all.
pub fn run() -> Result<()> {
    build::all()?;
    say(&super::machine()?);
    let services = Services::start(&[Kind::Postgres])?;
    let (platform, plain) = (services.database("checkin")?, services.database("commits")?);
    services.psql_in(&plain, TABLE)?;
    let script = root().join(format!("target/bench-commits-{}.sql", std::process::id()));
    std::fs::write(&script, ROW).with_context(|| script.display().to_string())?;
    let durable = |name: &str| services.psql_in(&platform, &format!("SHOW {name}")).map(|text| text.trim().to_owned());
    say(&format!("fsync is {}, synchronous_commit is {}", durable("fsync")?, durable("synchronous_commit")?));

    let node =
        step("starting the platform on Postgres", || Node::start("bench-checkin", &["--no-demo", "--postgres", &platform]))?;
    let edge = node.edges.first().context("no edge")?;
    let all = WARM + TICKETS * SCANNERS.len();
    let door = step(&format!("booking {all} tickets"), || Door::open(edge, all))?;
    let (warm, mut rest) = door.codes.split_at(WARM);
    door.scan(warm, 16)?;

    let best = step("scanners that wait for each answer, and as many clients that commit a row each", || {
        let mut best = 0.0_f64;
        for scanners in SCANNERS {
            let (codes, others) = rest.split_at(TICKETS);
            rest = others;
            let commits = services.pgbench(&plain, &script, scanners, SECONDS)?;
            let turn = door.scan(codes, scanners)?;
            best = best.max(turn.per_second);
            say(&format!(
                "    {scanners:>3} at once   {:>6.0} check-ins/s   p50 {:>7.2} ms   p99 {:>7.2} ms   plain commits {commits:>7.0}/s   ratio {:.2}",
                turn.per_second,
                turn.percentile(50),
                turn.percentile(99),
                turn.per_second / commits,
            ));
        }
        Ok(best)
    })?;
    _ = std::fs::remove_file(&script);
    let written = services.psql_in(&platform, "SELECT COUNT(*) FROM admissions")?;
    ensure!(written.trim() == all.to_string(), "{all} were let in, and the database has {}", written.trim());
    let verdict = if best >= EXPECTED { "as expected" } else { "LESS than expected" };
    say(&format!("    {best:.0} check-ins a second (expected at least {EXPECTED:.0}): {verdict}"));
    Ok(())
}

/// An event whose tickets are scanned.
struct Door {
    url: String,
    organiser: String,
    event: String,
    codes: Vec<String>,
}

/// What a turn was like.
struct Turn {
    per_second: f64,
    /// Sorted.
    took: Vec<Duration>,
}

impl Turn {
    /// In milliseconds.
    fn percentile(&self, percent: usize) -> f64 {
        let last = self.took.len().saturating_sub(1);
        self.took.get(last * percent / 100).map_or(f64::NAN, |took| took.as_secs_f64() * 1_000.0)
    }
}

impl Door {
    /// With so many tickets that people have booked, at an edge.
    fn open(edge: &str, tickets: usize) -> Result<Self> {
        let bookings = tickets.div_ceil(BOOKING);
        let sale = Sale::priced(edge, bookings.div_ceil(BOOKINGS), 0)?;
        let mut codes = Vec::with_capacity(bookings * BOOKING);
        let order = json!({"event_id": sale.event, "items": [{"ticket_type_id": sale.ticket, "quantity": BOOKING}]});
        for (number, person) in sale.people.iter().cycle().take(bookings).enumerate() {
            let bearer = format!("Bearer {person}");
            let hold = ureq::post(format!("{edge}/api/bookings")).header("authorization", &bearer);
            let hold = hold.header("idempotency-key", format!("bench-{number}")).send_json(&order);
            let booking: Value = hold.context("POST /api/bookings")?.body_mut().read_json()?;
            let id = booking.get("id").and_then(Value::as_str).context("a booking without an id")?;
            let listed = ureq::get(format!("{edge}/api/bookings/{id}/tickets")).header("authorization", &bearer).call();
            let listed: Value = listed.context("GET tickets")?.body_mut().read_json()?;
            let listed = listed.get("items").and_then(Value::as_array).context("no tickets")?;
            codes.extend(listed.iter().filter_map(|ticket| ticket.get("code")?.as_str().map(str::to_owned)));
        }
        ensure!(codes.len() >= tickets, "{} of {tickets} tickets have codes", codes.len());
        codes.truncate(tickets);
        let organiser = sale.people.first().context("there is no organiser")?;
        Ok(Self { url: format!("{edge}/api/checkin"), organiser: format!("Bearer {organiser}"), event: sale.event, codes })
    }

    /// Lets in by each of these once, with so many scanners at once.
    fn scan(&self, codes: &[String], scanners: usize) -> Result<Turn> {
        let (next, began) = (AtomicUsize::new(0), Instant::now());
        let scanner = |number: usize| -> Result<Vec<Duration>> {
            let (agent, mut took) = (ureq::Agent::new_with_defaults(), Vec::new());
            while let Some(code) = codes.get(next.fetch_add(1, Ordering::Relaxed)) {
                let scan = json!({"code": code, "event_id": self.event, "gate": format!("gate {number}")});
                let asked = Instant::now();
                let request = agent.post(&self.url).header("authorization", &self.organiser);
                let answer = request.header("idempotency-key", code.as_str()).send_json(&scan);
                let outcome: Value = answer.context("POST /api/checkin")?.body_mut().read_json()?;
                took.push(asked.elapsed());
                if outcome.get("result").and_then(Value::as_str) != Some("admitted") {
                    bail!("{code} was not let in: {outcome}");
                }
            }
            Ok(took)
        };
        let done = std::thread::scope(|scope| -> Result<Vec<Vec<Duration>>> {
            let running: Vec<_> = (0..scanners).map(|number| scope.spawn(move || scanner(number))).collect();
            running.into_iter().map(|thread| thread.join().unwrap_or_else(|_| bail!("a scanner ended"))).collect()
        })?;
        let per_second = codes.len() as f64 / began.elapsed().as_secs_f64();
        let mut took = done.concat();
        took.sort_unstable();
        Ok(Turn { per_second, took })
    }
}
