//! The keys that secrets of webhooks are encrypted with, and who may be told by one.

use crate::sealing::Source;
use crate::{Problem, config};
use webhooks::Receivers;

/// The variable that says who may be told.
const RECEIVERS: &str = "webhook_receivers";

/// The keys.
pub static KEYS: Source = Source::new("webhook_key", "webhook_keys", "webhook-key");

/// Who may be told here.
///
/// # Errors
/// Where the variable is not what it should be.
pub async fn receivers() -> Result<Receivers, Problem> {
    let text = config::get(RECEIVERS).await?;
    Receivers::named(&text)
        .ok_or_else(|| Problem::internal(format_args!("variable {RECEIVERS}: {text:?} is neither public nor any")))
}
