//! Text as search compares it.

use std::iter::Peekable;

use icu_properties::props::{BinaryProperty, DefaultIgnorableCodePoint};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::{canonical_combining_class, is_combining_mark};

use crate::limits::{KEY_CHARS, KEY_CHARS_UNSPACED, MAX_QUERY_WORDS, MAX_SIGNS};

/// `text` as words in lower case without accents, joined by single spaces.
///
/// Compatibility forms are taken apart (NFKD). Of the combining marks those go that people leave out: accents, and the points of Hebrew and
/// Arabic; the marks of Indic and other scripts are letters of the word. Unicode's combining classes tell one from the other. Letters that
/// Unicode does not take apart but people do (ø, ł, ß, …) are spelled out. What Unicode says shows nothing (soft hyphens, zero-width
/// characters) is not there. Anything but letters, digits and marks separates words, but for an apostrophe, which separates nothing, and for
/// the signs at the end of `C++` and `C#`.
#[must_use]
pub fn fold(text: &str) -> String {
    let mut folded = String::with_capacity(text.len());
    folding(text, false).fold(&mut folded, usize::MAX);
    folded
}

/// `text` as a search looks at it: folded, each word after a space, and a word with apostrophes also as its parts: `L’Été` is found as `lete`,
/// as people type it who leave the apostrophe out, and as `ete`. Ends with the last word that is whole within so many bytes.
pub(crate) fn haystack(texts: &[&str], bytes: usize) -> String {
    let mut haystack = String::with_capacity(texts.iter().map(|text| text.len() + 1).sum::<usize>().min(bytes));
    for text in texts {
        haystack.push(' ');
        let begins = haystack.len();
        folding(text, true).fold(&mut haystack, bytes);
        if haystack.len() == begins {
            haystack.pop();
        }
    }
    haystack
}

/// A text on its way to its folded form.
struct FoldedChars<I: Iterator<Item = char>> {
    characters: Peekable<I>,
    /// Words with apostrophes are given in parts, too.
    parts: bool,
}

fn folding(text: &str, parts: bool) -> FoldedChars<impl Iterator<Item = char>> {
    let apostrophe = |c| if is_apostrophe(c) { '\'' } else { c };
    // Before, because an accent that stands alone is taken apart into a blank and a mark; after, because some letters have one in them.
    let characters = text.chars().map(apostrophe).nfkd().flat_map(char::to_lowercase).nfkd().map(apostrophe);
    FoldedChars { characters: characters.filter(|c| !is_left_out(*c)).peekable(), parts }
}

impl<I: Iterator<Item = char>> FoldedChars<I> {
    /// Words are added to `folded`, separated by spaces, as long as it has no more than so many bytes.
    fn fold(mut self, folded: &mut String, bytes: usize) {
        let mut word = String::new();
        // Where the word has apostrophes.
        let mut cuts = Vec::new();
        loop {
            let next = self.characters.next();
            match next {
                Some(c) if c.is_alphanumeric() || is_combining_mark(c) => match spelled_out(c) {
                    Some(letters) => word.push_str(letters),
                    None => word.push(c),
                },
                Some('\'') => {
                    if cuts.last() != Some(&word.len()) && !word.is_empty() {
                        cuts.push(word.len());
                    }
                }
                // At the end of a word only: `rock+pop` is two.
                Some(c @ ('+' | '#')) if !word.is_empty() => {
                    let signs = 1 + std::iter::from_fn(|| self.characters.next_if_eq(&c)).take(MAX_SIGNS).count();
                    if self.characters.peek().is_none_or(|c| !c.is_alphanumeric()) {
                        word.extend(std::iter::repeat_n(c, signs));
                    }
                    self.end(&mut word, &mut cuts, folded, bytes);
                }
                Some(_) => self.end(&mut word, &mut cuts, folded, bytes),
                None => return self.end(&mut word, &mut cuts, folded, bytes),
            }
        }
    }

    fn end(&self, word: &mut String, cuts: &mut Vec<usize>, folded: &mut String, bytes: usize) {
        cuts.retain(|cut| *cut < word.len());
        if self.parts && !cuts.is_empty() {
            let mut begin = 0;
            for end in cuts.drain(..).chain([word.len()]) {
                add(folded, word.get(begin..end).unwrap_or_default(), bytes);
                begin = end;
            }
        }
        add(folded, word, bytes);
        word.clear();
        cuts.clear();
    }
}

fn add(folded: &mut String, word: &str, bytes: usize) {
    if word.is_empty() || folded.len() + word.len() >= bytes {
        return;
    }
    if !folded.is_empty() && !folded.ends_with(' ') {
        folded.push(' ');
    }
    folded.push_str(word);
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

/// The words of a query's text, folded, each once. Of one that begins with an article whose vowel is left out (`l'opéra`), only what follows: a
/// text may have it with another article, or with none.
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        for word in fold(without_article(word)).split(' ').filter(|word| !word.is_empty()) {
            if words.len() < MAX_QUERY_WORDS && !words.iter().any(|known| known == word) {
                words.push(word.to_owned());
            }
        }
    }
    words
}

/// What follows the apostrophe of an elided article, or the whole word.
fn without_article(word: &str) -> &str {
    let word = word.trim_start_matches(|c: char| !c.is_alphanumeric());
    match word.split_once(is_apostrophe) {
        Some((article, rest)) if rest.chars().any(char::is_alphanumeric) && ARTICLES.contains(&&*article.to_lowercase()) => rest,
        _ => word,
    }
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

/// What people leave out when they type: marks that are no letters, the stroke that makes Arabic words longer, and what shows nothing.
fn is_left_out(c: char) -> bool {
    if c.is_ascii() {
        return false;
    }
    // 1 are strokes. Below 10 are nuktas, the marks of kana and viramas, between 36 and 200 the signs of Thai, Lao and Tibetan.
    matches!(canonical_combining_class(c), 1 | 10..=36 | 200..=u8::MAX)
        || matches!(c, '\u{0640}' | '\u{20DD}'..='\u{20E4}')
        || DefaultIgnorableCodePoint::for_char(c)
}

/// Apostrophes, and what is typed or set instead of them: quotation marks, primes, accents that stand alone, the letters of Hawaiian and of
/// transcribed Arabic, Hebrew's geresh and gershayim.
fn is_apostrophe(c: char) -> bool {
    matches!(
        c,
        '\'' | '`' | '\u{00B4}' | '\u{02B9}'..='\u{02BF}' | '\u{05F3}' | '\u{05F4}' | '\u{2018}'..='\u{201B}' | '\u{2032}' | '\u{A78B}' | '\u{A78C}' | '\u{FF07}'
    )
}

/// Articles and pronouns that lose their vowel before another one, in French, Italian and Catalan: those of Lucene's elision filters.
const ARTICLES: &[&str] = &[
    "l", "m", "t", "qu", "n", "s", "j", "d", "c", "jusqu", "quoiqu", "lorsqu", "puisqu", "all", "dall", "dell", "nell", "sull",
    "coll", "pell", "gl", "agl", "dagl", "degl", "negl", "sugl", "un", "v",
];

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
    fn text_is_folded() {
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
            ("Hawaiʻi HAWAI`I", "hawaii hawaii"),
            ("Phil\u{ad}har\u{200b}mo\u{2060}nie", "philharmonie"),
            ("שָׁלוֹם צה״ל תל־אביב", "שלום צהל תל אביב"),
            ("مُحَمَّد القـــاهرة أحمد", "محمد القاهرة احمد"),
            ("C++ und C#, rock+pop, A+B +1 ++", "c++ und c# rock pop a b 1"),
            ("5'' 'quoted' ''", "5 quoted"),
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
    fn elided_words_are_found() {
        let of = |text: &str| haystack(&[text], usize::MAX);
        assert_eq!(of("L’Été d'Anna"), " l ete lete d anna danna");
        assert_eq!(haystack(&["", "a b", "!", "c"], usize::MAX), " a b c");
        assert_eq!(haystack(&["aaa bbb ccc", "ddd"], 9), " aaa bbb", "ends with a whole word");
        for (text, query) in [
            ("L'Été indien", "été"),
            ("L’Opéra de Lyon", "opera"),
            ("L’Opéra de Lyon", "l'opéra"),
            ("L’Opéra de Lyon", "lopera"),
            ("Opéra de Lyon", "l’opéra"),
            ("A Night at the Hawaiʻi", "hawaii"),
            ("Hawaii", "Hawai'i"),
            ("Rock'n'Roll", "rock n roll"),
            ("O'Connor", "oconnor"),
            ("O'Connor", "connor"),
            ("Dell'Arte", "arte"),
            ("Modern C++", "c++"),
            ("Modern C++", "c"),
            ("שָׁלוֹם", "שלום"),
        ] {
            let (haystack, words) = (of(text), words(query));
            let found = words.iter().all(|word| contains_word(&haystack, word));
            assert!(found, "{query} in {text}: {words:?} in {haystack:?}");
            assert!(!words.is_empty());
        }
        assert!(!contains_word(&of("Modern C"), "c++"));
    }

    #[test]
    fn keys_begin_words() {
        assert_eq!(keys(" night 2026 philharmonic").collect::<Vec<_>>(), ["night", "2026", "philharm"]);
        assert_eq!(keys(" a東京タ").collect::<Vec<_>>(), ["a東京タ", "東京タ", "京タ", "タ"]);
        assert_eq!((key("philharmonie"), key("東京タワー"), key("")), ("philharm", "東京タ", ""));
        assert_eq!(words("  Été, 2026!"), ["ete", "2026"]);
        assert_eq!(words("a b A b"), ["a", "b"]);
        assert!(words(" !? ").is_empty());
        let many: Vec<String> = (0..60).map(|number| format!("word{number}")).collect();
        assert_eq!(words(&many.join(" ")), many);
    }

    #[test]
    fn words_are_found() {
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
