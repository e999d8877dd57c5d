//! What the audit log tells of who acted as an operator, and what it believes.
//!
//! Everything in the journal ends up in the audit log. Where a payload is the platform's own, its members `actor` (who did it) and `network` (from where:
//! enough to see a pattern, too little to follow a person) do as well; what others publish may say what it likes.

use crate::{
    Request,
    journal::{Entry, USER_EVENTS},
    network,
};
use serde_json::Value as Json;

/// What the types of the platform's own events begin with. Nobody else's may.
pub const OWN: [&str; 12] =
    ["access", "account", "booking", "event", "events", "inventory", "key", "organiser", "payment", "session", "ticket", "user"];

/// An operator has published an event of their own.
pub const PUBLISHED: &str = "events.published";
/// An operator has had positions of the journal published again.
pub const REPLAYED: &str = "events.replayed";

/// Whether a type is the platform's own.
pub fn is_own(kind: &str) -> bool {
    kind.split_once('.').is_some_and(|(first, _)| OWN.contains(&first))
}

/// An entry that says what an operator did to what; `details` is an object, never with a secret in it.
pub fn entry(kind: &'static str, subject: &str, actor: &str, request: &Request, mut details: Json) -> Entry {
    if let Some(members) = details.as_object_mut() {
        members.insert("actor".to_owned(), actor.into());
        members.extend(network::of(request).map(|network| ("network".to_owned(), network.into())));
    }
    Entry { topic: USER_EVENTS, kind, aggregate: subject.to_owned(), version: 0, payload: details, fact: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::{HeaderMap, HeaderValue, Method};

    fn from(address: &str) -> Request {
        let mut headers = HeaderMap::new();
        headers.insert("spin-client-addr", HeaderValue::from_str(address).unwrap());
        Request::head(Method::GET, "/", headers)
    }

    #[test]
    fn an_entry_says_who_did_what_and_from_where() {
        let entry = entry(PUBLISHED, "b.0", "eu_root", &from("192.0.2.9:1"), serde_json::json!({"type": "a.b"}));
        assert_eq!((entry.topic, entry.kind, entry.aggregate.as_str()), (USER_EVENTS, "events.published", "b.0"));
        assert_eq!(entry.payload, serde_json::json!({"type": "a.b", "actor": "eu_root", "network": "192.0.2.0/24"}));
    }

    #[test]
    fn own_types_are_known_by_how_they_begin() {
        assert!(is_own("payment.completed") && is_own(PUBLISHED) && is_own("key.ended"));
        assert!(!is_own("com.example.poster") && !is_own("user") && !is_own("users.import") && !is_own(""));
    }
}
