//! What is served as it is, and how: with an `ETag`, so that it is sent once.

use crate::html::{CONTENT_SECURITY_POLICY, frame};
use kit::{Answer, Request, Response, hash};
use std::sync::LazyLock;

/// Something with a name for its exact bytes.
#[derive(Debug)]
pub struct Content {
    kind: &'static str,
    body: String,
    etag: String,
}

impl Content {
    /// Content of this media type.
    pub fn new(kind: &'static str, body: impl Into<String>) -> Self {
        let body = body.into();
        let digest = hash::sha256(&[body.as_bytes()]);
        let etag = format!("\"{}\"", digest.get(..26).unwrap_or(&digest));
        Self { kind, body, etag }
    }

    /// A page in the frame that all have. See [`frame`].
    pub fn page(title: &str, here: &str, main: &str) -> Self {
        Self::new("text/html; charset=utf-8", frame(title, here, main))
    }

    /// The whole of it.
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The answer to a request for it: 304 where the client has these bytes already.
    pub fn answer(&self, request: &Request) -> Response {
        let known = request
            .headers
            .get_all("if-none-match")
            .iter()
            .filter_map(|tags| tags.to_str().ok())
            .any(|tags| is_in(tags, &self.etag));
        let response = if known { Response::empty(304) } else { Response::new(200, self.kind, self.body.clone()) };
        self.headers().into_iter().fold(response, |response, (name, value)| response.header(name, value))
    }

    /// What goes with it beside its type.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("etag", self.etag.clone()), ("cache-control", "no-cache".to_owned())];
        if self.kind.starts_with("text/html") {
            headers.push(("content-security-policy", CONTENT_SECURITY_POLICY.to_owned()));
            headers.push(("referrer-policy", "same-origin".to_owned()));
        }
        headers
    }
}

/// Whether a list of entity tags names this one, by weak comparison (RFC 9110, 13.1.2).
pub fn is_in(tags: &str, etag: &str) -> bool {
    tags.split(',').map(|tag| tag.trim().trim_start_matches("W/")).any(|tag| tag == "*" || tag == etag)
}

/// The OpenAPI document, as in the repository.
pub const OPENAPI: &str = include_str!("../openapi.json");

/// A handler for a file that is compiled in.
macro_rules! file {
    ($(#[$meta:meta])* $name:ident $kind:literal $text:expr) => {
        $(#[$meta])*
        pub async fn $name(request: Request) -> Answer {
            static FILE: LazyLock<Content> = LazyLock::new(|| Content::new($kind, $text));
            Ok(FILE.answer(&request))
        }
    };
}

file! { /// `GET /api/openapi.json`
openapi "application/json" OPENAPI }
file! { /// `GET /assets/style.css`
style "text/css; charset=utf-8" include_str!("../assets/style.css") }
file! { /// `GET /assets/app.js`
script "text/javascript; charset=utf-8" include_str!("../assets/app.js") }
file! { /// `GET /favicon.svg`
icon "image/svg+xml" include_str!("../assets/favicon.svg") }
file! { /// `GET /robots.txt`
robots "text/plain; charset=utf-8" include_str!("../assets/robots.txt") }

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entity_tags_depend_on_the_bytes() {
        let (a, b) = (Content::new("text/plain", "a"), Content::new("text/plain", "b"));
        assert_eq!(a.etag, Content::new("text/plain", "a").etag);
        for (tags, known) in [
            (a.etag.clone(), true),
            (format!("W/{}", a.etag), true),
            (format!("{}, {}", b.etag, a.etag), true),
            ("*".to_owned(), true),
            (b.etag.clone(), false),
            (String::new(), false),
        ] {
            assert_eq!(is_in(&tags, &a.etag), known, "{tags}");
        }
    }

    #[test]
    fn only_pages_have_a_policy() {
        let policy = |content: &Content| content.headers().iter().any(|(name, _)| *name == "content-security-policy");
        assert!(policy(&Content::page("a", "/", "")));
        assert!(!policy(&Content::new("application/json", "{}")));
    }
}
