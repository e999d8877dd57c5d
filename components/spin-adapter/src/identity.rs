//! `marquee:edge/identity` from the tables of `auth`.

use kit::sql::Tx;
use kit::{Problem, params, router, sql, time};

use crate::bindings::exports::marquee::edge::identity::Guest;
use crate::bindings::exports::marquee::edge::types::{Claims, Refusal};
use crate::{Adapter, limits, token};

impl Guest for Adapter {
    async fn verify(token: String) -> Result<Claims, Refusal> {
        let kid = token::key_id(&token).ok_or(Refusal::Invalid)?;
        let known = look_up(&kid).await.map_err(|problem| {
            router::log(&format!("identity: {}", problem.log.unwrap_or(problem.detail)));
            Refusal::Unavailable(limits::RETRY_MILLISECONDS)
        })?;
        let Some((mut tx, public_key)) = known else {
            return Err(Refusal::Invalid);
        };
        let claims = token::verify(&token, &public_key, time::now()).map_err(|refusal| match refusal {
            token::Refusal::Invalid => Refusal::Invalid,
            token::Refusal::Expired => Refusal::Expired,
        })?;
        if is_over(&mut tx, &claims.sid).await? {
            return Err(Refusal::Revoked);
        }
        let expires_at = claims.expires_at();
        Ok(Claims { subject: claims.sub, session: claims.sid, roles: claims.roles, expires_at })
    }
}

/// The key's public part, with the transaction to go on in.
async fn look_up(kid: &str) -> Result<Option<(Tx, String)>, Problem> {
    let mut tx = sql::read().await?;
    let row: Option<(String,)> = tx.one("SELECT public_key FROM signing_keys WHERE kid = $1", params![kid]).await?;
    Ok(row.map(|(public_key,)| (tx, public_key)))
}

/// Whether the session was ended; one that there is no trace of is over too.
async fn is_over(tx: &mut Tx, session: &str) -> Result<bool, Refusal> {
    let row: Result<Option<(Option<i64>,)>, sql::Error> =
        tx.one("SELECT revoked_at FROM sessions WHERE id = $1", params![session]).await;
    match row {
        Ok(row) => Ok(row.is_none_or(|(revoked_at,)| revoked_at.is_some())),
        Err(error) => {
            router::log(&format!("identity: {error}"));
            Err(Refusal::Unavailable(limits::RETRY_MILLISECONDS))
        }
    }
}
