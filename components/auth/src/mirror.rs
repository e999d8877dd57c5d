//! `POST /api/auth/mirror`: what the region that keeps the accounts says, written down in another; and what it is asked for that. Only the host asks.

use crate::{accounts, keys, limits, sessions};
use kit::{Answer, Problem, Request, Response, config, params, sql};
use read_model::Fact;
use serde::{Deserialize, Serialize};
use serde_json::json;

/// One of these.
#[derive(Deserialize)]
struct Document {
    /// Public keys, and sessions that were ended.
    #[serde(default)]
    facts: Vec<Fact>,
    /// Ids of all the keys that there are: others have lost their trust.
    only_keys: Option<Vec<String>>,
    /// Somebody, as `GET /api/auth/me` there shows them.
    user: Option<Visitor>,
    /// Whom they may organise for, as `GET /api/organisers` there lists them; without a user, whom a program acts for.
    #[serde(default)]
    organisers: Vec<Organiser>,
    /// Asks who is to get mail from here and cannot be written to.
    #[serde(default)]
    unknown: bool,
    /// Asks how these people are written to; where the accounts are.
    contacts_of: Option<Vec<String>>,
    /// How people are written to.
    #[serde(default)]
    contacts: Vec<Contact>,
}

#[derive(Deserialize, Serialize)]
struct Contact {
    id: String,
    email: String,
    name: String,
    /// Since when it is known that they read the address.
    #[serde(default)]
    verified_at: Option<i64>,
}

#[derive(Deserialize)]
struct Visitor {
    id: String,
    name: String,
    roles: Vec<String>,
}

#[derive(Deserialize)]
struct Organiser {
    id: String,
    name: String,
}

/// Writes it down; what is there already stays as it is.
pub async fn keep(request: Request) -> Answer {
    let document: Document = serde_json::from_slice(&request.body).map_err(|error| Problem::fault("", error.to_string()))?;
    match (config::accounts_elsewhere().await?.is_some(), &document.contacts_of) {
        (true, None) => {}
        (false, Some(ids)) => return contacts_of(ids).await,
        // Where the accounts are, nobody but `auth` itself says who may do what, and elsewhere nobody knows.
        _ => return Err(Problem::not_found()),
    }
    let mut tx = sql::write().await?;
    for fact in &document.facts {
        match fact {
            Fact::Key { kid, public_key, until } => keys::repeat(&mut tx, kid, public_key, *until).await?,
            Fact::SessionRevoked { session, until } => sessions::repeat(&mut tx, session, *until).await?,
            Fact::Event(_) | Fact::Availability(_) => {}
        }
    }
    if let Some(kids) = document.only_keys {
        keys::only(&mut tx, &kids).await?;
    }
    know(&mut tx, &document.organisers).await?;
    if let Some(user) = &document.user {
        meet(&mut tx, user, &document.organisers).await?;
    }
    for contact in &document.contacts {
        keep_contact(&mut tx, contact).await?;
    }
    let unknown = if document.unknown { unknown(&mut tx).await? } else { Vec::new() };
    tx.commit().await?;
    Response::json(200, &json!({ "unknown": unknown }))
}

/// How somebody is written to, as of now. Who had this address before has another one by now, and is asked for again.
async fn keep_contact(tx: &mut sql::Tx, contact: &Contact) -> Result<(), sql::Error> {
    let Contact { id, email, name, verified_at } = contact;
    tx.execute("UPDATE users SET email = id, contact_at = 0 WHERE email = $2 AND id <> $1", params![id, email]).await?;
    tx.execute(
        "INSERT INTO users (id, email, name, password_hash, version, created_at, email_verified_at, contact_at) \
         VALUES ($1, $2, $3, '', 0, $4, $5, $4) \
         ON CONFLICT (id) DO UPDATE SET email = $2, name = $3, email_verified_at = $5, contact_at = $4",
        params![id, email, name, tx.now(), *verified_at],
    )
    .await
    .map(drop)
}

/// Who is to get mail and has no address here, or one that may be another by now; so many at most.
async fn unknown(tx: &mut sql::Tx) -> Result<Vec<String>, sql::Error> {
    let statement = "SELECT DISTINCT m.recipient FROM mail_log m LEFT JOIN users u ON u.id = m.recipient AND u.email <> u.id \
                     AND (u.contact_at IS NULL OR u.contact_at > $1) \
                     WHERE m.state = 'due' AND u.id IS NULL ORDER BY m.recipient LIMIT $2";
    let fresh = tx.now() - kit::limits::CONTACT_MICROSECONDS;
    let rows: Vec<(String,)> = tx.all(statement, params![fresh, i64::try_from(limits::CONTACTS).unwrap_or(i64::MAX)]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How these people are written to; who is not known is left out.
async fn contacts_of(ids: &[String]) -> Answer {
    let ids = ids.get(..limits::CONTACTS).unwrap_or(ids);
    if ids.is_empty() {
        return Response::json(200, &json!({ "contacts": [] }));
    }
    let mut tx = sql::read().await?;
    let statement =
        format!("SELECT id, email, name, email_verified_at FROM users WHERE email <> id AND id IN ({})", sql::list(1, ids.len()));
    let rows: Vec<(String, String, String, Option<i64>)> = tx.all(&statement, ids.iter().map(sql::Value::from)).await?;
    tx.rollback().await?;
    let contact = |(id, email, name, verified_at)| Contact { id, email, name, verified_at };
    let contacts: Vec<_> = rows.into_iter().map(contact).collect();
    Response::json(200, &json!({ "contacts": contacts }))
}

/// Organisers, as they are called now.
async fn know(tx: &mut sql::Tx, organisers: &[Organiser]) -> Result<(), sql::Error> {
    let now = tx.now();
    for Organiser { id, name } in organisers {
        let statement =
            "INSERT INTO organisers (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET name = $2";
        tx.execute(statement, params![id, name, now]).await?;
    }
    Ok(())
}

/// A person's roles and organisers, as they are now: what is not listed was taken away. Nobody logs in here: of the account there is only what
/// permits writes, the address once there is mail for it, and never its password.
async fn meet(tx: &mut sql::Tx, user: &Visitor, organisers: &[Organiser]) -> Result<(), Problem> {
    let now = tx.now();
    // Also locks the row, so that two answers about one person do not mix.
    tx.execute(
        "INSERT INTO users (id, email, name, password_hash, version, created_at, contact_at) VALUES ($1, $1, $2, '', 0, $3, 0) \
         ON CONFLICT (id) DO UPDATE SET name = $2",
        params![&user.id, &user.name, now],
    )
    .await?;
    tx.execute("DELETE FROM user_roles WHERE user_id = $1", params![&user.id]).await?;
    for role in user.roles.iter().filter(|role| *role != accounts::USER) {
        tx.execute("INSERT INTO user_roles (user_id, role) VALUES ($1, $2)", params![&user.id, role]).await?;
    }
    tx.execute("DELETE FROM organiser_members WHERE user_id = $1", params![&user.id]).await?;
    for organiser in organisers {
        tx.execute("INSERT INTO organiser_members (organiser_id, user_id) VALUES ($1, $2)", params![&organiser.id, &user.id])
            .await?;
    }
    Ok(())
}
