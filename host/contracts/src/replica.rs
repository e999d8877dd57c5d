//! The read model.

use futures::future::BoxFuture;
use vocabulary::edge::{Availability, EventView, Page, Query, ReadError};

/// Answers reads from a copy of what is public.
pub trait Replica: Send + Sync + 'static {
    /// One event, published or cancelled.
    fn get_event(&self, id: String) -> BoxFuture<'_, Result<EventView, ReadError>>;
    /// One page of what matches.
    fn search(&self, query: Query) -> BoxFuture<'_, Result<Page, ReadError>>;
    /// What can be bought of one event.
    fn get_availability(&self, event_id: String) -> BoxFuture<'_, Result<Availability, ReadError>>;
}
