//! Text into glyphs at places: in the order in which it is read (Unicode's bidirectional algorithm), each part in a font that has its characters,
//! shaped as its script wants it.

use crate::fonts::{Library, Typeface, is_invisible};
use krilla::text::{Font, GlyphId, KrillaGlyph};
use rustybuzz::{Direction, UnicodeBuffer};
use std::rc::Rc;
use unicode_bidi::{BidiInfo, Level};
use unicode_segmentation::UnicodeSegmentation;

/// Glyphs of one font, from left to right.
pub struct Run {
    /// The font.
    pub font: Font,
    /// What it says, in the order of its letters.
    pub text: String,
    /// Advances and offsets are in parts of the font's size.
    pub glyphs: Vec<KrillaGlyph>,
    /// From its left end to its right, in parts of the font's size.
    pub width: f32,
}

/// A text on one line.
pub struct Line {
    /// From left to right.
    pub runs: Vec<Run>,
    /// In parts of the font's size.
    pub width: f32,
    /// Whether there are characters in it that no font has.
    pub incomplete: bool,
}

/// Whether a text reads from right to left: its first letter that has a direction says so.
pub fn is_rtl(text: &str) -> bool {
    unicode_bidi::get_base_direction(text) == unicode_bidi::Direction::Rtl
}

/// Sets a text on one line; `rtl` says which way the paragraph that it is from reads.
pub fn line(library: &mut Library, text: &str, bold: bool, rtl: bool) -> Line {
    let text: String = text.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let bidi = BidiInfo::new(&text, Some(if rtl { Level::rtl() } else { Level::ltr() }));
    let mut line = Line { runs: Vec::new(), width: 0.0, incomplete: false };
    for paragraph in &bidi.paragraphs {
        let (levels, runs) = bidi.visual_runs(paragraph, paragraph.range.clone());
        for range in runs {
            let rtl = levels.get(range.start).is_some_and(Level::is_rtl);
            let Some(part) = text.get(range) else { continue };
            let mut parts = by_font(library, part, bold, &mut line.incomplete);
            if rtl {
                parts.reverse();
            }
            for (typeface, text) in parts {
                let run = shape(&typeface, text, rtl);
                line.width += run.width;
                line.runs.push(run);
            }
        }
    }
    line
}

/// Parts of a text that one font has, in the order of its letters. What people see as one character stays together.
fn by_font(library: &mut Library, text: &str, bold: bool, incomplete: &mut bool) -> Vec<(Rc<Typeface>, String)> {
    let mut parts: Vec<(Rc<Typeface>, String)> = Vec::new();
    for cluster in text.graphemes(true) {
        if cluster.chars().all(is_invisible) {
            // Between letters of one font it may be what joins them; nowhere else is it of use.
            if let Some((_, part)) = parts.last_mut() {
                part.push_str(cluster);
            }
            continue;
        }
        if let Some(typeface) = library.choose(cluster, bold) {
            add(&mut parts, typeface, cluster);
            continue;
        }
        // No font has all of it, as of a group of emoji: then each for itself.
        for (at, letter) in cluster.char_indices().filter(|(_, letter)| !is_invisible(*letter)) {
            let letter = cluster.get(at..at + letter.len_utf8()).unwrap_or_default();
            let typeface = library.choose(letter, bold).unwrap_or_else(|| {
                *incomplete = true;
                library.last_resort()
            });
            add(&mut parts, typeface, letter);
        }
    }
    parts
}

fn add(parts: &mut Vec<(Rc<Typeface>, String)>, typeface: Rc<Typeface>, text: &str) {
    match parts.last_mut() {
        Some((last, part)) if Rc::ptr_eq(last, &typeface) => part.push_str(text),
        _ => parts.push((typeface, text.to_owned())),
    }
}

fn shape(typeface: &Typeface, text: String, rtl: bool) -> Run {
    let mut buffer = UnicodeBuffer::new();
    buffer.push_str(&text);
    buffer.guess_segment_properties();
    buffer.set_direction(if rtl { Direction::RightToLeft } else { Direction::LeftToRight });
    let shaped = rustybuzz::shape(&typeface.face, &[], buffer);
    // A cluster of letters goes on to where the next one begins.
    let mut starts: Vec<usize> = shaped.glyph_infos().iter().map(|info| info.cluster as usize).collect();
    starts.sort_unstable();
    let end = |start: usize| starts.get(starts.partition_point(|other| *other <= start)).copied().unwrap_or(text.len());
    let units = typeface.face.units_per_em() as f32;
    let glyphs: Vec<KrillaGlyph> = shaped
        .glyph_infos()
        .iter()
        .zip(shaped.glyph_positions())
        .map(|(info, position)| {
            let start = info.cluster as usize;
            KrillaGlyph::new(
                GlyphId::new(info.glyph_id),
                position.x_advance as f32 / units,
                position.x_offset as f32 / units,
                position.y_offset as f32 / units,
                position.y_advance as f32 / units,
                start..end(start),
                None,
            )
        })
        .collect();
    let width = shaped.glyph_positions().iter().map(|position| position.x_advance as f32).sum::<f32>() / units;
    Run { font: typeface.font.clone(), text, glyphs, width }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn library() -> Library {
        Library::new(PathBuf::from("/nowhere")).unwrap()
    }

    /// What a line says from left to right, letter by letter, as far as letters and glyphs are one to one.
    fn from_left_to_right(text: &str, rtl: bool) -> String {
        let line = line(&mut library(), text, false, rtl);
        assert!(!line.incomplete, "{text}");
        line.runs.iter().flat_map(|run| run.glyphs.iter().map(|glyph| &run.text[glyph.text_range.clone()])).collect()
    }

    #[test]
    fn numbers_in_hebrew_and_arabic_lines_read_as_they_are_written() {
        // "row 14": the word from right to left, then, on its left, the number from left to right.
        assert_eq!(from_left_to_right("שורה 14", true), "14 הרוש");
        assert_eq!(from_left_to_right("14 שורה", true), "הרוש 14");
        assert_eq!(from_left_to_right("Row 14", false), "Row 14");
        // In a Latin line, and Latin in a Hebrew line.
        assert_eq!(from_left_to_right("Hall אולם 7, row 14", false), "Hall 7 םלוא, row 14");
        assert_eq!(from_left_to_right("אולם Blue Hall 7", true), "Blue Hall 7 םלוא");
        let arabic = line(&mut library(), "صف 14", false, true);
        let first = arabic.runs.first().unwrap();
        assert_eq!(&first.text[first.glyphs.first().unwrap().text_range.clone()], "1", "the number stands left of the word");
        assert_eq!(first.glyphs.iter().take(2).map(|glyph| &first.text[glyph.text_range.clone()]).collect::<String>(), "14");
    }

    #[test]
    fn arabic_letters_join() {
        let joined = line(&mut library(), "سلام", false, true);
        let alone: Vec<u32> =
            "سلام".chars().map(|letter| library().last_resort().face.glyph_index(letter).unwrap().0.into()).collect();
        let glyphs: Vec<u32> = joined.runs.iter().flat_map(|run| &run.glyphs).map(|glyph| glyph.glyph_id.to_u32()).collect();
        assert!(glyphs.iter().all(|glyph| !alone.contains(glyph) || glyphs.len() < alone.len()), "{glyphs:?} {alone:?}");
    }

    #[test]
    fn what_no_font_has_is_known() {
        for (text, incomplete) in
            [("Łódź, Αθήνα, Київ", false), ("🎫️ 🎉 👩‍🎤", false), ("東京", true), ("\u{200B}a\u{2068}b\u{2069}", false)]
        {
            assert_eq!(line(&mut library(), text, false, false).incomplete, incomplete, "{text}");
        }
    }
}
