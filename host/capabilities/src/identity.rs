//! `marquee:edge/identity`: who a token speaks for, by the trait [`contracts::Identity`].

use bindings::Twin as _;
use bindings::edge::identity::{self, Claims, Refusal};
use wasmtime::component::Accessor;

use crate::{
    limits,
    state::{Host, InstanceState},
};

impl identity::Host for InstanceState {}

impl<T: Send> identity::HostWithStore<T> for Host {
    async fn verify(accessor: &Accessor<T, Self>, token: String) -> Result<Claims, Refusal> {
        let binding = accessor.with(|mut access| access.get().bindings.identity.clone());
        binding.ok_or(Refusal::Unavailable(limits::RETRY_AFTER_MS))?.verify(token).await.twin()
    }
}
