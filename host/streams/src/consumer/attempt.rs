//! One batch, handled: as a whole, or in halves where that fails.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use telemetry::Metrics;
use tokio::time::{Instant, timeout};

use super::Handler;
use crate::{Disposition, Record, limits};

/// The outcome of a record in a batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Outcome {
    /// What the handler said.
    Said(Disposition),
    /// The handler failed with it alone.
    Failed(String),
    /// The handler failed with everything, so nothing is known of it.
    Untried,
}

/// The outcome of a batch.
#[derive(Debug)]
pub(super) struct Attempt {
    /// One a record, in order.
    pub(super) outcomes: Vec<Outcome>,
    /// Calls that did not fail.
    pub(super) answered: u64,
}

/// One call, bounded in time; a panic is a failure like others.
pub(super) async fn call(
    handler: &dyn Handler,
    metrics: &Metrics,
    records: Vec<Arc<Record>>,
) -> Result<Vec<Disposition>, String> {
    let (count, began) = (records.len(), Instant::now());
    let handling = AssertUnwindSafe(async { handler.handle(records).await }).catch_unwind();
    let outcome = match timeout(limits::HANDLE, handling).await {
        Err(_) => Err(format!("took longer than {} s", limits::HANDLE.as_secs())),
        Ok(Err(_)) => Err("panicked".to_owned()),
        Ok(Ok(Ok(said))) if said.len() != count => Err(format!("gave {} dispositions for {count} records", said.len())),
        Ok(Ok(outcome)) => outcome,
    };
    metrics.streams().handled(count, began.elapsed());
    outcome
}

/// Handles a batch. Where that fails it is halved until the bad record is alone. So many failures in a row as one bad record cannot cause mean that
/// it is not the records.
pub(super) async fn attempt(handler: &dyn Handler, metrics: &Metrics, records: &[Arc<Record>]) -> Attempt {
    let mut outcomes = Vec::with_capacity(records.len());
    let mut answered = 0;
    let mut failures = 0;
    let most = records.len().max(1).ilog2() + 4;
    // Next comes the last: records are handled in order.
    let mut parts = vec![records];
    while let Some(part) = parts.pop() {
        if failures >= most {
            outcomes.extend(part.iter().map(|_| Outcome::Untried));
            continue;
        }
        match call(handler, metrics, part.to_vec()).await {
            Ok(said) => {
                answered += 1;
                failures = 0;
                outcomes.extend(said.into_iter().map(Outcome::Said));
            }
            Err(reason) => {
                failures += 1;
                tracing::warn!(records = part.len(), reason, "the handler failed");
                match part {
                    [_] => outcomes.push(Outcome::Failed(reason)),
                    part => {
                        let (first, second) = part.split_at(part.len() / 2);
                        parts.extend([second, first]);
                    }
                }
            }
        }
    }
    Attempt { outcomes, answered }
}
