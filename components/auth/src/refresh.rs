//! `POST /api/auth/refresh`

use crate::{
    accounts, keys, limits,
    refresh_token::RefreshToken,
    rotation::{self, Decision, Session},
    sessions, setup,
};
use kit::{Answer, Problem, Request, json, params, problem, sql, trace};

kit::row! {
    struct Row {
        user: String,
        refresh_hash: String,
        previous_hash: Option<String>,
        rotated_at: i64,
        expires_at: i64,
        revoked_at: Option<i64>,
        created_at: i64,
    }
}

/// Exchanges a refresh token for a new pair.
pub async fn refresh(request: Request) -> Answer {
    let text = json::read(&request, |body| body.text("refresh_token", 1..=limits::TOKEN_CHARACTERS))?;
    setup::ensure().await?;
    let shown = RefreshToken::parse(&text).ok_or_else(revoked)?;
    let key = keys::signing().await?;
    let (next, issued) = (shown.next(key.secret()), shown.is_issued(key.secret()));

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    // Each turn after the first means that somebody else has just used the same token, and the next look finds it used.
    for _ in 0..limits::ROTATION_ATTEMPTS {
        let (user, session) = find(&mut tx, shown.session()).await?.ok_or_else(revoked)?;
        let now = tx.now();
        match rotation::decide(&session, &shown.hash(), &next.hash(), issued, now) {
            Decision::Rotate if !swap(&mut tx, &shown, &next, &session).await? => {}
            Decision::Rotate | Decision::Repeat => {
                let user = accounts::find(&mut tx, &user).await?.ok_or_else(revoked)?;
                let grant = sessions::grant(&key, &user, &next, now)?;
                tx.commit().await?;
                return accounts::private(200, &grant);
            }
            Decision::Reused => {
                sessions::end(&mut tx, shown.session()).await?;
                let reused = sessions::Note { kind: "user.refresh-reused", user: &user, session: shown.session() };
                reused.write(&mut tx, &request).await?;
                tx.commit().await?;
                return Err(revoked());
            }
            Decision::Ended | Decision::MadeUp => return Err(revoked()),
        }
    }
    Err(sql::Error::Busy.into())
}

async fn find(tx: &mut sql::Tx, session: &str) -> Result<Option<(String, Session)>, sql::Error> {
    let row: Option<Row> = tx
        .one(
            "SELECT user_id, refresh_hash, previous_hash, rotated_at, expires_at, revoked_at, created_at FROM sessions WHERE id = $1",
            params![session],
        )
        .await?;
    Ok(row.map(|row| {
        let session = Session {
            refresh_hash: row.refresh_hash,
            previous_hash: row.previous_hash,
            rotated_at: row.rotated_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            created_at: row.created_at,
        };
        (row.user, session)
    }))
}

/// Puts the next token in the place of the one shown; false where that is no longer the newest.
async fn swap(tx: &mut sql::Tx, shown: &RefreshToken, next: &RefreshToken, session: &Session) -> Result<bool, sql::Error> {
    let now = tx.now();
    let swapped = tx
        .execute(
            "UPDATE sessions SET refresh_hash = $3, previous_hash = $2, rotated_at = $4, expires_at = $5 \
             WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL",
            params![shown.session(), shown.hash(), next.hash(), now, rotation::expires_at(session.created_at, now)],
        )
        .await?;
    Ok(swapped == 1)
}

fn revoked() -> Problem {
    Problem::new(problem::TOKEN_REVOKED, "This refresh token is not good, or no longer. Log in again.")
        .with("www-authenticate", "Bearer")
}
