//! The newest public state of every event, in memory.

use std::cmp::Reverse;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::fact::{Availability, EventDoc, EventStatus, Fact, ImageSize};
use crate::limits::{EVENT_BYTES, HAYSTACK_BYTES, LINE_BYTES, MAX_TITLE_KEY_CHARS, ROOM};
use crate::search::{Query, SearchError, SearchPage, search};
use crate::text::{fold, haystack};
use vocabulary::edge;

/// An event with what search needs to know of it, worked out once.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The event; shared, so that a page copies nothing.
    pub doc: Arc<EventDoc>,
    /// See [`Self::text`].
    pub(crate) haystack: Arc<str>,
    pub(crate) title_key: Box<str>,
    pub(crate) city_key: Box<str>,
    pub(crate) category_key: Box<str>,
    pub(crate) cheapest: i64,
    /// What it takes in memory, roughly.
    bytes: usize,
}

impl Entry {
    /// Works out what search needs.
    #[must_use]
    pub fn new(doc: EventDoc) -> Self {
        let title = fold(&doc.title);
        let city = fold(&doc.venue.city);
        let haystack = haystack(&[&doc.title, &doc.venue.name, &doc.venue.city, &doc.description], HAYSTACK_BYTES);
        Self {
            title_key: title.chars().take(MAX_TITLE_KEY_CHARS).collect::<String>().into(),
            city_key: city.into(),
            category_key: fold(&doc.category).into(),
            bytes: haystack.len() + size(&doc),
            haystack: haystack.into(),
            cheapest: doc.ticket_types.iter().map(|ticket| ticket.price).min().unwrap_or(0),
            doc: Arc::new(doc),
        }
    }

    /// What a query's words are looked for in: title, venue, city and description, folded, with a space before each word.
    #[must_use]
    pub fn text(&self) -> &Arc<str> {
        &self.haystack
    }
}

/// Bytes of what is not searched.
fn size(doc: &EventDoc) -> usize {
    let venue = &doc.venue;
    // The id is in several places.
    let texts =
        [&doc.id, &doc.id, &doc.id, &doc.organiser_id, &doc.title, &doc.description, &doc.category, &venue.name, &venue.city];
    let tickets = doc.ticket_types.iter().map(|ticket| LINE_BYTES + ticket.id.len() + ticket.name.len());
    let questions = doc.questions.iter().map(|question| {
        let lists = question.choices.iter().chain(&question.ticket_types).map(|text| LINE_BYTES + text.len());
        LINE_BYTES + question.id.len() + question.label.len() + question.help.len() + lists.sum::<usize>()
    });
    let image = doc.image.iter().chain(&doc.logo).map(|image| image.id.len() + image.sizes.len() * size_of::<ImageSize>());
    let shared = doc.shared_capacities.iter().map(|shared| {
        let types = shared.ticket_types.iter().map(|id| LINE_BYTES + id.len());
        LINE_BYTES + shared.id.len() + shared.name.len() + types.sum::<usize>()
    });
    let lists = tickets.sum::<usize>() + questions.sum::<usize>() + shared.sum::<usize>() + image.sum::<usize>();
    EVENT_BYTES + texts.iter().map(|text| text.len()).sum::<usize>() + lists
}

fn inventory_size(availability: &Availability) -> usize {
    let lines = availability.lines.iter().map(|line| LINE_BYTES + line.ticket_type.len());
    LINE_BYTES + 2 * availability.event_id.len() + lines.sum::<usize>()
}

/// Published and cancelled events and their inventory, each at the highest version that was applied.
#[derive(Debug, Clone, Default)]
pub struct ReadModel {
    events: HashMap<String, Entry>,
    inventory: HashMap<String, Availability>,
    /// What both take, roughly.
    bytes: usize,
    /// Events that there was no room for. Nothing more is taken of them: what is known of such a one is for its home region to say.
    left_out: HashSet<Box<str>>,
}

impl ReadModel {
    /// Takes a fact if it is newer than what is known; whether it was taken.
    ///
    /// Facts about sessions and keys are not about events and are not kept here.
    pub fn apply(&mut self, fact: Fact) -> bool {
        match fact {
            Fact::Event(doc) => {
                let stale = self.event_revision(&doc.id).is_some_and(|known| known >= doc.revision);
                if stale || doc.status == EventStatus::Draft || self.left_out.contains(&*doc.id) {
                    return false;
                }
                let entry = Entry::new(doc);
                self.bytes += entry.bytes;
                if let Some(old) = self.events.insert(entry.doc.id.clone(), entry) {
                    self.bytes -= old.bytes;
                }
                true
            }
            Fact::Availability(availability) => {
                if self.inventory_version(&availability.event_id).is_some_and(|known| known >= availability.version) {
                    return false;
                }
                if self.left_out.contains(&*availability.event_id) {
                    return false;
                }
                self.bytes += inventory_size(&availability);
                if let Some(old) = self.inventory.insert(availability.event_id.clone(), availability) {
                    self.bytes -= inventory_size(&old);
                }
                true
            }
            Fact::SessionRevoked { .. } | Fact::Key { .. } => false,
        }
    }

    /// Puts `new` in the place of the events that `belong`, and gives back what was there.
    pub fn replace(&mut self, belongs: impl Fn(&str) -> bool, new: Self) -> Self {
        let mut old = std::mem::replace(self, new);
        // What stays goes over: where all of it belongs that is nothing.
        for (id, entry) in old.events.extract_if(|id, _| !belongs(id)) {
            self.bytes += entry.bytes;
            self.events.insert(id, entry);
        }
        for (id, availability) in old.inventory.extract_if(|id, _| !belongs(id)) {
            self.bytes += inventory_size(&availability);
            self.inventory.insert(id, availability);
        }
        self.left_out.extend(old.left_out.extract_if(|id| !belongs(id)));
        old
    }

    /// What it takes in memory, in bytes and roughly.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether there was no room for this event.
    #[must_use]
    pub fn is_left_out(&self, id: &str) -> bool {
        self.left_out.contains(id)
    }

    /// The events that there was no room for.
    pub fn left_out(&self) -> impl ExactSizeIterator<Item = &str> {
        self.left_out.iter().map(|id| &**id)
    }

    /// Forgets events that ended before this; gives their ids.
    pub fn archive(&mut self, before: i64) -> Vec<String> {
        let over: Vec<String> =
            self.events.iter().filter(|(_, entry)| entry.doc.ends_at < before).map(|(id, _)| id.clone()).collect();
        over.iter().for_each(|id| self.remove(id));
        over
    }

    /// Leaves events out until it has no more than so many of them and so many bytes, with some room to spare; gives their ids. Those go first
    /// that are over; then those of the organiser with the most events, the latest first: who fills the memory loses by it.
    pub fn make_room(&mut self, events: usize, bytes: usize, now: i64) -> Vec<String> {
        if self.events.len() <= events && self.bytes <= bytes {
            return Vec::new();
        }
        let mut of_organiser: HashMap<&str, usize> = HashMap::new();
        for entry in self.events.values() {
            *of_organiser.entry(&entry.doc.organiser_id).or_default() += entry.bytes;
        }
        let place = |entry: &Entry| {
            let doc = &entry.doc;
            (
                doc.ends_at >= now,
                Reverse(of_organiser.get(&*doc.organiser_id).copied().unwrap_or_default()),
                Reverse(doc.starts_at),
            )
        };
        let mut order: Vec<_> = self.events.iter().map(|(id, entry)| (place(entry), id.clone())).collect();
        order.sort_unstable();
        let (events, bytes) = (events - events / ROOM, bytes - bytes / ROOM);
        let mut gone = Vec::new();
        for (_, id) in order {
            if self.events.len() <= events && self.bytes <= bytes {
                break;
            }
            self.remove(&id);
            self.left_out.insert(id.as_str().into());
            gone.push(id);
        }
        gone
    }

    fn remove(&mut self, id: &str) {
        if let Some(entry) = self.events.remove(id) {
            self.bytes -= entry.bytes;
        }
        if let Some(availability) = self.inventory.remove(id) {
            self.bytes -= inventory_size(&availability);
        }
    }

    /// How many events there are beside those that `belong`.
    #[must_use]
    pub fn len_without(&self, belongs: impl Fn(&str) -> bool) -> usize {
        self.events.keys().filter(|id| !belongs(id)).count()
    }

    /// All events, in no order.
    pub fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.events.values()
    }

    /// A published or cancelled event, with what search knows of it.
    #[must_use]
    pub fn entry(&self, id: &str) -> Option<&Entry> {
        self.events.get(id)
    }

    /// A published or cancelled event.
    #[must_use]
    pub fn get(&self, id: &str) -> Option<&Arc<EventDoc>> {
        self.events.get(id).map(|entry| &entry.doc)
    }

    /// What an event has left at `now`, and as of then; `None` for an event that is not known.
    ///
    /// A ticket type whose inventory has not arrived yet has none left.
    #[must_use]
    pub fn availability(&self, event_id: &str, now: i64) -> Option<edge::Availability> {
        let doc = self.get(event_id)?;
        let inventory = self.inventory.get(event_id);
        let on_sale = doc.status == EventStatus::Published && inventory.is_some_and(|inventory| inventory.on_sale(now));
        let lines = doc.ticket_types.iter().map(|ticket| {
            let line = inventory.and_then(|inventory| inventory.lines.iter().find(|line| line.ticket_type == ticket.id));
            edge::LineAvailability {
                ticket_type: ticket.id.clone(),
                capacity: line.map_or(ticket.capacity, |line| line.capacity),
                available: line.map_or(0, |line| line.available),
                on_sale: on_sale && line.is_some() && ticket.on_sale(now),
            }
        });
        Some(edge::Availability {
            event_id: event_id.to_owned(),
            version: inventory.map_or(0, |inventory| inventory.version),
            lines: lines.collect(),
            as_of: now,
        })
    }

    /// Published events that match, a page of them.
    ///
    /// # Errors
    /// [`SearchError::BadCursor`] if the cursor is not from a page of this order.
    pub fn search(&self, query: &Query, now: i64) -> Result<SearchPage, SearchError> {
        search(self.events.values().map(|entry| self.beside_inventory(entry)), query, now)
    }

    /// As [`Self::search`], of these events only: what an index has found for the query's words, each at most once. An index may say too
    /// much, as [`crate::keys`] does: the query's words are looked at here as well.
    ///
    /// # Errors
    /// [`SearchError::BadCursor`] if the cursor is not from a page of this order.
    pub fn search_among<'i>(
        &self,
        ids: impl Iterator<Item = &'i str>,
        query: &Query,
        now: i64,
    ) -> Result<SearchPage, SearchError> {
        search(ids.filter_map(|id| self.events.get(id)).map(|entry| self.beside_inventory(entry)), query, now)
    }

    fn beside_inventory<'a>(&'a self, entry: &'a Entry) -> (&'a Entry, Option<&'a Availability>) {
        (entry, self.inventory.get(&entry.doc.id))
    }

    /// Revision of an event, if it is known.
    #[must_use]
    pub fn event_revision(&self, id: &str) -> Option<u64> {
        self.events.get(id).map(|entry| entry.doc.revision)
    }

    /// Version of an event's inventory, if it is known.
    #[must_use]
    pub fn inventory_version(&self, event_id: &str) -> Option<u64> {
        self.inventory.get(event_id).map(|inventory| inventory.version)
    }

    /// Whether a higher version of what a fact is about is known.
    #[must_use]
    pub fn is_ahead_of(&self, fact: &Fact) -> bool {
        match fact {
            Fact::Event(doc) => self.event_revision(&doc.id).is_some_and(|known| known > doc.revision),
            Fact::Availability(availability) => {
                self.inventory_version(&availability.event_id).is_some_and(|known| known > availability.version)
            }
            Fact::SessionRevoked { .. } | Fact::Key { .. } => false,
        }
    }

    /// How many events are known.
    #[must_use]
    pub fn len(&self) -> usize {
        self.events.len()
    }

    /// Whether no event is known.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::fact::{Line, TicketType, Venue};

    pub(crate) fn event(id: &str) -> EventDoc {
        EventDoc {
            id: id.to_owned(),
            organiser_id: "eu_o".to_owned(),
            status: EventStatus::Published,
            revision: 2,
            title: format!("Night {id}"),
            category: "music".to_owned(),
            venue: Venue { name: "Blue Hall".to_owned(), city: "Colombo".to_owned(), country: "LK".to_owned() },
            starts_at: 1_000,
            ends_at: 2_000,
            timezone: "Asia/Colombo".to_owned(),
            currency: "EUR".to_owned(),
            region: "eu".to_owned(),
            ticket_types: vec![TicketType {
                id: format!("{id}_t0"),
                name: "Standard".to_owned(),
                price: 4500,
                capacity: 10,
                per_person_limit: 6,
                ..TicketType::default()
            }],
            ..EventDoc::default()
        }
    }

    pub(crate) fn availability(event_id: &str, version: u64, available: &[u32]) -> Availability {
        let lines = available.iter().enumerate().map(|(n, available)| Line {
            ticket_type: format!("{event_id}_t{n}"),
            capacity: 10,
            available: *available,
        });
        Availability {
            event_id: event_id.to_owned(),
            version,
            open: true,
            sales_from: None,
            sales_until: Some(2_000),
            lines: lines.collect(),
        }
    }

    #[test]
    fn older_facts_are_ignored() {
        let mut model = ReadModel::default();
        for (revision, taken) in [(2, true), (1, false), (2, false), (3, true)] {
            assert_eq!(model.apply(Fact::Event(EventDoc { revision, ..event("a") })), taken, "revision {revision}");
        }
        for (version, taken) in [(5, true), (4, false), (5, false), (6, true)] {
            assert_eq!(model.apply(Fact::Availability(availability("a", version, &[1]))), taken, "version {version}");
        }
        assert_eq!((model.event_revision("a"), model.inventory_version("a"), model.len()), (Some(3), Some(6), 1));
    }

    /// One organiser publishes without end: memory stays bounded, and no other organiser's events are evicted.
    #[test]
    fn many_events_of_one_organiser_evict_no_others() {
        let flood = |number: usize| EventDoc {
            organiser_id: "eu_flood".to_owned(),
            description: "\u{FDFA}".repeat(10_000),
            starts_at: 5_000 + i64::try_from(number).unwrap(),
            ends_at: 9_000,
            ..event(&format!("flood{number:03}"))
        };
        let one = Entry::new(flood(0)).bytes;
        assert!(one < 150_000, "{one} bytes of one event: its text is bounded, however it is taken apart");
        let mut model = ReadModel::default();
        let limit = 20 * one;
        model.apply(Fact::Event(EventDoc { ends_at: 1_000, ..event("over") }));
        for honest in ["a", "b"] {
            model.apply(Fact::Event(EventDoc { starts_at: 8_000, ends_at: 9_000, ..event(honest) }));
            model.apply(Fact::Availability(availability(honest, 1, &[1])));
        }
        let mut gone = Vec::new();
        for number in 0..200 {
            model.apply(Fact::Event(flood(number)));
            gone.extend(model.make_room(1_000, limit, 2_000));
            assert!(model.bytes() <= limit);
        }
        assert_eq!((gone[0].as_str(), model.get("a").is_some(), model.get("b").is_some()), ("over", true, true));
        assert!(model.get("flood000").is_some() && model.is_left_out("flood199") && !model.is_left_out("a"));
        assert_eq!(model.left_out().len() + model.len(), 203);
        // What was left out stays so, whatever comes of it, until the next snapshot.
        assert!(!model.apply(Fact::Event(EventDoc { revision: 9, ..flood(199) })));
        assert!(!model.apply(Fact::Availability(availability("flood199", 9, &[1]))));
        assert_eq!(model.make_room(2, usize::MAX, 2_000).len(), model.left_out().len() - gone.len());

        let mut snapshot = ReadModel::default();
        snapshot.apply(Fact::Event(event("a")));
        model.replace(|_| true, snapshot);
        let fresh = Entry::new(event("a")).bytes;
        assert_eq!((model.bytes(), model.left_out().len()), (fresh, 0));
    }

    #[test]
    fn long_finished_events_are_archived() {
        let mut model = ReadModel::default();
        for (id, ends_at) in [("old", 1_999), ("new", 2_000)] {
            model.apply(Fact::Event(EventDoc { ends_at, ..event(id) }));
            model.apply(Fact::Availability(availability(id, 1, &[1])));
        }
        let half = model.bytes() / 2;
        assert_eq!(model.archive(2_000), ["old"]);
        assert!(model.get("old").is_none() && model.inventory_version("old").is_none() && model.get("new").is_some());
        assert!(model.bytes() <= half + 1 && !model.is_left_out("old"));
    }

    #[test]
    fn drafts_and_foreign_events_are_ignored() {
        let mut model = ReadModel::default();
        for fact in [
            Fact::Event(EventDoc { status: EventStatus::Draft, ..event("a") }),
            Fact::Key { kid: "k".to_owned(), public_key: "x".to_owned(), until: None },
            Fact::SessionRevoked { session: "s".to_owned(), until: 1 },
        ] {
            assert!(!model.apply(fact));
        }
        assert!(model.is_empty() && model.get("a").is_none() && model.availability("a", 0).is_none());
    }

    #[test]
    fn availability_depends_on_time_and_state() {
        let published = event("a");
        let cancelled = EventDoc { status: EventStatus::Cancelled, ..event("a") };
        let open = availability("a", 7, &[3]);
        let closed = Availability { open: false, ..open.clone() };
        let later = Availability { sales_from: Some(1_500), ..open.clone() };
        let other = availability("b", 1, &[3]);
        for (name, doc, inventory, now, expected) in [
            ("open", &published, &open, 0, (7, 3, true)),
            ("just before the end", &published, &open, 1_999, (7, 3, true)),
            ("at the end", &published, &open, 2_000, (7, 3, false)),
            ("not yet", &published, &later, 1_499, (7, 3, false)),
            ("from then on", &published, &later, 1_500, (7, 3, true)),
            ("closed", &published, &closed, 0, (7, 3, false)),
            ("cancelled", &cancelled, &open, 0, (7, 3, false)),
            ("no inventory yet", &published, &other, 0, (0, 0, false)),
        ] {
            let mut model = ReadModel::default();
            model.apply(Fact::Event(doc.clone()));
            model.apply(Fact::Availability(inventory.clone()));
            let view = model.availability("a", now).unwrap();
            let line = &view.lines[0];
            assert_eq!((view.version, line.available, line.on_sale), expected, "{name}");
            assert_eq!(line.capacity, 10, "{name}");
        }
    }

    #[test]
    fn facts_round_trip_as_json() {
        for (json, fact) in [
            (
                r#"{"kind":"key","kid":"k","public_key":"x"}"#,
                Fact::Key { kid: "k".to_owned(), public_key: "x".to_owned(), until: None },
            ),
            (r#"{"kind":"session_revoked","session":"s","until":5}"#, Fact::SessionRevoked { session: "s".to_owned(), until: 5 }),
            (
                r#"{"kind":"availability","event_id":"a","version":7,"open":true,"sales_until":2000,"lines":[{"ticket_type":"a_t0","capacity":10,"available":3}]}"#,
                Fact::Availability(availability("a", 7, &[3])),
            ),
        ] {
            assert_eq!(serde_json::to_string(&fact).unwrap(), json);
            assert_eq!(serde_json::from_str::<Fact>(json).unwrap(), fact);
        }
        let fact = Fact::Event(event("a"));
        let json = serde_json::to_string(&fact).unwrap();
        assert!(json.starts_with(r#"{"kind":"event","id":"a","#), "{json}");
        assert_eq!(serde_json::from_str::<Fact>(&json).unwrap(), fact);
    }
}
