//! What is not there: a page for people, a problem document for programs.

use crate::{accept::prefers_json, content::Content};
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::Full;
use std::sync::LazyLock;

static PAGE: LazyLock<Content> = LazyLock::new(|| {
    Content::page(
        "Not found: Marquee",
        "",
        "<h1>There is nothing here</h1>\n\
         <p class=\"lead\">The address may be mistyped, or what was here is gone.</p>\n\
         <ul><li><a href=\"/\">All events</a></li>\n\
         <li><a href=\"/docs\">API reference</a></li></ul>",
    )
});

/// Who asked, as far as it matters for what is not there.
pub struct Requester {
    page: bool,
    head: bool,
}

impl Requester {
    /// Of this request. Under `/api/` no client wants a page.
    pub fn of<B>(request: &http::Request<B>) -> Self {
        let (method, path) = (request.method(), request.uri().path());
        let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok());
        let reads = method == Method::GET || method == Method::HEAD;
        Self {
            page: reads && path != "/api" && !path.starts_with("/api/") && !prefers_json(accept),
            head: method == Method::HEAD,
        }
    }

    /// The answer, a 404 made into a page where one is wanted.
    pub fn finish(&self, mut response: http::Response<Full<Bytes>>) -> http::Response<Full<Bytes>> {
        if !self.page || response.status() != StatusCode::NOT_FOUND {
            return response;
        }
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.append(header::VARY, HeaderValue::from_static("accept"));
        // An ETag would name a page that may be here tomorrow.
        for (name, value) in PAGE.headers().into_iter().filter(|(name, _)| *name != "etag" && *name != "cache-control") {
            if let Ok(value) = HeaderValue::from_str(&value) {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
        // Of HEAD without its length: a host may refuse one that the body does not have.
        if !self.head {
            headers.insert(header::CONTENT_LENGTH, HeaderValue::from(PAGE.body().len()));
            *response.body_mut() = Full::new(Bytes::from(PAGE.body().to_owned()));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answered(method: &str, path: &str, accept: &str, status: u16) -> String {
        let request = http::Request::builder().method(method).uri(path).header("accept", accept).body(()).unwrap();
        let response = http::Response::builder()
            .status(status)
            .header("content-type", "application/problem+json")
            .header("x-request-id", "abc")
            .body(Full::new(Bytes::from("{}")))
            .unwrap();
        let response = Requester::of(&request).finish(response);
        assert_eq!(response.status(), status);
        assert_eq!(response.headers()["x-request-id"], "abc");
        response.headers()["content-type"].to_str().unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn people_get_a_page_and_programs_a_problem() {
        for (method, path, accept, status, kind) in [
            ("GET", "/nowhere", "text/html", 404, "text/html"),
            ("GET", "/nowhere", "*/*", 404, "text/html"),
            ("HEAD", "/nowhere", "*/*", 404, "text/html"),
            ("GET", "/nowhere", "application/json", 404, "application/problem+json"),
            ("GET", "/api/nowhere", "text/html", 404, "application/problem+json"),
            ("GET", "/api", "text/html", 404, "application/problem+json"),
            ("GET", "/apiary", "text/html", 404, "text/html"),
            ("POST", "/nowhere", "text/html", 404, "application/problem+json"),
            ("GET", "/docs", "text/html", 405, "application/problem+json"),
        ] {
            assert_eq!(answered(method, path, accept, status), kind, "{method} {path} {accept}");
        }
    }
}
