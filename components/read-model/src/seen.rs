//! What a client has seen already: the `Marquee-Seen` token.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::limits::{MAX_ID_BYTES, MAX_SEEN_BYTES, MAX_SEEN_ENTRIES};
use crate::model::ReadModel;

/// What a version is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SeenKind {
    /// An event's revision.
    #[serde(rename = "e")]
    Event,
    /// An event's inventory version.
    #[serde(rename = "i")]
    Inventory,
    /// A region's epoch, by its number ([`epoch_number`]).
    #[serde(rename = "h")]
    History,
    /// A position of a region's journal, in that epoch.
    #[serde(rename = "p")]
    Position,
}

/// Where a reader has seen a region stand: its epoch's number, and a position in it.
pub type EpochPosition = (u64, i64);

/// Epochs in the order in which they began: the number that an epoch's name begins with, in hexadecimal digits; 0 where it does not.
#[must_use]
pub fn epoch_number(epoch: &str) -> u64 {
    let digits = epoch.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default();
    u64::from_str_radix(digits, 16).unwrap_or(0)
}

/// Versions that a client knows exist, newest last; at most [`MAX_SEEN_ENTRIES`].
///
/// As a token: base64url of `[["e", event id, revision], ["i", event id, version], ["h", region, epoch], ["p", region, position], …]`. It comes from outside: nonsense in it is
/// ignored, and the worst that a forged one does is to send its own reader to the region.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    entries: Vec<(SeenKind, String, u64)>,
}

impl Seen {
    /// Reads a token; anything that is not one is as good as none.
    #[must_use]
    pub fn parse(token: &str) -> Self {
        let mut seen = Self::default();
        if token.len() > MAX_SEEN_BYTES {
            return seen;
        }
        let entries = URL_SAFE_NO_PAD
            .decode(token.trim())
            .ok()
            .and_then(|json| serde_json::from_slice::<Vec<(SeenKind, String, u64)>>(&json).ok());
        for (kind, id, version) in entries.unwrap_or_default() {
            seen.note(kind, &id, version);
        }
        seen
    }

    /// Adds a version as the newest. A higher one that is known already stays.
    pub fn note(&mut self, kind: SeenKind, event_id: &str, version: u64) {
        if event_id.is_empty() || event_id.len() > MAX_ID_BYTES {
            return;
        }
        let known = self.entries.iter().position(|(k, id, _)| *k == kind && id == event_id).map(|at| self.entries.remove(at).2);
        self.entries.push((kind, event_id.to_owned(), known.unwrap_or(0).max(version)));
        if self.entries.len() > MAX_SEEN_ENTRIES {
            self.entries.remove(0);
        }
    }

    /// Where the reader has seen a region stand.
    #[must_use]
    pub fn stand(&self, region: &str) -> Option<EpochPosition> {
        let of = |kind| self.entries.iter().find(|(k, id, _)| *k == kind && id == region).map(|(_, _, number)| *number);
        Some((of(SeenKind::History)?, i64::try_from(of(SeenKind::Position)?).unwrap_or(i64::MAX)))
    }

    /// Notes that the reader is shown a region at that position. Where that is another epoch than the one seen before, what was seen in that one (of what
    /// `belongs` to the region) is no longer waited for: it may never come again.
    pub fn stood(&mut self, region: &str, (history, position): EpochPosition, belongs: impl Fn(&str) -> bool) {
        let before = self.stand(region);
        match before {
            Some((known, _)) if known > history => return,
            Some((known, _)) if known < history => self.entries.retain(|(kind, id, _)| match kind {
                SeenKind::Event | SeenKind::Inventory => !belongs(id),
                SeenKind::History | SeenKind::Position => id != region,
            }),
            _ => {}
        }
        self.note(SeenKind::History, region, history);
        self.note(SeenKind::Position, region, u64::try_from(position).unwrap_or(0));
    }

    /// Adds what `newer` has seen.
    pub fn merge(&mut self, newer: &Self) {
        for (kind, id, version) in &newer.entries {
            self.note(*kind, id, *version);
        }
    }

    /// The token; `None` if there is nothing to say.
    #[must_use]
    pub fn render(&self) -> Option<String> {
        if self.entries.is_empty() {
            return None;
        }
        serde_json::to_vec(&self.entries).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
    }

    /// Whether nothing was seen.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The versions, newest last.
    pub fn entries(&self) -> impl Iterator<Item = (SeenKind, &str, u64)> {
        self.entries.iter().map(|(kind, id, version)| (*kind, id.as_str(), *version))
    }

    /// Whether `model` is at least as new as all of it that `concerns` it, by the event's id.
    #[must_use]
    pub fn satisfied_by(&self, model: &ReadModel, concerns: impl Fn(&str) -> bool) -> bool {
        self.entries().filter(|(_, id, _)| concerns(id)).all(|(kind, id, version)| {
            let known = match kind {
                SeenKind::Event => model.event_revision(id),
                SeenKind::Inventory => model.inventory_version(id),
                // Where regions stand, no model knows.
                SeenKind::History | SeenKind::Position => return true,
            };
            known.is_some_and(|known| known >= version)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::{availability, event};
    use crate::{Entry, Fact};

    fn seen(entries: &[(SeenKind, &str, u64)]) -> Seen {
        let mut seen = Seen::default();
        for (kind, id, version) in entries {
            seen.note(*kind, id, *version);
        }
        seen
    }

    #[test]
    fn values_round_trip() {
        let written = seen(&[(SeenKind::Event, "eu_1", 3), (SeenKind::Inventory, "eu_1", 17)]);
        assert_eq!(Seen::parse(&written.render().unwrap()), written);
        assert_eq!(Seen::default().render(), None);
    }

    #[test]
    fn malformed_tokens_are_ignored() {
        let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for token in [
            String::new(),
            "%%%".to_owned(),
            encode("{}"),
            encode(r#"[["x","eu_1",1]]"#),
            encode(r#"[["e","eu_1",-1]]"#),
            encode(r#"[["e","",1]]"#),
            encode(&format!(r#"[["e","{}",1]]"#, "a".repeat(MAX_ID_BYTES + 1))),
            "A".repeat(MAX_SEEN_BYTES + 1),
        ] {
            assert!(Seen::parse(&token).is_empty(), "{token}");
        }
    }

    #[test]
    fn merging_keeps_the_newest_epoch_and_highest_position() {
        let mut old = seen(&[(SeenKind::Event, "a", 5), (SeenKind::Event, "b", 1)]);
        old.merge(&seen(&[(SeenKind::Event, "a", 4), (SeenKind::Inventory, "a", 9)]));
        let entries: Vec<_> = old.entries().collect();
        assert_eq!(entries, [(SeenKind::Event, "b", 1), (SeenKind::Event, "a", 5), (SeenKind::Inventory, "a", 9)]);

        for n in 0..20 {
            old.note(SeenKind::Event, &format!("e{n}"), 1);
        }
        assert_eq!(old.entries().count(), MAX_SEEN_ENTRIES);
        assert_eq!(old.entries().last(), Some((SeenKind::Event, "e19", 1)));
    }

    #[test]
    fn positions_grow_within_an_epoch_and_restart_with_a_new_one() {
        let belongs = |id: &str| id.starts_with("eu_");
        let mut seen = seen(&[(SeenKind::Inventory, "eu_1", 9), (SeenKind::Inventory, "us_1", 4)]);
        assert_eq!(seen.stand("eu"), None);
        for (stand, expected) in [((7, 10), (7, 10)), ((7, 8), (7, 10)), ((7, 12), (7, 12)), ((6, 90), (7, 12))] {
            seen.stood("eu", stand, belongs);
            assert_eq!(seen.stand("eu"), Some(expected));
        }
        assert_eq!(seen.entries().filter(|(kind, ..)| *kind == SeenKind::Inventory).count(), 2);
        seen.stood("eu", (8, 3), belongs);
        assert_eq!(seen.stand("eu"), Some((8, 3)));
        let left: Vec<_> = seen.entries().filter(|(kind, ..)| *kind == SeenKind::Inventory).collect();
        assert_eq!(left, [(SeenKind::Inventory, "us_1", 4)]);
        assert_eq!(Seen::parse(&seen.render().unwrap()), seen);
        assert_eq!(["1a-2@x", "", "?", "g"].map(epoch_number), [26, 0, 0, 0]);
    }

    #[test]
    fn required_positions_are_those_seen() {
        let mut model = ReadModel::default();
        model.apply(Fact::Event(event("eu_1")));
        model.apply(Fact::Availability(availability("eu_1", 4, &[1])));
        let revision = Entry::new(event("eu_1")).doc.revision;
        for (kind, id, version, satisfied) in [
            (SeenKind::Event, "eu_1", revision, true),
            (SeenKind::Event, "eu_1", revision + 1, false),
            (SeenKind::Inventory, "eu_1", 4, true),
            (SeenKind::Inventory, "eu_1", 5, false),
            (SeenKind::Event, "eu_2", 1, false),
        ] {
            assert_eq!(seen(&[(kind, id, version)]).satisfied_by(&model, |_| true), satisfied, "{id} {version}");
            assert!(seen(&[(kind, id, version)]).satisfied_by(&model, |_| false));
        }
        assert!(Seen::default().satisfied_by(&model, |_| true));
    }

    #[test]
    fn fuzz_seen() {
        let token = seen(&[(SeenKind::Event, "eu_1", 3), (SeenKind::Inventory, "us_2", u64::MAX)]).render().unwrap();
        let json = String::from_utf8(URL_SAFE_NO_PAD.decode(&token).unwrap()).unwrap();
        fuzz::text(&[&token, &json], |text| {
            for text in [text.to_owned(), URL_SAFE_NO_PAD.encode(text)] {
                let seen = Seen::parse(&text);
                assert!(seen.entries().count() <= MAX_SEEN_ENTRIES);
                assert!(seen.entries().all(|(_, id, _)| (1..=MAX_ID_BYTES).contains(&id.len())));
                assert_eq!(seen.render().map_or(seen.clone(), |token| Seen::parse(&token)), seen, "{text}");
            }
        });
    }
}
