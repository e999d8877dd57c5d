//! Connections of people and their programs.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use edge::Certificate;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::limits;

/// Serves `router` until `stop`, and then lets requests in flight finish for a while. Over TLS where there is a certificate.
pub(super) async fn serve(listener: TcpListener, certificate: Option<Certificate>, router: Router, stop: CancellationToken) {
    let connections = Arc::new(Semaphore::new(limits::CONNECTIONS));
    let tasks = TaskTracker::new();
    if let Some(certificate) = &certificate {
        tasks.spawn(certificate.clone().follow(stop.clone()));
    }
    while let Some((stream, peer, permit)) = edge::accept(&listener, &connections, &stop).await {
        let (router, stop, acceptor) = (router.clone(), stop.clone(), certificate.as_ref().map(Certificate::acceptor));
        tasks.spawn(async move {
            match acceptor {
                None => connection(stream, router, stop).await,
                Some(acceptor) => match timeout(limits::HEAD, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => connection(stream, router, stop).await,
                    Ok(Err(error)) => tracing::debug!(%peer, %error, "a connection did not come to TLS"),
                    Err(_) => tracing::debug!(%peer, "a connection took too long to come to TLS"),
                },
            }
            drop(permit);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn connection(stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router, stop: CancellationToken) {
    let mut builder = Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HEAD)
        .max_buf_size(limits::HEAD_BYTES)
        .max_headers(limits::HEADERS);
    builder
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(limits::STREAMS)
        .max_header_list_size(limits::HEADER_LIST)
        .keep_alive_interval(limits::HEAD)
        .keep_alive_timeout(limits::HEAD);
    let (router, requests) = (TowerToHyperService::new(router), watch::Sender::new(0_usize));
    let mut unanswered = requests.subscribe();
    let answer = service_fn(move |request: http::Request<Incoming>| {
        let (answered, counted) = (router.call(request), Counted::of(&requests));
        async move {
            let answered = answered.await?;
            // It goes with the last byte of the answer.
            Ok::<_, Infallible>(answered.map(|body| {
                Body::new(body.map_frame(move |frame| {
                    let _ = &counted;
                    frame
                }))
            }))
        }
    });
    let serving = builder.serve_connection(TokioIo::new(stream), answer);
    tokio::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        () = sleep(limits::CONNECTION) => {}
        // A client that asks nothing does not keep others out, however well it answers pings.
        () = idle(&mut unanswered) => {}
        () = stop.cancelled() => {}
    }
    serving.as_mut().graceful_shutdown();
    // Whether it ended well or not, it ends.
    _ = timeout(limits::DRAIN, serving).await;
}

/// Returns when there has been no request for a while.
async fn idle(unanswered: &mut watch::Receiver<usize>) {
    while unanswered.wait_for(|requests| *requests == 0).await.is_ok() {
        if !matches!(timeout(limits::HEAD, unanswered.wait_for(|requests| *requests > 0)).await, Ok(Ok(_))) {
            return;
        }
    }
}

/// A request that is not answered yet.
struct Counted(watch::Sender<usize>);

impl Counted {
    fn of(requests: &watch::Sender<usize>) -> Self {
        requests.send_modify(|requests| *requests += 1);
        Self(requests.clone())
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|requests| *requests -= 1);
    }
}
