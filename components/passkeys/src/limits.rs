//! Every bound of this crate.

use std::ops::RangeInclusive;

/// Bytes of a credential's id (§7.1, step 25).
pub const CREDENTIAL_ID_BYTES: RangeInclusive<usize> = 1..=1023;
/// Bits of an RSA key's modulus: less is too weak, and more is work for nothing.
pub const RSA_BITS: RangeInclusive<usize> = 2048..=4096;
/// Depth of nested CBOR: an attestation object holds a statement, and that a list.
pub const CBOR_DEPTH: usize = 8;
