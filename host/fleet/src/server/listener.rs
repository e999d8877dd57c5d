//! Connections: how many, who is at the other end, and how they end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::server::conn::http2::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::routes::Body;
use crate::identity::Identity;
use crate::limits;
use crate::tls::{self, PeerCertificates, Tls};

/// How much is served.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    /// Connections at once.
    pub(crate) connections: usize,
    /// How often each is tried with a ping, and how long its answer is waited for.
    pub(crate) ping: (Duration, Duration),
}

/// Serves until `stop`, and until what is in flight then has finished or `drain` is over. `answer` is told who asks.
pub(crate) async fn serve<F: Future<Output = Response<Body>> + Send + 'static>(
    listener: TcpListener,
    answer: impl Fn(Arc<Identity>, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    tls: Tls,
    bounds: Bounds,
    (stop, drain): (CancellationToken, Duration),
) {
    let connections = Arc::new(Semaphore::new(bounds.connections));
    let tasks = TaskTracker::new();
    while let Some((stream, peer, permit)) = edge::accept(&listener, &connections, &stop).await {
        let (answer, tls, stop) = (answer.clone(), tls.clone(), stop.clone());
        tasks.spawn(async move {
            if let Err(error) = connection(answer, stream, tls, bounds.ping, (stop, drain)).await {
                // Who has no certificate gets no further, and nodes come and go.
                tracing::debug!(%peer, %error, "a connection between nodes ended");
            }
            drop(permit);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

type Error = Box<dyn std::error::Error + Send + Sync>;

async fn connection<F: Future<Output = Response<Body>> + Send + 'static>(
    answer: impl Fn(Arc<Identity>, Request<Incoming>) -> F + Send + Sync + 'static,
    stream: TcpStream,
    tls: Tls,
    ping: (Duration, Duration),
    (stop, drain): (CancellationToken, Duration),
) -> Result<(), Error> {
    stream.set_nodelay(true)?;
    telemetry::keepalive::keep(&stream)?;
    let accepted = tokio::time::timeout(limits::CONNECT, tls.acceptor().accept(stream)).await?;
    let stream = accepted.inspect_err(|error| tls.count_refused(error))?;
    let chain = stream.get_ref().1.peer_certificates().unwrap_or_default().to_vec();
    // Its signature has been verified.
    let peer = Arc::new(tls::identity_of(chain.first().ok_or("no certificate")?)?);
    let name = peer.to_string();
    let requests = service_fn(move |request| {
        let answering = answer(Arc::clone(&peer), request);
        async move { Ok::<_, Infallible>(answering.await) }
    });
    let serving = builder(ping).serve_connection(TokioIo::new(stream), requests);
    let served = async {
        tokio::pin!(serving);
        tokio::select! {
            biased;
            done = serving.as_mut() => return Ok(done?),
            () = stop.cancelled() => {}
        }
        // It sends GOAWAY, and takes what was sent before the peer received it.
        serving.as_mut().graceful_shutdown();
        tokio::time::timeout(drain, serving).await??;
        Ok(())
    };
    let shown = PeerCertificates::Client(chain);
    tokio::select! {
        biased;
        done = served => done,
        // Its requests are dropped, and the connection is closed without an answer.
        () = tls.until_distrusted(&shown) => {
            tracing::warn!(peer = name, "a node's certificate was revoked or has ended: its connection is closed");
            Ok(())
        }
    }
}

fn builder((ping, answer): (Duration, Duration)) -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS)
        .max_header_list_size(limits::HEADER_BYTES)
        .initial_stream_window_size(limits::STREAM_WINDOW)
        .initial_connection_window_size(limits::CONNECTION_WINDOW)
        // Nodes keep their connections open; this detects dead ones.
        .keep_alive_interval(ping)
        .keep_alive_timeout(answer)
        // A component's answer is as it would be without a network in between.
        .auto_date_header(false);
    builder
}
