//! The demo catalog: a few hundred believable events, made on the first start through the API that everybody uses.
//!
//! What is made follows from a seed and the moment of the first start, both kept in a file, and each request has a key of its own: a
//! start after a crash goes on where the last one stopped. The file also says when all is done.

mod catalog;
mod client;
mod random;
mod words;

use std::sync::Arc;
use std::time::Instant;

use edge::Region;
use futures::{StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::data_folder::DataFolder;
use crate::error::Error;
use crate::limits::DEMO_AT_ONCE;
use catalog::Plan;
use client::{Account, Client};
use random::Random;

/// Where the state is kept.
const FILE: &str = "demo.json";
/// Buyers, so that limits per person leave room to sell nearly everything.
const BUYERS: u64 = 2;
/// Increased when the catalog changes so much that a half-made one cannot be continued.
const SEED: u64 = 20_270_301;

/// What must be known to go on after a crash.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct State {
    seed: u64,
    /// When the first start was, in microseconds: dates are relative to it.
    began: i64,
    /// Of the accounts that are made. Nobody else needs it, so it stays here.
    password: String,
    done: bool,
}

/// Fills the catalog, unless an earlier start has.
pub async fn load(region: Arc<dyn Region>, folder: &DataFolder) -> Result<(), Error> {
    let state = match folder.read(FILE)? {
        Some(kept) => serde_json::from_slice(&kept)
            .map_err(|error| Error::Demo(format!("{FILE} in the data folder is malformed: {error}")))?,
        None => State { seed: SEED, began: edge::now(), password: random::password(), done: false },
    };
    if state.done {
        return Ok(());
    }
    keep(folder, &state)?;
    let began = Instant::now();
    tracing::info!("loading the demo catalog");
    let made = make(&Client::new(region), &state).await.map_err(Error::Demo)?;
    keep(folder, &State { done: true, ..state })?;
    tracing::info!(
        events = made.events,
        bookings = made.bookings,
        took_s = began.elapsed().as_secs_f64(),
        "the demo catalog is loaded"
    );
    Ok(())
}

fn keep(folder: &DataFolder, state: &State) -> Result<(), Error> {
    let text = serde_json::to_vec(state).map_err(|error| Error::Demo(error.to_string()))?;
    folder.write(FILE, &text)
}

struct Made {
    events: usize,
    bookings: usize,
}

async fn make(client: &Client, state: &State) -> Result<Made, String> {
    let organiser = &client.account("organiser@demo.example", "Demo Organiser", &state.password).await?;
    let houses = futures::stream::iter(words::ORGANISERS.iter().enumerate())
        .map(|(number, name)| async move {
            let made = client.post(organiser, "/api/organisers", &format!("organiser-{number}"), json!({"name": name})).await?;
            text(&made, "id")
        })
        .buffered(DEMO_AT_ONCE)
        .try_collect::<Vec<String>>()
        .await?;
    let plans = catalog::plans(&mut Random::new(state.seed), state.began, houses.len());
    let buyers = futures::stream::iter(0..BUYERS)
        .map(|n| async move { client.account(&format!("buyer{n}@demo.example"), "Demo Buyer", &state.password).await })
        .buffered(DEMO_AT_ONCE)
        .try_collect::<Vec<Account>>()
        .await?;
    let bookings = futures::stream::iter(plans.iter().enumerate())
        .map(|(number, plan)| one(client, organiser, &houses, &buyers, number, plan))
        .buffer_unordered(DEMO_AT_ONCE)
        .try_fold(0, |sum, bookings| async move { Ok(sum + bookings) })
        .await?;
    Ok(Made { events: plans.len(), bookings })
}

/// Makes one event, publishes it, and sells what is to be sold. Returns the number of bookings.
async fn one(
    client: &Client,
    organiser: &Account,
    houses: &[String],
    buyers: &[Account],
    number: usize,
    plan: &Plan,
) -> Result<usize, String> {
    let house = houses.get(plan.house).ok_or("an event without an organiser")?;
    let made = client.post(organiser, "/api/events", &format!("event-{number}"), plan.document(house)).await?;
    let id = text(&made, "id")?;
    client.post(organiser, &format!("/api/events/{id}/publish"), &format!("publish-{number}"), json!({})).await?;
    let mut bookings = 0;
    let tickets = made.get("ticket_types").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
    for (ticket, places) in tickets.iter().zip(&plan.sold) {
        let ticket = text(ticket, "id")?;
        let mut left = *places;
        for (nth, buyer) in buyers.iter().enumerate() {
            let quantity = left.min(catalog::PER_PERSON);
            if quantity == 0 {
                break;
            }
            left -= quantity;
            let order = json!({"event_id": id, "items": [{"ticket_type_id": ticket, "quantity": quantity}]});
            let booking = client.post(buyer, "/api/bookings", &format!("booking-{ticket}-{nth}"), order).await?;
            // A free one is confirmed at once.
            if booking.get("status").and_then(Value::as_str) == Some("held") {
                let payment = json!({"booking_id": text(&booking, "id")?, "method": {"type": "card", "token": "tok_ok"}});
                client.post(buyer, "/api/payments", &format!("payment-{ticket}-{nth}"), payment).await?;
            }
            bookings += 1;
        }
    }
    Ok(bookings)
}

fn text(document: &Value, field: &str) -> Result<String, String> {
    document.get(field).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("an answer without {field}"))
}
