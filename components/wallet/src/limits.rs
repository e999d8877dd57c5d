//! Every bound of this crate.

use crate::google::Detail;
use std::ops::RangeInclusive;

/// Bytes of a key's modulus: 2048 to 4096 bits, as both wallets take them.
pub const MODULUS_BYTES: RangeInclusive<usize> = 256..=512;
/// Certificates of a chain: that of the passes, and those between it and Apple's root.
pub const CERTIFICATES: RangeInclusive<usize> = 2..=5;
/// Bytes of certificates or of a key, in PEM.
pub const PEM_BYTES: usize = 32 * 1024;
/// Characters of the token in a link: what Google says that every browser takes.
pub const TOKEN: usize = 1_800;
/// How much is in a token, and how many characters of each text, the most first: the first is taken with which it is no longer than [`TOKEN`].
pub const TOKEN_CONTENTS: [(Detail, usize); 6] =
    [(Detail::Full, 200), (Detail::Lean, 80), (Detail::Lean, 40), (Detail::Bare, 40), (Detail::Bare, 20), (Detail::Bare, 10)];
