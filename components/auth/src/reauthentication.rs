//! `POST /api/auth/reauthenticate`: a session that has been open for a while proves again whose it is.

use crate::accounts::{self, User};
use crate::second_factor::{self, Shown};
use crate::{attempts, limits, login, sessions};
use kit::{Answer, Problem, Request, Response, claims, json, network, problem, sql, trace};

/// Checks the caller's password, and their second factor if they have one, and notes that their session has proved whose it is: 204.
pub async fn reauthenticate(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (password, shown) =
        json::read(&request, |body| (body.text("password", 1..=*limits::PASSWORD_CHARACTERS.end()), Shown::read_optional(body)))?;
    let mut tx = sql::read().await?;
    let user = accounts::find(&mut tx, &claims.subject).await?.ok_or_else(accounts::gone)?;
    tx.rollback().await?;
    let checked = check_password(&request, &user, &password).await?;
    let proof = match shown {
        Some(shown) => Some(shown.prepare().await?),
        None => None,
    };

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    // Locks the user's row: whoever suspends them, or changes the password, now comes before or after.
    accounts::touch(&mut tx, &user.id).await?;
    checked.still_holds(&mut tx).await?;
    if second_factor::is_on(&mut tx, &user.id).await? {
        let proof = proof.ok_or_else(second_factor::required)?;
        if !second_factor::accept(&mut tx, &request, &user, &proof).await? {
            // The try counts.
            tx.commit().await?;
            return Err(second_factor::wrong());
        }
    }
    sessions::note_authentication(&mut tx, &claims.session).await?;
    tx.commit().await?;
    Ok(Response::empty(204))
}

/// A password that was right a moment ago.
pub struct Checked {
    user: String,
    /// What is stored of it.
    pub password_hash: String,
    /// What the try was counted under.
    attempt: String,
}

/// Checks a user's password, in a transaction of its own: a stolen access token is no way to guess it faster than a login.
///
/// # Errors
/// 401 where it is wrong, 429 where there were wrong ones just now.
pub async fn check_password(request: &Request, user: &User, password: &str) -> Result<Checked, Problem> {
    let network = network::of(request);
    let mut tx = sql::write().await?;
    let account = login::account(&mut tx, &user.email, network.as_deref()).await?.ok_or_else(accounts::gone)?;
    let attempt = attempts::key(&user.email, network.as_deref(), account.known == 1);
    attempts::count(&mut tx, &attempt, &attempts::LOGIN).await?;
    tx.commit().await?;
    if login::verify(password, Some(&account.password_hash)).await?.is_none() {
        login::note_failure(request, &user.email, Some(&account), network.as_deref()).await?;
        return Err(Problem::new(problem::BAD_CREDENTIALS, "This is not the account's password."));
    }
    Ok(Checked { user: account.id, password_hash: account.password_hash, attempt })
}

impl Checked {
    /// Refuses where the password is another one by now, or its owner was suspended; else the try counts no more. The user's row is locked.
    pub async fn still_holds(&self, tx: &mut sql::Tx) -> Result<(), Problem> {
        let statement = "SELECT suspended_at FROM users WHERE id = $1 AND password_hash = $2";
        match tx.one::<(Option<i64>,)>(statement, kit::params![&self.user, &self.password_hash]).await? {
            None => return Err(Problem::new(problem::BAD_CREDENTIALS, "The password has been changed meanwhile.")),
            Some((Some(_),)) => return Err(accounts::suspended()),
            Some((None,)) => {}
        }
        Ok(attempts::forget(tx, &self.attempt).await?)
    }
}
