//! Nodes that are away, come back, join, or do something else than they are to.

use std::collections::BTreeSet;

use super::ground::{AT_ONCE, Ground, NEW, NOON, OLD, plan, release};
use crate::machine::{EventKind, Rollout, assignment_for, choice, drift};
use crate::protocol::{FailureKind, NodeKind, Share, Stamp};

#[test]
fn a_node_that_was_away_before_is_not_waited_for_and_gets_it_when_it_comes_back() {
    let mut ground = Ground::new(AT_ONCE, &["a", "b"]);
    ground.silent.insert("b".into());
    ground.fleet.nodes.get_mut("b").unwrap().seen_at_ms = NOON - 300_000;
    ground.pass(61);
    assert_eq!(ground.rollout.state.name(), "running", "for as long as nobody can know");
    let said = ground.pass(15);
    assert_eq!(said, [EventKind::NodeSkipped, EventKind::Completed]);
    assert!(ground.last().ends_with("it goes to those that are away when they come back: b"), "{}", ground.last());
    ground.silent.clear();
    ground.pass(1);
    assert_eq!(ground.serving("b"), [(2, 100)]);
}

#[test]
fn a_share_of_nodes_is_of_those_that_were_heard_of_lately() {
    let keys =
        "[[stages]]\nname = \"canary\"\nnodes = { kind = \"edge\", percent = 33 }\nhold = \"1m\"\n[[stages]]\nname = \"all\"\n";
    for there in ["a", "b", "c"] {
        let mut ground = Ground::new(keys, &["a", "b", "c"]);
        for away in ["a", "b", "c"].into_iter().filter(|name| *name != there) {
            ground.silent.insert(away.into());
            ground.fleet.nodes.get_mut(away).unwrap().seen_at_ms = NOON - 300_000;
        }
        ground.pass(2);
        assert_eq!(ground.rollout.chosen.keys().collect::<Vec<_>>(), [there]);
    }
}

#[test]
fn a_node_that_goes_away_is_waited_for_until_the_deadline() {
    let mut ground = Ground::new(&format!("progress_deadline = \"3m\"\n{AT_ONCE}"), &["a", "b"]);
    ground.stubborn.insert("b".into());
    ground.pass(5);
    ground.silent.insert("b".into());
    ground.pass(170);
    assert_eq!(ground.rollout.state.name(), "running");
    let said = ground.pass(30);
    assert_eq!(said, [EventKind::NodeSkipped, EventKind::Completed]);
}

#[test]
fn a_stage_of_which_nobody_is_there_is_rolled_back() {
    let keys =
        "progress_deadline = \"2m\"\n[[stages]]\nname = \"worker\"\nnodes = { kind = \"worker\" }\n[[stages]]\nname = \"all\"\n";
    let mut ground = Ground::new(keys, &["a"]);
    ground.join("w", NodeKind::Worker);
    ground.silent.insert("w".into());
    ground.until("rolled-back");
    assert_eq!(ground.rollout.state.reason().unwrap(), "stage worker has not got on in 2m: w are away");
}

#[test]
fn a_node_that_comes_back_late_does_not_end_it() {
    let mut ground = Ground::new("progress_deadline = \"2m\"\n[[stages]]\nname = \"all\"\nhold = \"5m\"\n", &["a", "b"]);
    ground.silent.insert("b".into());
    ground.fleet.nodes.get_mut("b").unwrap().seen_at_ms = NOON - 300_000;
    ground.pass(200);
    assert!(ground.rollout.skipped.contains("b"));
    ground.silent.clear();
    ground.stubborn.insert("b".into());
    ground.failing.insert("b".into(), FailureKind::Fetch);
    ground.pass(60);
    assert_eq!(ground.rollout.failed_looks, 0, "nor does it fail a look");
    ground.until("completed");
}

#[test]
fn nodes_that_join_are_of_a_stage_that_is_for_all() {
    let keys = "[[stages]]\nname = \"canary\"\nnodes = { kind = \"edge\", percent = 50 }\nhold = \"1m\"\n[[stages]]\nname = \"all\"\nhold = \"1m\"\n";
    let mut ground = Ground::new(keys, &["a", "b"]);
    ground.pass(2);
    ground.join("c", NodeKind::Edge);
    ground.pass(5);
    assert_eq!((ground.rollout.chosen.len(), ground.serving("c")), (1, vec![(1, 100)]));
    ground.pass(100);
    assert_eq!((ground.position().0, ground.serving("c")), (1, vec![(2, 100)]));
    ground.join("d", NodeKind::Worker);
    ground.pass(2);
    assert_eq!(ground.serving("d"), [(2, 100)]);
}

#[test]
fn a_share_is_chosen_alike_for_a_release_and_differently_for_others() {
    let names: Vec<String> = (0..40).map(|at| format!("marquee://edge/-/edge-{at}")).collect();
    let edges: Vec<&str> = names.iter().map(String::as_str).collect();
    let keys = |percent| format!("[[stages]]\nname = \"c\"\nnodes.percent = {percent}\n{AT_ONCE}");
    let chosen = |percent, id| {
        let rollout = Rollout::new(plan(&keys(percent)), None, release(crate::protocol::ReleaseId(id)), NOON);
        let ground = Ground::of(rollout, &edges);
        choice::nodes_of(&ground.rollout, 0, &ground.fleet, NOON)
    };
    assert_eq!(chosen(10, 1), chosen(10, 1));
    assert_eq!((chosen(1, 1).len(), chosen(10, 1).len(), chosen(11, 1).len(), chosen(100, 1).len()), (1, 4, 5, 40));
    let (few, many): (BTreeSet<String>, BTreeSet<String>) =
        (chosen(10, 1).into_iter().collect(), chosen(50, 1).into_iter().collect());
    assert!(few.is_subset(&many));
    let first: BTreeSet<String> = (1..200).filter_map(|id| chosen(1, id).pop()).collect();
    assert!(first.len() > 30, "every edge is the first one sometimes: {}", first.len());
}

#[test]
fn nodes_that_do_not_go_back_are_named() {
    let mut ground = Ground::new(&format!("progress_deadline = \"1m\"\n{AT_ONCE}"), &["a", "b"]);
    ground.until("completed");
    ground.stubborn.insert("b".into());
    ground.say(crate::machine::Verb::Rollback).unwrap();
    ground.pass(30);
    assert_eq!(ground.rollout.waiting, ["b are to serve the release before again"]);
    ground.until("failed");
    assert_eq!(ground.rollout.state.reason().unwrap(), "rolled back by ann; b still serve release 2 after 1m");
    assert_eq!(ground.rollout.outcome().map(|release| release.id), Some(OLD));

    let mut ground = Ground::new(AT_ONCE, &["a", "b"]);
    ground.until("completed");
    ground.silent.insert("b".into());
    ground.say(crate::machine::Verb::Rollback).unwrap();
    ground.until("rolled-back");
    assert!(ground.last().ends_with("these are away, and go back when they come back: b"), "{}", ground.last());
    ground.silent.clear();
    ground.pass(1);
    assert_eq!(ground.serving("b"), [(1, 100)]);
}

#[test]
fn drift_is_said_in_sentences() {
    let mut ground = Ground::new(AT_ONCE, &["a"]);
    ground.until("completed");
    let report = &ground.fleet.nodes["a"].report;
    assert_eq!(drift(&ground.rollout, "a", report), Vec::<String>::new());
    let mut other = report.clone();
    other.serving = vec![Share { release: OLD, weight: 100 }];
    other.releases.retain(|of| of.release == OLD);
    let said = drift(&ground.rollout, "a", &other);
    assert_eq!(said, ["serves release 1 (100 %), and is to serve release 2 (100 %)", "does not have release 2"]);
    other.serving.clear();
    assert!(drift(&ground.rollout, "a", &other)[0].starts_with("serves what its own configuration names"));
}

#[test]
fn what_is_kept_ready_follows_the_state() {
    let mut ground = Ground::new(AT_ONCE, &["a"]);
    let kept = |ground: &Ground| {
        let assignment = assignment_for(&ground.rollout, "a", Stamp { epoch: 3, revision: 4 }).unwrap();
        assert_eq!(assignment.stamp, Stamp { epoch: 3, revision: 4 });
        (assignment.releases.iter().map(|release| release.id).collect::<Vec<_>>(), assignment.report_ms)
    };
    assert_eq!(kept(&ground), (vec![OLD], 3_333));
    ground.pass(1);
    assert_eq!(kept(&ground).0, [OLD, NEW]);
    ground.until("completed");
    assert_eq!(kept(&ground), (vec![OLD, NEW], 15_000));
    ground.now += 86_400_000;
    assert_eq!(ground.pass(1), [EventKind::WindowEnded]);
    assert_eq!(kept(&ground).0, [NEW]);
}
