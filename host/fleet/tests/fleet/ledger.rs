//! Commands: merged, in order, bounded, and by whom.

use std::sync::atomic::Ordering;

use contracts::Ledger as _;
use fleet::client::Route;
use fleet::limits;
use telemetry::BreakerState;
use vocabulary::booking::{Command, Rejection};

use crate::fakes::command;
use crate::scene::{Node, Scene, TestClient};

#[tokio::test]
async fn concurrent_callers_share_requests_and_each_gets_its_own_answer() {
    let scene = Scene::new(1).await;
    let ledger = &scene.nodes[0].ledger;
    ledger.hold.store(true, Ordering::Relaxed);
    // These fill what may be in flight; the rest has to wait, and so comes together.
    let mut callers = Vec::new();
    for n in 0..limits::IN_FLIGHT {
        callers.push(scene.applying(vec![command("e", &format!("a{n}"))]));
        ledger.arrived(1).await;
    }
    callers.extend((0..300).map(|n| scene.applying(vec![command("e", &format!("b{n}")), command("e", "sold")])));
    ledger.hold.store(false, Ordering::Relaxed);
    ledger.let_through.add_permits(1_000);
    let mut versions = std::collections::HashSet::new();
    for (n, caller) in callers.into_iter().enumerate() {
        let answers = caller.await.unwrap();
        assert!(versions.insert(answers[0].as_ref().unwrap().version), "an answer for each");
        if n >= limits::IN_FLIGHT {
            assert_eq!(answers[1], Err(Rejection::SoldOut(vec![])));
        }
    }
    let calls = ledger.calls.lock().unwrap();
    assert!(calls.len() < 60, "{} requests for 308 callers", calls.len());
    assert!(calls.iter().all(|call| call.len() <= limits::COMMANDS));
    assert!(calls.iter().any(|call| call.len() > 100));
}

#[tokio::test]
async fn commands_of_one_call_stay_together_and_in_order() {
    let scene = Scene::new(1).await;
    let callers: Vec<_> = (0..200)
        .map(|n| scene.applying((0..5).map(|step| command(&format!("e{}", n % 3), &format!("{n}-{step}"))).collect()))
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap().iter().all(Result::is_ok));
    }
    for n in 0..200 {
        let calls = scene.nodes[0].ledger.calls.lock().unwrap();
        let prefix = format!("{n}-");
        let steps: Vec<Vec<_>> =
            calls.iter().map(|call| call.iter().filter(|key| key.starts_with(&prefix)).cloned().collect()).collect();
        let steps: Vec<_> = steps.into_iter().filter(|steps: &Vec<String>| !steps.is_empty()).collect();
        assert_eq!(steps, [(0..5).map(|step| format!("{n}-{step}")).collect::<Vec<_>>()]);
    }
    // And one after the other, where somebody waits.
    for n in 0..20 {
        scene.apply("e", &format!("then{n}")).await.unwrap();
    }
    let keys = scene.nodes[0].ledger.keys();
    assert_eq!(keys[keys.len() - 20..], (0..20).map(|n| format!("then{n}")).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_slow_event_holds_up_no_other() {
    let scene = Scene::new(1).await;
    let slow = scene.applying(vec![command("slow", "s0"), command("quick", "q0")]);
    let many: Vec<_> = (1..=limits::IN_FLIGHT * 2).map(|n| scene.applying(vec![command("slow", &format!("s{n}"))])).collect();
    scene.nodes[0].ledger.arrived(2).await;
    for n in 1..20 {
        assert!(scene.apply("quick", &format!("q{n}")).await.is_ok());
    }
    assert!(!slow.is_finished());
    scene.nodes[0].ledger.let_through.add_permits(1_000);
    assert!(slow.await.unwrap().iter().all(Result::is_ok));
    for caller in many {
        assert!(caller.await.unwrap()[0].is_ok());
    }
}

#[tokio::test]
async fn a_full_queue_refuses_at_once() {
    let scene = Scene::new(1).await;
    let ledger = &scene.nodes[0].ledger;
    ledger.hold.store(true, Ordering::Relaxed);
    let most = limits::QUEUE / limits::COMMANDS + limits::IN_FLIGHT_MOST + 1;
    let mut waiting = Vec::new();
    let refused = loop {
        assert!(waiting.len() <= most, "somewhere it has to end");
        let n = waiting.len();
        let mut asked = scene.edge.region.apply((0..limits::COMMANDS).map(|c| command("e", &format!("{n}-{c}"))).collect());
        // It is known at once.
        match futures::poll!(&mut asked) {
            std::task::Poll::Ready(answers) => break answers,
            std::task::Poll::Pending => waiting.push(asked),
        }
    };
    assert!(refused.iter().all(|answer| matches!(answer, Err(Rejection::Unavailable(_)))));
    ledger.hold.store(false, Ordering::Relaxed);
    ledger.let_through.add_permits(10_000);
    let asked = waiting.len() * limits::COMMANDS;
    for answers in futures::future::join_all(waiting).await {
        assert!(answers.iter().all(Result::is_ok));
    }
    assert_eq!(scene.database.effects(), asked);
}

#[tokio::test]
async fn commands_past_their_deadline_are_not_sent() {
    let scene = Scene::new(1).await;
    let late = Command { deadline: edge::now() - 1, ..command("e", "late") };
    let answers = scene.edge.region.apply(vec![late, command("e", "in time")]).await;
    assert!(matches!(answers[..], [Err(Rejection::Unavailable(_)), Ok(_)]), "{answers:?}");
    assert_eq!(scene.nodes[0].ledger.keys(), ["in time"]);
}

#[tokio::test]
async fn only_unsendable_commands_are_refused() {
    let scene = Scene::new(1).await;
    let long = "k".repeat(limits::COMMAND_BYTES);
    let answers = scene.edge.region.apply(vec![command("e", &long), command("e", "good")]).await;
    assert!(matches!(answers[..], [Err(Rejection::Invalid(_)), Ok(_)]));
    let many = (0..=limits::COMMANDS).map(|n| command("e", &n.to_string())).collect();
    assert!(scene.edge.region.apply(many).await.iter().all(|answer| matches!(answer, Err(Rejection::Invalid(_)))));
    assert!(scene.edge.region.apply(vec![]).await.is_empty());
}

#[tokio::test]
async fn only_peers_may_have_commands_decided_here() {
    let scene = Scene::new(2).await;
    let [first, second] = &scene.nodes[..] else { panic!() };
    let ask = async |tls: &str, node: &Node| {
        let asker = TestClient::new(scene.folder.tls(tls), "eu", vec![node.address()], Route::Decide);
        asker.until(&node.name, |state| state == BreakerState::Closed).await;
        asker.region.apply(vec![command("e", "k")]).await.remove(0)
    };
    assert!(ask(&second.name, first).await.is_ok());
    assert_eq!((first.decide.keys(), first.ledger.keys()), (vec!["k".to_owned()], vec![]));
    for stranger in ["edge-0", "us-1"] {
        assert!(matches!(ask(stranger, first).await, Err(Rejection::Unavailable(_))), "{stranger}");
    }
    assert_eq!(first.decide.keys().len(), 1);
    // A peer's refusal is the answer: who asks a peer knows better than to ask another.
    first.decide.busy.store(true, Ordering::Relaxed);
    assert_eq!(ask(&second.name, first).await, Err(Rejection::Unavailable(1)));
    assert_eq!(first.decide.keys().len(), 2);
}
