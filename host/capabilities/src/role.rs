//! What a role has to offer to its components.

use std::sync::Arc;

use contracts::{Identity, Ledger, Replica};
use storage::{redis::RedisConnections, sqlite::SqliteDatabases};

use crate::{
    kafka::Producer, key_value::KeyValueStores, mail::Mailer, outbound_http::OutboundHttp, passwords::PasswordHasher,
    postgres::PostgresPools,
};

/// What a role has to offer to its components; what a component may use of it, its [`Grants`](manifest::Grants) say.
/// Cheap to clone.
///
/// Every interface is linked in every role. Where the role has nothing here, calls answer with that interface's own error.
#[derive(Clone, Default)]
pub struct Bindings {
    /// `spin:sqlite`; nothing here: `no-such-database`.
    pub sqlite: Option<SqliteDatabases>,
    /// `spin:key-value`; nothing here: `no-such-store`.
    pub key_value: Option<KeyValueStores>,
    /// `spin:postgres`; nothing here: `connection-failed`.
    pub postgres: Option<PostgresPools>,
    /// `spin:redis`; nothing here: `other`.
    pub redis: Option<RedisConnections>,
    /// `wasi:http/client`; nothing here: `HTTP-request-denied`.
    pub outbound_http: Option<OutboundHttp>,
    /// `marquee:booking/ledger`; nothing here: `unavailable` for every command.
    pub ledger: Option<Arc<dyn Ledger>>,
    /// `marquee:edge/replica`; nothing here: `unavailable`.
    pub replica: Option<Arc<dyn Replica>>,
    /// `marquee:edge/identity`; nothing here: `unavailable`.
    pub identity: Option<Arc<dyn Identity>>,
    /// `marquee:kafka/producer`; nothing here: `unavailable` for every record.
    pub producer: Option<Arc<dyn Producer>>,
    /// `marquee:mail/mailer`; nothing here: `unavailable`.
    pub mailer: Option<Arc<dyn Mailer>>,
    /// `marquee:passwords/hasher`; nothing here: `unavailable`.
    pub passwords: Option<PasswordHasher>,
}
