//! `Marquee-Seen`: what a client has written, so that it reads its own writes.

use crate::{Request, Response};
pub use read_model::{Seen, SeenKind};

impl Response {
    /// This answer, telling the client that it has now seen this version, beside all that it had seen before.
    pub fn seen(self, request: &Request, kind: SeenKind, event: &str, version: u64) -> Self {
        let mut seen = request.header("marquee-seen").map(Seen::parse).unwrap_or_default();
        seen.note(kind, event, version);
        match seen.render() {
            Some(token) => self.header("marquee-seen", token),
            None => self,
        }
    }
}
