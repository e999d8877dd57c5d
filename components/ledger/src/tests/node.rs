//! A ledger on a real SQLite, its statements driven as [`ledger_engine`] drives them.

use crate::read::{self, InventoryRow, LineRow};
use crate::statement::Statement;
use crate::write;
use kit::sql::table::Write;
use kit::sql::{FromRow, RowReader, Value};
use ledger_core::*;
use ledger_engine::{Answer, Decided, Plan, Read, decide};
use rusqlite::types::{ToSqlOutput, Value as Sql};
use rusqlite::{Connection, Row, ToSql};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) const MINUTE: i64 = 60_000_000;
pub(super) const START: i64 = 1_800_000_000_000_000;
pub(super) const SETTINGS: Settings = Settings { hold: 10 * MINUTE, paying_cap: 30 * MINUTE, limits: HoldLimits::NONE };

/// One ledger with a connection of its own.
pub(super) struct Node {
    connection: Connection,
}

/// Ids, and names of files, unique in this process.
static NEXT: AtomicUsize = AtomicUsize::new(0);

fn unique(prefix: &str) -> String {
    format!("{prefix}{:08}", NEXT.fetch_add(1, Ordering::Relaxed))
}

pub(super) fn fresh() -> Fresh {
    Fresh { late: false, booking: unique("eu_b"), ticket_seed: unique("seed"), refund: unique("eu_r") }
}

struct Parameter<'a>(&'a Value);

impl ToSql for Parameter<'_> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        Ok(ToSqlOutput::Owned(match self.0 {
            Value::Null => Sql::Null,
            Value::Integer(number) => Sql::Integer(*number),
            Value::Text(text) => Sql::Text(text.clone()),
        }))
    }
}

impl Node {
    fn open(path: &Path) -> Self {
        let connection = Connection::open(path).unwrap();
        connection.execute_batch("PRAGMA busy_timeout = 30000; PRAGMA foreign_keys = ON; PRAGMA journal_mode = WAL").unwrap();
        Self { connection }
    }

    fn run(&self, Statement { text, parameters }: &Statement) -> rusqlite::Result<u64> {
        let parameters = rusqlite::params_from_iter(parameters.iter().map(Parameter));
        self.connection.prepare(&text.replace('$', "?"))?.execute(parameters).map(|rows| rows as u64)
    }

    pub(super) fn all<T>(&self, statement: Option<Statement>, row: fn(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let Some(Statement { text, parameters }) = statement else { return Vec::new() };
        let mut statement = self.connection.prepare(&text.replace('$', "?")).unwrap();
        let rows = statement.query_map(rusqlite::params_from_iter(parameters.iter().map(Parameter)), row).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    pub(super) fn begin(&self) {
        self.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    }

    pub(super) fn end(&self, how: &str) {
        self.connection.execute_batch(how).unwrap();
    }

    pub(super) fn load(&self, plan: &Plan<'_>, now: i64) -> Read {
        let mut read = Read::default();
        for (event, members) in &plan.events {
            for inventory in self.all(Some(read::swap(event, members.len())), row::<InventoryRow>) {
                read.inventory(event, inventory.read(event).unwrap(), members.len());
            }
        }
        if read.is_empty() {
            return read;
        }
        let lines = self.all(Some(read::lines_statement(&read.events())), row);
        read.lines(lines.into_iter().map(|line: LineRow| line.into()).collect());
        read.keys(self.all(read::keys_statement(plan), row)).unwrap();
        let named = self.all(read::bookings_statement(plan), row);
        let overdue = self.all(Some(read::overdue_statement(&read.events(), now)), row);
        read.bookings(read::records(named).unwrap(), read::records(overdue).unwrap(), now);
        read.places(plan, self.all(read::places_statement(plan, now), row));
        read.held_from(plan, self.all(read::held_from_statement(plan, now), row));
        let refunds = self.all(read::refunds_statement(&read.payments(plan)), row);
        read.refunds(refunds);
        read
    }

    /// Decides in one transaction. What is in memory afterwards is what a new reader finds.
    pub(super) fn apply(&self, now: i64, commands: &[Command]) -> Vec<Answer> {
        self.begin();
        let commands: &[&Command] = &commands.iter().collect::<Vec<_>>();
        let plan = Plan::new(commands);
        let decided = decide(commands, &plan, self.load(&plan, now), now, SETTINGS, |_| fresh());
        if decided.is_quiet() {
            self.end("ROLLBACK");
            return decided.answers;
        }
        self.write(&decided, now).unwrap();
        self.end("COMMIT");
        self.compare(&decided, now);
        decided.answers
    }

    pub(super) fn write(&self, decided: &Decided, now: i64) -> rusqlite::Result<()> {
        for Write { text, parameters, rows } in write::statements(&decided.batches, now).unwrap() {
            let statement = Statement { text, parameters };
            assert_eq!(self.run(&statement)?, rows, "{}", statement.text);
        }
        Ok(())
    }

    fn compare(&self, decided: &Decided, now: i64) {
        for batch in &decided.batches {
            let Some(state) = batch.state() else { continue };
            let known = batch.facts();
            let mut again: Vec<Command> =
                known.bookings.keys().map(|id| command(Subject::Platform, batch.event(), Action::Cancel(id.clone()))).collect();
            again.extend(known.places.keys().map(|name| command(person(name), batch.event(), order(&[("standard", 1)]))));
            again.push(command(Subject::Platform, batch.event(), Action::Expire));
            self.begin();
            let again: Vec<&Command> = again.iter().collect();
            let plan = Plan::new(&again);
            let (rows, facts) = self.load(&plan, now).take(&plan, batch.event());
            self.end("ROLLBACK");
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
        self.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

/// A row as the ledger reads it.
pub(super) fn row<T: FromRow>(row: &Row<'_>) -> rusqlite::Result<T> {
    let value = |at| {
        Ok(match row.get(at)? {
            Sql::Null => Value::Null,
            Sql::Integer(number) => Value::Integer(number),
            Sql::Text(text) => Value::Text(text),
            other => panic!("{other:?}"),
        })
    };
    let columns: rusqlite::Result<Vec<_>> = (0..row.as_ref().column_count()).map(value).collect();
    Ok(T::from_row(&mut RowReader::new(columns?)).unwrap())
}

/// A migrated database in a file of its own, gone when this is.
pub(super) struct Database(PathBuf);

impl Database {
    pub(super) fn new() -> Self {
        let directory = std::env::temp_dir().join(unique(&format!("marquee-ledger-{}-", std::process::id())));
        std::fs::create_dir(&directory).unwrap();
        let database = Self(directory);
        let node = database.node();
        for statement in migrations::MIGRATIONS.iter().flat_map(|migration| migration.statements(migrations::Engine::Sqlite)) {
            node.connection.execute_batch(&statement).unwrap();
        }
        database
    }

    pub(super) fn node(&self) -> Node {
        Node::open(&self.0.join("marquee.db"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
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
    let offer = |name: &str, price, capacity| Offer { ticket_type: name.to_owned(), price, capacity, per_person_limit: 4 };
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
