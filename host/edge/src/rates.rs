//! How often somebody may ask: the generic cell rate algorithm (GCRA, ITU-T I.371).
//!
//! Of whoever is counted one instant is kept, the theoretical arrival time: when as many requests as were let through would have come, had they come
//! at the permitted rate. A request moves it on by one interval, and is refused where that puts it further ahead of now than a burst may be. So
//! nothing has to be counted down, and what is forgotten is what has not asked for a while.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::limits;
use crate::recent::Recent;

/// A rate, and how far above it somebody may be for a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quota {
    /// Requests a minute, on and on.
    pub per_minute: u32,
    /// Requests at once, after a pause.
    pub burst: u32,
}

/// What is permitted to whom. A request counts against each that it is one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Rates {
    /// To an address, whatever it asks. Many people may share one.
    pub address: Quota,
    /// To a user, from wherever.
    pub user: Quota,
    /// To an address, at what a password or a secret can be guessed (`attempts` in the manifest).
    pub attempts: Quota,
    /// To everybody behind one edge together, at the same: an edge that was stolen may give any address for its client's.
    pub edge_attempts: Quota,
}

impl Default for Rates {
    fn default() -> Self {
        Self {
            address: limits::ADDRESS_RATE,
            user: limits::USER_RATE,
            attempts: limits::ATTEMPTS_RATE,
            edge_attempts: limits::EDGE_ATTEMPTS_RATE,
        }
    }
}

/// Who or what is counted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Counted {
    /// An address: see [`network`].
    Address(IpAddr),
    /// A user's id.
    User(Box<str>),
    /// An address, at what can be guessed.
    Attempts(IpAddr),
    /// An edge, by its name, at what can be guessed.
    EdgeAttempts(Box<str>),
}

impl Counted {
    /// Which of the rates it is: a closed set, for metrics.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Address(_) => "address",
            Self::User(_) => "user",
            Self::Attempts(_) => "attempts",
            Self::EdgeAttempts(_) => "edge-attempts",
        }
    }
}

impl fmt::Display for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Address(address) | Self::Attempts(address) => write!(f, "{kind}:{address}"),
            Self::User(id) | Self::EdgeAttempts(id) => write!(f, "{kind}:{id}"),
        }
    }
}

/// Whom an address stands for: of IPv6 a client has a whole /64. None: this machine itself, which nobody counts: what comes from here is its owner's, or
/// a proxy's that was not named as one, behind which everybody would share one rate.
#[must_use]
pub fn network(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into()),
        address => Some(address),
    }
}

impl Quota {
    /// Least time between two requests, on and on.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_secs(60) / self.per_minute.max(1)
    }

    /// How far ahead of now the arrival time may be.
    #[must_use]
    pub fn room(self) -> Duration {
        self.interval() * self.burst.max(1)
    }
}

impl Rates {
    /// What is permitted to this one.
    #[must_use]
    pub const fn of(&self, counted: &Counted) -> Quota {
        match counted {
            Counted::Address(_) => self.address,
            Counted::User(_) => self.user,
            Counted::Attempts(_) => self.attempts,
            Counted::EdgeAttempts(_) => self.edge_attempts,
        }
    }

    /// What is wrong with them, if anything.
    ///
    /// # Errors
    /// The name of a rate, and what it may be.
    pub fn check(&self) -> Result<(), String> {
        for (name, quota) in
            [("address", self.address), ("user", self.user), ("attempts", self.attempts), ("edge_attempts", self.edge_attempts)]
        {
            if !limits::PER_MINUTE.contains(&quota.per_minute) || !limits::BURST.contains(&quota.burst) {
                let (minute, burst) = (limits::PER_MINUTE, limits::BURST);
                return Err(format!(
                    "rates.{name}: per_minute is {} to {}, burst {} to {}",
                    minute.start(),
                    minute.end(),
                    burst.start(),
                    burst.end()
                ));
            }
        }
        Ok(())
    }
}

/// What this node has counted, by itself.
#[derive(Debug)]
pub struct Counters {
    began: Instant,
    arrivals: Mutex<Recent<Counted, Duration>>,
}

impl Default for Counters {
    fn default() -> Self {
        Self { began: Instant::now(), arrivals: Mutex::new(Recent::new(limits::COUNTED)) }
    }
}

impl Counters {
    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many; how long to wait.
    pub fn take(&self, counted: Counted, quota: Quota) -> Result<(), Duration> {
        self.take_at(counted, quota, self.began.elapsed())
    }

    fn take_at(&self, counted: Counted, quota: Quota, now: Duration) -> Result<(), Duration> {
        let mut arrivals = self.arrivals.lock().unwrap_or_else(PoisonError::into_inner);
        let due = arrivals.get(&counted).map_or(now, |arrival| *arrival).max(now);
        let next = due + quota.interval();
        match next.checked_sub(now + quota.room()) {
            Some(wait) if !wait.is_zero() => Err(wait),
            _ => {
                arrivals.put(counted, next);
                Ok(())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUOTA: Quota = Quota { per_minute: 60, burst: 3 };

    fn somebody() -> Counted {
        Counted::User("eu_u".into())
    }

    #[test]
    fn a_burst_and_then_the_rate() {
        let counters = Counters::default();
        let at = |milliseconds| counters.take_at(somebody(), QUOTA, Duration::from_millis(milliseconds));
        assert_eq!([at(0), at(0), at(0)], [Ok(()); 3]);
        assert_eq!(at(0), Err(Duration::from_secs(1)));
        assert_eq!(at(400), Err(Duration::from_millis(600)));
        assert_eq!(at(1_000), Ok(()));
        assert_eq!(at(1_999), Err(Duration::from_millis(1)));
        // After a pause there is a burst again, and no more than one.
        assert_eq!([at(60_000), at(60_000), at(60_000)], [Ok(()); 3]);
        assert!(at(60_000).is_err());
    }

    #[test]
    fn everybody_has_their_own() {
        let counters = Counters::default();
        let address: IpAddr = [192, 0, 2, 1].into();
        for counted in [
            somebody(),
            Counted::User("eu_v".into()),
            Counted::Address(address),
            Counted::Attempts(address),
            Counted::EdgeAttempts("eu_u".into()),
        ] {
            for _ in 0..3 {
                assert_eq!(counters.take_at(counted.clone(), QUOTA, Duration::ZERO), Ok(()));
            }
            assert!(counters.take_at(counted, QUOTA, Duration::ZERO).is_err());
        }
    }

    #[test]
    fn a_client_is_its_network() {
        let of = |text: &str| network(text.parse().unwrap()).map(|address| address.to_string());
        assert_eq!(of("192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(of("::ffff:192.0.2.7").as_deref(), Some("192.0.2.7"));
        assert_eq!(of("2001:db8:1:2:3:4:5:6").as_deref(), Some("2001:db8:1:2::"));
        assert_eq!([of("127.0.0.1"), of("::1"), of("::ffff:127.0.0.9")], [None, None, None]);
    }

    #[test]
    fn nonsense_is_named() {
        assert_eq!(Rates::default().check(), Ok(()));
        let rates = Rates { user: Quota { per_minute: 0, burst: 1 }, ..Rates::default() };
        assert!(rates.check().unwrap_err().starts_with("rates.user"));
        let rates = Rates { attempts: Quota { per_minute: 1, burst: 0 }, ..Rates::default() };
        assert!(rates.check().unwrap_err().starts_with("rates.attempts"));
    }

    proptest! {
        /// Whenever they come, and however often they are refused: no more than the burst and the rate permit, and who waits as told gets in.
        #[test]
        fn never_more_than_the_rate(pauses in proptest::collection::vec(0_u64..3_000, 1..200), per_minute in 1_u32..6_000, burst in 1_u32..20) {
            let (counters, quota) = (Counters::default(), Quota { per_minute, burst });
            let (mut now, mut taken) = (Duration::ZERO, 0_u32);
            for pause in pauses {
                now += Duration::from_millis(pause);
                if let Err(wait) = counters.take_at(somebody(), quota, now) {
                    now += wait;
                    prop_assert!(counters.take_at(somebody(), quota, now).is_ok());
                }
                taken += 1;
                prop_assert!(quota.interval() * taken <= now + quota.room());
            }
        }
    }
}
