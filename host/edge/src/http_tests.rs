//! The listener from outside, with components and a region that are made up.

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use contracts::{Components, Failure, HostRoute, RequestBody, Traffic, Visitor};
use futures::future::BoxFuture;
use http::{HeaderMap, Method, Request, Response, StatusCode, header};
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use hyper_util::rt::{TokioExecutor, TokioIo};
use manifest::{Manifest, Routes, VariableSources};
use read_model::{Fact, Seen, SeenKind};
use serde_json::Value;
use telemetry::Metrics;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::rates::{Quota, Rates};
use crate::testing::{PUBLIC_KEY, availability, event, token};
use crate::{
    Body, Certificate, ClientTimeouts, Clients, Cors, Edge, Identity, Networks, Options, Problem, Region, RegionRouter, Replica,
    limits,
};

const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "test"
[[trigger.http]]
route = "/echo/..."
component = "echo"
[[trigger.http]]
route = "/fail/..."
component = "fail"
[component.echo]
source = "echo.wasm"
[component.echo.tool.marquee.routes]
"GET /echo/:id" = { runs = "edge", by = { path = "id" } }
"POST /echo/:id" = { runs = "edge" }
"GET /echo/region" = { runs = "region", by = { query = "at" } }
"POST /echo/region" = { runs = "region", by = { query = "at" } }
"PUT /echo/region" = { runs = "edge" }
"POST /echo/private" = { runs = "edge", token = true }
"PUT /echo/file" = { runs = "edge", token = true, body_mib = 2 }
"GET /echo/assets/:name" = { runs = "edge", immutable = true }
"POST /echo/due" = { host = "tick" }
[component.fail]
source = "fail.wasm"
[component.fail.tool.marquee.routes]
"GET /fail/:how" = { runs = "edge" }
"#;

/// Answers with the request, in JSON; waits or fails where the path asks for it.
struct FakeComponents {
    routes: Routes,
    gate: Semaphore,
    waiting: Semaphore,
    /// What "/echo/scarce" and "/echo/big" need one of, and the latter keeps until all of its answer has been taken.
    scarce: Arc<Semaphore>,
    /// Who a version was chosen for.
    visitors: Mutex<Vec<Visitor>>,
}

async fn echo(request: Request<RequestBody>, slot: &str) -> Result<Response<Body>, Failure> {
    let (parts, body) = request.into_parts();
    let body = match body.collect().await {
        Ok(body) => body.to_bytes(),
        // As a component may: it knows nothing better to say.
        Err(_) => return Ok(status(400)),
    };
    let headers: HashMap<_, _> = parts.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    let document = serde_json::json!({
        "place": slot, "method": parts.method.as_str(), "headers": headers, "body": String::from_utf8_lossy(&body),
    });
    let mut response = Response::new(Body::full(Bytes::from(document.to_string())));
    response.headers_mut().insert(header::CONTENT_TYPE, "application/json".parse().unwrap());
    response.headers_mut().insert(header::SERVER, "guest".parse().unwrap());
    Ok(response)
}

fn status(code: u16) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    response
}

impl Components for FakeComponents {
    type Answer = Body;

    fn routes(&self) -> &Routes {
        &self.routes
    }

    async fn handle(&self, component: &str, request: Request<RequestBody>) -> Result<Response<Body>, Failure> {
        let path = request.uri().path().to_owned();
        if path == "/echo/wait" {
            self.waiting.add_permits(1);
            self.gate.acquire().await.unwrap().forget();
        }
        match (component, path.as_str()) {
            ("echo", "/echo/scarce") => {
                let _permit = self.scarce.try_acquire().map_err(|_| Failure::Overloaded)?;
                echo(request, "edge").await
            }
            ("echo", "/echo/big") => {
                let permit = Arc::clone(&self.scarce).acquire_owned().await.unwrap();
                let pieces = (0..16).map(|_| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(vec![b'x'; 32 * 1024]))));
                let held = StreamBody::new(futures::stream::iter(pieces)).map_frame(move |frame| {
                    let _ = &permit;
                    frame
                });
                Ok(Response::new(Body::taken(held).await.unwrap()))
            }
            ("echo", path) if path.starts_with("/echo/assets/") => {
                // So many times it was asked, which is in the answer.
                self.waiting.add_permits(1);
                let name = path.rsplit('/').next().unwrap_or_default().to_owned();
                let codings = request.headers().get(header::ACCEPT_ENCODING).map_or("", |value| value.to_str().unwrap());
                let content = format!("{} {codings} {}", self.waiting.available_permits(), "x".repeat(64 * 1024));
                let length = content.len();
                // Not known as a whole: as a component sends it.
                let pieces = futures::stream::iter([Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(content)))]);
                let mut response = Response::new(Body::taken(StreamBody::new(pieces)).await.unwrap());
                let control = match name.as_str() {
                    "private" => "private, max-age=31536000, immutable",
                    "changes" => "public, max-age=31536000",
                    "past" => "public, max-age=0, immutable",
                    _ => "public, max-age=31536000, immutable",
                };
                let headers = response.headers_mut();
                headers.insert(header::CACHE_CONTROL, control.parse().unwrap());
                headers.insert(header::ETAG, "\"1\"".parse().unwrap());
                headers.insert(header::CONTENT_LENGTH, length.into());
                headers.insert(header::VARY, if name == "origin" { "origin" } else { "Accept-Encoding" }.parse().unwrap());
                if name == "cookie" {
                    headers.insert(header::SET_COOKIE, "a=b".parse().unwrap());
                }
                Ok(response)
            }
            ("echo", _) => echo(request, "edge").await,
            (_, "/fail/trap") => Err(Failure::Trapped("panic".into())),
            (_, "/fail/loop") => Err(Failure::TimedOut),
            (_, "/fail/memory") => Err(Failure::OutOfMemory),
            (_, "/fail/overload") => Err(Failure::Overloaded),
            _ => Ok(status(204)),
        }
    }

    fn ticks(&self) -> Vec<HostRoute> {
        Vec::new()
    }
}

struct FakeTraffic(Arc<FakeComponents>);

impl Traffic for FakeTraffic {
    type Components = FakeComponents;

    fn current(&self) -> Arc<FakeComponents> {
        Arc::clone(&self.0)
    }

    fn taking(&self, visitor: impl FnOnce() -> Visitor) -> Arc<FakeComponents> {
        self.0.visitors.lock().unwrap().push(visitor());
        self.current()
    }
}

#[derive(Default)]
struct FakeRegion(Mutex<u32>);

impl Region for FakeRegion {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        *self.0.lock().unwrap() += 1;
        Box::pin(async { echo(request, "region").await.map_err(|_| Problem::Internal) })
    }
}

struct Scene {
    fake: Arc<FakeComponents>,
    address: std::net::SocketAddr,
    metrics: Arc<Metrics>,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

/// What differs from scene to scene.
struct SceneOptions {
    region: Arc<dyn Region>,
    replica: Option<Replica>,
    identity: Option<Identity>,
    origins: &'static str,
    clients: Clients,
    rates: Rates,
    timeouts: ClientTimeouts,
    certificate: Option<Certificate>,
}

impl Default for SceneOptions {
    fn default() -> Self {
        Self {
            region: Arc::new(FakeRegion::default()),
            replica: None,
            identity: Some(Identity::new("eu")),
            origins: "",
            clients: Clients::default(),
            rates: Rates::default(),
            timeouts: ClientTimeouts::default(),
            certificate: None,
        }
    }
}

impl SceneOptions {
    /// Everybody is counted, this machine as well.
    fn attacked() -> Self {
        Self { clients: Clients { uncounted: Networks::default(), ..Clients::default() }, ..Self::default() }
    }

    async fn scene(self) -> Scene {
        let manifest = Manifest::parse(MANIFEST, Path::new("/app/spin.toml"), &VariableSources::new()).unwrap();
        let scarce = Arc::new(Semaphore::new(1));
        let fake = Arc::new(FakeComponents {
            routes: manifest.routes,
            gate: Semaphore::new(0),
            waiting: Semaphore::new(0),
            scarce,
            visitors: Mutex::default(),
        });
        let metrics = Arc::new(Metrics::new().unwrap());
        let Self { region, replica, identity, origins, clients, rates, timeouts, certificate } = self;
        let edge = Edge::new(Options {
            traffic: Arc::new(FakeTraffic(Arc::clone(&fake))),
            region_router: Some(RegionRouter::one("eu", region)),
            replica,
            identity,
            rates,
            metrics: Arc::clone(&metrics),
            cors: Cors::parse(origins).unwrap(),
            clients,
            certificate,
            timeouts,
            drain: Duration::from_secs(20),
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let serving = tokio::spawn(edge.serve(listener, stop.clone()));
        Scene { fake, address, metrics, stop, serving }
    }
}

fn trusting(proxies: &str) -> Clients {
    Clients { trusted_proxies: Networks::parse(proxies).unwrap(), ..Clients::default() }
}

async fn scene() -> Scene {
    SceneOptions::default().scene().await
}

struct Answer {
    status: u16,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers[header::CONTENT_TYPE], "application/problem+json");
        let document = self.json();
        assert_eq!(document["status"], self.status);
        assert_eq!(document["request_id"].as_str(), self.headers["x-request-id"].to_str().ok());
        (self.status, document["type"].as_str().unwrap().to_owned())
    }
}

type TestBody = http_body_util::combinators::UnsyncBoxBody<Bytes, std::convert::Infallible>;

impl Scene {
    async fn send(&self, request: Request<TestBody>) -> Answer {
        let stream = TcpStream::connect(self.address).await.unwrap();
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        answer(sender.send_request(request).await.unwrap()).await
    }

    async fn ask(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        self.send(request(method, path, headers, body)).await
    }

    /// Requests that are being worked on.
    fn unfinished(&self) -> usize {
        let text = String::from_utf8(self.metrics.render().unwrap()).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("http_server_active_requests{role=\"edge\"} "));
        line.map_or(0, |count| count.parse().unwrap())
    }

    async fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, &[], "").await
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Request<TestBody> {
    let mut request = Request::builder().method(method).uri(path);
    // Of HTTP/2 the target names it.
    if path.starts_with('/') {
        request = request.header("host", "test.example");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(Full::new(Bytes::from(body.to_owned())).boxed_unsync()).unwrap()
}

async fn answer(response: Response<hyper::body::Incoming>) -> Answer {
    let (parts, body) = response.into_parts();
    Answer { status: parts.status.as_u16(), headers: parts.headers, body: body.collect().await.unwrap().to_bytes() }
}

#[tokio::test]
async fn a_component_answers_and_the_answer_is_finished() {
    let scene = scene().await;
    let answer =
        scene.ask("POST", "/echo/a?b=c", &[("x-request-id", "mine-1"), ("connection", "x-hop"), ("x-hop", "1")], "hi").await;
    assert_eq!(answer.status, 200);
    let seen = answer.json();
    assert_eq!((&seen["place"], &seen["method"], &seen["body"]), (&"edge".into(), &"POST".into(), &"hi".into()));
    assert_eq!(seen["headers"]["x-request-id"], "mine-1");
    assert!(seen["headers"]["spin-client-addr"].as_str().unwrap().starts_with("127.0.0.1:"), "{seen}");
    assert!(seen["headers"].get("x-hop").is_none());
    assert_eq!(answer.headers["x-request-id"], "mine-1");
    assert_eq!(answer.headers["x-content-type-options"], "nosniff");
    assert!(answer.headers.contains_key("content-security-policy") && answer.headers.contains_key("referrer-policy"));
    assert!(!answer.headers.contains_key("server"));
    let made = scene.ask("GET", "/echo/a", &[("x-request-id", "not sane")], "").await;
    assert_eq!(made.headers["x-request-id"].len(), 24);
    let text = String::from_utf8(scene.metrics.render().unwrap()).unwrap();
    assert!(text.contains("http_route=\"/echo/:id\"") && text.contains("http_server_active_requests{role=\"edge\"} 0"), "{text}");
}

#[tokio::test]
async fn what_never_changes_is_asked_of_a_component_once() {
    let scene = scene().await;
    let first = scene.ask("GET", "/echo/assets/a.js", &[("accept-encoding", "br")], "").await;
    assert_eq!((first.status, &first.body[..5]), (200, &b"1 br "[..]));
    let again = scene.ask("GET", "/echo/assets/a.js", &[("accept-encoding", "br")], "").await;
    assert_eq!((again.status, &again.body), (200, &first.body));
    for name in ["etag", "cache-control", "vary", "content-length", "x-content-type-options"] {
        assert_eq!(again.headers[name], first.headers[name], "{name}");
    }
    assert_ne!(again.headers["x-request-id"], first.headers["x-request-id"]);
    let head = scene.ask("HEAD", "/echo/assets/a.js", &[("accept-encoding", "br")], "").await;
    assert_eq!((head.status, head.body.len(), &head.headers["content-length"]), (200, 0, &first.headers["content-length"]));
    for known in ["\"1\"", "W/\"1\", \"2\""] {
        let headers = [("accept-encoding", "br"), ("if-none-match", known)];
        let known = scene.ask("GET", "/echo/assets/a.js", &headers, "").await;
        assert_eq!((known.status, known.body.len(), &known.headers["etag"]), (304, 0, &first.headers["etag"]));
    }
    // Another coding, and what may have another answer.
    for (path, name, value) in [
        ("/echo/assets/a.js", "accept-encoding", "gzip"),
        ("/echo/assets/a.js?v=2", "accept-encoding", "br"),
        ("/echo/assets/a.js", "range", "bytes=0-1"),
    ] {
        let before = scene.fake.waiting.available_permits();
        scene.ask("GET", path, &[(name, value)], "").await;
        assert_eq!(scene.fake.waiting.available_permits(), before + 1, "{path} {value}");
    }
    // What does not say that it never changes, or is not everybody's, is asked for each time.
    for name in ["private", "changes", "past", "origin", "cookie"] {
        let path = format!("/echo/assets/{name}");
        assert_ne!(scene.get(&path).await.body, scene.get(&path).await.body, "{name}");
    }
}

#[tokio::test]
async fn each_failure_has_its_own_problem() {
    let scene = scene().await;
    for (method, path, expected, kind) in [
        ("GET", "/nowhere", 404, "not-found"),
        ("POST", "/echo/due", 404, "not-found"),
        ("POST", "/echo/%64ue", 404, "not-found"),
        ("GET", "/echo/due", 404, "not-found"),
        ("GET", "/echo", 404, "not-found"),
        ("GET", "/echo/a/b", 404, "not-found"),
        ("PUT", "/echo/a", 405, "method-not-allowed"),
        ("BREW", "/echo/a", 405, "method-not-allowed"),
        ("TRACE", "/echo/a", 405, "method-not-allowed"),
        ("GET", "/fail/trap", 502, "component-failed"),
        ("GET", "/fail/memory", 503, "component-failed"),
        ("GET", "/fail/overload", 503, "unavailable"),
        ("GET", "/fail/loop", 504, "timed-out"),
    ] {
        let answer = scene.ask(method, path, &[], "").await;
        assert_eq!(answer.problem(), (expected, format!("/problems/{kind}")), "{method} {path}");
    }
    assert!(scene.get("/fail/overload").await.headers.contains_key("retry-after"));
    assert_eq!(scene.get("/fail/nothing").await.status, 204);
    let text = String::from_utf8(scene.metrics.render().unwrap()).unwrap();
    assert!(text.contains("marquee_wasm_failures_total{component=\"fail\",kind=\"trap\"} 1"), "{text}");
}

#[tokio::test]
async fn an_unsupported_method_gets_405_with_allow() {
    let scene = scene().await;
    let allow = |answer: &Answer| answer.headers.get("allow").map(|allow| allow.to_str().unwrap().to_owned());
    for (method, path, expected) in [
        ("DELETE", "/echo/a", "GET, HEAD, POST"),
        ("OPTIONS", "/echo/a", "GET, HEAD, POST"),
        ("TRACE", "/echo/a", "GET, HEAD, POST"),
        ("HEAD", "/echo/private", "POST"),
        ("DELETE", "/echo/region", "GET, HEAD, POST, PUT"),
    ] {
        let answer = scene.ask(method, path, &[], "").await;
        assert_eq!((answer.status, allow(&answer).as_deref()), (405, Some(expected)), "{method} {path}");
    }
    assert_eq!(allow(&scene.ask("DELETE", "/nowhere", &[], "").await), None);
}

#[tokio::test]
async fn requests_for_missing_paths_are_rate_limited() {
    let rates = Rates { address: Quota { per_minute: 1, burst: 2 }, ..Rates::default() };
    let scene = SceneOptions { rates, ..SceneOptions::attacked() }.scene().await;
    assert_eq!(ask_from(1, &scene, "/nowhere").await.status, 404);
    assert_eq!(ask_from(1, &scene, "/echo").await.status, 404);
    assert_eq!(ask_from(1, &scene, "/nowhere").await.status, 429);
    assert_eq!(ask_from(2, &scene, "/nowhere").await.status, 404);
}

#[tokio::test]
async fn requests_that_are_too_large_are_refused() {
    let scene = scene().await;
    let most = "x".repeat(usize::try_from(limits::BODY_BYTES).unwrap());
    assert_eq!(scene.ask("POST", "/echo/a", &[], &most).await.status, 200);
    assert_eq!(scene.ask("POST", "/echo/a", &[], &format!("{most}x")).await.problem().0, 413);
    // Where a route takes a file it may have more, from whoever may send one.
    assert_eq!(scene.ask("PUT", "/echo/file", &[], &format!("{most}x")).await.problem().0, 401);
    assert_eq!(scene.ask("PUT", "/echo/file", &[], &format!("{most}{most}x")).await.problem().0, 413);
    // Of unknown length: only on the way it turns out.
    let pieces = (0..17).map(|_| Ok::<_, std::convert::Infallible>(Frame::data(Bytes::from(vec![b'x'; 64 * 1024]))));
    let body = StreamBody::new(futures::stream::iter(pieces)).boxed_unsync();
    let request = Request::builder().method("POST").uri("/echo/a").header("host", "a").body(body).unwrap();
    assert_eq!(scene.send(request).await.problem(), (413, "/problems/too-large".to_owned()));

    let long = "x".repeat(limits::HEADER_BYTES);
    assert_eq!(
        scene.ask("GET", "/echo/a", &[("x-long", &long)], "").await.problem(),
        (431, "/problems/headers-too-large".to_owned())
    );
    assert_eq!(scene.get(&format!("/echo/{long}")).await.problem().0, 431);
    let many: Vec<String> = (0..=limits::HEADERS).map(|n| format!("x-{n}")).collect();
    let many: Vec<(&str, &str)> = many.iter().map(|name| (name.as_str(), "1")).collect();
    assert_eq!(scene.ask("GET", "/echo/a", &many, "").await.problem().0, 431);
}

#[tokio::test]
async fn a_client_that_is_still_sending_receives_the_refusal() {
    let scene = scene().await;
    let mut stream = TcpStream::connect(scene.address).await.unwrap();
    let half = vec![b'x'; 512 * 1024];
    let head = format!("POST /echo/private HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n", 2 * half.len());
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(&half).await.unwrap();
    // The refusal is there, and the second half has not been sent: it can be, and the connection is as good as before.
    let mut heard = [0; 12];
    stream.read_exact(&mut heard).await.unwrap();
    assert_eq!(&heard, b"HTTP/1.1 401");
    stream.write_all(&half).await.unwrap();
    stream.write_all(b"GET /echo/again HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("HTTP/1.1 200"), "{rest}");
}

#[tokio::test]
async fn head_is_get_without_its_body() {
    let scene = scene().await;
    let (get, head) = (scene.get("/echo/a").await, scene.ask("HEAD", "/echo/a", &[], "").await);
    assert_eq!(head.status, 200);
    assert!(head.body.is_empty());
    assert_eq!(get.json()["method"], "GET");
    assert!(head.headers[header::CONTENT_LENGTH].to_str().unwrap().parse::<usize>().unwrap() > 0);
    assert_eq!(head.headers[header::CONTENT_TYPE], "application/json");
    let missing = scene.ask("HEAD", "/nowhere", &[], "").await;
    assert_eq!((missing.status, missing.body.len()), (404, 0));
}

#[tokio::test]
async fn region_routes_and_readers_ahead_of_the_replica_go_to_the_region() {
    let replica = Replica::new(["eu"]);
    replica.replace("eu", 5, vec![event("eu_1", 2), availability("eu_1", 7, 5)]);
    let scene = SceneOptions { replica: Some(replica), ..SceneOptions::default() }.scene().await;
    let seen = |version| {
        let mut seen = Seen::default();
        seen.note(SeenKind::Inventory, "eu_1", version);
        seen.render().unwrap()
    };
    for (method, path, token, slot) in [
        ("GET", "/echo/region", String::new(), "region"),
        ("HEAD", "/echo/region", String::new(), "region"),
        ("POST", "/echo/region", String::new(), "region"),
        ("PUT", "/echo/region", String::new(), "edge"),
        ("GET", "/echo/a", seen(7), "edge"),
        ("GET", "/echo/a", seen(8), "region"),
        ("POST", "/echo/a", seen(8), "edge"),
        ("GET", "/echo/a", "nonsense".to_owned(), "edge"),
        // Made long ago, and not here: if it ever was, only the region knows.
        ("GET", "/echo/eu_05s36rmw01r010000000000000", String::new(), "region"),
        ("POST", "/echo/eu_05s36rmw01r010000000000000", String::new(), "edge"),
        ("GET", "/echo/eu_2", String::new(), "edge"),
    ] {
        let answer = scene.ask(method, path, &[("marquee-seen", &token)], "").await;
        assert_eq!(answer.status, 200);
        if method != "HEAD" {
            assert_eq!(answer.json()["place"], slot, "{method} {path}");
        }
    }
}

#[tokio::test]
async fn only_a_trusted_proxy_names_the_client() {
    let said = [("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https"), ("spin-client-addr", "6.6.6.6:1")];
    for (proxies, client, proto) in [("", "127.0.0.1:", None), ("127.0.0.0/8", "1.2.3.4:0", Some("https"))] {
        let scene = SceneOptions { clients: trusting(proxies), ..SceneOptions::default() }.scene().await;
        let seen = scene.ask("GET", "/echo/a", &said, "").await.json();
        assert!(seen["headers"]["spin-client-addr"].as_str().unwrap().starts_with(client), "{seen}");
        assert_eq!(seen["headers"].get("x-forwarded-proto").and_then(Value::as_str), proto);
        assert!(seen["headers"].get("x-forwarded-for").is_none());
    }
}

#[tokio::test]
async fn a_visitor_is_known_by_their_token_else_by_address_and_browser() {
    let identity = Identity::new("eu");
    let key = Fact::Key { kid: "k1".to_owned(), public_key: PUBLIC_KEY.to_owned(), until: None };
    identity.replace("eu", &[key]).unwrap();
    let options = SceneOptions { clients: trusting("127.0.0.0/8"), identity: Some(identity), ..SceneOptions::default() };
    let scene = options.scene().await;
    let (bearer, later) = (token("eu_u", "eu_s"), token("eu_u", "eu_t"));
    let (other, forged) = (token("eu_v", "eu_r"), format!("{bearer}x"));
    let visitor = async |address: &str, browser: &str, token: Option<&str>| {
        let token = token.map(|token| format!("Bearer {token}"));
        let mut said = vec![("x-forwarded-for", address), ("user-agent", browser)];
        said.extend(token.as_deref().map(|token| ("authorization", token)));
        scene.ask("GET", "/echo/a", &said, "").await;
        scene.fake.visitors.lock().unwrap().pop().unwrap()
    };
    let one = visitor("10.0.0.1", "a browser", None).await;
    assert_eq!(visitor("10.0.0.1", "a browser", None).await, one);
    assert_ne!(visitor("10.0.0.1", "another", None).await, one);
    assert_ne!(visitor("10.0.0.2", "a browser", None).await, one);
    // A browser takes another address of its network now and then.
    let here = visitor("2001:db8::1", "a browser", None).await;
    assert_eq!(visitor("2001:db8::2", "a browser", None).await, here);
    assert_ne!(visitor("2001:db8:0:1::1", "a browser", None).await, here);
    // A user is the same wherever they are, with whichever token; a forged one says nothing.
    let user = visitor("10.0.0.1", "a browser", Some(&bearer)).await;
    assert_ne!(user, one);
    assert_eq!(visitor("10.0.0.2", "another", Some(&later)).await, user);
    assert_ne!(visitor("10.0.0.1", "a browser", Some(&other)).await, user);
    assert_eq!(visitor("10.0.0.1", "a browser", Some(&forged)).await, one);
}

#[tokio::test]
async fn a_rate_limited_client_gets_retry_after() {
    let rates = Rates { address: Quota { per_minute: 2, burst: 2 }, ..Rates::default() };
    let scene = SceneOptions { clients: trusting("127.0.0.1"), rates, ..SceneOptions::default() }.scene().await;
    let ask = async |client: &str| scene.ask("POST", "/echo/a", &[("x-forwarded-for", client)], "hi").await;
    for client in ["192.0.2.1", "192.0.2.1", "192.0.2.2"] {
        assert_eq!(ask(client).await.status, 200);
    }
    let refused = ask("192.0.2.1").await;
    assert_eq!(refused.problem(), (429, "/problems/rate-limited".to_owned()));
    let wait: u64 = refused.headers[header::RETRY_AFTER].to_str().unwrap().parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    assert_eq!(ask("192.0.2.2").await.status, 200, "nobody pays for another");
    // Those whose address nobody can tell share what one has.
    for (nonsense, status) in [("nobody", 200), ("192.0.2", 200), ("1.2.3.4.5", 429)] {
        assert_eq!(ask(nonsense).await.status, status, "{nonsense}");
    }
    // What comes from this machine is not counted.
    for _ in 0..10 {
        assert_eq!(scene.get("/echo/a").await.status, 200);
    }
    let text = String::from_utf8(scene.metrics.render().unwrap()).unwrap();
    assert!(text.contains("marquee_rate_limited_total{by=\"address\",role=\"edge\"} 2"), "{text}");
}

#[tokio::test]
async fn other_origins_may_read_public_data() {
    let scene = SceneOptions { origins: "https://shop.example", ..SceneOptions::default() }.scene().await;
    let origin =
        |answer: &Answer| answer.headers.get("access-control-allow-origin").map(|value| value.to_str().unwrap().to_owned());
    let (any, shop) = (("origin", "https://any.example"), ("origin", "https://shop.example"));
    assert_eq!(origin(&scene.ask("GET", "/echo/a", &[any], "").await).as_deref(), Some("*"));
    assert_eq!(origin(&scene.ask("GET", "/echo/a", &[any, ("authorization", "Bearer x")], "").await), None);
    assert_eq!(origin(&scene.ask("POST", "/echo/a", &[any], "").await), None);
    assert_eq!(origin(&scene.ask("POST", "/echo/a", &[shop], "").await).as_deref(), Some("https://shop.example"));
    let preflight = scene.ask("OPTIONS", "/echo/a", &[shop, ("access-control-request-method", "POST")], "").await;
    assert_eq!((preflight.status, origin(&preflight).as_deref()), (204, Some("https://shop.example")));
}

#[tokio::test]
async fn http_2_in_the_clear_works() {
    let scene = scene().await;
    let stream = TcpStream::connect(scene.address).await.unwrap();
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let path = format!("http://{}/echo/a", scene.address);
    let asked = (0..20).map(|_| sender.send_request(request("GET", &path, &[], ""))).collect::<Vec<_>>();
    for response in futures::future::join_all(asked).await {
        let answer = answer(response.unwrap()).await;
        assert_eq!((answer.status, answer.headers.contains_key("x-request-id")), (200, true));
    }
    assert_eq!(request("GET", &path, &[], "").method(), Method::GET);
}

#[tokio::test]
async fn a_stopping_listener_finishes_open_requests() {
    let scene = scene().await;
    let Scene { fake, address, stop, serving, .. } = scene;
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    tokio::spawn(connection);
    let asked = tokio::spawn(sender.send_request(request("GET", "/echo/wait", &[], "")));
    fake.waiting.acquire().await.unwrap().forget();
    stop.cancel();
    while TcpStream::connect(address).await.is_ok() {
        tokio::task::yield_now().await;
    }
    assert!(!serving.is_finished());
    fake.gate.add_permits(1);
    assert_eq!(answer(asked.await.unwrap().unwrap()).await.status, 200);
    tokio::time::timeout(Duration::from_secs(10), serving).await.unwrap().unwrap();
}

/// A connection from another address of this machine.
async fn from(last: u8, scene: &Scene) -> TcpStream {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(([127, 0, 0, last], 0).into()).unwrap();
    socket.connect(scene.address).await.unwrap()
}

/// Asks from such an address.
async fn ask_from(last: u8, scene: &Scene, path: &str) -> Answer {
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(from(last, scene).await)).await.unwrap();
    tokio::spawn(connection);
    answer(sender.send_request(request("GET", path, &[], "")).await.unwrap()).await
}

/// What a raw request is answered: the head's beginning.
async fn begins(stream: &mut TcpStream) -> String {
    let mut heard = [0; 12];
    stream.read_exact(&mut heard).await.unwrap();
    String::from_utf8_lossy(&heard).into_owned()
}

#[tokio::test]
async fn a_request_that_names_two_hosts_or_none_is_refused() {
    let scene = scene().await;
    for (head, status) in [
        ("GET /echo/a HTTP/1.1\r\nhost: a\r\n\r\n", "200"),
        ("GET /echo/a HTTP/1.1\r\nhost: a\r\nhost: a\r\n\r\n", "400"),
        ("GET /echo/a HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n", "400"),
        ("GET /echo/a HTTP/1.1\r\n\r\n", "400"),
        ("GET http://a/echo/a HTTP/1.1\r\nhost: b\r\n\r\n", "400"),
        ("GET /echo/a HTTP/1.0\r\n\r\n", "200"),
    ] {
        let mut stream = TcpStream::connect(scene.address).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(begins(&mut stream).await.split(' ').nth(1), Some(status), "{head}");
    }
}

#[tokio::test]
async fn a_request_without_a_token_is_refused_before_its_body_is_read() {
    let scene = scene().await;
    for line in [
        "",
        "authorization: Bearer\r\n",
        "authorization: Bearer nonsense\r\n",
        "authorization: Bearer a\r\nauthorization: Bearer b\r\n",
    ] {
        let mut stream = TcpStream::connect(scene.address).await.unwrap();
        let head = format!("POST /echo/private HTTP/1.1\r\nhost: a\r\n{line}content-length: 1000\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        assert_eq!(begins(&mut stream).await, "HTTP/1.1 401", "{line}");
    }
    let refused = scene.ask("POST", "/echo/private", &[], "").await;
    assert_eq!(refused.problem(), (401, "/problems/unauthenticated".to_owned()));
    assert_eq!(refused.headers[header::WWW_AUTHENTICATE], "Bearer");
}

#[tokio::test]
async fn with_somebodys_cookies_only_a_page_of_ours_changes_something() {
    let scene = scene().await;
    let (cookie, site) = (("cookie", "theme=dark; __Host-marquee=a"), |site| ("sec-fetch-site", site));
    let (ours, https, evil) =
        (("origin", "http://test.example"), ("origin", "https://test.example"), ("origin", "https://evil.example"));
    for (method, path, headers, status) in [
        ("POST", "/echo/a", &[cookie][..], 403),
        ("POST", "/echo/a", &[cookie, site("cross-site")], 403),
        ("POST", "/echo/a", &[cookie, site("none")], 403),
        ("POST", "/echo/a", &[cookie, ours, site("same-site")], 403),
        ("POST", "/echo/a", &[cookie, evil], 403),
        ("POST", "/echo/a", &[("cookie", "__Secure-marquee-refresh=a"), evil], 403),
        ("POST", "/echo/private", &[cookie, evil], 403),
        ("PUT", "/echo/region", &[cookie, evil], 403),
        ("POST", "/echo/a", &[cookie, site("same-origin")], 200),
        ("POST", "/echo/a", &[cookie, ours], 200),
        ("POST", "/echo/a", &[cookie, https], 200),
        ("POST", "/echo/a", &[cookie, evil, ("authorization", "Bearer a")], 200),
        ("POST", "/echo/a", &[("cookie", "theme=dark"), evil], 200),
        ("GET", "/echo/a", &[cookie, evil], 200),
        ("HEAD", "/echo/a", &[cookie, evil], 200),
        // As well as there is none.
        ("POST", "/echo/private", &[cookie, site("same-origin")], 401),
        ("POST", "/echo/private", &[("cookie", "__Host-marquee=a; __Host-marquee=a"), site("same-origin")], 401),
    ] {
        let answer = scene.ask(method, path, headers, "").await;
        assert_eq!(answer.status, status, "{method} {path} {headers:?}");
        if status == 403 {
            assert_eq!(answer.problem().1, "/problems/cross-site-request");
        }
    }
    // Nobody waits for the body of one that is refused.
    let mut stream = TcpStream::connect(scene.address).await.unwrap();
    let head =
        "POST /echo/a HTTP/1.1\r\nhost: a\r\ncookie: __Host-marquee=a\r\norigin: https://b\r\ncontent-length: 1000\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    assert_eq!(begins(&mut stream).await, "HTTP/1.1 403");
    // Where a trusted proxy says that it came over TLS, a page that came in the clear is another's.
    let scene = SceneOptions { clients: trusting("127.0.0.0/8"), ..SceneOptions::default() }.scene().await;
    let proxied = ("x-forwarded-proto", "https");
    for (origin, status) in [(ours, 403), (https, 200)] {
        assert_eq!(scene.ask("POST", "/echo/a", &[cookie, origin, proxied], "").await.status, status, "{origin:?}");
    }
}

#[tokio::test]
async fn a_region_gets_no_cookies_but_ours() {
    let scene = scene().await;
    let cookie = ("cookie", "_ga=1; __Host-marquee=a; __Secure-marquee-refresh=r");
    for (more, region, edge) in
        [(None, Some("__Host-marquee=a"), Some(cookie.1)), (Some(("authorization", "Bearer b")), None, Some(cookie.1))]
    {
        for (path, kept) in [("/echo/region", region), ("/echo/a", edge)] {
            let headers: Vec<_> = more.into_iter().chain([cookie]).collect();
            let seen = scene.ask("GET", path, &headers, "").await.json();
            assert_eq!(seen["headers"].get("cookie").and_then(Value::as_str), kept, "{path} {more:?}");
        }
    }
}

#[tokio::test]
async fn bodies_that_never_arrive_block_no_other_request() {
    let scene = SceneOptions::attacked().scene().await;
    let mut attackers = Vec::new();
    for _ in 0..64 {
        let mut stream = from(66, &scene).await;
        stream.write_all(b"POST /echo/scarce HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{").await.unwrap();
        attackers.push(stream);
    }
    // All of them are being read.
    while scene.unfinished() < 64 {
        tokio::task::yield_now().await;
    }
    for _ in 0..8 {
        assert_eq!(ask_from(1, &scene, "/echo/scarce").await.status, 200);
    }
    drop(attackers);
}

#[tokio::test]
async fn a_missing_body_gets_a_timeout_answer() {
    let timeouts = ClientTimeouts { body_grace: Duration::from_millis(50), ..ClientTimeouts::default() };
    let scene = SceneOptions { timeouts, ..SceneOptions::default() }.scene().await;
    let mut stream = TcpStream::connect(scene.address).await.unwrap();
    stream.write_all(b"POST /echo/a HTTP/1.1\r\nhost: a\r\ncontent-length: 1000\r\n\r\n{").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("/problems/request-timeout"), "{answer}");
}

/// A client of HTTP/2 that takes nothing of what it is answered.
async fn takes_nothing(stream: TcpStream) -> (hyper::client::conn::http2::SendRequest<TestBody>, tokio::task::JoinHandle<()>) {
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    let (sender, connection) = builder.initial_stream_window_size(0).handshake(TokioIo::new(stream)).await.unwrap();
    (sender, tokio::spawn(async move { _ = connection.await }))
}

#[tokio::test]
async fn unread_answers_block_no_other_request() {
    let scene = SceneOptions::attacked().scene().await;
    let path = format!("http://{}/echo/big", scene.address);
    let mut unread = Vec::new();
    let (mut sender, _connection) = takes_nothing(from(66, &scene).await).await;
    for _ in 0..64 {
        let response = sender.send_request(request("GET", &path, &[], "")).await.unwrap();
        assert_eq!(response.status(), 200);
        unread.push(response);
    }
    for _ in 0..8 {
        assert_eq!(ask_from(1, &scene, "/echo/big").await.body.len(), 512 * 1024);
    }
    drop(unread);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answer_is_disconnected() {
    let timeouts =
        ClientTimeouts { send_grace: Duration::from_millis(50), look: Duration::from_millis(20), ..ClientTimeouts::default() };
    let scene = SceneOptions { timeouts, ..SceneOptions::default() }.scene().await;
    let (mut sender, connection) = takes_nothing(TcpStream::connect(scene.address).await.unwrap()).await;
    let path = format!("http://{}/echo/a", scene.address);
    let unread = sender.send_request(request("GET", &path, &[], "")).await.unwrap();
    connection.await.unwrap();
    assert!(unread.into_body().collect().await.is_err());
}

#[tokio::test]
async fn idle_connections_of_one_address_do_not_exclude_others() {
    let scene = SceneOptions::attacked().scene().await;
    let mut idle = Vec::new();
    for _ in 0..limits::CONNECTIONS_EACH {
        idle.push(from(66, &scene).await);
    }
    // Those that are open are served, those that are too many are closed, and others do not notice.
    let mut last = idle.pop().unwrap();
    last.write_all(b"GET /echo/a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    assert_eq!(begins(&mut last).await, "HTTP/1.1 200");
    for _ in 0..8 {
        let mut refused = from(66, &scene).await;
        assert!(!matches!(refused.read(&mut [0; 1]).await, Ok(1..)));
        assert_eq!(ask_from(1, &scene, "/echo/a").await.status, 200);
    }
    drop(idle);
    let text = String::from_utf8(scene.metrics.render().unwrap()).unwrap();
    assert!(text.contains("marquee_rate_limited_total{by=\"connections\",role=\"edge\"} 8"), "{text}");
}

#[tokio::test]
async fn open_requests_of_one_address_are_limited() {
    let scene = SceneOptions::attacked().scene().await;
    let path = format!("http://{}/echo/wait", scene.address);
    let (mut senders, mut asked) = (Vec::new(), Vec::new());
    for _ in 0..limits::REQUESTS_EACH.div_ceil(limits::STREAMS) {
        let stream = from(66, &scene).await;
        let (sender, connection) =
            hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        senders.push(sender);
    }
    for n in 0..limits::REQUESTS_EACH {
        let sender = &mut senders[(n / limits::STREAMS) as usize];
        sender.ready().await.unwrap();
        asked.push(tokio::spawn(sender.send_request(request("GET", &path, &[], ""))));
    }
    scene.fake.waiting.acquire_many(limits::REQUESTS_EACH).await.unwrap().forget();
    let refused = ask_from(66, &scene, "/echo/a").await;
    assert_eq!(refused.problem(), (429, "/problems/rate-limited".to_owned()));
    assert_eq!(ask_from(1, &scene, "/echo/a").await.status, 200);
    scene.fake.gate.add_permits(limits::REQUESTS_EACH as usize);
    for asked in asked {
        assert_eq!(answer(asked.await.unwrap().unwrap()).await.status, 200);
    }
    assert_eq!(ask_from(66, &scene, "/echo/a").await.status, 200);
}

#[tokio::test]
async fn the_proxy_protocol_names_the_client() {
    let clients =
        Clients { trusted_proxies: Networks::parse("127.0.0.64/26").unwrap(), proxy_protocol: true, ..Clients::default() };
    let rates = Rates { address: Quota { per_minute: 1, burst: 2 }, ..Rates::default() };
    let scene = SceneOptions { clients, rates, ..SceneOptions::default() }.scene().await;
    let ask = async |last: u8, begin: &str| {
        let mut stream = from(last, &scene).await;
        let head = format!("{begin}GET /echo/a HTTP/1.1\r\nhost: a\r\nx-forwarded-for: 6.6.6.6\r\nconnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        let mut text = String::new();
        _ = stream.read_to_string(&mut text).await;
        text
    };
    let client = "PROXY TCP4 203.0.113.7 127.0.0.1 5678 80\r\n";
    for _ in 0..2 {
        let seen = ask(66, client).await;
        assert!(seen.contains("\"spin-client-addr\":\"203.0.113.7:5678\""), "{seen}");
    }
    assert!(ask(66, client).await.starts_with("HTTP/1.1 429"), "counted by the client");
    assert!(ask(66, "PROXY TCP4 203.0.113.8 127.0.0.1 5678 80\r\n").await.starts_with("HTTP/1.1 200"));
    // A trusted proxy that says nothing is not served, and nobody else is believed.
    assert_eq!(ask(66, "").await, "");
    assert!(ask(1, "").await.contains("\"spin-client-addr\":\"127.0.0.1:"));
    assert!(ask(1, client).await.starts_with("HTTP/1.1 400"));
}

#[tokio::test]
async fn a_listener_with_a_certificate_speaks_tls() {
    let folder = tempfile::tempdir().unwrap();
    let ([chain, key], certificate) = crate::certificate::tests::written(folder.path());
    let scene =
        SceneOptions { certificate: Some(Certificate::load(&chain, &key).unwrap()), ..SceneOptions::default() }.scene().await;
    let mut roots = rustls::RootCertStore::empty();
    roots.add(certificate).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    for (offered, spoken) in [(&b"h2"[..], Some(&b"h2"[..])), (b"http/1.1", Some(b"http/1.1")), (b"", None)] {
        let mut config = rustls::ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(rustls::ALL_VERSIONS)
            .unwrap()
            .with_root_certificates(roots.clone())
            .with_no_client_auth();
        config.alpn_protocols = (!offered.is_empty()).then(|| offered.to_vec()).into_iter().collect();
        let stream = TcpStream::connect(scene.address).await.unwrap();
        let connector = tokio_rustls::TlsConnector::from(Arc::new(config));
        let stream = connector.connect("edge.example".try_into().unwrap(), stream).await.unwrap();
        assert_eq!(stream.get_ref().1.alpn_protocol(), spoken);
        let asked = if offered == b"h2" {
            let (mut sender, connection) =
                hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request("GET", "https://edge.example/echo/a", &[], "")).await.unwrap()
        } else {
            let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
            tokio::spawn(connection);
            sender.send_request(request("GET", "/echo/a", &[], "")).await.unwrap()
        };
        let answer = answer(asked).await;
        assert_eq!(answer.json()["headers"]["x-forwarded-proto"], "https");
        assert!(answer.headers[header::STRICT_TRANSPORT_SECURITY].to_str().unwrap().starts_with("max-age="));
    }
    // In the clear nobody gets anything there.
    let mut plain = TcpStream::connect(scene.address).await.unwrap();
    plain.write_all(b"GET /echo/a HTTP/1.1\r\nhost: a\r\n\r\n").await.unwrap();
    let mut heard = Vec::new();
    _ = plain.read_to_end(&mut heard).await;
    assert!(!heard.starts_with(b"HTTP"));
}

/// A region that is not there.
struct NoRegion;

impl Region for NoRegion {
    fn handle(&self, _: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        Box::pin(async { Err(Problem::Unavailable(1)) })
    }
}

#[tokio::test]
async fn a_read_older_than_the_seen_token_is_marked_stale() {
    let replica = Replica::new(["eu"]);
    replica.replace_at("eu", (3, 5), vec![event("eu_1", 2), availability("eu_1", 7, 5)]);
    let scene =
        SceneOptions { region: Arc::new(NoRegion), replica: Some(replica.clone()), ..SceneOptions::default() }.scene().await;
    let first = scene.get("/echo/a").await;
    let token = first.headers["marquee-seen"].to_str().unwrap().to_owned();
    assert_eq!(Seen::parse(&token).stand("eu"), Some((3, 5)));
    let again = async |seen: &Seen| {
        let answer = scene.ask("GET", "/echo/a", &[("marquee-seen", &seen.render().unwrap())], "").await;
        assert_eq!(answer.status, 200);
        let stale = answer.headers.get("marquee-stale").map(|value| value.to_str().unwrap().to_owned());
        (stale, Seen::parse(answer.headers["marquee-seen"].to_str().unwrap()))
    };
    let mut seen = Seen::parse(&token);
    assert_eq!(again(&seen).await, (None, seen.clone()), "what it was shown is here");
    // It was shown a newer state elsewhere, which did not concern this event.
    seen.stood("eu", (3, 9), |_| true);
    let (stale, kept) = again(&seen).await;
    assert_eq!((stale.as_deref(), kept.stand("eu")), (Some("true"), Some((3, 9))), "it keeps what it has seen");
    replica.apply("eu", 9, &[]);
    assert_eq!(again(&seen).await.0, None);
    // And what it has written.
    seen.note(SeenKind::Inventory, "eu_1", 8);
    assert_eq!(again(&seen).await.0.as_deref(), Some("true"));
    // What is not read says nothing of the kind.
    let posted = scene.ask("POST", "/echo/a", &[("marquee-seen", &seen.render().unwrap())], "").await;
    assert!(posted.headers.get("marquee-stale").is_none() && posted.headers.get("marquee-seen").is_none());
}
