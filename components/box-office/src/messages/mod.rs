//! What an organiser writes to those who come. The worker sends it.

pub(crate) mod rules;
pub(crate) mod store;
mod view;

use crate::{event, limits, mine, offers};
use kit::claims::Claims;
use kit::journal::{self, Entry};
use kit::sql::{Error, Tx};
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, config, hash, id, idempotency, json, network, params, problem, query, sql, time};
use rules::Deployment;
use serde::Serialize;
use serde_json::json;
use view::View;

/// `POST /api/events/{id}/messages`: to all whom it is for, once.
pub async fn create(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    idempotency::required(&request)?;
    let (draft, to) = json::read(&request, rules::read)?;
    let (region, deployment) = (config::region().await?, deployment().await?);
    idempotency::once(&request, "messages", &claims.subject, async |tx: &mut Tx| {
        let (organiser, status) = permitted(tx, &claims, &request).await?;
        let event = request.id("id")?;
        deployment.check(draft.kind)?;
        if status != "published" {
            let detail = format!("The event is not published (it is `{status}`): nobody comes who could be written to.");
            return Err(Problem::new(problem::WRONG_STATE, detail));
        }
        known(tx, &claims, &organiser).await?;
        to.check(&store::ticket_types(tx, event).await?)?;
        // Locks the organiser's row, so that no two requests count at once.
        tx.one::<(i64,)>(&format!("SELECT 1 FROM organisers WHERE id = $1{}", tx.exclusive_lock()), params![&organiser]).await?;
        for (column, of, most) in
            [("event", event, limits::MESSAGES_OF_EVENT), ("organiser_id", &organiser, limits::MESSAGES_OF_ORGANISER)]
        {
            if let Some(wait) = store::full(tx, column, of, most).await? {
                return Err(too_many(format!("{most} messages were sent for this event or organiser within a day."), wait));
            }
        }
        let message = id::new(&region);
        store::insert(tx, &message, (event, &organiser), &draft, &to, &claims.subject).await?;
        tell(tx, &request, &claims, (&message, event, &organiser)).await?;
        let row = store::find(tx, event, &message).await?.ok_or_else(Problem::not_found)?;
        Ok(private(201, &View::try_from(row)?)?.header("location", format!("/api/events/{event}/messages/{message}")))
    })
    .await
}

/// `GET /api/events/{id}/messages`: newest first.
pub async fn list(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (limit, after) = mine::asked(&request)?;
    let event = request.id("id")?;
    let mut tx = sql::read().await?;
    event::permitted(&mut tx, &claims, event, Permission::SendMessages).await?;
    // One more than asked for tells whether there is a next page.
    let mut rows = store::page(&mut tx, event, after, limit + 1).await?;
    tx.rollback().await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| format!("{}.{}", row.created_at, row.id));
    let items = rows.into_iter().map(View::try_from).collect::<Result<Vec<_>, Error>>()?;
    private(200, &json!({ "items": items, "next_cursor": next_cursor }))
}

/// `GET /api/events/{id}/messages/{message}`
pub async fn one(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    query::read(&request, |_| ())?;
    let (event, message) = (request.id("id")?, request.id("message")?);
    let mut tx = sql::read().await?;
    event::permitted(&mut tx, &claims, event, Permission::SendMessages).await?;
    let found = store::find(&mut tx, event, message).await?;
    tx.rollback().await?;
    private(200, &View::try_from(found.ok_or_else(Problem::not_found)?)?)
}

/// `POST /api/events/{id}/messages/test`: to who asks alone, as others would get it.
pub async fn test(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (draft, to) = json::read(&request, rules::read)?;
    let deployment = deployment().await?;
    idempotency::once(&request, "message-tests", &claims.subject, async |tx: &mut Tx| {
        let (organiser, _) = permitted(tx, &claims, &request).await?;
        let event = request.id("id")?;
        deployment.check(draft.kind)?;
        if claims.scope.is_some() {
            let detail = "An API key is nobody, and has no address that a test could go to.";
            return Err(Problem::new(problem::WRONG_STATE, detail));
        }
        known(tx, &claims, &organiser).await?;
        to.check(&store::ticket_types(tx, event).await?)?;
        let since = tx.now() - limits::MESSAGE_TESTS_IN;
        if store::tests_since(tx, &claims.subject, since).await? >= limits::MESSAGE_TESTS {
            return Err(too_many("Many tests were sent to you just now.", limits::MESSAGE_TESTS_IN));
        }
        store::queue_test(tx, &hash::secret(), &claims.subject, event, &draft).await?;
        Ok(Response::empty(202))
    })
    .await
}

/// Whose the event is and its status; 404 where there is none, 403 where the caller may not write to those who come.
async fn permitted(tx: &mut Tx, claims: &Claims, request: &Request) -> Result<(String, String), Problem> {
    let (organiser, status) = store::event(tx, request.id("id")?).await?.ok_or_else(Problem::not_found)?;
    team::require(tx, claims, &organiser, Permission::SendMessages).await?;
    Ok((organiser, status))
}

/// Refuses who is not known to read their address: nobody writes to many people whom nobody can write to. For a program somebody of its organiser's
/// answers.
async fn known(tx: &mut Tx, claims: &Claims, organiser: &str) -> Result<(), Problem> {
    let known = match claims.scope {
        Some(_) => store::has_known_member(tx, organiser).await?,
        None => offers::address_of(tx, &claims.subject).await?.is_some_and(|(_, verified)| verified),
    };
    let detail = "Show first that you read the address of your account: have a mail sent that verifies it.";
    if known { Ok(()) } else { Err(Problem::new(problem::WRONG_STATE, detail)) }
}

async fn deployment() -> Result<Deployment, Problem> {
    let base = config::optional("public_url").await?;
    let ends_news = base.is_some_and(|base| base.starts_with("https://"));
    Ok(Deployment { sends_mail: config::switch("analytics").await?, ends_news })
}

/// What the journal says of it: ids alone. What it says is between its writer and its readers.
async fn tell(tx: &mut Tx, request: &Request, claims: &Claims, ids: (&str, &str, &str)) -> Result<(), Problem> {
    let (message, event, organiser) = ids;
    let mut payload = json!({ "organiser_id": organiser, "event_id": event, "message_id": message, "actor": claims.subject });
    if let Some(members) = payload.as_object_mut() {
        members.extend(network::of(request).map(|network| ("network".to_owned(), network.into())));
    }
    let (topic, kind, aggregate) = (journal::USER_EVENTS, "organiser.message-sent", message.to_owned());
    Ok(journal::write(tx, &[Entry { topic, kind, aggregate, version: 1, payload, fact: None }]).await?)
}

fn too_many(detail: impl Into<String>, wait: i64) -> Problem {
    let seconds = (wait / time::SECOND).max(1);
    Problem::new(problem::RATE_LIMITED, detail).with("retry-after", seconds.to_string())
}

fn private(status: u16, value: &impl Serialize) -> Answer {
    Ok(Response::json(status, value)?.header("cache-control", "private, no-store"))
}
