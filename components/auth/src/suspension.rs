//! `POST /api/users/{id}/suspend`, `POST /api/users/{id}/restore`

use crate::{
    accounts::{self, Deed},
    api_keys, invitations, limits, roles, sessions,
};
use kit::{Answer, Problem, Request, Response, claims, idempotency, json, params, sql};
use serde_json::json;

/// Keeps a user out: their sessions end everywhere, and they cannot begin another. Why is for admins to read. Admins only; to ask again changes the
/// reason, where one is given, and nothing else.
pub async fn suspend(request: Request) -> Answer {
    set(&request, true).await
}

/// Lets a user in again. Admins only; to ask again changes nothing.
pub async fn restore(request: Request) -> Answer {
    set(&request, false).await
}

async fn set(request: &Request, suspended: bool) -> Answer {
    let claims = claims::require(request).await?;
    let reason =
        json::read_optional(
            request,
            |body| if suspended { body.optional_text("reason", limits::REASON_CHARACTERS) } else { None },
        )?;
    idempotency::once(request, "suspension", &claims.subject, async |tx: &mut sql::Tx| {
        roles::admins_only(tx, &claims.subject).await?;
        let user = request.id("id")?;
        if accounts::find(tx, user).await?.is_none() {
            return Err(Problem::not_found());
        }
        if suspended {
            roles::check_another_admin(tx, user).await?;
        }
        apply(tx, user, suspended, &claims.subject, request).await?;
        if let Some(reason) = &reason {
            // In no journal: it is about a person, and goes with them.
            tx.execute("UPDATE users SET suspension_reason = $2 WHERE id = $1", params![user, reason]).await?;
        }
        Ok(Response::empty(204))
    })
    .await
}

async fn apply(tx: &mut sql::Tx, user: &str, suspended: bool, actor: &str, request: &Request) -> Result<(), Problem> {
    let now = tx.now();
    let (value, condition) = if suspended { (Some(now), "IS NULL") } else { (None, "IS NOT NULL") };
    let statement = format!(
        "UPDATE users SET suspended_at = CAST($2 AS BIGINT), suspension_reason = NULL, version = version + 1 WHERE id = $1 AND suspended_at {condition} \
         RETURNING version"
    );
    let Some((version,)) = tx.one::<(i64,)>(&statement, params![user, value]).await? else { return Ok(()) };
    if suspended {
        // Who logs in at this moment waits for this row, and is refused.
        sessions::end_all(tx, user).await?;
        invitations::end_all_of(tx, user).await?;
        api_keys::end_tokens_without_owner(tx, user).await?;
    }
    let kind = if suspended { "user.suspended" } else { "user.restored" };
    let deed = Deed { kind, actor, aggregate: user, version, details: json!({ "user_id": user }) };
    Ok(deed.write(tx, request).await?)
}
