//! How many requests or calls of one component are worked on, and how many may wait.

use crate::limits;
use contracts::Failure;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub(crate) struct Gate {
    capacity: usize,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
}

impl Gate {
    /// For so many instances, each with so many requests at once.
    pub(crate) fn new(instances: u32, concurrency: u32) -> Self {
        let capacity = concurrency.saturating_mul(instances).min(limits::IN_FLIGHT) as usize;
        Self { capacity, slots: Arc::new(Semaphore::new(capacity)), waiting: AtomicUsize::new(0) }
    }

    /// A slot, now or after a bounded wait in a bounded queue, first come first served.
    pub(crate) async fn enter(&self) -> Result<OwnedSemaphorePermit, Failure> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let place = QueueSlot::take(&self.waiting).ok_or(Failure::Overloaded)?;
        let slot = tokio::time::timeout(limits::WAIT, Arc::clone(&self.slots).acquire_owned()).await;
        drop(place);
        slot.ok().and_then(Result::ok).ok_or(Failure::Overloaded)
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.capacity.saturating_sub(self.slots.available_permits())
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }
}

/// A place in the queue, given back also by who stops waiting.
struct QueueSlot<'a>(&'a AtomicUsize);

impl<'a> QueueSlot<'a> {
    fn take(waiting: &'a AtomicUsize) -> Option<Self> {
        let place = Self(waiting);
        (waiting.fetch_add(1, Ordering::Relaxed) < limits::WAITING).then_some(place)
    }
}

impl Drop for QueueSlot<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    const INSTANCES: u32 = 32;

    #[tokio::test]
    async fn beyond_capacity_requests_wait_and_beyond_the_queue_they_are_refused() {
        let gate = Gate::new(INSTANCES, 1);
        let mut slots = Vec::new();
        for _ in 0..INSTANCES {
            slots.push(gate.enter().await.unwrap());
        }
        let mut waiting: Vec<_> = (0..limits::WAITING).map(|_| Box::pin(gate.enter())).collect();
        for wait in &mut waiting {
            assert!(wait.now_or_never().is_none());
        }
        assert_eq!((gate.in_flight(), gate.waiting()), (INSTANCES as usize, limits::WAITING));
        assert_eq!(gate.enter().now_or_never().unwrap().unwrap_err(), Failure::Overloaded, "the queue is full");

        slots.pop();
        let first = waiting.remove(0).await;
        assert!(first.is_ok(), "who has waited longest comes next");
        assert_eq!(waiting.remove(0).await.unwrap_err(), Failure::Overloaded, "nobody waits for ever");
        drop(waiting);
        assert_eq!(gate.waiting(), 0);
    }

    #[test]
    fn capacity_follows_concurrency_up_to_a_bound() {
        assert_eq!(Gate::new(INSTANCES, 1).capacity, INSTANCES as usize);
        assert_eq!(Gate::new(INSTANCES, 64).capacity, limits::IN_FLIGHT as usize);
    }
}
