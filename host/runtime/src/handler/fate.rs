//! How an instance ended, told to the requests that were in it.
//!
//! `ProxyHandler` answers the requests of an instance that trapped, looped or ran out of memory all alike, and before it
//! has said to anybody how the instance ended. Only [`WorkerState::drop`](wasmtime_wasi_http::handler::WorkerState::drop)
//! sees that. So each instance has a [`Fate`]: requests are tied to it when they enter the instance, and those that lose
//! it wait there, for no longer than `drop` takes, to learn why.

use crate::limits;
use contracts::Failure;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The end of an instance that took requests with it.
#[derive(Clone, Debug)]
pub(super) struct End {
    pub(super) failure: Failure,
    /// Whether more than one request was being worked on.
    pub(super) shared: bool,
}

/// One instance's life, as far as its requests are concerned.
#[derive(Default)]
pub(super) struct Fate {
    /// Set from outside the instance, when it is ended for having taken too long.
    expired: AtomicBool,
    /// Set once a request in it has passed its deadline.
    overdue: AtomicBool,
    /// Requests in the instance when it was last asked whether it takes another.
    requests: AtomicUsize,
    end: OnceLock<End>,
    ended: Notify,
}

impl Fate {
    pub(super) fn expire(&self) {
        self.expired.store(true, Ordering::Release);
    }

    pub(super) fn expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    pub(super) fn set_overdue(&self) {
        self.overdue.store(true, Ordering::Relaxed);
    }

    pub(super) fn overdue(&self) -> bool {
        self.overdue.load(Ordering::Relaxed)
    }

    pub(super) fn set_requests(&self, requests: usize) {
        self.requests.store(requests, Ordering::Relaxed);
    }

    pub(super) fn finish(&self, failure: Failure) {
        let shared = self.requests.load(Ordering::Relaxed) > 1;
        // An instance ends once.
        let _ = self.end.set(End { failure, shared });
        self.ended.notify_waiters();
    }

    /// The end of an instance that has lost its requests.
    pub(super) async fn end(&self) -> End {
        let told = async {
            loop {
                let ended = self.ended.notified();
                if let Some(end) = self.end.get() {
                    return end.clone();
                }
                ended.await;
            }
        };
        let untold = || End { failure: Failure::Trapped("its worker ended without a word".into()), shared: false };
        tokio::time::timeout(limits::CAUSE, told).await.unwrap_or_else(|_| untold())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn the_end_is_told_to_who_asks_before_and_after() {
        let fate = Fate::default();
        fate.set_requests(2);
        let mut before = Box::pin(fate.end());
        assert!((&mut before).now_or_never().is_none());
        fate.finish(Failure::OutOfMemory);
        for end in [before.await, fate.end().await] {
            assert!(end.shared && end.failure == Failure::OutOfMemory);
        }
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        assert!(matches!(Fate::default().end().await.failure, Failure::Trapped(_)));
    }
}
