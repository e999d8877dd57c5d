//! The operators' page: it works when the platform that is rolled out is down, so the control plane itself serves it. It is three files without anything to
//! build, and does what it does by the same API as the commands, with a token that somebody pastes into it.

use std::fmt::Write as _;

use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub(super) struct File {
    pub(super) path: &'static str,
    kind: &'static str,
    text: &'static str,
}

/// All of it.
pub(super) const FILES: [File; 3] = [
    File { path: "/", kind: "text/html; charset=utf-8", text: include_str!("index.html") },
    File { path: "/page.css", kind: "text/css; charset=utf-8", text: include_str!("page.css") },
    File { path: "/page.js", kind: "text/javascript; charset=utf-8", text: include_str!("page.js") },
];

/// What the page may do: run its one script, and ask its own origin. Nothing on it is made of text that could be taken for markup.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; frame-ancestors 'none'; \
                      base-uri 'none'; form-action 'self'; require-trusted-types-for 'script'; trusted-types 'none'";

const HEADERS: [(HeaderName, &str); 3] = [
    (header::CONTENT_SECURITY_POLICY, POLICY),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    // Kept, and asked for again each time: an instance that was replaced has another page.
    (header::CACHE_CONTROL, "no-cache"),
];

impl File {
    /// It, or word that it is as it was.
    pub(super) fn answer(self, request: &Request) -> Response {
        let tag = self.tag();
        let known = request.headers().get(header::IF_NONE_MATCH).and_then(|known| known.to_str().ok());
        let is_known = known.is_some_and(|known| known.split(',').any(|one| one.trim().trim_start_matches("W/") == tag));
        let mut response = if is_known {
            StatusCode::NOT_MODIFIED.into_response()
        } else {
            ([(header::CONTENT_TYPE, self.kind)], self.text).into_response()
        };
        let headers = response.headers_mut();
        headers.extend(HEADERS.map(|(name, value)| (name, HeaderValue::from_static(value))));
        if let Ok(tag) = HeaderValue::try_from(tag) {
            headers.insert(header::ETAG, tag);
        }
        response
    }

    fn tag(self) -> String {
        let mut tag = String::from("\"");
        for byte in Sha256::digest(self.text).iter().take(16) {
            // A string takes all that is written.
            _ = write!(tag, "{byte:02x}");
        }
        tag.push('"');
        tag
    }
}
