//! A fleet's regions, as an edge has them: what it has of each, by name, and which one an id is of.

use std::sync::Arc;

/// Something of each region. Cheap to clone; the first is the nearest.
///
/// An id's first part names its home (`eu_…`). Where there is only one region every id is of it, whatever it says.
#[derive(Clone, Debug)]
pub struct Regions<T>(Arc<[(Arc<str>, T)]>);

impl<T> Regions<T> {
    /// Of these, the nearest first. Names that come again are ignored.
    #[must_use]
    pub fn new(regions: impl IntoIterator<Item = (Arc<str>, T)>) -> Self {
        let mut unique: Vec<(Arc<str>, T)> = Vec::new();
        for (name, of) in regions {
            if unique.iter().all(|(known, _)| *known != name) {
                unique.push((name, of));
            }
        }
        Self(unique.into())
    }

    /// Of the only one.
    #[must_use]
    pub fn one(name: &str, of: T) -> Self {
        Self::new([(name.into(), of)])
    }

    /// The nearest; none where there is none at all.
    #[must_use]
    pub fn nearest(&self) -> Option<&T> {
        self.0.first().map(|(_, of)| of)
    }

    /// By its name.
    #[must_use]
    pub fn named(&self, name: &str) -> Option<&T> {
        self.0.iter().find(|(known, _)| **known == *name).map(|(_, of)| of)
    }

    /// The home of what has this id; none where no region here is named so.
    #[must_use]
    pub fn of(&self, id: &str) -> Option<&T> {
        match &*self.0 {
            [(_, only)] => Some(only),
            _ => self.named(home(id)?),
        }
    }

    /// Whether what has this id is at home in the region of this name.
    #[must_use]
    pub fn is_of(&self, id: &str, name: &str) -> bool {
        self.0.len() == 1 || home(id) == Some(name)
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// All of them, the nearest first.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, &T)> {
        self.0.iter().map(|(name, of)| (name, of))
    }
}

/// The region that an id names.
pub(crate) fn home(id: &str) -> Option<&str> {
    id.split_once('_').map(|(region, _)| region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_name_their_region() {
        let regions = Regions::new([("eu".into(), 1), ("us".into(), 2), ("eu".into(), 3)]);
        for (id, of) in [("eu_1", Some(1)), ("us_1_x", Some(2)), ("ap_1", None), ("eu", None), ("", None), ("_1", None)] {
            assert_eq!(regions.of(id).copied(), of, "{id}");
        }
        assert_eq!((regions.len(), regions.nearest(), regions.named("us")), (2, Some(&1), Some(&2)));
        assert!(regions.is_of("eu_1", "eu") && !regions.is_of("eu_1", "us"));
    }

    #[test]
    fn a_single_region_gets_every_id() {
        let regions = Regions::one("eu", 1);
        assert_eq!((regions.of("us_1"), regions.of("nonsense")), (Some(&1), Some(&1)));
        assert!(regions.is_of("us_1", "eu"));
    }
}
