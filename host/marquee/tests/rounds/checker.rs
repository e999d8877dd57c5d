//! Whether there is one order of decisions that explains every answer.
//!
//! The database says what the order is: a decision takes a version of its event's inventory, and the journal has every change of a booking with that
//! version. So there is nothing to search for. What is left to see: that the order is of sound steps; that every answer fits it; and that it
//! fits real time, for what was answered before something else was asked has its place before it.

use crate::history::{Answer, Ask, Instant, Request};
use crate::witness::{Database, Event, Key, Status, Step};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// What is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fault {
    /// More places are taken than there are.
    Oversold,
    /// A person has more places than one may have.
    OverLimit,
    /// An answer said that it was done, and it is not there.
    Lost,
    /// Done more than once.
    Doubled,
    /// An answer said that it was not done, and it is there.
    DoneAfterAll,
    /// Nobody asked for it.
    Unasked,
    /// A refusal that was true at no time while its request was under way.
    Untrue,
    /// The order is not that of real time.
    OutOfOrder,
    /// One key, two answers.
    Changed,
    /// A step that no booking may take, or rows that do not agree with each other.
    Unsound,
    /// An answer that nobody should ever get.
    Unexpected,
}

/// A fault and where it shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    pub fault: Fault,
    pub event: String,
    pub text: String,
}

/// Everything that is wrong.
pub fn check(requests: &[Request], database: &Database) -> Vec<Violation> {
    let mut violations = Vec::new();
    for event in database.events.values() {
        let of_event = requests.iter().filter(|request| request.event == event.id).collect();
        let mut checker = Checker::new(event, of_event, database, &mut violations);
        checker.steps();
        checker.keys();
        checker.payments();
        checker.real_time();
        checker.refusals();
        checker.answers();
    }
    violations
}

/// A decision, and the requests it may have come from.
struct Decision {
    version: u64,
    /// When it was first asked for.
    start: Instant,
    /// When it was first answered as done; never is the end of time.
    end: Instant,
    name: String,
}

/// What the books say after a version.
#[derive(Clone, Default)]
struct EventState {
    taken: i64,
    by_person: HashMap<String, i64>,
    bookings: HashMap<String, Status>,
}

struct Checker<'a> {
    event: &'a Event,
    requests: Vec<&'a Request>,
    keys: BTreeMap<(&'a str, &'a str), &'a Key>,
    steps: Vec<&'a Step>,
    database: &'a Database,
    decisions: Vec<Decision>,
    violations: &'a mut Vec<Violation>,
}

impl<'a> Checker<'a> {
    fn new(event: &'a Event, requests: Vec<&'a Request>, database: &'a Database, violations: &'a mut Vec<Violation>) -> Self {
        let keys = database.keys.iter().filter(|key| key.event == event.id);
        let mut steps: Vec<_> = database.steps.iter().filter(|step| step.event == event.id).collect();
        steps.sort_by_key(|step| step.version);
        Self {
            event,
            requests,
            keys: keys.map(|key| ((key.person.as_str(), key.key.as_str()), key)).collect(),
            steps,
            database,
            decisions: Vec::new(),
            violations,
        }
    }

    fn say(&mut self, fault: Fault, text: String) {
        self.violations.push(Violation { fault, event: self.event.id.clone(), text });
    }

    /// The order by itself: each step possible after those before it, and the rows as the last ones leave them.
    fn steps(&mut self) {
        let mut state = EventState::default();
        let mut versions = BTreeSet::new();
        for step in self.steps.clone() {
            if !versions.insert(step.version) || step.version > self.event.version {
                self.say(
                    Fault::Unsound,
                    format!("version {} of {} twice, or beyond the inventory's", step.version, step.booking),
                );
            }
            let before = state.bookings.get(&step.booking).copied();
            if before.is_some() && step.created {
                self.say(Fault::Doubled, format!("{} was created again at {}", step.booking, step.version));
            } else if !may(before, step, self.event.free) && !goes_on(before, step, self.database.restored) {
                self.say(Fault::Unsound, format!("{}: {before:?} to {:?} at {}", step.booking, step.status, step.version));
            }
            state.take(step);
            if state.taken > self.event.capacity {
                self.say(Fault::Oversold, format!("{} of {} at version {}", state.taken, self.event.capacity, step.version));
            }
            let has = state.by_person.get(&step.person).copied().unwrap_or_default();
            if has > self.event.limit {
                self.say(
                    Fault::OverLimit,
                    format!("{} has {has} of {} at version {}", step.person, self.event.limit, step.version),
                );
            }
        }
        let rows = self.database.rows.iter().filter(|row| row.event == self.event.id);
        let rows: HashMap<_, _> = rows.map(|row| (row.booking.as_str(), row)).collect();
        let (mut held, mut sold) = (0, 0);
        for row in rows.values() {
            held += if row.status.is_hold() { row.quantity } else { 0 };
            sold += if row.status == Status::Confirmed { row.quantity } else { 0 };
            if state.bookings.get(&row.booking) != Some(&row.status) {
                let told = state.bookings.get(&row.booking);
                self.say(Fault::Unsound, format!("{} is {:?}, the journal says {told:?}", row.booking, row.status));
            }
        }
        for booking in state.bookings.keys().filter(|booking| !rows.contains_key(booking.as_str())) {
            self.say(Fault::Lost, format!("{booking} is in the journal and has no row"));
        }
        if (held, sold) != (self.event.held, self.event.sold) {
            let (says_held, says_sold) = (self.event.held, self.event.sold);
            self.say(Fault::Unsound, format!("{held} held and {sold} sold, the line says {says_held} and {says_sold}"));
        }
    }

    /// Every booking and every cancellation has one key, and every key a request.
    fn keys(&mut self) {
        let mut used = BTreeSet::new();
        for key in self.keys.values().copied().collect::<Vec<_>>() {
            let asked: Vec<_> = self.of_key(&key.person, &key.key).collect();
            used.insert((key.booking.clone(), key.version));
            if asked.is_empty() {
                self.say(Fault::Unasked, format!("nobody sent key {}", key.key));
                continue;
            }
            if asked.iter().all(|request| request.answer.is_certainly_not()) {
                self.say(Fault::DoneAfterAll, format!("{} was refused each time, and done at {}", key.key, key.version));
            }
            let (start, end) = window(&asked);
            self.decisions.push(Decision { version: key.version, start, end, name: key.key.clone() });
        }
        for step in self.steps.clone() {
            let keyed = step.created || step.status == Status::Cancelled;
            if keyed && !used.contains(&(step.booking.clone(), step.version)) {
                let fault = if step.created { Fault::Doubled } else { Fault::Unasked };
                self.say(fault, format!("{} became {:?} at {} by no key", step.booking, step.status, step.version));
            }
        }
    }

    /// What payments did, by the requests to pay that booking.
    fn payments(&mut self) {
        for step in self.steps.clone() {
            if step.created || !matches!(step.status, Status::Paying | Status::Confirmed) {
                continue;
            }
            let paying = |request: &&&Request| matches!(&request.ask, Ask::Pay { booking } if *booking == step.booking);
            let asked: Vec<_> = self.requests.iter().filter(paying).copied().collect();
            if asked.is_empty() {
                self.say(Fault::Unasked, format!("nobody paid for {}", step.booking));
                continue;
            }
            if asked.iter().all(|request| request.answer.is_certainly_not()) {
                self.say(Fault::DoneAfterAll, format!("every payment of {} was refused", step.booking));
            }
            let (start, mut end) = window(&asked);
            if step.status == Status::Paying {
                let begun = asked.iter().filter(|request| request.answer.body().is_some()).map(|request| request.end);
                end = begun.min().unwrap_or(end);
            }
            let name = format!("{:?} of {}", step.status, step.booking);
            self.decisions.push(Decision { version: step.version, start, end, name });
        }
    }

    /// What was answered before something else was asked has its place before it.
    fn real_time(&mut self) {
        self.decisions.sort_by_key(|decision| decision.version);
        let (mut latest, mut out_of_order) = (None::<&Decision>, Vec::new());
        for decision in &self.decisions {
            if let Some(before) = latest.filter(|before| decision.end < before.start) {
                out_of_order.push(format!(
                    "{} (version {}) was answered before {} (version {}) was asked for",
                    decision.name, decision.version, before.name, before.version
                ));
            }
            if latest.is_none_or(|before| decision.start > before.start) {
                latest = Some(decision);
            }
        }
        out_of_order.into_iter().for_each(|text| self.say(Fault::OutOfOrder, text));
    }

    /// Versions after which something that was seen in this time may have been so: from the first one on, and before the second.
    fn places(&self, start: Instant, end: Instant) -> (u64, u64) {
        let earlier = self.decisions.iter().filter(|decision| decision.end < start).map(|decision| decision.version);
        let later = self.decisions.iter().filter(|decision| decision.start > end).map(|decision| decision.version);
        (earlier.max().unwrap_or(0), later.min().unwrap_or(u64::MAX))
    }

    /// Refusals are what somebody saw: each has a place where it was true, none before one that somebody saw earlier.
    fn refusals(&mut self) {
        let mut refused: Vec<_> = self.requests.iter().filter(|request| is_refusal(&request.answer)).copied().collect();
        refused.sort_by_key(|request| request.start);
        // Of each that has its place: when it was answered, and where that is.
        let mut placed: Vec<(Instant, u64)> = Vec::new();
        for request in refused {
            let (mut from, to) = self.places(request.start, request.end);
            from = from.max(placed.iter().filter(|(end, _)| *end < request.start).map(|(_, at)| *at).max().unwrap_or(0));
            let decided = self.keys.get(&(request.person.as_str(), request.key.as_str())).map_or(u64::MAX, |key| key.version);
            match self.true_at(request, from, to.min(decided)) {
                Some(at) => placed.push((request.end, at)),
                None => {
                    let text = format!("{}: {:?} at no version from {from} to before {to}", request.key, request.answer);
                    self.say(Fault::Untrue, text);
                }
            }
        }
    }

    /// The first version from `from` on, and before `to`, after which a refusal was true.
    fn true_at(&self, request: &Request, from: u64, to: u64) -> Option<u64> {
        let mut state = EventState::default();
        let mut steps = self.steps.iter().peekable();
        while let Some(step) = steps.next_if(|step| step.version <= from) {
            state.take(step);
        }
        let mut at = from;
        loop {
            if at >= to {
                return None;
            }
            if state.bear_out(request, self.event) {
                return Some(at);
            }
            let step = steps.next()?;
            state.take(step);
            at = step.version;
        }
    }

    /// Each answer by itself, and beside others with its key.
    fn answers(&mut self) {
        let mut bodies: HashMap<(&str, &str), &[u8]> = HashMap::new();
        for request in self.requests.clone() {
            if let Some(body) = request.answer.body() {
                let first = bodies.entry((&request.person, &request.key)).or_insert(body);
                if *first != body {
                    self.say(Fault::Changed, format!("{} was answered in two ways", request.key));
                }
            }
            if let Some(text) = self.missing(request) {
                self.say(Fault::Lost, text);
            }
            if let Answer::Unexpected(text) = &request.answer {
                self.say(Fault::Unexpected, format!("{:?}: {text}", request.ask));
            }
        }
    }

    /// What an accepted answer tells of and the database does not know.
    fn missing(&self, request: &Request) -> Option<String> {
        let (_, to) = self.places(request.start, request.end);
        let there = |booking: &str, version: Option<u64>, status: fn(&Step) -> bool| {
            let found = self.steps.iter().find(|step| step.booking == booking && status(step));
            found.is_some_and(|step| version.is_none_or(|version| version == step.version) && step.version < to)
        };
        let found = match (&request.ask, &request.answer) {
            (Ask::Pay { booking }, Answer::Underway { .. }) => there(booking, None, |step| step.status == Status::Paying),
            (Ask::Pay { booking }, Answer::Accepted { .. }) => there(booking, None, |step| step.status == Status::Confirmed),
            (ask, Answer::Accepted { booking, version, .. }) => {
                let key = self.keys.get(&(request.person.as_str(), request.key.as_str()));
                let kept = key.is_some_and(|key| key.booking == *booking && Some(key.version) == *version);
                match ask {
                    // One that was cancelled already is shown as it is, and the key is not kept.
                    Ask::Cancel { .. } => {
                        (kept || key.is_none()) && there(booking, *version, |step| step.status == Status::Cancelled)
                    }
                    _ => kept && there(booking, *version, |step| step.created),
                }
            }
            _ => true,
        };
        (!found).then(|| format!("{}: {:?} was answered {:?}", request.key, request.ask, request.answer))
    }

    fn of_key(&self, person: &str, key: &str) -> impl Iterator<Item = &'a Request> {
        self.requests.iter().copied().filter(move |request| request.key == key && request.person == person)
    }
}

impl EventState {
    fn take(&mut self, step: &Step) {
        let before = self.bookings.insert(step.booking.clone(), step.status);
        let counts = |status: Option<Status>| if status.is_some_and(Status::counts) { step.quantity } else { 0 };
        let more = counts(Some(step.status)) - counts(before);
        self.taken += more;
        *self.by_person.entry(step.person.clone()).or_default() += more;
    }

    /// Whether a refusal is true.
    fn bear_out(&self, request: &Request, event: &Event) -> bool {
        let has = self.by_person.get(&request.person).copied().unwrap_or_default();
        match (&request.ask, &request.answer) {
            (Ask::Hold { quantity }, Answer::SoldOut { left }) => *left < *quantity && *left == event.capacity - self.taken,
            (Ask::Hold { quantity }, Answer::OverLimit { has: said }) => has == *said && has + quantity > event.limit,
            (Ask::Cancel { booking }, Answer::NotCancellable) => self.bookings.get(booking) == Some(&Status::Confirmed),
            (Ask::Pay { booking }, Answer::NotPayable) => {
                self.bookings.get(booking).is_some_and(|status| *status != Status::Held)
            }
            _ => false,
        }
    }
}

fn is_refusal(answer: &Answer) -> bool {
    matches!(answer, Answer::SoldOut { .. } | Answer::OverLimit { .. } | Answer::NotCancellable | Answer::NotPayable)
}

/// From when one of these was first asked until one of them was first answered as done.
fn window(asked: &[&Request]) -> (Instant, Instant) {
    let start = asked.iter().map(|request| request.start).min().unwrap_or(0);
    let done = asked.iter().filter(|request| request.answer.is_accepted()).map(|request| request.end);
    (start, done.min().unwrap_or(Instant::MAX))
}

/// A payment whose beginning was lost with the database's last commits, and whose money is there.
fn goes_on(before: Option<Status>, step: &Step, restored: bool) -> bool {
    restored && (before, step.status) == (Some(Status::Held), Status::Confirmed)
}

/// Whether a booking may take this step. Nothing expires: holds last longer than a run.
fn may(before: Option<Status>, step: &Step, free: bool) -> bool {
    match (before, step.status) {
        (None, Status::Held) => step.created && !free,
        (None, Status::Confirmed) => step.created && free,
        (Some(Status::Held), Status::Paying | Status::Cancelled) => true,
        // Held again: the provider could not be asked, or said no.
        (Some(Status::Paying), Status::Confirmed | Status::Cancelled | Status::Held) => true,
        (Some(Status::Confirmed), Status::Cancelled) => free,
        _ => false,
    }
}
