//! Logging in: by a name and a password (`Basic`), or by a token that a server gives out which the registry names (`Bearer`).

use super::{Registry, place, said};
use crate::error::Error;
use crate::limits;
use http::{HeaderMap, HeaderValue, Method, header};
use serde::Deserialize;
use url::Url;

/// What a registry asks for.
#[derive(Debug, Eq, PartialEq)]
enum Challenge {
    Basic,
    Bearer { realm: String, service: Option<String>, scope: Option<String> },
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Registry {
    /// What `Authorization` is to say, as the headers of an answer ask for it.
    pub(super) async fn log_in(&self, refused: &HeaderMap, method: &Method) -> Result<HeaderValue, Error> {
        let unauthorized = |reason: &str| Error::Unauthorized { registry: self.name.clone(), reason: reason.to_owned() };
        let challenges = refused.get_all(header::WWW_AUTHENTICATE).iter().filter_map(|value| value.to_str().ok());
        let challenge = challenges.filter_map(parse).next().ok_or_else(|| unauthorized("it does not say how to log in"))?;
        let value = match challenge {
            Challenge::Basic => {
                let login = self
                    .login
                    .as_ref()
                    .ok_or_else(|| unauthorized("it wants a name and a password, and there is none for it"))?;
                basic(&login.user, &login.password)
            }
            Challenge::Bearer { realm, service, scope } => {
                let actions = if *method == Method::GET || *method == Method::HEAD { "pull" } else { "pull,push" };
                let scope = scope.unwrap_or_else(|| format!("repository:{}:{actions}", self.repository));
                format!("Bearer {}", self.token(&realm, service.as_deref(), &scope).await?)
            }
        };
        let mut value = HeaderValue::try_from(value).map_err(|_| unauthorized("what it gives out is no token"))?;
        value.set_sensitive(true);
        Ok(value)
    }

    async fn token(&self, realm: &str, service: Option<&str>, scope: &str) -> Result<String, Error> {
        let mut url: Url = realm.parse().map_err(|_| self.odd("a login", "no address to log in at"))?;
        // A password goes there: over TLS, or where the registry itself is spoken to in the clear.
        let clear = self.origin.scheme() == "http" && url.host_str() == self.origin.host_str();
        if url.scheme() != "https" && !(url.scheme() == "http" && clear) {
            let reason = "credentials are sent over TLS alone";
            return Err(Error::Redirect { registry: self.name.clone(), to: place(&url), reason });
        }
        {
            let mut query = url.query_pairs_mut();
            query.extend_pairs(service.map(|service| ("service", service)));
            query.append_pair("scope", scope);
        }
        let mut request = self.client.get(url).timeout(limits::SILENCE);
        if let Some(login) = &self.login {
            request = request.basic_auth(&login.user, Some(&login.password));
        }
        let response = request.send().await.map_err(|error| self.unreachable(&error))?;
        if !response.status().is_success() {
            return Err(Error::Unauthorized { registry: self.name.clone(), reason: format!("no token: {}", response.status()) });
        }
        let bytes = self.bounded(response, "a login", limits::ANSWER_BYTES).await?;
        let Token { token, access_token } = serde_json::from_slice(&bytes).map_err(|_| self.odd("a login", "no token"))?;
        token.or(access_token).ok_or_else(|| self.odd("a login", "no token"))
    }
}

fn basic(user: &str, password: &str) -> String {
    use base64::Engine as _;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}")))
}

/// Reads `WWW-Authenticate`; none where it is of another kind.
fn parse(value: &str) -> Option<Challenge> {
    let (scheme, rest) = value.split_once(' ').unwrap_or((value, ""));
    if scheme.eq_ignore_ascii_case("basic") {
        return Some(Challenge::Basic);
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return None;
    }
    let (mut realm, mut service, mut scope) = (None, None, None);
    let mut rest = rest;
    while let Some((name, after)) = rest.split_once('=') {
        let (value, after) = match after.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"')?,
            None => after.split_once(',').unwrap_or((after, "")),
        };
        match name.trim().trim_start_matches(',').trim().to_ascii_lowercase().as_str() {
            "realm" => realm = Some(value.to_owned()),
            "service" => service = Some(value.to_owned()),
            "scope" => scope = Some(said(value)),
            _ => {}
        }
        rest = after.trim_start().trim_start_matches(',');
    }
    Some(Challenge::Bearer { realm: realm?, service, scope })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let bearer = |realm: &str, service: Option<&str>, scope: Option<&str>| {
            let owned = |text: Option<&str>| text.map(str::to_owned);
            Some(Challenge::Bearer { realm: realm.to_owned(), service: owned(service), scope: owned(scope) })
        };
        for (text, read) in [
            ("Basic realm=\"Registry\"", Some(Challenge::Basic)),
            (
                "Bearer realm=\"https://auth.example/token\",service=\"registry.example\",scope=\"repository:a/b:pull,push\"",
                bearer("https://auth.example/token", Some("registry.example"), Some("repository:a/b:pull,push")),
            ),
            ("bearer service=a, realm=\"https://b\"", bearer("https://b", Some("a"), None)),
            ("Bearer service=\"a\"", None),
            ("Bearer realm=\"unfinished", None),
            ("Negotiate", None),
            ("", None),
        ] {
            assert_eq!(parse(text), read, "{text}");
        }
    }
}
