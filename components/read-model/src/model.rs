//! The newest public state of every event, in memory.

use std::collections::HashMap;
use std::sync::Arc;

use crate::fact::{Availability, EventDoc, EventStatus, Fact};
use crate::limits::MAX_TITLE_KEY_CHARS;
use crate::search::{Page, Query, SearchError, search};
use crate::text::fold;

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
}

impl Entry {
    /// Works out what search needs.
    #[must_use]
    pub fn new(doc: EventDoc) -> Self {
        let title = fold(&doc.title);
        let city = fold(&doc.venue.city);
        let haystack = format!(" {title} {} {city} {}", fold(&doc.venue.name), fold(&doc.description));
        Self {
            haystack: haystack.into(),
            title_key: title.chars().take(MAX_TITLE_KEY_CHARS).collect::<String>().into(),
            city_key: city.into(),
            category_key: fold(&doc.category).into(),
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

/// What one ticket type has left, as people ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineView {
    /// Ticket type's id.
    pub ticket_type: String,
    /// Places there are in all.
    pub capacity: u32,
    /// Places that are free.
    pub available: u32,
    /// Whether the sale is open now; `available` may still be 0.
    pub on_sale: bool,
}

/// What an event has left to sell, as people ask for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AvailabilityView {
    /// Whose inventory.
    pub event_id: String,
    /// Inventory version; 0 while none is known.
    pub version: u64,
    /// In the event's order of ticket types.
    pub lines: Vec<LineView>,
}

/// Published and cancelled events and their inventory, each at the highest version that was applied.
#[derive(Debug, Clone, Default)]
pub struct ReadModel {
    events: HashMap<String, Entry>,
    inventory: HashMap<String, Availability>,
}

impl ReadModel {
    /// Takes a fact if it is newer than what is known; whether it was taken.
    ///
    /// Facts about sessions and keys are not about events and are not kept here.
    pub fn apply(&mut self, fact: Fact) -> bool {
        match fact {
            Fact::Event(doc) => {
                let stale = self.event_revision(&doc.id).is_some_and(|known| known >= doc.revision);
                if stale || doc.status == EventStatus::Draft {
                    return false;
                }
                self.events.insert(doc.id.clone(), Entry::new(doc));
                true
            }
            Fact::Availability(availability) => {
                if self.inventory_version(&availability.event_id).is_some_and(|known| known >= availability.version) {
                    return false;
                }
                self.inventory.insert(availability.event_id.clone(), availability);
                true
            }
            Fact::SessionRevoked { .. } | Fact::Key { .. } => false,
        }
    }

    /// Puts `new` in the place of the events that `belong`, and gives back what was there.
    pub fn replace(&mut self, belongs: impl Fn(&str) -> bool, new: Self) -> Self {
        let Self { events, inventory } = new;
        let mut old = std::mem::replace(self, Self { events, inventory });
        // What stays goes over: where all of it belongs that is nothing.
        self.events.extend(old.events.extract_if(|id, _| !belongs(id)));
        self.inventory.extend(old.inventory.extract_if(|id, _| !belongs(id)));
        old
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

    /// What an event has left at `now`; `None` for an event that is not known.
    ///
    /// A ticket type whose inventory has not arrived yet has none left.
    #[must_use]
    pub fn availability(&self, event_id: &str, now: i64) -> Option<AvailabilityView> {
        let doc = self.get(event_id)?;
        let inventory = self.inventory.get(event_id);
        let on_sale = doc.status == EventStatus::Published && inventory.is_some_and(|inventory| inventory.on_sale(now));
        let lines = doc.ticket_types.iter().map(|ticket| {
            let line = inventory.and_then(|inventory| inventory.lines.iter().find(|line| line.ticket_type == ticket.id));
            LineView {
                ticket_type: ticket.id.clone(),
                capacity: line.map_or(ticket.capacity, |line| line.capacity),
                available: line.map_or(0, |line| line.available),
                on_sale: on_sale && line.is_some(),
            }
        });
        Some(AvailabilityView {
            event_id: event_id.to_owned(),
            version: inventory.map_or(0, |inventory| inventory.version),
            lines: lines.collect(),
        })
    }

    /// Published events that match, a page of them.
    ///
    /// # Errors
    /// [`SearchError::BadCursor`] if the cursor is not from a page of this order.
    pub fn search(&self, query: &Query, now: i64) -> Result<Page, SearchError> {
        search(self.events.values().map(|entry| self.beside_inventory(entry)), query, now)
    }

    /// As [`Self::search`], of these events only: what an index has found for the query's words, each at most once. An index may say too
    /// much, as [`crate::keys`] does: the query's words are looked at here as well.
    ///
    /// # Errors
    /// [`SearchError::BadCursor`] if the cursor is not from a page of this order.
    pub fn search_among<'i>(&self, ids: impl Iterator<Item = &'i str>, query: &Query, now: i64) -> Result<Page, SearchError> {
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
            description: String::new(),
            category: "music".to_owned(),
            venue: Venue { name: "Blue Hall".to_owned(), city: "Colombo".to_owned(), country: "LK".to_owned() },
            starts_at: 1_000,
            ends_at: 2_000,
            timezone: "Asia/Colombo".to_owned(),
            currency: "EUR".to_owned(),
            region: "eu".to_owned(),
            refund_until: None,
            ticket_types: vec![TicketType {
                id: format!("{id}_t0"),
                name: "Standard".to_owned(),
                price: 4500,
                capacity: 10,
                per_person_limit: 6,
            }],
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
    fn never_goes_backwards() {
        let mut model = ReadModel::default();
        for (revision, taken) in [(2, true), (1, false), (2, false), (3, true)] {
            assert_eq!(model.apply(Fact::Event(EventDoc { revision, ..event("a") })), taken, "revision {revision}");
        }
        for (version, taken) in [(5, true), (4, false), (5, false), (6, true)] {
            assert_eq!(model.apply(Fact::Availability(availability("a", version, &[1]))), taken, "version {version}");
        }
        assert_eq!((model.event_revision("a"), model.inventory_version("a"), model.len()), (Some(3), Some(6), 1));
    }

    #[test]
    fn drafts_and_strangers_stay_out() {
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
    fn availability_knows_the_time_and_the_state() {
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
    fn facts_as_json() {
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
