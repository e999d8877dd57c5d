//! The public listener: HTTP/1.1 and HTTP/2, in the clear or over TLS, until asked to stop.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use browser_policy::Cors;
use contracts::Traffic;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use telemetry::{Metrics, Role};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::accept::accept;
use crate::certificate::Certificate;
use crate::connection::{ClientTimeouts, Connection};
use crate::headers::Client;
use crate::identity::Identity;
use crate::immutable::ImmutableAnswers;
use crate::limits;
use crate::live::Hub;
use crate::networks::Networks;
use crate::proxy;
use crate::rates::{Counters, Rates, networks};
use crate::region_router::RegionRouter;
use crate::replica::Replica;
use crate::service::Service;
use crate::slots::{NoSlot, RequestSlot, RequestSlots};

/// What an edge is made of.
pub struct Options<T> {
    /// Answers what runs here.
    pub traffic: Arc<T>,
    /// Answers what does not. None: everything runs here.
    pub region_router: Option<RegionRouter>,
    /// What this node knows; with it, a client that has seen more is sent to its region.
    pub replica: Option<Replica>,
    /// Who users are, to count their requests and to refuse those without a valid token.
    pub identity: Option<Identity>,
    /// The rate limits.
    pub rates: Rates,
    /// Where requests are counted.
    pub metrics: Arc<Metrics>,
    /// Which origins may do more than read what is public.
    pub cors: Cors,
    /// Which statements about a request's client are trusted.
    pub clients: Clients,
    /// The certificate of a listener that speaks TLS; none: it speaks in the clear.
    pub certificate: Option<Certificate>,
    /// How long clients may take.
    pub timeouts: ClientTimeouts,
    /// How long requests in flight may take when the node stops.
    pub drain: Duration,
}

/// Which statements about a request's client are trusted.
#[derive(Clone, Debug)]
pub struct Clients {
    /// Proxies that say truly, in `X-Forwarded-For` and `-Proto`, who their client is. None by default.
    pub trusted_proxies: Networks,
    /// Whether those begin each connection with the PROXY protocol.
    pub proxy_protocol: bool,
    /// Clients of which nothing is counted: neither how often they ask nor how much they have at once.
    pub uncounted: Networks,
}

impl Default for Clients {
    fn default() -> Self {
        Self { trusted_proxies: Networks::default(), proxy_protocol: false, uncounted: Networks::loopback() }
    }
}

/// An edge's listener.
pub struct Edge<T> {
    service: Arc<Service<T>>,
    certificate: Option<Certificate>,
    timeouts: ClientTimeouts,
    drain: Duration,
}

/// What every connection needs.
struct Listener<T> {
    service: Arc<Service<T>>,
    builder: Builder<TokioExecutor>,
    tls: Option<TlsAcceptor>,
    connections: Arc<RequestSlots>,
    timeouts: ClientTimeouts,
    stop: CancellationToken,
    drain: Duration,
}

impl<T: Traffic> Edge<T> {
    /// An edge of these parts.
    #[must_use]
    pub fn new(options: Options<T>) -> Self {
        let Options { traffic, region_router, replica, identity, rates, metrics, cors, clients, certificate, timeouts, drain } =
            options;
        let (counters, unfinished) = (Counters::default(), RequestSlots::new(limits::REQUESTS, limits::REQUESTS_EACH));
        let live = Hub::new(replica.clone(), identity.clone(), Arc::clone(&metrics));
        let immutable = ImmutableAnswers::default();
        if let Some(replica) = &replica {
            replica.kept_beside(&immutable);
        }
        let service = Arc::new(Service {
            traffic,
            region_router,
            replica,
            identity,
            immutable,
            live,
            rates,
            counters,
            unfinished,
            metrics,
            cors,
            clients,
            timeouts,
        });
        // It asks through the edge that it is a part of.
        let weak = Arc::downgrade(&service);
        service.live.attach(weak);
        Self { service, certificate, timeouts, drain }
    }

    /// Its live channel.
    #[cfg(test)]
    pub(crate) fn hub(&self) -> Arc<Hub> {
        Arc::clone(&self.service.live)
    }

    /// Serves `listener` until `stop`; then takes no more connections, lets requests in flight finish, and returns.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) {
        let Self { service, certificate, timeouts, drain } = self;
        let tls = certificate.as_ref().map(Certificate::acceptor);
        let tasks = TaskTracker::new();
        if let Some(certificate) = certificate {
            tasks.spawn(certificate.follow(stop.clone()));
        }
        tasks.spawn(Arc::clone(&service.live).run(stop.clone(), drain));
        let room = Arc::new(Semaphore::new(limits::CONNECTIONS as usize));
        let connections = RequestSlots::new(limits::CONNECTIONS, limits::CONNECTIONS_EACH);
        let shared = Listener { service, builder: builder(), tls, connections, timeouts, stop: stop.clone(), drain };
        let shared = Arc::new(shared);
        while let Some((stream, peer, permit)) = accept(&listener, &room, &stop).await {
            let shared = Arc::clone(&shared);
            // A proxy's own connections are not its clients': those are counted once it has said whose they are.
            let slot = match shared.service.clients.trusted_proxies.contain(peer.ip()) {
                true => None,
                false => match shared.slot(peer) {
                    Some(slot) => Some(slot),
                    None => continue,
                },
            };
            tasks.spawn(async move {
                shared.connection(stream, peer, slot).await;
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
        .max_send_buf_size(limits::STREAM_SEND_BYTES)
        .max_header_list_size(u32::try_from(limits::READ_BUFFER_BYTES).unwrap_or(u32::MAX));
    builder
}

impl<T: Traffic> Listener<T> {
    /// A place for a connection of this client; none where it has as many as it may.
    fn slot(&self, client: SocketAddr) -> Option<RequestSlot> {
        let networks = networks(Client::Known(client.ip()), &self.service.clients.uncounted);
        match self.connections.take(networks) {
            Ok(slot) => Some(slot),
            Err(full) => {
                if full == NoSlot::ForOne {
                    self.service.metrics.rate_limited(Role::Edge, "connections");
                }
                tracing::debug!(%client, ?full, "a connection was refused");
                None
            }
        }
    }

    async fn connection(&self, mut stream: TcpStream, peer: SocketAddr, slot: Option<RequestSlot>) {
        // An answer goes out at once, in however many pieces it was written.
        _ = stream.set_nodelay(true);
        let (mut client, mut slot) = (peer, slot);
        let clients = &self.service.clients;
        if clients.proxy_protocol && clients.trusted_proxies.contain(peer.ip()) {
            let said = match tokio::time::timeout(limits::HANDSHAKE, proxy::read(&mut stream)).await {
                Ok(Ok(said)) => said,
                Ok(Err(error)) => return tracing::debug!(%peer, %error, "a proxy did not say whose a connection is"),
                Err(_) => return,
            };
            if let Some(said) = said {
                client = said;
                slot = self.slot(client);
                if slot.is_none() {
                    return;
                }
            }
        }
        match &self.tls {
            None => self.serve(stream, client, false).await,
            Some(tls) => match tokio::time::timeout(limits::HANDSHAKE, tls.accept(stream)).await {
                Ok(Ok(stream)) => self.serve(stream, client, true).await,
                Ok(Err(error)) => tracing::debug!(%client, %error, "TLS could not begin"),
                Err(_) => {}
            },
        }
        drop(slot);
    }

    async fn serve(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, client: SocketAddr, secure: bool) {
        let state = Connection::new(client, secure, self.timeouts);
        let requests = {
            let state = Arc::clone(&state);
            let service = Arc::clone(&self.service);
            service_fn(move |request| {
                let (service, state) = (Arc::clone(&service), Arc::clone(&state));
                async move { Ok::<_, Infallible>(service.serve(&state, request).await) }
            })
        };
        let serving = self.builder.serve_connection_with_upgrades(TokioIo::new(stream), requests);
        tokio::pin!(serving);
        let mut watch = tokio::time::interval(self.timeouts.look);
        watch.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                done = serving.as_mut() => return log(done),
                () = self.stop.cancelled() => break,
                _ = watch.tick() => if state.overdue(Instant::now(), self.connections.crowded()) { return },
            }
        }
        serving.as_mut().graceful_shutdown();
        match tokio::time::timeout(self.drain, serving).await {
            Ok(done) => log(done),
            Err(_) => tracing::warn!(%client, "a request did not finish in time and was cut off"),
        }
    }
}

fn log(done: Result<(), Box<dyn std::error::Error + Send + Sync>>) {
    // Clients go away and send nonsense all the time.
    if let Err(error) = done {
        tracing::debug!(%error, "a connection ended");
    }
}
