//! `POST /api/auth/verify-email`, `POST /api/auth/verify-email/resend`, `POST /api/users/{id}/verify-email`

use crate::accounts::{self, Deed};
use crate::{attempts, email, guests, limits, roles};
use kit::mail_token::{self, Purpose};
use kit::{Answer, Problem, Request, Response, claims, idempotency, json, params, problem, sql, trace};

/// What shows that somebody has read a mail.
enum Shown {
    /// The token that stands in it.
    Token(String),
    /// The code, and the address that it went to.
    Code { email: String, code: String },
}

/// Notes that an account's owner reads its address: they have the token of a mail that went there, or have typed its code. 204.
pub async fn verify(request: Request) -> Answer {
    let shown = json::read(&request, |body| {
        let token = body.optional_text("token", 1..=*kit::limits::MAIL_TOKEN_BYTES.end());
        if token.is_some() || body.has("token") {
            return Shown::Token(token.unwrap_or_default());
        }
        if !body.has("email") && !body.has("code") {
            body.fault("token", "required, or else email and code");
        }
        let email = body.optional_text("email", 1..=*limits::EMAIL_BYTES.end());
        let code = body.optional_text("code", limits::CODE_CHARACTERS);
        match (&email, &code) {
            (Some(_), None) if !body.has("code") => body.fault("code", "required"),
            (None, Some(_)) if !body.has("email") => body.fault("email", "required"),
            _ => {}
        }
        Shown::Code { email: email.unwrap_or_default(), code: code.unwrap_or_default() }
    })?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let found = match &shown {
        Shown::Token(token) => mail_token::find(&mut tx, Purpose::VerifyEmail, token).await?,
        Shown::Code { email, code } => by_code(&mut tx, email, code).await?,
    };
    let Some((user, email)) = found else {
        // That it was tried is counted.
        tx.commit().await?;
        return Err(invalid());
    };
    mail_token::end(&mut tx, Purpose::VerifyEmail, &user).await?;
    if note(&mut tx, &user, &email).await? {
        let version = accounts::touch(&mut tx, &user).await?;
        let details = serde_json::json!({ "user_id": &user });
        Deed { kind: "user.email-verified", actor: &user, aggregate: &user, version, details }.write(&mut tx, &request).await?;
        guests::gather(&mut tx, &request, &user, &email).await?;
    }
    tx.commit().await?;
    Ok(Response::empty(204))
}

/// Whose code it is, and their address. An address that nobody has looks like a wrong code.
async fn by_code(tx: &mut sql::Tx, email: &str, code: &str) -> Result<Option<(String, String)>, sql::Error> {
    let Ok(email) = email::normalise(email) else { return Ok(None) };
    let owner: Option<(String,)> = tx.one("SELECT id FROM users WHERE email = $1", params![&email]).await?;
    let Some((user,)) = owner else { return Ok(None) };
    // As it stands in the mail, or as people type it.
    let digits: String = code.chars().filter(|c| !matches!(c, ' ' | '-')).collect();
    let good = mail_token::is_code(tx, Purpose::VerifyEmail, &user, &email, &digits).await?;
    Ok(good.then_some((user, email)))
}

/// Has the mail with the token and the code sent again, to the caller's address; the ones before are good for nothing then. 202, also where the address has
/// been verified and there is nothing to send.
pub async fn resend(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let version = accounts::touch(&mut tx, &claims.subject).await?;
    let user = accounts::find(&mut tx, &claims.subject).await?.ok_or_else(accounts::gone)?;
    if accounts::is_suspended(&mut tx, &user.id).await? {
        return Err(accounts::suspended());
    }
    if user.email_verified {
        tx.rollback().await?;
        return Ok(Response::empty(202));
    }
    attempts::count(&mut tx, &attempts::mail_key("verify", &user.email), &attempts::MAIL).await?;
    // The worker makes both, when it writes the mail: no secret stands in the journal.
    let details = serde_json::json!({ "user_id": &user.id });
    let deed = Deed { kind: "user.verification-requested", actor: &user.id, aggregate: &user.id, version, details };
    deed.write(&mut tx, &request).await?;
    tx.commit().await?;
    Ok(Response::empty(202))
}

/// As [`verify`], on the word of an admin: where no mail goes out nothing else can show it. To ask again changes nothing. 204.
pub async fn vouch(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "verified", &claims.subject, async |tx: &mut sql::Tx| {
        roles::admins_only(tx, &claims.subject).await?;
        let user = accounts::find(tx, request.id("id")?).await?.ok_or_else(Problem::not_found)?;
        if note(tx, &user.id, &user.email).await? {
            let version = accounts::touch(tx, &user.id).await?;
            let details = serde_json::json!({ "user_id": &user.id, "by": "admin" });
            let deed = Deed { kind: "user.email-verified", actor: &claims.subject, aggregate: &user.id, version, details };
            deed.write(tx, &request).await?;
            if !user.guest {
                guests::gather(tx, &request, &user.id, &user.email).await?;
            }
        }
        Ok(Response::empty(204))
    })
    .await
}

/// Writes it down, where the account, or the guest, still has this address. False where it was known.
pub async fn note(tx: &mut sql::Tx, user: &str, email: &str) -> Result<bool, sql::Error> {
    let statement = "UPDATE users SET email_verified_at = $3 WHERE id = $1 AND COALESCE(guest_email, email) = $2 AND email_verified_at IS NULL";
    let now = tx.now();
    Ok(tx.execute(statement, params![user, email, now]).await? > 0)
}

/// What a token or code is that is not, or no longer, good.
pub fn invalid() -> Problem {
    Problem::new(
        problem::TOKEN_INVALID,
        "This token or code is not one of ours, has been used, or is too old: ask for another mail.",
    )
}
