//! `GET /api/users`, `GET /api/users/{id}`, and what an admin does to an account beside its roles: for admins alone.

use crate::accounts::{self, ADMIN, Deed, ORGANISER};
use crate::erasure::{self, anywhere};
use crate::{attempts, limits, roles, sessions};
use kit::sql::{Tx, Value};
use kit::{Answer, Problem, Request, Response, claims, idempotency, json, network, params, problem, query, sql, time};
use serde::Serialize;
use serde_json::json;

kit::row! {
    struct Row {
        id: String,
        email: String,
        email_verified_at: Option<i64>,
        name: String,
        language: String,
        guest: i64,
        organiser: i64,
        admin: i64,
        created_at: i64,
        suspended_at: Option<i64>,
    }
}

const SELECT: &str = "SELECT u.id, COALESCE(u.guest_email, u.email), u.email_verified_at, u.name, u.language, \
    CAST(CASE WHEN u.guest_email IS NULL THEN 0 ELSE 1 END AS BIGINT), \
    (SELECT COUNT(*) FROM user_roles r WHERE r.user_id = u.id AND r.role = 'organiser'), \
    (SELECT COUNT(*) FROM user_roles r WHERE r.user_id = u.id AND r.role = 'admin'), u.created_at, u.suspended_at FROM users u";

/// A user as admins see them among others. Instants are RFC 3339.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    user: accounts::User,
    created_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspended_at: Option<String>,
}

impl From<Row> for Listed {
    fn from(row: Row) -> Self {
        let Row { id, email, email_verified_at, name, language, guest, organiser, admin, created_at, suspended_at } = row;
        let guest = guest != 0;
        let beyond = [(organiser, ORGANISER), (admin, ADMIN)].into_iter().filter(|(has, _)| *has > 0);
        let roles = if guest { Vec::new() } else { accounts::all_roles(beyond.map(|(_, role)| role.to_owned()).collect()) };
        let user = accounts::User { id, email, email_verified: email_verified_at.is_some(), name, language, roles, guest };
        Self { user, created_at: time::format(created_at), suspended_at: suspended_at.map(time::format) }
    }
}

/// Which users a page shows.
#[derive(Debug, Default)]
struct Wanted {
    /// Somewhere in the address, or the whole id.
    search: Option<String>,
    role: Option<&'static str>,
    suspended: Option<bool>,
    /// Id of the last one that was shown before.
    after: Option<String>,
    limit: i64,
}

/// Users and guests, the newest first; who is erased is nobody.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let wanted = query::read(&request, |query| Wanted {
        search: query.text("search", limits::SEARCH_CHARACTERS),
        role: query.word("role", &[ORGANISER, ADMIN]),
        suspended: query.boolean("suspended"),
        after: query.text("cursor", limits::ID_CURSOR_CHARACTERS),
        limit: query.limit(),
    })?;
    if wanted.after.as_ref().is_some_and(|id| !kit::id::valid(id)) {
        return Err(Problem::fault("/cursor", "not a cursor of this list"));
    }
    let mut tx = sql::read().await?;
    roles::admins_only(&mut tx, &claims.subject).await?;
    let mut items = page(&mut tx, &wanted).await?;
    tx.rollback().await?;
    let next_cursor = cut(&mut items, wanted.limit).then(|| items.last().map(|item| item.user.id.clone())).flatten();
    accounts::private(200, &json!({ "items": items, "next_cursor": next_cursor }))
}

/// Takes away what is one too many; whether there was.
pub fn cut<T>(items: &mut Vec<T>, limit: i64) -> bool {
    let size = usize::try_from(limit).unwrap_or_default();
    let more = items.len() > size;
    items.truncate(size);
    more
}

/// One more than asked for, where there is one.
async fn page(tx: &mut Tx, wanted: &Wanted) -> Result<Vec<Listed>, sql::Error> {
    let mut parameters = params![wanted.limit + 1].to_vec();
    let mut conditions = String::new();
    let mut condition = |text: &str, values: &[Value]| {
        conditions.push_str(" AND ");
        conditions.push_str(text);
        for value in values {
            parameters.push(value.clone());
            conditions = conditions.replacen('#', &format!("${}", parameters.len()), 1);
        }
    };
    if let Some(after) = &wanted.after {
        condition("u.id < #", &[Value::from(after)]);
    }
    if let Some(search) = &wanted.search {
        // Addresses are kept in lower case, and ids are.
        let search = search.trim().to_lowercase();
        condition(
            "(COALESCE(u.guest_email, u.email) LIKE # ESCAPE '!' OR u.id = #)",
            &[Value::from(&anywhere(&search)), Value::from(&search)],
        );
    }
    if let Some(role) = wanted.role {
        condition("EXISTS (SELECT 1 FROM user_roles r WHERE r.user_id = u.id AND r.role = #)", &[Value::from(role)]);
    }
    if let Some(suspended) = wanted.suspended {
        condition("CASE WHEN u.suspended_at IS NULL THEN 0 ELSE 1 END = CAST(# AS BIGINT)", &[Value::from(suspended)]);
    }
    let statement = format!("{SELECT} WHERE u.erased_at IS NULL{conditions} ORDER BY u.id DESC LIMIT $1");
    let rows: Vec<Row> = tx.all(&statement, parameters).await?;
    Ok(rows.into_iter().map(Into::into).collect())
}

/// Of whom somebody is a member.
#[derive(Debug, Serialize)]
struct Membership {
    id: String,
    name: String,
    role: String,
}

kit::row! {
    struct More {
        suspension_reason: Option<String>,
        second_factor: i64,
        passkeys: i64,
        sessions: i64,
        orders: i64,
    }
}

/// A user as admins see them. What is counted of orders is what the region that keeps the accounts has sold.
#[derive(Debug, Serialize)]
struct Looked {
    #[serde(flatten)]
    listed: Listed,
    #[serde(skip_serializing_if = "Option::is_none")]
    suspension_reason: Option<String>,
    second_factor: bool,
    passkeys: i64,
    sessions: i64,
    orders: i64,
    organisers: Vec<Membership>,
}

/// One of them.
pub async fn show(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    query::read(&request, |_| ())?;
    let id = request.id("id")?;
    let mut tx = sql::read().await?;
    roles::admins_only(&mut tx, &claims.subject).await?;
    let looked = look(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    tx.rollback().await?;
    accounts::private(200, &looked)
}

async fn look(tx: &mut Tx, id: &str) -> Result<Option<Looked>, sql::Error> {
    let statement = format!("{SELECT} WHERE u.id = $1 AND u.erased_at IS NULL");
    let Some(row) = tx.one::<Row>(&statement, params![id]).await? else { return Ok(None) };
    let now = tx.now();
    let more: Option<More> = tx
        .one(
            "SELECT u.suspension_reason, (SELECT COUNT(*) FROM totp t WHERE t.user_id = u.id AND t.confirmed_at IS NOT NULL), \
             (SELECT COUNT(*) FROM passkeys p WHERE p.user_id = u.id), \
             (SELECT COUNT(*) FROM sessions s WHERE s.user_id = u.id AND s.revoked_at IS NULL AND s.expires_at > $2), \
             (SELECT COUNT(*) FROM bookings b WHERE b.person = u.id AND b.status = 'confirmed') FROM users u WHERE u.id = $1",
            params![id, now],
        )
        .await?;
    let Some(More { suspension_reason, second_factor, passkeys, sessions, orders }) = more else { return Ok(None) };
    let teams: Vec<(String, String, String)> = tx
        .all(
            "SELECT o.id, o.name, m.role FROM organiser_members m JOIN organisers o ON o.id = m.organiser_id WHERE m.user_id = $1 \
             ORDER BY o.id LIMIT $2",
            params![id, limits::ORGANISERS_PER_USER],
        )
        .await?;
    let organisers = teams.into_iter().map(|(id, name, role)| Membership { id, name, role }).collect();
    let second_factor = second_factor > 0;
    Ok(Some(Looked { listed: row.into(), suspension_reason, second_factor, passkeys, sessions, orders, organisers }))
}

/// `POST /api/users/{id}/end-sessions`: ends all of their sessions, everywhere, and leaves them to log in again. 204.
pub async fn end_sessions(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "sessions-ended", &claims.subject, async |tx: &mut Tx| {
        roles::admins_only(tx, &claims.subject).await?;
        let user = accounts::find(tx, request.id("id")?).await?.ok_or_else(Problem::not_found)?;
        let version = accounts::touch(tx, &user.id).await?;
        sessions::end_all(tx, &user.id).await?;
        let details = json!({ "user_id": &user.id });
        let deed = Deed { kind: "user.sessions-ended", actor: &claims.subject, aggregate: &user.id, version, details };
        deed.write(tx, &request).await?;
        Ok(Response::empty(204))
    })
    .await
}

/// `POST /api/users/{id}/password-reset`: has the mail sent by which they choose another password. 202.
///
/// It is the mail that anybody can ask for, counted as that is: an admin learns nothing that lets them in, and fills nobody's mailbox.
pub async fn send_reset(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "resets-sent", &claims.subject, async |tx: &mut Tx| {
        roles::admins_only(tx, &claims.subject).await?;
        let user = accounts::find(tx, request.id("id")?).await?.ok_or_else(Problem::not_found)?;
        if user.guest {
            return Err(Problem::new(problem::WRONG_STATE, "A guest has no password."));
        }
        if accounts::is_suspended(tx, &user.id).await? {
            return Err(Problem::new(problem::WRONG_STATE, "Who is suspended cannot choose a password: restore them first."));
        }
        attempts::count(tx, &attempts::mail_key("reset", &user.email), &attempts::MAIL).await?;
        let version = accounts::touch(tx, &user.id).await?;
        let details = json!({ "user_id": &user.id });
        let deed = Deed { kind: "user.password-forgotten", actor: &claims.subject, aggregate: &user.id, version, details };
        deed.write(tx, &request).await?;
        Ok(Response::empty(202))
    })
    .await
}

/// `DELETE /api/users/{id}`: erases the account, for an admin who has proved lately who they are. 204.
pub async fn erase(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let answer = idempotency::once(&request, "users-erased", &claims.subject, async |tx: &mut Tx| {
        roles::admins_only(tx, &claims.subject).await?;
        sessions::require_recent(tx, &claims).await?;
        let user = accounts::find(tx, request.id("id")?).await?.ok_or_else(Problem::not_found)?;
        accounts::touch(tx, &user.id).await?;
        erasure::erase(tx, &user.id, &claims.subject, network::of(&request)).await?;
        Ok(Response::empty(204))
    })
    .await?;
    erasure::begin().await;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    const BOB: &str = "eu_06f9zjx0r4t7n2c5a8p1y6dqe3";

    fn found(wanted: Wanted) -> Vec<String> {
        ready(async {
            let mut tx = sql::read().await.unwrap();
            let items = page(&mut tx, &wanted).await.unwrap();
            tx.rollback().await.unwrap();
            items.into_iter().map(|item| item.user.name).collect()
        })
    }

    #[test]
    fn users_are_found_by_address_id_role_and_state() {
        for database in Database::all() {
            database.enter();
            for (id, email, guest, name, suspended, erased) in [
                ("eu_a", "ada@example.com", "NULL", "Ada", "NULL", "NULL"),
                (BOB, "bob_1@example.com", "NULL", "Bob", "7", "NULL"),
                ("eu_c", "eu_c", "'bobx1@example.com'", "Cyd", "NULL", "NULL"),
                ("eu_d", "eu_d", "NULL", "", "NULL", "1"),
            ] {
                database.run(&format!(
                    "INSERT INTO users (id, email, guest_email, name, password_hash, version, created_at, suspended_at, erased_at) \
                     VALUES ('{id}', '{email}', {guest}, '{name}', 'x', 1, 0, {suspended}, {erased})"
                ));
            }
            database.run(&format!("INSERT INTO user_roles (user_id, role) VALUES ('eu_a', 'admin'), ('{BOB}', 'organiser')"));
            let all = || Wanted { limit: 10, ..Wanted::default() };
            let search = |text: &str| Wanted { search: Some(text.to_owned()), ..all() };
            assert_eq!(found(all()), ["Cyd", "Ada", "Bob"], "whose id is last comes first, and who is erased not at all");
            assert_eq!(found(search("BOB")), ["Cyd", "Bob"], "a guest's address is theirs");
            assert_eq!(found(search(" bob_1")), ["Bob"], "what stands for anything elsewhere is a letter here");
            assert_eq!(found(search(BOB)), ["Bob"]);
            assert!(found(search("%")).is_empty());
            assert_eq!(found(Wanted { role: Some(ADMIN), ..all() }), ["Ada"]);
            assert_eq!(found(Wanted { suspended: Some(true), ..all() }), ["Bob"]);
            assert_eq!(found(Wanted { suspended: Some(false), ..search("bob") }), ["Cyd"]);
            assert_eq!(
                found(Wanted { after: Some("eu_c".to_owned()), limit: 0, ..all() }),
                ["Ada"],
                "one more tells of a next page"
            );
        }
    }

    #[test]
    fn what_is_shown_of_an_account_is_what_counts() {
        for database in Database::all() {
            database.enter();
            database.set_now(1_000);
            for text in [
                "INSERT INTO users (id, email, name, password_hash, version, created_at, suspended_at, suspension_reason) \
                 VALUES ('eu_a', 'ada@example.com', 'Ada', 'x', 1, 0, 5, 'Sold what is not theirs.')",
                "INSERT INTO totp (user_id, secret, key_id, last_step, created_at) VALUES ('eu_a', 's', 'k', 0, 1)",
                "INSERT INTO sessions (id, user_id, refresh_hash, rotated_at, expires_at, revoked_at, created_at) \
                 VALUES ('s1', 'eu_a', 'h', 0, 1001, NULL, 0), ('s2', 'eu_a', 'i', 0, 1000, NULL, 0), ('s3', 'eu_a', 'j', 0, 2000, 1, 0)",
                "INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'Blue Hall', 1)",
                "INSERT INTO organiser_members (organiser_id, user_id, role) VALUES ('eu_o', 'eu_a', 'door')",
            ] {
                database.run(text);
            }
            let looked = ready(async {
                let mut tx = sql::read().await.unwrap();
                let looked = look(&mut tx, "eu_a").await.unwrap();
                tx.rollback().await.unwrap();
                serde_json::to_value(looked).unwrap()
            });
            let expected = json!({
                "id": "eu_a", "email": "ada@example.com", "email_verified": false, "name": "Ada", "language": "en", "roles": ["user"],
                "created_at": "1970-01-01T00:00:00Z", "suspended_at": "1970-01-01T00:00:00.000005Z",
                "suspension_reason": "Sold what is not theirs.", "second_factor": false, "passkeys": 0, "sessions": 1, "orders": 0,
                "organisers": [{"id": "eu_o", "name": "Blue Hall", "role": "door"}]
            });
            assert_eq!(looked, expected, "a second factor without its first code is none, and of three sessions one lives");
        }
    }
}
