//! Calls of the component `auth` beside HTTP.

use crate::gate::Gate;
use crate::handler::reason;
use crate::instance::{self, Template};
use bindings::Twin;
use bindings::accounts_component::{AccountsComponent as Exports, AccountsComponentPre};
use capabilities::InstanceState;
use contracts::{AccountsAnswer, AccountsComponent, Failure};
use vocabulary::accounts::{Address, Erasure, Error, GuestClaim, GuestExchange, PublicKey, Revocation, Visitor};
use wasmtime::component::Accessor;

/// Calls the component that exports `marquee:accounts`, each call in an instance of its own: they are few, and keep nothing in memory. Calls that
/// come at once are worked on at once, as many as there may be instances; the rest waits.
pub struct AccountsInstances {
    template: Template,
    pre: AccountsComponentPre<InstanceState>,
    gate: Gate,
}

impl AccountsInstances {
    pub(crate) fn new(template: Template, pre: AccountsComponentPre<InstanceState>) -> Self {
        let gate = Gate::new(template.tool.instances, 1);
        Self { template, pre, gate }
    }

    async fn call<A: Twin<B>, B>(
        &self,
        ask: impl AsyncFnOnce(&Exports, &Accessor<InstanceState>) -> wasmtime::Result<Result<A, bindings::accounts::types::Error>>,
    ) -> Result<B, Error> {
        let counted = self.template.counters.begin();
        let answered = self.answer(ask).await;
        counted.end(answered.is_err());
        match answered {
            Ok(answer) => answer.twin(),
            Err(failure) => Err(Error::Failed(failure.to_string())),
        }
    }

    async fn answer<T>(
        &self,
        ask: impl AsyncFnOnce(&Exports, &Accessor<InstanceState>) -> wasmtime::Result<T>,
    ) -> Result<T, Failure> {
        let _slot = self.gate.enter().await?;
        let mut store = self.template.store();
        let making = instance::bounded(self.pre.instantiate_async(&mut store)).await;
        let component = making.map_err(|error| Failure::Instantiation(reason(&error)))?;
        let (answer, failure) =
            instance::call(&self.template, &mut store, async |accessor| ask(&component, accessor).await).await;
        answer.ok_or_else(|| failure.unwrap_or(Failure::TimedOut))
    }

    /// Whether it can be instantiated.
    pub(crate) async fn check(&self) -> Result<(), Failure> {
        let mut store = self.template.store();
        let making = instance::bounded(self.pre.instantiate_async(&mut store)).await;
        making.map(drop).map_err(|error| Failure::Instantiation(reason(&error)))
    }
}

impl AccountsComponent for AccountsInstances {
    fn addresses_of(&self, users: Vec<String>) -> AccountsAnswer<'_, Vec<Address>> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_directory().call_addresses_of(accessor, users.twin()).await
        }))
    }

    fn exchange_guests(&self, exchange: GuestExchange) -> AccountsAnswer<'_, Vec<GuestClaim>> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_directory().call_exchange_guests(accessor, exchange.twin()).await
        }))
    }

    fn add_revocations(&self, revocations: Vec<Revocation>) -> AccountsAnswer<'_, ()> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_mirror().call_add_revocations(accessor, revocations.twin()).await
        }))
    }

    fn add_keys(&self, keys: Vec<PublicKey>) -> AccountsAnswer<'_, ()> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_mirror().call_add_keys(accessor, keys.twin()).await
        }))
    }

    fn replace_keys(&self, keys: Vec<PublicKey>) -> AccountsAnswer<'_, ()> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_mirror().call_replace_keys(accessor, keys.twin()).await
        }))
    }

    fn put_visitor(&self, visitor: Visitor) -> AccountsAnswer<'_, ()> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_mirror().call_put_visitor(accessor, visitor.twin()).await
        }))
    }

    fn missing_addresses(&self) -> AccountsAnswer<'_, Vec<String>> {
        Box::pin(
            self.call(async move |component, accessor| {
                component.marquee_accounts_mirror().call_missing_addresses(accessor).await
            }),
        )
    }

    fn put_addresses(&self, addresses: Vec<Address>) -> AccountsAnswer<'_, ()> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_mirror().call_put_addresses(accessor, addresses.twin()).await
        }))
    }

    fn erasures_after(&self, region: String, sequence: i64) -> AccountsAnswer<'_, Vec<Erasure>> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_directory().call_erasures_after(accessor, region, sequence).await
        }))
    }

    fn last_erasure(&self) -> AccountsAnswer<'_, i64> {
        Box::pin(
            self.call(async move |component, accessor| component.marquee_accounts_mirror().call_last_erasure(accessor).await),
        )
    }

    fn add_erasures(&self, erasures: Vec<Erasure>) -> AccountsAnswer<'_, ()> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_mirror().call_add_erasures(accessor, erasures.twin()).await
        }))
    }

    fn guests_due(&self) -> AccountsAnswer<'_, GuestExchange> {
        Box::pin(self.call(async move |component, accessor| component.marquee_accounts_mirror().call_guests_due(accessor).await))
    }

    fn put_guests(&self, kept: Vec<String>, claims: Vec<GuestClaim>) -> AccountsAnswer<'_, ()> {
        Box::pin(self.call(async move |component, accessor| {
            component.marquee_accounts_mirror().call_put_guests(accessor, kept.twin(), claims.twin()).await
        }))
    }
}

impl std::fmt::Debug for AccountsInstances {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountsInstances").field("component", &self.template.name).finish_non_exhaustive()
    }
}
