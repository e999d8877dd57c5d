//! Text as search compares it.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::limits::{KEY_CHARS, KEY_CHARS_UNSPACED, MAX_QUERY_WORDS};

/// `text` as words in lower case without accents, joined by single spaces.
///
/// Compatibility forms are taken apart (NFKD); of the combining marks only the accents of Latin, Greek and Cyrillic go, because
/// the marks of Indic and other scripts are letters of the word. Letters that Unicode does not take apart but people do
/// (ø, ł, ß, …) are spelled out. Anything but letters, digits and marks separates words; an apostrophe separates nothing.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    let mut gap = false;
    for c in text.nfkd().flat_map(char::to_lowercase).nfkd() {
        if is_accent(c) || is_apostrophe(c) {
            continue;
        }
        if !c.is_alphanumeric() && !is_combining_mark(c) {
            gap = true;
            continue;
        }
        if gap && !folded.is_empty() {
            folded.push(' ');
        }
        gap = false;
        match spelled_out(c) {
            Some(letters) => folded.push_str(letters),
            None => folded.push(c),
        }
    }
    folded
}

/// Whether `word`, folded, occurs in `haystack`: words folded, each with a space before it.
///
/// A word is found by its beginning ("string" finds "Strings", "art" does not find "party"). Scripts written without spaces have no
/// such beginnings and are found anywhere.
pub(crate) fn contains_word(haystack: &str, word: &str) -> bool {
    if word.starts_with(is_unspaced) {
        return haystack.contains(word);
    }
    haystack.match_indices(word).any(|(at, _)| haystack.get(..at).is_some_and(|before| before.ends_with(' ')))
}

/// The words of a query's text, folded; the first [`MAX_QUERY_WORDS`] of them.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    fold(text).split_whitespace().take(MAX_QUERY_WORDS).map(str::to_owned).collect()
}

/// What an index keeps of a folded text. Wherever a word is found in the text, one of these begins with the word's [`key`]; the reverse
/// does not hold, so what an index finds is still to be looked at.
pub fn keys(text: &str) -> impl Iterator<Item = &str> {
    let begins =
        |word: &'_ str| word.char_indices().filter(|(at, c)| *at == 0 || is_unspaced(*c)).map(|(at, _)| at).collect::<Vec<_>>();
    text.split_whitespace().flat_map(move |word| begins(word).into_iter().filter_map(|at| word.get(at..)).map(key))
}

/// What an index looks for to find a folded word: its beginning.
#[must_use]
pub fn key(word: &str) -> &str {
    let chars = if word.starts_with(is_unspaced) { KEY_CHARS_UNSPACED } else { KEY_CHARS };
    word.char_indices().nth(chars).and_then(|(end, _)| word.get(..end)).unwrap_or(word)
}

/// Thai (U+0E00) is the first of the scripts that do not part words; what does part them and comes later is treated as they are.
fn is_unspaced(c: char) -> bool {
    c >= '\u{0E00}'
}

fn is_accent(c: char) -> bool {
    matches!(c, '\u{0300}'..='\u{036F}' | '\u{1AB0}'..='\u{1AFF}' | '\u{1DC0}'..='\u{1DFF}' | '\u{20D0}'..='\u{20FF}' | '\u{FE20}'..='\u{FE2F}')
}

fn is_apostrophe(c: char) -> bool {
    matches!(c, '\'' | '\u{2019}' | '\u{02BC}')
}

fn spelled_out(c: char) -> Option<&'static str> {
    Some(match c {
        'ß' => "ss",
        'æ' => "ae",
        'œ' => "oe",
        'ø' => "o",
        'ł' => "l",
        'đ' | 'ð' => "d",
        'þ' => "th",
        'ħ' => "h",
        'ı' => "i",
        'ŋ' => "ng",
        'ς' => "σ",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folds() {
        for (text, expected) in [
            ("Night of Strings", "night of strings"),
            ("  São   Paulo ", "sao paulo"),
            ("Ångström-Straße", "angstrom strasse"),
            ("Łódź", "lodz"),
            ("İstanbul IĞDIR", "istanbul igdir"),
            ("Ærø, Tromsø", "aero tromso"),
            ("L’Été d'Anna", "lete danna"),
            ("ﬁne ＡＢＣ ①", "fine abc 1"),
            ("ΑΘΗΝΑΣ Ἀθῆνας", "αθηνασ αθηνασ"),
            // Taken apart, but with its vowel signs.
            ("කොළඹ!", "ක\u{dd9}\u{dcf}ළඹ"),
            ("…!?", ""),
            ("", ""),
        ] {
            assert_eq!(fold(text), expected, "{text}");
        }
    }

    #[test]
    fn folding_twice_changes_nothing() {
        for text in ["São Paulo", "Ærø", "が東京タワー", "ﬃ", "Ϋ́", "ẞ", "ŉ"] {
            assert_eq!(fold(&fold(text)), fold(text), "{text}");
        }
    }

    #[test]
    fn keys_begin_words() {
        assert_eq!(keys(" night 2026 philharmonic").collect::<Vec<_>>(), ["night", "2026", "philharm"]);
        assert_eq!(keys(" a東京タ").collect::<Vec<_>>(), ["a東京タ", "東京タ", "京タ", "タ"]);
        assert_eq!((key("philharmonie"), key("東京タワー"), key("")), ("philharm", "東京タ", ""));
        assert_eq!(words("  Été, 2026!"), ["ete", "2026"]);
        assert_eq!(words(&"w ".repeat(100)).len(), MAX_QUERY_WORDS);
    }

    #[test]
    fn finds_words() {
        let haystack = format!(" {}", fold("Night of Strings, Café Zoë 東京タワー"));
        for (word, found) in [
            ("string", true),
            ("strings", true),
            ("cafe", true),
            ("zoe", true),
            ("東京", true),
            ("タワー", true),
            ("ight", false),
            ("afe", false),
            ("x", false),
        ] {
            assert_eq!(contains_word(&haystack, &fold(word)), found, "{word}");
        }
    }
}
