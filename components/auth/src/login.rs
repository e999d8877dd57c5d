//! `POST /api/auth/login`

use crate::{accounts, attempts, email, hasher, keys, limits, password, second_factor, sessions, setup, transport::Transport};
use kit::{Answer, Problem, Request, hash, journal, json, network, params, problem, sql, trace};

kit::row! {
    /// A user as login needs them.
    pub struct Account {
        /// User id.
        pub id: String,
        /// PHC string.
        pub password_hash: String,
        /// Since when they may not come in.
        pub suspended_at: Option<i64>,
        /// 1 where it has been used from this network before.
        pub known: i64,
    }
}

/// The account with this email, normalised; asked for from a network. A guest is none, though their id stands where an account has its email.
pub async fn account(tx: &mut sql::Tx, email: &str, network: Option<&str>) -> Result<Option<Account>, sql::Error> {
    tx.one(
        "SELECT id, password_hash, suspended_at, CAST(CASE WHEN EXISTS \
         (SELECT 1 FROM sessions WHERE user_id = users.id AND network = $1) THEN 1 ELSE 0 END AS BIGINT) FROM users WHERE email = $2 \
         AND guest_email IS NULL AND erased_at IS NULL",
        params![network.unwrap_or_default(), email],
    )
    .await
}

/// What was right.
pub enum Right {
    /// The password as it is hashed now.
    Now,
    /// As it was before passwords were normalised.
    Before,
}

/// Checks the password, and begins a session or asks for the second factor. An unknown email and a wrong password look alike, and take as long.
pub async fn login(request: Request) -> Answer {
    let (email, password, transport) = json::read(&request, |body| {
        let email = body.text("email", 1..=*limits::EMAIL_BYTES.end());
        (email, body.text("password", 1..=*limits::PASSWORD_CHARACTERS.end()), Transport::read(body))
    })?;
    transport.check(&request)?;
    setup::ensure().await?;
    let key = keys::signing().await?;
    let network = network::of(&request);

    // What is no address is nobody's, and counted all the same.
    let email = email::normalise(&email).unwrap_or_else(|_| email.to_lowercase());
    let mut tx = sql::write().await?;
    let account = account(&mut tx, &email, network.as_deref()).await?;
    let known = account.as_ref().is_some_and(|account| account.known == 1);
    let attempt = attempts::key(&email, network.as_deref(), known);
    attempts::count(&mut tx, &attempt, &attempts::LOGIN).await?;
    tx.commit().await?;

    // No transaction stays open while the password is checked.
    let right = verify(&password, account.as_ref().map(|account| account.password_hash.as_str())).await?;
    let Some((account, right)) = account.as_ref().zip(right) else {
        note_failure(&request, &email, account.as_ref(), network.as_deref()).await?;
        return Err(Problem::new(problem::BAD_CREDENTIALS, "No account has this email with this password.")
            .with("www-authenticate", "Bearer"));
    };
    let rehashed = match right {
        Right::Now => None,
        Right::Before => Some(hasher::hash(&password::prepared(&password)).await?),
    };

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    // Locks the user's row: whoever suspends them now comes before or after.
    accounts::touch(&mut tx, &account.id).await?;
    if accounts::is_suspended(&mut tx, &account.id).await? {
        return Err(accounts::suspended());
    }
    if let Some(rehashed) = rehashed {
        let statement = "UPDATE users SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
        tx.execute(statement, params![&account.id, &account.password_hash, rehashed]).await?;
    }
    if second_factor::is_on(&mut tx, &account.id).await? {
        let asked = second_factor::ask(&mut tx, &account.id, transport).await?;
        tx.commit().await?;
        return accounts::private(200, &asked);
    }
    attempts::forget(&mut tx, &attempt).await?;
    let user = accounts::find(&mut tx, &account.id).await?.ok_or_else(accounts::gone)?;
    let mut grant = sessions::start(&mut tx, &key, &user, &request, transport).await?;
    sessions::Note { kind: "user.login", user: &user.id, session: grant.session() }.write(&mut tx, &request).await?;
    tx.commit().await?;
    grant.user = Some(user);
    grant.answer(200)
}

/// Whether the password is right; without a stored hash it is not, after the same work.
pub async fn verify(password: &str, stored: Option<&str>) -> Result<Option<Right>, Problem> {
    let prepared = password::prepared(password);
    if hasher::verify(&prepared, stored).await? {
        return Ok(Some(Right::Now));
    }
    if *prepared != *password && hasher::verify(password, stored).await? {
        return Ok(Some(Right::Before));
    }
    Ok(None)
}

/// Tells the journal of a wrong password, whatever it was asked for. Of an address that nobody has it keeps a hash.
pub async fn note_failure(
    request: &Request,
    email: &str,
    account: Option<&Account>,
    network: Option<&str>,
) -> Result<(), Problem> {
    let user = account.map(|account| account.id.as_str());
    let entry = journal::Entry {
        topic: journal::USER_EVENTS,
        kind: "user.login-failed",
        aggregate: user.map_or_else(|| hash::sha256(&[b"nobody", email.as_bytes()]), str::to_owned),
        version: 0,
        payload: serde_json::json!({ "user_id": user, "network": network }),
        fact: None,
    };
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(request));
    journal::write(&mut tx, &[entry]).await?;
    Ok(tx.commit().await?)
}
