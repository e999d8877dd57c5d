//! `marquee:edge/replica` from the tables of `catalog` and `ledger`.

use kit::public::{EventFilter, load};
use kit::{Problem, router, sql};
use read_model::{ReadModel, SearchError};
use vocabulary::edge::{Availability, EventView, Page, Query, ReadError};

use crate::bindings::exports::marquee::edge::replica::Guest;
use crate::{Adapter, limits};

impl Guest for Adapter {
    async fn get_event(id: String) -> Result<EventView, ReadError> {
        let (model, as_of) = view(|_| EventFilter::one(&id)).await?;
        let doc = model.get(&id).ok_or(ReadError::NotFound)?;
        Ok(EventView { event: doc.as_ref().clone(), as_of })
    }

    async fn search(query: Query) -> Result<Page, ReadError> {
        let (model, as_of) = view(|now| EventFilter::search(&query, now)).await?;
        let found = model.search(&query, as_of).map_err(|SearchError::BadCursor| ReadError::BadCursor)?;
        Ok(found.into_page(as_of, Vec::new()))
    }

    async fn get_availability(event_id: String) -> Result<Availability, ReadError> {
        let (model, as_of) = view(|_| EventFilter::one(&event_id)).await?;
        model.availability(&event_id, as_of).ok_or(ReadError::NotFound)
    }
}

/// What is chosen, and when it was so.
async fn view(choose: impl FnOnce(i64) -> EventFilter) -> Result<(ReadModel, i64), ReadError> {
    let read = async {
        let mut tx = sql::read().await?;
        let now = tx.now();
        let model = load(&mut tx, &choose(now)).await?;
        Ok::<_, Problem>((model, now))
    };
    read.await.map_err(|problem| {
        router::log(&format!("replica: {}", problem.log.unwrap_or(problem.detail)));
        ReadError::Unavailable(limits::RETRY_MILLISECONDS)
    })
}
