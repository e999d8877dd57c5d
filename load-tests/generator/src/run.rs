//! A run: what is due is sent as soon as a connection is free.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use mio::{Events, Poll, Token};

use crate::connection::Connection;
use crate::limits::{GRACE, WAITING};
use crate::report::Report;

/// What to do.
pub struct Plan {
    pub address: SocketAddr,
    pub requests: Requests,
    /// A second; 0: as fast as the connections take turns.
    pub rate: u32,
    pub connections: usize,
    pub time: Duration,
}

/// Requests, one after the other.
pub struct Requests {
    /// Up to the key, by person.
    heads: Vec<Vec<u8>>,
    run: String,
    tail: Vec<u8>,
    number: usize,
    buffer: Vec<u8>,
}

impl Requests {
    /// By these people in turns, with this body.
    pub fn new(address: SocketAddr, tokens: Vec<String>, body: &str, run: &str) -> Self {
        let head = |token: String| {
            let length = body.len();
            format!(
                "POST /api/bookings HTTP/1.1\r\nhost: {address}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\
                 authorization: Bearer {token}\r\nidempotency-key: "
            )
            .into_bytes()
        };
        let heads = tokens.into_iter().map(head).collect();
        Self { heads, run: run.to_owned(), tail: format!("\r\n\r\n{body}").into_bytes(), number: 0, buffer: Vec::new() }
    }

    fn next(&mut self) -> Result<&[u8]> {
        let head = self.heads.get(self.number % self.heads.len().max(1)).context("there is no target")?;
        self.buffer.clear();
        self.buffer.extend_from_slice(head);
        write!(self.buffer, "{}-{}", self.run, self.number)?;
        self.buffer.extend_from_slice(&self.tail);
        self.number += 1;
        Ok(&self.buffer)
    }
}

/// When requests are due.
struct Schedule {
    began: Instant,
    /// None: whenever a connection is free.
    every: Option<Duration>,
    number: u32,
    end: Instant,
}

impl Schedule {
    /// The next request's time, where it has come.
    fn take(&mut self, now: Instant, free: bool) -> Option<Instant> {
        let due = match self.every {
            Some(_) => self.next()?,
            None if free => now,
            None => return None,
        };
        if due > now || due >= self.end {
            return None;
        }
        self.number = self.number.saturating_add(1);
        Some(due)
    }

    /// When the next request is due; none: that is not a matter of time.
    fn next(&self) -> Option<Instant> {
        let every = self.every?;
        Some(self.began + every.mul_f64(f64::from(self.number)))
    }
}

/// Sends and counts.
pub fn run(plan: Plan) -> Result<Report> {
    let Plan { address, mut requests, rate, connections, time } = plan;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(connections);
    let mut all = (0..connections)
        .map(|number| Connection::open(address, poll.registry(), Token(number)))
        .collect::<Result<Vec<Connection>>>()?;
    let mut free: Vec<usize> = (0..connections).collect();
    let mut waiting = VecDeque::new();
    let (mut latencies, mut answers) = (Vec::new(), BTreeMap::new());
    let began = Instant::now();
    let every = (rate > 0).then(|| Duration::from_secs(1).div_f64(f64::from(rate)));
    let mut schedule = Schedule { began, every, number: 0, end: began + time };
    let (mut due, mut last) = (0, began);
    loop {
        let now = Instant::now();
        while waiting.len() < WAITING
            && let Some(then) = schedule.take(now, free.len() > waiting.len())
        {
            due += 1;
            waiting.push_back(then);
        }
        while let Some(then) = waiting.front().copied()
            && let Some(connection) = free.pop().and_then(|number| all.get_mut(number))
        {
            waiting.pop_front();
            connection.send(requests.next()?, then)?;
        }
        let over = now >= schedule.end;
        if (over && free.len() == connections) || now >= schedule.end + GRACE || waiting.len() >= WAITING {
            return Ok(Report::new(due, answers, latencies, last.max(schedule.end) - began));
        }
        let until = if over { schedule.end + GRACE } else { schedule.next().unwrap_or(schedule.end).min(schedule.end) };
        if let Err(error) = poll.poll(&mut events, Some(until.saturating_duration_since(Instant::now())))
            && error.kind() != std::io::ErrorKind::Interrupted
        {
            return Err(error.into());
        }
        for event in &events {
            let Token(number) = event.token();
            let Some(connection) = all.get_mut(number) else { continue };
            if event.is_writable() {
                connection.writable()?;
            }
            if event.is_readable()
                && let Some(status) = connection.readable()?
                && let Some(then) = connection.due.take()
            {
                last = Instant::now();
                latencies.push(last - then);
                *answers.entry(status).or_insert(0) += 1;
                free.push(number);
            }
        }
    }
}
