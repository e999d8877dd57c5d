//! What was used lately, and no more than that.

use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;

/// Two generations: what is used moves to the young one, and a full young one becomes the old one. So what is used stays, and nothing has
/// to be looked for to be thrown away.
#[derive(Debug)]
pub(crate) struct Recent<K, V> {
    /// Each value with its weight.
    young: HashMap<K, (V, usize)>,
    old: HashMap<K, (V, usize)>,
    /// Of the young ones together, and the most.
    weight: usize,
    most: usize,
}

impl<K: Eq + Hash, V> Recent<K, V> {
    /// Nothing yet, and never more weight than this in each generation.
    pub(crate) fn new(most: usize) -> Self {
        Self { young: HashMap::new(), old: HashMap::new(), weight: 0, most }
    }

    /// What is remembered under this key.
    pub(crate) fn get<Q: Eq + Hash + ?Sized>(&mut self, key: &Q) -> Option<&V>
    where
        K: Borrow<Q>,
    {
        if let Some((key, (value, weight))) = self.old.remove_entry(key) {
            self.put_weighing(key, value, weight);
        }
        self.young.get(key).map(|(value, _)| value)
    }

    /// Forgets all of which the key is not to be kept.
    pub(crate) fn retain(&mut self, mut keep: impl FnMut(&K) -> bool) {
        self.young.retain(|key, _| keep(key));
        self.old.retain(|key, _| keep(key));
        self.weight = self.young.values().map(|(_, weight)| weight).sum();
    }

    /// Remembers it, instead of what there was, with a weight of one.
    pub(crate) fn put(&mut self, key: K, value: V) {
        self.put_weighing(key, value, 1);
    }

    /// Remembers it, instead of what there was. What weighs more than all may is forgotten with the next one.
    pub(crate) fn put_weighing(&mut self, key: K, value: V, weight: usize) {
        self.weight -= self.young.remove(&key).map_or(0, |(_, weight)| weight);
        // An older value must not come back when this one is forgotten.
        self.old.remove(&key);
        if self.weight + weight > self.most {
            self.old = std::mem::take(&mut self.young);
            self.weight = 0;
        }
        self.weight += weight;
        self.young.insert(key, (value, weight));
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
    fn what_weighs_more_takes_the_place_of_more() {
        let mut recent = Recent::new(10);
        for n in 0..10 {
            recent.put(n, n);
        }
        recent.put_weighing(10, 10, 9);
        recent.put_weighing(10, 10, 8);
        recent.put_weighing(11, 11, 2);
        assert_eq!(recent.get(&10), Some(&10));
        assert_eq!(recent.get(&11), Some(&11));
        assert_eq!(recent.weight, 10);
        recent.put(12, 12);
        assert_eq!(recent.get(&0), None);
        assert_eq!(recent.weight, 1);
        // What is used comes back.
        assert_eq!(recent.get(&10), Some(&10));
        assert_eq!(recent.weight, 9);
    }

    #[test]
    fn what_is_not_retained_is_gone_from_both_generations() {
        let mut recent = Recent::new(10);
        for n in 0..15 {
            recent.put(n, n);
        }
        recent.retain(|n| n % 2 == 0);
        assert_eq!(recent.weight, recent.young.len());
        for (key, value) in [(3, None), (13, None), (4, Some(&4)), (14, Some(&14))] {
            assert_eq!(recent.get(&key), value);
        }
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
