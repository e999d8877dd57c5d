//! A region: everything that needs its database.
//!
//! [`Coordinator`] queues commands and has the component `ledger` decide them in batches; `leases` say which node does so for which events. [`Sequencer`] numbers what they and all others have
//! written to the journal, and [`Feed`] publishes its facts to edges, and to the region's own replica. [`Ticker`] signals
//! components that time has passed. [`Node`] answers what edges hand over, and [`RateLimited`] refuses clients that ask too often.
//! [`accounts`] has what a region must know of accounts that another keeps.
//!
//! # Invariants
//! - Business decisions are the components'. What is here moves, numbers and schedules.
//! - A position, once given, belongs to its row for ever, and there are no gaps.
//! - The commands of one event are decided in the order in which they came; one batch a partition is in flight.
//! - A caller gets `unavailable` only where certainly nothing was done, else `unknown`.

pub mod accounts;
mod clock;
pub mod coordinator;
pub mod database;
mod feed;
pub mod keys;
mod leases;
pub mod limits;
pub mod migrate;
mod node;
pub mod people;
mod rates;
mod retention;
mod revocations;
mod sequencer;
#[cfg(test)]
mod simulation;
mod snapshot;
mod snapshot_cache;
#[cfg(test)]
mod testing;
mod ticker;

pub use coordinator::{Coordinator, Membership, Runner};
pub use database::Database;
pub use feed::Feed;
pub use migrate::{MigrateError, migrate};
pub use node::Node;
pub use rates::{Limiter, RateLimited};
pub use retention::{Retention, RetentionTask};
pub use revocations::Revocations;
pub use sequencer::{Sequencer, SequencerWaker, begin_epoch, epoch};
pub use snapshot_cache::SnapshotCache;
pub use ticker::Ticker;
