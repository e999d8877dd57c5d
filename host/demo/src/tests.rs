//! Loading, into a platform that is but what it would answer.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use futures::executor::block_on;
use serde_json::{Value, json};

use crate::catalog::EVENTS;
use crate::{Answer, Api, ApiRequest, LoadReport, Options, limits, load};

const OPTIONS: Options<'_> = Options {
    email: "admin@example.com",
    password: "correct horse",
    name: None,
    buyers: "buyer",
    now: 1_790_000_000_000_000,
    at_once: 4,
};

#[derive(Default)]
struct Tables {
    accounts: HashMap<String, String>,
    organisers: Vec<Value>,
    events: Vec<Value>,
    published: BTreeSet<String>,
    /// Places by ticket type and buyer.
    sold: BTreeMap<(String, String), i64>,
    kept: HashMap<(String, String), Value>,
}

struct Fake {
    tables: Mutex<Tables>,
    requests: AtomicUsize,
    /// After so many requests it answers no more.
    breaks_at: AtomicUsize,
    paid: bool,
}

impl Fake {
    fn new(paid: bool) -> Self {
        let accounts = HashMap::from([(OPTIONS.email.to_owned(), OPTIONS.password.to_owned())]);
        let tables = Mutex::new(Tables { accounts, ..Tables::default() });
        Self { tables, requests: AtomicUsize::new(0), breaks_at: AtomicUsize::new(usize::MAX), paid }
    }

    fn load(&self) -> Result<LoadReport, String> {
        block_on(load(self, &OPTIONS))
    }

    /// Published events, and places sold of each ticket type.
    fn shown(&self) -> (usize, usize, BTreeMap<String, i64>) {
        let tables = self.tables.lock().unwrap();
        let of = |event: &&Value| tables.published.contains(event["id"].as_str().unwrap());
        let names: BTreeSet<_> = tables
            .events
            .iter()
            .filter(of)
            .map(|event| format!("{}{}{}", event["organiser_id"], event["title"], event["venue"]))
            .collect();
        let mut sold = BTreeMap::new();
        for ((ticket, _), places) in &tables.sold {
            *sold.entry(ticket.clone()).or_default() += places;
        }
        (tables.published.len(), names.len(), sold)
    }
}

fn problem(slug: &str, status: u16) -> (u16, Value) {
    (status, json!({"type": format!("/problems/{slug}"), "detail": slug}))
}

impl Tables {
    fn answer(&mut self, who: &str, path: &str, body: Option<&Value>, paid: bool) -> (u16, Value) {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let segments: Vec<_> = path.trim_start_matches("/api/").split('/').collect();
        let text = |field: &str| body.unwrap()[field].as_str().unwrap().to_owned();
        match (segments.as_slice(), body.is_some()) {
            (["auth", "login"], true) => match self.accounts.get(&text("email")) {
                Some(password) if *password == text("password") => (200, json!({"access_token": text("email")})),
                _ => problem("bad-credentials", 401),
            },
            (["auth", "register"], true) if self.accounts.contains_key(&text("email")) => problem("email-taken", 409),
            (["auth", "register"], true) => {
                self.accounts.insert(text("email"), text("password"));
                (201, json!({"access_token": text("email")}))
            }
            (["organisers"], false) => (200, json!({"items": self.organisers})),
            (["organisers"], true) => {
                self.organisers.push(json!({"id": format!("o{}", self.organisers.len()), "name": text("name")}));
                (201, self.organisers.last().unwrap().clone())
            }
            (["events"], false) => {
                let first: usize = query.split("cursor=").nth(1).map_or(0, |cursor| cursor.parse().unwrap());
                let all: Vec<_> =
                    self.events.iter().filter(|event| self.published.contains(event["id"].as_str().unwrap())).collect();
                let next = (all.len() > first + limits::PAGE).then(|| (first + limits::PAGE).to_string());
                (200, json!({"items": all.into_iter().skip(first).take(limits::PAGE).collect::<Vec<_>>(), "next_cursor": next}))
            }
            (["events"], true) => {
                let (mut event, number) = (body.unwrap().clone(), self.events.len());
                event["id"] = json!(format!("e{number}"));
                for (nth, ticket) in event["ticket_types"].as_array_mut().unwrap().iter_mut().enumerate() {
                    ticket["id"] = json!(format!("e{number}.{nth}"));
                }
                self.events.push(event.clone());
                (201, event)
            }
            (["events", id, "publish"], true) => {
                self.published.insert((*id).to_owned());
                (200, json!({}))
            }
            (["events", id, "availability"], false) => {
                let event = self.events.iter().find(|event| event["id"] == *id).unwrap();
                let line = |ticket: &Value| {
                    let sold: i64 = self.sold.iter().filter(|((of, _), _)| ticket["id"] == *of).map(|(_, places)| places).sum();
                    json!({"capacity": ticket["capacity"], "available": ticket["capacity"].as_i64().unwrap() - sold})
                };
                (200, json!({"ticket_types": event["ticket_types"].as_array().unwrap().iter().map(line).collect::<Vec<_>>()}))
            }
            (["bookings"], true) => {
                let item = &body.unwrap()["items"][0];
                let places = self.sold.entry((item["ticket_type_id"].as_str().unwrap().to_owned(), who.to_owned())).or_default();
                if *places + item["quantity"].as_i64().unwrap() > crate::catalog::PER_PERSON {
                    return problem("over-limit", 409);
                }
                *places += item["quantity"].as_i64().unwrap();
                (201, json!({"id": "b", "status": "held"}))
            }
            (["payments"], true) if paid => (201, json!({"status": "completed"})),
            (["payments"], true) => problem("payments-off", 409),
            _ => problem("not-found", 404),
        }
    }
}

impl Api for Fake {
    async fn ask(&self, ask: ApiRequest<'_>) -> Result<Answer, String> {
        if self.requests.fetch_add(1, Ordering::Relaxed) >= self.breaks_at.load(Ordering::Relaxed) {
            return Err("connection refused".to_owned());
        }
        let mut tables = self.tables.lock().unwrap();
        let who = ask.token.unwrap_or_default();
        let kept = ask.key.map(|key| (who.to_owned(), key.to_owned()));
        if let Some(body) = kept.as_ref().and_then(|key| tables.kept.get(key)) {
            return Ok(Answer { status: 201, retry_after: None, body: body.clone() });
        }
        let (status, body) = tables.answer(who, ask.path, ask.body, self.paid);
        if let Some(key) = kept.filter(|_| status < 300) {
            tables.kept.insert(key, body.clone());
        }
        Ok(Answer { status, retry_after: None, body })
    }

    async fn pause(&self, _: Duration) {}

    fn progress(&self, done: usize, of: usize) {
        assert!((1..=of).contains(&done));
    }
}

#[test]
fn loading_twice_adds_nothing() {
    let fake = Fake::new(true);
    let first = fake.load().unwrap();
    assert_eq!((first.events, first.new, first.unpaid), (EVENTS, EVENTS, false));
    assert!(first.bookings >= EVENTS / 10, "{first:?}");
    let shown = fake.shown();
    assert_eq!((shown.0, shown.1), (EVENTS, EVENTS), "no two are the same");
    for forgotten in [false, true] {
        if forgotten {
            fake.tables.lock().unwrap().kept.clear();
        }
        let again = fake.load().unwrap();
        assert_eq!((again.events, again.new, again.bookings), (EVENTS, 0, 0));
        assert_eq!(fake.shown(), shown);
    }
}

#[test]
fn an_interrupted_load_resumes() {
    let whole = Fake::new(true);
    whole.load().unwrap();
    let all = whole.requests.load(Ordering::Relaxed);
    for broken in (0..all).step_by(all / 23) {
        let fake = Fake::new(true);
        fake.breaks_at.store(broken, Ordering::Relaxed);
        let error = fake.load().unwrap_err();
        assert!(error.contains("connection refused"), "{error}");
        fake.breaks_at.store(usize::MAX, Ordering::Relaxed);
        fake.load().unwrap();
        let (events, names, sold) = fake.shown();
        assert_eq!((events, names), (EVENTS, EVENTS), "broken off after {broken}");
        assert_eq!(sold.values().sum::<i64>(), whole.shown().2.values().sum::<i64>(), "broken off after {broken}");
    }
}

#[test]
fn a_forbidden_load_is_refused_and_unpaid_bookings_are_not_confirmed() {
    let fake = Fake::new(true);
    let error = block_on(load(&fake, &Options { password: "another", ..OPTIONS })).unwrap_err();
    assert!(error.contains("/api/auth/login answered 401") && !error.contains("another"), "{error}");
    let unpaid = Fake::new(false).load().unwrap();
    assert_eq!((unpaid.events, unpaid.bookings, unpaid.unpaid), (EVENTS, 0, true));
}
