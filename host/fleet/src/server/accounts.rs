//! What the region of the accounts says to nodes of other regions.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use serde::Serialize;
use tokio::sync::OwnedSemaphorePermit;
use vocabulary::accounts::Error;

use super::routes::{Body, plain, refuse};
use crate::identity::Identity;
use crate::limits;
use crate::wire::{Refusal, accounts as wire};

/// Users' addresses.
pub(super) async fn addresses(
    accounts: &Arc<dyn edge::Accounts>,
    peer: &Identity,
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    answer(peer, request, permit, wire::read_users, |users| accounts.addresses_of(users)).await
}

/// Whose accounts were erased since a node's region asked last.
pub(super) async fn erasures(
    accounts: &Arc<dyn edge::Accounts>,
    peer: &Identity,
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    let Some(region) = peer.region() else { return plain(StatusCode::FORBIDDEN) };
    answer(peer, request, permit, wire::read_sequence, |sequence| accounts.erasures_after(region.to_owned(), sequence)).await
}

/// Which guests were claimed; and links to guests' orders are kept.
pub(super) async fn guests(
    accounts: &Arc<dyn edge::Accounts>,
    peer: &Identity,
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    answer(peer, request, permit, wire::read_exchange, |exchange| accounts.exchange_guests(exchange)).await
}

async fn answer<Q, A: Serialize, F: Future<Output = Result<A, Error>>>(
    peer: &Identity,
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
    read: impl FnOnce(&[u8]) -> Result<Q, wire::Error>,
    ask: impl FnOnce(Q) -> F,
) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let body = Limited::new(request.into_body(), limits::ACCOUNTS_BYTES);
    // Whoever does not send all of it has asked nothing.
    let Ok(Ok(body)) = tokio::time::timeout(limits::BODY, body.collect()).await else { return refuse(Refusal::Busy) };
    let question = match read(&body.to_bytes()) {
        Ok(question) => question,
        Err(error) => {
            tracing::warn!(%peer, path, %error, "could not read what a node asks about accounts");
            return plain(StatusCode::BAD_REQUEST);
        }
    };
    let Some(_permit) = permit() else { return refuse(Refusal::Busy) };
    match ask(question).await {
        Ok(said) => Response::new(Full::new(wire::write(&said)).map_err(|never| match never {}).boxed_unsync()),
        Err(Error::NotHere) => plain(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::warn!(path, %error, "could not answer another region about accounts");
            refuse(Refusal::Busy)
        }
    }
}
