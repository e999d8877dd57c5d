//! The live channel, `GET /api/live`: what somebody watches is pushed to them, over a WebSocket (RFC 6455) or as server-sent events.
//!
//! What is pushed of a thing is what `GET` answers about it: the component, or its region, is asked by the same route, for everybody at once where it is
//! public, and in the caller's name where it is theirs. So nothing is said here that polling would not say, and to nobody to whom it would not be said.
//!
//! - An event's availability is asked for once when a fact of the feed has changed it, however many watch it; all of them get the same bytes
//!   ([`topic`]).
//! - Bookings, payments and figures are asked of their region with the caller's token: when the feed says that something of their event has changed, and
//!   now and then ([`own`]).
//!
//! A socket has no queue. It has a bit for each thing that it watches, which says that there is something newer than what was sent ([`socket`]); who reads
//! slowly skips what is in between, and finds the newest.

mod handshake;
mod hub;
mod own;
mod session;
mod socket;
mod sse;
#[cfg(test)]
mod tests;
mod topic;
mod update;
mod wanted;
mod websocket;

use contracts::{Components as _, Traffic};
use http::{Method, request};
use manifest::Methods;

use crate::problem::Problem;

pub(crate) use handshake::{Accepted, Handshake};
pub(crate) use hub::{Asker, Hub};
pub(crate) use own::Caller;
pub(crate) use session::Session;
pub(crate) use socket::{Bearer, Transport};
pub(crate) use sse::events;
pub(crate) use wanted::Wanted;
pub(crate) use websocket::serve;

/// Where it is: no component's path, for no component could answer here.
pub(crate) const PATH: &str = "/api/live";

/// What a request to it asks for, as it came off the wire.
pub(crate) fn handshake(method: &Method, request: &mut request::Parts) -> Result<Handshake, Problem> {
    if !matches!(*method, Method::GET | Method::HEAD) {
        return Err(Problem::MethodNotAllowed(Methods::default().with(&Method::GET)));
    }
    Handshake::of(request)
}

/// Whether a request of this path is for the live channel: an application that does not say what events have left has none. Neither has a node without a
/// replica, which nobody tells when something changes.
pub(crate) fn is_at<T: Traffic>(path: &str, version: &T::Components) -> bool {
    path == PATH && version.routes().find(&Method::GET, "/api/events/any/availability").is_ok()
}
