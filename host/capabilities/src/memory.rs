//! The bound on an instance's memory, which remembers whether it was reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

use crate::limits;

/// Bounds the linear memories of one store, all together: a composed component has several.
pub(crate) struct MemoryLimiter {
    limit_bytes: usize,
    used_bytes: usize,
    last_growth: usize,
    hit: bool,
    /// The most that any of those that share this has had.
    peak: Option<Arc<AtomicU64>>,
}

impl MemoryLimiter {
    pub(crate) fn new(limit_bytes: usize) -> Self {
        Self { limit_bytes, used_bytes: 0, last_growth: 0, hit: false, peak: None }
    }

    pub(crate) fn raising(self, peak: Arc<AtomicU64>) -> Self {
        Self { peak: Some(peak), ..self }
    }

    pub(crate) fn hit(&self) -> bool {
        self.hit
    }

    pub(crate) fn used_bytes(&self) -> usize {
        self.used_bytes
    }
}

impl ResourceLimiter for MemoryLimiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        self.last_growth = 0;
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current);
        let wanted = self.used_bytes.saturating_add(growth);
        if wanted > self.limit_bytes {
            self.hit = true;
            return Ok(false);
        }
        self.used_bytes = wanted;
        self.last_growth = growth;
        if let Some(peak) = &self.peak {
            peak.fetch_max(wanted as u64, Ordering::Relaxed);
        }
        Ok(true)
    }

    fn memory_grow_failed(&mut self, _error: wasmtime::Error) -> wasmtime::Result<()> {
        self.used_bytes = self.used_bytes.saturating_sub(std::mem::take(&mut self.last_growth));
        Ok(())
    }

    fn table_growing(&mut self, _current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= limits::TABLE_ELEMENTS && maximum.is_none_or(|maximum| desired <= maximum))
    }

    fn instances(&self) -> usize {
        limits::STORE_ENTITIES
    }

    fn tables(&self) -> usize {
        limits::STORE_ENTITIES
    }

    fn memories(&self) -> usize {
        limits::STORE_ENTITIES
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_share_one_limit_and_reaching_it_is_recorded() {
        let mut limiter = MemoryLimiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert!(!limiter.hit());
        assert!(!limiter.memory_growing(40, 41, None).unwrap());
        assert!(limiter.hit());
        assert_eq!(limiter.used_bytes(), 100);
    }

    #[test]
    fn the_most_of_all_is_known() {
        let peak = Arc::new(AtomicU64::new(0));
        for bytes in [60, 90, 30] {
            let mut limiter = MemoryLimiter::new(100).raising(Arc::clone(&peak));
            assert!(limiter.memory_growing(0, bytes, None).unwrap() && !limiter.memory_growing(bytes, 200, None).unwrap());
        }
        assert_eq!(peak.load(Ordering::Relaxed), 90);
    }

    #[test]
    fn failed_growth_is_not_counted() {
        let mut limiter = MemoryLimiter::new(100);
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        limiter.memory_grow_failed(wasmtime::Error::msg("no address space")).unwrap();
        assert!(limiter.memory_growing(0, 100, None).unwrap());
        assert!(!limiter.memory_growing(0, 200, Some(150)).unwrap(), "beyond the module's own maximum");
        assert!(!limiter.hit());
    }
}
