//! What a ledger remembers between batches. All of it can be had from the database again: on any doubt it is dropped.

use crate::limits;
use ledger_core::{Changes, Holds, State};
use std::collections::BTreeMap;
use std::time::Duration;

/// An event at a version that this ledger made itself, by loading it or by a batch: no two ledgers ever remember the same version.
pub struct Event {
    pub state: State,
    pub holds: Holds,
}

enum Entry {
    Known(Box<Event>),
    /// It has more holds than are cached: not worth another try before then, by the host's clock.
    TooLarge(Duration),
}

/// Events, those used last.
#[derive(Default)]
pub struct Cache {
    /// With the number of their last use.
    events: BTreeMap<String, (Entry, u64)>,
    uses: u64,
}

/// What there is of an event.
pub enum CacheLookup<'a> {
    Hit(&'a mut Event),
    Miss,
    TooLarge,
}

impl Cache {
    pub fn get(&mut self, event: &str, elapsed: Duration) -> CacheLookup<'_> {
        self.uses += 1;
        match self.events.get_mut(event) {
            Some((Entry::Known(known), used)) => {
                *used = self.uses;
                CacheLookup::Hit(known)
            }
            Some((Entry::TooLarge(until), _)) if elapsed < *until => CacheLookup::TooLarge,
            Some(_) | None => CacheLookup::Miss,
        }
    }

    /// An event as it was loaded or opened.
    pub fn insert(&mut self, state: State, holds: Holds, elapsed: Duration) {
        let event = state.event.clone();
        let entry = if holds.len() > limits::HOLDS {
            Entry::TooLarge(elapsed + Duration::from_secs(limits::TOO_LARGE_SECONDS))
        } else {
            Entry::Known(Box::new(Event { state, holds }))
        };
        self.uses += 1;
        self.events.insert(event, (entry, self.uses));
        self.trim();
    }

    /// What a batch that is durable made of an event, at this time.
    pub fn fold(&mut self, state: State, changes: &Changes, now: i64, elapsed: Duration) {
        let known = match self.events.remove(&state.event) {
            Some((Entry::Known(known), _)) => {
                let (before, after) = (known.state.version, state.version);
                debug_assert!(before < after, "{} is written as version {after} over {before}", state.event);
                Some(known.holds)
            }
            _ => None,
        };
        // One that was opened by this batch had no holds before.
        let opened = changes.inventory.as_ref().is_some_and(|inventory| inventory.new);
        let Some(mut holds) = known.or_else(|| opened.then(|| Holds::new(now))) else { return };
        holds.apply(changes);
        self.insert(state, holds, elapsed);
    }

    pub fn forget(&mut self, event: &str) {
        self.events.remove(event);
    }

    /// Keeps to the bounds, at the cost of who was not used for longest. The one used last stays.
    fn trim(&mut self) {
        loop {
            let holds: usize = self.events.values().map(|(entry, _)| entry.holds()).sum();
            if self.events.len() <= 1 || (self.events.len() <= limits::EVENTS && holds <= limits::HOLDS) {
                return;
            }
            let oldest = self.events.iter().min_by_key(|(_, (_, used))| *used).map(|(event, _)| event.clone());
            let Some(oldest) = oldest else { return };
            self.events.remove(&oldest);
        }
    }
}

impl Entry {
    fn holds(&self) -> usize {
        match self {
            Self::Known(event) => event.holds.len(),
            Self::TooLarge(_) => 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ledger_core::{SaleStatus, Terms};

    fn state(event: &str) -> State {
        let terms = Terms {
            status: SaleStatus::Open,
            revision: 1,
            currency: "EUR".into(),
            sales_from: None,
            sales_until: None,
            refund_until: None,
        };
        State { event: event.to_owned(), version: 1, terms, lines: BTreeMap::new() }
    }

    fn holds(count: usize) -> Holds {
        let mut holds = Holds::new(0);
        (0..count).for_each(|number| holds.insert(&number.to_string(), ("p", None), 1, "t", 1));
        holds
    }

    fn known(cache: &mut Cache, event: &str) -> bool {
        matches!(cache.get(event, Duration::ZERO), CacheLookup::Hit(_))
    }

    #[test]
    fn the_least_recently_used_event_is_evicted_first() {
        let mut cache = Cache::default();
        for number in 0..limits::EVENTS {
            cache.insert(state(&number.to_string()), Holds::default(), Duration::ZERO);
        }
        assert!(known(&mut cache, "0"));
        cache.insert(state("new"), Holds::default(), Duration::ZERO);
        assert!(known(&mut cache, "0") && known(&mut cache, "new") && !known(&mut cache, "1"));
    }

    #[test]
    fn cached_holds_are_bounded_in_total_and_per_event() {
        let mut cache = Cache::default();
        cache.insert(state("a"), holds(limits::HOLDS / 2 + 1), Duration::ZERO);
        cache.insert(state("b"), holds(limits::HOLDS / 2), Duration::ZERO);
        assert!(!known(&mut cache, "a") && known(&mut cache, "b"));
        cache.insert(state("c"), holds(limits::HOLDS + 1), Duration::ZERO);
        assert!(matches!(cache.get("c", Duration::ZERO), CacheLookup::TooLarge));
        cache.forget("c");
        assert!(matches!(cache.get("c", Duration::ZERO), CacheLookup::Miss));
    }
}
