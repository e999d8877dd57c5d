//! The API of the control plane, as its clients see it.

use std::path::Path;
use std::sync::Arc;

use http::Method;
use reqwest::ClientBuilder;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore};
use serde_json::Value;
use telemetry::secured;
use url::Url;

use crate::limits;

/// An instance of the control plane.
#[derive(Clone)]
pub struct Client {
    base: Url,
    token: String,
    client: reqwest::Client,
}

/// What it has answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The document; null where there is none.
    pub body: Value,
}

impl Answer {
    /// Why it was not done, in one line, if so.
    #[must_use]
    pub fn refusal(&self) -> Option<String> {
        if (200..300).contains(&self.status) {
            return None;
        }
        let text = |name: &str| self.body.get(name).and_then(Value::as_str);
        let said = text("detail").or_else(|| text("title")).map_or_else(|| format!("status {}", self.status), str::to_owned);
        let faults = self.body.get("faults").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        let faults: Vec<_> = faults.collect();
        Some(if faults.is_empty() { said } else { format!("{}: {}", said.trim_end_matches('.'), faults.join("; ")) })
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("base", &self.base.as_str()).finish_non_exhaustive()
    }
}

impl Client {
    /// The instance at this address, for who has this token. `authority` (PEM) is believed beside those that the system trusts.
    ///
    /// # Errors
    /// A sentence, where the address is none, or would have the token travel in the clear to another machine.
    pub fn new(address: &str, token: &str, authority: Option<&Path>) -> Result<Self, String> {
        let base = if address.ends_with('/') { address.to_owned() } else { format!("{address}/") };
        let base: Url = base.parse().map_err(|error| format!("{address:?} is no address of a control plane: {error}"))?;
        let host = base.host_str().unwrap_or_default();
        match base.scheme() {
            "https" => {}
            "http" if secured::is_loopback(host) => {}
            "http" => return Err(format!("{host} is another machine, where the token travels over TLS only: write https://")),
            _ => return Err(format!("{address:?} is no address of a control plane: write https://HOST:PORT")),
        }
        if !token.bytes().all(|byte| byte.is_ascii_graphic()) || !limits::TOKEN_BYTES.contains(&token.len()) {
            return Err("the token is none: it has 16 visible characters or more, and no blank".to_owned());
        }
        let client = builder(authority)?.timeout(limits::CALL).build().map_err(|error| error.to_string())?;
        Ok(Self { base, token: token.to_owned(), client })
    }

    /// Asks. `path` begins without a slash: `v1/status`.
    ///
    /// # Errors
    /// A sentence, where there is no answer.
    pub async fn get(&self, path: &str) -> Result<Answer, String> {
        self.send(Method::GET, path, None).await
    }

    /// Has something done.
    ///
    /// # Errors
    /// A sentence, where there is no answer; whether it was done is open then.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Answer, String> {
        self.send(Method::POST, path, Some(body)).await
    }

    async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, String> {
        let address = self.base.join(path).map_err(|error| format!("{path:?} is no path: {error}"))?;
        let lost = |error: reqwest::Error| {
            let mut reason = error.to_string();
            let mut source = std::error::Error::source(&error);
            while let Some(cause) = source {
                reason = format!("{reason}: {cause}");
                source = cause.source();
            }
            format!("the control plane does not answer: {reason}")
        };
        let mut request = self.client.request(method, address).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut response = request.send().await.map_err(lost)?;
        let mut bytes = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(lost)? {
            bytes.extend_from_slice(&piece);
            if bytes.len() > limits::CALL_BYTES {
                return Err(format!("the answer has more than {} bytes", limits::CALL_BYTES));
            }
        }
        let status = response.status().as_u16();
        if bytes.is_empty() {
            return Ok(Answer { status, body: Value::Null });
        }
        let body = serde_json::from_slice(&bytes).map_err(|_| format!("what answers (status {status}) is no control plane"))?;
        Ok(Answer { status, body })
    }
}

/// Clients that believe whom the system trusts, and this authority; that go where they are sent and nowhere else.
pub(crate) fn builder(authority: Option<&Path>) -> Result<ClientBuilder, String> {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if let Some(file) = authority {
        let wrong = |error: String| format!("{} is no certificate in PEM: {error}", file.display());
        for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))? {
            let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
            roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
        }
    }
    let tls = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(reqwest::Client::builder()
        .use_preconfigured_tls(tls)
        .redirect(reqwest::redirect::Policy::none())
        .no_proxy()
        .connect_timeout(limits::HEAD)
        .user_agent(concat!("marquee/", env!("CARGO_PKG_VERSION"))))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    #[test]
    fn a_token_does_not_travel_in_the_clear() {
        for good in ["https://control.example:7644", "http://127.0.0.1:7644/", "http://localhost:7644"] {
            assert!(Client::new(good, TOKEN, None).is_ok(), "{good}");
        }
        for bad in ["http://control.example:7644", "ftp://127.0.0.1", "127.0.0.1:7644", ""] {
            assert!(Client::new(bad, TOKEN, None).is_err(), "{bad}");
        }
        assert!(Client::new("http://127.0.0.1", "short", None).is_err());
        let shown = format!("{:?}", Client::new("http://127.0.0.1", TOKEN, None).unwrap());
        assert!(!shown.contains(TOKEN), "{shown}");
    }

    #[test]
    fn a_refusal_is_one_line() {
        let answer = |status, body| Answer { status, body };
        assert_eq!(answer(200, Value::Null).refusal(), None);
        let body = serde_json::json!({ "title": "t", "detail": "Two are wrong.", "faults": ["one", "two"] });
        assert_eq!(answer(422, body).refusal().unwrap(), "Two are wrong: one; two");
        assert_eq!(answer(502, Value::Null).refusal().unwrap(), "status 502");
    }
}
