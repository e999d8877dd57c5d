//! One request: checked, routed, answered, finished.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use browser_policy::{Cors, Grant};
use contracts::{Components, RequestBody, Traffic, Visitor};
use futures::future::BoxFuture;
use http::header::{CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Response, StatusCode, Uri, request};
use http_body::Body as HttpBody;
use hyper::body::Incoming;
use hyper_util::rt::TokioIo;
use manifest::{Methods, Route, RouteError, RunLocation};
use read_model::{NoCredential, Seen};
use telemetry::{Metrics, RequestLabels, Role};
use vocabulary::edge::Refusal;

use crate::application::answer;
use crate::body::{self, Body};
use crate::connection::{ActiveRequest, ClientTimeouts, Connection};
use crate::headers::{self, Client, HeaderSummary, MARQUEE_SEEN, MARQUEE_STALE, X_REQUEST_ID};
use crate::identity::Identity;
use crate::immutable::{self, ImmutableAnswers};
use crate::limits;
use crate::listener::Clients;
use crate::live::{self, Accepted, Asker, Bearer, Caller, Handshake, Hub, Session, Transport, Wanted};
use crate::problem::Problem;
use crate::rates::{Counters, Network, RateKey, Rates, networks};
use crate::region_router::RegionRouter;
use crate::replica::Replica;
use crate::slots::{NoSlot, RequestSlots};

/// What every request of an edge needs.
pub(crate) struct Service<T> {
    pub(crate) traffic: Arc<T>,
    pub(crate) region_router: Option<RegionRouter>,
    pub(crate) replica: Option<Replica>,
    pub(crate) identity: Option<Identity>,
    pub(crate) immutable: ImmutableAnswers,
    pub(crate) live: Arc<Hub>,
    pub(crate) rates: Rates,
    pub(crate) counters: Counters,
    /// Requests that are not finished.
    pub(crate) unfinished: Arc<RequestSlots>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) cors: Cors,
    pub(crate) clients: Clients,
    pub(crate) timeouts: ClientTimeouts,
}

/// What a request without a route is counted under.
const NO_ROUTE: &str = "none";

impl<T: Traffic> Service<T> {
    /// Answers a request off the wire.
    pub(crate) async fn serve(self: &Arc<Self>, connection: &Arc<Connection>, request: Request<Incoming>) -> Response<Body> {
        let started = Instant::now();
        let mut busy = connection.enter();
        let in_flight = self.metrics.enter(Role::Edge);
        let (mut parts, body) = request.into_parts();
        let summary = headers::summary(&parts.headers, path_bytes(&parts.uri));
        let request_id = headers::request_id(&parts.headers);
        let grant = self.cors.grant(&parts.method, headers::origin(&parts.headers), summary.credentials);
        let (method, uri) = (parts.method.clone(), parts.uri.clone());
        // The request is answered by this version, whatever is switched to meanwhile, and by this route.
        let version = self.traffic.taking(|| self.visitor(&parts.headers, &summary, connection));
        let route = version.routes().find(&method, uri.path());
        let live = self.replica.is_some() && live::is_at::<T>(uri.path(), &version);
        let most = route.ok().and_then(|route| route.body).unwrap_or(limits::BODY_BYTES);
        let refused = refuse(&parts, body.size_hint().lower() > most, &summary, route.err());
        // Who answers GET answers HEAD; the body is dropped when the answer is finished.
        if method == Method::HEAD {
            parts.method = Method::GET;
        }

        let begun = match (refused, self.cors.preflight(&method, &parts.headers)) {
            (Some(problem), _) => Err(problem),
            (None, Some(headers)) => Ok(Admission::Answered(Box::new(preflight(headers)))),
            (None, None) => {
                // What it says of it concerns one hop only, and is cleaned away.
                let handshake = live.then(|| live::handshake(&method, &mut parts));
                let client = headers::clean(&mut parts.headers, &summary, connection, &self.clients.trusted_proxies);
                parts.headers.insert(X_REQUEST_ID, request_id.clone());
                // Who looks for what is not there is counted as well.
                let networks = networks(client, &self.clients.uncounted);
                let admitted = self.admit(networks, route.is_ok_and(|route| route.token), &parts, &summary, &mut busy);
                admitted.and_then(|()| match handshake {
                    None => route.map(Admission::Admitted).map_err(Problem::from),
                    Some(handshake) => {
                        let opened = self.open_live(handshake?, (connection, networks), &parts, &mut busy)?;
                        Ok(Admission::Answered(Box::new(opened)))
                    }
                })
            }
        };
        let answered = match begun {
            // A body that is not used is not waited for.
            Err(problem) => {
                body::drain(body);
                Err(problem)
            }
            Ok(Admission::Answered(response)) => Ok(*response),
            // Not before all of it is there is anything taken for it that others need.
            Ok(Admission::Admitted(route)) => match body::whole(body, most, &self.timeouts).await {
                Ok(body) => {
                    let request = Request::from_parts(parts, body::known(body));
                    self.answer(&*version, route, request, &summary, &request_id).await
                }
                Err((problem, rest)) => {
                    if matches!(problem, Problem::TooLarge) {
                        body::drain(rest);
                    }
                    Err(problem)
                }
            },
        };

        let mut response = answered.unwrap_or_else(|problem| problem.response(uri.path(), text(&request_id)));
        self.finish(&mut response, &method, grant, &request_id, connection.secure);
        let (status, took) = (response.status().as_u16(), started.elapsed());
        let route = if live { live::PATH } else { route.map_or(NO_ROUTE, |route| &route.template) };
        self.metrics.request(RequestLabels { route, method: method.as_str(), status, role: Role::Edge }, took);
        tracing::debug!(%method, path = uri.path(), route, status, request_id = text(&request_id), ?took, "answered");
        drop(in_flight);
        response.body_mut().holding(busy);
        response
    }

    /// Who asks: the user whose token comes with the request, else whoever is at an address with a browser like that. No cookie says so: none is needed
    /// to be shown a page.
    fn visitor(&self, headers: &HeaderMap, summary: &HeaderSummary, connection: &Connection) -> Visitor {
        let identity = self.identity.as_ref().filter(|_| summary.credentials);
        let credential = identity.and_then(|identity| Some((identity, headers::credential(headers).ok()??)));
        if let Some(claims) = credential.and_then(|(identity, credential)| identity.claims(credential.token).ok()) {
            return user(&claims.subject);
        }
        let browser = headers.get(USER_AGENT).map_or(&[][..], HeaderValue::as_bytes);
        match headers::sender(headers, summary, connection, &self.clients.trusted_proxies) {
            Client::Unknown => Visitor::of(&[b"unknown", browser]),
            Client::Known(address) => match address.to_canonical() {
                IpAddr::V4(address) => Visitor::of(&[&address.octets(), browser]),
                // A browser changes the rest of its own accord.
                IpAddr::V6(address) => Visitor::of(&[&(address.to_bits() >> 64).to_be_bytes(), browser]),
            },
        }
    }

    /// Refuses requests beyond a rate or the open-request limit, sent by a page of another site with somebody's cookies, or without a valid token where
    /// one is needed.
    fn admit(
        &self,
        networks: [Option<Network>; 2],
        needs_token: bool,
        request: &request::Parts,
        summary: &HeaderSummary,
        busy: &mut ActiveRequest,
    ) -> Result<(), Problem> {
        let limited = |kind| self.metrics.rate_limited(Role::Edge, kind);
        for network in networks.into_iter().flatten() {
            self.count(RateKey::Address(network))?;
        }
        let slot = self.unfinished.take(networks).map_err(|full| match full {
            NoSlot::ForOne => {
                limited("requests");
                Problem::RateLimited(limits::RETRY_AFTER_SECONDS)
            }
            NoSlot::ForAll => Problem::Unavailable(limits::RETRY_AFTER_SECONDS),
        })?;
        busy.hold(slot);
        if headers::is_forged(request) {
            return Err(Problem::CrossSite);
        }
        let Some(identity) = self.identity.as_ref().filter(|_| needs_token || summary.credentials) else { return Ok(()) };
        let claims = match headers::credential(&request.headers) {
            Ok(Some(credential)) => identity.claims(credential.token).map_err(refusal),
            Ok(None) => Err(Problem::Unauthenticated("A bearer token is required.")),
            Err(no_credential) => Err(Problem::from(no_credential)),
        };
        match claims {
            Ok(claims) if networks.iter().any(Option::is_some) => self.count(RateKey::User(claims.subject.into())),
            Err(problem) if needs_token => Err(problem),
            _ => Ok(()),
        }
    }

    /// Counts a request.
    fn count(&self, counted: RateKey) -> Result<(), Problem> {
        let (kind, quota) = (counted.kind(), self.rates.of(&counted));
        self.counters.take(counted, quota).map_err(|wait| {
            self.metrics.rate_limited(Role::Edge, kind);
            Problem::rate_limited(wait)
        })
    }

    /// Opens the live channel. It counts among sockets from now on, and no more among requests.
    fn open_live(
        self: &Arc<Self>,
        handshake: Handshake,
        (connection, networks): (&Arc<Connection>, [Option<Network>; 2]),
        request: &request::Parts,
        busy: &mut ActiveRequest,
    ) -> Result<Response<Body>, Problem> {
        if handshake.is_forged(request) {
            return Err(Problem::CrossSite);
        }
        let credential = headers::credential(&request.headers)?;
        let (mut bearer, mut caller) = (None, None);
        if let Some((identity, credential)) = self.identity.as_ref().zip(credential) {
            let verified = identity.verified(credential.token).map_err(refusal)?;
            let subject = verified.claims.subject.as_str();
            let counted = networks.iter().any(Option::is_some).then(|| subject.into());
            caller = Some(Arc::new(Caller::of(&request.headers, &request.uri, counted, user(subject))));
            bearer = Some(Bearer::new(credential.token, verified));
        }
        let wanted = request.uri.query().map(Wanted::query).transpose().map_err(Problem::Invalid)?;
        let transport = if matches!(handshake, Handshake::Events) { Transport::Events } else { Transport::WebSocket };
        let mut session = Session::new(&self.live, transport, self.live.place(networks)?, bearer, caller);
        if let Some(wanted) = wanted {
            session.watch(&wanted);
        }
        busy.release();
        Ok(match handshake {
            Handshake::Events => {
                let mut response = Response::new(Body::live(live::events(session, connection.begin_long_answer())));
                let headers = response.headers_mut();
                headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
                headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
                response
            }
            Handshake::WebSocket(upgrade, accepted) => {
                self.live.spawn(async move {
                    match tokio::time::timeout(limits::HANDSHAKE, upgrade).await {
                        Ok(Ok(stream)) => live::serve(TokioIo::new(stream), session).await,
                        Ok(Err(error)) => tracing::debug!(%error, "a WebSocket did not begin"),
                        Err(_) => {}
                    }
                });
                let mut response = Response::new(Body::empty());
                *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
                response.extensions_mut().insert(accepted);
                response
            }
        })
    }

    /// The answer in time: out of memory where it never changes, else of the component or a region.
    async fn answer(
        &self,
        version: &T::Components,
        route: &Arc<Route>,
        request: Request<RequestBody>,
        summary: &HeaderSummary,
        request_id: &HeaderValue,
    ) -> Result<Response<Body>, Problem> {
        let key = if route.immutable { immutable::Key::of(version.version(), &request) } else { None };
        if let Some(answer) = key.as_ref().and_then(|key| self.immutable.get(key, request.headers())) {
            return Ok(answer);
        }
        let keeping = key.map(|key| self.immutable.keeping(key));
        let answering = async {
            let answered = self.ask(version, route, request, summary, request_id).await;
            match keeping {
                Some(keeping) => self.immutable.keep(keeping, answered).await,
                None => answered,
            }
        };
        tokio::time::timeout(limits::REQUEST, answering).await.unwrap_or(Err(Problem::TimedOut))
    }

    /// Has the component or a region answer.
    async fn ask(
        &self,
        version: &T::Components,
        route: &Arc<Route>,
        mut request: Request<RequestBody>,
        summary: &HeaderSummary,
        request_id: &HeaderValue,
    ) -> Result<Response<Body>, Problem> {
        let read = request.method() == Method::GET && route.runs == RunLocation::Edge;
        let replica = self.replica.as_ref().filter(|_| read);
        let seen = replica.filter(|_| summary.seen).map(|_| seen(request.headers()));
        let mut stale = false;
        match &self.region_router {
            Some(region_router) if route.runs != RunLocation::Edge => return region_router.handle(route, request).await,
            Some(region_router) if replica.is_some_and(|replica| is_left_out(replica, route, request.uri().path())) => {
                return region_router.handle(route, request).await;
            }
            Some(region_router) => {
                if let Some((replica, seen)) = replica.zip(seen.as_ref()) {
                    let (parts, body) = request.into_parts();
                    let region = region_router.by_path(route, parts.uri.path()).map(|(name, _)| &**name);
                    match freshness(replica, region_router, seen, region).await {
                        Freshness::Current => {}
                        Freshness::Stale => stale = true,
                        Freshness::Behind => {
                            let asked = Request::from_parts(parts.clone(), contracts::empty());
                            let asked = region_router.handle(route, asked).await;
                            // Without its region a reader gets this node's state, marked as stale.
                            let Err(Problem::Unavailable(_)) = asked else { return asked };
                            stale = true;
                        }
                    }
                    request = Request::from_parts(parts, body);
                }
            }
            None => {}
        }
        let mut answered = answer(version, &route.component, request, &self.metrics, text(request_id)).await;
        if let (Some(replica), Ok(response)) = (replica, &mut answered) {
            shown(replica, seen, stale, response);
        }
        answered
    }

    fn finish(&self, response: &mut Response<Body>, method: &Method, grant: Grant, request_id: &HeaderValue, secure: bool) {
        headers::finish(response.headers_mut(), request_id.clone(), secure);
        if let Some(accepted) = response.extensions_mut().remove::<Accepted>() {
            accepted.say(response.headers_mut());
        }
        self.cors.apply(grant, response.headers_mut());
        if method == Method::HEAD {
            if let Some(length) = response.body().size_hint().exact().filter(|length| *length > 0) {
                response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
            }
            *response.body_mut() = Body::empty();
        }
    }
}

impl<T: Traffic> Asker for Service<T> {
    fn ask_for(
        self: Arc<Self>,
        path: String,
        caller: Option<Arc<Caller>>,
    ) -> BoxFuture<'static, Result<Response<Body>, Problem>> {
        Box::pin(async move {
            let caller = caller.as_deref();
            if let Some(user) = caller.and_then(|caller| caller.counted.clone()) {
                self.count(RateKey::User(user))?;
            }
            let version = match caller {
                Some(caller) => self.traffic.taking(|| caller.visitor),
                None => self.traffic.current(),
            };
            let route = version.routes().find(&Method::GET, &path)?;
            let mut request = Request::new(contracts::empty());
            *request.uri_mut() = match caller.map(|caller| (caller.target.scheme_str(), caller.target.authority())) {
                Some((scheme, Some(authority))) => Uri::try_from(format!("{}://{authority}{path}", scheme.unwrap_or("http"))),
                Some((_, None)) => Uri::try_from(path.as_str()),
                None => Uri::try_from(format!("http://localhost{path}")),
            }
            .map_err(|_| Problem::Internal)?;
            if let Some(caller) = caller {
                request.headers_mut().clone_from(&caller.headers);
            }
            let request_id = headers::request_id(request.headers());
            request.headers_mut().insert(X_REQUEST_ID, request_id.clone());
            let summary = HeaderSummary::default();
            let answering = self.ask(&version, route, request, &summary, &request_id);
            tokio::time::timeout(limits::REQUEST, answering).await.unwrap_or(Err(Problem::TimedOut))
        })
    }
}

/// Somebody with an account, wherever they are.
fn user(subject: &str) -> Visitor {
    Visitor::of(&[b"user", subject.as_bytes()])
}

/// Whether a region is to be asked, because this node's replica leaves out what the path names.
fn is_left_out(replica: &Replica, route: &Route, path: &str) -> bool {
    route.named_in(path).is_some_and(|id| replica.may_have_left_out(id))
}

/// This node's replica compared to what a client has seen.
enum Freshness {
    /// It has all of it.
    Current,
    /// A region is to be asked: the client has seen more of it.
    Behind,
    /// It has less, and no region could answer.
    Stale,
}

/// What is about no one region only this node can answer, where there are several: it waits a while until it has what the client has seen. Of one region it
/// waits no longer than what comes by the feed takes, and not at all where none comes.
async fn freshness(replica: &Replica, region_router: &RegionRouter, seen: &Seen, region: Option<&str>) -> Freshness {
    let region = match region {
        _ if region_router.only() => None,
        Some(region) => Some(region),
        None => {
            let current = replica.catch_up(seen, None, limits::CATCH_UP).await;
            return if current { Freshness::Current } else { Freshness::Stale };
        }
    };
    if replica.has(seen, region) {
        return Freshness::Current;
    }
    let follows = replica.youngest().is_some_and(|age| age < limits::STALE);
    if follows && replica.catch_up(seen, region, limits::CATCH_UP_HERE).await {
        return Freshness::Current;
    }
    Freshness::Behind
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
    // A publicly cacheable answer carries no `Marquee-Seen`.
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

/// Checks that need no component.
fn refuse(
    parts: &request::Parts,
    body_too_large: bool,
    summary: &HeaderSummary,
    no_route: Option<RouteError>,
) -> Option<Problem> {
    if summary.too_large {
        Some(Problem::HeadersTooLarge)
    } else if !headers::names_one_host(parts) {
        Some(Problem::NotOneHost)
    } else if matches!(parts.method, Method::CONNECT | Method::TRACE) {
        // No component is asked, not even one that answers every method.
        let Some(RouteError::Method(allow)) = no_route else { return Some(Problem::MethodNotAllowed(Methods::ALL)) };
        Some(Problem::MethodNotAllowed(allow))
    } else if body_too_large {
        Some(Problem::TooLarge)
    } else {
        None
    }
}

/// The answer to a preflight.
fn preflight(headers: HeaderMap) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    *response.headers_mut() = headers;
    response
}

/// How a request begins that is not refused.
enum Admission<'a> {
    Answered(Box<Response<Body>>),
    Admitted(&'a Arc<Route>),
}

impl From<NoCredential> for Problem {
    fn from(no_credential: NoCredential) -> Self {
        Self::Unauthenticated(match no_credential {
            NoCredential::Header => "Authorization must be, once: Bearer, a space, the token.",
            NoCredential::Cookie => "the cookie __Host-marquee must be there once, and be a token.",
        })
    }
}

/// What a token that is not good is to its bearer, in the same words as components'.
fn refusal(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Invalid => Problem::Unauthenticated("The token is not one of ours."),
        Refusal::Expired => Problem::Unauthenticated("The token has expired."),
        Refusal::Revoked => Problem::TokenRevoked,
        Refusal::Unavailable(milliseconds) => Problem::Unavailable(milliseconds.div_ceil(1_000).max(1)),
    }
}

fn path_bytes(uri: &http::Uri) -> usize {
    uri.path_and_query().map_or(0, |path| path.as_str().len())
}

fn text(value: &HeaderValue) -> &str {
    value.to_str().unwrap_or_default()
}
