//! Lists of revoked certificates, exchanged with each node that this one is connected to, for as long as it is.

use http::{Request, StatusCode};
use http_body_util::{BodyExt as _, Limited};
use tokio_util::sync::CancellationToken;

use super::call::{self, Failure, Sender};
use crate::tls::Tls;
use crate::wire::REVOCATIONS;
use crate::{limits, revocations};

/// Keeps what is known of revocations the same here and at a node, until `stop`. `link` is a connection to it, while there is one.
pub(crate) async fn exchange(host: &str, tls: &Tls, link: impl Fn() -> Option<Sender>, stop: &CancellationToken) {
    let mut changes = tls.changes();
    while !stop.is_cancelled() {
        let own = changes.borrow_and_update().lists.write();
        tokio::select! {
            () = stop.cancelled() => return,
            // What this node has learnt meanwhile is passed on to that one.
            changed = changes.changed() => if changed.is_err() { return },
            heard = ask(host, &link, own) => {
                match heard {
                    Ok(Some(lists)) => tls.take(lists.iter().map(AsRef::as_ref)),
                    // It has waited for a while.
                    Ok(None) => continue,
                    Err(error) => tracing::trace!(error, "a node does not say what was revoked"),
                }
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = tokio::time::sleep(limits::REVOCATIONS_PAUSE) => {}
                }
            }
        }
    }
}

/// What a node knows beyond `own`; none where that is nothing.
async fn ask(host: &str, link: &impl Fn() -> Option<Sender>, own: bytes::Bytes) -> Result<Option<Vec<bytes::Bytes>>, String> {
    let link = link().ok_or("it is not connected")?;
    let request = Request::post(format!("https://{host}{REVOCATIONS}")).body(call::known(own));
    let request = request.map_err(|error| error.to_string())?;
    let answered = call::send(&link, request, limits::REVOCATIONS_WAIT + limits::ANSWER).await;
    let response = answered.map_err(|failure| match failure {
        Failure::Lost(reason) => reason,
        other => other.as_str().to_owned(),
    })?;
    match response.status() {
        StatusCode::OK => {}
        StatusCode::NO_CONTENT => return Ok(None),
        status => return Err(status.to_string()),
    }
    let body = Limited::new(response.into_body(), limits::REVOCATION_LISTS * limits::REVOCATIONS_BYTES).collect();
    let body = tokio::time::timeout(limits::ANSWER, body).await.map_err(|error| error.to_string())?;
    let body = body.map_err(|error| error.to_string())?.to_bytes();
    revocations::read(&body).map(Some).map_err(|error| error.to_string())
}
