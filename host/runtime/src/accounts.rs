//! Calls of the component `auth` beside HTTP.

use crate::failure::Failure;
use crate::gate::Gate;
use crate::handler::reason;
use crate::instance::{self, Template};
use capabilities::InstanceState;
use capabilities::accounts_component::{AccountsComponent, AccountsComponentPre};
use vocabulary::accounts::{Address, Error, PublicKey, Revocation, Visitor};
use wasmtime::component::Accessor;

/// Calls the component that exports `marquee:accounts`, each call in an instance of its own: they are few, and keep nothing in memory. Calls that
/// come at once are worked on at once, as many as there may be instances; the rest waits.
///
/// Each function is the one of that name in WIT, and its error is WIT's; where a call failed in another way that is [`Error::Failed`].
pub struct AccountsInstances {
    template: Template,
    pre: AccountsComponentPre<InstanceState>,
    gate: Gate,
}

impl AccountsInstances {
    pub(crate) fn new(template: Template, pre: AccountsComponentPre<InstanceState>) -> Self {
        Self { template, pre, gate: Gate::new(1) }
    }

    /// How these users are written to; in the region of the accounts.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn addresses_of(&self, users: Vec<String>) -> Result<Vec<Address>, Error> {
        self.call(async |component, accessor| component.marquee_accounts_directory().call_addresses_of(accessor, users).await)
            .await
    }

    /// Adds revocations.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_revocations(&self, revocations: Vec<Revocation>) -> Result<(), Error> {
        self.call(async |component, accessor| {
            component.marquee_accounts_mirror().call_add_revocations(accessor, revocations).await
        })
        .await
    }

    /// Adds keys, and when they end.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn add_keys(&self, keys: Vec<PublicKey>) -> Result<(), Error> {
        self.call(async |component, accessor| component.marquee_accounts_mirror().call_add_keys(accessor, keys).await).await
    }

    /// The same, of all the keys that there are.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn replace_keys(&self, keys: Vec<PublicKey>) -> Result<(), Error> {
        self.call(async |component, accessor| component.marquee_accounts_mirror().call_replace_keys(accessor, keys).await).await
    }

    /// Replaces what a visitor may do.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_visitor(&self, visitor: Visitor) -> Result<(), Error> {
        self.call(async |component, accessor| component.marquee_accounts_mirror().call_put_visitor(accessor, visitor).await).await
    }

    /// Who is to get mail and has no address here.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn missing_addresses(&self) -> Result<Vec<String>, Error> {
        self.call(async |component, accessor| component.marquee_accounts_mirror().call_missing_addresses(accessor).await).await
    }

    /// Replaces addresses.
    ///
    /// # Errors
    /// See [`Error`].
    pub async fn put_addresses(&self, addresses: Vec<Address>) -> Result<(), Error> {
        self.call(async |component, accessor| component.marquee_accounts_mirror().call_put_addresses(accessor, addresses).await)
            .await
    }

    async fn call<T>(
        &self,
        ask: impl AsyncFnOnce(&AccountsComponent, &Accessor<InstanceState>) -> wasmtime::Result<Result<T, Error>>,
    ) -> Result<T, Error> {
        let answer = self.answer(ask).await;
        answer.unwrap_or_else(|failure| Err(Error::Failed(failure.to_string())))
    }

    async fn answer<T>(
        &self,
        ask: impl AsyncFnOnce(&AccountsComponent, &Accessor<InstanceState>) -> wasmtime::Result<T>,
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

impl std::fmt::Debug for AccountsInstances {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountsInstances").field("component", &self.template.name).finish_non_exhaustive()
    }
}
