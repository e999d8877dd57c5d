//! What others may say to a socket, wherever it waits: never more than this, however much happens and however slowly it reads.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use futures::task::AtomicWaker;
use vocabulary::edge::Refusal;

use crate::identity::Identity;
use crate::limits::{LIVE_EVENTS, LIVE_FIRST, LIVE_OWN, LIVE_PING, LIVE_SILENCE};
use crate::tokens::Verified;

// A bit for each thing.
const _: () = assert!(LIVE_EVENTS + LIVE_OWN <= 64 && LIVE_OWN <= 16);

/// How a socket is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transport {
    /// Both ways.
    WebSocket,
    /// One way: server-sent events.
    Events,
}

impl Transport {
    /// The label of metrics.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::WebSocket => "websocket",
            Self::Events => "events",
        }
    }
}

/// Why a socket is ended, as its close frame says it (RFC 6455 §7.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub(crate) enum Ending {
    /// It said nothing when it had to.
    Silent = 1008,
    /// This node stops; another may be asked at once.
    Restart = 1012,
    /// Its token has expired, or its session has ended.
    TokenEnded = 4001,
}

impl Ending {
    /// In words.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Silent => "nothing was heard for too long",
            Self::Restart => "this node stops: connect again",
            Self::TokenEnded => "the token has ended",
        }
    }

    fn of(code: u16) -> Option<Self> {
        [Self::Silent, Self::Restart, Self::TokenEnded].into_iter().find(|ending| *ending as u16 == code)
    }
}

/// Who a socket is, for as long as its token is good.
pub(crate) struct Bearer {
    token: Box<str>,
    verified: Mutex<Verified>,
}

impl Bearer {
    pub(crate) fn new(token: &str, verified: Verified) -> Self {
        Self { token: token.into(), verified: Mutex::new(verified) }
    }

    /// Whether the token is no longer good. Where that cannot be told, it is as it was.
    fn has_ended(&self, identity: &Identity) -> bool {
        let mut verified = self.verified.lock().unwrap_or_else(PoisonError::into_inner);
        !matches!(identity.still(&self.token, &mut verified), Ok(()) | Err(Refusal::Unavailable(_)))
    }
}

/// A socket, as those see it who have something for it.
pub(crate) struct Socket {
    pub(crate) id: u64,
    transport: Transport,
    bearer: Option<Bearer>,
    /// A bit for each thing of which there is something newer than what was sent.
    pending: AtomicU64,
    /// A bit for each thing of the caller's own that may have changed.
    hints: AtomicU16,
    /// An [`Ending`]; 0: none.
    ending: AtomicU16,
    ping: AtomicBool,
    watching: AtomicBool,
    opened: Instant,
    /// When it last said something and was last sent something, in milliseconds since it was opened.
    heard: AtomicU64,
    sent: AtomicU64,
    pub(crate) waker: AtomicWaker,
}

impl Socket {
    pub(crate) fn new(id: u64, transport: Transport, bearer: Option<Bearer>) -> Self {
        Self {
            id,
            transport,
            bearer,
            pending: AtomicU64::new(0),
            hints: AtomicU16::new(0),
            ending: AtomicU16::new(0),
            ping: AtomicBool::new(false),
            watching: AtomicBool::new(false),
            opened: Instant::now(),
            heard: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            waker: AtomicWaker::new(),
        }
    }

    /// There is something newer of this thing. Whether something newer was waiting already, which is skipped then.
    pub(crate) fn notify(&self, thing: u8) -> bool {
        let bit = 1_u64 << thing;
        let skipped = self.pending.fetch_or(bit, Ordering::AcqRel) & bit != 0;
        self.waker.wake();
        skipped
    }

    /// The next thing of which there is something newer.
    pub(crate) fn take(&self) -> Option<u8> {
        let waiting = self.pending.load(Ordering::Acquire);
        let next = u8::try_from(waiting.trailing_zeros()).ok().filter(|_| waiting != 0)?;
        self.pending.fetch_and(!(1_u64 << next), Ordering::AcqRel);
        Some(next)
    }

    /// Whatever waited of this thing is of another.
    pub(crate) fn forget(&self, thing: u8) {
        self.pending.fetch_and(!(1_u64 << thing), Ordering::AcqRel);
    }

    /// Some of what is the caller's own may have changed.
    pub(crate) fn hint(&self, own: u16) {
        self.hints.fetch_or(own, Ordering::AcqRel);
        self.waker.wake();
    }

    pub(crate) fn take_hints(&self) -> u16 {
        self.hints.swap(0, Ordering::AcqRel)
    }

    /// Ends it.
    pub(crate) fn end(&self, ending: Ending) {
        _ = self.ending.compare_exchange(0, ending as u16, Ordering::AcqRel, Ordering::Acquire);
        self.waker.wake();
    }

    pub(crate) fn ending(&self) -> Option<Ending> {
        Ending::of(self.ending.load(Ordering::Acquire))
    }

    /// Whether a sign of life is due.
    pub(crate) fn take_ping(&self) -> bool {
        self.ping.swap(false, Ordering::AcqRel)
    }

    /// It watches something, or said that it watches nothing.
    pub(crate) fn watches(&self) {
        self.watching.store(true, Ordering::Release);
    }

    pub(crate) fn heard(&self) {
        self.heard.store(self.age(Instant::now()), Ordering::Relaxed);
    }

    pub(crate) fn sent(&self) {
        self.sent.store(self.age(Instant::now()), Ordering::Relaxed);
    }

    fn age(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.opened).as_millis()).unwrap_or(u64::MAX)
    }

    /// Looks at it, now and then: it ends with its token, and where nothing is heard of it; where nothing was sent for long it gets a sign of life.
    pub(crate) fn look(&self, identity: Option<&Identity>, now: Instant) {
        if let (Some(bearer), Some(identity)) = (&self.bearer, identity)
            && bearer.has_ended(identity)
        {
            return self.end(Ending::TokenEnded);
        }
        let age = self.age(now);
        let for_long = |since: u64, limit: std::time::Duration| u128::from(age.saturating_sub(since)) >= limit.as_millis();
        let silent = match self.transport {
            Transport::WebSocket if !self.watching.load(Ordering::Acquire) => for_long(0, LIVE_FIRST),
            Transport::WebSocket => for_long(self.heard.load(Ordering::Relaxed), LIVE_SILENCE),
            // It cannot say anything; a connection that takes nothing is cut off.
            Transport::Events => false,
        };
        if silent {
            self.end(Ending::Silent);
        } else if for_long(self.sent.load(Ordering::Relaxed), LIVE_PING) && !self.ping.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn socket(transport: Transport) -> Socket {
        Socket::new(1, transport, None)
    }

    #[test]
    fn what_is_newer_replaces_what_waits() {
        let socket = socket(Transport::WebSocket);
        assert!(!socket.notify(3) && socket.notify(3) && !socket.notify(63));
        assert_eq!((socket.take(), socket.take(), socket.take()), (Some(3), Some(63), None));
        socket.notify(3);
        socket.forget(3);
        assert_eq!(socket.take(), None);
    }

    #[test]
    fn who_says_nothing_is_ended() {
        let second = Duration::from_secs(1);
        let socket = socket(Transport::WebSocket);
        socket.look(None, socket.opened + LIVE_FIRST - second);
        assert_eq!(socket.ending(), None);
        socket.look(None, socket.opened + LIVE_FIRST);
        assert_eq!(socket.ending(), Some(Ending::Silent));
        // The first reason stays.
        socket.end(Ending::Restart);
        assert_eq!(socket.ending(), Some(Ending::Silent));

        let socket = self::socket(Transport::WebSocket);
        socket.watches();
        socket.look(None, socket.opened + LIVE_PING - second);
        assert!(!socket.take_ping());
        socket.look(None, socket.opened + LIVE_PING);
        assert!(socket.take_ping() && socket.ending().is_none());
        socket.look(None, socket.opened + LIVE_SILENCE);
        assert_eq!(socket.ending(), Some(Ending::Silent));

        let events = self::socket(Transport::Events);
        events.look(None, events.opened + 10 * LIVE_SILENCE);
        assert!(events.take_ping() && events.ending().is_none());
    }
}
