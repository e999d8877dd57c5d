//! What people may say, and when.

use super::ground::{AT_ONCE, Ground, NEW, NOON, plan, release};
use crate::machine::{EventKind, Rollout, State, Verb};

const GATED: &str = "[[stages]]\nname = \"canary\"\nnodes.percent = 1\ngate = \"manual\"\n[[stages]]\nname = \"all\"\n";

fn at(state: &str) -> Ground {
    let mut ground = Ground::new(GATED, &["a", "b"]);
    match state {
        "pending" => {}
        "paused" => drop(ground.say(Verb::Pause)),
        "rolling-back" => {
            ground.pass(2);
            ground.say(Verb::Rollback).unwrap();
        }
        "aborted" => drop(ground.say(Verb::Abort)),
        "rolled-back" => {
            ground.pass(2);
            ground.say(Verb::Rollback).unwrap();
            ground.until("rolled-back");
        }
        "completed" => {
            ground.until("gated");
            ground.say(Verb::Promote).unwrap();
            ground.until("completed");
        }
        "failed" => {
            ground = Ground::of(Rollout::new(plan(AT_ONCE), None, release(NEW), NOON), &["a"]);
            ground.errors = 500;
            ground.until("failed");
        }
        other => ground.until(other),
    }
    assert_eq!(ground.rollout.state.name(), state);
    ground
}

/// A state, and what pause, resume, promote, abort and rollback do there: the next state, `=` for nothing at all, or `!` and a word of why not.
const SAID: &[(&str, [&str; 5])] = &[
    ("pending", ["paused", "=", "!no gate", "aborted", "rolled-back"]),
    ("running", ["paused", "=", "!no gate", "rolling-back", "rolling-back"]),
    ("gated", ["paused", "=", "gated", "rolling-back", "rolling-back"]),
    ("paused", ["=", "pending", "!resume", "aborted", "rolled-back"]),
    ("rolling-back", ["!pause", "!resume", "!promote", "=", "="]),
    ("completed", ["!pause", "!resume", "!promote", "!roll it back", "rolling-back"]),
    ("rolled-back", ["!pause", "!resume", "!promote", "=", "="]),
    ("aborted", ["!pause", "!resume", "!promote", "=", "="]),
    ("failed", ["!pause", "!resume", "!promote", "!abort", "!no release before"]),
];

#[test]
fn what_fits_no_state_is_refused_and_what_is_so_changes_nothing() {
    for (state, said) in SAID {
        for (verb, expected) in [Verb::Pause, Verb::Resume, Verb::Promote, Verb::Abort, Verb::Rollback].into_iter().zip(said) {
            let mut ground = at(state);
            let before = ground.rollout.clone();
            let result = ground.say(verb);
            let case = format!("{verb:?} where it is {state}: {result:?}");
            match (expected.strip_prefix('!'), result) {
                (Some(word), Err(refusal)) => assert!(refusal.contains(word), "{case}"),
                (None, Ok(events)) if *expected == "=" => assert_eq!((events, ground.rollout), (vec![], before), "{case}"),
                (None, Ok(events)) => {
                    assert!(!events.is_empty() && ground.last().contains("ann"), "{case}");
                    assert_eq!(ground.rollout.state.name(), *expected, "{case}");
                    assert_eq!(ground.say(verb).map(|events| events.len()), Ok(0), "again: {case}");
                }
                _ => panic!("{case}"),
            }
        }
    }
}

#[test]
fn a_pause_holds_it_up_for_as_long_as_it_takes_and_no_way_back() {
    let mut ground = Ground::new(&format!("progress_deadline = \"1m\"\n{GATED}"), &["a", "b"]);
    ground.pass(3);
    ground.say(Verb::Pause).unwrap();
    ground.pass(3_000);
    assert_eq!(ground.rollout.state, State::Paused { before: Box::new(State::Running { stage: 0, step: 0 }) });
    ground.say(Verb::Resume).unwrap();
    ground.until("gated");
    ground.say(Verb::Pause).unwrap();
    ground.errors = 300;
    ground.until("rolled-back");
}

#[test]
fn a_gate_waits_and_is_looked_at() {
    let mut ground = at("gated");
    ground.pass(3_000);
    assert_eq!(ground.rollout.state, State::Gated { stage: 0, promoted: false });
    assert_eq!(ground.rollout.waiting, ["stage canary is done, and waits for somebody who promotes it"]);
    assert_eq!(ground.say(Verb::Promote), Ok(vec![EventKind::Promoted]));
    ground.pass(1);
    assert_eq!(ground.position(), (1, 0), "at once");

    let mut ground = at("gated");
    ground.pass(3_000);
    ground.errors = 20;
    ground.pass(400);
    assert_eq!(ground.rollout.state.name(), "rolled-back", "what was well for long hides nothing");
}

#[test]
fn nobody_promotes_while_it_is_frozen() {
    let mut ground = Ground::new(&format!("freeze = [{{ from = \"mon 12:10\", to = \"mon 14:00\" }}]\n{GATED}"), &["a", "b"]);
    ground.until("gated");
    ground.now = NOON + 11 * 60_000;
    let refusal = ground.say(Verb::Promote).unwrap_err();
    assert!(refusal.contains("frozen from mon 12:10 to mon 14:00 UTC"), "{refusal}");
}

#[test]
fn the_way_back_ends_with_its_window() {
    let mut ground = at("completed");
    ground.now += 86_400_000;
    let refusal = ground.say(Verb::Rollback).unwrap_err();
    assert_eq!(refusal, "release 1 was kept ready for 1d, and is not any more: deploy it again");
    let mut ground = at("completed");
    ground.pass(100);
    ground.say(Verb::Rollback).unwrap();
    ground.pass(2);
    assert_eq!(
        (ground.rollout.state.name(), ground.serving("a"), ground.serving("b")),
        ("rolled-back", vec![(1, 100)], vec![(1, 100)])
    );
}
