//! What a refresh token that somebody shows is worth: pure.

use crate::limits;

/// A session, as its row has it. Instants are microseconds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Hash of the newest refresh token.
    pub refresh_hash: String,
    /// Hash of the one before.
    pub previous_hash: Option<String>,
    /// When the newest replaced the one before.
    pub rotated_at: i64,
    /// When the newest ends if it is not used.
    pub expires_at: i64,
    /// When the session was ended.
    pub revoked_at: Option<i64>,
    /// When it began.
    pub created_at: i64,
}

/// What to do about a refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// It is the newest: replace it.
    Rotate,
    /// It is the one before, and was replaced just now: the answer was probably lost, so give the newest again.
    Repeat,
    /// It was replaced long ago: somebody has a copy. End the session.
    Reused,
    /// It never was one of this session's: whoever made it up has nothing, and ends nothing.
    MadeUp,
    /// The session has ended already, by logout, reuse or age.
    Ended,
}

/// Decides on a token with hash `shown`, whose successor has hash `next`; `issued`: it proves to be one of ours.
pub fn decide(session: &Session, shown: &str, next: &str, issued: bool, now: i64) -> Decision {
    if session.revoked_at.is_some() || now >= session.expires_at {
        return Decision::Ended;
    }
    if session.refresh_hash == shown {
        return Decision::Rotate;
    }
    let previous = session.previous_hash.as_deref() == Some(shown);
    // The last condition fails where the key that successors follow from has changed meanwhile: then there is no newest to give again.
    let repeated = previous && now < session.rotated_at + limits::GRACE_MICROSECONDS && session.refresh_hash == next;
    if repeated {
        Decision::Repeat
    } else if previous || issued {
        Decision::Reused
    } else {
        Decision::MadeUp
    }
}

/// When a token made at `now` ends, in a session of a guest or of somebody with an account that began at `created_at`.
pub fn expires_at(guest: bool, created_at: i64, now: i64) -> i64 {
    let (unused, longest) = if guest {
        (limits::GUEST_REFRESH_MICROSECONDS, limits::GUEST_SESSION_MICROSECONDS)
    } else {
        (limits::REFRESH_MICROSECONDS, limits::SESSION_MICROSECONDS)
    };
    (now + unused).min(created_at + longest)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_790_000_000_000_000;

    fn session() -> Session {
        Session {
            refresh_hash: "second".to_owned(),
            previous_hash: Some("first".to_owned()),
            rotated_at: NOW,
            expires_at: expires_at(false, NOW, NOW),
            revoked_at: None,
            created_at: NOW,
        }
    }

    #[test]
    fn only_the_newest_rotates_and_the_one_before_has_a_grace() {
        let grace = limits::GRACE_MICROSECONDS;
        for (shown, next, issued, after, decision) in [
            ("second", "third", true, 0, Decision::Rotate),
            // Issued before there were proofs, or under another key: what the database knows is good.
            ("second", "third", false, 0, Decision::Rotate),
            ("second", "third", true, limits::REFRESH_MICROSECONDS - 1, Decision::Rotate),
            ("second", "third", true, limits::REFRESH_MICROSECONDS, Decision::Ended),
            ("first", "second", true, 0, Decision::Repeat),
            ("first", "second", true, grace - 1, Decision::Repeat),
            ("first", "second", true, grace, Decision::Reused),
            ("first", "second", false, grace, Decision::Reused),
            ("first", "under another key", false, 0, Decision::Reused),
            ("long ago", "first", true, 0, Decision::Reused),
            ("made up", "second", false, 0, Decision::MadeUp),
            ("made up", "made up", false, 0, Decision::MadeUp),
        ] {
            assert_eq!(decide(&session(), shown, next, issued, NOW + after), decision, "{shown} {after}");
        }
    }

    #[test]
    fn an_ended_session_stays_ended() {
        let ended = Session { revoked_at: Some(NOW), ..session() };
        for shown in ["second", "first", "made up"] {
            assert_eq!(decide(&ended, shown, "second", true, NOW), Decision::Ended);
        }
    }

    #[test]
    fn a_session_does_not_last_for_ever() {
        for (guest, unused, longest) in [
            (false, limits::REFRESH_MICROSECONDS, limits::SESSION_MICROSECONDS),
            (true, limits::GUEST_REFRESH_MICROSECONDS, limits::GUEST_SESSION_MICROSECONDS),
        ] {
            assert_eq!(expires_at(guest, NOW, NOW), NOW + unused);
            assert_eq!(expires_at(guest, NOW, NOW + longest - 1), NOW + longest);
        }
    }
}
