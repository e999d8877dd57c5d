//! `POST /api/auth/password/forgot`, `POST /api/auth/password/reset`

use crate::accounts::{self, Deed};
use crate::{attempts, email, email_change, hasher, limits, login, password, sessions, verify_email};
use kit::mail_token::{self, Purpose};
use kit::{Answer, Problem, Request, Response, hash, journal, json, network, params, problem, sql, trace};

/// Has a mail sent to this address that lets its reader choose another password, if there is an account: 202 in every case, after the same work.
pub async fn forgot(request: Request) -> Answer {
    let text = json::read(&request, |body| body.text("email", 1..=*limits::EMAIL_BYTES.end()))?;
    // What is no address is nobody's, and costs the same.
    let email = email::normalise(&text).unwrap_or_else(|_| text.to_lowercase());
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    match attempts::count(&mut tx, &attempts::mail_key("reset", &email), &attempts::MAIL).await {
        Ok(()) => {}
        // The mails that went out are there to be read; to say that there are some would say that there is an account.
        Err(too_soon) if too_soon.kind.slug == problem::RATE_LIMITED.slug => {
            tx.rollback().await?;
            return Ok(Response::empty(202));
        }
        Err(problem) => return Err(problem),
    }
    let network = network::of(&request);
    let account = login::account(&mut tx, &email, network.as_deref()).await?;
    let user = account.as_ref().filter(|account| account.suspended_at.is_none()).map(|account| account.id.as_str());
    // The worker makes the token, when it writes the mail: no secret stands in the journal.
    let asked = journal::Entry {
        topic: journal::USER_EVENTS,
        kind: "user.password-forgotten",
        aggregate: user.map_or_else(|| hash::sha256(&[b"nobody", email.as_bytes()]), str::to_owned),
        version: 0,
        payload: serde_json::json!({ "user_id": user, "network": network }),
        fact: None,
    };
    journal::write(&mut tx, &[asked]).await?;
    tx.commit().await?;
    Ok(Response::empty(202))
}

/// Chooses another password with the token of such a mail: all sessions of the account end, and its address is known to be read. 204.
pub async fn reset(request: Request) -> Answer {
    let (token, password) = json::read(&request, |body| {
        let token = body.text("token", 1..=*kit::limits::MAIL_TOKEN_BYTES.end());
        (token, password::prepared(&body.text("password", limits::PASSWORD_CHARACTERS)).into_owned())
    })?;
    let mut tx = sql::read().await?;
    let found = mail_token::find(&mut tx, Purpose::ResetPassword, &token).await?;
    tx.rollback().await?;
    let (user, email) = found.ok_or_else(verify_email::invalid)?;
    password::check(&password, &email).map_err(|fault| Problem::fault("/password", fault))?;
    // Not inside a transaction, and not for those who have no token.
    let password_hash = hasher::hash(&password).await?;

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    // Locks the user's row: of two that have the token one comes first, and has used it.
    let version = accounts::touch(&mut tx, &user).await?;
    if mail_token::find(&mut tx, Purpose::ResetPassword, &token).await?.is_none() {
        return Err(verify_email::invalid());
    }
    if accounts::is_suspended(&mut tx, &user).await? {
        return Err(accounts::suspended());
    }
    let statement = "UPDATE users SET password_hash = $3 WHERE id = $1 AND email = $2";
    if tx.execute(statement, params![&user, &email, password_hash]).await? == 0 {
        // The account has another address by now.
        return Err(verify_email::invalid());
    }
    mail_token::end(&mut tx, Purpose::ResetPassword, &user).await?;
    verify_email::note(&mut tx, &user, &email).await?;
    email_change::cancel(&mut tx, &user).await?;
    sessions::end_all(&mut tx, &user).await?;
    // Who has shown that the account is theirs need not wait for others' wrong passwords.
    let network = network::of(&request);
    attempts::forget(&mut tx, &attempts::key(&email, network.as_deref(), false)).await?;
    let details = serde_json::json!({ "user_id": &user, "by": "mail" });
    Deed { kind: "user.password-changed", actor: &user, aggregate: &user, version, details }.write(&mut tx, &request).await?;
    tx.commit().await?;
    Ok(Response::empty(204))
}
