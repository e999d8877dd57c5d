//! What is sent of a thing: made once, and the same bytes for all.

use bytes::{BufMut as _, Bytes, BytesMut};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use super::wanted::Kind;

/// One state of something that is watched.
#[derive(Debug)]
pub(crate) struct Update {
    /// As a WebSocket's message.
    pub(crate) text: Utf8Bytes,
    /// As a server-sent event: the same bytes, with its frame around them.
    pub(crate) event: Bytes,
}

impl Update {
    /// It is as its `GET` answered; none where that is no text.
    pub(crate) fn value(kind: Kind, id: &str, body: &[u8]) -> Option<Self> {
        Self::of(kind.as_str(), &format!("{{\"type\":\"{}\",\"id\":\"{id}\",\"value\":", kind.as_str()), body)
    }

    /// It cannot be watched, and this problem says why.
    pub(crate) fn refused(kind: Kind, id: &str, problem: &[u8]) -> Option<Self> {
        Self::of("refused", &format!("{{\"type\":\"refused\",\"of\":\"{}\",\"id\":\"{id}\",\"problem\":", kind.as_str()), problem)
    }

    /// Ids have no letter that JSON would escape.
    fn of(name: &str, head: &str, value: &[u8]) -> Option<Self> {
        let frame = format!("event: {name}\ndata: ");
        let mut bytes = BytesMut::with_capacity(frame.len() + head.len() + value.len() + 3);
        bytes.put_slice(frame.as_bytes());
        bytes.put_slice(head.as_bytes());
        // In JSON a line ends between values only, and in an event it would end the data.
        bytes.extend(value.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        bytes.put_u8(b'}');
        let end = bytes.len();
        bytes.put_slice(b"\n\n");
        let event = bytes.freeze();
        let text = Utf8Bytes::try_from(event.slice(frame.len()..end)).ok()?;
        Some(Self { text, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_say_the_same() {
        let update = Update::value(Kind::Availability, "eu_1", b"{\n\"version\": 3}").unwrap();
        assert_eq!(&*update.text, r#"{"type":"availability","id":"eu_1","value":{ "version": 3}}"#);
        assert_eq!(update.event, format!("event: availability\ndata: {}\n\n", &*update.text));
        let refused = Update::refused(Kind::Booking, "eu_2", br#"{"status":404}"#).unwrap();
        assert_eq!(&*refused.text, r#"{"type":"refused","of":"booking","id":"eu_2","problem":{"status":404}}"#);
        assert!(Update::value(Kind::Booking, "eu_2", b"\xff").is_none());
    }
}
