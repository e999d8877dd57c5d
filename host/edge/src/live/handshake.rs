//! How a WebSocket begins (RFC 6455 §4.2), and whom a page of another origin may not speak for.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ACCEPT, CONNECTION, HeaderMap, HeaderName, HeaderValue, ORIGIN, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{Method, Version, request};
use hyper::upgrade::OnUpgrade;
use sha1::{Digest as _, Sha1};

use crate::headers;
use crate::problem::Problem;

/// What is added to a key before it is hashed (RFC 6455 §1.3).
const GUID: &[u8] = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
/// Bytes of a key.
const KEY_BYTES: usize = 16;

/// How a client wants to be told.
pub(crate) enum Handshake {
    /// Over a WebSocket: the connection once it is one, and what proves that its handshake was understood.
    WebSocket(OnUpgrade, Accepted),
    /// By server-sent events.
    Events,
}

/// What proves that a handshake was understood. On the answer that begins a WebSocket: what its headers have to say, for headers of one hop do not leave by themselves.
#[derive(Clone)]
pub(crate) struct Accepted(HeaderValue);

impl Handshake {
    /// What a request asks for, as it came off the wire: its headers are not clean yet.
    pub(crate) fn of(request: &mut request::Parts) -> Result<Self, Problem> {
        if !names(&request.headers, &UPGRADE, "websocket") {
            if names(&request.headers, &ACCEPT, "text/event-stream") {
                return Ok(Self::Events);
            }
            return Err(Problem::Invalid("Upgrade must be websocket, or Accept name text/event-stream."));
        }
        if request.method != Method::GET
            || request.version != Version::HTTP_11
            || !names(&request.headers, &CONNECTION, "upgrade")
        {
            return Err(Problem::Invalid("A WebSocket begins with GET over HTTP/1.1, and Connection: Upgrade."));
        }
        if request.headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
            return Err(Problem::Invalid("Sec-WebSocket-Version must be 13."));
        }
        let mut keys = request.headers.get_all(SEC_WEBSOCKET_KEY).into_iter();
        let key = keys.next().filter(|_| keys.next().is_none());
        let key = key.filter(|key| STANDARD.decode(key.as_bytes()).is_ok_and(|bytes| bytes.len() == KEY_BYTES));
        let Some(accepted) = key.and_then(accept) else {
            return Err(Problem::Invalid("Sec-WebSocket-Key must be there once, as sixteen bytes in base64."));
        };
        let upgrade = request.extensions.remove::<OnUpgrade>().ok_or(Problem::Internal)?;
        Ok(Self::WebSocket(upgrade, Accepted(accepted)))
    }

    /// Whether a page sent this that may not: one of another origin for a WebSocket, to whose answers no CORS applies, and for events one that cannot be
    /// told to be ours where cookies speak for somebody. The request's headers are [clean](headers::clean).
    pub(crate) fn is_forged(&self, request: &request::Parts) -> bool {
        let by_a_page = matches!(self, Self::WebSocket(..)) && request.headers.contains_key(ORIGIN);
        (by_a_page || headers::by_cookies(request)) && !headers::is_same_origin(request)
    }
}

impl Accepted {
    /// Says so on an answer that is finished otherwise.
    pub(crate) fn say(self, headers: &mut HeaderMap) {
        headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
        headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
        headers.insert(SEC_WEBSOCKET_ACCEPT, self.0);
    }
}

fn accept(key: &HeaderValue) -> Option<HeaderValue> {
    let digest = Sha1::new().chain_update(key.as_bytes()).chain_update(GUID).finalize();
    HeaderValue::try_from(STANDARD.encode(digest)).ok()
}

/// Whether a header whose value is a list has this in it.
fn names(headers: &HeaderMap, name: &HeaderName, wanted: &str) -> bool {
    let mut lines = headers.get_all(name).into_iter().filter_map(|line| line.to_str().ok());
    lines.any(|line| line.split(',').any(|item| item.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case(wanted)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    #[test]
    fn a_key_is_answered_as_the_standards_example() {
        let key = HeaderValue::from_static("dGhlIHNhbXBsZSBub25jZQ==");
        assert_eq!(accept(&key).unwrap(), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn what_is_neither_a_websocket_nor_events_is_refused() {
        let good = [("upgrade", "websocket"), ("connection", "keep-alive, Upgrade"), ("sec-websocket-version", "13")];
        let key = ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        for (case, lines) in [
            ("nothing", vec![]),
            ("another protocol", vec![("upgrade", "h2c")]),
            ("any kind of answer", vec![("accept", "*/*")]),
            ("no key", good.to_vec()),
            ("a short key", [&good[..], &[("sec-websocket-key", "AAAA")]].concat()),
            ("two keys", [&good[..], &[key, key]].concat()),
            ("no connection", vec![good[0], good[2], key]),
            ("another version", vec![good[0], good[1], ("sec-websocket-version", "8"), key]),
        ] {
            let mut request = Request::builder().uri(super::super::PATH);
            for (name, value) in lines {
                request = request.header(name, value);
            }
            let (mut parts, ()) = request.body(()).unwrap().into_parts();
            assert!(matches!(Handshake::of(&mut parts), Err(Problem::Invalid(_))), "{case}");
        }
    }
}
