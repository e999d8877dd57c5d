//! Webhooks out: what an organiser can be told of, who may be told, and how a message is signed. No I/O.
//!
//! Components and the host share it: both look at where a message goes, the one as it is written down, the other as it is sent.

pub mod address;
pub mod limits;
pub mod receiver;
pub mod signature;

pub use receiver::Receivers;
pub use signature::Secret;

/// What an organiser can be told of: the `type` of a CloudEvent each.
pub const KINDS: [&str; 8] = [
    "event.published",
    "event.updated",
    "event.cancelled",
    "order.confirmed",
    "order.cancelled",
    "order.refunded",
    "ticket.transferred",
    "ticket.admitted",
];

/// What a test message is of. Nobody subscribes to it.
pub const TEST: &str = "webhook.test";
