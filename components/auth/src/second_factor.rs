//! The second factor: what is asked of those who have one when they have shown their password. `POST /api/auth/login/second-factor`

use crate::accounts::{self, Deed, User};
use crate::sealed;
use crate::{attempts, challenges, keys, limits, login, otp, recovery_codes, sessions, setup, totp, transport::Transport};
use kit::sealing::Keys;
use kit::{Answer, Problem, Request, journal, json, network, params, problem, sql, trace};
use serde_json::json;
use std::sync::Arc;

/// What somebody has sent.
#[derive(Debug)]
pub enum Shown {
    /// Six digits, as their app has them.
    Code(String),
    /// As [`recovery_codes::read`] gives it.
    RecoveryCode(String),
}

/// The same with what it takes to check it.
pub enum Proof {
    /// See [`Shown::Code`].
    Code(String, Arc<Keys>),
    /// See [`Shown::RecoveryCode`].
    RecoveryCode(String),
}

impl Shown {
    /// Reads `code` or `recovery_code`; none where there is neither.
    pub fn read_optional(body: &mut json::Reader) -> Option<Self> {
        let code = body.optional_text("code", limits::TOTP_CODE_CHARACTERS).map(|text| digits(body, &text));
        let recovery = body.optional_text("recovery_code", limits::RECOVERY_CODE_CHARACTERS).map(|text| {
            recovery_codes::read(&text).unwrap_or_else(|| {
                body.fault("recovery_code", "is not a recovery code: four groups of four letters and digits");
                String::new()
            })
        });
        if code.is_some() && recovery.is_some() {
            body.fault("recovery_code", "stands in for a code: send one of them");
        }
        code.map(Self::Code).or(recovery.map(Self::RecoveryCode))
    }

    /// As [`Self::read_optional`], required; a stand-in beside a fault.
    fn read(body: &mut json::Reader) -> Self {
        let shown = Self::read_optional(body);
        if shown.is_none() && !body.has("code") && !body.has("recovery_code") {
            body.fault("code", "required, or a recovery_code");
        }
        shown.unwrap_or(Self::Code(String::new()))
    }

    /// Before a transaction is open. Recovery codes need no keys, and are good where those are lost.
    pub async fn prepare(self) -> Result<Proof, Problem> {
        Ok(match self {
            Self::Code(code) => Proof::Code(code, sealed::KEYS.keys().await?),
            Self::RecoveryCode(code) => Proof::RecoveryCode(code),
        })
    }
}

/// Reads the field `code`.
pub fn read_code(body: &mut json::Reader) -> String {
    let text = body.text("code", limits::TOTP_CODE_CHARACTERS);
    if text.is_empty() { text } else { digits(body, &text) }
}

/// The digits of a code, which apps show in two groups.
fn digits(body: &json::Reader, text: &str) -> String {
    let digits: String = text.chars().filter(|letter| *letter != ' ').collect();
    if digits.len() != otp::DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        body.fault("code", "must be six digits");
    }
    digits
}

/// Whether logins to this account need one.
pub async fn is_on(tx: &mut sql::Tx, user: &str) -> Result<bool, sql::Error> {
    let row: Option<(i64,)> =
        tx.one("SELECT confirmed_at FROM totp WHERE user_id = $1 AND confirmed_at IS NOT NULL", params![user]).await?;
    Ok(row.is_some())
}

/// What a login answers that has shown the password of an account with a second factor: no tokens, but what to send it with.
pub async fn ask(tx: &mut sql::Tx, user: &str, transport: Transport) -> Result<serde_json::Value, Problem> {
    let asked = challenges::Asked { user: Some(user), session: None };
    let token = challenges::issue(tx, challenges::Question::SecondFactor(transport), asked).await?;
    let expires_in = limits::CHALLENGE_MICROSECONDS / kit::time::SECOND;
    Ok(json!({ "second_factor": { "token": token, "methods": ["totp", "recovery-code"], "expires_in": expires_in } }))
}

/// Ends a login that needs a second factor: begins the session that its password was shown for.
pub async fn login(request: Request) -> Answer {
    let (token, shown) = json::read(&request, |body| (body.text("token", limits::CHALLENGE_CHARACTERS), Shown::read(body)))?;
    setup::ensure().await?;
    let (key, proof) = (keys::signing().await?, shown.prepare().await?);
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let user = challenges::user_of_second_factor(&mut tx, &token).await?.ok_or_else(challenges::expired)?;
    // Locks the user's row: whoever suspends them, or changes their password, comes before or after.
    accounts::touch(&mut tx, &user).await?;
    let transport = challenges::try_second_factor(&mut tx, &token).await?.ok_or_else(challenges::expired)?;
    transport.check(&request)?;
    if accounts::is_suspended(&mut tx, &user).await? {
        return Err(accounts::suspended());
    }
    let user = accounts::find(&mut tx, &user).await?.ok_or_else(accounts::gone)?;
    if !accept(&mut tx, &request, &user, &proof).await? {
        // The try counts.
        tx.commit().await?;
        return Err(wrong());
    }
    challenges::end_all(&mut tx, &user.id).await?;
    // Not before: else whoever knows the password could try codes for as long as they like.
    forget_passwords(&mut tx, &request, &user).await?;
    let mut grant = sessions::start(&mut tx, &key, &user, &request, transport).await?;
    sessions::Note { kind: "user.login", user: &user.id, session: grant.session() }.write(&mut tx, &request).await?;
    tx.commit().await?;
    grant.user = Some(user);
    grant.answer(200)
}

/// Counts a try, and takes what is shown, which is used up by that. False where it is wrong: the caller commits the try all the same.
///
/// # Errors
/// 429 where there were wrong ones just now.
pub async fn accept(tx: &mut sql::Tx, request: &Request, user: &User, proof: &Proof) -> Result<bool, Problem> {
    let network = network::of(request);
    let attempt = attempts::second_factor_key(&user.id, network.as_deref(), is_known(tx, request, user).await?);
    attempts::count(tx, &attempt, &attempts::SECOND_FACTOR).await?;
    let right = match proof {
        Proof::Code(code, keys) => totp::accept(tx, keys, &user.id, code).await?,
        Proof::RecoveryCode(code) => recovery_codes::accept(tx, &user.id, code).await?,
    };
    if !right {
        // Whoever tries need not be whose account it is.
        let entry = journal::Entry {
            topic: journal::USER_EVENTS,
            kind: "user.second-factor-failed",
            aggregate: user.id.clone(),
            version: 0,
            payload: json!({ "user_id": user.id, "network": network }),
            fact: None,
        };
        journal::write(tx, &[entry]).await?;
        return Ok(false);
    }
    attempts::forget(tx, &attempt).await?;
    if let Proof::RecoveryCode(_) = proof {
        let details = json!({ "user_id": user.id, "left": recovery_codes::count(tx, &user.id).await? });
        let version = accounts::touch(tx, &user.id).await?;
        let deed = Deed { kind: "user.recovery-code-used", actor: &user.id, aggregate: &user.id, version, details };
        deed.write(tx, request).await?;
    }
    Ok(true)
}

/// Whether the account has been used from the network of this request.
async fn is_known(tx: &mut sql::Tx, request: &Request, user: &User) -> Result<bool, Problem> {
    let account = login::account(tx, &user.email, network::of(request).as_deref()).await?;
    Ok(account.is_some_and(|account| account.known == 1))
}

async fn forget_passwords(tx: &mut sql::Tx, request: &Request, user: &User) -> Result<(), Problem> {
    let known = is_known(tx, request, user).await?;
    Ok(attempts::forget(tx, &attempts::key(&user.email, network::of(request).as_deref(), known)).await?)
}

/// What is missing of who has shown the password alone.
pub fn required() -> Problem {
    Problem::new(
        problem::SECOND_FACTOR_REQUIRED,
        "The password is right; send a code of the account's app, or a recovery code, as well.",
    )
    .with("www-authenticate", "Bearer")
}

/// What a wrong code is, or one that was used.
pub fn wrong() -> Problem {
    Problem::new(problem::BAD_CODE, "This code is wrong, or was used already.").with("www-authenticate", "Bearer")
}
