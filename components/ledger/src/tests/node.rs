//! A ledger on a real database, its transactions driven as [`ledger_engine`] drives them.

use crate::transaction::Transaction;
use kit::sql::Value;
use kit::sql::testing::ready;
use ledger_core::*;
use ledger_engine::{Answer, Failure, Plan, PlanDecision, PlanState, Transaction as _, decide};
use migrations::Engine;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) const MINUTE: i64 = 60_000_000;
pub(super) const START: i64 = 1_800_000_000_000_000;
pub(super) const SETTINGS: Settings = Settings { hold: 10 * MINUTE, paying_cap: 30 * MINUTE, limits: HoldLimits::NONE };

/// One ledger: each of its transactions has a connection of its own.
pub(super) struct Node(Arc<kit::sql::testing::Database>);

/// Ids, unique in this process.
static NEXT: AtomicUsize = AtomicUsize::new(0);

fn unique(prefix: &str) -> String {
    format!("{prefix}{:08}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn fresh() -> CommandInputs {
    CommandInputs { late: false, booking: unique("eu_b"), ticket_seed: unique("seed"), refund: unique("eu_r") }
}

/// Swaps the plan's events and reads what it needs of them.
pub(super) fn load(tx: &mut Transaction, plan: &Plan<'_>) -> PlanState {
    let (mut read, now) = (PlanState::default(), tx.now());
    for (event, members) in &plan.events {
        if let Some(inventory) = ready(tx.swap(event, members.len())).unwrap() {
            read.inventory(event, inventory, members.len());
        }
    }
    if read.is_empty() {
        return read;
    }
    let lines = ready(tx.lines(&read.events())).unwrap();
    read.lines(lines);
    read.keys(ready(tx.keys(plan)).unwrap()).unwrap();
    let (named, overdue) = (ready(tx.bookings(plan)).unwrap(), ready(tx.overdue(&read.events(), now)).unwrap());
    read.bookings(named, overdue, now);
    read.places(plan, ready(tx.places(plan, now)).unwrap());
    read.held_from(plan, ready(tx.held_from(plan, now)).unwrap());
    let refunds = ready(tx.refunds(&read.payments(plan))).unwrap();
    read.refunds(refunds);
    read
}

impl Node {
    /// Begins a transaction at this time.
    pub(super) fn begin(&self, now: i64) -> Transaction {
        self.0.enter();
        self.0.set_now(now);
        ready(Transaction::begin()).unwrap()
    }

    /// Writes what was decided in a transaction of its own, without reading anything again.
    pub(super) fn write(&self, decided: &PlanDecision, now: i64) -> Result<(), Failure> {
        let mut tx = self.begin(now);
        ready(tx.write(&decided.batches, Vec::new()))?;
        ready(tx.commit())
    }

    /// Decides in one transaction. What is in memory afterwards is what a new reader finds.
    pub(super) fn apply(&self, now: i64, commands: &[Command]) -> Vec<Answer> {
        let mut tx = self.begin(now);
        let commands: &[&Command] = &commands.iter().collect::<Vec<_>>();
        let plan = Plan::new(commands);
        let read = load(&mut tx, &plan);
        let decided = decide(commands, &plan, read, tx.now(), SETTINGS, |_| fresh());
        if decided.is_quiet() {
            ready(tx.rollback()).unwrap();
            return decided.answers;
        }
        ready(tx.write(&decided.batches, Vec::new())).unwrap();
        ready(tx.commit()).unwrap();
        self.compare(&decided, now);
        decided.answers
    }

    fn compare(&self, decided: &PlanDecision, now: i64) {
        for batch in &decided.batches {
            let Some(state) = batch.state() else { continue };
            let known = batch.facts();
            let mut again: Vec<Command> =
                known.bookings.keys().map(|id| command(Subject::Platform, batch.event(), Action::Cancel(id.clone()))).collect();
            again.extend(known.places.keys().map(|name| command(person(name), batch.event(), order(&[("standard", 1)]))));
            again.push(command(Subject::Platform, batch.event(), Action::Expire));
            let mut tx = self.begin(now);
            let again: Vec<&Command> = again.iter().collect();
            let plan = Plan::new(&again);
            let (rows, facts) = load(&mut tx, &plan).take(&plan, batch.event());
            ready(tx.rollback()).unwrap();
            // Left by somebody else meanwhile: then it is theirs to compare.
            if rows.as_ref().map(|rows| rows.version) == Some(state.version) {
                assert_eq!(rows.as_ref(), Some(state));
                for (id, record) in &known.bookings {
                    assert_eq!(facts.bookings.get(id), Some(record));
                }
                assert_eq!(facts.places, known.places);
                let held =
                    |facts: &Facts| facts.held.clone().into_iter().filter(|(_, places)| *places > 0).collect::<BTreeMap<_, _>>();
                assert_eq!(held(&facts), held(known));
                for (client, places) in &known.held_from {
                    assert_eq!(facts.held_from.get(client), Some(places), "{client}");
                }
            }
        }
    }

    pub(super) fn one(&self, sql: &str) -> i64 {
        let rows: Vec<(i64,)> = self.0.all_rows(sql);
        rows[0].0
    }

    /// How SQLite would go about a statement: a line for each step.
    pub(super) fn explained(&self, text: &str, parameters: Vec<Value>) -> Vec<String> {
        self.0.enter();
        let mut tx = ready(kit::sql::read()).unwrap();
        let steps: Vec<(i64, i64, i64, String)> = ready(tx.all(&format!("EXPLAIN QUERY PLAN {text}"), parameters)).unwrap();
        steps.into_iter().map(|(_, _, _, step)| step).collect()
    }
}

/// A migrated database of a test's own.
pub(super) struct Database(Arc<kit::sql::testing::Database>);

impl Database {
    /// One of SQLite and one of Postgres.
    pub(super) fn all() -> Vec<Self> {
        kit::sql::testing::Database::all().into_iter().map(Self).collect()
    }

    pub(super) fn engine(&self) -> Engine {
        self.0.engine()
    }

    pub(super) fn node(&self) -> Node {
        Node(Arc::clone(&self.0))
    }
}

pub(super) fn person(name: &str) -> Subject {
    Subject::Person(name.to_owned())
}

/// Where everybody asks from, in these tests.
fn client() -> Option<String> {
    Some("192.0.2.1".to_owned())
}

pub(super) fn command(subject: Subject, event: &str, action: Action) -> Command {
    Command { client: client(), ..Command::new(subject, unique("key"), event, i64::MAX, action) }
}

pub(super) fn order(lines: &[(&str, u32)]) -> Action {
    let line = |(name, quantity): &(&str, u32)| OrderLine { ticket_type: (*name).to_owned(), quantity: *quantity };
    Action::Hold(lines.iter().map(line).collect())
}

pub(super) fn sale(revision: u64, capacity: u32) -> Sale {
    let offer = |name: &str, price, capacity| Offer::new(name, price, capacity, 4);
    let offers = vec![offer("standard", 4500, capacity), offer("free", 0, 10)];
    let ends = Some(START + 600 * MINUTE);
    Sale { sales_until: ends, refund_until: ends, ..Sale::new(revision, "EUR", offers) }
}

pub(super) fn open(event: &str, capacity: u32) -> Command {
    command(Subject::Platform, event, Action::Open(sale(1, capacity)))
}

pub(super) fn hold(name: &str, event: &str, quantity: u32) -> Command {
    command(person(name), event, order(&[("standard", quantity)]))
}

pub(super) fn booking(answer: &Answer) -> Booking {
    match &answer.as_ref().unwrap().outcome {
        Outcome::Booking(booking) | Outcome::RefundDue(booking) => booking.clone(),
        other => panic!("{other:?}"),
    }
}

pub(super) fn confirm(id: &str, payment: &str) -> Action {
    let paid = Money { amount: 9000, currency: "EUR".to_owned() };
    Action::Confirm(Confirmation { booking: id.to_owned(), payment: payment.to_owned(), paid })
}
