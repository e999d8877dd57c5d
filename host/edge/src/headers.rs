//! Request and response headers: hop-by-hop ones, those that only we may set, and those that instruct browsers.

use std::net::{IpAddr, SocketAddr};
use std::sync::LazyLock;

use http::header::{
    AUTHORIZATION, CONNECTION, COOKIE, EXPECT, FORWARDED, HOST, HeaderName, ORIGIN, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION,
    SERVER, STRICT_TRANSPORT_SECURITY, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use http::uri::Authority;
use http::{HeaderMap, HeaderValue, Request, Version, request};
use read_model::{Credential, NoCredential};

use crate::connection::Connection;
use crate::limits::{HEADER_BYTES, HEADERS, HSTS_SECONDS};
use crate::networks::Networks;
use crate::request_id;

pub(crate) const X_REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// What a client has seen already.
pub const MARQUEE_SEEN: HeaderName = HeaderName::from_static("marquee-seen");
/// `true`: the answer is older than what the request's `Marquee-Seen` says.
pub const MARQUEE_STALE: HeaderName = HeaderName::from_static("marquee-stale");
const X_FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
pub(crate) const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_REAL_IP: HeaderName = HeaderName::from_static("x-real-ip");
const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
/// As in Spin: the client's address and port.
pub(crate) const SPIN_CLIENT_ADDR: HeaderName = HeaderName::from_static("spin-client-addr");
/// The value for a client whose address is unknown.
const UNKNOWN: HeaderValue = HeaderValue::from_static("unknown");

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Client {
    /// From this address.
    Known(IpAddr),
    /// Unknown: a trusted proxy sent a malformed address.
    Unknown,
}

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

/// What one pass over a request's headers finds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct HeaderSummary {
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
pub(crate) fn summary(headers: &HeaderMap, path_bytes: usize) -> HeaderSummary {
    let mut summary = HeaderSummary::default();
    let mut bytes = path_bytes;
    for (name, value) in headers {
        let name = name.as_str();
        bytes = bytes.saturating_add(name.len()).saturating_add(value.len());
        match name {
            "authorization" | "cookie" => summary.credentials = true,
            "marquee-seen" => summary.seen = true,
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
            | "x-real-ip" => summary.strip = true,
            name if name.starts_with("x-forwarded-") || name.starts_with("spin-") => summary.strip = true,
            _ => {}
        }
    }
    summary.too_large = bytes > HEADER_BYTES || headers.len() > HEADERS;
    summary
}

/// Whether a request names one host, and that in one way: two that take a different one of two names for it can be played against each other.
pub(crate) fn names_one_host(request: &request::Parts) -> bool {
    let mut hosts = request.headers.get_all(HOST).iter();
    let (host, more) = (hosts.next(), hosts.next().is_some());
    let sound = |host: &HeaderValue| Authority::try_from(host.as_bytes()).ok().filter(|host| !host.as_str().contains('@'));
    let host = match host.map(sound) {
        Some(None) => return false,
        host => host.flatten(),
    };
    match (request.version, host, request.uri.authority()) {
        _ if more => false,
        (_, Some(host), Some(authority)) => host == *authority,
        (_, Some(_), None) | (Version::HTTP_10, None, _) => true,
        (Version::HTTP_2 | Version::HTTP_3, None, Some(authority)) => !authority.as_str().contains('@'),
        _ => false,
    }
}

/// Makes a request's headers fit to be seen by a component: hop-by-hop ones are removed, and what they say about the client is what
/// we know and not what anybody says, unless the peer is a proxy that is trusted to say it.
///
/// Returns the client. As few are added as can be: a guest copies each header into its memory, whether it looks at it or not. Who asks stands in
/// `spin-client-addr` only, and `X-Forwarded-Proto` says `https` or is not there.
pub(crate) fn clean(headers: &mut HeaderMap, summary: &HeaderSummary, connection: &Connection, trusted: &Networks) -> Client {
    let client = sender(headers, summary, connection, trusted);
    let header = match client {
        Client::Known(address) if address == connection.peer.ip() => connection.peer_socket.clone(),
        Client::Known(stranger) => HeaderValue::try_from(SocketAddr::new(stranger, 0).to_string()).unwrap_or(UNKNOWN),
        Client::Unknown => UNKNOWN,
    };
    let mut https = connection.secure;
    if summary.strip {
        if trusted.contain(connection.peer.ip()) {
            https |= headers.get(X_FORWARDED_PROTO).is_some_and(|proto| proto == "https");
        }
        strip_hops(headers);
        for name in [FORWARDED, X_FORWARDED_FOR, X_FORWARDED_PROTO, X_FORWARDED_HOST, X_REAL_IP] {
            headers.remove(name);
        }
        // Headers that only a host may set for its components are removed.
        let said: Vec<HeaderName> = headers.keys().filter(|name| name.as_str().starts_with("spin-")).cloned().collect();
        for name in said {
            headers.remove(name);
        }
    }
    if https {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
    }
    headers.insert(SPIN_CLIENT_ADDR, header);
    client
}

/// Makes the headers of a request that another node hands over fit to be seen by a component: of what only a host may say, a node may repeat whom it has
/// seen as its client and whether they came by TLS, each in the one form that it has. This may only be used to limit how often a client asks
/// and how links are written, because a stolen edge may say whatever it likes.
pub fn handed_over(headers: &mut HeaderMap) {
    let client = client_socket(headers);
    let https = headers.get(X_FORWARDED_PROTO).is_some_and(|proto| proto == "https");
    strip_hops(headers);
    let hosts = |name: &HeaderName| {
        let name = name.as_str();
        name.starts_with("spin-") || name.starts_with("x-forwarded-") || name == FORWARDED || name == X_REAL_IP
    };
    let said: Vec<HeaderName> = headers.keys().filter(|name| hosts(name)).cloned().collect();
    for name in said {
        headers.remove(name);
    }
    if let Some(client) = client.and_then(|client| HeaderValue::try_from(client.to_string()).ok()) {
        headers.insert(SPIN_CLIENT_ADDR, client);
    }
    if https {
        headers.insert(X_FORWARDED_PROTO, HeaderValue::from_static("https"));
    }
}

/// The edge that a request came through, by its certificate: an extension of the request. That much of what an edge says is certain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ViaEdge(pub Box<str>);

/// Whose request this is, by what its connection says, and what a proxy says that is trusted. Its headers are not clean yet.
pub(crate) fn sender(headers: &HeaderMap, summary: &HeaderSummary, connection: &Connection, trusted: &Networks) -> Client {
    let peer = connection.peer.ip();
    let said = (summary.strip && trusted.contain(peer)).then(|| nearest_stranger(headers, trusted)).flatten();
    said.unwrap_or(Client::Known(peer))
}

/// Whose request this is, as `clean` has written it down; none where nothing of the kind is there: then it comes from this process itself.
pub fn client(headers: &HeaderMap) -> Option<Client> {
    headers
        .contains_key(SPIN_CLIENT_ADDR)
        .then(|| client_socket(headers).map_or(Client::Unknown, |address| Client::Known(address.ip())))
}

fn client_socket(headers: &HeaderMap) -> Option<SocketAddr> {
    headers.get(SPIN_CLIENT_ADDR)?.to_str().ok()?.parse().ok()
}

/// Marks a request from another node that does not name its client as one of an unknown client.
pub fn say_whose(headers: &mut HeaderMap) {
    headers.entry(SPIN_CLIENT_ADDR).or_insert(UNKNOWN);
}

/// The access token, if there is one, in `Authorization` or in a browser's cookie; read as components read it.
///
/// # Errors
/// Where something stands there and is none.
pub fn credential(headers: &HeaderMap) -> Result<Option<Credential<'_>>, NoCredential> {
    read_model::credential(values(headers, AUTHORIZATION), values(headers, COOKIE))
}

fn values(headers: &HeaderMap, name: HeaderName) -> impl Iterator<Item = &[u8]> {
    headers.get_all(name).iter().map(HeaderValue::as_bytes)
}

/// Whether a request would change something in the name of whom its cookies are, and no page of ours sent it. Its headers are [clean](clean()).
pub(crate) fn is_forged(request: &request::Parts) -> bool {
    by_cookies(request) && !browser_policy::is_safe(&request.method) && !is_same_origin(request)
}

/// Whether cookies alone say who asks.
pub(crate) fn by_cookies(request: &request::Parts) -> bool {
    let headers = &request.headers;
    !headers.contains_key(AUTHORIZATION) && values(headers, COOKIE).any(read_model::has_cookie)
}

/// Whether a browser says that a page of ours sent a request. Its headers are [clean](clean()).
pub(crate) fn is_same_origin(request: &request::Parts) -> bool {
    let https = request.headers.get(X_FORWARDED_PROTO).is_some_and(|proto| proto == "https");
    browser_policy::is_same_origin(&request.headers, request.uri.authority().map(Authority::as_str), https)
}

/// Takes out of a request that goes to a region what is none of its business: other cookies than ours, and ours where they do not count.
pub(crate) fn only_our_cookies<B>(request: &mut Request<B>) {
    if !request.headers().contains_key(COOKIE) {
        return;
    }
    let path = request.uri().path();
    let ours = |header: &[u8]| read_model::our_cookies(header, path).and_then(|ours| HeaderValue::from_bytes(&ours).ok());
    let kept: Vec<HeaderValue> = if request.headers().contains_key(AUTHORIZATION) {
        Vec::new()
    } else {
        values(request.headers(), COOKIE).filter_map(ours).collect()
    };
    request.headers_mut().remove(COOKIE);
    for mut value in kept {
        value.set_sensitive(true);
        request.headers_mut().append(COOKIE, value);
    }
}

/// The last address in `X-Forwarded-For` that is not one of the trusted proxies: each proxy adds its peer at the end, so that whatever the
/// client wrote stands before. None where all are, or none is there.
fn nearest_stranger(headers: &HeaderMap, trusted: &Networks) -> Option<Client> {
    for line in headers.get_all(X_FORWARDED_FOR).iter().rev() {
        let Ok(line) = line.to_str() else { return Some(Client::Unknown) };
        for text in line.rsplit(',').map(str::trim).filter(|text| !text.is_empty()) {
            // Some proxies add the port.
            let address = text.parse().or_else(|_| text.parse().map(|socket: SocketAddr| socket.ip()));
            let Ok(address) = address.map(|address: IpAddr| address.to_canonical()) else { return Some(Client::Unknown) };
            if !trusted.contain(address) {
                return Some(Client::Known(address));
            }
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

/// Finishes an answer's headers: a component that uses the kit has set those for browsers already; they are added where the host
/// itself did. `secure`: it leaves over TLS.
pub(crate) fn finish(headers: &mut HeaderMap, request_id: HeaderValue, secure: bool) {
    let hop = |name: &HeaderName| {
        matches!(
            name.as_str(),
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
                | "x-powered-by"
        )
    };
    if headers.keys().any(hop) {
        strip_hops(headers);
        headers.remove(SERVER);
        headers.remove("x-powered-by");
    }
    browser_policy::harden(headers);
    if secure {
        headers.insert(STRICT_TRANSPORT_SECURITY, HSTS.clone());
    }
    headers.insert(X_REQUEST_ID, request_id);
}

/// A browser that was here over TLS comes back so.
static HSTS: LazyLock<HeaderValue> = LazyLock::new(|| {
    HeaderValue::try_from(format!("max-age={HSTS_SECONDS}")).unwrap_or_else(|_| HeaderValue::from_static("max-age=0"))
});

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connection::ClientTimeouts;
    use http::Request;

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        lines.iter().map(|(name, value)| (HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap())).collect()
    }

    fn cleaned(lines: &[(&str, &str)], trusted: &[&str]) -> HeaderMap {
        let mut map = HeaderMap::new();
        for (name, value) in lines {
            map.append(HeaderName::try_from(*name).unwrap(), HeaderValue::try_from(*value).unwrap());
        }
        let trusted = Networks::parse(&trusted.join(",")).unwrap();
        let summary = summary(&map, 1);
        let connection = Connection::new(([10, 0, 0, 9], 999).into(), false, ClientTimeouts::default());
        let asks = clean(&mut map, &summary, &connection, &trusted);
        assert_eq!(client(&map), Some(asks), "what is counted is what is passed on");
        map
    }

    #[test]
    fn clients_cannot_set_identity_headers() {
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
    fn another_node_may_only_name_its_client() {
        let mut map = HeaderMap::new();
        for (name, value) in [
            ("spin-client-addr", "198.51.100.7:1234"),
            ("spin-client-addr", "203.0.113.9:1"),
            ("spin-full-url", "http://evil"),
            ("x-forwarded-for", "1.2.3.4"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "evil"),
            ("x-real-ip", "1.2.3.4"),
            ("forwarded", "for=1.2.3.4"),
            ("connection", "x-mine"),
            ("x-mine", "1"),
            ("authorization", "Bearer t"),
            ("x-request-id", "r"),
        ] {
            map.append(name, HeaderValue::from_static(value));
        }
        handed_over(&mut map);
        let expected = headers(&[
            ("spin-client-addr", "198.51.100.7:1234"),
            ("x-forwarded-proto", "https"),
            ("authorization", "Bearer t"),
            ("x-request-id", "r"),
        ]);
        assert_eq!(map, expected);
        let mut map = headers(&[("spin-client-addr", "admin"), ("x-forwarded-proto", "javascript")]);
        handed_over(&mut map);
        assert!(map.is_empty(), "{map:?}");
    }

    #[test]
    fn a_trusted_proxy_names_its_client() {
        for (said, client) in [
            (&["1.2.3.4"][..], "1.2.3.4:0"),
            (&["6.6.6.6, 1.2.3.4"], "1.2.3.4:0"),
            (&["6.6.6.6, 1.2.3.4, 10.0.0.8"], "1.2.3.4:0"),
            (&["6.6.6.6", "1.2.3.4,10.0.0.8"], "1.2.3.4:0"),
            (&["nonsense"], "unknown"),
            (&["6.6.6.6", "nonsense, 10.0.0.8"], "unknown"),
            (&["10.0.0.8"], "10.0.0.9:999"),
            (&["1.2.3.4:55"], "1.2.3.4:0"),
            (&["[2001:db8::1]:55, "], "[2001:db8::1]:0"),
            (&["::ffff:1.2.3.4"], "1.2.3.4:0"),
            (&["2001:db8::1"], "[2001:db8::1]:0"),
        ] {
            let mut lines: Vec<_> = said.iter().map(|said| ("x-forwarded-for", *said)).collect();
            lines.push(("x-forwarded-proto", "https"));
            let map = cleaned(&lines, &["10.0.0.8/31"]);
            assert_eq!(map[SPIN_CLIENT_ADDR], client, "{said:?}");
            assert!(!map.contains_key(X_FORWARDED_FOR));
            assert_eq!(map[X_FORWARDED_PROTO], "https");
        }
    }

    #[test]
    fn a_request_names_one_host() {
        for (version, target, hosts, good) in [
            (Version::HTTP_11, "/", &["a.example:80"][..], true),
            (Version::HTTP_11, "/", &["[::1]:80"], true),
            (Version::HTTP_11, "/", &[], false),
            (Version::HTTP_11, "/", &["a.example", "a.example"], false),
            (Version::HTTP_11, "/", &["a.example", "b.example"], false),
            (Version::HTTP_11, "/", &[""], false),
            (Version::HTTP_11, "/", &["a.example/b"], false),
            (Version::HTTP_11, "/", &["me@a.example"], false),
            (Version::HTTP_11, "http://a.example/", &[], false),
            (Version::HTTP_11, "http://a.example/", &["a.example"], true),
            (Version::HTTP_11, "http://a.example/", &["b.example"], false),
            (Version::HTTP_10, "/", &[], true),
            (Version::HTTP_10, "/", &["a.example", "b.example"], false),
            (Version::HTTP_2, "http://a.example/", &[], true),
            (Version::HTTP_2, "http://a.example/", &["a.example"], true),
            (Version::HTTP_2, "http://a.example/", &["b.example"], false),
            (Version::HTTP_2, "/", &["a.example"], true),
            (Version::HTTP_2, "/", &[], false),
        ] {
            let mut request = Request::builder().version(version).uri(target);
            for host in hosts {
                request = request.header(HOST, *host);
            }
            let (parts, ()) = request.body(()).unwrap().into_parts();
            assert_eq!(names_one_host(&parts), good, "{version:?} {target} {hosts:?}");
        }
    }

    #[test]
    fn hop_by_hop_headers_are_removed() {
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
    fn a_region_gets_our_cookies_and_only_those_that_count() {
        let all = "_ga=1; __Host-marquee=a; __Secure-marquee-refresh=r";
        for (lines, path, kept) in [
            (&[("cookie", all)][..], "/api/bookings", &["__Host-marquee=a"][..]),
            (&[("cookie", all)], "/api/auth/refresh", &["__Host-marquee=a; __Secure-marquee-refresh=r"]),
            (&[("cookie", "_ga=1"), ("cookie", "__Host-marquee=a")], "/api/bookings", &["__Host-marquee=a"]),
            (&[("cookie", "__Host-marquee=a"), ("cookie", "__Host-marquee=b")], "/", &["__Host-marquee=a", "__Host-marquee=b"]),
            (&[("cookie", all), ("authorization", "Bearer b")], "/api/auth/refresh", &[]),
            (&[("cookie", "_ga=1")], "/api/auth/refresh", &[]),
            (&[("accept", "*/*")], "/api/bookings", &[]),
        ] {
            let mut request = Request::get(path).body(()).unwrap();
            for (name, value) in lines {
                request.headers_mut().append(*name, HeaderValue::from_static(value));
            }
            only_our_cookies(&mut request);
            assert_eq!(request.headers().get_all(COOKIE).iter().collect::<Vec<_>>(), kept, "{lines:?} {path}");
        }
    }

    #[test]
    fn too_many_or_too_long_headers_are_refused() {
        assert!(!summary(&headers(&[("a", &"x".repeat(HEADER_BYTES - 2))]), 1).too_large);
        assert!(summary(&headers(&[("a", &"x".repeat(HEADER_BYTES))]), 1).too_large);
        assert!(summary(&HeaderMap::new(), HEADER_BYTES + 1).too_large);
        let many: Vec<(String, &str)> = (0..=HEADERS).map(|n| (format!("h{n}"), "")).collect();
        let many: Vec<(&str, &str)> = many.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        assert!(summary(&headers(&many), 1).too_large);
    }

    #[test]
    fn answers_are_hardened_and_name_no_server() {
        let mut map = headers(&[
            ("content-type", "Text/HTML; charset=utf-8"),
            ("server", "x"),
            ("connection", "close"),
            ("x-powered-by", "y"),
        ]);
        finish(&mut map, HeaderValue::from_static("id"), true);
        assert!(map[STRICT_TRANSPORT_SECURITY].to_str().unwrap().starts_with("max-age=31536000"));
        assert_eq!(map["x-content-type-options"], "nosniff");
        assert_eq!(map[X_REQUEST_ID], "id");
        assert!(map["content-security-policy"].to_str().unwrap().contains("frame-ancestors 'none'"));
        for gone in ["server", "connection", "x-powered-by"] {
            assert!(!map.contains_key(gone), "{gone}");
        }
        let mut map = headers(&[("content-type", "application/json"), ("content-security-policy", "sandbox")]);
        finish(&mut map, HeaderValue::from_static("id"), false);
        assert_eq!(map["content-security-policy"], "sandbox");
        assert!(!map.contains_key(STRICT_TRANSPORT_SECURITY));
    }
}
