//! Answers that never change, in memory: scripts, styles and pictures whose address has a digest in it.
//!
//! What an answer may be kept for, the component says itself, as to any cache between it and a browser (RFC 9111, RFC 8246): `public`, `immutable`,
//! and `max-age`. Each version of the application has its own: what a version that is tried on few gives for an address, nobody else is given. But an address
//! that is immutable has one content wherever it is known, so what a version does not have is looked for among what others gave: a page that was
//! loaded before a switch still gets its scripts here after it.
//!
//! What never changes may still be taken away: an organiser removes a picture, perhaps because it should never have been shown. Whoever makes an answer that
//! begins with an id says what it is of by that; when the feed says that an event has a picture no more, what is of it is forgotten (see [`Keeping`]), so an
//! edge asks its region again, which answers as long as another event has it. What no feed tells is given for [`IMMUTABLE`] at most.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_LENGTH, ETAG, HeaderMap, IF_NONE_MATCH, RANGE, SET_COOKIE, VARY};
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;

use crate::body::Body;
use crate::limits::{IMMUTABLE, IMMUTABLE_BYTES, IMMUTABLE_KEY_BYTES, IMMUTABLE_ONE_BYTES, IMMUTABLE_VERSIONS};
use crate::problem::Problem;
use crate::recent::Recent;

/// What of a request selects an answer: the version that takes it, its path, and which codings its client takes.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct Key {
    version: u64,
    path: String,
    codings: String,
}

impl Key {
    /// None where the request could have another answer than its path's.
    pub(crate) fn of<B>(version: u64, request: &Request<B>) -> Option<Self> {
        let headers = request.headers();
        if request.method() != Method::GET || request.uri().query().is_some() || headers.contains_key(RANGE) {
            return None;
        }
        let mut codings = headers.get_all(ACCEPT_ENCODING).into_iter();
        let first = codings.next().map_or(Some(""), |value| value.to_str().ok())?;
        let path = request.uri().path();
        let fits = codings.next().is_none() && path.len() + first.len() <= IMMUTABLE_KEY_BYTES;
        fits.then(|| Self { version, path: path.to_owned(), codings: first.to_owned() })
    }

    /// Whether it is of what has this id: its file's name is that, a hyphen and which one it is.
    fn is_of(&self, id: &str) -> bool {
        let file = self.path.rsplit('/').next().unwrap_or_default();
        file.strip_prefix(id).is_some_and(|rest| rest.starts_with('-'))
    }
}

/// An answer, and until when it may be given.
#[derive(Debug)]
struct Kept {
    headers: HeaderMap,
    body: Bytes,
    until: Instant,
}

/// The answers that were given lately. Cheap to clone; clones are one.
#[derive(Clone, Debug)]
pub(crate) struct ImmutableAnswers(Arc<Mutex<Answers>>);

#[derive(Debug)]
struct Answers {
    recent: Recent<Key, Arc<Kept>>,
    /// The versions that have given something, the last that began to last.
    versions: Vec<u64>,
    /// How often something was forgotten.
    forgotten: u64,
}

/// An answer that is being asked for, and may be kept if nothing was forgotten since.
#[derive(Debug)]
pub(crate) struct Keeping {
    key: Key,
    forgotten: u64,
}

impl Default for ImmutableAnswers {
    fn default() -> Self {
        Self(Arc::new(Mutex::new(Answers { recent: Recent::new(IMMUTABLE_BYTES / 2), versions: Vec::new(), forgotten: 0 })))
    }
}

impl ImmutableAnswers {
    /// The answer under this key: without its content where the client has it already.
    pub(crate) fn get(&self, key: &Key, asked: &HeaderMap) -> Option<Response<Body>> {
        let kept = Arc::clone(self.answers().recent.get(key)?);
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

    /// What another version than the key's has given.
    fn of_another(&self, key: &Key) -> Option<Response<Body>> {
        let versions = self.answers().versions.clone();
        let others = versions.into_iter().rev().filter(|version| *version != key.version);
        others.map(|version| Key { version, ..key.clone() }).find_map(|key| self.get(&key, &HeaderMap::new()))
    }

    fn answers(&self) -> MutexGuard<'_, Answers> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is asked for from now on.
    pub(crate) fn keeping(&self, key: Key) -> Keeping {
        Keeping { key, forgotten: self.answers().forgotten }
    }

    /// Forgets what is of these ids.
    pub(crate) fn forget(&self, ids: &[String]) {
        if ids.is_empty() {
            return;
        }
        let mut answers = self.answers();
        answers.forgotten += 1;
        answers.recent.retain(|key| !ids.iter().any(|id| key.is_of(id)));
    }

    /// Keeps an answer that says that it may be kept, once all of it is there. What was asked for before something was forgotten may be of that.
    /// Where the version has no such thing, what another one has given is given again.
    pub(crate) async fn keep(
        &self,
        keeping: Keeping,
        answered: Result<Response<Body>, Problem>,
    ) -> Result<Response<Body>, Problem> {
        let absent = match &answered {
            Ok(response) => response.status() == StatusCode::NOT_FOUND,
            Err(problem) => matches!(problem, Problem::NotFound),
        };
        if absent && let Some(response) = self.of_another(&keeping.key) {
            return Ok(response);
        }
        let response = answered?;
        let Some(lifetime) = lifetime(&response) else { return Ok(response) };
        let Some(until) = Instant::now().checked_add(lifetime) else { return Ok(response) };
        let (head, body) = response.into_parts();
        // The request's own time bounds this.
        let body = body.collect().await.map_err(|_| Problem::ComponentFailed)?.to_bytes();
        let kept = Arc::new(Kept { headers: head.headers.clone(), body: body.clone(), until });
        let weight = body.len() + IMMUTABLE_KEY_BYTES;
        let mut answers = self.answers();
        if answers.forgotten == keeping.forgotten {
            if !answers.versions.contains(&keeping.key.version) {
                let surplus = (answers.versions.len() + 1).saturating_sub(IMMUTABLE_VERSIONS);
                answers.versions.drain(..surplus);
                answers.versions.push(keeping.key.version);
            }
            answers.recent.put_weighing(keeping.key, kept, weight);
        }
        drop(answers);
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
    (length <= IMMUTABLE_ONE_BYTES && says("public") && says("immutable")).then(|| Duration::from_secs(seconds).min(IMMUTABLE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(path: &str) -> Key {
        key_of(1, path)
    }

    fn key_of(version: u64, path: &str) -> Key {
        Key::of(version, &Request::get(path).body(()).unwrap()).unwrap()
    }

    fn answer(control: &str) -> Response<Body> {
        given(control, b"abc")
    }

    fn given(control: &str, content: &'static [u8]) -> Response<Body> {
        let answer = Response::builder().header(CACHE_CONTROL, control).header(CONTENT_LENGTH, content.len());
        answer.body(Body::full(Bytes::from_static(content))).unwrap()
    }

    fn absent() -> Response<Body> {
        Response::builder().status(StatusCode::NOT_FOUND).body(Body::empty()).unwrap()
    }

    const FOREVER: &str = "public, max-age=31536000, immutable";

    #[tokio::test]
    async fn what_is_forgotten_is_asked_for_again() {
        let answers = ImmutableAnswers::default();
        let paths = ["/api/images/eu_a-480.jpg", "/api/images/eu_a-1280.jpg", "/api/images/eu_ab-480.jpg", "/app/index-eu_a.js"];
        for path in paths {
            answers.keep(answers.keeping(key(path)), Ok(answer(FOREVER))).await.unwrap();
        }
        let known = |path: &str| answers.get(&key(path), &HeaderMap::new()).is_some();
        assert_eq!(paths.map(known), [true; 4]);
        // Of the same data as clones.
        answers.clone().forget(&["eu_a".to_owned()]);
        assert_eq!(paths.map(known), [false, false, true, true]);
        // What was on its way then may be what was forgotten.
        let asked = answers.keeping(key(paths[0]));
        answers.forget(&["eu_a".to_owned()]);
        answers.keep(asked, Ok(answer(FOREVER))).await.unwrap();
        assert!(!known(paths[0]));
        answers.keep(answers.keeping(key(paths[0])), Ok(answer(FOREVER))).await.unwrap();
        assert!(known(paths[0]));
    }

    #[tokio::test]
    async fn a_version_gives_its_own_and_what_it_lacks_of_others() {
        let answers = ImmutableAnswers::default();
        let content = async |answer: Result<Response<Body>, Problem>| {
            let answer = answer.unwrap();
            (answer.status().as_u16(), answer.into_body().collect().await.unwrap().to_bytes())
        };
        let ask = async |version: u64, path: &str, answer: Response<Body>| {
            let key = key_of(version, path);
            match answers.get(&key, &HeaderMap::new()) {
                Some(answer) => content(Ok(answer)).await,
                None => content(answers.keep(answers.keeping(key), Ok(answer)).await).await,
            }
        };
        // The new version is wrong about an address of the old one's: only its own visitors notice.
        assert_eq!(ask(2, "/app/a.js", given(FOREVER, b"broken")).await, (200, "broken".into()));
        assert_eq!(ask(1, "/app/a.js", given(FOREVER, b"right")).await, (200, "right".into()));
        assert_eq!(ask(1, "/app/a.js", absent()).await, (200, "right".into()));
        assert_eq!(ask(2, "/app/a.js", absent()).await, (200, "broken".into()));
        // A page of the old version asks the new one for its script.
        assert_eq!(ask(1, "/app/old.js", given(FOREVER, b"old")).await, (200, "old".into()));
        assert_eq!(ask(2, "/app/old.js", absent()).await, (200, "old".into()));
        assert_eq!(ask(2, "/app/none.js", absent()).await.0, 404);
        let key = key_of(3, "/app/old.js");
        let found = content(answers.keep(answers.keeping(key), Err(Problem::NotFound)).await).await;
        assert_eq!(found, (200, "old".into()));
        // So many versions ago, nobody remembers.
        for version in 10..10 + IMMUTABLE_VERSIONS as u64 {
            ask(version, "/app/new.js", given(FOREVER, b"new")).await;
        }
        assert_eq!(ask(2, "/app/older.js", absent()).await.0, 404);
        assert_eq!(answers.answers().versions.len(), IMMUTABLE_VERSIONS);
    }

    #[test]
    fn nothing_is_given_for_good() {
        assert_eq!(lifetime(&answer(FOREVER)), Some(IMMUTABLE));
        assert_eq!(lifetime(&answer("public, max-age=5, immutable")), Some(Duration::from_secs(5)));
        assert_eq!(lifetime(&answer("private, max-age=31536000, immutable")), None);
    }
}
