//! The live channel: what is watched is told as it changes, over both transports, and is what polling would say. Only our host has it.

use crate::{
    SHARED,
    client::{Client, OnSale, eventually, unique},
    server::{Form, Server},
};
use futures::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{Message, protocol::Role},
};

/// Longer than anything here takes.
const PATIENCE: Duration = Duration::from_secs(40);

/// Whether this form has the channel; where it has none, the path says so.
async fn is_there() -> bool {
    if !SHARED.form.is_native() {
        let answer = Client::new(&SHARED).send_unchecked(reqwest::Method::GET, "/api/live", &[], None).await;
        assert_eq!(answer.status, 404);
    }
    SHARED.form.is_native()
}

/// A socket that is open.
struct Live(WebSocketStream<TcpStream>);

/// The status of a handshake with these headers, and the connection.
async fn handshake(server: &Server, edge: usize, headers: &[(&str, &str)]) -> (u16, TcpStream) {
    let address = server.edges[edge].strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("GET /api/live HTTP/1.1\r\nhost: {address}\r\n");
    for (name, value) in [
        ("upgrade", "websocket"),
        ("connection", "Upgrade"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
    ]
    .iter()
    .chain(headers)
    {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(head).unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), stream)
}

impl Live {
    /// A person's, at one of the edges; nobody's without.
    async fn connect(server: &Server, edge: usize, person: Option<&Client<'_>>) -> Self {
        let token = person.map(|person| format!("Bearer {}", person.token.as_ref().unwrap()));
        let headers: Vec<_> = token.iter().map(|token| ("authorization", token.as_str())).collect();
        let (status, stream) = handshake(server, edge, &headers).await;
        assert_eq!(status, 101);
        Self(WebSocketStream::from_raw_socket(stream, Role::Client, None).await)
    }

    async fn watch(&mut self, wanted: Value) {
        self.0.send(Message::text(json!({ "watch": wanted }).to_string())).await.unwrap();
    }

    async fn next(&mut self) -> Message {
        tokio::time::timeout(PATIENCE, self.0.next()).await.expect("nothing came").expect("it was closed").unwrap()
    }

    /// Hears until what is heard is right.
    async fn until(&mut self, right: impl Fn(&Value) -> bool) -> Value {
        loop {
            if let Message::Text(text) = self.next().await {
                let said: Value = serde_json::from_str(&text).unwrap();
                if right(&said) {
                    return said;
                }
            }
        }
    }

    async fn closed(&mut self) -> u16 {
        loop {
            if let Message::Close(frame) = self.next().await {
                return frame.expect("a reason").code.into();
            }
        }
    }
}

/// What there is to be said of a thing, without when it was so.
fn timeless(mut value: Value) -> Value {
    if let Some(members) = value.as_object_mut() {
        members.remove("as_of");
    }
    value
}

#[tokio::test]
async fn what_is_left_is_told_at_every_edge_over_both_transports_as_it_changes() {
    if !is_there().await {
        return;
    }
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let buyer = Client::register(&SHARED).await;
    let mut live = Live::connect(&SHARED, 1, None).await;
    live.watch(json!({"events": [show.id]})).await;
    let left = |said: &Value| said["value"]["ticket_types"][0]["available"].as_i64();
    // The other edge may not know of it yet: then it is refused, and told of when it does.
    live.until(|said| left(said) == Some(100)).await;
    let path = format!("{}/api/live?events={}", SHARED.edges[0], show.id);
    let request = reqwest::Client::new().get(path).header("accept", "text/event-stream");
    let mut events = request.send().await.unwrap();
    assert_eq!((events.status().as_u16(), &events.headers()["content-type"]), (200, &"text/event-stream".parse().unwrap()));

    buyer.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    let told = live.until(|said| left(said) == Some(98)).await;
    assert_eq!((&told["type"], &told["id"]), (&json!("availability"), &json!(show.id)));
    let polled = buyer.elsewhere().get(&format!("/api/events/{}/availability", show.id)).await.expect(200);
    assert_eq!(timeless(told["value"].clone()), timeless(polled));
    let mut text = String::new();
    while !text.contains("\"available\":98") {
        let piece = tokio::time::timeout(PATIENCE, events.chunk()).await.expect("nothing came").unwrap();
        text.push_str(std::str::from_utf8(&piece.expect("it ended")).unwrap());
    }
    assert!(text.contains("event: availability\ndata: {\"type\":\"availability\""), "{text}");
}

#[tokio::test]
async fn bookings_payments_and_figures_are_told_to_whom_they_belong() {
    if !is_there().await {
        return;
    }
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let (buyer, other) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    let hold = buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    let booking = hold["id"].as_str().unwrap();
    let of =
        |kind: &'static str, status: &'static str| move |said: &Value| said["type"] == kind && said["value"]["status"] == status;
    let mut live = Live::connect(&SHARED, 1, Some(&buyer)).await;
    live.watch(json!({"bookings": [booking]})).await;
    let told = live.until(of("booking", "held")).await;
    assert_eq!(told["value"], buyer.get(&format!("/api/bookings/{booking}")).await.expect(200));
    let card = json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}});
    let payment = buyer.post_with(&unique("key"), "/api/payments", &card).await.expect(201);
    live.until(of("booking", "confirmed")).await;
    live.watch(json!({"bookings": [booking], "payments": [payment["id"]]})).await;
    let told = live.until(of("payment", "completed")).await;
    assert_eq!(told["id"], payment["id"]);

    // Nobody else hears of them.
    for (person, status) in [(Some(&other), 404), (None, 401)] {
        let mut live = Live::connect(&SHARED, 0, person).await;
        live.watch(json!({"bookings": [booking], "payments": [payment["id"]]})).await;
        for _ in 0..2 {
            let refused = live.until(|_| true).await;
            assert_eq!((&refused["type"], &refused["problem"]["status"]), (&json!("refused"), &json!(status)), "{refused}");
        }
    }
    let mut theirs = Live::connect(&SHARED, 0, Some(&organiser)).await;
    theirs.watch(json!({"analytics": [show.id]})).await;
    let worker = SHARED.form.has_worker();
    theirs.until(|said| said["type"] == "analytics" && (!worker || said["value"]["totals"]["tickets"] == 1)).await;
    let mut live = Live::connect(&SHARED, 0, Some(&other)).await;
    live.watch(json!({"analytics": [show.id]})).await;
    let refused = live.until(|_| true).await;
    assert_eq!((&refused["of"], &refused["problem"]["status"]), (&json!("analytics"), &json!(403)), "{refused}");
}

#[tokio::test]
async fn a_socket_ends_with_its_session_and_begins_with_none_that_has_ended() {
    if !is_there().await {
        return;
    }
    let person = Client::register(&SHARED).await;
    let mut live = Live::connect(&SHARED, 1, Some(&person)).await;
    live.watch(json!({})).await;
    person.post("/api/auth/logout", &json!({"refresh_token": person.refresh_token})).await.expect(204);
    assert_eq!(live.closed().await, 4001);
    let token = format!("Bearer {}", person.token.as_ref().unwrap());
    assert_eq!(handshake(&SHARED, 1, &[("authorization", &token)]).await.0, 401);
    let headers = [("accept", "text/event-stream"), ("authorization", token.as_str())];
    person.elsewhere().send(reqwest::Method::GET, "/api/live", &headers, None).await.expect_problem(401, "token-revoked");
}

#[tokio::test]
async fn what_is_too_much_is_refused_and_pages_of_other_origins_are() {
    if !is_there().await {
        return;
    }
    let nobody = Client::new(&SHARED);
    let ids: Vec<_> = (0..51).map(|n| format!("local_{n}")).collect();
    let path = format!("/api/live?events={}", ids.join(","));
    let accept = [("accept", "text/event-stream")];
    nobody.send(reqwest::Method::GET, &path, &accept, None).await.expect_problem(400, "invalid-request");
    nobody.get("/api/live").await.expect_problem(400, "invalid-request");
    nobody.post("/api/live", &json!({})).await.expect_problem(405, "method-not-allowed");
    let mut live = Live::connect(&SHARED, 0, None).await;
    live.watch(json!({"events": ids})).await;
    assert_eq!(live.closed().await, 1008);

    let own = SHARED.edges[0].clone();
    for (origin, status) in [("https://evil.example", 403), ("null", 403), (own.as_str(), 101)] {
        assert_eq!(handshake(&SHARED, 0, &[("origin", origin)]).await.0, status, "{origin}");
    }
    let person = Client::register(&SHARED).await;
    let cookie = format!("__Host-marquee={}", person.token.as_ref().unwrap());
    assert_eq!(handshake(&SHARED, 0, &[("cookie", &cookie), ("sec-fetch-site", "cross-site")]).await.0, 403);
    let headers = [("accept", "text/event-stream"), ("cookie", cookie.as_str()), ("origin", "https://evil.example")];
    nobody.send(reqwest::Method::GET, "/api/live", &headers, None).await.expect_problem(403, "cross-site-request");
    let (status, stream) = handshake(&SHARED, 0, &[("cookie", &cookie), ("sec-fetch-site", "same-origin")]).await;
    assert_eq!(status, 101);
    let mut live = Live(WebSocketStream::from_raw_socket(stream, Role::Client, None).await);
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::publish(&organiser, &id, json!({})).await;
    let hold = person.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    live.watch(json!({"bookings": [hold["id"]]})).await;
    live.until(|said| said["value"]["status"] == "held").await;
}

#[tokio::test]
async fn a_node_that_stops_says_so_to_its_sockets() {
    // One process is enough to see it.
    if !matches!(SHARED.form, Form::Up) {
        eprintln!("skipped: form {:?} stops as `up` does", SHARED.form);
        return;
    }
    let server = Server::start("leaving", &[]);
    let mut sockets = Vec::new();
    for edge in [0, 1, 0] {
        let mut live = Live::connect(&server, edge, None).await;
        live.watch(json!({"events": ["local_none"]})).await;
        live.until(|said| said["type"] == "refused").await;
        sockets.push(live);
    }
    let metrics = format!("{}/metrics", server.admin.as_deref().unwrap());
    let open = async || reqwest::get(&metrics).await.unwrap().text().await.unwrap();
    eventually("three are open", open, |text| text.contains("marquee_live_sockets{transport=\"websocket\"} 3")).await;
    let stopped = std::thread::spawn(|| server.interrupt());
    for live in &mut sockets {
        assert_eq!(live.closed().await, 1012);
    }
    drop(sockets);
    assert_eq!(stopped.join().unwrap(), Some(0));
}
