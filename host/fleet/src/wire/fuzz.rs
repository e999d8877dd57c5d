//! What crosses between nodes may come from an edge that was stolen: whatever it sends is read or refused, and no more of it is kept than may be.

use super::frames::Frames;
use super::{commands, feed, forward};
use crate::limits::COMMANDS;

#[test]
fn fuzz_wire() {
    let [request, answers] = commands::tests::samples();
    let seeds: [&[u8]; 6] = [
        &request,
        &answers,
        b"S{\"epoch\":\"e\",\"position\":7}",
        b"B{\"after\":1,\"position\":2}\n{\"kind\":\"session-revoked\",\"session_id\":\"s\",\"until\":9}\n",
        b"Xlagged",
        b"\x05\0\0\0hello\0\0\0\0\x01\0\0\0E",
    ];
    fuzz::bytes(&seeds, |bytes| {
        if let Ok(commands) = commands::read_request(bytes, 1_000) {
            assert!(commands.len() <= COMMANDS);
        }
        if let Ok(answers) = commands::read_answers(bytes) {
            assert!(answers.len() <= COMMANDS);
        }
        drop(feed::read(bytes));
        if let Ok(value) = http::HeaderValue::from_bytes(bytes) {
            forward::read_problem(&value);
        }
        // However it is cut, the same frames come out.
        let frames = |size: usize| {
            let (mut frames, mut found) = (Frames::new(64), Vec::new());
            for piece in bytes.chunks(size) {
                frames.push(piece);
                loop {
                    match frames.next() {
                        Ok(Some(frame)) => found.push(frame),
                        Ok(None) => break,
                        Err(_) => return found,
                    }
                }
            }
            found
        };
        let whole = frames(bytes.len().max(1));
        assert!(whole.iter().all(|frame| frame.len() <= 64));
        assert_eq!(frames(3), whole);
    });
}
