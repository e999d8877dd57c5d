//! The built-in provider. It moves no money: its tokens say how it behaves, and what it answers depends only on what is stored and
//! the time, so that asking again gives the same answer.

pub mod page;

use super::{Charge, Notice, Provider, Refunded, Reply, Verdict, WebhookError, signature};
use crate::{domain::Outcome, limits};
use kit::{Problem, hash, time::SECOND};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

/// The header that a webhook's signature comes in.
pub const SIGNATURE: &str = "sandbox-signature";

/// How long the sandbox works on `tok_ok_async`.
const WORK: i64 = SECOND;
/// How long it takes until the sandbox knows of a `tok_timeout`.
const SILENCE: i64 = 2 * SECOND;
/// How long after the hold's deadline the money of a `tok_late` arrives.
const LATE: i64 = SECOND;

/// How a card behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// Paid at once.
    Ok,
    /// Declined at once.
    Declined,
    /// Declined at once: no money.
    Insufficient,
    /// The buyer decides on the sandbox's page.
    Redirect,
    /// Paid, but only after the hold's deadline.
    Late,
    /// No answer; the outcome is found out later.
    Timeout,
    /// Paid after a while, or once a webhook says so.
    OkAsync,
}

impl Token {
    /// The token of this name.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "tok_ok" => Self::Ok,
            "tok_declined" => Self::Declined,
            "tok_insufficient" => Self::Insufficient,
            "tok_redirect" => Self::Redirect,
            "tok_late" => Self::Late,
            "tok_timeout" => Self::Timeout,
            "tok_ok_async" => Self::OkAsync,
            _ => return None,
        })
    }
}

/// What the sandbox remembers of a payment: its whole database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SandboxMemo {
    /// Opens the payment's page; part of the link to it.
    secret: String,
    /// The last word, from the page or a webhook.
    verdict: Option<SandboxVerdict>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SandboxVerdict {
    Paid,
    Declined(String),
}

impl SandboxMemo {
    /// Of a payment that nothing was said about yet.
    pub fn new() -> Self {
        Self { secret: hash::secret(), verdict: None }
    }

    /// As it is kept.
    pub fn into_json(self) -> Json {
        serde_json::to_value(self).unwrap_or_default()
    }

    fn read(json: &Json) -> Result<Self, Problem> {
        Self::deserialize(json).map_err(|error| Problem::internal(format_args!("the sandbox's memo: {error}")))
    }

    /// Whether this is the secret of the payment's page.
    pub fn is_opened_by(&self, secret: &str) -> bool {
        hash::same_secret(self.secret.as_bytes(), secret.as_bytes())
    }
}

/// As [`Provider::start`].
pub fn start(charge: Charge, now: i64) -> Result<Reply, Problem> {
    let memo = SandboxMemo::read(charge.memo)?;
    // Asked again it must not forget what it said meanwhile.
    let outcome = match (&memo.verdict, Token::named(charge.token)) {
        (None, Some(Token::Timeout)) => Outcome::NoAnswer,
        _ => outcome(charge, &memo, now),
    };
    Ok(Reply { outcome, memo: charge.memo.clone() })
}

/// As [`Provider::look_up`].
pub fn look_up(charge: Charge, now: i64) -> Result<Reply, Problem> {
    let memo = SandboxMemo::read(charge.memo)?;
    Ok(Reply { outcome: outcome(charge, &memo, now), memo: charge.memo.clone() })
}

fn outcome(charge: Charge, memo: &SandboxMemo, now: i64) -> Outcome {
    match &memo.verdict {
        Some(SandboxVerdict::Paid) => return Outcome::Paid,
        Some(SandboxVerdict::Declined(code)) => return Outcome::Declined(code.clone()),
        None => {}
    }
    let paid_from = |at: i64| if at <= now { Outcome::Paid } else { Outcome::Processing { look_at: at } };
    match Token::named(charge.token) {
        Some(Token::Ok) => Outcome::Paid,
        Some(Token::Insufficient) => Outcome::Declined("insufficient_funds".into()),
        Some(Token::Redirect) if charge.deadline <= now => Outcome::Declined("not_completed".into()),
        Some(Token::Redirect) => Outcome::ActionRequired { look_at: charge.deadline },
        Some(Token::Late) => paid_from(charge.deadline + LATE),
        Some(Token::Timeout) => paid_from(charge.created_at + SILENCE),
        Some(Token::OkAsync) => paid_from(charge.created_at + WORK),
        // A token that was taken once and is known no more buys nothing.
        Some(Token::Declined) | None => Outcome::Declined("card_declined".into()),
    }
}

/// As [`Provider::refund`]: there is no money to move, so it is always done, and done once.
pub fn refund(_refund: &str, _payment: &str, _amount: i64) -> Refunded {
    Refunded::Done
}

/// As [`Provider::action_url`].
pub fn action_url(payment: &str, memo: &Json) -> Result<String, Problem> {
    let secret = SandboxMemo::read(memo)?.secret;
    Ok(format!("/api/payments/{}/{payment}?secret={secret}", Provider::Sandbox.name()))
}

/// As [`Provider::told`].
pub fn told(memo: &Json, verdict: &Verdict) -> Result<Json, Problem> {
    let word = match verdict {
        Verdict::Paid => SandboxVerdict::Paid,
        Verdict::Declined(code) => SandboxVerdict::Declined(code.clone()),
    };
    Ok(SandboxMemo { verdict: Some(word), ..SandboxMemo::read(memo)? }.into_json())
}

/// A webhook's body; other members are ignored.
#[derive(Deserialize)]
struct Webhook {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    payment_id: Option<String>,
    reason: Option<String>,
}

/// As [`Provider::notice`]: `{"id": "evt_…", "type": "payment.completed" | "payment.failed", "payment_id": "…", "reason": "…"}`.
pub fn notice(signature: Option<&str>, body: &[u8], secret: &str, now: i64) -> Result<Option<Notice>, WebhookError> {
    if !signature.is_some_and(|header| signature::is_good(header, body, secret, now)) {
        return Err(WebhookError::Unsigned);
    }
    let webhook: Webhook =
        serde_json::from_slice(body).map_err(|error| WebhookError::Malformed(format!("not an event: {error}")))?;
    let short = |text: &str| limits::WEBHOOK_TEXT.contains(&text.chars().count()) && !text.contains('\0');
    let verdict = match webhook.kind.as_str() {
        "payment.completed" => Verdict::Paid,
        "payment.failed" => {
            Verdict::Declined(webhook.reason.filter(|reason| short(reason)).unwrap_or_else(|| "card_declined".into()))
        }
        _ => return Ok(None),
    };
    let payment = webhook.payment_id.filter(|id| kit::id::valid(id));
    match payment {
        Some(payment) if short(&webhook.id) => Ok(Some(Notice { id: webhook.id, payment, verdict })),
        _ => Err(WebhookError::Malformed("id and payment_id are required, of 1 to 200 characters".into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: i64 = 1_700_000_000 * SECOND;
    const DEADLINE: i64 = START + 600 * SECOND;

    fn charge<'a>(token: &'a str, memo: &'a Json) -> Charge<'a> {
        Charge { token, deadline: DEADLINE, created_at: START, memo }
    }

    fn declined(code: &str) -> Outcome {
        Outcome::Declined(code.into())
    }

    #[test]
    fn every_token_behaves_as_promised() {
        let memo = SandboxMemo::new().into_json();
        for (token, at, started, found) in [
            ("tok_ok", START, Outcome::Paid, Outcome::Paid),
            ("tok_declined", START, declined("card_declined"), declined("card_declined")),
            ("tok_insufficient", START, declined("insufficient_funds"), declined("insufficient_funds")),
            ("tok_redirect", START, Outcome::ActionRequired { look_at: DEADLINE }, Outcome::ActionRequired { look_at: DEADLINE }),
            ("tok_redirect", DEADLINE, declined("not_completed"), declined("not_completed")),
            (
                "tok_late",
                DEADLINE,
                Outcome::Processing { look_at: DEADLINE + SECOND },
                Outcome::Processing { look_at: DEADLINE + SECOND },
            ),
            ("tok_late", DEADLINE + SECOND, Outcome::Paid, Outcome::Paid),
            ("tok_timeout", START, Outcome::NoAnswer, Outcome::Processing { look_at: START + 2 * SECOND }),
            ("tok_timeout", START + 2 * SECOND, Outcome::NoAnswer, Outcome::Paid),
            (
                "tok_ok_async",
                START,
                Outcome::Processing { look_at: START + SECOND },
                Outcome::Processing { look_at: START + SECOND },
            ),
            ("tok_ok_async", START + SECOND, Outcome::Paid, Outcome::Paid),
        ] {
            assert_eq!(start(charge(token, &memo), at).unwrap().outcome, started, "{token} started at {at}");
            assert_eq!(look_up(charge(token, &memo), at).unwrap().outcome, found, "{token} looked up at {at}");
        }
        assert!(!Provider::Sandbox.takes("tok_free_money"));
    }

    #[test]
    fn a_final_verdict_does_not_change() {
        let memo = SandboxMemo::new().into_json();
        for (verdict, outcome) in [(Verdict::Paid, Outcome::Paid), (Verdict::Declined("x".into()), declined("x"))] {
            let told = told(&memo, &verdict).unwrap();
            for token in ["tok_redirect", "tok_ok_async", "tok_timeout", "tok_late"] {
                assert_eq!(start(charge(token, &told), START).unwrap().outcome, outcome, "{token}");
                assert_eq!(look_up(charge(token, &told), DEADLINE).unwrap().outcome, outcome, "{token}");
            }
        }
    }

    #[test]
    fn the_link_carries_the_secret_and_nothing_else_opens_the_page() {
        let memo = SandboxMemo::new();
        let url = action_url("eu_p", &memo.clone().into_json()).unwrap();
        let secret = url.strip_prefix("/api/payments/sandbox/eu_p?secret=").unwrap();
        assert!(memo.is_opened_by(secret));
        assert!(!memo.is_opened_by(""));
        assert!(!memo.is_opened_by(&SandboxMemo::new().secret));
    }

    #[test]
    fn webhooks_are_read() {
        let paid = |id: &str, verdict| Ok(Some(Notice { id: id.into(), payment: "eu_p".into(), verdict }));
        for (body, read) in [
            (r#"{"id":"evt_1","type":"payment.completed","payment_id":"eu_p","livemode":false}"#, paid("evt_1", Verdict::Paid)),
            (
                r#"{"id":"evt_2","type":"payment.failed","payment_id":"eu_p"}"#,
                paid("evt_2", Verdict::Declined("card_declined".into())),
            ),
            (
                r#"{"id":"evt_3","type":"payment.failed","payment_id":"eu_p","reason":"insufficient_funds"}"#,
                paid("evt_3", Verdict::Declined("insufficient_funds".into())),
            ),
            (r#"{"id":"evt_4","type":"customer.created"}"#, Ok(None)),
        ] {
            let header = signature::sign(START / SECOND, body.as_bytes(), "secret");
            assert_eq!(notice(Some(&header), body.as_bytes(), "secret", START), read, "{body}");
            assert_eq!(notice(None, body.as_bytes(), "secret", START), Err(WebhookError::Unsigned));
            assert_eq!(notice(Some(&header), body.as_bytes(), "other", START), Err(WebhookError::Unsigned));
        }
        for body in [
            "",
            "[]",
            r#"{"id":"evt_1"}"#,
            r#"{"id":"","type":"payment.failed","payment_id":"eu_p"}"#,
            r#"{"id":"e","type":"payment.failed","payment_id":"../x"}"#,
        ] {
            let header = signature::sign(START / SECOND, body.as_bytes(), "secret");
            let read = notice(Some(&header), body.as_bytes(), "secret", START);
            assert!(matches!(read, Err(WebhookError::Malformed(_))), "{body}");
        }
    }
}
