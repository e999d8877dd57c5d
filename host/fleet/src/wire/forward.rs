//! A whole request on its way to the region, and what comes back.
//!
//! It stays as it is: method, headers (the edge has cleaned them, and named the client in them), body. Its path gets a prefix, and the
//! authority of its URI, which HTTP/2 needs for itself, stands in a header of ours.

use edge::{Methods, Problem};
use http::header::HOST;
use http::{HeaderMap, HeaderValue, Uri, request, uri};

use super::{AUTHORITY, FORWARD, PROBLEM, REFUSED};

/// Which methods would be answered, as a number.
const METHOD_NOT_ALLOWED: &str = "method-not-allowed";
/// Problems that say when to come back.
const UNAVAILABLE: &str = "unavailable";
const RATE_LIMITED: &str = "rate-limited";

/// The parts of a request, on its way out. `name` is the region's.
pub(crate) fn outgoing(mut parts: request::Parts, name: &str) -> Option<request::Parts> {
    if let Some(authority) = parts.uri.authority() {
        parts.headers.insert(AUTHORITY, HeaderValue::try_from(authority.as_str()).ok()?);
    }
    let path = parts.uri.path_and_query().map_or("/", uri::PathAndQuery::as_str);
    parts.uri = format!("https://{name}{FORWARD}{path}").parse().ok()?;
    parts.version = http::Version::HTTP_2;
    Some(parts)
}

/// The same, as it comes in: as it was before it went out. None where it is none.
pub(crate) fn incoming(mut parts: request::Parts) -> Option<request::Parts> {
    let path = parts.uri.path_and_query()?.as_str().strip_prefix(FORWARD)?;
    let path: uri::PathAndQuery = path.parse().ok().filter(|path: &uri::PathAndQuery| path.as_str().starts_with('/'))?;
    let mut uri = uri::Parts::default();
    uri.path_and_query = Some(path);
    if let Some(authority) = parts.headers.remove(AUTHORITY) {
        uri.scheme = Some(uri::Scheme::HTTP);
        uri.authority = Some(authority.to_str().ok()?.parse().ok()?);
    }
    parts.uri = Uri::from_parts(uri).ok()?;
    Some(parts)
}

/// Whether a path is a forwarded request's.
pub(crate) fn is_one(path: &str) -> bool {
    path.strip_prefix(FORWARD).is_some_and(|rest| rest.starts_with('/'))
}

/// Takes out what only this protocol says. A component's answer must not be taken for the node's.
pub(crate) fn clean(headers: &mut HeaderMap) {
    headers.remove(PROBLEM);
    headers.remove(REFUSED);
}

/// Headers of a request that HTTP/2 has no place for.
pub(crate) fn without_hops(headers: &mut HeaderMap) {
    for name in [http::header::CONNECTION, http::header::TRANSFER_ENCODING, http::header::UPGRADE] {
        headers.remove(name);
    }
    clean(headers);
    headers.remove(AUTHORITY);
    // HTTP/1 has it as a header, and there it goes again.
    debug_assert!(headers.get_all(HOST).iter().count() <= 1, "hyper refuses a request with two hosts");
}

/// A problem as a header.
pub(crate) fn write_problem(problem: Problem) -> HeaderValue {
    let text = match problem {
        Problem::NotOneHost => "not-one-host",
        Problem::Invalid(_) => "invalid-request",
        Problem::Unauthenticated(_) => "unauthenticated",
        Problem::TokenRevoked => "token-revoked",
        Problem::TooSlow => "too-slow",
        Problem::CrossSite => "cross-site-request",
        Problem::NotFound => "not-found",
        Problem::MethodNotAllowed(allow) => return with_number(METHOD_NOT_ALLOWED, allow.bits().into()),
        Problem::TooLarge => "too-large",
        Problem::HeadersTooLarge => "headers-too-large",
        Problem::ComponentFailed => "component-failed",
        Problem::OutOfMemory => "out-of-memory",
        Problem::Unavailable(seconds) => return with_number(UNAVAILABLE, seconds),
        Problem::RateLimited(seconds) => return with_number(RATE_LIMITED, seconds),
        Problem::TimedOut => "timed-out",
        Problem::OutcomeUnknown => "outcome-unknown",
        Problem::Internal => "internal",
    };
    HeaderValue::from_static(text)
}

fn with_number(name: &'static str, number: u32) -> HeaderValue {
    HeaderValue::try_from(format!("{name} {number}")).unwrap_or(HeaderValue::from_static(name))
}

/// The same back; one that this node does not know is the fault of the other.
pub(crate) fn read_problem(value: &HeaderValue) -> Problem {
    match value.to_str().unwrap_or_default() {
        "not-one-host" => Problem::NotOneHost,
        "invalid-request" => Problem::Invalid("The request is not as it has to be."),
        "unauthenticated" => Problem::Unauthenticated("The token is not good."),
        "token-revoked" => Problem::TokenRevoked,
        "too-slow" => Problem::TooSlow,
        "cross-site-request" => Problem::CrossSite,
        "not-found" => Problem::NotFound,
        "too-large" => Problem::TooLarge,
        "headers-too-large" => Problem::HeadersTooLarge,
        "component-failed" => Problem::ComponentFailed,
        "out-of-memory" => Problem::OutOfMemory,
        "timed-out" => Problem::TimedOut,
        "outcome-unknown" => Problem::OutcomeUnknown,
        text => match text.split_once(' ').and_then(|(name, number)| Some((name, number.parse::<u32>().ok()?))) {
            Some((METHOD_NOT_ALLOWED, bits)) => Problem::MethodNotAllowed(Methods::from_bits(u8::try_from(bits).unwrap_or(0))),
            Some((UNAVAILABLE, seconds)) => Problem::Unavailable(seconds),
            Some((RATE_LIMITED, seconds)) => Problem::RateLimited(seconds),
            _ => Problem::Internal,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[test]
    fn requests_round_trip() {
        for uri in ["/api/bookings?limit=1", "/", "http://shop.example:8080/a%20b/c?d", "/node/v5/forward/x"] {
            let (before, ()) = Request::put(uri).header("x-request-id", "r1").header("host", "a").body(()).unwrap().into_parts();
            let sent = outgoing(before.clone(), "eu.region.marquee.internal").unwrap();
            assert_eq!(sent.uri.authority().unwrap(), "eu.region.marquee.internal");
            assert!(is_one(sent.uri.path()));
            let after = incoming(sent).unwrap();
            assert_eq!((after.method, after.uri, after.headers), (before.method, before.uri, before.headers));
        }
        assert!(!is_one("/node/v5/forwards") && !is_one("/node/v5/forward"));
    }

    #[test]
    fn problems_round_trip() {
        for problem in [
            Problem::NotOneHost,
            Problem::Invalid("The request is not as it has to be."),
            Problem::Unauthenticated("The token is not good."),
            Problem::TokenRevoked,
            Problem::TooSlow,
            Problem::CrossSite,
            Problem::NotFound,
            Problem::MethodNotAllowed(Methods::default().with(&http::Method::GET)),
            Problem::TooLarge,
            Problem::HeadersTooLarge,
            Problem::ComponentFailed,
            Problem::OutOfMemory,
            Problem::Unavailable(7),
            Problem::RateLimited(60),
            Problem::TimedOut,
            Problem::OutcomeUnknown,
            Problem::Internal,
        ] {
            assert_eq!(read_problem(&write_problem(problem)), problem);
        }
        assert_eq!(read_problem(&HeaderValue::from_static("news")), Problem::Internal);
    }
}
