//! What instances of one component are made from.

use crate::counters::Counters;
use crate::engine::Engine;
use crate::handler::reason;
use crate::limits;
use capabilities::{Bindings, InstanceState};
use contracts::Failure;
use manifest::{Component, Grants, Tool};
use std::future::poll_fn;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::Accessor;

/// Everything but the compiled code that goes into an instance: one for each component and role.
pub(crate) struct Template {
    pub(crate) name: Arc<str>,
    pub(crate) tool: Tool,
    engine: Engine,
    grants: Arc<Grants>,
    bindings: Bindings,
    pub(crate) counters: Arc<Counters>,
}

impl Template {
    pub(crate) fn new(component: &Component, engine: &Engine, bindings: &Bindings, counters: &Arc<Counters>) -> Self {
        Self {
            name: component.name.as_str().into(),
            tool: component.limits(),
            engine: engine.clone(),
            grants: Arc::new(component.grants.clone()),
            bindings: bindings.clone(),
            counters: Arc::clone(counters),
        }
    }

    /// A store whose guest gives its thread back at every tick of the epoch, and whose memory is bounded.
    pub(crate) fn store(&self) -> Store<InstanceState> {
        let state = InstanceState::new(&self.name, &self.grants, &self.bindings, self.tool.memory_bytes());
        let state = state.raising(Arc::clone(self.counters.memory()));
        let mut store = Store::new(self.engine.wasmtime(), state);
        store.limiter(InstanceState::limiter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }
}

/// Awaits the making of an instance, but not for ever: a start function may loop.
pub(crate) async fn bounded<T>(making: impl Future<Output = wasmtime::Result<T>>) -> wasmtime::Result<T> {
    match tokio::time::timeout(limits::INSTANTIATION, making).await {
        Ok(made) => made,
        Err(_) => Err(wasmtime::format_err!("not ready after {:?}", limits::INSTANTIATION)),
    }
}

/// Has an instance answer a call of its host's, within its component's time: what it answers, and why it is of no use any more, if so.
pub(crate) async fn call<T>(
    template: &Template,
    store: &mut Store<InstanceState>,
    ask: impl AsyncFnOnce(&Accessor<InstanceState>) -> wasmtime::Result<T>,
) -> (Option<T>, Option<Failure>) {
    let mut answer = None;
    let call = store.run_concurrent(async |accessor| {
        answer = Some(ask(accessor).await?);
        // What the guest still tidies up, nobody would drive any further before the next call.
        poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
        wasmtime::error::Ok(())
    });
    // Around the event loop and not inside it: a busy guest blocks that.
    let ended = tokio::time::timeout(template.tool.timeout, call).await;
    let failure = match ended {
        Ok(Ok(Ok(()))) => None,
        Ok(Ok(Err(error)) | Err(error)) => {
            tracing::warn!(component = %template.name, error = ?error, "an instance has ended");
            let out_of_memory = store.data().memory_limit_hit();
            Some(if out_of_memory { Failure::OutOfMemory } else { Failure::Trapped(reason(&error)) })
        }
        Err(_) => Some(Failure::TimedOut),
    };
    if failure.is_some() {
        template.counters.trapped();
    }
    (answer, failure)
}
