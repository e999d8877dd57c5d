//! Whether a page of ours sent a request: what a browser adds cookies to by itself is done only then (cross-site request forgery).

use http::header::{HOST, HeaderName, ORIGIN};
use http::{HeaderMap, Method};

/// Fetch Metadata: how whoever began the request stands to whom it is sent to. No page can set it.
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Whether a request of this method asks for nothing to be changed (RFC 9110 §9.2.1).
#[must_use]
pub fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS | Method::TRACE)
}

/// Whether a browser says that a page of the origin that it asks sent a request.
///
/// `authority`: the host that it asks, with its port, where that does not stand in `Host`. `https`: it is known to have come over TLS; behind a proxy that is
/// not trusted to say so it may have all the same.
///
/// `Sec-Fetch-Site` counts, and where a browser does not send it `Origin`. `none`, which says that no page sent it, is not enough: people type no addresses
/// to change something. `same-site` is another host, which may be another's.
#[must_use]
pub fn is_same_origin(headers: &HeaderMap, authority: Option<&str>, https: bool) -> bool {
    match only(headers, &SEC_FETCH_SITE) {
        Some(site) => site == Some("same-origin"),
        None => match only(headers, &ORIGIN) {
            Some(Some(origin)) => {
                let host = authority.or_else(|| only(headers, &HOST).flatten());
                host.is_some_and(|host| is_origin_of(origin, host, https))
            }
            _ => false,
        },
    }
}

/// The value of a header that may be there once: none where it is not there, nothing where it comes twice or is no text.
fn only<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<Option<&'h str>> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?;
    Some(first.to_str().ok().filter(|_| values.next().is_none()))
}

fn is_origin_of(origin: &str, host: &str, https: bool) -> bool {
    let (origin, default) = match (origin.strip_prefix("https://"), origin.strip_prefix("http://")) {
        (Some(origin), _) => (origin, ":443"),
        (None, Some(origin)) if !https => (origin, ":80"),
        // A page that came in the clear may be anybody's.
        _ => return false,
    };
    // No browser names a default port, and some programs do.
    let short = |host: &str| host.strip_suffix(default).unwrap_or(host).to_ascii_lowercase();
    !origin.is_empty() && short(origin) == short(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    fn asked(lines: &[(&'static str, &str)], https: bool) -> bool {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_str(value).unwrap());
        }
        is_same_origin(&headers, None, https)
    }

    #[test]
    fn fetch_metadata_counts() {
        let (host, ours) = (("host", "a.example"), ("origin", "https://a.example"));
        for (site, same) in [
            (&["same-origin"][..], true),
            (&["same-site"], false),
            (&["cross-site"], false),
            (&["none"], false),
            (&[""], false),
            (&["Same-Origin"], false),
            (&["same-origin", "same-origin"], false),
            (&["cross-site", "same-origin"], false),
        ] {
            // Whatever stands in `Origin`.
            let mut lines = vec![host, ours];
            lines.extend(site.iter().map(|site| ("sec-fetch-site", *site)));
            assert_eq!(asked(&lines, false), same, "{site:?}");
        }
        assert!(asked(&[("sec-fetch-site", "same-origin")], true), "no page can set it");
    }

    #[test]
    fn else_the_origin_must_be_the_one_that_is_asked() {
        for (origin, host, https, same) in [
            ("https://a.example", "a.example", true, true),
            ("https://a.example", "A.Example:443", true, true),
            ("https://a.example:8443", "a.example:8443", true, true),
            // A proxy has taken the TLS away, and is not trusted to say so.
            ("https://a.example", "a.example", false, true),
            ("http://127.0.0.1:8080", "127.0.0.1:8080", false, true),
            ("http://[::1]:8080", "[::1]:8080", false, true),
            ("http://a.example", "a.example:80", false, true),
            ("http://a.example", "a.example", true, false),
            ("https://a.example", "a.example:80", true, false),
            ("https://a.example:8443", "a.example", true, false),
            ("https://b.example", "a.example", true, false),
            ("https://a.example.evil.example", "a.example", true, false),
            ("https://sub.a.example", "a.example", true, false),
            ("https://a.example/", "a.example", true, false),
            ("a.example", "a.example", true, false),
            ("null", "a.example", true, false),
            ("null", "null", true, false),
            ("https://", "", true, false),
            ("", "a.example", true, false),
        ] {
            assert_eq!(asked(&[("origin", origin), ("host", host)], https), same, "{origin} {host} {https}");
        }
        assert!(!asked(&[("host", "a.example")], true), "nobody says where it comes from");
        let twice = [("origin", "https://a.example"), ("origin", "https://a.example"), ("host", "a.example")];
        assert!(!asked(&twice, true));
        let ours = HeaderMap::from_iter([(ORIGIN, HeaderValue::from_static("https://a.example"))]);
        assert!(is_same_origin(&ours, Some("a.example"), true) && !is_same_origin(&ours, None, true));
    }

    #[test]
    fn only_what_changes_something_needs_it() {
        assert!([Method::GET, Method::HEAD, Method::OPTIONS].iter().all(is_safe));
        assert!(![Method::POST, Method::PUT, Method::PATCH, Method::DELETE].iter().any(is_safe));
        assert!(!is_safe(&Method::from_bytes(b"PURGE").unwrap()));
    }
}
