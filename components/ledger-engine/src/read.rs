//! From rows to state and facts.

use crate::attempts::Failure;
use crate::limits;
use crate::plan::Plan;
use crate::store::{HeldFromRow, Inventory, KeyRow, LineRow, PlacesRow, RefundRow};
use ledger_core::{Accepted, Facts, HoldLimits, Holds, Line, Record, State, StoredKey};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// What is known of the events that are open, filled row by row.
#[derive(Debug, Default)]
pub struct PlanState {
    events: BTreeMap<String, (State, Facts)>,
    payments: BTreeSet<String>,
    overdue: BTreeSet<String>,
}

impl PlanState {
    /// An event's inventory; `commands`: by how much the swap raised the version.
    pub fn inventory(&mut self, event: &str, row: Inventory, commands: usize) {
        // The pair of the swap, which has added as much.
        debug_assert!(row.version >= commands as u64, "{event} is at version {} after {commands} more", row.version);
        let version = row.version.saturating_sub(commands as u64);
        let state = State { event: event.to_owned(), version, terms: row.terms, lines: BTreeMap::new() };
        self.events.insert(event.to_owned(), (state, Facts::default()));
    }

    /// What is known of an event already.
    pub fn known(&mut self, state: State) {
        self.events.insert(state.event.clone(), (state, Facts::default()));
    }

    /// Only an event's inventory.
    pub fn into_state(mut self, event: &str) -> Option<State> {
        self.events.remove(event).map(|(state, _)| state)
    }

    /// Whether no event of the plan is open: then there is nothing else to read.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    /// The events that are open.
    #[must_use]
    pub fn events(&self) -> Vec<&str> {
        self.events.keys().map(String::as_str).collect()
    }

    /// Their lines.
    pub fn lines(&mut self, rows: Vec<LineRow>) {
        for (event, ticket_type, line) in rows {
            debug_assert!(line.is_sound(), "{event} {ticket_type} is read as {line:?}");
            if is_forgotten(&line) {
                continue;
            }
            if let Some((state, _)) = self.events.get_mut(&event) {
                state.lines.insert(ticket_type, line);
            }
        }
        if is_to_be_trusted() {
            for (event, (state, _)) in &self.events {
                debug_assert!(state.adds_up(), "{event} is read as {:?}", state.lines);
            }
        }
    }

    /// Keys that were used.
    ///
    /// # Errors
    /// Where what was stored cannot be read.
    pub fn keys(&mut self, rows: Vec<KeyRow>) -> Result<(), Failure> {
        for (event, subject, key, request_hash, outcome) in rows {
            let Some((_, facts)) = self.events.get_mut(&event) else { continue };
            let accepted: Accepted =
                serde_json::from_str(&outcome).map_err(|error| Failure::Bad(format!("key {key} cannot be read: {error}")))?;
            facts.keys.insert((subject, key), StoredKey { request_hash, accepted: Rc::new(accepted) });
        }
        Ok(())
    }

    /// Named bookings, then overdue ones: some may be both.
    pub fn bookings(&mut self, named: Vec<Record>, overdue: Vec<Record>, now: i64) {
        for record in named.into_iter().chain(overdue) {
            debug_assert!(record.is_sound(), "read: {:?}", record.booking);
            if record.booking.expires_at.is_some_and(|at| at <= now) {
                self.overdue.insert(record.booking.id.clone());
            }
            self.payments.extend(record.payment.clone());
            if let Some((_, facts)) = self.events.get_mut(&record.booking.event_id) {
                facts.bookings.insert(record.booking.id.clone(), record);
            }
        }
        let more_overdue = i64::try_from(self.overdue.len()).unwrap_or(i64::MAX) >= limits::OVERDUE;
        self.events.values_mut().for_each(|(_, facts)| facts.more_overdue = more_overdue);
    }

    /// After [`Self::bookings`]: places of the plan's buyers, and of the owners of bookings that payments have arrived for.
    pub fn places(&mut self, plan: &Plan<'_>, rows: Vec<PlacesRow>) {
        for (event, person) in &plan.buyers {
            if let Some((_, facts)) = self.events.get_mut(*event) {
                facts.places.entry((*person).to_owned()).or_default();
            }
        }
        for (_, facts) in self.events.values_mut() {
            let Facts { bookings, places, .. } = facts;
            for record in plan.confirmed.iter().filter_map(|id| bookings.get(*id)) {
                places.entry(record.booking.person.clone()).or_default();
            }
        }
        for (event, person, ticket_type, places, held) in rows {
            if let Some((_, facts)) = self.events.get_mut(&event) {
                if held > 0 {
                    *facts.held.entry(person.clone()).or_default() += held;
                }
                facts.places.entry(person).or_default().insert(ticket_type, places);
            }
        }
    }

    /// After [`Self::lines`]: leaves out networks from which nobody can hold too much, for to count what is held takes the longer the more it is.
    pub fn leave_out_unbound(&self, plan: &mut Plan<'_>, limits: &HoldLimits) {
        let bound = |event: &str| self.events.get(event).is_none_or(|(state, _)| limits.bind_networks(state));
        let Plan { clients, resized, .. } = plan;
        clients.retain(|(event, _)| resized.contains(event) || bound(event));
    }

    /// What is held from the plan's networks.
    pub fn held_from(&mut self, plan: &Plan<'_>, rows: Vec<HeldFromRow>) {
        for (event, client) in &plan.clients {
            if let Some((_, facts)) = self.events.get_mut(*event) {
                facts.held_from.entry((*client).to_owned()).or_default();
            }
        }
        for (event, client, places) in rows {
            if let Some((_, facts)) = self.events.get_mut(&event) {
                facts.held_from.insert(client, places);
            }
        }
    }

    /// After [`Self::bookings`] and [`Self::places`], which was of what is bought: adds what is known of holds without having been read.
    pub fn holds(&mut self, plan: &Plan<'_>, event: &str, holds: &Holds) {
        let Some((_, facts)) = self.events.get_mut(event) else { return };
        for (person, places) in &mut facts.places {
            for (ticket_type, held) in holds.places(person) {
                *places.entry(ticket_type.to_owned()).or_default() += held;
                *facts.held.entry((*person).to_owned()).or_default() += held;
            }
        }
        for (_, client) in plan.clients.iter().filter(|(of, _)| *of == event) {
            facts.held_from.insert((*client).to_owned(), holds.held_from(client));
        }
        facts.unread_overdue.clear();
        facts.more_overdue = false;
        if holds.any_overdue() {
            let read = |id: &str| facts.bookings.contains_key(id);
            facts.more_overdue = holds.overdue().any(|id| !read(id));
            facts.unread_overdue = holds.overdue_places();
            for item in facts.bookings.values().filter(|it| it.is_overdue(holds.now())).flat_map(|it| &it.booking.items) {
                if let Some(places) = facts.unread_overdue.get_mut(&item.ticket_type) {
                    *places -= i64::from(item.quantity);
                }
            }
        }
    }

    /// Events with overdue holds that have not been read.
    pub fn untidy(&self) -> impl Iterator<Item = &str> {
        self.events.iter().filter(|(_, (_, facts))| facts.more_overdue).map(|(event, _)| event.as_str())
    }

    /// After [`Self::bookings`]: the plan's payments, and those that confirmed them.
    #[must_use]
    pub fn payments<'a>(&'a self, plan: &'a Plan<'_>) -> Vec<&'a str> {
        let payments: BTreeSet<&str> = plan.payments.iter().copied().chain(self.payments.iter().map(String::as_str)).collect();
        payments.into_iter().collect()
    }

    /// What was refunded of them.
    pub fn refunds(&mut self, rows: Vec<RefundRow>) {
        let refunded: BTreeMap<String, i64> = rows.into_iter().collect();
        self.events.values_mut().for_each(|(_, facts)| facts.refunded = refunded.clone());
    }

    /// What is known of an event: no state where it is not open.
    pub fn take(&mut self, plan: &Plan<'_>, event: &str) -> (Option<State>, Facts) {
        match self.events.remove(event) {
            Some((state, facts)) => (Some(state), facts),
            None => {
                // It may be opened by the first of its commands, and the next is a hold: of an event that is new, nobody has anything.
                let mut facts = Facts::default();
                let buyers = plan.buyers.iter().filter(|(of, _)| *of == event);
                facts.places = buyers.map(|(_, person)| ((*person).to_owned(), BTreeMap::new())).collect();
                let clients = plan.clients.iter().filter(|(of, _)| *of == event);
                facts.held_from = clients.map(|(_, client)| ((*client).to_owned(), 0)).collect();
                (None, facts)
            }
        }
    }
}

/// Whether a line is passed over.
fn is_forgotten(line: &Line) -> bool {
    line.terms.shared_by.is_some() && forgets_shared_lines()
}

fn forgets_shared_lines() -> bool {
    #[cfg(feature = "bugs")]
    if crate::bugs::planted(crate::bugs::Bug::SharedLinesForgotten) {
        return true;
    }
    false
}

/// Whether what is read must be what a ledger leaves.
fn is_to_be_trusted() -> bool {
    #[cfg(feature = "bugs")]
    if crate::bugs::any_planted() {
        return false;
    }
    true
}
