//! SHA-256 and lower-case base32, for hashes, codes and secrets.

use sha2::{Digest, Sha256};

/// Crockford's alphabet: sorts as the bytes do, and no letter looks like a digit.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Base32 of `bytes`, without padding, most significant bit first.
pub fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            push(&mut text, buffer >> bits);
        }
    }
    if bits > 0 {
        push(&mut text, buffer << (5 - bits));
    }
    text
}

/// The bytes of [`base32`]'s text; none where it is not one, or not the one that these bytes have.
pub fn from_base32(text: &str) -> Option<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len() * 5 / 8);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for letter in text.bytes() {
        let five = u32::try_from(ALPHABET.iter().position(|known| *known == letter)?).ok()?;
        buffer = (buffer << 5) | five;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push(u8::try_from((buffer >> bits) & 0xff).ok()?);
        }
    }
    (base32(&bytes) == text).then_some(bytes)
}

fn push(text: &mut String, five_bits: u32) {
    if let Some(letter) = ALPHABET.get((five_bits & 31) as usize) {
        text.push(char::from(*letter));
    }
}

/// SHA-256 of the parts, each led by its length so that no two lists of parts collide, as base32.
pub fn sha256(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    base32(&hash.finalize())
}

/// 256 random bits as base32: a secret, a seed, a token.
pub fn secret() -> String {
    base32(&random::<32>())
}

/// Random bytes, asked of the host many at a time. Each is given out once.
#[derive(Debug)]
pub struct Randomness {
    ahead: usize,
    bytes: Vec<u8>,
}

impl Randomness {
    /// Asks for so many bytes at once.
    #[must_use]
    pub fn new(ahead: usize) -> Self {
        Self { ahead, bytes: Vec::new() }
    }

    /// The next bytes.
    pub fn take<const N: usize>(&mut self) -> [u8; N] {
        if self.bytes.len() < N {
            self.bytes = vec![0; self.ahead.max(N)];
            fill(&mut self.bytes);
        }
        let mut taken = [0; N];
        let rest = self.bytes.split_off(self.bytes.len() - N);
        taken.copy_from_slice(&rest);
        taken
    }
}

/// Random bytes from the host. Without randomness nothing is safe to do, so a failure traps.
pub fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    fill(&mut bytes);
    bytes
}

fn fill(bytes: &mut [u8]) {
    #[expect(clippy::expect_used, reason = "going on without randomness would make guessable secrets")]
    getrandom::fill(bytes).expect("the host gives random bytes");
}

/// Whether two secrets are equal, in a time that does not depend on where they differ.
pub fn same_secret(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |all, (x, y)| all | (x ^ y)) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base32_keeps_the_order_of_bytes() {
        assert_eq!(base32(&[]), "");
        assert_eq!(base32(&[0xff]), "zw");
        assert_eq!(base32(&[0; 16]).len(), 26);
        assert!(base32(&[1, 2, 3, 4]) < base32(&[1, 2, 4, 0]));
        for bytes in [&[][..], &[0], &[0xff; 32], b"marquee"] {
            assert_eq!(from_base32(&base32(bytes)).as_deref(), Some(bytes));
        }
        for nonsense in ["z", "zz", "A0", "0i", "ü0"] {
            assert_eq!(from_base32(nonsense), None, "{nonsense}");
        }
    }

    #[test]
    fn random_bytes_are_never_reused() {
        let mut randomness = Randomness::new(40);
        let all: std::collections::BTreeSet<[u8; 16]> = (0..100).map(|_| randomness.take()).collect();
        assert_eq!(all.len(), 100);
        assert_ne!(randomness.take::<64>(), [0; 64]);
    }

    #[test]
    fn hash_parts_are_delimited() {
        assert_ne!(sha256(&[b"ab", b"c"]), sha256(&[b"a", b"bc"]));
    }
}
