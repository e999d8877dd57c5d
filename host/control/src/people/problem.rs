//! Problem documents (RFC 9457), in the form in which the host's other listeners write them.

use axum::response::{IntoResponse, Response};
use http::{HeaderValue, StatusCode, header};
use serde::Serialize;

use crate::declarations::Refusal;
use crate::error::Error;

/// Why a request was not done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Problem {
    status: StatusCode,
    kind: &'static str,
    title: &'static str,
    detail: String,
    /// What is wrong with each part.
    faults: Vec<String>,
}

impl Problem {
    const fn new(status: StatusCode, kind: &'static str, title: &'static str, detail: String) -> Self {
        Self { status, kind, title, detail, faults: Vec::new() }
    }

    /// 400 and the like: the request itself is wrong.
    pub(crate) fn invalid(status: StatusCode, detail: impl Into<String>) -> Self {
        Self::new(status, "invalid-request", "Invalid request", detail.into())
    }

    /// 401.
    pub(crate) fn unauthenticated() -> Self {
        let detail = "Send Authorization: Bearer, and a token that the control plane knows.";
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Not authenticated", detail.to_owned())
    }

    /// 403.
    pub(crate) fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", "Not permitted", detail.into())
    }

    /// 404.
    pub(crate) fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", "Not found", detail.into())
    }

    /// 405.
    pub(crate) fn method_not_allowed() -> Self {
        let detail = "This method is not answered here.".to_owned();
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed", detail)
    }

    /// 409: it does not fit what is there.
    pub(crate) fn conflict(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", "Does not fit what is there", detail.into())
    }

    /// 422: a plan or a version that is of no use.
    pub(crate) fn unusable(detail: impl Into<String>, faults: Vec<String>) -> Self {
        let problem = Self::new(StatusCode::UNPROCESSABLE_ENTITY, "unusable", "Cannot be rolled out", detail.into());
        Self { faults, ..problem }
    }

    /// 503: certainly not done.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "Unavailable", detail.into())
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let Problem { status, detail, faults, .. } = problem;
        let reason = if faults.is_empty() { detail } else { format!("{}: {}", detail.trim_end_matches('.'), faults.join("; ")) };
        Self { may_pass: status != StatusCode::UNPROCESSABLE_ENTITY, reason }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        tracing::error!(%error, "a request could not be answered");
        if error.is_away() {
            let detail = "The database does not answer: look at the rollout before you ask for the same again.";
            return Self::unavailable(detail);
        }
        let detail = "The log of the control plane says more.".to_owned();
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error", detail)
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        #[derive(Serialize)]
        struct Document<'a> {
            #[serde(rename = "type")]
            kind: String,
            title: &'a str,
            status: u16,
            detail: &'a str,
            #[serde(skip_serializing_if = "<[String]>::is_empty")]
            faults: &'a [String],
        }
        let Self { status, kind, title, detail, faults } = &self;
        let document = Document { kind: format!("/problems/{kind}"), title, status: status.as_u16(), detail, faults };
        // Texts and numbers can always be written.
        let body = serde_json::to_string(&document).unwrap_or_default();
        let mut response = (*status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if *status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if *status == StatusCode::SERVICE_UNAVAILABLE {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("2"));
        }
        response
    }
}
