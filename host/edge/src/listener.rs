//! The public listener: HTTP/1.1 and HTTP/2 in the clear, until it is told to stop.

use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use telemetry::Metrics;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::accept;
use crate::application::Traffic;
use crate::connection::Connection;
use crate::cors::Cors;
use crate::homes::Homes;
use crate::identity::Identity;
use crate::limits;
use crate::rates::{Counters, Rates};
use crate::replica::Replica;
use crate::service::Service;

/// What an edge is made of.
pub struct Options<T> {
    /// Answers what runs here.
    pub traffic: Arc<T>,
    /// Answers what does not. None: everything runs here.
    pub homes: Option<Homes>,
    /// What this node knows; with it, a client that has seen more is sent to its region.
    pub replica: Option<Replica>,
    /// Who users are, to count their requests.
    pub identity: Option<Identity>,
    /// How often somebody may ask.
    pub rates: Rates,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// Which origins may do more than read what is public.
    pub cors: Cors,
    /// Proxies that say truly, in `X-Forwarded-For` and `-Proto`, who their client is. None by default: then nobody does.
    pub trusted_proxies: Box<[IpAddr]>,
    /// How long requests in flight may take when the node stops.
    pub drain: Duration,
}

/// An edge's listener.
pub struct Edge<T> {
    service: Arc<Service<T>>,
    drain: Duration,
}

impl<T: Traffic> Edge<T> {
    /// An edge of these parts.
    #[must_use]
    pub fn new(options: Options<T>) -> Self {
        let Options { traffic, homes, replica, identity, rates, metrics, cors, trusted_proxies, drain } = options;
        let counters = Counters::default();
        let service = Service { traffic, homes, replica, identity, rates, counters, metrics, cors, trusted_proxies };
        Self { service: Arc::new(service), drain }
    }

    /// Serves `listener` until `stop`; then takes no more connections, lets requests in flight finish, and returns.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let connections = Arc::new(Semaphore::new(limits::CONNECTIONS));
        let tasks = TaskTracker::new();
        let builder = Arc::new(builder());
        while let Some((stream, peer, permit)) = accept(&listener, &connections, &stop).await {
            let serving = connection(Arc::clone(&builder), Arc::clone(&self.service), stream, peer, stop.clone(), self.drain);
            tasks.spawn(async move {
                serving.await;
                drop(permit);
            });
        }
        drop(listener);
        tasks.close();
        tasks.wait().await;
    }
}

fn builder() -> Builder<TokioExecutor> {
    let mut builder = Builder::new(TokioExecutor::new());
    // Idle and slow connections are ended by `Connection::overdue`, which costs a request nothing, unlike hyper's own timer.
    builder
        .http1()
        .half_close(false)
        .header_read_timeout(None)
        .max_buf_size(limits::READ_BUFFER_BYTES)
        .max_headers(limits::PARSED_HEADERS);
    builder
        .http2()
        .max_concurrent_streams(limits::STREAMS)
        .max_header_list_size(u32::try_from(limits::READ_BUFFER_BYTES).unwrap_or(u32::MAX));
    builder
}

async fn connection<T: Traffic>(
    builder: Arc<Builder<TokioExecutor>>,
    service: Arc<Service<T>>,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
    drain: Duration,
) {
    // An answer goes out at once, in however many pieces it was written.
    _ = stream.set_nodelay(true);
    let state = Connection::new(peer);
    let requests = {
        let state = Arc::clone(&state);
        service_fn(move |request| {
            let (service, state) = (Arc::clone(&service), Arc::clone(&state));
            async move { Ok::<_, Infallible>(service.serve(&state, request).await) }
        })
    };
    let serving = builder.serve_connection(TokioIo::new(stream), requests);
    tokio::pin!(serving);
    let mut watch = tokio::time::interval(limits::IDLE / 4);
    watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            done = serving.as_mut() => return log(done),
            () = stop.cancelled() => break,
            _ = watch.tick() => if state.overdue(Instant::now()) { return },
        }
    }
    serving.as_mut().graceful_shutdown();
    match tokio::time::timeout(drain, serving).await {
        Ok(done) => log(done),
        Err(_) => tracing::warn!(%peer, "a request did not finish in time and was cut off"),
    }
}

fn log(done: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    // Clients go away and send nonsense all the time.
    if let Err(error) = done {
        tracing::debug!(%error, "a connection ended");
    }
}
