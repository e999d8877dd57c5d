//! A long-lived instance of the component `ledger`.

use crate::instance::Template;
use crate::reused::{Export, ReusedInstance};
use bindings::Twin as _;
use bindings::ledger_component::{LedgerComponent, LedgerComponentPre};
use capabilities::InstanceState;
use contracts::Failure;
use vocabulary::booking::{Command, Receipt, Rejection};
use wasmtime::Store;
use wasmtime::component::Accessor;

/// Calls `apply` of one instance of the component `ledger`, one call at a time.
///
/// The instance is made by the first call and serves the next ones, so that it may keep in memory what it has read. It
/// is dropped on any doubt (a trap, a call that took too long or whose caller went away) and after so many calls as its
/// `reuse` says; the next call makes another.
#[derive(Debug)]
pub struct LedgerInstance(ReusedInstance<LedgerComponent>);

/// One answer for each command, in order.
pub type Answers = Vec<Result<Receipt, Rejection>>;

impl Export for LedgerComponent {
    type Pre = LedgerComponentPre<InstanceState>;
    type Item = Command;
    type Answer = Result<Receipt, Rejection>;

    async fn instantiate(pre: &Self::Pre, store: &mut Store<InstanceState>) -> wasmtime::Result<Self> {
        pre.instantiate_async(store).await
    }

    async fn call(&self, accessor: &Accessor<InstanceState>, commands: Vec<Command>) -> wasmtime::Result<Answers> {
        Ok(self.marquee_booking_ledger().call_apply(accessor, commands.twin()).await?.twin())
    }
}

impl LedgerInstance {
    pub(crate) fn new(template: Template, pre: LedgerComponentPre<InstanceState>) -> Self {
        Self(ReusedInstance::new(template, pre))
    }

    /// Has the ledger decide these commands, at most 256. One answer for each, in order.
    ///
    /// Dropping the future drops the instance: whether its transaction was committed is then as unknown as after a failure.
    ///
    /// # Errors
    /// After [`Failure::Instantiation`] nothing was done. After any other it may or may not have been: ask again with the
    /// same keys.
    pub async fn apply(&mut self, commands: Vec<Command>) -> Result<Answers, Failure> {
        self.0.call(commands).await
    }

    /// Drops the instance and what it remembers; the next call makes another.
    pub fn forget(&mut self) {
        self.0.forget();
    }

    /// Whether it can be instantiated.
    pub(crate) fn check(&self) -> impl Future<Output = Result<(), Failure>> {
        self.0.check()
    }
}
