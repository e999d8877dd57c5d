//! A request that an edge, or another region, hands over whole. Who it was stands in its extensions.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use super::routes::{Body, plain, refuse};
use crate::identity::{Identity, Role};
use crate::wire::{PROBLEM, Refusal, forward};

pub(super) async fn answer(
    region: &Arc<dyn edge::Region>,
    peer: &Identity,
    request: Request<Incoming>,
    permit: impl Fn() -> Option<OwnedSemaphorePermit>,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(mut parts) = forward::incoming(parts) else { return plain(StatusCode::BAD_REQUEST) };
    edge::handed_over(&mut parts.headers);
    if peer.role() == Role::Edge {
        parts.extensions.insert(edge::ViaEdge(peer.name().into()));
    }
    parts.extensions.insert(peer.clone());
    edge::say_whose(&mut parts.headers);
    // All of it, before anything is taken for it that others need.
    let answered = match edge::received(body).await {
        Ok(body) => {
            let Some(permit) = permit() else { return refuse(Refusal::Busy) };
            let answered = region.handle(Request::from_parts(parts, body)).await;
            // Until it is complete and only has to be read.
            answered.inspect(|response| response.body().until_made(permit))
        }
        Err(problem) => Err(problem),
    };
    match answered {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            forward::clean(&mut parts.headers);
            Response::from_parts(parts, body.map_err(Into::into).boxed_unsync())
        }
        Err(problem) => {
            let mut response = plain(problem.status());
            response.headers_mut().insert(PROBLEM, forward::write_problem(problem));
            response
        }
    }
}
