//! Somebody who has left something of theirs wherever people can leave it, by a word that is nowhere else: so that it can be looked for.

use crate::client::{Client, OnSale, PASSWORD, eventually, unique};
use crate::server::Server;
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

/// The person, who organises, and what there is of either.
pub struct Known<'a> {
    pub person: Client<'a>,
    pub organiser: Client<'a>,
    pub organiser_id: String,
    /// In their names, addresses and whatever else is theirs. Lower case.
    pub word: String,
    pub email: String,
    pub event: String,
    pub booking: String,
    pub payment: String,
    /// Of a ticket that is theirs.
    pub code: String,
    /// An edge is asked by this name of webhooks' messages.
    pub hook: String,
}

async fn patch(client: &Client<'_>, path: &str, body: &Value) -> Value {
    let key = unique("key");
    client.send(Method::PATCH, path, &[("idempotency-key", &key)], Some(body.to_string().into())).await.expect(200)
}

impl<'a> Known<'a> {
    /// Leaves everything. `region` is where the event is; `admin` vouches for the address.
    pub async fn everywhere(server: &'a Server, admin: &Client<'_>, region: Option<&str>) -> Self {
        let (organiser, organiser_id) = Client::organiser(server).await;
        let change = match region {
            Some(region) => json!({"region": region}),
            None => json!({}),
        };
        let show = OnSale::publish(&organiser, &organiser_id, change).await;
        // Letters alone: it stands in addresses and in names alike.
        let word = unique("zanzibar").replace('-', "x");
        let email = format!("{word}@example.com");
        let agent = format!("{word}/1.0");
        let mut person = Client::new(server);
        let body = json!({"email": email, "password": PASSWORD, "name": format!("Ada {word}")}).to_string();
        let answer = person.send(Method::POST, "/api/auth/register", &[("user-agent", &agent)], Some(body.into())).await;
        person.take_tokens(&answer.expect(201));
        admin.post(&format!("/api/users/{}/verify-email", person.user), &json!({})).await.expect(204);
        patch(&person, "/api/auth/me", &json!({"name": format!("Ada {word} Lovelace")})).await;
        person.post("/api/auth/email", &json!({"email": format!("{word}2@example.com"), "password": PASSWORD})).await.expect(202);
        // Of the team, but not of its owners.
        let invitations = format!("/api/organisers/{organiser_id}/invitations");
        let invited = organiser.post(&invitations, &json!({"email": email, "role": "door"})).await.expect(201);
        person.post(&format!("/api/invitations/{}/accept", invited["id"].as_str().unwrap()), &json!({})).await.expect(200);
        patch(&organiser, &format!("/api/organisers/{organiser_id}"), &json!({"contact_email": email})).await;
        organiser.get(&format!("/api/organisers/{organiser_id}/team")).await.expect(200);
        let hook =
            json!({"url": "https://hooks.example.invalid/", "types": ["order.confirmed", "order.cancelled"], "region": region});
        let hook = organiser.post(&format!("/api/organisers/{organiser_id}/webhooks"), &hook).await.expect(201);

        let booking = person.post_with(&unique("key"), "/api/bookings", &show.order(3)).await.expect(201);
        let booking = booking["id"].as_str().unwrap().to_owned();
        let pay = json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}});
        let payment = person.post_with(&unique("key"), "/api/payments", &pay).await.expect(201);
        let payment = payment["id"].as_str().unwrap().to_owned();
        person.get(&format!("/api/payments/{payment}/receipt")).await.expect(200);
        let tickets = format!("/api/bookings/{booking}/tickets");
        let name = json!({"name": format!("Little {word}")});
        person.send(Method::PUT, &format!("{tickets}/1"), &[], Some(name.to_string().into())).await.expect(200);
        let cousin = json!({"email": format!("cousin{word}@example.com")});
        person.post_with(&unique("key"), &format!("{tickets}/2/transfer"), &cousin).await.expect(201);
        let order = format!("/api/events/{}/orders/{booking}", show.id);
        let details = json!({"name": format!("{word} Ltd"), "email": email, "note": format!("{word} sings")});
        patch(&organiser, &order, &details).await;
        let code = person.get(&tickets).await.expect(200)["items"][0]["code"].as_str().unwrap().to_owned();
        // Let in by a scanner without a network, whose answer has the name in it.
        let scan =
            json!({"event_id": show.id, "scans": [{"code": code, "at": booked_at(&organiser, &show.id).await, "gate": "north"}]});
        let merged = organiser.post("/api/checkin/merge", &scan).await.expect(200);
        assert_eq!(merged["results"][0]["name"], format!("Little {word}"), "{merged}");
        let hook = hook["id"].as_str().unwrap().to_owned();
        Self { person, organiser, organiser_id, word, email, event: show.id, booking, payment, code, hook }
    }

    /// Until a message of the webhook tells of the order: then everything before has been followed, too.
    pub async fn followed(&self) {
        let path = format!("/api/organisers/{}/webhooks/{}/deliveries", self.organiser_id, self.hook);
        let told = async || self.organiser.get(&path).await.expect(200);
        eventually("the webhook's message", told, |it| it["items"].as_array().is_some_and(|items| !items.is_empty())).await;
    }

    /// Erases the account, by its password.
    pub async fn erased(&self) {
        let body = json!({"password": PASSWORD}).to_string();
        self.person.send(Method::DELETE, "/api/auth/me", &[], Some(body.into())).await.expect(204);
    }
}

/// An instant of the platform's own, which is not in its future.
async fn booked_at(organiser: &Client<'_>, event: &str) -> Value {
    organiser.get(&format!("/api/events/{event}/availability")).await.expect(200)["as_of"].clone()
}

/// Where in a database of Postgres a word stands: tables and columns.
pub async fn in_database(url: &str, word: &str) -> Vec<String> {
    use sqlx::{Connection as _, PgConnection, query_as, query_scalar};
    let mut database = PgConnection::connect(url).await.unwrap();
    let statement = "SELECT c.table_name::TEXT, c.column_name::TEXT FROM information_schema.columns c JOIN information_schema.tables t \
                     ON t.table_schema = c.table_schema AND t.table_name = c.table_name \
                     WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE' AND c.data_type = 'text'";
    let columns: Vec<(String, String)> = query_as(statement).fetch_all(&mut database).await.unwrap();
    assert!(columns.len() > 100, "{columns:?}");
    let mut found = Vec::new();
    for (table, column) in columns {
        let statement = format!("SELECT COUNT(*) FROM \"{table}\" WHERE LOWER(\"{column}\") LIKE $1");
        let rows: i64 = query_scalar(&statement).bind(format!("%{word}%")).fetch_one(&mut database).await.unwrap();
        if rows > 0 {
            found.push(format!("{table}.{column}"));
        }
    }
    found
}

/// The files of a folder and those below it, but for mailboxes, that have a word in them.
pub fn in_files(folder: &Path, word: &str) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let path = entry.path();
        // What was sent is its reader's.
        if path.file_name().is_some_and(|name| name == "mail") {
            continue;
        }
        if entry.file_type().unwrap().is_dir() {
            found.extend(in_files(&path, word));
        } else if let Ok(bytes) = std::fs::read(&path)
            && bytes.windows(word.len()).any(|some| some.eq_ignore_ascii_case(word.as_bytes()))
        {
            found.push(path.display().to_string());
        }
    }
    found
}
