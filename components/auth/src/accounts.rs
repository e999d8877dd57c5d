//! Users, as rows and as JSON.

use crate::{email, language, limits, sessions};
use kit::{Answer, Problem, Request, Response, claims, json, params, problem, query, sql, trace};
use serde::Serialize;

/// The role that everybody has; the others stand in `user_roles`.
pub const USER: &str = "user";
/// May create and change events, for the organisers that they are a member of.
pub const ORGANISER: &str = "organiser";
/// May do anything.
pub const ADMIN: &str = "admin";

/// A user as the API shows them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct User {
    /// `<region>_…`.
    pub id: String,
    /// Lower case.
    pub email: String,
    /// Whether they have shown that they read it.
    pub email_verified: bool,
    /// As they write it.
    pub name: String,
    /// In which they are written to: a BCP 47 tag.
    pub language: String,
    /// `user` first; a guest has none.
    pub roles: Vec<String>,
    /// Whether they buy with an address alone; who does not is not told of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub guest: bool,
}

kit::row! {
    struct UserRow {
        email: String,
        guest_email: Option<String>,
        email_verified_at: Option<i64>,
        name: String,
        language: String,
    }
}

/// A user and their roles; none where there is no such user.
pub async fn find(tx: &mut sql::Tx, id: &str) -> Result<Option<User>, Problem> {
    let statement = "SELECT email, guest_email, email_verified_at, name, language FROM users WHERE id = $1 AND erased_at IS NULL";
    let Some(UserRow { email, guest_email, email_verified_at, name, language }) = tx.one(statement, params![id]).await? else {
        return Ok(None);
    };
    let guest = guest_email.is_some();
    let roles = if guest { Vec::new() } else { all_roles(claims::roles(tx, id).await?) };
    let email = guest_email.unwrap_or(email);
    Ok(Some(User { id: id.to_owned(), email, email_verified: email_verified_at.is_some(), name, language, roles, guest }))
}

/// What is written to `users`. The email is unique: [`sql::Error::Unique`] says that it is taken.
pub struct NewUser<'a> {
    /// A new id.
    pub id: &'a str,
    /// Normalised.
    pub email: &'a str,
    /// Checked.
    pub name: &'a str,
    /// In its one spelling.
    pub language: &'a str,
    /// PHC string.
    pub password_hash: &'a str,
    /// Where they registered from; none where the host does not say, or the operator made the account.
    pub network: Option<&'a str>,
}

/// Adds a user with version 1, and says so in the journal.
pub async fn add(tx: &mut sql::Tx, user: &NewUser<'_>) -> Result<(), sql::Error> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO users (id, email, name, password_hash, version, created_at, language) VALUES ($1, $2, $3, $4, 1, $5, $6)",
        params![user.id, user.email, user.name, user.password_hash, now, user.language],
    )
    .await?;
    let registered = kit::journal::Entry {
        topic: kit::journal::USER_EVENTS,
        kind: "user.registered",
        aggregate: user.id.to_owned(),
        version: 1,
        payload: serde_json::json!({ "user_id": user.id, "network": user.network }),
        fact: None,
    };
    kit::journal::write(tx, &[registered]).await
}

/// Counts a change of a user; gives the new version, which orders what the journal says of them.
pub async fn touch(tx: &mut sql::Tx, id: &str) -> Result<i64, Problem> {
    let statement = "UPDATE users SET version = version + 1 WHERE id = $1 AND erased_at IS NULL RETURNING version";
    tx.one::<(i64,)>(statement, params![id]).await?.map(|(version,)| version).ok_or_else(gone)
}

/// Something that somebody did to an account or an organiser, for the journal, and so for the audit log.
pub struct Deed<'a> {
    /// For example `user.suspended`.
    pub kind: &'static str,
    /// Who did it.
    pub actor: &'a str,
    /// To whom or what.
    pub aggregate: &'a str,
    /// Its version after that.
    pub version: i64,
    /// What else there is to tell: an object.
    pub details: serde_json::Value,
}

impl Deed<'_> {
    /// Writes it down, with where `request` came from.
    pub async fn write(self, tx: &mut sql::Tx, request: &Request) -> Result<(), sql::Error> {
        self.write_from(tx, kit::network::of(request).as_deref()).await
    }

    /// Writes it down, with the network that it was done from.
    pub async fn write_from(self, tx: &mut sql::Tx, network: Option<&str>) -> Result<(), sql::Error> {
        let Self { kind, actor, aggregate, version, details: mut payload } = self;
        if let Some(members) = payload.as_object_mut() {
            members.insert("actor".into(), actor.into());
            members.insert("network".into(), network.into());
        }
        let aggregate = aggregate.to_owned();
        let entry = kit::journal::Entry { topic: kit::journal::USER_EVENTS, kind, aggregate, version, payload, fact: None };
        kit::journal::write(tx, &[entry]).await
    }
}

/// What a token is worth whose user is not here: the account was erased, or it comes from another database.
pub fn gone() -> Problem {
    Problem::unauthenticated("The token's account is not known here.")
}

/// Whether an admin has suspended them.
pub async fn is_suspended(tx: &mut sql::Tx, id: &str) -> Result<bool, sql::Error> {
    let row: Option<(Option<i64>,)> = tx.one("SELECT suspended_at FROM users WHERE id = $1", params![id]).await?;
    Ok(row.is_some_and(|(suspended_at,)| suspended_at.is_some()))
}

/// What who is suspended hears, once they have shown who they are.
pub fn suspended() -> Problem {
    Problem::forbidden("This account is suspended.")
}

/// `user` and the roles beyond it, those with more rights last.
pub fn all_roles(mut beyond: Vec<String>) -> Vec<String> {
    beyond.sort_unstable_by(|a, b| b.cmp(a));
    beyond.insert(0, USER.to_owned());
    beyond
}

/// A name's field: 1 to 100 characters, cleaned as all names are.
pub fn read_name(body: &mut json::Reader) -> String {
    body.name("name", limits::NAME_CHARACTERS)
}

/// `email`, normalised.
pub fn read_email(body: &mut json::Reader) -> String {
    let text = body.text("email", 1..=*limits::EMAIL_BYTES.end());
    let email = email::normalise(&text);
    if let (false, Err(fault)) = (text.is_empty(), &email) {
        body.fault("email", *fault);
    }
    email.unwrap_or_default()
}

/// `GET /api/auth/me`: the caller, their roles as they are now. Where `recent` is asked for, refused to a session that has not proved lately whose it is.
pub async fn me(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let recent = query::read(&request, |query| query.boolean("recent") == Some(true))?;
    let mut tx = sql::read().await?;
    if recent {
        sessions::require_recent(&mut tx, &claims).await?;
    }
    let user = find(&mut tx, &claims.subject).await?.ok_or_else(gone)?;
    tx.rollback().await?;
    private(200, &user)
}

/// `PATCH /api/auth/me`: changes what the caller says of themselves; 200 the user.
pub async fn change(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (name, language) =
        json::read(&request, |body| (body.optional_name("name", limits::NAME_CHARACTERS), language::read(body)))?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let before = find(&mut tx, &claims.subject).await?.ok_or_else(gone)?;
    if is_suspended(&mut tx, &before.id).await? {
        return Err(suspended());
    }
    let user = User {
        name: name.unwrap_or_else(|| before.name.clone()),
        language: language.unwrap_or_else(|| before.language.clone()),
        ..before.clone()
    };
    if user != before {
        let version = touch(&mut tx, &user.id).await?;
        let statement = "UPDATE users SET name = $2, language = $3 WHERE id = $1";
        tx.execute(statement, params![&user.id, &user.name, &user.language]).await?;
        let details = serde_json::json!({ "user_id": &user.id });
        let deed = Deed { kind: "user.changed", actor: &user.id, aggregate: &user.id, version, details };
        deed.write(&mut tx, &request).await?;
    }
    tx.commit().await?;
    private(200, &user)
}

/// An answer for its asker's eyes only.
pub fn private(status: u16, value: &impl Serialize) -> Answer {
    Ok(Response::json(status, value)?.header("cache-control", "no-store"))
}

/// Tells a taken email from what else may go wrong.
pub fn taken(error: sql::Error) -> Problem {
    match error {
        sql::Error::Unique(_) => email_taken(),
        other => other.into(),
    }
}

/// An address is somebody else's already.
pub fn email_taken() -> Problem {
    Problem::new(problem::EMAIL_TAKEN, "An account with this email exists.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_one_order() {
        let roles = |beyond: &[&str]| all_roles(beyond.iter().map(|role| (*role).to_owned()).collect());
        assert_eq!(roles(&[]), ["user"]);
        assert_eq!(roles(&["admin", "organiser"]), roles(&["organiser", "admin"]));
        assert_eq!(roles(&["admin", "organiser"]), ["user", "organiser", "admin"]);
    }
}
