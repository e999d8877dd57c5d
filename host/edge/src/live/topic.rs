//! An event whose availability is watched: asked for once for all who watch it, and no more often than [`LIVE_EVERY`].

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use http::StatusCode;
use http::header::{ETAG, HeaderValue};
use tokio::time::Instant;
use vocabulary::edge::{Availability, ReadError};

use super::hub::{Asked, Hub};
use super::socket::Socket;
use super::update::Update;
use super::wanted::Kind;
use crate::limits::{LIVE_EVERY, LIVE_LOOK, LIVE_LOOK_LEFT_OUT};

/// What the replica says of it, without when it said so.
type View = Result<Availability, ReadError>;

/// An event that somebody watches.
pub(crate) struct Topic {
    pub(crate) id: Box<str>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// By the socket's id, with which of its things this is.
    watchers: HashMap<u64, (Arc<Socket>, u8)>,
    latest: Option<Arc<Update>>,
    /// What `latest` was made of.
    view: Option<View>,
    tag: Option<HeaderValue>,
    asked: Option<Instant>,
    /// Whether a task is asking, or waits until it may ask again.
    busy: bool,
    /// Whether it may have changed since that task asked.
    changed: bool,
}

impl Topic {
    pub(crate) fn new(id: &str) -> Self {
        Self { id: id.into(), state: Mutex::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it is, as far as that is known.
    pub(crate) fn latest(&self) -> Option<Arc<Update>> {
        self.state().latest.clone()
    }

    /// Tells this socket from now on, as its thing of this number. Whether it has to be asked for.
    pub(crate) fn add(&self, socket: &Arc<Socket>, thing: u8) -> bool {
        let mut state = self.state();
        state.watchers.insert(socket.id, (Arc::clone(socket), thing));
        if state.latest.is_some() {
            _ = socket.notify(thing);
        }
        state.latest.is_none()
    }

    /// Tells it no more. Whether nobody watches.
    pub(crate) fn remove(&self, socket: u64) -> bool {
        let mut state = self.state();
        state.watchers.remove(&socket);
        state.watchers.is_empty()
    }

    /// Whether it should be asked for though no fact says so: holds run out and sales begin by the clock, and of what the replica leaves out there are no
    /// facts.
    pub(crate) fn is_due(&self, hub: &Hub, now: Instant) -> bool {
        let state = self.state();
        if state.busy {
            return false;
        }
        match hub.view(&self.id) {
            Some(view) if !matches!(view, Err(ReadError::LeftOut)) => state.view.as_ref() != Some(&view),
            _ => state.asked.is_none_or(|asked| now.saturating_duration_since(asked) >= LIVE_LOOK_LEFT_OUT),
        }
    }

    /// It may have changed: it is asked for, now or as soon as that may be.
    pub(crate) fn touch(self: &Arc<Self>, hub: &Arc<Hub>) {
        {
            let mut state = self.state();
            state.changed = true;
            if state.busy {
                return;
            }
            state.busy = true;
        }
        let (topic, hub) = (Arc::clone(self), Arc::clone(hub));
        hub.clone().spawn(async move { topic.follow(&hub).await });
    }

    /// Asks until nothing has changed meanwhile.
    async fn follow(&self, hub: &Hub) {
        loop {
            let began = Instant::now();
            self.state().changed = false;
            let pause = if self.ask(hub).await { LIVE_EVERY } else { LIVE_LOOK };
            tokio::time::sleep_until(began + pause).await;
            let mut state = self.state();
            if !state.changed || state.watchers.is_empty() {
                state.busy = false;
                return;
            }
        }
    }

    /// Asks once, where the replica does not say that all is as it was; whether there was an answer. Without one it is asked again.
    async fn ask(&self, hub: &Hub) -> bool {
        let view = hub.view(&self.id);
        {
            let mut state = self.state();
            let known = view.is_some() && state.latest.is_some() && state.view == view;
            if known && !matches!(view, Some(Err(ReadError::LeftOut))) {
                return true;
            }
            state.asked = Some(Instant::now());
        }
        let (update, tag) = match hub.ask(Kind::Availability.path(&self.id), None).await {
            Asked::Answer(StatusCode::OK, headers, body) => {
                (Update::value(Kind::Availability, &self.id, &body), headers.get(ETAG).cloned())
            }
            Asked::Answer(_, _, problem) => (Update::refused(Kind::Availability, &self.id, &problem), None),
            Asked::Later(_) => {
                self.state().changed = true;
                return false;
            }
        };
        let mut state = self.state();
        state.view = view;
        // `as_of` alone is no news.
        if update.is_none() || (tag.is_some() && tag == state.tag) {
            return true;
        }
        let text = |update: &Arc<Update>| update.text.clone();
        let repeats = tag.is_none() && state.latest.as_ref().map(text) == update.as_ref().map(|update| update.text.clone());
        state.tag = tag;
        if !repeats {
            state.latest = update.map(Arc::new);
            let skipped = state.watchers.values().filter(|(socket, thing)| socket.notify(*thing)).count();
            hub.skipped(skipped);
        }
        true
    }
}

/// How often [`Topic::is_due`] is asked.
pub(crate) const LOOK: Duration = LIVE_LOOK;
