//! What can become of a request instead of a response.

use crate::limits;
use http::StatusCode;
use std::sync::Arc;
use std::time::Duration;

/// Why a component did not answer. Each has a status that tells a client whether to try again.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum Failure {
    /// The instance trapped (a panic, `unreachable`, a stack overflow) while this request was in it.
    #[error("the component trapped: {0}")]
    Trapped(Arc<str>),
    /// The component answered an error code instead of a response.
    #[error("the component answered an error: {0}")]
    Faulted(Arc<str>),
    /// No response within the component's time limit. What it had begun may still be done.
    #[error("the component did not answer in time")]
    TimedOut,
    /// The instance wanted more memory than it may have.
    #[error("the component ran out of memory")]
    OutOfMemory,
    /// No instance could be made.
    #[error("the component could not be instantiated: {0}")]
    Instantiation(Arc<str>),
    /// Too many requests wait for this component already, or this one has waited too long. It was not begun.
    #[error("the component is overloaded")]
    Overloaded,
    /// The application has no such component, or it does not answer HTTP.
    #[error("there is no component {0:?} that answers HTTP")]
    NoComponent(Arc<str>),
}

impl Failure {
    /// The HTTP status that says so.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        match self {
            Self::Trapped(_) | Self::Faulted(_) => StatusCode::BAD_GATEWAY,
            Self::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            Self::OutOfMemory | Self::Instantiation(_) | Self::Overloaded => StatusCode::SERVICE_UNAVAILABLE,
            Self::NoComponent(_) => StatusCode::NOT_FOUND,
        }
    }

    /// For `Retry-After`, where trying again makes sense.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        (self.status() == StatusCode::SERVICE_UNAVAILABLE).then_some(limits::RETRY_AFTER)
    }

    /// Whether the request certainly did nothing, because no guest has seen it.
    #[must_use]
    pub fn certainly_not_begun(&self) -> bool {
        matches!(self, Self::Instantiation(_) | Self::Overloaded | Self::NoComponent(_))
    }

    /// One word for metrics and logs.
    #[must_use]
    pub fn label(&self) -> &'static str {
        match self {
            Self::Trapped(_) => "trapped",
            Self::Faulted(_) => "faulted",
            Self::TimedOut => "timed_out",
            Self::OutOfMemory => "out_of_memory",
            Self::Instantiation(_) => "instantiation",
            Self::Overloaded => "overloaded",
            Self::NoComponent(_) => "no_component",
        }
    }
}
