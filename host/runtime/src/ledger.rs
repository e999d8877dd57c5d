//! A long-lived instance of the component `ledger`.

use crate::failure::Failure;
use crate::handler::reason;
use crate::instance::{self, Template};
use capabilities::InstanceState;
use capabilities::booking::{Command, Receipt, Rejection};
use capabilities::ledger_component::{LedgerComponent, LedgerComponentPre};
use std::future::poll_fn;
use std::sync::Arc;
use wasmtime::Store;

/// Calls `apply` of one instance of the component `ledger`, one call at a time.
///
/// The instance is made by the first call and serves the next ones, so that it may keep in memory what it has read. It
/// is dropped on any doubt (a trap, a call that took too long or whose caller went away) and after so many calls as its
/// `reuse` says; the next call makes another.
pub struct LedgerInstance {
    template: Template,
    pre: LedgerComponentPre<InstanceState>,
    live: Option<Live>,
}

struct Live {
    store: Store<InstanceState>,
    ledger: LedgerComponent,
    calls: u32,
}

/// One answer for each command, in order.
pub type Answers = Vec<Result<Receipt, Rejection>>;

impl LedgerInstance {
    pub(crate) fn new(template: Template, pre: LedgerComponentPre<InstanceState>) -> Self {
        Self { template, pre, live: None }
    }

    /// Has the ledger decide these commands, at most 256. One answer for each, in order.
    ///
    /// Dropping the future drops the instance: whether its transaction was committed is then as unknown as after a failure.
    ///
    /// # Errors
    /// After [`Failure::Instantiation`] nothing was done. After any other it may or may not have been: ask again with the
    /// same keys.
    pub async fn apply(&mut self, commands: Vec<Command>) -> Result<Answers, Failure> {
        // Taken out, so that whatever interrupts this leaves no instance behind that is amid a call.
        let mut live = match self.live.take() {
            Some(live) => live,
            None => Self::instantiate(&self.template, &self.pre).await?,
        };
        let expected = commands.len();
        let Live { store, ledger, .. } = &mut live;
        let mut answers = None;
        let call = store.run_concurrent(async |accessor| {
            answers = Some(ledger.marquee_booking_ledger().call_apply(accessor, commands).await?);
            // What the guest still tidies up, nobody would drive any further before the next call.
            poll_fn(|cx| accessor.poll_no_interesting_tasks(cx)).await;
            wasmtime::error::Ok(())
        });
        // Around the event loop and not inside it: a busy guest blocks that.
        let ended = tokio::time::timeout(self.template.tool.timeout, call).await;
        let failure = match ended {
            Ok(Ok(Ok(()))) => None,
            Ok(Ok(Err(error)) | Err(error)) => {
                tracing::warn!(component = %self.template.name, error = ?error, "the ledger's instance has ended");
                let out_of_memory = live.store.data().memory_limit_hit();
                Some(if out_of_memory { Failure::OutOfMemory } else { Failure::Trapped(reason(&error)) })
            }
            Err(_) => Some(Failure::TimedOut),
        };
        match (answers, failure) {
            (Some(answers), failure) if answers.len() == expected => {
                live.calls += 1;
                if failure.is_none() && live.calls < self.template.tool.reuse {
                    self.live = Some(live);
                }
                Ok(answers)
            }
            (Some(_), _) => Err(Failure::Faulted("not one answer for each command".into())),
            (None, failure) => Err(failure.unwrap_or(Failure::TimedOut)),
        }
    }

    /// Drops the instance and what it remembers; the next call makes another.
    pub fn forget(&mut self) {
        self.live = None;
    }

    /// Whether it can be instantiated.
    pub(crate) fn check(&self) -> impl Future<Output = Result<(), Failure>> {
        // Not a borrow of the whole: a store may move between threads and not be shared by them.
        let instance = Self::instantiate(&self.template, &self.pre);
        async { instance.await.map(drop) }
    }

    async fn instantiate(template: &Template, pre: &LedgerComponentPre<InstanceState>) -> Result<Live, Failure> {
        let mut store = template.store();
        match instance::bounded(pre.instantiate_async(&mut store)).await {
            Ok(ledger) => Ok(Live { store, ledger, calls: 0 }),
            Err(error) => Err(Failure::Instantiation(reason(&error))),
        }
    }
}

impl std::fmt::Debug for LedgerInstance {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = Arc::clone(&self.template.name);
        f.debug_struct("LedgerInstance").field("component", &name).field("live", &self.live.is_some()).finish_non_exhaustive()
    }
}
