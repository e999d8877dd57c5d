//! What is the caller's own, or for their eyes: bookings, payments, an event's figures. Their home region is asked, in the caller's name, so that who may see
//! it is decided where it always is.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use contracts::Visitor;
use futures::future::BoxFuture;
use http::header::{AUTHORIZATION, COOKIE, HOST, HeaderMap};
use http::{StatusCode, Uri};
use serde::Deserialize;
use tokio::time::{Instant, Sleep};

use super::hub::{Asked, Hub};
use super::socket::Socket;
use super::update::Update;
use super::wanted::Kind;
use crate::headers::{SPIN_CLIENT_ADDR, X_FORWARDED_PROTO, X_REQUEST_ID};
use crate::limits::{LIVE_EVENTS, LIVE_OWN_EVERY, LIVE_OWN_LOOK};
use crate::problem::Problem;

/// In whose name a socket asks: of its handshake what says so.
#[derive(Debug)]
pub(crate) struct Caller {
    pub(crate) headers: HeaderMap,
    /// Where HTTP/2 names the host.
    pub(crate) target: Uri,
    /// Whose requests are counted with this; none: nobody's.
    pub(crate) counted: Option<Box<str>>,
    /// Whom a version is chosen for.
    pub(crate) visitor: Visitor,
}

impl Caller {
    /// Of the clean headers of a handshake.
    pub(crate) fn of(headers: &HeaderMap, target: &Uri, counted: Option<Box<str>>, visitor: Visitor) -> Self {
        let mut kept = HeaderMap::with_capacity(6);
        for name in [AUTHORIZATION, COOKIE, HOST, X_FORWARDED_PROTO, SPIN_CLIENT_ADDR, X_REQUEST_ID] {
            for value in headers.get_all(&name) {
                kept.append(name.clone(), value.clone());
            }
        }
        Self { headers: kept, target: target.clone(), counted, visitor }
    }
}

/// One of these.
struct Thing {
    kind: Kind,
    id: Box<str>,
    /// The event that it is of, once that is known.
    event: Option<Box<str>>,
    body: Bytes,
    latest: Option<Arc<Update>>,
    asked: Option<Instant>,
    /// When it is asked for next; none: never again.
    due: Option<Instant>,
    pause: Duration,
}

/// What a socket watches of this kind. One is asked for at a time.
pub(crate) struct Own {
    /// None: nobody in particular.
    caller: Option<Arc<Caller>>,
    things: Vec<Option<Thing>>,
    asking: Option<(usize, Kind, Box<str>, BoxFuture<'static, Asked>)>,
    timer: Pin<Box<Sleep>>,
}

/// What says which event an answer is about.
#[derive(Deserialize)]
struct OfEvent {
    event_id: Option<Box<str>>,
}

impl Own {
    pub(crate) fn new(caller: Option<Arc<Caller>>) -> Self {
        Self { caller, things: Vec::new(), asking: None, timer: Box::pin(tokio::time::sleep(Duration::ZERO)) }
    }

    /// Watches these, and nothing else any more. They are within bounds.
    pub(crate) fn watch(&mut self, wanted: &[(Kind, String)], hub: &Hub, socket: &Arc<Socket>) {
        let now = Instant::now();
        for at in 0..self.things.len() {
            let Some(thing) = self.things.get(at).and_then(Option::as_ref) else { continue };
            if !wanted.iter().any(|(kind, id)| *kind == thing.kind && **id == *thing.id) {
                self.forget(at, hub, socket);
            }
        }
        for (kind, id) in wanted {
            let known = |thing: &Thing| thing.kind == *kind && *thing.id == **id;
            if self.things.iter().flatten().any(known) {
                continue;
            }
            let free = self.things.iter().position(Option::is_none).unwrap_or_else(|| {
                self.things.push(None);
                self.things.len() - 1
            });
            let mut thing = Thing {
                kind: *kind,
                id: (**id).into(),
                event: None,
                body: Bytes::new(),
                latest: None,
                asked: None,
                due: Some(now),
                pause: LIVE_OWN_LOOK.0,
            };
            if self.caller.is_none() {
                let problem = Problem::Unauthenticated("A bearer token is required.").document(&kind.path(id), "");
                thing.latest = Update::refused(*kind, id, problem.as_bytes()).map(Arc::new);
                thing.due = None;
                _ = socket.notify(number(free));
            }
            if *kind == Kind::Analytics && thing.due.is_some() {
                hub.interest(id, socket, bit(free));
                thing.event = Some((**id).into());
            }
            if let Some(slot) = self.things.get_mut(free) {
                *slot = Some(thing);
            }
        }
    }

    fn forget(&mut self, at: usize, hub: &Hub, socket: &Socket) {
        let Some(thing) = self.things.get_mut(at).and_then(Option::take) else { return };
        if let Some(event) = &thing.event {
            hub.no_interest(event, socket, bit(at));
        }
        socket.forget(number(at));
    }

    /// Watches nothing any more.
    pub(crate) fn forget_all(&mut self, hub: &Hub, socket: &Socket) {
        (0..self.things.len()).for_each(|at| self.forget(at, hub, socket));
    }

    /// What is known of the socket's thing of this number.
    pub(crate) fn latest(&self, thing: u8) -> Option<Arc<Update>> {
        let at = usize::from(thing).checked_sub(LIVE_EVENTS)?;
        self.things.get(at)?.as_ref()?.latest.clone()
    }

    /// Asks for what is due, and notes what is new; wakes `context` when there is more to do.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>, hub: &Arc<Hub>, socket: &Arc<Socket>) {
        self.take_hints(socket);
        loop {
            if let Some((at, kind, id, asking)) = &mut self.asking {
                let Poll::Ready(asked) = asking.as_mut().poll(context) else { return };
                let (at, kind, id) = (*at, *kind, std::mem::take(id));
                self.asking = None;
                self.heard((at, kind, &id), asked, hub, socket);
            }
            let due = self.things.iter().enumerate().filter_map(|(at, thing)| Some((thing.as_ref()?.due?, at))).min();
            let Some((due, at)) = due else { return };
            if due > Instant::now() {
                self.timer.as_mut().reset(due);
                if self.timer.as_mut().poll(context).is_pending() {
                    return;
                }
            }
            let Some(thing) = self.things.get_mut(at).and_then(Option::as_mut) else { return };
            thing.asked = Some(Instant::now());
            let (path, caller, hub) = (thing.kind.path(&thing.id), self.caller.clone(), Arc::clone(hub));
            let asking = Box::pin(async move { hub.ask(path, caller).await });
            self.asking = Some((at, thing.kind, thing.id.clone(), asking));
        }
    }

    /// What may have changed is asked for soon.
    fn take_hints(&mut self, socket: &Socket) {
        let hints = socket.take_hints();
        if hints == 0 {
            return;
        }
        let now = Instant::now();
        for (at, thing) in self.things.iter_mut().enumerate() {
            // A payment does not say its event, and is watched beside its booking.
            let concerned = |thing: &&mut Thing| hints & bit(at) != 0 || thing.kind == Kind::Payment;
            let Some(thing) = thing.as_mut().filter(concerned) else { continue };
            if let Some(due) = thing.due {
                thing.pause = LIVE_OWN_LOOK.0;
                let soon = thing.asked.map_or(now, |asked| now.max(asked + LIVE_OWN_EVERY));
                thing.due = Some(due.min(soon));
            }
        }
    }

    fn heard(&mut self, (at, kind, id): (usize, Kind, &str), asked: Asked, hub: &Hub, socket: &Arc<Socket>) {
        // Its place may be another's by now.
        let thing = self.things.get_mut(at).and_then(Option::as_mut).filter(|thing| thing.kind == kind && *thing.id == *id);
        let Some(thing) = thing else { return };
        let now = Instant::now();
        let longer = |pause: Duration| (pause * 2).min(LIVE_OWN_LOOK.1);
        match asked {
            Asked::Answer(StatusCode::OK, _, body) => {
                thing.pause = if body == thing.body { longer(thing.pause) } else { LIVE_OWN_LOOK.0 };
                thing.due = Some(now + thing.pause);
                if body == thing.body {
                    return;
                }
                if thing.event.is_none()
                    && let Ok(OfEvent { event_id: Some(event) }) = serde_json::from_slice(&body)
                {
                    hub.interest(&event, socket, bit(at));
                    thing.event = Some(event);
                }
                thing.latest = Update::value(kind, id, &body).map(Arc::new);
                thing.body = body;
            }
            Asked::Answer(_, _, problem) => {
                thing.due = None;
                thing.latest = Update::refused(kind, id, &problem).map(Arc::new);
            }
            Asked::Later(wait) => {
                thing.pause = longer(thing.pause);
                thing.due = Some(now + thing.pause.max(wait));
                return;
            }
        }
        if socket.notify(number(at)) {
            hub.skipped(1);
        }
    }
}

/// A place's bit among hints.
fn bit(at: usize) -> u16 {
    1_u16.checked_shl(u32::try_from(at).unwrap_or(u32::MAX)).unwrap_or(0)
}

/// A place's number among all things of a socket.
fn number(at: usize) -> u8 {
    u8::try_from(LIVE_EVENTS + at).unwrap_or(u8::MAX)
}
