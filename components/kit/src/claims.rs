//! Who asks.

use crate::{
    Problem, Request, browser,
    identity::{self, Refusal},
    params, problem,
    sql::Tx,
};

pub use identity::Claims;

/// The verified claims of the request's access token.
pub async fn require(request: &Request) -> Result<Claims, Problem> {
    verify(token(request)?).await.map_err(refused)
}

/// The request's access token, whatever it is worth: a bearer token, or a browser's in its cookie.
pub fn token(request: &Request) -> Result<&str, Problem> {
    browser::credential(&request.headers)
        .map_err(|error| Problem::unauthenticated(format!("{error}.")))?
        .map(|credential| credential.token)
        .ok_or_else(|| Problem::unauthenticated("A bearer token is required."))
}

/// What a token that says nothing is to a client.
pub(crate) fn refused(refusal: Refusal) -> Problem {
    match refusal {
        Refusal::Invalid => Problem::unauthenticated("The token is not one of ours."),
        Refusal::Expired => Problem::unauthenticated("The token has expired."),
        Refusal::Revoked => ended(),
        Refusal::Unavailable(milliseconds) => Problem::unavailable("Tokens cannot be verified yet.", milliseconds),
    }
}

/// What the token of a session is worth that has ended.
pub fn ended() -> Problem {
    Problem::new(problem::TOKEN_REVOKED, "The session of this token has ended.").with("www-authenticate", "Bearer")
}

/// What a token says, or why it says nothing.
pub async fn verify(token: &str) -> Result<Claims, Refusal> {
    identity::verify(token.to_owned()).await
}

/// The roles that a user has beyond `user`, from SQL: those that permit a write.
pub async fn roles(tx: &mut Tx, user: &str) -> Result<Vec<String>, Problem> {
    let rows: Vec<(String,)> = tx.all("SELECT role FROM user_roles WHERE user_id = $1 ORDER BY role", params![user]).await?;
    Ok(rows.into_iter().map(|(role,)| role).collect())
}
