//! Texts that people give, as others are to see them.
//!
//! What shows nothing and what reorders the text around it can make one name look like another, or like none. Unicode says which characters do
//! (`Default_Ignorable_Code_Point`, `Bidi_Control`); they are taken out, for most come along unseen when a text is copied. What joins the
//! letters of Indic and Persian words, and the parts of emoji, stays between such.

use icu_properties::CodePointMapData;
use icu_properties::props::{
    BidiControl, BinaryProperty, DefaultIgnorableCodePoint, GeneralCategory, GeneralCategoryGroup, WhiteSpace,
};
use unicode_normalization::UnicodeNormalization;

/// Shows nothing, although Unicode counts it among the symbols: a pattern of no dots.
const BRAILLE_BLANK: char = '\u{2800}';
/// Zero-width non-joiner and joiner.
const JOINERS: [char; 2] = ['\u{200C}', '\u{200D}'];

/// A name or title in one line: composed (NFC), without what shows nothing or reorders text, with single blanks between its words.
///
/// # Errors
/// Says what is wrong with it: that it has more than one line, or shows nothing.
pub fn line(text: &str) -> Result<String, &'static str> {
    if text.chars().any(|c| {
        matches!(category(c), GeneralCategory::Control | GeneralCategory::LineSeparator | GeneralCategory::ParagraphSeparator)
    }) {
        return Err("must be one line, without control characters");
    }
    let cleaned = cleaned(text);
    let line = cleaned.split(is_blank).filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ");
    if line.chars().any(is_visible) { Ok(line) } else { Err("must have a character that can be seen") }
}

/// A text of several lines, or none: as [`line()`], but with its lines and blanks as they are.
#[must_use]
pub fn paragraphs(text: &str) -> String {
    cleaned(text)
}

/// Composed, without what shows nothing or reorders text.
fn cleaned(text: &str) -> String {
    if text.is_ascii() {
        return text.to_owned();
    }
    let characters: Vec<char> = text.nfc().filter(|c| !is_dropped(*c)).collect();
    let mut cleaned = String::with_capacity(text.len());
    for (at, c) in characters.iter().enumerate() {
        let before = at.checked_sub(1).and_then(|at| characters.get(at));
        let keeps = match *c {
            c if JOINERS.contains(&c) => {
                before.is_some_and(|c| is_joined(*c)) && characters.get(at + 1).is_some_and(|c| is_joined(*c))
            }
            // Variation selectors and tags say how what stands before them looks.
            c if DefaultIgnorableCodePoint::for_char(c) => before.is_some_and(|c| !c.is_ascii_alphabetic() && !is_blank(*c)),
            _ => true,
        };
        if keeps {
            cleaned.push(*c);
        }
    }
    cleaned
}

fn is_dropped(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    let stays = JOINERS.contains(&c) || is_selector(c);
    BidiControl::for_char(c) || (DefaultIgnorableCodePoint::for_char(c) && !stays) || category(c) == GeneralCategory::PrivateUse
}

/// Variation selectors, and the tags of flags.
fn is_selector(c: char) -> bool {
    matches!(c, '\u{FE00}'..='\u{FE0F}' | '\u{E0020}'..='\u{E007F}' | '\u{E0100}'..='\u{E01EF}')
}

/// Whether a joiner beside it means something: letters of other scripts, their marks, emoji and what modifies them.
fn is_joined(c: char) -> bool {
    !c.is_ascii() && (is_visible(c) || is_selector(c) || GeneralCategoryGroup::Mark.contains(category(c)))
}

fn is_visible(c: char) -> bool {
    let category = category(c);
    let shows = [
        GeneralCategoryGroup::Letter,
        GeneralCategoryGroup::Number,
        GeneralCategoryGroup::Punctuation,
        GeneralCategoryGroup::Symbol,
    ];
    c != BRAILLE_BLANK && shows.iter().any(|group| group.contains(category)) && !DefaultIgnorableCodePoint::for_char(c)
}

fn is_blank(c: char) -> bool {
    c == BRAILLE_BLANK || WhiteSpace::for_char(c)
}

fn category(c: char) -> GeneralCategory {
    CodePointMapData::<GeneralCategory>::new().get(c)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn invisible_names_are_refused() {
        for text in [
            "",
            " ",
            "\u{A0}\u{3000}",
            "\u{200B}",
            "\u{200D}\u{200C}",
            "\u{2800}",
            "\u{3164}",
            "\u{115F}\u{1160}",
            "\u{FFA0}",
            "\u{AD}",
            "\u{FEFF}",
            "\u{FE0F}",
            "\u{E0041}",
            "\u{202E}\u{202C}",
            "\u{E000}",
            "\u{301}",
            "\u{180E}",
            "\u{2060} \u{2064}",
        ] {
            assert_eq!(line(text), Err("must have a character that can be seen"), "{:?}", text.escape_unicode().to_string());
        }
        for text in ["two\nlines", "a\u{7}", "\u{2028}a", "a\u{85}b", "a\u{2029}", "a\tb"] {
            assert!(line(text).is_err_and(|why| why.contains("one line")), "{text:?}");
        }
    }

    #[test]
    fn invisible_characters_are_removed_from_names() {
        for (text, cleaned) in [
            ("Night of Strings", "Night of Strings"),
            ("  Blue \u{A0} Hall\u{3000}", "Blue Hall"),
            ("Bl\u{200B}ue\u{AD} H\u{2060}all", "Blue Hall"),
            ("Ad\u{200D}a", "Ada"),
            ("A\u{FE0F}da", "Ada"),
            ("pay\u{202E}lap", "paylap"),
            ("\u{2066}Ada\u{2069}\u{200E}", "Ada"),
            ("Zoe\u{308}", "Zoë"),
            ("Ada\u{2800}\u{2800}Lovelace", "Ada Lovelace"),
            ("Ada\u{F8FF}", "Ada"),
            ("עדה, 14", "עדה, 14"),
            ("می\u{200C}خواهم", "می\u{200C}خواهم"),
            ("ක්\u{200D}රීඩා", "ක්\u{200D}රීඩා"),
            (
                "👩\u{200D}🎤 ❤\u{FE0F} 🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
                "👩\u{200D}🎤 ❤\u{FE0F} 🏴\u{E0067}\u{E0062}\u{E0065}\u{E006E}\u{E0067}\u{E007F}",
            ),
            ("1\u{FE0F}\u{20E3}", "1\u{FE0F}\u{20E3}"),
            ("…!", "…!"),
        ] {
            assert_eq!(line(text).as_deref(), Ok(cleaned), "{:?}", text.escape_unicode().to_string());
            assert_eq!(line(cleaned).as_deref(), Ok(cleaned), "once is enough");
        }
        assert_eq!(paragraphs("One\n\n  two\u{202E} \u{200B}é"), "One\n\n  two é");
    }
}
