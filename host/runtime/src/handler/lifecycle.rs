//! How an instance ended, told to the requests that were in it.
//!
//! `ProxyHandler` answers the requests of an instance that trapped, looped or ran out of memory all alike, and before it
//! has reported how the instance ended. Only [`WorkerState::drop`](wasmtime_wasi_http::handler::WorkerState::drop)
//! sees that. So each instance has a [`Lifecycle`]: requests are tied to it when they enter the instance, and those that lose
//! it wait there, for no longer than `drop` takes, to learn why.

use crate::limits;
use contracts::Failure;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use tokio::sync::Notify;

/// The failure of an instance, with the requests in it.
#[derive(Clone, Debug)]
pub(super) struct InstanceEnd {
    pub(super) failure: Failure,
    /// Whether more than one request was being worked on.
    pub(super) shared: bool,
}

/// One instance's life, as far as its requests are concerned.
#[derive(Default)]
pub(super) struct Lifecycle {
    /// Set from outside the instance, when it is ended for having taken too long.
    expired: AtomicBool,
    /// Set once a request in it has passed its deadline.
    overdue: AtomicBool,
    /// Requests in the instance when it was last asked whether it takes another.
    requests: AtomicUsize,
    end: OnceLock<InstanceEnd>,
    ended: Notify,
}

impl Lifecycle {
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
        let _ = self.end.set(InstanceEnd { failure, shared });
        self.ended.notify_waiters();
    }

    /// The end of an instance that has lost its requests.
    pub(super) async fn end(&self) -> InstanceEnd {
        let told = async {
            loop {
                let ended = self.ended.notified();
                if let Some(end) = self.end.get() {
                    return end.clone();
                }
                ended.await;
            }
        };
        let untold = || InstanceEnd { failure: Failure::Trapped("its worker ended without a word".into()), shared: false };
        tokio::time::timeout(limits::CAUSE, told).await.unwrap_or_else(|_| untold())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt as _;

    #[tokio::test]
    async fn the_end_of_an_instance_reaches_earlier_and_later_waiters() {
        let lifecycle = Lifecycle::default();
        lifecycle.set_requests(2);
        let mut before = Box::pin(lifecycle.end());
        assert!((&mut before).now_or_never().is_none());
        lifecycle.finish(Failure::OutOfMemory);
        for end in [before.await, lifecycle.end().await] {
            assert!(end.shared && end.failure == Failure::OutOfMemory);
        }
    }

    #[tokio::test]
    async fn waiters_get_an_error_when_the_worker_is_gone() {
        assert!(matches!(Lifecycle::default().end().await.failure, Failure::Trapped(_)));
    }
}
