//! `POST /api/auth/email`, `POST /api/auth/email/confirm`: another address for an account.
//!
//! Whoever reads an address's mail owns its account, so both have to agree: who reads the one that it has, and who reads the one that it is to have.

use crate::accounts::{self, Deed};
use crate::{attempts, email, guests, limits, reauthentication, sessions, verify_email};
use kit::mail_token::{self, Purpose};
use kit::{Answer, Problem, Request, Response, claims, json, params, sql, trace};

kit::row! {
    /// A change that has been asked for.
    struct Change {
        session: String,
        old_email: String,
        new_email: String,
        old_confirmed_at: Option<i64>,
        new_confirmed_at: Option<i64>,
    }
}

/// Has a mail with a token sent to either address, for who has proved lately whose account it is, or does so now with the password. What was asked for
/// before is void. 202.
pub async fn request(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (new, password) = json::read(&request, |body| {
        let text = body.text("email", 1..=*limits::EMAIL_BYTES.end());
        let new = email::normalise(&text);
        if let (false, Err(fault)) = (text.is_empty(), &new) {
            body.fault("email", *fault);
        }
        (new.unwrap_or_default(), body.optional_text("password", 1..=*limits::PASSWORD_CHARACTERS.end()))
    })?;
    let mut tx = sql::read().await?;
    let user = accounts::find(&mut tx, &claims.subject).await?.ok_or_else(accounts::gone)?;
    if password.is_none() {
        sessions::require_recent(&mut tx, &claims).await?;
    }
    tx.rollback().await?;
    let checked = match password {
        Some(password) => Some(reauthentication::check_password(&request, &user, &password).await?),
        None => None,
    };

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let version = accounts::touch(&mut tx, &user.id).await?;
    if let Some(checked) = checked {
        checked.still_holds(&mut tx).await?;
        sessions::note_password(&mut tx, &user.id, &claims.session).await?;
    }
    sessions::require_recent(&mut tx, &claims).await?;
    // It may be another one by now.
    let user = accounts::find(&mut tx, &user.id).await?.ok_or_else(accounts::gone)?;
    if new == user.email {
        return Err(Problem::fault("/email", "is the address that the account has"));
    }
    if is_taken(&mut tx, &new).await? {
        return Err(accounts::email_taken());
    }
    // Neither anybody's mailbox nor a stranger's is to be filled.
    attempts::count(&mut tx, &attempts::mail_key("change", &user.id), &attempts::MAIL).await?;
    attempts::count(&mut tx, &attempts::mail_key("take", &new), &attempts::MAIL).await?;
    cancel(&mut tx, &user.id).await?;
    let expires_at = tx.now() + kit::limits::CHANGE_EMAIL_MICROSECONDS;
    tx.execute(
        "INSERT INTO email_changes (user_id, session_id, old_email, new_email, expires_at) VALUES ($1, $2, $3, $4, $5)",
        params![&user.id, &claims.session, &user.email, &new, expires_at],
    )
    .await?;
    // One for each mail. Neither says an address: the worker reads it where it is true.
    for address in ["old", "new"] {
        let details = serde_json::json!({ "user_id": &user.id, "address": address });
        let deed = Deed { kind: "user.email-change-requested", actor: &user.id, aggregate: &user.id, version, details };
        deed.write(&mut tx, &request).await?;
    }
    tx.commit().await?;
    Ok(Response::empty(202))
}

/// Notes that who reads one of the addresses agrees: 202; once both do the account has its new address, and its other sessions end: 204.
pub async fn confirm(request: Request) -> Answer {
    let token = json::read(&request, |body| body.text("token", 1..=*kit::limits::MAIL_TOKEN_BYTES.end()))?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let (user, email, side) = find(&mut tx, &token).await?.ok_or_else(verify_email::invalid)?;
    // Locks the user's row: of two that confirm at once the second sees what the first did, and of two with one token it has been used.
    let version = accounts::touch(&mut tx, &user).await?;
    if accounts::is_suspended(&mut tx, &user).await? {
        return Err(accounts::suspended());
    }
    let statement = match side {
        Purpose::LeaveEmail => {
            "UPDATE email_changes SET old_confirmed_at = $2 WHERE user_id = $1 AND old_email = $3 AND old_confirmed_at IS NULL AND expires_at > $2"
        }
        _ => {
            "UPDATE email_changes SET new_confirmed_at = $2 WHERE user_id = $1 AND new_email = $3 AND new_confirmed_at IS NULL AND expires_at > $2"
        }
    };
    let now = tx.now();
    if tx.execute(statement, params![&user, now, &email]).await? == 0 {
        return Err(verify_email::invalid());
    }
    mail_token::end(&mut tx, side, &user).await?;
    let columns =
        "SELECT session_id, old_email, new_email, old_confirmed_at, new_confirmed_at FROM email_changes WHERE user_id = $1";
    let change: Change = tx.one(columns, params![&user]).await?.ok_or_else(verify_email::invalid)?;
    if change.old_confirmed_at.is_none() || change.new_confirmed_at.is_none() {
        tx.commit().await?;
        return Ok(Response::empty(202));
    }
    cancel(&mut tx, &user).await?;
    if is_taken(&mut tx, &change.new_email).await? {
        tx.commit().await?;
        return Err(accounts::email_taken());
    }
    let statement = "UPDATE users SET email = $3, email_verified_at = $4 WHERE id = $1 AND email = $2";
    let changed = tx.execute(statement, params![&user, &change.old_email, &change.new_email, now]).await;
    if changed.map_err(accounts::taken)? == 0 {
        return Err(verify_email::invalid());
    }
    // What went to the old address opens nothing any more.
    for purpose in [Purpose::VerifyEmail, Purpose::ResetPassword] {
        mail_token::end(&mut tx, purpose, &user).await?;
    }
    sessions::end_others(&mut tx, &user, &change.session).await?;
    let details = serde_json::json!({ "user_id": &user });
    Deed { kind: "user.email-changed", actor: &user, aggregate: &user, version, details }.write(&mut tx, &request).await?;
    guests::gather(&mut tx, &request, &user, &change.new_email).await?;
    tx.commit().await?;
    Ok(Response::empty(204))
}

/// Makes void what was asked for: an account that has just got another password may have been in other hands.
pub async fn cancel(tx: &mut sql::Tx, user: &str) -> Result<(), sql::Error> {
    tx.execute("DELETE FROM email_changes WHERE user_id = $1", params![user]).await?;
    for purpose in [Purpose::LeaveEmail, Purpose::TakeEmail] {
        mail_token::end(tx, purpose, user).await?;
    }
    Ok(())
}

/// Whose token it is, the address that it went to, and which of the two that is.
async fn find(tx: &mut sql::Tx, token: &str) -> Result<Option<(String, String, Purpose)>, sql::Error> {
    for purpose in [Purpose::LeaveEmail, Purpose::TakeEmail] {
        if let Some((user, email)) = mail_token::find(tx, purpose, token).await? {
            return Ok(Some((user, email, purpose)));
        }
    }
    Ok(None)
}

async fn is_taken(tx: &mut sql::Tx, email: &str) -> Result<bool, sql::Error> {
    Ok(tx.one::<(String,)>("SELECT id FROM users WHERE email = $1", params![email]).await?.is_some())
}
