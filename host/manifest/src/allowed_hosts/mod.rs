//! `allowed_outbound_hosts`: whom a component may call, with Spin's syntax and meaning.
//!
//! An entry is `scheme://host[:port]`. Each part may be `*`; a host may be `*.example.com` (its subdomains, not
//! itself), an address, a network as `10.0.0.0/8`, or `self` (the application); a port may be a range `8000..9000`,
//! its end excluded. Without a port, the scheme's own is meant.
//!
//! Sentinels and clusters of Redis are granted as what they speak, `redis` or `rediss` (Redis over TLS): each host that an
//! address names must be.

use std::{
    net::{IpAddr, SocketAddr},
    ops::Range,
};

use url::Host;

#[cfg(test)]
mod tests;

/// The hosts that a component may call. The default is none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AllowedHosts(Vec<Rule>);

/// An entry of `allowed_outbound_hosts` that cannot be understood.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("allowed_outbound_hosts: {entry:?}: {reason}")]
pub struct InvalidHost {
    /// The entry.
    pub entry: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    /// None: any.
    scheme: Option<String>,
    host: HostRule,
    port: PortRule,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum HostRule {
    Any,
    Application,
    Exactly(Host),
    /// With its leading dot.
    SubdomainOf(String),
    Network {
        address: IpAddr,
        prefix: u8,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum PortRule {
    Any,
    Exactly(u16),
    Within(Range<u16>),
}

impl AllowedHosts {
    /// Reads entries whose variables are resolved. An entry that is empty because a variable is must be left out by
    /// the caller, as Spin does.
    ///
    /// # Errors
    /// The first entry that cannot be understood.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<Self, InvalidHost> {
        let rule = |entry: &S| {
            let entry = entry.as_ref();
            Rule::parse(entry.trim()).map_err(|reason| InvalidHost { entry: entry.to_owned(), reason })
        };
        entries.iter().map(rule).collect::<Result<_, _>>().map(Self)
    }

    /// Whether no host may be called at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether `host` (a name or an address, IPv6 in brackets) may be called; without a port, at the scheme's own.
    #[must_use]
    pub fn allows(&self, scheme: &str, host: &str, port: Option<u16>) -> bool {
        Host::parse(host).is_ok_and(|host| self.0.iter().any(|rule| rule.allows(scheme, &host, port)))
    }

    /// Whether this address may be called.
    #[must_use]
    pub fn allows_address(&self, scheme: &str, address: SocketAddr) -> bool {
        let host = match address.ip().to_canonical() {
            IpAddr::V4(ip) => Host::Ipv4(ip),
            IpAddr::V6(ip) => Host::Ipv6(ip),
        };
        self.0.iter().any(|rule| rule.allows(scheme, &host, Some(address.port())))
    }

    /// Whether the application itself may be called with any of `schemes`.
    #[must_use]
    pub fn allows_self(&self, schemes: &[&str]) -> bool {
        let to_self = |rule: &Rule| matches!(rule.host, HostRule::Any | HostRule::Application);
        self.0.iter().any(|rule| to_self(rule) && schemes.iter().any(|scheme| rule.allows_scheme(scheme)))
    }
}

impl Rule {
    fn parse(entry: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = entry.split_once("://").ok_or("must be scheme://host[:port], with * for any")?;
        if scheme != "*" && (scheme.is_empty() || !scheme.chars().all(char::is_alphabetic)) {
            return Err("the scheme must be * or letters only");
        }
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // An IPv6 address or network has colons of its own, so the whole is tried as a host first.
        let (host, port) = match HostRule::parse(rest) {
            Ok(host) => (host, ""),
            Err(reason) => {
                let (host, port) = rest.rsplit_once(':').ok_or(reason)?;
                (HostRule::parse(host)?, port)
            }
        };
        let port = PortRule::parse(port, scheme)?;
        Ok(Self { scheme: (scheme != "*").then(|| scheme.to_owned()), host, port })
    }

    fn allows(&self, scheme: &str, host: &Host, port: Option<u16>) -> bool {
        self.allows_scheme(scheme) && self.host.allows(host) && self.port.allows(port.or_else(|| default_port(scheme)))
    }

    fn allows_scheme(&self, scheme: &str) -> bool {
        self.scheme.as_deref().is_none_or(|allowed| allowed == scheme)
    }
}

impl HostRule {
    fn parse(host: &str) -> Result<Self, &'static str> {
        let host = host.trim();
        match host {
            "*" => return Ok(Self::Any),
            "self" | "self.alt" => return Ok(Self::Application),
            _ => {}
        }
        if let Some((address, prefix)) = host.split_once('/') {
            return Self::network(address, prefix).ok_or("must not have a path");
        }
        if let Some(domain) = host.strip_prefix("*.") {
            return match Host::parse(domain) {
                Ok(Host::Domain(domain)) if !domain.contains('*') => Ok(Self::SubdomainOf(format!(".{domain}"))),
                _ => Err("*. must be followed by a domain"),
            };
        }
        if host.contains(['*', '{']) {
            return Err("* may only stand for a whole host or for its subdomains, and lists are not supported");
        }
        Host::parse(host).map(Self::Exactly).map_err(|_| "not a valid host or port")
    }

    fn network(address: &str, prefix: &str) -> Option<Self> {
        let address: IpAddr = address.parse().ok()?;
        let prefix: u8 = prefix.parse().ok()?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        (prefix <= bits).then_some(Self::Network { address, prefix })
    }

    fn allows(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Any, _) => true,
            (Self::Exactly(allowed), host) => allowed == host,
            (Self::SubdomainOf(suffix), Host::Domain(domain)) => domain.ends_with(suffix.as_str()),
            (Self::Network { address: IpAddr::V4(network), prefix }, Host::Ipv4(ip)) => {
                (network.to_bits() ^ ip.to_bits()).checked_shr(32 - u32::from(*prefix)).unwrap_or(0) == 0
            }
            (Self::Network { address: IpAddr::V6(network), prefix }, Host::Ipv6(ip)) => {
                (network.to_bits() ^ ip.to_bits()).checked_shr(128 - u32::from(*prefix)).unwrap_or(0) == 0
            }
            // Requests to the application itself are asked about with `allows_self`.
            (Self::Application | Self::SubdomainOf(_) | Self::Network { .. }, _) => false,
        }
    }
}

impl PortRule {
    fn parse(port: &str, scheme: &str) -> Result<Self, &'static str> {
        const NOT_A_PORT: &str = "the port must be a number up to 65535, a range as 8000..9000, or *";
        if port.is_empty() {
            return default_port(scheme).map(Self::Exactly).ok_or("needs a port: its scheme has none of its own");
        }
        if port == "*" {
            return Ok(Self::Any);
        }
        let number = |port: &str| port.parse::<u16>().map_err(|_| NOT_A_PORT);
        match port.split_once("..") {
            Some((start, end)) => Ok(Self::Within(number(start)?..number(end)?)),
            None => number(port).map(Self::Exactly),
        }
    }

    fn allows(&self, port: Option<u16>) -> bool {
        match (self, port) {
            (Self::Any, _) => true,
            (Self::Exactly(allowed), Some(port)) => *allowed == port,
            (Self::Within(allowed), Some(port)) => allowed.contains(&port),
            (_, None) => false,
        }
    }
}

/// The port that a scheme means where none is given.
fn default_port(scheme: &str) -> Option<u16> {
    match scheme {
        "http" => Some(80),
        "https" => Some(443),
        "postgres" => Some(5432),
        "mysql" => Some(3306),
        "redis" | "rediss" => Some(6379),
        "mqtt" => Some(1883),
        _ => None,
    }
}
