//! One request: checked, routed, answered, finished.

use std::borrow::Cow;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Instant;

use http::header::{CONTENT_LENGTH, HeaderValue};
use http::{Method, Request, Response};
use http_body::Body as HttpBody;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use read_model::Seen;
use runtime::{Place, RequestBody};
use telemetry::{Metrics, RequestLabels, Role};

use crate::application::{Components, Region, Traffic, answer};
use crate::body::{Body, Limited, Overrun};
use crate::connection::Connection;
use crate::cors::{Cors, Grant};
use crate::headers::{self, Look, MARQUEE_SEEN, X_REQUEST_ID};
use crate::limits;
use crate::problem::Problem;
use crate::replica::Replica;

/// What every request of an edge needs.
pub(crate) struct Service<T> {
    pub(crate) traffic: Arc<T>,
    pub(crate) region: Option<Arc<dyn Region>>,
    pub(crate) replica: Option<Replica>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) cors: Cors,
    pub(crate) trusted_proxies: Box<[IpAddr]>,
}

/// A request's label before, or without, a route.
const NO_ROUTE: Cow<'static, str> = Cow::Borrowed("none");

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
        let method = parts.method.clone();
        let path_and_query = parts.uri.clone();

        let (route, answered) = match refuse(&parts, &body, &look) {
            Some(problem) => (NO_ROUTE, Err(problem)),
            None => match self.cors.preflight(&parts.method, &parts.headers) {
                Some(response) => (NO_ROUTE, Ok(response)),
                None => {
                    headers::clean(&mut parts.headers, &look, connection, &self.trusted_proxies);
                    parts.headers.insert(X_REQUEST_ID, request_id.clone());
                    let (body, overrun) = limited(body);
                    let request = Request::from_parts(parts, body);
                    let (route, answered) = self.route(request, &look, &request_id).await;
                    // Whatever a component made of a body that was cut off, the reason is that it was too long.
                    let too_long = overrun.is_some_and(|overrun| overrun.happened());
                    (route, if too_long { Err(Problem::TooLarge) } else { answered })
                }
            },
        };

        let mut response = match answered {
            Ok(response) => response,
            Err(problem) => problem.response(path_and_query.path(), text(&request_id)),
        };
        self.finish(&mut response, &method, grant, request_id);
        self.metrics.request(
            RequestLabels { route: &route, method: method.as_str(), status: response.status().as_u16(), role: Role::Edge },
            started.elapsed(),
        );
        tracing::debug!(
            %method,
            path = path_and_query.path(),
            status = response.status().as_u16(),
            request_id = text(response.headers().get(X_REQUEST_ID).unwrap_or(&HeaderValue::from_static(""))),
            took_us = u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX),
            "answered"
        );
        drop(in_flight);
        response.body_mut().holding(busy);
        response
    }

    /// Finds who answers, and has them answer in time.
    async fn route(
        &self,
        mut request: Request<RequestBody>,
        look: &Look,
        request_id: &HeaderValue,
    ) -> (Cow<'static, str>, Result<Response<Body>, Problem>) {
        // Who answers GET answers HEAD; the body is dropped when the answer is finished.
        if request.method() == Method::HEAD {
            *request.method_mut() = Method::GET;
        }
        let version = self.traffic.current();
        let Some(target) = version.routes().find(request.method(), request.uri().path()) else {
            return (NO_ROUTE, Err(Problem::NotFound));
        };
        // The version may be gone before the metrics are written.
        let route = Cow::Owned(target.route.to_owned());
        let region = match (&self.region, target.place) {
            (Some(region), Place::Region) => Some(region),
            (Some(region), Place::Edge) if look.seen && self.is_behind(&request) => Some(region),
            _ => None,
        };
        let answering = async {
            match region {
                Some(region) => region.handle(request).await,
                None => answer(&*version, target.component, request, &self.metrics, text(request_id)).await,
            }
        };
        let answered = match tokio::time::timeout(limits::REQUEST, answering).await {
            Ok(answered) => answered,
            Err(_) => Err(Problem::TimedOut),
        };
        (route, answered)
    }

    /// Whether the client has seen more than this node's replica has.
    fn is_behind(&self, request: &Request<RequestBody>) -> bool {
        let Some(replica) = self.replica.as_ref().filter(|_| request.method() == Method::GET) else { return false };
        let token = request.headers().get(MARQUEE_SEEN).and_then(|value| value.to_str().ok());
        token.is_some_and(|token| !replica.has(&Seen::parse(token)))
    }

    fn finish(&self, response: &mut Response<Body>, method: &Method, grant: Grant, request_id: HeaderValue) {
        headers::finish(response.headers_mut(), request_id);
        self.cors.apply(grant, response.headers_mut());
        if method == Method::HEAD {
            if let Some(length) = response.body().size_hint().exact().filter(|length| *length > 0) {
                response.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| HeaderValue::from(length));
            }
            *response.body_mut() = Body::empty();
        }
    }
}

/// What can be refused without asking anybody.
fn refuse(parts: &http::request::Parts, body: &Incoming, look: &Look) -> Option<Problem> {
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
    if body.size_hint().exact().is_some() {
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
