//! One connection: who is at its other end, and whether it is being used.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::limits::{BUSY, IDLE};

/// What is known of a connection. Shared by its requests.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    /// The peer's address and port as a header: made once a connection, not once a request.
    pub(crate) peer_socket: HeaderValue,
    opened: Instant,
    requests: AtomicU32,
    /// When `requests` last became zero or more than that, in milliseconds since `opened`.
    since: AtomicU64,
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr) -> Arc<Self> {
        let socket = SocketAddr::new(peer.ip().to_canonical(), peer.port()).to_string();
        Arc::new(Self {
            peer,
            peer_socket: HeaderValue::try_from(socket).unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            opened: Instant::now(),
            requests: AtomicU32::new(0),
            since: AtomicU64::new(0),
        })
    }

    fn age(&self, now: Instant) -> Duration {
        now.saturating_duration_since(self.opened)
    }

    fn stamp(&self) {
        let age = self.age(Instant::now());
        self.since.store(u64::try_from(age.as_millis()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// Counts a request as worked on until what this returns is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> Busy {
        if self.requests.fetch_add(1, Ordering::Relaxed) == 0 {
            self.stamp();
        }
        Busy(Arc::clone(self))
    }

    /// Whether it has been idle, or busy without a break, for longer than it may.
    pub(crate) fn overdue(&self, now: Instant) -> bool {
        let since = Duration::from_millis(self.since.load(Ordering::Relaxed));
        let limit = if self.requests.load(Ordering::Relaxed) == 0 { IDLE } else { BUSY };
        self.age(now).saturating_sub(since) > limit
    }
}

/// A request of a connection that is being worked on, its answer's body included.
#[derive(Debug)]
pub(crate) struct Busy(Arc<Connection>);

impl Drop for Busy {
    fn drop(&mut self) {
        // A connection that multiplexes is never idle for long: each end of a request counts as a break.
        self.0.requests.fetch_sub(1, Ordering::Relaxed);
        self.0.stamp();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_connection_is_overdue_when_idle_or_busy_for_too_long() {
        let connection = Connection::new(([127, 0, 0, 1], 4000).into());
        let start = connection.opened;
        assert_eq!(connection.peer_socket, "127.0.0.1:4000");
        assert!(!connection.overdue(start + IDLE));
        assert!(connection.overdue(start + IDLE + Duration::from_secs(1)));
        let busy = connection.enter();
        assert!(!connection.overdue(start + IDLE + Duration::from_secs(1)));
        assert!(connection.overdue(Instant::now() + BUSY + Duration::from_secs(1)));
        drop(busy);
        assert!(connection.overdue(Instant::now() + IDLE + Duration::from_secs(1)));
    }
}
