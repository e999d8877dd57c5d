//! What the parts of a node ask of each other: traits, and what is said through them.
//!
//! [`Ledger`], [`Replica`] and [`Identity`] are interfaces of ours that components import, over the types of the crate `vocabulary`: edge, region and
//! fleet implement them and use each other's. [`Components`] and [`Traffic`] are an application as who serves it needs it, and [`Failure`] is what can
//! become of a request there.
//!
//! # Invariants
//! - Traits and data: no I/O, no task, no state.
//! - Nothing here knows how components run, so neither does who needs no more than this.

mod accounts;
mod components;
mod failure;
mod host_route;
mod identity;
mod ledger;
pub mod limits;
mod replica;
mod visitor;

pub use accounts::{AccountsAnswer, AccountsComponent};
pub use components::{BodyError, BoxError, Components, RequestBody, Traffic, empty};
pub use failure::Failure;
pub use host_route::HostRoute;
pub use identity::Identity;
pub use ledger::Ledger;
pub use replica::Replica;
pub use visitor::Visitor;
