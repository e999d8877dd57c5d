//! Limits per client of shared resources: connections, and requests in progress.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use crate::rates::Network;

/// Places of one kind: so many for all, and so many for each network.
#[derive(Debug)]
pub(crate) struct RequestSlots {
    most: u32,
    each: u32,
    taken: Mutex<SlotCounts>,
}

#[derive(Debug, Default)]
struct SlotCounts {
    all: u32,
    /// Only of those who have some.
    by_network: HashMap<Network, u32>,
}

/// Why there is no place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSlot {
    /// All are in use.
    ForAll,
    /// This client has as many as it may.
    ForOne,
}

/// A place that is taken, until it is dropped.
#[derive(Debug)]
pub(crate) struct RequestSlot {
    slots: Arc<RequestSlots>,
    networks: [Option<Network>; 2],
}

impl RequestSlots {
    /// `most` for all, `each` for one network.
    pub(crate) fn new(most: u32, each: u32) -> Arc<Self> {
        Arc::new(Self { most, each, taken: Mutex::default() })
    }

    /// A place for a client of these networks; one of none is only counted among all.
    pub(crate) fn take(self: &Arc<Self>, networks: [Option<Network>; 2]) -> Result<RequestSlot, NoSlot> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.all >= self.most {
            return Err(NoSlot::ForAll);
        }
        let has = |network: &Network| taken.by_network.get(network).copied().unwrap_or_default();
        if networks.iter().flatten().any(|network| has(network) >= self.each.saturating_mul(network.share())) {
            return Err(NoSlot::ForOne);
        }
        taken.all += 1;
        for network in networks.into_iter().flatten() {
            *taken.by_network.entry(network).or_default() += 1;
        }
        drop(taken);
        Ok(RequestSlot { slots: Arc::clone(self), networks })
    }

    /// Whether more than three quarters are taken.
    pub(crate) fn crowded(&self) -> bool {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner).all > self.most / 4 * 3
    }
}

impl Drop for RequestSlot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.all = taken.all.saturating_sub(1);
        for network in self.networks.into_iter().flatten() {
            if let Some(count) = taken.by_network.get_mut(&network) {
                *count -= 1;
                if *count == 0 {
                    taken.by_network.remove(&network);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::headers::Client;
    use crate::networks::Networks;
    use crate::rates::networks;

    fn of(address: &str) -> [Option<Network>; 2] {
        networks(Client::Known(address.parse().unwrap()), &Networks::loopback())
    }

    #[test]
    fn one_client_is_limited_and_others_are_still_served() {
        let slots = RequestSlots::new(10, 2);
        let one = [slots.take(of("192.0.2.1")).unwrap(), slots.take(of("192.0.2.1")).unwrap()];
        assert_eq!(slots.take(of("192.0.2.1")).unwrap_err(), NoSlot::ForOne);
        let other = slots.take(of("192.0.2.2")).unwrap();
        drop(one);
        let again = slots.take(of("192.0.2.1")).unwrap();
        // Clients on this machine have only the global limit.
        let own: Vec<_> = (0..8).map(|_| slots.take(of("127.0.0.1")).unwrap()).collect();
        assert!(slots.crowded());
        assert_eq!(slots.take(of("192.0.2.3")).unwrap_err(), NoSlot::ForAll);
        drop((own, other, again));
        assert!(slots.taken.lock().unwrap().by_network.is_empty() && !slots.crowded());
    }

    #[test]
    fn a_site_is_limited_across_its_networks() {
        let slots = RequestSlots::new(1_000, 1);
        let taken: Vec<_> = (0..1_000).filter_map(|n| slots.take(of(&format!("2001:db8:7:{n}::1"))).ok()).collect();
        assert!(taken.len() < 100, "{} places", taken.len());
        assert!(slots.take(of("2001:db8:8:1::1")).is_ok(), "another site");
        assert!(slots.take(of("2001:db8:7:1:2::1")).is_err(), "the same network");
    }
}
