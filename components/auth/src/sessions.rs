//! Sessions: one row per login, and the tokens that its client gets.

use crate::{
    accounts::{self, User},
    challenges, guests, limits,
    refresh_token::RefreshToken,
    rotation, second_factor,
    signing_key::SigningKey,
    transport::{self, Transport},
};
use kit::{Answer, Problem, Request, config, hash, id, journal, network, params, sql};
use read_model::Fact;
use serde::Serialize;
use serde_json::json;

pub use kit::claims::require_recent;

/// What a client gets when it logs in or refreshes.
#[derive(Debug, Serialize)]
pub struct Grant {
    /// At registration and login, and for a browser always.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<User>,
    /// What the link to a guest's order opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub booking_id: Option<String>,
    access_token: String,
    refresh_token: String,
    token_type: &'static str,
    expires_in: i64,
    #[serde(skip)]
    session: String,
    #[serde(skip)]
    transport: Transport,
    #[serde(skip)]
    now: i64,
    /// When the refresh token ends.
    #[serde(skip)]
    until: i64,
}

impl Grant {
    /// The session's id.
    pub fn session(&self) -> &str {
        &self.session
    }

    /// As its client takes it: a browser has the tokens in cookies, and its pages only learn who is logged in.
    pub fn answer(&self, status: u16) -> Answer {
        match self.transport {
            Transport::Bearer => accounts::private(status, self),
            Transport::Cookie => {
                let mut seen = json!({ "user": self.user });
                if let (Some(seen), Some(booking)) = (seen.as_object_mut(), &self.booking_id) {
                    seen.insert("booking_id".to_owned(), booking.as_str().into());
                }
                let answer = accounts::private(status, &seen)?;
                Ok(transport::set_cookies(answer, &self.access_token, &self.refresh_token, self.now, self.until))
            }
        }
    }
}

/// Tokens for a session of this user that began at `created_at`, as of `now`.
pub fn grant(
    key: &SigningKey,
    user: &User,
    refresh_token: &RefreshToken,
    transport: Transport,
    created_at: i64,
    now: i64,
) -> Result<Grant, Problem> {
    let access_token = key.access_token(user, refresh_token.session(), now).map_err(Problem::internal)?;
    Ok(Grant {
        user: None,
        booking_id: None,
        access_token,
        refresh_token: refresh_token.render(),
        token_type: "Bearer",
        expires_in: limits::ACCESS_SECONDS,
        session: refresh_token.session().to_owned(),
        transport,
        now,
        until: rotation::expires_at(user.guest, created_at, now),
    })
}

/// Begins a session for the client of `request`, who has just proved to be this user, and tidies away some of theirs that ended long ago. Whoever is known
/// to read the address of their account gets the orders of guests who have it.
pub async fn start(
    tx: &mut sql::Tx,
    key: &SigningKey,
    user: &User,
    request: &Request,
    transport: Transport,
) -> Result<Grant, Problem> {
    let token = RefreshToken::new(id::new(&config::region().await?), &hash::random(), key.secret());
    if user.email_verified && !user.guest {
        guests::gather(tx, request, &user.id, &user.email).await?;
    }
    let now = tx.now();
    let ended = now - limits::ENDED_MICROSECONDS;
    tx.execute(
        "DELETE FROM sessions WHERE id IN \
         (SELECT id FROM sessions WHERE user_id = $1 AND (expires_at < $2 OR revoked_at < $2) ORDER BY id LIMIT $3)",
        params![&user.id, ended, limits::SESSIONS_TIDIED],
    )
    .await?;
    tx.execute(
        "INSERT INTO sessions (id, user_id, refresh_hash, previous_hash, rotated_at, expires_at, revoked_at, created_at, network, \
         user_agent, transport, last_used_at, authenticated_at) VALUES ($1, $2, $3, NULL, $4, $5, NULL, $4, $6, $7, $8, $4, $4)",
        params![
            token.session(),
            &user.id,
            token.hash(),
            now,
            rotation::expires_at(user.guest, now, now),
            network::of(request),
            user_agent(request),
            transport.name()
        ],
    )
    .await?;
    grant(key, user, &token, transport, now, now)
}

/// What a request's client says that it is: visible ASCII, with single blanks, and no more of it than helps its owner to know it again.
pub fn user_agent(request: &Request) -> Option<String> {
    let said = request.header("user-agent")?;
    let words = said.split_ascii_whitespace().collect::<Vec<_>>().join(" ");
    let shown: String = words.chars().take(limits::USER_AGENT_CHARACTERS).collect();
    (!shown.is_empty()).then_some(shown)
}

/// Notes that a session has proved who it is just now.
pub async fn note_authentication(tx: &mut sql::Tx, session: &str) -> Result<(), sql::Error> {
    let now = tx.now();
    let statement = "UPDATE sessions SET authenticated_at = $2, last_used_at = $2 WHERE id = $1 AND revoked_at IS NULL";
    tx.execute(statement, params![session, now]).await.map(drop)
}

/// Notes that a session has shown its user's password just now, and nothing else: proof enough where there is no second factor.
pub async fn note_password(tx: &mut sql::Tx, user: &str, session: &str) -> Result<(), sql::Error> {
    if second_factor::is_on(tx, user).await? { Ok(()) } else { note_authentication(tx, session).await }
}

/// Ends a session, and tells the edges to refuse its access tokens until the last of them has ended. False where it had ended already.
pub async fn end(tx: &mut sql::Tx, session: &str) -> Result<bool, sql::Error> {
    let now = tx.now();
    let ended =
        tx.execute("UPDATE sessions SET revoked_at = $2 WHERE id = $1 AND revoked_at IS NULL", params![session, now]).await?;
    if ended == 0 {
        return Ok(false);
    }
    tell(tx, session, now + limits::ACCESS_SECONDS * kit::time::SECOND).await?;
    Ok(true)
}

/// Ends all sessions of a user, and tells the edges to refuse their access tokens: of those that have been given one lately.
pub async fn end_all(tx: &mut sql::Tx, user: &str) -> Result<(), sql::Error> {
    end_others(tx, user, "").await
}

/// As [`end_all`], but for this one.
pub async fn end_others(tx: &mut sql::Tx, user: &str, but: &str) -> Result<(), sql::Error> {
    let now = tx.now();
    // And logins that are under way.
    challenges::end_all(tx, user).await?;
    let ended: Vec<(String, i64)> = tx
        .all(
            "UPDATE sessions SET revoked_at = $2 WHERE user_id = $1 AND id <> $3 AND revoked_at IS NULL RETURNING id, rotated_at",
            params![user, now, but],
        )
        .await?;
    let lasting = limits::ACCESS_SECONDS * kit::time::SECOND;
    let recent = ended.into_iter().filter(|(_, rotated_at)| rotated_at + lasting + limits::GRACE_MICROSECONDS > now);
    let entries: Vec<_> = recent.map(|(session, _)| revoked(&session, now + lasting)).collect();
    for entries in entries.chunks(limits::SESSIONS_TOLD) {
        journal::write(tx, entries).await?;
    }
    Ok(())
}

/// Ends all sessions of a user, and leaves nothing of them but that their access tokens are refused until the last of them has ended.
pub async fn erase_all(tx: &mut sql::Tx, user: &str) -> Result<(), sql::Error> {
    let lasting = limits::ACCESS_SECONDS * kit::time::SECOND;
    let since = tx.now() - lasting - limits::GRACE_MICROSECONDS;
    let until = tx.now() + lasting;
    let statement = "DELETE FROM sessions WHERE user_id = $1 RETURNING id, rotated_at";
    let ended: Vec<(String, i64)> = tx.all(statement, params![user]).await?;
    for (session, _) in ended.into_iter().filter(|(_, rotated_at)| *rotated_at > since) {
        repeat(tx, &session, until).await?;
    }
    Ok(())
}

/// Repeats to this region's edges that a session has ended whose account another region keeps.
pub async fn repeat(tx: &mut sql::Tx, session: &str, until: i64) -> Result<(), sql::Error> {
    let now = tx.now();
    tx.execute("DELETE FROM revocations WHERE ends_at <= $1", params![now]).await?;
    let new = tx
        .execute(
            "INSERT INTO revocations (session_id, ends_at) VALUES ($1, $2) ON CONFLICT (session_id) DO NOTHING",
            params![session, until],
        )
        .await?;
    if new > 0 { tell(tx, session, until).await } else { Ok(()) }
}

/// Tells the edges to refuse a session's access tokens.
async fn tell(tx: &mut sql::Tx, session: &str, until: i64) -> Result<(), sql::Error> {
    journal::write(tx, &[revoked(session, until)]).await
}

fn revoked(session: &str, until: i64) -> journal::Entry {
    journal::Entry {
        topic: journal::FEED_ONLY,
        kind: "session.revoked",
        aggregate: session.to_owned(),
        version: 1,
        payload: json!({ "session_id": session }),
        fact: Some(Fact::SessionRevoked { session: session.to_owned(), until }),
    }
}

/// What became of a session, for the journal.
pub struct Note<'a> {
    /// For example `user.login`.
    pub kind: &'static str,
    /// Whose it is.
    pub user: &'a str,
    /// Its id.
    pub session: &'a str,
}

impl Note<'_> {
    /// Writes it down, with where `request` came from.
    pub async fn write(self, tx: &mut sql::Tx, request: &Request) -> Result<(), Problem> {
        let Self { kind, user, session } = self;
        let entry = journal::Entry {
            topic: journal::USER_EVENTS,
            kind,
            aggregate: user.to_owned(),
            version: accounts::touch(tx, user).await?,
            payload: json!({ "user_id": user, "session_id": session, "network": network::of(request) }),
            fact: None,
        };
        Ok(journal::write(tx, &[entry]).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::claims::Claims;
    use kit::sql::testing::{Database, ready};

    const NOW: i64 = 1_790_000_000_000_000;

    fn claims(session: &str) -> Claims {
        Claims {
            subject: "eu_ada".to_owned(),
            session: session.to_owned(),
            roles: Vec::new(),
            expires_at: i64::MAX,
            scope: None,
            guest: false,
        }
    }

    fn recent(session: &str) -> Result<(), u16> {
        ready(async {
            let mut tx = sql::read().await.unwrap();
            let recent = require_recent(&mut tx, &claims(session)).await;
            tx.rollback().await.unwrap();
            recent.map_err(|problem| problem.kind.status)
        })
    }

    #[test]
    fn what_a_session_has_proved_serves_for_a_while() {
        for database in Database::all() {
            database.enter();
            for user in ["eu_ada", "eu_bob"] {
                database.run(&format!(
                    "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('{user}', '{user}', 'x', '', 1, 0)"
                ));
            }
            for (id, user, authenticated_at, revoked_at) in [
                ("now", "eu_ada", NOW, "NULL"),
                ("just", "eu_ada", NOW - kit::limits::RECENT_MICROSECONDS + 1, "NULL"),
                ("before", "eu_ada", NOW - kit::limits::RECENT_MICROSECONDS, "NULL"),
                ("ended", "eu_ada", NOW, "1"),
                ("others", "eu_bob", NOW, "NULL"),
            ] {
                database.run(&format!(
                    "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, revoked_at, created_at, authenticated_at) \
                     VALUES ('{id}', '{user}', 'h', 0, {}, {revoked_at}, 0, {authenticated_at})",
                    i64::MAX
                ));
            }
            database.set_now(NOW);
            for (session, answer) in [
                ("now", Ok(())),
                ("just", Ok(())),
                ("before", Err(403)),
                ("ended", Err(401)),
                ("others", Err(401)),
                ("", Err(401)),
            ] {
                assert_eq!(recent(session), answer, "{session}");
            }
            for session in ["before", "ended"] {
                ready(async {
                    let mut tx = sql::write().await.unwrap();
                    note_authentication(&mut tx, session).await.unwrap();
                    tx.commit().await.unwrap();
                });
            }
            assert_eq!((recent("before"), recent("ended")), (Ok(()), Err(401)));
        }
    }
}
