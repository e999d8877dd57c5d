//! `POST /api/auth/logout`

use crate::{limits, refresh_token::RefreshToken, sessions};
use kit::{Answer, Problem, Request, Response, claims, json, problem, sql, trace};

/// Ends the session of the bearer's access token. Its refresh token comes along to show that the client forgets both. To ask again changes
/// nothing and answers alike.
pub async fn logout(request: Request) -> Answer {
    let text = json::read(&request, |body| body.text("refresh_token", 1..=limits::TOKEN_CHARACTERS))?;
    let claims = match claims::require(&request).await {
        Ok(claims) => claims,
        Err(problem) if problem.kind.slug == problem::TOKEN_REVOKED.slug => return Ok(Response::empty(204)),
        Err(problem) => return Err(problem),
    };
    if RefreshToken::parse(&text).is_none_or(|token| token.session() != claims.session) {
        return Err(Problem::fault("/refresh_token", "is not of the access token's session"));
    }
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    if sessions::end(&mut tx, &claims.session).await? {
        let note = sessions::Note { kind: "user.logout", user: &claims.subject, session: &claims.session };
        note.write(&mut tx, &request).await?;
    }
    tx.commit().await?;
    Ok(Response::empty(204))
}
