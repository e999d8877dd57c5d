//! What a component writes to its output becomes lines in the log.

mod repeats;

use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};

use crate::limits;

/// Standard output or standard error of a component.
#[derive(Clone)]
pub(crate) struct GuestLog {
    component: Arc<str>,
    stream: &'static str,
}

impl GuestLog {
    pub(crate) fn stdout(component: Arc<str>) -> Self {
        Self { component, stream: "stdout" }
    }

    pub(crate) fn stderr(component: Arc<str>) -> Self {
        Self { component, stream: "stderr" }
    }
}

impl IsTerminal for GuestLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for GuestLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        let log = self.clone();
        Box::new(Lines::new(move |line| {
            for (component, line) in repeats::heard(&log.component, line) {
                tracing::info!(target: "guest", %component, stream = log.stream, "{line}");
            }
        }))
    }
}

/// Cuts what is written into lines of at most [`limits::LOG_LINE_BYTES`].
struct Lines<F: FnMut(&str)> {
    rest: Vec<u8>,
    write: F,
}

impl<F: FnMut(&str)> Lines<F> {
    fn new(write: F) -> Self {
        Self { rest: Vec::new(), write }
    }

    fn push(&mut self, mut bytes: &[u8]) {
        while let Some(end) = bytes.iter().position(|byte| *byte == b'\n') {
            let (line, after) = bytes.split_at(end);
            self.extend(line);
            self.end_line();
            bytes = after.get(1..).unwrap_or_default();
        }
        self.extend(bytes);
    }

    fn extend(&mut self, bytes: &[u8]) {
        let room = limits::LOG_LINE_BYTES.saturating_sub(self.rest.len());
        self.rest.extend_from_slice(bytes.get(..room).unwrap_or(bytes));
    }

    fn end_line(&mut self) {
        if !self.rest.is_empty() {
            (self.write)(String::from_utf8_lossy(&self.rest).trim_end());
            self.rest.clear();
        }
    }
}

impl<F: FnMut(&str) + Unpin> AsyncWrite for Lines<F> {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.get_mut().push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().end_line();
        Poll::Ready(Ok(()))
    }
}

impl<F: FnMut(&str)> Drop for Lines<F> {
    fn drop(&mut self) {
        self.end_line();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(pieces: &[&[u8]]) -> Vec<String> {
        let mut seen = Vec::new();
        let mut lines = Lines::new(|line: &str| seen.push(line.to_owned()));
        for piece in pieces {
            lines.push(piece);
        }
        drop(lines);
        seen
    }

    #[test]
    fn writes_are_split_into_lines() {
        assert_eq!(lines(&[b"one\ntw", b"o\r\n\n", b"three"]), ["one", "two", "three"]);
    }

    #[test]
    fn an_endless_line_is_cut() {
        let long = vec![b'x'; 3 * limits::LOG_LINE_BYTES];
        let seen = lines(&[&long, b"\nnext"]);
        assert_eq!(seen.iter().map(String::len).collect::<Vec<_>>(), [limits::LOG_LINE_BYTES, 4]);
    }
}
