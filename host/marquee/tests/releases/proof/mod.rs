//! What rollouts promise, held against a fleet of many real edges under load: good versions reach everybody unnoticed, bad ones meet the first stage alone and are
//! taken back.
//!
//! A test runs it with few edges; `cargo xtask fleet` with as many as are wanted, and prints what was measured.

#![expect(clippy::print_stdout, reason = "what it measures is for people to read")]
mod agents;
mod crowd;
mod faults;
mod ground;
mod registry;
mod relay;
mod versions;

use std::time::{Duration, Instant};

use crowd::{Crowd, Sample, now_ms, p99};
use faults::Fault;
use ground::Ground;
use serde_json::Value;
use versions::{Fate, Flaw};

/// Of edges, in percent, and of their requests: what the first stage is for.
const FIRST: (u64, u64) = (20, 50);
/// Requests that the first stage's edges are to answer with the new version between two looks: so many that 5 % of errors are no chance.
const ENOUGH: f64 = 350.0;

/// How large it is.
struct Size {
    edges: usize,
    /// Requests a second, of all edges together.
    rate: u32,
    /// Seconds between two looks.
    interval: u64,
    /// Looks of the first stage.
    looks: u64,
    seeds: std::ops::Range<u64>,
    flaws: Vec<Flaw>,
    faults: Vec<Fault>,
    /// Whether this is to be measured: how long answers take says nothing where tests share a machine.
    measured: bool,
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is no number")))
}

impl Size {
    /// Of a test: few edges, and one version of each kind that is told from others by another part of the machinery.
    fn of_a_test() -> Self {
        let flaws = vec![
            Flaw::None,
            Flaw::Errors,
            Flaw::Traps,
            Flaw::WillNotCompile,
            Flaw::MissesAnImport,
            Flaw::WrongSignature,
            Flaw::TamperedLayer,
        ];
        Self {
            edges: 6,
            rate: 240,
            interval: 2,
            looks: 15,
            seeds: 1..2,
            flaws,
            faults: vec![Fault::TwoOperators],
            measured: false,
        }
    }

    fn of_this_run() -> Self {
        let Some(edges) = number("MARQUEE_FLEET_NODES") else { return Self::of_a_test() };
        let rate = number("MARQUEE_FLEET_RATE").unwrap_or(10 * edges);
        let first = number("MARQUEE_FLEET_SEED").unwrap_or(1);
        let only = std::env::var("MARQUEE_FLEET_ONLY").unwrap_or_default();
        let is_wanted = |name: &str| name.contains(&only);
        let faults = std::env::var_os("MARQUEE_FLEET_FAULTS").is_some();
        let flaws = std::iter::once(Flaw::None).chain(Flaw::BAD).filter(|flaw| !faults && is_wanted(flaw.name())).collect();
        let faults = Fault::ALL.into_iter().filter(|fault| faults && is_wanted(fault.name())).collect();
        let mut size = Self {
            edges: usize::try_from(edges).unwrap(),
            rate: u32::try_from(rate).unwrap(),
            interval: 0,
            looks: 2,
            seeds: first..first + number("MARQUEE_FLEET_SEEDS").unwrap_or(1),
            flaws,
            faults,
            measured: true,
        };
        let asked = f64::from(size.rate) * (1.0 - crowd::OF_REGIONS) * size.share();
        size.interval = number("MARQUEE_FLEET_INTERVAL").unwrap_or(((ENOUGH / asked).ceil() as u64).clamp(2, 60));
        size
    }

    /// A first stage that is looked at a few times, and then everything.
    fn plan(&self, flaw: Flaw) -> String {
        let ((nodes, weight), interval) = (FIRST, self.interval);
        let looks = if flaw == Flaw::None && !self.measured { 1 } else { self.looks };
        let latency = if self.measured || flaw == Flaw::Slow { "{ max_ratio = 1.15, confidence = 0.999 }" } else { "false" };
        // Half of all requests first: what a hundred nodes do on one machine at once, such as compiling, slows both versions then.
        let steps = if self.measured { "step_weight = 50\n" } else { "" };
        format!(
            "application = \"work\"\ninterval = \"{interval}s\"\nfailure_limit = 0\n\
             [[stages]]\nname = \"canary\"\nnodes = {{ kind = \"edge\", percent = {nodes} }}\nmax_weight = {weight}\nhold = \"{}s\"\n\
             [[stages]]\nname = \"everything\"\n{steps}[analysis]\nmin_requests = 50\nlatency = {latency}\n",
            looks * interval
        )
    }

    /// The first stage's share of requests, of 1.
    fn share(&self) -> f64 {
        let nodes = (self.edges as u64 * FIRST.0).div_ceil(100);
        nodes as f64 / self.edges as f64 * FIRST.1 as f64 / 100.0
    }
}

/// What became of a version.
struct Row {
    flaw: Flaw,
    seed: u64,
    /// How long it was from the first request that it answered, or else from when the first stage began, until it was taken back, in intervals.
    intervals: f64,
    /// Of all requests meanwhile: those that it answered, and those that it hurt.
    met: f64,
    hurt: f64,
    requests: usize,
    took: Duration,
    why: String,
    /// What of this is not as it has to be.
    wrong: Vec<String>,
}

#[tokio::test(flavor = "multi_thread")]
async fn good_versions_reach_all_and_bad_ones_are_taken_back_from_the_first_stage() {
    let size = Size::of_this_run();
    let began = Instant::now();
    let mut ground = Ground::start(size.edges, size.measured).await;
    println!(
        "{} edges in {} processes, 2 regions, 2 instances of the control plane, {} requests a second, looks every {} s: there after {:.0} s",
        size.edges,
        ground.edges.len(),
        size.rate,
        size.interval,
        began.elapsed().as_secs_f64()
    );
    let (mut rows, mut wrong) = (Vec::new(), Vec::new());
    for seed in size.seeds.clone() {
        let crowd = Crowd::at(&ground.public, size.rate, seed);
        for flaw in &size.flaws {
            let row = one(&mut ground, &crowd, &size, *flaw, seed).await;
            println!("{}", line(&row, size.share()));
            rows.push(row);
        }
        for fault in &size.faults {
            let (began, label) = (Instant::now(), format!("{}-{seed}", fault.name()));
            crowd.take();
            let faulty = fault.happens(&mut ground, &crowd, &label).await;
            let mark = if faulty.is_empty() { "ok" } else { "WRONG" };
            println!("{:34} seed {seed:3} {mark}, {:.0} s", fault.name(), began.elapsed().as_secs_f64());
            wrong.extend(faulty.into_iter().map(|what| format!("{label}: {what}")));
        }
        crowd.end().await;
    }
    summary(&rows, size.share());
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| !row.wrong.is_empty())
        .map(|row| {
            let (name, seed) = (row.flaw.name(), row.seed);
            format!(
                "{name}, seed {seed} (again: --only {name} --seed {seed}): {}; it was told: {}",
                row.wrong.join("; "),
                row.why
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{} of {} are wrong:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

/// Rolls one version out.
async fn one(ground: &mut Ground, crowd: &Crowd, size: &Size, flaw: Flaw, seed: u64) -> Row {
    let label = format!("{}-{seed}", flaw.name());
    let reference = ground.shelf.put(flaw, &label, &ground.registry);
    let before = ground.ask("v1/status").await["rollout"].clone();
    let serves = if before["state"] == "completed" { before["new"]["release"].clone() } else { before["old"]["release"].clone() };
    if flaw == Flaw::None {
        // Something to compare with.
        tokio::time::sleep(Duration::from_secs(2 * size.interval)).await;
    }
    let usual = crowd.take();
    let (began, began_ms) = (Instant::now(), now_ms());
    let answer = ground.deploy(&reference, &size.plan(flaw)).await;
    let mut row = Row {
        flaw,
        seed,
        intervals: 0.0,
        met: 0.0,
        hurt: 0.0,
        requests: 0,
        took: Duration::ZERO,
        why: String::new(),
        wrong: Vec::new(),
    };
    let rollout = match answer.refusal() {
        Some(why) => {
            row.why = why;
            // Whoever it might have reached, it would have by then.
            tokio::time::sleep(Duration::from_secs(1)).await;
            None
        }
        None => Some(ground.over().await),
    };
    row.took = began.elapsed();
    let samples = crowd.take();
    judge(&mut row, &samples, rollout.as_ref(), &label, size);
    if let Some(rollout) = &rollout {
        let wanted = if rollout["state"] == "completed" { &rollout["new"]["release"] } else { &serves };
        ground.all_serve(wanted).await;
    }
    // Nobody meets it once that is said.
    let after: Vec<_> =
        crowd.take().into_iter().filter(|sample| sample.at_ms > began_ms + row.took.as_millis() as u64 + 500).collect();
    if flaw != Flaw::None && after.iter().any(|sample| *sample.version == *label) {
        row.wrong.push("it still answers".to_owned());
    }
    if flaw == Flaw::None {
        let (usual, during) = (p99(&usual), p99(&samples));
        println!("good-{seed}: p99 {usual:.1} ms before, {during:.1} ms during the roll: {:.2} times", during / usual);
    }
    row
}

fn judge(row: &mut Row, samples: &[Sample], rollout: Option<&Value>, label: &str, size: &Size) {
    let share = size.share();
    row.requests = samples.len();
    let of = |count: usize| count as f64 / samples.len().max(1) as f64;
    let answered = |sample: &&Sample| *sample.version == *label;
    let failed = |sample: &&Sample| sample.failure.is_some();
    row.met = of(samples.iter().filter(|sample| answered(sample) || failed(sample)).count());
    row.hurt = if row.flaw.hurts_all() { row.met } else { of(samples.iter().filter(failed).count()) };
    let state = rollout.map_or("refused", |rollout| rollout["state"].as_str().unwrap());
    if let Some(reason) = rollout.and_then(|rollout| rollout["reason"].as_str()) {
        row.why = reason.to_owned();
    }
    match row.flaw.fate() {
        Fate::Completed => {
            if state != "completed" {
                row.wrong.push(format!("it is {state}"));
            }
            if let Some(sample) = samples.iter().find(failed) {
                row.wrong.push(format!("{} requests failed: {:?}", samples.iter().filter(failed).count(), sample.failure));
            }
            return;
        }
        Fate::Refused(words) => {
            if state != "refused" || !row.why.contains(words) {
                row.wrong.push(format!("it is {state}, and has to be refused for {words:?}"));
            }
        }
        Fate::TakenBack(words) => {
            if state != "rolled-back" || !row.why.contains(words) {
                row.wrong.push(format!("it is {state}, and has to be rolled back for {words:?}"));
            }
        }
    }
    // Of a share of so many, chance makes no more.
    let chance = 3.0 * (share * (1.0 - share) / samples.len().max(1) as f64).sqrt();
    if row.hurt > share + chance {
        row.wrong.push(format!("it hurts {:.2} % of requests", row.hurt * 100.0));
    }
    let Some(rollout) = rollout else { return };
    let events = rollout["events"].as_array().unwrap();
    let at = |kind: &str| {
        let event = events.iter().find(|event| event["kind"] == kind)?;
        let time: jiff::Timestamp = event["at"].as_str()?.parse().ok()?;
        Some(time.as_millisecond() as u64)
    };
    if events.iter().filter(|event| event["kind"] == "stage-began").count() > 1 {
        row.wrong.push("it got past the first stage".to_owned());
    }
    let first = samples.iter().filter(|sample| answered(sample) || failed(sample)).map(|sample| sample.at_ms).min();
    if let (Some(since), Some(until)) = (first.or_else(|| at("stage-began")), at("rolling-back")) {
        row.intervals = until.saturating_sub(since) as f64 / (size.interval * 1_000) as f64;
    }
}

fn line(row: &Row, share: f64) -> String {
    let mark = if row.wrong.is_empty() { "ok" } else { "WRONG" };
    let why: String = row.why.chars().take(150).collect();
    format!(
        "{:18} seed {:3} {:5} {:4.1} intervals, of {:6} requests met {:5.2} %, hurt {:5.2} % (first stage {:.1} %), {:4.1} s  {why}",
        row.flaw.name(),
        row.seed,
        mark,
        row.intervals,
        row.requests,
        row.met * 100.0,
        row.hurt * 100.0,
        share * 100.0,
        row.took.as_secs_f64()
    )
}

fn summary(rows: &[Row], share: f64) {
    if rows.is_empty() {
        return;
    }
    println!(
        "\n| version | as it has to be | intervals until taken back, at most | of requests hurt, at most ({:.1} % is the first stage's) | s, at most |",
        share * 100.0
    );
    println!("|---|---|---|---|---|");
    for flaw in std::iter::once(Flaw::None).chain(Flaw::BAD) {
        let of: Vec<&Row> = rows.iter().filter(|row| row.flaw == flaw).collect();
        if of.is_empty() {
            continue;
        }
        let most = |value: fn(&Row) -> f64| of.iter().map(|row| value(row)).fold(0.0, f64::max);
        println!(
            "| {} | {} of {} | {:.1} | {:.2} % | {:.1} |",
            flaw.name(),
            of.iter().filter(|row| row.wrong.is_empty()).count(),
            of.len(),
            most(|row| row.intervals),
            most(|row| row.hurt) * 100.0,
            most(|row| row.took.as_secs_f64())
        );
    }
}
