//! States as they are stored, and those that cannot be.

use super::ground::{AT_ONCE, Ground};
use crate::limits;
use crate::machine::{Chosen, Event, EventKind, Rollout, State};
use crate::protocol::NodeKind;

#[test]
fn a_state_is_read_as_it_was_written() {
    let mut ground = Ground::new(AT_ONCE, &["a", "b"]);
    for _ in 0..100 {
        let text = serde_json::to_string(&ground.rollout).unwrap();
        assert_eq!(serde_json::from_str::<Rollout>(&text).unwrap(), ground.rollout);
        ground.pass(1);
    }
    assert_eq!(ground.rollout.state, State::Completed);
    let running = serde_json::to_value(State::Running { stage: 1, step: 2 }).unwrap();
    assert_eq!(running, serde_json::json!({ "state": "running", "stage": 1, "step": 2 }));
}

#[test]
fn what_cannot_be_is_not_sound() {
    let mut ground = Ground::new(AT_ONCE, &["a", "b"]);
    ground.pass(3);
    let sound = ground.rollout;
    assert_eq!(sound.is_sound(), Ok(()));
    type Change = fn(&mut Rollout);
    let changes: [(Change, &str); 8] = [
        (|of| of.new.id = of.old.as_ref().unwrap().id, "follows itself"),
        (|of| of.state = State::Running { stage: 0, step: 1 }, "a step"),
        (|of| of.state = State::Gated { stage: 1, promoted: false }, "a step"),
        (|of| of.state = State::Paused { before: Box::new(State::Completed) }, "a step"),
        (|of| of.state = State::Pending, "before it began"),
        (|of| of.failed_looks = 2, "more looks"),
        (|of| of.skipped = ["c".to_owned()].into(), "not waited for"),
        (
            |of| {
                let chosen = Chosen { stage: 1, kind: NodeKind::Edge, also: Default::default() };
                of.chosen.insert("c".into(), chosen);
            },
            "a stage to come",
        ),
    ];
    for (change, word) in changes {
        let mut rollout = sound.clone();
        change(&mut rollout);
        let fault = rollout.is_sound().unwrap_err();
        assert!(fault.contains(word), "{fault}");
    }
}

#[test]
fn of_many_events_the_last_are_kept() {
    let mut ground = Ground::new(AT_ONCE, &["a"]);
    let event = Event { at_ms: 0, kind: EventKind::Frozen, text: "x".into() };
    ground.rollout.events = vec![event; limits::EVENTS];
    ground.pass(1);
    assert_eq!(ground.rollout.events.len(), limits::EVENTS);
    assert_eq!(ground.rollout.events.last().map(|event| event.kind), Some(EventKind::StageBegan));
}
