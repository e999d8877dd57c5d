//! `marquee:edge/replica`: the read model, by the trait [`contracts::Replica`].

use bindings::edge::replica::{self, Availability, EventView, Page, Query, ReadError};
use bindings::{Twin as _, edge::types};
use wasmtime::component::Accessor;

use crate::{
    limits,
    state::{Host, InstanceState},
};

const NONE_HERE: ReadError = ReadError::Unavailable(limits::RETRY_AFTER_MS);

impl types::Host for InstanceState {}
impl replica::Host for InstanceState {}

impl<T: Send> replica::HostWithStore<T> for Host {
    async fn get_event(accessor: &Accessor<T, Self>, id: String) -> Result<EventView, ReadError> {
        let binding = accessor.with(|mut access| access.get().bindings.replica.clone());
        binding.ok_or(NONE_HERE)?.get_event(id).await.twin()
    }

    async fn search(accessor: &Accessor<T, Self>, query: Query) -> Result<Page, ReadError> {
        let binding = accessor.with(|mut access| access.get().bindings.replica.clone());
        binding.ok_or(NONE_HERE)?.search(query.twin()).await.twin()
    }

    async fn get_availability(accessor: &Accessor<T, Self>, event_id: String) -> Result<Availability, ReadError> {
        let binding = accessor.with(|mut access| access.get().bindings.replica.clone());
        binding.ok_or(NONE_HERE)?.get_availability(event_id).await.twin()
    }
}
