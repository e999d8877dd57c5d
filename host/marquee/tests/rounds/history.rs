//! What was asked and what was answered, by one monotonic clock.

use serde_json::Value;

/// Microseconds since the test process began.
pub type Instant = u64;

/// What a request asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    Hold { quantity: i64 },
    Cancel { booking: String },
    Pay { booking: String },
}

/// What it was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// Done: about this booking, at this version of the event's inventory where the answer says it; the whole body.
    Accepted { booking: String, version: Option<u64>, body: Vec<u8> },
    /// A payment that was accepted, and whose money is still on its way: the whole body.
    Underway { body: Vec<u8> },
    /// So many places are left, fewer than were asked for.
    SoldOut { left: i64 },
    /// The person has so many places already.
    OverLimit { has: i64 },
    /// A booking that was paid for, of an event without refunds.
    NotCancellable,
    /// The booking is not held.
    NotPayable,
    /// `503 unavailable`: certainly not done.
    NotDone,
    /// `401` at a node whose clock was moved: certainly not done.
    Unauthenticated,
    /// No answer, or one that leaves it open.
    Unknown,
    /// What nobody should ever be answered.
    Unexpected(String),
}

/// One request and its answer.
#[derive(Clone, Debug)]
pub struct Request {
    pub event: String,
    pub person: String,
    pub key: String,
    pub ask: Ask,
    /// Which edge was asked.
    pub edge: usize,
    pub start: Instant,
    pub end: Instant,
    pub answer: Answer,
}

impl Answer {
    /// What an HTTP answer says; none is one that was lost.
    pub fn of(ask: &Ask, answer: Option<(u16, Vec<u8>)>) -> Self {
        let Some((status, body)) = answer else { return Self::Unknown };
        let json: Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |name: &str| json[name].as_str().unwrap_or_default().to_owned();
        let unexpected = || Self::Unexpected(format!("{status} {}", String::from_utf8_lossy(&body)));
        let detail = text("detail");
        match (status, text("type").as_str(), ask) {
            (201, _, Ask::Hold { .. }) | (200, _, Ask::Cancel { .. }) => match json["version"].as_u64() {
                Some(version) => Self::Accepted { booking: text("id"), version: Some(version), body },
                None => unexpected(),
            },
            (201, _, Ask::Pay { booking }) if text("status") == "completed" => {
                Self::Accepted { booking: booking.clone(), version: None, body }
            }
            (201, _, Ask::Pay { .. }) if text("status") == "processing" => Self::Underway { body },
            (409, "/problems/sold-out", Ask::Hold { .. }) => {
                number_after(&detail, "left: ").map_or_else(unexpected, |left| Self::SoldOut { left })
            }
            (409, "/problems/over-limit", Ask::Hold { .. }) => {
                number_after(&detail, "you have ").map_or_else(unexpected, |has| Self::OverLimit { has })
            }
            (409, "/problems/not-cancellable", Ask::Cancel { .. }) => Self::NotCancellable,
            (409, "/problems/booking-not-payable", Ask::Pay { .. }) => Self::NotPayable,
            (503, "/problems/unavailable", _) => Self::NotDone,
            (401, "/problems/unauthenticated", _) => Self::Unauthenticated,
            (502 | 504, _, _) | (503, "/problems/component-failed", _) => Self::Unknown,
            _ => unexpected(),
        }
    }

    pub fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// What it says, where that is for good.
    pub fn body(&self) -> Option<&[u8]> {
        match self {
            Self::Accepted { body, .. } | Self::Underway { body } => Some(body),
            _ => None,
        }
    }

    /// Whether nothing that was asked was done or ever will be on account of this request.
    pub fn is_certainly_not(&self) -> bool {
        !matches!(self, Self::Accepted { .. } | Self::Underway { .. } | Self::Unknown | Self::Unexpected(_))
    }
}

fn number_after(text: &str, words: &str) -> Option<i64> {
    let (_, rest) = text.split_once(words)?;
    rest.split(|char: char| !char.is_ascii_digit()).next()?.parse().ok()
}
