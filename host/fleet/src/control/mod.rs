//! Agents and the control plane: JSON that is posted over HTTP/2, where both sides show who they are.
//!
//! What is said is no business of this crate. [`Client`] is one instance of the control plane, as an agent reaches it; [`serve`] hands what agents post to a
//! function, with who each is by its certificate. Along these connections, too, both ends tell each other which certificates are revoked.

mod client;
mod server;

pub use client::{Answer, Client, Error};
pub use server::{Call, NotControl, Options, check, respond, serve};
