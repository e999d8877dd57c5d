//! Recovery codes: what is good once in the place of a code of an app that was lost. Shown when they are made, and stored as hashes.
//! `POST /api/auth/recovery-codes`

use crate::accounts::{self, Deed};
use crate::{limits, second_factor, sessions};
use kit::{Answer, Problem, Request, claims, hash, json, params, problem, sql, trace};
use serde_json::json;

/// Makes new codes; those before them are good for nothing.
pub async fn replace(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let user = &claims.subject;
    let version = accounts::touch(&mut tx, user).await?;
    sessions::require_recent(&mut tx, &claims).await?;
    if !second_factor::is_on(&mut tx, user).await? {
        return Err(Problem::new(problem::WRONG_STATE, "This account has no second factor, which they would stand in for."));
    }
    let codes = make(&mut tx, user).await?;
    let deed =
        Deed { kind: "user.recovery-codes-made", actor: user, aggregate: user, version, details: json!({ "user_id": user }) };
    deed.write(&mut tx, &request).await?;
    tx.commit().await?;
    accounts::private(200, &json!({ "recovery_codes": codes }))
}

/// Makes codes in the place of all that a user has.
pub async fn make(tx: &mut sql::Tx, user: &str) -> Result<Vec<String>, sql::Error> {
    end(tx, user).await?;
    let mut codes = Vec::with_capacity(limits::RECOVERY_CODES);
    for _ in 0..limits::RECOVERY_CODES {
        let code = hash::base32(&hash::random::<10>());
        let statement = "INSERT INTO recovery_codes (user_id, hash) VALUES ($1, $2)";
        tx.execute(statement, params![user, hashed(user, &code)]).await?;
        codes.push(shown(&code));
    }
    Ok(codes)
}

/// Uses a code up; false where it is none. As [`read`] gave it.
pub async fn accept(tx: &mut sql::Tx, user: &str, code: &str) -> Result<bool, sql::Error> {
    let statement = "DELETE FROM recovery_codes WHERE user_id = $1 AND hash = $2";
    Ok(tx.execute(statement, params![user, hashed(user, code)]).await? > 0)
}

/// How many are left.
pub async fn count(tx: &mut sql::Tx, user: &str) -> Result<i64, sql::Error> {
    let row: Option<(i64,)> = tx.one("SELECT COUNT(*) FROM recovery_codes WHERE user_id = $1", params![user]).await?;
    Ok(row.map_or(0, |(count,)| count))
}

/// Ends all of a user's.
pub async fn end(tx: &mut sql::Tx, user: &str) -> Result<(), sql::Error> {
    tx.execute("DELETE FROM recovery_codes WHERE user_id = $1", params![user]).await.map(drop)
}

/// A code as somebody typed it: in capitals or not, with hyphens or blanks or without, and with letters that look like digits (Crockford's base32). None
/// where it can be none.
pub fn read(text: &str) -> Option<String> {
    let letters = text.chars().filter(|letter| !matches!(letter, ' ' | '-')).map(|letter| match letter.to_ascii_lowercase() {
        'o' => '0',
        'i' | 'l' => '1',
        letter => letter,
    });
    let code: String = letters.collect();
    (code.chars().count() == limits::RECOVERY_CODE_LETTERS && hash::from_base32(&code).is_some()).then_some(code)
}

fn shown(code: &str) -> String {
    let letters: Vec<char> = code.chars().collect();
    letters.chunks(4).map(|group| group.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

/// 80 random bits need no slow hash.
fn hashed(user: &str, code: &str) -> String {
    hash::sha256(&[b"recovery-code", user.as_bytes(), code.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    #[test]
    fn a_code_is_read_however_it_is_typed() {
        let code = "0123456789abcdef";
        for typed in [code, "0123-4567-89ab-cdef", "0123 4567 89AB CDEF", "OI23-4567-89ab-cdef", "oL23456789abcdef"] {
            assert_eq!(read(typed).as_deref(), Some(code), "{typed}");
        }
        for nonsense in ["", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeu", "0123456789abcde\u{e9}", "----"] {
            assert_eq!(read(nonsense), None, "{nonsense}");
        }
        assert_eq!(shown(code), "0123-4567-89ab-cdef");
    }

    #[test]
    fn each_is_good_once_for_its_owner_until_new_ones_are_made() {
        for database in Database::all() {
            database.enter();
            for user in ["eu_ada", "eu_eve"] {
                database.run(&format!(
                    "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('{user}', '{user}', 'x', 'x', 1, 0)"
                ));
            }
            ready(async {
                let mut tx = sql::write().await.unwrap();
                let codes = make(&mut tx, "eu_ada").await.unwrap();
                let distinct: std::collections::BTreeSet<_> = codes.iter().collect();
                assert_eq!((codes.len(), distinct.len()), (10, 10));
                let [first, second] = [0, 1].map(|at: usize| read(&codes[at]).unwrap());
                assert!(!accept(&mut tx, "eu_eve", &first).await.unwrap());
                assert!(accept(&mut tx, "eu_ada", &first).await.unwrap());
                assert!(!accept(&mut tx, "eu_ada", &first).await.unwrap(), "once");
                assert_eq!(count(&mut tx, "eu_ada").await.unwrap(), 9);
                make(&mut tx, "eu_ada").await.unwrap();
                assert!(!accept(&mut tx, "eu_ada", &second).await.unwrap(), "there are new ones");
                tx.commit().await.unwrap();
            });
            let stored: Vec<(String,)> = database.all_rows("SELECT hash FROM recovery_codes");
            assert!(stored.len() == 10 && stored.iter().all(|(hash,)| hash.len() == 52));
        }
    }
}
