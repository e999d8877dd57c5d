//! Passwords: what one may be, and argon2id.

use crate::limits;
use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{self, SaltString},
};

/// The hash of a password that nobody has, with the parameters that [`hash`] uses: what a login with an unknown email is checked against,
/// so that it takes as long as one with a known email.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bWFycXVlZS1ub2JvZHkhIQ$qQ84g47uOqkRU40g/+T9u+zwPnxcr3g6BwOBxXnsBgs";

/// Whether a password may be chosen; if not, why not.
///
/// Length is what counts (NIST SP 800-63B §3.1.1.2): no rules about kinds of characters, which make passwords that people write down.
pub fn check(password: &str, email: &str) -> Result<(), &'static str> {
    let characters = password.chars().count();
    if characters < *limits::PASSWORD_CHARACTERS.start() {
        return Err("has fewer than 8 characters");
    }
    if characters > *limits::PASSWORD_CHARACTERS.end() {
        return Err("has more than 256 characters");
    }
    if password.eq_ignore_ascii_case(email) {
        return Err("is the email address");
    }
    let mut all = password.chars();
    let first = all.next();
    if all.all(|character| Some(character) == first) {
        return Err("is one character, repeated");
    }
    Ok(())
}

/// A PHC string with these 16 random bytes as its salt. Takes some 25 ms and 19 MiB: never inside a transaction.
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<String, password_hash::Error> {
    let salt = SaltString::encode_b64(salt)?;
    Ok(argon2()?.hash_password(password.as_bytes(), &salt)?.to_string())
}

/// Whether this is the password. Without a stored hash it is not, after the same work.
pub fn verify(password: &str, stored: Option<&str>) -> Result<bool, password_hash::Error> {
    let hash = PasswordHash::new(stored.unwrap_or(NOBODY))?;
    // The parameters are the stored hash's own.
    match argon2()?.verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(stored.is_some()),
        Err(password_hash::Error::Password) => Ok(false),
        Err(error) => Err(error),
    }
}

fn argon2() -> Result<Argon2<'static>, password_hash::Error> {
    let params = Params::new(limits::ARGON2_KIB, limits::ARGON2_PASSES, limits::ARGON2_LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_what_counts() {
        for (password, good) in [
            ("correct horse battery", true),
            ("pässwörd", true),
            ("1234567", false),
            ("", false),
            ("aaaaaaaaaaaa", false),
            ("Ada@Example.com", false),
            (&*"ab".repeat(128), true),
            (&*"ab".repeat(129), false),
        ] {
            assert_eq!(check(password, "ada@example.com").is_ok(), good, "{password}");
        }
    }

    #[test]
    fn a_hash_knows_its_password_and_names_its_parameters() {
        let stored = hash("correct horse battery", &[7; 16]).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify("correct horse battery", Some(&stored)).unwrap());
        assert!(!verify("correct horse batterz", Some(&stored)).unwrap());
        assert_ne!(stored, hash("correct horse battery", &[8; 16]).unwrap());
    }

    #[test]
    fn nobody_has_no_password_and_costs_the_same() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = hash("correct horse battery", &[7; 16]).unwrap();
        let somebody = PasswordHash::new(&somebody).unwrap();
        assert_eq!(nobody.params, somebody.params);
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.hash.unwrap().len(), somebody.hash.unwrap().len());
        assert!(!verify("correct horse battery", None).unwrap());
    }
}
