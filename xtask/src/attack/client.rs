//! One request on a connection of its own, from a chosen address of this machine.

use anyhow::{Context, Result};
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use std::{
    io::{Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

/// The timeout of every request.
pub const PATIENCE: Duration = Duration::from_secs(10);
/// The victim's address.
const VICTIM: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
/// People who log in. Each has an address of their own.
pub const PEOPLE: u8 = 48;
const PASSWORD: &str = "correct horse battery staple";

/// What is attacked.
pub struct Target {
    pub address: SocketAddr,
    /// An event that never sells out, and one with [`PLACES`].
    pub event: String,
    pub ticket: String,
    pub small: String,
    pub small_ticket: String,
    /// The victim's.
    pub token: String,
    pub emails: Vec<String>,
}

/// Places of the small event.
pub const PLACES: u32 = 300;

/// A connection from this address.
pub fn connect(from: IpAddr, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.bind(&SocketAddr::new(from, 0).into())?;
    socket.connect_timeout(&to.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// An unused address of this machine.
pub const fn other(third: u8, last: u8) -> IpAddr {
    IpAddr::V4(Ipv4Addr::new(127, 0, third, last))
}

/// Asks, and reads all of the answer; its status and its body.
pub fn ask(from: IpAddr, to: SocketAddr, method: &str, path: &str, lines: &str, body: &str) -> std::io::Result<(u16, Vec<u8>)> {
    let mut stream = connect(from, to)?;
    let head = format!(
        "{method} {path} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{lines}\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let status = answer.get(9..12).and_then(|status| std::str::from_utf8(status).ok()).and_then(|status| status.parse().ok());
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").map_or(answer.len(), |at| at + 4);
    Ok((status.unwrap_or(0), answer.split_off(end)))
}

/// An unused key.
pub fn key() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("attack-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// The lines of a write in somebody's name.
pub fn as_of(token: &str) -> String {
    format!("authorization: Bearer {token}\r\nidempotency-key: {}\r\n", key())
}

/// A hold of so many places.
pub fn order(event: &str, ticket: &str, quantity: u32) -> String {
    json!({"event_id": event, "items": [{"ticket_type_id": ticket, "quantity": quantity}]}).to_string()
}

/// Logs in, or makes an account; its access token.
pub fn account(from: IpAddr, to: SocketAddr, email: &str) -> Result<String> {
    let body = json!({"email": email, "password": PASSWORD, "name": "Somebody"}).to_string();
    let (status, answer) = ask(from, to, "POST", "/api/auth/register", "", &body)?;
    let answer: Value = serde_json::from_slice(&answer).with_context(|| format!("registering was answered {status}"))?;
    text(&answer, "/access_token").with_context(|| format!("registering was answered {answer}"))
}

/// What a login asks.
pub fn login(email: &str) -> String {
    json!({"email": email, "password": PASSWORD}).to_string()
}

fn text(value: &Value, pointer: &str) -> Result<String> {
    value.pointer(pointer).and_then(Value::as_str).map(str::to_owned).with_context(|| format!("no {pointer} in {value}"))
}

impl Target {
    pub fn prepare(base: &str) -> Result<Self> {
        let address: SocketAddr = base.trim_start_matches("http://").parse()?;
        anyhow::ensure!(address.ip().is_loopback(), "only this machine is attacked");
        let name = format!("attack-{}", std::process::id());
        let mut emails = Vec::new();
        for person in 1..=PEOPLE {
            let email = format!("{name}-{person}@example.com");
            account(other(2, person), address, &email)?;
            emails.push(email);
        }
        let token = account(VICTIM, address, &format!("{name}@example.com"))?;
        let post = |path: &str, body: Value| -> Result<Value> {
            let (status, answer) = ask(VICTIM, address, "POST", path, &as_of(&token), &body.to_string())?;
            serde_json::from_slice(&answer).with_context(|| format!("POST {path} was answered {status}"))
        };
        let organiser = post("/api/organisers", json!({"name": "Hall"}))?;
        let event = |capacity: u32, limit: u32| -> Result<(String, String)> {
            let event = json!({
                "organiser_id": organiser.get("id"), "title": "Attacked", "description": "For an attack.", "category": "music",
                "venue": {"name": "Hall", "city": "Berlin", "country": "DE"},
                "starts_at": "2037-03-01T19:00:00Z", "ends_at": "2037-03-01T22:00:00Z", "timezone": "Europe/Berlin", "currency": "EUR",
                "ticket_types": [{"name": "Standard", "price": 4500, "capacity": capacity, "per_person_limit": limit}],
            });
            let event = post("/api/events", event)?;
            let id = text(&event, "/id")?;
            post(&format!("/api/events/{id}/publish"), json!({}))?;
            Ok((id, text(&event, "/ticket_types/0/id")?))
        };
        let ((event, ticket), (small, small_ticket)) = (event(1_000_000, 1_000)?, event(PLACES, 10)?);
        Ok(Self { address, event, ticket, small, small_ticket, token, emails })
    }
}

/// What the victim wants.
pub enum Victim {
    /// An event's page.
    Read,
    /// A list of events.
    List,
    /// Their own bookings, which a region has.
    Mine,
    /// To know who they are, which the component with the passwords says.
    Me,
    /// To hold a place.
    Hold,
}

impl Victim {
    pub const fn what(&self) -> &'static str {
        match self {
            Self::Read => "an event",
            Self::List => "a list of events",
            Self::Mine => "my bookings",
            Self::Me => "who am I",
            Self::Hold => "a hold",
        }
    }

    /// What they were answered, and how long it took, the connection included; 0 for no answer.
    pub fn ask(&self, target: &Target) -> (u16, Duration) {
        let began = Instant::now();
        let (own, event) = (as_of(&target.token), format!("/api/events/{}", target.event));
        let order = order(&target.event, &target.ticket, 1);
        let (method, path, lines, body) = match self {
            Self::Read => ("GET", event.as_str(), "", ""),
            Self::List => ("GET", "/api/events?limit=20", "", ""),
            Self::Mine => ("GET", "/api/bookings?limit=1", own.as_str(), ""),
            Self::Me => ("GET", "/api/auth/me", own.as_str(), ""),
            Self::Hold => ("POST", "/api/bookings", own.as_str(), order.as_str()),
        };
        let status = ask(VICTIM, target.address, method, path, lines, body).map_or(0, |(status, _)| status);
        (status, began.elapsed())
    }
}
