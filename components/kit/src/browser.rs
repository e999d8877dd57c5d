//! Browsers: whose requests come with cookies, which page sent them, and what pages of other origins may do, as the operator says.

use crate::{Problem, Request, problem, router::log};
use browser_policy::Cors;
use http::{HeaderMap, HeaderValue, Method, header};
use read_model::{Credential, NoCredential};
use spin_sdk::variables::{self, Error};
use std::sync::OnceLock;

pub use read_model::{ACCESS_COOKIE, REFRESH_COOKIE, REFRESH_PATH};

/// The variable that lists the origins which may do more than read what is public.
const ORIGINS: &str = "cors_origins";

/// What pages of other origins may do. Read once: an instance keeps its variables.
pub(crate) async fn cors() -> &'static Cors {
    static CORS: OnceLock<Cors> = OnceLock::new();
    if let Some(cors) = CORS.get() {
        return cors;
    }
    let cors = match variables::get(ORIGINS).await {
        Ok(list) => Cors::parse(&list).map_err(|error| error.to_string()),
        Err(Error::Undefined(_)) => Ok(Cors::default()),
        Err(error) => Err(error.to_string()),
    };
    let cors = cors.unwrap_or_else(|error| {
        log(&format!("variable {ORIGINS}: {error}; no origin is permitted more than to read what is public"));
        Cors::default()
    });
    CORS.get_or_init(|| cors)
}

/// The access token of these headers, and where it stands.
pub(crate) fn credential(headers: &HeaderMap) -> Result<Option<Credential<'_>>, NoCredential> {
    read_model::credential(values(headers, header::AUTHORIZATION), values(headers, header::COOKIE))
}

/// The token in the cookie of this name; none where there is none, where what is there cannot be ours, and beside an `Authorization`, which counts alone.
pub fn cookie<'r>(request: &'r Request, name: &str) -> Option<&'r str> {
    if request.headers.contains_key(header::AUTHORIZATION) {
        return None;
    }
    read_model::cookie(values(&request.headers, header::COOKIE), name).ok().flatten()
}

/// Whether a request comes with cookies of ours that count: there is no `Authorization`.
pub fn has_cookies(request: &Request) -> bool {
    by_cookies(&request.headers)
}

fn by_cookies(headers: &HeaderMap) -> bool {
    !headers.contains_key(header::AUTHORIZATION) && values(headers, header::COOKIE).any(read_model::has_cookie)
}

fn values(headers: &HeaderMap, name: header::HeaderName) -> impl Iterator<Item = &[u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

/// Refuses a request that would change something in the name of whom its cookies are, unless a page of ours sent it.
pub(crate) fn check(method: &Method, headers: &HeaderMap) -> Result<(), Problem> {
    if browser_policy::is_safe(method) || !by_cookies(headers) { Ok(()) } else { same_origin(headers) }
}

/// Refuses a request that is to set cookies, unless a page of ours sent it: else any page could log its reader in as somebody else.
pub fn require_same_origin(request: &Request) -> Result<(), Problem> {
    same_origin(&request.headers)
}

fn same_origin(headers: &HeaderMap) -> Result<(), Problem> {
    let https = headers.get("x-forwarded-proto").is_some_and(|proto| proto == "https");
    if browser_policy::is_same_origin(headers, None, https) {
        return Ok(());
    }
    Err(Problem::new(problem::CROSS_SITE_REQUEST, "Nothing shows that a page of this site sent this request."))
}
