//! Where agents post.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::identity::{Identity, Role};
use crate::server::listener;
use crate::server::revocations;
use crate::server::routes::{Body, plain};
use crate::tls::Tls;
use crate::{limits, wire};

/// What a node asks of the control plane.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who asks, as its certificate says.
    pub peer: Identity,
    /// How.
    pub method: Method,
    /// What.
    pub path: String,
    /// Its body, whole.
    pub body: Bytes,
}

/// How much is served, and for how long.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Bytes that a body may have; what is longer is answered with 413.
    pub body_bytes: usize,
    /// How long requests in flight may take after `stop`; [`limits::DRAIN`] is a good choice.
    pub drain: Duration,
}

/// The certificate is of another kind of node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0} is no instance of the control plane: agents would not believe it")]
pub struct NotControl(String);

struct Shared<A> {
    answer: A,
    tls: Tls,
    body_bytes: usize,
    requests: Arc<Semaphore>,
    bodies: Semaphore,
    /// Lists of revoked certificates that are being read.
    lists: Arc<Semaphore>,
    stop: CancellationToken,
}

/// Whether agents would believe this certificate.
///
/// # Errors
/// They would not.
pub fn check(tls: &Tls) -> Result<(), NotControl> {
    let identity = tls.identity();
    if identity.role() == Role::Control { Ok(()) } else { Err(NotControl(identity.to_string())) }
}

/// Hands what agents ask on `listener` to `answer`, until `stop`; then tells them to go, and lets what is in flight finish: `answer` has to end
/// what waits then. Where an agent goes first, what it asked for is dropped. What each kind of node may ask is for `answer` to decide; instances of the
/// control plane are refused before that.
///
/// # Errors
/// The certificate is not of an instance of the control plane.
pub async fn serve<F: Future<Output = Response<Bytes>> + Send + 'static>(
    listener: TcpListener,
    tls: Tls,
    Options { body_bytes, drain }: Options,
    answer: impl Fn(Call) -> F + Send + Sync + 'static,
    stop: CancellationToken,
) -> Result<(), NotControl> {
    check(&tls)?;
    let shared = Arc::new(Shared {
        answer,
        tls: tls.clone(),
        body_bytes,
        requests: Arc::new(Semaphore::new(limits::CONTROL_REQUESTS)),
        bodies: Semaphore::new(limits::CONTROL_BODIES),
        lists: Arc::new(Semaphore::new(limits::REVOCATIONS_READ)),
        stop: stop.clone(),
    });
    let answer = move |peer: Arc<Identity>, request| {
        let shared = Arc::clone(&shared);
        async move { one(&shared, &peer, request).await }
    };
    let bounds =
        listener::Bounds { connections: limits::CONTROL_CONNECTIONS, ping: (limits::CONTROL_PING, limits::CONTROL_PING_ANSWER) };
    listener::serve(listener, answer, tls, bounds, (stop, drain)).await;
    Ok(())
}

/// An answer in JSON.
#[must_use]
pub fn respond(status: StatusCode, json: Bytes) -> Response<Bytes> {
    let mut response = Response::new(json);
    *response.status_mut() = status;
    if !response.body().is_empty() {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    response
}

async fn one<F: Future<Output = Response<Bytes>> + Send>(
    shared: &Shared<impl Fn(Call) -> F>,
    peer: &Identity,
    request: Request<Incoming>,
) -> Response<Body> {
    if peer.role() == Role::Control {
        tracing::warn!(%peer, "refused a request of an instance of the control plane to another");
        return plain(StatusCode::FORBIDDEN);
    }
    if request.method() == Method::POST && request.uri().path() == wire::REVOCATIONS {
        return revocations::answer(&shared.tls, &shared.lists, request, &shared.stop).await;
    }
    let Ok(_permit) = shared.requests.try_acquire() else { return plain(StatusCode::SERVICE_UNAVAILABLE) };
    let (head, body) = request.into_parts();
    let body = {
        let Ok(_permit) = shared.bodies.acquire().await else { return plain(StatusCode::SERVICE_UNAVAILABLE) };
        match tokio::time::timeout(limits::BODY, Limited::new(body, shared.body_bytes).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => return plain(StatusCode::PAYLOAD_TOO_LARGE),
            Ok(Err(_)) => return plain(StatusCode::BAD_REQUEST),
            Err(_) => return plain(StatusCode::REQUEST_TIMEOUT),
        }
    };
    let call = Call { peer: peer.clone(), method: head.method, path: head.uri.path().to_owned(), body };
    (shared.answer)(call).await.map(|body| Full::new(body).map_err(|never| match never {}).boxed_unsync())
}
