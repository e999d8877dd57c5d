//! Which version gets the traffic, and how the next one comes to: all at once, or a share of it first.

use crate::application::{Application, Probe, Unhealthy};
use crate::limits;
use contracts::{Traffic, Visitor};
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// Holds the applications that requests go to, and exchanges them for others between two requests.
#[derive(Debug)]
pub struct Switch {
    current: RwLock<Arc<Shared>>,
    /// Exchanges come one after the other.
    exchange: Mutex<()>,
}

/// Who has which part of the traffic.
#[derive(Debug)]
struct Shared {
    eldest: Arc<Application>,
    /// The younger ones, the youngest first: each takes the visitors below its percentile whom none before it takes. So who is taken by a younger
    /// one stays with it while its share grows.
    younger: Vec<(u8, Arc<Application>)>,
    salt: u64,
}

/// Why applications do not share the traffic.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ShareError {
    /// None, or too many.
    #[error("1 to {most} applications share the traffic, not {0}", most = limits::SHARES)]
    Count(usize),
    /// Their shares are not 100 % together.
    #[error("the shares of the traffic are {0} % together: they must be 100, each at least 1")]
    Weights(u32),
    /// One has not shown that it can answer.
    #[error("version {0} has not been checked")]
    Unchecked(String),
}

impl Switch {
    /// Sends traffic to this application.
    #[must_use]
    pub fn new(application: Arc<Application>) -> Self {
        Self { current: RwLock::new(Arc::new(Shared::whole(application))), exchange: Mutex::new(()) }
    }

    /// The application that a request which comes now goes to; where several share the traffic, the eldest. The request keeps it: it finishes on the
    /// version that it began on.
    #[must_use]
    pub fn current(&self) -> Arc<Application> {
        Arc::clone(&self.shared().eldest)
    }

    /// Checks an application ([`Application::check`]) and, if it is healthy, sends all further traffic to it. Returns the
    /// one before, which ends with the last request that holds it.
    ///
    /// # Errors
    /// Where the new one is not healthy; then nothing has changed.
    pub async fn replace(&self, next: Arc<Application>, probes: &[Probe]) -> Result<Arc<Application>, Unhealthy> {
        let _turn = self.exchange.lock().await;
        next.check(probes).await?;
        let id = short(&next);
        let before = self.set(Shared::whole(next));
        tracing::info!(version = id, "traffic goes to another version");
        Ok(Arc::clone(&before.eldest))
    }

    /// Gives each of these applications, the eldest first, its percent of the traffic; all have been [checked](Application::check). Which visitors those
    /// are depends on `salt`: with the same one the same, at every node.
    ///
    /// # Errors
    /// Where they cannot share it; then nothing has changed.
    pub async fn share(&self, shares: &[(Arc<Application>, u8)], salt: u64) -> Result<(), ShareError> {
        let _turn = self.exchange.lock().await;
        let Some((eldest, younger)) = shares.split_first().filter(|_| shares.len() <= limits::SHARES) else {
            return Err(ShareError::Count(shares.len()));
        };
        let sum = shares.iter().map(|(_, weight)| u32::from(*weight)).sum();
        if sum != 100 || shares.iter().any(|(_, weight)| *weight == 0) {
            return Err(ShareError::Weights(sum));
        }
        if let Some((unchecked, _)) = shares.iter().find(|(application, _)| !application.is_checked()) {
            return Err(ShareError::Unchecked(short(unchecked)));
        }
        let mut below = 0;
        let mut percentile = |(application, weight): &(Arc<Application>, u8)| {
            below += *weight;
            (below, Arc::clone(application))
        };
        let younger = younger.iter().rev().map(&mut percentile).collect();
        self.set(Shared { eldest: Arc::clone(&eldest.0), younger, salt });
        let shares: Vec<_> = shares.iter().map(|(application, weight)| format!("{} {weight} %", short(application))).collect();
        tracing::info!(shares = shares.join(", "), "the traffic is shared out");
        Ok(())
    }

    fn shared(&self) -> Arc<Shared> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn set(&self, shared: Shared) -> Arc<Shared> {
        std::mem::replace(&mut *self.current.write().unwrap_or_else(PoisonError::into_inner), Arc::new(shared))
    }
}

impl Shared {
    fn whole(application: Arc<Application>) -> Self {
        Self { eldest: application, younger: Vec::new(), salt: 0 }
    }
}

impl Traffic for Switch {
    type Components = Application;

    fn current(&self) -> Arc<Application> {
        Self::current(self)
    }

    fn taking(&self, visitor: impl FnOnce() -> Visitor) -> Arc<Application> {
        let shared = self.shared();
        if shared.younger.is_empty() {
            return Arc::clone(&shared.eldest);
        }
        let place = visitor().percentile(shared.salt);
        let taken = shared.younger.iter().find(|(below, _)| place < *below);
        Arc::clone(taken.map_or(&shared.eldest, |(_, application)| application))
    }
}

/// Enough of an id to tell versions apart.
fn short(application: &Application) -> String {
    application.version().id().get(..12).unwrap_or_default().to_owned()
}
