//! In which language somebody is written to: a BCP 47 tag. Which of them mails are written in is the worker's to know.

use crate::limits;
use icu_locale_core::Locale;
use kit::{Request, accept, json};

/// Of who has said nothing else.
pub const DEFAULT: &str = "en";

/// A tag in its one spelling, without extensions; none where it is no tag, or names no language.
pub fn normalise(text: &str) -> Option<String> {
    if text.len() > limits::LANGUAGE_CHARACTERS {
        return None;
    }
    let locale = Locale::try_from_str(text).ok()?;
    let id = locale.id;
    (!id.language.is_unknown()).then(|| id.to_string())
}

/// What somebody's browser likes best.
pub fn preferred(request: &Request) -> String {
    accept::languages(request).into_iter().find_map(normalise).unwrap_or_else(|| DEFAULT.to_owned())
}

/// `language`, in its one spelling.
pub fn read(body: &mut json::Reader) -> Option<String> {
    let text = body.optional_text("language", 1..=limits::LANGUAGE_CHARACTERS)?;
    let language = normalise(&text);
    if language.is_none() {
        body.fault("language", "must be a BCP 47 language tag, for example de or de-AT");
    }
    language
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_spelling_each() {
        for (text, kept) in [
            ("de", Some("de")),
            ("DE-at", Some("de-AT")),
            ("zh-hant-tw", Some("zh-Hant-TW")),
            ("si-LK-u-nu-latn", Some("si-LK")),
            ("und", None),
            ("*", None),
            ("", None),
            ("d", None),
            ("deutsch!", None),
            ("de\r\nBcc: eve@example.com", None),
            ("../../etc", None),
        ] {
            assert_eq!(normalise(text).as_deref(), kept, "{text}");
        }
        assert_eq!(normalise(&format!("de{}", "-abcde".repeat(20))), None);
    }
}
