//! A request that an edge, or another region, hands over whole. Who it was stands in its extensions.

use std::sync::Arc;

use http::{Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;

use super::routes::{Body, plain};
use crate::held::Held;
use crate::identity::{Identity, Role};
use crate::wire::{PROBLEM, forward};

pub(super) async fn answer(
    region: &Arc<dyn edge::Region>,
    peer: &Identity,
    request: Request<Incoming>,
    permit: OwnedSemaphorePermit,
) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let Some(mut parts) = forward::incoming(parts) else { return plain(StatusCode::BAD_REQUEST) };
    edge::handed_over(&mut parts.headers);
    if peer.role() == Role::Edge {
        parts.extensions.insert(edge::Through(peer.name().into()));
    }
    parts.extensions.insert(peer.clone());
    match region.handle(Request::from_parts(parts, edge::received(body))).await {
        Ok(response) => {
            let (mut parts, body) = response.into_parts();
            forward::clean(&mut parts.headers);
            Response::from_parts(parts, Held::new(body, permit).map_err(Into::into).boxed_unsync())
        }
        Err(problem) => {
            let mut response = plain(problem.status());
            response.headers_mut().insert(PROBLEM, forward::write_problem(problem));
            response
        }
    }
}
