//! A page: texts and shapes at places on A4, in points from the top left. No drawing here.

use unicode_segmentation::UnicodeSegmentation;

/// Points of an A4 page.
pub const WIDTH: f32 = 595.0;
/// Points of an A4 page.
pub const HEIGHT: f32 = 842.0;
/// The margin on every side.
pub const MARGIN: f32 = 56.0;
/// The right end of what stands on it.
pub const RIGHT: f32 = WIDTH - MARGIN;
/// The lower end of what stands on it.
pub const BOTTOM: f32 = HEIGHT - MARGIN;
/// From one baseline to the next, in parts of the font's size.
pub const LINE: f32 = 1.4;

/// A piece of text on one line.
#[derive(Debug, Clone, PartialEq)]
pub struct Text {
    /// Left end.
    pub x: f32,
    /// Baseline.
    pub y: f32,
    /// Height of the font.
    pub size: f32,
    /// Bold or regular.
    pub bold: bool,
    /// Grey or black.
    pub faint: bool,
    /// Whether the paragraph that it is from reads from right to left.
    pub rtl: bool,
    /// What it says.
    pub text: String,
}

/// Something that is drawn below the texts.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A box with round corners, its upper part, so high, shaded.
    Card { left: f32, top: f32, width: f32, height: f32, shaded: f32 },
    /// A dashed line from above to below.
    Dashes { x: f32, top: f32, bottom: f32 },
    /// A square with a QR code in it and the quiet zone around that: rows of modules, of which the true ones are black.
    Code { left: f32, top: f32, side: f32, code: Vec<Vec<bool>> },
}

/// A page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// In reading order.
    pub texts: Vec<Text>,
    /// Baselines of lines across the page.
    pub rules: Vec<f32>,
    /// In the order in which they are drawn.
    pub shapes: Vec<Shape>,
}

/// How wide a text is: text, size, bold.
pub type Measure<'a> = &'a dyn Fn(&str, f32, bool) -> f32;

/// A text in lines that are no wider than this, broken between words where there are any.
pub fn wrapped(measure: Measure, text: &str, size: f32, bold: bool, width: f32) -> Vec<String> {
    let fits = |line: &str| measure(line, size, bold) <= width;
    let (mut lines, mut line) = (Vec::new(), String::new());
    for word in text.split(|character: char| character.is_whitespace() || character.is_control()).filter(|word| !word.is_empty())
    {
        let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
        if fits(&longer) {
            line = longer;
            continue;
        }
        if !line.is_empty() {
            lines.push(std::mem::take(&mut line));
        }
        if fits(word) {
            word.clone_into(&mut line);
            continue;
        }
        // A word wider than the column, or a text in a script that has no spaces, is broken between what people see as characters.
        for character in word.graphemes(true) {
            let before = line.len();
            line.push_str(character);
            if before > 0 && !fits(&line) {
                line.truncate(before);
                lines.push(std::mem::replace(&mut line, character.to_owned()));
            }
        }
    }
    if !line.is_empty() || lines.is_empty() {
        lines.push(line);
    }
    lines
}

/// A value within a line, which reads in its own direction and leaves the line's alone.
pub fn isolated(text: &str) -> String {
    format!("\u{2068}{text}\u{2069}")
}
