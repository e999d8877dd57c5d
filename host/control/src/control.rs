//! An instance, and what its parts share.

use std::hash::{BuildHasher as _, RandomState};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use edge::Certificate;
use fleet::Tls;
use rollout::machine;
use rollout::protocol::{Assignment, Stamp};
use telemetry::rollouts::ControlPlane;
use telemetry::{Finding, Health, Metrics, Needed};
use tokio::net::TcpListener;
use tokio::sync::{Notify, Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::artifacts::Artifacts;
use crate::error::Error;
use crate::heard::Heard;
use crate::people::{self, Tokens};
use crate::queries::Prometheus;
use crate::rounds::Known;
use crate::store::{RolloutRow, Snapshot, Store};
use crate::{agents, limits, rounds};

/// What an instance is made of.
pub struct Options {
    /// What it is called, for people.
    pub name: String,
    /// A `postgres://` URL.
    pub database: String,
    /// Where versions come from.
    pub artifacts: Arc<dyn Artifacts>,
    /// Who people are.
    pub tokens: Tokens,
    /// Where plans' queries are asked; none: a plan with queries is refused.
    pub prometheus: Option<Prometheus>,
}

/// An instance. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Control(pub(crate) Arc<Shared>);

pub(crate) struct Shared {
    /// Of this life of this instance: two lives are two holders of the lease.
    pub(crate) name: String,
    pub(crate) store: Store,
    pub(crate) artifacts: Arc<dyn Artifacts>,
    pub(crate) tokens: Tokens,
    pub(crate) prometheus: Option<Prometheus>,
    /// What nodes are to do, as it was read last.
    pub(crate) desired: watch::Sender<Desired>,
    /// What nodes have reported here.
    pub(crate) heard: Heard,
    /// Nodes: only what has changed of them is read again.
    pub(crate) known: tokio::sync::Mutex<Known>,
    /// Whether this instance acts, as far as it knows.
    pub(crate) acts: AtomicBool,
    /// The last good round.
    round: Mutex<Option<Instant>>,
    /// Somebody has changed something: the next round is due at once.
    pub(crate) changed: Notify,
    pub(crate) deployments: Semaphore,
    pub(crate) metrics: ControlPlane,
}

/// What nodes are to do.
#[derive(Clone, Debug, Default)]
pub(crate) struct Desired {
    pub(crate) stamp: Stamp,
    pub(crate) rollout: Option<Arc<RolloutRow>>,
}

impl Desired {
    /// What a node is to do.
    pub(crate) fn assignment(&self, node: &str) -> Option<Assignment> {
        machine::assignment_for(&self.rollout.as_ref()?.state, node, self.stamp)
    }
}

impl std::fmt::Debug for Control {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Control").field("name", &self.0.name).finish_non_exhaustive()
    }
}

impl Control {
    /// Connects to the database, and brings its tables to this program's version.
    ///
    /// # Errors
    /// Where it cannot be reached, or belongs to a newer program.
    pub async fn open(options: Options) -> Result<Self, Error> {
        let Options { name, database, artifacts, tokens, prometheus } = options;
        let metrics = ControlPlane::new()?;
        let store = Store::connect(&database, metrics.clone()).await?;
        store.migrate().await?;
        Ok(Self(Arc::new(Shared {
            // The keys of these are random.
            name: format!("{name}/{:016x}", RandomState::new().hash_one(())),
            store,
            artifacts,
            tokens,
            prometheus,
            desired: watch::Sender::new(Desired::default()),
            heard: Heard::default(),
            known: tokio::sync::Mutex::default(),
            acts: AtomicBool::new(false),
            round: Mutex::default(),
            changed: Notify::new(),
            deployments: Semaphore::new(limits::DEPLOYMENTS),
            metrics,
        })))
    }

    /// Does its rounds until `stop`; then lets another act.
    pub async fn run(&self, stop: CancellationToken) {
        rounds::run(&self.0, stop).await;
    }

    /// Answers agents until `stop`.
    ///
    /// # Errors
    /// Where the certificate is not one of the control plane.
    pub async fn serve_agents(&self, listener: TcpListener, tls: Tls, stop: CancellationToken) -> Result<(), Error> {
        agents::serve(&self.0, listener, tls, stop).await
    }

    /// Answers people until `stop`: over TLS where there is a certificate.
    pub async fn serve_people(&self, listener: TcpListener, certificate: Option<Certificate>, stop: CancellationToken) {
        people::serve(self, listener, certificate, stop).await;
    }

    /// Has the node's metrics show what it does, and whom its listener of agents refuses.
    ///
    /// # Errors
    /// Another instance has done so with the same.
    pub fn measure(&self, metrics: &Metrics, tls: &Tls) -> Result<(), Error> {
        self.0.metrics.register(metrics)?;
        let (own, tls) = (self.0.metrics.clone(), tls.clone());
        metrics.before_scrape(move |_| own.certificates_refused(tls.refused()));
        Ok(())
    }

    /// Says how it is, and whether it acts.
    pub fn register(&self, health: &Health) {
        let shared = Arc::clone(&self.0);
        health.register("control", Needed::Ready, move || match shared.since_round() {
            Some(since) if since < limits::SILENT && shared.acts.load(Ordering::Relaxed) => Finding::up("acts"),
            Some(since) if since < limits::SILENT => Finding::up("another instance acts, or will at once"),
            Some(since) => Finding::down(format!("the database has not answered for {} s", since.as_secs())),
            None => Finding::down("the database has not answered yet"),
        });
    }
}

impl Shared {
    /// Takes what was read, if it is later than what is known. False: it is earlier, as after a restore of the database from a copy.
    pub(crate) fn publish(&self, snapshot: &Snapshot) -> bool {
        let of = |desired: &Desired| (desired.stamp, desired.rollout.as_ref().map_or(0, |rollout| rollout.revision));
        let read = Desired { stamp: snapshot.lease.stamp, rollout: snapshot.rollout.clone().map(Arc::new) };
        let mut earlier = false;
        self.desired.send_if_modified(|known| {
            earlier = read.stamp < known.stamp;
            let later = of(&read) > of(known);
            if later {
                *known = read;
            }
            later
        });
        !earlier
    }

    /// How long ago the last good round was; none where there has been none.
    fn since_round(&self) -> Option<Duration> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner).map(|round| round.elapsed())
    }

    /// Whether it may not know what nodes are to do: another instance may have decided since.
    pub(crate) fn is_cut_off(&self) -> bool {
        self.since_round().is_none_or(|since| since >= limits::SILENT)
    }

    pub(crate) fn done_round(&self) {
        *self.round.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }
}
