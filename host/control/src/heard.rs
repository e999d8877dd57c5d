//! What nodes have reported to this instance and is not written down yet. Of each node only the last counts.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::limits;

/// Reports by node.
#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<BTreeMap<String, (String, Instant)>>);

impl Heard {
    /// Takes a report. False: there are too many nodes.
    pub(crate) fn hear(&self, node: &str, report: String) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= limits::NODES && !all.contains_key(node) {
            return false;
        }
        all.insert(node.to_owned(), (report, Instant::now()));
        true
    }

    /// All of them, with how long ago they came; they are this caller's to write down.
    pub(crate) fn take(&self) -> Vec<(String, String, Duration)> {
        let all = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        all.into_iter().map(|(node, (report, at))| (node, report, at.elapsed())).collect()
    }

    /// Takes back what could not be written down, unless there is something newer.
    pub(crate) fn put_back(&self, reports: Vec<(String, String, Duration)>) {
        let now = Instant::now();
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (node, report, age) in reports {
            all.entry(node).or_insert((report, now.checked_sub(age).unwrap_or(now)));
        }
    }
}
