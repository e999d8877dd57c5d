//! The list and the event page, from the replica.

use kit::replica::{self, Facet, Query, ReadError, SortKey};
use kit::{Answer, Problem, Request, Response, accept, config, public, query, time};
use read_model::{EventDoc, EventStatus};
use serde::{Serialize, Serializer};

use crate::document::{Document, answer, etag};
use crate::{codes, conditions, due, limits};

const JSON: &str = "application/json";

/// `GET /api/events/{id}`
pub async fn show(request: Request) -> Answer {
    let id = request.id("id")?;
    let media = accept::choose(&request, &[JSON, calendar::MEDIA])?;
    let (doc, as_of) = match replica::get_event(id.to_owned()).await {
        Err(ReadError::LeftOut) => public::event(id).await?,
        view => view.map(|view| (view.event, view.as_of))?,
    };
    if doc.status == EventStatus::Cancelled {
        // Its bookings may still be being cancelled. An edge has no database and leaves that to the region.
        let _ = due::drive_on(&doc.id).await;
    }
    let response = if media == calendar::MEDIA {
        // It has no tag of its own: whoever has the JSON of this revision does not have this.
        let disposition = format!("attachment; filename=\"{}.ics\"", doc.id);
        Response::new(200, calendar::CONTENT_TYPE, entry(&doc, as_of)?).header("content-disposition", disposition)
    } else if conditions::not_modified(&request, &etag(doc.revision)) {
        Response::empty(304).header("etag", etag(doc.revision))
    } else {
        answer(200, &doc, None)?
    };
    Ok(response.header("vary", "accept").header("cache-control", "no-cache").header("marquee-as-of", time::format(as_of)))
}

/// The event in a calendar, as it was at this instant.
fn entry(doc: &EventDoc, as_of: i64) -> Result<String, Problem> {
    let entry = calendar::Entry {
        id: &doc.id,
        sequence: doc.revision,
        stamp: as_of,
        title: &doc.title,
        place: &format!("{}, {}, {}", doc.venue.name, doc.venue.city, doc.venue.country),
        notes: &doc.description,
        starts_at: doc.starts_at,
        ends_at: doc.ends_at,
        timezone: &doc.timezone,
        cancelled: doc.status == EventStatus::Cancelled,
    };
    calendar::render(&entry).map_err(|error| Problem::internal(format_args!("event {}: {error}", doc.id)))
}

#[derive(Serialize)]
struct List<'a> {
    items: Vec<Document<'a>>,
    next_cursor: Option<String>,
    facets: Facets,
    as_of: String,
    /// Regions whose events are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    incomplete: Vec<String>,
}

#[derive(Serialize)]
struct Facets {
    #[serde(serialize_with = "by_frequency")]
    category: Vec<Facet>,
    #[serde(serialize_with = "by_frequency")]
    city: Vec<Facet>,
}

/// An object that keeps the facets' order.
fn by_frequency<S: Serializer>(facets: &[Facet], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(facets.iter().map(|facet| (&facet.value, facet.count)))
}

/// `GET /api/events`
pub async fn list(request: Request) -> Answer {
    let mut query = query::read(&request, read_query)?;
    if query.currency.is_none() && (query.min_price.is_some() || query.max_price.is_some() || query.sort == SortKey::Price) {
        // Prices of different currencies do not compare.
        query.currency = Some(config::get("default_currency").await?);
    }
    let page = replica::search(query).await?;
    let list = List {
        items: page.items.iter().map(Document::in_list).collect(),
        next_cursor: page.next_cursor,
        facets: Facets { category: page.categories, city: page.cities },
        as_of: time::format(page.as_of),
        incomplete: page.incomplete,
    };
    Ok(Response::json(200, &list)?.header("cache-control", "no-cache"))
}

const SORTS: &[&str] = &["starts_at", "-starts_at", "price", "-price", "title", "-title"];

fn read_query(query: &mut query::Reader) -> Query {
    let sort = query.word("sort", SORTS).unwrap_or("starts_at");
    let read = Query {
        text: query.text("q", limits::SEARCH_TEXT),
        category: query.text("category", limits::CATEGORY),
        city: query.text("city", limits::CITY),
        starts_from: query.instant("from"),
        starts_to: query.instant("to"),
        currency: query.text("currency", limits::CODE),
        min_price: query.integer("min_price", limits::PRICE),
        max_price: query.integer("max_price", limits::PRICE),
        available: query.boolean("available"),
        sort: match sort.trim_start_matches('-') {
            "price" => SortKey::Price,
            "title" => SortKey::Title,
            _ => SortKey::StartsAt,
        },
        descending: sort.starts_with('-'),
        limit: u32::try_from(query.limit()).unwrap_or(1),
        cursor: query.text("cursor", limits::CURSOR),
    };
    if read.currency.as_deref().is_some_and(|code| !codes::is_currency(code)) {
        query.fault("currency", "must be an ISO 4217 code, for example EUR");
    }
    read
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facets_keep_their_order() {
        let facet = |value: &str, count| Facet { value: value.to_owned(), count };
        let facets = Facets { category: vec![facet("music", 2), facet("film", 1)], city: vec![] };
        assert_eq!(serde_json::to_string(&facets).unwrap(), r#"{"category":{"music":2,"film":1},"city":{}}"#);
    }

    /// What edges have no room for, or is long over, is answered from the tables: published and cancelled events, and never drafts.
    #[test]
    fn events_left_out_of_replicas_are_read_from_the_database() {
        use kit::sql::testing::{Database, ready};
        for database in Database::all() {
            database.enter();
            database.set_now(1_000_000);
            database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'O', 1)");
            for (id, status) in [("eu_e", "published"), ("eu_d", "draft")] {
                database.run(&format!(
                    "INSERT INTO events (id, organiser_id, status, revision, title, description, category, venue_name, city, country, starts_at, \
                     ends_at, timezone, currency, region, created_by, created_at, updated_at) VALUES ('{id}', 'eu_o', '{status}', 3, 'T', 'D', \
                     'music', 'V', 'C', 'LK', 1, 2, 'Asia/Colombo', 'EUR', 'eu', 'u', 1, 1)"
                ));
            }
            database.run("INSERT INTO ticket_types (id, event_id, ordinal, name, price, capacity, per_person_limit) VALUES ('t', 'eu_e', 0, 'A', 100, 10, 6)");
            database.run("INSERT INTO inventory (event, version, status, revision, currency, sales_until) VALUES ('eu_e', 7, 'open', 3, 'EUR', 2)");
            database.run("INSERT INTO inventory_lines (event, ticket_type, ordinal, price, per_person_limit, capacity, held, sold) VALUES ('eu_e', 't', 0, 100, 6, 10, 0, 4)");
            let (doc, as_of) = ready(public::event("eu_e")).unwrap();
            assert_eq!((doc.description.as_str(), doc.ticket_types.len(), as_of), ("D", 1, 1_000_000));
            let left = ready(public::availability("eu_e")).unwrap();
            assert_eq!((left.version, left.lines[0].available, left.lines[0].on_sale), (7, 6, false));
            for id in ["eu_d", "eu_x"] {
                assert_eq!(ready(public::event(id)).unwrap_err().kind.status, 404);
                assert_eq!(ready(public::availability(id)).unwrap_err().kind.status, 404);
            }
        }
    }
}
