//! `POST /api/auth/logout`

use crate::accounts::{self, Deed};
use crate::{keys, limits, refresh, refresh_token::RefreshToken, rotation, rotation::Decision, sessions, setup, transport};
use kit::{Answer, Problem, Request, Response, browser, claims, json, problem, sql, trace};

/// A session that its client has shown to be in.
struct Session {
    id: String,
    user: String,
}

/// Ends the caller's session, or all of them: 204. To end one again changes nothing and answers alike.
pub async fn logout(request: Request) -> Answer {
    let (text, everywhere) = json::read_optional(&request, |body| {
        (body.optional_text("refresh_token", 1..=limits::TOKEN_CHARACTERS), body.optional_boolean("everywhere") == Some(true))
    })?;
    if browser::has_cookies(&request) {
        return with_cookies(&request, everywhere).await;
    }
    let claims = match claims::customer(&request).await {
        Ok(claims) => claims,
        Err(problem) if problem.kind.slug == problem::TOKEN_REVOKED.slug && !everywhere => return Ok(Response::empty(204)),
        Err(problem) => return Err(problem),
    };
    // It comes along to show that the client forgets both.
    let shown = text.as_deref().map(|text| RefreshToken::parse(text).is_some_and(|token| token.session() == claims.session));
    match shown {
        Some(false) => return Err(Problem::fault("/refresh_token", "is not of the access token's session")),
        None if !everywhere => return Err(Problem::fault("/refresh_token", "required")),
        Some(true) | None => {}
    }
    end(&request, Session { id: claims.session, user: claims.subject }, everywhere).await?;
    Ok(Response::empty(204))
}

/// A browser forgets its cookies, whatever they are worth. Those that show no session end none.
async fn with_cookies(request: &Request, everywhere: bool) -> Answer {
    match session_of_cookies(request).await? {
        Some(session) => end(request, session, everywhere).await?,
        None if everywhere => return Err(claims::ended()),
        None => {}
    }
    Ok(transport::clear_cookies(Response::empty(204)))
}

/// By its refresh token, which is there when the access token is no longer; else by that.
async fn session_of_cookies(request: &Request) -> Result<Option<Session>, Problem> {
    setup::ensure().await?;
    if let Some(shown) = browser::cookie(request, browser::REFRESH_COOKIE).and_then(RefreshToken::parse) {
        let key = keys::signing().await?;
        let mut tx = sql::read().await?;
        let (found, now) = (refresh::find(&mut tx, shown.session()).await?, tx.now());
        tx.rollback().await?;
        if let Some(found) = found {
            let next = shown.next(key.secret()).hash();
            match rotation::decide(&found.session, &shown.hash(), &next, shown.is_issued(key.secret()), now) {
                // Any that it ever had will do to end it.
                Decision::Rotate | Decision::Repeat | Decision::Reused => {
                    return Ok(Some(Session { id: shown.session().to_owned(), user: found.user }));
                }
                Decision::Ended | Decision::MadeUp => {}
            }
        }
    }
    match claims::customer(request).await {
        Ok(claims) => Ok(Some(Session { id: claims.session, user: claims.subject })),
        Err(problem) if problem.kind.status == 401 => Ok(None),
        Err(problem) => Err(problem),
    }
}

async fn end(request: &Request, session: Session, everywhere: bool) -> Result<(), Problem> {
    let Session { id, user } = session;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(request));
    if everywhere {
        let version = accounts::touch(&mut tx, &user).await?;
        sessions::end_all(&mut tx, &user).await?;
        let details = serde_json::json!({ "user_id": &user, "session_id": &id, "everywhere": true });
        Deed { kind: "user.logout", actor: &user, aggregate: &user, version, details }.write(&mut tx, request).await?;
    } else if sessions::end(&mut tx, &id).await? {
        sessions::Note { kind: "user.logout", user: &user, session: &id }.write(&mut tx, request).await?;
    }
    Ok(tx.commit().await?)
}
