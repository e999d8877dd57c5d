//! What an address names: one node, Sentinels that know the primary, or a cluster.
//!
//! | address | what it names |
//! |---|---|
//! | `redis://[user:password@]host[:6379][/db]` | a node |
//! | `redis-sentinel://[user:password@]host[:26379],…/service[/db]` | Sentinels, and the name by which they know the primary |
//! | `redis-cluster://[user:password@]host[:6379],…` | nodes of a cluster to begin with |
//!
//! With `rediss` instead of `redis` all of it is spoken over TLS, and certificates are always checked. Without it only this machine is spoken to, unless the query
//! says `tls=off`: the network is then a private one. Names and passwords are percent-encoded. Sentinels that want a
//! password of their own have it in the query: `?sentinel_user=…&sentinel_password=…`.

use ::redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo as _, RedisConnectionInfo};
use manifest::allowed_hosts::AllowedHosts;
use telemetry::secured;
use url::Url;

use super::Error;
use crate::{limits, percent};

const PORT: u16 = 6379;
const SENTINEL_PORT: u16 = 26379;

// No Debug: it carries passwords.
#[derive(Clone)]
pub(super) struct Address {
    pub(super) form: Form,
    pub(super) tls: bool,
    /// It may be spoken to without TLS wherever it is.
    clear: bool,
    /// As URLs have them, IPv6 in brackets. At least one.
    hosts: Vec<(String, u16)>,
    /// Who we are to nodes.
    user: RedisConnectionInfo,
    /// Who we are to Sentinels.
    sentinel_user: RedisConnectionInfo,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Node,
    Sentinels { service: String },
    Cluster,
}

impl Address {
    /// Without a scheme, a node is meant.
    ///
    /// # Errors
    /// [`Error::InvalidAddress`]; [`Error::Other`] where another machine would be spoken to in the clear, and the address does not say that it may.
    pub(super) fn parse(address: &str) -> Result<Self, Error> {
        let (scheme, rest) = address.split_once("://").unwrap_or(("redis", address));
        let parsed = Self::read(scheme, rest)?;
        if !parsed.tls && !parsed.clear && !parsed.hosts.iter().all(|(host, _)| secured::is_loopback(host)) {
            return Err(Error::Other(format!(
                "{} is on another machine and its address asks for no TLS: write {} instead of {scheme}, or add ?tls=off where nobody else is \
                 on the network",
                parsed.name(),
                scheme.replacen("redis", "rediss", 1),
            )));
        }
        Ok(parsed)
    }

    fn read(scheme: &str, rest: &str) -> Result<Self, Error> {
        match scheme {
            "redis" | "rediss" => Self::node(&format!("{scheme}://{rest}")),
            "redis-sentinel" => Self::several(rest, true, false),
            "rediss-sentinel" => Self::several(rest, true, true),
            "redis-cluster" => Self::several(rest, false, false),
            "rediss-cluster" => Self::several(rest, false, true),
            _ => None,
        }
        .ok_or(Error::InvalidAddress)
    }

    fn node(address: &str) -> Option<Self> {
        let url = Url::parse(address).ok()?;
        let host = host(&url, PORT)?;
        let user = url.as_str().into_connection_info().ok()?.redis_settings().clone();
        let tls = url.scheme() == "rediss";
        // Certificates are always checked, so there is nothing that could be said here.
        let plain = url.fragment().is_none();
        let clear = url.query_pairs().any(|(name, value)| name == "tls" && value == "off");
        let sentinel_user = RedisConnectionInfo::default();
        (plain && !(tls && clear)).then(|| Self { form: Form::Node, tls, clear, hosts: vec![host], user, sentinel_user })
    }

    fn several(rest: &str, sentinels: bool, tls: bool) -> Option<Self> {
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, hosts) = authority.rsplit_once('@').unwrap_or(("", authority));
        let port = if sentinels { SENTINEL_PORT } else { PORT };
        let hosts = hosts.split(',').map(|text| host(&Url::parse(&format!("redis://{}", text.trim())).ok()?, port));
        let hosts: Vec<_> = hosts.collect::<Option<_>>()?;
        if hosts.len() > limits::REDIS_HOSTS {
            return None;
        }
        let (name, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let mut user = credentialed(&percent::decode(name)?, &percent::decode(password)?);
        let (mut sentinel_name, mut sentinel_password, mut clear) = (String::new(), String::new(), false);
        for (name, value) in
            query.split('&').filter(|pair| !pair.is_empty()).map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        {
            match name {
                "sentinel_user" if sentinels => sentinel_name = percent::decode(value)?,
                "sentinel_password" if sentinels => sentinel_password = percent::decode(value)?,
                "tls" if value == "off" && !tls => clear = true,
                _ => return None,
            }
        }
        let path = path.trim_end_matches('/');
        let form = if sentinels {
            let (service, database) = path.split_once('/').unwrap_or((path, "0"));
            user = user.set_db(database.parse().ok().filter(|number| *number >= 0)?);
            Form::Sentinels { service: percent::decode(service).filter(|service| !service.is_empty())? }
        } else {
            // A cluster has no databases beside the first.
            (path.is_empty() || path == "0").then_some(Form::Cluster)?
        };
        Some(Self { form, tls, clear, hosts, user, sentinel_user: credentialed(&sentinel_name, &sentinel_password) })
    }

    /// Whether every host that is named is granted. Whom Sentinels and clusters name in turn is theirs to say, as with a name server.
    pub(super) fn granted(&self, allowed: &AllowedHosts) -> bool {
        let scheme = if self.tls { "rediss" } else { "redis" };
        self.hosts.iter().all(|(host, port)| allowed.allows(scheme, host, Some(*port)))
    }

    /// What its breaker is called: nothing that is secret.
    pub(super) fn name(&self) -> String {
        let hosts: Vec<_> = self.hosts.iter().map(|(host, port)| format!("{host}:{port}")).collect();
        match &self.form {
            Form::Sentinels { service } => format!("redis/{service}@{}", hosts.join(",")),
            Form::Node | Form::Cluster => format!("redis/{}", hosts.join(",")),
        }
    }

    /// The hosts as the client wants them, without brackets.
    pub(super) fn addresses(&self) -> Vec<ConnectionAddr> {
        let address = |(host, port): &(String, u16)| {
            let (host, port) = (host.trim_start_matches('[').trim_end_matches(']').to_owned(), *port);
            match self.tls {
                true => ConnectionAddr::TcpTls { host, port, insecure: false, tls_params: None },
                false => ConnectionAddr::Tcp(host, port),
            }
        };
        self.hosts.iter().map(address).collect()
    }

    /// The nodes, and who we are to them.
    pub(super) fn nodes(&self) -> Vec<ConnectionInfo> {
        let info = |address: ConnectionAddr| address.into_connection_info().ok();
        let settings = |info: ConnectionInfo| info.set_redis_settings(self.user.clone()).set_tcp_settings(super::link::tcp());
        self.addresses().into_iter().filter_map(info).map(settings).collect()
    }

    pub(super) fn user(&self) -> &RedisConnectionInfo {
        &self.user
    }

    pub(super) fn sentinel_user(&self) -> &RedisConnectionInfo {
        &self.sentinel_user
    }
}

fn host(url: &Url, port: u16) -> Option<(String, u16)> {
    let host = url.host_str().filter(|host| !host.is_empty())?;
    Some((host.to_owned(), url.port().unwrap_or(port)))
}

fn credentialed(name: &str, password: &str) -> RedisConnectionInfo {
    let mut user = RedisConnectionInfo::default();
    if !name.is_empty() {
        user = user.set_username(name);
    }
    if !password.is_empty() {
        user = user.set_password(password);
    }
    user
}

#[cfg(test)]
mod tests {
    use super::*;

    fn summary(address: &str) -> Option<String> {
        let address = Address::parse(address).ok()?;
        let who = |user: &RedisConnectionInfo| format!("{}:{}", user.username().unwrap_or("-"), user.password().unwrap_or("-"));
        let (name, user, sentinel, db) = (address.name(), who(&address.user), who(&address.sentinel_user), address.user.db());
        Some(format!("{:?} {} {name} {user} {sentinel} {db}", address.form, if address.tls { "tls" } else { "plain" }))
    }

    #[test]
    fn addresses() {
        for (address, expected) in [
            ("127.0.0.1", Some("Node plain redis/127.0.0.1:6379 -:- -:- 0")),
            ("redis://:p%40ss@db:7000/3?tls=off", Some("Node plain redis/db:7000 -:p@ss -:- 3")),
            ("rediss://me:secret@[::1]", Some("Node tls redis/[::1]:6379 me:secret -:- 0")),
            (
                "redis-sentinel://a,b:1/shop?tls=off",
                Some("Sentinels { service: \"shop\" } plain redis/shop@a:26379,b:1 -:- -:- 0"),
            ),
            (
                "rediss-sentinel://me:p%2Fw@a, [::1]:7/shop/2?sentinel_password=s%26t",
                Some("Sentinels { service: \"shop\" } tls redis/shop@a:26379,[::1]:7 me:p/w -:s&t 2"),
            ),
            ("redis-cluster://:pw@a:1,b?tls=off", Some("Cluster plain redis/a:1,b:6379 -:pw -:- 0")),
            ("rediss-cluster://a/0", Some("Cluster tls redis/a:6379 -:- -:- 0")),
            ("rediss://a?tls=off", None),
            ("rediss-cluster://a?tls=off", None),
            ("redis-sentinel://a,b", None),
            ("redis-sentinel://a,/shop", None),
            ("redis-sentinel:///shop", None),
            ("redis-sentinel://a/shop/x", None),
            ("redis-sentinel://a/shop?db=1", None),
            ("redis-cluster://a/1", None),
            ("redis-cluster://a?sentinel_user=x", None),
            ("rediss://a#insecure", None),
            ("redis://", None),
            ("redis+unix:///tmp/redis.sock", None),
            ("http://a", None),
            ("", None),
        ] {
            assert_eq!(summary(address).as_deref(), expected, "{address}");
        }
        let many = vec!["a"; limits::REDIS_HOSTS + 1].join(",");
        assert_eq!(summary(&format!("redis-cluster://{many}")), None);
    }

    #[test]
    fn a_remote_server_requires_tls_unless_its_address_opts_out() {
        for (address, instead) in [
            ("redis://db", "rediss"),
            ("db:7000", "rediss"),
            ("redis://:s3cret@10.0.0.1", "rediss"),
            ("redis-sentinel://127.0.0.1,b/shop", "rediss-sentinel"),
            ("redis-cluster://a", "rediss-cluster"),
        ] {
            let Err(Error::Other(text)) = Address::parse(address) else { panic!("{address}") };
            assert!(text.contains(&format!("write {instead} instead")) && text.contains("?tls=off"), "{text}");
            assert!(!text.contains("s3cret"), "{text}");
        }
        for address in ["redis://db?tls=off", "rediss://db", "redis://localhost", "redis-sentinel://127.0.0.1,[::1]/shop", "::1"]
        {
            assert!(!matches!(Address::parse(address), Err(Error::Other(_))), "{address}");
        }
    }

    #[test]
    fn every_host_must_be_granted_with_or_without_tls() {
        let allowed = |address: &str, hosts: &[&str]| {
            Address::parse(address).ok().is_some_and(|address| address.granted(&AllowedHosts::parse(hosts).unwrap()))
        };
        let (a, b) = ("redis://a:26379", "redis://b:26379");
        assert!(allowed("redis-sentinel://a,b/shop?tls=off", &[a, b]));
        assert!(!allowed("redis-sentinel://a,b/shop?tls=off", &[a]));
        assert!(!allowed("rediss-sentinel://a,b/shop", &[a, b]));
        assert!(allowed("rediss-cluster://a,b", &["rediss://a", "rediss://b:6379"]));
        assert!(allowed("redis-cluster://10.1.2.3,10.1.2.4:7000?tls=off", &["redis://10.0.0.0/8:*"]));
        assert!(!allowed("rediss://a", &["redis://a"]));
    }

    #[test]
    fn fuzz_redis() {
        let seeds = [
            "redis://:p%40ss@127.0.0.1:7000/3",
            "rediss-sentinel://me:p%2Fw@a, [::1]:7/shop/2?sentinel_password=s%26t",
            "redis-cluster://:pw@a:1,b?tls=off",
        ];
        fuzz::text(&seeds, |text| {
            let Ok(address) = Address::parse(text) else { return };
            assert!((1..=limits::REDIS_HOSTS).contains(&address.hosts.len()), "{text}");
            assert!(address.tls || address.clear || address.hosts.iter().all(|(host, _)| secured::is_loopback(host)), "{text}");
            for info in address.addresses() {
                assert!(matches!(info, ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { insecure: false, .. }), "{text}");
            }
            assert_eq!(address.nodes().len(), address.hosts.len(), "{text}");
        });
    }
}
