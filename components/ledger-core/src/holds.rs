//! The live holds of one event, as a shell may keep them in memory between batches.

use crate::changes::Changes;
use crate::state::Record;
use crate::types::Instant;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

/// Which places are held, by whom and until when: what of the bookings whose rows say held or paying decides over other people's commands.
///
/// It is made of those rows and goes where they go, by [`Self::apply`]. Records stay in the database: only what counts is here, so that many
/// holds fit into a small memory. Time never goes backwards in it.
#[derive(Debug, Clone, Default)]
pub struct Holds {
    /// The instant up to which deadlines have been looked at.
    now: Instant,
    /// By booking.
    holds: HashMap<Rc<str>, Hold>,
    /// Those within their deadline, by it.
    live: BTreeSet<(Instant, Rc<str>)>,
    /// Those beyond it, the longest overdue first.
    overdue: BTreeSet<(Instant, Rc<str>)>,
    /// Places of live holds, by person, then ticket type, in order.
    places: HashMap<Rc<str>, Vec<(Rc<str>, i64)>>,
    /// Places of live holds, by the network that they were taken from.
    from: HashMap<Rc<str>, i64>,
    /// Places of overdue holds, by ticket type.
    overdue_places: BTreeMap<Rc<str>, i64>,
    /// Ticket types, so that each is in memory once.
    ticket_types: BTreeSet<Rc<str>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Hold {
    person: Rc<str>,
    expires_at: Instant,
    items: Box<[(Rc<str>, u32)]>,
    client: Option<Rc<str>>,
}

impl Hold {
    fn quantity(&self) -> i64 {
        self.items.iter().map(|(_, quantity)| i64::from(*quantity)).sum()
    }
}

/// The same holds at the same time; which ticket types were seen on the way does not matter.
impl PartialEq for Holds {
    fn eq(&self, other: &Self) -> bool {
        (self.now, &self.holds, &self.live, &self.overdue, &self.places, &self.from, &self.overdue_places)
            == (other.now, &other.holds, &other.live, &other.overdue, &other.places, &other.from, &other.overdue_places)
    }
}

impl Holds {
    /// No holds, at this time.
    #[must_use]
    pub fn new(now: Instant) -> Self {
        Self { now, ..Self::default() }
    }

    /// How many there are, overdue ones among them.
    #[must_use]
    pub fn len(&self) -> usize {
        self.holds.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.holds.is_empty()
    }

    /// The latest instant that it knows of.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.now
    }

    /// Adds one item of a hold, as a row has it. Items of one booking may come one by one.
    pub fn insert(
        &mut self,
        booking: &str,
        (person, client): (&str, Option<&str>),
        expires_at: Instant,
        ticket_type: &str,
        quantity: u32,
    ) {
        let (id, mut items, person, client) = match self.remove(booking) {
            Some((id, hold)) => (id, hold.items.into_vec(), hold.person, hold.client),
            None => (booking.into(), Vec::new(), self.person(person), client.map(|client| self.client(client))),
        };
        let ticket_type = self.ticket_type(ticket_type);
        items.push((ticket_type, quantity));
        self.add(id, Hold { person, expires_at, items: items.into(), client });
    }

    /// Lets time pass: what is beyond its deadline now does not count any more.
    pub fn advance(&mut self, now: Instant) {
        if now <= self.now {
            return;
        }
        self.now = now;
        while self.live.first().is_some_and(|(deadline, _)| *deadline <= now) {
            let Some((_, id)) = self.live.first().cloned() else { return };
            if let Some((id, hold)) = self.remove(&id) {
                self.add(id, hold);
            }
        }
    }

    /// Folds the changes of a batch in.
    pub fn apply(&mut self, changes: &Changes) {
        for write in changes.bookings.values() {
            self.put(&write.record);
        }
    }

    /// A booking as its row says it is now.
    fn put(&mut self, record: &Record) {
        let booking = &record.booking;
        let known = self.remove(&booking.id);
        let Some(expires_at) = booking.expires_at.filter(|_| booking.status.is_hold()) else { return };
        let (id, hold) = match known {
            // Whose it is and of how much never changes.
            Some((id, hold)) => (id, Hold { expires_at, ..hold }),
            None => {
                let items: Vec<_> =
                    booking.items.iter().map(|item| (self.ticket_type(&item.ticket_type), item.quantity)).collect();
                let (person, client) = (self.person(&booking.person), record.client.as_deref().map(|client| self.client(client)));
                (booking.id.as_str().into(), Hold { person, expires_at, items: items.into(), client })
            }
        };
        self.add(id, hold);
    }

    /// Whether any hold is overdue.
    #[must_use]
    pub fn any_overdue(&self) -> bool {
        !self.overdue.is_empty()
    }

    /// Bookings that are overdue, the longest overdue first.
    pub fn overdue(&self) -> impl Iterator<Item = &str> {
        self.overdue.iter().map(|(_, id)| id.as_ref())
    }

    /// Places of overdue holds, by ticket type.
    #[must_use]
    pub fn overdue_places(&self) -> BTreeMap<String, i64> {
        self.overdue_places.iter().map(|(ticket_type, places)| (ticket_type.to_string(), *places)).collect()
    }

    /// Places that a person holds within their deadlines, by ticket type.
    pub fn places(&self, person: &str) -> impl Iterator<Item = (&str, i64)> {
        let places = self.places.get(person);
        places.into_iter().flatten().map(|(ticket_type, places)| (ticket_type.as_ref(), *places))
    }

    /// Places that a person holds within their deadlines, of all ticket types.
    #[must_use]
    pub fn held(&self, person: &str) -> i64 {
        self.places(person).map(|(_, places)| places).sum()
    }

    /// Places that are held from a network within their deadlines.
    #[must_use]
    pub fn held_from(&self, client: &str) -> i64 {
        self.from.get(client).copied().unwrap_or_default()
    }

    fn add(&mut self, id: Rc<str>, hold: Hold) {
        let overdue = hold.expires_at <= self.now;
        if let Some(client) = hold.client.as_ref().filter(|_| !overdue) {
            *self.from.entry(Rc::clone(client)).or_default() += hold.quantity();
        }
        let order = if overdue { &mut self.overdue } else { &mut self.live };
        order.insert((hold.expires_at, Rc::clone(&id)));
        for (ticket_type, quantity) in &hold.items {
            let places = i64::from(*quantity);
            if overdue {
                *self.overdue_places.entry(Rc::clone(ticket_type)).or_default() += places;
                continue;
            }
            let of_person = self.places.entry(Rc::clone(&hold.person)).or_default();
            match of_person.binary_search_by(|(of, _)| of.cmp(ticket_type)) {
                Ok(at) => of_person.get_mut(at).into_iter().for_each(|(_, count)| *count += places),
                Err(at) => of_person.insert(at, (Rc::clone(ticket_type), places)),
            }
        }
        self.holds.insert(id, hold);
    }

    fn remove(&mut self, id: &str) -> Option<(Rc<str>, Hold)> {
        let (id, hold) = self.holds.remove_entry(id)?;
        let at = (hold.expires_at, id);
        // Where it stands is where its places count.
        if self.live.remove(&at) {
            if let Some(client) = &hold.client
                && let Some(places) = self.from.get_mut(client)
            {
                *places -= hold.quantity();
                if *places <= 0 {
                    self.from.remove(client);
                }
            }
            if let Some(of_person) = self.places.get_mut(&hold.person) {
                for (ticket_type, quantity) in &hold.items {
                    let counts = of_person.iter_mut().filter(|(of, _)| of == ticket_type);
                    counts.for_each(|(_, count)| *count -= i64::from(*quantity));
                }
                of_person.retain(|(_, count)| *count > 0);
                if of_person.is_empty() {
                    self.places.remove(&hold.person);
                }
            }
        } else {
            self.overdue.remove(&at);
            for (ticket_type, quantity) in &hold.items {
                if let Some(count) = self.overdue_places.get_mut(ticket_type) {
                    *count -= i64::from(*quantity);
                }
            }
            self.overdue_places.retain(|_, count| *count > 0);
        }
        Some((at.1, hold))
    }

    fn ticket_type(&mut self, name: &str) -> Rc<str> {
        match self.ticket_types.get(name) {
            Some(known) => Rc::clone(known),
            None => {
                let new: Rc<str> = name.into();
                self.ticket_types.insert(Rc::clone(&new));
                new
            }
        }
    }

    fn client(&self, name: &str) -> Rc<str> {
        self.from.get_key_value(name).map_or_else(|| name.into(), |(known, _)| Rc::clone(known))
    }

    fn person(&self, name: &str) -> Rc<str> {
        self.places.get_key_value(name).map_or_else(|| name.into(), |(known, _)| Rc::clone(known))
    }
}
