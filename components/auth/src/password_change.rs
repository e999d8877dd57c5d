//! `POST /api/auth/password`

use crate::accounts::{self, Deed};
use crate::{attempts, hasher, limits, login, password, sessions};
use kit::{Answer, Problem, Request, Response, claims, json, network, params, problem, sql, trace};

/// Replaces the caller's password, for who knows the one it has: all their other sessions end. 204.
pub async fn change(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (current, new) = json::read(&request, |body| {
        let current = body.text("current", 1..=*limits::PASSWORD_CHARACTERS.end());
        (current, password::prepared(&body.text("new", limits::PASSWORD_CHARACTERS)).into_owned())
    })?;
    let network = network::of(&request);
    let mut tx = sql::write().await?;
    let user = accounts::find(&mut tx, &claims.subject).await?.ok_or_else(accounts::gone)?;
    let account = login::account(&mut tx, &user.email, network.as_deref()).await?.ok_or_else(accounts::gone)?;
    password::check(&new, &user.email).map_err(|fault| Problem::fault("/new", fault))?;
    // A stolen access token is no way to guess the password faster than a login.
    let attempt = attempts::key(&user.email, network.as_deref(), account.known == 1);
    attempts::count(&mut tx, &attempt, &attempts::LOGIN).await?;
    tx.commit().await?;

    if login::verify(&current, Some(&account.password_hash)).await?.is_none() {
        return Err(Problem::new(problem::BAD_CREDENTIALS, "This is not the account's password."));
    }
    let password_hash = hasher::hash(&new).await?;

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let version = accounts::touch(&mut tx, &user.id).await?;
    if accounts::is_suspended(&mut tx, &user.id).await? {
        return Err(accounts::suspended());
    }
    let statement = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    if tx.execute(statement, params![&user.id, &account.password_hash, password_hash]).await? == 0 {
        return Err(Problem::new(problem::BAD_CREDENTIALS, "The password has been changed meanwhile."));
    }
    sessions::end_others(&mut tx, &user.id, &claims.session).await?;
    attempts::forget(&mut tx, &attempt).await?;
    let details = serde_json::json!({ "user_id": &user.id, "by": "password" });
    let deed = Deed { kind: "user.password-changed", actor: &user.id, aggregate: &user.id, version, details };
    deed.write(&mut tx, &request).await?;
    tx.commit().await?;
    Ok(Response::empty(204))
}
