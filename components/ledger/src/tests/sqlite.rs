//! The statements on a real SQLite, driven as [`crate::transaction`] does.

use crate::plan::Plan;
use crate::read::{self, BookingRow, InventoryRow, KeyRow, LineRow, PlacesRow, Read, RefundRow};
use crate::statement::Statement;
use crate::transaction::{Decided, decide};
use crate::{Answer, write};
use kit::sql::Value;
use ledger_core::*;
use rusqlite::types::{ToSqlOutput, Value as Sql};
use rusqlite::{Connection, Row, ToSql};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

const MINUTE: i64 = 60_000_000;
const START: i64 = 1_800_000_000_000_000;
const SETTINGS: Settings = Settings { hold: 10 * MINUTE, paying_cap: 30 * MINUTE };

/// One ledger with a connection of its own.
struct Node {
    connection: Connection,
}

/// Ids, and names of files, unique in this process.
static NEXT: AtomicUsize = AtomicUsize::new(0);

fn unique(prefix: &str) -> String {
    format!("{prefix}{:08}", NEXT.fetch_add(1, Ordering::Relaxed))
}

fn fresh() -> Fresh {
    Fresh { booking: unique("eu_b"), ticket_seed: unique("seed"), refund: unique("eu_r") }
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

    fn all<T>(&self, statement: Option<Statement>, row: fn(&Row<'_>) -> rusqlite::Result<T>) -> Vec<T> {
        let Some(Statement { text, parameters }) = statement else { return Vec::new() };
        let mut statement = self.connection.prepare(&text.replace('$', "?")).unwrap();
        let rows = statement.query_map(rusqlite::params_from_iter(parameters.iter().map(Parameter)), |it| row(it)).unwrap();
        rows.collect::<Result<_, _>>().unwrap()
    }

    fn begin(&self) {
        self.connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    }

    fn end(&self, how: &str) {
        self.connection.execute_batch(how).unwrap();
    }

    fn load(&self, plan: &Plan<'_>, now: i64) -> Read {
        let mut read = Read::default();
        for (event, members) in &plan.events {
            for row in self.all(Some(read::swap(event, members.len())), inventory_row) {
                read.inventory(event, row, members.len()).unwrap();
            }
        }
        if read.is_empty() {
            return read;
        }
        read.lines(self.all(Some(read.lines_statement()), line_row));
        read.keys(self.all(Read::keys_statement(plan), key_row)).unwrap();
        let named = self.all(Read::bookings_statement(plan), booking_row);
        let overdue = self.all(Some(read.overdue_statement(now)), booking_row);
        read.bookings(named, overdue, now).unwrap();
        read.places(plan, self.all(Read::places_statement(plan, now), places_row));
        let refunds = self.all(read.refunds_statement(plan), refund_row);
        read.refunds(refunds);
        read
    }

    /// Decides in one transaction. What is in memory afterwards is what a new reader finds.
    fn apply(&self, now: i64, commands: &[Command]) -> Vec<Answer> {
        self.begin();
        let plan = Plan::new(commands);
        let decided = decide(commands, &plan, self.load(&plan, now), now, SETTINGS, fresh);
        if decided.is_quiet() {
            self.end("ROLLBACK");
            return decided.answers;
        }
        self.write(&decided, now).unwrap();
        self.end("COMMIT");
        self.compare(&decided, now);
        decided.answers
    }

    fn write(&self, decided: &Decided, now: i64) -> rusqlite::Result<()> {
        for write in write::statements(&decided.batches, now).unwrap() {
            assert_eq!(self.run(&write.statement)?, write.rows, "{}", write.statement.text);
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
            let plan = Plan::new(&again);
            let (rows, facts) = self.load(&plan, now).take(&plan, batch.event());
            self.end("ROLLBACK");
            // Left by somebody else meanwhile: then it is theirs to compare.
            if rows.as_ref().map(|rows| rows.version) == Some(state.version) {
                assert_eq!(rows.as_ref(), Some(state));
                assert_eq!(facts.bookings, known.bookings);
                assert_eq!(facts.places, known.places);
            }
        }
    }

    fn one(&self, sql: &str) -> i64 {
        self.connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }
}

fn inventory_row(row: &Row<'_>) -> rusqlite::Result<InventoryRow> {
    Ok(InventoryRow {
        version: row.get(0)?,
        status: row.get(1)?,
        revision: row.get(2)?,
        currency: row.get(3)?,
        sales_from: row.get(4)?,
        sales_until: row.get(5)?,
        refund_until: row.get(6)?,
    })
}

fn line_row(row: &Row<'_>) -> rusqlite::Result<LineRow> {
    Ok(LineRow {
        event: row.get(0)?,
        ticket_type: row.get(1)?,
        ordinal: row.get(2)?,
        price: row.get(3)?,
        per_person_limit: row.get(4)?,
        capacity: row.get(5)?,
        held: row.get(6)?,
        sold: row.get(7)?,
    })
}

fn booking_row(row: &Row<'_>) -> rusqlite::Result<BookingRow> {
    Ok(BookingRow {
        id: row.get(0)?,
        event: row.get(1)?,
        person: row.get(2)?,
        status: row.get(3)?,
        expires_at: row.get(4)?,
        extended: row.get(5)?,
        total: row.get(6)?,
        currency: row.get(7)?,
        payment: row.get(8)?,
        ticket_seed: row.get(9)?,
        version: row.get(10)?,
        created_at: row.get(11)?,
        updated_at: row.get(12)?,
        ticket_type: row.get(13)?,
        quantity: row.get(14)?,
        unit_price: row.get(15)?,
    })
}

fn key_row(row: &Row<'_>) -> rusqlite::Result<KeyRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?))
}

fn places_row(row: &Row<'_>) -> rusqlite::Result<PlacesRow> {
    Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?))
}

fn refund_row(row: &Row<'_>) -> rusqlite::Result<RefundRow> {
    Ok((row.get(0)?, row.get(1)?))
}

/// A migrated database in a file of its own, gone when this is.
struct Database(PathBuf);

impl Database {
    fn new() -> Self {
        let directory = std::env::temp_dir().join(unique(&format!("marquee-ledger-{}-", std::process::id())));
        std::fs::create_dir(&directory).unwrap();
        let database = Self(directory);
        let node = database.node();
        for statement in migrations::MIGRATIONS.iter().flat_map(|migration| migrations::statements(migration)) {
            node.connection.execute_batch(&statement).unwrap();
        }
        database
    }

    fn node(&self) -> Node {
        Node::open(&self.0.join("marquee.db"))
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn person(name: &str) -> Subject {
    Subject::Person(name.to_owned())
}

fn command(subject: Subject, event: &str, action: Action) -> Command {
    Command { subject, idempotency_key: unique("key"), event_id: event.to_owned(), deadline: i64::MAX, action }
}

fn order(lines: &[(&str, u32)]) -> Action {
    let line = |(name, quantity): &(&str, u32)| OrderLine { ticket_type: (*name).to_owned(), quantity: *quantity };
    Action::Hold(lines.iter().map(line).collect())
}

fn sale(revision: u64, capacity: u32) -> Sale {
    let offer = |name: &str, price, capacity| Offer { ticket_type: name.to_owned(), price, capacity, per_person_limit: 4 };
    Sale {
        revision,
        currency: "EUR".to_owned(),
        sales_from: None,
        sales_until: Some(START + 600 * MINUTE),
        refund_until: Some(START + 600 * MINUTE),
        offers: vec![offer("standard", 4500, capacity), offer("free", 0, 10)],
    }
}

fn open(event: &str, capacity: u32) -> Command {
    command(Subject::Platform, event, Action::Open(sale(1, capacity)))
}

fn hold(name: &str, event: &str, quantity: u32) -> Command {
    command(person(name), event, order(&[("standard", quantity)]))
}

fn booking(answer: &Answer) -> Booking {
    match &answer.as_ref().unwrap().outcome {
        Outcome::Booking(booking) | Outcome::RefundDue(booking) => booking.clone(),
        other => panic!("{other:?}"),
    }
}

fn confirm(id: &str, payment: &str) -> Action {
    let paid = Money { amount: 9000, currency: "EUR".to_owned() };
    Action::Confirm(Confirmation { booking: id.to_owned(), payment: payment.to_owned(), paid })
}

#[test]
fn rows_say_what_was_decided() {
    let database = Database::new();
    let node = database.node();
    // Two events in one transaction, opened and sold from at once.
    let answers = node.apply(START, &[hold("ada", "eu_x", 1), open("eu_b", 6), open("eu_a", 6), hold("ada", "eu_a", 2), hold("bob", "eu_b", 2)]);
    assert_eq!(answers[0], Err(Rejection::UnknownEvent));
    let (first, second) = (booking(&answers[3]).id, booking(&answers[4]).id);
    assert_eq!(node.one("SELECT version FROM inventory WHERE event = 'eu_a'"), 2);

    let platform = |event: &str, action: Action| command(Subject::Platform, event, action);
    let paying = command(person("ada"), "eu_a", Action::BeginPayment(first.clone()));
    let free = command(person("ada"), "eu_a", order(&[("free", 2), ("standard", 1)]));
    let given_back = command(person("bob"), "eu_b", Action::Cancel(second.clone()));
    let answers = node.apply(START + MINUTE, &[paying.clone(), free, given_back, hold("cy", "eu_b", 4)]);
    assert_eq!(booking(&answers[0]).expires_at, Some(START + 11 * MINUTE));
    assert_eq!(booking(&answers[2]).status, BookingStatus::Cancelled);

    let again = node.apply(START + 2 * MINUTE, &[paying]);
    assert_eq!((again[0].as_ref().unwrap().replayed, booking(&again[0])), (true, booking(&answers[0])));
    let version = node.one("SELECT version FROM inventory WHERE event = 'eu_a'");
    assert_eq!(version, 4, "a replay leaves no trace");

    // Confirmed, adjusted with a ticket type more, and cancelled, all in one: the refund is what was paid.
    let mut wider = sale(2, 3);
    wider.offers.push(Offer { ticket_type: "late".to_owned(), price: 1, capacity: 5, per_person_limit: 1 });
    let answers = node.apply(
        START + 20 * MINUTE,
        &[
            platform("eu_a", confirm(&first, "p1")),
            platform("eu_a", Action::Adjust(wider)),
            command(person("ada"), "eu_a", Action::Cancel(first.clone())),
            platform("eu_a", confirm(&first, "p2")),
            command(person("eve"), "eu_a", order(&[("standard", 3), ("late", 1)])),
            platform("eu_b", Action::Expire),
        ],
    );
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(answers[5].as_ref().unwrap().outcome, Outcome::Swept(1));
    assert_eq!(node.one("SELECT COUNT(*) FROM refunds WHERE status = 'due' AND amount = 9000"), 2);
    assert_eq!(node.one("SELECT capacity FROM inventory_lines WHERE event = 'eu_a' AND ticket_type = 'standard'"), 3);

    let close = |revision| platform("eu_a", Action::Close(revision));
    assert!(node.apply(START + 21 * MINUTE, &[close(3)])[0].is_ok());
    let late = node.apply(START + 21 * MINUTE, &[hold("fay", "eu_a", 1), close(2)]);
    assert_eq!(late, [Err(Rejection::NotOnSale(SalePhase::Closed)), Err(Rejection::StaleRevision(3))]);
    let told_again = node.apply(START + 22 * MINUTE, &[platform("eu_a", confirm(&first, "p2"))]);
    assert!(matches!(told_again[0].as_ref().unwrap().outcome, Outcome::RefundDue(_)));
    assert_eq!(node.one("SELECT COUNT(*) FROM refunds"), 2);
}

#[test]
fn two_ledgers_on_one_database_sell_what_there_is() {
    let database = Database::new();
    database.node().apply(START, &[open("eu_a", 100), open("eu_b", 1000)]);
    let sold: usize = std::thread::scope(|scope| {
        let ledger = |number: usize| {
            let node = database.node();
            move || {
                let mut sold = 0;
                for round in 0..40 {
                    let name = |seat: usize| format!("p{number}-{round}-{seat}");
                    let mut commands: Vec<_> = (0..5).map(|seat| hold(&name(seat), "eu_a", 1)).collect();
                    commands.insert(2, hold(&name(9), "eu_b", 1));
                    let answers = node.apply(START + round, &commands);
                    for (command, answer) in commands.iter().zip(&answers).filter(|(command, _)| command.event_id == "eu_a") {
                        match answer {
                            Ok(_) => sold += 1,
                            Err(Rejection::SoldOut(_)) => {}
                            Err(other) => panic!("{command:?}: {other:?}"),
                        }
                    }
                }
                sold
            }
        };
        let ledgers: Vec<_> = (0..2).map(|number| scope.spawn(ledger(number))).collect();
        ledgers.into_iter().map(|ledger| ledger.join().unwrap()).sum()
    });
    let node = database.node();
    assert_eq!(sold, 100);
    assert_eq!(node.one("SELECT held FROM inventory_lines WHERE event = 'eu_a' AND ticket_type = 'standard'"), 100);
    assert_eq!(node.one("SELECT COUNT(*) FROM bookings WHERE event = 'eu_a'"), 100);
    assert_eq!(node.one("SELECT held FROM inventory_lines WHERE event = 'eu_b' AND ticket_type = 'standard'"), 80);
}

#[test]
fn the_database_refuses_what_a_broken_fence_would_let_through() {
    let database = Database::new();
    let node = database.node();
    node.apply(START, &[open("eu_a", 3)]);
    // Two decisions on one and the same reading, as if nothing kept the ledgers apart.
    let (one, two) = ([hold("ada", "eu_a", 2)], [hold("bob", "eu_a", 2)]);
    let decided = [&one, &two].map(|commands| {
        node.begin();
        let plan = Plan::new(commands);
        let read = node.load(&plan, START);
        node.end("ROLLBACK");
        decide(commands, &plan, read, START, SETTINGS, fresh)
    });
    assert!(decided.iter().all(|decided| decided.answers[0].is_ok()));
    node.write(&decided[0], START).unwrap();
    node.begin();
    let refused = node.write(&decided[1], START).unwrap_err().to_string();
    node.end("ROLLBACK");
    assert!(refused.contains("CHECK"), "{refused}");
    assert_eq!(node.one("SELECT held FROM inventory_lines WHERE event = 'eu_a' AND ticket_type = 'standard'"), 2);
    // And the event cannot be opened twice either.
    let opened = [open("eu_new", 1), open("eu_new", 2)].map(|command| {
        let commands = [command];
        decide(&commands, &Plan::new(&commands), Read::default(), START, SETTINGS, fresh)
    });
    node.write(&opened[0], START).unwrap();
    let refused = node.write(&opened[1], START).unwrap_err().to_string();
    assert!(refused.contains("UNIQUE"), "{refused}");
}

#[test]
fn the_largest_batch_fits_into_statements() {
    let database = Database::new();
    let node = database.node();
    let offers = (0..50).map(|number| Offer { ticket_type: format!("t{number}"), price: 100, capacity: 1000, per_person_limit: 9 });
    let mut wide = sale(1, 0);
    wide.offers = offers.collect();
    let names: Vec<_> = wide.offers.iter().map(|offer| offer.ticket_type.clone()).collect();
    let lines: Vec<_> = names.iter().map(|name| (name.as_str(), 1)).collect();
    node.apply(START, &[command(Subject::Platform, "eu_a", Action::Open(wide))]);
    let commands: Vec<_> = (0..crate::limits::COMMANDS).map(|number| command(person(&format!("p{number}")), "eu_a", order(&lines))).collect();
    let answers = node.apply(START, &commands);
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(node.one("SELECT COUNT(*) FROM booking_items"), 256 * 50);
}

#[test]
fn one_events_overdue_holds_do_not_hide_anothers() {
    let database = Database::new();
    let node = database.node();
    node.apply(START, &[open("eu_a", 2000), open("eu_b", 3)]);
    for round in 0..5 {
        let holds: Vec<_> = (0..250).map(|number| hold(&format!("p{round}-{number}"), "eu_a", 1)).collect();
        node.apply(START, &holds);
    }
    node.apply(START + MINUTE, &[hold("bob", "eu_b", 3)]);
    let later = START + 20 * MINUTE;
    let answers = node.apply(later, &[command(Subject::Platform, "eu_a", Action::Expire), hold("ada", "eu_b", 3)]);
    assert_eq!(answers[0].as_ref().unwrap().outcome, Outcome::Swept(200));
    assert_eq!(booking(&answers[1]).status, BookingStatus::Held);
    assert_eq!(node.one("SELECT COUNT(*) FROM bookings WHERE status = 'expired'"), 201);
}

#[test]
fn no_statement_reads_a_table_from_end_to_end() {
    let database = Database::new();
    let node = database.node();
    node.apply(START, &[open("eu_a", 10)]);
    let commands =
        [hold("ada", "eu_a", 1), command(Subject::Platform, "eu_a", confirm("eu_b1", "p")), hold("bob", "eu_a", 1)];
    let plan = Plan::new(&commands);
    let read = node.load(&plan, START);
    let statements = [
        Some(read::swap("eu_a", 3)),
        Some(read.lines_statement()),
        Read::keys_statement(&plan),
        Read::bookings_statement(&plan),
        Some(read.overdue_statement(START)),
        Read::places_statement(&plan, START),
        read.refunds_statement(&plan),
    ];
    let decided = decide(&commands, &plan, read, START, SETTINGS, fresh);
    let writes = write::statements(&decided.batches, START).unwrap().into_iter().map(|write| write.statement);
    for statement in statements.into_iter().flatten().chain(writes) {
        let explained = Statement::new(format!("EXPLAIN QUERY PLAN {}", statement.text), statement.parameters);
        for step in node.all(Some(explained), |row| row.get::<_, String>(3)) {
            for table in ["inventory", "inventory_lines", "bookings", "booking_items", "idempotency", "refunds", "b", "i"] {
                let whole = step.split_whitespace().collect::<Vec<_>>() == ["SCAN", table] || step.starts_with(&format!("SCAN {table} USING INDEX"));
                let derived = table == "b" && statement.text.contains("ranked");
                assert!(!whole || derived, "{step}: {}", statement.text);
            }
        }
    }
}
