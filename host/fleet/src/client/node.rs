//! One node of a region: its connections, and the circuit breaker before them.
//!
//! A node is kept connected in the background. A sender finds its connections or none, and never waits for one to be
//! made: a dead node costs nothing. The breaker is closed while there are connections; it opens when they are lost, or when
//! requests fail in a row; half open, the node is asked how it is, and only if it answers it gets requests again.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use http::Request;
use http_body_util::{BodyExt as _, Limited};
use rustls::pki_types::CertificateDer;
use telemetry::{BreakerOptions, BreakerState};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::call::{self, Failure, Sender};
use super::connect::{Connected, Error as ConnectError, connect};
use crate::tls::{PeerCertificates, Servers, Tls};
use crate::wire::{Refusal, STATUS, Status};
use crate::{NodeAddress, limits};
use bytes::Bytes;

/// The connections to a node. One for each purpose, so that nothing stands in another's way: a large answer that its reader does
/// not take must not hold up the ledger's.
#[derive(Debug)]
pub(super) struct Links {
    pub(super) ledger: Sender,
    pub(super) forward: Sender,
    pub(super) feed: Sender,
    /// What this node has shown for them.
    own: Arc<[CertificateDer<'static>]>,
    /// What that one has.
    shown: PeerCertificates,
}

/// Makes connections to a region's nodes.
pub(super) struct Connector {
    tls: Tls,
    servers: Servers,
    status: http::Uri,
}

/// A node of a region.
pub(super) struct Node {
    pub(super) name: String,
    address: String,
    breaker: BreakerOptions,
    links: Mutex<Option<Arc<Links>>>,
    state: Mutex<BreakerState>,
    /// Requests in a row that it failed.
    failures: AtomicU32,
    /// Whether it has answered since it was connected last.
    answered: AtomicBool,
    /// Its connections are of no use any more.
    lost: Notify,
    /// Somebody wants it to be tried at once.
    again: Notify,
}

/// Why a node cannot be used.
#[derive(Debug, thiserror::Error)]
pub(super) enum Error {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("it took too long")]
    Slow(#[from] tokio::time::error::Elapsed),
    #[error("it does not say how it is: {0}")]
    Status(String),
    #[error("it is starting or stopping")]
    NotServing,
}

impl Connector {
    pub(super) fn new(tls: Tls, region: &str, host: &str) -> Result<Self, super::Error> {
        // Better known now than by every connection that fails.
        let servers = Servers::Region(region.into());
        tls.connector(&servers)?;
        let status = format!("https://{host}{STATUS}").parse().map_err(|_| super::Error::Region(region.to_owned()))?;
        Ok(Self { tls, servers, status })
    }

    pub(super) fn tls(&self) -> &Tls {
        &self.tls
    }

    /// Whether connections are to be made anew, before they break off: this node has another certificate, or that one's is about to end.
    fn ageing(&self, links: &Links, look: bool) -> bool {
        self.tls.current().chain != links.own || (look && !self.tls.believes(&links.shown, limits::RENEW_BEFORE))
    }

    async fn connect(&self, node: &Arc<Node>) -> Result<(Sender, PeerCertificates), Error> {
        let Connected { sender, connection, shown } = connect(&self.tls, &self.servers, &node.address).await?;
        let (node, tls, server) = (Arc::clone(node), self.tls.clone(), shown.clone());
        // Ends with the connection, or when nobody can send on it any more and all is answered.
        tokio::spawn(async move {
            tokio::select! {
                biased;
                ended = connection => if let Err(error) = ended {
                    tracing::debug!(node = node.name, %error, "a connection to a node ended");
                },
                () = tls.until_distrusted(&server) => {
                    tracing::warn!(node = node.name, "a node's certificate was revoked or has ended: the connection to it is closed");
                }
            }
            node.lost.notify_one();
        });
        Ok((sender, shown))
    }

    /// Connects to a node that is well. Only its answer proves that it accepts our certificate: in TLS 1.3 a client learns only
    /// then that it was refused.
    async fn links(&self, node: &Arc<Node>) -> Result<Links, Error> {
        let own = Arc::clone(&self.tls.current().chain);
        let (ledger, shown) = self.connect(node).await?;
        let request = Request::get(self.status.clone()).body(call::known(Bytes::new()));
        let request = request.map_err(|error| Error::Status(error.to_string()))?;
        let response = call::send(&ledger, request, limits::STATUS).await.map_err(|failure| match failure {
            Failure::Lost(reason) => Error::Status(reason),
            Failure::NotSent | Failure::BrokenOff => Error::Status("it closed the connection".to_owned()),
            Failure::Refused(_) => Error::NotServing,
        })?;
        let body = Limited::new(response.into_body(), limits::STATUS_BYTES).collect();
        let body = tokio::time::timeout(limits::STATUS, body).await?.map_err(|error| Error::Status(error.to_string()))?;
        let status: Status = serde_json::from_slice(&body.to_bytes()).map_err(|error| Error::Status(error.to_string()))?;
        if !status.serving {
            return Err(Error::NotServing);
        }
        let ((forward, _), (feed, _)) = tokio::try_join!(self.connect(node), self.connect(node))?;
        Ok(Links { ledger, forward, feed, own, shown })
    }
}

impl Node {
    pub(super) fn new(address: NodeAddress, breaker: BreakerOptions) -> Arc<Self> {
        let NodeAddress { name, address } = address;
        Arc::new(Self {
            name,
            address,
            breaker,
            links: Mutex::new(None),
            state: Mutex::new(BreakerState::Open),
            failures: AtomicU32::new(0),
            answered: AtomicBool::new(false),
            lost: Notify::new(),
            again: Notify::new(),
        })
    }

    /// Its connections, while it may be used.
    pub(super) fn links(&self) -> Option<Arc<Links>> {
        self.links.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How its circuit breaker is.
    pub(super) fn breaker(&self) -> BreakerState {
        *self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn set(&self, state: BreakerState, links: Option<Arc<Links>>) {
        *self.links.lock().unwrap_or_else(PoisonError::into_inner) = links;
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// A request was answered.
    pub(super) fn succeeded(&self) {
        self.failures.store(0, Ordering::Relaxed);
        self.answered.store(true, Ordering::Relaxed);
    }

    /// A request on these connections failed.
    pub(super) fn failed(&self, links: &Arc<Links>, failure: &Failure) {
        let of_no_use = match failure {
            Failure::NotSent | Failure::Refused(Refusal::Stopping) => true,
            Failure::Refused(Refusal::Busy) | Failure::BrokenOff => false,
            Failure::Lost(_) => self.failures.fetch_add(1, Ordering::Relaxed) + 1 >= self.breaker.failures,
        };
        if of_no_use {
            let mut current = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            // Those who come later must not find them; and what was lost with older connections says nothing of these.
            if current.as_ref().is_some_and(|current| Arc::ptr_eq(current, links)) {
                *current = None;
                self.lost.notify_one();
            }
        }
    }

    /// Has it tried now.
    pub(super) fn reset(&self) {
        self.again.notify_one();
    }

    /// Keeps it connected until `stop`; `changed` is called when it can be used or no longer.
    pub(super) async fn keep(self: &Arc<Self>, connector: &Connector, changed: impl Fn(), stop: &CancellationToken) {
        let BreakerOptions { open: first, longest, .. } = self.breaker;
        let mut pause = first;
        let mut said: Option<String> = None;
        while !stop.is_cancelled() {
            self.set(BreakerState::HalfOpen, None);
            let connected = tokio::select! {
                () = stop.cancelled() => break,
                connected = connector.links(self) => connected,
            };
            match connected {
                Ok(links) => {
                    self.failures.store(0, Ordering::Relaxed);
                    self.answered.store(false, Ordering::Relaxed);
                    if said.take().is_some() {
                        tracing::info!(node = self.name, "a node of the region can be used again");
                    }
                    let mut links = Arc::new(links);
                    // Those of old finish what is on its way on them.
                    while let Some(newer) = self.stay(links, connector, &changed, stop).await {
                        links = Arc::new(newer);
                    }
                    // A node that reports itself ready and then answers nothing gets a longer pause each time.
                    if self.answered.load(Ordering::Relaxed) {
                        pause = first;
                    }
                }
                Err(error) => {
                    let error = error.to_string();
                    // Once for each reason, not for each try.
                    if said.as_ref() != Some(&error) {
                        tracing::warn!(node = self.name, address = self.address, error, "a node of the region cannot be used");
                        said = Some(error);
                    }
                }
            }
            self.set(BreakerState::Open, None);
            changed();
            tokio::select! {
                () = stop.cancelled() => break,
                () = self.again.notified() => pause = first,
                () = tokio::time::sleep(telemetry::jittered(pause)) => pause = (pause * 2).min(longest),
            }
        }
        self.set(BreakerState::Open, None);
        changed();
    }

    /// Lets it be used until its connections are lost; or until there are newer ones, which take their place.
    async fn stay(
        self: &Arc<Self>,
        links: Arc<Links>,
        connector: &Connector,
        changed: &impl Fn(),
        stop: &CancellationToken,
    ) -> Option<Links> {
        // Word of connections that were lost before these.
        _ = futures::FutureExt::now_or_never(self.lost.notified());
        let current = || [&links.ledger, &links.forward, &links.feed].iter().all(|sender| !sender.is_closed());
        self.set(BreakerState::Closed, Some(Arc::clone(&links)));
        changed();
        let (mut looked, mut tried) = (Instant::now(), None::<Instant>);
        while self.links().is_some_and(|now| Arc::ptr_eq(&now, &links)) && current() {
            let look = looked.elapsed() >= limits::BELIEVED_LOOK;
            if look {
                looked = Instant::now();
            }
            if tried.is_none_or(|tried| tried.elapsed() >= limits::RENEW_PAUSE) && connector.ageing(&links, look) {
                tried = Some(Instant::now());
                let newer = tokio::select! {
                    () = stop.cancelled() => return None,
                    newer = connector.links(self) => newer,
                };
                match newer {
                    Ok(newer) => return Some(newer),
                    Err(error) => tracing::debug!(node = self.name, %error, "a node could not be connected to anew yet"),
                }
            }
            tokio::select! {
                () = stop.cancelled() => return None,
                () = self.lost.notified() => {}
                // A peer that has said that it goes (GOAWAY) but still answers what it has.
                () = tokio::time::sleep(LOOK) => {}
            }
        }
        None
    }
}

/// How often connections are checked, besides on notification.
const LOOK: Duration = Duration::from_millis(250);
