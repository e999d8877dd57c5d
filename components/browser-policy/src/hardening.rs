//! Headers that keep a browser from doing with an answer what it is not for.

use http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue};

/// A page of ours may carry its own style and script, and talk to its own origin; nothing may frame it.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
/// Anything else is no page: were a browser to show it as one, it could do nothing.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; base-uri 'none'; frame-ancestors 'none'");
const NO_SNIFFING: HeaderValue = HeaderValue::from_static("nosniff");
const REFERRER: HeaderValue = HeaderValue::from_static("strict-origin-when-cross-origin");

/// Adds the security headers that an answer does not have.
pub fn harden(headers: &mut HeaderMap) {
    headers.entry(X_CONTENT_TYPE_OPTIONS).or_insert(NO_SNIFFING);
    if !headers.contains_key(CONTENT_SECURITY_POLICY) {
        let kind = headers.get(CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        let page = kind.get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"text/html"));
        headers.insert(CONTENT_SECURITY_POLICY, if page { PAGE_POLICY } else { DATA_POLICY });
    }
    headers.entry(REFERRER_POLICY).or_insert(REFERRER);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hardened(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.insert(*name, HeaderValue::from_static(value));
        }
        harden(&mut headers);
        headers
    }

    #[test]
    fn pages_have_a_wider_policy_than_data() {
        let page = hardened(&[("content-type", "Text/HTML; charset=utf-8")]);
        let policy = page[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self' 'unsafe-inline'"), "{policy}");
        for data in [&[("content-type", "application/json")][..], &[("content-type", "text/htm")], &[]] {
            let headers = hardened(data);
            assert_eq!(headers[CONTENT_SECURITY_POLICY], DATA_POLICY);
            assert_eq!((&headers[X_CONTENT_TYPE_OPTIONS], &headers[REFERRER_POLICY]), (&NO_SNIFFING, &REFERRER));
        }
    }

    #[test]
    fn existing_headers_are_not_replaced() {
        let own =
            [("content-security-policy", "sandbox"), ("referrer-policy", "same-origin"), ("x-content-type-options", "nosniff")];
        let mut headers = hardened(&own);
        harden(&mut headers);
        assert_eq!(headers.len(), own.len());
        assert!(own.iter().all(|(name, value)| headers[*name] == *value));
    }
}
