//! A request read whole, and an answer.

use crate::{id, limits, problem, problem::Problem, time};
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use percent_encoding::percent_decode_str;
use serde::Serialize;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};
use std::pin::Pin;

/// A request, its body read whole and its path and query decoded.
#[derive(Debug)]
pub struct Request {
    /// HEAD arrives as GET: the router drops the body.
    pub method: Method,
    /// As sent, without the query.
    pub path: String,
    /// Decoded, in order.
    pub query: Vec<(String, String)>,
    /// As sent.
    pub headers: HeaderMap,
    /// At most [`limits::BODY_BYTES`], or what its route takes.
    pub body: Bytes,
    /// The client's own, where it is sane, or a new one.
    pub request_id: String,
    /// What the route's `:name` segments matched.
    pub(crate) parameters: Vec<(&'static str, String)>,
}

impl Request {
    /// A request without body and query: what [`Request::read`] starts from.
    pub(crate) fn head(method: Method, path: &str, headers: HeaderMap) -> Self {
        let request_id = headers
            .get("x-request-id")
            .and_then(|value| value.to_str().ok())
            .filter(|text| limits::REQUEST_ID_BYTES.contains(&text.len()))
            .filter(|text| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'))
            .map_or_else(|| id::unique(time::now()), str::to_owned);
        Self { method, path: path.to_owned(), query: Vec::new(), headers, body: Bytes::new(), request_id, parameters: Vec::new() }
    }

    /// A request of nobody's, for tests of what a handler does.
    #[cfg(feature = "testing")]
    pub fn of_nobody() -> Self {
        Self::head(Method::POST, "/", HeaderMap::new())
    }

    /// Reads the query, and the body, of at most so many bytes.
    pub(crate) async fn read<B>(&mut self, query: &str, body: Pin<&mut B>, most: usize) -> Result<(), Problem>
    where
        B: http_body::Body<Data = Bytes>,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        self.query = parse_query(query)?;
        let too_large = || Problem::new(problem::TOO_LARGE, format!("The body may have at most {most} bytes."));
        let declared = self.header("content-length").and_then(|length| length.parse().ok());
        if declared.is_some_and(|length: u64| length > most as u64) {
            return Err(too_large());
        }
        self.body = match Limited::new(body, most).collect().await {
            Ok(body) => body.to_bytes(),
            Err(error) if error.is::<http_body_util::LengthLimitError>() => return Err(too_large()),
            Err(_) => return Err(Problem::fault("", "the body ended before it was whole")),
        };
        Ok(())
    }

    /// Whether the client waits for a word before it sends its body (RFC 9110, 10.1.1): the refusal is that word.
    pub(crate) fn waits(&self) -> bool {
        self.headers.contains_key(header::EXPECT)
    }

    /// What the route's `:name` matched; empty where the route has no such segment.
    pub fn parameter(&self, name: &str) -> &str {
        self.parameters.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    /// The id that the route's `:name` matched. What has not the shape of an id names nothing: 404.
    pub fn id(&self, name: &str) -> Result<&str, Problem> {
        let text = self.parameter(name);
        if id::valid(text) { Ok(text) } else { Err(Problem::not_found()) }
    }

    /// The network that the request comes from, as the host says: an IPv4 address, or the first 64 bits of an IPv6 one, of which a household has all.
    /// What cannot be told apart is one network.
    pub fn client(&self) -> String {
        let address = self.header("spin-client-addr").and_then(|text| text.parse::<SocketAddr>().ok());
        match address.map(|address| address.ip().to_canonical()) {
            Some(IpAddr::V4(address)) => address.to_string(),
            Some(IpAddr::V6(address)) => format!("{}/64", Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX))),
            None => "unknown".to_owned(),
        }
    }

    /// A header's value where it is visible ASCII.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// Whole.
    pub body: Bytes,
}

impl Response {
    /// An answer with a body of this type.
    pub fn new(status: u16, content_type: &str, body: impl Into<Bytes>) -> Self {
        Self { status, headers: vec![("content-type", content_type.to_owned())], body: body.into() }
    }

    /// JSON. A value that does not serialize is our fault: 500.
    pub fn json(status: u16, value: &impl Serialize) -> Result<Self, Problem> {
        serde_json::to_vec(value)
            .map(|body| Self::new(status, "application/json", body))
            .map_err(|error| Problem::internal(format_args!("an answer does not serialize: {error}")))
    }

    /// An answer without body.
    pub fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Bytes::new() }
    }

    /// This answer with one more header.
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// As the host takes it, with its length: a host that does not know it sends the body in chunks, and one that closes the connection meanwhile
    /// cuts it off.
    pub(crate) fn into_http(self) -> http::Response<Full<Bytes>> {
        let length = self.body.len();
        let mut response = http::Response::new(Full::new(self.body));
        *response.status_mut() = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        // These two have no body (RFC 9110, 8.6).
        if !matches!(response.status(), StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        for (name, value) in self.headers {
            if let Ok(value) = HeaderValue::from_str(&value) {
                response.headers_mut().append(HeaderName::from_static(name), value);
            }
        }
        response
    }
}

fn parse_query(query: &str) -> Result<Vec<(String, String)>, Problem> {
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (percent_decode(name, true), percent_decode(value, true)) {
                (Some(name), Some(value)) => Ok((name, value)),
                _ => Err(Problem::fault("", "the query is not percent-encoded UTF-8")),
            }
        })
        .collect()
}

/// Decodes `%xx`, and `+` as a space where `form` says so; none where a `%` is not followed by two digits, which the library would let pass, or where
/// the result is not UTF-8.
pub(crate) fn percent_decode(text: &str, form: bool) -> Option<String> {
    let digits = |at: usize| text.as_bytes().get(at + 1..at + 3).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit));
    if !text.match_indices('%').all(|(at, _)| digits(at)) {
        return None;
    }
    let text = if form { Cow::Owned(text.replace('+', " ")) } else { Cow::Borrowed(text) };
    percent_decode_str(&text).decode_utf8().ok().map(Cow::into_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded_or_refused() {
        assert_eq!(
            parse_query("q=caf%C3%A9+noir&limit=2&flag").unwrap(),
            [("q".to_owned(), "café noir".to_owned()), ("limit".to_owned(), "2".to_owned()), ("flag".to_owned(), String::new())]
        );
        for nonsense in ["q=%", "q=%f", "q=%zz", "q=%ff"] {
            assert_eq!(parse_query(nonsense).unwrap_err().kind.status, 400, "{nonsense}");
        }
    }

    #[test]
    fn an_ipv6_network_is_one_client() {
        for (sent, client) in [
            (Some("203.0.113.7:443"), "203.0.113.7"),
            (Some("[::ffff:203.0.113.7]:443"), "203.0.113.7"),
            (Some("[2001:db8:1:2:3:4:5:6]:443"), "2001:db8:1:2::/64"),
            (Some("[2001:db8:1:2::9]:1"), "2001:db8:1:2::/64"),
            (Some("nonsense"), "unknown"),
            (None, "unknown"),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(sent) = sent {
                headers.insert("spin-client-addr", HeaderValue::from_str(sent).unwrap());
            }
            assert_eq!(Request::head(Method::GET, "/", headers).client(), client, "{sent:?}");
        }
    }

    #[test]
    fn only_valid_request_ids_are_reused() {
        for (sent, kept) in [("abc-123_X", true), ("", false), ("a b", false), ("x\"y", false), (&*"a".repeat(65), false)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-request-id", HeaderValue::from_str(sent).unwrap());
            let request = Request::head(Method::GET, "/", headers);
            assert_eq!(request.request_id == sent, kept, "{sent}");
            assert!(!request.request_id.is_empty());
        }
    }

    #[test]
    fn fuzz_queries() {
        fuzz::text(&["q=caf%C3%A9+noir&limit=2&flag", "a=%00&=b&&c==d"], |text| {
            if let Ok(pairs) = parse_query(text) {
                assert!(pairs.len() <= text.len());
            }
            let plain = percent_decode(text, false);
            assert!(text.contains('%') || plain.as_deref() == Some(text));
        });
    }
}
