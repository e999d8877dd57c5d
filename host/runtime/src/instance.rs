//! What instances of one component are made from.

use crate::engine::Engine;
use crate::limits;
use capabilities::{Bindings, InstanceState};
use manifest::{Grants, Tool};
use std::sync::Arc;
use wasmtime::Store;

/// Everything but the compiled code that goes into an instance: one for each component and role.
pub(crate) struct Template {
    pub(crate) name: Arc<str>,
    pub(crate) tool: Tool,
    engine: Engine,
    grants: Arc<Grants>,
    bindings: Bindings,
}

impl Template {
    pub(crate) fn new(name: &str, tool: Tool, engine: &Engine, grants: Arc<Grants>, bindings: &Bindings) -> Self {
        Self { name: name.into(), tool, engine: engine.clone(), grants, bindings: bindings.clone() }
    }

    /// A store whose guest gives its thread back at every tick of the epoch, and whose memory is bounded.
    pub(crate) fn store(&self) -> Store<InstanceState> {
        let state = InstanceState::new(&self.name, &self.grants, &self.bindings, self.tool.memory_bytes());
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
