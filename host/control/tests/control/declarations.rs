//! What objects declare is begun once, by the instance that acts.

use control::{Control, Declaration};
use rollout::machine::Verb;
use test_support::until;

use crate::fleet_of_agents::Agent;
use crate::instances::{ADMIN, Ground};

const WHO: &str = "kubernetes:shops/shop";

fn declaration(generation: u64, version: u64) -> Declaration {
    Declaration {
        object: "uid-1".to_owned(),
        generation,
        want: format!("want {version}"),
        reference: format!("r.example/shop@sha256:{version:0>64}"),
        variables: [].into(),
        plan: "application = \"shop\"\ninterval = \"1s\"\n[[stages]]\nname = \"all\"\n[analysis]\nmin_requests = 0\n".to_owned(),
    }
}

async fn acting(one: &Control, two: &Control) -> (Control, Control) {
    until("one of them acts", async || match (one.acts(), two.acts()) {
        (true, false) => Some((one.clone(), two.clone())),
        (false, true) => Some((two.clone(), one.clone())),
        _ => None,
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_declaration_is_begun_once_and_by_the_instance_that_acts() {
    let mut ground = Ground::start(&[]).await;
    let (one, two) = (ground.launch("one").await, ground.launch("two").await);
    let (acts, other) = acting(&one, &two).await;
    let refusal = acts.declare(WHO, &declaration(1, 1)).await.unwrap_err();
    assert!(refusal.may_pass && refusal.reason.contains("No node"), "{refusal:?}");
    let _agent = Agent::edge(&ground, "edge-0");
    until("a node is known", async || (acts.fleet().await.unwrap().known == 1).then_some(())).await;

    let refusal = other.declare(WHO, &declaration(1, 1)).await.unwrap_err();
    assert!(refusal.may_pass && refusal.reason.contains("acts"), "{refusal:?}");
    let first = acts.declare(WHO, &declaration(1, 1)).await.unwrap();
    // Again, while it is under way and when it is over; an older word of the same object; and both at once, as where an instance died and came back.
    let again = acts.declare(WHO, &declaration(1, 1)).await.unwrap();
    assert_eq!(again, first);
    ground.until_state(first.release.0, "completed").await;
    assert_eq!(acts.declare(WHO, &declaration(1, 1)).await.unwrap().release, first.release);
    let (next, same) = (declaration(2, 2), declaration(2, 2));
    let (next, same) = tokio::join!(acts.declare(WHO, &next), acts.declare(WHO, &same));
    // One of them finds the other at it, or what that has begun.
    let begun = next.or(same).unwrap();
    assert_eq!(acts.declared("uid-1").await.unwrap(), Some(begun.clone()));
    ground.until_state(begun.release.0, "completed").await;
    acts.say(WHO, begun.release, Verb::Rollback, None).await.unwrap();
    ground.until_state(begun.release.0, "rolled-back").await;
    assert_eq!(acts.declare(WHO, &declaration(2, 2)).await.unwrap().release, begun.release, "what was taken back stays back");
    assert_eq!(acts.declare(WHO, &declaration(1, 3)).await.unwrap().release, begun.release, "an old word counts no more");
    // What nodes have already is there.
    assert_eq!(acts.declare(WHO, &declaration(3, 1)).await.unwrap().release, first.release);
    let history = ground.get("v1/rollouts").await;
    assert_eq!(history["rollouts"].as_array().unwrap().len(), 2);

    acts.note_paused("uid-1", 3, true).await.unwrap();
    assert!(other.declared("uid-1").await.unwrap().unwrap().paused);
    assert_eq!(other.declared("uid-2").await.unwrap(), None);
    let unknown = Declaration { reference: "r.example/shop:1".to_owned(), ..declaration(4, 4) };
    let refusal = acts.declare(WHO, &unknown).await.unwrap_err();
    assert!(!refusal.may_pass && refusal.reason.contains("digest"), "{refusal:?}");
    let log = ground.client(ADMIN).get("v1/audit?limit=200").await.unwrap().body;
    let deployed = log["entries"].as_array().unwrap().iter().filter(|entry| entry["who"] == WHO && entry["what"] == "deploy");
    assert_eq!(deployed.count(), 2);
}
