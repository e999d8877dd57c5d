//! `marquee:booking/ledger`: the role's ledger, by the trait [`contracts::Ledger`].

use bindings::booking::ledger::{self, Command, Receipt, Rejection};
use bindings::{Twin as _, booking::types};
use contracts::limits::LEDGER_COMMANDS;
use wasmtime::component::Accessor;

use crate::{
    limits,
    state::{Host, InstanceState},
};

impl types::Host for InstanceState {}
impl ledger::Host for InstanceState {}

impl<T: Send> ledger::HostWithStore<T> for Host {
    async fn apply(accessor: &Accessor<T, Self>, commands: Vec<Command>) -> Vec<Result<Receipt, Rejection>> {
        if commands.len() > LEDGER_COMMANDS {
            let reason = format!("at most {LEDGER_COMMANDS} commands at once");
            return commands.iter().map(|_| Err(Rejection::Invalid(reason.clone()))).collect();
        }
        let binding = accessor.with(|mut access| access.get().bindings.ledger.clone());
        match binding {
            Some(ledger) => ledger.apply(commands.twin()).await.twin(),
            None => commands.iter().map(|_| Err(Rejection::Unavailable(limits::RETRY_AFTER_MS))).collect(),
        }
    }
}
