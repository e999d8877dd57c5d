//! The instances of the control plane: one is asked until it does not answer, then the next.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use fleet::Tls;
use fleet::control::Client;
use http::StatusCode;
use rollout::protocol::{Assignment, Report, SYNC};
use tokio_util::sync::CancellationToken;

use crate::error::Error;
use crate::{desired, limits};

/// See the module.
pub(crate) struct Control {
    instances: Vec<Arc<Client>>,
    /// Which is asked.
    current: AtomicUsize,
}

impl Control {
    pub(crate) fn new(tls: &Tls, addresses: Vec<String>) -> Result<Self, Error> {
        if !limits::INSTANCES.contains(&addresses.len()) {
            return Err(Error::Instances(addresses.len()));
        }
        let client = |address| Client::new(tls.clone(), address).map(Arc::new);
        let instances = addresses.into_iter().map(client).collect::<Result<Vec<_>, _>>()?;
        // Nodes do not all begin with the same.
        let current = AtomicUsize::new(usize::try_from(crate::node::random()?).unwrap_or_default() % instances.len());
        Ok(Self { instances, current })
    }

    /// The one that is asked.
    pub(crate) fn current(&self) -> Option<&Arc<Client>> {
        self.instances.get(self.current.load(Ordering::Relaxed) % self.instances.len().max(1))
    }

    /// Asks the next one from now on.
    pub(crate) fn give_up(&self) {
        self.current.fetch_add(1, Ordering::Relaxed);
    }

    /// Posts a report. None: there is nothing newer.
    ///
    /// # Errors
    /// No answer that is one, in a sentence.
    pub(crate) async fn sync(&self, report: &Report) -> Result<Option<Assignment>, String> {
        let client = self.current().ok_or("there is no instance")?;
        let json = serde_json::to_vec(report).map_err(|error| error.to_string())?;
        debug_assert!(json.len() <= rollout::limits::REPORT_BYTES);
        let wait = if report.wait { rollout::limits::LONG_POLL } else { Duration::ZERO };
        let posted = client.post(SYNC, Bytes::from(json), wait + limits::ANSWER, rollout::limits::ASSIGNMENT_BYTES).await;
        let answer = posted.map_err(|error| format!("{}: {error}", client.address()))?;
        match answer.status {
            StatusCode::OK => {
                let assignment = desired::read(&answer.body);
                assignment.map(Some).map_err(|error| format!("{}: its assignment is not acted on: {error}", client.address()))
            }
            StatusCode::NO_CONTENT => Ok(None),
            status => Err(format!("{} answers {status}", client.address())),
        }
    }

    /// Keeps what is known of revocations the same here and at each instance that there is a connection to, until `stop`.
    pub(crate) async fn exchange_revocations(&self, stop: &CancellationToken) {
        futures::future::join_all(self.instances.iter().map(|client| client.exchange_revocations(stop))).await;
    }
}
