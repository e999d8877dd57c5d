//! Payment providers: those who hold people's cards and move money.
//!
//! A provider is asked with our ids as its idempotency keys (the payment's, the refund's), so that every question may be repeated.
//! An adapter's own state is in the payment's memo. To add a provider: a folder here, and a case in [`Provider`].

pub mod counter;
pub mod sandbox;
mod signature;

use crate::domain::Outcome;
use kit::{Problem, Request, config, problem};
use serde_json::Value as Json;

/// A provider we know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// Built in: moves no money, and behaves as its tokens say.
    Sandbox,
    /// The counter: somebody of the organiser's team has taken the money, and gives it back by hand.
    Counter,
}

/// A payment as a provider gets it.
#[derive(Debug, Clone, Copy)]
pub struct Charge<'a> {
    /// Its token for the buyer's method.
    pub token: &'a str,
    /// When the hold ends.
    pub deadline: i64,
    /// When the payment was accepted.
    pub created_at: i64,
    /// What the adapter kept.
    pub memo: &'a Json,
}

/// What a provider says of a payment, and what its adapter keeps from now on.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// What it says.
    pub outcome: Outcome,
    /// What to keep.
    pub memo: Json,
}

/// What a provider says of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(dead_code, reason = "the sandbox refunds at once; others refuse, or cannot be reached")]
pub enum Refunded {
    /// The money is on its way back.
    Done,
    /// Never, for this reason.
    Refused(String),
    /// It may or may not have been asked for.
    NoAnswer,
}

/// A provider's last word on a payment, as its webhook brings it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Paid.
    Paid,
    /// Not paid; the code says why.
    Declined(String),
}

/// A webhook that says something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notice {
    /// The provider's id of this message: told twice, it counts once.
    pub id: String,
    /// Our payment's id.
    pub payment: String,
    /// What became of it.
    pub verdict: Verdict,
}

/// Why a webhook is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WebhookError {
    /// Not signed with our secret, or not now.
    Unsigned,
    /// Signed, but not what it should be.
    Malformed(String),
}

impl Provider {
    /// The provider that new payments go to.
    pub const DEFAULT: Self = Self::Sandbox;

    /// The provider of this name.
    pub fn named(name: &str) -> Option<Self> {
        [Self::Sandbox, Self::Counter].into_iter().find(|provider| provider.name() == name)
    }

    /// Whether it can be used here.
    pub async fn is_on(self) -> Result<bool, Problem> {
        match self {
            Self::Sandbox => config::switch("sandbox_payments").await,
            Self::Counter => Ok(true),
        }
    }

    /// Of what is there only where it can be used.
    ///
    /// # Errors
    /// 404 where it cannot.
    pub async fn or_not_found(self) -> Result<Self, Problem> {
        if self.is_on().await? { Ok(self) } else { Err(Problem::not_found()) }
    }

    /// Its name, in SQL and in its webhook's address.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sandbox => "sandbox",
            Self::Counter => "counter",
        }
    }

    /// Whether a token could be one of its own.
    pub fn takes(self, token: &str) -> bool {
        match self {
            Self::Sandbox => sandbox::Token::named(token).is_some(),
            Self::Counter => counter::TOKENS.contains(&token),
        }
    }

    /// The memo that a new payment begins with.
    pub fn memo(self) -> Json {
        match self {
            Self::Sandbox => sandbox::SandboxMemo::new().into_json(),
            Self::Counter => Json::Null,
        }
    }

    /// Asks for the money. May be asked again, with the same outcome.
    pub async fn start(self, charge: Charge<'_>, now: i64) -> Result<Reply, Problem> {
        match self {
            Self::Sandbox => sandbox::start(charge, now),
            Self::Counter => Ok(counter::taken()),
        }
    }

    /// Asks how it went.
    pub async fn look_up(self, charge: Charge<'_>, now: i64) -> Result<Reply, Problem> {
        match self {
            Self::Sandbox => sandbox::look_up(charge, now),
            Self::Counter => Ok(counter::taken()),
        }
    }

    /// Gives money back: of `payment`, so many minor units. May be asked again under the same `refund` id, and is done once.
    pub async fn refund(self, refund: &str, payment: &str, amount: i64) -> Refunded {
        match self {
            Self::Sandbox => sandbox::refund(refund, payment, amount),
            // Whoever asked for it hands the money over.
            Self::Counter => Refunded::Done,
        }
    }

    /// Where a buyer goes to do what a payment requires. A path is one of this platform's own.
    pub fn action_url(self, payment: &str, memo: &Json) -> Result<String, Problem> {
        match self {
            Self::Sandbox => sandbox::action_url(payment, memo),
            Self::Counter => Err(Problem::internal(format_args!("payment {payment}: nothing is left to do at the counter"))),
        }
    }

    /// The variable that holds the secret of its webhooks; none where it sends none.
    pub fn webhook_secret(self) -> Option<&'static str> {
        match self {
            Self::Sandbox => Some("sandbox_webhook_secret"),
            Self::Counter => None,
        }
    }

    /// What a webhook says; none where it is signed and says nothing that concerns us.
    pub fn notice(self, request: &Request, secret: &str, now: i64) -> Result<Option<Notice>, WebhookError> {
        match self {
            Self::Sandbox => sandbox::notice(request.header(sandbox::SIGNATURE), &request.body, secret, now),
            Self::Counter => Err(WebhookError::Unsigned),
        }
    }

    /// The memo of a payment after its provider's last word.
    pub fn told(self, memo: &Json, verdict: &Verdict) -> Result<Json, Problem> {
        match self {
            Self::Sandbox => sandbox::told(memo, verdict),
            Self::Counter => Ok(memo.clone()),
        }
    }
}

impl From<WebhookError> for Problem {
    fn from(error: WebhookError) -> Self {
        match error {
            WebhookError::Unsigned => Self::new(
                problem::UNAUTHENTICATED,
                "The webhook is not signed with the secret shared with us, or not within five minutes of now.",
            ),
            WebhookError::Malformed(detail) => Self::fault("", detail),
        }
    }
}
