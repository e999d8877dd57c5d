//! Who asks.

use crate::{
    Problem, Request, browser,
    identity::{self, Refusal},
    limits, params, problem,
    sql::Tx,
};

pub use identity::Claims;

/// Whose tokens something may be done with. Where none of these doors is gone through, nothing is known of who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admitted {
    /// People with an account.
    Accounts,
    /// These, and guests.
    Customers,
    /// People with an account, and programs.
    Teams,
}

/// The verified claims of the request's access token, which is that of a person with an account. An API key's is refused: a program does what an
/// organiser's team does, by [`team::claims`](crate::team::claims), and nothing that a person does. A guest's is refused as well: what a checkout needs
/// takes [`customer`] instead.
pub async fn require(request: &Request) -> Result<Claims, Problem> {
    of(request, Admitted::Accounts).await
}

/// As [`require`], for what guests may do, too.
pub async fn customer(request: &Request) -> Result<Claims, Problem> {
    of(request, Admitted::Customers).await
}

/// The verified claims of the request's access token, if it is one of these.
pub(crate) async fn of(request: &Request, admitted: Admitted) -> Result<Claims, Problem> {
    admit(verify(token(request)?).await.map_err(refused)?, admitted)
}

/// The one place that tells what people, guests and programs may be let in to.
fn admit(claims: Claims, admitted: Admitted) -> Result<Claims, Problem> {
    let detail = match (claims.scope.is_some(), claims.guest, admitted) {
        (false, false, _) | (true, false, Admitted::Teams) | (false, true, Admitted::Customers) => return Ok(claims),
        (true, ..) => "An API key is good for what is done for its organiser, and for nothing else.",
        (false, true, _) => {
            "A guest buys and sees their orders. For anything else register, with the address that you bought with."
        }
    };
    Err(Problem::refused(claims.subject, detail))
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

/// Refuses a session that has not proved who it is lately, with a password, a second factor or a passkey: to have its token does not do for what
/// would hand the account over. What it proved before the account had a second factor is not enough any more. To be asked in the region that keeps the
/// accounts.
///
/// # Errors
/// 401 of a session that has ended, 403 of one that has proved nothing lately.
pub async fn require_recent(tx: &mut Tx, claims: &Claims) -> Result<(), Problem> {
    let statement = "SELECT s.authenticated_at, t.confirmed_at FROM sessions s LEFT JOIN totp t ON t.user_id = s.user_id \
                     WHERE s.id = $1 AND s.user_id = $2 AND s.revoked_at IS NULL";
    let proved: Option<(i64, Option<i64>)> = tx.one(statement, params![&claims.session, &claims.subject]).await?;
    match proved {
        Some((at, second)) if at + limits::RECENT_MICROSECONDS > tx.now() && second.is_none_or(|second| at >= second) => Ok(()),
        Some(_) => Err(Problem::new(problem::REAUTHENTICATION_REQUIRED, "This session has not proved lately whose it is.")),
        None => Err(ended()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use identity::Scope;

    #[test]
    fn everybody_is_let_in_where_their_kind_is_and_nowhere_else() {
        let person = Claims {
            subject: "eu_u".to_owned(),
            session: "eu_s".to_owned(),
            roles: vec!["admin".to_owned()],
            expires_at: i64::MAX,
            scope: None,
            guest: false,
        };
        let program = |permissions| Claims { scope: Some(Scope { organiser: "eu_o".to_owned(), permissions }), ..person.clone() };
        let guest = Claims { guest: true, ..person.clone() };
        // No token says so; if one did it would be nobody's.
        let both = Claims { guest: true, ..program(vec![]) };
        for (claims, accounts, customers, teams) in [
            (person.clone(), true, true, true),
            (guest, false, true, false),
            (program(vec![]), false, false, true),
            (program(vec!["edit-events".to_owned()]), false, false, true),
            (both, false, false, false),
        ] {
            for (admitted, expected) in
                [(Admitted::Accounts, accounts), (Admitted::Customers, customers), (Admitted::Teams, teams)]
            {
                match admit(claims.clone(), admitted) {
                    Ok(same) => assert_eq!((same, expected), (claims.clone(), true), "{admitted:?}"),
                    Err(refused) => {
                        assert_eq!((refused.kind.status, refused.refused.as_deref()), (403, Some("eu_u")));
                        assert!(!expected, "{admitted:?} {claims:?}");
                    }
                }
            }
        }
    }
}
