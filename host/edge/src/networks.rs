//! Ranges of addresses, as CIDR writes them.

use std::net::{IpAddr, Ipv6Addr};

/// Ranges of IPv4 and IPv6 addresses. An IPv4 address counts as itself however it is written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Networks(Box<[Range]>);

/// IPv4 stands in `::ffff:0:0/96`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Range {
    base: u128,
    mask: u128,
}

/// What is no list of ranges.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address and no range: write 10.0.0.7, 10.0.0.0/8 or 2001:db8::/32, with commas between them")]
pub struct InvalidNetworks(String);

impl Networks {
    /// Reads ranges and addresses with commas between them; spaces and empty entries do not matter.
    ///
    /// # Errors
    /// Names the entry that is none. A range that begins amid itself (`10.0.0.7/8`) is a slip, and refused.
    pub fn parse(list: &str) -> Result<Self, InvalidNetworks> {
        let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        entries
            .map(|entry| Range::parse(entry).ok_or_else(|| InvalidNetworks(entry.to_owned())))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Every address of this machine that no other can have.
    #[must_use]
    pub fn loopback() -> Self {
        let v4 = Range { base: bits([127, 0, 0, 0].into()), mask: prefix(96 + 8) };
        Self([v4, Range { base: bits(Ipv6Addr::LOCALHOST.into()), mask: u128::MAX }].into())
    }

    /// Whether an address is in one of them.
    #[must_use]
    pub fn contain(&self, address: IpAddr) -> bool {
        let bits = bits(address);
        self.0.iter().any(|range| bits & range.mask == range.base)
    }
}

impl Range {
    fn parse(entry: &str) -> Option<Self> {
        let (address, length) = match entry.split_once('/') {
            Some((address, length)) => (address, Some(length)),
            None => (entry, None),
        };
        let address: IpAddr = address.parse().ok()?;
        let (before, most) = if address.is_ipv4() { (96, 32) } else { (0, 128) };
        let length: u32 = match length {
            Some(length) if length.bytes().all(|byte| byte.is_ascii_digit()) => {
                length.parse().ok().filter(|length| *length <= most)?
            }
            Some(_) => return None,
            None => most,
        };
        let range = Self { base: bits(address), mask: prefix(before + length) };
        (range.base & range.mask == range.base).then_some(range)
    }
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

/// So many ones, then zeros.
const fn prefix(length: u32) -> u128 {
    match u128::MAX.checked_shl(128_u32.saturating_sub(length)) {
        Some(mask) => mask,
        None => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_contain_addresses_with_their_prefix() {
        let networks = Networks::parse("10.0.0.0/8, 192.0.2.7,, 2001:db8::/32,::1").unwrap();
        for inside in ["10.255.0.1", "::ffff:10.0.0.1", "192.0.2.7", "2001:db8:ffff::1", "::1"] {
            assert!(networks.contain(inside.parse().unwrap()), "{inside}");
        }
        for outside in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "::2", "::ffff:11.0.0.1"] {
            assert!(!networks.contain(outside.parse().unwrap()), "{outside}");
        }
        assert!(!Networks::default().contain("10.0.0.1".parse().unwrap()));
        let everywhere = Networks::parse("0.0.0.0/0, ::/0").unwrap();
        assert!(everywhere.contain("203.0.113.1".parse().unwrap()) && everywhere.contain("2001:db8::".parse().unwrap()));
        assert_eq!(Networks::loopback(), Networks::parse("127.0.0.0/8, ::1").unwrap());
    }

    #[test]
    fn malformed_networks_are_refused() {
        for slip in ["localhost", "10.0.0.7/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/+8", "::/129", "10.0.0.0 /8", "10.0.0"] {
            assert_eq!(Networks::parse(slip), Err(InvalidNetworks(slip.to_owned())));
        }
    }
}
