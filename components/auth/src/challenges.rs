//! Challenges: what was asked of somebody who logs in or adds a passkey, until they answer. Each is good for a few minutes, and stored as a hash.

use crate::{limits, transport::Transport};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kit::{Problem, config, hash, params, problem, sql};

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Question {
    /// The second factor of who has shown the password; the session that then begins has this transport.
    SecondFactor(Transport),
    /// A new passkey, of a session that is logged in.
    PasskeyRegistration,
    /// Any passkey, of whoever logs in.
    PasskeyLogin,
}

impl Question {
    const fn purpose(self) -> &'static str {
        match self {
            Self::SecondFactor(_) => "second-factor",
            Self::PasskeyRegistration => "passkey-registration",
            Self::PasskeyLogin => "passkey-login",
        }
    }
}

/// Whom a challenge is put to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked<'a> {
    /// None where whoever answers says who they are.
    pub user: Option<&'a str>,
    /// Where only the session that asks may answer.
    pub session: Option<&'a str>,
}

/// A new challenge: 256 random bits in base64url.
///
/// # Errors
/// 503 where so many are unanswered that no more are issued.
pub async fn issue(tx: &mut sql::Tx, question: Question, asked: Asked<'_>) -> Result<String, Problem> {
    let now = tx.now();
    // Our host's retention does it by itself.
    if !config::own_host() {
        let statement = "DELETE FROM challenges WHERE hash IN \
                         (SELECT hash FROM challenges WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)";
        tx.execute(statement, params![now, limits::CHALLENGES_TIDIED]).await?;
    }
    if asked.user.is_none() {
        let statement = "SELECT COUNT(*) FROM challenges WHERE user_id IS NULL AND expires_at > $1";
        let (open,) = tx.one::<(i64,)>(statement, params![now]).await?.unwrap_or_default();
        if open >= limits::CHALLENGES {
            return Err(Problem::unavailable("Too many people log in at once.", limits::CHALLENGES_RETRY_MILLISECONDS));
        }
    }
    let text = URL_SAFE_NO_PAD.encode(hash::random::<32>());
    let transport = match question {
        Question::SecondFactor(transport) => Some(transport.name()),
        Question::PasskeyRegistration | Question::PasskeyLogin => None,
    };
    tx.execute(
        "INSERT INTO challenges (hash, purpose, user_id, session_id, transport, tries_left, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        params![
            hashed(&text),
            question.purpose(),
            asked.user,
            asked.session,
            transport,
            limits::CHALLENGE_TRIES,
            now + limits::CHALLENGE_MICROSECONDS
        ],
    )
    .await?;
    Ok(text)
}

/// Whose second factor this challenge asks for, while it may be answered.
pub async fn user_of_second_factor(tx: &mut sql::Tx, text: &str) -> Result<Option<String>, sql::Error> {
    let now = tx.now();
    let statement =
        "SELECT user_id FROM challenges WHERE hash = $1 AND purpose = 'second-factor' AND expires_at > $2 AND tries_left > 0";
    Ok(tx.one::<(String,)>(statement, params![hashed(text), now]).await?.map(|(user,)| user))
}

/// Counts a try at a second factor; gives the transport of the session that may begin. None where no try is left.
pub async fn try_second_factor(tx: &mut sql::Tx, text: &str) -> Result<Option<Transport>, sql::Error> {
    let now = tx.now();
    let statement = "UPDATE challenges SET tries_left = tries_left - 1 \
                     WHERE hash = $1 AND purpose = 'second-factor' AND expires_at > $2 AND tries_left > 0 RETURNING transport";
    Ok(tx.one::<(String,)>(statement, params![hashed(text), now]).await?.map(|(transport,)| Transport::named(&transport)))
}

/// Makes a challenge good for nothing; whether it was good for this, and put to these.
pub async fn take(tx: &mut sql::Tx, question: Question, asked: Asked<'_>, text: &str) -> Result<bool, sql::Error> {
    let now = tx.now();
    let statement = "DELETE FROM challenges WHERE hash = $1 AND purpose = $2 AND COALESCE(user_id, '') = $3 AND COALESCE(session_id, '') = $4 \
                     AND expires_at > $5";
    let (user, session) = (asked.user.unwrap_or_default(), asked.session.unwrap_or_default());
    Ok(tx.execute(statement, params![hashed(text), question.purpose(), user, session, now]).await? > 0)
}

/// Ends the challenges of a user: the password that they rest on is another one, or nobody is to come in.
pub async fn end_all(tx: &mut sql::Tx, user: &str) -> Result<(), sql::Error> {
    tx.execute("DELETE FROM challenges WHERE user_id = $1", params![user]).await.map(drop)
}

/// What a challenge is that was never issued, or may no longer be answered.
pub fn expired() -> Problem {
    Problem::new(problem::CHALLENGE_EXPIRED, "This is no challenge of ours, was answered, or is too old: begin anew.")
}

fn hashed(text: &str) -> String {
    hash::sha256(&[b"challenge", text.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    const NOW: i64 = 1_790_000_000_000_000;

    fn on_each(test: impl Fn(&Database)) {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            database.run("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_ada', 'a', 'Ada', 'x', 1, 0)");
            test(&database);
        }
    }

    fn write<T>(work: impl AsyncFnOnce(&mut sql::Tx) -> T) -> T {
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let done = work(&mut tx).await;
            tx.commit().await.unwrap();
            done
        })
    }

    const ADA: Asked<'_> = Asked { user: Some("eu_ada"), session: None };

    fn issued(question: Question, asked: Asked<'_>) -> String {
        write(async |tx| issue(tx, question, asked).await.unwrap())
    }

    fn tried(text: &str) -> Option<Transport> {
        write(async |tx| try_second_factor(tx, text).await.unwrap())
    }

    #[test]
    fn a_second_factor_has_few_tries_and_little_time() {
        on_each(|database| {
            let text = issued(Question::SecondFactor(Transport::Cookie), ADA);
            let stored: Vec<(String,)> = database.all_rows("SELECT hash FROM challenges");
            assert_ne!(stored[0].0, text, "the database has no secret");
            assert_eq!(write(async |tx| user_of_second_factor(tx, &text).await.unwrap()).as_deref(), Some("eu_ada"));
            for _ in 0..limits::CHALLENGE_TRIES {
                assert_eq!(tried(&text), Some(Transport::Cookie));
            }
            assert_eq!(tried(&text), None, "it is void");
            assert_eq!(write(async |tx| user_of_second_factor(tx, &text).await.unwrap()), None);

            let text = issued(Question::SecondFactor(Transport::Bearer), ADA);
            assert_eq!(tried("made up"), None);
            database.set_now(NOW + limits::CHALLENGE_MICROSECONDS);
            assert_eq!(tried(&text), None, "it is too old");
            database.set_now(NOW + limits::CHALLENGE_MICROSECONDS - 1);
            assert_eq!(tried(&text), Some(Transport::Bearer));
            write(async |tx| end_all(tx, "eu_ada").await.unwrap());
            assert_eq!(tried(&text), None, "its password is another one");
        });
    }

    #[test]
    fn a_challenge_is_good_once_for_what_it_asks_and_whom() {
        on_each(|database| {
            let ada = Asked { user: Some("eu_ada"), session: Some("eu_s") };
            let take = |question, asked, text: &str| write(async |tx| super::take(tx, question, asked, text).await.unwrap());
            let text = issued(Question::PasskeyRegistration, ada);
            assert!(!take(Question::PasskeyLogin, Asked::default(), &text));
            assert!(!take(Question::PasskeyRegistration, Asked { session: Some("eu_t"), ..ada }, &text));
            assert!(!take(Question::PasskeyRegistration, Asked { user: Some("eu_eve"), ..ada }, &text));
            assert!(take(Question::PasskeyRegistration, ada, &text));
            assert!(!take(Question::PasskeyRegistration, ada, &text), "once");

            let text = issued(Question::PasskeyLogin, Asked::default());
            assert!(!take(Question::PasskeyRegistration, ada, &text));
            database.set_now(NOW + limits::CHALLENGE_MICROSECONDS);
            assert!(!take(Question::PasskeyLogin, Asked::default(), &text), "it is too old");
            // The next one tidies it away.
            issued(Question::PasskeyLogin, Asked::default());
            assert_eq!(database.all_rows::<(i64,)>("SELECT COUNT(*) FROM challenges"), [(1,)]);
        });
    }
}
