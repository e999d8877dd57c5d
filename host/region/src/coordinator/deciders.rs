//! The threads on which partitions decide.
//!
//! Deciding is a region's one serial part and must not wait for other work, so it has threads of its own, beside those that answer requests: as
//! many as there are cores, each for its part of the partitions. An idle partition is a future that is not polled.

use std::num::NonZero;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Decide;
use super::partition::Partition;

/// Starts every partition, each with a ledger of its own, until `end`; that is cancelled also where a thread panics, and its partitions with it.
pub(super) fn start<D: Decide>(partitions: Vec<Partition>, ledger: impl Fn() -> D, end: &CancellationToken) -> TaskTracker {
    #[cfg(test)]
    if let Some(process) = crate::simulation::process::current() {
        // A simulation has one thread, and decides itself what runs when.
        let tasks = TaskTracker::new();
        for partition in partitions {
            process.spawn(tasks.track_future(partition.run(ledger(), end.clone())));
        }
        tasks.close();
        return tasks;
    }
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(partitions.len()).max(1);
    let mut parts: Vec<Vec<(Partition, D)>> = (0..threads).map(|_| Vec::new()).collect();
    // Dealt out in turn, so that whichever few a node leads they are seldom all on one thread.
    for (partition, part) in partitions.into_iter().zip((0..threads).cycle()) {
        if let Some(part) = parts.get_mut(part) {
            part.push((partition, ledger()));
        }
    }
    let tasks = TaskTracker::new();
    for part in parts {
        let (here, end) = (Handle::current(), end.clone());
        tasks.spawn_blocking(move || {
            let _ended = end.clone().drop_guard();
            let loops: FuturesUnordered<_> =
                part.into_iter().map(|(partition, ledger)| partition.run(ledger, end.clone())).collect();
            here.block_on(loops.collect::<()>());
        });
    }
    tasks.close();
    tasks
}
