//! A client as people's are: it sends back `Marquee-Seen`, and holds every answer against the OpenAPI document.

use crate::{openapi, server::Server};
use reqwest::{Method, StatusCode, header::HeaderMap};
use serde_json::{Value, json};
use std::sync::{
    Mutex,
    atomic::{AtomicU64, Ordering},
};

pub const PASSWORD: &str = "correct horse battery";

/// Every answer within this, or the test fails: nothing may hang.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(40);

/// An answer, read whole.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub bytes: Vec<u8>,
    /// Null where the body is not JSON.
    pub json: Value,
}

impl Answer {
    /// The JSON, where the status is this one.
    #[track_caller]
    pub fn expect(self, status: u16) -> Value {
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        self.json
    }

    /// Fails unless it is this problem.
    #[track_caller]
    pub fn expect_problem(self, status: u16, slug: &str) -> Value {
        let header = |name: &str| self.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        assert_eq!(self.status.as_u16(), status, "{}", String::from_utf8_lossy(&self.bytes));
        assert_eq!(header("content-type").as_deref(), Some("application/problem+json"));
        assert_eq!(self.json["type"], format!("/problems/{slug}"), "{}", self.json);
        assert_eq!(self.json["status"], status);
        assert_eq!(self.json["request_id"].as_str(), header("x-request-id").as_deref());
        for member in ["title", "detail", "instance"] {
            assert!(self.json[member].is_string(), "{member}: {}", self.json);
        }
        self.json
    }

    /// Fails unless it says how long it is: one that is sent in chunks is cut off where its connection closes.
    fn expect_length(&self, method: &Method, path: &str) {
        let bodiless = *method == Method::HEAD || matches!(self.status.as_u16(), 204 | 304);
        let length = self.header("content-length").and_then(|length| length.parse().ok());
        assert!(bodiless || length == Some(self.bytes.len()), "{method} {path}: {} of {length:?} bytes", self.bytes.len());
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().unwrap())
    }
}

/// A person, logged in or not, at one of the edges.
pub struct Client<'a> {
    http: reqwest::Client,
    server: &'a Server,
    edge: usize,
    pub token: Option<String>,
    pub user: String,
    pub refresh_token: String,
    seen: Mutex<Option<String>>,
}

/// A name that nothing else in this process has.
pub fn unique(what: &str) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

impl<'a> Client<'a> {
    /// Not logged in, at the first edge.
    pub fn new(server: &'a Server) -> Self {
        let http = reqwest::Client::builder().timeout(PATIENCE).redirect(reqwest::redirect::Policy::none()).build().unwrap();
        Self { http, server, edge: 0, token: None, user: String::new(), refresh_token: String::new(), seen: Mutex::default() }
    }

    /// A new account at the first edge.
    pub async fn register(server: &'a Server) -> Self {
        let mut client = Self::new(server);
        let body = json!({"email": format!("{}@example.com", unique("person")), "password": PASSWORD, "name": "Ada"});
        let answer = client.post("/api/auth/register", &body).await.expect(201);
        client.take_tokens(&answer);
        client
    }

    /// A new account that may organise; gives the organiser's id too.
    pub async fn organiser(server: &'a Server) -> (Self, String) {
        let client = Self::register(server).await;
        let organiser = client.post("/api/organisers", &json!({"name": "Blue Hall"})).await.expect(201);
        (client, organiser["id"].as_str().unwrap().to_owned())
    }

    pub fn take_tokens(&mut self, answer: &Value) {
        self.token = Some(answer["access_token"].as_str().unwrap().to_owned());
        self.refresh_token = answer["refresh_token"].as_str().unwrap().to_owned();
        // A refresh gives tokens alone.
        if let Some(id) = answer["user"]["id"].as_str() {
            self.user = id.to_owned();
        }
    }

    /// The same person at the other edge.
    pub fn elsewhere(&self) -> Self {
        Self {
            http: self.http.clone(),
            server: self.server,
            edge: 1 - self.edge,
            token: self.token.clone(),
            user: self.user.clone(),
            refresh_token: self.refresh_token.clone(),
            seen: Mutex::new(self.seen.lock().unwrap().clone()),
        }
    }

    /// A person who has seen nothing that this one wrote.
    pub fn forgetful(&self) -> Self {
        let other = self.elsewhere();
        *other.seen.lock().unwrap() = None;
        other
    }

    /// A request to the API; its answer is held against the OpenAPI document.
    pub async fn send(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        let answer = self.send_unchecked(method.clone(), path, headers, body).await;
        openapi::check(self.server, &method, path, &answer).await;
        answer
    }

    /// A request that the OpenAPI document need not know.
    pub async fn send_unchecked(&self, method: Method, path: &str, headers: &[(&str, &str)], body: Option<Vec<u8>>) -> Answer {
        let mut request = self.http.request(method.clone(), format!("{}{path}", self.server.edges[self.edge]));
        if let Some(token) = &self.token
            && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"))
        {
            request = request.bearer_auth(token);
        }
        if let Some(seen) = &*self.seen.lock().unwrap() {
            request = request.header("marquee-seen", seen);
        }
        if body.is_some() && !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type")) {
            request = request.header("content-type", "application/json");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = self.read(request).await.unwrap_or_else(|error| panic!("{method} {path}: {error:?}"));
        answer.expect_length(&method, path);
        answer
    }

    /// Sends it, keeps what it says was seen, and reads the whole answer.
    async fn read(&self, request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
        let response = request.send().await?;
        if let Some(seen) = response.headers().get("marquee-seen") {
            *self.seen.lock().unwrap() = Some(seen.to_str().unwrap().to_owned());
        }
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await?.to_vec();
        let json = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        Ok(Answer { status, headers, bytes, json })
    }

    /// A write with this key to a platform that may die under it.
    pub async fn try_post_with(&self, key: &str, path: &str, body: &Value) -> Option<Answer> {
        let request = self.http.post(format!("{}{path}", self.server.edges[self.edge])).header("idempotency-key", key);
        self.read(request.bearer_auth(self.token.as_deref()?).json(body)).await.ok()
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, &[], None).await
    }

    /// A write without a key.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[], Some(body.to_string().into())).await
    }

    /// A write that is retried: where its outcome is left open it is sent again with its key, as every client is to do. A busy machine leaves some open.
    pub async fn post_until_known(&self, path: &str, body: &Value) -> Answer {
        let key = unique("key");
        let known = |answer: &Answer| answer.json["type"] != "/problems/outcome-unknown";
        eventually("the outcome is known", async || self.post_with(&key, path, body).await, known).await
    }

    /// A write with this key.
    pub async fn post_with(&self, key: &str, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, &[("idempotency-key", key)], Some(body.to_string().into())).await
    }
}

/// An event as an organiser would enter it; `change` makes it another.
pub fn event(organiser: &str, change: Value) -> Value {
    let mut event = json!({
        "organiser_id": organiser, "title": "Night of Strings", "description": "Four quartets.", "category": "music",
        "venue": {"name": "Blue Hall", "city": "Colombo", "country": "LK"},
        "starts_at": "2037-03-01T19:00:00Z", "ends_at": "2037-03-01T22:00:00Z",
        "timezone": "Asia/Colombo", "currency": "EUR",
        "ticket_types": [{"name": "Standard", "price": 4500, "capacity": 100, "per_person_limit": 6}],
    });
    for (name, value) in change.as_object().expect("an object") {
        event[name] = value.clone();
    }
    event
}

/// A published event and its first ticket type.
pub struct OnSale {
    pub id: String,
    pub ticket: String,
    pub document: Value,
}

impl OnSale {
    pub async fn publish(organiser: &Client<'_>, organiser_id: &str, change: Value) -> Self {
        let created = organiser.post_until_known("/api/events", &event(organiser_id, change)).await.expect(201);
        let id = created["id"].as_str().unwrap().to_owned();
        let document = organiser.post_until_known(&format!("/api/events/{id}/publish"), &json!({})).await.expect(200);
        let ticket = document["ticket_types"][0]["id"].as_str().unwrap().to_owned();
        Self { id, ticket, document }
    }

    /// With one ticket type of this price, capacity and limit.
    pub async fn with(organiser: &Client<'_>, organiser_id: &str, price: i64, capacity: i64, limit: i64) -> Self {
        let types = json!([{"name": "Standard", "price": price, "capacity": capacity, "per_person_limit": limit}]);
        Self::publish(organiser, organiser_id, json!({"ticket_types": types})).await
    }

    /// What a hold of so many places asks.
    pub fn order(&self, quantity: i64) -> Value {
        json!({"event_id": self.id, "items": [{"ticket_type_id": self.ticket, "quantity": quantity}]})
    }

    /// Places that are free, as this person sees it.
    pub async fn available(&self, client: &Client<'_>) -> i64 {
        let answer = client.get(&format!("/api/events/{}/availability", self.id)).await.expect(200);
        answer["ticket_types"][0]["available"].as_i64().unwrap()
    }
}

/// Asks until the answer is right; fails with the last one when it takes too long.
pub async fn eventually<T: std::fmt::Debug>(what: &str, mut ask: impl AsyncFnMut() -> T, right: impl Fn(&T) -> bool) -> T {
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(20);
    loop {
        let answer = ask().await;
        if right(&answer) {
            return answer;
        }
        assert!(std::time::Instant::now() < deadline, "{what}: still {answer:?}");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}
