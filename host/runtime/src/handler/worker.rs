//! What `ProxyHandler` asks us: for instances, and how long and for how many requests each may live.

use super::Ticket;
use super::lifecycle::Lifecycle;
use super::stats::Counters;
use crate::instance::{self, Template};
use crate::limits;
use capabilities::InstanceState;
use contracts::Failure;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};
use wasmtime::component::GuestTaskId;
use wasmtime::{Store, StoreContextMut};
use wasmtime_wasi_http::WasiHttpView as _;
use wasmtime_wasi_http::handler::{
    HandlerState, Instance, Proxy, ProxyPre, ShouldAccept, WorkerExpiration, WorkerState, WorkerStatus,
};

/// Makes a component's instances.
pub(super) struct InstanceFactory {
    pub(super) template: Arc<Template>,
    pub(super) pre: Arc<ProxyPre<InstanceState>>,
    /// Requests that share an instance at once, and that it answers in its life.
    pub(super) concurrency: usize,
    pub(super) reuse: usize,
    pub(super) counters: Arc<Counters>,
    /// Cancelled when no request can come any more.
    pub(super) retired: CancellationToken,
}

impl InstanceFactory {
    /// Whether instances are of WASI 0.2.
    pub(super) fn is_p2(&self) -> bool {
        matches!(*self.pre, ProxyPre::P2(_))
    }

    pub(super) async fn make(&self) -> wasmtime::Result<(Store<InstanceState>, Proxy)> {
        let mut store = self.template.store();
        let proxy = instance::bounded(self.pre.instantiate_async(&mut store)).await?;
        Ok((store, proxy))
    }
}

impl HandlerState for InstanceFactory {
    type StoreData = InstanceState;
    type WorkerExpiration = Expiration;
    type WorkerState = Worker;

    async fn instantiate(&self) -> wasmtime::Result<Instance<InstanceState, Expiration, Worker>> {
        let made = self.make().await;
        self.counters.made(made.is_ok());
        let (store, proxy) = made?;
        let lifecycle = Arc::new(Lifecycle::default());
        let expiration = Expiration {
            lifecycle: Arc::clone(&lifecycle),
            timeout: self.template.tool.timeout,
            alarm: Box::pin(tokio::time::sleep(limits::IDLE)),
            retired: Box::pin(self.retired.clone().cancelled_owned()),
        };
        let state = Worker {
            lifecycle,
            template: Arc::clone(&self.template),
            concurrency: self.concurrency,
            reuse: self.reuse,
            counters: Arc::clone(&self.counters),
            used_up: AtomicBool::new(false),
        };
        Ok(Instance { store, proxy, view: InstanceState::http, expiration, state })
    }
}

/// One instance's requests.
pub(super) struct Worker {
    lifecycle: Arc<Lifecycle>,
    template: Arc<Template>,
    concurrency: usize,
    reuse: usize,
    counters: Arc<Counters>,
    /// It takes no further request, because it has had as many as one may.
    used_up: AtomicBool,
}

impl WorkerState for Worker {
    type StoreData = InstanceState;
    type RequestData = Arc<Ticket>;

    fn should_accept_request(&self, concurrent: usize, total: usize) -> ShouldAccept {
        self.lifecycle.set_requests(concurrent);
        if total >= self.reuse {
            self.used_up.store(true, Ordering::Relaxed);
            ShouldAccept::Never
        } else if concurrent >= self.concurrency {
            ShouldAccept::No
        } else {
            ShouldAccept::Yes
        }
    }

    fn on_request_start(
        &self,
        _: StoreContextMut<'_, InstanceState>,
        ticket: Arc<Ticket>,
        _: GuestTaskId,
    ) -> Pin<Box<dyn Future<Output = ()> + 'static + Send + Sync>> {
        // A request enters one instance once.
        let _ = ticket.lifecycle.set(Arc::clone(&self.lifecycle));
        let deadline = tokio::time::sleep(self.template.tool.timeout);
        let lifecycle = Arc::clone(&self.lifecycle);
        Box::pin(async move {
            deadline.await;
            lifecycle.set_overdue();
            // Until here the request keeps its slot, even where its sender has gone: the guest works on it all the same.
            drop(ticket);
        })
    }

    fn drop(&self, store: Store<InstanceState>, result: wasmtime::Result<()>) {
        self.counters.ended();
        let Err(error) = result else {
            if self.used_up.load(Ordering::Relaxed) {
                self.template.counters.used_up();
            }
            return self.lifecycle.finish(Failure::Faulted("it returned without an answer".into()));
        };
        let failure = if self.lifecycle.expired() {
            Failure::TimedOut
        } else if store.data().memory_limit_hit() {
            Failure::OutOfMemory
        } else {
            Failure::Trapped(reason(&error))
        };
        self.template.counters.trapped();
        tracing::warn!(component = %self.template.name, cause = failure.label(), error = ?error, "an instance has ended");
        self.lifecycle.finish(failure);
    }
}

/// The trap itself, without the guest's stack.
pub(crate) fn reason(error: &wasmtime::Error) -> Arc<str> {
    match error.downcast_ref::<wasmtime::Trap>() {
        Some(trap) => trap.to_string().into(),
        None => error.root_cause().to_string().into(),
    }
}

/// When an instance must go, checked from outside its event loop: a busy guest blocks that.
pub(super) struct Expiration {
    lifecycle: Arc<Lifecycle>,
    timeout: Duration,
    /// Rings at the deadline that was next when it was set, or earlier.
    alarm: Pin<Box<Sleep>>,
    retired: Pin<Box<WaitForCancellationFutureOwned>>,
}

impl WorkerExpiration for Expiration {
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>, status: WorkerStatus, start: Instant) -> Poll<()> {
        let this = &mut *self;
        let limit = match status {
            WorkerStatus::Idle => {
                if this.retired.as_mut().poll(cx).is_ready() {
                    return Poll::Ready(());
                }
                limits::IDLE
            }
            // `start` is when the youngest request came: when its time is over, so is everybody's.
            WorkerStatus::Requests => this.timeout + limits::EXPIRY_GRACE,
            // The guest may continue with background work; it has as long again.
            WorkerStatus::PostReturn if this.lifecycle.overdue() => this.timeout,
            WorkerStatus::PostReturn => limits::POST_RETURN,
        };
        let deadline = tokio::time::Instant::from_std(start + limit);
        // Deadlines move with every request: the alarm is only set again where it would ring too late, or has rung.
        if this.alarm.deadline() > deadline {
            this.alarm.as_mut().reset(deadline);
        }
        loop {
            ready!(this.alarm.as_mut().poll(cx));
            if tokio::time::Instant::now() >= deadline {
                break;
            }
            this.alarm.as_mut().reset(deadline);
        }
        if status != WorkerStatus::Idle {
            this.lifecycle.expire();
        }
        Poll::Ready(())
    }
}
