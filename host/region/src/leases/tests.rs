use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::decide::{Lease, NodeIntent, Plan, RUNNER, View, decide};
use super::store::{Store, partition};
use crate::database::microseconds;
use crate::limits;
use crate::testing::databases;

const LEASE: i64 = 2_000_000;

fn lease(name: &str, owner: &str, expires_at: i64) -> Lease {
    Lease { name: name.to_owned(), owner: owner.to_owned(), address: owner.to_owned(), epoch: 7, expires_at }
}

/// At time 10: partitions by owner, those of nobody free; and the runner's.
fn view(owners: &[&str], runner: &str, nodes: &[&str]) -> View {
    let leases = owners.iter().enumerate().map(|(number, owner)| lease(&partition(number), owner, 20));
    View {
        now: 10,
        leases: leases.chain([lease(RUNNER, runner, 20)]).collect(),
        nodes: nodes.iter().map(|&node| node.to_owned()).collect(),
    }
}

fn decided(me: &str, view: &View) -> Plan {
    decide(me, view, NodeIntent::Member, &BTreeSet::new(), &BTreeSet::new())
}

fn claims(plan: &Plan) -> BTreeSet<&str> {
    plan.claim.iter().map(|(name, _)| name.as_str()).collect()
}

#[test]
fn the_only_node_takes_everything() {
    // Its own row may not be there yet.
    for nodes in [&["a"][..], &[]] {
        let view = view(&["", "", ""], "", nodes);
        assert_eq!(claims(&decided("a", &view)), ["partition-0", "partition-1", "partition-2", "runner"].into());
    }
}

#[test]
fn only_expired_leases_are_taken() {
    let mut view = view(&["b", "b"], "b", &["a"]);
    view.leases[0].expires_at = view.now;
    assert_eq!(decided("a", &view), Plan { claim: vec![(partition(0), 7)], give_up: vec![] });
}

#[test]
fn no_node_takes_more_than_its_share() {
    let all = view(&[""; 5], "b", &["a", "b"]);
    assert_eq!(decided("a", &all).claim.len(), 3);
    let some = view(&["a", "a", "a", "", ""], "b", &["a", "b"]);
    assert_eq!(decided("a", &some), Plan::default());
}

#[test]
fn a_node_gives_up_only_its_excess() {
    let all = view(&["a"; 5], "a", &["a", "b"]);
    assert_eq!(decided("a", &all).give_up, [partition(3), partition(4)], "and not the runner's");
    // Two are on their way already.
    let leaving = [partition(3), partition(4)].into();
    assert_eq!(decide("a", &all, NodeIntent::Member, &leaving, &BTreeSet::new()), Plan::default());
    // A node that is alone keeps all.
    assert_eq!(decided("a", &view(&["a"; 5], "a", &["a"])), Plan::default());
}

#[test]
fn a_leaving_node_gives_up_everything_and_takes_nothing() {
    let view = view(&["a", "", "b"], "a", &["b"]);
    let plan = decide("a", &view, NodeIntent::Leaving, &BTreeSet::new(), &BTreeSet::new());
    assert_eq!(plan, Plan { claim: vec![], give_up: vec![partition(0), RUNNER.to_owned()] });
}

/// The holder is stuck with it and does not take it again, and the other node has its share: so did a partition stand still until its batch ran out.
#[test]
fn what_nobody_else_takes_is_taken_beyond_the_share_and_exchanged() {
    let (nobody, stuck): (BTreeSet<String>, BTreeSet<String>) = (BTreeSet::new(), [partition(2)].into());
    let seen = view(&["a", "a", "", "b"], "b", &["a", "b"]);
    assert_eq!(decide("a", &seen, NodeIntent::Member, &nobody, &nobody), Plan::default(), "another may still take it");
    assert_eq!(decide("b", &seen, NodeIntent::Member, &stuck, &stuck).claim, []);
    assert_eq!(decide("a", &seen, NodeIntent::Member, &nobody, &stuck).claim, [(partition(2), 7)]);
    // It is kept, and another one goes to the node that has fewer now.
    let seen = view(&["a", "a", "a", "b"], "b", &["a", "b"]);
    assert_eq!(decide("a", &seen, NodeIntent::Member, &nobody, &stuck).give_up, [partition(1)]);
    let seen = view(&["a", "", "a", "b"], "b", &["a", "b"]);
    assert_eq!(decide("b", &seen, NodeIntent::Member, &stuck, &nobody).claim, [(partition(1), 7)]);
    // The last one as well, which is given up first otherwise.
    let seen = view(&["b", "a", "a", "a"], "b", &["a", "b"]);
    assert_eq!(decide("a", &seen, NodeIntent::Member, &nobody, &[partition(3)].into()).give_up, [partition(2)]);
}

/// A database and its nodes, each of which does one round at a time.
struct World {
    now: i64,
    leases: Vec<Lease>,
    /// When each node's word runs out.
    nodes: BTreeMap<String, i64>,
    /// Leases that were claimed.
    claimed: usize,
}

impl World {
    fn new(partitions: usize) -> Self {
        let leases = (0..partitions).map(partition).chain([RUNNER.to_owned()]).map(|name| lease(&name, "", 0)).collect();
        Self { now: 1, leases, nodes: BTreeMap::new(), claimed: 0 }
    }

    fn view(&self) -> View {
        let alive = self.nodes.iter().filter(|(_, until)| **until > self.now).map(|(name, _)| name.clone()).collect();
        View { now: self.now, leases: self.leases.clone(), nodes: alive }
    }

    /// Renews and looks, as the statements of a round do.
    fn look(&mut self, me: &str) -> View {
        self.nodes.insert(me.to_owned(), self.now + LEASE);
        for lease in &mut self.leases {
            if lease.owner == me {
                lease.expires_at = self.now + LEASE;
            }
        }
        self.view()
    }

    /// Does what was decided, perhaps long after the look that it was decided by. Returns how many claims succeeded.
    fn act(&mut self, me: &str, plan: &Plan) -> usize {
        let before = self.claimed;
        for (name, epoch) in &plan.claim {
            let now = self.now;
            let free = |lease: &&mut Lease| lease.name == *name && lease.epoch == *epoch && lease.expires_at <= now;
            if let Some(lease) = self.leases.iter_mut().find(free) {
                *lease = Lease { owner: me.to_owned(), epoch: epoch + 1, expires_at: now + LEASE, ..lease.clone() };
                self.claimed += 1;
            }
        }
        for lease in self.leases.iter_mut().filter(|lease| lease.owner == me && plan.give_up.contains(&lease.name)) {
            (lease.owner, lease.expires_at) = (String::new(), 0);
        }
        self.claimed - before
    }

    fn round(&mut self, me: &str) -> usize {
        let view = self.look(me);
        let plan = decided(me, &view);
        self.act(me, &plan)
    }

    fn led_by(&self, node: &str) -> usize {
        self.leases.iter().filter(|lease| lease.owner == node && lease.expires_at > self.now && lease.name != RUNNER).count()
    }

    /// Rounds of these nodes until nothing changes any more; returns how many claims that took. Fails where it does not end.
    fn settle(&mut self, nodes: &[String]) -> usize {
        let before = self.claimed;
        let mut quiet = 0;
        for _ in 0..60 {
            self.now += 500_000;
            let owners = |world: &Self| world.leases.iter().map(|lease| (lease.owner.clone(), lease.epoch)).collect::<Vec<_>>();
            let was = owners(self);
            for node in nodes {
                self.round(node);
            }
            quiet = if was == owners(self) { quiet + 1 } else { 0 };
            // Longer than any word of a node that is gone.
            if quiet * 500_000 > 2 * LEASE {
                return self.claimed - before;
            }
        }
        panic!("the nodes never agree: {:?}", self.leases);
    }

    fn is_fair(&self, nodes: &[String]) {
        let partitions = self.leases.len() - 1;
        let share = partitions.div_ceil(nodes.len());
        let led: Vec<_> = nodes.iter().map(|node| self.led_by(node)).collect();
        assert_eq!(led.iter().sum::<usize>(), partitions, "all are led: {led:?}");
        assert!(led.iter().all(|led| *led <= share), "{led:?}");
        let runner = self.leases.iter().find(|lease| lease.name == RUNNER).unwrap();
        assert!(nodes.contains(&runner.owner) && runner.expires_at > self.now);
    }
}

fn names(range: std::ops::Range<usize>) -> Vec<String> {
    range.map(|number| format!("node-{number}")).collect()
}

proptest! {
    #[test]
    fn leases_converge_to_fair_shares_and_then_stay(partitions in 1_usize..40, count in 1_usize..8) {
        let mut world = World::new(partitions);
        let nodes = names(0..count);
        world.settle(&nodes);
        world.is_fair(&nodes);
        prop_assert_eq!(world.settle(&nodes), 0);
    }

    #[test]
    fn leases_move_only_as_often_as_needed(partitions in 1_usize..40, count in 1_usize..8, more in 1_usize..4) {
        let mut world = World::new(partitions);
        let nodes = names(0..count);
        world.settle(&nodes);
        // Some join: what exceeds the new share moves, once.
        let all = names(0..count + more);
        let share = partitions.div_ceil(all.len());
        let must: usize = nodes.iter().map(|node| world.led_by(node).saturating_sub(share)).sum();
        prop_assert_eq!(world.settle(&all), must);
        world.is_fair(&all);
        // One is killed: what it led moves, and nothing else.
        let dead = all.last().unwrap();
        let orphans = world.leases.iter().filter(|lease| lease.owner == *dead).count();
        let survivors = &all[..all.len() - 1];
        prop_assert_eq!(world.settle(survivors), orphans);
        world.is_fair(survivors);
    }

    /// Nodes stall between reading and acting: no epoch of a lease is claimed twice, and no lease before it has expired.
    #[test]
    fn one_node_wins_a_contested_lease(steps in prop::collection::vec((0_usize..5, any::<bool>(), 0_i64..1_500_000), 1..200)) {
        let mut world = World::new(6);
        let nodes = names(0..5);
        let mut plans: Vec<Option<Plan>> = vec![None; nodes.len()];
        let mut won = BTreeSet::new();
        for (node, acts, passes) in steps {
            world.now += passes;
            if !acts {
                let view = world.look(&nodes[node]);
                plans[node] = Some(decided(&nodes[node], &view));
            } else if let Some(plan) = plans[node].take() {
                let before = world.leases.clone();
                world.act(&nodes[node], &plan);
                for (was, is) in before.iter().zip(&world.leases).filter(|(was, is)| was.epoch != is.epoch) {
                    prop_assert!(was.expires_at <= world.now);
                    prop_assert!(won.insert((is.name.clone(), is.epoch)));
                }
            }
        }
        world.settle(&nodes);
        world.is_fair(&nodes);
    }
}

#[tokio::test]
async fn the_database_confirms_the_decision() {
    for scratch in databases(true).await {
        let store = |name: &str| Store::new(scratch.database.clone(), name.to_owned(), format!("{name}:1"));
        let (a, b) = (store("a"), store("b"));
        assert_eq!(a.create(3).await.unwrap(), 3);
        assert_eq!(b.create(5).await.unwrap(), 3, "the first one's number counts");
        a.join(limits::LEASE).await.unwrap();
        b.join(limits::LEASE).await.unwrap();
        let seen = b.view().await.unwrap();
        assert_eq!(seen.nodes, ["a".to_owned(), "b".to_owned()].into());
        assert_eq!(seen.leases.len(), 4);

        // Both have seen it free; one gets it.
        assert_eq!(a.claim("partition-1", 0, limits::LEASE).await.unwrap(), Some(1));
        assert_eq!(b.claim("partition-1", 0, limits::LEASE).await.unwrap(), None);
        let seen = b.view().await.unwrap();
        let lease = seen.leases.iter().find(|lease| lease.name == "partition-1").unwrap();
        assert_eq!((lease.owner.as_str(), lease.address.as_str(), lease.epoch), ("a", "a:1", 1));
        assert_eq!(seen.holder(lease).as_deref(), Some("a"));
        let left = lease.expires_at - seen.now;
        assert!((1..=microseconds(limits::LEASE)).contains(&left), "{left}");
        // Who knows the epoch still does not get what has not run out.
        assert_eq!(b.claim("partition-1", 1, limits::LEASE).await.unwrap(), None);

        assert_eq!(a.renew(limits::LEASE).await.unwrap(), [("partition-1".to_owned(), 1)]);
        assert_eq!(b.renew(limits::LEASE).await.unwrap(), []);
        b.give_up("partition-1").await.unwrap();
        assert_eq!(a.renew(limits::LEASE).await.unwrap().len(), 1, "nobody gives up what is another's");
        a.give_up("partition-1").await.unwrap();
        assert_eq!(a.renew(limits::LEASE).await.unwrap(), [], "given up is given up");
        assert_eq!(b.claim("partition-1", 1, limits::LEASE).await.unwrap(), Some(2));
        a.leave().await.unwrap();
        assert_eq!(b.view().await.unwrap().nodes, ["b".to_owned()].into());
    }
}
