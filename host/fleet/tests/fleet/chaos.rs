//! Wires that break at random: what callers hear is true, whatever happened on the way.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use contracts::Ledger as _;
use vocabulary::booking::Rejection;

use crate::fakes::command;
use crate::scene::Scene;

const CALLERS: usize = 24;
const ROUNDS: usize = 40;

/// Xorshift: all that a schedule needs.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from(self.0 >> 40).unwrap() % bound
    }
}

/// `MARQUEE_TEST_SEED` replays a schedule; tasks still interleave as they will.
fn seed() -> u64 {
    let given = std::env::var("MARQUEE_TEST_SEED").ok().and_then(|text| text.parse().ok());
    given.unwrap_or_else(|| u64::try_from(edge::now()).unwrap() | 1)
}

#[tokio::test]
async fn accepted_commands_are_applied_and_unavailable_ones_are_not() {
    let seed = seed();
    println!("MARQUEE_TEST_SEED={seed}");
    let scene = Scene::new(2).await;
    let over = Arc::new(AtomicBool::new(false));
    let callers: Vec<_> = (0..CALLERS)
        .map(|caller| {
            let (region, over) = (scene.edge.region.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut heard = Vec::new();
                while !over.load(Ordering::Relaxed) {
                    let keys = [0, 1].map(|n| format!("{caller}-{}-{n}", heard.len()));
                    let commands = keys.iter().map(|key| command(&format!("e{}", caller % 5), key)).collect();
                    heard.extend(keys.into_iter().zip(region.apply(commands).await));
                }
                heard
            })
        })
        .collect();
    let mut random = Random(seed);
    for _ in 0..ROUNDS {
        let one = usize::try_from(random.below(2)).unwrap();
        let (bad, good) = (&scene.nodes[one], &scene.nodes[1 - one]);
        let calls = 1 + random.below(30);
        match random.below(4) {
            // Both go, and nobody is left.
            0 => {
                bad.wire.cut();
                good.wire.cut();
                while scene.edge.region.reachable() {
                    tokio::task::yield_now().await;
                }
                good.wire.mend();
            }
            // One is as busy as can be.
            1 => {
                bad.ledger.busy.store(true, Ordering::Relaxed);
                good.ledger.next(calls).await;
                bad.ledger.busy.store(false, Ordering::Relaxed);
            }
            // One goes, and the other goes on.
            _ => {
                bad.wire.cut();
                good.ledger.next(calls).await;
            }
        }
        bad.wire.mend();
        scene.edge.region.reset_breakers();
        while scene.edge.region.breakers().iter().any(|(_, state)| *state != telemetry::BreakerState::Closed) {
            tokio::task::yield_now().await;
        }
    }
    over.store(true, Ordering::Relaxed);
    let (mut accepted, mut open) = (0, 0);
    for caller in callers {
        for (key, answer) in caller.await.unwrap() {
            let done = scene.database.version(&key);
            match answer {
                Ok(receipt) => {
                    accepted += 1;
                    assert_eq!(done, Some(receipt.version), "{key}: accepted, and once");
                }
                Err(Rejection::Unavailable(_)) => assert_eq!(done, None, "{key}: certainly not done"),
                Err(Rejection::Unknown) => open += 1,
                Err(other) => panic!("{key}: {other:?}"),
            }
        }
    }
    assert!(accepted > ROUNDS && open < accepted, "{accepted} accepted, {open} open");
}
