//! Commands of another node: read, decided by event, answered as they are.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash as _, Hasher as _};
use std::sync::Arc;

use contracts::Identity as Verifier;
use contracts::Ledger;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use http::{Request, Response, StatusCode};
use http_body::Frame;
use http_body_util::{BodyExt as _, Limited, StreamBody};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use vocabulary::booking::Command;

use super::admission::{self, Peer};
use super::routes::{Body, plain, refuse};
use crate::identity::Identity;
use crate::limits;
use crate::wire::commands::Answer;
use crate::wire::{Refusal, commands};

pub(super) async fn answer(
    ledger: Arc<dyn Ledger>,
    ((peer, name), verifier): ((Peer, &Identity), &dyn Verifier),
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    let body = Limited::new(request.into_body(), limits::COMMANDS_BYTES);
    // An incomplete request has no effect.
    let Ok(Ok(body)) = tokio::time::timeout(limits::BODY, body.collect()).await else { return refuse(Refusal::Busy) };
    let commands = match commands::read_request(&body.to_bytes(), edge::now()) {
        Ok(commands) => commands,
        Err(error) => {
            tracing::warn!(peer = %name, %error, "could not decode the commands of a node");
            return plain(StatusCode::BAD_REQUEST);
        }
    };
    let (mut admitted, mut refused) = (Vec::with_capacity(commands.len()), Vec::new());
    for (place, command) in (0..).zip(commands) {
        match admission::admit(peer, verifier, command).await {
            Ok(command) => admitted.push((place, command)),
            Err(rejection) => refused.push((place, Err(rejection))),
        }
    }
    if !refused.is_empty() {
        tracing::warn!(peer = %name, commands = refused.len(), "refused commands of a node that may not send them, or that came without a valid token");
    }
    let Some(permit) = permit() else { return refuse(Refusal::Busy) };
    Response::new(decide(ledger, admitted, refused, permit))
}

/// The answers, as they come: an event that takes long holds up no other.
fn decide(
    ledger: Arc<dyn Ledger>,
    commands: Vec<(u16, Command)>,
    refused: Vec<(u16, Answer)>,
    permit: OwnedSemaphorePermit,
) -> Body {
    let deciding: FuturesUnordered<_> = by_event(commands)
        .into_iter()
        .map(|(places, commands)| {
            let ledger = Arc::clone(&ledger);
            async move { places.into_iter().zip(ledger.apply(commands).await).collect::<Vec<_>>() }
        })
        .collect();
    let most = deciding.len().max(1);
    let refused = futures::stream::iter((!refused.is_empty()).then(|| vec![refused]));
    let frames = refused.chain(deciding.ready_chunks(most)).map(move |answered| {
        // Until the last of it has been sent the request is being worked on.
        let _held = &permit;
        Ok(Frame::data(commands::answers(&answered.concat())?))
    });
    StreamBody::new(frames).boxed_unsync()
}

/// Commands by event, with their places; in order. Where two events' hashes are one they share a call, which does no harm.
fn by_event(commands: Vec<(u16, Command)>) -> Vec<(Vec<u16>, Vec<Command>)> {
    let mut groups: Vec<(Vec<u16>, Vec<Command>)> = Vec::new();
    let mut group_of: HashMap<u64, usize> = HashMap::new();
    for (place, command) in commands {
        let mut hasher = DefaultHasher::new();
        command.event_id.hash(&mut hasher);
        let at = *group_of.entry(hasher.finish()).or_insert(groups.len());
        if at == groups.len() {
            groups.push((Vec::new(), Vec::new()));
        }
        if let Some((places, commands)) = groups.get_mut(at) {
            places.push(place);
            commands.push(command);
        }
    }
    groups
}
