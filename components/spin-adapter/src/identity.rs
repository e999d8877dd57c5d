//! `marquee:edge/identity` from the tables of `auth`.

use access_token::{PublicKey, Verifier};
use kit::sql::Tx;
use kit::{Problem, params, router, sql};
use std::sync::LazyLock;

use vocabulary::edge::{Claims, Refusal, Scope};

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
        let access_token::Claims { subject, session, roles, expires_at, scope, guest } = claims;
        let over = if scope.is_some() { key_is_over(&mut tx, &session).await } else { is_over(&mut tx, &session).await };
        if over.map_err(unavailable)? {
            return Err(Refusal::Revoked);
        }
        let scope = scope.map(|access_token::Scope { organiser, permissions }| Scope { organiser, permissions });
        Ok(Claims { subject, session, roles, expires_at, scope, guest })
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

fn unavailable(error: sql::Error) -> Refusal {
    router::log(&format!("identity: {error}"));
    Refusal::Unavailable(limits::RETRY_MILLISECONDS)
}

/// Whether the session was ended; one that there is no trace of is over too.
async fn is_over(tx: &mut Tx, session: &str) -> Result<bool, sql::Error> {
    let row: Option<(Option<i64>,)> = tx.one("SELECT revoked_at FROM sessions WHERE id = $1", params![session]).await?;
    Ok(row.is_none_or(|(revoked_at,)| revoked_at.is_some()))
}

/// Whether an API key is no more, or its tokens were ended.
async fn key_is_over(tx: &mut Tx, key: &str) -> Result<bool, sql::Error> {
    let statement = "SELECT id FROM api_keys WHERE id = $1 AND NOT EXISTS \
                     (SELECT 1 FROM revocations WHERE session_id = api_keys.id AND ends_at > $2)";
    let now = tx.now();
    Ok(tx.one::<(String,)>(statement, params![key, now]).await?.is_none())
}
