//! `wasi:http/client`: requests to the outside, where `allowed_outbound_hosts` permits.
//!
//! # When a server is not there
//! Each has a circuit breaker. A request that got no answer counts against it, whatever the answer says does not. While it is open, requests fail
//! at once with `destination-unavailable`, certainly not sent.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use http::{
    HeaderValue, header,
    uri::{Authority, Scheme},
};
use http_body_util::BodyExt;
use manifest::Grants;
use telemetry::{Breaker, BreakerLine, BreakerOptions, BreakerSource};
use wasmtime_wasi_http::{Error, RequestOptions, WasiBody, WasiHttpHooks};
use webhooks::Receivers;
use webhooks::receiver::Receiver;

use crate::internet::{self, Timeouts};
use crate::limits;

/// The name by which a component calls the application it is part of.
const SELF: [&str; 2] = ["self", "self.alt"];

/// The role's HTTP client. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct OutboundHttp {
    own_address: Option<Authority>,
    options: BreakerOptions,
    breakers: Arc<Mutex<BTreeMap<String, Breaker>>>,
}

impl OutboundHttp {
    /// A client for which the application itself is at `own_address`, for requests to `http://self`; none: those are
    /// refused.
    #[must_use]
    pub fn new(own_address: Option<Authority>) -> Self {
        Self { own_address, ..Self::default() }
    }

    /// The same, with breakers that open as these say.
    #[must_use]
    pub fn guarded(self, options: BreakerOptions) -> Self {
        Self { options, ..self }
    }

    /// The breaker of a server, by `host:port` as it is called.
    fn breaker(&self, authority: &Authority) -> Breaker {
        let mut breakers = self.breakers.lock().unwrap_or_else(PoisonError::into_inner);
        if breakers.len() >= limits::HTTP_SERVERS && !breakers.contains_key(authority.as_str()) {
            // The next host called begins with a closed one.
            breakers.pop_first();
        }
        let made = || Breaker::new(format!("http/{authority}"), self.options);
        breakers.entry(authority.as_str().to_owned()).or_insert_with(made).clone()
    }
}

impl BreakerSource for OutboundHttp {
    fn lines(&self) -> Vec<BreakerLine> {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner).values().map(Breaker::line).collect()
    }

    fn reset(&self) {
        self.breakers.lock().unwrap_or_else(PoisonError::into_inner).values().for_each(Breaker::reset);
    }
}

/// One instance's view of the client.
pub(crate) struct Hooks {
    grants: Arc<Grants>,
    client: Option<OutboundHttp>,
}

type Answer = Result<(http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>), Error>;

/// A request that may go out; and where it goes, if that is a server which anybody may name.
type Permitted<B> = (http::Request<B>, Option<(Receiver, Receivers)>);

impl Hooks {
    pub(crate) fn new(grants: Arc<Grants>, client: Option<OutboundHttp>) -> Self {
        Self { grants, client }
    }

    /// The request as it shall go out, or why it may not.
    fn permit<B>(&self, request: http::Request<B>) -> Result<Permitted<B>, Error> {
        let client = self.client.as_ref().ok_or(Error::HttpRequestDenied)?;
        let (scheme, authority) = match (request.uri().scheme_str(), request.uri().authority()) {
            (scheme, Some(authority)) => (scheme.unwrap_or("https"), authority),
            (_, None) => return Err(Error::HttpRequestUriInvalid),
        };
        let hosts = &self.grants.allowed_outbound_hosts;
        if SELF.contains(&authority.host()) {
            let own_address = client.own_address.clone().ok_or(Error::DestinationNotFound)?;
            let allowed = hosts.allows_self(&["http", "https"]);
            return if allowed { Ok((to(request, own_address)?, None)) } else { Err(Error::HttpRequestDenied) };
        }
        if hosts.allows(scheme, authority.host(), authority.port_u16()) {
            Ok((request, None))
        } else if let Some(receivers) = self.grants.internet {
            let receiver = internet::receiver(request.uri(), receivers)?;
            Ok((request, Some((receiver, receivers))))
        } else {
            tracing::info!(%scheme, %authority, "a component called a host that it is not granted");
            Err(Error::HttpRequestDenied)
        }
    }
}

/// The same request, to the application itself.
fn to<B>(request: http::Request<B>, authority: Authority) -> Result<http::Request<B>, Error> {
    let (mut head, body) = request.into_parts();
    let mut uri = head.uri.into_parts();
    uri.scheme = Some(Scheme::HTTP);
    let host = HeaderValue::from_str(authority.as_str()).map_err(|_| Error::HttpRequestUriInvalid)?;
    head.headers.insert(header::HOST, host);
    uri.authority = Some(authority);
    head.uri = http::Uri::from_parts(uri).map_err(|_| Error::HttpRequestUriInvalid)?;
    Ok(http::Request::from_parts(head, body))
}

/// What the guest asked for, within our bounds.
fn within_limits(options: Option<RequestOptions>) -> RequestOptions {
    let mut options = options.unwrap_or_default();
    let bound = |wanted: Option<Duration>, most: Duration| Some(wanted.map_or(most, |wanted| wanted.min(most)));
    options.connect_timeout = bound(options.connect_timeout, limits::HTTP_CONNECT);
    options.first_byte_timeout = bound(options.first_byte_timeout, limits::HTTP_FIRST_BYTE);
    options.between_bytes_timeout = bound(options.between_bytes_timeout, limits::HTTP_BETWEEN_BYTES);
    options
}

fn timeouts(options: &RequestOptions) -> Timeouts {
    Timeouts {
        connect: options.connect_timeout.unwrap_or(limits::HTTP_CONNECT),
        first_byte: options.first_byte_timeout.unwrap_or(limits::HTTP_FIRST_BYTE),
        between_bytes: options.between_bytes_timeout.unwrap_or(limits::HTTP_BETWEEN_BYTES),
    }
}

impl WasiHttpHooks for Hooks {
    fn send_request(
        &mut self,
        request: http::Request<WasiBody>,
        options: Option<RequestOptions>,
        // What the guest has to say about the response's body is not needed here.
        _body_result: Box<dyn Future<Output = Result<(), Error>> + Send>,
    ) -> Box<dyn Future<Output = Answer> + Send> {
        let permitted = self.permit(request);
        let breaker = match &permitted {
            Ok((request, None)) => self.client.as_ref().zip(request.uri().authority()).map(|(client, to)| client.breaker(to)),
            Ok((_, Some(_))) | Err(_) => None,
        };
        Box::new(async move {
            let (request, to) = permitted?;
            if let Some((receiver, receivers)) = to {
                return internet::send(request, receiver, receivers, timeouts(&within_limits(options))).await;
            }
            let permit = breaker.as_ref().map(Breaker::permit).transpose().map_err(|_| Error::DestinationUnavailable)?;
            let sent = wasmtime_wasi_http::default_send_request(request, Some(within_limits(options))).await;
            match (permit, &sent) {
                (Some(permit), Ok(_)) => permit.succeeded(),
                (Some(permit), Err(_)) => permit.failed(),
                (None, _) => {}
            }
            let (response, connection) = sent?;
            Ok((response.map(BodyExt::boxed_unsync), Box::new(connection) as Box<dyn Future<Output = _> + Send>))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use manifest::allowed_hosts::AllowedHosts;

    fn hooks(hosts: &[&str], client: Option<OutboundHttp>) -> Hooks {
        let grants = Grants { allowed_outbound_hosts: AllowedHosts::parse(hosts).unwrap(), ..Grants::default() };
        Hooks::new(Arc::new(grants), client)
    }

    fn request(uri: &str) -> http::Request<()> {
        http::Request::get(uri).body(()).unwrap()
    }

    #[test]
    fn only_granted_hosts_are_called() {
        let cases: &[(&[&str], &str, bool)] = &[
            (&["https://pay.example"], "https://pay.example/charges", true),
            (&["https://pay.example"], "http://pay.example/charges", false),
            (&["https://pay.example"], "https://pay.example:8443/", false),
            (&["https://*.example"], "https://pay.example/", true),
            (&[], "https://pay.example/", false),
        ];
        for (hosts, uri, allowed) in cases {
            let outcome = hooks(hosts, Some(OutboundHttp::default())).permit(request(uri));
            assert_eq!(outcome.is_ok(), *allowed, "{hosts:?} {uri}");
        }
    }

    #[test]
    fn servers_that_anybody_may_name_are_granted_by_themselves() {
        let hooks = |internet| {
            let grants = Grants { internet, ..Grants::default() };
            Hooks::new(Arc::new(grants), Some(OutboundHttp::new(Some(Authority::from_static("127.0.0.1:3000")))))
        };
        for (internet, uri, allowed) in [
            (None, "https://example.com/", false),
            (Some(Receivers::Public), "https://example.com/", true),
            (Some(Receivers::Public), "http://example.com/", false),
            (Some(Receivers::Public), "https://10.0.0.1/", false),
            (Some(Receivers::Any), "http://10.0.0.1:8080/", true),
            // Not even then: whoever names a server does not call the application in its own name.
            (Some(Receivers::Any), "http://self/api/events", false),
        ] {
            let permitted = hooks(internet).permit(request(uri));
            assert_eq!(permitted.is_ok(), allowed, "{internet:?} {uri}");
            assert!(permitted.is_ok_and(|(_, to)| to.is_some()) || !allowed, "{uri} is judged once more when it is looked up");
        }
    }

    #[test]
    fn a_role_without_a_client_denies() {
        let outcome = hooks(&["*://*:*"], None).permit(request("https://pay.example/"));
        assert!(matches!(outcome, Err(Error::HttpRequestDenied)));
    }

    #[tokio::test]
    async fn an_unreachable_server_opens_its_breaker_and_recovers() {
        let patient = BreakerOptions { failures: 3, open: Duration::from_secs(3_600), longest: Duration::from_secs(3_600) };
        let client = OutboundHttp::default().guarded(patient);
        let mut hooks = hooks(&["http://*:*"], Some(client.clone()));
        let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let mut call = async || {
            let body = http_body_util::Empty::new().map_err(|never: std::convert::Infallible| match never {}).boxed_unsync();
            let request = http::Request::get(format!("http://{address}/charges")).body(body).unwrap();
            let called = hooks.send_request(request, None, Box::new(std::future::ready(Ok(()))));
            Box::into_pin(called).await.map(|(response, _)| response.status().as_u16())
        };
        for _ in 0..3 {
            assert!(!matches!(call().await, Ok(_) | Err(Error::DestinationUnavailable)));
        }
        assert!(matches!(call().await, Err(Error::DestinationUnavailable)));
        let line = client.lines().remove(0);
        assert_eq!((line.name, line.state), (format!("http/{address}"), telemetry::BreakerState::Open));
        assert_eq!(line.counts.map(|counts| (counts.failed, counts.rejected)), Some((3, 1)));

        let server = tokio::net::TcpListener::bind(address).await.unwrap();
        tokio::spawn(async move {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            loop {
                let (mut stream, _) = server.accept().await.unwrap();
                let read = stream.read(&mut [0; 1_024]).await.unwrap();
                assert!(read > 0);
                stream.write_all(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n").await.unwrap();
            }
        });
        client.reset();
        // What it says is its own affair.
        for _ in 0..5 {
            assert_eq!(call().await.unwrap(), 503);
        }
    }

    #[test]
    fn self_requests_reach_the_application_where_granted() {
        let client = OutboundHttp::new(Some(Authority::from_static("127.0.0.1:3000")));
        let sent = hooks(&["http://self"], Some(client.clone())).permit(request("http://self/api/events?q=a")).unwrap().0;
        assert_eq!(sent.uri(), "http://127.0.0.1:3000/api/events?q=a");
        let denied = hooks(&["http://other"], Some(client)).permit(request("http://self/"));
        assert!(matches!(denied, Err(Error::HttpRequestDenied)));
    }
}
