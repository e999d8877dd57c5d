//! The feed in frames: a letter, then lines of JSON.
//!
//! `S` begins a snapshot, `P` is a piece of it (a fact a line), `E` its end; or `R` says that the feed resumes after the reader's cursor. Then
//! `B`, a batch: where it stands, and a fact a line. `X` says why nothing more comes.

use std::sync::Arc;

use bytes::Bytes;
use edge::feed::{Batch, Error, Snapshot};
use read_model::Fact;
use serde::{Deserialize, Serialize};

use super::frames::frame;
use crate::limits::PIECE_BYTES;

#[derive(Serialize, Deserialize)]
struct Start {
    epoch: String,
    position: i64,
}

#[derive(Serialize, Deserialize)]
struct BatchRange {
    after: i64,
    position: i64,
}

/// What a frame says.
#[derive(Debug)]
pub(crate) enum Frame {
    /// A snapshot begins: its epoch and position.
    Begin(Arc<str>, i64),
    /// Some of its facts.
    Piece(Vec<Fact>),
    /// All of it has come.
    End,
    /// No snapshot: the feed resumes.
    Resumed,
    /// What follows.
    Batch(Batch),
    /// Nothing more.
    Over(Error),
}

/// A frame that cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("the feed cannot be understood: {0}")]
pub(crate) struct MalformedFrame(String);

fn json(into: &mut Vec<u8>, value: &impl Serialize) {
    // What is written here has string keys and no floats: it has a JSON form.
    _ = serde_json::to_writer(&mut *into, value);
}

fn lines(into: &mut Vec<u8>, facts: &[Fact]) {
    for fact in facts {
        json(into, fact);
        into.push(b'\n');
    }
}

/// A snapshot in frames of bounded size.
pub(crate) fn snapshot(snapshot: &Snapshot) -> Vec<Bytes> {
    let start = Start { epoch: snapshot.epoch.to_string(), position: snapshot.position };
    let mut frames = vec![frame(|into| {
        into.push(b'S');
        json(into, &start);
    })];
    let mut facts = snapshot.facts.as_slice();
    while !facts.is_empty() {
        frames.push(frame(|into| {
            into.push(b'P');
            while into.len() < PIECE_BYTES
                && let Some((first, rest)) = facts.split_first()
            {
                lines(into, std::slice::from_ref(first));
                facts = rest;
            }
        }));
    }
    frames.push(frame(|into| into.push(b'E')));
    frames
}

/// That the feed resumes.
pub(crate) fn resumed() -> Bytes {
    frame(|into| into.push(b'R'))
}

/// A batch.
pub(crate) fn batch(batch: &Batch) -> Bytes {
    frame(|into| {
        into.push(b'B');
        json(into, &BatchRange { after: batch.after, position: batch.position });
        into.push(b'\n');
        lines(into, &batch.facts);
    })
}

/// Why nothing more comes.
pub(crate) fn over(error: &Error) -> Bytes {
    frame(|into| {
        into.push(b'X');
        into.extend_from_slice(match error {
            Error::Lagged => b"lagged",
            Error::Gone => b"gone",
            Error::Ended => b"ended",
            Error::Unavailable(reason) => reason.as_bytes(),
        });
    })
}

/// What a frame says.
pub(crate) fn read(frame: &[u8]) -> Result<Frame, MalformedFrame> {
    let malformed = |error: serde_json::Error| MalformedFrame(error.to_string());
    let (kind, rest) = frame.split_first().ok_or_else(|| MalformedFrame("an empty frame".to_owned()))?;
    Ok(match kind {
        b'S' => {
            let Start { epoch, position } = serde_json::from_slice(rest).map_err(malformed)?;
            Frame::Begin(epoch.into(), position)
        }
        b'P' => Frame::Piece(facts(rest)),
        b'E' => Frame::End,
        b'R' => Frame::Resumed,
        b'B' => {
            let end = rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len());
            let (place, rest) = rest.split_at_checked(end).unwrap_or((rest, &[]));
            let BatchRange { after, position } = serde_json::from_slice(place).map_err(malformed)?;
            Frame::Batch(Batch { after, position, facts: facts(rest) })
        }
        b'X' => Frame::Over(match rest {
            b"lagged" => Error::Lagged,
            b"gone" => Error::Gone,
            b"ended" => Error::Ended,
            reason => Error::Unavailable(String::from_utf8_lossy(reason).into_owned()),
        }),
        other => return Err(MalformedFrame(format!("a frame of kind {}", other.escape_ascii()))),
    })
}

fn facts(text: &[u8]) -> Vec<Fact> {
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines
        .filter_map(|line| match serde_json::from_slice(line) {
            Ok(fact) => Some(fact),
            // The region may be newer than this node, and know of things that this one has no use for.
            Err(error) => {
                tracing::warn!(%error, "ignored an entry of the feed that cannot be decoded");
                None
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::frames::Frames;

    fn fact(n: usize) -> Fact {
        Fact::SessionRevoked { session: format!("a line\nand {}", "x".repeat(n)), until: 1 }
    }

    fn read_one(bytes: &[u8]) -> Frame {
        let mut frames = Frames::new(usize::MAX);
        frames.push(bytes);
        read(&frames.next().unwrap().unwrap()).unwrap()
    }

    #[test]
    fn a_snapshot_is_split_into_bounded_frames() {
        let facts: Vec<_> = (0..500).map(|_| fact(1000)).collect();
        let frames = snapshot(&Snapshot { epoch: "e".into(), position: 7, facts: facts.clone() });
        assert!(frames.len() > 4 && frames.iter().all(|frame| frame.len() < PIECE_BYTES + 2000));
        let mut received = Vec::new();
        for (n, bytes) in frames.iter().enumerate() {
            match read_one(bytes) {
                Frame::Begin(epoch, position) => assert_eq!((&*epoch, position, n), ("e", 7, 0)),
                Frame::Piece(piece) => received.extend(piece),
                Frame::End => assert_eq!(n, frames.len() - 1),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(received, facts);
    }

    #[test]
    fn batches_and_ends_round_trip() {
        for facts in [vec![], vec![fact(1), fact(2)]] {
            let Frame::Batch(read) = read_one(&batch(&Batch { after: 3, position: 5, facts: facts.clone() })) else { panic!() };
            assert_eq!((read.after, read.position, read.facts), (3, 5, facts));
        }
        for error in [Error::Lagged, Error::Gone, Error::Ended, Error::Unavailable("the database is away".to_owned())] {
            let Frame::Over(read) = read_one(&over(&error)) else { panic!() };
            assert_eq!(read, error);
        }
        assert!(matches!(read_one(&resumed()), Frame::Resumed));
    }

    #[test]
    fn unknown_facts_of_a_newer_region_are_skipped() {
        let text = b"B{\"after\":1,\"position\":2}\n{\"kind\":\"weather\"}\n{\"kind\":\"session_revoked\",\"session\":\"s\",\"until\":1}\n";
        let Frame::Batch(batch) = read(text).unwrap() else { panic!() };
        assert_eq!((batch.position, batch.facts.len()), (2, 1));
        assert!(read(b"?").is_err() && read(b"").is_err() && read(b"B{").is_err());
    }
}
