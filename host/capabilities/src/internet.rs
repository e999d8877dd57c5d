//! Requests to servers that anybody may name, as organisers name those that their webhooks tell.
//!
//! A name leads where its owner wants, and another time elsewhere. So the host looks it up itself, refuses it where any of its addresses is not one of
//! the public internet, and connects to the addresses that it has judged: nothing is looked up a second time. Redirects are answers like others, which
//! nobody follows, and there are no circuit breakers: whom they would be about, strangers choose.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, LazyLock};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http::uri::PathAndQuery;
use http_body::{Body, Frame};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, RootCertStore};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, Sleep, sleep, timeout};
use tokio_rustls::TlsConnector;
use wasmtime_wasi_http::{Error, WasiBody};
use webhooks::Receivers;
use webhooks::receiver::Receiver;

use crate::limits;

/// The authorities that are believed: Mozilla's, as for all other requests of components.
static TLS: LazyLock<Result<Arc<ClientConfig>, rustls::Error>> = LazyLock::new(|| {
    let roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.into() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(Arc::new(config.with_root_certificates(roots).with_no_client_auth()))
});

/// How long parts of a request may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Timeouts {
    /// Until a connection is there: looked up, connected, secured.
    pub(crate) connect: Duration,
    /// From then until the head of the answer.
    pub(crate) first_byte: Duration,
    /// Until each further piece of it.
    pub(crate) between_bytes: Duration,
}

/// An answer, and what keeps its connection.
pub(crate) type Answered = (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), Error>> + Send>);

/// Where a request goes, if it may.
pub(crate) fn receiver(uri: &http::Uri, receivers: Receivers) -> Result<Receiver, Error> {
    let authority = uri.authority().ok_or(Error::HttpRequestUriInvalid)?;
    let scheme = uri.scheme_str().unwrap_or("https");
    Receiver::of(scheme, authority, receivers).map_err(|reason| {
        tracing::info!(%scheme, host = authority.host(), reason, "a component called a host that it is not granted");
        Error::HttpRequestDenied
    })
}

/// Sends it there.
pub(crate) async fn send(
    request: http::Request<WasiBody>,
    receiver: Receiver,
    receivers: Receivers,
    timeouts: Timeouts,
) -> Result<Answered, Error> {
    let connecting = async {
        let addresses = addresses(&receiver, receivers).await?;
        let stream = connect(&addresses).await?;
        if !receiver.tls {
            return handshake(TokioIo::new(stream)).await;
        }
        let config = TLS.as_ref().map_err(|_| Error::ConfigurationError)?;
        let name = ServerName::try_from(receiver.host.clone())?;
        let secured = TlsConnector::from(Arc::clone(config)).connect(name, stream).await.map_err(Error::Tls)?;
        handshake(TokioIo::new(secured)).await
    };
    let (mut sender, connection) = timeout(timeouts.connect, connecting).await.map_err(|_| Error::ConnectionTimeout)??;
    // The connection lives as long as who waits for its answer.
    let driven = wasmtime_wasi::runtime::spawn(connection);
    let answer = timeout(timeouts.first_byte, sender.send_request(in_origin_form(request)?));
    let answer = answer.await.map_err(|_| Error::ConnectionReadTimeout)??;
    let answer = answer.map(|body| PacedBody::new(body, timeouts.between_bytes).boxed_unsync());
    Ok((answer, Box::new(driven)))
}

/// What a name leads to; refused where any of it may not be connected to.
async fn addresses(receiver: &Receiver, receivers: Receivers) -> Result<Vec<SocketAddr>, Error> {
    let found = lookup_host((receiver.host.as_str(), receiver.port)).await;
    let found = found.map_err(|_| Error::DnsError { rcode: None, info_code: None })?;
    let addresses: Vec<SocketAddr> = found.take(limits::INTERNET_ADDRESSES).collect();
    if addresses.is_empty() {
        return Err(Error::DnsError { rcode: None, info_code: None });
    }
    match addresses.iter().find(|address| !receivers.permits(address.ip())) {
        Some(address) => {
            tracing::info!(host = receiver.host, %address, "a component called a host whose address is not public");
            Err(Error::DestinationIpProhibited)
        }
        None => Ok(addresses),
    }
}

/// To the first that answers.
async fn connect(addresses: &[SocketAddr]) -> Result<TcpStream, Error> {
    let mut last = Error::DestinationUnavailable;
    for address in addresses {
        match timeout(limits::INTERNET_ADDRESS, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => last = Error::Connect(error),
            Err(_) => last = Error::ConnectionTimeout,
        }
    }
    Err(last)
}

type Connection = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

async fn handshake<I>(io: I) -> Result<(http1::SendRequest<WasiBody>, Connection), Error>
where
    I: hyper::rt::Read + hyper::rt::Write + Unpin + Send + 'static,
{
    let (sender, connection) = http1::Builder::new().max_buf_size(limits::INTERNET_HEAD).handshake(io).await?;
    Ok((sender, Box::pin(async move { connection.await.map_err(Error::from) })))
}

/// The same request as its server wants it: without scheme and authority, which is in `Host`.
fn in_origin_form(mut request: http::Request<WasiBody>) -> Result<http::Request<WasiBody>, Error> {
    let authority = request.uri().authority().ok_or(Error::HttpRequestUriInvalid)?;
    let host = http::HeaderValue::from_str(authority.as_str()).map_err(|_| Error::HttpRequestUriInvalid)?;
    let path =
        request.uri().path_and_query().map_or("/", PathAndQuery::as_str).parse().map_err(|_| Error::HttpRequestUriInvalid)?;
    request.headers_mut().insert(http::header::HOST, host);
    *request.uri_mut() = path;
    Ok(request)
}

/// A body that ends where it falls silent.
struct PacedBody {
    incoming: Incoming,
    silence: Duration,
    until: Pin<Box<Sleep>>,
}

impl PacedBody {
    fn new(incoming: Incoming, silence: Duration) -> Self {
        Self { incoming, silence, until: Box::pin(sleep(silence)) }
    }
}

impl Body for PacedBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.incoming).poll_frame(context) {
            let next = Instant::now() + self.silence;
            self.until.as_mut().reset(next);
            return Poll::Ready(frame.map(|frame| frame.map_err(Error::from)));
        }
        self.until.as_mut().poll(context).map(|()| Some(Err(Error::ConnectionReadTimeout)))
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.incoming.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::TcpListener;

    const PATIENT: Timeouts = Timeouts {
        connect: Duration::from_secs(60),
        first_byte: Duration::from_secs(60),
        between_bytes: Duration::from_secs(60),
    };
    const HASTY: Timeouts =
        Timeouts { first_byte: Duration::from_millis(50), between_bytes: Duration::from_millis(50), ..PATIENT };

    async fn called(uri: String, receivers: Receivers, timeouts: Timeouts) -> Result<(u16, Result<String, Error>), Error> {
        let body = http_body_util::Full::from("{}").map_err(|never: std::convert::Infallible| match never {}).boxed_unsync();
        let request = http::Request::post(uri).header("content-length", "2").body(body).unwrap();
        let to = receiver(request.uri(), receivers)?;
        let (response, _connection) = send(request, to, receivers, timeouts).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await;
        Ok((status, body.map(|body| String::from_utf8(body.to_bytes().to_vec()).unwrap())))
    }

    /// A server that says the same to everybody, and then keeps the connection; what it was sent first.
    async fn server(answer: &'static str) -> (u16, tokio::sync::mpsc::UnboundedReceiver<String>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (told, heard) = tokio::sync::mpsc::unbounded_channel();
        tokio::spawn(async move {
            let mut kept = Vec::new();
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut text = vec![0; 4_096];
                let read = stream.read(&mut text).await.unwrap();
                text.truncate(read);
                told.send(String::from_utf8(text).unwrap()).unwrap();
                stream.write_all(answer.as_bytes()).await.unwrap();
                kept.push(stream);
            }
        });
        (port, heard)
    }

    #[tokio::test]
    async fn a_name_that_leads_to_a_private_address_is_refused_before_anything_is_sent() {
        let (port, mut heard) = server("HTTP/1.1 204 No Content\r\n\r\n").await;
        // What a name of the internet may lead to is what this one leads to.
        let private = Receiver { tls: false, host: "localhost".to_owned(), port };
        let refused = addresses(&private, Receivers::Public).await;
        assert!(matches!(refused, Err(Error::DestinationIpProhibited)), "{refused:?}");
        assert!(addresses(&private, Receivers::Any).await.unwrap().iter().all(|address| address.ip().is_loopback()));
        let body = http_body_util::Empty::new().map_err(|never: std::convert::Infallible| match never {}).boxed_unsync();
        let request = http::Request::post(format!("http://localhost:{port}/")).body(body).unwrap();
        let sent = send(request, private, Receivers::Public, PATIENT).await;
        assert!(matches!(sent, Err(Error::DestinationIpProhibited)));
        assert!(heard.try_recv().is_err());
    }

    #[tokio::test]
    async fn only_https_to_public_names_and_addresses_is_tried() {
        for uri in [
            "http://example.com/",
            "https://127.0.0.1:8443/",
            "https://[::1]/",
            "https://[::ffff:10.0.0.1]/",
            "https://169.254.169.254/",
            "https://user@example.com/",
            "https://example.com:22/",
            "https://localhost/",
        ] {
            let refused = called(uri.to_owned(), Receivers::Public, PATIENT).await;
            assert!(matches!(refused, Err(Error::HttpRequestDenied)), "{uri}: {refused:?}");
        }
    }

    #[tokio::test]
    async fn a_request_arrives_as_it_was_written_and_a_redirect_is_an_answer() {
        let (port, mut heard) =
            server("HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 4\r\n\r\nmove").await;
        let answer = called(format!("http://localhost:{port}/hooks?a=b"), Receivers::Any, PATIENT).await.unwrap();
        assert_eq!((answer.0, answer.1.unwrap().as_str()), (302, "move"));
        let sent = heard.recv().await.unwrap().to_lowercase();
        assert!(
            sent.starts_with("post /hooks?a=b http/1.1\r\n") && sent.contains(&format!("host: localhost:{port}\r\n")),
            "{sent}"
        );
        assert!(sent.contains("content-length: 2\r\n"), "{sent}");
    }

    #[tokio::test]
    async fn a_silent_server_is_not_waited_for() {
        let (port, _heard) = server("").await;
        let silent = called(format!("http://127.0.0.1:{port}/"), Receivers::Any, HASTY).await;
        assert!(matches!(silent, Err(Error::ConnectionReadTimeout)), "{silent:?}");
        let (port, _heard) = server("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf").await;
        let (status, body) = called(format!("http://127.0.0.1:{port}/"), Receivers::Any, HASTY).await.unwrap();
        assert!(status == 200 && matches!(body, Err(Error::ConnectionReadTimeout)), "{body:?}");
    }
}
