//! Cross-origin requests. By default a page of any origin may read what is public, and nothing else: answers to `GET` and `HEAD` without
//! credentials carry `Access-Control-Allow-Origin: *`. Configured origins may do everything, with bearer tokens and not with cookies.

use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS,
    ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderValue, Method};

use crate::limits::{ORIGINS, PREFLIGHT_SECONDS};

/// Which origins may do more than read what is public.
#[derive(Clone, Debug, Default)]
pub struct Cors {
    origins: Box<[HeaderValue]>,
}

/// An origin that is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Not a scheme and a host.
    #[error("{0:?} is not an origin: write a scheme, a host and perhaps a port, as in https://shop.example")]
    NotAnOrigin(String),
    /// More than [`ORIGINS`].
    #[error("more than {ORIGINS} origins")]
    TooMany,
}

/// What a page may send beside what every page may.
const REQUEST_HEADERS: HeaderValue = HeaderValue::from_static(
    "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match, Marquee-Seen, Traceparent, X-Request-Id",
);
/// What a page may read beside what every page may.
const EXPOSED: HeaderValue =
    HeaderValue::from_static("ETag, Location, Marquee-As-Of, Marquee-Seen, Marquee-Stale, Retry-After, X-Request-Id");
const ANY: HeaderValue = HeaderValue::from_static("*");

/// Who may read an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// Nobody but the same origin.
    None,
    /// Everybody: it is public.
    Public,
    /// A configured origin.
    Origin(HeaderValue),
}

impl Cors {
    /// Reads a list of origins with commas between them; spaces and empty entries do not matter.
    pub fn parse(list: &str) -> Result<Self, Error> {
        let mut origins = Vec::new();
        for text in list.split(',').map(str::trim).filter(|text| !text.is_empty()) {
            let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
            let good = host.is_some_and(|host| !host.is_empty() && !host.contains(['/', '?', '#', '@', '*', ' ']));
            let value = HeaderValue::from_str(text).ok().filter(|_| good);
            origins.push(value.ok_or_else(|| Error::NotAnOrigin(text.to_owned()))?);
        }
        if origins.len() > ORIGINS {
            return Err(Error::TooMany);
        }
        Ok(Self { origins: origins.into() })
    }

    /// Who may read the answer to a request. `credentials`: it carries a token or a cookie.
    #[must_use]
    pub fn grant(&self, method: &Method, origin: Option<&HeaderValue>, credentials: bool) -> Grant {
        if let Some(origin) = origin.filter(|origin| self.origins.contains(origin)) {
            return Grant::Origin(origin.clone());
        }
        if !credentials && (method == Method::GET || method == Method::HEAD) { Grant::Public } else { Grant::None }
    }

    /// The headers of the answer to a preflight, which is 204; none where the request is not one.
    #[must_use]
    pub fn preflight(&self, method: &Method, headers: &HeaderMap) -> Option<HeaderMap> {
        if method != Method::OPTIONS || !headers.contains_key(ACCESS_CONTROL_REQUEST_METHOD) {
            return None;
        }
        let origin = headers.get(ORIGIN)?;
        let mut answer = HeaderMap::new();
        answer.insert(VARY, HeaderValue::from_static("Origin, Access-Control-Request-Method"));
        let configured = self.origins.contains(origin);
        let (allowed, methods) = if configured {
            (origin.clone(), HeaderValue::from_static("GET, HEAD, POST, PUT, PATCH, DELETE"))
        } else {
            (ANY, HeaderValue::from_static("GET, HEAD"))
        };
        // Authorization is named only to configured origins: what needs it is not public.
        let names = if configured {
            REQUEST_HEADERS
        } else {
            HeaderValue::from_static("If-None-Match, Marquee-Seen, Traceparent, X-Request-Id")
        };
        answer.insert(ACCESS_CONTROL_ALLOW_ORIGIN, allowed);
        answer.insert(ACCESS_CONTROL_ALLOW_METHODS, methods);
        answer.insert(ACCESS_CONTROL_ALLOW_HEADERS, names);
        answer.insert(ACCESS_CONTROL_MAX_AGE, HeaderValue::from(PREFLIGHT_SECONDS));
        Some(answer)
    }

    /// Says in an answer's headers who may read it, unless they say so already.
    pub fn apply(&self, grant: Grant, headers: &mut HeaderMap) {
        if !self.origins.is_empty() && !varies_by_origin(headers) {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            return;
        }
        let origin = match grant {
            Grant::None => return,
            Grant::Public => ANY,
            Grant::Origin(origin) => origin,
        };
        headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(ACCESS_CONTROL_EXPOSE_HEADERS, EXPOSED);
    }
}

fn varies_by_origin(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(VARY).iter().filter_map(|line| line.to_str().ok());
    lines.flat_map(|line| line.split(',')).any(|name| name.trim().eq_ignore_ascii_case("origin"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(origin: &'static str, method: &'static str) -> HeaderMap {
        HeaderMap::from_iter([
            (ORIGIN, HeaderValue::from_static(origin)),
            (ACCESS_CONTROL_REQUEST_METHOD, HeaderValue::from_static(method)),
        ])
    }

    #[test]
    fn origins_are_read_or_refused() {
        assert_eq!(Cors::parse(" https://a.example , http://localhost:3000,").unwrap().origins.len(), 2);
        for bad in ["*", "a.example", "https://", "https://a/b", "https://a?b", "ftp://a", "https://*.a"] {
            assert_eq!(Cors::parse(bad).unwrap_err(), Error::NotAnOrigin(bad.to_owned()));
        }
        assert_eq!(Cors::parse(&"https://a,".repeat(33)).unwrap_err(), Error::TooMany);
    }

    #[test]
    fn any_origin_may_read_public_data_only() {
        let (other, ours) = (HeaderValue::from_static("https://b"), HeaderValue::from_static("https://a"));
        let cors = Cors::parse("https://a").unwrap();
        for (method, origin, credentials, grant) in [
            (Method::GET, None, false, Grant::Public),
            (Method::GET, Some(&other), false, Grant::Public),
            (Method::GET, Some(&other), true, Grant::None),
            (Method::POST, Some(&other), false, Grant::None),
            (Method::POST, Some(&ours), true, Grant::Origin(ours.clone())),
        ] {
            assert_eq!(cors.grant(&method, origin, credentials), grant, "{method} {origin:?} {credentials}");
        }
    }

    #[test]
    fn preflights_list_what_is_allowed() {
        let cors = Cors::parse("https://a").unwrap();
        let ours = cors.preflight(&Method::OPTIONS, &headers("https://a", "POST")).unwrap();
        assert_eq!(ours[ACCESS_CONTROL_ALLOW_ORIGIN], "https://a");
        assert!(ours[ACCESS_CONTROL_ALLOW_METHODS].to_str().unwrap().contains("POST"));
        let other = cors.preflight(&Method::OPTIONS, &headers("https://b", "POST")).unwrap();
        assert_eq!(other[ACCESS_CONTROL_ALLOW_METHODS], "GET, HEAD");
        assert!(!other[ACCESS_CONTROL_ALLOW_HEADERS].to_str().unwrap().contains("Authorization"));
        assert!(cors.preflight(&Method::OPTIONS, &HeaderMap::new()).is_none());
        assert!(cors.preflight(&Method::GET, &headers("https://a", "GET")).is_none());
    }

    #[test]
    fn existing_cors_headers_are_not_duplicated() {
        let ours = HeaderValue::from_static("https://a");
        let cors = Cors::parse("https://a").unwrap();
        let mut answer = HeaderMap::from_iter([(VARY, HeaderValue::from_static("accept"))]);
        for _ in 0..2 {
            cors.apply(Grant::Origin(ours.clone()), &mut answer);
            assert_eq!(answer.get_all(VARY).iter().collect::<Vec<_>>(), ["accept", "Origin"]);
            assert_eq!(answer.get_all(ACCESS_CONTROL_ALLOW_ORIGIN).iter().collect::<Vec<_>>(), ["https://a"]);
        }
        // Who made the answer has decided: an ordinary Spin application may, too.
        let mut own = HeaderMap::from_iter([(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("https://own"))]);
        cors.apply(Grant::Public, &mut own);
        assert_eq!(own[ACCESS_CONTROL_ALLOW_ORIGIN], "https://own");
        let mut private = HeaderMap::new();
        Cors::default().apply(Grant::None, &mut private);
        assert!(private.is_empty());
    }
}
