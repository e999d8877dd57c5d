//! Seeds with good releases, seeds with bad ones, and one seed twice.

#![expect(clippy::print_stdout, reason = "a run says which seeds it has seen")]

use super::version::Fault;
use super::world::{Outcome, World};

/// Seeds that are run unless `MARQUEE_SIM_SEEDS` says how many.
const SEEDS: u64 = 50;

fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name}={text} is not a number")))
}

fn run(seed: u64, fault: Fault) -> Outcome {
    let mut world = World::new(seed, fault);
    match world.run() {
        Ok(outcome) => outcome,
        Err(violation) => {
            let lines = world.lines.join("\n");
            panic!("{lines}\nseed {seed}, {fault:?}: {violation}\nthe same again: MARQUEE_SIM_SEED={seed}")
        }
    }
}

fn run_all(fault: Fault) -> Vec<Outcome> {
    let (first, count) = match setting("MARQUEE_SIM_SEED") {
        Some(seed) => (seed, 1),
        None => (1, setting("MARQUEE_SIM_SEEDS").unwrap_or(SEEDS)),
    };
    let outcomes: Vec<Outcome> = (first..first + count).map(|seed| run(seed, fault)).collect();
    let met: usize = outcomes.iter().map(|outcome| outcome.met).sum();
    let longest = outcomes.iter().map(|outcome| outcome.took / 1_000).max().unwrap_or(0);
    println!("{fault:?}, seeds {first} to {}: {met} nodes met the release; {longest} s at most", first + count - 1);
    outcomes
}

#[test]
fn good_releases_reach_every_node() {
    let outcomes = run_all(Fault::Good);
    if outcomes.len() >= 50 {
        for state in ["completed", "aborted", "rolled-back"] {
            assert!(outcomes.iter().any(|outcome| outcome.state == state), "none is {state}");
        }
    }
}

#[test]
fn bad_releases_are_taken_back_and_meet_the_first_stage_alone() {
    for fault in Fault::BAD {
        let outcomes = run_all(fault);
        assert!(outcomes.iter().all(|outcome| outcome.state == "rolled-back" && outcome.met < outcome.nodes));
    }
}

#[test]
fn one_seed_is_one_run() {
    for seed in [1, 77, u64::MAX] {
        let lines = |seed| {
            let mut world = World::new(seed, Fault::Good);
            let outcome = world.run();
            (outcome, world.lines)
        };
        assert_eq!(lines(seed), lines(seed), "seed {seed}");
    }
}
