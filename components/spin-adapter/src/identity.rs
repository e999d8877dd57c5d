//! `marquee:edge/identity` from the tables of `auth`.

use access_token::{PublicKey, Verifier};
use kit::sql::Tx;
use kit::{Problem, params, router, sql};
use std::sync::LazyLock;

use vocabulary::edge::{Claims, Refusal};

use crate::bindings::exports::marquee::edge::identity::Guest;
use crate::{Adapter, limits};

static VERIFIER: LazyLock<Verifier> = LazyLock::new(Verifier::default);

impl Guest for Adapter {
    async fn verify(token: String) -> Result<Claims, Refusal> {
        let kid = access_token::key_id(&token).ok_or(Refusal::Invalid)?;
        let known = look_up(&kid).await.map_err(|problem| {
            router::log(&format!("identity: {}", problem.log.unwrap_or(problem.detail)));
            Refusal::Unavailable(limits::RETRY_MILLISECONDS)
        })?;
        let Some((mut tx, public_key)) = known else {
            return Err(Refusal::Invalid);
        };
        let key = PublicKey::parse(&public_key).ok_or(Refusal::Invalid)?;
        let claims = VERIFIER.verify(&token, &key).map_err(refusal)?;
        access_token::judge(claims.expires_at, kit::time::now()).map_err(refusal)?;
        if is_over(&mut tx, &claims.session).await? {
            return Err(Refusal::Revoked);
        }
        let access_token::Claims { subject, session, roles, expires_at } = claims;
        Ok(Claims { subject, session, roles, expires_at })
    }
}

fn refusal(refusal: access_token::Refusal) -> Refusal {
    match refusal {
        access_token::Refusal::Invalid => Refusal::Invalid,
        access_token::Refusal::Expired => Refusal::Expired,
    }
}

/// The public part of a key that is still trusted, with the transaction to go on in.
async fn look_up(kid: &str) -> Result<Option<(Tx, String)>, Problem> {
    let mut tx = sql::read().await?;
    let now = tx.now();
    let row: Option<(String,)> = tx
        .one("SELECT public_key FROM signing_keys WHERE kid = $1 AND (ends_at IS NULL OR ends_at > $2)", params![kid, now])
        .await?;
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
