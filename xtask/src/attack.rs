//! `cargo xtask attack`: what one person feels while others attack.
//!
//! Against a fleet (two nodes of a region, an edge) or `marquee up`, started for it, in which this machine's addresses are counted like anybody's. Each attack comes from
//! addresses of its own (127.0.0.66 and on); the victim asks from 127.0.0.1, before and during it. Everything is bounded in number and time, and stays on loopback.

mod attacks;
mod client;

use crate::{
    build,
    fleet::Fleet,
    node::Node,
    step::{print, say, step},
};
use anyhow::{Context, Result, bail, ensure};
use attacks::{ATTACKS, Attack};
use client::{Target, Victim};
use std::time::{Duration, Instant};

/// Requests of the victim before an attack and during it, and the pause between two: no more than an account may ask in a minute, so that none
/// is refused for the victim's own haste.
const ASKED: usize = 150;
const PAUSE: Duration = Duration::from_millis(100);
/// How long an attack runs before its victim is measured, and the longest that is waited for the victim's requests.
const BEGIN: Duration = Duration::from_secs(2);
const MEASURE: Duration = Duration::from_secs(40);

/// Runs all of them, or one, on a fleet or, with `--up`, on `marquee up`.
pub fn run(arguments: &[String]) -> Result<()> {
    let (flags, names): (Vec<&str>, Vec<&str>) = arguments.iter().map(String::as_str).partition(|word| word.starts_with("--"));
    ensure!(flags.iter().all(|flag| *flag == "--up"), "usage: cargo xtask attack [NAME] [--up]");
    let chosen: Vec<&Attack> = ATTACKS.iter().filter(|attack| names.is_empty() || names.contains(&attack.name)).collect();
    if chosen.len() < names.len() {
        let known: Vec<&str> = ATTACKS.iter().map(|attack| attack.name).collect();
        bail!("there are the attacks {}", known.join(", "));
    }
    build::all()?;
    let counted = [("MARQUEE_UNCOUNTED", "none")];
    let (mut fleet, mut node) = (None, None);
    let base = step("starting what is attacked", || {
        if flags.is_empty() {
            let started = fleet.insert(Fleet::start_with("attack", 1, &counted)?);
            let nodes = started.nodes();
            return started.edge(&nodes);
        }
        let started = node.insert(Node::start_with("attack", &["--no-demo"], &counted)?);
        started.edges.first().cloned().context("no edge")
    })?;
    let target = step("an event, and people", || Target::prepare(&base))?;
    let mut rows = Vec::new();
    for attack in chosen {
        let row = step(attack.name, || measured(attack, &target));
        match row {
            Ok(row) => rows.push(row),
            Err(error) => say(&format!("    {error:#}")),
        }
    }
    table(&rows);
    drop((fleet, node));
    Ok(())
}

/// The victim's latency, and how many of its requests were served.
struct VictimLatency {
    p50: f64,
    p99: f64,
    served: usize,
}

struct Row {
    name: &'static str,
    victim: &'static str,
    before: VictimLatency,
    during: VictimLatency,
    outcome: String,
}

fn measured(attack: &'static Attack, target: &Target) -> Result<Row> {
    let before = felt(&attack.victim, target)?;
    let under_way = (attack.begin)(target)?;
    std::thread::sleep(BEGIN);
    let during = felt(&attack.victim, target)?;
    let outcome = under_way.end();
    Ok(Row { name: attack.name, victim: attack.victim.what(), before, during, outcome })
}

fn felt(victim: &Victim, target: &Target) -> Result<VictimLatency> {
    let (mut times, mut served) = (Vec::with_capacity(ASKED), 0);
    let until = Instant::now() + MEASURE;
    while times.len() < ASKED && Instant::now() < until {
        let (status, took) = victim.ask(target);
        served += usize::from((200..300).contains(&status));
        times.push(took.as_secs_f64() * 1e3);
        std::thread::sleep(PAUSE);
    }
    ensure!(!times.is_empty(), "nothing was asked");
    times.sort_by(f64::total_cmp);
    let at = |share: usize| times.get((times.len() * share / 100).min(times.len() - 1)).copied().unwrap_or_default();
    Ok(VictimLatency { p50: at(50), p99: at(99), served: served * 100 / times.len() })
}

fn table(rows: &[Row]) {
    print("| attack | who is asked | before: p50, p99, served | during: p50, p99, served | what became of the attack |");
    print("|---|---|---|---|---|");
    for Row { name, victim, before, during, outcome } in rows {
        let felt = |felt: &VictimLatency| format!("{:.1} ms, {:.1} ms, {} %", felt.p50, felt.p99, felt.served);
        print(&format!("| {name} | {victim} | {} | {} | {outcome} |", felt(before), felt(during)));
    }
}
