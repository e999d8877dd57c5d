//! `POST /api/auth/refresh`

use crate::{
    accounts::{self, User},
    keys, limits,
    refresh_token::RefreshToken,
    rotation::{self, Decision, Session},
    sessions, setup,
    transport::Transport,
};
use kit::{Answer, Problem, Request, browser, json, params, problem, sql, trace};

kit::row! {
    struct Row {
        user: String,
        transport: String,
        refresh_hash: String,
        previous_hash: Option<String>,
        rotated_at: i64,
        expires_at: i64,
        revoked_at: Option<i64>,
        created_at: i64,
    }
}

/// A session that somebody shows a token of.
pub struct Found {
    /// Whose it is.
    pub user: String,
    /// How its client gets its tokens.
    pub transport: Transport,
    /// What the next token goes by.
    pub session: Session,
}

/// Exchanges a refresh token for a new pair: that in the body, or a browser's in its cookie.
pub async fn refresh(request: Request) -> Answer {
    let (shown, transport) = shown(&request)?;
    setup::ensure().await?;
    let shown = RefreshToken::parse(&shown).ok_or_else(revoked)?;
    let key = keys::signing().await?;
    let (next, issued) = (shown.next(key.secret()), shown.is_issued(key.secret()));

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    // Each turn after the first means that somebody else has just used the same token, and the next look finds it used.
    for _ in 0..limits::ROTATION_ATTEMPTS {
        // What comes another way than it was given is not from its client.
        let found = find(&mut tx, shown.session()).await?.filter(|found| found.transport == transport);
        let Found { user, session, .. } = found.ok_or_else(revoked)?;
        let user = accounts::find(&mut tx, &user).await?.ok_or_else(revoked)?;
        let now = tx.now();
        match rotation::decide(&session, &shown.hash(), &next.hash(), issued, now) {
            Decision::Rotate if !swap(&mut tx, (&shown, &next), &user, &session, &request).await? => {}
            Decision::Rotate | Decision::Repeat => {
                let mut grant = sessions::grant(&key, &user, &next, transport, session.created_at, now)?;
                tx.commit().await?;
                grant.user = (transport == Transport::Cookie).then_some(user);
                return grant.answer(200);
            }
            Decision::Reused => {
                sessions::end(&mut tx, shown.session()).await?;
                let reused = sessions::Note { kind: "user.refresh-reused", user: &user.id, session: shown.session() };
                reused.write(&mut tx, &request).await?;
                tx.commit().await?;
                return Err(revoked());
            }
            Decision::Ended | Decision::MadeUp => return Err(revoked()),
        }
    }
    Err(sql::Error::Busy.into())
}

/// The token that a request shows, and how: where the body has none its cookie counts.
fn shown(request: &Request) -> Result<(String, Transport), Problem> {
    let sent = json::read_optional(request, |body| body.optional_text("refresh_token", 1..=limits::TOKEN_CHARACTERS))?;
    match (sent, browser::cookie(request, browser::REFRESH_COOKIE)) {
        (Some(text), _) => Ok((text, Transport::Bearer)),
        (None, Some(text)) => Ok((text.to_owned(), Transport::Cookie)),
        (None, None) => Err(Problem::fault("/refresh_token", "required, or else its cookie")),
    }
}

/// The session of this id.
pub async fn find(tx: &mut sql::Tx, session: &str) -> Result<Option<Found>, sql::Error> {
    let row: Option<Row> = tx
        .one(
            "SELECT user_id, transport, refresh_hash, previous_hash, rotated_at, expires_at, revoked_at, created_at FROM sessions \
             WHERE id = $1",
            params![session],
        )
        .await?;
    Ok(row.map(|row| Found {
        user: row.user,
        transport: Transport::named(&row.transport),
        session: Session {
            refresh_hash: row.refresh_hash,
            previous_hash: row.previous_hash,
            rotated_at: row.rotated_at,
            expires_at: row.expires_at,
            revoked_at: row.revoked_at,
            created_at: row.created_at,
        },
    }))
}

/// Puts the next token in the place of the one shown; false where that is no longer the newest.
async fn swap(
    tx: &mut sql::Tx,
    (shown, next): (&RefreshToken, &RefreshToken),
    user: &User,
    session: &Session,
    request: &Request,
) -> Result<bool, sql::Error> {
    let (now, user_agent) = (tx.now(), sessions::user_agent(request));
    let swapped = tx
        .execute(
            "UPDATE sessions SET refresh_hash = $3, previous_hash = $2, rotated_at = $4, last_used_at = $4, expires_at = $5, user_agent = $6 \
             WHERE id = $1 AND refresh_hash = $2 AND revoked_at IS NULL",
            params![shown.session(), shown.hash(), next.hash(), now, rotation::expires_at(user.guest, session.created_at, now), user_agent],
        )
        .await?;
    Ok(swapped == 1)
}

fn revoked() -> Problem {
    Problem::new(problem::TOKEN_REVOKED, "This refresh token is not good, or no longer. Log in again.")
        .with("www-authenticate", "Bearer")
}
