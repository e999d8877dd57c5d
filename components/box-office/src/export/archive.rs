//! The archive: everything that a region knows of somebody in one file of JSON, and beside it the papers of what they bought or were given, as they are now.
//!
//! It is made whole before any of it is sent, and no transaction is open while a paper is drawn. So it has a bound, in papers, bytes and time; what did
//! not fit, or has no paper, is named with where it can be had.

use super::{Key, page};
use crate::limits;
use ::archive::Archive;
use kit::sql::{self, Tx, Value};
use kit::tickets::{self, SigningKey};
use kit::{Problem, guests, params, time};
use receipt::Paid;
use receipt::tickets::Order;
use serde_json::{Value as Json, json};

/// What of an archive there is room for.
#[derive(Debug)]
struct Room {
    papers: usize,
    bytes: usize,
    /// Microseconds since the Unix epoch.
    until: i64,
}

impl Room {
    /// Whether another paper is begun.
    fn is_left(&self, now: i64) -> bool {
        self.papers > 0 && self.bytes > 0 && now < self.until
    }

    /// Takes room for a paper; false where there is none.
    fn take(&mut self, bytes: usize) -> bool {
        let fits = self.papers > 0 && bytes <= self.bytes;
        if fits {
            self.papers -= 1;
            self.bytes -= bytes;
        }
        fits
    }
}

/// What goes into an archive.
#[derive(Debug)]
struct Papers {
    region: String,
    archive: Archive,
    room: Room,
    /// Those that are in it.
    there: Vec<Json>,
    /// Those that are not, and why.
    missing: Vec<Json>,
}

impl Papers {
    /// Adds one that was drawn.
    fn put(&mut self, name: &str, of: (&str, &str), pdf: &[u8]) -> Result<(), Problem> {
        let file = format!("{}/papers/{name}", self.region);
        if !self.room.take(pdf.len()) {
            self.lacks(of, "limit");
            return Ok(());
        }
        add(&mut self.archive, &file, pdf)?;
        self.there.push(json!({ "file": file, of.0: of.1 }));
        Ok(())
    }

    fn lacks(&mut self, (member, id): (&str, &str), why: &str) {
        self.missing.push(json!({ member: id, "why": why }));
    }

    fn is_room(&self) -> bool {
        self.room.is_left(time::now())
    }
}

fn add(archive: &mut Archive, name: &str, content: &[u8]) -> Result<(), Problem> {
    archive.add(name, content).map_err(|error| Problem::internal(format_args!("{name} in an export: {error}")))
}

/// Everything that this region knows of a person.
pub async fn make(region: &str, person: &str) -> Result<Vec<u8>, Problem> {
    let room = Room { papers: limits::EXPORT_PAPERS, bytes: limits::EXPORT_BYTES, until: time::now() + limits::EXPORT_TIME };
    let archive = Archive::new();
    let mut papers = Papers { region: region.to_owned(), archive, room, there: Vec::new(), missing: Vec::new() };
    let (items, more) = known(region, person).await?;
    // What is left of who was erased leads to nobody, and a ticket lets in whoever has its code.
    if !is_erased(person).await? {
        let key = tickets::signer().await?;
        add_receipts(&mut papers, person).await?;
        add_tickets(&mut papers, &key, person).await?;
    }
    let Papers { mut archive, there, missing, .. } = papers;
    let data = json!({
        "region": region, "user_id": person, "made_at": time::format(time::now()), "items": items, "more_items": more, "papers": there,
        "papers_missing": missing,
    });
    let data = serde_json::to_vec_pretty(&data).map_err(|error| Problem::internal(format_args!("an export: {error}")))?;
    add(&mut archive, &format!("{region}/data.json"), &data)?;
    archive.finish().map_err(|error| Problem::internal(format_args!("an export: {error}")))
}

async fn is_erased(person: &str) -> Result<bool, Problem> {
    let mut tx = sql::read().await?;
    let row: Option<(i64,)> = tx.one("SELECT 1 FROM erasures WHERE user_id = $1", params![person]).await?;
    tx.rollback().await?;
    Ok(row.is_some())
}

/// What is in the tables, the newest first, and whether there is more than that: the list has it, in pages.
async fn known(region: &str, person: &str) -> Result<(Vec<Json>, bool), Problem> {
    let (mut all, mut behind) = (Vec::new(), Key::newest());
    while all.len() < limits::EXPORT_ITEMS {
        let mut tx = sql::read().await?;
        let (items, next) = page(&mut tx, region, person, &behind, limits::EXPORT_ITEMS_AT_ONCE).await?;
        tx.rollback().await?;
        all.extend(items);
        match next {
            Some(next) => behind = next,
            None => return Ok((all, false)),
        }
    }
    Ok((all, true))
}

kit::row! {
    struct Payment {
        id: String,
        booking: String,
        event: String,
        person: String,
        amount: i64,
        currency: String,
        refunded: i64,
        state: String,
        created_at: i64,
    }
}

/// A receipt of every payment that they made, the newest first.
async fn add_receipts(papers: &mut Papers, person: &str) -> Result<(), Problem> {
    let mut tx = sql::read().await?;
    let subjects = guests::subjects(&mut tx, person).await?;
    let statement = format!(
        "SELECT p.id, p.booking, p.event, p.person, p.amount, p.currency, p.refunded, p.provider_state, p.created_at FROM payments p \
         JOIN bookings b ON b.id = p.booking WHERE p.status = 'completed' AND b.person IN ({}) ORDER BY p.created_at DESC, p.id DESC LIMIT $1",
        sql::list(2, subjects.len())
    );
    let values = params![limits::EXPORT_NAMED].into_iter().chain(subjects.iter().map(Value::from));
    let payments: Vec<Payment> = tx.all(&statement, values.collect::<Vec<_>>()).await?;
    tx.rollback().await?;
    for payment in payments {
        let id = payment.id.clone();
        if !papers.is_room() {
            papers.lacks(("payment_id", &id), "limit");
            continue;
        }
        let mut tx = sql::read().await?;
        let receipt = receipt::read(&mut tx, &paid(payment)).await?;
        tx.rollback().await?;
        let Some(receipt) = receipt else {
            papers.lacks(("payment_id", &id), "gone");
            continue;
        };
        papers.put(&format!("receipt-{}.pdf", receipt.number), ("payment_id", &id), &receipt::render(&receipt)?)?;
    }
    Ok(())
}

fn paid(payment: Payment) -> Paid {
    let Payment { id, booking, event, person, amount, currency, refunded, state, created_at } = payment;
    let state: Json = serde_json::from_str(&state).unwrap_or_default();
    let completed_at = state.get("completed_at").and_then(Json::as_i64).unwrap_or(created_at);
    Paid { id, booking, event, person, amount, currency, refunded, completed_at }
}

/// The tickets of every booking that are theirs, the newest first: as its owner, or as who was given them.
async fn add_tickets(papers: &mut Papers, key: &SigningKey, person: &str) -> Result<(), Problem> {
    let mut tx = sql::read().await?;
    let bookings = bookings(&mut tx, person).await?;
    tx.rollback().await?;
    for (booking, holder) in bookings {
        if !papers.is_room() {
            papers.lacks(("booking_id", &booking), "limit");
            continue;
        }
        let mut tx = sql::read().await?;
        let holder = holder.then_some(person);
        let order = receipt::tickets::read_of(&mut tx, key, &booking, holder, limits::EXPORT_TICKETS).await?;
        tx.rollback().await?;
        match order {
            Some(order) => add_order(papers, order, holder.is_some())?,
            None => papers.lacks(("booking_id", &booking), "gone"),
        }
    }
    Ok(())
}

/// Confirmed bookings in which somebody has tickets, and whether as somebody to whom they were transferred.
async fn bookings(tx: &mut Tx, person: &str) -> Result<Vec<(String, bool)>, Problem> {
    let subjects = guests::subjects(tx, person).await?;
    let statement = format!(
        "SELECT id FROM bookings WHERE status = 'confirmed' AND person IN ({}) ORDER BY created_at DESC, id DESC LIMIT $1",
        sql::list(2, subjects.len())
    );
    let values = params![limits::EXPORT_NAMED].into_iter().chain(subjects.iter().map(Value::from));
    let own: Vec<(String,)> = tx.all(&statement, values.collect::<Vec<_>>()).await?;
    let statement = "SELECT t.booking FROM tickets t JOIN bookings b ON b.id = t.booking WHERE t.holder = $1 AND b.status = 'confirmed' \
                     GROUP BY t.booking ORDER BY MAX(t.held_since) DESC, t.booking DESC LIMIT $2";
    let received: Vec<(String,)> = tx.all(statement, params![person, limits::EXPORT_NAMED]).await?;
    Ok(own.into_iter().map(|(id,)| (id, false)).chain(received.into_iter().map(|(id,)| (id, true))).collect())
}

fn add_order(papers: &mut Papers, order: Order, received: bool) -> Result<(), Problem> {
    let booking = order.id.clone();
    if order.withheld > 0 {
        papers.lacks(("booking_id", &booking), "answers-missing");
    }
    let mut next = order.tickets.first().map(|ticket| ticket.number);
    let mut part = 0;
    while let Some(from) = next {
        if !papers.is_room() {
            papers.lacks(("booking_id", &booking), "limit");
            return Ok(());
        }
        part += 1;
        let (printed, rest) = order.clone().part(from, limits::PRINTED);
        next = rest;
        let name = match (received, part) {
            (false, 1) => format!("tickets-{booking}.pdf"),
            (false, _) => format!("tickets-{booking}-{part}.pdf"),
            (true, _) => format!("tickets-received-{booking}-{part}.pdf"),
        };
        papers.put(&name, ("booking_id", &booking), &receipt::tickets::render(&printed)?)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::world::*;
    use kit::sql::testing::ready;

    /// The names of an archive's files, and its data.
    fn made(person: &str) -> (Vec<String>, Json) {
        let bytes = ready(make("eu", person)).unwrap();
        let files = ::archive::files(&bytes).unwrap();
        let (_, data) = files.iter().find(|(name, _)| *name == "eu/data.json").unwrap();
        let mut names: Vec<_> = files
            .iter()
            .filter(|(name, _)| name.starts_with("eu/papers/"))
            .map(|(name, pdf)| {
                assert!(pdf.starts_with(b"%PDF-"), "{name}");
                name.trim_start_matches("eu/papers/").to_owned()
            })
            .collect();
        names.sort_unstable();
        (names, serde_json::from_slice(data).unwrap())
    }

    #[test]
    fn an_archive_has_the_papers_of_whose_it_is_and_of_nobody_else() {
        for database in worlds() {
            database.enter();
            database.run("UPDATE bookings SET total = 4500, payment = 'eu_pay' WHERE id = 'eu_b1'");
            for (id, booking, status, person) in [
                ("eu_pay", "eu_b1", "completed", "eu_ada"),
                ("eu_failed", "eu_b1", "failed", "eu_ada"),
                ("eu_other", "eu_b2", "completed", "eu_grace"),
            ] {
                let failure = if status == "failed" { "'declined'" } else { "NULL" };
                database.run(&format!(
                    "INSERT INTO payments (id, booking, event, person, amount, currency, status, provider, provider_state, failure, refunded, \
                     version, created_at, updated_at) VALUES ('{id}', '{booking}', 'eu_e', '{person}', 4500, 'EUR', '{status}', 'sandbox', \
                     '{{\"completed_at\":{NOW}}}', {failure}, 0, 1, 0, 0)"
                ));
            }
            database.run(
                "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, version, updated_at) VALUES \
                 ('eu_b1', 2, 'eu_e', 'eu_stand', 2, 'eu_grace', 25, 1, 0)",
            );
            let (papers, data) = made("eu_ada");
            assert_eq!(papers, ["receipt-EU-PAY.pdf", "tickets-eu_b1.pdf", "tickets-eu_ob.pdf"]);
            let kinds: Vec<_> = data["items"].as_array().unwrap().iter().map(|item| item["kind"].as_str().unwrap()).collect();
            assert!(["account", "booking", "payment"].iter().all(|kind| kinds.contains(kind)), "{kinds:?}");
            assert_eq!(
                (&data["user_id"], &data["more_items"], &data["papers_missing"]),
                (&json!("eu_ada"), &json!(false), &json!([]))
            );
            assert!(
                data["papers"]
                    .as_array()
                    .unwrap()
                    .contains(&json!({"file": "eu/papers/receipt-EU-PAY.pdf", "payment_id": "eu_pay"}))
            );
            // What was given away is printed for who has it now.
            let (papers, _) = made("eu_grace");
            assert_eq!(papers, ["receipt-EU-OTHER.pdf", "tickets-eu_b2.pdf", "tickets-received-eu_b1-1.pdf"]);
            // Who sells has nothing of it.
            assert_eq!(made("eu_owner").0, Vec::<String>::new());
            // An account stands for its guests.
            database.run("INSERT INTO guest_claims (guest, account, claimed_at) VALUES ('eu_ada', 'eu_idle', 1)");
            assert_eq!(made("eu_idle").0, ["receipt-EU-PAY.pdf", "tickets-eu_b1.pdf", "tickets-eu_ob.pdf"]);
        }
    }

    #[test]
    fn what_has_no_paper_is_named() {
        for database in worlds() {
            database.enter();
            let question = r#"[{"id": "eu_q", "label": "Meal", "kind": "text", "per": "ticket", "required": true, "ticket_types": ["eu_seat"]}]"#;
            database.run(&format!(
                "UPDATE events SET questions = '{question}', starts_at = {0}, ends_at = {0} WHERE id = 'eu_e'",
                NOW + SECOND
            ));
            let (papers, data) = made("eu_ada");
            assert_eq!(papers, ["tickets-eu_b1.pdf", "tickets-eu_ob.pdf"]);
            assert_eq!(data["papers_missing"], json!([{"booking_id": "eu_b1", "why": "answers-missing"}]));
            database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_b1'");
            assert_eq!(made("eu_ada").0, ["tickets-eu_ob.pdf"], "a void ticket is no paper");
        }
    }

    #[test]
    fn room_is_for_so_many_papers_bytes_and_seconds() {
        let mut room = Room { papers: 2, bytes: 10, until: 5 };
        assert!(room.is_left(4) && !room.is_left(5));
        assert!(!room.take(11) && room.take(4) && room.take(6) && !room.take(0));
        assert!(!room.is_left(0));
    }
}
