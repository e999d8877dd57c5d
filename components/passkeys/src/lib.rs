//! Passkeys: what a browser and its authenticator say of a credential, and whether it is true.
//!
//! This is what Web Authentication has a relying party verify (Level 3, <https://www.w3.org/TR/webauthn-3/>), step by step, in its order and by its
//! numbers: of a new credential in [`registration`] (§7.1), and of a login in [`authentication`] (§7.2). It is pure: who calls keeps challenges and
//! credentials, and looks them up.
//!
//! The user must have been verified, so that a passkey stands for two factors: to have it, and to unlock it. What nobody here asks for is refused:
//! attestation by a manufacturer, pages in frames of other sites, and keys that are not ES256, Ed25519 or RS256.
//!
//! No library does this here: `webauthn-rs` needs OpenSSL, which no component may; those in pure Rust hold challenges in states of their own, in the clear
//! and by a node's clock, where ours are hashes in the database and end by its clock. What is hard is theirs all the same: signatures are checked by
//! `p256`, `ed25519-dalek` and `rsa`, which access tokens bring anyway, and CBOR is read by `ciborium`.

pub mod authentication;
mod authenticator_data;
mod client_data;
mod json;
pub mod limits;
mod public_key;
pub mod registration;
mod relying_party;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
#[cfg(test)]
mod tests;

pub use authentication::Authentication;
pub use public_key::ALGORITHMS;
pub use registration::Registration;
pub use relying_party::{BadUrl, RelyingParty};

/// Why what somebody sent is not accepted. The texts go on after "what was sent".
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It cannot be read.
    #[error("is not what a browser sends: {0}")]
    Malformed(&'static str),
    /// A login where a registration was asked for, or the other way round.
    #[error("answers another question than was asked")]
    Type,
    /// Its challenge is not the one that was issued.
    #[error("answers another challenge")]
    Challenge,
    /// A page of another site asked for it.
    #[error("comes from another origin")]
    Origin,
    /// A page in a frame of another site asked for it.
    #[error("comes from a page in another site's frame")]
    Embedded,
    /// The authenticator made it for another relying party.
    #[error("is for another relying party")]
    RelyingParty,
    /// Nobody has touched the authenticator.
    #[error("was made while nobody was present")]
    UserPresence,
    /// The authenticator has not verified its user, by a PIN, a finger or the like.
    #[error("was made without verifying the user")]
    UserVerification,
    /// It is backed up although it cannot be, or can be although it could not before.
    #[error("contradicts itself, or what it was before, in whether it is backed up")]
    Backup,
    /// Its key is of another kind than those asked for, or not a good one.
    #[error("has a key of a kind that is not accepted")]
    Key,
    /// Its attestation is not one that is accepted, or not true.
    #[error("has an attestation that is not accepted")]
    Attestation,
    /// Its id is too long, or two things.
    #[error("has an id that is not accepted")]
    CredentialId,
    /// It is another user's.
    #[error("belongs to another user")]
    User,
    /// Its signature is not its key's.
    #[error("has a wrong signature")]
    Signature,
}
