//! `POST /api/auth/login`

use crate::{accounts, email, limits, password, sessions, setup};
use kit::{Answer, Problem, Request, json, params, problem, sql, trace};

kit::row! {
    /// A user as login needs them.
    pub struct Account {
        /// User id.
        pub id: String,
        /// PHC string.
        pub password_hash: String,
    }
}

/// The account with this email, normalised.
pub async fn account(tx: &mut sql::Tx, email: &str) -> Result<Option<Account>, sql::Error> {
    tx.one("SELECT id, password_hash FROM users WHERE email = $1", params![email]).await
}

/// A password's hash under a new salt.
pub fn hash(password: &str) -> Result<String, Problem> {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).map_err(|error| Problem::internal(format_args!("no randomness: {error}")))?;
    password::hash(password, &salt).map_err(|error| Problem::internal(format_args!("argon2: {error}")))
}

/// Checks the password and begins a session. An unknown email and a wrong password look alike, and take as long.
pub async fn login(request: Request) -> Answer {
    let (email, password) = json::read(&request, |body| {
        let email = body.text("email", 1..=*limits::EMAIL_BYTES.end());
        (email, body.text("password", 1..=*limits::PASSWORD_CHARACTERS.end()))
    })?;
    setup::ensure().await?;

    // No transaction stays open while the password is checked. What is no address is nobody's.
    let account = match email::normalise(&email) {
        Ok(email) => {
            let mut tx = sql::read().await?;
            let account = account(&mut tx, &email).await?;
            tx.rollback().await?;
            account
        }
        Err(_) => None,
    };
    let stored = account.as_ref().map(|account| account.password_hash.as_str());
    let right = password::verify(&password, stored).map_err(|error| Problem::internal(format_args!("argon2: {error}")))?;
    let Some(account) = account.filter(|_| right) else {
        return Err(Problem::new(problem::BAD_CREDENTIALS, "No account has this email with this password.")
            .with("www-authenticate", "Bearer"));
    };

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let user = accounts::find(&mut tx, &account.id).await?.ok_or_else(accounts::gone)?;
    let mut grant = sessions::start(&mut tx, &user).await?;
    sessions::note(&mut tx, "user.login", &user.id, grant.session()).await?;
    tx.commit().await?;
    grant.user = Some(user);
    accounts::private(200, &grant)
}
