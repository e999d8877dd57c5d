//! `[component.NAME.tool.marquee]`: what only this host needs to know. The keys are explained on top of the root `spin.toml`.

use super::error::Fault;
use super::raw;
use crate::limits;
use std::time::Duration;

/// How this host runs a component.
#[derive(Clone, Debug)]
pub struct Tool {
    /// How many requests share an instance at once.
    pub concurrency: u32,
    /// How many instances work at once.
    pub instances: u32,
    /// After how many requests an instance is replaced.
    pub reuse: u32,
    /// The limit of an instance's memory, in MiB.
    pub memory_mib: u32,
    /// How long a request may take until its response begins.
    pub timeout: Duration,
}

impl Default for Tool {
    fn default() -> Self {
        Self {
            concurrency: limits::CONCURRENCY.1,
            instances: limits::INSTANCES.1,
            reuse: limits::REUSE.1,
            memory_mib: limits::MEMORY_MIB.1,
            timeout: Duration::from_millis(limits::TIMEOUT_MS.1.into()),
        }
    }
}

impl Tool {
    /// The limit of an instance's memory, in bytes.
    #[must_use]
    pub fn memory_bytes(&self) -> usize {
        usize::try_from(u64::from(self.memory_mib) << 20).unwrap_or(usize::MAX)
    }

    /// `at` is the table's own key.
    pub(super) fn check(raw: &raw::Tool, at: &str, faults: &mut Vec<Fault>) -> Self {
        let mut number = |key: &str, value: Option<u32>, (least, default, most): (u32, u32, u32)| {
            let value = value.unwrap_or(default);
            if !(least..=most).contains(&value) {
                let problem = format!("{value} is out of range");
                faults.push(Fault::new(format!("{at}.{key}"), problem, format!("choose {least} to {most}")));
            }
            value
        };
        Self {
            concurrency: number("concurrency", raw.concurrency, limits::CONCURRENCY),
            instances: number("instances", raw.instances, limits::INSTANCES),
            reuse: number("reuse", raw.reuse, limits::REUSE),
            memory_mib: number("memory_mib", raw.memory_mib, limits::MEMORY_MIB),
            timeout: Duration::from_millis(number("timeout_ms", raw.timeout_ms, limits::TIMEOUT_MS).into()),
        }
    }
}
