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
use crate::regions::{Regions, home};
use crate::search::{Indexer, Lookup};

/// What this node knows of what is public, of every region that it follows. Cheap to clone; clones are one.
#[derive(Clone)]
pub struct Replica(Arc<Inner>);

struct Inner {
    /// Of all regions: one list is searched, and sorted.
    state: RwLock<State>,
    /// Locked before `state`.
    indexer: Mutex<Indexer>,
    regions: Regions<View>,
    /// Counts what was applied, for who waits for it.
    applied: watch::Sender<u64>,
}

#[derive(Default)]
struct State {
    model: ReadModel,
    /// Told of every event of the model that changes.
    lookup: Lookup,
}

/// How far this node follows a region. Only its follower writes it.
#[derive(Default)]
struct View {
    /// The journal's last position that was applied; 0: none.
    position: AtomicI64,
    /// When it was last known to be current, microseconds; 0: never.
    as_of: AtomicI64,
}

impl View {
    fn as_of(&self) -> Option<i64> {
        Some(self.as_of.load(Ordering::Acquire)).filter(|as_of| *as_of > 0)
    }
}

/// The feed says more than this node may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more than {} events", limits::EVENTS)]
pub struct Full;

impl std::fmt::Debug for Replica {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let ages = self.0.regions.iter().map(|(region, _)| (region, self.age(region)));
        f.debug_map().entries(ages).finish()
    }
}

impl Replica {
    /// A replica of these regions, the nearest first.
    #[must_use]
    pub fn new<'a>(regions: impl IntoIterator<Item = &'a str>) -> Self {
        let regions = Regions::new(regions.into_iter().map(|name| (name.into(), View::default())));
        let (state, indexer) = (RwLock::default(), Mutex::default());
        Self(Arc::new(Inner { state, indexer, regions, applied: watch::Sender::new(0) }))
    }

    /// Replaces what is known of a region by a snapshot. Takes seconds where it is large.
    pub(crate) fn replace(&self, region: &str, position: i64, facts: Vec<Fact>) -> Result<(), Full> {
        let belongs = |id: &str| self.0.regions.is_of(id, region);
        let mut new = ReadModel::default();
        for fact in facts {
            if subject(&fact).is_some_and(belongs) {
                apply(&mut new, &mut Lookup::default(), fact)?;
            }
        }
        let old = {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            if self.0.regions.len() > 1 && state.model.len_without(belongs) + new.len() > limits::EVENTS {
                return Err(Full);
            }
            state.lookup.note_all();
            let old = state.model.replace(belongs, new);
            self.current(region, |_| position);
            old
        };
        // Not under the lock: it may be large.
        drop(old);
        if self.index_lags() {
            self.reindex();
        }
        Ok(())
    }

    /// Applies what follows in a region; facts that are older than what is known change nothing.
    pub(crate) fn apply(&self, region: &str, position: i64, facts: &[Fact]) -> Result<(), Full> {
        if !facts.is_empty() {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            let State { model, lookup } = &mut *state;
            for fact in facts {
                if subject(fact).is_some_and(|id| self.0.regions.is_of(id, region)) {
                    apply(model, lookup, fact.clone())?;
                }
            }
        }
        self.current(region, |known| known.max(position));
        Ok(())
    }

    /// Whether [`Self::reindex`] should be called; searches find everything all the same.
    pub(crate) fn index_lags(&self) -> bool {
        // Few events are read as fast as they are looked up.
        self.read(|state| state.model.len() >= limits::INDEX_BEHIND && state.lookup.lags())
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

    /// Notes that a region's view is current, at the position that follows from the one before.
    fn current(&self, region: &str, position: impl FnOnce(i64) -> i64) {
        let Some(view) = self.0.regions.named(region) else { return };
        view.position.store(position(view.position.load(Ordering::Acquire)), Ordering::Release);
        view.as_of.store(clock::now(), Ordering::Release);
        self.0.applied.send_modify(|count| *count = count.wrapping_add(1));
    }

    /// The last position of a region's journal that it has applied; 0: none.
    #[must_use]
    pub fn position(&self, region: &str) -> i64 {
        self.0.regions.named(region).map_or(0, |view| view.position.load(Ordering::Acquire))
    }

    /// How many events it holds, of all regions.
    #[must_use]
    pub fn events(&self) -> usize {
        self.read(|state| state.model.len())
    }

    /// How long ago its view of a region was last known to be current; none: never.
    #[must_use]
    pub fn age(&self, region: &str) -> Option<Duration> {
        let as_of = self.0.regions.named(region)?.as_of()?;
        Some(Duration::from_micros(u64::try_from(clock::now().saturating_sub(as_of)).unwrap_or(0)))
    }

    /// Whether it has a view of any region.
    #[must_use]
    pub fn has_any(&self) -> bool {
        self.0.regions.iter().any(|(_, view)| view.as_of().is_some())
    }

    /// Whether it is at least as new as what a client has seen, in the region of this name or in all that it follows. Of others it will
    /// never know anything.
    #[must_use]
    pub fn has(&self, seen: &Seen, region: Option<&str>) -> bool {
        let concerns = |id: &str| {
            home(id).is_some_and(|home| region.map_or_else(|| self.0.regions.named(home).is_some(), |region| region == home))
        };
        seen.is_empty() || self.read(|state| seen.satisfied_by(&state.model, concerns))
    }

    /// Returns once it [has](Self::has) what a client has seen; false if that takes longer than `limit`.
    pub async fn catch_up(&self, seen: &Seen, limit: Duration) -> bool {
        let mut applied = self.0.applied.subscribe();
        let waiting = async {
            // What is applied between the look and the wait counts: the receiver has it as changed.
            while !self.has(seen, None) {
                if applied.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(limit, waiting).await.is_ok()
    }

    /// Returns once it is at a position of the first region.
    #[cfg(test)]
    pub(crate) async fn until(&self, position: i64) {
        let reached = |view: &View| view.position.load(Ordering::Acquire) >= position;
        self.0.applied.subscribe().wait_for(|_| self.0.regions.nearest().is_some_and(reached)).await.unwrap();
    }

    fn read<R>(&self, read: impl FnOnce(&State) -> R) -> R {
        read(&self.0.state.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// When the home of this id was last known to be as it is here; an error where nothing is known of it.
    fn as_of(&self, id: &str) -> Result<i64, wit::ReadError> {
        let view = self.0.regions.of(id).ok_or(wit::ReadError::NotFound)?;
        view.as_of().ok_or(wit::ReadError::Unavailable(limits::RETRY_MS))
    }

    /// When all of them were, and the regions that nothing is known of.
    fn as_of_all(&self) -> Result<(i64, Vec<String>), wit::ReadError> {
        let oldest = self.0.regions.iter().filter_map(|(_, view)| view.as_of()).min();
        let unknown = self.0.regions.iter().filter(|(_, view)| view.as_of().is_none()).map(|(region, _)| region.to_string());
        Ok((oldest.ok_or(wit::ReadError::Unavailable(limits::RETRY_MS))?, unknown.collect()))
    }

    fn find(&self, id: &str) -> Result<wit::EventView, wit::ReadError> {
        let as_of = self.as_of(id)?;
        let doc = self.read(|state| state.model.get(id).map(Arc::clone)).ok_or(wit::ReadError::NotFound)?;
        Ok(wit::EventView { event: event(&doc), as_of })
    }

    fn page(&self, query: wit::Query) -> Result<wit::Page, wit::ReadError> {
        let query = read_query(query);
        let (as_of, incomplete) = self.as_of_all()?;
        let page = self.read(|state| state.lookup.search(&state.model, &query, clock::now()));
        let page = page.map_err(|SearchError::BadCursor| wit::ReadError::BadCursor)?;
        Ok(wit::Page {
            items: page.items.iter().map(|doc| event(doc)).collect(),
            next_cursor: page.next_cursor,
            categories: page.categories.into_iter().map(facet).collect(),
            cities: page.cities.into_iter().map(facet).collect(),
            as_of,
            incomplete,
        })
    }

    fn left(&self, event_id: &str) -> Result<wit::Availability, wit::ReadError> {
        let as_of = self.as_of(event_id)?;
        let view = self.read(|state| state.model.availability(event_id, clock::now())).ok_or(wit::ReadError::NotFound)?;
        let lines = view.lines.into_iter().map(|line| wit::LineAvailability {
            ticket_type: line.ticket_type,
            capacity: line.capacity,
            available: line.available,
            on_sale: line.on_sale,
        });
        Ok(wit::Availability { event_id: view.event_id, version: view.version, lines: lines.collect(), as_of })
    }
}

/// The event that a fact is about.
fn subject(fact: &Fact) -> Option<&str> {
    match fact {
        Fact::Event(doc) => Some(&doc.id),
        Fact::Availability(availability) => Some(&availability.event_id),
        Fact::SessionRevoked { .. } | Fact::Key { .. } => None,
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
    use crate::testing::{availability, event, everything};
    use read_model::SeenKind;

    fn left(replica: &Replica) -> (u64, u32) {
        let view = replica.left("eu_1").unwrap();
        (view.version, view.lines[0].available)
    }

    fn one() -> Replica {
        Replica::new(["eu"])
    }

    #[test]
    fn before_the_first_snapshot_there_is_no_answer() {
        let replica = one();
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::Unavailable(_))));
        assert_eq!(replica.age("eu"), None);
        replica.replace("eu", 0, vec![]).unwrap();
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::NotFound)));
        assert!(replica.age("eu").is_some());
    }

    #[test]
    fn facts_are_applied_by_version_and_never_backwards() {
        let replica = one();
        replica.replace("eu", 10, vec![event("eu_1", 2), availability("eu_1", 7, 5)]).unwrap();
        assert_eq!(left(&replica), (7, 5));
        replica.apply("eu", 12, &[availability("eu_1", 9, 3), availability("eu_1", 8, 4)]).unwrap();
        assert_eq!((left(&replica), replica.position("eu")), ((9, 3), 12));
        replica.apply("eu", 11, &[availability("eu_1", 6, 9)]).unwrap();
        assert_eq!((left(&replica), replica.position("eu")), ((9, 3), 12));
    }

    #[test]
    fn a_snapshot_replaces_what_was_there() {
        let replica = one();
        replica.replace("eu", 10, vec![event("eu_1", 2), event("eu_2", 2)]).unwrap();
        replica.replace("eu", 20, vec![event("eu_2", 3)]).unwrap();
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::NotFound)));
        assert_eq!(replica.find("eu_2").unwrap().event.revision, 3);
        assert_eq!((replica.position("eu"), replica.events()), (20, 1));
    }

    #[test]
    fn a_region_speaks_for_itself_alone() {
        let replica = Replica::new(["eu", "us"]);
        let search = || replica.page(wit::Query { limit: 10, ..everything() });
        assert!(matches!(search(), Err(wit::ReadError::Unavailable(_))));
        replica.replace("eu", 10, vec![event("eu_1", 2), availability("eu_1", 7, 5), event("us_9", 2)]).unwrap();
        // Nothing is known of the other yet, which is not the same as that there is nothing.
        assert!(matches!(replica.find("us_9"), Err(wit::ReadError::Unavailable(_))));
        assert!(matches!(replica.find("ap_1"), Err(wit::ReadError::NotFound)));
        assert_eq!(search().unwrap().incomplete, ["us"]);

        replica.replace("us", 3, vec![event("us_1", 2), availability("us_1", 1, 9)]).unwrap();
        replica.apply("us", 4, &[availability("eu_1", 8, 0), event("us_2", 1)]).unwrap();
        assert_eq!((left(&replica), replica.position("eu"), replica.position("us")), ((7, 5), 10, 4));
        let page = search().unwrap();
        let mut ids: Vec<_> = page.items.iter().map(|event| event.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!((ids, page.incomplete.len()), (vec!["eu_1", "us_1", "us_2"], 0));

        replica.replace("us", 5, vec![event("us_3", 1)]).unwrap();
        assert!(matches!(replica.find("us_1"), Err(wit::ReadError::NotFound)));
        assert_eq!((left(&replica), replica.events()), ((7, 5), 2));
    }

    #[test]
    fn a_list_is_as_old_as_the_oldest_region() {
        let replica = Replica::new(["eu", "us"]);
        replica.replace("eu", 1, vec![event("eu_1", 2)]).unwrap();
        replica.replace("us", 1, vec![event("us_1", 2)]).unwrap();
        let eu = replica.0.regions.named("eu").unwrap();
        eu.as_of.fetch_sub(5_000_000, Ordering::AcqRel);
        let (old, new) = (replica.find("eu_1").unwrap().as_of, replica.find("us_1").unwrap().as_of);
        assert!(old + 4_000_000 < new);
        assert_eq!(replica.page(wit::Query { limit: 10, ..everything() }).unwrap().as_of, old);
    }

    #[tokio::test]
    async fn who_has_seen_more_waits_until_it_is_there() {
        let replica = one();
        replica.replace("eu", 10, vec![event("eu_1", 2), availability("eu_1", 7, 5)]).unwrap();
        let mut seen = Seen::default();
        // What another region's has nobody here waits for.
        seen.note(SeenKind::Inventory, "us_1", 8);
        assert!(replica.has(&seen, None));
        seen.note(SeenKind::Inventory, "eu_1", 8);
        assert!(!replica.has(&seen, None) && !replica.has(&seen, Some("eu")));
        assert!(!replica.catch_up(&seen, Duration::from_millis(1)).await);
        let (caught_up, ()) = tokio::join!(replica.catch_up(&seen, Duration::from_secs(10)), async {
            replica.apply("eu", 11, &[availability("eu_1", 8, 4)]).unwrap();
        });
        assert!(caught_up);
        assert!(replica.has(&Seen::default(), None));
    }
}
