//! Users' addresses, and whose accounts were erased, for nodes of other regions.

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
use crate::wire::{Refusal, addresses as wire};

/// How users are written to.
pub(super) async fn answer(
    accounts: &Arc<dyn edge::Accounts>,
    peer: &Identity,
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    let users = match question(peer, request, wire::read_list).await {
        Ok(users) => users,
        Err(refusal) => return refusal,
    };
    let Some(_permit) = permit() else { return refuse(Refusal::Busy) };
    said(accounts.addresses_of(users).await)
}

/// Whose accounts were erased since a node's region asked last.
pub(super) async fn erasures(
    accounts: &Arc<dyn edge::Accounts>,
    peer: &Identity,
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    let sequence = match question(peer, request, wire::read_sequence).await {
        Ok(sequence) => sequence,
        Err(refusal) => return refusal,
    };
    let Some(region) = peer.region() else { return plain(StatusCode::FORBIDDEN) };
    let Some(_permit) = permit() else { return refuse(Refusal::Busy) };
    said(accounts.erasures_after(region.to_owned(), sequence).await)
}

async fn question<T>(
    peer: &Identity,
    request: Request<Incoming>,
    read: impl FnOnce(&[u8]) -> Result<T, wire::Error>,
) -> Result<T, Response<Body>> {
    let body = Limited::new(request.into_body(), limits::ADDRESSES_BYTES);
    // Whoever does not send all of it has asked nothing.
    let Ok(Ok(body)) = tokio::time::timeout(limits::BODY, body.collect()).await else { return Err(refuse(Refusal::Busy)) };
    read(&body.to_bytes()).map_err(|error| {
        tracing::warn!(%peer, %error, "could not read what a node asks of accounts");
        plain(StatusCode::BAD_REQUEST)
    })
}

fn said<T: Serialize>(answer: Result<Vec<T>, Error>) -> Response<Body> {
    match answer {
        Ok(list) => Response::new(Full::new(wire::list(&list)).map_err(|never| match never {}).boxed_unsync()),
        Err(Error::NotHere) => plain(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::warn!(%error, "could not tell another region of accounts");
            refuse(Refusal::Busy)
        }
    }
}
