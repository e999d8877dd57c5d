//! Whole requests, handed over to the region.
//!
//! A read may be asked of another node, and so may a write that carries a key, if its body is at hand. Anything else is sent again only where it
//! certainly reached nobody. `503` means that it certainly was not done; where it may have been, it is `504 outcome-unknown`.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::{Bytes, BytesMut};
use edge::{Body, Problem, RequestBody};
use http::{HeaderName, Method, Request, Response, StatusCode, request};
use http_body::{Body as HttpBody, Frame, SizeHint};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use super::Inner;
use super::call::{self, Failure, OutBody};
use super::nodes::Begin;
use crate::held::Held;
use crate::limits;
use crate::wire::{PROBLEM, Refusal, forward as wire};

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// What `Retry-After` says, in seconds.
const RETRY: u32 = 1;

/// A request's body, as far as it can be sent more than once.
enum Payload {
    Known(Bytes),
    /// Once.
    Stream(Option<OutBody>),
}

pub(super) async fn forward(inner: &Arc<Inner>, request: Request<RequestBody>) -> Result<Response<Body>, Problem> {
    let permit = Arc::clone(&inner.forwards).try_acquire_owned().map_err(|_| Problem::Unavailable(RETRY))?;
    let (mut parts, body) = request.into_parts();
    let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
    let repeatable = reads || parts.headers.contains_key(IDEMPOTENCY_KEY);
    wire::without_hops(&mut parts.headers);
    let parts = wire::outgoing(parts, &inner.host).ok_or(Problem::Internal)?;
    // A client that does not send what it has begun has asked nothing.
    let mut payload = payload(body).await.map_err(|_| Problem::Unavailable(RETRY))?;

    let (start, mut last, mut lost) = (inner.nodes.begin(Begin::Turn), None, false);
    let until = Instant::now() + limits::NODE_WAIT;
    for _ in 0..limits::FORWARD_TRIES {
        let Some(asked) = inner.nodes.wait(start, last, until).await else { break };
        last = Some(asked.at);
        let Some(request) = assemble(&parts, &mut payload) else { break };
        let outcome = call::send(&asked.links.forward, request, limits::FORWARD_ANSWER).await;
        let kind = outcome.as_ref().map_or_else(Failure::as_str, |_| "answered");
        inner.metrics.fleet_request(&inner.region, "forward", kind);
        match outcome {
            Ok(response) => {
                asked.succeeded();
                let refused = response.status() == StatusCode::SERVICE_UNAVAILABLE;
                let answered = answer(response, permit);
                // That nothing was done this time says nothing of the time before that nobody answered.
                if lost && !reads && (refused || matches!(answered, Err(Problem::Unavailable(_) | Problem::RateLimited(_)))) {
                    return Err(Problem::OutcomeUnknown);
                }
                return answered;
            }
            Err(failure) => {
                asked.failed(&failure);
                match failure {
                    // Its body has not been touched.
                    Failure::NotSent(Some(request)) => payload.put_back(request.into_body()),
                    Failure::NotSent(None) | Failure::Refused(Refusal::Busy | Refusal::Stopping) => {}
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

/// Keeps a body that is short. What is longer is passed on as it comes.
async fn payload(mut body: RequestBody) -> Result<Payload, impl std::error::Error> {
    let mut kept = BytesMut::new();
    let most = u64::try_from(limits::KEPT_BYTES).unwrap_or(u64::MAX);
    while body.size_hint().lower() <= most && kept.len() <= limits::KEPT_BYTES {
        match body.frame().await {
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    kept.extend_from_slice(&data);
                }
            }
            Some(Err(error)) => return Err(error),
            None => return Ok(Payload::Known(kept.freeze())),
        }
    }
    let whole = Rest { first: Some(kept.freeze()).filter(|first| !first.is_empty()), rest: body };
    Ok(Payload::Stream(Some(whole.map_err(Into::into).boxed_unsync())))
}

impl Payload {
    fn put_back(&mut self, body: OutBody) {
        if let Self::Stream(stream) = self {
            *stream = Some(body);
        }
    }
}

/// The request, if its body is still at hand.
fn assemble(parts: &request::Parts, payload: &mut Payload) -> Option<Request<OutBody>> {
    let body = match payload {
        Payload::Known(bytes) => call::known(bytes.clone()),
        Payload::Stream(stream) => stream.take()?,
    };
    let mut request = Request::new(body);
    *request.method_mut() = parts.method.clone();
    *request.uri_mut() = parts.uri.clone();
    *request.headers_mut() = parts.headers.clone();
    Some(request)
}

fn answer(response: Response<Incoming>, permit: OwnedSemaphorePermit) -> Result<Response<Body>, Problem> {
    let (mut parts, body) = response.into_parts();
    if let Some(problem) = parts.headers.get(PROBLEM) {
        return Err(wire::read_problem(problem));
    }
    wire::clean(&mut parts.headers);
    // As a component's own answer is: without a trace of how it came here.
    parts.extensions = http::Extensions::new();
    parts.version = http::Version::default();
    Ok(Response::from_parts(parts, Body::remote(Held::new(body, permit))))
}

/// A body of which the beginning has been read.
struct Rest {
    first: Option<Bytes>,
    rest: RequestBody,
}

impl HttpBody for Rest {
    type Data = Bytes;
    type Error = <RequestBody as HttpBody>::Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(Frame::data(first)))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().map_or(0, |first| u64::try_from(first.len()).unwrap_or(u64::MAX));
        let rest = self.rest.size_hint();
        let mut whole = SizeHint::new();
        whole.set_lower(rest.lower().saturating_add(first));
        if let Some(upper) = rest.upper() {
            whole.set_upper(upper.saturating_add(first));
        }
        whole
    }
}
