//! What a stolen node may send: any bytes, and those of a good message with some of them changed. Nothing here may panic, take more memory than came, or
//! read as something that would be written otherwise.
//!
//! `cargo xtask fuzz` looks for longer; CI takes the usual number of cases.

use std::sync::Arc;

use bytes::Bytes;
use edge::feed::{Batch, Error, Snapshot};
use http::{HeaderValue, Request};
use proptest::prelude::*;
use proptest::sample::Index;
use read_model::Fact;

use super::commands::{self, examples};
use super::frames::{Frames, frame};
use super::{feed, forward};
use crate::revocations::{self, Lists};

/// Changes that a wire or an attacker may make to a message.
#[derive(Clone, Debug)]
enum Change {
    Set(Index, u8),
    Flip(Index, u8),
    Cut(Index),
    Insert(Index, Vec<u8>),
    Repeat(Index, Index),
}

fn change() -> impl Strategy<Value = Change> {
    let at = any::<Index>;
    prop_oneof![
        (at(), any::<u8>()).prop_map(|(at, byte)| Change::Set(at, byte)),
        (at(), 0..8_u8).prop_map(|(at, bit)| Change::Flip(at, bit)),
        at().prop_map(Change::Cut),
        (at(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Change::Insert(at, bytes)),
        (at(), at()).prop_map(|(from, to)| Change::Repeat(from, to)),
    ]
}

fn changed(mut bytes: Vec<u8>, changes: Vec<Change>) -> Vec<u8> {
    for change in changes {
        if bytes.is_empty() {
            break;
        }
        let length = bytes.len();
        match change {
            Change::Set(at, byte) => bytes[at.index(length)] = byte,
            Change::Flip(at, bit) => bytes[at.index(length)] ^= 1 << bit,
            Change::Cut(at) => bytes.truncate(at.index(length)),
            Change::Insert(at, more) => {
                let at = at.index(length);
                bytes.splice(at..at, more);
            }
            Change::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                let piece = bytes[from.min(to)..from.max(to)].to_vec();
                bytes.extend(piece);
            }
        }
    }
    bytes
}

/// Any bytes, or a good message with changes.
fn message(good: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    let good = (prop::sample::select(good), prop::collection::vec(change(), 0..6));
    prop_oneof![
        1 => prop::collection::vec(any::<u8>(), 0..2_000),
        4 => good.prop_map(|(bytes, changes)| changed(bytes, changes)),
    ]
}

fn requests() -> Vec<Vec<u8>> {
    let encoded: Vec<Bytes> = examples::commands().iter().map(|command| commands::encode(command).unwrap()).collect();
    let each = encoded.iter().map(|command| commands::request(7, std::iter::once(command)).to_vec());
    each.chain([commands::request(7, encoded.iter()).to_vec()]).collect()
}

fn frames_of_answers() -> Vec<Vec<u8>> {
    let given = examples::given();
    let answers: Vec<_> = (0..).zip(given).collect();
    let each = answers.iter().map(|answer| commands::answers(std::slice::from_ref(answer)).unwrap().to_vec());
    each.chain([commands::answers(&answers).unwrap().to_vec()]).collect()
}

fn frames_of_feeds() -> Vec<Vec<u8>> {
    let facts = vec![
        Fact::SessionRevoked { session: "eu_s".to_owned(), until: 7 },
        Fact::Key { kid: "k".to_owned(), public_key: "p".to_owned() },
    ];
    let snapshot = feed::snapshot(&Snapshot { epoch: Arc::from("e"), position: 7, facts: facts.clone() });
    let batch = feed::batch(&Batch { after: 7, position: 8, facts });
    let rest = [batch, feed::resumed(), feed::over(&Error::Gone), feed::over(&Error::Unavailable("x".to_owned()))];
    snapshot.into_iter().chain(rest).map(|frame| frame.to_vec()).collect()
}

/// Every frame that there is in these bytes, however they come.
fn taken(bytes: &[u8], piece: usize) -> Vec<Bytes> {
    let (mut frames, mut taken) = (Frames::new(4_096), Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        frames.push(piece);
        while let Ok(Some(frame)) = frames.next() {
            taken.push(frame);
        }
    }
    taken
}

proptest! {
    #[test]
    fn commands_of_anybody_are_read_or_refused(bytes in message(requests()), now in any::<i64>()) {
        if let Ok(commands) = commands::read_request(&bytes, now) {
            prop_assert!(commands.len() <= crate::limits::COMMANDS);
            // What was read is what would be written: no two nodes take it differently.
            let encoded: Vec<Bytes> = commands.iter().filter_map(commands::encode).collect();
            if encoded.len() == commands.len() {
                let again = commands::read_request(&commands::request(0, encoded.iter()), 0);
                prop_assert_eq!(again, Ok(commands));
            }
        }
    }

    #[test]
    fn answers_of_anybody_are_read_or_refused(bytes in message(frames_of_answers()), piece in 1..64_usize) {
        for frame in taken(&bytes, piece) {
            if let Ok(answers) = commands::read_answers(&frame) {
                prop_assert!(answers.len() <= crate::limits::COMMANDS);
                let again = commands::answers(&answers).unwrap();
                prop_assert_eq!(commands::read_answers(&again[4..]), Ok(answers));
            }
        }
    }

    #[test]
    fn feeds_of_anybody_are_read_or_refused(bytes in message(frames_of_feeds()), piece in 1..64_usize) {
        for frame in taken(&bytes, piece) {
            _ = feed::read(&frame);
        }
        _ = feed::read(&bytes);
    }

    #[test]
    fn frames_are_the_same_however_they_are_cut(bytes in message(frames_of_feeds()), one in 1..64_usize, other in 1..64_usize) {
        prop_assert_eq!(taken(&bytes, one), taken(&bytes, other));
    }

    #[test]
    fn requests_of_anybody_keep_their_path_and_no_more(path in "/node/v3/forward[ -~]{0,80}", authority in "[ -~]{0,40}") {
        let Ok(request) = Request::get(&path).header("marquee-forward-authority", authority).body(()) else { return Ok(()) };
        let (parts, ()) = request.into_parts();
        if let Some(parts) = forward::incoming(parts) {
            prop_assert!(parts.uri.path().starts_with('/'));
            prop_assert!(parts.headers.is_empty());
        }
    }

    #[test]
    fn problems_of_anybody_are_read(text in "[ -~]{0,40}") {
        if let Ok(value) = HeaderValue::try_from(text) {
            let problem = forward::read_problem(&value);
            prop_assert_eq!(forward::read_problem(&forward::write_problem(problem)), problem);
        }
    }

    #[test]
    fn lists_of_anybody_revoke_nothing(bytes in message(vec![frame(|into| into.extend(b"\x30\x03\x02\x01\x01")).to_vec()])) {
        let mut lists = Lists::default();
        for list in revocations::read(&bytes).unwrap_or_default() {
            prop_assert!(lists.take(&list, &[], &rustls::crypto::ring::default_provider()).is_err());
        }
        _ = lists.take(&bytes, &[], &rustls::crypto::ring::default_provider());
        prop_assert!(lists.write().is_empty());
    }
}
