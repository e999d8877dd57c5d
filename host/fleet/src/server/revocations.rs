//! Lists of revoked certificates: what another node brings is taken in, and what it does not have it gets as soon as it is here.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::routes::{Body, plain, refuse};
use crate::tls::Tls;
use crate::wire::Refusal;
use crate::{limits, revocations};

pub(crate) async fn answer(
    tls: &Tls,
    reading: &Arc<Semaphore>,
    request: Request<Incoming>,
    stop: &CancellationToken,
) -> Response<Body> {
    let mut changes = tls.changes();
    let before = {
        // Lists may be long: few are read at once, and none is stored while its sender waits.
        let Ok(_permit) = reading.try_acquire() else { return refuse(Refusal::Busy) };
        let body = Limited::new(request.into_body(), limits::REVOCATION_LISTS * limits::REVOCATIONS_BYTES);
        let Ok(Ok(body)) = tokio::time::timeout(limits::BODY, body.collect()).await else {
            return plain(StatusCode::BAD_REQUEST);
        };
        let body = body.to_bytes();
        let Ok(lists) = revocations::read(&body) else { return plain(StatusCode::BAD_REQUEST) };
        tls.take(lists.iter().map(AsRef::as_ref));
        let now = Arc::clone(&*changes.borrow_and_update());
        let own = now.lists.write();
        if own != body {
            return known(own);
        }
        now
    };
    let newer = async {
        while tls.current().lists == before.lists {
            if changes.changed().await.is_err() {
                std::future::pending::<()>().await;
            }
        }
    };
    tokio::select! {
        biased;
        () = newer => known(tls.current().lists.write()),
        () = stop.cancelled() => refuse(Refusal::Stopping),
        () = tokio::time::sleep(limits::REVOCATIONS_WAIT) => plain(StatusCode::NO_CONTENT),
    }
}

fn known(lists: Bytes) -> Response<Body> {
    Response::new(Full::new(lists).map_err(|never| match never {}).boxed_unsync())
}
