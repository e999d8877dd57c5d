//! The secrets of second factors at rest: encrypted with the first key of the variable `totp_key` (see [`kit::sealing`]). What is encrypted with another
//! is encrypted anew at the next start.

use crate::limits;
use kit::sealing::{Keys, Sealed, Source};
use kit::{Problem, config, params, router, sql};
use std::sync::atomic::{AtomicBool, Ordering};

/// The variable.
const VARIABLE: &str = "totp_key";

/// The keys.
pub static KEYS: Source = Source::new(VARIABLE, "totp_keys", "totp-key");
/// Whether this instance has nothing left to encrypt anew.
static DONE: AtomicBool = AtomicBool::new(false);

/// Decrypts a user's secret.
pub fn open(keys: &Keys, user: &str, sealed: &Sealed) -> Result<Vec<u8>, Problem> {
    keys.open(user, sealed).ok_or_else(|| {
        let id = &sealed.key_id;
        Problem::internal(format_args!(
            "the second factor of {user} cannot be decrypted: its key {id} is not in {VARIABLE}, or it is not as it was encrypted"
        ))
    })
}

/// Sees to it that what is encrypted with another key than the first is encrypted with that one; gives how many there were. Free once this instance
/// has seen it done. Nothing where no key is configured.
pub async fn ensure() -> Result<u32, Problem> {
    if DONE.load(Ordering::Relaxed) {
        return Ok(0);
    }
    let text = config::optional(VARIABLE).await?;
    if let Some(Err(fault)) = text.as_deref().map(|text| KEYS.parse(text)) {
        // Who needs it is told; everybody else goes on.
        router::log(&format!("variable {VARIABLE}: {fault}; second factors do not work"));
    } else if text.is_some() {
        let renewed = renew(&*KEYS.keys().await?).await?;
        if renewed > 0 {
            router::log(&format!("{renewed} second factors are encrypted with the first key of {VARIABLE} now"));
            return Ok(renewed);
        }
    }
    DONE.store(true, Ordering::Relaxed);
    Ok(0)
}

/// Encrypts some of them anew.
async fn renew(keys: &Keys) -> Result<u32, Problem> {
    let mut renewed = 0;
    for other in keys.others() {
        let mut tx = sql::write().await?;
        let statement = "SELECT user_id, secret FROM totp WHERE key_id = $1 ORDER BY user_id LIMIT $2";
        let rows: Vec<(String, String)> = tx.all(statement, params![other, limits::TOTP_RENEWED]).await?;
        for (user, text) in rows {
            let before = Sealed { key_id: other.to_owned(), text };
            let Some(secret) = keys.open(&user, &before) else { continue };
            let sealed = keys.seal(&user, &secret)?;
            let statement = "UPDATE totp SET secret = $3, key_id = $4 WHERE user_id = $1 AND secret = $2";
            tx.execute(statement, params![&user, &before.text, sealed.text, sealed.key_id]).await?;
            renewed += 1;
        }
        tx.commit().await?;
    }
    Ok(renewed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    #[test]
    fn what_an_older_key_has_encrypted_is_encrypted_anew() {
        const NEWER: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";
        for database in Database::all() {
            database.enter();
            let sealed = ready(KEYS.load(None)).unwrap().seal("eu_ada", b"secret").unwrap();
            database.run("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_ada', 'a', 'Ada', 'x', 1, 0)");
            database.run(&format!(
                "INSERT INTO totp (user_id, secret, key_id, last_step, created_at) VALUES ('eu_ada', '{}', '{}', 0, 0)",
                sealed.text, sealed.key_id
            ));
            // The one that was made is there as well.
            let after = ready(KEYS.load(Some(NEWER))).unwrap();
            assert_eq!((ready(renew(&after)).unwrap(), ready(renew(&after)).unwrap()), (1, 0));
            let stored: Vec<(String, String)> = database.all_rows("SELECT key_id, secret FROM totp");
            let [(key_id, text)] = &stored[..] else { panic!("{stored:?}") };
            let sealed = Sealed { key_id: key_id.clone(), text: text.clone() };
            assert_eq!(KEYS.parse(NEWER).unwrap().open("eu_ada", &sealed).unwrap(), b"secret");
        }
    }
}
