//! Which addresses must be spoken to over verified TLS: all that are not this machine's own, unless the address says otherwise.

use std::borrow::Cow;
use std::net::IpAddr;

use percent_encoding::percent_decode_str;

/// What to do about a Postgres that speaks no TLS or whose certificate is not trusted.
pub const POSTGRES_HINT: &str = "a server on another machine must show a certificate that is trusted: name who signed it with sslrootcert=FILE \
    in its address, or write sslmode=disable where nobody else is on the network";

/// Whether a host, as an address names it, is this machine: `localhost`, a name under it, or a loopback address. IPv6 may stand in brackets.
#[must_use]
pub fn is_loopback(host: &str) -> bool {
    let host = host.trim_start_matches('[').trim_end_matches(']').trim_end_matches('.');
    if let Ok(address) = host.parse::<IpAddr>() {
        return address.to_canonical().is_loopback();
    }
    let name = host.to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost")
}

/// A `postgres://` URL whose server must show a trusted certificate, where it is on another machine and the URL does not name an `sslmode`.
/// A socket's path is this machine.
#[must_use]
pub fn postgres(url: &str) -> Cow<'_, str> {
    let (address, query) = url.split_once('?').map_or((url, None), |(address, query)| (address, Some(query)));
    let authority = address.split_once("://").map_or(address, |(_, rest)| rest);
    // A password may hold a slash or an @; a host cannot.
    let (credentials, rest) = authority.rsplit_once('@').map_or((None, authority), |(before, rest)| (Some(before), rest));
    let host = rest.split('/').next().unwrap_or_default();
    let host = match host.strip_prefix('[') {
        Some(host) => host.split(']').next().unwrap_or_default(),
        None => host.rsplit_once(':').map_or(host, |(host, _)| host),
    };
    let parameter = |name: &str| {
        let mut pairs = query.into_iter().flat_map(|query| query.split('&')).filter_map(|pair| pair.split_once('='));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    // A `host` in the query is the one that counts.
    let host = parameter("host").or_else(|| parameter("hostaddr")).unwrap_or(host);
    let socket = host.starts_with('/') || host.to_ascii_lowercase().starts_with("%2f");
    let said = parameter("sslmode").is_some() || parameter("ssl-mode").is_some();
    // Without a host, the driver takes its own: a socket or localhost.
    if said || socket || is_loopback(host) || (host.is_empty() && credentials.is_none()) {
        return Cow::Borrowed(url);
    }
    Cow::Owned(format!("{url}{}sslmode=verify-full", if query.is_some() { "&" } else { "?" }))
}

/// The file that a `postgres://` URL names as the authority of its server's certificate.
#[must_use]
pub fn root_certificate(url: &str) -> Option<String> {
    let (address, query) = url.split_once('?')?;
    address.starts_with("postgres").then_some(())?;
    let value = query.split('&').filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == "sslrootcert")?.1;
    percent_decode_str(&value.replace('+', " ")).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_machine_is_recognised_by_its_addresses() {
        for host in ["localhost", "LOCALHOST.", "db.localhost", "127.0.0.1", "127.8.0.1", "::1", "[::1]", "[::ffff:127.0.0.1]"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["", "db", "localhost.example.com", "notlocalhost", "10.0.0.1", "0.0.0.0", "[::]", "[fe80::1]", "128.0.0.1"] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn the_certificate_authority_is_the_file_that_the_address_names() {
        let named = |url: &str| root_certificate(url);
        assert_eq!(
            named("postgres://db/shop?sslmode=verify-full&sslrootcert=/etc/my%20ca.pem").as_deref(),
            Some("/etc/my ca.pem")
        );
        for url in
            ["postgres://db/shop", "postgres://db/shop?a=sslrootcert=x", "https://a?sslrootcert=x", "x?sslrootcert=%zz", ""]
        {
            assert_eq!(named(url), None, "{url}");
        }
    }

    #[test]
    fn a_postgres_on_another_machine_must_show_a_certificate() {
        for (given, used) in [
            ("postgres://me:s3cret@db/shop", "postgres://me:s3cret@db/shop?sslmode=verify-full"),
            ("postgres://db:5432", "postgres://db:5432?sslmode=verify-full"),
            ("postgres://me:p/w@10.0.0.1:6/shop?a=b", "postgres://me:p/w@10.0.0.1:6/shop?a=b&sslmode=verify-full"),
            ("postgres://[2001:db8::1]:5/shop", "postgres://[2001:db8::1]:5/shop?sslmode=verify-full"),
            ("postgres://localhost/shop?host=db", "postgres://localhost/shop?host=db&sslmode=verify-full"),
            ("postgres://me:127.0.0.1@db/shop", "postgres://me:127.0.0.1@db/shop?sslmode=verify-full"),
        ] {
            assert_eq!(postgres(given), used);
        }
        for given in [
            "postgres://me@127.0.0.1:5432/shop",
            "postgres://[::1]/shop",
            "postgres://localhost",
            "postgres:///shop?host=/var/run/postgresql",
            "postgres://%2Fvar%2Frun/shop",
            "postgres://db/shop?sslmode=disable",
            "postgres://db/shop?sslmode=verify-ca&sslrootcert=ca.pem",
        ] {
            assert_eq!(postgres(given), given);
        }
    }
}
