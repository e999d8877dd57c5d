//! Webhooks: each is told what it asked for, once, signed, until it has arrived.

use super::world::*;
use crate::webhooks::{Answer, Outgoing, Sender, send_due};
use crate::wit::kafka::ConsumerRecord;
use crate::{Fate, batch, limits};
use ::webhooks::Secret;
use kit::sealing::Keys;
use kit::sql::testing::{Database, ready};
use kit::time::SECOND;
use kit::webhooks::KEYS;
use serde_json::{Value as Json, json};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::sync::Arc;

/// 32 bytes.
const KEY: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

fn keys() -> Keys {
    KEYS.parse(KEY).unwrap()
}

/// Takes messages, and answers as it is told; then with 200.
#[derive(Default)]
struct Servers {
    heard: RefCell<Vec<Outgoing>>,
    answers: RefCell<VecDeque<Result<Answer, String>>>,
    /// How many were on their way at once, now and at most.
    flying: Cell<(usize, usize)>,
}

impl Sender for Servers {
    async fn post(&self, outgoing: Outgoing) -> Result<Answer, String> {
        let now = self.flying.get().0 + 1;
        self.flying.set((now, self.flying.get().1.max(now)));
        self.heard.borrow_mut().push(outgoing);
        let mut waited = false;
        std::future::poll_fn(|context| {
            if std::mem::replace(&mut waited, true) {
                return std::task::Poll::Ready(());
            }
            context.waker().wake_by_ref();
            std::task::Poll::Pending
        })
        .await;
        self.flying.set((self.flying.get().0 - 1, self.flying.get().1));
        self.answers.borrow_mut().pop_front().unwrap_or_else(|| answered(200))
    }

    async fn pause(&self) {}
}

fn answered(status: u16) -> Result<Answer, String> {
    Ok(Answer { status, text: format!("said {status}"), retry_after: None })
}

impl Servers {
    fn answering(answers: impl IntoIterator<Item = Result<Answer, String>>) -> Self {
        Self { answers: RefCell::new(answers.into_iter().collect()), ..Self::default() }
    }

    fn tick(&self) {
        ready(send_due(self, async || Ok(Arc::new(keys())))).unwrap();
    }

    fn bodies(&self) -> Vec<Json> {
        self.heard.borrow().iter().map(|outgoing| serde_json::from_str(&outgoing.body).unwrap()).collect()
    }

    /// How often each receiver was told.
    fn count(&self, url: &str) -> usize {
        self.heard.borrow().iter().filter(|outgoing| outgoing.url == url).count()
    }
}

/// A webhook of the event's organiser; its address is its name's.
fn hook(database: &Database, name: &str, types: &[&str]) -> String {
    let id = format!("eu_{name}");
    let sealed = keys().seal(&id, name.as_bytes()).unwrap();
    database.run(&format!(
        "INSERT INTO webhooks (id, organiser_id, url, types, state, secret, key_id, failures, not_before, turn_at, version, created_by, created_at, \
         updated_at) VALUES ('{id}', 'eu_o', '{}', '{}', 'active', '{}', '{}', 0, 0, 0, 1, 'eu_owner', 0, 0)",
        url(name),
        json!(types),
        sealed.text,
        sealed.key_id
    ));
    id
}

fn url(name: &str) -> String {
    format!("https://{name}.example/")
}

fn handle(records: &[ConsumerRecord]) {
    assert!(ready(batch::handle(records)).iter().all(|fate| *fate == Fate::Done));
}

fn confirmed(id: &str) -> ConsumerRecord {
    booking(id, "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))
}

fn deliveries(database: &Database) -> Vec<(String, i64, Option<i64>, Option<String>)> {
    database.all_rows("SELECT state, attempts, status, error FROM webhook_deliveries ORDER BY created_at, id")
}

fn state(database: &Database, hook: &str) -> (String, Option<String>, i64) {
    database.all_rows(&format!("SELECT state, reason, failures FROM webhooks WHERE id = '{hook}'")).remove(0)
}

fn ticket(id: &str, kind: &str, details: &Json) -> ConsumerRecord {
    let mut payload = json!({
        "booking_id": "eu_paid", "number": 2, "event_id": "eu_e", "ticket_type_id": "eu_t", "actor": "eu_ada", "network": "192.0.2.0/24",
    });
    payload.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
    record(id, kind, "eu_paid.2", &payload)
}

fn event(id: &str, kind: &str, details: &Json) -> ConsumerRecord {
    let mut payload = json!({"id": "eu_e", "title": "Night of Strings", "status": "published", "actor": "eu_owner"});
    payload.as_object_mut().unwrap().extend(details.as_object().unwrap().clone());
    record(id, kind, "eu_e", &payload)
}

#[test]
fn a_message_says_what_the_list_of_orders_shows_and_no_more() {
    for database in worlds() {
        database.enter();
        hook(&database, "books", &["order.confirmed"]);
        handle(&[confirmed("b.1")]);
        let servers = Servers::default();
        servers.tick();
        let expected = json!({
            "specversion": "1.0", "id": "b.1", "source": "/regions/eu", "type": "order.confirmed", "subject": "eu_paid",
            "time": "2027-01-15T08:00:00Z", "datacontenttype": "application/json",
            "data": {
                "event": {"id": "eu_e", "title": "Night of Strings"},
                "order": {
                    "id": "eu_paid", "status": "confirmed", "channel": "online",
                    "buyer": {"name": "Ada <Lovelace>", "email": "ada@example.com"},
                    "items": [{
                        "ticket_type_id": "eu_t", "name": "Standard", "quantity": 2, "unit_price": {"amount": 4500, "currency": "EUR"},
                    }],
                    "total": {"amount": 9000, "currency": "EUR"}, "refunded": {"amount": 0, "currency": "EUR"},
                    "payment_id": "eu_pay", "created_at": "1970-01-01T00:00:00Z",
                },
            },
        });
        assert_eq!(servers.bodies(), [expected]);
        let heard = servers.heard.borrow();
        let header = |name: &str| heard[0].headers.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        assert_eq!((heard[0].url.clone(), header("content-type")), (url("books"), "application/cloudevents+json".to_owned()));
        assert_eq!(header("content-length"), heard[0].body.len().to_string());
        let (id, at) = (header("webhook-id"), header("webhook-timestamp"));
        let signed = Secret::new(*b"books").sign(&id, at.parse().unwrap(), &heard[0].body);
        assert_eq!(header("webhook-signature"), signed);
        let rows: Vec<(String, String, Option<String>)> = database.all_rows("SELECT id, state, answer FROM webhook_deliveries");
        assert_eq!(rows, [(id, "delivered".to_owned(), Some("said 200".to_owned()))]);
    }
}

#[test]
fn each_thing_that_happens_is_told_as_what_it_is() {
    for database in worlds() {
        database.enter();
        hook(&database, "all", &::webhooks::KINDS);
        let admitted =
            json!({"list": "default", "entry": 1, "gate": "north", "admitted_at": "2027-01-15T08:00:00Z", "way": "scan"});
        let venue = json!({"name": "Red Hall", "city": "Colombo", "country": "LK"});
        let moved = json!({"before": {
            "starts_at": "2027-01-15T07:00:00Z", "ends_at": "2027-01-15T09:00:00Z", "timezone": "Asia/Colombo", "venue": venue,
        }});
        handle(&[
            event("e.0", "event.created", &json!({"status": "draft"})),
            event("e.1", "event.updated", &json!({"status": "draft"})),
            event("e.2", "event.updated", &json!({"published": true})),
            event("e.3", "event.updated", &json!({})),
            event("e.5", "event.cancelled", &json!({"status": "cancelled"})),
            booking("b.0", "booking.created", "eu_paid", "held", None),
            booking("b.1", "booking.updated", "eu_paid", "paying", None),
            confirmed("b.2"),
            booking("b.3", "booking.created", "eu_free", "confirmed", None),
            saying(
                booking("b.4", "booking.cancelled", "eu_paid", "cancelled", Some("eu_pay")),
                &[("cancelled_by", json!("steward"))],
            ),
            // A hold that was given back.
            booking("b.5", "booking.cancelled", "eu_paid", "cancelled", None),
            payment("p.0", "payment.completed", None),
            payment("p.1", "payment.completed", Some(4500)),
            payment("p.2", "payment.failed", None),
            ticket("t.0", "ticket.transferred", &json!({"offer_id": "eu_x", "from": "eu_ada", "to": "eu_bob"})),
            ticket("t.1", "ticket.admitted", &admitted),
            ticket("t.2", "ticket.named", &json!({})),
            registered("u.0", "eu_ada"),
        ]);
        let servers = Servers::default();
        servers.tick();
        let mut told: Vec<(String, String)> = servers
            .bodies()
            .iter()
            .map(|body| (body["id"].as_str().unwrap().to_owned(), body["type"].as_str().unwrap().to_owned()))
            .collect();
        told.sort();
        let expected = [
            ("b.2", "order.confirmed"),
            ("b.3", "order.confirmed"),
            ("b.4", "order.cancelled"),
            ("e.2", "event.published"),
            ("e.3", "event.updated"),
            ("e.5", "event.cancelled"),
            ("p.1", "order.refunded"),
            ("t.0", "ticket.transferred"),
            ("t.1", "ticket.admitted"),
        ];
        assert_eq!(told, expected.map(|(id, kind)| (id.to_owned(), kind.to_owned())));
        let bodies = servers.bodies();
        let data = |id: &str| bodies.iter().find(|body| body["id"] == id).unwrap()["data"].clone();
        assert_eq!(data("b.4")["cancelled_by"], "steward");
        assert_eq!(
            data("p.1")["refund"],
            json!({"id": "eu_refund", "amount": {"amount": 4500, "currency": "EUR"}, "reason": null})
        );
        assert_eq!(data("e.2")["event"], json!({"id": "eu_e", "title": "Night of Strings", "status": "published"}));
        let ticket = json!({"id": "eu_paid.2", "order_id": "eu_paid", "number": 2, "ticket_type_id": "eu_t"});
        assert_eq!((&data("t.0")["ticket"], data("t.0").as_object().unwrap().len()), (&ticket, 2));
        let admission = json!({"list": "default", "entry": 1, "gate": "north", "admitted_at": "2027-01-15T08:00:00Z"});
        assert_eq!(data("t.1")["admission"], admission);
        for body in &bodies {
            for private in ["eu_ada", "eu_bob", "eu_owner", "192.0.2", "actor"] {
                assert!(!body.to_string().contains(private), "{private}: {body}");
            }
        }
        handle(&[event("e.6", "event.updated", &moved)]);
        servers.tick();
        assert_eq!(servers.bodies().last().unwrap()["data"]["before"], moved["before"]);
    }
}

#[test]
fn nobody_is_told_what_they_did_not_ask_for_twice_or_anew() {
    for database in worlds() {
        database.enter();
        hook(&database, "books", &["order.confirmed"]);
        hook(&database, "door", &["ticket.admitted"]);
        hook(&database, "paused", &["order.confirmed"]);
        database.run("UPDATE webhooks SET state = 'paused' WHERE id = 'eu_paused'");
        database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_other', 'Red Hall', 0)");
        hook(&database, "other", &["order.confirmed"]);
        database.run("UPDATE webhooks SET organiser_id = 'eu_other' WHERE id = 'eu_other'");
        handle(&[confirmed("b.1"), confirmed("b.1")]);
        handle(&[confirmed("b.1"), with(confirmed("b.9"), "ce_replayed", Some("true"))]);
        let servers = Servers::default();
        servers.tick();
        servers.tick();
        assert_eq!(servers.heard.borrow().len(), 1);
        assert_eq!(servers.count(&url("books")), 1);
    }
}

#[test]
fn a_message_is_sent_until_it_has_arrived_with_one_id() {
    for database in worlds() {
        database.enter();
        let id = hook(&database, "books", &["order.confirmed"]);
        handle(&[confirmed("b.1")]);
        let servers = Servers::answering([answered(500), Err("there was no answer in time".to_owned()), answered(204)]);
        servers.tick();
        let failed = ("due".to_owned(), 1, Some(500), Some("answered 500".to_owned()));
        assert_eq!((deliveries(&database), state(&database, &id)), (vec![failed], ("active".to_owned(), None, 1)));
        database.set_now(START + 3 * SECOND);
        servers.tick();
        assert_eq!(servers.heard.borrow().len(), 1, "not before its time");
        database.set_now(START + 6 * SECOND);
        servers.tick();
        assert_eq!(deliveries(&database)[0].3.as_deref(), Some("there was no answer in time"));
        database.set_now(START + 60 * SECOND);
        servers.tick();
        assert_eq!(deliveries(&database), [("delivered".to_owned(), 3, Some(204), None)]);
        assert_eq!(state(&database, &id), ("active".to_owned(), None, 0));
        let heard = servers.heard.borrow();
        let id_of = |outgoing: &Outgoing| outgoing.headers[3].clone();
        assert!(heard.iter().all(|outgoing| id_of(outgoing) == id_of(&heard[0]) && outgoing.body == heard[0].body));
    }
}

#[test]
fn a_message_is_given_up_in_the_end_and_a_receiver_after_days() {
    for database in worlds() {
        database.enter();
        let id = hook(&database, "books", &["order.confirmed"]);
        let servers = Servers::answering(vec![answered(500); 500]);
        let mut now = START;
        handle(&[confirmed("b.0")]);
        while state(&database, &id).0 == "active" {
            servers.tick();
            now += 4 * 3_600 * SECOND;
            database.set_now(now);
            let day = (now - START) / (86_400 * SECOND);
            handle(&[confirmed(&format!("b.{day}"))]);
        }
        assert!((now - START) / (86_400 * SECOND) <= 4);
        let first = &deliveries(&database)[0];
        assert!(first.0 == "failed" && first.3.as_ref().unwrap().starts_with("given up after"), "{first:?}");
        assert_eq!(state(&database, &id).1.as_deref(), Some("failing"));
        let heard = servers.heard.borrow().len();
        servers.tick();
        assert_eq!(servers.heard.borrow().len(), heard);
        assert!(deliveries(&database).iter().all(|delivery| delivery.0 == "failed"));
    }
}

#[test]
fn who_answers_gone_is_told_nothing_more() {
    for database in worlds() {
        database.enter();
        let id = hook(&database, "books", &["order.confirmed"]);
        handle(&[confirmed("b.1"), confirmed("b.2"), confirmed("b.3"), confirmed("b.4"), confirmed("b.5"), confirmed("b.6")]);
        let servers = Servers::answering([answered(410)]);
        servers.tick();
        assert_eq!(state(&database, &id), ("disabled".to_owned(), Some("gone".to_owned()), 0));
        handle(&[confirmed("b.7")]);
        let heard = servers.heard.borrow().len();
        servers.tick();
        assert_eq!(servers.heard.borrow().len(), heard);
        assert!(deliveries(&database).iter().all(|(state, ..)| state != "due"));
    }
}

#[test]
fn so_many_are_on_their_way_to_one_receiver_and_one_to_a_failing_one() {
    for database in worlds() {
        database.enter();
        hook(&database, "books", &["order.confirmed"]);
        let records: Vec<_> = (0..20).map(|number| confirmed(&format!("b.{number}"))).collect();
        handle(&records);
        let servers = Servers::default();
        servers.tick();
        assert_eq!(servers.heard.borrow().len(), 20, "all of them by one tick");
        assert_eq!(servers.flying.get().1, usize::try_from(limits::HOOK_AT_ONCE).unwrap());

        database.run("UPDATE webhooks SET failures = 1");
        handle(&(20..30).map(|number| confirmed(&format!("b.{number}"))).collect::<Vec<_>>());
        let failing = Servers::answering(vec![answered(500); 30]);
        failing.tick();
        // It is left alone after the first one, and so are the others that wait.
        assert_eq!((failing.heard.borrow().len(), failing.flying.get().1), (1, 1));
    }
}

#[test]
fn a_receiver_with_many_messages_does_not_keep_others_from_their_turn() {
    for database in worlds() {
        database.enter();
        hook(&database, "busy", &["order.confirmed"]);
        handle(&(0..300).map(|number| confirmed(&format!("b.{number}"))).collect::<Vec<_>>());
        hook(&database, "quiet", &["ticket.transferred"]);
        handle(&[ticket("t.0", "ticket.transferred", &json!({}))]);
        let servers = Servers::default();
        servers.tick();
        let place = servers.heard.borrow().iter().position(|outgoing| outgoing.url == url("quiet")).unwrap();
        assert!(place < limits::HOOKS_AT_ONCE, "{place}");
    }
}

#[test]
fn what_a_worker_had_in_hand_when_it_died_is_sent_by_another() {
    for database in worlds() {
        database.enter();
        hook(&database, "books", &["order.confirmed"]);
        handle(&[confirmed("b.1")]);
        assert_eq!(ready(crate::webhooks::queue::claim(10)).unwrap().len(), 1);
        let servers = Servers::default();
        servers.tick();
        assert_eq!(servers.heard.borrow().len(), 0, "it is still somebody's");
        database.set_now(START + limits::HOOK_CLAIM + SECOND);
        servers.tick();
        assert_eq!(servers.heard.borrow().len(), 1);
    }
}

#[test]
fn a_log_has_only_so_many_messages() {
    for database in worlds() {
        database.enter();
        let id = hook(&database, "books", &["order.confirmed"]);
        let row = |number| {
            format!("('eu_{number:06}', '{id}', 'order.confirmed', '{{}}', 'delivered', 1, 0, 0, 0, {number}, {number})")
        };
        database.run(&format!(
            "INSERT INTO webhook_deliveries (id, webhook, type, body, state, attempts, due_at, give_up_at, claimed_until, created_at, updated_at) \
             VALUES {}",
            (0..limits::HOOK_LOG + 10).map(row).collect::<Vec<_>>().join(", ")
        ));
        handle(&[confirmed("b.1")]);
        let owned = "SELECT COUNT(*) FROM webhook_deliveries d JOIN bookings b ON b.person = d.person AND b.id = 'eu_paid'";
        assert_eq!(number(&database, owned), 1, "so that it is found once they are erased");
        let kept = number(&database, "SELECT COUNT(*) FROM webhook_deliveries");
        assert_eq!((kept, deliveries(&database).last().unwrap().0.as_str()), (limits::HOOK_LOG + 1, "due"));
    }
}

#[test]
fn a_secret_is_encrypted_with_the_newest_key_once_it_was_used() {
    for database in worlds() {
        database.enter();
        let id = hook(&database, "books", &["order.confirmed"]);
        handle(&[confirmed("b.1")]);
        let newest = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        let servers = Servers::default();
        let both = || async { Ok(Arc::new(KEYS.parse(&format!("{newest},{KEY}")).unwrap())) };
        ready(send_due(&servers, both)).unwrap();
        let (text, key_id): (String, String) = database.all_rows("SELECT secret, key_id FROM webhooks").remove(0);
        let sealed = kit::sealing::Sealed { key_id, text };
        assert_eq!(KEYS.parse(newest).unwrap().open(&id, &sealed), Some(b"books".to_vec()));
        // Without its key nothing is sent, and the log says why.
        handle(&[confirmed("b.2")]);
        servers.tick();
        assert_eq!(servers.heard.borrow().len(), 1);
        assert!(
            deliveries(&database).iter().any(|(.., error)| error.as_ref().is_some_and(|error| error.contains("webhook_key")))
        );
    }
}

#[test]
fn who_looks_after_a_webhook_is_told_that_it_was_disabled_and_why() {
    for database in worlds() {
        database.enter();
        let known = |id: &str, verified: &str| format!("('{id}', '{id}@example.com', 'O', 'x', 1, 0, {verified})");
        database.run(&format!(
            "INSERT INTO users (id, email, name, password_hash, version, created_at, email_verified_at) VALUES {}, {}, {}, {}",
            known("eu_owner", "0"),
            known("eu_manager", "0"),
            known("eu_unknown", "NULL"),
            known("eu_door", "0")
        ));
        database.run(
            "INSERT INTO organiser_members (organiser_id, user_id, role) VALUES ('eu_o', 'eu_owner', 'owner'), \
             ('eu_o', 'eu_manager', 'manager'), ('eu_o', 'eu_unknown', 'manager'), ('eu_o', 'eu_door', 'door')",
        );
        let id = hook(&database, "books", &["order.confirmed"]);
        database.run("UPDATE webhooks SET url = 'https://books.example/hook?secret=7'");
        handle(&[confirmed("b.1"), confirmed("b.2")]);
        database.run("DELETE FROM mail_log");
        Servers::answering([answered(410), answered(410)]).tick();
        let post = Post::default();
        post.tick();
        let mut sent: Vec<_> = post.sent.borrow().iter().map(|mail| (mail.to.clone(), mail.subject.clone())).collect();
        sent.sort();
        let subject = "A webhook of Blue Hall was disabled";
        let told = ["eu_manager@example.com", "eu_owner@example.com"].map(|to| (to.to_owned(), subject.to_owned()));
        assert_eq!(sent, told, "those who can see to it and are known to read their address, once");
        let text = post.sent.borrow()[0].text.clone();
        for part in ["https://books.example/hook\n", "status 410", "set \"paused\"", "because you look after Blue Hall"] {
            assert!(text.contains(part), "{part} in {text}");
        }
        assert!(!text.contains("secret="), "{text}");

        // Of one that somebody has put right by then nothing is said.
        database.run("DELETE FROM mail_log");
        database.run("UPDATE webhooks SET state = 'active', reason = NULL");
        handle(&[confirmed("b.3")]);
        database.run("DELETE FROM mail_log");
        database.run(&format!("UPDATE webhooks SET failing_since = {} WHERE id = '{id}'", START - limits::HOOK_FAILING));
        Servers::answering([answered(500)]).tick();
        assert_eq!(state(&database, &id).1.as_deref(), Some("failing"));
        assert_eq!(number(&database, "SELECT COUNT(*) FROM mail_log"), 3);
        database.run("UPDATE webhooks SET state = 'active', reason = NULL");
        post.tick();
        assert_eq!(post.ids().len(), 2);
    }
}
