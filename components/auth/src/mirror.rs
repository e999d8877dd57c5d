//! `POST /api/auth/mirror`: what the region that keeps the accounts says, written down in another. Only the host asks.

use crate::{accounts, keys, sessions};
use kit::{Answer, Problem, Request, Response, config, params, sql};
use read_model::Fact;
use serde::Deserialize;
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
    /// Whom they may organise for, as `GET /api/organisers` there lists them.
    #[serde(default)]
    organisers: Vec<Organiser>,
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
    // Where the accounts are, nobody but `auth` itself says who may do what: there is no such path.
    if config::accounts_elsewhere().await?.is_none() {
        return Err(Problem::not_found());
    }
    let document: Document = serde_json::from_slice(&request.body).map_err(|error| Problem::fault("", error.to_string()))?;
    let mut tx = sql::write().await?;
    for fact in &document.facts {
        match fact {
            Fact::Key { kid, public_key } => _ = keys::publish(&mut tx, kid, public_key, None).await?,
            Fact::SessionRevoked { session, until } => sessions::repeat(&mut tx, session, *until).await?,
            Fact::Event(_) | Fact::Availability(_) => {}
        }
    }
    if let Some(kids) = document.only_keys.filter(|kids| !kids.is_empty()) {
        let statement = format!("DELETE FROM signing_keys WHERE kid NOT IN ({})", sql::list(1, kids.len()));
        tx.execute(&statement, kids.iter().map(sql::Value::from)).await?;
    }
    if let Some(user) = &document.user {
        meet(&mut tx, user, &document.organisers).await?;
    }
    tx.commit().await?;
    Response::json(200, &json!({}))
}

/// A person's roles and organisers, as they are now: what is not listed was taken away. Nobody logs in here: of the account there is only what
/// permits writes, and neither its email nor its password.
async fn meet(tx: &mut sql::Tx, user: &Visitor, organisers: &[Organiser]) -> Result<(), Problem> {
    let now = tx.now();
    // Also locks the row, so that two answers about one person do not mix.
    tx.execute(
        "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ($1, $1, $2, '', 0, $3) \
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
        tx.execute(
            "INSERT INTO organisers (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO NOTHING",
            params![&organiser.id, &organiser.name, now],
        )
        .await?;
        tx.execute("INSERT INTO organiser_members (organiser_id, user_id) VALUES ($1, $2)", params![&organiser.id, &user.id])
            .await?;
    }
    Ok(())
}
