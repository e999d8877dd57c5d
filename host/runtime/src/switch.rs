//! Which version gets the traffic, and how the next one comes to.

use crate::application::{Application, Probe, Unhealthy};
use contracts::Traffic;
use std::sync::{Arc, PoisonError, RwLock};
use tokio::sync::Mutex;

/// Holds the application that requests go to, and exchanges it for another between two requests.
#[derive(Debug)]
pub struct Switch {
    current: RwLock<Arc<Application>>,
    /// Exchanges come one after the other.
    exchange: Mutex<()>,
}

impl Switch {
    /// Sends traffic to this application.
    #[must_use]
    pub fn new(application: Arc<Application>) -> Self {
        Self { current: RwLock::new(application), exchange: Mutex::new(()) }
    }

    /// The application that a request which comes now goes to. The request keeps it: it finishes on the version that it
    /// began on.
    #[must_use]
    pub fn current(&self) -> Arc<Application> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Checks an application ([`Application::check`]) and, if it is healthy, sends all further traffic to it. Returns the
    /// one before, which ends with the last request that holds it.
    ///
    /// # Errors
    /// Where the new one is not healthy; then nothing has changed.
    pub async fn replace(&self, next: Arc<Application>, probes: &[Probe]) -> Result<Arc<Application>, Unhealthy> {
        let _turn = self.exchange.lock().await;
        next.check(probes).await?;
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let id = next.version().id().get(..12).unwrap_or_default().to_owned();
        let before = std::mem::replace(&mut *current, next);
        drop(current);
        tracing::info!(version = id, "traffic goes to another version");
        Ok(before)
    }
}

impl Traffic for Switch {
    type Components = Application;

    fn current(&self) -> Arc<Application> {
        Self::current(self)
    }
}
