//! Rollouts as custom resources of Kubernetes: where a fleet runs there, an object says what it is to run, and tools that apply objects drive it.
//!
//! ```text
//! GitOps ──> FleetRelease ──watch──> objects ─┐                    ┌─> status ──> conditions, kubectl
//!                                             ├─> decide ──> act ──┤
//!                  control (Postgres) ────────┘                    └─> events
//! ```
//!
//! The control plane's database stays the truth of what nodes are to do. An object is one more operator: what it declares goes through the same checks and
//! the same audit log, by the instance that acts, once for each change of it.
//!
//! | module | holds |
//! |---|---|
//! | `resource` | what an object declares |
//! | `definition` | the definition of the resource, with what the server refuses |
//! | `decide` | what follows; no I/O |
//! | `status` | what an object's status says; no I/O |
//! | `events` | what has happened, as Kubernetes' events |
//! | `objects` | list and watch |
//! | `reconcile` | the loop |
//! | [`limits`] | every limit |
//!
//! # Invariants
//! - What an object wants is begun once, whichever instance dies meanwhile: its uid and generation are written down with the rollout.
//! - A word of an object's counts once. What the analysis or somebody decides afterwards stands until the object changes.
//! - Without Kubernetes' API rollouts go on; objects are written to by the instance that acts alone.

mod decide;
mod definition;
mod error;
mod events;
pub mod limits;
mod objects;
mod reconcile;
mod resource;
mod status;

pub use definition::definition;
pub use error::Error;
pub use reconcile::{Access, Reconciler};
