//! `marquee:edge/identity`: who a token speaks for.

use futures::future::BoxFuture;
use wasmtime::component::Accessor;

use crate::{
    edge::{Claims, Refusal},
    limits,
    state::{Host, InstanceState},
    wit::own::marquee::edge::identity,
};

/// Verifies access tokens with public keys alone.
pub trait Identity: Send + Sync + 'static {
    /// `token` is the compact JWS without the word Bearer.
    fn verify(&self, token: String) -> BoxFuture<'_, Result<Claims, Refusal>>;
}

impl identity::Host for InstanceState {}

impl<T: Send> identity::HostWithStore<T> for Host {
    async fn verify(accessor: &Accessor<T, Self>, token: String) -> Result<Claims, Refusal> {
        let binding = accessor.with(|mut access| access.get().bindings.identity.clone());
        binding.ok_or(Refusal::Unavailable(limits::RETRY_AFTER_MS))?.verify(token).await
    }
}
