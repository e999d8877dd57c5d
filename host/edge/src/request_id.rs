//! Request ids: the client's, where it is sane, or a new one.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use http::HeaderValue;

use crate::limits::REQUEST_ID_BYTES;

/// Whether a client's id may be taken: 1 to 64 letters, digits, `_` and `-`, so that it can stand in logs and documents as it is.
#[must_use]
pub fn sane(value: &[u8]) -> bool {
    (1..=REQUEST_ID_BYTES).contains(&value.len())
        && value.iter().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
}

/// A new id: 24 lower-case hexadecimal digits, unique to this process and most likely to the fleet. It is no secret.
#[must_use]
pub fn new() -> HeaderValue {
    // Eight digits that differ from process to process, then a count: no clock and no lock on the hot path.
    static PROCESS: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(std::process::id()));
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let mut text = [0_u8; 24];
    // An odd factor permutes the counts, so that neighbours do not look alike.
    let low = PROCESS.rotate_left(17).wrapping_add(count.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let digits = (u128::from(*PROCESS >> 32) << 64) | u128::from(low);
    for (place, byte) in text.iter_mut().rev().enumerate() {
        let nibble = (digits >> (4 * place)) & 0xf;
        *byte = b"0123456789abcdef".get(usize::try_from(nibble).unwrap_or_default()).copied().unwrap_or(b'0');
    }
    HeaderValue::from_bytes(&text).unwrap_or_else(|_| HeaderValue::from_static("none"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn new_ids_are_valid_and_unique() {
        let ids: HashSet<_> = (0..1_000).map(|_| new()).collect();
        assert_eq!(ids.len(), 1_000);
        assert!(ids.iter().all(|id| sane(id.as_bytes()) && id.len() == 24));
    }

    #[test]
    fn only_valid_request_ids_are_accepted() {
        for (id, taken) in [("abc-123_X", true), ("", false), ("a b", false), ("a\"b", false), ("a\u{e9}", false)] {
            assert_eq!(sane(id.as_bytes()), taken, "{id}");
        }
        assert!(sane(&[b'a'; 64]) && !sane(&[b'a'; 65]));
    }
}
