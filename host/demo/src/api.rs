//! The platform's API, asked so that nothing is done twice.

use std::time::Duration;

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::limits;

/// A way to the platform: over the network, or straight to its region in the same process.
pub trait Api: Sync {
    /// Sends a request, and reads the answer.
    ///
    /// # Errors
    /// Where there is none: why.
    fn ask(&self, ask: ApiRequest<'_>) -> impl Future<Output = Result<Answer, String>> + Send;
    /// Waits.
    fn pause(&self, time: Duration) -> impl Future<Output = ()> + Send;
    /// Tells that so many of all events are there.
    fn progress(&self, done: usize, of: usize);
}

/// A request.
#[derive(Clone, Copy, Debug)]
pub struct ApiRequest<'a> {
    /// With the query.
    pub path: &'a str,
    /// An access token.
    pub token: Option<&'a str>,
    /// An `Idempotency-Key`.
    pub key: Option<&'a str>,
    /// A body in JSON makes it a POST, none a GET.
    pub body: Option<&'a Value>,
}

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Seconds after which to ask again.
    pub retry_after: Option<u64>,
    /// Null where it is not JSON.
    pub body: Value,
}

/// An answer that is not what was wanted.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A problem of the platform's, by the end of its `type`.
    Problem { slug: String, said: String },
    /// No answer, or one that makes no sense.
    Broken(String),
}

impl Failure {
    pub(crate) fn is(&self, wanted: &[&str]) -> bool {
        matches!(self, Self::Problem { slug, .. } if wanted.contains(&slug.as_str()))
    }
}

impl From<Failure> for String {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Problem { said, .. } | Failure::Broken(said) => said,
        }
    }
}

/// Who asks.
pub(crate) struct Account(String);

/// An account: made where it may be and is not there, else logged in to.
pub(crate) async fn account(api: &impl Api, email: &str, password: &str, name: Option<&str>) -> Result<Account, String> {
    let login = json!({"email": email, "password": password});
    let document = match name {
        None => post(api, None, "/api/auth/login", &login).await?,
        Some(name) => {
            let whole = json!({"email": email, "password": password, "name": name});
            match post(api, None, "/api/auth/register", &whole).await {
                // From an earlier time.
                Err(failure) if failure.is(&["email-taken"]) => post(api, None, "/api/auth/login", &login)
                    .await
                    .map_err(|failure| format!("{email} is not ours: {}", String::from(failure)))?,
                registered => registered?,
            }
        }
    };
    text(&document, "access_token").map(Account)
}

/// Reads.
pub(crate) async fn get(api: &impl Api, path: &str) -> Result<Value, Failure> {
    patiently(api, ApiRequest { path, token: None, key: None, body: None }).await
}

/// The organisers that an account is a member of.
pub(crate) async fn mine(api: &impl Api, Account(token): &Account) -> Result<Value, Failure> {
    patiently(api, ApiRequest { path: "/api/organisers", token: Some(token), key: None, body: None }).await
}

/// Writes. The key follows from what is written: the same again is done once.
pub(crate) async fn post(api: &impl Api, account: Option<&Account>, path: &str, body: &Value) -> Result<Value, Failure> {
    let key = key(path, body);
    let (token, key) = match account {
        Some(Account(token)) => (Some(token.as_str()), Some(key.as_str())),
        None => (None, None),
    };
    patiently(api, ApiRequest { path, token, key, body: Some(body) }).await
}

fn key(path: &str, body: &Value) -> String {
    let digest = Sha256::digest(format!("{path}\n{body}"));
    digest.iter().take(16).fold("demo-".to_owned(), |key, byte| format!("{key}{byte:02x}"))
}

/// What may or may not be done, or was not for now, is asked again.
async fn patiently(api: &impl Api, ask: ApiRequest<'_>) -> Result<Value, Failure> {
    let mut tries = 0;
    loop {
        tries += 1;
        let (said, retry_after) = match api.ask(ask).await {
            Ok(answer) if answer.status >= 500 || slug(&answer) == "rate-limited" => (said(ask, &answer), answer.retry_after),
            Ok(answer) => return good(ask, answer),
            Err(error) => (format!("{}: {error}", ask.path), None),
        };
        if tries >= limits::TRIES {
            return Err(Failure::Broken(said));
        }
        let pause = retry_after.map_or(limits::PAUSE * tries, Duration::from_secs);
        api.pause(pause.min(limits::LONGEST_PAUSE)).await;
    }
}

fn good(ask: ApiRequest<'_>, answer: Answer) -> Result<Value, Failure> {
    if (200..300).contains(&answer.status) {
        return Ok(answer.body);
    }
    Err(Failure::Problem { slug: slug(&answer).to_owned(), said: said(ask, &answer) })
}

/// The end of a problem's `type`.
fn slug(answer: &Answer) -> &str {
    let kind = answer.body.get("type").and_then(Value::as_str).unwrap_or_default();
    kind.strip_prefix("/problems/").unwrap_or_default()
}

fn said(ask: ApiRequest<'_>, answer: &Answer) -> String {
    let method = if ask.body.is_some() { "POST" } else { "GET" };
    let detail = answer.body.get("detail").and_then(Value::as_str).unwrap_or_default();
    format!("{method} {} answered {} {detail}", ask.path, answer.status).trim_end().to_owned()
}

pub(crate) fn text(document: &Value, field: &str) -> Result<String, String> {
    document.get(field).and_then(Value::as_str).map(str::to_owned).ok_or_else(|| format!("an answer without {field}"))
}
