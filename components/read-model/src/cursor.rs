//! Where a page ended: the sort key and id of its last event.
//!
//! A keyset and not an offset: events that come and go between two pages neither repeat nor hide others.

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::limits::MAX_CURSOR_BYTES;
use crate::search::SortKey;

/// What an event is sorted by. Only keys of one kind are ever compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub(crate) enum Key {
    Number(i64),
    Text(String),
}

/// `Key` without owning it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum KeyRef<'a> {
    Number(i64),
    Text(&'a str),
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Cursor {
    sort: SortKey,
    descending: bool,
    key: Key,
    id: String,
}

impl Cursor {
    pub(crate) fn at(sort: SortKey, descending: bool, key: KeyRef<'_>, id: &str) -> Self {
        let key = match key {
            KeyRef::Number(number) => Key::Number(number),
            KeyRef::Text(text) => Key::Text(text.to_owned()),
        };
        Self { sort, descending, key, id: id.to_owned() }
    }

    /// Base64url of JSON; `None` only if JSON cannot be written, which its types exclude.
    pub(crate) fn render(&self) -> Option<String> {
        serde_json::to_vec(&(self.sort, self.descending, &self.key, &self.id)).ok().map(|json| URL_SAFE_NO_PAD.encode(json))
    }

    /// `None` if it is not a cursor of this sort and direction.
    pub(crate) fn parse(text: &str, sort: SortKey, descending: bool) -> Option<Self> {
        if text.len() > MAX_CURSOR_BYTES {
            return None;
        }
        let json = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (its_sort, its_descending, key, id) = serde_json::from_slice::<(SortKey, bool, Key, String)>(&json).ok()?;
        let kinds_agree =
            matches!((sort, &key), (SortKey::Title, Key::Text(_)) | (SortKey::StartsAt | SortKey::Price, Key::Number(_)));
        (its_sort == sort && its_descending == descending && kinds_agree).then_some(Self { sort, descending, key, id })
    }

    /// Whether an event with `key` and `id` comes after this.
    pub(crate) fn is_before(&self, key: KeyRef<'_>, id: &str) -> bool {
        let mine = match &self.key {
            Key::Number(number) => KeyRef::Number(*number),
            Key::Text(text) => KeyRef::Text(text),
        };
        let order = (mine, self.id.as_str()).cmp(&(key, id));
        order == if self.descending { Ordering::Greater } else { Ordering::Less }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_round_trip() {
        for (sort, descending, key) in [
            (SortKey::StartsAt, false, KeyRef::Number(1_790_000_000_000_000)),
            (SortKey::Price, true, KeyRef::Number(0)),
            (SortKey::Title, false, KeyRef::Text("night of \"strings\"")),
        ] {
            let cursor = Cursor::at(sort, descending, key, "eu_1");
            let text = cursor.render().unwrap();
            assert_eq!(Cursor::parse(&text, sort, descending), Some(cursor));
            assert_eq!(Cursor::parse(&text, sort, !descending), None);
        }
    }

    #[test]
    fn foreign_cursors_are_refused() {
        let encode = |json: &str| URL_SAFE_NO_PAD.encode(json);
        for text in [
            String::new(),
            "***".to_owned(),
            encode("nonsense"),
            encode("[]"),
            encode(r#"["starts_at",false,"text","eu_1"]"#),
            encode(r#"["price",false,1,"eu_1"]"#),
            encode(r#"["starts_at",true,1,"eu_1"]"#),
            encode(r#"["starts_at",false,1.5,"eu_1"]"#),
            encode(r#"["starts_at",false,1,"eu_1",2]"#),
            "A".repeat(MAX_CURSOR_BYTES + 1),
        ] {
            assert_eq!(Cursor::parse(&text, SortKey::StartsAt, false), None, "{text}");
        }
    }

    #[test]
    fn fuzz_cursors() {
        let cursors = [
            (SortKey::Title, KeyRef::Text("Été")),
            (SortKey::StartsAt, KeyRef::Number(-7)),
            (SortKey::Price, KeyRef::Number(i64::MAX)),
        ];
        let cursors: Vec<String> =
            cursors.iter().map(|(sort, key)| Cursor::at(*sort, true, *key, "eu_1").render().unwrap()).collect();
        let json = String::from_utf8(URL_SAFE_NO_PAD.decode(&cursors[0]).unwrap()).unwrap();
        let seeds: Vec<&str> = cursors.iter().map(String::as_str).chain([json.as_str()]).collect();
        fuzz::text(&seeds, |text| {
            // As it was sent, and as a client who knows what is in it would make it.
            for text in [text.to_owned(), URL_SAFE_NO_PAD.encode(text)] {
                for sort in [SortKey::Title, SortKey::StartsAt, SortKey::Price] {
                    let Some(cursor) = Cursor::parse(&text, sort, true) else { continue };
                    assert_eq!(Cursor::parse(&cursor.render().unwrap(), sort, true), Some(cursor));
                    assert!(text.len() <= MAX_CURSOR_BYTES);
                }
            }
        });
    }
}
