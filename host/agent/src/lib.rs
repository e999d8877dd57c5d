//! A node's agent: has the releases here that the control plane wants here, switches to them, and reports how they are.
//!
//! ```text
//! control plane <──report, wait── Agent ──prepare, serve, forget──> Host (the node)
//!        └───────assignment──────> │  └──> FOLDER/assignment.json
//! ```
//!
//! The control plane is asked, and never asks: an agent posts how its node is and waits for an [`Assignment`](rollout::protocol::Assignment), which says all that
//! is to be here, not what is to change. So nothing can be missed or done twice, and any instance of the control plane can answer.
//!
//! # Invariants
//! - An assignment is stored before it is acted on, and the stored one is acted on at start: a node needs the control plane for what is new, and for nothing else.
//! - Of two assignments the later counts, whichever comes last.
//! - Traffic goes to a release once it is ready here, and until all that is to serve is ready nothing changes. What is ready is served at once, whatever else is
//!   being prepared: the way back waits for nothing.
//! - Every wait, retry, body and list has a limit ([`limits`]).
//! - Nothing here knows how an application runs: that is [`Host`].

mod control;
mod desired;
mod error;
mod host;
pub mod limits;
mod node;
mod stored;

pub use error::Error;
pub use host::{Host, Refused};
pub use node::{Agent, Options};
pub use stored::stored;
