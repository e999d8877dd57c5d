//! Lists of revoked certificates: what another node brings is taken in, and what it does not have it gets as soon as it is here.

use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio_util::sync::CancellationToken;

use super::routes::{Body, plain, refuse};
use crate::tls::Tls;
use crate::wire::Refusal;
use crate::{limits, revocations};

pub(super) async fn answer(tls: &Tls, request: Request<Incoming>, stop: &CancellationToken) -> Response<Body> {
    let body = Limited::new(request.into_body(), limits::REVOCATION_LISTS * limits::REVOCATIONS_BYTES);
    let Ok(Ok(body)) = tokio::time::timeout(limits::BODY, body.collect()).await else { return plain(StatusCode::BAD_REQUEST) };
    let body = body.to_bytes();
    let Ok(lists) = revocations::read(&body) else { return plain(StatusCode::BAD_REQUEST) };
    let mut changes = tls.changes();
    tls.take(lists.iter().map(AsRef::as_ref));
    let newer = async {
        loop {
            let own = changes.borrow_and_update().lists.write();
            if own != body {
                return own;
            }
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        biased;
        own = newer => Response::new(Full::new(own).map_err(|never| match never {}).boxed_unsync()),
        () = stop.cancelled() => refuse(Refusal::Stopping),
        () = tokio::time::sleep(limits::REVOCATIONS_WAIT) => plain(StatusCode::NO_CONTENT),
    }
}
