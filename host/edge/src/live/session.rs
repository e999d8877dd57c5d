//! One socket's side: what it watches, and what is to be sent next.

use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::hub::Hub;
use super::own::{Caller, Own};
use super::socket::{Bearer, Ending, Socket, Transport};
use super::topic::Topic;
use super::update::Update;
use super::wanted::{Fault, Kind, Wanted};
use crate::limits::{LIVE_EVENTS, LIVE_MESSAGES, RETRY_AFTER_SECONDS};
use crate::problem::Problem;
use crate::rates::step;
use crate::slots::RequestSlot;

/// What a socket is to be sent.
pub(crate) enum Output {
    /// Something that it watches, as it is now.
    Update(Arc<Update>),
    /// A sign of life.
    Ping,
    /// Goodbye.
    End(Ending),
}

/// A socket that is open, until this is dropped.
pub(crate) struct Session {
    hub: Arc<Hub>,
    socket: Arc<Socket>,
    caller: Option<Arc<Caller>>,
    topics: Vec<Option<Watched>>,
    /// Most sockets watch nothing of their own.
    own: Option<Box<Own>>,
    opened: Instant,
    /// When the next message may come.
    arrival: Duration,
    transport: Transport,
    _place: RequestSlot,
}

/// A thing of a socket's that is public.
enum Watched {
    Topic(Arc<Topic>),
    /// This node watches as many as it may.
    Refused(Box<str>, Option<Arc<Update>>),
}

impl Watched {
    fn id(&self) -> &str {
        match self {
            Self::Topic(topic) => &topic.id,
            Self::Refused(id, _) => id,
        }
    }
}

impl Session {
    pub(crate) fn new(
        hub: &Arc<Hub>,
        transport: Transport,
        place: RequestSlot,
        bearer: Option<Bearer>,
        caller: Option<Arc<Caller>>,
    ) -> Self {
        let socket = Arc::new(Socket::new(hub.next_id(), transport, bearer));
        hub.add(&socket);
        hub.metrics.live_sockets(transport.as_str(), 1);
        Self {
            hub: Arc::clone(hub),
            socket,
            caller,
            topics: Vec::new(),
            own: None,
            opened: Instant::now(),
            arrival: Duration::ZERO,
            transport,
            _place: place,
        }
    }

    /// It is there.
    pub(crate) fn heard(&self) {
        self.socket.heard();
    }

    /// Takes a message: what it watches from now on.
    pub(crate) fn message(&mut self, text: &str) -> Result<(), Fault> {
        step(&mut self.arrival, LIVE_MESSAGES, self.opened.elapsed()).map_err(|_| "Messages come too often.")?;
        self.watch(&Wanted::message(text)?);
        Ok(())
    }

    /// Watches this, and nothing else any more. What it has watched before is not sent again.
    pub(crate) fn watch(&mut self, wanted: &Wanted) {
        self.socket.watches();
        for (at, slot) in self.topics.iter_mut().enumerate() {
            if let Some(watched) = slot.take_if(|watched| !wanted.events.iter().any(|id| **id == *watched.id())) {
                if let Watched::Topic(topic) = watched {
                    self.hub.unwatch(&topic, &self.socket);
                }
                self.socket.forget(number(at));
            }
        }
        for id in &wanted.events {
            if self.topics.iter().flatten().any(|watched| *watched.id() == **id) {
                continue;
            }
            let free = self.topics.iter().position(Option::is_none).unwrap_or_else(|| {
                self.topics.push(None);
                self.topics.len() - 1
            });
            let watched = match self.hub.watch(id, &self.socket, number(free)) {
                Some(topic) => Watched::Topic(topic),
                None => {
                    let problem = Problem::Unavailable(RETRY_AFTER_SECONDS).document(&Kind::Availability.path(id), "");
                    let update = Update::refused(Kind::Availability, id, problem.as_bytes());
                    _ = self.socket.notify(number(free));
                    Watched::Refused((**id).into(), update.map(Arc::new))
                }
            };
            if let Some(slot) = self.topics.get_mut(free) {
                *slot = Some(watched);
            }
        }
        if !wanted.own.is_empty() && self.own.is_none() {
            self.own = Some(Box::new(Own::new(self.caller.clone())));
        }
        if let Some(own) = &mut self.own {
            own.watch(&wanted.own, &self.hub, &self.socket);
        }
    }

    /// What is to be sent next. Whoever drives the socket asks when there is room for it.
    pub(crate) fn poll_output(&mut self, context: &mut Context<'_>) -> Poll<Output> {
        self.socket.waker.register(context.waker());
        if let Some(ending) = self.socket.ending() {
            return Poll::Ready(Output::End(ending));
        }
        if let Some(own) = &mut self.own {
            own.poll(context, &self.hub, &self.socket);
        }
        while let Some(thing) = self.socket.take() {
            if let Some(update) = self.latest(thing) {
                self.socket.sent();
                self.hub.metrics.live_updates("sent", 1);
                return Poll::Ready(Output::Update(update));
            }
        }
        if self.socket.take_ping() {
            self.socket.sent();
            return Poll::Ready(Output::Ping);
        }
        Poll::Pending
    }

    fn latest(&self, thing: u8) -> Option<Arc<Update>> {
        match self.topics.get(usize::from(thing)) {
            Some(slot) => match slot.as_ref()? {
                Watched::Topic(topic) => topic.latest(),
                Watched::Refused(_, update) => update.clone(),
            },
            None => self.own.as_ref()?.latest(thing),
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        for watched in self.topics.iter().flatten() {
            if let Watched::Topic(topic) = watched {
                self.hub.unwatch(topic, &self.socket);
            }
        }
        if let Some(own) = &mut self.own {
            own.forget_all(&self.hub, &self.socket);
        }
        self.hub.remove(&self.socket);
        self.hub.metrics.live_sockets(self.transport.as_str(), -1);
    }
}

/// A place's number among all things of a socket.
fn number(at: usize) -> u8 {
    u8::try_from(at.min(LIVE_EVENTS)).unwrap_or(u8::MAX)
}
