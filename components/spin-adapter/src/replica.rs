//! `marquee:edge/replica` from the tables of `catalog` and `ledger`.

use std::sync::Arc;

use kit::public::{Choice, load};
use kit::{Problem, router, sql};
use read_model::{EventDoc, EventStatus, Facet, Query, ReadModel, SearchError, SortKey};

use crate::bindings::exports::marquee::edge::replica::Guest;
use crate::bindings::exports::marquee::edge::types as wit;
use crate::{Adapter, limits};

impl Guest for Adapter {
    async fn get_event(id: String) -> Result<wit::EventView, wit::ReadError> {
        let (model, as_of) = view(|_| Choice::one(&id)).await?;
        let doc = model.get(&id).ok_or(wit::ReadError::NotFound)?;
        Ok(wit::EventView { event: event(doc, true), as_of })
    }

    async fn search(query: wit::Query) -> Result<wit::Page, wit::ReadError> {
        let query = read_query(query);
        let (model, as_of) = view(|now| Choice::search(&query, now)).await?;
        let page = model.search(&query, as_of).map_err(|SearchError::BadCursor| wit::ReadError::BadCursor)?;
        Ok(wit::Page {
            items: page.items.iter().map(|doc| event(doc, false)).collect(),
            next_cursor: page.next_cursor,
            categories: facets(page.categories),
            cities: facets(page.cities),
            as_of,
            incomplete: Vec::new(),
        })
    }

    async fn get_availability(event_id: String) -> Result<wit::Availability, wit::ReadError> {
        let (model, as_of) = view(|_| Choice::one(&event_id)).await?;
        let view = model.availability(&event_id, as_of).ok_or(wit::ReadError::NotFound)?;
        let lines = view.lines.into_iter().map(|line| wit::LineAvailability {
            ticket_type: line.ticket_type,
            capacity: line.capacity,
            available: line.available,
            on_sale: line.on_sale,
        });
        Ok(wit::Availability { event_id: view.event_id, version: view.version, lines: lines.collect(), as_of })
    }
}

/// What is chosen, and when it was so.
async fn view(choose: impl FnOnce(i64) -> Choice) -> Result<(ReadModel, i64), wit::ReadError> {
    let read = async {
        let mut tx = sql::read().await?;
        let now = tx.now();
        let model = load(&mut tx, &choose(now)).await?;
        Ok::<_, Problem>((model, now))
    };
    read.await.map_err(|problem| {
        router::log(&format!("replica: {}", problem.log.unwrap_or(problem.detail)));
        wit::ReadError::Unavailable(limits::RETRY_MILLISECONDS)
    })
}

fn read_query(query: wit::Query) -> Query {
    Query {
        text: query.text,
        category: query.category,
        city: query.city,
        starts_from: query.starts_from,
        starts_to: query.starts_to,
        currency: query.currency,
        min_price: query.min_price,
        max_price: query.max_price,
        available: query.available,
        sort: match query.sort {
            wit::SortKey::StartsAt => SortKey::StartsAt,
            wit::SortKey::Price => SortKey::Price,
            wit::SortKey::Title => SortKey::Title,
        },
        descending: query.descending,
        limit: query.limit,
        cursor: query.cursor,
    }
}

fn facets(facets: Vec<Facet>) -> Vec<wit::Facet> {
    facets.into_iter().map(|facet| wit::Facet { value: facet.value, count: facet.count }).collect()
}

/// With its description, or without.
fn event(doc: &Arc<EventDoc>, whole: bool) -> wit::Event {
    wit::Event {
        id: doc.id.clone(),
        organiser_id: doc.organiser_id.clone(),
        status: match doc.status {
            EventStatus::Draft => wit::EventStatus::Draft,
            EventStatus::Published => wit::EventStatus::Published,
            EventStatus::Cancelled => wit::EventStatus::Cancelled,
        },
        revision: doc.revision,
        title: doc.title.clone(),
        description: if whole { doc.description.clone() } else { String::new() },
        category: doc.category.clone(),
        venue: wit::Venue { name: doc.venue.name.clone(), city: doc.venue.city.clone(), country: doc.venue.country.clone() },
        starts_at: doc.starts_at,
        ends_at: doc.ends_at,
        timezone: doc.timezone.clone(),
        currency: doc.currency.clone(),
        region: doc.region.clone(),
        refund_until: doc.refund_until,
        ticket_types: doc
            .ticket_types
            .iter()
            .map(|ticket| wit::TicketType {
                id: ticket.id.clone(),
                name: ticket.name.clone(),
                price: ticket.price,
                capacity: ticket.capacity,
                per_person_limit: ticket.per_person_limit,
            })
            .collect(),
    }
}
