//! Headers on their way in and out: what is only between two hops, what only we may say, and what browsers are to be told.

use std::net::{IpAddr, SocketAddr};

use http::header::{
    AUTHORIZATION, CONNECTION, CONTENT_SECURITY_POLICY, EXPECT, FORWARDED, HeaderName, ORIGIN, PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION, REFERRER_POLICY, SERVER, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue};

use crate::connection::Connection;
use crate::limits::{HEADER_BYTES, HEADERS};
use crate::request_id;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What a client has seen already.
pub const MARQUEE_SEEN: HeaderName = HeaderName::from_static("marquee-seen");
/// `true`: the answer is older than what the request's `Marquee-Seen` says.
pub const MARQUEE_STALE: HeaderName = HeaderName::from_static("marquee-stale");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// As in Spin: who asks, with the port.
const SPIN_CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");

/// Headers that concern one hop only (RFC 9110 §7.6.1), beside those that `Connection` names.
const HOP: [HeaderName; 10] = [
    CONNECTION,
    KEEP_ALIVE,
    PROXY_CONNECTION,
    PROXY_AUTHENTICATE,
    PROXY_AUTHORIZATION,
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
    EXPECT,
];

/// Names that `Connection` may add to those.
const NAMED_HOPS: usize = 16;

/// What one look over a request's headers finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Look {
    /// More or longer than they may be.
    pub(crate) too_large: bool,
    /// There is a token or a cookie.
    pub(crate) credentials: bool,
    /// There is a `Marquee-Seen`.
    pub(crate) seen: bool,
    /// There is something to take out.
    strip: bool,
}

/// Looks over a request's headers, once. `path_bytes` counts as well.
pub(crate) fn look(headers: &HeaderMap, path_bytes: usize) -> Look {
    let mut look = Look::default();
    let mut bytes = path_bytes;
    for (name, value) in headers {
        let name = name.as_str();
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        match name {
            "authorization" | "cookie" => look.credentials = true,
            "marquee-seen" => look.seen = true,
            "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "expect"
            | "forwarded"
            | "x-real-ip" => look.strip = true,
            name if name.starts_with("x-forwarded-") || name.starts_with("spin-") => look.strip = true,
            _ => {}
        }
    }
    look.too_large = bytes > HEADER_BYTES || headers.len() > HEADERS;
    look
}

/// Makes a request's headers fit to be seen by a component: hop-by-hop ones go, and what stands there about the client is what
/// we know and not what anybody says, unless the peer is a proxy that is trusted to say it.
///
/// The client's address is returned. As few are added as can be: a guest copies each header into its memory, whether it looks at it or not. Who asks stands in
/// `spin-client-addr` only, and `X-Forwarded-Proto` says `https` or is not there.
pub(crate) fn clean(headers: &mut HeaderMap, look: &Look, connection: &Connection, trusted: &[IpAddr]) -> IpAddr {
    let (mut client, mut address) = (connection.peer_socket.clone(), connection.peer.ip());
    let mut https = false;
    if look.strip {
        if !trusted.is_empty() && trusted.contains(&connection.peer.ip().to_canonical()) {
            if let Some((header, stranger)) = nearest_stranger(headers, trusted) {
                (client, address) = (header, stranger);
            }
            https = headers.get(X_FORWARDED_PROTO).is_some_and(|proto| proto == "https");
        }
        strip_hops(headers);
        for name in [FORWARDED, X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST, X_REAL_IP] {
            headers.remove(name);
        }
        // What only a host says to its components, nobody else may say.
        let said: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with("spin-")).cloned().collect();
        for name in said {
            headers.remove(name);
        }
    }
    if https {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
    }
    headers.insert(SPIN_CLIENT_ADDR, client);
    address
}

/// Whose request this is, as [`clean`] has written it down; none where nothing of the kind is there.
pub fn client(headers: &HeaderMap) -> Option<IpAddr> {
    Some(headers.get(SPIN_CLIENT_ADDR)?.to_str().ok()?.parse::<SocketAddr>().ok()?.ip())
}

/// The bearer token (RFC 6750), if there is one.
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    let (scheme, token) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim_start())
}

/// The last address in `X-Forwarded-For` that is not one of the trusted proxies: each proxy adds its peer at the end, so that whatever the
/// client wrote stands before. Its port is not known: 0.
fn nearest_stranger(headers: &HeaderMap, trusted: &[IpAddr]) -> Option<(HeaderValue, IpAddr)> {
    let lines: Vec<&str> = headers.get_all(X_FORWARDED_FOR).iter().filter_map(|value| value.to_str().ok()).collect();
    for text in lines.iter().rev().flat_map(|line| line.rsplit(',')) {
        let address = text.trim().parse::<IpAddr>().ok()?.to_canonical();
        if !trusted.contains(&address) {
            return HeaderValue::try_from(SocketAddr::new(address, 0).to_string()).ok().map(|header| (header, address));
        }
    }
    None
}

fn strip_hops(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| HeaderName::try_from(name.trim()).ok())
        .take(NAMED_HOPS)
        .collect();
    for name in named.into_iter().chain(HOP) {
        headers.remove(name);
    }
}

/// The client's request id, if it is sane, or a new one.
pub(crate) fn request_id(headers: &HeaderMap) -> HeaderValue {
    match headers.get(X_REQUEST_ID) {
        Some(id) if request_id::sane(id.as_bytes()) => id.clone(),
        _ => request_id::new(),
    }
}

/// The value of `Origin`.
pub(crate) fn origin(headers: &HeaderMap) -> Option<&HeaderValue> {
    headers.get(ORIGIN)
}

/// A page of ours may carry its own style and script, and talk to its own origin; nothing may frame it.
const PAGE_POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'self'; style-src 'self' 'unsafe-inline'; script-src 'self' 'unsafe-inline'; img-src 'self' data:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
);
/// Anything else is no page: were a browser to show it as one, it could do nothing.
const DATA_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");

/// Finishes an answer's headers.
pub(crate) fn finish(headers: &mut HeaderMap, request_id: HeaderValue) {
    let (mut hops, mut policy, mut referrer, mut page) = (false, false, false, false);
    for (name, value) in &*headers {
        match name.as_str() {
            "connection"
            | "keep-alive"
            | "proxy-connection"
            | "proxy-authenticate"
            | "proxy-authorization"
            | "te"
            | "trailer"
            | "transfer-encoding"
            | "upgrade"
            | "server"
            | "x-powered-by" => hops = true,
            "content-security-policy" => policy = true,
            "referrer-policy" => referrer = true,
            "content-type" => page = value.as_bytes().get(..9).is_some_and(|start| start.eq_ignore_ascii_case(b"text/html")),
            _ => {}
        }
    }
    if hops {
        strip_hops(headers);
        headers.remove(SERVER);
        headers.remove("x-powered-by");
    }
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // A component knows its own pages best.
    if !policy {
        headers.insert(CONTENT_SECURITY_POLICY, if page { PAGE_POLICY } else { DATA_POLICY });
    }
    if !referrer {
        headers.insert(REFERRER_POLICY, HeaderValue::from_static("strict-origin-when-cross-origin"));
    }
    headers.insert(X_REQUEST_ID, request_id);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())).collect()
    }

    fn cleaned(lines: &[(&str, &str)], trusted: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let trusted: Vec<IpAddr> = trusted.iter().map(|text| text.parse().unwrap()).collect();
        let look = look(&map, 1);
        clean(&mut map, &look, &Connection::new(([10, 0, 0, 9], 999).into()), &trusted);
        map
    }

    #[test]
    fn nobody_says_who_they_are() {
        let map = cleaned(
            &[
                ("x-forwarded-for", "1.2.3.4"),
                ("x-forwarded-proto", "https"),
                ("x-forwarded-host", "evil"),
                ("forwarded", "for=1.2.3.4"),
                ("x-real-ip", "1.2.3.4"),
                ("spin-client-addr", "1.2.3.4:1"),
                ("spin-full-url", "http://evil"),
                ("accept", "*/*"),
            ],
            &[],
        );
        let expected = headers(&[("spin-client-addr", "10.0.0.9:999"), ("accept", "*/*")]);
        assert_eq!(map, expected);
    }

    #[test]
    fn a_trusted_proxy_says_who_its_client_is() {
        for (said, client) in [
            (&["1.2.3.4"][..], "1.2.3.4:0"),
            (&["6.6.6.6, 1.2.3.4"], "1.2.3.4:0"),
            (&["6.6.6.6, 1.2.3.4, 10.0.0.8"], "1.2.3.4:0"),
            (&["6.6.6.6", "1.2.3.4,10.0.0.8"], "1.2.3.4:0"),
            (&["nonsense"], "10.0.0.9:999"),
            (&["::ffff:1.2.3.4"], "1.2.3.4:0"),
            (&["2001:db8::1"], "[2001:db8::1]:0"),
        ] {
            let mut lines: Vec<_> = said.iter().map(|said| ("x-forwarded-for", *said)).collect();
            lines.push(("x-forwarded-proto", "https"));
            let map = cleaned(&lines, &["10.0.0.9", "10.0.0.8"]);
            assert_eq!(map[SPIN_CLIENT_ADDR], client, "{said:?}");
            assert!(!map.contains_key(X_FORWARDED_FOR));
            assert_eq!(map[X_FORWARDED_PROTO], "https");
        }
    }

    #[test]
    fn what_concerns_one_hop_goes_no_further() {
        let map = cleaned(
            &[("connection", "keep-alive, x-mine"), ("x-mine", "1"), ("te", "trailers"), ("upgrade", "h2c"), ("x-yours", "1")],
            &[],
        );
        assert!(map.contains_key("x-yours"));
        for gone in ["connection", "x-mine", "te", "upgrade"] {
            assert!(!map.contains_key(gone), "{gone}");
        }
    }

    #[test]
    fn too_many_or_too_long_headers_are_seen() {
        assert!(!look(&headers(&[("a", &"x".repeat(HEADER_BYTES - 2))]), 1).too_large);
        assert!(look(&headers(&[("a", &"x".repeat(HEADER_BYTES))]), 1).too_large);
        assert!(look(&HeaderMap::new(), HEADER_BYTES + 1).too_large);
        let many: Vec<(String, &str)> = (0..=HEADERS).map(|n| (format!("h{n}"), "")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert!(look(&headers(&many), 1).too_large);
    }

    #[test]
    fn answers_are_hardened_and_name_no_server() {
        let mut map = headers(&[
            ("content-type", "Text/HTML; charset=utf-8"),
            ("server", "x"),
            ("connection", "close"),
            ("x-powered-by", "y"),
        ]);
        finish(&mut map, HeaderValue::from_static("id"));
        assert_eq!(map[X_CONTENT_TYPE_OPTIONS], "nosniff");
        assert_eq!(map[X_REQUEST_ID], "id");
        let policy = map[CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(policy.contains("frame-ancestors 'none'") && policy.contains("script-src 'self' 'unsafe-inline'"), "{policy}");
        for gone in ["server", "connection", "x-powered-by"] {
            assert!(!map.contains_key(gone), "{gone}");
        }
        let mut map = headers(&[("content-type", "application/json"), ("content-security-policy", "sandbox")]);
        finish(&mut map, HeaderValue::from_static("id"));
        assert_eq!(map[CONTENT_SECURITY_POLICY], "sandbox");
    }
}
