//! A message on its way.

use super::message;
use super::queue::Claimed;
use ::webhooks::{Secret, signature};
use kit::sealing::Keys;

/// Whoever takes a message to its receiver: the host, or a test.
pub trait Sender {
    /// Posts it; what was answered, or why nothing was.
    fn post(&self, outgoing: Outgoing) -> impl Future<Output = Result<Answer, String>>;

    /// Waits for a moment.
    fn pause(&self) -> impl Future<Output = ()>;
}

/// A message as it is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outgoing {
    /// Where to.
    pub url: String,
    /// Names and values.
    pub headers: [(&'static str, String); 6],
    /// JSON.
    pub body: String,
}

/// What a receiver answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// The beginning of its body.
    pub text: String,
    /// After how many microseconds it wants to be asked again.
    pub retry_after: Option<i64>,
}

/// Signed at that second with every secret that is good; none where one cannot be decrypted.
pub fn outgoing(claimed: &Claimed, keys: &Keys, at: i64) -> Option<Outgoing> {
    let secrets: Option<Vec<_>> =
        claimed.secrets.iter().map(|sealed| keys.open(&claimed.webhook, sealed).map(Secret::new)).collect();
    let (secrets, body) = (secrets?, claimed.body.clone());
    let headers = [
        ("content-type", message::MEDIA.to_owned()),
        ("content-length", body.len().to_string()),
        ("user-agent", "Marquee-Webhooks/1".to_owned()),
        ("webhook-id", claimed.id.clone()),
        ("webhook-timestamp", at.to_string()),
        ("webhook-signature", signature::header(&secrets, &claimed.id, at, &body)),
    ];
    Some(Outgoing { url: claimed.url.clone(), headers, body })
}
