//! An organiser's webhooks: servers of its own that are told what happens at its events at home here. The worker tells them.

mod deliveries;
mod rules;
pub(crate) mod store;
mod view;

pub use deliveries::{list as list_deliveries, resend, test};

use crate::{limits, mine};
use ::webhooks::{KINDS, Secret};
use kit::claims::Claims;
use kit::journal::{self, Entry};
use kit::sealing::Sealed;
use kit::sql::Tx;
use kit::team::{self, Permission};
use kit::{
    Answer, Problem, Request, Response, claims, config, hash, id, idempotency, json, network, params, problem, query, sql,
    webhooks,
};
use rules::Change;
use serde::Serialize;
use serde_json::json;
use std::sync::{Mutex, PoisonError};
use store::{Row, Secrets};
use view::View;

/// `POST /api/organisers/{id}/webhooks`: makes one, and shows its secret this once: the answer that an `Idempotency-Key` repeats is without it.
pub async fn create(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let receivers = webhooks::receivers().await?;
    let (url, types, description) = json::read(&request, |body| {
        // Says where: it has done so by now.
        _ = body.optional_text("region", limits::REGION);
        let url = body.text("url", limits::WEBHOOK_URL);
        rules::check_url(body, &url, receivers);
        (url, body.words("types", 1..=KINDS.len(), &KINDS), body.optional_name("description", limits::WEBHOOK_DESCRIPTION))
    })?;
    let (region, keys) = (config::region().await?, webhooks::KEYS.keys().await?);
    let shown: Mutex<Option<(Response, Response)>> = Mutex::new(None);
    let answer = idempotency::once(&request, "webhooks", &claims.subject, async |tx: &mut Tx| {
        let (organiser, now) = (request.id("id")?, tx.now());
        permitted(tx, &claims, organiser).await?;
        // Locks the organiser's row, so that no two requests count at once.
        tx.one::<(i64,)>(&format!("SELECT 1 FROM organisers WHERE id = $1{}", tx.exclusive_lock()), params![organiser]).await?;
        if store::count(tx, organiser).await? >= limits::WEBHOOKS {
            let most = limits::WEBHOOKS;
            return Err(Problem::new(
                problem::WRONG_STATE,
                format!("An organiser may have {most} webhooks in a region: delete one."),
            ));
        }
        let id = id::new(&region);
        let secret = Secret::new(hash::random::<{ limits::WEBHOOK_SECRET }>());
        let Sealed { key_id, text } = keys.seal(&id, secret.bytes())?;
        let row = Row {
            id,
            organiser_id: organiser.to_owned(),
            url: url.clone(),
            types: journal::text(&types)?,
            description: description.clone(),
            state: "active".to_owned(),
            reason: None,
            previous_until: None,
            failing_since: None,
            version: 1,
            created_by: claims.subject.clone(),
            created_at: now,
        };
        store::insert(tx, &row, &key_id, &text).await?;
        tell(tx, &request, &claims, "organiser.webhook-created", &row).await?;
        shown_once(&shown, 201, &View::new(row, now)?, &secret)
    })
    .await?;
    Ok(with_secret(shown, answer))
}

/// `GET /api/organisers/{id}/webhooks`: newest first.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (limit, after) = mine::asked(&request)?;
    let organiser = request.id("id")?;
    let mut tx = sql::read().await?;
    permitted(&mut tx, &claims, organiser).await?;
    // One more than asked for tells whether there is a next page.
    let mut rows = store::page(&mut tx, organiser, after, limit + 1).await?;
    let now = tx.now();
    tx.rollback().await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| format!("{}.{}", row.created_at, row.id));
    let items = rows.into_iter().map(|row| View::new(row, now)).collect::<Result<Vec<_>, _>>()?;
    private(200, &json!({ "items": items, "next_cursor": next_cursor }))
}

/// `PATCH /api/organisers/{id}/webhooks/{hook}`: `{"url", "types", "description", "paused"}`, each of them or not.
pub async fn change(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let receivers = webhooks::receivers().await?;
    let change = json::read(&request, |body| Change::read(body, receivers))?;
    idempotency::once(&request, "webhooks", &claims.subject, async |tx: &mut Tx| {
        let (row, now) = (own(tx, &claims, &request).await?, tx.now());
        let begins_anew = change.begins_anew(&row);
        let row = change.of(row)?;
        store::update(tx, &row, begins_anew).await?;
        tell(tx, &request, &claims, "organiser.webhook-changed", &row).await?;
        private(200, &View::new(row, now)?)
    })
    .await
}

/// `DELETE /api/organisers/{id}/webhooks/{hook}`: it and its deliveries. 204.
pub async fn delete(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "webhooks", &claims.subject, async |tx: &mut Tx| {
        let row = own(tx, &claims, &request).await?;
        store::delete(tx, &row.id).await?;
        tell(tx, &request, &claims, "organiser.webhook-deleted", &Row { version: row.version + 1, ..row }).await?;
        Ok(Response::empty(204))
    })
    .await
}

/// `POST /api/organisers/{id}/webhooks/{hook}/secret`: another secret, shown this once. The one before signs as well for a day.
pub async fn rotate(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let keys = webhooks::KEYS.keys().await?;
    let shown: Mutex<Option<(Response, Response)>> = Mutex::new(None);
    let answer = idempotency::once(&request, "webhooks", &claims.subject, async |tx: &mut Tx| {
        let (mut row, now) = (own(tx, &claims, &request).await?, tx.now());
        let secret = Secret::new(hash::random::<{ limits::WEBHOOK_SECRET }>());
        let Secrets { secret: text, key_id, .. } = store::secrets(tx, &row.id).await?;
        // With the key that encrypts now: so an older one can go once every secret was exchanged.
        let before = Sealed { key_id, text };
        let before = match keys.open(&row.id, &before) {
            Some(secret) => keys.seal(&row.id, &secret)?,
            None => before,
        };
        let until = now + limits::WEBHOOK_SECRET_BEFORE;
        (row.version, row.previous_until) = (row.version + 1, Some(until));
        store::rotate(tx, &row, &keys.seal(&row.id, secret.bytes())?, &before).await?;
        tell(tx, &request, &claims, "organiser.webhook-changed", &row).await?;
        shown_once(&shown, 200, &View::new(row, now)?, &secret)
    })
    .await?;
    Ok(with_secret(shown, answer))
}

/// 404 where there is no such organiser, 403 where the caller may not have its webhooks.
async fn permitted(tx: &mut Tx, claims: &Claims, organiser: &str) -> Result<(), Problem> {
    let found: Option<(String,)> = tx.one("SELECT id FROM organisers WHERE id = $1", params![organiser]).await?;
    found.ok_or_else(Problem::not_found)?;
    team::require(tx, claims, organiser, Permission::ManageWebhooks).await
}

/// The webhook that a request is about, its row locked: the worker may find that it fails at any time.
async fn own(tx: &mut Tx, claims: &Claims, request: &Request) -> Result<Row, Problem> {
    let (organiser, hook) = (request.id("id")?, request.id("hook")?);
    permitted(tx, claims, organiser).await?;
    let lock = tx.exclusive_lock();
    store::find(tx, organiser, hook, lock).await?.ok_or_else(Problem::not_found)
}

/// As [`own`], of what is only read.
async fn read(tx: &mut Tx, claims: &Claims, request: &Request) -> Result<Row, Problem> {
    let (organiser, hook) = (request.id("id")?, request.id("hook")?);
    permitted(tx, claims, organiser).await?;
    store::find(tx, organiser, hook, "").await?.ok_or_else(Problem::not_found)
}

/// What the journal says of a change. Where messages go may have a secret in it, and stays out of it.
async fn tell(tx: &mut Tx, request: &Request, claims: &Claims, kind: &'static str, row: &Row) -> Result<(), Problem> {
    let types: serde_json::Value = serde_json::from_str(&row.types).unwrap_or_default();
    let mut payload = json!({
        "organiser_id": row.organiser_id, "webhook_id": row.id, "types": types, "state": row.state, "actor": claims.subject,
    });
    if let Some(members) = payload.as_object_mut() {
        members.extend(network::of(request).map(|network| ("network".to_owned(), network.into())));
    }
    let (topic, aggregate) = (journal::USER_EVENTS, row.id.clone());
    Ok(journal::write(tx, &[Entry { topic, kind, aggregate, version: row.version, payload, fact: None }]).await?)
}

/// Keeps two answers: one for whoever repeats the request, and the whole one.
fn shown_once(shown: &Mutex<Option<(Response, Response)>>, status: u16, view: &View, secret: &Secret) -> Answer {
    let kept = private(status, view)?;
    let whole = private(status, &view.with_secret(secret))?;
    *shown.lock().unwrap_or_else(PoisonError::into_inner) = Some((kept.clone(), whole));
    Ok(kept)
}

/// Only for who has made it just now: where another request with this Idempotency-Key was faster, what was made here was undone.
fn with_secret(shown: Mutex<Option<(Response, Response)>>, answer: Response) -> Response {
    let shown = shown.into_inner().unwrap_or_else(PoisonError::into_inner);
    shown.filter(|(kept, _)| kept.body == answer.body).map_or(answer, |(_, whole)| whole)
}

fn private(status: u16, value: &impl Serialize) -> Answer {
    Ok(Response::json(status, value)?.header("cache-control", "private, no-store"))
}

/// Refuses a query where none is known.
fn no_query(request: &Request) -> Result<(), Problem> {
    query::read(request, |_| ())
}
