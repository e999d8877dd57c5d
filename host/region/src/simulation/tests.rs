//! Seeds without a fault, seeds with one, and one seed twice.

#![expect(clippy::print_stdout, reason = "a run says which seeds it has seen")]

use std::time::Instant;

use super::bugs::Bug;
use super::{Outcome, run};

/// Seeds that are run unless `MARQUEE_SIM_SEEDS` says how many.
const SEEDS: u64 = 500;
/// Seeds within which a planted fault is found.
const SEEDS_FOR_A_BUG: u64 = 1500;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

/// The seed that another process runs as well.
const SEED_ELSEWHERE: u64 = 5;

/// What a failed run says of itself.
fn told(seed: u64, bug: Option<Bug>, outcome: &Outcome) -> String {
    let violation = outcome.violation.as_ref().unwrap();
    let lines = outcome.lines.join("\n");
    format!(
        "{lines}\nseed {seed}, planted fault {bug:?}: violated: {}: {}\nto see all of it: cargo xtask simulate --seed {seed}",
        violation.invariant, violation.text
    )
}

#[test]
fn no_seed_violates_an_invariant() {
    if let Some(seed) = setting("MARQUEE_SIM_SEED") {
        let outcome = run(seed, None, true);
        println!("{}", outcome.lines.join("\n"));
        println!("seed {seed}: trace {:016x}, {} bookings", outcome.trace_hash, outcome.bookings);
        assert!(outcome.violation.is_none(), "seed {seed}: {:?}", outcome.violation);
        return;
    }
    let (first, count) = (setting("MARQUEE_SIM_FIRST").unwrap_or(1), setting("MARQUEE_SIM_SEEDS").unwrap_or(SEEDS));
    let (began, mut bookings) = (Instant::now(), 0);
    for seed in first..first + count {
        let outcome = run(seed, None, false);
        assert!(outcome.violation.is_none(), "{}", told(seed, None, &outcome));
        bookings += outcome.bookings;
    }
    println!("seeds {first} to {}: nothing is violated, {bookings} bookings, {:?}", first + count - 1, began.elapsed());
    assert!(bookings as u64 > count, "next to nothing was booked");
}

#[test]
fn every_planted_bug_is_found() {
    let mut hidden = Vec::new();
    for bug in Bug::ALL {
        let found = (1..=SEEDS_FOR_A_BUG).find_map(|seed| {
            let outcome = run(seed, Some(bug), false);
            outcome.violation.map(|violation| (seed, violation))
        });
        match found {
            Some((seed, violation)) => println!("{bug:?}: seed {seed}: {}: {}", violation.invariant, violation.text),
            None => hidden.push(bug),
        }
    }
    assert!(hidden.is_empty(), "not found within {SEEDS_FOR_A_BUG} seeds: {hidden:?}");
}

#[test]
fn one_seed_is_one_run() {
    for seed in [1, 2, 3, 77, u64::MAX] {
        let (first, second) = (run(seed, None, true), run(seed, None, true));
        let differs = first.lines.iter().zip(&second.lines).find(|(one, other)| one != other);
        assert_eq!(differs, None, "seed {seed}");
        assert_eq!(first.trace_hash, second.trace_hash, "seed {seed}");
        assert_ne!(first.trace_hash, run(seed.wrapping_add(1), None, false).trace_hash);
    }
}

#[test]
fn a_seed_runs_alike_in_another_process() {
    let here = run(SEED_ELSEWHERE, None, false);
    let test = ["--exact", "simulation::tests::no_seed_violates_an_invariant", "--nocapture"];
    let mut there = std::process::Command::new(std::env::current_exe().unwrap());
    let there = there.args(test).env("MARQUEE_SIM_SEED", SEED_ELSEWHERE.to_string()).output().unwrap();
    let told = String::from_utf8(there.stdout).unwrap();
    assert!(told.contains(&format!("seed {SEED_ELSEWHERE}: trace {:016x}", here.trace_hash)), "{told}");
}
