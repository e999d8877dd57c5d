//! One effect per `Idempotency-Key`, for the writes that are not the ledger's.

use crate::{Answer, Problem, Request, Response, hash, limits, params, problem, sql, sql::Tx, trace};
use serde::{Deserialize, Serialize};

/// A key as sent: 1 to 200 visible ASCII characters.
pub fn key(request: &Request) -> Result<Option<&str>, Problem> {
    let Some(value) = request.headers.get("idempotency-key") else { return Ok(None) };
    value
        .to_str()
        .ok()
        .filter(|text| limits::IDEMPOTENCY_KEY_BYTES.contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic()))
        .map(Some)
        .ok_or_else(|| Problem::fault("", "Idempotency-Key must be 1 to 200 visible ASCII characters"))
}

/// As [`key`], where a write requires it.
pub fn required(request: &Request) -> Result<&str, Problem> {
    key(request)?.ok_or_else(|| Problem::new(problem::IDEMPOTENCY_KEY_MISSING, "Send an Idempotency-Key with this request."))
}

/// The request's identity: the same key with another one of these is a conflict.
pub fn fingerprint(request: &Request) -> String {
    hash::sha256(&[request.method.as_str().as_bytes(), request.path.as_bytes(), &request.body])
}

/// An answer as it is kept.
#[derive(Serialize, Deserialize)]
struct StoredResponse {
    status: u16,
    headers: Vec<(String, String)>,
    body: String,
}

/// Headers that belong to an answer and come back with it.
const KEPT_HEADERS: &[&str] = &["cache-control", "content-type", "etag", "location", "marquee-seen"];

/// Runs `work` in a transaction, once per key: a repeated request gets the first answer, byte for byte. Without a key it just
/// runs. Only success is kept: a refused key may succeed later.
pub async fn once(request: &Request, scope: &str, person: &str, work: impl AsyncFn(&mut Tx) -> Answer) -> Answer {
    let Some(key) = key(request)? else {
        let mut tx = sql::write().await?;
        tx.part_of(trace::parent(request));
        let response = work(&mut tx).await?;
        tx.commit().await?;
        return Ok(response);
    };
    let fingerprint = fingerprint(request);
    let mut last = sql::Error::Busy;
    for _ in 0..limits::IDEMPOTENCY_ATTEMPTS {
        let mut tx = sql::write().await?;
        tx.part_of(trace::parent(request));
        if let Some(kept) = find(&mut tx, scope, person, key, &fingerprint).await? {
            return Ok(kept);
        }
        let response = work(&mut tx).await?;
        match keep(&mut tx, scope, person, key, &fingerprint, &response).await {
            Ok(()) => {}
            // On Postgres another request with this key may have come first: look again for its answer.
            Err(error @ (sql::Error::Unique(_) | sql::Error::Busy)) => {
                last = error;
                continue;
            }
            Err(error) => return Err(error.into()),
        }
        tx.commit().await?;
        return Ok(response);
    }
    Err(last.into())
}

/// The answer kept under a key; a conflict where it was another request's.
pub async fn find(tx: &mut Tx, scope: &str, person: &str, key: &str, fingerprint: &str) -> Result<Option<Response>, Problem> {
    let statement = "SELECT request_hash, outcome FROM idempotency WHERE scope = $1 AND person = $2 AND key = $3";
    let Some((hash, outcome)) = tx.one::<(String, String)>(statement, params![scope, person, key]).await? else {
        return Ok(None);
    };
    if hash != fingerprint {
        return Err(Problem::new(problem::IDEMPOTENCY_CONFLICT, "This Idempotency-Key was used for another request."));
    }
    let kept: StoredResponse = serde_json::from_str(&outcome)
        .map_err(|error| Problem::internal(format_args!("a kept answer does not parse: {error}")))?;
    let mut response = Response { status: kept.status, headers: Vec::new(), body: kept.body.into() };
    for (name, value) in kept.headers {
        if let Some(name) = KEPT_HEADERS.iter().find(|kept| **kept == name) {
            response = response.header(name, value);
        }
    }
    Ok(Some(response))
}

/// Keeps an answer under a key. Its body is text.
pub async fn keep(
    tx: &mut Tx,
    scope: &str,
    person: &str,
    key: &str,
    fingerprint: &str,
    response: &Response,
) -> Result<(), sql::Error> {
    let kept = StoredResponse {
        status: response.status,
        headers: response
            .headers
            .iter()
            .filter(|(name, _)| KEPT_HEADERS.contains(name))
            .map(|(name, value)| ((*name).to_owned(), value.clone()))
            .collect(),
        body: String::from_utf8_lossy(&response.body).into_owned(),
    };
    let outcome = serde_json::to_string(&kept).map_err(|error| sql::Error::Other(error.to_string()))?;
    let now = tx.now();
    tx.execute(
        "INSERT INTO idempotency (scope, person, key, request_hash, outcome, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        params![scope, person, key, fingerprint, outcome, now],
    )
    .await
    .map(drop)
}
