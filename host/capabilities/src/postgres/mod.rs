//! `spin:postgres`: a pool of connections for each address.
//!
//! A guest's handle holds one connection from when it is opened until it is dropped. Then the connection goes back to
//! its pool if nothing of its user is left on it; a transaction that was left open is rolled back first, and one whose last statement did not
//! end is closed. Parameters are bound, and columns read, by the types that the server says they have; a value of
//! another type is refused, as Spin refuses it.
//!
//! # When Postgres is not there
//! Each pool has a circuit breaker. Only that the server could not be reached, or went away, counts against it: what it says about a
//! statement does not, nor that all connections are in use. While it is open, handles are refused at once with
//! [`Error::ConnectionFailed`], certainly nothing done; one caller at a time tries whether the server is back. A statement whose answer was
//! lost may have been done, as ever. A statement is waited for as long as the server is at it; where it is not, or cannot be asked, its connection is
//! given up after seconds (`probe`).

#![allow(clippy::result_large_err, reason = "the size of the error is the WIT's, and guests have it anyway")]

mod address;
mod connection;
mod decode;
mod effect;
mod encode;
mod error;
mod host;
mod numeric;
mod oid;
mod pool;
mod probe;
mod time;

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
};

pub use address::grant;
pub use bindings::spin::postgres::postgres::{
    Column, DbDataType, DbError, DbValue, Error, Interval, ParameterValue, QueryError, RangeBoundKind, RowSet,
};
pub use connection::Connection;

use manifest::allowed_hosts::AllowedHosts;
use storage::Commits;
use telemetry::{Breaker, BreakerLine, BreakerOptions, BreakerSource};

use crate::limits;
use address::Address;
use pool::Pool;

/// An address as the guest gave it, and the certificate that its server's must be signed by.
type Key = (String, Option<String>);

/// A role's Postgres pools, made as addresses are first used. Cheap to clone; clones share the pools.
#[derive(Clone)]
pub struct PostgresPools {
    pools: Arc<Mutex<BTreeMap<Key, Arc<Pool>>>>,
    commits: Commits,
    breaker: BreakerOptions,
    /// Certificates (PEM) by the file that an address may name as its `sslrootcert`.
    authorities: Arc<BTreeMap<String, String>>,
}

impl Default for PostgresPools {
    fn default() -> Self {
        Self::new()
    }
}

impl PostgresPools {
    /// No pools yet.
    #[must_use]
    pub fn new() -> Self {
        Self::with(BreakerOptions::default())
    }

    /// No pools yet. Each one's breaker opens as `breaker` says.
    #[must_use]
    pub fn with(breaker: BreakerOptions) -> Self {
        Self { pools: Arc::default(), commits: Commits::new(), breaker, authorities: Arc::default() }
    }

    /// These pools, where addresses may name one of these files as their `sslrootcert`: each a path, as addresses write it, and the
    /// certificates in it, PEM. No other file of the host's is read for a component.
    #[must_use]
    pub fn trusting(self, authorities: BTreeMap<String, String>) -> Self {
        Self { authorities: Arc::new(authorities), ..self }
    }

    /// Word of every commit made through these pools by components.
    #[must_use]
    pub fn commits(&self) -> &Commits {
        &self.commits
    }

    /// A connection to `address` (a URL, or `key=value` pairs as libpq has them), if `allowed` permits its host. With
    /// `root_ca` (PEM), the server must show a certificate that it has signed.
    ///
    /// # Errors
    /// [`Error::ConnectionFailed`].
    pub async fn open(&self, address: &str, root_ca: Option<&str>, allowed: &AllowedHosts) -> Result<Connection, Error> {
        // Looked at every time, even for an address that has a pool: who may use it differs from component to component.
        let parsed = Address::parse(address)?;
        if !allowed.allows("postgres", parsed.host(), Some(parsed.port())) {
            return Err(Error::ConnectionFailed(format!(
                "address postgres://{}:{} is not permitted",
                parsed.host(),
                parsed.port()
            )));
        }
        let named = match parsed.root() {
            None => None,
            Some(file) => Some(self.authorities.get(file).ok_or_else(|| {
                Error::ConnectionFailed(
                    "invalid address: its sslrootcert is none of the files that this node's own settings name".into(),
                )
            })?),
        };
        let pool = self.pool(address, root_ca.or(named.map(String::as_str)), parsed)?;
        Ok(Connection::new(pool.lease().await?))
    }

    fn pool(&self, address: &str, root_ca: Option<&str>, parsed: Address) -> Result<Arc<Pool>, Error> {
        let mut pools = self.pools.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (address.to_owned(), root_ca.map(str::to_owned));
        if let Some(pool) = pools.get(&key) {
            return Ok(Arc::clone(pool));
        }
        if pools.len() >= limits::POSTGRES_POOLS {
            let unused = pools.iter().find(|(_, pool)| Arc::strong_count(pool) == 1).map(|(key, _)| key.clone());
            let unused = unused.ok_or_else(|| Error::ConnectionFailed("too many addresses".into()))?;
            pools.remove(&unused);
        }
        let breaker = Breaker::new(parsed.name(), self.breaker);
        let pool = Arc::new(Pool::new(parsed.options(root_ca), self.commits.clone(), breaker));
        pools.insert(key, Arc::clone(&pool));
        Ok(pool)
    }
}

impl BreakerSource for PostgresPools {
    fn lines(&self) -> Vec<BreakerLine> {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).values().map(|pool| pool.breaker().line()).collect()
    }

    fn reset(&self) {
        self.pools.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(|pool| pool.breaker().reset());
    }
}
