//! Ticket codes: signed, so that a scanner with the public keys needs no network to tell a good one.
//!
//! ```text
//! EU.T1.06FC8M3CFDR01GZ3YKW1T5QX2M.3-1.4DR0…  (136 letters and digits)
//! ── ── ────────────────────────── ─ ─ ────
//! │  │  booking                    │ │ key id, event, ticket type and signature, in base32
//! │  version                       │ generation
//! region                           number
//! ```
//!
//! A code has only what a QR code's alphanumeric mode has, and at most 200 characters; like an id it begins with its region. What stands
//! before the last full stop is the *reference*: it says which ticket, and lets nobody in, since only the signature shows that somebody was
//! given it. The generation counts how often the ticket was given out anew: with every transfer it grows, and the codes before it are void.
//!
//! The last part is base32 (Crockford's alphabet) of 85 bytes: 5 of the key's id, 8 of the SHA-256 of the event's id, 8 of the ticket
//! type's, and 64 of the Ed25519 signature. Signed are [`DOMAIN`], the reference, and the 21 bytes before the signature.
//!
//! Ed25519 signs the same with the same: a code need not be stored. Another key makes another code of the same ticket; both are good while
//! both keys are trusted, and both have the same reference.

mod code;
mod keys;

pub use code::{Code, Ticket, hash};
pub use keys::{Error, PublicKey, SigningKey};

/// What every signed text begins with: a signature that was made for anything else is none here.
pub const DOMAIN: &[u8] = b"marquee ticket 1\n";

/// Bytes of a code that is looked at.
pub const CODE_BYTES: usize = 256;

/// Crockford's base32, in capitals.
fn base32() -> &'static data_encoding::Encoding {
    static ENCODING: std::sync::LazyLock<data_encoding::Encoding> = std::sync::LazyLock::new(|| {
        let mut specification = data_encoding::Specification::new();
        specification.symbols.push_str("0123456789ABCDEFGHJKMNPQRSTVWXYZ");
        #[expect(clippy::expect_used, reason = "an alphabet of 32 different symbols is one")]
        specification.encoding().expect("an alphabet")
    });
    &ENCODING
}
