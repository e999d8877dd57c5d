//! What a guest gives as an address. The host's own environment (`PGPASSWORD`, `.pgpass` and the like) must not fill
//! in what it leaves out.

use std::{collections::BTreeMap, str::FromStr};

use sqlx::{
    ConnectOptions as _,
    postgres::{PgConnectOptions, PgSslMode},
};
use storage::percent;
use telemetry::secured;
use url::Url;

use super::Error;
use crate::limits;

/// An address that names one host over TCP.
// No Debug: it carries a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Address {
    host: String,
    port: u16,
    user: String,
    password: String,
    database: String,
    ssl_mode: Option<String>,
    /// The file of the authority that its certificate must come from: granted by the host, or refused.
    root: Option<String>,
    application: Option<String>,
}

/// The entry of `allowed_outbound_hosts` that permits connections to this address, and no other.
///
/// # Errors
/// Where the address cannot be read.
pub fn grant(address: &str) -> Result<String, Error> {
    Address::parse(address).map(|address| format!("postgres://{}:{}", address.host, address.port))
}

impl Address {
    pub(super) fn parse(address: &str) -> Result<Self, Error> {
        let address = address.trim();
        let parts = if address.contains("://") { from_url(address) } else { from_pairs(address) };
        parts.and_then(Self::from_parts).map_err(|reason| Error::ConnectionFailed(format!("invalid address: {reason}")))
    }

    fn from_parts(mut parts: BTreeMap<String, String>) -> Result<Self, String> {
        let mut take = |name: &str| parts.remove(name).filter(|value| !value.is_empty());
        let host = take("host").ok_or("it has no host")?;
        if host.contains(['/', '%', ',']) {
            return Err("one host over TCP is supported, no sockets".into());
        }
        let port = take("port").map_or(Ok(5432), |port| port.parse().map_err(|_| "its port is not a number up to 65535"))?;
        let user = take("user").unwrap_or_else(|| "postgres".into());
        let ssl_mode = take("sslmode");
        if let Some(mode) = &ssl_mode {
            PgSslMode::from_str(mode).map_err(|_| "its sslmode is unknown")?;
        }
        let address = Self {
            database: take("dbname").unwrap_or_else(|| user.clone()),
            password: take("password").unwrap_or_default(),
            root: take("sslrootcert"),
            application: take("application_name"),
            host,
            port,
            user,
            ssl_mode,
        };
        // Waiting has bounds of ours.
        take("connect_timeout");
        match parts.keys().next() {
            // Among them are paths of files of the host, and second hosts: none goes through unseen.
            Some(other) => Err(format!("it has a parameter that is not supported: {other}")),
            None => Ok(address),
        }
    }

    pub(super) fn host(&self) -> &str {
        &self.host
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    pub(super) fn root(&self) -> Option<&str> {
        self.root.as_deref()
    }

    /// What its pool's breaker is called: nothing that is secret.
    pub(super) fn name(&self) -> String {
        format!("postgres/{}@{}:{}/{}", self.user, self.host, self.port, self.database)
    }

    pub(super) fn options(&self, root_ca: Option<&str>) -> PgConnectOptions {
        let mut options = PgConnectOptions::new_without_pgpass()
            .host(self.host.trim_start_matches('[').trim_end_matches(']'))
            .port(self.port)
            .username(&self.user)
            .password(&self.password)
            .database(&self.database)
            .application_name(self.application.as_deref().unwrap_or("marquee"))
            .statement_cache_capacity(limits::POSTGRES_STATEMENTS)
            .options([
                ("idle_in_transaction_session_timeout", limits::POSTGRES_IDLE_IN_TRANSACTION.as_millis().to_string()),
                ("statement_timeout", limits::POSTGRES_STATEMENT.as_millis().to_string()),
                ("lock_timeout", limits::POSTGRES_LOCK.as_millis().to_string()),
                // The server's end: it finds a client that is gone, and what that has locked is free again.
                ("tcp_keepalives_idle", telemetry::limits::KEEPALIVE.as_secs().to_string()),
                ("tcp_keepalives_interval", telemetry::limits::KEEPALIVE_INTERVAL.as_secs().to_string()),
                ("tcp_keepalives_count", telemetry::limits::KEEPALIVE_PROBES.to_string()),
                ("tcp_user_timeout", telemetry::limits::UNACKNOWLEDGED.as_millis().to_string()),
            ])
            .disable_statement_logging();
        let mode = self.ssl_mode.as_deref().and_then(|mode| PgSslMode::from_str(mode).ok());
        let unsaid = if secured::is_loopback(&self.host) { PgSslMode::Prefer } else { PgSslMode::VerifyFull };
        options = options.ssl_mode(mode.unwrap_or(unsaid));
        if let Some(certificate) = root_ca {
            let verified = match mode {
                Some(PgSslMode::VerifyCa) => PgSslMode::VerifyCa,
                _ => PgSslMode::VerifyFull,
            };
            options = options.ssl_root_cert_from_pem(certificate.as_bytes().to_vec()).ssl_mode(verified);
        }
        options
    }
}

fn from_url(address: &str) -> Result<BTreeMap<String, String>, String> {
    let url = parse_url(address)?;
    if !matches!(url.scheme(), "postgres" | "postgresql") {
        return Err("its scheme is not postgres".into());
    }
    let mut parts: BTreeMap<String, String> =
        url.query_pairs().map(|(name, value)| (name.into_owned(), value.into_owned())).collect();
    for name in ["host", "port", "user", "password", "dbname"] {
        if parts.contains_key(name) {
            return Err(format!("it has a parameter that is not supported: {name}"));
        }
    }
    let mut set = |name: &str, value: Option<&str>| -> Result<(), String> {
        if let Some(value) = value {
            parts.insert(name.to_owned(), percent::decode(value).ok_or_else(|| format!("its {name} is not UTF-8"))?);
        }
        Ok(())
    };
    set("user", Some(url.username()))?;
    set("password", url.password())?;
    set("dbname", url.path().strip_prefix('/'))?;
    set("port", url.port().map(|port| port.to_string()).as_deref())?;
    // Not decoded: an encoded host is a path of a socket, and refused.
    parts.insert("host".into(), url.host_str().unwrap_or_default().to_owned());
    Ok(parts)
}

/// Passwords with `#`, `/` or `?` in them are often given as they are: what stands before the last `@` is encoded
/// where it must be.
fn parse_url(address: &str) -> Result<Url, String> {
    let invalid = |error: url::ParseError| error.to_string();
    match Url::parse(address) {
        Ok(url) if url.has_host() && !url.fragment().is_some_and(|fragment| fragment.contains('@')) => Ok(url),
        first => {
            let Some((scheme, rest)) = address.split_once("://") else { return first.map_err(invalid) };
            let Some((credentials, rest)) = rest.rsplit_once('@') else { return first.map_err(invalid) };
            let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
            let mut url = Url::parse(&format!("{scheme}://{rest}")).map_err(invalid)?;
            let set = url.set_username(user).and_then(|()| url.set_password(Some(password)));
            set.map_err(|()| "its user or password cannot be understood".to_owned())?;
            Ok(url)
        }
    }
}

/// `host=localhost user='me' password=it\'s`, as libpq has it.
fn from_pairs(address: &str) -> Result<BTreeMap<String, String>, String> {
    let mut parts = BTreeMap::new();
    let mut rest = address.chars().peekable();
    loop {
        while rest.next_if(|char| char.is_whitespace()).is_some() {}
        if rest.peek().is_none() {
            return Ok(parts);
        }
        let mut name = String::new();
        while let Some(char) = rest.next_if(|char| *char != '=') {
            name.push(char);
        }
        rest.next().ok_or("it is neither a URL nor key=value pairs")?;
        let quoted = rest.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match rest.next() {
                Some('\\') => value.extend(rest.next()),
                Some('\'') if quoted => break,
                Some(char) if !quoted && char.is_whitespace() => break,
                Some(char) => value.push(char),
                None if quoted => return Err("a quote is not closed".into()),
                None => break,
            }
        }
        parts.insert(name.trim().to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(address: &str) -> String {
        match Address::parse(address) {
            Ok(a) => {
                format!("{}:{} {}:{} {} {}", a.host, a.port, a.user, a.password, a.database, a.ssl_mode.as_deref().unwrap_or("-"))
            }
            Err(Error::ConnectionFailed(text)) => text,
            Err(other) => format!("{other:?}"),
        }
    }

    #[test]
    fn addresses() {
        for (address, expected) in [
            ("postgres://db", "db:5432 postgres: postgres -"),
            ("postgres://me:s%40crt@db.example:6000/shop?sslmode=require", "db.example:6000 me:s@crt shop require"),
            ("postgresql://me@127.0.0.1/", "127.0.0.1:5432 me: me -"),
            ("postgres://me:pass#word@db/shop", "db:5432 me:pass#word shop -"),
            ("postgres://me:pass/word@db:7/shop", "db:7 me:pass/word shop -"),
            ("postgres://me@[::1]:5433/shop", "[::1]:5433 me: shop -"),
            ("host=localhost user=me password='it\\'s me' dbname=shop", "localhost:5432 me:it's me shop -"),
            ("host=localhost port=6000 connect_timeout=3", "localhost:6000 postgres: postgres -"),
            ("postgres:///shop", "invalid address: it has no host"),
            ("user=me", "invalid address: it has no host"),
            ("mysql://db", "invalid address: its scheme is not postgres"),
            ("postgres://db?sslcert=/etc/passwd", "invalid address: it has a parameter that is not supported: sslcert"),
            ("postgres://db?host=other", "invalid address: it has a parameter that is not supported: host"),
            ("postgres://%2Fvar%2Frun/shop", "invalid address: one host over TCP is supported, no sockets"),
            ("host=/var/run/postgresql", "invalid address: one host over TCP is supported, no sockets"),
            ("host=a,b", "invalid address: one host over TCP is supported, no sockets"),
            ("host=a port=x", "invalid address: its port is not a number up to 65535"),
            ("postgres://db?sslmode=maybe", "invalid address: its sslmode is unknown"),
            ("nonsense", "invalid address: it is neither a URL nor key=value pairs"),
        ] {
            assert_eq!(summary(address), expected, "{address}");
        }
    }

    #[test]
    fn a_remote_server_must_present_a_certificate() {
        for (address, mode) in [
            ("postgres://db", PgSslMode::VerifyFull),
            ("host=10.0.0.1 user=me", PgSslMode::VerifyFull),
            ("postgres://[2001:db8::1]/shop", PgSslMode::VerifyFull),
            ("postgres://db?sslmode=disable", PgSslMode::Disable),
            ("postgres://db?sslmode=require", PgSslMode::Require),
            ("postgres://localhost", PgSslMode::Prefer),
            ("postgres://[::1]", PgSslMode::Prefer),
            ("host=127.0.0.1", PgSslMode::Prefer),
        ] {
            let options = Address::parse(address).unwrap().options(None);
            assert_eq!(format!("{:?}", options.get_ssl_mode()), format!("{mode:?}"), "{address}");
        }
        let mode = |address: &str| Address::parse(address).unwrap().options(Some("a certificate")).get_ssl_mode();
        assert!(matches!(mode("postgres://127.0.0.1?sslmode=disable"), PgSslMode::VerifyFull));
        assert!(matches!(mode("postgres://db?sslmode=verify-ca"), PgSslMode::VerifyCa));
    }

    #[test]
    fn libpq_environment_variables_are_ignored() {
        let options = Address::parse("postgres://db").unwrap().options(None);
        assert_eq!((options.get_host(), options.get_username(), options.get_database()), ("db", "postgres", Some("postgres")));
        assert!(options.get_socket().is_none());
    }

    #[test]
    fn fuzz_postgres() {
        let seeds = [
            "postgres://me:s%40crt@db.example:6000/shop?sslmode=require&application_name=x",
            "postgres://me:pass/word@[::1]:5433/shop",
            "host=localhost user=me password='it\\'s me' dbname=shop port=6000 connect_timeout=3",
            "postgres://127.0.0.1?sslrootcert=/etc/ca.pem",
        ];
        fuzz::text(&seeds, |text| {
            let Ok(address) = Address::parse(text) else { return };
            assert!(!address.host.is_empty() && !address.host.contains(['/', '%', ',']), "{text}");
            let options = address.options(None);
            assert!(options.get_socket().is_none(), "{text}");
            let verified = matches!(options.get_ssl_mode(), PgSslMode::VerifyFull);
            assert!(verified || secured::is_loopback(&address.host) || address.ssl_mode.is_some(), "{text}");
            assert!(
                address.password.len() < 4
                    || !address.name().contains(&address.password)
                    || address.name().len() > address.password.len()
            );
        });
    }
}
