//! The API, asked without a network: the same requests, handed to the region in this process.

use std::sync::Arc;

use bytes::Bytes;
use edge::{Region, known};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Limited};
use serde_json::{Value, json};

use crate::limits::{DEMO_ANSWER_BYTES, DEMO_PAUSE, DEMO_TRIES};

/// Who asks.
pub struct Account {
    token: String,
}

/// Asks.
pub struct Client {
    region: Arc<dyn Region>,
}

impl Client {
    /// A client of this region.
    pub fn new(region: Arc<dyn Region>) -> Self {
        Self { region }
    }

    /// An account with this address, made if it is not there.
    pub async fn account(&self, email: &str, name: &str, password: &str) -> Result<Account, String> {
        let whole = json!({"email": email, "password": password, "name": name});
        let (status, document) = self.ask("/api/auth/register", None, None, &whole).await?;
        let document = if status == StatusCode::CONFLICT {
            // From an earlier start.
            let login = json!({"email": email, "password": password});
            let (status, document) = self.ask("/api/auth/login", None, None, &login).await?;
            good(status, document, "/api/auth/login")?
        } else {
            good(status, document, "/api/auth/register")?
        };
        let token = document.get("access_token").and_then(Value::as_str).ok_or("no access token")?;
        Ok(Account { token: token.to_owned() })
    }

    /// Writes; what may or may not be done, or was not for now, is asked again with the same key.
    pub async fn post(&self, account: &Account, path: &str, key: &str, body: Value) -> Result<Value, String> {
        let mut tries = 0;
        loop {
            tries += 1;
            let (status, document) = self.ask(path, Some(account), Some(key), &body).await?;
            if !status.is_server_error() || tries >= DEMO_TRIES {
                return good(status, document, path);
            }
            tokio::time::sleep(DEMO_PAUSE * tries).await;
        }
    }

    async fn ask(
        &self,
        path: &str,
        account: Option<&Account>,
        key: Option<&str>,
        body: &Value,
    ) -> Result<(StatusCode, Value), String> {
        let mut request = Request::post(format!("http://localhost{path}")).header(header::CONTENT_TYPE, "application/json");
        if let Some(account) = account {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", account.token));
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", format!("demo-{key}"));
        }
        let request = request.body(known(Bytes::from(body.to_string()))).map_err(|error| error.to_string())?;
        let response = match self.region.handle(request).await {
            Ok(response) => response,
            Err(problem) => return Ok((problem.status(), Value::Null)),
        };
        let status = response.status();
        let body =
            Limited::new(response.into_body(), DEMO_ANSWER_BYTES).collect().await.map_err(|error| error.to_string())?.to_bytes();
        let document =
            if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).map_err(|error| error.to_string())? };
        Ok((status, document))
    }
}

fn good(status: StatusCode, document: Value, path: &str) -> Result<Value, String> {
    if status.is_success() {
        return Ok(document);
    }
    let detail = document.get("detail").and_then(Value::as_str).unwrap_or_default();
    Err(format!("POST {path} answered {status} {detail}"))
}
