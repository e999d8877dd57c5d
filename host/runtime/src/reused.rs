//! A long-lived instance of a component, driven by its host: one call at a time.

use crate::handler::reason;
use crate::instance::{self, Template};
use capabilities::InstanceState;
use contracts::Failure;
use std::sync::Arc;
use wasmtime::Store;
use wasmtime::component::Accessor;

/// What a component exports to be driven: it takes a list and answers each of its items, in order.
pub(crate) trait Export: Sized + Send + Sync {
    /// Linked, and not instantiated yet.
    type Pre: Send + Sync;
    /// What it is asked.
    type Item: Send;
    /// What it answers.
    type Answer: Send;

    /// Makes an instance.
    fn instantiate(pre: &Self::Pre, store: &mut Store<InstanceState>) -> impl Future<Output = wasmtime::Result<Self>> + Send;
    /// Calls it.
    fn call(
        &self,
        accessor: &Accessor<InstanceState>,
        items: Vec<Self::Item>,
    ) -> impl Future<Output = wasmtime::Result<Vec<Self::Answer>>> + Send;
}

/// Makes an instance with the first call, which serves the next ones, so that it may keep in memory what it has read. It
/// is dropped on any doubt (a trap, a call that took too long or whose caller went away) and after so many calls as its
/// `reuse` says; the next call makes another.
pub(crate) struct ReusedInstance<E: Export> {
    pub(crate) template: Template,
    pre: E::Pre,
    live: Option<LiveInstance<E>>,
}

struct LiveInstance<E> {
    store: Store<InstanceState>,
    export: E,
    calls: u32,
}

impl<E: Export> ReusedInstance<E> {
    pub(crate) fn new(template: Template, pre: E::Pre) -> Self {
        Self { template, pre, live: None }
    }

    /// One answer for each item, in order.
    ///
    /// Dropping the future drops the instance: what it was at is then as unknown as after a failure.
    ///
    /// # Errors
    /// After [`Failure::Instantiation`] nothing was done. After any other it may or may not have been.
    pub(crate) async fn call(&mut self, items: Vec<E::Item>) -> Result<Vec<E::Answer>, Failure> {
        let counters = Arc::clone(&self.template.counters);
        let counted = counters.begin();
        let answered = self.answer(items).await;
        counted.end(answered.is_err());
        answered
    }

    async fn answer(&mut self, items: Vec<E::Item>) -> Result<Vec<E::Answer>, Failure> {
        // Taken out, so that whatever interrupts this leaves no instance behind that is amid a call.
        let mut live = match self.live.take() {
            Some(live) => live,
            None => Self::instantiate(&self.template, &self.pre).await?,
        };
        let expected = items.len();
        let LiveInstance { store, export, .. } = &mut live;
        let (answers, failure) = instance::call(&self.template, store, async |accessor| export.call(accessor, items).await).await;
        match (answers, failure) {
            (Some(answers), failure) if answers.len() == expected => {
                live.calls += 1;
                if failure.is_none() && live.calls < self.template.tool.reuse {
                    self.live = Some(live);
                }
                Ok(answers)
            }
            (Some(_), _) => Err(Failure::Faulted("not one answer for each that was asked".into())),
            (None, failure) => Err(failure.unwrap_or(Failure::TimedOut)),
        }
    }

    /// Drops the instance and what it remembers; the next call makes another.
    pub(crate) fn forget(&mut self) {
        self.live = None;
    }

    /// Whether it can be instantiated.
    pub(crate) fn check(&self) -> impl Future<Output = Result<(), Failure>> {
        // Not a borrow of the whole: a store may move between threads and not be shared by them.
        let instance = Self::instantiate(&self.template, &self.pre);
        async { instance.await.map(drop) }
    }

    async fn instantiate(template: &Template, pre: &E::Pre) -> Result<LiveInstance<E>, Failure> {
        let mut store = template.store();
        match instance::bounded(E::instantiate(pre, &mut store)).await {
            Ok(export) => Ok(LiveInstance { store, export, calls: 0 }),
            Err(error) => Err(Failure::Instantiation(reason(&error))),
        }
    }
}

impl<E: Export> std::fmt::Debug for ReusedInstance<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Driven")
            .field("component", &self.template.name)
            .field("live", &self.live.is_some())
            .finish_non_exhaustive()
    }
}
