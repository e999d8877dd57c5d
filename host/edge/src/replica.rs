//! The read model in memory, as components read it: `marquee:edge/replica`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use futures::future::BoxFuture;
use http::HeaderValue;
use read_model::{EpochPosition, EventDoc, Fact, ReadModel, SearchError, Seen};
use tokio::sync::{broadcast, watch};
use vocabulary::edge as wit;

use crate::clock;
use crate::immutable::ImmutableAnswers;
use crate::limits;
use crate::regions::{Regions, home};
use crate::search::{Indexer, Lookup};

/// What has changed in a replica.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    /// Something of these events.
    Events(Arc<[Box<str>]>),
    /// Anything: there was a snapshot.
    All,
}

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
    /// What changes, for who shows it as it changes.
    changes: broadcast::Sender<Change>,
    /// Bytes that the model may take.
    bytes: AtomicUsize,
    /// Answers beside it, which are of what events have. Of each edge that uses it.
    beside: Mutex<Vec<ImmutableAnswers>>,
    /// The token of who has seen nothing but this replica, as of what was applied.
    token: Mutex<Option<(u64, HeaderValue)>>,
}

#[derive(Default)]
struct State {
    model: ReadModel,
    /// Told of every event of the model that changes.
    lookup: Lookup,
    /// Regions of which something is left out that is not over.
    short: BTreeSet<Arc<str>>,
    /// When long-finished events were last evicted.
    swept: i64,
}

/// How far this node follows a region. Only its follower writes it.
#[derive(Default)]
struct View {
    /// The journal's last position that was applied; 0: none.
    position: AtomicI64,
    /// When it was last known to be current, microseconds; 0: never.
    as_of: AtomicI64,
    /// The number of the epoch that the position is of. Changes together with the state, under its lock.
    history: AtomicU64,
}

impl View {
    fn as_of(&self) -> Option<i64> {
        Some(self.as_of.load(Ordering::Acquire)).filter(|as_of| *as_of > 0)
    }
}

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
        Self::bounded(regions, limits::REPLICA_BYTES)
    }

    /// The same, with so many bytes at most. What there is no room for is left out: see [`ReadModel::make_room`].
    #[must_use]
    pub fn bounded<'a>(regions: impl IntoIterator<Item = &'a str>, bytes: usize) -> Self {
        let regions = Regions::new(regions.into_iter().map(|name| (name.into(), View::default())));
        let (state, indexer) = (RwLock::default(), Mutex::default());
        Self(Arc::new(Inner {
            state,
            indexer,
            regions,
            applied: watch::Sender::new(0),
            changes: broadcast::Sender::new(limits::LIVE_CHANGES),
            beside: Mutex::default(),
            token: Mutex::default(),
            bytes: AtomicUsize::new(bytes),
        }))
    }

    /// Has these forget what events have no more, from now on.
    pub(crate) fn kept_beside(&self, answers: &ImmutableAnswers) {
        self.0.beside.lock().unwrap_or_else(PoisonError::into_inner).push(answers.clone());
    }

    fn forget(&self, pictures: &[String]) {
        for answers in &*self.0.beside.lock().unwrap_or_else(PoisonError::into_inner) {
            answers.forget(pictures);
        }
    }

    /// Replaces what is known of a region by a snapshot, as in an epoch without a number.
    #[cfg(test)]
    pub(crate) fn replace(&self, region: &str, position: i64, facts: Vec<Fact>) {
        self.replace_at(region, (0, position), facts);
    }

    /// Replaces what is known of a region by a snapshot: also where it is older than that, for then its epoch is another. Takes seconds where it is large.
    pub(crate) fn replace_at(&self, region: &str, (history, position): EpochPosition, facts: Vec<Fact>) {
        let belongs = |id: &str| self.0.regions.is_of(id, region);
        let mut new = ReadModel::default();
        let now = clock::now();
        for fact in facts {
            if subject(&fact).is_some_and(belongs) && !is_archived(&fact, now) {
                new.apply(fact);
                new.make_room(limits::EVENTS, self.most(), now);
            }
        }
        let old = {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            state.lookup.note_all();
            let old = state.model.replace(belongs, new);
            self.make_room(&mut state, now);
            self.note_short(&mut state);
            if let Some(view) = self.0.regions.named(region) {
                view.history.store(history, Ordering::Release);
            }
            self.current(region, |_| position);
            old
        };
        let pictures: Vec<String> = self.read(|state| {
            old.entries().flat_map(|entry| gone(pictures(&entry.doc), state.model.get(&entry.doc.id).map(Arc::as_ref))).collect()
        });
        self.forget(&pictures);
        // Not under the lock: it may be large.
        drop(old);
        // An error says that nobody is interested.
        _ = self.0.changes.send(Change::All);
        if self.index_lags() {
            self.reindex();
        }
    }

    /// Whether it has something of a higher version than these facts: within an epoch, facts that were read later never are behind.
    pub(crate) fn is_ahead_of(&self, facts: &[Fact]) -> bool {
        self.read(|state| facts.iter().any(|fact| state.model.is_ahead_of(fact)))
    }

    /// Applies what follows in a region; facts that are older than what is known change nothing.
    pub(crate) fn apply(&self, region: &str, position: i64, facts: &[Fact]) {
        let now = clock::now();
        self.sweep(now);
        if facts.is_empty() {
            self.current(region, |known| known.max(position));
            return;
        }
        let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
        let State { model, lookup, .. } = &mut *state;
        let mut pictures = Vec::new();
        for fact in facts {
            if subject(fact).is_some_and(|id| self.0.regions.is_of(id, region)) && !is_archived(fact, now) {
                pictures.extend(apply(model, lookup, fact.clone()));
            }
        }
        if self.make_room(&mut state, now) {
            self.note_short(&mut state);
        }
        // Before anybody knows that it was applied: who has seen the change is not given what it took away.
        self.forget(&pictures);
        // Under the lock: a reader of one of these gets no earlier position.
        self.current(region, |known| known.max(position));
        drop(state);
        if self.0.changes.receiver_count() > 0 {
            let mut ids: Vec<Box<str>> = facts.iter().filter_map(subject).map(Into::into).collect();
            ids.sort_unstable();
            ids.dedup();
            _ = self.0.changes.send(Change::Events(ids.into()));
        }
    }

    /// What changes from now on. Who is too slow is told so, and may take everything for changed.
    pub(crate) fn changes(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Leaves out what there is no room for; whether something was.
    fn make_room(&self, state: &mut State, now: i64) -> bool {
        let gone = state.model.make_room(limits::EVENTS, self.most(), now);
        gone.iter().for_each(|id| state.lookup.note(id));
        if !gone.is_empty() {
            tracing::warn!(events = gone.len(), "the replica has no room for all events: these are asked of their regions");
        }
        !gone.is_empty()
    }

    fn note_short(&self, state: &mut State) {
        let of = |id: &str| {
            self.0.regions.iter().find(|(region, _)| self.0.regions.is_of(id, region)).map(|(region, _)| Arc::clone(region))
        };
        state.short = state.model.left_out().filter_map(of).collect();
    }

    /// Forgets what is long over, now and then.
    fn sweep(&self, now: i64) {
        let due = |state: &State| now - state.swept >= limits::ARCHIVE_EVERY;
        if self.read(due) {
            let mut state = self.0.state.write().unwrap_or_else(PoisonError::into_inner);
            state.swept = now;
            for id in state.model.archive(now - read_model::ARCHIVED_AFTER) {
                state.lookup.note(&id);
            }
        }
    }

    /// Whether this node does not have what is public of an event that there may be: it is long over, or there was no room for it. Its home region
    /// can be asked.
    #[must_use]
    pub fn may_have_left_out(&self, id: &str) -> bool {
        self.read(|state| state.model.is_left_out(id) || (state.model.get(id).is_none() && is_long_ago(id, clock::now())))
    }

    /// How many events there was no room for.
    #[must_use]
    pub fn left_out(&self) -> usize {
        self.read(|state| state.model.left_out().len())
    }

    /// What it takes in memory, and what it may, in bytes.
    #[must_use]
    pub fn bytes(&self) -> (usize, usize) {
        (self.read(|state| state.model.bytes()), self.most())
    }

    /// From the next fact on it takes so many bytes at most.
    pub fn bound(&self, bytes: usize) {
        self.0.bytes.store(bytes, Ordering::Relaxed);
    }

    fn most(&self) -> usize {
        self.0.bytes.load(Ordering::Relaxed)
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

    /// How long ago its view of any region was last known to be current; none: never.
    pub(crate) fn youngest(&self) -> Option<Duration> {
        self.0.regions.iter().filter_map(|(region, _)| self.age(region)).min()
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
        let reached = |(name, view): (&Arc<str>, &View)| {
            let Some((history, position)) = seen.stand(name).filter(|_| region.is_none_or(|region| region == &**name)) else {
                return true;
            };
            let (here, at) = (view.history.load(Ordering::Acquire), view.position.load(Ordering::Acquire));
            // What was seen in an epoch that has ended is not waited for.
            history < here || (history == here && position <= at)
        };
        seen.is_empty()
            || self.read(|state| {
                // Of what is left out this node will never know more.
                let concerned = |id: &str| concerns(id) && !state.model.is_left_out(id);
                self.0.regions.iter().all(reached) && seen.satisfied_by(&state.model, concerned)
            })
    }

    /// What a client has seen once it is shown what is here: `seen`, and how far this replica is. To be asked for after it was read.
    #[must_use]
    pub fn shown(&self, mut seen: Seen) -> Seen {
        self.read(|_| {
            for (region, view) in self.0.regions.iter().filter(|(_, view)| view.as_of().is_some()) {
                let stand = (view.history.load(Ordering::Acquire), view.position.load(Ordering::Acquire));
                seen.stood(region, stand, |id| self.0.regions.is_of(id, region));
            }
        });
        seen
    }

    /// As [`Self::shown`] to who has seen nothing before, as a token.
    #[must_use]
    pub fn shown_first(&self) -> Option<HeaderValue> {
        let now = *self.0.applied.borrow();
        let mut last = self.0.token.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, token)) = &*last
            && *at == now
        {
            return Some(token.clone());
        }
        let token = HeaderValue::try_from(self.shown(Seen::default()).render()?).ok()?;
        *last = Some((now, token.clone()));
        Some(token)
    }

    /// Returns once it [has](Self::has) what a client has seen; false if that takes longer than `limit`.
    pub async fn catch_up(&self, seen: &Seen, region: Option<&str>, limit: Duration) -> bool {
        let mut applied = self.0.applied.subscribe();
        let waiting = async {
            // What is applied between the look and the wait counts: the receiver has it as changed.
            while !self.has(seen, region) {
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

    /// When all of them were, and the regions that nothing is known of, or not all.
    fn as_of_all(&self) -> Result<(i64, Vec<String>), wit::ReadError> {
        let oldest = self.0.regions.iter().filter_map(|(_, view)| view.as_of()).min();
        let short = self.read(|state| state.short.clone());
        let unknown = self.0.regions.iter().filter(|(region, view)| view.as_of().is_none() || short.contains(*region));
        let unknown = unknown.map(|(region, _)| region.to_string());
        Ok((oldest.ok_or(wit::ReadError::Unavailable(limits::RETRY_MS))?, unknown.collect()))
    }

    fn absent(&self, id: &str) -> wit::ReadError {
        if self.may_have_left_out(id) { wit::ReadError::LeftOut } else { wit::ReadError::NotFound }
    }

    fn find(&self, id: &str) -> Result<wit::EventView, wit::ReadError> {
        let as_of = self.as_of(id)?;
        let doc = self.read(|state| state.model.get(id).map(Arc::clone)).ok_or_else(|| self.absent(id))?;
        Ok(wit::EventView { event: doc.as_ref().clone(), as_of })
    }

    fn page(&self, query: wit::Query) -> Result<wit::Page, wit::ReadError> {
        let (as_of, incomplete) = self.as_of_all()?;
        let found = self.read(|state| state.lookup.search(&state.model, &query, clock::now()));
        let found = found.map_err(|SearchError::BadCursor| wit::ReadError::BadCursor)?;
        Ok(found.into_page(as_of, incomplete))
    }

    /// What an event has left.
    pub(crate) fn left(&self, event_id: &str) -> Result<wit::Availability, wit::ReadError> {
        let as_of = self.as_of(event_id)?;
        let view = self.read(|state| state.model.availability(event_id, clock::now())).ok_or_else(|| self.absent(event_id))?;
        Ok(wit::Availability { as_of, ..view })
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

/// Applies a fact; gives the ids of the pictures that an event has no more.
fn apply(model: &mut ReadModel, lookup: &mut Lookup, fact: Fact) -> Vec<String> {
    let event = if let Fact::Event(doc) = &fact { Some(doc.id.clone()) } else { None };
    let before = event.as_ref().and_then(|id| model.get(id)).map(|doc| pictures(doc)).unwrap_or_default();
    let changed = model.apply(fact);
    let Some(id) = event.filter(|_| changed) else { return Vec::new() };
    lookup.note(&id);
    gone(before, model.get(&id).map(Arc::as_ref))
}

/// The ids of an event's picture and its logo.
fn pictures(event: &EventDoc) -> Vec<String> {
    event.image.iter().chain(&event.logo).map(|image| image.id.clone()).collect()
}

/// Those of these pictures that the event has no more.
fn gone(mut had: Vec<String>, event: Option<&EventDoc>) -> Vec<String> {
    let has = event.map(pictures).unwrap_or_default();
    had.retain(|id| !has.contains(id));
    had
}

/// Whether a fact is about what is long over; of an inventory by itself, whether it may be, for it may come before its event, but never so long.
fn is_archived(fact: &Fact, now: i64) -> bool {
    matches!(fact, Fact::Event(doc) if doc.ends_at < now - read_model::ARCHIVED_AFTER)
}

/// Whether what has this id may be long over, by when it was made.
fn is_long_ago(id: &str, now: i64) -> bool {
    read_model::made_at(id).is_some_and(|made| made < now - read_model::ARCHIVED_AFTER)
}

impl contracts::Replica for Replica {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::immutable::Key;
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
    fn the_replica_answers_nothing_before_its_first_snapshot() {
        let replica = one();
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::Unavailable(_))));
        assert_eq!(replica.age("eu"), None);
        replica.replace("eu", 0, vec![]);
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::NotFound)));
        assert!(replica.age("eu").is_some());
    }

    #[test]
    fn older_facts_never_replace_newer_ones() {
        let replica = one();
        replica.replace("eu", 10, vec![event("eu_1", 2), availability("eu_1", 7, 5)]);
        assert_eq!(left(&replica), (7, 5));
        replica.apply("eu", 12, &[availability("eu_1", 9, 3), availability("eu_1", 8, 4)]);
        assert_eq!((left(&replica), replica.position("eu")), ((9, 3), 12));
        replica.apply("eu", 11, &[availability("eu_1", 6, 9)]);
        assert_eq!((left(&replica), replica.position("eu")), ((9, 3), 12));
    }

    #[test]
    fn a_snapshot_replaces_the_previous_state() {
        let replica = one();
        replica.replace("eu", 10, vec![event("eu_1", 2), event("eu_2", 2)]);
        replica.replace("eu", 20, vec![event("eu_2", 3)]);
        assert!(matches!(replica.find("eu_1"), Err(wit::ReadError::NotFound)));
        assert_eq!(replica.find("eu_2").unwrap().event.revision, 3);
        assert_eq!((replica.position("eu"), replica.events()), (20, 1));
    }

    /// Events beyond a node's memory are known to be left out, and are read from the region.
    #[test]
    fn the_replica_stays_within_its_memory_limit() {
        let replica = Replica::bounded(["eu"], 100_000);
        replica.replace("eu", 1, vec![event("eu_1", 2)]);
        let flood = |number: usize| match event(&format!("eu_flood{number}"), 1) {
            Fact::Event(doc) => {
                let description = format!("flood {}", "x".repeat(10_000));
                Fact::Event(EventDoc { organiser_id: "eu_flood".to_owned(), description, ..doc })
            }
            other => other,
        };
        for number in 0..50 {
            replica.apply("eu", 2, &[flood(number)]);
            assert!(replica.bytes().0 <= replica.bytes().1);
        }
        assert_eq!(replica.events() + replica.left_out(), 51);
        assert!(replica.find("eu_1").is_ok(), "who fills it is who loses by it");
        let gone = (0..50).map(|number| format!("eu_flood{number}")).find(|id| replica.may_have_left_out(id)).unwrap();
        assert!(matches!(replica.find(&gone), Err(wit::ReadError::LeftOut)));
        assert!(matches!(replica.left(&gone), Err(wit::ReadError::LeftOut)));
        let page = replica.page(wit::Query { limit: 100, ..everything() }).unwrap();
        assert_eq!((page.items.len(), page.incomplete), (replica.events(), vec!["eu".to_owned()]));
        // A reader who has seen more does not wait for what never comes.
        let mut seen = Seen::default();
        seen.note(SeenKind::Event, &gone, 9);
        assert!(replica.has(&seen, None));
        // A snapshot that fits has everything again.
        replica.replace("eu", 3, vec![event("eu_1", 2), flood(1)]);
        assert_eq!((replica.left_out(), replica.events()), (0, 2));
        assert!(replica.page(everything()).unwrap().incomplete.is_empty());
    }

    #[test]
    fn long_finished_events_are_left_to_the_region() {
        let replica = one();
        let ended = |id: &str, days: i64| match event(id, 1) {
            Fact::Event(doc) => {
                let ends_at = clock::now() - days * 86_400_000_000;
                Fact::Event(EventDoc { starts_at: ends_at - 1, ends_at, ..doc })
            }
            other => other,
        };
        // Made in 2020, and now.
        let old = "eu_05s36rmw01r010000000000000";
        replica.replace("eu", 1, vec![ended(old, 31), ended("eu_1", 29)]);
        replica.apply("eu", 2, &[ended("eu_2", 31)]);
        assert_eq!(replica.events(), 1);
        assert!(matches!(replica.find(old), Err(wit::ReadError::LeftOut)));
        // What never was is known to be nothing without asking anybody.
        assert!(matches!(replica.find("eu_9"), Err(wit::ReadError::NotFound)));
        assert_eq!((replica.left_out(), replica.may_have_left_out("eu_1")), (0, false));
        // Days pass.
        replica.0.state.write().unwrap().model.apply(ended("eu_3", 31));
        replica.0.state.write().unwrap().swept = 0;
        replica.apply("eu", 3, &[]);
        assert_eq!(replica.events(), 1);
    }

    #[test]
    fn a_region_changes_only_its_own_facts() {
        let replica = Replica::new(["eu", "us"]);
        let search = || replica.page(wit::Query { limit: 10, ..everything() });
        assert!(matches!(search(), Err(wit::ReadError::Unavailable(_))));
        replica.replace("eu", 10, vec![event("eu_1", 2), availability("eu_1", 7, 5), event("us_9", 2)]);
        // Nothing is known of the other yet, which is not the same as that there is nothing.
        assert!(matches!(replica.find("us_9"), Err(wit::ReadError::Unavailable(_))));
        assert!(matches!(replica.find("ap_1"), Err(wit::ReadError::NotFound)));
        assert_eq!(search().unwrap().incomplete, ["us"]);

        replica.replace("us", 3, vec![event("us_1", 2), availability("us_1", 1, 9)]);
        replica.apply("us", 4, &[availability("eu_1", 8, 0), event("us_2", 1)]);
        assert_eq!((left(&replica), replica.position("eu"), replica.position("us")), ((7, 5), 10, 4));
        let page = search().unwrap();
        let mut ids: Vec<_> = page.items.iter().map(|event| event.id.as_str()).collect();
        ids.sort_unstable();
        assert_eq!((ids, page.incomplete.len()), (vec!["eu_1", "us_1", "us_2"], 0));

        replica.replace("us", 5, vec![event("us_3", 1)]);
        assert!(matches!(replica.find("us_1"), Err(wit::ReadError::NotFound)));
        assert_eq!((left(&replica), replica.events()), ((7, 5), 2));
    }

    /// A picture's file, in memory.
    async fn file_of(answers: &ImmutableAnswers, picture: &str) -> Key {
        let path = format!("/api/images/{picture}-480.jpg");
        let key = Key::of(1, &http::Request::get(path).body(()).unwrap()).unwrap();
        let answer =
            http::Response::builder().header("cache-control", "public, max-age=9, immutable").header("content-length", 0);
        let answer = answer.body(crate::body::Body::empty()).unwrap();
        answers.keep(answers.keeping(key.clone()), Ok(answer)).await.unwrap();
        key
    }

    #[tokio::test]
    async fn a_picture_that_its_event_has_no_more_is_not_given_from_memory() {
        let with = |id: &str, revision, picture: Option<&str>| {
            let Fact::Event(mut doc) = event(id, revision) else { panic!("not an event") };
            let image = picture.map(|id| read_model::Image { id: id.to_owned(), sizes: Vec::new() });
            // Of the second one it is the logo.
            if id == "eu_2" {
                doc.logo = image
            } else {
                doc.image = image
            }
            Fact::Event(doc)
        };
        let (replica, edges) = (one(), [ImmutableAnswers::default(), ImmutableAnswers::default()]);
        edges.iter().for_each(|answers| replica.kept_beside(answers));
        replica.replace("eu", 10, vec![with("eu_1", 2, Some("eu_a")), with("eu_2", 2, Some("eu_b")), with("eu_3", 1, None)]);
        for (change, gone) in [
            // What changes nothing of it, what is older than what is known, a first picture.
            (Some(with("eu_1", 3, Some("eu_a"))), &[][..]),
            (Some(with("eu_2", 1, None)), &[]),
            (Some(with("eu_3", 2, Some("eu_c"))), &[]),
            (Some(availability("eu_1", 7, 5)), &[]),
            (Some(with("eu_1", 4, Some("eu_d"))), &["eu_a"]),
            (Some(with("eu_2", 3, None)), &["eu_b"]),
            // A snapshot says it, too.
            (None, &["eu_d"]),
        ] {
            let mut keys = Vec::new();
            for picture in ["eu_a", "eu_b", "eu_c", "eu_d"] {
                let kept = [file_of(&edges[0], picture).await, file_of(&edges[1], picture).await];
                assert_eq!(kept[0], kept[1]);
                keys.push((picture, kept[0].clone()));
            }
            match &change {
                Some(fact) => replica.apply("eu", 11, std::slice::from_ref(fact)),
                None => replica.replace("eu", 12, vec![with("eu_1", 5, None), with("eu_3", 2, Some("eu_c"))]),
            }
            for answers in &edges {
                let given = |key: &Key| answers.get(key, &http::HeaderMap::new()).is_some();
                let forgotten: Vec<&str> = keys.iter().filter(|(_, key)| !given(key)).map(|(picture, _)| *picture).collect();
                assert_eq!(forgotten, gone, "{change:?}");
            }
        }
    }

    #[test]
    fn the_age_of_a_list_is_that_of_the_oldest_region() {
        let replica = Replica::new(["eu", "us"]);
        replica.replace("eu", 1, vec![event("eu_1", 2)]);
        replica.replace("us", 1, vec![event("us_1", 2)]);
        let eu = replica.0.regions.named("eu").unwrap();
        eu.as_of.fetch_sub(5_000_000, Ordering::AcqRel);
        let (old, new) = (replica.find("eu_1").unwrap().as_of, replica.find("us_1").unwrap().as_of);
        assert!(old + 4_000_000 < new);
        assert_eq!(replica.page(wit::Query { limit: 10, ..everything() }).unwrap().as_of, old);
    }

    #[tokio::test]
    async fn a_reader_ahead_of_the_replica_waits_for_it() {
        let replica = one();
        replica.replace("eu", 10, vec![event("eu_1", 2), availability("eu_1", 7, 5)]);
        let mut seen = Seen::default();
        // What another region's has nobody here waits for.
        seen.note(SeenKind::Inventory, "us_1", 8);
        assert!(replica.has(&seen, None));
        seen.note(SeenKind::Inventory, "eu_1", 8);
        assert!(!replica.has(&seen, None) && !replica.has(&seen, Some("eu")));
        assert!(!replica.catch_up(&seen, None, Duration::from_millis(1)).await);
        let (caught_up, ()) = tokio::join!(replica.catch_up(&seen, None, Duration::from_secs(10)), async {
            replica.apply("eu", 11, &[availability("eu_1", 8, 4)]);
        });
        assert!(caught_up);
        assert!(replica.has(&Seen::default(), None));
    }

    #[tokio::test]
    async fn a_client_reads_monotonically_across_edges() {
        let (one, other) = (one(), one());
        one.replace_at("eu", (7, 20), vec![event("eu_1", 2), availability("eu_1", 9, 1)]);
        other.replace_at("eu", (7, 12), vec![event("eu_1", 2), availability("eu_1", 7, 5)]);
        // Not a word about the event: how far the replica was is enough.
        let token = one.shown_first().unwrap();
        let seen = Seen::parse(token.to_str().unwrap());
        assert!(one.has(&seen, None) && !other.has(&seen, None) && !other.has(&seen, Some("eu")));
        assert!(
            Seen::parse(other.shown_first().unwrap().to_str().unwrap()) != seen && one.has(&other.shown(Seen::default()), None)
        );
        // Who was shown more elsewhere keeps that.
        assert_eq!(other.shown(seen.clone()), seen);
        other.apply("eu", 20, &[]);
        assert!(other.has(&seen, None));
        assert_eq!(other.shown_first(), Some(token));
    }

    #[tokio::test]
    async fn positions_from_before_a_restore_are_not_waited_for() {
        let replica = one();
        replica.replace_at("eu", (7, 20), vec![event("eu_1", 2), availability("eu_1", 9, 1)]);
        let mut seen = replica.shown(Seen::default());
        seen.note(SeenKind::Inventory, "eu_1", 9);
        replica.replace_at("eu", (8, 12), vec![event("eu_1", 2), availability("eu_1", 7, 5)]);
        assert!(!replica.has(&seen, None), "the reader is told that it is shown less");
        let told = replica.shown(seen);
        assert!(replica.has(&told, None), "and after that it is as with everybody");
        // One that has not noticed yet is behind who has.
        let late = one();
        late.replace_at("eu", (7, 25), vec![]);
        assert!(!late.has(&told, None));
    }
}
