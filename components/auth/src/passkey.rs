//! Passkeys: `/api/auth/passkeys` and what is below it. What a browser sends is verified by the crate `passkeys`.

use crate::accounts::{self, Deed, User};
use crate::challenges::{self, Asked, Question};
use crate::{keys, limits, platform, sessions, setup, transport::Transport};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kit::{
    Answer, Problem, Request, Response, claims, config, id, journal, json, network, params, problem, query, sql, time, trace,
};
use passkeys::{Authentication, Registration, authentication::Passkey};
use serde_json::{Value, json};

/// Every algorithm that is accepted, as options list them.
fn algorithms() -> Vec<Value> {
    passkeys::ALGORITHMS.iter().map(|algorithm| json!({ "type": "public-key", "alg": algorithm })).collect()
}

const TIMEOUT_MILLISECONDS: i64 = limits::CHALLENGE_MICROSECONDS / 1000;

/// What a page hands to `navigator.credentials.create()`, through `PublicKeyCredential.parseCreationOptionsFromJSON()`.
pub async fn registration_options(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let (party, name) = (platform::relying_party().await?, platform::name().await?);
    let mut tx = sql::write().await?;
    let user = accounts::find(&mut tx, &claims.subject).await?.ok_or_else(accounts::gone)?;
    sessions::require_recent(&mut tx, &claims).await?;
    let credentials: Vec<(String, String)> = tx
        .all(
            "SELECT credential_id, transports FROM passkeys WHERE user_id = $1 ORDER BY id LIMIT $2",
            params![&user.id, limits::PASSKEYS_PER_USER],
        )
        .await?;
    check_count(i64::try_from(credentials.len()).unwrap_or(i64::MAX))?;
    let challenge = challenges::issue(&mut tx, Question::PasskeyRegistration, of_session(&claims)).await?;
    tx.commit().await?;
    let known = |(id, transports): (String, String)| json!({ "type": "public-key", "id": id, "transports": words(&transports) });
    let options = json!({
        "rp": { "id": party.id(), "name": name },
        "user": { "id": URL_SAFE_NO_PAD.encode(&user.id), "name": user.email, "displayName": user.name },
        "challenge": challenge,
        "pubKeyCredParams": algorithms(),
        "timeout": TIMEOUT_MILLISECONDS,
        // An authenticator has one for each account.
        "excludeCredentials": credentials.into_iter().map(known).collect::<Vec<_>>(),
        "authenticatorSelection": { "residentKey": "required", "requireResidentKey": true, "userVerification": "required" },
        "attestation": "none",
    });
    accounts::private(200, &json!({ "publicKey": options }))
}

/// Adds the passkey that the caller's authenticator has made.
pub async fn register(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let name = json::read(&request, |body| {
        body.any_object("credential");
        body.optional_name("name", limits::NAME_CHARACTERS).unwrap_or_else(|| "Passkey".to_owned())
    })?;
    let party = platform::relying_party().await?;
    let sent = Registration::parse(json::raw(&request, "credential").unwrap_or_default()).map_err(malformed)?;

    // Whatever becomes of it: a challenge is answered once.
    let mut tx = sql::write().await?;
    sessions::require_recent(&mut tx, &claims).await?;
    let asked = challenges::take(&mut tx, Question::PasskeyRegistration, of_session(&claims), sent.challenge()).await?;
    tx.commit().await?;
    if !asked {
        return Err(challenges::expired());
    }
    let passkey = sent.verify(&party, sent.challenge()).map_err(malformed)?;

    let user = &claims.subject;
    let id = id::new(&config::region().await?);
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    // Locks the user's row, so that no two requests count at once.
    let version = accounts::touch(&mut tx, user).await?;
    sessions::require_recent(&mut tx, &claims).await?;
    let (count,) = tx.one::<(i64,)>("SELECT COUNT(*) FROM passkeys WHERE user_id = $1", params![user]).await?.unwrap_or_default();
    check_count(count)?;
    let now = tx.now();
    let added = tx
        .execute(
            "INSERT INTO passkeys (id, user_id, credential_id, public_key, sign_count, backup_eligible, backed_up, transports, name, \
             created_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (credential_id) DO NOTHING",
            params![
                &id,
                user,
                &passkey.id,
                passkey.public_key,
                i64::from(passkey.sign_count),
                i64::from(passkey.backup_eligible),
                i64::from(passkey.backed_up),
                passkey.transports.join(","),
                &name,
                now
            ],
        )
        .await?;
    if added == 0 {
        // Whose it is nobody is told: somebody may have taken it from there.
        return Err(Problem::new(problem::WRONG_STATE, "This passkey is known already."));
    }
    let details = json!({ "user_id": user, "passkey_id": &id });
    Deed { kind: "user.passkey-added", actor: user, aggregate: user, version, details }.write(&mut tx, &request).await?;
    tx.commit().await?;
    let shown = Row {
        id,
        name,
        transports: passkey.transports.join(","),
        backed_up: passkey.backed_up,
        created_at: now,
        last_used_at: None,
    };
    accounts::private(201, &shown.json())
}

kit::row! {
    struct Row {
        id: String,
        name: String,
        transports: String,
        backed_up: bool,
        created_at: i64,
        last_used_at: Option<i64>,
    }
}

impl Row {
    fn json(&self) -> Value {
        json!({
            "id": self.id,
            "name": self.name,
            "transports": words(&self.transports),
            "backed_up": self.backed_up,
            "created_at": time::format(self.created_at),
            "last_used_at": self.last_used_at.map(time::format),
        })
    }
}

/// The caller's passkeys, the oldest first. They are few: there is one page.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    let rows: Vec<Row> = tx
        .all(
            "SELECT id, name, transports, backed_up, created_at, last_used_at FROM passkeys WHERE user_id = $1 ORDER BY id LIMIT $2",
            params![&claims.subject, limits::PASSKEYS_PER_USER],
        )
        .await?;
    tx.rollback().await?;
    let items: Vec<_> = rows.iter().map(Row::json).collect();
    accounts::private(200, &json!({ "items": items, "next_cursor": null }))
}

/// Takes a passkey of the caller's away.
pub async fn remove(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let (user, passkey) = (&claims.subject, request.id("id")?);
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let version = accounts::touch(&mut tx, user).await?;
    sessions::require_recent(&mut tx, &claims).await?;
    if tx.execute("DELETE FROM passkeys WHERE id = $1 AND user_id = $2", params![passkey, user]).await? == 0 {
        return Err(Problem::not_found());
    }
    let details = json!({ "user_id": user, "passkey_id": passkey });
    Deed { kind: "user.passkey-removed", actor: user, aggregate: user, version, details }.write(&mut tx, &request).await?;
    tx.commit().await?;
    Ok(Response::empty(204))
}

/// What a page hands to `navigator.credentials.get()`, through `PublicKeyCredential.parseRequestOptionsFromJSON()`. It names no credentials: people
/// choose one of those that their authenticators have, and nobody learns who has any.
pub async fn login_options(request: Request) -> Answer {
    json::read_optional(&request, |_| ())?;
    setup::ensure().await?;
    let party = platform::relying_party().await?;
    let mut tx = sql::write().await?;
    let challenge = challenges::issue(&mut tx, Question::PasskeyLogin, Asked::default()).await?;
    tx.commit().await?;
    let options = json!({
        "challenge": challenge,
        "timeout": TIMEOUT_MILLISECONDS,
        "rpId": party.id(),
        "allowCredentials": [],
        "userVerification": "required",
    });
    accounts::private(200, &json!({ "publicKey": options }))
}

kit::row! {
    struct Record {
        id: String,
        user: String,
        public_key: String,
        backup_eligible: bool,
    }
}

/// Begins a session for whose passkey was used. It stands for both factors: to have it, and to have unlocked it.
pub async fn login(request: Request) -> Answer {
    let transport = json::read(&request, |body| {
        body.any_object("credential");
        Transport::read(body)
    })?;
    transport.check(&request)?;
    setup::ensure().await?;
    let (key, party) = (keys::signing().await?, platform::relying_party().await?);
    let sent = Authentication::parse(json::raw(&request, "credential").unwrap_or_default()).map_err(malformed)?;

    // Whatever becomes of it: a challenge is answered once.
    let mut tx = sql::write().await?;
    let asked = challenges::take(&mut tx, Question::PasskeyLogin, Asked::default(), sent.challenge()).await?;
    let statement = "SELECT id, user_id, public_key, backup_eligible FROM passkeys WHERE credential_id = $1";
    let record: Option<Record> = tx.one(statement, params![sent.credential_id()]).await?;
    tx.commit().await?;
    if !asked {
        return Err(challenges::expired());
    }
    let record = record.ok_or_else(refused)?;
    // What a user is called towards authenticators is their id: it says nothing of them.
    let (user_handle, backup_eligible) = (record.user.as_bytes(), record.backup_eligible);
    let passkey = Passkey { user_handle, public_key: &record.public_key, backup_eligible };
    let verified = sent.verify(&party, sent.challenge(), passkey);

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let used = match verified {
        Ok(used) => used,
        Err(error) => return refuse(tx, &request, &record, &error.to_string()).await,
    };
    // Locks the user's row: whoever suspends them now comes before or after.
    accounts::touch(&mut tx, &record.user).await?;
    if accounts::is_suspended(&mut tx, &record.user).await? {
        return Err(accounts::suspended());
    }
    // Steps 22 and 24 of §7.2: the counter has grown, or the authenticator does not count; what is new is kept.
    let now = tx.now();
    let statement = "UPDATE passkeys SET sign_count = $2, backed_up = $3, last_used_at = $4 \
                     WHERE id = $1 AND (sign_count < $2 OR (sign_count = 0 AND $2 = 0))";
    let (sign_count, backed_up) = (i64::from(used.sign_count), i64::from(used.backed_up));
    if tx.execute(statement, params![&record.id, sign_count, backed_up, now]).await? == 0 {
        return refuse(tx, &request, &record, "counts as if there were a copy of its authenticator, or was removed").await;
    }
    let user: User = accounts::find(&mut tx, &record.user).await?.ok_or_else(accounts::gone)?;
    let mut grant = sessions::start(&mut tx, &key, &user, &request, transport).await?;
    sessions::Note { kind: "user.login", user: &user.id, session: grant.session() }.write(&mut tx, &request).await?;
    tx.commit().await?;
    grant.user = Some(user);
    grant.answer(200)
}

/// Refuses a passkey that there is, and tells the journal why; the client only learns that it is refused.
async fn refuse(mut tx: sql::Tx, request: &Request, record: &Record, why: &str) -> Answer {
    let entry = journal::Entry {
        topic: journal::USER_EVENTS,
        kind: "user.passkey-refused",
        aggregate: record.user.clone(),
        version: 0,
        payload: json!({ "user_id": record.user, "passkey_id": record.id, "why": why, "network": network::of(request) }),
        fact: None,
    };
    journal::write(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Err(refused())
}

fn refused() -> Problem {
    Problem::new(problem::PASSKEY_REFUSED, "This passkey is not one of an account here, or was not used as it must be.")
        .with("www-authenticate", "Bearer")
}

fn malformed(error: passkeys::Error) -> Problem {
    Problem::fault("/credential", error.to_string())
}

fn of_session(claims: &claims::Claims) -> Asked<'_> {
    Asked { user: Some(&claims.subject), session: Some(&claims.session) }
}

fn check_count(count: i64) -> Result<(), Problem> {
    if count < limits::PASSKEYS_PER_USER {
        return Ok(());
    }
    let detail = format!("An account may have {} passkeys: remove one first.", limits::PASSKEYS_PER_USER);
    Err(Problem::new(problem::WRONG_STATE, detail))
}

/// Words with commas between them.
fn words(text: &str) -> Vec<&str> {
    text.split(',').filter(|word| !word.is_empty()).collect()
}
