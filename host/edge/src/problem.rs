//! What the host itself has to say instead of a component: problem documents (RFC 9457) of the same types as the components'.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderValue, Response, StatusCode};

use manifest::{Methods, RouteError};

use crate::body::Body;

/// A problem that the host finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// 400: it names no host, or several.
    NotOneHost,
    /// 400: it does not fit what it asks for; what is wrong with it.
    Invalid(&'static str),
    /// 401: what is asked for needs an access token, and there is no valid one; what is wrong with it.
    Unauthenticated(&'static str),
    /// 401: the session of its token has ended.
    TokenRevoked,
    /// 403: with cookies only pages of this site may change something, and this was not sent by one.
    CrossSite,
    /// 404: no route leads anywhere.
    NotFound,
    /// 405: its path answers these methods only.
    MethodNotAllowed(Methods),
    /// 408: its body did not come, or too slowly: see [`crate::limits::BODY_RATE`].
    TooSlow,
    /// 413: see [`crate::limits::BODY_BYTES`].
    TooLarge,
    /// 431: see [`crate::limits::HEADER_BYTES`].
    HeadersTooLarge,
    /// 429: asked too often; seconds after which to try again.
    RateLimited(u32),
    /// 502: the component trapped, or broke its contract.
    ComponentFailed,
    /// 503: the component ran out of memory while it was at it.
    OutOfMemory,
    /// 503: certainly not done; seconds after which to try again.
    Unavailable(u32),
    /// 504: no answer in time.
    TimedOut,
    /// 504: the answer was lost on the way from the region, and asking again did not bring it.
    OutcomeUnknown,
    /// 500: a fault of the host's own.
    Internal,
}

impl Problem {
    /// The HTTP status.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotOneHost | Self::Invalid(_) => StatusCode::BAD_REQUEST,
            Self::Unauthenticated(_) | Self::TokenRevoked => StatusCode::UNAUTHORIZED,
            Self::CrossSite => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed(_) => StatusCode::METHOD_NOT_ALLOWED,
            Self::TooSlow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::HeadersTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::RateLimited(_) => StatusCode::TOO_MANY_REQUESTS,
            Self::ComponentFailed => StatusCode::BAD_GATEWAY,
            Self::OutOfMemory | Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::TimedOut | Self::OutcomeUnknown => StatusCode::GATEWAY_TIMEOUT,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Asked too often: come again after this long.
    #[must_use]
    pub fn rate_limited(wait: Duration) -> Self {
        Self::RateLimited(u32::try_from(wait.as_millis().div_ceil(1_000)).unwrap_or(u32::MAX).max(1))
    }

    /// Slug, title and detail: slug and title as the page of this type has them.
    const fn text(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::NotOneHost => ("invalid-request", "Invalid request", "The request must name one host, once."),
            Self::Invalid(detail) => ("invalid-request", "Invalid request", detail),
            Self::Unauthenticated(detail) => ("unauthenticated", "Not authenticated", detail),
            Self::TokenRevoked => ("token-revoked", "Token revoked", "The session of this token has ended."),
            Self::CrossSite => (
                "cross-site-request",
                "Not sent by a page of this site",
                "Nothing shows that a page of this site sent this request.",
            ),
            Self::NotFound => ("not-found", "Not found", "Nothing answers this address."),
            Self::MethodNotAllowed(_) => ("method-not-allowed", "Method not allowed", "This method is not answered here."),
            Self::TooSlow => {
                ("request-timeout", "Request too slow", "Certainly not done: the body did not come, or came too slowly.")
            }
            Self::TooLarge => (
                "too-large",
                "Request too large",
                "The body may have at most 1048576 bytes, and a file as many as its operation says.",
            ),
            Self::HeadersTooLarge => (
                "headers-too-large",
                "Headers too large",
                "The request's path and headers may have at most 16384 bytes, in at most 100 headers.",
            ),
            Self::RateLimited(_) => (
                "rate-limited",
                "Too many requests",
                "Certainly not done: you ask too often. Try again after Retry-After seconds.",
            ),
            // As for what may have been done, the same as a trap.
            Self::ComponentFailed | Self::OutOfMemory => (
                "component-failed",
                "Component failed",
                "The component that served this request ended abruptly. A write may or may not be done: repeat it with its Idempotency-Key.",
            ),
            Self::Unavailable(_) => ("unavailable", "Unavailable", "Certainly not done. Try again after Retry-After seconds."),
            Self::TimedOut => (
                "timed-out",
                "Timed out",
                "The answer took too long. A write may or may not be done: repeat it with its Idempotency-Key.",
            ),
            Self::OutcomeUnknown => (
                "outcome-unknown",
                "Outcome unknown",
                "It may or may not have been done. Send it again with the same `Idempotency-Key`: it is done once.",
            ),
            Self::Internal => ("internal", "Internal error", "Something on our side is wrong."),
        }
    }

    /// What it says, as JSON. `path` and `request_id` come from the request.
    pub(crate) fn document(self, path: &str, request_id: &str) -> String {
        let (slug, title, detail) = self.text();
        let document = serde_json::json!({
            "type": format!("/problems/{slug}"),
            "title": title,
            "status": self.status().as_u16(),
            "detail": detail,
            "instance": path,
            "request_id": request_id,
        });
        document.to_string()
    }

    /// The answer. `path` and `request_id` come from the request.
    #[must_use]
    pub fn response(self, path: &str, request_id: &str) -> Response<Body> {
        let mut response = Response::new(Body::full(Bytes::from(self.document(path, request_id))));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        match self {
            Self::MethodNotAllowed(allow) => {
                if let Ok(allow) = HeaderValue::try_from(allow.to_string()) {
                    headers.insert(ALLOW, allow);
                }
            }
            Self::Unauthenticated(_) | Self::TokenRevoked => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Unavailable(seconds) | Self::RateLimited(seconds) => {
                headers.insert(RETRY_AFTER, HeaderValue::from(seconds.max(1)));
            }
            _ => {}
        }
        response
    }
}

impl From<RouteError> for Problem {
    fn from(no_route: RouteError) -> Self {
        match no_route {
            RouteError::Path => Self::NotFound,
            RouteError::Method(allow) => Self::MethodNotAllowed(allow),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;
    use http_body_util::BodyExt;

    #[tokio::test]
    async fn every_problem_is_a_document_with_its_status() {
        for problem in [
            Problem::NotOneHost,
            Problem::Invalid("Upgrade must be websocket."),
            Problem::Unauthenticated("A bearer token is required."),
            Problem::TokenRevoked,
            Problem::CrossSite,
            Problem::NotFound,
            Problem::MethodNotAllowed(Methods::ALL),
            Problem::TooSlow,
            Problem::TooLarge,
            Problem::HeadersTooLarge,
            Problem::RateLimited(1),
            Problem::ComponentFailed,
            Problem::OutOfMemory,
            Problem::Unavailable(3),
            Problem::TimedOut,
            Problem::OutcomeUnknown,
            Problem::Internal,
        ] {
            let response = problem.response("/a\"b", "id-1");
            assert_eq!(response.headers()[CONTENT_TYPE], "application/problem+json");
            let status = response.status();
            let body = response.into_body().collect().await.unwrap().to_bytes();
            let document: serde_json::Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(document["status"], status.as_u16());
            assert_eq!(document["instance"], "/a\"b");
            assert_eq!(document["request_id"], "id-1");
            assert!(document["type"].as_str().unwrap().starts_with("/problems/"));
        }
    }

    #[test]
    fn problem_details_name_the_limits() {
        assert!(Problem::TooLarge.text().2.contains(&limits::BODY_BYTES.to_string()));
        assert!(Problem::HeadersTooLarge.text().2.contains(&limits::HEADER_BYTES.to_string()));
        assert!(Problem::HeadersTooLarge.text().2.contains(&limits::HEADERS.to_string()));
    }
}
