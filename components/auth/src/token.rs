//! `POST /api/auth/token`

use crate::{accounts, api_key::ApiKey, api_keys, keys, limits, members, setup};
use access_token::Scope;
use kit::{Answer, Problem, Request, json, params, problem, sql, time::SECOND};
use serde_json::json;

/// Exchanges an API key for an access token, which stands for the key: it is good for what the key permits, for its organiser, and for nothing that a
/// person does. There is no refresh token: the key gives the next.
pub async fn exchange(request: Request) -> Answer {
    let text = json::read(&request, |body| body.text("api_key", 1..=limits::API_KEY_CHARACTERS))?;
    setup::ensure().await?;
    let shown = ApiKey::parse(&text).ok_or_else(invalid)?;
    let key = keys::signing().await?;
    let mut tx = sql::write().await?;
    let granted = grant(&mut tx, &shown).await?;
    let now = tx.now();
    let token = key.program_token(shown.id(), &granted.scope, now, granted.seconds).map_err(Problem::internal)?;
    tx.commit().await?;
    accounts::private(200, &json!({ "access_token": token, "token_type": "Bearer", "expires_in": granted.seconds }))
}

/// What the token of a key says, and for how long.
#[derive(Debug, PartialEq, Eq)]
struct Granted {
    scope: Scope,
    seconds: i64,
}

async fn grant(tx: &mut sql::Tx, shown: &ApiKey) -> Result<Granted, Problem> {
    let now = tx.now();
    // Locks the key's row: whoever deletes it now comes before or after.
    let row: Option<(String, String, Option<i64>)> = tx
        .one(
            "UPDATE api_keys SET last_used_at = $3 WHERE id = $1 AND hash = $2 RETURNING organiser_id, permissions, expires_at",
            params![shown.id(), shown.hash(), now],
        )
        .await?;
    let (organiser, permissions, expires_at) = row.ok_or_else(invalid)?;
    // A token's instants are whole seconds.
    let left = expires_at.map_or(limits::ACCESS_SECONDS, |at| at.div_euclid(SECOND) - now.div_euclid(SECOND));
    if left <= 0 {
        return Err(invalid());
    }
    let statement = "SELECT ends_at FROM revocations WHERE session_id = $1 AND ends_at > $2";
    if let Some((ends_at,)) = tx.one::<(i64,)>(statement, params![shown.id(), now]).await? {
        let wait = u32::try_from((ends_at - now) / 1000).unwrap_or(u32::MAX);
        return Err(Problem::unavailable("The tokens of this key were ended just now.", wait));
    }
    if !members::has_another_owner(tx, &organiser, "").await? {
        return Err(Problem::forbidden("Nobody is left who may act for this organiser: its API keys wait until there is."));
    }
    let scope = Scope { organiser, permissions: api_keys::permissions(&permissions)? };
    Ok(Granted { scope, seconds: left.min(limits::ACCESS_SECONDS) })
}

fn invalid() -> Problem {
    Problem::new(problem::API_KEY_INVALID, "This is no API key of ours, or it was deleted or has expired.")
        .with("www-authenticate", "Bearer")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{accounts::User, roles};
    use kit::sql::testing::{Database, ready};

    const NOW: i64 = 1_790_000_000_000_000;

    fn write<T>(work: impl AsyncFnOnce(&mut sql::Tx) -> T) -> T {
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let done = work(&mut tx).await;
            tx.commit().await.unwrap();
            done
        })
    }

    /// A key of `eu_o`, whose one owner is `eu_ada`.
    fn made(database: &Database, expires_at: &str) -> ApiKey {
        let key = ApiKey::new("eu");
        database.run(&format!(
            "INSERT INTO api_keys (id, organiser_id, name, hash, permissions, created_by, created_at, expires_at) \
             VALUES ('{}', 'eu_o', 'Till', '{}', '[\"check-in\"]', 'eu_ada', 0, {expires_at})",
            key.id(),
            key.hash()
        ));
        key
    }

    fn seconds(key: &ApiKey) -> Result<i64, (u16, &'static str)> {
        write(async |tx| grant(tx, key).await)
            .map(|granted| granted.seconds)
            .map_err(|problem| (problem.kind.status, problem.kind.slug))
    }

    fn on_each(test: impl Fn(&Database)) {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            database.run("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_ada', 'ada@example.com', 'Ada', 'x', 1, 0)");
            database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'O', 0)");
            database.run("INSERT INTO organiser_members (organiser_id, user_id, role) VALUES ('eu_o', 'eu_ada', 'owner')");
            database.run("INSERT INTO user_roles (user_id, role) VALUES ('eu_ada', 'organiser')");
            test(&database);
        }
    }

    const INVALID: Result<i64, (u16, &str)> = Err((401, "api-key-invalid"));

    #[test]
    fn a_key_gives_a_token_until_it_ends_and_none_that_lasts_longer() {
        on_each(|database| {
            let (key, ending) = (made(database, "NULL"), made(database, &(NOW + 300 * SECOND).to_string()));
            let scope = Scope { organiser: "eu_o".to_owned(), permissions: vec!["check-in".to_owned()] };
            assert_eq!(write(async |tx| grant(tx, &key).await.unwrap()), Granted { scope, seconds: 900 });
            assert_eq!(seconds(&ending), Ok(300));
            database.set_now(NOW + 299 * SECOND);
            assert_eq!(seconds(&ending), Ok(1));
            let used: Vec<(Option<i64>,)> = database.all_rows("SELECT last_used_at FROM api_keys ORDER BY last_used_at");
            assert_eq!(used, [(Some(NOW),), (Some(NOW + 299 * SECOND),)]);
            database.set_now(NOW + 300 * SECOND);
            assert_eq!((seconds(&ending), seconds(&key)), (INVALID, Ok(900)));
            // Another secret of the same key.
            database.run("UPDATE api_keys SET hash = 'x'");
            assert_eq!(seconds(&key), INVALID);
        });
    }

    #[test]
    fn no_token_is_given_where_nobody_answers_for_the_key_and_those_that_were_are_refused() {
        on_each(|database| {
            let (used, unused) = (made(database, "NULL"), made(database, "NULL"));
            assert_eq!(seconds(&used), Ok(900));
            let ada = User {
                id: "eu_ada".to_owned(),
                email: "ada@example.com".to_owned(),
                email_verified: true,
                name: "Ada".to_owned(),
                language: "en".to_owned(),
                roles: vec!["user".to_owned(), "organiser".to_owned()],
                guest: false,
            };
            database.run("DELETE FROM user_roles");
            write(async |tx| roles::note_taken(tx, &ada, &[]).await.unwrap());
            let ended: Vec<(String,)> = database.all_rows("SELECT session_id FROM revocations");
            assert_eq!(ended, [(used.id().to_owned(),)]);
            assert_eq!((seconds(&used), seconds(&unused)), (Err((503, "unavailable")), Err((403, "forbidden"))));
            // When there is somebody again, not before the last of the old tokens has ended.
            database.run("INSERT INTO user_roles (user_id, role) VALUES ('eu_ada', 'organiser')");
            assert_eq!((seconds(&used), seconds(&unused)), (Err((503, "unavailable")), Ok(900)));
            database.set_now(NOW + limits::KEY_REFUSED_MICROSECONDS);
            assert_eq!(seconds(&used), Ok(900));
        });
    }

    #[test]
    fn a_key_goes_on_while_another_owner_is_there() {
        on_each(|database| {
            let key = made(database, "NULL");
            database.run("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_bob', 'bob@example.com', 'Bob', 'x', 1, 0)");
            database.run("INSERT INTO user_roles (user_id, role) VALUES ('eu_bob', 'organiser')");
            let bob = |role: &str| {
                database.run("DELETE FROM organiser_members WHERE user_id = 'eu_bob'");
                database.run(&format!(
                    "INSERT INTO organiser_members (organiser_id, user_id, role) VALUES ('eu_o', 'eu_bob', '{role}')"
                ));
            };
            assert_eq!(seconds(&key), Ok(900));
            for (role, suspended_at, ended) in [("owner", "NULL", 0), ("owner", "1", 1), ("manager", "NULL", 1)] {
                bob(role);
                database.run(&format!("UPDATE users SET suspended_at = {suspended_at} WHERE id = 'eu_bob'"));
                database.run("DELETE FROM revocations");
                write(async |tx| api_keys::end_tokens_without_owner(tx, "eu_ada").await.unwrap());
                let rows: Vec<(i64,)> = database.all_rows("SELECT COUNT(*) FROM revocations");
                assert_eq!(rows, [(ended,)], "{role} {suspended_at}");
            }
        });
    }
}
