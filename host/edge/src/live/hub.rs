//! Who watches what, and who is told when the feed says that something has changed.

use std::collections::HashMap;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use bytes::Bytes;
use futures::future::BoxFuture;
use http::header::{HeaderMap, RETRY_AFTER};
use http::{Response, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use telemetry::{Metrics, Role};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Semaphore, broadcast};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use vocabulary::edge::{Availability, ReadError};

use super::own::Caller;
use super::socket::{Ending, Socket};
use super::topic::{self, Topic};
use crate::body::Body;
use crate::identity::Identity;
use crate::limits::{
    LIVE_ASKS, LIVE_DRAIN, LIVE_SOCKETS, LIVE_SOCKETS_EACH, LIVE_SWEEP, LIVE_TOPICS, LIVE_VALUE_BYTES, RETRY_AFTER_SECONDS,
};
use crate::problem::Problem;
use crate::rates::Network;
use crate::replica::{Change, Replica};
use crate::slots::{NoSlot, RequestSlot, RequestSlots};

/// Answers `GET` as this node answers it to anybody who asks it.
pub(crate) trait Asker: Send + Sync + 'static {
    /// In the name of this caller, or of nobody.
    fn ask_for(self: Arc<Self>, path: String, caller: Option<Arc<Caller>>)
    -> BoxFuture<'static, Result<Response<Body>, Problem>>;
}

/// What comes of asking.
pub(crate) enum Asked {
    /// This: either what it is, or a problem that asking again does not mend.
    Answer(StatusCode, HeaderMap, Bytes),
    /// Nothing now; how long to wait at least.
    Later(Duration),
}

/// Sockets by their id, and which of their own things.
type Interested = HashMap<u64, (Arc<Socket>, u16)>;

/// A node's live channel.
pub(crate) struct Hub {
    asker: OnceLock<Weak<dyn Asker>>,
    replica: Option<Replica>,
    identity: Option<Identity>,
    pub(crate) metrics: Arc<Metrics>,
    topics: Mutex<HashMap<Box<str>, Arc<Topic>>>,
    /// By event: sockets that watch something of their own that changes with it, and which of it.
    interests: Mutex<HashMap<Box<str>, Interested>>,
    sockets: Mutex<HashMap<u64, Arc<Socket>>>,
    slots: Arc<RequestSlots>,
    asks: Semaphore,
    next: AtomicU64,
    draining: AtomicBool,
    tasks: TaskTracker,
}

impl Hub {
    pub(crate) fn new(replica: Option<Replica>, identity: Option<Identity>, metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self {
            asker: OnceLock::new(),
            replica,
            identity,
            metrics,
            topics: Mutex::default(),
            interests: Mutex::default(),
            sockets: Mutex::default(),
            slots: RequestSlots::new(LIVE_SOCKETS, LIVE_SOCKETS_EACH),
            asks: Semaphore::new(LIVE_ASKS),
            next: AtomicU64::new(0),
            draining: AtomicBool::new(false),
            tasks: TaskTracker::new(),
        })
    }

    /// Has it ask this one.
    pub(crate) fn attach(&self, asker: Weak<dyn Asker>) {
        _ = self.asker.set(asker);
    }

    /// Runs until `stop`, and then until all sockets are closed: each at its own moment within half of `drain`, so that their clients do not all come back
    /// at once.
    pub(crate) async fn run(self: Arc<Self>, stop: CancellationToken, drain: Duration) {
        let mut changes = self.replica.as_ref().map(Replica::changes);
        let mut sweep = tokio::time::interval(LIVE_SWEEP);
        sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut looked = Instant::now();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => break,
                change = next(&mut changes) => self.changed(&change),
                _ = sweep.tick() => {
                    let now = Instant::now();
                    let sockets: Vec<_> = lock(&self.sockets).values().cloned().collect();
                    sockets.iter().for_each(|socket| socket.look(self.identity.as_ref(), now.into_std()));
                    if now.saturating_duration_since(looked) >= topic::LOOK {
                        looked = now;
                        let topics: Vec<_> = lock(&self.topics).values().cloned().collect();
                        topics.iter().filter(|topic| topic.is_due(&self, now)).for_each(|topic| topic.touch(&self));
                    }
                }
            }
        }
        self.draining.store(true, Ordering::Release);
        let (spread, chance, began) = (LIVE_DRAIN.min(drain / 2), RandomState::new(), Instant::now());
        let share = |socket: &Arc<Socket>| (chance.hash_one(socket.id) >> 32) as f64 / f64::from(u32::MAX);
        let at = |socket: &Arc<Socket>| (spread.mul_f64(share(socket)), Arc::clone(socket));
        let mut sockets: Vec<_> = lock(&self.sockets).values().map(at).collect();
        sockets.sort_unstable_by_key(|(at, _)| *at);
        for (at, socket) in sockets {
            tokio::time::sleep_until(began + at).await;
            socket.end(Ending::Restart);
        }
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn changed(self: &Arc<Self>, change: &Change) {
        match change {
            Change::Events(ids) => ids.iter().for_each(|id| self.touch(id)),
            Change::All => {
                let topics: Vec<_> = lock(&self.topics).values().cloned().collect();
                topics.iter().for_each(|topic| topic.touch(self));
                let interests = lock(&self.interests);
                interests.values().flat_map(HashMap::values).for_each(|(socket, own)| socket.hint(*own));
            }
        }
    }

    /// Something of this event has changed.
    fn touch(self: &Arc<Self>, event: &str) {
        let topic = lock(&self.topics).get(event).cloned();
        if let Some(topic) = topic {
            topic.touch(self);
        }
        if let Some(interested) = lock(&self.interests).get(event) {
            interested.values().for_each(|(socket, own)| socket.hint(*own));
        }
    }

    /// A place for one more socket of these networks.
    pub(crate) fn place(&self, networks: [Option<Network>; 2]) -> Result<RequestSlot, Problem> {
        if self.draining.load(Ordering::Acquire) {
            return Err(Problem::Unavailable(RETRY_AFTER_SECONDS));
        }
        self.slots.take(networks).map_err(|full| match full {
            NoSlot::ForOne => {
                self.metrics.rate_limited(Role::Edge, "sockets");
                Problem::RateLimited(RETRY_AFTER_SECONDS)
            }
            NoSlot::ForAll => Problem::Unavailable(RETRY_AFTER_SECONDS),
        })
    }

    /// The next socket's id.
    pub(crate) fn next_id(&self) -> u64 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn add(&self, socket: &Arc<Socket>) {
        let mut sockets = lock(&self.sockets);
        sockets.insert(socket.id, Arc::clone(socket));
        // Who comes while the others are sent away goes with them.
        if self.draining.load(Ordering::Acquire) {
            socket.end(Ending::Restart);
        }
    }

    pub(crate) fn remove(&self, socket: &Socket) {
        lock(&self.sockets).remove(&socket.id);
    }

    /// Watches an event for this socket, as its thing of this number; none where this node watches as many as it may.
    pub(crate) fn watch(self: &Arc<Self>, event: &str, socket: &Arc<Socket>, thing: u8) -> Option<Arc<Topic>> {
        let mut topics = lock(&self.topics);
        let topic = match topics.get(event) {
            Some(topic) => Arc::clone(topic),
            None if topics.len() >= LIVE_TOPICS => return None,
            None => {
                let topic = Arc::new(Topic::new(event));
                topics.insert(event.into(), Arc::clone(&topic));
                topic
            }
        };
        let unknown = topic.add(socket, thing);
        drop(topics);
        if unknown {
            topic.touch(self);
        }
        Some(topic)
    }

    /// Watches it for this socket no more.
    pub(crate) fn unwatch(&self, topic: &Topic, socket: &Socket) {
        let mut topics = lock(&self.topics);
        if topic.remove(socket.id) {
            topics.remove(&topic.id);
        }
    }

    /// Tells this socket from now on when something of an event has changed, which of its own may change with.
    pub(crate) fn interest(&self, event: &str, socket: &Arc<Socket>, own: u16) {
        let mut interests = lock(&self.interests);
        let of = interests.entry(event.into()).or_default().entry(socket.id).or_insert_with(|| (Arc::clone(socket), 0));
        of.1 |= own;
    }

    pub(crate) fn no_interest(&self, event: &str, socket: &Socket, own: u16) {
        let mut interests = lock(&self.interests);
        let Some(interested) = interests.get_mut(event) else { return };
        if let Some((_, all)) = interested.get_mut(&socket.id) {
            *all &= !own;
            if *all == 0 {
                interested.remove(&socket.id);
            }
        }
        if interested.is_empty() {
            interests.remove(event);
        }
    }

    /// What the replica says that an event has left, without when it said so; none where there is no replica.
    pub(crate) fn view(&self, event: &str) -> Option<Result<Availability, ReadError>> {
        let view = self.replica.as_ref()?.left(event);
        Some(view.map(|view| Availability { as_of: 0, ..view }))
    }

    /// Asks, in its turn.
    pub(crate) async fn ask(&self, path: String, caller: Option<Arc<Caller>>) -> Asked {
        let later = Asked::Later(Duration::ZERO);
        let Ok(_turn) = self.asks.acquire().await else { return later };
        let Some(asker) = self.asker.get().and_then(Weak::upgrade) else { return later };
        let (head, body) = match asker.ask_for(path, caller).await {
            Ok(response) => response.into_parts(),
            // As if it had been asked for; what another try may mend aside.
            Err(Problem::RateLimited(seconds) | Problem::Unavailable(seconds)) => {
                return Asked::Later(Duration::from_secs(seconds.into()));
            }
            Err(problem) => problem.response("", "").into_parts(),
        };
        if head.status.is_server_error() || head.status == StatusCode::TOO_MANY_REQUESTS {
            let seconds = head.headers.get(RETRY_AFTER).and_then(|seconds| seconds.to_str().ok()?.parse().ok());
            return Asked::Later(Duration::from_secs(seconds.unwrap_or_default()));
        }
        match Limited::new(body, LIVE_VALUE_BYTES).collect().await {
            Ok(body) => Asked::Answer(head.status, head.headers, body.to_bytes()),
            Err(_) => later,
        }
    }

    pub(crate) fn skipped(&self, updates: usize) {
        self.metrics.live_updates("skipped", u64::try_from(updates).unwrap_or(u64::MAX));
    }

    /// Runs something that ends with the channel.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.tasks.spawn(task);
    }

    /// Events that are watched, and sockets that are open.
    #[cfg(test)]
    pub(crate) fn counts(&self) -> (usize, usize, usize) {
        (lock(&self.topics).len(), lock(&self.interests).len(), lock(&self.sockets).len())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What changes next; never, where nothing is followed.
async fn next(changes: &mut Option<broadcast::Receiver<Change>>) -> Change {
    match changes {
        None => std::future::pending().await,
        Some(receiver) => match receiver.recv().await {
            Ok(change) => change,
            // More than is remembered: anything may have changed.
            Err(RecvError::Lagged(_)) => Change::All,
            Err(RecvError::Closed) => std::future::pending().await,
        },
    }
}
