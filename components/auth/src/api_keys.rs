//! Keys of an organiser's own programs: `/api/organisers/{id}/api-keys`.

use crate::{
    accounts::{self, Deed},
    api_key::{self, ApiKey},
    limits, members, organisers, sessions,
};
use kit::sql::Error;
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, claims, config, idempotency, json, params, problem, query, sql, time};
use serde::Serialize;
use serde_json::json;
use std::sync::Mutex;

kit::row! {
    struct Row {
        id: String,
        name: String,
        permissions: String,
        created_by: String,
        created_at: i64,
        expires_at: Option<i64>,
        last_used_at: Option<i64>,
    }
}

/// A key as the API shows it.
#[derive(Serialize)]
struct Shown {
    id: String,
    name: String,
    prefix: String,
    permissions: Vec<String>,
    created_by: String,
    created_at: String,
    last_used_at: Option<String>,
    expires_at: Option<String>,
    /// The whole of it, once.
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
}

impl Shown {
    fn of(row: Row) -> Result<Self, Error> {
        Ok(Self {
            prefix: api_key::prefix(&row.id),
            id: row.id,
            name: row.name,
            permissions: permissions(&row.permissions)?,
            created_by: row.created_by,
            created_at: time::format(row.created_at),
            last_used_at: row.last_used_at.map(time::format),
            expires_at: row.expires_at.map(time::format),
            key: None,
        })
    }
}

/// Names of permissions, as a row has them.
pub fn permissions(stored: &str) -> Result<Vec<String>, Error> {
    serde_json::from_str(stored).map_err(|error| Error::Other(format!("permissions of an API key: {error}")))
}

/// What a key may be given.
fn grantable() -> Vec<&'static str> {
    Permission::ALL.into_iter().filter(|permission| permission.is_for_programs()).map(Permission::name).collect()
}

/// Makes a key, and shows it this once: the answer that an `Idempotency-Key` repeats is without it, for the secret stands nowhere.
pub async fn create(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let words = grantable();
    let (name, permissions, expires_at) = json::read(&request, |body| {
        (accounts::read_name(body), body.words("permissions", 1..=words.len(), &words), body.optional_instant("expires_at"))
    })?;
    let region = config::region().await?;
    let made: Mutex<Option<(Response, Response)>> = Mutex::new(None);
    let answer = idempotency::once(&request, "api-keys", &claims.subject, async |tx: &mut sql::Tx| {
        let (organiser, now) = (request.id("id")?, tx.now());
        let version = organisers::touch(tx, organiser).await?;
        team::require(tx, &claims, organiser, Permission::ManagePrograms).await?;
        sessions::require_recent(tx, &claims).await?;
        if expires_at.is_some_and(|at| at <= now) {
            return Err(Problem::fault("/expires_at", "is over already"));
        }
        let statement = "SELECT COUNT(*) FROM api_keys WHERE organiser_id = $1";
        let (count,) = tx.one::<(i64,)>(statement, params![organiser]).await?.unwrap_or_default();
        if count >= limits::API_KEYS {
            let most = limits::API_KEYS;
            return Err(Problem::new(problem::WRONG_STATE, format!("An organiser may have {most} API keys: delete one.")));
        }
        let key = ApiKey::new(&region);
        let stored = json!(permissions).to_string();
        tx.execute(
            "INSERT INTO api_keys (id, organiser_id, name, hash, permissions, created_by, created_at, expires_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            params![key.id(), organiser, &name, key.hash(), &stored, &claims.subject, now, expires_at],
        )
        .await?;
        let details = json!({ "organiser_id": organiser, "api_key_id": key.id(), "permissions": permissions });
        let deed = Deed { kind: "organiser.api-key-created", actor: &claims.subject, aggregate: organiser, version, details };
        deed.write(tx, &request).await?;
        let row = Row {
            id: key.id().to_owned(),
            name: name.clone(),
            permissions: stored,
            created_by: claims.subject.clone(),
            created_at: now,
            expires_at,
            last_used_at: None,
        };
        let mut shown = Shown::of(row)?;
        let kept = accounts::private(201, &shown)?;
        shown.key = Some(key.render());
        *made.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some((kept.clone(), accounts::private(201, &shown)?));
        Ok(kept)
    })
    .await?;
    // Only who has made it just now: where another request with this Idempotency-Key was faster, what was made here was undone.
    let made = made.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    Ok(made.filter(|(kept, _)| kept.body == answer.body).map_or(answer, |(_, whole)| whole))
}

/// An organiser's keys, the newest first. They are few: there is one page.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let organiser = request.id("id")?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    organisers::require(&mut tx, &claims, organiser, Permission::ManagePrograms).await?;
    let rows: Vec<Row> = tx
        .all(
            "SELECT id, name, permissions, created_by, created_at, expires_at, last_used_at FROM api_keys WHERE organiser_id = $1 \
             ORDER BY id DESC LIMIT $2",
            params![organiser, limits::API_KEYS],
        )
        .await?;
    tx.rollback().await?;
    let items = rows.into_iter().map(Shown::of).collect::<Result<Vec<_>, _>>()?;
    accounts::private(200, &json!({ "items": items, "next_cursor": null }))
}

/// Deletes a key: its tokens are refused everywhere. 204.
pub async fn delete(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "api-keys", &claims.subject, async |tx: &mut sql::Tx| {
        let (organiser, key) = (request.id("id")?, request.id("key")?);
        let version = organisers::touch(tx, organiser).await?;
        team::require(tx, &claims, organiser, Permission::ManagePrograms).await?;
        sessions::require_recent(tx, &claims).await?;
        if tx.execute("DELETE FROM api_keys WHERE id = $1 AND organiser_id = $2", params![key, organiser]).await? == 0 {
            return Err(Problem::not_found());
        }
        end_tokens(tx, key).await?;
        let details = json!({ "organiser_id": organiser, "api_key_id": key });
        let deed = Deed { kind: "organiser.api-key-deleted", actor: &claims.subject, aggregate: organiser, version, details };
        deed.write(tx, &request).await?;
        Ok(Response::empty(204))
    })
    .await
}

/// Has the tokens of a key refused, as those of a session that has ended. No others are given for it meanwhile.
async fn end_tokens(tx: &mut sql::Tx, key: &str) -> Result<(), Error> {
    let until = tx.now() + limits::KEY_REFUSED_MICROSECONDS;
    sessions::repeat(tx, key, until).await
}

/// Ends the tokens of keys whose organisers have nobody any more who may act for them, now that this user may not. The keys stay, for when there is
/// somebody again.
pub async fn end_tokens_without_owner(tx: &mut sql::Tx, user: &str) -> Result<(), Error> {
    let used_since = tx.now() - limits::KEY_REFUSED_MICROSECONDS;
    let keys: Vec<(String, String)> = tx
        .all(
            "SELECT k.id, k.organiser_id FROM organiser_members m JOIN api_keys k ON k.organiser_id = m.organiser_id \
             WHERE m.user_id = $1 AND m.role = 'owner' AND k.last_used_at > $2 ORDER BY k.id",
            params![user, used_since],
        )
        .await?;
    for (key, organiser) in keys {
        if !members::has_another_owner(tx, &organiser, user).await? {
            end_tokens(tx, &key).await?;
        }
    }
    Ok(())
}
