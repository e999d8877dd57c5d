//! The read model in memory, as components read it: `marquee:edge/replica`.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use capabilities::edge as wit;
use futures::future::BoxFuture;
use read_model::{EventDoc, EventStatus, Facet, Fact, ReadModel, SearchError, Seen, SortKey};
use tokio::sync::watch;

use crate::clock;
use crate::limits;
use crate::search::{Indexer, Lookup};

/// What this node knows of what is public. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Replica(Arc<Inner>);

struct Inner {
    state: RwLock<State>,
    /// Locked before `state`.
    indexer: Mutex<Indexer>,
    /// When it was last known to be current, microseconds; 0: never.
    as_of: AtomicI64,
    /// Counts what was applied, for who waits for it.
    applied: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    model: ReadModel,
    position: i64,
    /// Told of every event of the model that changes.
    lookup: Lookup,
}

/// The feed says more than this node may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {} events", limits::EVENTS)]
pub struct Full;

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Replica").field("position", &self.position()).field("age", &self.age()).finish_non_exhaustive()
    }
}

impl Default for Replica {
    fn default() -> Self {
        Self(Arc::new(Inner {
            state: RwLock::default(),
            indexer: Mutex::default(),
            as_of: AtomicI64::new(0),
            applied: watch::Sender::new(0),
        }))
    }
}

impl Replica {
    /// Replaces everything by a snapshot. Takes seconds where it is large.
    pub(crate) fn replace(&self, position: i64, facts: Vec<Fact>) -> Result<(), Full> {
        let mut model = ReadModel::default();
        for fact in facts {
            apply(&mut model, &mut Lookup::default(), fact)?;
        }
        let old = {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            state.position = position;
            state.lookup.note_all();
            std::mem::replace(&mut state.model, model)
        };
        // Not under the lock: it may be large.
        drop(old);
        self.reindex();
        self.current();
        Ok(())
    }

    /// Applies what follows; facts that are older than what is known change nothing.
    pub(crate) fn apply(&self, position: i64, facts: &[Fact]) -> Result<(), Full> {
        if !facts.is_empty() || position > self.position() {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            let State { model, lookup, .. } = &mut *state;
            for fact in facts {
                apply(model, lookup, fact.clone())?;
            }
            state.position = state.position.max(position);
        }
        self.current();
        Ok(())
    }

    /// Whether [`Self::reindex`] should be called; searches find everything all the same.
    pub(crate) fn index_lags(&self) -> bool {
        self.read(|state| state.lookup.lags())
    }

    /// Has the index of texts catch up with the model. Blocks for milliseconds, or seconds after a snapshot, but no reader.
    pub(crate) fn reindex(&self) {
        let mut indexer = self.0.indexer.lock().unwrap_or_else(PoisonError::into_inner);
        let work = self.read(|state| state.lookup.work(&state.model, &mut indexer));
        let written = indexer.write(work);
        self.0.state.write().unwrap_or_else(PoisonError::into_inner).lookup.advance(written);
    }

    /// As if the library had failed.
    #[cfg(test)]
    pub(crate) fn lose_index(&self) {
        self.0.state.write().unwrap_or_else(PoisonError::into_inner).lookup.lose();
    }

    /// Why searches have to do without an index of texts, if they do.
    #[must_use]
    pub fn index_trouble(&self) -> Option<String> {
        self.read(|state| state.lookup.trouble())
    }

    fn current(&self) {
        self.0.as_of.store(clock::now(), Ordering::Release);
        self.0.applied.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The journal's last position that it has applied; 0: none.
    #[must_use]
    pub fn position(&self) -> i64 {
        self.read(|state| state.position)
    }

    /// How many events it holds.
    #[must_use]
    pub fn events(&self) -> usize {
        self.read(|state| state.model.len())
    }

    /// How long ago it was last known to be current; none: never.
    #[must_use]
    pub fn age(&self) -> Option<Duration> {
        let as_of = self.as_of()?;
        Some(Duration::from_micros(u64::try_from(clock::now().saturating_sub(as_of)).unwrap_or(0)))
    }

    /// Whether it is at least as new as what a client has seen.
    #[must_use]
    pub fn has(&self, seen: &Seen) -> bool {
        seen.is_empty() || self.read(|state| seen.satisfied_by(&state.model))
    }

    /// Returns once it is at least as new as what a client has seen; false if that takes longer than `limit`.
    pub async fn catch_up(&self, seen: &Seen, limit: Duration) -> bool {
        let mut applied = self.0.applied.subscribe();
        let waiting = async {
            // What is applied between the look and the wait counts: the receiver has it as changed.
            while !self.has(seen) {
                if applied.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(limit, waiting).await.is_ok()
    }

    /// Returns once it is at a position.
    #[cfg(test)]
    pub(crate) async fn until(&self, position: i64) {
        self.0.applied.subscribe().wait_for(|_| self.position() >= position).await.unwrap();
    }

    fn as_of(&self) -> Option<i64> {
        Some(self.0.as_of.load(Ordering::Acquire)).filter(|as_of| *as_of > 0)
    }

    fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Reads the state, and says when it was current; an error before the first snapshot.
    fn view<R>(&self, read: impl FnOnce(&State, i64) -> Result<R, wit::ReadError>) -> Result<R, wit::ReadError> {
        let as_of = self.as_of().ok_or(wit::ReadError::Unavailable(limits::RETRY_MS))?;
        self.read(|state| read(state, as_of))
    }

    fn find(&self, id: &str) -> Result<wit::EventView, wit::ReadError> {
        let (doc, as_of) =
            self.view(|state, as_of| Ok((Arc::clone(state.model.get(id).ok_or(wit::ReadError::NotFound)?), as_of)))?;
        Ok(wit::EventView { event: event(&doc), as_of })
    }

    fn page(&self, query: wit::Query) -> Result<wit::Page, wit::ReadError> {
        let query = read_query(query);
        let (page, as_of) = self.view(|state, as_of| {
            let page = state
                .lookup
                .search(&state.model, &query, clock::now())
                .map_err(|SearchError::BadCursor| wit::ReadError::BadCursor)?;
            Ok((page, as_of))
        })?;
        Ok(wit::Page {
            items: page.items.iter().map(|doc| event(doc)).collect(),
            next_cursor: page.next_cursor,
            categories: page.categories.into_iter().map(facet).collect(),
            cities: page.cities.into_iter().map(facet).collect(),
            as_of,
        })
    }

    fn left(&self, event_id: &str) -> Result<wit::Availability, wit::ReadError> {
        let (view, as_of) = self.view(|state, as_of| {
            Ok((state.model.availability(event_id, clock::now()).ok_or(wit::ReadError::NotFound)?, as_of))
        })?;
        let lines = view.lines.into_iter().map(|line| wit::LineAvailability {
            ticket_type: line.ticket_type,
            capacity: line.capacity,
            available: line.available,
            on_sale: line.on_sale,
        });
        Ok(wit::Availability { event_id: view.event_id, version: view.version, lines: lines.collect(), as_of })
    }
}

fn apply(model: &mut ReadModel, lookup: &mut Lookup, fact: Fact) -> Result<(), Full> {
    let event = if let Fact::Event(doc) = &fact { Some(doc.id.clone()) } else { None };
    let full = model.len() >= limits::EVENTS;
    if let Fact::Event(doc) = &fact
        && full
        && model.get(&doc.id).is_none()
    {
        return Err(Full);
    }
    if model.apply(fact)
        && let Some(id) = event
    {
        lookup.note(&id);
    }
    Ok(())
}

impl capabilities::replica::Replica for Replica {
    fn get_event(&self, id: String) -> BoxFuture<'_, Result<wit::EventView, wit::ReadError>> {
        Box::pin(std::future::ready(self.find(&id)))
    }

    fn search(&self, query: wit::Query) -> BoxFuture<'_, Result<wit::Page, wit::ReadError>> {
        Box::pin(std::future::ready(self.page(query)))
    }

    fn get_availability(&self, event_id: String) -> BoxFuture<'_, Result<wit::Availability, wit::ReadError>> {
        Box::pin(std::future::ready(self.left(&event_id)))
    }
}

fn read_query(query: wit::Query) -> read_model::Query {
    read_model::Query {
        text: query.text,
        category: query.category,
        city: query.city,
        starts_from: query.starts_from,
        starts_to: query.starts_to,
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

fn facet(facet: Facet) -> wit::Facet {
    wit::Facet { value: facet.value, count: facet.count }
}

fn event(doc: &EventDoc) -> wit::Event {
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
        description: doc.description.clone(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{availability, event};
    use read_model::SeenKind;

    fn left(replica: &Replica) -> (u64, u32) {
        let view = replica.left("eu_1").unwrap();
        (view.version, view.lines[0].available)
    }

    #[test]
    fn before_the_first_snapshot_there_is_no_answer() {
        let replica = Replica::default();
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::Unavailable(_))));
        assert_eq!(replica.age(), None);
        replica.replace(0, vec![]).unwrap();
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::NotFound)));
        assert!(replica.age().is_some());
    }

    #[test]
    fn facts_are_applied_by_version_and_never_backwards() {
        let replica = Replica::default();
        replica.replace(10, vec![event("eu_1", 2), availability("eu_1", 7, 5)]).unwrap();
        assert_eq!(left(&replica), (7, 5));
        replica.apply(12, &[availability("eu_1", 9, 3), availability("eu_1", 8, 4)]).unwrap();
        assert_eq!((left(&replica), replica.position()), ((9, 3), 12));
        replica.apply(11, &[availability("eu_1", 6, 9)]).unwrap();
        assert_eq!((left(&replica), replica.position()), ((9, 3), 12));
    }

    #[test]
    fn a_snapshot_replaces_what_was_there() {
        let replica = Replica::default();
        replica.replace(10, vec![event("eu_1", 2), event("eu_2", 2)]).unwrap();
        replica.replace(20, vec![event("eu_2", 3)]).unwrap();
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::NotFound)));
        assert_eq!(replica.find("eu_2").unwrap().event.revision, 3);
        assert_eq!((replica.position(), replica.events()), (20, 1));
    }

    #[tokio::test]
    async fn who_has_seen_more_waits_until_it_is_there() {
        let replica = Replica::default();
        replica.replace(10, vec![event("eu_1", 2), availability("eu_1", 7, 5)]).unwrap();
        let mut seen = Seen::default();
        seen.note(SeenKind::Inventory, "eu_1", 8);
        assert!(!replica.has(&seen));
        assert!(!replica.catch_up(&seen, Duration::from_millis(1)).await);
        let (caught_up, ()) = tokio::join!(replica.catch_up(&seen, Duration::from_secs(10)), async {
            replica.apply(11, &[availability("eu_1", 8, 4)]).unwrap();
        });
        assert!(caught_up);
        assert!(replica.has(&Seen::default()));
    }
}
