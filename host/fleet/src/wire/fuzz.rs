//! What a stolen node may send: any bytes, and those of a good message with some of them changed. Nothing here may panic, take more memory than came, or
//! read as something that would be written otherwise.

use std::sync::Arc;

use bytes::Bytes;
use edge::feed::{Batch, Error, Snapshot};
use http::{HeaderValue, Request};
use read_model::Fact;
use vocabulary::accounts::{Address, Erasure, GuestClaim, GuestExchange, GuestLink};

use super::accounts;
use super::commands::{self, examples};
use super::frames::{Frames, frame};
use super::{feed, forward};
use crate::limits::COMMANDS;
use crate::revocations::{self, Lists};

/// A request with one of each action, a frame with one of each answer, one of each kind that a feed has, a list of revoked
/// certificates, and what is asked about accounts.
fn messages() -> Vec<Vec<u8>> {
    let encoded: Vec<Bytes> = examples::commands().iter().map(|command| commands::encode(command).unwrap()).collect();
    let answers: Vec<_> = (0..).zip(examples::given()).collect();
    let facts = vec![
        Fact::SessionRevoked { session: "eu_s".to_owned(), until: 7 },
        Fact::Key { kid: "k".to_owned(), public_key: "p".to_owned(), until: None },
    ];
    let snapshot = feed::snapshot(&Snapshot { epoch: Arc::from("e"), position: 7, facts: facts.clone() });
    let batch = feed::batch(&Batch { after: 7, position: 8, facts });
    let rest = [batch, feed::resumed(), feed::over(&Error::Gone), feed::over(&Error::Unavailable("x".to_owned()))];
    let list = frame(|into| into.extend(b"\x30\x03\x02\x01\x01"));
    let frames = snapshot.into_iter().chain(rest).map(|frame| frame.to_vec());
    let calls = [commands::request(7, encoded.iter()).to_vec(), commands::answers(&answers).unwrap().to_vec(), list.to_vec()];
    let address = Address {
        id: "eu_u".to_owned(),
        email: "a@example.com".to_owned(),
        name: "A".to_owned(),
        verified_at: Some(7),
        language: Some("de".to_owned()),
        guest: true,
    };
    let link =
        GuestLink { hash: "h".to_owned(), guest: "eu_g".to_owned(), booking: "us_b".to_owned(), created_at: 7, expires_at: 8 };
    let exchange = GuestExchange { links: vec![link], since: 7, after: "eu_g".to_owned() };
    let erasure = Erasure { sequence: 7, user: "eu_u".to_owned(), email: Some("a@example.com".to_owned()) };
    let claim = GuestClaim { guest: "eu_g".to_owned(), account: "eu_u".to_owned(), claimed_at: 7 };
    let asked = [
        accounts::write(&["eu_u"]).to_vec(),
        accounts::write(&[address]).to_vec(),
        accounts::write(&7).to_vec(),
        accounts::write(&[erasure]).to_vec(),
        accounts::write(&exchange).to_vec(),
        accounts::write(&[claim]).to_vec(),
    ];
    frames.chain(calls).chain(asked).collect()
}

/// Every frame that there is in these bytes, however they come.
fn taken(bytes: &[u8], piece: usize) -> Vec<Bytes> {
    let (mut frames, mut taken) = (Frames::new(4_096), Vec::new());
    for piece in bytes.chunks(piece.max(1)) {
        frames.push(piece);
        loop {
            match frames.next() {
                Ok(Some(frame)) => taken.push(frame),
                Ok(None) => break,
                Err(_) => return taken,
            }
        }
    }
    taken
}

#[test]
fn fuzz_wire() {
    let messages = messages();
    let seeds: Vec<&[u8]> = messages.iter().map(Vec::as_slice).collect();
    fuzz::bytes(&seeds, |bytes| {
        if let Ok(commands) = commands::read_request(bytes, 1_000) {
            assert!(commands.len() <= COMMANDS);
            // What was read is what would be written: no two nodes take it differently.
            let encoded: Vec<Bytes> = commands.iter().filter_map(commands::encode).collect();
            if encoded.len() == commands.len() {
                let again = commands::read_request(&commands::request(0, encoded.iter()), 0).unwrap();
                assert_eq!(again.len(), commands.len());
            }
        }
        let frames = taken(bytes, bytes.len());
        // However they are cut, the same frames come out.
        assert_eq!(taken(bytes, 3), frames);
        for frame in frames.iter().map(Bytes::as_ref).chain([bytes]) {
            if let Ok(answers) = commands::read_answers(frame) {
                assert!(answers.len() <= COMMANDS);
                let again = commands::answers(&answers).unwrap();
                assert_eq!(commands::read_answers(&again[4..]), Ok(answers));
            }
            drop(feed::read(frame));
        }
        if let Ok(users) = accounts::read_users(bytes) {
            assert!(users.len() <= vocabulary::limits::ADDRESSES);
            assert_eq!(accounts::read_users(&accounts::write(&users)), Ok(users));
        }
        if let Ok(list) = accounts::read_addresses(bytes) {
            assert_eq!(accounts::read_addresses(&accounts::write(&list)), Ok(list));
        }
        if let Ok(list) = accounts::read_erasures(bytes) {
            assert_eq!(accounts::read_erasures(&accounts::write(&list)), Ok(list));
        }
        if let Ok(sequence) = accounts::read_sequence(bytes) {
            assert_eq!(accounts::read_sequence(&accounts::write(&sequence)), Ok(sequence));
        }
        if let Ok(exchange) = accounts::read_exchange(bytes) {
            assert!(exchange.links.len() <= vocabulary::limits::GUEST_LINKS);
            assert_eq!(accounts::read_exchange(&accounts::write(&exchange)), Ok(exchange));
        }
        if let Ok(claims) = accounts::read_claims(bytes) {
            assert_eq!(accounts::read_claims(&accounts::write(&claims)), Ok(claims));
        }
        if let Ok(value) = HeaderValue::from_bytes(bytes) {
            let problem = forward::read_problem(&value);
            assert_eq!(forward::read_problem(&forward::write_problem(problem)), problem);
        }
        let mut lists = Lists::default();
        for list in revocations::read(bytes).unwrap_or_default() {
            assert!(lists.take(&list, &[], &rustls::crypto::ring::default_provider()).is_err());
        }
    });
}

#[test]
fn fuzz_wire_paths() {
    fuzz::text(&["/node/v5/forward/api/events?q=a", "/node/v5/forward", "/node/v5/forward//x"], |path| {
        let Ok(request) = Request::get(path).header("marquee-forward-authority", "example.com").body(()) else { return };
        if let Some(parts) = forward::incoming(request.into_parts().0) {
            assert!(parts.uri.path().starts_with('/'));
            assert!(parts.headers.is_empty());
        }
    });
}
