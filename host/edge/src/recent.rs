//! What was used lately, and no more than that.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: what is used moves to the young one, and a full young one becomes the old one. So what is used stays, and nothing has
/// to be looked for to be thrown away.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    young: HashMap<K, V>,
    old: HashMap<K, V>,
    most: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Nothing yet, and never more than so many in each generation.
    pub(crate) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), most }
    }

    /// What is remembered under this key.
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if let Some((key, value)) = self.old.remove_entry(key) {
            self.put(key, value);
        }
        self.young.get(key)
    }

    /// Remembers it, instead of what there was.
    pub(crate) fn put(&mut self, key: K, value: V) {
        if self.young.len() >= self.most && !self.young.contains_key(&key) {
            self.old = std::mem::take(&mut self.young);
        }
        // An older value must not come back when this one is forgotten.
        self.old.remove(&key);
        self.young.insert(key, value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn used_entries_stay_and_the_size_is_bounded() {
        let mut recent = Recent::new(10);
        for n in 0..100 {
            recent.put(n, n);
            assert_eq!(recent.get(&0), Some(&0));
        }
        assert_eq!(recent.get(&1), None);
        assert!(recent.young.len() <= 10 && recent.old.len() <= 10);
    }

    #[test]
    fn the_newest_value_counts() {
        let mut recent = Recent::new(2);
        for (key, value) in [("a", 1), ("b", 1), ("c", 1), ("a", 2), ("d", 1), ("e", 1), ("f", 1)] {
            recent.put(key, value);
            assert_ne!((key, recent.get("a")), ("f", Some(&1)));
        }
    }
}
