//! `POST /api/auth/verify-email`, `POST /api/users/{id}/verify-email`

use crate::accounts::{self, Deed};
use crate::roles;
use kit::mail_token::{self, Purpose};
use kit::{Answer, Problem, Request, Response, claims, idempotency, json, params, problem, sql, trace};

/// Notes that the account's owner reads its address: they have the token of a mail that went there. 204.
pub async fn verify(request: Request) -> Answer {
    let token = json::read(&request, |body| body.text("token", 1..=*kit::limits::MAIL_TOKEN_BYTES.end()))?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let (user, email) = mail_token::find(&mut tx, Purpose::VerifyEmail, &token).await?.ok_or_else(invalid)?;
    mail_token::end(&mut tx, Purpose::VerifyEmail, &user).await?;
    if note(&mut tx, &user, &email).await? {
        let version = accounts::touch(&mut tx, &user).await?;
        let details = serde_json::json!({ "user_id": &user });
        Deed { kind: "user.email-verified", actor: &user, aggregate: &user, version, details }.write(&mut tx, &request).await?;
    }
    tx.commit().await?;
    Ok(Response::empty(204))
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
        }
        Ok(Response::empty(204))
    })
    .await
}

/// Writes it down, where the account still has this address. False where it was known.
pub async fn note(tx: &mut sql::Tx, user: &str, email: &str) -> Result<bool, sql::Error> {
    let statement = "UPDATE users SET email_verified_at = $3 WHERE id = $1 AND email = $2 AND email_verified_at IS NULL";
    let now = tx.now();
    Ok(tx.execute(statement, params![user, email, now]).await? > 0)
}

/// What a token is that is not, or no longer, good.
pub fn invalid() -> Problem {
    Problem::new(problem::TOKEN_INVALID, "This token is not one of ours, has been used, or is too old: ask for another mail.")
}
