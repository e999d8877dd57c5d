//! How components run.
//!
//! # The way of a request
//! `spin.toml` becomes a [`Manifest`](manifest::Manifest); a [`Loader`] reads, composes and compiles what it names into one immutable
//! [`Version`]; a role gives it what it has to offer ([`capabilities::Bindings`]), which makes an [`Application`]; a
//! [`Switch`] says which application gets the traffic. [`Routes`](manifest::Routes) say which component answers a method and a path, and where; then
//! [`Application::handle`] has it answered by an instance, or says by a [`Failure`](contracts::Failure) why not.
//!
//! ```text
//! Manifest ──Loader──> Version ──Bindings──> Application <── Switch <── requests
//!             Cache     shared by roles       instances
//! ```
//!
//! # The modules
//! | module | holds |
//! |---|---|
//! | [`engine`] | wasmtime's configuration, the thread that advances the epoch |
//! | [`compose`] | a component and its dependencies made one |
//! | [`assets`] | files that a component is to see, copied where they are no folder |
//! | [`cache`] | compiled code on disk |
//! | [`version`], [`application`], [`switch`] | the application: loaded, in a role, exchanged for another or sharing the traffic with it |
//! | [`needs`] | what an application imports of its host |
//! | `background` | compiling beside requests |
//! | `counters` | what an application has done |
//! | [`handler`] | requests into instances |
//! | [`ledger`], `consumer` | the long-lived instances of the component `ledger`, and of the one that takes Kafka's records; `reused` is what they share |
//! | `accounts` | calls of the component `auth` beside HTTP |
//! | `gate` | how many requests or calls of a component there may be |
//!
//! # Invariants
//! - An instance ends with its own requests and no others: a trap, a loop and exhausted memory are bounded
//!   to it and told apart.
//! - Every queue, wait and instance has a limit, and they all stand in [`limits`].
//! - A version never changes, and one that has not been checked gets no traffic.
//! - Values of variables are in no log, error or `Debug` output.
//! - `unsafe` is used to load compiled code that only we can have written, and nowhere else but to ask who we are and to give way to others.

mod accounts;
pub mod application;
pub mod assets;
mod background;
pub mod cache;
pub mod compose;
mod consumer;
mod counters;
pub mod engine;
mod gate;
pub mod handler;
mod instance;
pub mod ledger;
pub mod limits;
pub mod needs;
mod reused;
pub mod switch;
pub mod version;

pub use accounts::AccountsInstances;
pub use application::{Application, Probe, Unhealthy};
pub use bindings::consumer_component::Disposition;
pub use cache::Cache;
pub use consumer::ConsumerInstance;
pub use counters::Counts;
pub use engine::{Allocation, Engine, EngineError};
pub use handler::{ResponseBody, Stats};
pub use ledger::LedgerInstance;
pub use needs::imports;
pub use switch::{ShareError, Switch};
pub use version::{LoadError, Loader, Mode, Version};
