//! `GET /api/auth/sessions`, `DELETE /api/auth/sessions/{id}`

use crate::{accounts, limits, sessions, transport};
use kit::{Answer, Problem, Request, Response, browser, claims, params, sql, time, trace};
use serde::Serialize;

kit::row! {
    struct Row {
        id: String,
        created_at: i64,
        last_used_at: i64,
        user_agent: Option<String>,
    }
}

/// A session as its owner sees it. Instants are RFC 3339.
#[derive(Serialize)]
struct Session {
    id: String,
    created_at: String,
    last_used_at: String,
    user_agent: Option<String>,
    /// Whether it is the one that asks.
    current: bool,
}

/// The caller's sessions: the one that asks, and then those used last, so many at most.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let mut tx = sql::read().await?;
    let now = tx.now();
    let rows: Vec<Row> = tx
        .all(
            "SELECT id, created_at, last_used_at, user_agent FROM sessions WHERE user_id = $1 AND revoked_at IS NULL AND expires_at > $2 \
             ORDER BY CASE WHEN id = $3 THEN 0 ELSE 1 END, last_used_at DESC, id DESC LIMIT $4",
            params![&claims.subject, now, &claims.session, limits::SESSIONS_LISTED],
        )
        .await?;
    tx.rollback().await?;
    let session = |row: Row| Session {
        current: row.id == claims.session,
        id: row.id,
        created_at: time::format(row.created_at),
        last_used_at: time::format(row.last_used_at),
        user_agent: row.user_agent,
    };
    let items: Vec<_> = rows.into_iter().map(session).collect();
    accounts::private(200, &serde_json::json!({ "items": items }))
}

/// Ends one of the caller's sessions: 204. To end it again changes nothing.
pub async fn end(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let id = request.id("id")?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let statement = "SELECT id FROM sessions WHERE id = $1 AND user_id = $2";
    if tx.one::<(String,)>(statement, params![id, &claims.subject]).await?.is_none() {
        return Err(Problem::not_found());
    }
    if sessions::end(&mut tx, id).await? {
        sessions::Note { kind: "user.logout", user: &claims.subject, session: id }.write(&mut tx, &request).await?;
    }
    tx.commit().await?;
    let answer = Response::empty(204);
    // A browser that ends its own session has no use for its cookies.
    Ok(if id == claims.session && browser::has_cookies(&request) { transport::clear_cookies(answer) } else { answer })
}
