//! One request of another node: whether it may, and who answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use contracts::Identity as Verifier;
use contracts::Ledger;
use edge::feed::{Cursor, Error};
use http::{HeaderValue, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Empty, Full};
use hyper::body::Incoming;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::admission::{Path, Peer};
use super::feeds::Feeds;
use crate::identity::Identity;
use crate::tls::Tls;
use crate::wire::{self, Refusal, Status};

pub(crate) type Body = UnsyncBoxBody<Bytes, Box<dyn std::error::Error + Send + Sync>>;

/// What every request needs.
pub(super) struct Node {
    pub(super) tls: Tls,
    pub(super) name: String,
    pub(super) region_name: String,
    pub(super) ledger: Arc<dyn Ledger>,
    pub(super) decide: Arc<dyn Ledger>,
    pub(super) verifier: Arc<dyn Verifier>,
    pub(super) region: Arc<dyn edge::Region>,
    pub(super) accounts: Arc<dyn edge::Accounts>,
    pub(super) feeds: Arc<Feeds>,
    pub(super) requests: Arc<Semaphore>,
    /// Lists of revoked certificates that are being read.
    pub(super) lists: Arc<Semaphore>,
    pub(super) stop: CancellationToken,
    pub(super) ready: super::ReadinessCheck,
    pub(super) was_ready: AtomicBool,
}

impl Node {
    pub(super) async fn answer(&self, peer: &Identity, request: Request<Incoming>) -> Response<Body> {
        let Some(path) = Path::of(request.method(), request.uri().path()) else { return plain(StatusCode::NOT_FOUND) };
        let who = Peer::of(peer, &self.region_name);
        if !who.may(path) {
            tracing::warn!(%peer, ?path, "refused a request that this kind of node may not make");
            return plain(StatusCode::FORBIDDEN);
        }
        match path {
            Path::Status => return self.status(),
            Path::Revocations => return super::revocations::answer(&self.tls, &self.lists, request, &self.stop).await,
            _ if !self.serves() => return refuse(Refusal::Stopping),
            Path::Feed => return self.feed(request.uri().query().unwrap_or_default()).await,
            Path::Ledger | Path::Decide | Path::Forward | Path::Addresses | Path::Erasures | Path::Guests => {}
        }
        match path {
            Path::Decide => self.commands(&self.decide, (who, peer), request).await,
            Path::Ledger => self.commands(&self.ledger, (who, peer), request).await,
            Path::Addresses => super::accounts::addresses(&self.accounts, peer, request, || self.permit()).await,
            Path::Erasures => super::accounts::erasures(&self.accounts, peer, request, || self.permit()).await,
            Path::Guests => super::accounts::guests(&self.accounts, peer, request, || self.permit()).await,
            _ => super::forward::answer(&self.region, peer, request, || self.permit()).await,
        }
    }

    async fn commands(&self, ledger: &Arc<dyn Ledger>, peer: (Peer, &Identity), request: Request<Incoming>) -> Response<Body> {
        super::ledger::answer(Arc::clone(ledger), (peer, &*self.verifier), request, || self.permit()).await
    }

    async fn feed(&self, query: &str) -> Response<Body> {
        let opened = match cursor(query) {
            Some(cursor) => Feeds::open(&self.feeds, cursor, self.stop.clone()).await,
            None => return plain(StatusCode::BAD_REQUEST),
        };
        match opened {
            Ok(body) => Response::new(body),
            Err(Error::Gone) => plain(StatusCode::GONE),
            Err(error) => {
                tracing::debug!(%error, "a feed could not be opened");
                refuse(Refusal::Busy)
            }
        }
    }

    fn permit(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.requests).try_acquire_owned().ok()
    }

    /// Whether it is ready, and not about to stop.
    fn serves(&self) -> bool {
        if self.stop.is_cancelled() {
            return false;
        }
        let ready = self.was_ready.load(Ordering::Relaxed) || (self.ready)();
        self.was_ready.store(ready, Ordering::Relaxed);
        ready
    }

    fn status(&self) -> Response<Body> {
        let status = Status { node: self.name.clone(), region: self.region_name.clone(), serving: self.serves() };
        let text = serde_json::to_vec(&status).unwrap_or_default();
        Response::new(Full::new(text.into()).map_err(|never| match never {}).boxed_unsync())
    }
}

/// The cursor of a query; none where it is no query of ours.
fn cursor(query: &str) -> Option<Option<Cursor>> {
    let (mut epoch, mut after) = (None, None);
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "epoch" => epoch = Some(value.into_owned()),
            "after" => after = Some(value.parse().ok()?),
            _ => return None,
        }
    }
    match (epoch, after) {
        (Some(epoch), Some(position)) => Some(Some(Cursor { epoch: epoch.into(), position })),
        (None, None) => Some(None),
        _ => None,
    }
}

/// An answer that is only a status. None of them leaves anything done.
pub(crate) fn plain(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(Empty::new().map_err(|never| match never {}).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// Nothing was done, and another node may do it.
pub(super) fn refuse(why: Refusal) -> Response<Body> {
    let mut response = plain(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(wire::REFUSED, HeaderValue::from_static(why.as_str()));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_are_parsed() {
        let some = Some(Some(Cursor { epoch: "a-b c".into(), position: 7 }));
        assert_eq!(cursor("epoch=a-b%20c&after=7"), some);
        assert_eq!(cursor(""), Some(None));
        for query in ["epoch=a", "after=7", "epoch=a&after=x", "epoch=a&after=7&x=1"] {
            assert_eq!(cursor(query), None, "{query}");
        }
    }
}
