//! One request: checked, routed, answered, finished.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::{CACHE_CONTROL, CONTENT_LENGTH, HeaderValue};
use http::{HeaderMap, Method, Request, Response, StatusCode, request};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use read_model::Seen;
use runtime::{Place, RequestBody, Target};
use telemetry::{Metrics, RequestLabels, Role};

use crate::application::{Components, Traffic, answer};
use crate::body::{self, Body, Limited, Overrun, Received};
use crate::connection::Connection;
use crate::cors::{Cors, Grant};
use crate::headers::{self, Look, MARQUEE_SEEN, MARQUEE_STALE, X_REQUEST_ID};
use crate::homes::Homes;
use crate::identity::Identity;
use crate::limits;
use crate::problem::Problem;
use crate::rates::{Counted, Counters, Rates, network};
use crate::replica::Replica;

/// What every request of an edge needs.
pub(crate) struct Service<T> {
    pub(crate) traffic: Arc<T>,
    pub(crate) homes: Option<Homes>,
    pub(crate) replica: Option<Replica>,
    pub(crate) identity: Option<Identity>,
    pub(crate) rates: Rates,
    pub(crate) counters: Counters,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) cors: Cors,
    pub(crate) trusted_proxies: Box<[IpAddr]>,
}

/// What a request without a route is counted under.
const NO_ROUTE: &str = "none";

impl<T: Traffic> Service<T> {
    /// Answers a request off the wire.
    pub(crate) async fn serve(&self, connection: &Arc<Connection>, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let busy = connection.enter();
        let in_flight = self.metrics.enter(Role::Edge);
        let (mut parts, body) = request.into_parts();
        let look = headers::look(&parts.headers, path_bytes(&parts.uri));
        let request_id = headers::request_id(&parts.headers);
        let grant = self.cors.grant(&parts.method, headers::origin(&parts.headers), look.credentials);
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        // Who answers GET answers HEAD; the body is dropped when the answer is finished.
        if parts.method == Method::HEAD {
            parts.method = Method::GET;
        }
        // The request is answered by this version, whatever is switched to meanwhile.
        let version = self.traffic.current();
        let target = version.routes().find(&parts.method, uri.path());

        let answered = match (refuse(&parts, &body, &look), target) {
            (Some(problem), _) => {
                if matches!(problem, Problem::TooLarge) {
                    body::drain(body).await;
                }
                Err(problem)
            }
            (None, target) => match (self.cors.preflight(&parts.method, &parts.headers), target) {
                (Some(response), _) => Ok(response),
                (None, None) => Err(Problem::NotFound),
                (None, Some(target)) => {
                    let client = headers::clean(&mut parts.headers, &look, connection, &self.trusted_proxies);
                    parts.headers.insert(X_REQUEST_ID, request_id.clone());
                    match self.count(client, &parts.headers, &look) {
                        Err(problem) => {
                            body::drain(body).await;
                            Err(problem)
                        }
                        Ok(()) => {
                            let (body, overrun) = limited(body);
                            let request = Request::from_parts(parts, body);
                            let answered = self.answer(&*version, target, request, &look, &request_id).await;
                            // Whatever a component made of a body that was cut off, the reason is that it was too long.
                            if overrun.is_some_and(|overrun| overrun.happened()) { Err(Problem::TooLarge) } else { answered }
                        }
                    }
                }
            },
        };

        let mut response = answered.unwrap_or_else(|problem| problem.response(uri.path(), text(&request_id)));
        self.finish(&mut response, &method, grant, &request_id);
        let (status, took) = (response.status().as_u16(), started.elapsed());
        let route = target.map_or(NO_ROUTE, |target| target.route);
        self.metrics.request(RequestLabels { route, method: method.as_str(), status, role: Role::Edge }, took);
        tracing::debug!(%method, path = uri.path(), status, request_id = text(&request_id), ?took, "answered");
        drop(in_flight);
        response.body_mut().holding(busy);
        response
    }

    /// Refuses who asks too often.
    fn count(&self, client: IpAddr, headers: &HeaderMap, look: &Look) -> Result<(), Problem> {
        let Some(client) = network(client) else { return Ok(()) };
        let take = |counted: Counted| {
            let (kind, quota) = (counted.kind(), self.rates.of(&counted));
            self.counters.take(counted, quota).map_err(|wait| {
                self.metrics.rate_limited(Role::Edge, kind);
                Problem::rate_limited(wait)
            })
        };
        take(Counted::Address(client))?;
        let user = || self.identity.as_ref()?.user(headers::bearer(headers)?);
        match look.credentials.then(user).flatten() {
            Some(user) => take(Counted::User(user.into())),
            None => Ok(()),
        }
    }

    /// Has the component or a region answer in time.
    async fn answer(
        &self,
        version: &T::Components,
        target: Target<'_>,
        request: Request<RequestBody>,
        look: &Look,
        request_id: &HeaderValue,
    ) -> Result<Response<Body>, Problem> {
        let answering = async {
            let mut request = request;
            let read = request.method() == Method::GET && target.place == Place::Edge;
            let replica = self.replica.as_ref().filter(|_| read);
            let seen = replica.filter(|_| look.seen).map(|_| seen(request.headers()));
            let mut stale = false;
            match (&self.homes, target.place) {
                (Some(homes), Place::Region) => return homes.handle(target.home, request).await,
                (Some(homes), Place::Edge) => {
                    if let Some((replica, seen)) = replica.zip(seen.as_ref()) {
                        let (parts, body) = request.into_parts();
                        match standing(replica, homes, seen, parts.uri.path()).await {
                            Standing::Current => {}
                            Standing::Stale => stale = true,
                            Standing::Behind => {
                                let asked = Request::from_parts(parts.clone(), runtime::empty());
                                let asked = homes.handle(target.home, asked).await;
                                // Without its region a reader has what is known here, and is told that it is old.
                                let Err(Problem::Unavailable(_)) = asked else { return asked };
                                stale = true;
                            }
                        }
                        request = Request::from_parts(parts, body);
                    }
                }
                _ => {}
            }
            let mut answered = answer(version, target.component, request, &self.metrics, text(request_id)).await;
            if let (Some(replica), Ok(response)) = (replica, &mut answered) {
                shown(replica, seen, stale, response);
            }
            answered
        };
        tokio::time::timeout(limits::REQUEST, answering).await.unwrap_or(Err(Problem::TimedOut))
    }

    fn finish(&self, response: &mut Response<Body>, method: &Method, grant: Grant, request_id: &HeaderValue) {
        headers::finish(response.headers_mut(), request_id.clone());
        self.cors.apply(grant, response.headers_mut());
        if method == Method::HEAD {
            if let Some(length) = response.body().size_hint().exact().filter(|length| *length > 0) {
                response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
            }
            *response.body_mut() = Body::empty();
        }
    }
}

/// How this node's replica stands to what a client has seen.
enum Standing {
    /// It has all of it.
    Current,
    /// A region is to be asked: the client has seen more of it.
    Behind,
    /// It has less, and nobody else could answer.
    Stale,
}

/// What is about no one region only this node can answer, where there are several: it waits a while until it has what the client has seen. Of one region it
/// waits no longer than what comes by the feed takes, and not at all where none comes.
async fn standing(replica: &Replica, homes: &Homes, seen: &Seen, path: &str) -> Standing {
    let region = match homes.by_path(path) {
        _ if homes.only() => None,
        Some((region, _)) => Some(&**region),
        None => {
            let current = replica.catch_up(seen, None, limits::CATCH_UP).await;
            return if current { Standing::Current } else { Standing::Stale };
        }
    };
    if replica.has(seen, region) {
        return Standing::Current;
    }
    let follows = replica.youngest().is_some_and(|age| age < limits::STALE);
    if follows && replica.catch_up(seen, region, limits::CATCH_UP_HERE).await {
        return Standing::Current;
    }
    Standing::Behind
}

fn seen(headers: &HeaderMap) -> Seen {
    headers.get(MARQUEE_SEEN).and_then(|value| value.to_str().ok()).map(Seen::parse).unwrap_or_default()
}

/// Says on an answer what its reader has seen with it, and whether it should have been newer. Who sends that back is never shown less, at any edge.
pub fn shown(replica: &Replica, seen: Option<Seen>, stale: bool, response: &mut Response<Body>) {
    if stale {
        response.headers_mut().insert(MARQUEE_STALE, HeaderValue::from_static("true"));
    }
    let status = response.status();
    if !(status.is_success() || status == StatusCode::NOT_MODIFIED) || response.headers().contains_key(MARQUEE_SEEN) {
        return;
    }
    // What may be shown again without asking, to anybody, says nothing of who has seen what.
    let shared = |control: &HeaderValue| control.to_str().is_ok_and(|text| !text.contains("no-cache"));
    if response.headers().get(CACHE_CONTROL).is_some_and(shared) {
        return;
    }
    let token = match seen.filter(|seen| !seen.is_empty()) {
        None => replica.shown_first(),
        Some(seen) => replica.shown(seen).render().and_then(|token| HeaderValue::try_from(token).ok()),
    };
    if let Some(token) = token {
        response.headers_mut().insert(MARQUEE_SEEN, token);
    }
}

/// What can be refused without asking anybody.
fn refuse(parts: &request::Parts, body: &Incoming, look: &Look) -> Option<Problem> {
    if look.too_large {
        Some(Problem::HeadersTooLarge)
    } else if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        Some(Problem::MethodNotAllowed)
    } else if body.size_hint().lower() > limits::BODY_BYTES {
        Some(Problem::TooLarge)
    } else {
        None
    }
}

/// A body within its limit. One whose length is known has been checked already, and hyper holds it to that.
fn limited(body: Incoming) -> (RequestBody, Option<Overrun>) {
    if body.is_end_stream() {
        return (runtime::empty(), None);
    }
    let exact = body.size_hint().exact().is_some();
    let body = Received::new(body);
    if exact {
        return (body.map_err(Into::into).boxed_unsync(), None);
    }
    let overrun = Overrun::default();
    (Limited::new(body, overrun.clone()).boxed_unsync(), Some(overrun))
}

fn path_bytes(uri: &http::Uri) -> usize {
    uri.path_and_query().map_or(0, |path| path.as_str().len())
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}
