//! Enough of Postgres' protocol (PostgreSQL manual, chapter 55) to know which statement a client sends, and when it has been answered.

use std::collections::HashMap;

/// A statement that a fault may wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Statement {
    /// Swaps versions and writes a batch, and commits by itself.
    Write,
    /// Swaps a version in a transaction that is committed later.
    Swap,
    /// Commits what a [`Self::Swap`] has begun.
    Commit,
}

/// What a client sends, message by message.
#[derive(Default)]
pub struct FromClient {
    bytes: Vec<u8>,
    /// The startup message, which has no type, is through.
    started: bool,
    /// Texts of prepared statements, by name.
    prepared: HashMap<Vec<u8>, Option<&'static str>>,
    swapped: bool,
}

/// One message.
pub struct Message {
    pub bytes: Vec<u8>,
    /// The statement that it has executed.
    pub runs: Option<Statement>,
    /// The server answers now.
    pub syncs: bool,
}

const BEGIN: &str = "BEGIN";
const WRITE: &str = "WITH locked AS";
const SWAP: &str = "UPDATE inventory SET version = version + $1";
const COMMIT: &str = "COMMIT";
/// The version that its protocol's startup message begins with: 3.0.
const STARTUP: [u8; 4] = [0, 3, 0, 0];

impl FromClient {
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// The next message that has come whole.
    pub fn next(&mut self) -> Option<Message> {
        let skip = usize::from(self.started);
        let length: [u8; 4] = self.bytes.get(skip..skip + 4)?.try_into().ok()?;
        let end = skip + u32::from_be_bytes(length) as usize;
        if self.bytes.len() < end {
            return None;
        }
        let bytes: Vec<u8> = self.bytes.drain(..end).collect();
        if !self.started {
            self.started = bytes.get(4..8) == Some(&STARTUP);
            return Some(Message { bytes, runs: None, syncs: false });
        }
        let (kind, body) = (bytes[0], &bytes[5..]);
        let mut words = body.split(|byte| *byte == 0);
        let runs = match kind {
            b'P' => {
                let name = words.next().unwrap_or_default().to_vec();
                let text = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
                let known = [BEGIN, WRITE, SWAP, COMMIT].into_iter().find(|known| text.contains(known));
                self.prepared.insert(name, known);
                None
            }
            b'B' => {
                let statement = words.nth(1).unwrap_or_default();
                self.run(self.prepared.get(statement).copied().flatten())
            }
            b'Q' => {
                let text = String::from_utf8_lossy(words.next().unwrap_or_default()).into_owned();
                self.run([BEGIN, COMMIT].into_iter().find(|known| text.starts_with(known)))
            }
            _ => None,
        };
        let syncs = matches!(kind, b'S' | b'Q');
        Some(Message { bytes, runs, syncs })
    }

    fn run(&mut self, text: Option<&'static str>) -> Option<Statement> {
        match text? {
            WRITE => Some(Statement::Write),
            SWAP => {
                self.swapped = true;
                Some(Statement::Swap)
            }
            COMMIT => std::mem::take(&mut self.swapped).then_some(Statement::Commit),
            _ => {
                self.swapped = false;
                None
            }
        }
    }
}

/// Whether these messages of a server's, from the first one's beginning, contain the end of its answer (ReadyForQuery).
pub fn answered(mut bytes: &[u8]) -> bool {
    while let (Some(kind), Some(Ok(length))) = (bytes.first(), bytes.get(1..5).map(<[u8; 4]>::try_from)) {
        let end = 1 + u32::from_be_bytes(length) as usize;
        if bytes.len() < end {
            return false;
        }
        if *kind == b'Z' {
            return true;
        }
        bytes = &bytes[end..];
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).unwrap().to_be_bytes();
        [&[kind], length.as_slice(), body].concat()
    }

    #[test]
    fn executed_statements_are_resolved_by_their_prepared_name() {
        let startup = [&8u32.to_be_bytes()[..], &80_877_103u32.to_be_bytes(), &8u32.to_be_bytes(), &STARTUP].concat();
        let mut sent = startup;
        for (name, text) in
            [("w", "-- x\nWITH locked AS (…)"), ("s", "UPDATE inventory SET version = version + $1 WHERE"), ("c", "COMMIT")]
        {
            sent.extend(message(b'P', format!("{name}\0{text}\0\0\0").as_bytes()));
        }
        for name in ["w", "c", "s", "c", "c"] {
            sent.extend(message(b'B', format!("\0{name}\0rest").as_bytes()));
        }
        sent.extend(message(b'S', b""));
        let mut client = FromClient::default();
        let mut runs = Vec::new();
        let (mut count, mut syncs) = (0, false);
        // However the network cuts it.
        for piece in sent.chunks(3) {
            client.push(piece);
            while let Some(message) = client.next() {
                count += 1;
                syncs = message.syncs;
                runs.extend(message.runs);
            }
        }
        assert_eq!(runs, [Statement::Write, Statement::Swap, Statement::Commit]);
        assert!(count == 11 && syncs);
    }

    #[test]
    fn an_answer_ends_with_ready() {
        let answer = [message(b'2', b""), message(b'C', b"UPDATE 1\0"), message(b'Z', b"I")].concat();
        assert!(answered(&answer) && !answered(&answer[..answer.len() - 1]) && !answered(&[]));
    }
}
