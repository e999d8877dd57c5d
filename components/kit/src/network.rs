//! From where somebody asks, no more exactly than it takes to tell one place from another.

use crate::Request;
use http::{HeaderMap, HeaderValue};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

/// Where hosts write the client's address and port: ours, and Spin's.
const CLIENT: &str = "spin-client-addr";

/// The network of a request's client, as `192.0.2.0/24` or `2001:db8:1::/48`; none where the host does not say.
pub fn of(request: &Request) -> Option<String> {
    parse(request.headers.get(CLIENT)?)
}

/// As the host wrote it, kept for later.
pub(crate) fn client(headers: &HeaderMap) -> Option<HeaderValue> {
    headers.get(CLIENT).cloned()
}

/// See [`of`].
pub(crate) fn parse(client: &HeaderValue) -> Option<String> {
    let text = client.to_str().ok()?;
    let address = text.parse::<SocketAddr>().map(|address| address.ip()).or_else(|_| text.parse()).ok()?;
    Some(around(address))
}

fn around(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("{}/24", Ipv4Addr::from_bits(address.to_bits() & !0xff)),
        IpAddr::V6(address) => format!("{}/48", Ipv6Addr::from_bits(address.to_bits() & !(u128::MAX >> 48))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_truncated_to_their_network() {
        for (client, network) in [
            ("192.0.2.77:4711", Some("192.0.2.0/24")),
            ("[2001:db8:1:2:3:4:5:6]:4711", Some("2001:db8:1::/48")),
            ("[::ffff:192.0.2.77]:1", Some("192.0.2.0/24")),
            ("192.0.2.77", Some("192.0.2.0/24")),
            ("somewhere", None),
        ] {
            assert_eq!(parse(&HeaderValue::from_static(client)).as_deref(), network, "{client}");
        }
    }
}
