//! Whole requests, handed over to the region.
//!
//! A read may be asked of another node, and so may a write that carries a key. Anything else is sent again only where it
//! certainly reached no node. `503` means that it certainly was not done; where it may have been, it is `504 outcome-unknown`.

use std::sync::Arc;

use bytes::Bytes;
use edge::{Body, Problem, RequestBody};
use http::{HeaderName, Method, Request, Response, StatusCode, request};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::Inner;
use super::call::{self, Failure, OutBody};
use super::nodes::StartNode;
use crate::limits;
use crate::permit_body::PermitBody;
use crate::wire::{PROBLEM, Refusal, forward as wire};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What `Retry-After` says, in seconds.
const RETRY: u32 = 1;

pub(super) async fn forward(inner: &Arc<Inner>, request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
    let (mut parts, body) = request.into_parts();
    // All of it, before anything is taken for it that others need.
    let body = whole(body).await?;
    let permit = Arc::clone(&inner.forwards).try_acquire_owned().map_err(|_| Problem::Unavailable(RETRY))?;
    let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let repeatable = reads || parts.headers.contains_key(IDEMPOTENCY_KEY);
    wire::without_hops(&mut parts.headers);
    let parts = wire::outgoing(parts, &inner.host).ok_or(Problem::Internal)?;

    let (start, mut last, mut lost) = (inner.nodes.begin(StartNode::Turn), None, false);
    let until = Instant::now() + limits::NODE_WAIT;
    for _ in 0..limits::FORWARD_TRIES {
        let Some(asked) = inner.nodes.wait(start, last, until).await else { break };
        last = Some(asked.at);
        let outcome = call::send(&asked.links.forward, assemble(&parts, &body), limits::FORWARD_ANSWER).await;
        let kind = outcome.as_ref().map_or_else(Failure::as_str, |_| "answered");
        inner.metrics.fleet_request(&inner.region, "forward", kind);
        match outcome {
            Ok(response) => {
                asked.succeeded();
                let refused = response.status() == StatusCode::SERVICE_UNAVAILABLE;
                let answered = answer(response, permit, reads).await;
                // That nothing was done this time says nothing about an earlier attempt without an answer.
                if lost && !reads && (refused || matches!(answered, Err(Problem::Unavailable(_) | Problem::RateLimited(_)))) {
                    return Err(Problem::OutcomeUnknown);
                }
                return answered;
            }
            Err(failure) => {
                asked.failed(&failure);
                match failure {
                    Failure::NotSent | Failure::Refused(Refusal::Busy | Refusal::Stopping) => {}
                    Failure::BrokenOff => {
                        lost = true;
                        break;
                    }
                    Failure::Lost(reason) => {
                        tracing::warn!(
                            node = asked.node.name,
                            reason,
                            path = parts.uri.path(),
                            "the answer to a request was lost"
                        );
                        lost = true;
                        if !repeatable {
                            break;
                        }
                    }
                }
            }
        }
    }
    // A read has done nothing, however often it was asked.
    Err(if lost && !reads { Problem::OutcomeUnknown } else { Problem::Unavailable(RETRY) })
}

/// A request's body. Who asks has read it already, as a rule.
async fn whole(body: RequestBody) -> Result<Bytes, Problem> {
    let most = usize::try_from(edge::limits::FILE_BYTES).unwrap_or(usize::MAX);
    match Limited::new(body, most).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(Problem::TooLarge),
        // Who does not send all of it has asked nothing.
        Err(_) => Err(Problem::Unavailable(RETRY)),
    }
}

fn assemble(parts: &request::Parts, body: &Bytes) -> Request<OutBody> {
    let mut request = Request::new(call::known(body.clone()));
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    *request.headers_mut() = parts.headers.clone();
    request
}

async fn answer(response: Response<Incoming>, permit: OwnedSemaphorePermit, reads: bool) -> Result<Response<Body>, Problem> {
    let (mut parts, body) = response.into_parts();
    if let Some(problem) = parts.headers.get(PROBLEM) {
        return Err(wire::read_problem(problem));
    }
    wire::clean(&mut parts.headers);
    // As a component's own answer is: without a trace of how it came here.
    parts.extensions = http::Extensions::new();
    parts.version = http::Version::default();
    // The permit is free when the region has nothing more to send, however long the client takes.
    let broken_off = |_| if reads { Problem::Unavailable(RETRY) } else { Problem::OutcomeUnknown };
    let body = Body::taken(PermitBody::new(body, permit)).await.map_err(broken_off)?;
    Ok(Response::from_parts(parts, body))
}
