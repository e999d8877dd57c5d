//! `marquee:edge/replica`: the read model.

use futures::future::BoxFuture;
use wasmtime::component::Accessor;

use crate::{
    edge::{Availability, EventView, Page, Query, ReadError},
    limits,
    state::{Host, InstanceState},
    wit::own::marquee::edge::replica,
};

/// Answers reads from a copy of what is public.
pub trait Replica: Send + Sync + 'static {
    /// One event, published or cancelled.
    fn get_event(&self, id: String) -> BoxFuture<'_, Result<EventView, ReadError>>;
    /// One page of what matches.
    fn search(&self, query: Query) -> BoxFuture<'_, Result<Page, ReadError>>;
    /// What can be bought of one event.
    fn get_availability(&self, event_id: String) -> BoxFuture<'_, Result<Availability, ReadError>>;
}

const NONE_HERE: ReadError = ReadError::Unavailable(limits::RETRY_AFTER_MS);

impl replica::Host for InstanceState {}

impl<T: Send> replica::HostWithStore<T> for Host {
    async fn get_event(accessor: &Accessor<T, Self>, id: String) -> Result<EventView, ReadError> {
        let binding = accessor.with(|mut access| access.get().bindings.replica.clone());
        binding.ok_or(NONE_HERE)?.get_event(id).await
    }

    async fn search(accessor: &Accessor<T, Self>, query: Query) -> Result<Page, ReadError> {
        let binding = accessor.with(|mut access| access.get().bindings.replica.clone());
        binding.ok_or(NONE_HERE)?.search(query).await
    }

    async fn get_availability(accessor: &Accessor<T, Self>, event_id: String) -> Result<Availability, ReadError> {
        let binding = accessor.with(|mut access| access.get().bindings.replica.clone());
        binding.ok_or(NONE_HERE)?.get_availability(event_id).await
    }
}
