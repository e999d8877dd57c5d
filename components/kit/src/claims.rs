//! Who asks.

use crate::{
    Problem, Request, browser,
    identity::{self, Refusal},
    params, problem,
    sql::Tx,
};

pub use identity::Claims;

/// The verified claims of the request's access token, which is a person's. That of an API key is refused: a program does what an organiser's team does,
/// by [`team::claims`](crate::team::claims), and nothing that a person does.
pub async fn require(request: &Request) -> Result<Claims, Problem> {
    of_a_person(of_anybody(request).await?)
}

/// The verified claims of the request's bearer token, whether it is a person's or a program's.
pub(crate) async fn of_anybody(request: &Request) -> Result<Claims, Problem> {
    verify(token(request)?).await.map_err(refused)
}

fn of_a_person(claims: Claims) -> Result<Claims, Problem> {
    match claims.scope {
        None => Ok(claims),
        Some(_) => {
            Err(Problem::refused(claims.subject, "An API key is good for what is done for its organiser, and for nothing else."))
        }
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use identity::Scope;

    #[test]
    fn the_token_of_an_api_key_is_nobodys() {
        let person = Claims {
            subject: "eu_u".to_owned(),
            session: "eu_s".to_owned(),
            roles: vec!["admin".to_owned()],
            expires_at: i64::MAX,
            scope: None,
        };
        assert_eq!(of_a_person(person.clone()).unwrap(), person);
        for permissions in [vec![], vec!["edit-events".to_owned()]] {
            let scope = Some(Scope { organiser: "eu_o".to_owned(), permissions });
            let refused = of_a_person(Claims { scope, ..person.clone() }).unwrap_err();
            assert_eq!((refused.kind.status, refused.refused.as_deref()), (403, Some("eu_u")));
        }
    }
}
