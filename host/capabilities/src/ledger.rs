//! `marquee:booking/ledger`: who decides about bookings.

use futures::future::BoxFuture;
use wasmtime::component::Accessor;

use crate::{
    booking::{Command, Receipt, Rejection},
    limits,
    state::{Host, InstanceState},
    wit::own::marquee::booking::ledger,
};

/// Decides commands: in this process, or wherever the event's home region is.
pub trait Ledger: Send + Sync + 'static {
    /// One answer per command, in order. An accepted answer is durable before it is given. At most
    /// [`limits::LEDGER_COMMANDS`] commands.
    ///
    /// Expected outcomes are rejections; so are failures, as `unavailable` (certainly not done) or `unknown`.
    fn apply(&self, commands: Vec<Command>) -> BoxFuture<'_, Vec<Result<Receipt, Rejection>>>;
}

impl ledger::Host for InstanceState {}

impl<T: Send> ledger::HostWithStore<T> for Host {
    async fn apply(accessor: &Accessor<T, Self>, commands: Vec<Command>) -> Vec<Result<Receipt, Rejection>> {
        if commands.len() > limits::LEDGER_COMMANDS {
            let reason = format!("at most {} commands at once", limits::LEDGER_COMMANDS);
            return commands.iter().map(|_| Err(Rejection::Invalid(reason.clone()))).collect();
        }
        let binding = accessor.with(|mut access| access.get().bindings.ledger.clone());
        match binding {
            Some(ledger) => ledger.apply(commands).await,
            None => commands.iter().map(|_| Err(Rejection::Unavailable(limits::RETRY_AFTER_MS))).collect(),
        }
    }
}
