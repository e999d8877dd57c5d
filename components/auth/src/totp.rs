//! Codes that an app shows, as a second factor: `GET`, `POST` and `DELETE /api/auth/totp`, `POST /api/auth/totp/confirm`

use crate::accounts::{self, Deed};
use crate::sealed;
use crate::{challenges, limits, otp, platform, recovery_codes, second_factor, sessions};
use data_encoding::BASE32_NOPAD;
use kit::sealing::{Keys, Sealed};
use kit::{Answer, Problem, Request, Response, claims, hash, json, params, problem, query, sql, time, trace};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

kit::row! {
    struct Row {
        secret: String,
        key_id: String,
        confirmed_at: Option<i64>,
        last_step: i64,
        created_at: i64,
    }
}

/// Whether the caller's account has a second factor, since when, and how many recovery codes are left.
pub async fn show(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    let confirmed_at = find(&mut tx, &claims.subject).await?.and_then(|row| row.confirmed_at);
    let left = recovery_codes::count(&mut tx, &claims.subject).await?;
    tx.rollback().await?;
    let body =
        json!({ "enabled": confirmed_at.is_some(), "enabled_at": confirmed_at.map(time::format), "recovery_codes_left": left });
    accounts::private(200, &body)
}

/// Makes a secret for the caller's app. It counts for nothing until a code of it is [`confirm`]ed.
pub async fn begin(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let (keys, issuer) = (sealed::KEYS.keys().await?, platform::name().await?);
    let user = &claims.subject;
    let secret: [u8; limits::TOTP_SECRET_BYTES] = hash::random();
    let sealed = keys.seal(user, &secret)?;
    let mut tx = sql::write().await?;
    let account = accounts::find(&mut tx, user).await?.ok_or_else(accounts::gone)?;
    sessions::require_recent(&mut tx, &claims).await?;
    let now = tx.now();
    let begun = tx
        .execute(
            "INSERT INTO totp (user_id, secret, key_id, confirmed_at, last_step, created_at) VALUES ($1, $2, $3, NULL, 0, $4) \
             ON CONFLICT (user_id) DO UPDATE SET secret = $2, key_id = $3, created_at = $4 WHERE totp.confirmed_at IS NULL",
            params![user, sealed.text, sealed.key_id, now],
        )
        .await?;
    if begun == 0 {
        return Err(Problem::new(problem::WRONG_STATE, "This account has a second factor: take it away first."));
    }
    tx.commit().await?;
    let secret = BASE32_NOPAD.encode(&secret);
    accounts::private(200, &json!({ "uri": uri(&issuer, &account.email, &secret), "secret": secret }))
}

/// Takes the first code of the secret that the caller has begun with: from now on logins need one. Gives their recovery codes, this once.
pub async fn confirm(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let code = json::read(&request, second_factor::read_code)?;
    let keys = sealed::KEYS.keys().await?;
    let user = &claims.subject;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let version = accounts::touch(&mut tx, user).await?;
    sessions::require_recent(&mut tx, &claims).await?;
    let now = tx.now();
    let pending = find(&mut tx, user).await?.filter(|row| row.confirmed_at.is_none());
    let Some(row) = pending.filter(|row| row.created_at + limits::TOTP_PENDING_MICROSECONDS > now) else {
        return Err(Problem::new(
            problem::WRONG_STATE,
            "There is no secret that waits for its first code: begin with a new one.",
        ));
    };
    let secret = sealed::open(&keys, user, &Sealed { key_id: row.key_id, text: row.secret })?;
    let step = otp::find(&secret, &code, now, row.last_step).ok_or_else(second_factor::wrong)?;
    tx.execute("UPDATE totp SET confirmed_at = $2, last_step = $3 WHERE user_id = $1", params![user, now, step]).await?;
    let codes = recovery_codes::make(&mut tx, user).await?;
    // It has shown both factors. Other sessions have to before they hand the account over.
    sessions::note_authentication(&mut tx, &claims.session).await?;
    let details = json!({ "user_id": user, "method": "totp" });
    let deed = Deed { kind: "user.second-factor-enabled", actor: user, aggregate: user, version, details };
    deed.write(&mut tx, &request).await?;
    tx.commit().await?;
    accounts::private(200, &json!({ "recovery_codes": codes }))
}

/// Takes the caller's second factor away, and its recovery codes. To ask again changes nothing.
pub async fn end(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let user = &claims.subject;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let version = accounts::touch(&mut tx, user).await?;
    // Which means both factors, since this one was there.
    sessions::require_recent(&mut tx, &claims).await?;
    let ended: Option<(Option<i64>,)> =
        tx.one("DELETE FROM totp WHERE user_id = $1 RETURNING confirmed_at", params![user]).await?;
    if let Some((Some(_),)) = ended {
        recovery_codes::end(&mut tx, user).await?;
        challenges::end_all(&mut tx, user).await?;
        let details = json!({ "user_id": user, "method": "totp" });
        let deed = Deed { kind: "user.second-factor-disabled", actor: user, aggregate: user, version, details };
        deed.write(&mut tx, &request).await?;
    }
    tx.commit().await?;
    Ok(Response::empty(204))
}

/// Whether this is a code of a user's app, and used for the first time: it never is again.
pub async fn accept(tx: &mut sql::Tx, keys: &Keys, user: &str, code: &str) -> Result<bool, Problem> {
    let Some(row) = find(tx, user).await?.filter(|row| row.confirmed_at.is_some()) else { return Ok(false) };
    let secret = sealed::open(keys, user, &Sealed { key_id: row.key_id, text: row.secret })?;
    let Some(step) = otp::find(&secret, code, tx.now(), row.last_step) else { return Ok(false) };
    // Of two at once one comes first.
    let statement = "UPDATE totp SET last_step = $2 WHERE user_id = $1 AND last_step < $2";
    Ok(tx.execute(statement, params![user, step]).await? > 0)
}

async fn find(tx: &mut sql::Tx, user: &str) -> Result<Option<Row>, sql::Error> {
    tx.one("SELECT secret, key_id, confirmed_at, last_step, created_at FROM totp WHERE user_id = $1", params![user]).await
}

/// What apps read, from a picture of it (<https://github.com/google/google-authenticator/wiki/Key-Uri-Format>).
fn uri(issuer: &str, email: &str, secret: &str) -> String {
    let encoded = |text| utf8_percent_encode(text, NON_ALPHANUMERIC);
    let (digits, period) = (otp::DIGITS, otp::STEP_SECONDS);
    format!(
        "otpauth://totp/{0}:{1}?secret={secret}&issuer={0}&algorithm=SHA1&digits={digits}&period={period}",
        encoded(issuer),
        encoded(email)
    )
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_address_for_an_app_carries_nothing_out_of_its_place() {
        assert_eq!(
            super::uri("tickets.example", "ada+a&b@example.com", "ABC"),
            "otpauth://totp/tickets%2Eexample:ada%2Ba%26b%40example%2Ecom?secret=ABC&issuer=tickets%2Eexample&algorithm=SHA1&digits=6&period=30"
        );
    }
}
