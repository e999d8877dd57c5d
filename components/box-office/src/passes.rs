//! `GET /api/bookings/{id}/tickets/{number}/pass`: a ticket for the wallet of a telephone.
//!
//! Which wallets there are passes for is a matter of what the operator has: a certificate of Apple's, an account of Google's.

use crate::ticket;
use kit::sql::{self, Tx};
use kit::tickets::{self, SigningKey};
use kit::{Answer, Problem, Request, Response, accept, claims, config, guests, params, problem, questions, time};
use receipt::local;
use receipt::tickets::Order;
use receipt::tickets::labels::Labels;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::OnceLock;
use wallet::{Event, Words, apple, google};

const JSON: &str = "application/json";
/// What a pass can be had as, the first by default.
const OFFERED: [&str; 2] = [apple::CONTENT_TYPE, JSON];

/// A ticket that somebody has, and that lets in.
#[derive(Debug)]
pub struct Held {
    /// What it is for. Its tickets are not in it.
    order: Order,
    event: String,
    number: u32,
    generation: u32,
    code: String,
    kind: String,
    name: Option<String>,
}

/// The wallets that passes are made for here, by their names in answers.
pub async fn wallets() -> Result<Vec<&'static str>, Problem> {
    let apple = is_set(["apple_wallet_certificate", "apple_wallet_key"]).await?;
    let google = is_set(["google_wallet_issuer", "google_wallet_key"]).await?;
    Ok([("apple", apple), ("google", google)].into_iter().filter_map(|(name, on)| on.then_some(name)).collect())
}

async fn is_set(names: [&str; 2]) -> Result<bool, Problem> {
    for name in names {
        if config::optional(name).await?.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// A pass of a ticket that the caller has.
pub async fn show(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let (booking, number) = (request.id("id")?, ticket::number(&request)?);
    let key = tickets::signer().await?;
    let mut tx = sql::read().await?;
    let held = held(&mut tx, &key, booking, number, &claims.subject).await?;
    tx.rollback().await?;
    let here = wallets().await?;
    let offered: Vec<_> = OFFERED.into_iter().zip(["apple", "google"]).filter(|(_, wallet)| here.contains(wallet)).collect();
    let offered: Vec<_> = offered.into_iter().map(|(media, _)| media).collect();
    let media = match accept::choose(&request, &offered) {
        Ok(media) => media,
        // What exists elsewhere is told apart from what is nowhere.
        Err(_) => return Err(off(accept::choose(&request, &OFFERED)?)),
    };
    let now = u64::try_from(time::now() / time::SECOND).unwrap_or_default();
    let response = if media == JSON {
        Response::json(200, &json!({ "google_wallet_url": google_link(&held, now).await? }))?
    } else {
        let disposition = format!("attachment; filename=\"ticket-{booking}-{number}.pkpass\"");
        Response::new(200, media, apple_pass(&held, now).await?).header("content-disposition", disposition)
    };
    Ok(response.header("vary", "accept").header("cache-control", "no-store"))
}

fn off(media: &str) -> Problem {
    let wallet = if media == JSON { "Google's" } else { "Apple's" };
    Problem::new(problem::PASSES_OFF, format!("This deployment makes no passes for {wallet} wallet."))
}

/// A ticket that is good, and of which a person may see the code.
pub async fn held(tx: &mut Tx, key: &SigningKey, booking: &str, number: u32, person: &str) -> Result<Held, Problem> {
    let statement = "SELECT b.event, b.person, b.status, t.generation, t.holder, t.name, \
                     (SELECT COUNT(*) FROM ticket_stops s WHERE s.booking = b.id AND s.until > $3) \
                     FROM bookings b LEFT JOIN tickets t ON t.booking = b.id AND t.number = $2 WHERE b.id = $1";
    type Row = (String, String, String, Option<u32>, Option<String>, Option<String>, i64);
    let now = tx.now();
    let row: Option<Row> = tx.one(statement, params![booking, number, now]).await?;
    let (event, owner, status, generation, holder, name, stops) = row.ok_or_else(Problem::not_found)?;
    let items = ticket::items(tx, booking).await?;
    let places = items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity));
    let ticket_type = tickets::numbered(places).find(|(known, _)| *known == number).map(|(_, ticket_type)| ticket_type);
    let ticket_type = ticket_type.ok_or_else(Problem::not_found)?;
    if !guests::stands_for(tx, person, holder.as_deref().unwrap_or(&owner)).await? {
        // To who has given it away it is there, and says so.
        let given = holder.is_some() && guests::stands_for(tx, person, &owner).await?;
        return Err(if given { wrong("The ticket is somebody else's by now.") } else { Problem::not_found() });
    }
    match &*status {
        "confirmed" if stops == 0 => {}
        "confirmed" | "cancelled" => return Err(wrong("The ticket is void: its booking was cancelled.")),
        _ => return Err(wrong("A booking has tickets once it is confirmed.")),
    }
    let order = receipt::tickets::read_of(tx, key, booking, holder.as_deref(), 0).await?;
    let order = order.ok_or_else(|| Problem::internal(format_args!("booking {booking}: its event is gone")))?;
    if order.event.cancelled {
        return Err(wrong("The event was cancelled."));
    }
    let missing = questions::missing_of(tx, booking).await?;
    if missing.withholds(number) {
        let of_it = match &holder {
            None => missing.of_owner(),
            Some(_) => missing.of_tickets(&BTreeSet::from([number])),
        };
        return Err(questions::answers_missing(of_it));
    }
    let kind: Option<(String,)> = tx.one("SELECT name FROM ticket_types WHERE id = $1", params![ticket_type]).await?;
    let generation = generation.unwrap_or(1);
    let code = tickets::code(key, (booking, number, generation), &event, ticket_type);
    let kind = kind.map_or_else(|| ticket_type.to_owned(), |(name,)| name);
    Ok(Held { order, event, number, generation, code, kind, name })
}

fn wrong(why: &str) -> Problem {
    Problem::new(problem::WRONG_STATE, why)
}

impl Held {
    /// What is written on its pass, in the language of its papers.
    pub fn with<T>(&self, work: impl FnOnce(&wallet::Ticket<'_>) -> T) -> T {
        let Order { id, seller, event, language, .. } = &self.order;
        let labels = Labels::of(language);
        let (day, time) = event.starts(labels);
        let [starts_at, ends_at] = [event.starts_at, event.ends_at].map(|at| local::rfc3339(at, &event.timezone));
        work(&wallet::Ticket {
            order: id,
            number: self.number,
            generation: self.generation,
            code: &self.code,
            kind: &self.kind,
            holder: self.name.as_deref(),
            event: Event {
                id: &self.event,
                title: &event.title,
                venue: &event.venue.name,
                city: &event.venue.city,
                country: &event.venue.country,
                starts_at: &starts_at,
                ends_at: &ends_at,
                day: &day,
                time: &time,
            },
            seller,
            words: Words {
                language: labels.tag,
                when: labels.when,
                location: labels.location,
                ticket: labels.ticket,
                name: labels.name,
                order: labels.order,
                at_the_door: labels.at_the_door,
            },
        })
    }
}

async fn apple_pass(held: &Held, now: u64) -> Result<Vec<u8>, Problem> {
    // Variables do not change under an instance, and to read a key takes a while.
    static SIGNER: OnceLock<apple::Signer> = OnceLock::new();
    let signer = match SIGNER.get() {
        Some(signer) => signer,
        None => {
            let (certificates, key) = (config::get("apple_wallet_certificate").await?, config::get("apple_wallet_key").await?);
            let fault =
                |error| Problem::internal(format_args!("variables apple_wallet_certificate and apple_wallet_key: {error}"));
            let made = apple::Signer::new(&certificates, &key).map_err(fault)?;
            SIGNER.get_or_init(|| made)
        }
    };
    if signer.not_after() <= now {
        let mut problem = off(apple::CONTENT_TYPE);
        problem.log = Some(
            "the certificate in the variable apple_wallet_certificate has expired: no telephone takes its passes".to_owned(),
        );
        return Err(problem);
    }
    held.with(|ticket| signer.pass(ticket, now)).map_err(|error| Problem::internal(format_args!("a pass: {error}")))
}

async fn google_link(held: &Held, now: u64) -> Result<String, Problem> {
    static ISSUER: OnceLock<google::Issuer> = OnceLock::new();
    let issuer = match ISSUER.get() {
        Some(issuer) => issuer,
        None => {
            let (id, account) = (config::get("google_wallet_issuer").await?, config::get("google_wallet_account").await?);
            let key = config::get("google_wallet_key").await?;
            let fault = |error| {
                Problem::internal(format_args!(
                    "variables google_wallet_issuer, google_wallet_account and google_wallet_key: {error}"
                ))
            };
            let made = google::Issuer::new(&id, &account, &key).map_err(fault)?;
            ISSUER.get_or_init(|| made)
        }
    };
    held.with(|ticket| issuer.link(ticket, now)).map_err(|error| Problem::internal(format_args!("a pass: {error}")))
}
