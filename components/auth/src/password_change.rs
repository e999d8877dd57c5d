//! `POST /api/auth/password`

use crate::accounts::{self, Deed};
use crate::{email_change, hasher, limits, password, reauthentication, sessions};
use kit::{Answer, Problem, Request, Response, claims, json, params, sql, trace};

/// Replaces the caller's password, for who knows the one it has: all their other sessions end. 204.
pub async fn change(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (current, new) = json::read(&request, |body| {
        let current = body.text("current", 1..=*limits::PASSWORD_CHARACTERS.end());
        (current, password::prepared(&body.text("new", limits::PASSWORD_CHARACTERS)).into_owned())
    })?;
    let mut tx = sql::read().await?;
    let user = accounts::find(&mut tx, &claims.subject).await?.ok_or_else(accounts::gone)?;
    tx.rollback().await?;
    password::check(&new, &user.email).map_err(|fault| Problem::fault("/new", fault))?;
    let checked = reauthentication::check_password(&request, &user, &current).await?;
    let password_hash = hasher::hash(&new).await?;

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let version = accounts::touch(&mut tx, &user.id).await?;
    checked.still_holds(&mut tx).await?;
    tx.execute("UPDATE users SET password_hash = $2 WHERE id = $1", params![&user.id, password_hash]).await?;
    sessions::end_others(&mut tx, &user.id, &claims.session).await?;
    sessions::note_password(&mut tx, &user.id, &claims.session).await?;
    email_change::cancel(&mut tx, &user.id).await?;
    let details = serde_json::json!({ "user_id": &user.id, "by": "password" });
    let deed = Deed { kind: "user.password-changed", actor: &user.id, aggregate: &user.id, version, details };
    deed.write(&mut tx, &request).await?;
    tx.commit().await?;
    Ok(Response::empty(204))
}
