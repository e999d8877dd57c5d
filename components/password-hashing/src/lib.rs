//! Hashing of passwords with argon2id. Pure: salts come from the caller.

pub mod limits;

use argon2::{
    Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::{self, SaltString},
};

/// The hash of a password that nobody has, with the parameters that [`hash`] uses: what a password is checked against where there is no account,
/// so that it takes as long as where there is one.
const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$bWFycXVlZS1ub2JvZHkhIQ$qQ84g47uOqkRU40g/+T9u+zwPnxcr3g6BwOBxXnsBgs";

/// A stored hash that is none, or too little memory.
#[derive(Debug, thiserror::Error)]
#[error("argon2: {0}")]
pub struct Error(password_hash::Error);

/// A PHC string with these 16 random bytes as its salt. Takes some 25 ms and 19 MiB.
///
/// # Errors
/// See [`Error`].
pub fn hash(password: &str, salt: &[u8; 16]) -> Result<String, Error> {
    let salt = SaltString::encode_b64(salt).map_err(Error)?;
    Ok(argon2()?.hash_password(password.as_bytes(), &salt).map_err(Error)?.to_string())
}

/// Whether this is the password. Without a stored hash it is not, after the same work.
///
/// # Errors
/// See [`Error`].
pub fn verify(password: &str, stored: Option<&str>) -> Result<bool, Error> {
    let hash = PasswordHash::new(stored.unwrap_or(NOBODY)).map_err(Error)?;
    // The parameters are the stored hash's own.
    match argon2()?.verify_password(password.as_bytes(), &hash) {
        Ok(()) => Ok(stored.is_some()),
        Err(password_hash::Error::Password) => Ok(false),
        Err(error) => Err(Error(error)),
    }
}

fn argon2() -> Result<Argon2<'static>, Error> {
    let params = Params::new(limits::ARGON2_KIB, limits::ARGON2_PASSES, limits::ARGON2_LANES, None);
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params.map_err(|error| Error(error.into()))?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_verifies_its_password_and_names_its_parameters() {
        let stored = hash("correct horse battery", &[7; 16]).unwrap();
        assert!(stored.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{stored}");
        assert!(verify("correct horse battery", Some(&stored)).unwrap());
        assert!(!verify("correct horse batterz", Some(&stored)).unwrap());
        assert_ne!(stored, hash("correct horse battery", &[8; 16]).unwrap());
        assert!(verify("correct horse battery", Some("nonsense")).is_err());
    }

    #[test]
    fn an_unknown_account_costs_the_same_hashing() {
        let nobody = PasswordHash::new(NOBODY).unwrap();
        let somebody = hash("correct horse battery", &[7; 16]).unwrap();
        let somebody = PasswordHash::new(&somebody).unwrap();
        assert_eq!(nobody.params, somebody.params);
        assert_eq!(nobody.algorithm, somebody.algorithm);
        assert_eq!(nobody.hash.unwrap().len(), somebody.hash.unwrap().len());
        assert!(!verify("correct horse battery", None).unwrap());
    }
}
