//! One connection: who is at its other end, whether it is being used, and whether its answers are taken.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use http::HeaderValue;

use crate::limits;
use crate::slots::RequestSlot;

/// How long a client may take for what, and how fast it has to be.
#[derive(Clone, Copy, Debug)]
pub struct ClientTimeouts {
    /// See [`limits::IDLE`].
    pub idle: Duration,
    /// See [`limits::IDLE_CROWDED`].
    pub idle_crowded: Duration,
    /// See [`limits::BUSY`].
    pub busy: Duration,
    /// See [`limits::BODY`].
    pub body: Duration,
    /// See [`limits::FILE`].
    pub file: Duration,
    /// See [`limits::BODY_GRACE`].
    pub body_grace: Duration,
    /// See [`limits::SEND_GRACE`].
    pub send_grace: Duration,
    /// See [`limits::LOOK`].
    pub look: Duration,
}

impl Default for ClientTimeouts {
    fn default() -> Self {
        Self {
            idle: limits::IDLE,
            idle_crowded: limits::IDLE_CROWDED,
            busy: limits::BUSY,
            body: limits::BODY,
            file: limits::FILE,
            body_grace: limits::BODY_GRACE,
            send_grace: limits::SEND_GRACE,
            look: limits::LOOK,
        }
    }
}

/// What is known of a connection. Shared by its requests.
#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) peer: SocketAddr,
    /// The peer's address and port as a header: made once a connection, not once a request.
    pub(crate) peer_socket: HeaderValue,
    /// Whether it is TLS.
    pub(crate) secure: bool,
    opened: Instant,
    timeouts: ClientTimeouts,
    requests: AtomicU32,
    /// When `requests` last became zero or more than that, in milliseconds since `opened`.
    since: AtomicU64,
    answers: Mutex<PendingAnswers>,
    /// Answers among them that do not end by themselves.
    long: AtomicU32,
}

/// The answers that are on their way. Places are used again.
#[derive(Debug, Default)]
struct PendingAnswers {
    sending: Vec<Option<PendingAnswer>>,
    free: Vec<usize>,
}

/// One of them. Times in milliseconds since the connection was opened.
#[derive(Debug)]
struct PendingAnswer {
    began: u64,
    /// Bytes that the client had room for.
    taken: u64,
    /// How long it has waited for more to be made, and since when, if it does: that is not the client's doing.
    waited: u64,
    waiting: Option<u64>,
}

impl Connection {
    pub(crate) fn new(peer: SocketAddr, secure: bool, timeouts: ClientTimeouts) -> Arc<Self> {
        let peer = SocketAddr::new(peer.ip().to_canonical(), peer.port());
        Arc::new(Self {
            peer,
            peer_socket: HeaderValue::try_from(peer.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown")),
            secure,
            opened: Instant::now(),
            timeouts,
            requests: AtomicU32::new(0),
            since: AtomicU64::new(0),
            answers: Mutex::default(),
            long: AtomicU32::new(0),
        })
    }

    fn age(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.opened).as_millis()).unwrap_or(u64::MAX)
    }

    fn stamp(&self) {
        self.since.store(self.age(Instant::now()), Ordering::Relaxed);
    }

    /// Counts a request as worked on until what this returns is dropped.
    pub(crate) fn enter(self: &Arc<Self>) -> ActiveRequest {
        if self.requests.fetch_add(1, Ordering::Relaxed) == 0 {
            self.stamp();
        }
        ActiveRequest { connection: Arc::clone(self), slot: None, answer: None }
    }

    /// Counts an answer that does not end by itself, until what this returns is dropped: its connection may be busy for as long as it likes, if only the
    /// client takes what it is sent.
    pub(crate) fn begin_long_answer(self: &Arc<Self>) -> LongAnswer {
        self.long.fetch_add(1, Ordering::Relaxed);
        LongAnswer(Arc::clone(self))
    }

    /// Whether it has been idle, or busy without a break, for longer than it may, or does not take an answer that is there.
    pub(crate) fn overdue(&self, now: Instant, crowded: bool) -> bool {
        let age = self.age(now);
        let idle = self.requests.load(Ordering::Relaxed) == 0;
        let limit = match (idle, crowded) {
            (true, false) => self.timeouts.idle,
            (true, true) => self.timeouts.idle_crowded,
            (false, _) if self.long.load(Ordering::Relaxed) > 0 => Duration::MAX,
            (false, _) => self.timeouts.busy,
        };
        let since = age.saturating_sub(self.since.load(Ordering::Relaxed));
        since > milliseconds(limit) || (!idle && self.is_too_slow(age))
    }

    fn is_too_slow(&self, age: u64) -> bool {
        let grace = milliseconds(self.timeouts.send_grace);
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.sending.iter().flatten().any(|sending| {
            let waited = sending.waited + sending.waiting.map_or(0, |since| age.saturating_sub(since));
            let took = age.saturating_sub(sending.began).saturating_sub(waited);
            took > grace.saturating_add(sending.taken.saturating_mul(1_000) / limits::SEND_RATE)
        })
    }
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// An answer that does not end by itself: see [`Connection::begin_long_answer`].
#[derive(Debug)]
pub(crate) struct LongAnswer(Arc<Connection>);

impl Drop for LongAnswer {
    fn drop(&mut self) {
        self.0.long.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A request of a connection that is being worked on, its answer's body included.
#[derive(Debug)]
pub(crate) struct ActiveRequest {
    connection: Arc<Connection>,
    /// Its client's, of those that all requests share.
    slot: Option<RequestSlot>,
    /// Its answer's, of the connection's.
    answer: Option<usize>,
}

impl ActiveRequest {
    /// Takes a place along, for as long as this lives.
    pub(crate) fn hold(&mut self, slot: RequestSlot) {
        self.slot = Some(slot);
    }

    /// Gives its place back, though it is not over: others count it from now on.
    pub(crate) fn release(&mut self) {
        self.slot = None;
    }

    /// Its answer is there: from now on its client has to take it.
    pub(crate) fn answered(&mut self) {
        let began = self.connection.age(Instant::now());
        let mut answers = self.connection.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let sending = Some(PendingAnswer { began, taken: 0, waited: 0, waiting: None });
        let free = answers.free.pop();
        self.answer = match free.and_then(|at| answers.sending.get_mut(at).map(|slot| (at, slot))) {
            Some((at, slot)) => {
                *slot = sending;
                Some(at)
            }
            None => {
                answers.sending.push(sending);
                Some(answers.sending.len() - 1)
            }
        };
    }

    /// Its client had room for so much; none: for more than there is yet.
    pub(crate) fn took(&self, bytes: Option<usize>) {
        let Some(at) = self.answer else { return };
        let age = self.connection.age(Instant::now());
        let mut answers = self.connection.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(Some(sending)) = answers.sending.get_mut(at) else { return };
        if let Some(since) = sending.waiting.take() {
            sending.waited += age.saturating_sub(since);
        }
        match bytes {
            Some(bytes) => sending.taken += u64::try_from(bytes).unwrap_or(u64::MAX),
            None => sending.waiting = Some(age),
        }
    }
}

impl Drop for ActiveRequest {
    fn drop(&mut self) {
        if let Some(at) = self.answer {
            let mut answers = self.connection.answers.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(slot) = answers.sending.get_mut(at) {
                *slot = None;
                answers.free.push(at);
            }
        }
        // A connection that multiplexes is never idle for long: each end of a request counts as a break.
        self.connection.requests.fetch_sub(1, Ordering::Relaxed);
        self.connection.stamp();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{BUSY, IDLE, IDLE_CROWDED, SEND_GRACE, SEND_RATE};

    const SECOND: Duration = Duration::from_secs(1);

    fn connection() -> Arc<Connection> {
        Connection::new(([127, 0, 0, 1], 4000).into(), false, ClientTimeouts::default())
    }

    #[test]
    fn a_connection_is_overdue_when_idle_or_busy_for_too_long() {
        let connection = connection();
        let start = connection.opened;
        assert_eq!(connection.peer_socket, "127.0.0.1:4000");
        assert!(!connection.overdue(start + IDLE, false));
        assert!(connection.overdue(start + IDLE + SECOND, false));
        assert!(connection.overdue(start + IDLE_CROWDED + SECOND, true), "sooner where there is little room");
        let busy = connection.enter();
        assert!(!connection.overdue(start + IDLE + SECOND, true));
        assert!(connection.overdue(Instant::now() + BUSY + SECOND, false));
        // What does not end by itself may go on.
        let long = connection.begin_long_answer();
        assert!(!connection.overdue(Instant::now() + 10 * BUSY, true));
        drop(long);
        assert!(connection.overdue(Instant::now() + BUSY + SECOND, false));
        drop(busy);
        assert!(connection.overdue(Instant::now() + IDLE + SECOND, false));
    }

    #[test]
    fn a_slow_reader_is_overdue() {
        let connection = connection();
        let (mut slow, mut quick) = (connection.enter(), connection.enter());
        slow.answered();
        quick.answered();
        let now = Instant::now();
        assert!(!connection.overdue(now + SEND_GRACE, false));
        assert!(connection.overdue(now + SEND_GRACE + SECOND, false));
        // One that is taken does not speak for another that is not.
        quick.took(Some(1 << 20));
        assert!(connection.overdue(now + SEND_GRACE + SECOND, false));
        slow.took(Some(usize::try_from(SEND_RATE).unwrap() * 5));
        assert!(!connection.overdue(now + SEND_GRACE + 4 * SECOND, false));
        assert!(connection.overdue(now + SEND_GRACE + 6 * SECOND, false));
        // Who waits for more to be made is not slow.
        slow.took(None);
        assert!(!connection.overdue(now + SEND_GRACE + 60 * SECOND, false));
        drop((slow, quick));
        let mut again = connection.enter();
        again.answered();
        assert_eq!(connection.answers.lock().unwrap().sending.len(), 2, "places are used again");
    }
}
