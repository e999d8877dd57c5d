//! One connection: a request out, an answer in, HTTP/1.1.

use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};

use crate::limits::ANSWER_BYTES;

/// A connection, and the request that is on it.
pub struct Connection {
    stream: TcpStream,
    buffer: Vec<u8>,
    filled: usize,
    /// What has not been taken by the kernel yet.
    unsent: Vec<u8>,
    /// When the request was due; none: the connection is free.
    pub due: Option<Instant>,
}

impl Connection {
    /// Connects, and waits until that is done.
    pub fn open(address: SocketAddr, registry: &Registry, token: Token) -> Result<Self> {
        let stream = std::net::TcpStream::connect(address).with_context(|| format!("cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let mut stream = TcpStream::from_std(stream);
        registry.register(&mut stream, token, Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self { stream, buffer: vec![0; ANSWER_BYTES], filled: 0, unsent: Vec::new(), due: None })
    }

    /// Sends a request that was due then.
    pub fn send(&mut self, request: &[u8], due: Instant) -> Result<()> {
        self.due = Some(due);
        let sent = self.write(request)?;
        self.unsent.extend(request.iter().skip(sent));
        Ok(())
    }

    /// Writes the rest that the kernel did not take.
    pub fn writable(&mut self) -> Result<()> {
        if !self.unsent.is_empty() {
            let unsent = std::mem::take(&mut self.unsent);
            let sent = self.write(&unsent)?;
            self.unsent.extend(unsent.iter().skip(sent));
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<usize> {
        match self.stream.write(bytes) {
            Ok(sent) => Ok(sent),
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error).context("a request could not be sent"),
        }
    }

    /// The status of the answer, once it is whole.
    pub fn readable(&mut self) -> Result<Option<u16>> {
        loop {
            let Some(room) = self.buffer.get_mut(self.filled..).filter(|room| !room.is_empty()) else {
                bail!("an answer of more than {ANSWER_BYTES} bytes");
            };
            match self.stream.read(room) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(read) => self.filled += read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(None),
                Err(error) => return Err(error).context("an answer could not be read"),
            }
            if let Some((status, length)) = whole(self.buffer.get(..self.filled).unwrap_or_default())? {
                ensure!(length == self.filled, "more than one answer to one request");
                self.filled = 0;
                return Ok(Some(status));
            }
        }
    }
}

/// The status and the length of an answer; none: there is more to come.
fn whole(bytes: &[u8]) -> Result<Option<(u16, usize)>> {
    let Some(head) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { return Ok(None) };
    let text = std::str::from_utf8(bytes.get(..head).unwrap_or_default()).context("a head that is not text")?;
    let status = text.get(9..12).and_then(|status| status.parse().ok()).context("a head without a status")?;
    let header = |wanted: &str| {
        text.lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case(wanted))
            .map(|(_, value)| value.trim())
    };
    let body = bytes.get(head + 4..).unwrap_or_default();
    let length = match (header("content-length"), header("transfer-encoding")) {
        (Some(length), _) => Some(length.parse::<usize>().context("a length that is no number")?),
        (None, Some("chunked")) => chunked(body)?,
        _ => bail!("an answer without a length"),
    };
    Ok(length.filter(|length| body.len() >= *length).map(|length| (status, head + 4 + length)))
}

/// The length of a body in chunks; none: there is more to come.
fn chunked(body: &[u8]) -> Result<Option<usize>> {
    let mut at = 0;
    loop {
        let rest = body.get(at..).unwrap_or_default();
        let Some(end) = rest.windows(2).position(|two| two == b"\r\n") else { return Ok(None) };
        let size = std::str::from_utf8(rest.get(..end).unwrap_or_default()).context("a chunk's size that is not text")?;
        let size = usize::from_str_radix(size, 16).context("a chunk's size that is no number")?;
        at = at.saturating_add(end + 4).saturating_add(size);
        if size == 0 {
            return Ok(Some(at));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_complete_with_its_body() {
        let answer = b"HTTP/1.1 201 Created\r\nContent-Length: 3\r\nx: y\r\n\r\nabc";
        for end in 0..answer.len() {
            assert_eq!(whole(&answer[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(whole(answer).unwrap(), Some((201, answer.len())));
        let answer = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n10\r\n0123456789abcdef\r\n0\r\n\r\n";
        for end in 0..answer.len() {
            assert_eq!(whole(&answer[..end]).unwrap(), None, "{end}");
        }
        assert_eq!(whole(answer).unwrap(), Some((200, answer.len())));
        assert!(whole(b"HTTP/1.1 200 OK\r\nx: y\r\n\r\n").is_err());
        assert!(whole(b"nonsense\r\n\r\n").is_err());
    }
}
