//! A long-lived instance of a component that takes Kafka's records.

use crate::instance::Template;
use crate::reused::{Export, ReusedInstance};
use bindings::consumer_component::{ConsumerComponent, ConsumerComponentPre, Disposition};
use bindings::kafka::types::ConsumerRecord;
use capabilities::InstanceState;
use contracts::Failure;
use wasmtime::Store;
use wasmtime::component::Accessor;

/// Calls `handle` of one instance of a component that exports `marquee:kafka/consumer`, one call at a time; instances come and go as the
/// ledger's do ([`LedgerInstance`](crate::LedgerInstance)).
#[derive(Debug)]
pub struct ConsumerInstance(ReusedInstance<ConsumerComponent>);

impl Export for ConsumerComponent {
    type Pre = ConsumerComponentPre<InstanceState>;
    type Item = ConsumerRecord;
    type Answer = Disposition;

    async fn instantiate(pre: &Self::Pre, store: &mut Store<InstanceState>) -> wasmtime::Result<Self> {
        pre.instantiate_async(store).await
    }

    async fn call(&self, accessor: &Accessor<InstanceState>, records: Vec<ConsumerRecord>) -> wasmtime::Result<Vec<Disposition>> {
        self.marquee_kafka_consumer().call_handle(accessor, records).await
    }
}

impl ConsumerInstance {
    pub(crate) fn new(template: Template, pre: ConsumerComponentPre<InstanceState>) -> Self {
        Self(ReusedInstance::new(template, pre))
    }

    /// Hands these records over: what became of each, in order. None at all are a tick.
    ///
    /// # Errors
    /// After any the records may or may not have been handled: hand them over again.
    pub async fn handle(&mut self, records: Vec<ConsumerRecord>) -> Result<Vec<Disposition>, Failure> {
        self.0.call(records).await
    }

    /// Whether it can be instantiated.
    pub(crate) fn check(&self) -> impl Future<Output = Result<(), Failure>> {
        self.0.check()
    }
}
