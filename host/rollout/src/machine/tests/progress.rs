//! How a rollout gets on, and what takes it back.

use super::ground::{AT_ONCE, Ground, NEW, NOON, OLD, plan, release};
use crate::analysis::Against;
use crate::machine::{EventKind, Rollout, State, decide};
use crate::protocol::{FailureKind, NodeKind};

const BY_STEPS: &str = "[[stages]]\nname = \"canary\"\nnodes = { kind = \"edge\", percent = 30 }\nstep_weight = 20\nmax_weight = 40\n\
    [[stages]]\nname = \"all\"\nstep_weight = 50\nhold = \"1m\"\n";

#[test]
fn a_good_release_goes_by_steps_and_stages_to_everybody() {
    let mut ground = Ground::new(BY_STEPS, &["a", "b", "c"]);
    ground.join("r", NodeKind::Region);
    ground.rate = 1_000;
    ground.pass(2);
    let canary = ground.rollout.chosen.keys().next().unwrap().clone();
    assert_eq!(ground.rollout.chosen.len(), 1, "a third of the edges");
    assert_eq!(ground.serving(&canary), [(1, 80), (2, 20)]);
    ground.pass(10);
    assert_eq!((ground.position(), ground.serving(&canary)), ((0, 1), vec![(1, 60), (2, 40)]));
    assert_eq!(ground.rollout.window_ms, ground.rollout.step_ms, "what it did in the step before is not counted again");
    assert_eq!(ground.serving("r"), [(1, 100)]);
    ground.pass(10);
    assert_eq!((ground.position(), ground.serving(&canary)), ((1, 0), vec![(1, 50), (2, 50)]));
    assert_eq!(ground.serving("r"), [(2, 100)], "what is no edge switches whole");
    ground.pass(11);
    assert_eq!((ground.position(), ground.serving(&canary)), ((1, 1), vec![(2, 100)]));
    ground.pass(50);
    assert_eq!(ground.position(), (1, 1), "it is held for a minute");
    ground.pass(20);
    assert_eq!(ground.rollout.state, State::Completed);
    assert!(ground.last().contains("on all 4 nodes"), "{}", ground.last());
    assert_eq!(ground.ready("a"), [1, 2], "the release before is kept");
    assert_eq!(ground.rollout.outcome().map(|release| release.id), Some(NEW));
}

#[test]
fn a_worse_release_is_taken_back_in_two_looks_with_figures() {
    let mut ground = Ground::new(BY_STEPS, &["a", "b", "c", "d"]);
    ground.rate = 1_000;
    ground.errors = 50;
    ground.pass(11);
    assert_eq!(ground.rollout.failed_looks, 1);
    ground.pass(10);
    assert_eq!(ground.rollout.state.name(), "rolling-back");
    let reason = ground.rollout.state.reason().unwrap();
    for words in ["edge nodes", "5.00 % of", "against 0.00 % of", "on the same nodes", "(2 looks in a row)"] {
        assert!(reason.contains(words), "{reason}");
    }
    ground.pass(2);
    assert_eq!(ground.rollout.state.name(), "rolled-back");
    for name in ["a", "b", "c", "d"] {
        assert_eq!((ground.serving(name), ground.ready(name)), (vec![(1, 100)], vec![1]));
    }
    assert_eq!(ground.rollout.outcome().map(|release| release.id), Some(OLD));
    let [figures] = ground.rollout.figures.as_slice() else { panic!("{:?}", ground.rollout.figures) };
    assert_eq!((figures.kind, figures.against), (NodeKind::Edge, Against::SameNodes));
    // Of each node's 1,000 requests a second 20 % for the whole window, as many nodes as were chosen.
    let seconds = figures.window_ms / 1_000;
    let nodes = figures.new.requests / (200 * seconds);
    assert!(nodes >= 1 && seconds >= 10, "{figures:?}");
    assert_eq!((figures.new.requests, figures.new.errors), (nodes * 200 * seconds, nodes * 10 * seconds));
    assert_eq!((figures.old.requests, figures.old.errors), (nodes * 800 * seconds, 0));
}

#[test]
fn a_failure_limit_of_none_takes_back_at_the_first_look() {
    let mut ground = Ground::new(&format!("failure_limit = 0\n{BY_STEPS}"), &["a", "b"]);
    ground.rate = 1_000;
    ground.errors = 50;
    ground.pass(11);
    assert_eq!(ground.rollout.state.name(), "rolling-back");
}

#[test]
fn a_node_that_refuses_it_halts_it_at_once() {
    for kind in [FailureKind::Untrusted, FailureKind::Invalid, FailureKind::Incompatible, FailureKind::Unhealthy] {
        let mut ground = Ground::new(AT_ONCE, &["a", "b"]);
        ground.failing.insert("b".into(), kind);
        ground.pass(4);
        assert_eq!(ground.rollout.state.name(), "rolled-back", "{kind:?}");
        let reason = ground.rollout.state.reason().unwrap();
        assert!(reason.starts_with(&format!("b cannot run it ({}: so it is)", kind.name())), "{reason}");
    }
}

#[test]
fn a_node_that_cannot_fetch_it_fails_looks() {
    for kind in [FailureKind::Fetch, FailureKind::Disk] {
        let mut ground = Ground::new(AT_ONCE, &["a", "b"]);
        ground.failing.insert("b".into(), kind);
        ground.pass(12);
        assert_eq!(ground.rollout.failed_looks, 1);
        ground.failing.clear();
        ground.until("completed");
    }
    let mut ground = Ground::new(AT_ONCE, &["a", "b"]);
    ground.failing.insert("b".into(), FailureKind::Fetch);
    ground.pass(23);
    assert_eq!(ground.rollout.state.name(), "rolled-back");
}

#[test]
fn another_node_each_time_is_not_twice_in_a_row() {
    let mut ground = Ground::new(AT_ONCE, &["a", "b", "c"]);
    for name in ["a", "b", "c"] {
        ground.failing = [(name.to_owned(), FailureKind::Fetch)].into();
        ground.pass(10);
    }
    assert_eq!((ground.rollout.state.name(), ground.rollout.failed_looks), ("running", 1));
}

#[test]
fn a_node_that_does_not_switch_ends_with_the_deadline() {
    let mut ground = Ground::new(&format!("progress_deadline = \"1m\"\n{AT_ONCE}"), &["a", "b"]);
    ground.stubborn.insert("b".into());
    ground.pass(60);
    assert_eq!(ground.rollout.state.name(), "running");
    ground.pass(15);
    assert_eq!(ground.rollout.state.name(), "rolled-back");
    let reason = ground.rollout.state.reason().unwrap();
    assert_eq!(reason, "stage all has not got on in 1m: b are there and do not serve as they are to yet");
}

#[test]
fn too_few_requests_end_with_the_deadline_and_say_so() {
    let mut ground = Ground::new(&format!("progress_deadline = \"1m\"\n{AT_ONCE}"), &["a"]);
    ground.rate = 1;
    ground.until("rolled-back");
    let reason = ground.rollout.state.reason().unwrap();
    assert!(reason.contains("of 200 requests with the new release"), "{reason}");
    let keys = format!("progress_deadline = \"1m\"\nanalysis.min_requests = 0\n{AT_ONCE}");
    let mut ground = Ground::new(&keys, &["a"]);
    ground.rate = 0;
    ground.until("completed");
}

#[test]
fn the_first_release_is_compared_with_nothing_and_has_no_way_back() {
    let mut ground = Ground::of(Rollout::new(plan(BY_STEPS), None, release(NEW), NOON), &["a", "b", "c", "d"]);
    ground.rate = 1_000;
    assert_eq!(ground.rollout.outcome(), None);
    ground.pass(2);
    let canary = ground.rollout.chosen.keys().next().unwrap().clone();
    assert_eq!(ground.serving(&canary), [(2, 100)], "there is nobody to share with");
    let others = || ["a", "b", "c", "d"].into_iter().filter(|name| *name != canary);
    assert!(others().any(|name| ground.serving(name).is_empty()), "others keep what their own configuration names");
    ground.until("completed");

    let mut ground = Ground::of(Rollout::new(plan(BY_STEPS), None, release(NEW), NOON), &["a", "b", "c", "d"]);
    (ground.rate, ground.errors) = (1_000, 50);
    ground.until("failed");
    assert!(ground.rollout.state.reason().unwrap().contains("5.00 % of"));
    assert_eq!(ground.serving(&canary), [(2, 100)], "nothing could serve instead");
    assert_eq!(ground.rollout.outcome(), None);
    assert_eq!(ground.pass(60), []);
}

#[test]
fn queries_fail_looks() {
    let keys = |required| {
        format!("{AT_ONCE}[[analysis.queries]]\nname = \"dead\"\npromql = \"x\"\nmax = 2\nmin = 1\nrequired = {required}\n")
    };
    for (reading, required, state, words) in [
        (Some(Ok(1.5)), true, "completed", ""),
        (Some(Ok(2.5)), false, "rolled-back", "the query dead is 2.5; 2 is the most"),
        (Some(Ok(0.5)), false, "rolled-back", "the query dead is 0.5; 1 is the least"),
        (Some(Err("no Prometheus".to_owned())), true, "rolled-back", "the query dead has no value: no Prometheus"),
        (Some(Err("no Prometheus".to_owned())), false, "completed", ""),
        (Some(Ok(f64::NAN)), true, "rolled-back", "the query dead has no value"),
        (None, true, "rolled-back", "the query dead was not asked"),
        (None, false, "completed", ""),
    ] {
        let mut ground = Ground::new(&keys(required), &["a"]);
        ground.fleet.readings = reading.iter().map(|reading| ("dead".to_owned(), reading.clone())).collect();
        ground.until(state);
        assert!(ground.rollout.state.reason().unwrap_or_default().contains(words), "{:?}", ground.rollout.state);
    }
}

#[test]
fn nothing_changes_where_nothing_follows() {
    let mut ground = Ground::new(BY_STEPS, &["a", "b", "c"]);
    ground.pass(3);
    for later in 1..5 {
        let decision = decide(&ground.rollout, ground.now + later * 100, &ground.fleet);
        assert_eq!((decision.next, decision.events), (ground.rollout.clone(), vec![]));
    }
    assert!(!ground.rollout.is_due(ground.now) && ground.rollout.is_due(ground.now + 10_000));
    let earlier = decide(&ground.rollout, NOON, &ground.fleet);
    assert_eq!(earlier.next, ground.rollout, "a clock that is behind turns nothing back");
}

#[test]
fn time_in_which_nobody_looks_does_not_count() {
    let mut ground = Ground::new(BY_STEPS, &["a", "b", "c"]);
    ground.rate = 1_000;
    ground.pass(5);
    ground.now += 2 * 3_600_000;
    let said = ground.pass(1);
    assert_eq!(said, [EventKind::LookedAgain]);
    assert!(ground.last().contains("nobody has looked for 120m"), "{}", ground.last());
    assert_eq!(ground.rollout.state.name(), "running");
    ground.until("completed");
}

#[test]
fn a_freeze_holds_it_up_and_no_way_back() {
    // From 12:01 to 14:00 of that Monday.
    let keys = format!("progress_deadline = \"1m\"\nfreeze = [{{ from = \"mon 12:01\", to = \"mon 14:00\" }}]\n{BY_STEPS}");
    let mut ground = Ground::new(&keys, &["a", "b", "c"]);
    ground.rate = 50;
    ground.pass(65);
    let position = ground.position();
    ground.pass(600);
    assert_eq!(ground.position(), position, "it does not go on, and no deadline ends it");
    assert_eq!(ground.rollout.events.iter().filter(|event| event.kind == EventKind::Frozen).count(), 1);
    assert!(ground.rollout.waiting.iter().any(|text| text.contains("frozen from mon 12:01")), "{:?}", ground.rollout.waiting);
    ground.errors = 900;
    ground.until("rolled-back");
    assert!(ground.now < NOON + 3_600_000);

    let mut ground = Ground::new(&keys.replace("12:01", "11:00"), &["a", "b", "c"]);
    ground.pass(30);
    assert_eq!(ground.rollout.state, State::Pending, "nor does it begin");
    assert!(ground.rollout.chosen.is_empty());
}

#[test]
fn stages_without_nodes_are_passed_over() {
    let keys = format!("[[stages]]\nname = \"workers\"\nnodes = {{ kind = \"worker\" }}\n{AT_ONCE}");
    let mut ground = Ground::new(&keys, &["a"]);
    let said = ground.pass(1);
    assert_eq!(said, [EventKind::StageSkipped, EventKind::StageBegan]);
    ground.until("completed");
}

#[test]
fn a_process_that_ends_again_and_again_fails_looks() {
    let keys = "[[stages]]\nname = \"all\"\nhold = \"10m\"\n";
    let mut ground = Ground::new(keys, &["a", "b"]);
    ground.pass(5);
    for _ in 0..2 {
        ground.reboot("a");
        ground.pass(10);
    }
    assert_eq!(ground.rollout.failed_looks, 0, "twice is an accident");
    ground.reboot("a");
    ground.until("rolled-back");
    assert!(ground.rollout.state.reason().unwrap().starts_with("the process of a has begun anew 3 times"));
}
