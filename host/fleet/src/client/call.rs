//! One request on one connection, and what is known when it fails.

use std::error::Error as _;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;

use crate::wire::Refusal;

/// A request's body.
pub(crate) type OutBody = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;
/// What requests of one connection are sent by.
pub(crate) type Sender = SendRequest<OutBody>;

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// It certainly never reached a node.
    NotSent,
    /// The node answered that it did nothing.
    Refused(Refusal),
    /// It may have been done.
    Lost(String),
    /// Its body broke off on our side. What was made of that is open; the node has nothing to answer for.
    BrokenOff,
}

impl Failure {
    /// For metrics.
    pub(crate) const fn as_str(&self) -> &'static str {
        match self {
            Self::NotSent => "not-sent",
            Self::Refused(_) => "refused",
            Self::Lost(_) => "lost",
            Self::BrokenOff => "broken-off",
        }
    }
}

/// A body that is known.
pub(crate) fn known(bytes: Bytes) -> OutBody {
    Full::new(bytes).map_err(|never| match never {}).boxed_unsync()
}

/// Sends a request, and waits for the head of its answer.
pub(crate) async fn send(sender: &Sender, request: Request<OutBody>, limit: Duration) -> Result<Response<Incoming>, Failure> {
    let answered = tokio::time::timeout(limit, sender.clone().try_send_request(request)).await;
    match answered {
        Ok(Ok(response)) => match Refusal::read(response.headers()) {
            Some(refusal) => Err(Failure::Refused(refusal)),
            None => Ok(response),
        },
        Ok(Err(mut error)) => match error.take_message() {
            Some(_) => Err(Failure::NotSent),
            None if is_reset(error.error(), true, Some(h2::Reason::REFUSED_STREAM)) => Err(Failure::NotSent),
            None if is_reset(error.error(), false, None) => Err(Failure::BrokenOff),
            None => Err(Failure::Lost(reason(error.error()))),
        },
        Err(_) => Err(Failure::Lost(format!("no answer in {} ms", limit.as_millis()))),
    }
}

/// Whether this one stream was ended, and by whom. `REFUSED_STREAM` says that the other end has not looked at it (RFC 9113, section 8.7); what we
/// end ourselves is a request whose body failed.
fn is_reset(error: &hyper::Error, remote: bool, reason: Option<h2::Reason>) -> bool {
    let cause = error.source().and_then(|cause| cause.downcast_ref::<h2::Error>());
    cause.is_some_and(|cause| cause.is_reset() && cause.is_remote() == remote && (reason.is_none() || cause.reason() == reason))
}

/// An error with its causes.
pub(crate) fn reason(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
