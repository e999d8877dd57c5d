//! Tries at an account's password or second factor, mails that somebody can have sent, and invitations: each one slows the next down, and none locks
//! anybody out.
//!
//! Tries are counted before the password is looked at, so that many at once are not many for the price of one. Those from a network that the
//! account has been used from are counted apart: whoever guesses elsewhere does not slow down the owner at home. An address that nobody has is
//! counted like any other.

use crate::limits;
use kit::{Problem, hash, params, problem, sql};

/// How fast what is counted may come.
pub struct Pace {
    /// Why the next one has to wait.
    why: &'static str,
    /// So many come freely.
    free: i64,
    /// How long the next one waits then, in microseconds; it doubles with each.
    first: i64,
    /// How long one waits at most.
    longest: i64,
    /// After how long without any they are forgotten.
    forgotten: i64,
}

/// Of tries at a password.
pub const LOGIN: Pace = Pace {
    why: "There were wrong passwords for this account just now: wait a moment.",
    free: limits::FREE_ATTEMPTS,
    first: kit::time::SECOND,
    longest: limits::LONGEST_DELAY,
    forgotten: limits::ATTEMPTS_MICROSECONDS,
};

/// Of tries at a second factor.
pub const SECOND_FACTOR: Pace = Pace {
    why: "There were wrong codes for this account just now: wait a moment.",
    free: limits::FREE_CODES,
    first: kit::time::SECOND,
    longest: limits::LONGEST_CODE_DELAY,
    forgotten: limits::CODES_MICROSECONDS,
};

/// Of mails of one kind to one address.
pub const MAIL: Pace = Pace {
    why: "There were mails of this kind just now: look for them, or wait a while.",
    free: limits::FREE_MAILS,
    first: limits::MAIL_DELAY.0,
    longest: limits::MAIL_DELAY.1,
    forgotten: limits::MAILS_MICROSECONDS,
};

/// Of guests with one address.
pub const GUESTS: Pace = Pace {
    why: "There were many orders for this address just now: wait a while, or log in.",
    free: limits::FREE_GUESTS,
    first: limits::GUEST_DELAY.0,
    longest: limits::GUEST_DELAY.1,
    forgotten: limits::MAILS_MICROSECONDS,
};

/// Of invitations by one organiser.
pub const INVITING: Pace = Pace {
    why: "This organiser has invited many people just now: wait a while.",
    free: limits::FREE_INVITATIONS,
    first: limits::INVITING_DELAY.0,
    longest: limits::INVITING_DELAY.1,
    forgotten: limits::MAILS_MICROSECONDS,
};

/// What invitations by this organiser are counted under.
pub fn inviting_key(organiser: &str) -> String {
    hash::sha256(&[b"inviting", organiser.as_bytes()])
}

/// What mails of this kind, to this address or for this account, are counted under.
pub fn mail_key(kind: &str, about: &str) -> String {
    hash::sha256(&[kind.as_bytes(), about.as_bytes()])
}

/// What tries at this account, from this network, are counted under; `known`: the account has been used from there.
pub fn key(email: &str, network: Option<&str>, known: bool) -> String {
    let from = network.filter(|_| known).unwrap_or_default();
    hash::sha256(&[b"login", email.as_bytes(), from.as_bytes()])
}

/// What tries at this user's second factor are counted under; see [`key`].
pub fn second_factor_key(user: &str, network: Option<&str>, known: bool) -> String {
    let from = network.filter(|_| known).unwrap_or_default();
    hash::sha256(&[b"second-factor", user.as_bytes(), from.as_bytes()])
}

/// Counts a try.
///
/// # Errors
/// It comes too soon after another one: 429, and when to try again.
pub async fn count(tx: &mut sql::Tx, key: &str, pace: &Pace) -> Result<(), Problem> {
    let now = tx.now();
    // One that was refused counts for nothing: else whoever goes on trying would put the owner off for good. Of two at once either may write first,
    // whichever came first: one that puts nothing off has no time.
    let counted: Option<(i64,)> = tx
        .one(
            "INSERT INTO login_attempts (account, failures, next_at, updated_at) VALUES ($1, 1, 0, $2) \
             ON CONFLICT (account) DO UPDATE SET \
             failures = CASE WHEN login_attempts.updated_at < $3 THEN 1 ELSE login_attempts.failures + 1 END, updated_at = $2 \
             WHERE login_attempts.next_at <= $2 RETURNING failures",
            params![key, now, now - pace.forgotten],
        )
        .await?;
    let Some((failures,)) = counted else {
        let next: Option<(i64,)> = tx.one("SELECT next_at FROM login_attempts WHERE account = $1", params![key]).await?;
        let wait = next.map_or(0, |(next,)| next - now);
        let seconds = wait.div_euclid(kit::time::SECOND) + 1;
        return Err(Problem::new(problem::RATE_LIMITED, pace.why).with("retry-after", seconds.to_string()));
    };
    let next = match pace.delay(failures) {
        0 => 0,
        delay => now + delay,
    };
    tx.execute("UPDATE login_attempts SET next_at = $2 WHERE account = $1", params![key, next]).await?;
    Ok(())
}

/// The password was right.
pub async fn forget(tx: &mut sql::Tx, key: &str) -> Result<(), sql::Error> {
    tx.execute("DELETE FROM login_attempts WHERE account = $1", params![key]).await.map(drop)
}

impl Pace {
    /// How long after so many the next may come, in microseconds: people mistype, and then it doubles.
    fn delay(&self, failures: i64) -> i64 {
        match u32::try_from(failures - self.free) {
            Ok(beyond @ 1..) => (self.first << (beyond - 1).min(20)).min(self.longest),
            _ => 0,
        }
    }
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
            test(&database);
        }
    }

    /// Tries; how many seconds to wait where it comes too soon.
    fn attempt(key: &str) -> Result<(), i64> {
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let counted = count(&mut tx, key, &LOGIN).await;
            tx.commit().await.unwrap();
            counted.map_err(|problem| {
                assert_eq!(problem.kind.status, 429);
                problem.headers.iter().find(|(name, _)| *name == "retry-after").unwrap().1.parse().unwrap()
            })
        })
    }

    #[test]
    fn a_wrong_password_slows_the_next_try_and_never_locks_the_owner_out() {
        on_each(|database| {
            let key = key("ada@example.com", Some("192.0.2.0/24"), false);
            for _ in 0..=limits::FREE_ATTEMPTS {
                assert_eq!(attempt(&key), Ok(()));
            }
            let mut now = NOW;
            for seconds in [1, 2, 4, 8, 16, 30, 30, 30] {
                assert_eq!(attempt(&key), Err(seconds + 1));
                // To go on trying does not put it off.
                database.set_now(now + seconds * kit::time::SECOND - 1);
                assert_eq!(attempt(&key), Err(1));
                now += seconds * kit::time::SECOND;
                database.set_now(now);
                assert_eq!(attempt(&key), Ok(()), "after {seconds} s");
            }
            // A right one ends it.
            ready(async {
                let mut tx = sql::write().await.unwrap();
                forget(&mut tx, &key).await.unwrap();
                tx.commit().await.unwrap();
            });
            for _ in 0..=limits::FREE_ATTEMPTS {
                assert_eq!(attempt(&key), Ok(()));
            }
            // And so does time.
            assert!(attempt(&key).is_err());
            database.set_now(now + limits::ATTEMPTS_MICROSECONDS + kit::time::SECOND);
            for _ in 0..=limits::FREE_ATTEMPTS {
                assert_eq!(attempt(&key), Ok(()));
            }
        });
    }

    #[test]
    fn one_that_came_first_and_is_counted_last_is_not_put_off() {
        on_each(|database| {
            let key = key("grace@example.com", None, false);
            for earlier in 0..=limits::FREE_ATTEMPTS {
                database.set_now(NOW - earlier);
                assert_eq!(attempt(&key), Ok(()), "{earlier} µs before the first");
            }
            database.set_now(NOW);
            assert_eq!(attempt(&key), Err(1), "what is free is used up");
        });
    }

    #[test]
    fn who_guesses_elsewhere_does_not_slow_down_the_owner_at_home() {
        let (home, away) = (Some("192.0.2.0/24"), Some("198.51.100.0/24"));
        let email = "ada@example.com";
        assert_ne!(key(email, home, true), key(email, away, false));
        // Wherever strangers come from, there is one count of them all.
        assert_eq!(key(email, home, false), key(email, away, false));
        assert_eq!(key(email, None, false), key(email, away, false));
        assert_ne!(key(email, home, false), key("eve@example.com", home, false));
    }
}
