//! One connection to another node: TCP, TLS, HTTP/2.

use hyper::client::conn::http2::{Builder, Connection};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio_rustls::client::TlsStream;

use super::call::{OutBody, Sender};
use crate::limits;
use crate::tls::{self, PeerCertificates, Servers, Tls};

/// A connection that has begun.
pub(crate) struct Connected {
    pub(crate) sender: Sender,
    /// What keeps it going: to be awaited by somebody.
    pub(crate) connection: Connection<TokioIo<TlsStream<TcpStream>>, OutBody, TokioExecutor>,
    /// Who is at its other end.
    pub(crate) shown: PeerCertificates,
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("it cannot be reached: {0}")]
    Connect(#[from] std::io::Error),
    #[error("it took too long")]
    Slow(#[from] tokio::time::error::Elapsed),
    #[error("HTTP/2 could not begin: {0}")]
    Http(#[from] hyper::Error),
    #[error(transparent)]
    Tls(#[from] tls::Error),
}

/// Connects to an address at which one of these has to be.
pub(crate) async fn connect(tls: &Tls, servers: &Servers, address: &str) -> Result<Connected, Error> {
    let connecting = async {
        let stream = TcpStream::connect(address).await?;
        stream.set_nodelay(true)?;
        telemetry::keepalive::keep(&stream)?;
        let (connector, name) = tls.connector(servers)?;
        let stream = connector.connect(name, stream).await?;
        let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
        let is_control = *servers == Servers::Control;
        let (ping, answer) =
            if is_control { (limits::CONTROL_PING, limits::CONTROL_PING_ANSWER) } else { (limits::PING, limits::PING_ANSWER) };
        let mut builder = Builder::new(TokioExecutor::new());
        builder
            .timer(TokioTimer::new())
            .initial_stream_window_size(limits::STREAM_WINDOW)
            .initial_connection_window_size(limits::CONNECTION_WINDOW)
            .max_header_list_size(limits::HEADER_BYTES)
            .keep_alive_interval(ping)
            .keep_alive_timeout(answer)
            .keep_alive_while_idle(true);
        let (sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
        Ok(Connected { sender, connection, shown: PeerCertificates::Server(chain, servers.clone()) })
    };
    tokio::time::timeout(limits::CONNECT, connecting).await?
}
