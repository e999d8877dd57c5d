//! Users' addresses, for nodes of other regions.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use vocabulary::accounts::Error;

use super::routes::{Body, plain, refuse};
use crate::identity::Identity;
use crate::limits;
use crate::wire::{Refusal, addresses as wire};

pub(super) async fn answer(
    accounts: &Arc<dyn edge::Accounts>,
    peer: &Identity,
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    let body = Limited::new(request.into_body(), limits::ADDRESSES_BYTES);
    // Whoever does not send all of it has asked nothing.
    let Ok(Ok(body)) = tokio::time::timeout(limits::BODY, body.collect()).await else { return refuse(Refusal::Busy) };
    let users = match wire::read_request(&body.to_bytes()) {
        Ok(users) => users,
        Err(error) => {
            tracing::warn!(%peer, %error, "could not read which addresses a node asks for");
            return plain(StatusCode::BAD_REQUEST);
        }
    };
    let Some(_permit) = permit() else { return refuse(Refusal::Busy) };
    match accounts.addresses_of(users).await {
        Ok(addresses) => Response::new(Full::new(wire::answer(&addresses)).map_err(|never| match never {}).boxed_unsync()),
        Err(Error::NotHere) => plain(StatusCode::NOT_FOUND),
        Err(error) => {
            tracing::warn!(%error, "could not look up addresses for another region");
            refuse(Refusal::Busy)
        }
    }
}
