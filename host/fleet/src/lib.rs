//! How nodes reach each other: HTTP/2 over TLS 1.3, where both sides show who they are.
//!
//! An edge knows its region as three traits: [`edge::Region`] (have a request answered), [`edge::feed::Source`] (what is public, and what
//! changes) and [`contracts::Ledger`] (have commands decided); regions ask the one of the accounts by a fourth, [`edge::Accounts`].
//! [`RemoteRegion`] is all of them, on the asking side of the network; [`Server`] serves whatever implements them, on the region's. What crosses is
//! in `wire`; who may, in [`tls`]. Every node may have an agent that asks the control plane what to run: [`control`] has both ends of that.
//!
//! # Invariants
//! - Who shows no certificate of the fleet's authority that names a node gets in nowhere.
//! - A caller gets `unavailable` only where certainly nothing was done; what may have been done is retried with its key, or `unknown`.
//! - The commands of one `apply` stay together and in order.
//! - Every connection, request, queue, retry and body has a limit.
//! - No database, no component.

pub mod certificates;
pub mod client;
pub mod control;
mod identity;
pub mod limits;
mod permit_body;
mod revocations;
pub mod server;
pub mod tls;
pub mod wire;

pub use client::{Client, NodeAddress, RemoteRegion};
pub use identity::{Identity, Role};
pub use server::Server;
pub use tls::Tls;
