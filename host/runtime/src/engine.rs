//! The one place where wasmtime is configured.

use crate::limits;
use std::io;
use std::sync::Arc;
use std::thread;
use wasmtime::{Config, Enabled, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig};

/// Where instances get their memory, tables and stacks from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Allocation {
    /// From a pool made at start, which holds this many component instances.
    Pool(u32),
    /// From the operating system, for each instance anew: slower, but needs no address space in advance.
    OnDemand,
}

/// Why there is no engine.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// wasmtime refuses the configuration or this machine.
    #[error("wasmtime cannot be set up on this machine: {0:#}")]
    Config(wasmtime::Error),
    /// The thread that advances the epoch could not be started.
    #[error("the epoch thread cannot be started: {0}")]
    Thread(#[from] io::Error),
}

/// A configured wasmtime engine, and the thread that advances its epoch for as long as the engine lives. Cheap to clone.
#[derive(Clone)]
pub struct Engine {
    inner: wasmtime::Engine,
    allocation: Allocation,
    fingerprint: Arc<str>,
}

impl Engine {
    /// An engine with the largest instance pool that this process' address space has room for.
    ///
    /// # Errors
    /// Where even the configuration without a pool is refused, or no thread can be started.
    pub fn new() -> Result<Self, EngineError> {
        for instances in limits::POOL_INSTANCES {
            match Self::with(Allocation::Pool(instances)) {
                Err(EngineError::Config(error)) => {
                    tracing::warn!(instances, error = format!("{error:#}"), "no room for this instance pool");
                }
                other => return other,
            }
        }
        tracing::warn!("instances are allocated on demand: raise the limit on address space (ulimit -v) for full speed");
        Self::with(Allocation::OnDemand)
    }

    /// An engine with this allocation and no other.
    ///
    /// # Errors
    /// As [`Engine::new`]; also where the pool does not fit.
    pub fn with(allocation: Allocation) -> Result<Self, EngineError> {
        let inner = wasmtime::Engine::new(&config(allocation)).map_err(EngineError::Config)?;
        let fingerprint = crate::cache::fingerprint(&inner).into();
        advance_epoch(inner.weak())?;
        Ok(Self { inner, allocation, fingerprint })
    }

    /// wasmtime's engine.
    #[must_use]
    pub fn wasmtime(&self) -> &wasmtime::Engine {
        &self.inner
    }

    /// Where instances come from.
    #[must_use]
    pub fn allocation(&self) -> Allocation {
        self.allocation
    }

    /// Names everything that compiled code depends on beside the component's bytes, in hexadecimal: code compiled under
    /// another fingerprint cannot be loaded here.
    #[must_use]
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("allocation", &self.allocation).finish_non_exhaustive()
    }
}

fn config(allocation: Allocation) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .wasm_component_model_async(true)
        // Time is bounded by epochs: cheaper than fuel, and what is bounded is time, not instructions.
        .epoch_interruption(true)
        .consume_fuel(false)
        // A new instance's memory is a mapping of the component's initial image: pages are copied when written.
        .memory_init_cow(true)
        .parallel_compilation(true);
    if let Allocation::Pool(instances) = allocation {
        let memories = instances.saturating_mul(limits::POOL_MEMORIES_PER_INSTANCE);
        let mut pool = PoolingAllocationConfig::new();
        pool.total_component_instances(instances)
            .total_core_instances(instances.saturating_mul(limits::POOL_CORE_INSTANCES_PER_COMPONENT))
            .max_core_instances_per_component(limits::POOL_CORE_INSTANCES_PER_COMPONENT)
            .total_memories(memories)
            .total_tables(instances.saturating_mul(limits::POOL_TABLES_PER_INSTANCE))
            .total_stacks(instances)
            .table_elements(limits::POOL_TABLE_ELEMENTS)
            .linear_memory_keep_resident(limits::POOL_KEEP_RESIDENT)
            .table_keep_resident(limits::POOL_KEEP_RESIDENT)
            // Newer Linux tells which pages were written, so that a slot is cleaned by copying just those.
            .pagemap_scan(Enabled::Auto);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
    }
    config
}

/// An OS thread and not a task: when every tokio thread is inside a guest, no task could interrupt them.
fn advance_epoch(engine: EngineWeak) -> io::Result<()> {
    thread::Builder::new().name("epoch".into()).spawn(move || {
        loop {
            thread::sleep(limits::EPOCH_TICK);
            match engine.upgrade() {
                Some(engine) => engine.increment_epoch(),
                None => break,
            }
        }
    })?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_engine_without_a_pool_takes_the_same_configuration() {
        let engine = Engine::with(Allocation::OnDemand).unwrap();
        assert_eq!(engine.allocation(), Allocation::OnDemand);
        assert_eq!(engine.fingerprint().len(), 64);
    }

    #[test]
    fn a_pool_that_fits_no_address_space_is_an_error_and_not_a_crash() {
        assert!(matches!(Engine::with(Allocation::Pool(400_000)), Err(EngineError::Config(_))));
    }
}
