//! People who hold, cancel and pay, ask again with the same key when they hear nothing, and write down what they asked and heard.

use crate::history::{Answer, Ask, Instant, Request};
use crate::random::Random;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use tokio::task::JoinSet;

/// How many there are: ten at each edge.
pub const PEOPLE: usize = 30;
/// How long one waits for an answer; longer than a node stands still.
const PATIENCE: Duration = Duration::from_secs(12);
/// Times that one asks with the same key.
const TRIES: usize = 8;
/// Between asking and asking again.
const PAUSE: Duration = Duration::from_millis(100);
/// Milliseconds between one wish and the next.
const THOUGHT: (u64, u64) = (10, 90);
/// Places of one hold.
const MOST: u64 = 3;
/// The largest limit there is: too few requests come to reach it.
const MOST_A_PERSON: i64 = 1_000;
/// Places that are never all sold.
const ENDLESS: i64 = 1_000_000;

static BEGINNING: LazyLock<std::time::Instant> = LazyLock::new(std::time::Instant::now);
static KEYS: AtomicU64 = AtomicU64::new(0);

pub fn now() -> Instant {
    u64::try_from(BEGINNING.elapsed().as_micros()).unwrap()
}

/// An event on sale.
#[derive(Clone, Debug)]
pub struct Show {
    pub id: String,
    pub ticket: String,
    /// So large that it never sells out, and nobody reaches a limit.
    pub endless: bool,
    free: bool,
}

/// A person with an account.
pub struct Person {
    pub id: String,
    /// The edge that is nearest.
    edge: usize,
    tokens: Mutex<(String, String)>,
}

/// The people, the edges, and what has been asked so far.
pub struct Crowd {
    http: reqwest::Client,
    urls: Vec<String>,
    pub people: Vec<Person>,
    organiser: String,
    pub history: Mutex<Vec<Request>>,
    stopped: AtomicBool,
    /// When the database was restored for the last time: what people had before may not be there any more.
    restored: AtomicU64,
}

impl Crowd {
    pub async fn register(urls: Vec<String>) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).build().unwrap();
        let mut crowd = Self {
            http,
            urls,
            people: Vec::new(),
            organiser: String::new(),
            history: Mutex::default(),
            stopped: AtomicBool::new(false),
            restored: AtomicU64::new(0),
        };
        for number in 0..PEOPLE {
            let body =
                json!({"email": format!("person-{number}@example.com"), "password": "correct horse battery", "name": "Ada"});
            let answer = crowd.must(number % 3, "/api/auth/register", None, &body, 201).await;
            let id = answer["user"]["id"].as_str().unwrap().to_owned();
            crowd.people.push(Person { id, edge: number % 3, tokens: Mutex::new(tokens(&answer)) });
        }
        let organiser = crowd.must(0, "/api/organisers", Some(&crowd.people[0]), &json!({"name": "Blue Hall"}), 201).await;
        crowd.organiser = organiser["id"].as_str().unwrap().to_owned();
        crowd
    }

    /// Tokens live for 15 minutes.
    pub async fn refresh(&self) {
        for person in &self.people {
            let token = person.tokens.lock().unwrap().1.clone();
            let answer = self.must(person.edge, "/api/auth/refresh", None, &json!({"refresh_token": token}), 200).await;
            *person.tokens.lock().unwrap() = tokens(&answer);
        }
    }

    /// Two small shows, a free one, and four that never sell out: enough for both nodes of the region to lead some.
    pub async fn shows(&self) -> Vec<Show> {
        let mut shows = Vec::new();
        let endless = (4500, ENDLESS, MOST_A_PERSON);
        for (price, capacity, limit) in [(4500, 20, 4), (4500, 35, 5), (0, 40, 6), endless, endless, endless, endless] {
            let event = json!({
                "organiser_id": self.organiser, "title": "Night of Strings", "description": "Four quartets.", "category": "music",
                "venue": {"name": "Blue Hall", "city": "Colombo", "country": "LK"},
                "starts_at": "2037-03-01T19:00:00Z", "ends_at": "2037-03-01T22:00:00Z", "timezone": "Asia/Colombo", "currency": "EUR",
                "ticket_types": [{"name": "Standard", "price": price, "capacity": capacity, "per_person_limit": limit}],
            });
            let person = Some(&self.people[0]);
            let created = self.must(0, "/api/events", person, &event, 201).await;
            let id = created["id"].as_str().unwrap().to_owned();
            self.must(0, &format!("/api/events/{id}/publish"), person, &json!({}), 200).await;
            let ticket = created["ticket_types"][0]["id"].as_str().unwrap().to_owned();
            shows.push(Show { id, ticket, endless: capacity == ENDLESS, free: price == 0 });
        }
        shows
    }

    /// Everybody wants something, again and again, until [`Self::stop`].
    pub fn live(self: &Arc<Self>, shows: &Arc<[Show]>, seed: u64) -> JoinSet<()> {
        self.stopped.store(false, Ordering::Relaxed);
        let mut lives = JoinSet::new();
        for number in 0..PEOPLE {
            lives.spawn(live(Arc::clone(self), Arc::clone(shows), number, Random::of(seed, number as u64)));
        }
        lives
    }

    /// The database is another one from now on: nobody goes on with what they have. Gives when that is.
    pub fn restored(&self) -> Instant {
        let now = now().max(1);
        self.restored.store(now, Ordering::SeqCst);
        now
    }

    /// Each ends with what they have begun.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::Relaxed);
    }

    /// For each show that never sells out: when the first hold was accepted of those that were asked for from this time on.
    pub fn first_accepted(&self, shows: &[Show], since: Instant) -> Vec<Option<Instant>> {
        let history = self.history.lock().unwrap();
        let mut first: HashMap<&str, Instant> = HashMap::new();
        let holds = history.iter().filter(|request| request.start >= since && matches!(request.ask, Ask::Hold { .. }));
        for request in holds.filter(|request| request.answer.is_accepted()) {
            let end = first.entry(&request.event).or_insert(request.end);
            *end = request.end.min(*end);
        }
        shows.iter().filter(|show| show.endless).map(|show| first.get(show.id.as_str()).copied()).collect()
    }

    pub fn accepted(&self) -> usize {
        self.history.lock().unwrap().iter().filter(|request| request.answer.is_accepted()).count()
    }

    /// Asks the same thing once more, without writing it down.
    pub async fn again(&self, request: &Request, shows: &[Show]) -> Option<(u16, Vec<u8>)> {
        let person = self.people.iter().find(|person| person.id == request.person)?;
        let show = shows.iter().find(|show| show.id == request.event)?;
        self.send(person, request.edge, show, &request.key, &request.ask).await
    }

    /// Places that are free, as an edge sees it.
    pub async fn available(&self, edge: usize, show: &Show) -> Option<i64> {
        let url = format!("{}/api/events/{}/availability", self.urls[edge], show.id);
        let answer: Value = self.http.get(url).send().await.ok()?.json().await.ok()?;
        answer["ticket_types"][0]["available"].as_i64()
    }

    async fn must(&self, edge: usize, path: &str, person: Option<&Person>, body: &Value, status: u16) -> Value {
        let mut last = String::new();
        // An edge may still be finding out that the last fault is over.
        for _ in 0..50 {
            let key = new_key();
            let mut request = self.http.post(format!("{}{path}", self.urls[edge])).json(body).header("idempotency-key", key);
            if let Some(person) = person {
                request = request.bearer_auth(&person.tokens.lock().unwrap().0);
            }
            match request.send().await {
                Ok(answer) if answer.status() == status => return answer.json().await.unwrap(),
                Ok(answer) => last = format!("{} {}", answer.status(), answer.text().await.unwrap_or_default()),
                Err(error) => last = error.to_string(),
            }
            tokio::time::sleep(PAUSE).await;
        }
        panic!("{path}: {last}");
    }

    async fn send(&self, person: &Person, edge: usize, show: &Show, key: &str, ask: &Ask) -> Option<(u16, Vec<u8>)> {
        let (path, body) = match ask {
            Ask::Hold { quantity } => {
                let items = json!([{"ticket_type_id": show.ticket, "quantity": quantity}]);
                ("/api/bookings".to_owned(), Some(json!({"event_id": show.id, "items": items})))
            }
            Ask::Cancel { booking } => (format!("/api/bookings/{booking}/cancel"), None),
            Ask::Pay { booking } => {
                let method = json!({"type": "card", "token": "tok_ok"});
                ("/api/payments".to_owned(), Some(json!({"booking_id": booking, "method": method})))
            }
        };
        let mut request = self.http.post(format!("{}{path}", self.urls[edge])).header("idempotency-key", key);
        request = request.bearer_auth(&person.tokens.lock().unwrap().0);
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, answer.bytes().await.ok()?.to_vec()))
    }

    /// Sends it and writes it down.
    async fn ask(&self, person: &Person, edge: usize, show: &Show, key: &str, ask: &Ask) -> Answer {
        let start = now();
        let answer = Answer::of(ask, self.send(person, edge, show, key, ask).await);
        let request = Request {
            event: show.id.clone(),
            person: person.id.clone(),
            key: key.to_owned(),
            ask: ask.clone(),
            edge,
            start,
            end: now(),
            answer: answer.clone(),
        };
        self.history.lock().unwrap().push(request);
        answer
    }
}

async fn live(crowd: Arc<Crowd>, shows: Arc<[Show]>, number: usize, mut random: Random) {
    let person = &crowd.people[number];
    let mut life = PersonRun { crowd: &crowd, person, shows: &shows, bookings: Vec::new(), since: 0 };
    while !crowd.stopped.load(Ordering::Relaxed) {
        tokio::time::sleep(Duration::from_millis(random.between(THOUGHT.0, THOUGHT.1))).await;
        life.wish(&mut random).await;
    }
}

/// What one person does.
struct PersonRun<'a> {
    crowd: &'a Crowd,
    person: &'a Person,
    shows: &'a [Show],
    /// Their own, as far as they know: what they never heard the end of is left alone.
    bookings: Vec<(&'a Show, String, BookingState)>,
    /// From which restore of the database on.
    since: Instant,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum BookingState {
    Held,
    Bought,
    Cancelled,
}

impl<'a> PersonRun<'a> {
    async fn wish(&mut self, random: &mut Random) {
        let since = self.crowd.restored.load(Ordering::SeqCst);
        if since != self.since {
            self.bookings.clear();
            self.since = since;
        }
        let wish = random.below(100);
        let at = random.below(self.bookings.len().max(1));
        if wish < 60 || self.bookings.is_empty() {
            self.hold(random, wish < 8).await;
            return;
        }
        // Also what makes no sense: to pay for what is cancelled or bought, to cancel again, or what cannot be given back.
        let (show, booking, known) = self.bookings.swap_remove(at);
        let (ask, becomes) = if wish < 80 && !show.free {
            (Ask::Pay { booking: booking.clone() }, BookingState::Bought)
        } else {
            (Ask::Cancel { booking: booking.clone() }, BookingState::Cancelled)
        };
        match self.until_answered(random, show, &ask).await {
            answer if answer.is_accepted() => self.bookings.push((show, booking, becomes)),
            answer if answer.is_certainly_not() => self.bookings.push((show, booking, known)),
            _ => {}
        }
    }

    async fn hold(&mut self, random: &mut Random, doubled: bool) {
        let show = random.pick(self.shows);
        let ask = Ask::Hold { quantity: i64::try_from(random.between(1, MOST)).unwrap() };
        let answer = if doubled {
            // Twice at once, by two edges: an impatient finger.
            let (key, edge) = (new_key(), random.below(3));
            let (one, other) = tokio::join!(
                self.crowd.ask(self.person, edge, show, &key, &ask),
                self.crowd.ask(self.person, (edge + 1) % 3, show, &key, &ask)
            );
            if one.is_accepted() { one } else { other }
        } else {
            self.until_answered(random, show, &ask).await
        };
        if let Answer::Accepted { booking, .. } = answer
            && self.crowd.restored.load(Ordering::SeqCst) == self.since
        {
            let known = if show.free { BookingState::Bought } else { BookingState::Held };
            self.bookings.push((show, booking, known));
        }
    }

    /// Asks until it is clear whether it was done; a refusal for now is sometimes taken for an answer.
    async fn until_answered(&self, random: &mut Random, show: &Show, ask: &Ask) -> Answer {
        let key = new_key();
        let mut edge = self.person.edge;
        let mut open = false;
        for _ in 0..TRIES {
            let answer = self.crowd.ask(self.person, edge, show, &key, ask).await;
            open |= !answer.is_certainly_not();
            let settled = match answer {
                Answer::Unknown => false,
                Answer::NotDone => random.below(4) == 0,
                _ => true,
            };
            if answer.is_accepted() || (settled && !open) {
                return answer;
            }
            if settled || self.crowd.stopped.load(Ordering::Relaxed) {
                break;
            }
            tokio::time::sleep(PAUSE).await;
            if self.crowd.restored.load(Ordering::SeqCst) != self.since {
                // It is of a history that has ended.
                return Answer::Unknown;
            }
            if random.below(2) == 0 {
                edge = (edge + 1) % 3;
            }
        }
        if open { Answer::Unknown } else { Answer::NotDone }
    }
}

fn new_key() -> String {
    format!("key-{}", KEYS.fetch_add(1, Ordering::Relaxed))
}

fn tokens(answer: &Value) -> (String, String) {
    let text = |name: &str| answer[name].as_str().unwrap().to_owned();
    (text("access_token"), text("refresh_token"))
}
