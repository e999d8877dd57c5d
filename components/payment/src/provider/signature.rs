//! Signed and timestamped webhooks: `t=<Unix seconds>,v1=<hex of HMAC-SHA256 over "t.body">`.

use crate::limits;
use hmac::{Hmac, Mac};
use kit::time::SECOND;
use sha2::Sha256;

/// Whether a header is a signature of this body, made with this secret around `now` (microseconds). Several `v1` may stand in it,
/// so that a provider can change its secret.
pub fn is_good(header: &str, body: &[u8], secret: &str, now: i64) -> bool {
    if header.len() > limits::SIGNATURE_BYTES {
        return false;
    }
    let parts = || header.split(',').filter_map(|part| part.trim().split_once('='));
    let Some(timestamp) = parts().find(|(name, _)| *name == "t").map(|(_, value)| value) else { return false };
    let Some(seconds) = timestamp.parse::<i64>().ok().filter(|seconds| *seconds >= 0) else { return false };
    let at = seconds.saturating_mul(SECOND);
    if at.abs_diff(now) > limits::WEBHOOK_TOLERANCE.unsigned_abs() {
        return false;
    }
    // The comparison takes the same time wherever the difference is.
    parts()
        .filter(|(name, _)| *name == "v1")
        .filter_map(|(_, value)| unhex(value))
        .any(|signature| mac(timestamp, body, secret).is_some_and(|mac| mac.verify_slice(&signature).is_ok()))
}

fn mac(timestamp: &str, body: &[u8], secret: &str) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(timestamp.as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digits: Option<Vec<u8>> =
        text.chars().map(|digit| digit.to_digit(16).and_then(|value| u8::try_from(value).ok())).collect();
    let (pairs, rest) = digits.as_ref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| high * 16 + low).collect())
}

/// What a provider would send.
#[cfg(test)]
pub fn sign(seconds: i64, body: &[u8], secret: &str) -> String {
    let tag = mac(&seconds.to_string(), body, secret).unwrap().finalize().into_bytes();
    let hex: String = tag.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("t={seconds},v1={hex}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: i64 = 1_700_000_000 * SECOND;

    #[test]
    fn a_known_signature_is_good() {
        // printf '1700000000.{"id":"evt_1"}' | openssl dgst -sha256 -hmac whsec
        let header = "t=1700000000,v1=e7e846cdb96220c3674ade89e534304fc91f6f15064facee1e7a7096f5f57f62";
        assert!(is_good(header, br#"{"id":"evt_1"}"#, "whsec", NOW));
        assert_eq!(sign(1_700_000_000, br#"{"id":"evt_1"}"#, "whsec"), header);
    }

    #[test]
    fn anything_else_is_not() {
        let good = sign(1_700_000_000, b"body", "secret");
        let tag = good.split_once("v1=").unwrap().1;
        assert!(is_good(&good, b"body", "secret", NOW + 299 * SECOND));
        assert!(is_good(&format!("t=1700000000, v1=00, v1={tag}"), b"body", "secret", NOW), "one of two secrets");
        for (header, body, secret, now) in [
            (good.as_str(), "other", "secret", NOW),
            (&good, "body", "wrong", NOW),
            (&good, "body", "secret", NOW + 301 * SECOND),
            (&good, "body", "secret", NOW - 301 * SECOND),
            (&good.replace("1700000000", "1700000001"), "body", "secret", NOW),
            (&good.replace("1700000000", "-1"), "body", "secret", NOW),
            (&good.replace("1700000000", "9223372036854775807"), "body", "secret", NOW),
            (&good.replace("v1", "v0"), "body", "secret", NOW),
            (tag, "body", "secret", NOW),
            ("t=1700000000,v1=", "body", "secret", NOW),
            ("t=1700000000,v1=abc", "body", "secret", NOW),
            ("t=1700000000,v1=zz", "body", "secret", NOW),
            ("", "body", "secret", NOW),
            (&format!("{good},{}", "v1=00,".repeat(400)), "body", "secret", NOW),
        ] {
            assert!(!is_good(header, body.as_bytes(), secret, now), "{header} {body} {secret} {now}");
        }
    }

    #[test]
    fn fuzz_webhooks() {
        let good = sign(1_700_000_000, b"body", "secret");
        let tag = good.split_once("v1=").unwrap().1;
        fuzz::text(&[&good, &format!("t=1700000000, v1=00, v1={tag}"), "body"], |text| {
            // Whatever is put around it, only who knows the secret has the tag; and it is of one body, at one time.
            if is_good(text, b"body", "secret", NOW) {
                assert!(text.to_ascii_lowercase().contains(tag) && text.contains("t=1700000000"), "{text}");
            }
            assert_eq!(is_good(&good, text.as_bytes(), "secret", NOW), text == "body");
        });
    }
}
