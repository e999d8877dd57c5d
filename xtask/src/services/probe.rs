//! A few bytes each way with whatever listens on a port, within a time.

use anyhow::{Context, Result, bail};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long a connection may take, and each answer.
const CONNECT: Duration = Duration::from_secs(1);
const ANSWER: Duration = Duration::from_secs(5);
/// The most that is read at once, in bytes: what is there may speak another language.
const LONGEST: usize = 1 << 20;

/// A connection to a service that is being tried.
pub struct Probe(TcpStream);

impl Probe {
    /// Connects to `host:port`.
    pub fn connect(address: &str) -> Result<Self> {
        let address: SocketAddr = address.parse().with_context(|| format!("{address} is no address"))?;
        let stream = TcpStream::connect_timeout(&address, CONNECT).context("cannot connect")?;
        stream.set_read_timeout(Some(ANSWER))?;
        stream.set_write_timeout(Some(ANSWER))?;
        Ok(Self(stream))
    }

    /// Sends.
    pub fn send(&mut self, bytes: &[u8]) -> Result<()> {
        self.0.write_all(bytes).context("cannot send")
    }

    /// The next bytes.
    pub fn read(&mut self, count: usize) -> Result<Vec<u8>> {
        if count > LONGEST {
            bail!("an answer of {count} bytes is none");
        }
        let mut bytes = vec![0; count];
        self.0.read_exact(&mut bytes).context("no answer")?;
        Ok(bytes)
    }

    /// The next bytes as a number, the most significant first.
    pub fn number(&mut self) -> Result<usize> {
        number(&self.read(4)?, 0)
    }

    /// The next line, without its end.
    pub fn line(&mut self) -> Result<String> {
        let mut line = Vec::new();
        loop {
            match self.read(1)?.as_slice() {
                b"\n" => return Ok(String::from_utf8_lossy(&line).trim_end().to_owned()),
                _ if line.len() >= LONGEST => bail!("a line without an end"),
                byte => line.extend_from_slice(byte),
            }
        }
    }
}

/// Four bytes as a number that counts something, the most significant first.
pub fn number(bytes: &[u8], at: usize) -> Result<usize> {
    let four = bytes.get(at..).and_then(<[u8]>::first_chunk::<4>).context("the answer is too short")?;
    usize::try_from(i32::from_be_bytes(*four)).context("the answer counts below zero")
}
