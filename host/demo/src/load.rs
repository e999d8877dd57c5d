//! Making what is missing.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::api::{Account, Api, account, get, mine, post, text};
use crate::catalog::{self, Plan};
use crate::random::Random;
use crate::{limits, words};

/// Increased when the catalog changes so much that a half-made one cannot be continued.
const SEED: u64 = 20_270_301;
/// Buyers, so that limits per person leave room to sell nearly everything.
const BUYERS: usize = 2;

/// Whose catalog it is to be, and how fast.
#[derive(Clone, Copy)]
pub struct Options<'a> {
    /// Who organises the events.
    pub email: &'a str,
    /// Their password. Those of the buyers follow from it.
    pub password: &'a str,
    /// Their name where the account may be made; without it, it must be there.
    pub name: Option<&'a str>,
    /// What the buyers' addresses begin with.
    pub buyers: &'a str,
    /// Now, in microseconds: new events are after it.
    pub now: i64,
    /// Requests at once.
    pub at_once: usize,
}

/// What is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadReport {
    /// Events of the catalog.
    pub events: usize,
    /// Of these, made now.
    pub new: usize,
    /// Bookings made now.
    pub bookings: usize,
    /// The platform takes no payments, so nothing could be sold.
    pub unpaid: bool,
}

/// What everybody who makes an event needs.
struct Scene<'a, A> {
    api: &'a A,
    organiser: Account,
    /// Organisers' ids, in the order of [`words::ORGANISERS`].
    houses: Vec<String>,
    buyers: Vec<Account>,
    /// Events that are there, by what makes them the ones that are to be.
    there: HashMap<(String, String, String), Value>,
    new: AtomicUsize,
    done: AtomicUsize,
    unpaid: AtomicBool,
}

/// Loads the catalog: adds what of it is missing.
///
/// # Errors
/// What the platform answered that it should not have. What is done stays, and is not done again the next time.
pub async fn load<A: Api>(api: &A, options: &Options<'_>) -> Result<LoadReport, String> {
    let organiser = account(api, options.email, options.password, options.name).await?;
    let houses = houses(api, &organiser, options.at_once).await?;
    let there = there(api, &houses).await?;
    let plans = catalog::plans(&mut Random::new(SEED), options.now, houses.len());
    let mut buyers = Vec::with_capacity(BUYERS);
    for n in 0..BUYERS {
        let email = format!("{}{n}@demo.example", options.buyers);
        buyers.push(account(api, &email, &derived(options.password, &email), Some("Demo Buyer")).await?);
    }
    let (new, done, unpaid) = (AtomicUsize::new(0), AtomicUsize::new(0), AtomicBool::new(false));
    let scene = Scene { api, organiser, houses, buyers, there, new, done, unpaid };
    let making = stream::iter(&plans).map(async |plan| {
        let bookings = scene.one(plan).await?;
        api.progress(scene.done.fetch_add(1, Ordering::Relaxed) + 1, plans.len());
        Ok::<_, String>(bookings)
    });
    let bookings =
        making.buffer_unordered(options.at_once).try_fold(0, |sum, bookings| async move { Ok(sum + bookings) }).await?;
    Ok(LoadReport { events: plans.len(), new: scene.new.into_inner(), bookings, unpaid: scene.unpaid.into_inner() })
}

/// A password that follows from another, for a demo account.
fn derived(password: &str, email: &str) -> String {
    let digest = Sha256::digest(format!("demo\n{email}\n{password}"));
    digest.iter().fold(String::new(), |text, byte| format!("{text}{byte:02x}"))
}

/// The organisers, those that are missing made.
async fn houses<A: Api>(api: &A, organiser: &Account, at_once: usize) -> Result<Vec<String>, String> {
    let mine = mine(api, organiser).await?;
    let items = mine.get("items").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    let known = |name: &str| items.iter().find(|item| item.get("name").and_then(Value::as_str) == Some(name));
    stream::iter(words::ORGANISERS)
        .map(async |name| match known(name) {
            Some(there) => text(there, "id"),
            None => text(&post(api, Some(organiser), "/api/organisers", &json!({"name": name})).await?, "id"),
        })
        .buffered(at_once)
        .try_collect()
        .await
}

/// The organisers' events that are there and still to come.
async fn there<A: Api>(api: &A, houses: &[String]) -> Result<HashMap<(String, String, String), Value>, String> {
    let (mut found, mut cursor) = (HashMap::new(), String::new());
    for _ in 0..limits::PAGES {
        let page = get(api, &format!("/api/events?limit={}{cursor}", limits::PAGE)).await?;
        for event in page.get("items").and_then(Value::as_array).into_iter().flatten() {
            let identity = identity(event, event.get("organiser_id"));
            if houses.contains(&identity.0) {
                found.insert(identity, event.clone());
            }
        }
        match page.get("next_cursor").and_then(Value::as_str) {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return Ok(found),
        }
    }
    Err(format!("the catalog has more than {} events: it is not one for a demo", limits::PAGES * limits::PAGE))
}

/// Whose event it is, how it is called and where it is: no two of the catalog have all of that.
fn identity(event: &Value, organiser: Option<&Value>) -> (String, String, String) {
    let text = |value: Option<&Value>| value.and_then(Value::as_str).unwrap_or_default().to_owned();
    (text(organiser), text(event.get("title")), text(event.pointer("/venue/city")))
}

impl<A: Api> Scene<'_, A> {
    /// Makes one event, publishes it, and sells what is to be sold of it, as far as that is missing. Returns the number of bookings.
    async fn one(&self, plan: &Plan) -> Result<usize, String> {
        let house = self.houses.get(plan.house).ok_or("an event without an organiser")?;
        let document = plan.document(house);
        let (event, mut sold) = match self.there.get(&identity(&document, Some(&json!(house)))) {
            Some(event) if plan.sold.iter().all(|places| *places == 0) => (event.clone(), Vec::new()),
            Some(event) => (event.clone(), self.sold(&text(event, "id")?).await?),
            None => {
                let made = post(self.api, Some(&self.organiser), "/api/events", &document).await?;
                let publish = format!("/api/events/{}/publish", text(&made, "id")?);
                post(self.api, Some(&self.organiser), &publish, &json!({})).await?;
                self.new.fetch_add(1, Ordering::Relaxed);
                (made, Vec::new())
            }
        };
        let id = text(&event, "id")?;
        let tickets = event.get("ticket_types").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        sold.resize(tickets.len(), 0);
        let mut bookings = 0;
        for ((ticket, wanted), sold) in tickets.iter().zip(&plan.sold).zip(sold) {
            bookings += self.sell(&id, &text(ticket, "id")?, *wanted - sold).await?;
        }
        Ok(bookings)
    }

    /// Places of each ticket type that are gone.
    async fn sold(&self, event: &str) -> Result<Vec<i64>, String> {
        let availability = get(self.api, &format!("/api/events/{event}/availability")).await?;
        let lines = availability.get("ticket_types").and_then(Value::as_array).into_iter().flatten();
        let number = |line: &Value, field: &str| line.get(field).and_then(Value::as_i64).ok_or("availability without numbers");
        Ok(lines.map(|line| Ok(number(line, "capacity")? - number(line, "available")?)).collect::<Result<_, &str>>()?)
    }

    /// Sells so many places of a ticket type. Returns the number of bookings.
    async fn sell(&self, event: &str, ticket: &str, mut left: i64) -> Result<usize, String> {
        let mut bookings = 0;
        for buyer in &self.buyers {
            let quantity = left.min(catalog::PER_PERSON);
            if quantity <= 0 || self.unpaid.load(Ordering::Relaxed) {
                break;
            }
            let order = json!({"event_id": event, "items": [{"ticket_type_id": ticket, "quantity": quantity}]});
            let booking = match post(self.api, Some(buyer), "/api/bookings", &order).await {
                // Others were faster, or this one has theirs from an earlier time.
                Err(failure) if failure.is(&["sold-out", "over-limit", "not-on-sale", "too-many-holds"]) => continue,
                booking => booking?,
            };
            // A free one is confirmed at once.
            if booking.get("status").and_then(Value::as_str) == Some("held") {
                let payment = json!({"booking_id": text(&booking, "id")?, "method": {"type": "card", "token": "tok_ok"}});
                match post(self.api, Some(buyer), "/api/payments", &payment).await {
                    Err(failure) if failure.is(&["payments-off"]) => {
                        self.unpaid.store(true, Ordering::Relaxed);
                        break;
                    }
                    Err(failure) if failure.is(&["booking-not-payable"]) => continue,
                    paid => _ = paid?,
                }
            }
            left -= quantity;
            bookings += 1;
        }
        Ok(bookings)
    }
}
