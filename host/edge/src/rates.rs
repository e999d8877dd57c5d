//! Rate limits: the generic cell rate algorithm (GCRA, ITU-T I.371).
//!
//! For each key one instant is stored, the theoretical arrival time (GCRA): when as many requests as were let through would have come, had they come
//! at the permitted rate. A request moves it on by one interval, and is refused where that puts it further ahead of now than a burst may be. So
//! nothing has to be counted down, and an instant that has passed says nothing: only such are ever forgotten. Where the table is full of others,
//! newcomers share what is left, so that no active count is evicted because many have come.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::headers::Client;
use crate::limits;
use crate::networks::Networks;

/// A rate and its burst.
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
    /// All clients behind one edge together, for guessable secrets: a stolen edge may forge client addresses.
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
pub enum RateKey {
    /// A client's network: see [`networks`].
    Address(Network),
    /// A user's id.
    User(Box<str>),
    /// A client's network, at what can be guessed.
    Attempts(Network),
    /// An edge, by its name, at what can be guessed.
    EdgeAttempts(Box<str>),
}

impl RateKey {
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

impl fmt::Display for RateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Address(address) | Self::Attempts(address) => write!(f, "{kind}:{address}"),
            Self::User(id) | Self::EdgeAttempts(id) => write!(f, "{kind}:{id}"),
        }
    }
}

/// The client that an address belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Network {
    /// An IPv4 address.
    Address(Ipv4Addr),
    /// The /64 of an IPv6 address: a client has a whole one.
    Subnet(Ipv6Addr),
    /// Its /48: a site has a whole one, and so may an attacker.
    Site(Ipv6Addr),
    /// All clients of unknown address.
    Unknown,
}

impl Network {
    /// How many times as much as one client it may have: a site is many people's.
    #[must_use]
    pub const fn share(&self) -> u32 {
        match self {
            Self::Site(_) => limits::SITE_SHARE,
            Self::Address(_) | Self::Subnet(_) | Self::Unknown => 1,
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => address.fmt(f),
            Self::Subnet(address) => address.fmt(f),
            Self::Site(address) => write!(f, "{address}/48"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// What a client counts as: of IPv6 its /64 and its /48. Nothing where it is one of those that are not counted: usually this machine's own addresses, because what
/// comes from here is its owner's.
#[must_use]
pub fn networks(client: Client, uncounted: &Networks) -> [Option<Network>; 2] {
    match client {
        Client::Unknown => [Some(Network::Unknown), None],
        Client::Known(address) if uncounted.contain(address) => [None, None],
        Client::Known(address) => match address.to_canonical() {
            IpAddr::V4(address) => [Some(Network::Address(address)), None],
            IpAddr::V6(address) => {
                let begin = |bits: u32| Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)));
                [Some(Network::Subnet(begin(64))), Some(Network::Site(begin(48)))]
            }
        },
    }
}

impl Quota {
    /// Least time between two requests, on and on.
    #[must_use]
    pub fn interval(self) -> Duration {
        Duration::from_secs(60) / self.per_minute.max(1)
    }

    /// So many times as much.
    #[must_use]
    pub const fn times(self, share: u32) -> Self {
        Self { per_minute: self.per_minute.saturating_mul(share), burst: self.burst.saturating_mul(share) }
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
    pub const fn of(&self, counted: &RateKey) -> Quota {
        match counted {
            RateKey::Address(network) => self.address.times(network.share()),
            RateKey::User(_) => self.user,
            RateKey::Attempts(network) => self.attempts.times(network.share()),
            RateKey::EdgeAttempts(_) => self.edge_attempts,
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
    /// One for each kind, so that many of one kind are in no other's way.
    tables: [Mutex<Table>; KINDS],
    hasher: RandomState,
    most: usize,
}

/// Kinds of what is counted.
const KINDS: usize = 3;

#[derive(Debug)]
struct Table {
    arrivals: HashMap<RateKey, Duration>,
    /// Shared by whom there is no room for, each by several.
    shared: Box<[Duration]>,
    /// When expired arrival times were last evicted.
    swept: Duration,
}

impl Default for Counters {
    fn default() -> Self {
        Self::with_room(limits::COUNTED)
    }
}

impl Counters {
    fn with_room(most: usize) -> Self {
        let table = || {
            let shared = vec![Duration::ZERO; limits::COUNTED_TOGETHER].into();
            Mutex::new(Table { arrivals: HashMap::new(), shared, swept: Duration::ZERO })
        };
        Self { began: Instant::now(), tables: [table(), table(), table()], hasher: RandomState::new(), most }
    }

    /// Counts a request.
    ///
    /// # Errors
    /// It is one too many; how long to wait.
    pub fn take(&self, counted: RateKey, quota: Quota) -> Result<(), Duration> {
        self.take_at(counted, quota, self.began.elapsed())
    }

    fn take_at(&self, counted: RateKey, quota: Quota, now: Duration) -> Result<(), Duration> {
        let [addresses, users, attempts] = &self.tables;
        let table = match counted {
            RateKey::Address(_) => addresses,
            RateKey::User(_) => users,
            // Edges are few, and their names come from certificates.
            RateKey::Attempts(_) | RateKey::EdgeAttempts(_) => attempts,
        };
        let mut table = table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(arrival) = table.arrivals.get_mut(&counted) {
            return step(arrival, quota, now);
        }
        if table.arrivals.len() >= self.most && now >= table.swept + limits::COUNTED_SWEEP {
            table.swept = now;
            table.arrivals.retain(|_, arrival| *arrival > now);
        }
        if table.arrivals.len() >= self.most {
            let place = self.hasher.hash_one(&counted) % u64::try_from(table.shared.len()).unwrap_or(1).max(1);
            let shared = usize::try_from(place).ok().and_then(|place| table.shared.get_mut(place));
            return shared.map_or(Ok(()), |arrival| step(arrival, quota, now));
        }
        let mut arrival = now;
        let counts = step(&mut arrival, quota, now);
        table.arrivals.insert(counted, arrival);
        counts
    }
}

/// Moves an arrival time on, where that is permitted.
pub(crate) fn step(arrival: &mut Duration, quota: Quota, now: Duration) -> Result<(), Duration> {
    let next = (*arrival).max(now) + quota.interval();
    match next.checked_sub(now + quota.room()) {
        Some(wait) if !wait.is_zero() => Err(wait),
        _ => {
            *arrival = next;
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const QUOTA: Quota = Quota { per_minute: 60, burst: 3 };

    fn somebody() -> RateKey {
        RateKey::User("eu_u".into())
    }

    #[test]
    fn a_burst_is_allowed_and_then_the_rate_holds() {
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
    fn clients_are_limited_separately() {
        let counters = Counters::default();
        let address = Network::Address([192, 0, 2, 1].into());
        for counted in [
            somebody(),
            RateKey::User("eu_v".into()),
            RateKey::Address(address),
            RateKey::Attempts(address),
            RateKey::EdgeAttempts("eu_u".into()),
        ] {
            for _ in 0..3 {
                assert_eq!(counters.take_at(counted.clone(), QUOTA, Duration::ZERO), Ok(()));
            }
            assert!(counters.take_at(counted, QUOTA, Duration::ZERO).is_err());
        }
    }

    #[test]
    fn a_client_is_its_network_and_its_site() {
        let uncounted = Networks::loopback();
        let of = |text: &str| networks(Client::Known(text.parse().unwrap()), &uncounted).map(|it| it.map(|it| it.to_string()));
        assert_eq!(of("192.0.2.7"), [Some("192.0.2.7".to_owned()), None]);
        assert_eq!(of("::ffff:192.0.2.7"), [Some("192.0.2.7".to_owned()), None]);
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), [Some("2001:db8:1:2::".to_owned()), Some("2001:db8:1::/48".to_owned())]);
        for own in ["127.0.0.1", "::1", "::ffff:127.0.0.9"] {
            assert_eq!(of(own), [None, None], "{own}");
        }
        assert_eq!(networks(Client::Unknown, &uncounted), [Some(Network::Unknown), None]);
        // Where nobody is spared, this machine is not either.
        assert!(networks(Client::Known("127.0.0.1".parse().unwrap()), &Networks::default())[0].is_some());
    }

    #[test]
    fn many_addresses_do_not_evict_active_counts() {
        let (counters, now) = (Counters::with_room(64), Duration::from_secs(9));
        let of = |n: u32| RateKey::Attempts(Network::Address(Ipv4Addr::from_bits(n)));
        for _ in 0..QUOTA.burst {
            counters.take_at(of(7), QUOTA, now).unwrap();
        }
        assert!(counters.take_at(of(7), QUOTA, now).is_err());
        for n in 1_000..101_000 {
            _ = counters.take_at(of(n), QUOTA, now);
        }
        assert!(counters.take_at(of(7), QUOTA, now).is_err(), "forgiven because many came");
        // Those for whom there was no room shared theirs, and nobody had a burst to themselves.
        let more = (1_000..101_000).filter(|n| counters.take_at(of(*n), QUOTA, now).is_ok()).count();
        assert!(more < 1_000, "{more} of 100000 again");
        // Other kinds are counted as before, and after the time so are all.
        assert!(counters.take_at(somebody(), QUOTA, now).is_ok());
        let later = now + Duration::from_secs(60);
        for n in 0..64 {
            assert!(counters.take_at(of(n), QUOTA, later).is_ok(), "{n}");
        }
    }

    #[test]
    fn a_site_has_a_higher_limit_than_one_client_and_less_than_its_networks_together() {
        let (rates, counters) = (Rates::default(), Counters::default());
        let mut let_through = 0;
        for n in 0..65_536_u128 {
            let address = Ipv6Addr::from_bits(0x2001_0db8_0007_u128 << 80 | n << 64 | 1);
            let both =
                networks(Client::Known(address.into()), &Networks::loopback()).into_iter().flatten().map(RateKey::Attempts);
            let all = both.map(|counted| counters.take_at(counted.clone(), rates.of(&counted), Duration::ZERO));
            let_through += u32::from(all.fold(true, |all, one| all & one.is_ok()));
        }
        assert_eq!(let_through, rates.attempts.burst * limits::SITE_SHARE);
    }

    #[test]
    fn invalid_rates_are_named() {
        assert_eq!(Rates::default().check(), Ok(()));
        let rates = Rates { user: Quota { per_minute: 0, burst: 1 }, ..Rates::default() };
        assert!(rates.check().unwrap_err().starts_with("rates.user"));
        let rates = Rates { attempts: Quota { per_minute: 1, burst: 0 }, ..Rates::default() };
        assert!(rates.check().unwrap_err().starts_with("rates.attempts"));
    }

    proptest! {
        /// Whenever they come, and however often they are refused: no more than the burst and the rate permit, and a client that waits as asked is let in.
        #[test]
        fn the_rate_is_never_exceeded(pauses in proptest::collection::vec(0_u64..3_000, 1..200), per_minute in 1_u32..6_000, burst in 1_u32..20) {
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
