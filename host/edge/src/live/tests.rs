//! The channel from outside, with components and a region that are made up; and, for who reads slowly, without a listener.

use std::collections::HashMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use contracts::{Components, Failure, HostRoute, RequestBody, Traffic};
use futures::future::BoxFuture;
use futures::{SinkExt as _, StreamExt as _};
use http::{Request, Response, StatusCode, header};
use manifest::{Manifest, Routes, VariableSources};
use read_model::Fact;
use serde_json::{Value, json};
use telemetry::Metrics;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_util::sync::CancellationToken;

use super::hub::{Asker, Hub};
use super::own::Caller;
use super::session::Session;
use super::socket::Transport;
use super::wanted::Wanted;
use crate::limits::{LIVE_EVENTS, LIVE_EVERY, LIVE_MESSAGE_BYTES, LIVE_MESSAGES, LIVE_SOCKETS_EACH};
use crate::rates::Rates;
use crate::testing::{PUBLIC_KEY, availability, event, token};
use crate::{Body, ClientTimeouts, Clients, Cors, Edge, Identity, Networks, Options, Problem, Region, RegionRouter, Replica};

const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "test"
[[trigger.http]]
route = "/api/..."
component = "api"
[component.api]
source = "api.wasm"
[component.api.tool.marquee.routes]
"GET /api/events/:id/availability" = { runs = "edge", by = { path = "id" } }
"GET /api/events/:id/analytics" = { runs = "region", by = { path = "id" }, token = true }
"GET /api/bookings/:id" = { runs = "region", by = { path = "id" }, token = true }
"GET /api/payments/:id" = { runs = "region", by = { path = "id" }, token = true }
"#;

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// Says what the replica has left, and counts how often it was asked.
struct FakeComponents {
    routes: Routes,
    replica: Replica,
    asked: AtomicUsize,
}

fn json_response(status: StatusCode, document: &Value) -> Response<Body> {
    let mut response = Response::new(Body::full(Bytes::from(document.to_string())));
    *response.status_mut() = status;
    response
}

fn left(replica: &Replica, path: &str) -> Response<Body> {
    let id = path.split('/').nth(3).unwrap();
    let Ok(view) = replica.left(id) else { return json_response(StatusCode::NOT_FOUND, &json!({"status": 404})) };
    let available = view.lines.first().map(|line| line.available);
    let document = json!({"event_id": id, "version": view.version, "available": available, "as_of": view.as_of});
    let mut response = json_response(StatusCode::OK, &document);
    response.headers_mut().insert(header::ETAG, format!("W/\"{}\"", view.version).parse().unwrap());
    response
}

impl Components for FakeComponents {
    type Answer = Body;

    fn routes(&self) -> &Routes {
        &self.routes
    }

    async fn handle(&self, _: &str, request: Request<RequestBody>) -> Result<Response<Body>, Failure> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Ok(left(&self.replica, request.uri().path()))
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
}

/// What people have, by path: whose it is, by its token, and what it is.
#[derive(Default)]
struct FakeRegion(Mutex<HashMap<String, (String, Value)>>);

impl Region for FakeRegion {
    fn handle(&self, request: Request<RequestBody>) -> BoxFuture<'_, Result<Response<Body>, Problem>> {
        let asks = request.headers().get(header::AUTHORIZATION).map_or("", |value| value.to_str().unwrap());
        let answer = match self.0.lock().unwrap().get(request.uri().path()) {
            Some((owner, value)) if asks == format!("Bearer {owner}") => json_response(StatusCode::OK, value),
            _ => json_response(StatusCode::NOT_FOUND, &json!({"status": 404})),
        };
        Box::pin(async { Ok(answer) })
    }
}

struct Scene {
    components: Arc<FakeComponents>,
    region: Arc<FakeRegion>,
    replica: Replica,
    identity: Identity,
    metrics: Arc<Metrics>,
    hub: Arc<Hub>,
    address: std::net::SocketAddr,
    stop: CancellationToken,
    serving: tokio::task::JoinHandle<()>,
}

async fn scene_with(clients: Clients) -> Scene {
    let manifest = Manifest::parse(MANIFEST, Path::new("/app/spin.toml"), &VariableSources::new()).unwrap();
    let (replica, identity, region) = (Replica::new(["eu"]), Identity::new("eu"), Arc::<FakeRegion>::default());
    replica.replace("eu", 1, vec![event("eu_1", 1), availability("eu_1", 1, 10), event("eu_2", 1), availability("eu_2", 1, 10)]);
    let key = Fact::Key { kid: "k1".to_owned(), public_key: PUBLIC_KEY.to_owned(), until: None };
    identity.replace("eu", &[key]).unwrap();
    let components = Arc::new(FakeComponents { routes: manifest.routes, replica: replica.clone(), asked: AtomicUsize::new(0) });
    let metrics = Arc::new(Metrics::new().unwrap());
    let edge = Edge::new(Options {
        traffic: Arc::new(FakeTraffic(Arc::clone(&components))),
        region_router: Some(RegionRouter::one("eu", Arc::clone(&region) as Arc<dyn Region>)),
        replica: Some(replica.clone()),
        identity: Some(identity.clone()),
        rates: Rates::default(),
        metrics: Arc::clone(&metrics),
        cors: Cors::parse("").unwrap(),
        clients,
        certificate: None,
        timeouts: ClientTimeouts::default(),
        drain: Duration::from_secs(2),
    });
    let hub = edge.hub();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let stop = CancellationToken::new();
    let serving = tokio::spawn(edge.serve(listener, stop.clone()));
    Scene { components, region, replica, identity, metrics, hub, address, stop, serving }
}

async fn scene() -> Scene {
    scene_with(Clients::default()).await
}

/// A WebSocket's other end.
struct Live<S = TcpStream>(WebSocketStream<S>);

/// An answer's head: its status, and lines.
async fn head(stream: &mut TcpStream) -> (u16, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), head.to_ascii_lowercase())
}

const HANDSHAKE: &str =
    "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

impl Scene {
    async fn send(&self, target: &str, lines: &str) -> (u16, String, TcpStream) {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let request = format!("GET {target} HTTP/1.1\r\nhost: a.example\r\n{lines}\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let (status, head) = head(&mut stream).await;
        (status, head, stream)
    }

    async fn connect(&self, lines: &str) -> Live {
        let (status, head, stream) = self.send("/api/live", &format!("{HANDSHAKE}{lines}")).await;
        assert_eq!(status, 101, "{head}");
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo=") && head.contains("x-request-id"), "{head}");
        Live::over(stream).await
    }

    /// A token that is good here, and the header that shows it.
    fn somebody(&self, name: &str) -> (String, String) {
        let token = token(&format!("eu_{name}"), &format!("eu_session{name}"));
        let line = format!("authorization: Bearer {token}\r\n");
        (token, line)
    }

    fn has(&self, path: &str, owner: &str, value: Value) {
        self.region.0.lock().unwrap().insert(path.to_owned(), (owner.to_owned(), value));
    }

    fn change(&self, event: &str, version: u64, available: u32) {
        self.replica.apply("eu", i64::try_from(version).unwrap(), &[availability(event, version, available)]);
    }

    fn metric(&self, line: &str) -> u64 {
        let text = String::from_utf8(self.metrics.render().unwrap()).unwrap();
        text.lines().find_map(|at| at.strip_prefix(line)?.trim().parse().ok()).unwrap_or(0)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Live<S> {
    async fn over(stream: S) -> Self {
        let config = WebSocketConfig::default().read_buffer_size(4_096).write_buffer_size(0);
        Self(WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await)
    }

    async fn say(&mut self, text: impl Into<String>) {
        self.0.send(Message::text(text.into())).await.unwrap();
    }

    async fn watch(&mut self, wanted: Value) {
        self.say(json!({ "watch": wanted }).to_string()).await;
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.0.next()).await.expect("nothing came").expect("it was closed").unwrap()
    }

    /// What comes next, pings aside.
    async fn hear(&mut self) -> Value {
        loop {
            match self.next().await {
                Message::Text(text) => return serde_json::from_str(&text).unwrap(),
                Message::Ping(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    /// Hears until what is heard is right.
    async fn until(&mut self, right: impl Fn(&Value) -> bool) -> Value {
        loop {
            let heard = self.hear().await;
            if right(&heard) {
                return heard;
            }
        }
    }

    /// With which code it is closed.
    async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.expect("a reason").code.into();
            }
        }
    }
}

async fn eventually(right: impl Fn() -> bool) {
    let looking = async {
        while !right() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, looking).await.expect("it never was");
}

#[tokio::test]
async fn a_websocket_is_told_what_polling_would_say_as_it_changes() {
    let scene = scene().await;
    let mut live = scene.connect("").await;
    live.watch(json!({"events": ["eu_1", "eu_none"]})).await;
    let first = [live.hear().await, live.hear().await];
    let of = |id: &str| first.iter().find(|said| said["id"] == id).unwrap();
    assert_eq!((&of("eu_1")["type"], &of("eu_1")["value"]["available"]), (&json!("availability"), &json!(10)));
    assert_eq!((&of("eu_none")["type"], &of("eu_none")["problem"]["status"]), (&json!("refused"), &json!(404)));
    let (status, _, mut stream) = scene.send("/api/events/eu_1/availability", "connection: close\r\n").await;
    let mut body = String::new();
    stream.read_to_string(&mut body).await.unwrap();
    let mut polled: Value = serde_json::from_str(&body).unwrap();
    polled["as_of"] = of("eu_1")["value"]["as_of"].clone();
    assert_eq!((status, &of("eu_1")["value"]), (200, &polled));

    // What is not watched is not told of, and what is new to the node is.
    scene.change("eu_2", 2, 9);
    scene.change("eu_1", 2, 8);
    let next = live.hear().await;
    assert_eq!((&next["id"], &next["value"]["version"], &next["value"]["available"]), (&json!("eu_1"), &json!(2), &json!(8)));
    scene.replica.apply("eu", 3, &[event("eu_none", 1), availability("eu_none", 1, 3)]);
    assert_eq!(live.until(|said| said["type"] == "availability").await["value"]["available"], 3);
    // Another list replaces the one before; what it had already is not sent again.
    live.watch(json!({"events": ["eu_2", "eu_none"]})).await;
    assert_eq!(live.hear().await["id"], "eu_2");
    scene.change("eu_1", 4, 1);
    scene.change("eu_none", 5, 2);
    assert_eq!(live.hear().await["value"]["available"], 2);
    assert_eq!(scene.metric("marquee_live_sockets{transport=\"websocket\"}"), 1);
    drop(live);
    eventually(|| scene.hub.counts() == (0, 0, 0) && scene.metric("marquee_live_sockets{transport=\"websocket\"}") == 0).await;
}

/// Server-sent events as they come, without what is not one.
async fn events(stream: &mut TcpStream, until: &str) -> String {
    let mut text = String::new();
    while !text.contains(until) {
        let mut bytes = [0; 1_024];
        let read = tokio::time::timeout(PATIENCE, stream.read(&mut bytes)).await.expect("nothing came").unwrap();
        assert!(read > 0, "it ended: {text}");
        text.push_str(std::str::from_utf8(&bytes[..read]).unwrap());
    }
    text
}

#[tokio::test]
async fn events_say_the_same() {
    let scene = scene().await;
    let (_, line) = scene.somebody("a");
    let (status, head, mut stream) =
        scene.send("/api/live?events=eu_1%2Ceu_2&bookings=eu_b", &format!("accept: text/event-stream\r\n{line}")).await;
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/event-stream") && head.contains("cache-control: no-store"), "{head}");
    let mut text = String::new();
    for part in ["\"id\":\"eu_1\"", "\"id\":\"eu_2\"", "event: refused\ndata: {\"type\":\"refused\",\"of\":\"booking\""] {
        if !text.contains(part) {
            text.push_str(&events(&mut stream, part).await);
        }
    }
    assert!(
        text.contains("retry: ") && text.contains("event: availability\ndata: {\"type\":\"availability\",\"id\":\"eu_"),
        "{text}"
    );
    scene.change("eu_2", 2, 4);
    assert!(events(&mut stream, "\"version\":2").await.contains("\"available\":4"));
    // It counts among sockets, and not among requests.
    assert_eq!(scene.metric("http_server_active_requests{role=\"edge\"}"), 0);
    assert_eq!(scene.metric("marquee_live_sockets{transport=\"events\"}"), 1);
    drop(stream);
    // A connection is known to be gone when something is sent.
    let mut version = 3;
    while scene.hub.counts().2 > 0 {
        scene.change("eu_2", version, 1 + u32::from(version % 2 == 0));
        version += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn one_question_answers_all_who_watch_and_changes_in_between_are_one() {
    let scene = scene().await;
    let mut sockets = Vec::new();
    for _ in 0..20 {
        let mut live = scene.connect("").await;
        live.watch(json!({"events": ["eu_1"]})).await;
        live.hear().await;
        sockets.push(live);
    }
    assert_eq!(scene.components.asked.load(Ordering::Relaxed), 1);
    let began = Instant::now();
    for version in 2..=100 {
        scene.change("eu_1", version, 10 - u32::try_from(version / 20).unwrap());
    }
    for live in &mut sockets {
        live.until(|said| said["value"]["version"] == 100).await;
    }
    let asked = scene.components.asked.load(Ordering::Relaxed) - 1;
    let most = usize::try_from(began.elapsed().as_millis() / LIVE_EVERY.as_millis()).unwrap() + 2;
    assert!(asked <= most.min(99), "{asked} questions, at most {most}");
}

#[tokio::test]
async fn what_is_ones_own_is_told_to_its_owner_alone() {
    let scene = scene().await;
    let (owner, line) = scene.somebody("a");
    let booking = |status: &str| json!({"id": "eu_b", "event_id": "eu_1", "status": status});
    scene.has("/api/bookings/eu_b", &owner, booking("held"));
    scene.has("/api/payments/eu_p", &owner, json!({"id": "eu_p", "status": "processing"}));
    scene.has("/api/events/eu_1/analytics", &owner, json!({"totals": {"bookings": 0}}));
    let mut live = scene.connect(&line).await;
    live.watch(json!({"bookings": ["eu_b"], "payments": ["eu_p"], "analytics": ["eu_1"]})).await;
    let mut said = HashMap::new();
    while said.len() < 3 {
        let heard = live.hear().await;
        said.insert(heard["type"].as_str().unwrap().to_owned(), heard);
    }
    assert_eq!(said["booking"]["value"], booking("held"));
    assert_eq!(said["payment"]["value"]["status"], "processing");
    assert_eq!(said["analytics"]["id"], "eu_1");
    // Something of its event has changed: it is asked for, long before it would be by the clock.
    for (status, version) in [("paying", 2), ("confirmed", 3)] {
        scene.has("/api/bookings/eu_b", &owner, booking(status));
        scene.change("eu_1", version, 9);
        assert_eq!(live.until(|said| said["type"] == "booking").await["value"]["status"], status);
    }
    // Of a payment the feed says nothing.
    scene.has("/api/payments/eu_p", &owner, json!({"id": "eu_p", "status": "succeeded"}));
    assert_eq!(live.until(|said| said["type"] == "payment").await["value"]["status"], "succeeded");

    let (_, another) = scene.somebody("b");
    for (lines, status) in [(another.as_str(), 404), ("", 401)] {
        let mut live = scene.connect(lines).await;
        live.watch(json!({"bookings": ["eu_b"]})).await;
        let refused = live.hear().await;
        assert_eq!((&refused["type"], &refused["of"], &refused["id"]), (&json!("refused"), &json!("booking"), &json!("eu_b")));
        assert_eq!(refused["problem"]["status"], status, "{refused}");
    }
    live.watch(json!({})).await;
    eventually(|| scene.hub.counts() == (0, 0, 1)).await;
}

#[tokio::test]
async fn a_socket_ends_with_its_session() {
    let scene = scene().await;
    let (_, line) = scene.somebody("a");
    let (mut own, mut others, mut nobodys) =
        (scene.connect(&line).await, scene.connect(&scene.somebody("b").1).await, scene.connect("").await);
    for live in [&mut own, &mut others, &mut nobodys] {
        live.watch(json!({"events": ["eu_1"]})).await;
        live.hear().await;
    }
    let until = crate::now() + 900_000_000;
    scene.identity.apply("eu", &[Fact::SessionRevoked { session: "eu_sessiona".to_owned(), until }]).unwrap();
    assert_eq!(own.closed().await, 4001);
    for live in [&mut others, &mut nobodys] {
        scene.change("eu_1", if scene.replica.position("eu") < 2 { 2 } else { 3 }, 5);
        live.hear().await;
    }
    // It opens no other.
    let (status, ..) = scene.send("/api/live", &format!("{HANDSHAKE}{line}")).await;
    assert_eq!(status, 401);
    let (status, ..) = scene.send("/api/live", &format!("{HANDSHAKE}authorization: Bearer none\r\n")).await;
    assert_eq!(status, 401);
}

#[tokio::test]
async fn pages_of_other_origins_speak_for_nobody() {
    let scene = scene().await;
    let (token, _) = scene.somebody("a");
    let cookie = format!("cookie: __Host-marquee={token}\r\n");
    let accept = "accept: text/event-stream\r\n";
    for (what, lines, expected) in [
        ("a program", HANDSHAKE.to_owned(), 101),
        ("a page of ours", format!("{HANDSHAKE}{cookie}origin: https://a.example\r\n"), 101),
        ("what says so itself", format!("{HANDSHAKE}{cookie}sec-fetch-site: same-origin\r\n"), 101),
        ("another's page", format!("{HANDSHAKE}{cookie}origin: https://b.example\r\n"), 403),
        ("another's page, for nobody", format!("{HANDSHAKE}origin: https://b.example\r\n"), 403),
        ("no origin that has a name", format!("{HANDSHAKE}origin: null\r\n"), 403),
        ("a neighbour", format!("{HANDSHAKE}{cookie}origin: https://b.a.example\r\nsec-fetch-site: same-site\r\n"), 403),
        ("cookies, and nothing that says who sent them", format!("{HANDSHAKE}{cookie}"), 403),
        ("events for a page of ours", format!("{accept}{cookie}sec-fetch-site: same-origin\r\n"), 200),
        ("events for another's page, in somebody's name", format!("{accept}{cookie}origin: https://b.example\r\n"), 403),
        ("events for another's page", format!("{accept}origin: https://b.example\r\n"), 200),
    ] {
        let (status, head, _) = scene.send("/api/live?events=eu_1", &lines).await;
        assert_eq!(status, expected, "{what}: {head}");
    }
}

#[tokio::test]
async fn what_is_too_much_or_makes_no_sense_ends_it() {
    let scene = scene().await;
    let ids: Vec<_> = (0..=LIVE_EVENTS).map(|n| format!("eu_{n}")).collect();
    let query = format!("/api/live?events={}", ids.join(","));
    let (status, ..) = scene.send(&query, "accept: text/event-stream\r\n").await;
    assert_eq!(status, 400);
    let most = json!({"watch": {"events": ids[1..]}}).to_string();
    let one_more = json!({"watch": {"events": ids}}).to_string();
    for (message, code) in [
        (Message::text(one_more), 1008),
        (Message::text("hello"), 1008),
        (Message::binary(&b"{}"[..]), 1003),
        (Message::text("x".repeat(LIVE_MESSAGE_BYTES + 1)), 1009),
    ] {
        let mut live = scene.connect("").await;
        live.say(most.clone()).await;
        live.hear().await;
        live.0.send(message.clone()).await.unwrap();
        assert_eq!(live.closed().await, code, "{message:?}");
    }
    let mut live = scene.connect("").await;
    // It may close before all of it is sent.
    for _ in 0..=LIVE_MESSAGES.burst {
        _ = live.0.send(Message::text(r#"{"watch":{}}"#)).await;
    }
    assert_eq!(live.closed().await, 1008);
    for (lines, expected) in [("", 400), ("accept: application/json\r\n", 400), ("upgrade: websocket\r\n", 400)] {
        assert_eq!(scene.send("/api/live", lines).await.0, expected, "{lines}");
    }
}

#[tokio::test]
async fn an_address_has_so_many_and_others_still_have_theirs() {
    let trusted = Networks::parse("127.0.0.1").unwrap();
    let scene = scene_with(Clients { trusted_proxies: trusted, uncounted: Networks::default(), ..Clients::default() }).await;
    let from = |address: &str| format!("{HANDSHAKE}x-forwarded-for: {address}\r\n");
    let mut open = Vec::new();
    for _ in 0..LIVE_SOCKETS_EACH {
        let (status, _, stream) = scene.send("/api/live", &from("192.0.2.1")).await;
        assert_eq!(status, 101);
        open.push(stream);
    }
    let (status, head, _) = scene.send("/api/live", &from("192.0.2.1")).await;
    assert!(status == 429 && head.contains("retry-after"), "{head}");
    assert_eq!(scene.metric("marquee_rate_limited_total{by=\"sockets\",role=\"edge\"}"), 1);
    assert_eq!(scene.send("/api/live", &from("192.0.2.2")).await.0, 101);
    open.clear();
    eventually(|| scene.metric("marquee_live_sockets{transport=\"websocket\"}") == 0).await;
    assert_eq!(scene.send("/api/live", &from("192.0.2.1")).await.0, 101);
}

#[tokio::test]
async fn a_node_that_stops_sends_its_sockets_away() {
    let scene = scene().await;
    let mut sockets = Vec::new();
    for _ in 0..8 {
        let mut live = scene.connect("").await;
        live.watch(json!({"events": ["eu_1"]})).await;
        live.hear().await;
        sockets.push(live);
    }
    let (_, _, mut stream) = scene.send("/api/live?events=eu_1", "accept: text/event-stream\r\n").await;
    events(&mut stream, "\"id\":\"eu_1\"").await;
    scene.stop.cancel();
    for live in &mut sockets {
        assert_eq!(live.closed().await, 1012);
    }
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert!(rest.contains("event: close\ndata: {\"code\":1012,"), "{rest}");
    drop(sockets);
    tokio::time::timeout(PATIENCE, scene.serving).await.expect("it does not end").unwrap();
}

/// Answers as the replica says, without anything around it.
struct FakeAsker(Replica);

impl Asker for FakeAsker {
    fn ask_for(self: Arc<Self>, path: String, _: Option<Arc<Caller>>) -> BoxFuture<'static, Result<Response<Body>, Problem>> {
        Box::pin(async move { Ok(left(&self.0, &path)) })
    }
}

#[tokio::test(start_paused = true)]
async fn who_reads_slowly_skips_what_is_in_between() {
    let replica = Replica::new(["eu"]);
    replica.replace("eu", 1, vec![event("eu_1", 1), availability("eu_1", 1, 10)]);
    let hub = Hub::new(Some(replica.clone()), None, Arc::new(Metrics::new().unwrap()));
    let asker: Arc<dyn Asker> = Arc::new(FakeAsker(replica.clone()));
    hub.attach(Arc::downgrade(&asker));
    let stop = CancellationToken::new();
    let running = tokio::spawn(Arc::clone(&hub).run(stop.clone(), Duration::ZERO));
    let mut session = Session::new(&hub, Transport::WebSocket, hub.place([None, None]).unwrap(), None, None);
    session.watch(&Wanted::query("events=eu_1").unwrap());
    // Room for one update and a half.
    let (here, there) = tokio::io::duplex(160);
    let serving = tokio::spawn(super::serve(here, session));
    let mut live = Live::over(there).await;
    assert_eq!(live.hear().await["value"]["version"], 1);
    for version in 2..=20 {
        replica.apply("eu", version, &[availability("eu_1", u64::try_from(version).unwrap(), 5)]);
        // Time stands still until everybody waits: each of these is asked for.
        tokio::time::sleep(2 * LIVE_EVERY).await;
    }
    let (mut heard, mut last) = (0, Value::Null);
    while last["value"]["version"] != 20 {
        last = live.hear().await;
        heard += 1;
    }
    assert!(heard < 10, "{heard} of 19 updates");
    let text = String::from_utf8(hub.metrics.render().unwrap()).unwrap();
    assert!(text.contains(&format!("marquee_live_updates_total{{outcome=\"skipped\"}} {}", 19 - heard)), "{heard} {text}");
    stop.cancel();
    assert_eq!(live.closed().await, 1012);
    drop(live);
    serving.await.unwrap();
    running.await.unwrap();
}
