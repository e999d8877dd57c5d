//! One-time codes by time (TOTP, RFC 6238, over HOTP, RFC 4226): HMAC-SHA-1, six digits, a new one every 30 seconds. Apps know no other kind for sure.

use crate::limits;
use hmac::{Hmac, Mac as _};
use sha1::Sha1;

/// Digits of a code.
pub const DIGITS: usize = 6;
/// Seconds of a step: how long a code is shown.
pub const STEP_SECONDS: i64 = 30;

/// The step that an instant, in microseconds, is in.
pub fn step(now: i64) -> i64 {
    now.div_euclid(STEP_SECONDS * kit::time::SECOND)
}

/// The step whose code this is: the present one, or one of those beside it, since clocks differ and people are slow. None but those after `used`
/// count, so that each is good once.
pub fn find(secret: &[u8], code: &str, now: i64, used: i64) -> Option<i64> {
    let present = step(now);
    let candidates = present - limits::TOTP_STEPS_BESIDE..=present + limits::TOTP_STEPS_BESIDE;
    // All of them, so that the time it takes says nothing.
    let right = candidates.filter(|step| kit::hash::same_secret(self::code(secret, *step).as_bytes(), code.as_bytes()));
    right.filter(|step| *step > used).max()
}

/// The code of a step (RFC 4226 §5.3).
fn code(secret: &[u8], step: i64) -> String {
    #[expect(clippy::expect_used, reason = "HMAC takes a key of any length")]
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("HMAC takes a key of any length");
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let offset = usize::from(mac.last().copied().unwrap_or_default() & 0x0f);
    let taken = mac.iter().skip(offset).take(4).fold(0u32, |number, byte| (number << 8) | u32::from(*byte));
    format!("{:0width$}", (taken & 0x7fff_ffff) % 10u32.pow(DIGITS as u32), width = DIGITS)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The secret of RFC 4226, appendix D, and of RFC 6238, appendix B.
    const SECRET: &[u8] = b"12345678901234567890";

    #[test]
    fn codes_are_those_of_the_rfcs() {
        for (step, expected) in
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"]
                .iter()
                .enumerate()
        {
            assert_eq!(code(SECRET, step as i64), *expected);
        }
        // RFC 6238 has eight digits, of which these are the last six.
        for (seconds, expected) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_111_111_111, "050471"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
            (20_000_000_000, "353130"),
        ] {
            assert_eq!(code(SECRET, step(seconds * kit::time::SECOND)), expected);
        }
    }

    #[test]
    fn a_code_is_good_for_its_step_and_those_beside_it_and_once() {
        let now = 1_234_567_890 * kit::time::SECOND;
        let present = step(now);
        for away in -3..=3 {
            let expected = (-1..=1).contains(&away).then_some(present + away);
            assert_eq!(find(SECRET, &code(SECRET, present + away), now, 0), expected, "{away}");
        }
        assert_eq!(find(SECRET, &code(SECRET, present), now, present), None, "it was used");
        assert_eq!(find(SECRET, &code(SECRET, present - 1), now, present), None, "a newer one was used");
        assert_eq!(find(SECRET, &code(SECRET, present + 1), now, present), Some(present + 1));
        for nonsense in ["", "00000", "0059245", "000000"] {
            assert_eq!(find(SECRET, nonsense, now, 0), None, "{nonsense}");
        }
    }
}
