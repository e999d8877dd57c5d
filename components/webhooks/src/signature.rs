//! Signatures as Standard Webhooks 1.0 has them: HMAC-SHA256 over `id.timestamp.body`, base64, after `v1,`; several with blanks between them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// What messages of a webhook are signed with, and its receiver checks them by.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl std::fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("<secret>")
    }
}

const PREFIX: &str = "whsec_";

impl Secret {
    /// Of bytes that nobody can guess.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// As its receiver is given it.
    pub fn render(&self) -> String {
        format!("{PREFIX}{}", STANDARD.encode(&self.0))
    }

    /// The signature of a message. `at` is in seconds since the Unix epoch.
    pub fn sign(&self, id: &str, at: i64, body: &str) -> String {
        // A key of any length will do.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return String::new() };
        mac.update(format!("{id}.{at}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
    }
}

/// The header `webhook-signature`: one for each secret.
pub fn header(secrets: &[Secret], id: &str, at: i64, body: &str) -> String {
    let signed: Vec<String> = secrets.iter().map(|secret| secret.sign(id, at, body)).collect();
    signed.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example that the libraries of Standard Webhooks are tested with.
    #[test]
    fn a_message_is_signed_as_the_standard_says() {
        let secret = Secret::new(STANDARD.decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap());
        assert_eq!(secret.render(), "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
        let (id, at, body) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, r#"{"test": 2432232314}"#);
        let signed = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
        assert_eq!(secret.sign(id, at, body), signed);
        let both = header(&[secret, Secret::new(*b"another")], id, at, body);
        assert!(both.starts_with(&format!("{signed} v1,")) && both.split(' ').count() == 2, "{both}");
    }

    #[test]
    fn a_secret_is_not_shown_by_accident() {
        assert_eq!(format!("{:?}", Secret::new(*b"hunter2")), "<secret>");
    }
}
