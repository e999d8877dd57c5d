//! What the region asks: its statements by their text. One that is not known here fails the simulation, so that none is forgotten.

use std::sync::Arc;

use super::backend::{Backend, Connection};
use super::{DatabaseError, Server, Tables, connect};
use crate::database::{Error, Purpose, Row, Value};

/// The database as a node has it.
#[derive(Clone)]
pub struct Client(pub(in crate::simulation) Arc<Server>);

/// A transaction of the region's.
pub struct Transaction(Connection);

type Rows = Vec<Vec<Value>>;

/// What stands for the clock in statements.
pub(crate) const CLOCK: &str = "clock()";

impl Client {
    pub(crate) async fn ask(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        let connection = connect(&self.0).await.map_err(error)?;
        query(&connection, statement, parameters).await
    }

    pub(crate) async fn begin(&self, purpose: Purpose) -> Result<Transaction, Error> {
        let connection = connect(&self.0).await.map_err(error)?;
        let begun = connection.run(move |backend| {
            Box::pin(async move {
                backend.begin(purpose == Purpose::Read);
                if purpose == Purpose::Migrate {
                    let id = backend.transaction().0;
                    backend.server.locks.take(id, "migration").await.map_err(|trouble| backend.failed(trouble))?;
                }
                Ok(())
            })
        });
        begun.await.map_err(error)?;
        Ok(Transaction(connection))
    }
}

impl Transaction {
    pub(crate) async fn query(&self, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
        query(&self.0, statement, parameters).await
    }

    pub(crate) async fn commit(self) -> Result<(), Error> {
        self.0.run(|backend| Box::pin(backend.commit())).await.map_err(error)
    }
}

async fn query(connection: &Connection, statement: &str, parameters: &[Value]) -> Result<Vec<Row>, Error> {
    let (statement, parameters) = (statement.to_owned(), parameters.to_vec());
    let rows = connection.run(move |backend| Box::pin(async move { execute(backend, &statement, parameters).await })).await;
    Ok(rows.map_err(error)?.into_iter().map(Row::new).collect())
}

fn error(trouble: DatabaseError) -> Error {
    match trouble {
        DatabaseError::Lost | DatabaseError::Down | DatabaseError::Busy => Error::Unavailable(format!("{trouble:?}")),
        DatabaseError::Unique(text) | DatabaseError::Check(text) => Error::Refused(text),
    }
}

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        other => panic!("{other:?} is no text"),
    }
}

fn number(value: &Value) -> i64 {
    match value {
        Value::Integer(number) => *number,
        other => panic!("{other:?} is no number"),
    }
}

fn count(number: usize) -> Value {
    Value::Integer(i64::try_from(number).unwrap())
}

fn maybe<T: Into<Value>>(value: Option<T>) -> Value {
    value.map_or(Value::Null, Into::into)
}

async fn execute(backend: &mut Backend, statement: &str, p: Vec<Value>) -> Result<Rows, DatabaseError> {
    let is = |beginning: &str| statement.starts_with(beginning);
    let now = backend.server.world.database_now();
    if is("SELECT position, epoch, (SELECT MIN") {
        let tables = backend.sees();
        let oldest = tables.positions.keys().next().copied();
        let counter = tables.counter.iter();
        Ok(counter.map(|(at, epoch)| vec![(*at).into(), epoch.as_str().into(), maybe(oldest)]).collect())
    } else if is("SELECT (SELECT COUNT(*) FROM (SELECT 1 FROM journal_batches") {
        let tables = backend.sees();
        let at = tables.counter.as_ref().map_or(0, |(at, _)| *at);
        let epoch = tables.counter.as_ref().map_or("", |(_, epoch)| epoch);
        Ok(vec![vec![count(tables.unnumbered.len().min(1)), at.into(), epoch.into()]])
    } else if is("SELECT history()") {
        Ok(vec![vec![backend.server.timeline().as_str().into()]])
    } else if is("SELECT id FROM journal_batches WHERE position <= $1") {
        let tables = backend.sees();
        let last = tables.positions.range(..=number(&p[0])).next_back();
        Ok(last.map(|(_, id)| vec![id.as_str().into()]).into_iter().collect())
    } else if is("SELECT position, entries, facts, id FROM journal_batches") {
        Ok(facts(backend, number(&p[0]), number(&p[1])))
    } else if is("INSERT INTO sequencer") || is("UPDATE sequencer") || is("SELECT position, epoch FROM sequencer") {
        counter(backend, statement, &p).await
    } else if is("UPDATE journal_batches SET position") {
        numbers(backend, number(&p[0]), number(&p[1])).await
    } else if is("SELECT clock()") && !statement.contains("leases") {
        Ok(vec![vec![now.into()]])
    } else if statement.contains("leases") || statement.contains("nodes") {
        Ok(leases(&backend.server, statement, &p, now))
    } else {
        let tables = backend.sees();
        Ok(snapshot(&tables, statement, &p))
    }
}

/// Rows after a position, those that this transaction has numbered among them.
fn facts(backend: &mut Backend, after: i64, limit: i64) -> Rows {
    let tables = backend.sees();
    let mut positions = tables.positions.clone();
    if let Some(open) = &backend.open {
        positions.extend(open.commit.numbered.iter().map(|(id, position)| (*position, id.clone())));
    }
    let rows = positions.range(after + 1..).take(usize::try_from(limit).unwrap()).map(|(position, id)| {
        let told = &tables.journal[id];
        let facts: Vec<&str> = told.iter().filter_map(|row| row.fact.as_deref()).collect();
        let text = (!facts.is_empty()).then(|| format!("[{}]", facts.join(",")));
        vec![(*position).into(), count(told.len()), maybe(text.as_deref()), id.as_str().into()]
    });
    rows.collect()
}

/// Statements about the sequencer's counter, of which there is one row.
async fn counter(backend: &mut Backend, statement: &str, p: &[Value]) -> Result<Rows, DatabaseError> {
    let own = |backend: &Backend| backend.open.as_ref().and_then(|open| open.commit.counter.clone());
    let row = |counter: Option<(i64, String)>| -> Rows {
        counter.into_iter().map(|(at, epoch)| vec![at.into(), epoch.as_str().into()]).collect()
    };
    if statement.starts_with("SELECT") {
        let seen = backend.sees().counter.clone();
        return Ok(row(own(backend).or(seen)));
    }
    let inserts = statement.starts_with("INSERT");
    if inserts && backend.sees().counter.is_some() {
        return Ok(Vec::new());
    }
    let id = backend.transaction().0;
    backend.server.locks.take(id, "counter").await.map_err(|trouble| backend.failed(trouble))?;
    let committed = backend.server.tables().counter.clone();
    let current = own(backend).or(committed);
    let after = if inserts {
        if current.is_some() { None } else { Some((0, text(&p[1]))) }
    } else if statement.contains("position = position") {
        return Ok(row(current));
    } else if statement.contains("SET epoch") {
        current.map(|(at, _)| (at, text(&p[0])))
    } else {
        current.map(|(_, epoch)| (number(&p[0]), epoch))
    };
    if let (Some(open), Some(after)) = (&mut backend.open, after) {
        open.commit.counter = Some(after);
    }
    Ok(Vec::new())
}

/// Numbers what has no number in the statement's snapshot, and has none either once its row is locked.
async fn numbers(backend: &mut Backend, after: i64, limit: i64) -> Result<Rows, DatabaseError> {
    let snapshot = backend.sees();
    let id = backend.transaction().0;
    backend.server.world.takes_a_while().await;
    let (mut given, mut next) = (Vec::new(), after + 1);
    for row in snapshot.unnumbered.iter().take(usize::try_from(limit).unwrap()) {
        let position = next;
        next += i64::try_from(snapshot.journal[row].len()).unwrap();
        backend.server.locks.take(id, &format!("row {row}")).await.map_err(|trouble| backend.failed(trouble))?;
        if !backend.server.tables().unnumbered.contains(row) {
            continue;
        }
        // A unique index: who would give the same position waits until it is known whether that stays.
        backend.server.locks.take(id, &format!("position {position}")).await.map_err(|trouble| backend.failed(trouble))?;
        if backend.server.tables().positions.contains_key(&position) {
            return Err(backend.failed(DatabaseError::Unique(format!("position {position}"))));
        }
        given.push((row.clone(), position));
    }
    let entries = |row: &String| count(snapshot.journal[row].len());
    let rows = given.iter().map(|(row, position)| vec![(*position).into(), entries(row)]).collect();
    if let Some(open) = &mut backend.open {
        open.commit.numbered = given;
    }
    Ok(rows)
}

/// Statements about leases: each by itself, and atomic.
fn leases(server: &Server, statement: &str, p: &[Value], now: i64) -> Rows {
    let is = |beginning: &str| statement.starts_with(beginning);
    let granted = |value: &Value| now + number(value) * server.world.lease_granted() / 1000;
    server.change(|tables| {
        if is("SELECT COUNT(*) FROM leases") {
            return vec![vec![count(tables.leases.keys().filter(|name| **name != text(&p[0])).count())]];
        } else if is("INSERT INTO leases") {
            tables.leases.entry(text(&p[0])).or_default();
        } else if is("INSERT INTO nodes") {
            tables.nodes.insert(text(&p[0]), (text(&p[1]), now + number(&p[2])));
        } else if is("DELETE FROM nodes") {
            tables.nodes.remove(&text(&p[0]));
        } else if is("UPDATE leases SET expires_at") {
            let mine = tables.leases.iter_mut().filter(|(_, lease)| lease.owner == text(&p[0]));
            let renewed = mine.map(|(name, lease)| {
                lease.expires_at = granted(&p[1]);
                vec![name.as_str().into(), lease.epoch.into()]
            });
            return renewed.collect();
        } else if is("UPDATE leases SET owner = $1") {
            let lease = tables.leases.get_mut(&text(&p[3]));
            let free = lease.filter(|lease| lease.epoch == number(&p[4]) && lease.expires_at <= now);
            let claimed = free.map(|lease| {
                lease.owner = text(&p[0]);
                lease.address = text(&p[1]);
                lease.epoch += 1;
                lease.expires_at = granted(&p[2]);
                vec![lease.epoch.into()]
            });
            return claimed.into_iter().collect();
        } else if is("UPDATE leases SET owner = ''") {
            if let Some(lease) = tables.leases.get_mut(&text(&p[0])).filter(|lease| lease.owner == text(&p[1])) {
                (lease.owner, lease.address, lease.expires_at) = (String::new(), String::new(), 0);
            }
        } else if is("SELECT clock(), 1, name") {
            let leases = tables.leases.iter().map(|(name, lease)| {
                let (owner, address) = (lease.owner.as_str().into(), lease.address.as_str().into());
                vec![now.into(), 1.into(), name.as_str().into(), owner, address, lease.epoch.into(), lease.expires_at.into()]
            });
            let nodes = tables.nodes.iter().map(|(name, (address, until))| {
                let (name, address) = (name.as_str().into(), address.as_str().into());
                vec![now.into(), 0.into(), name, "".into(), address, 0.into(), (*until).into()]
            });
            return leases.chain(nodes).collect();
        } else {
            panic!("the simulated database does not know: {statement}");
        }
        Vec::new()
    })
}

/// What a snapshot for edges reads.
fn snapshot(tables: &Tables, statement: &str, p: &[Value]) -> Rows {
    let is = |beginning: &str| statement.starts_with(beginning);
    if is("SELECT kid, public_key") || is("SELECT id, revoked_at + $1") {
        Vec::new()
    } else if is("SELECT t.event_id") {
        let tickets = tables.docs.values().flat_map(|doc| doc.ticket_types.iter().map(move |ticket| (doc, ticket)));
        let row = |(doc, ticket): (&read_model::EventDoc, &read_model::TicketType)| {
            let (capacity, limit) = (i64::from(ticket.capacity), i64::from(ticket.per_person_limit));
            let names = [doc.id.as_str(), &ticket.id, &ticket.name].map(Value::from);
            let numbers = [ticket.price, capacity, limit].map(Value::from);
            let times = [maybe(ticket.sales_from), maybe(ticket.sales_until), i64::from(ticket.paused).into()];
            names.into_iter().chain(numbers).chain(times).collect()
        };
        tickets.map(row).collect()
    } else if is("SELECT id, organiser_id, status") {
        let row = |doc: &read_model::EventDoc| {
            let texts = |texts: &[&str]| texts.iter().map(|text| Value::from(*text)).collect::<Vec<_>>();
            let mut row = texts(&[&doc.id, &doc.organiser_id, doc.status.as_str()]);
            row.push(i64::try_from(doc.revision).unwrap().into());
            let venue = &doc.venue;
            row.extend(texts(&[&doc.title, &doc.description, &doc.category, &venue.name, &venue.city, &venue.country]));
            row.extend([doc.starts_at, doc.ends_at].map(Value::from));
            row.extend(texts(&[&doc.timezone, &doc.currency, &doc.region]));
            row.push(maybe(doc.refund_until));
            row.extend(["[]", "null"].map(Value::from));
            row.push(serde_json::to_string(&doc.shared_capacities).unwrap().as_str().into());
            row.extend([Value::Null, "null".into()]);
            row
        };
        tables.docs.values().map(row).collect()
    } else if is("SELECT b.event, i.ticket_type") {
        let now = number(&p[0]);
        let overdue = tables.events.iter().flat_map(|(event, rows)| {
            let own = rows.lines.iter().filter(|(_, line)| line.terms.shared_by.is_none());
            own.map(move |(name, _)| {
                let overdue = rows.bookings.values().filter(|record| record.is_overdue(now));
                (event, name, overdue.map(|record| super::places(record, name)).sum::<i64>())
            })
        });
        let some = overdue.filter(|(_, _, places)| *places > 0);
        some.map(|(event, name, places)| vec![event.as_str().into(), name.as_str().into(), places.into()]).collect()
    } else if is("SELECT event, ticket_type, capacity, held, sold") {
        let mut lines: Vec<_> = tables
            .events
            .iter()
            .flat_map(|(event, rows)| rows.lines.iter().map(move |(name, line)| (event, name, line)))
            .collect();
        lines.sort_by_key(|(event, _, line)| (*event, line.terms.ordinal));
        let row = |(event, name, line): (&String, &String, &ledger_core::Line)| {
            let capacity = i64::from(line.terms.capacity);
            let shared_by = line.terms.shared_by.as_deref().map(|types| serde_json::to_string(types).unwrap());
            let shared_by = maybe(shared_by.as_deref());
            vec![event.as_str().into(), name.as_str().into(), capacity.into(), line.held.into(), line.sold.into(), shared_by]
        };
        lines.into_iter().map(row).collect()
    } else if is("SELECT event, version, status") {
        let row = |(event, rows): (&String, &Arc<super::EventRows>)| {
            let version = i64::try_from(rows.version).unwrap();
            let terms = &rows.terms;
            let windows = [maybe(terms.sales_from), maybe(terms.sales_until)];
            [event.as_str().into(), version.into(), terms.status.as_str().into()].into_iter().chain(windows).collect()
        };
        tables.events.iter().map(row).collect()
    } else {
        panic!("the simulated database does not know: {statement}");
    }
}
