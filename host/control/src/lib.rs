//! The control plane of a fleet: it says which nodes run which version, and moves them from one to the next.
//!
//! ```text
//! people ──HTTPS, tokens──> people ─┐                       ┌─ agents <──HTTP/2, mutual TLS── nodes
//!                                   ├─> store (Postgres) <──┤
//!                 registry <── artifacts                    └─ rounds: lease, reports, rollout::machine::decide
//! ```
//!
//! Two or more instances share a database. All of them answer people and agents; one acts at a time, by a lease. What nodes are to do is a function of the
//! last rollout's state, which is stored before anybody is answered by it: so whatever instance dies, and whenever, another goes on where it was.
//!
//! | module | holds |
//! |---|---|
//! | `store` | the tables, and the one way to change what nodes are to do |
//! | `rounds` | who acts, and what an instance does every second |
//! | `agents` | reports, and what is answered to them |
//! | `people` | tokens, roles, the API, the operators' page |
//! | `deploy` | a new rollout: the plan, the version, whether nodes can run it |
//! | `declarations` | the same for objects that declare what the fleet is to run, which programs in this process read |
//! | `artifacts` | versions in registries, and what they need of nodes |
//! | `conditions` | how a node is, in a word |
//! | `queries` | Prometheus |
//! | [`Client`] | the API, as its clients see it |
//! | [`limits`] | every limit |
//!
//! # Invariants
//! - Every change of a rollout is a compare-and-swap of its row, of the lease's epoch and of the desired state's revision, in one transaction with what the
//!   audit log says of it.
//! - Nobody is answered by what is not stored.
//! - A node is believed for itself alone: it is who its certificate says.
//! - Nothing is rolled out that no trusted key has signed, or that a known node cannot run.
//! - Tokens and values that nodes keep secret are not known here.
//! - Nothing here knows how an application runs.

mod agents;
mod artifacts;
mod client;
mod conditions;
mod control;
mod declarations;
mod deploy;
mod error;
mod heard;
pub mod limits;
mod people;
mod queries;
mod rounds;
mod store;

pub use artifacts::{Artifacts, Contents, Imports, Registry, Resolved, Unusable};
pub use client::{Answer, Client};
pub use control::{Control, Options};
pub use declarations::{Changes, Declaration, Declared, Fleet, Last, Refusal};
pub use error::Error;
pub use people::{Role, Tokens};
pub use queries::Prometheus;
