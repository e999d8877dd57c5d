//! Who a passkey is for: a domain, and the one origin whose pages may ask for it.

/// The name that passkeys are bound to, and from where they may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelyingParty {
    id: String,
    origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Exactly(String),
    /// `localhost`, at whatever port: it is nobody else's.
    Localhost,
}

/// Why an address names no relying party.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadUrl {
    /// Not of this form.
    #[error("is not an address of the form https://tickets.example")]
    Malformed,
    /// Browsers offer passkeys to pages that came over TLS, and to those of this machine.
    #[error("begins with http://, and passkeys need https:// except on localhost")]
    Insecure,
    /// An address of a machine, which browsers bind no passkey to.
    #[error("has no domain but a number")]
    NoDomain,
}

impl RelyingParty {
    /// That of the address at which people reach a platform.
    pub fn of(url: &str) -> Result<Self, BadUrl> {
        let (scheme, rest) = url.trim().split_once("://").ok_or(BadUrl::Malformed)?;
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let (scheme, authority) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
        if authority.starts_with('[') {
            return Err(BadUrl::NoDomain);
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port.parse::<u16>().map_err(|_| BadUrl::Malformed)?)),
            None => (authority.as_str(), None),
        };
        if !host.split('.').all(is_label) {
            return Err(BadUrl::Malformed);
        }
        if host.rsplit('.').next().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit())) {
            return Err(BadUrl::NoDomain);
        }
        let default = match scheme.as_str() {
            "https" => 443,
            "http" if host == "localhost" || host.ends_with(".localhost") => 80,
            "http" => return Err(BadUrl::Insecure),
            _ => return Err(BadUrl::Malformed),
        };
        // As browsers write an origin: without the port that its scheme has anyway (RFC 6454 §6.2).
        let port = port.filter(|port| *port != default).map(|port| format!(":{port}")).unwrap_or_default();
        Ok(Self { id: host.to_owned(), origin: Origin::Exactly(format!("{scheme}://{host}{port}")) })
    }

    /// That of a platform on the machine of who uses it.
    pub fn localhost() -> Self {
        Self { id: "localhost".to_owned(), origin: Origin::Localhost }
    }

    /// The domain.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Whether pages of this origin may ask for its passkeys.
    pub(crate) fn expects(&self, origin: &str) -> bool {
        match &self.origin {
            Origin::Exactly(expected) => origin == expected,
            Origin::Localhost => {
                let host = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://")).unwrap_or_default();
                let port = host
                    .strip_prefix("localhost")
                    .and_then(|rest| if rest.is_empty() { Some("0") } else { rest.strip_prefix(':') });
                port.is_some_and(|port| port.parse::<u16>().is_ok() && port.bytes().all(|byte| byte.is_ascii_digit()))
            }
        }
    }
}

fn is_label(label: &str) -> bool {
    (1..=63).contains(&label.len())
        && !label.starts_with('-')
        && !label.ends_with('-')
        && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_names_a_domain_and_one_origin() {
        for (url, id, origin) in [
            ("https://tickets.example", "tickets.example", "https://tickets.example"),
            ("https://Tickets.Example:443/app/?a#b", "tickets.example", "https://tickets.example"),
            ("https://tickets.example:8443/", "tickets.example", "https://tickets.example:8443"),
            ("http://localhost:8080", "localhost", "http://localhost:8080"),
            ("https://xn--bcher-kva.example", "xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ] {
            let party = RelyingParty::of(url).unwrap();
            assert_eq!((party.id(), party.expects(origin)), (id, true), "{url}");
            for other in ["https://evil.example", "https://www.tickets.example", "http://tickets.example", "null", ""] {
                assert!(!party.expects(other), "{url}: {other}");
            }
        }
        for (url, why) in [
            ("", BadUrl::Malformed),
            ("tickets.example", BadUrl::Malformed),
            ("https://", BadUrl::Malformed),
            ("https://user@tickets.example", BadUrl::Malformed),
            ("https://tickets.example:port", BadUrl::Malformed),
            ("https://b\u{fc}cher.example", BadUrl::Malformed),
            ("ftp://tickets.example", BadUrl::Malformed),
            ("http://tickets.example", BadUrl::Insecure),
            ("https://192.0.2.1", BadUrl::NoDomain),
            ("https://[2001:db8::1]:8443", BadUrl::NoDomain),
        ] {
            assert_eq!(RelyingParty::of(url), Err(why), "{url}");
        }
    }

    #[test]
    fn localhost_is_expected_at_any_port_and_nothing_else_is() {
        let party = RelyingParty::localhost();
        for origin in ["http://localhost", "http://localhost:8080", "https://localhost:1"] {
            assert!(party.expects(origin), "{origin}");
        }
        for origin in [
            "http://localhost.evil.example",
            "http://localhost:80@evil.example",
            "http://localhost:",
            "http://localhost:+1",
            "localhost",
        ] {
            assert!(!party.expects(origin), "{origin}");
        }
    }
}
