//! What a row of commands needs to be known.

use ledger_core::{Action, Command, Subject};
use std::collections::{BTreeMap, BTreeSet, HashSet};

/// What to read, by key.
#[derive(Debug, Default)]
pub struct Plan<'a> {
    /// Each event's commands, by their place among all. In the order that events are locked in, everywhere.
    pub events: BTreeMap<&'a str, Vec<usize>>,
    /// Idempotency keys: event, subject, key. One may stand there twice.
    pub keys: Vec<(&'a str, String, &'a str)>,
    /// Bookings that are named.
    pub bookings: BTreeSet<&'a str>,
    /// Who asks for a hold, and of which event.
    pub buyers: HashSet<(&'a str, &'a str)>,
    /// From where holds are asked for, and of which event.
    pub clients: HashSet<(&'a str, &'a str)>,
    /// Bookings that payments have arrived for: whether their owners may have them depends on what else they have.
    pub confirmed: BTreeSet<&'a str>,
    /// Payments that are said to have arrived.
    pub payments: BTreeSet<&'a str>,
    /// Events whose overdue holds are to be tidied.
    pub sweeps: BTreeSet<&'a str>,
    /// Events that may have another capacity before the last of their commands is decided.
    pub resized: BTreeSet<&'a str>,
}

impl<'a> Plan<'a> {
    /// What these commands need.
    #[must_use]
    pub fn new(commands: &[&'a Command]) -> Self {
        let mut plan = Self::default();
        for (place, command) in commands.iter().copied().enumerate() {
            let event = command.event_id.as_str();
            plan.events.entry(event).or_default().push(place);
            plan.bookings.extend(command.action.booking());
            match &command.action {
                Action::Expire => {
                    plan.sweeps.insert(event);
                    continue;
                }
                Action::Hold(_) => {
                    if let Subject::Person(person) = &command.subject {
                        plan.buyers.insert((event, person));
                    }
                    plan.clients.extend(command.client.as_deref().map(|client| (event, client)));
                }
                Action::Confirm(confirmation) => {
                    plan.confirmed.insert(&confirmation.booking);
                    plan.payments.insert(&confirmation.payment);
                }
                Action::Open(_) | Action::Adjust(_) => {
                    plan.resized.insert(event);
                }
                Action::Close(_) | Action::BeginPayment(_) | Action::EndPayment(_) | Action::Cancel(_) | Action::Annul(_) => {}
            }
            plan.keys.push((event, command.subject.scope(), &command.idempotency_key));
        }
        plan
    }

    /// Does without an event.
    pub fn leave_out(&mut self, event: &str) {
        self.events.remove(event);
        self.keys.retain(|(of, _, _)| *of != event);
        self.buyers.retain(|(of, _)| *of != event);
        self.clients.retain(|(of, _)| *of != event);
        self.sweeps.remove(event);
    }

    /// How many commands there are on an event.
    #[must_use]
    pub fn commands_of(&self, event: &str) -> usize {
        self.events.get(event).map_or(0, Vec::len)
    }
}
