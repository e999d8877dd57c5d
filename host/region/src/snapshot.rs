//! Everything that is public, read in one transaction with the position that it stands for.

use std::collections::HashMap;
use std::hash::Hash;

use edge::feed::Snapshot;
use read_model::{Availability, EventDoc, EventStatus, Fact, Line, TicketType, Venue};

use crate::database::{Database, Error, Purpose, Transaction};
use crate::limits;
use crate::sequencer;

/// Reads a snapshot. Whatever has a position up to its own is in it, and perhaps more.
pub(crate) async fn read(database: &Database) -> Result<Snapshot, Error> {
    let mut transaction = database.begin(Purpose::Read).await?;
    let counter = sequencer::peek(&mut transaction).await?;
    let now = transaction.now().await?;
    let mut facts = keys(&mut transaction, now).await?;
    facts.extend(revocations(&mut transaction, now).await?);
    facts.extend(events(&mut transaction, now - read_model::ARCHIVED_AFTER).await?);
    facts.extend(inventories(&mut transaction, now).await?);
    transaction.commit().await?;
    #[cfg(test)]
    let counter = if crate::simulation::bugs::planted(crate::simulation::bugs::Bug::SnapshotSplit) {
        sequencer::peek(&mut database.begin(Purpose::Read).await?).await?
    } else {
        counter
    };
    let (epoch, position) = counter.map_or_else(|| ("".into(), 0), |counter| (counter.epoch, counter.position));
    Ok(Snapshot { epoch, position, facts })
}

/// Who is to be let in, and who not any more: public keys and revocations, as of now.
pub(crate) async fn admission(database: &Database) -> Result<Vec<Fact>, Error> {
    let mut transaction = database.begin(Purpose::Read).await?;
    let now = transaction.now().await?;
    let mut facts = keys(&mut transaction, now).await?;
    facts.extend(revocations(&mut transaction, now).await?);
    transaction.commit().await?;
    Ok(facts)
}

/// Keys that are trusted: retired ones for as long as their tokens may be good, and none that were revoked.
async fn keys(transaction: &mut Transaction, now: i64) -> Result<Vec<Fact>, Error> {
    let rows = transaction
        .query(
            "SELECT kid, public_key, ends_at FROM signing_keys WHERE ends_at IS NULL OR ends_at > $1 \
             ORDER BY created_at DESC, kid LIMIT $2",
            &[now.into(), bound(edge::limits::KEYS)],
        )
        .await?;
    let key =
        |mut row: crate::database::Row| Ok(Fact::Key { kid: row.text()?, public_key: row.text()?, until: row.maybe_integer()? });
    rows.into_iter().map(key).collect()
}

/// Sessions whose access tokens might still be good, had they not been ended, here or where the accounts are kept.
async fn revocations(transaction: &mut Transaction, now: i64) -> Result<Vec<Fact>, Error> {
    let rows = transaction
        .query(
            "SELECT id, revoked_at + $1 FROM sessions WHERE revoked_at > $2 \
             UNION ALL SELECT session_id, ends_at FROM revocations WHERE ends_at > $3 LIMIT $4",
            &[
                limits::ACCESS_MICROSECONDS.into(),
                (now - limits::ACCESS_MICROSECONDS).into(),
                now.into(),
                // One more than fits is enough to be told that it does not.
                bound(edge::limits::REVOKED_SESSIONS + 1),
            ],
        )
        .await?;
    rows.into_iter().map(|mut row| Ok(Fact::SessionRevoked { session: row.text()?, until: row.integer()? })).collect()
}

/// Those that did not end before `since`.
async fn events(transaction: &mut Transaction, since: i64) -> Result<Vec<Fact>, Error> {
    let tickets = transaction
        .query(
            "SELECT t.event_id, t.id, t.name, t.price, t.capacity, t.per_person_limit, t.sales_from, t.sales_until, t.paused FROM ticket_types t \
             JOIN events e ON e.id = t.event_id WHERE e.status <> 'draft' AND e.ends_at >= $1 ORDER BY t.event_id, t.ordinal",
            &[since.into()],
        )
        .await?;
    let mut tickets_of = grouped(tickets.into_iter().map(|mut row| {
        let event = row.text()?;
        let ticket = TicketType {
            id: row.text()?,
            name: row.text()?,
            price: row.integer()?,
            capacity: row.count()?,
            per_person_limit: row.count()?,
            sales_from: row.maybe_integer()?,
            sales_until: row.maybe_integer()?,
            paused: row.integer()? != 0,
        };
        Ok((event, ticket))
    }))?;
    let rows = transaction
        .query(
            "SELECT id, organiser_id, status, revision, title, description, category, venue_name, city, country, starts_at, ends_at, \
             timezone, currency, region, refund_until FROM events WHERE status <> 'draft' AND ends_at >= $1 ORDER BY ends_at LIMIT $2",
            &[since.into(), bound(limits::SNAPSHOT_EVENTS)],
        )
        .await?;
    rows.into_iter()
        .map(|mut row| {
            let (id, organiser_id, status) = (row.text()?, row.text()?, row.text()?);
            let ticket_types = tickets_of.remove(&id).unwrap_or_default();
            Ok(Fact::Event(EventDoc {
                id,
                organiser_id,
                status: EventStatus::parse(&status).ok_or_else(|| Error::Row(format!("an event that is {status}")))?,
                revision: row.count()?,
                title: row.text()?,
                description: row.text()?,
                category: row.text()?,
                venue: Venue { name: row.text()?, city: row.text()?, country: row.text()? },
                starts_at: row.integer()?,
                ends_at: row.integer()?,
                timezone: row.text()?,
                currency: row.text()?,
                region: row.text()?,
                refund_until: row.maybe_integer()?,
                ticket_types,
            }))
        })
        .collect()
}

async fn inventories(transaction: &mut Transaction, now: i64) -> Result<Vec<Fact>, Error> {
    let (overdue, since) = (overdue(transaction, now).await?, now - read_model::ARCHIVED_AFTER);
    let lines = transaction
        .query(
            "SELECT event, ticket_type, capacity, held + sold FROM inventory_lines \
             WHERE event IN (SELECT id FROM events WHERE ends_at >= $1) ORDER BY event, ordinal",
            &[since.into()],
        )
        .await?;
    let mut lines_of = grouped(lines.into_iter().map(|mut row| {
        let (event, ticket_type) = (row.text()?, row.text()?);
        let (capacity, taken) = (row.integer()?, row.integer()?);
        let key = (event, ticket_type);
        let free = (capacity - taken + overdue.get(&key).copied().unwrap_or(0)).clamp(0, capacity.max(0));
        let (event, ticket_type) = key;
        let count = |number: i64| u32::try_from(number).map_err(|_| Error::Row(format!("{number} places")));
        Ok((event, Line { ticket_type, capacity: count(capacity)?, available: count(free)? }))
    }))?;
    let rows = transaction
        .query(
            "SELECT event, version, status, sales_from, sales_until FROM inventory WHERE event IN (SELECT id FROM events WHERE ends_at >= $1)",
            &[since.into()],
        )
        .await?;
    rows.into_iter()
        .map(|mut row| {
            let event_id = row.text()?;
            let lines = lines_of.remove(&event_id).unwrap_or_default();
            Ok(Fact::Availability(Availability {
                event_id,
                version: row.count()?,
                open: row.text()? == "open",
                sales_from: row.maybe_integer()?,
                sales_until: row.maybe_integer()?,
                lines,
            }))
        })
        .collect()
}

/// Places by event and ticket type whose hold has run out without anybody having tidied it: they are free.
async fn overdue(transaction: &mut Transaction, now: i64) -> Result<HashMap<(String, String), i64>, Error> {
    let rows = transaction
        .query(
            "SELECT b.event, i.ticket_type, CAST(SUM(i.quantity) AS BIGINT) FROM bookings b JOIN booking_items i ON i.booking = b.id \
             WHERE b.status IN ('held', 'paying') AND b.expires_at <= $1 GROUP BY b.event, i.ticket_type",
            &[now.into()],
        )
        .await?;
    rows.into_iter().map(|mut row| Ok(((row.text()?, row.text()?), row.integer()?))).collect()
}

fn grouped<K: Eq + Hash, V>(pairs: impl Iterator<Item = Result<(K, V), Error>>) -> Result<HashMap<K, Vec<V>>, Error> {
    let mut groups: HashMap<K, Vec<V>> = HashMap::new();
    for pair in pairs {
        let (key, value) = pair?;
        groups.entry(key).or_default().push(value);
    }
    Ok(groups)
}

fn bound(limit: usize) -> crate::database::Value {
    i64::try_from(limit).unwrap_or(i64::MAX).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Scratch, databases};

    const EVENT: &str = "INSERT INTO events (id, organiser_id, status, revision, title, description, category, venue_name, city, country, \
        starts_at, ends_at, timezone, currency, region, refund_until, created_by, created_at, updated_at) \
        VALUES ($1, 'o', $2, 3, 'T', '', 'music', 'V', 'C', 'LK', 1, $3, 'Asia/Colombo', 'EUR', 'local', NULL, 'u', 1, 1)";

    #[tokio::test]
    async fn it_holds_what_is_public_and_nothing_else() {
        for Scratch { database, .. } in databases(true).await {
            let mut transaction = database.begin(Purpose::Write).await.unwrap();
            let now = transaction.now().await.unwrap();
            transaction.query("INSERT INTO organisers (id, name, created_at) VALUES ('o', 'O', 1)", &[]).await.unwrap();
            let long_over = now - read_model::ARCHIVED_AFTER - 1;
            let events =
                [("e1", "published", now), ("e2", "draft", now), ("e3", "cancelled", now), ("e4", "published", long_over)];
            for (id, status, ends_at) in events {
                transaction.query(EVENT, &[id.into(), status.into(), ends_at.into()]).await.unwrap();
            }
            for statement in [
                "INSERT INTO ticket_types (id, event_id, ordinal, name, price, capacity, per_person_limit) VALUES ('t1', 'e1', 0, 'A', 100, 10, 6), ('t2', 'e2', 0, 'A', 100, 10, 6)",
                "INSERT INTO inventory (event, version, status, revision, currency) VALUES ('e1', 7, 'open', 3, 'EUR'), ('e4', 9, 'open', 3, 'EUR')",
                "INSERT INTO inventory_lines (event, ticket_type, ordinal, price, per_person_limit, capacity, held, sold) VALUES ('e1', 't1', 0, 100, 6, 10, 5, 2)",
                "INSERT INTO bookings (id, event, person, status, expires_at, extended, total, currency, ticket_seed, version, created_at, updated_at) \
                 VALUES ('b1', 'e1', 'u', 'held', 1, 0, 300, 'EUR', 's', 7, 1, 1), ('b2', 'e1', 'u', 'held', 9000000000000000, 0, 200, 'EUR', 's', 7, 1, 1)",
                "INSERT INTO booking_items (booking, ticket_type, ordinal, quantity, unit_price) VALUES ('b1', 't1', 0, 3, 100), ('b2', 't1', 0, 2, 100)",
                "INSERT INTO signing_keys (kid, public_key, private_key, created_at, ends_at) VALUES ('k1', 'p', 'secret', 1, NULL), \
                 ('retired', 'p', NULL, 1, 9000000000000000), ('forgotten', 'p', NULL, 1, 1)",
                "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('u', 'e', 'n', 'h', 1, 1)",
                "INSERT INTO revocations (session_id, ends_at) VALUES ('elsewhere', 9000000000000000), ('forgotten', 1)",
            ] {
                transaction.query(statement, &[]).await.unwrap();
            }
            for (id, revoked_at) in [("live", None), ("recent", Some(now)), ("old", Some(now - limits::ACCESS_MICROSECONDS - 1))]
            {
                let revoked_at = revoked_at.map_or(crate::database::Value::Integer(0), Into::into);
                transaction
                    .query(
                        "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, revoked_at, created_at) \
                         VALUES ($1, 'u', 'h', 1, 1, NULLIF(CAST($2 AS BIGINT), 0), 1)",
                        &[id.into(), revoked_at],
                    )
                    .await
                    .unwrap();
            }
            transaction.commit().await.unwrap();

            let snapshot = read(&database).await.unwrap();
            let mut events = Vec::new();
            let mut sessions = Vec::new();
            let mut keys = Vec::new();
            for fact in &snapshot.facts {
                match fact {
                    Fact::Event(doc) => events.push((doc.id.as_str(), doc.ticket_types.len())),
                    Fact::Availability(it) => {
                        assert_eq!((it.version, it.open), (7, true));
                        // Ten, less two sold and two held; the three that are overdue are free.
                        assert_eq!((it.lines[0].capacity, it.lines[0].available), (10, 6));
                    }
                    Fact::SessionRevoked { session, .. } => sessions.push(session.as_str()),
                    Fact::Key { kid, public_key, until } => keys.push((kid.as_str(), public_key.as_str(), *until)),
                }
            }
            events.sort_unstable();
            assert_eq!(events, [("e1", 1), ("e3", 0)]);
            assert_eq!(sessions, ["recent", "elsewhere"]);
            assert_eq!(keys, [("k1", "p", None), ("retired", "p", Some(9_000_000_000_000_000))]);
            assert_eq!(snapshot.facts.len(), 7);
            assert!(!format!("{snapshot:?}").contains("secret"));
        }
    }
}
