//! Answers that never change, in memory: scripts, styles and pictures whose address has a digest in it.
//!
//! What an answer may be kept for, the component says itself, as to any cache between it and a browser (RFC 9111, RFC 8246): `public`, `immutable`,
//! and `max-age`. An address that is immutable has one content in every version of the application, so no version is part of the key: a page that was
//! loaded before a switch still gets its scripts here after it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, ETAG, HeaderMap, IF_NONE_MATCH, RANGE, SET_COOKIE, VARY};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;

use crate::body::Body;
use crate::limits::{IMMUTABLE_BYTES, IMMUTABLE_KEY_BYTES, IMMUTABLE_ONE_BYTES};
use crate::problem::Problem;
use crate::recent::Recent;

/// What of a request selects an answer: its path, and which codings its client takes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Key {
    path: String,
    codings: String,
}

impl Key {
    /// None where the request could have another answer than its path's.
    pub(crate) fn of<B>(request: &Request<B>) -> Option<Self> {
        let headers = request.headers();
        if request.method() != Method::GET || request.uri().query().is_some() || headers.contains_key(RANGE) {
            return None;
        }
        let mut codings = headers.get_all(ACCEPT_ENCODING).into_iter();
        let first = codings.next().map_or(Some(""), |value| value.to_str().ok())?;
        let path = request.uri().path();
        let fits = codings.next().is_none() && path.len() + first.len() <= IMMUTABLE_KEY_BYTES;
        fits.then(|| Self { path: path.to_owned(), codings: first.to_owned() })
    }
}

/// An answer, and until when it may be given.
#[derive(Debug)]
struct Kept {
    headers: HeaderMap,
    body: Bytes,
    until: Instant,
}

/// The answers that were given lately.
#[derive(Debug)]
pub(crate) struct ImmutableAnswers(Mutex<Recent<Key, Arc<Kept>>>);

impl Default for ImmutableAnswers {
    fn default() -> Self {
        Self(Mutex::new(Recent::new(IMMUTABLE_BYTES / 2)))
    }
}

impl ImmutableAnswers {
    /// The answer under this key: without its content where the client has it already.
    pub(crate) fn get(&self, key: &Key, asked: &HeaderMap) -> Option<Response<Body>> {
        let kept = Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(key)?);
        if kept.until <= Instant::now() {
            return None;
        }
        let known = kept.headers.get(ETAG).is_some_and(|tag| {
            let mut names = asked.get_all(IF_NONE_MATCH).into_iter().filter_map(|value| value.to_str().ok());
            names.any(|names| names.split(',').any(|name| name.trim().trim_start_matches("W/").as_bytes() == tag.as_bytes()))
        });
        let mut response = Response::new(if known { Body::empty() } else { Body::full(kept.body.clone()) });
        *response.headers_mut() = kept.headers.clone();
        if known {
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            response.headers_mut().remove(CONTENT_LENGTH);
        }
        Some(response)
    }

    /// Keeps an answer that says that it may be kept, once all of it is there.
    pub(crate) async fn keep(&self, key: Key, response: Response<Body>) -> Result<Response<Body>, Problem> {
        let Some(lifetime) = lifetime(&response) else { return Ok(response) };
        let Some(until) = Instant::now().checked_add(lifetime) else { return Ok(response) };
        let (head, body) = response.into_parts();
        // The request's own time bounds this.
        let body = body.collect().await.map_err(|_| Problem::ComponentFailed)?.to_bytes();
        let kept = Arc::new(Kept { headers: head.headers.clone(), body: body.clone(), until });
        let weight = body.len() + IMMUTABLE_KEY_BYTES;
        self.0.lock().unwrap_or_else(PoisonError::into_inner).put_weighing(key, kept, weight);
        Ok(Response::from_parts(head, Body::full(body)))
    }
}

/// How long an answer may be kept for whoever asks the same; none where it may not.
fn lifetime(response: &Response<Body>) -> Option<Duration> {
    let headers = response.headers();
    let varies = headers.get_all(VARY).into_iter().any(|value| !value.as_bytes().eq_ignore_ascii_case(b"accept-encoding"));
    if response.status() != StatusCode::OK || varies || headers.contains_key(SET_COOKIE) {
        return None;
    }
    let length: usize = headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()?;
    let control = headers.get(CACHE_CONTROL)?.to_str().ok()?;
    let says = |directive: &str| control.split(',').any(|said| said.trim().eq_ignore_ascii_case(directive));
    let seconds = control.split(',').find_map(|said| said.trim().strip_prefix("max-age=")?.parse().ok())?;
    (length <= IMMUTABLE_ONE_BYTES && says("public") && says("immutable")).then(|| Duration::from_secs(seconds))
}
