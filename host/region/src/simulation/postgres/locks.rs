//! Locks of rows, each held by a transaction until that ends.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::timeout;

use super::DatabaseError;

/// How long a lock is waited for.
const LOCK_TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Default)]
pub(super) struct Locks(Mutex<BTreeMap<String, Lock>>);

struct Lock {
    holder: u64,
    waiting: VecDeque<(u64, oneshot::Sender<()>)>,
}

impl Locks {
    /// Takes a lock for a transaction, in turn.
    pub(super) async fn take(&self, transaction: u64, row: &str) -> Result<(), DatabaseError> {
        let turn = {
            let mut locks = self.0.lock().unwrap();
            match locks.get_mut(row) {
                None => {
                    locks.insert(row.to_owned(), Lock { holder: transaction, waiting: VecDeque::new() });
                    return Ok(());
                }
                Some(lock) if lock.holder == transaction => return Ok(()),
                Some(lock) => {
                    let (sender, turn) = oneshot::channel();
                    lock.waiting.push_back((transaction, sender));
                    turn
                }
            }
        };
        match timeout(LOCK_TIMEOUT, turn).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(DatabaseError::Busy),
        }
    }

    /// All locks are released, and waiters get none.
    pub(super) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }

    /// Ends a transaction: its locks go to the next waiters.
    pub(super) fn release(&self, transaction: u64) {
        let mut locks = self.0.lock().unwrap();
        locks.retain(|_, lock| {
            if lock.holder != transaction {
                return true;
            }
            while let Some((next, sender)) = lock.waiting.pop_front() {
                if sender.send(()).is_ok() {
                    lock.holder = next;
                    return true;
                }
            }
            false
        });
    }
}
