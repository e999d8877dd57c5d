//! The app that people buy with: one page at every address that is a page of it, and the files that this page is made of.

use crate::content::is_in;
use bytes::Bytes;
use kit::{Answer, Problem, Request, Response};

/// A file of the built app.
#[derive(Debug, Clone, Copy)]
struct File {
    /// Below the app's root. In the folder `app` each name has a hash of the bytes in it.
    path: &'static str,
    /// The media type.
    kind: &'static str,
    /// Of the bytes.
    digest: &'static str,
    plain: &'static [u8],
    /// Compressed; empty where that would not be smaller.
    brotli: &'static [u8],
    gzip: &'static [u8],
}

include!(concat!(env!("OUT_DIR"), "/app.rs"));

/// What the page may load and do: our own files, and calls to this origin. No inline scripts or styles; and nothing that turns text into script but
/// what the one named policy makes.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; worker-src 'self'; \
     manifest-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types marquee";

/// A name with a hash in it never means other bytes.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";

/// `GET /`, and every other page of the app.
pub async fn page(request: Request) -> Answer {
    let page = find("index.html").ok_or_else(Problem::not_found)?;
    Ok(page
        .answer(&request)
        .header("cache-control", "no-cache")
        .header("content-security-policy", CONTENT_SECURITY_POLICY)
        .header("cross-origin-opener-policy", "same-origin")
        .header("referrer-policy", "same-origin"))
}

/// `GET /app/:file`
pub async fn file(request: Request) -> Answer {
    let file = find(&format!("app/{}", request.parameter("file"))).ok_or_else(Problem::not_found)?;
    Ok(file.answer(&request).header("cache-control", IMMUTABLE))
}

/// `GET /sw.js`: what keeps the page for when there is no network. It stands at the root, for it serves only what is below its own path; and it has a policy
/// of its own, for without one it could fetch nothing.
pub async fn service_worker(request: Request) -> Answer {
    let file = find("sw.js").ok_or_else(Problem::not_found)?;
    Ok(file
        .answer(&request)
        .header("cache-control", "no-cache")
        .header("content-security-policy", "default-src 'none'; connect-src 'self'"))
}

/// `GET /icons/:file`: the icons of the installed app. Devices name them, so their names have no hash.
pub async fn icon(request: Request) -> Answer {
    let file = find(&format!("icons/{}", request.parameter("file"))).ok_or_else(Problem::not_found)?;
    Ok(file.answer(&request).header("cache-control", "public, max-age=86400"))
}

/// `GET /embed.js`: the element that other sites show events with. Any page may have it; its name stays, so an old one is used for an hour at most, or for
/// a day while the new one is fetched.
pub async fn embed(request: Request) -> Answer {
    let file = find("embed.js").ok_or_else(Problem::not_found)?;
    Ok(file
        .answer(&request)
        .header("cache-control", "public, max-age=3600, stale-while-revalidate=86400")
        .header("access-control-allow-origin", "*")
        .header("cross-origin-resource-policy", "cross-origin"))
}

fn find(path: &str) -> Option<File> {
    FILES.iter().copied().find(|file| file.path == path)
}

impl File {
    /// The smallest of its forms that the client takes; 304 where it has that already.
    fn answer(&self, request: &Request) -> Response {
        let accept = request.header("accept-encoding").unwrap_or_default();
        let coded = [("br", self.brotli), ("gzip", self.gzip)];
        let coded = coded.into_iter().find(|(coding, bytes)| !bytes.is_empty() && accepts(accept, coding));
        let (coding, bytes) = coded.unwrap_or(("", self.plain));
        // Each form is other bytes.
        let etag = if coding.is_empty() { format!("\"{}\"", self.digest) } else { format!("\"{}-{coding}\"", self.digest) };
        let known = request.headers.get_all("if-none-match").iter().filter_map(|tags| tags.to_str().ok());
        let mut response = if { known }.any(|tags| is_in(tags, &etag)) {
            Response::empty(304)
        } else {
            let response = Response::new(200, self.kind, Bytes::from_static(bytes));
            if coding.is_empty() { response } else { response.header("content-encoding", coding) }
        };
        if !self.brotli.is_empty() || !self.gzip.is_empty() {
            response = response.header("vary", "accept-encoding");
        }
        response.header("etag", etag)
    }
}

/// Whether `Accept-Encoding` names a content coding and does not weigh it 0 (RFC 9110, 12.5.3).
fn accepts(header: &str, coding: &str) -> bool {
    header.split(',').any(|range| {
        let mut parts = range.split(';').map(str::trim);
        let named = parts.next().is_some_and(|name| name.eq_ignore_ascii_case(coding));
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        named && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|weight| weight > 0.0))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::Request;

    const FILE: File = File {
        path: "app/a-1.js",
        kind: "text/javascript; charset=utf-8",
        digest: "d1",
        plain: b"plain",
        brotli: b"b",
        gzip: b"gz",
    };

    fn asked(headers: &[(&'static str, &'static str)]) -> Request {
        let mut request = Request::of_nobody();
        for (name, value) in headers {
            request.headers.insert(*name, value.parse().unwrap());
        }
        request
    }

    fn header<'r>(response: &'r Response, name: &str) -> Option<&'r str> {
        response.headers.iter().find(|(each, _)| *each == name).map(|(_, value)| value.as_str())
    }

    #[test]
    fn the_smallest_form_that_the_client_takes_is_sent() {
        for (accept, body, coding) in [
            ("gzip, deflate, br, zstd", "b", Some("br")),
            ("gzip;q=1.0, br;q=0", "gz", Some("gzip")),
            ("GZIP", "gz", Some("gzip")),
            ("identity", "plain", None),
            ("", "plain", None),
            ("brotli", "plain", None),
        ] {
            let response = FILE.answer(&asked(&[("accept-encoding", accept)]));
            assert_eq!((response.body.as_ref(), header(&response, "content-encoding")), (body.as_bytes(), coding), "{accept}");
            assert_eq!(header(&response, "vary"), Some("accept-encoding"));
        }
    }

    #[test]
    fn what_is_no_smaller_is_sent_as_it_is() {
        let file = File { brotli: b"", gzip: b"", ..FILE };
        let response = file.answer(&asked(&[("accept-encoding", "br, gzip")]));
        assert_eq!((response.body.as_ref(), header(&response, "vary")), (b"plain".as_slice(), None));
    }

    #[test]
    fn who_has_a_form_is_sent_no_other() {
        let with = |accept, tag| FILE.answer(&asked(&[("accept-encoding", accept), ("if-none-match", tag)])).status;
        assert_eq!(with("br", "\"d1-br\""), 304);
        assert_eq!(with("br", "W/\"d1-br\""), 304);
        assert_eq!(with("gzip", "\"d1-br\""), 200);
        assert_eq!(with("", "\"d1\""), 304);
        assert_eq!(with("", "\"d0\""), 200);
    }

    /// The component, the manifest and the app must agree on what a page is: the manifest is held against the router elsewhere.
    #[test]
    fn each_page_of_the_app_has_a_route() {
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/../../web-app/src/app/routes.ts");
        let source = std::fs::read_to_string(source).unwrap();
        let pages: std::collections::BTreeSet<_> =
            source.lines().filter_map(|line| line.split_once(": \"")?.1.strip_suffix("\",")).map(str::to_owned).collect();
        let routes = crate::PAGES.iter().map(|&page| page.to_owned()).collect();
        assert_eq!(pages, routes, "left: web-app/src/app/routes.ts, right: the component's pages");
    }
}
