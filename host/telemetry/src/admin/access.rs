//! Who may use the admin listener.
//!
//! With the token: every client. Without: this machine, as long as the request names an address or a name of its own. A page in a local browser reaches the
//! listener too, by a name that leads here (DNS rebinding) or by sending a form; so the `Host` must be this machine's, and what changes something must come from a page of
//! the listener's own, or from a program that says so. On an address that others can reach only the probes work without the token.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::Response;

use super::explained;
use crate::limits::ADMIN_TOKEN_BYTES;

/// The token that opens the admin listener, if there is one.
#[derive(Clone, Default)]
pub struct Access(Option<Arc<str>>);

impl std::fmt::Debug for Access {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Access").field(&self.0.as_ref().map(|_| "token")).finish()
    }
}

/// A token that can be guessed, or cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a token has at least {ADMIN_TOKEN_BYTES} visible ASCII characters and no blank")]
pub struct WeakToken;

/// A listener that others than this machine reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the admin listener is at {0}, which is not this machine's alone: set a token, or listen on 127.0.0.1")]
pub struct ExposedListener(SocketAddr);

impl Access {
    /// With this token.
    ///
    /// # Errors
    /// It is too short, or no header can hold it.
    pub fn new(token: Option<String>) -> Result<Self, WeakToken> {
        let sound = |token: &String| token.len() >= ADMIN_TOKEN_BYTES && token.bytes().all(|byte| byte.is_ascii_graphic());
        match token {
            Some(token) if !sound(&token) => Err(WeakToken),
            token => Ok(Self(token.map(Into::into))),
        }
    }

    /// Whether a listener may be at this address.
    ///
    /// # Errors
    /// Others reach it, and there is no token.
    pub fn check(&self, address: SocketAddr) -> Result<(), ExposedListener> {
        if self.0.is_some() || address.ip().to_canonical().is_loopback() { Ok(()) } else { Err(ExposedListener(address)) }
    }

    /// Whether a request brings the token. How long that takes says nothing of it.
    fn is_brought(&self, headers: &HeaderMap) -> bool {
        let (Some(token), Some(brought)) = (&self.0, headers.get(header::AUTHORIZATION)) else { return false };
        let brought = brought.as_bytes();
        let brought = match brought.split_at_checked(7) {
            Some((scheme, brought)) if scheme.eq_ignore_ascii_case(b"bearer ") => brought.trim_ascii(),
            _ => return false,
        };
        let differences = token.bytes().zip(brought).fold(0, |all, (one, other)| all | (one ^ other));
        token.len() == brought.len() && differences == 0
    }
}

/// One connection's way in.
#[derive(Clone, Debug)]
pub(super) struct ConnectionOrigin {
    pub(super) access: Access,
    /// The listener's address.
    pub(super) own: IpAddr,
    pub(super) peer: IpAddr,
}

/// Paths that say only whether the node is well.
const PROBES: [&str; 3] = ["/health", "/health/live", "/health/ready"];

/// Lets a request through, or says why not.
pub(super) async fn admit(State(origin): State<ConnectionOrigin>, request: Request, next: Next) -> Response {
    match origin.refuses(request.method(), request.uri().path(), request.headers()) {
        None => next.run(request).await,
        Some((status, detail)) => {
            let (kind, title) = match status {
                StatusCode::UNAUTHORIZED => ("unauthenticated", "Not authenticated"),
                _ => ("forbidden", "Not permitted"),
            };
            let mut response = explained(status, kind, title, Some(detail));
            if status == StatusCode::UNAUTHORIZED {
                response.headers_mut().insert(header::WWW_AUTHENTICATE, header::HeaderValue::from_static("Bearer"));
            }
            response
        }
    }
}

impl ConnectionOrigin {
    fn refuses(&self, method: &Method, path: &str, headers: &HeaderMap) -> Option<(StatusCode, &'static str)> {
        if self.access.is_brought(headers) {
            return None;
        }
        let reads = matches!(*method, Method::GET | Method::HEAD);
        if !self.own.is_loopback() || !self.peer.is_loopback() {
            let probe = reads && PROBES.contains(&path);
            return (!probe).then_some((
                StatusCode::UNAUTHORIZED,
                "From another machine this needs Authorization: Bearer, and the admin token.",
            ));
        }
        let Some(host) = own_host(headers) else {
            return Some((StatusCode::FORBIDDEN, "Ask for it by an address of this machine, or as localhost."));
        };
        if reads || is_of(headers, host) {
            return None;
        }
        Some((StatusCode::FORBIDDEN, "Send Origin: http:// and the Host of this request, or the admin token."))
    }
}

/// The one `Host` of a request, where it is this machine's.
fn own_host(headers: &HeaderMap) -> Option<&str> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return None };
    let authority = Authority::try_from(host.as_bytes()).ok().filter(|host| !host.as_str().contains('@'))?;
    let name = authority.host().trim_start_matches('[').trim_end_matches(']');
    let own =
        name.eq_ignore_ascii_case("localhost") || name.parse().is_ok_and(|address: IpAddr| address.to_canonical().is_loopback());
    host.to_str().ok().filter(|_| own)
}

/// Whether the request comes from a page of this host, or from no page.
fn is_of(headers: &HeaderMap, host: &str) -> bool {
    let origin = headers.get(header::ORIGIN).and_then(|origin| origin.to_str().ok());
    origin.and_then(|origin| origin.strip_prefix("http://")).is_some_and(|origin| origin.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TOKEN: &str = "0123456789abcdef";

    fn refuses(own: &str, peer: &str, method: Method, path: &str, lines: &[(&'static str, &str)]) -> Option<u16> {
        let access = Access::new(Some(TOKEN.to_owned())).unwrap();
        let origin = ConnectionOrigin { access, own: own.parse().unwrap(), peer: peer.parse().unwrap() };
        let headers = lines.iter().map(|(name, value)| (header::HeaderName::from_static(name), value.parse().unwrap())).collect();
        origin.refuses(&method, path, &headers).map(|(status, _)| status.as_u16())
    }

    #[test]
    fn from_another_machine_only_probes_work_without_a_token() {
        let from = |method, path, lines: &[(&'static str, &str)]| refuses("10.0.0.1", "10.0.0.9", method, path, lines);
        let host = ("host", "10.0.0.1:8090");
        assert_eq!(from(Method::GET, "/health/ready", &[host]), None);
        for path in ["/health/detailed", "/metrics", "/health/ready/"] {
            assert_eq!(from(Method::GET, path, &[host]), Some(401), "{path}");
        }
        assert_eq!(from(Method::POST, "/health", &[host]), Some(401));
        assert_eq!(from(Method::POST, "/metrics/circuit-breakers/reset", &[host, ("origin", "http://10.0.0.1:8090")]), Some(401));
        for (token, refused) in [(TOKEN, None), ("0123456789abcdeX", Some(401)), ("0123456789abcde", Some(401)), ("", Some(401))]
        {
            let bearer = format!("bearer {token}");
            assert_eq!(from(Method::POST, "/metrics", &[host, ("authorization", &bearer)]), refused, "{token}");
        }
        // This machine, at an address that others reach: as they.
        assert_eq!(refuses("0.0.0.0", "127.0.0.1", Method::GET, "/metrics", &[("host", "localhost")]), Some(401));
    }

    #[test]
    fn local_requests_must_name_this_machine() {
        for (host, refused) in [
            ("127.0.0.1:8090", None),
            ("LOCALHOST:8090", None),
            ("[::1]:8090", None),
            ("127.0.0.1.evil.example", Some(403)),
            ("evil.example", Some(403)),
            ("10.0.0.1", Some(403)),
            ("me@localhost", Some(403)),
            ("", Some(403)),
        ] {
            assert_eq!(refuses("127.0.0.1", "127.0.0.1", Method::GET, "/metrics", &[("host", host)]), refused, "{host}");
        }
        assert_eq!(refuses("::1", "::1", Method::GET, "/metrics", &[]), Some(403));
    }

    #[test]
    fn tokens_are_long_enough() {
        for weak in ["", "short", "0123456789 abcdef", "0123456789abcde\u{e9}"] {
            assert_eq!(Access::new(Some(weak.to_owned())).unwrap_err(), WeakToken, "{weak}");
        }
        let everywhere: SocketAddr = "[::]:8090".parse().unwrap();
        assert_eq!(Access::default().check(everywhere), Err(ExposedListener(everywhere)));
        assert!(Access::new(Some(TOKEN.to_owned())).unwrap().check(everywhere).is_ok());
        assert!(Access::default().check("[::ffff:127.0.0.1]:1".parse().unwrap()).is_ok());
    }
}
