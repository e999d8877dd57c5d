//! The admin listener: health and metrics, for those who run the node. It belongs on an address the public cannot reach; `access` says who is let in.

mod access;

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router, middleware};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde::Serialize;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};

pub use access::{Access, ExposedListener, WeakToken};

use crate::limits::{
    ADMIN_ACCEPT_PAUSE, ADMIN_CONNECTION, ADMIN_CONNECTIONS, ADMIN_DRAIN, ADMIN_HEAD, ADMIN_HEAD_BYTES, ADMIN_HEADERS,
};
use crate::{Health, Metrics, Overall};

/// What the admin routes read.
#[derive(Clone, Debug)]
pub struct Sources {
    /// The node's health.
    pub health: Health,
    /// The node's metrics.
    pub metrics: Arc<Metrics>,
    /// The version of the program, for people.
    pub version: &'static str,
}

#[derive(Serialize)]
struct HealthSummary {
    status: Overall,
}

/// The routes `/health…` and `/metrics…`. Other parts merge their own into it.
pub fn router(sources: Sources) -> Router {
    Router::new()
        .route("/health", get(health))
        .route("/health/live", get(live))
        .route("/health/ready", get(ready))
        .route("/health/detailed", get(detailed))
        .route("/metrics", get(metrics))
        .route("/metrics/health", get(metrics_health))
        .route("/metrics/circuit-breakers", get(breakers))
        .route("/metrics/circuit-breakers/reset", post(reset_breakers))
        .fallback(not_found)
        .method_not_allowed_fallback(method_not_allowed)
        .with_state(sources)
}

/// Serves `router` to those whom `access` lets in until `stop` is done, then lets requests in flight finish for a second.
///
/// # Errors
/// Where the listener has no address.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    access: Access,
    stop: impl Future<Output = ()> + Send + 'static,
) -> std::io::Result<()> {
    let own = listener.local_addr()?.ip().to_canonical();
    let room = Arc::new(Semaphore::new(ADMIN_CONNECTIONS));
    let (stopping, stopped) = watch::channel(());
    let accepting = async {
        // The semaphore is never closed.
        while let Ok(permit) = Arc::clone(&room).acquire_owned().await {
            let (stream, peer) = match listener.accept().await {
                Ok(accepted) => accepted,
                Err(error) => {
                    tracing::warn!(%error, "could not accept a connection to the admin listener");
                    tokio::time::sleep(ADMIN_ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let origin = access::ConnectionOrigin { access: access.clone(), own, peer: peer.ip().to_canonical() };
            let router = router.clone().layer(middleware::from_fn_with_state(origin, access::admit));
            let stopped = stopped.clone();
            tokio::spawn(async move {
                connection(stream, router, stopped).await;
                drop(permit);
            });
        }
    };
    tokio::select! {
        () = accepting => {}
        () = stop => {}
    }
    drop((listener, stopped));
    // Each connection has a receiver until it ends.
    _ = stopping.send(());
    _ = tokio::time::timeout(ADMIN_DRAIN, stopping.closed()).await;
    Ok(())
}

async fn connection(stream: TcpStream, router: Router, mut stopped: watch::Receiver<()>) {
    let mut builder = hyper::server::conn::http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(ADMIN_HEAD).max_buf_size(ADMIN_HEAD_BYTES).max_headers(ADMIN_HEADERS);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    tokio::pin!(serving);
    tokio::select! {
        _ = serving.as_mut() => return,
        () = tokio::time::sleep(ADMIN_CONNECTION) => {}
        _ = stopped.changed() => {}
    }
    serving.as_mut().graceful_shutdown();
    // Whether it ended well or not, it ends.
    _ = tokio::time::timeout(ADMIN_HEAD, serving).await;
}

async fn health(State(sources): State<Sources>) -> Response {
    verdict(sources.health.overall(), sources.health.ready())
}

async fn live(State(sources): State<Sources>) -> Response {
    let live = sources.health.live();
    verdict(if live { Overall::Up } else { Overall::Down }, live)
}

async fn ready(State(sources): State<Sources>) -> Response {
    verdict(sources.health.overall(), sources.health.ready())
}

fn verdict(status: Overall, good: bool) -> Response {
    let code = if good { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, [(header::CACHE_CONTROL, "no-store")], Json(HealthSummary { status })).into_response()
}

async fn detailed(State(sources): State<Sources>) -> Response {
    #[derive(Serialize)]
    struct HealthReport {
        status: Overall,
        version: &'static str,
        uptime_seconds: u64,
        checks: Vec<crate::health::Line>,
    }
    let body = HealthReport {
        status: sources.health.overall(),
        version: sources.version,
        uptime_seconds: sources.health.uptime().as_secs(),
        checks: sources.health.lines(),
    };
    ([(header::CACHE_CONTROL, "no-store")], Json(body)).into_response()
}

const TEXT: [(header::HeaderName, &str); 1] = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];

async fn metrics(State(sources): State<Sources>) -> Response {
    match sources.metrics.render() {
        Ok(text) => (TEXT, text).into_response(),
        Err(error) => {
            tracing::error!(%error, "metrics could not be rendered");
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "Internal error")
        }
    }
}

/// Health as numbers: 1 up, 0.5 degraded, 0 down.
async fn metrics_health(State(sources): State<Sources>) -> Response {
    let mut text =
        String::from("# HELP marquee_health Whether a part works: 1 up, 0.5 degraded, 0 down.\n# TYPE marquee_health gauge\n");
    for line in sources.health.lines() {
        let value = match line.finding.state {
            crate::State::Up => "1",
            crate::State::Degraded => "0.5",
            crate::State::Down => "0",
        };
        // Writing to a String cannot fail.
        _ = writeln!(text, "marquee_health{{check=\"{}\"}} {value}", line.name);
    }
    let ready = u8::from(sources.health.ready());
    _ = writeln!(
        text,
        "# HELP marquee_ready Whether the node may be sent requests.\n# TYPE marquee_ready gauge\nmarquee_ready {ready}"
    );
    (TEXT, text).into_response()
}

/// How the node's circuit breakers are.
async fn breakers(State(sources): State<Sources>) -> Response {
    let breakers = sources.metrics.breakers().lines();
    ([(header::CACHE_CONTROL, "no-store")], Json(serde_json::json!({ "breakers": breakers }))).into_response()
}

/// Tries now whatever is left alone; answers as `breakers` does, with how it was found.
async fn reset_breakers(State(sources): State<Sources>) -> Response {
    let found = breakers(State(sources.clone())).await;
    sources.metrics.breakers().reset();
    tracing::info!("circuit breakers were reset by hand");
    found
}

async fn not_found() -> Response {
    problem(StatusCode::NOT_FOUND, "not-found", "Not found")
}

async fn method_not_allowed() -> Response {
    problem(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "Method not allowed")
}

fn problem(status: StatusCode, kind: &str, title: &str) -> Response {
    explained(status, kind, title, None)
}

/// A problem, and what to do about it.
fn explained(status: StatusCode, kind: &str, title: &str, detail: Option<&str>) -> Response {
    let mut body = serde_json::json!({"type": format!("/problems/{kind}"), "title": title, "status": status.as_u16()});
    if let (Some(detail), Some(members)) = (detail, body.as_object_mut()) {
        members.insert("detail".to_owned(), detail.into());
    }
    (status, [(header::CONTENT_TYPE, "application/problem+json")], body.to_string()).into_response()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Finding, Needed};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    fn sources() -> Sources {
        Sources { health: Health::default(), metrics: Arc::new(Metrics::new().unwrap()), version: "0.0.0" }
    }

    async fn get(sources: &Sources, path: &str) -> (u16, String) {
        ask(sources, "GET", path).await
    }

    async fn ask(sources: &Sources, method: &str, path: &str) -> (u16, String) {
        let origin = if method == "POST" { "origin: http://127.0.0.1\r\n" } else { "" };
        let head = format!("{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\n{origin}connection: close\r\n\r\n");
        send(sources, Access::default(), &head).await
    }

    async fn send(sources: &Sources, access: Access, head: &str) -> (u16, String) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serving = tokio::spawn(serve(listener, router(sources.clone()), access, std::future::pending()));
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).await.unwrap();
        serving.abort();
        let status = text.split(' ').nth(1).unwrap().parse().unwrap();
        (status, text)
    }

    #[tokio::test]
    async fn a_page_from_elsewhere_reads_and_changes_nothing() {
        let sources = sources();
        let reset = "/metrics/circuit-breakers/reset";
        for (head, status) in [
            ("GET /metrics HTTP/1.1\r\nhost: rebound.example:8090\r\nconnection: close\r\n\r\n".to_owned(), 403),
            ("GET /metrics HTTP/1.1\r\nhost: localhost\r\nhost: a\r\nconnection: close\r\n\r\n".to_owned(), 403),
            ("GET /metrics HTTP/1.1\r\nhost: localhost:8090\r\nconnection: close\r\n\r\n".to_owned(), 200),
            (format!("POST {reset} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"), 403),
            (
                format!("POST {reset} HTTP/1.1\r\nhost: localhost\r\norigin: http://evil.example\r\nconnection: close\r\n\r\n"),
                403,
            ),
            (format!("POST {reset} HTTP/1.1\r\nhost: localhost\r\norigin: http://localhost\r\nconnection: close\r\n\r\n"), 200),
        ] {
            assert_eq!(send(&sources, Access::default(), &head).await.0, status, "{head}");
        }
        let access = Access::new(Some("0123456789abcdef".to_owned())).unwrap();
        let head = format!(
            "POST {reset} HTTP/1.1\r\nhost: edge-0.internal\r\nauthorization: Bearer 0123456789abcdef\r\nconnection: close\r\n\r\n"
        );
        assert_eq!(send(&sources, access, &head).await.0, 200);
    }

    #[tokio::test]
    async fn a_head_that_is_too_large_is_refused() {
        let sources = sources();
        let lines: String = (0..=ADMIN_HEADERS).map(|n| format!("x-{n}: 1\r\n")).collect();
        let head = format!("GET /health HTTP/1.1\r\nhost: localhost\r\n{lines}connection: close\r\n\r\n");
        assert_eq!(send(&sources, Access::default(), &head).await.0, 431);
        let head = format!("GET /{} HTTP/1.1\r\nhost: localhost\r\n\r\n", "x".repeat(2 * ADMIN_HEAD_BYTES));
        assert!((400..=499).contains(&send(&sources, Access::default(), &head).await.0));
    }

    #[tokio::test]
    async fn probes_follow_the_checks() {
        let sources = sources();
        assert_eq!(get(&sources, "/health/ready").await.0, 200);
        sources.health.register("replica", Needed::Ready, || Finding::down("no snapshot yet"));
        for (path, status) in [("/health", 503), ("/health/ready", 503), ("/health/live", 200), ("/health/detailed", 200)] {
            assert_eq!(get(&sources, path).await.0, status, "{path}");
        }
        let (_, text) = get(&sources, "/health/detailed").await;
        assert!(text.contains("no snapshot yet"), "{text}");
        let (_, text) = get(&sources, "/metrics/health").await;
        assert!(text.contains("marquee_health{check=\"replica\"} 0\n"), "{text}");
        assert!(text.contains("marquee_ready 0"), "{text}");
    }

    #[tokio::test]
    async fn breakers_are_shown_and_reset() {
        struct OneBreaker(Arc<std::sync::atomic::AtomicBool>);
        impl crate::BreakerSource for OneBreaker {
            fn lines(&self) -> Vec<crate::BreakerLine> {
                let closed = self.0.load(std::sync::atomic::Ordering::Relaxed);
                let state = if closed { crate::BreakerState::Closed } else { crate::BreakerState::HalfOpen };
                vec![crate::BreakerLine { name: "eu/eu-1".to_owned(), state, counts: None }]
            }
            fn reset(&self) {
                self.0.store(true, std::sync::atomic::Ordering::Relaxed);
            }
        }
        let sources = sources();
        sources.metrics.breakers().add(OneBreaker(Arc::default()));
        let half_open = r#"{"breakers":[{"name":"eu/eu-1","state":"half-open"}]}"#;
        assert!(get(&sources, "/metrics/circuit-breakers").await.1.ends_with(half_open));
        assert!(get(&sources, "/metrics").await.1.contains("marquee_circuit_breaker_state{breaker=\"eu/eu-1\"} 0.5"));
        assert_eq!(get(&sources, "/metrics/circuit-breakers/reset").await.0, 405);
        let (status, text) = ask(&sources, "POST", "/metrics/circuit-breakers/reset").await;
        assert!(status == 200 && text.ends_with(half_open), "{text}");
        assert!(get(&sources, "/metrics/circuit-breakers").await.1.contains("\"closed\""));
    }

    #[tokio::test]
    async fn breakers_that_count_show_their_counts() {
        let sources = sources();
        let options = crate::BreakerOptions { failures: 1, ..crate::BreakerOptions::default() };
        let breaker = crate::Breaker::new("redis/a:6379", options);
        sources.metrics.breakers().add(breaker.clone());
        breaker.permit().unwrap().succeeded();
        breaker.permit().unwrap().failed();
        assert!(breaker.permit().is_err());
        let (_, text) = get(&sources, "/metrics/circuit-breakers").await;
        let shown: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        let line = serde_json::json!({"name": "redis/a:6379", "state": "open", "succeeded": 1, "failed": 1, "rejected": 1});
        assert_eq!(shown["breakers"], serde_json::json!([line]));
        for _ in 0..2 {
            let (_, text) = get(&sources, "/metrics").await;
            let count = "marquee_circuit_breaker_calls_total{breaker=\"redis/a:6379\",outcome=\"rejected\"} 1\n";
            assert!(text.contains(count), "{text}");
            assert!(text.contains("marquee_circuit_breaker_state{breaker=\"redis/a:6379\"} 1\n"), "{text}");
        }
        ask(&sources, "POST", "/metrics/circuit-breakers/reset").await;
        assert!(breaker.permit().is_ok());
    }

    #[tokio::test]
    async fn draining_is_not_ready() {
        let sources = sources();
        sources.health.drain();
        let (status, text) = get(&sources, "/health/ready").await;
        assert_eq!(status, 503);
        assert!(text.contains("draining"), "{text}");
        assert_eq!(get(&sources, "/health/live").await.0, 200);
    }

    #[tokio::test]
    async fn metrics_are_prometheus_text_and_the_rest_is_a_problem() {
        let sources = sources();
        sources.metrics.ledger_batch(3, std::time::Duration::from_millis(2));
        let (status, text) = get(&sources, "/metrics").await;
        assert_eq!(status, 200);
        assert!(text.contains("marquee_ledger_batch_size_count 1"), "{text}");
        let (status, text) = get(&sources, "/nothing").await;
        assert_eq!(status, 404);
        assert!(text.contains("application/problem+json"), "{text}");
    }
}
