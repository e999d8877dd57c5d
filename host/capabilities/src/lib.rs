//! What a component may touch, and how: one module a WIT interface.
//!
//! Every component instance is a wasmtime store whose data is [`InstanceState`]. What it may do there is the meeting
//! of two things: what the manifest grants the component ([`Grants`]) and what the role it runs in has to offer
//! ([`Bindings`]). [`add_to_linker`] links every interface in every role; where a role has nothing to offer, calls
//! answer with that interface's own error.
//!
//! # The modules
//! | module | interface | offered through |
//! |---|---|---|
//! | [`sqlite`] | `spin:sqlite` | [`sqlite::SqliteDatabases`]: named files, a bounded pool each |
//! | [`postgres`] | `spin:postgres` | [`postgres::PostgresPools`]: a pool an address |
//! | [`redis`] | `spin:redis` | [`redis::RedisConnections`] |
//! | [`key_value`] | `spin:key-value` | [`key_value::KeyValueStores`]: one SQLite file |
//! | `variables` | `spin:variables` | [`Grants::variables`] |
//! | `earlier` | `fermyon:spin/key-value`, `sqlite` and `variables`, `@2.0.0` | the same as today's |
//! | [`outbound_http`] | `wasi:http/client`, and `outgoing-handler@0.2` | [`outbound_http::OutboundHttp`] |
//! | [`ledger`] | `marquee:booking/ledger` | the trait [`ledger::Ledger`], over the types in [`booking`] |
//! | [`replica`], [`identity`] | `marquee:edge` | the traits [`replica::Replica`], [`identity::Identity`], over the types in [`edge`] |
//! | [`kafka`] | `marquee:kafka/producer` | the trait [`kafka::Producer`] |
//! | [`mail`] | `marquee:mail/mailer` | the trait [`mail::Mailer`] |
//! | [`passwords`] | `marquee:passwords/hasher` | [`passwords::PasswordHasher`]: threads of its own |
//!
//! [`ledger_component`], [`consumer_component`] and [`accounts_component`] go the other way: they call what the component `ledger`, one that takes
//! Kafka's records, and the component `auth` export.
//!
//! # To add a capability
//! 1. Its own module: what it offers as a type that is cheap to clone (or a trait, where edge and region bring their
//!    own), and the host side, which implements the generated `Host` traits for [`InstanceState`] and, for async
//!    functions, the `HostWithStore` form for `Host`. That form takes an `Accessor`: take what is needed out of the
//!    store in one short `with`, then wait without it; else the whole instance stands still.
//! 2. Its WIT in `wit.rs` (ours) or `build.rs` (Spin's), one line.
//! 3. A field in [`Bindings`], a line in `link.rs`, its bounds in [`limits`].
//!
//! # Invariants
//! - Grants are checked before bindings: a component never learns whether what it was not granted exists.
//! - A connection goes back to its pool only if nothing of its user is left on it: no transaction, no setting. Else
//!   it is closed.
//! - Nothing here blocks an async thread.

pub mod allowed_hosts;
mod batches;
mod bindings;
mod commits;
mod earlier;
mod grants;
mod guest_log;
pub mod identity;
pub mod kafka;
pub mod keepalive;
pub mod key_value;
pub mod ledger;
pub mod limits;
mod link;
pub mod mail;
mod memory;
pub mod outbound_http;
pub mod passwords;
mod percent;
pub mod postgres;
pub mod redis;
pub mod replica;
pub mod sqlite;
mod state;
mod variables;
mod wit;

pub use bindings::Bindings;
pub use commits::Commits;
pub use grants::{Grants, Mount, Secret};
pub use link::{LinkSet, add_to_linker};
pub use state::InstanceState;

/// What the ledger is asked and answers: the types of `marquee:booking/types`, as WIT documents them.
pub mod booking {
    #[doc(inline)]
    pub use vocabulary::booking::*;
}

/// The read model and who asks: the types of `marquee:edge/types`, as WIT documents them.
pub mod edge {
    #[doc(inline)]
    pub use vocabulary::edge::*;
}

/// Calls the component `ledger`: instantiate it with [`LedgerComponentPre`](ledger_component::LedgerComponentPre),
/// then call `apply` of `marquee_booking_ledger()` inside `run_concurrent`. Its types are those of [`booking`].
pub mod ledger_component {
    pub use crate::wit::ledger_world::{LedgerComponent, LedgerComponentIndices, LedgerComponentPre};
}

/// Calls the component that takes Kafka's records: `handle` of `marquee_kafka_consumer()`, inside `run_concurrent`. The records are
/// those of [`kafka`].
pub mod consumer_component {
    pub use crate::wit::consumer_world::exports::marquee::kafka::consumer::Disposition;
    pub use crate::wit::consumer_world::{ConsumerComponent, ConsumerComponentIndices, ConsumerComponentPre};
}

/// Calls the component `auth` beside HTTP: functions of `marquee_accounts_directory()` and `marquee_accounts_mirror()`, inside `run_concurrent`.
/// Their types are those of `vocabulary::accounts`.
pub mod accounts_component {
    pub use crate::wit::accounts_world::{AccountsComponent, AccountsComponentIndices, AccountsComponentPre};
}
