//! Where messages may be sent to.

use crate::{address, limits};
use http::uri::Authority;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Who may receive messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Receivers {
    /// Servers of the public internet, over TLS.
    Public,
    /// Any server, in the clear as well: for development and tests.
    Any,
}

impl Receivers {
    /// By the name that a setting gives it.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "public" => Some(Self::Public),
            "any" => Some(Self::Any),
            _ => None,
        }
    }

    /// Whether an address may be connected to.
    #[must_use]
    pub fn permits(self, address: IpAddr) -> bool {
        self == Self::Any || address::is_public(address)
    }
}

/// Where a message goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receiver {
    /// Whether over TLS.
    pub tls: bool,
    /// A name, or an address without brackets.
    pub host: String,
    /// Its own, or the scheme's.
    pub port: u16,
}

impl Receiver {
    /// Of an address that somebody has written down. What a name leads to is known when it is looked up, each time anew.
    ///
    /// # Errors
    /// Why no message may go there.
    pub fn parse(url: &str, receivers: Receivers) -> Result<Self, &'static str> {
        if !limits::URL_BYTES.contains(&url.len()) {
            return Err("must have 1 to 2000 bytes");
        }
        if !url.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err("must be ASCII without blanks: write an internationalised name as xn--");
        }
        if url.contains('#') {
            return Err("must have no fragment");
        }
        let uri: http::Uri = url.parse().map_err(|_| "is not an address such as https://example.com/hooks")?;
        let authority = uri.authority().ok_or("must name a server, as in https://example.com/hooks")?;
        Self::of(uri.scheme_str().unwrap_or_default(), authority, receivers)
    }

    /// Of the parts of an address.
    ///
    /// # Errors
    /// Why no message may go there.
    pub fn of(scheme: &str, authority: &Authority, receivers: Receivers) -> Result<Self, &'static str> {
        const PORT: &str = "must have no port, or one from 1024 on";
        if authority.as_str().contains('@') {
            return Err("must have no user name and no password");
        }
        let host = authority.host();
        let port = match authority.as_str().strip_prefix(host).unwrap_or_default() {
            "" => None,
            port => Some(port.strip_prefix(':').and_then(|port| port.parse::<u16>().ok()).ok_or(PORT)?),
        };
        let (tls, own) = match (scheme, receivers) {
            ("https", _) => (true, 443),
            ("http", Receivers::Any) => (false, 80),
            _ => return Err("must begin with https://"),
        };
        let port = port.unwrap_or(own);
        if port != own && !limits::PORTS.contains(&port) {
            return Err(PORT);
        }
        let bare = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let literal = match bare {
            Some(inner) => Some(IpAddr::V6(inner.parse::<Ipv6Addr>().map_err(|_| "must name a server")?)),
            None => host.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        };
        match literal {
            Some(address) if !receivers.permits(address) => return Err("must be a public address"),
            Some(_) => {}
            None => name(host, receivers)?,
        }
        Ok(Self { tls, host: bare.unwrap_or(host).to_ascii_lowercase(), port })
    }
}

fn name(host: &str, receivers: Receivers) -> Result<(), &'static str> {
    let label = |label: &str| {
        limits::LABEL_BYTES.contains(&label.len())
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    let last = host.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    // `2130706433`, `0x7f.1` and `127.1` are numbers to whoever looks names up.
    let number = last.bytes().next().is_none_or(|byte| byte.is_ascii_digit());
    if number || host.len() > limits::DOMAIN_BYTES || !host.split('.').all(label) {
        return Err("must name a server");
    }
    let private = !host.contains('.')
        || ["localhost", "local", "internal", "lan", "intranet"].contains(&last.as_str())
        || host.to_ascii_lowercase().ends_with(".home.arpa");
    if receivers == Receivers::Public && private { Err("must be a name of the public internet") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_servers_of_the_public_internet_are_called() {
        for url in [
            "https://example.com",
            "https://hooks.example.com/marquee?tenant=7",
            "https://example.com:443/",
            "https://example.com:8443/",
            "HTTPS://EXAMPLE.COM/",
            "https://xn--bcher-kva.example/",
            "https://1.1.1.1/",
            "https://[2606:4700:4700::1111]:8443/",
        ] {
            assert!(Receiver::parse(url, Receivers::Public).is_ok(), "{url}");
        }
        for url in [
            "",
            "example.com/hooks",
            "/hooks",
            "ftp://example.com/",
            "http://example.com/",
            "https://",
            "https:///hooks",
            "https://user@example.com/",
            "https://user:password@example.com/",
            "https://example.com@127.0.0.1/",
            "https://example.com:25/",
            "https://example.com:80/",
            "https://example.com:0/",
            "https://example.com:/",
            "https://example.com:99999/",
            "https://example.com/#part",
            "https://exa mple.com/",
            "https://bücher.example/",
            "https://localhost/",
            "https://a.localhost/",
            "https://printer.local/",
            "https://metadata.google.internal/",
            "https://router.home.arpa/",
            "https://example..com/",
            "https://-example.com/",
            "https://127.0.0.1/",
            "https://127.1/",
            "https://2130706433/",
            "https://0x7f000001/",
            "https://0177.0.0.1/",
            "https://10.1.2.3/",
            "https://169.254.169.254/latest/meta-data/",
            "https://[::1]/",
            "https://[::ffff:127.0.0.1]/",
            "https://[64:ff9b::7f00:1]/",
            "https://[fd00:ec2::254]/",
            &format!("https://example.com/{}", "a".repeat(2_000)),
        ] {
            assert!(Receiver::parse(url, Receivers::Public).is_err(), "{url}");
        }
    }

    #[test]
    fn developers_may_be_told_wherever_they_are() {
        for url in ["http://127.0.0.1:9000/hooks", "http://localhost:3000/", "https://10.0.0.1/", "http://example.com/"] {
            assert!(Receiver::parse(url, Receivers::Any).is_ok(), "{url}");
        }
        for url in ["http://user@127.0.0.1:9000/", "http://127.0.0.1:22/", "gopher://127.0.0.1/"] {
            assert!(Receiver::parse(url, Receivers::Any).is_err(), "{url}");
        }
        assert_eq!(
            Receiver::parse("http://[::1]:9000/", Receivers::Any),
            Ok(Receiver { tls: false, host: "::1".to_owned(), port: 9000 })
        );
    }

    #[test]
    fn fuzz_receivers() {
        fuzz::text(&["https://example.com:8443/a?b", "https://[2606:4700:4700::1111]/", "https://10.0.0.1/"], |text| {
            if let Ok(receiver) = Receiver::parse(text, Receivers::Public) {
                assert!(receiver.tls && (receiver.port == 443 || receiver.port >= 1024), "{text}");
                assert!(receiver.host.parse::<IpAddr>().is_ok_and(address::is_public) || receiver.host.contains('.'), "{text}");
            }
        });
    }
}
