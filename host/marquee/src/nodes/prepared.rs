//! Releases that are ready, beside a change of the variables that they were loaded with.

use std::collections::BTreeMap;

use rollout::protocol::ReleaseId;

/// What is ready, by its release. To load one takes seconds, in which variables may be read again, and what is ready be forgotten.
#[derive(Debug)]
pub struct Prepared<T> {
    ready: BTreeMap<ReleaseId, T>,
    /// How often variables were read again.
    readings: u64,
}

impl<T> Default for Prepared<T> {
    fn default() -> Self {
        Self { ready: BTreeMap::new(), readings: 0 }
    }
}

impl<T: Clone> Prepared<T> {
    pub fn get(&self, id: ReleaseId) -> Option<&T> {
        self.ready.get(&id)
    }

    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.ready.values()
    }

    /// Which variables whoever loads something now will find, at least.
    pub const fn reading(&self) -> u64 {
        self.readings
    }

    /// Takes what was loaded since that reading, or says that there are newer variables: then it is to be loaded again.
    #[must_use]
    pub fn insert(&mut self, id: ReleaseId, ready: T, reading: u64) -> bool {
        let is_current = reading == self.readings;
        if is_current {
            self.ready.insert(id, ready);
        }
        is_current
    }

    /// Variables are read again: what was loaded with those before, and is to be loaded anew.
    pub fn read_again(&mut self) -> BTreeMap<ReleaseId, T> {
        self.readings += 1;
        self.ready.clone()
    }

    /// Has others in the place of what is still ready. What was forgotten meanwhile does not come back.
    pub fn replace<N>(&mut self, loaded: BTreeMap<ReleaseId, N>, with: impl Fn(&T, N) -> T) {
        for (id, next) in loaded {
            if let Some(known) = self.ready.get_mut(&id) {
                *known = with(known, next);
            }
        }
    }

    pub fn retain(&mut self, mut stays: impl FnMut(ReleaseId, &T) -> bool) {
        self.ready.retain(|id, ready| stays(*id, ready));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_loaded_with_variables_from_before_is_not_taken() {
        let mut prepared = Prepared::default();
        let (one, two) = (ReleaseId(1), ReleaseId(2));
        assert!(prepared.insert(one, "old", prepared.reading()));
        let loading = prepared.reading();
        assert_eq!(prepared.read_again(), [(one, "old")].into(), "the second was not ready then, so nobody loads it again");
        assert!(!prepared.insert(two, "old", loading));
        assert!(prepared.get(two).is_none());
        assert!(prepared.insert(two, "new", prepared.reading()));
    }

    #[test]
    fn what_was_forgotten_does_not_come_back() {
        let mut prepared = Prepared::default();
        let (one, two) = (ReleaseId(1), ReleaseId(2));
        assert!(prepared.insert(one, "old", 0) && prepared.insert(two, "old", 0));
        let loaded = prepared.read_again().into_keys().map(|id| (id, "new")).collect();
        prepared.retain(|id, _| id == one);
        prepared.replace(loaded, |_, new| new);
        assert_eq!((prepared.get(one), prepared.get(two)), (Some(&"new"), None));
    }
}
