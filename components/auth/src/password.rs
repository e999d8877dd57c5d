//! Passwords: what one may be. How they are hashed: [`crate::hasher`].

use crate::limits;
use std::borrow::Cow;
use unicode_normalization::{UnicodeNormalization as _, is_nfc};

/// A password as it is hashed: in Unicode's normalization form C, so that it does not matter how a keyboard composes its characters (NIST SP
/// 800-63B §3.1.1.2).
pub fn prepared(password: &str) -> Cow<'_, str> {
    if is_nfc(password) { Cow::Borrowed(password) } else { Cow::Owned(password.nfc().collect()) }
}

/// Whether a password, as [`prepared`], may be chosen; if not, why not.
///
/// Length is what counts (NIST SP 800-63B §3.1.1.2): no rules about kinds of characters, which make passwords that people write down. But those
/// that everybody tries first are none.
pub fn check(password: &str, email: &str) -> Result<(), &'static str> {
    let characters = password.chars().count();
    if characters < *limits::PASSWORD_CHARACTERS.start() {
        return Err("has fewer than 8 characters");
    }
    if characters > *limits::PASSWORD_CHARACTERS.end() {
        return Err("has more than 256 characters");
    }
    let lower = password.to_lowercase();
    if lower == email || email.split('@').next() == Some(&lower) {
        return Err("is the email address");
    }
    let mut all = password.chars();
    let first = all.next();
    if all.all(|character| Some(character) == first) {
        return Err("is one character, repeated");
    }
    if [password, &lower].into_iter().any(passwords::analyzer::is_common_password) {
        return Err("is one of the passwords that are tried first: choose one that only you would think of");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_what_counts_and_what_everybody_tries_first_is_refused() {
        for (password, good) in [
            ("correct horse battery", true),
            ("pässwörd", true),
            ("1234567", false),
            ("", false),
            ("aaaaaaaaaaaa", false),
            ("Ada@Example.com", false),
            ("password", false),
            ("PassWord", false),
            ("12345678", false),
            ("qwertyuiop", false),
            ("iloveyou", false),
            (&*"ab".repeat(128), true),
            (&*"ab".repeat(129), false),
        ] {
            assert_eq!(check(password, "ada@example.com").is_ok(), good, "{password}");
        }
        assert!(check("ada.lovelace", "ada.lovelace@example.com").is_err());
    }

    #[test]
    fn a_password_is_the_same_however_it_was_typed() {
        let (composed, decomposed) = ("p\u{e4}ssw\u{f6}rd", "pa\u{308}sswo\u{308}rd");
        assert_ne!(composed, decomposed);
        assert_eq!(prepared(decomposed), composed);
        assert!(matches!(prepared(composed), Cow::Borrowed(_)));
        // Compatibility is another matter: what looks different is different.
        assert_ne!(prepared("ｐassword"), prepared("password"));
    }
}
