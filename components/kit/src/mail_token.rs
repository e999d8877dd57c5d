//! Secrets that go out by mail, and show that their bearer reads the mail of an address.
//!
//! Whoever writes the mail makes the secret; the database has a hash of it alone, so that a copy of the database opens no account. There is one
//! for each account and purpose: the newest.
//!
//! Beside the one that verifies an address its mail has a code, for whoever types it on another machine than the one that has the mail. So few digits can be
//! guessed: they are good for a short while and a few tries, and for nothing but this.

use crate::sql::{Error, Tx};
use crate::{hash, id, limits, params};

/// What a secret is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Purpose {
    /// Its bearer reads the address.
    VerifyEmail,
    /// Its bearer may choose a new password.
    ResetPassword,
    /// Its bearer reads the address that an account has, and agrees to another.
    LeaveEmail,
    /// Its bearer reads the address that an account is to have.
    TakeEmail,
    /// Its bearer may join an organiser's team. Whose it is says which invitation it is of: whom it goes to may have no account yet.
    JoinTeam,
}

impl Purpose {
    const fn name(self) -> &'static str {
        match self {
            Self::VerifyEmail => "verify-email",
            Self::ResetPassword => "reset-password",
            Self::LeaveEmail => "leave-email",
            Self::TakeEmail => "take-email",
            Self::JoinTeam => "join-team",
        }
    }

    const fn microseconds(self) -> i64 {
        match self {
            Self::VerifyEmail => limits::VERIFY_EMAIL_MICROSECONDS,
            Self::ResetPassword => limits::RESET_PASSWORD_MICROSECONDS,
            Self::LeaveEmail | Self::TakeEmail => limits::CHANGE_EMAIL_MICROSECONDS,
            Self::JoinTeam => limits::JOIN_TEAM_MICROSECONDS,
        }
    }
}

/// Makes a secret for a user and the address that it is sent to. The one before it is good for nothing from then on.
///
/// # Errors
/// Of the database.
pub async fn issue(tx: &mut Tx, purpose: Purpose, user: &str, email: &str) -> Result<String, Error> {
    let secret = hash::secret();
    let expires_at = tx.now() + purpose.microseconds();
    tx.execute(
        "INSERT INTO mail_tokens (user_id, purpose, email, hash, expires_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (user_id, purpose) DO UPDATE SET email = $3, hash = $4, expires_at = $5, code_hash = NULL",
        params![user, purpose.name(), email, hashed(purpose, user, &secret), expires_at],
    )
    .await?;
    Ok(format!("{user}.{secret}"))
}

/// Makes a code that is good for the same as a user's secret, which has just been made.
///
/// # Errors
/// Of the database.
pub async fn issue_code(tx: &mut Tx, purpose: Purpose, user: &str) -> Result<String, Error> {
    let number = u64::from_le_bytes(hash::random()) % 10_u64.pow(limits::MAIL_CODE_DIGITS);
    let code = format!("{number:0width$}", width = limits::MAIL_CODE_DIGITS as usize);
    let expires_at = tx.now() + limits::MAIL_CODE_MICROSECONDS;
    tx.execute(
        "UPDATE mail_tokens SET code_hash = $3, code_expires_at = $4, code_tries = 0 WHERE user_id = $1 AND purpose = $2",
        params![user, purpose.name(), hashed(purpose, user, &code), expires_at],
    )
    .await?;
    Ok(code)
}

/// Whether it is the code that was sent to this address of a user's. Counts the try, so the transaction is to be committed whatever the answer; after
/// [`limits::MAIL_CODE_TRIES`] none is good any more.
///
/// # Errors
/// Of the database.
pub async fn is_code(tx: &mut Tx, purpose: Purpose, user: &str, email: &str, code: &str) -> Result<bool, Error> {
    let now = tx.now();
    let counted: Option<(String,)> = tx
        .one(
            "UPDATE mail_tokens SET code_tries = code_tries + 1 WHERE user_id = $1 AND purpose = $2 AND email = $3 \
             AND code_hash IS NOT NULL AND code_expires_at > $4 AND code_tries < $5 RETURNING code_hash",
            params![user, purpose.name(), email, now, limits::MAIL_CODE_TRIES],
        )
        .await?;
    Ok(counted.is_some_and(|(stored,)| hash::same_secret(stored.as_bytes(), hashed(purpose, user, code).as_bytes())))
}

/// Whose secret it is, while it is good: their user id, and the address that it was sent to.
///
/// # Errors
/// Of the database.
pub async fn find(tx: &mut Tx, purpose: Purpose, token: &str) -> Result<Option<(String, String)>, Error> {
    let Some((user, secret)) = parse(token) else { return Ok(None) };
    let now = tx.now();
    let statement = "SELECT email FROM mail_tokens WHERE user_id = $1 AND purpose = $2 AND hash = $3 AND expires_at > $4";
    let row: Option<(String,)> = tx.one(statement, params![user, purpose.name(), hashed(purpose, user, secret), now]).await?;
    Ok(row.map(|(email,)| (user.to_owned(), email)))
}

/// Makes a user's secret good for nothing: it has served, or is not wanted any more.
///
/// # Errors
/// Of the database.
pub async fn end(tx: &mut Tx, purpose: Purpose, user: &str) -> Result<(), Error> {
    tx.execute("DELETE FROM mail_tokens WHERE user_id = $1 AND purpose = $2", params![user, purpose.name()]).await.map(drop)
}

/// Whose secret it says that it is, and the secret.
pub(crate) fn parse(token: &str) -> Option<(&str, &str)> {
    let (user, secret) = token.split_once('.').filter(|_| limits::MAIL_TOKEN_BYTES.contains(&token.len()))?;
    (id::valid(user) && secret.bytes().all(|byte| byte.is_ascii_alphanumeric())).then_some((user, secret))
}

fn hashed(purpose: Purpose, user: &str, secret: &str) -> String {
    hash::sha256(&[b"mail-token", purpose.name().as_bytes(), user.as_bytes(), secret.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{
        self,
        testing::{Database, ready},
    };

    const NOW: i64 = 1_790_000_000_000_000;

    fn good(purpose: Purpose, token: &str) -> Option<(String, String)> {
        ready(async {
            let mut tx = sql::read().await.unwrap();
            let found = find(&mut tx, purpose, token).await.unwrap();
            tx.rollback().await.unwrap();
            found
        })
    }

    fn issued(purpose: Purpose) -> String {
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let token = issue(&mut tx, purpose, "eu_ada", "ada@example.com").await.unwrap();
            tx.commit().await.unwrap();
            token
        })
    }

    #[test]
    fn a_mail_token_is_valid_for_its_purpose_until_it_expires_or_is_replaced() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            let first = issued(Purpose::ResetPassword);
            assert!(limits::MAIL_TOKEN_BYTES.contains(&first.len()));
            let owner = Some(("eu_ada".to_owned(), "ada@example.com".to_owned()));
            assert_eq!(good(Purpose::ResetPassword, &first), owner);
            assert_eq!(good(Purpose::VerifyEmail, &first), None);
            let stored: Vec<(String,)> = database.all_rows("SELECT hash FROM mail_tokens");
            assert!(!first.contains(&stored[0].0), "the database has no secret");

            let second = issued(Purpose::ResetPassword);
            assert_eq!((good(Purpose::ResetPassword, &first), good(Purpose::ResetPassword, &second)), (None, owner.clone()));
            database.set_now(NOW + limits::RESET_PASSWORD_MICROSECONDS - 1);
            assert_eq!(good(Purpose::ResetPassword, &second), owner);
            database.set_now(NOW + limits::RESET_PASSWORD_MICROSECONDS);
            assert_eq!(good(Purpose::ResetPassword, &second), None);
        }
    }

    #[test]
    fn a_code_is_good_for_its_address_a_short_while_and_a_few_tries() {
        let email = "ada@example.com";
        let code = || {
            ready(async {
                let mut tx = sql::write().await.unwrap();
                issue(&mut tx, Purpose::VerifyEmail, "eu_ada", email).await.unwrap();
                let code = issue_code(&mut tx, Purpose::VerifyEmail, "eu_ada").await.unwrap();
                tx.commit().await.unwrap();
                code
            })
        };
        let good = |purpose, user: &str, email: &str, code: &str| {
            ready(async {
                let mut tx = sql::write().await.unwrap();
                let good = is_code(&mut tx, purpose, user, email, code).await.unwrap();
                tx.commit().await.unwrap();
                good
            })
        };
        let right = |code: &str| good(Purpose::VerifyEmail, "eu_ada", email, code);
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            let first = code();
            assert!(first.len() == 8 && first.bytes().all(|byte| byte.is_ascii_digit()), "{first}");
            assert!(right(&first));
            for (purpose, user, email) in [
                (Purpose::ResetPassword, "eu_ada", email),
                (Purpose::VerifyEmail, "eu_bob", email),
                (Purpose::VerifyEmail, "eu_ada", "other@example.com"),
            ] {
                assert!(!good(purpose, user, email, &first));
            }

            let second = code();
            let wrong = if second == "00000000" { "00000001" } else { "00000000" };
            for _ in 1..limits::MAIL_CODE_TRIES {
                assert!(!right(wrong));
            }
            assert!(right(&second), "the last try may be the right one");
            assert!(!right(&second), "then it is good for nothing");
            assert!(!right(""));

            let third = code();
            assert!(!right(&second) && right(&third), "the newest");
            database.set_now(NOW + limits::MAIL_CODE_MICROSECONDS);
            assert!(!right(&third));
            // Where only a secret is made anew there is no code.
            database.set_now(NOW);
            issued(Purpose::VerifyEmail);
            assert!(!right(&third));
        }
    }

    #[test]
    fn malformed_mail_tokens_are_refused() {
        for database in Database::all() {
            database.enter();
            let token = issued(Purpose::VerifyEmail);
            let (_, secret) = token.split_once('.').unwrap();
            let wrong =
                ["", ".", "eu_ada", "eu_ada.", &format!("eu_bob.{secret}"), &format!("eu_ada.{secret}0"), &"a".repeat(200)];
            for wrong in wrong {
                assert_eq!(good(Purpose::VerifyEmail, wrong), None, "{wrong}");
            }
        }
    }
}
