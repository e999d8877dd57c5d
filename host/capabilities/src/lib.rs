//! What a component may touch, and how: a room for each WIT interface.
//!
//! Every component instance is a wasmtime store whose data is [`InstanceState`]. What it may do there is the meeting
//! of two things: what the manifest grants the component ([`Grants`](manifest::Grants)) and what the role it runs in has to offer
//! ([`Bindings`]). [`add_to_linker`] links every interface in every role; where a role has nothing to offer, calls
//! answer with that interface's own error.
//!
//! # The rooms
//! | module | interface | offered through |
//! |---|---|---|
//! | `sqlite` | `spin:sqlite` | [`SqliteDatabases`](storage::sqlite::SqliteDatabases): named files, a bounded pool each |
//! | [`postgres`] | `spin:postgres` | [`postgres::PostgresPools`]: a pool an address |
//! | `redis` | `spin:redis` | [`RedisConnections`](storage::redis::RedisConnections) |
//! | [`key_value`] | `spin:key-value` | [`key_value::KeyValueStores`]: one SQLite file |
//! | `variables` | `spin:variables` | [`Grants::variables`](manifest::Grants::variables) |
//! | `earlier` | `fermyon:spin/key-value`, `sqlite` and `variables`, `@2.0.0` | the same as today's |
//! | [`outbound_http`] | `wasi:http/client`, and `outgoing-handler@0.2` | [`outbound_http::OutboundHttp`]; `internet`: of it, servers that anybody may name |
//! | `ledger` | `marquee:booking/ledger` | the trait [`contracts::Ledger`] |
//! | `replica`, `identity` | `marquee:edge` | the traits [`contracts::Replica`], [`contracts::Identity`] |
//! | [`kafka`] | `marquee:kafka/producer` | the trait [`kafka::Producer`] |
//! | [`mail`] | `marquee:mail/mailer` | the trait [`mail::Mailer`] |
//! | [`passwords`] | `marquee:passwords/hasher` | [`passwords::PasswordHasher`]: threads of its own |
//!
//! `ledger_component`, `consumer_component` and `accounts_component` of the crate `bindings` go the other way: they call what the component
//! `ledger`, one that takes Kafka's records, and the component `auth` export.
//!
//! # To add a capability
//! 1. Its WIT in the crate `bindings`: one line.
//! 2. Its own module: what it offers as a type that is cheap to clone (or a trait, where edge and region bring their
//!    own), and the host side, which implements the generated `Host` traits for [`InstanceState`] and, for async
//!    functions, the `HostWithStore` form for `Host`. That form takes an `Accessor`: take what is needed out of the
//!    store in one short `with`, then wait without it; else the whole instance stands still.
//! 3. A field in [`Bindings`], a line in `link.rs` and its name there, its bounds in [`limits`].
//!
//! # Invariants
//! - Grants are checked before bindings: a component never learns whether what it was not granted exists.
//! - A connection goes back to its pool only if nothing of its user is left on it: no transaction, no setting. Else
//!   it is closed.
//! - Nothing here blocks an async thread.

mod earlier;
mod guest_log;
mod identity;
mod internet;
pub mod kafka;
pub mod key_value;
mod ledger;
pub mod limits;
mod link;
pub mod mail;
mod memory;
pub mod outbound_http;
pub mod passwords;
pub mod postgres;
mod redis;
mod replica;
mod role;
mod rows;
mod sqlite;
mod state;
mod variables;

pub use link::{LinkSet, add_to_linker, compatible_name, interfaces};
pub use role::Bindings;
pub use state::InstanceState;
