//! Draws a receipt as PDF, with its fonts in it.

use crate::{
    Receipt,
    sheet::{self, HEIGHT, MARGIN, Page, WIDTH},
};
use kit::Problem;
use krilla::{
    Document,
    color::rgb,
    geom::{PathBuilder, Point},
    metadata::Metadata,
    page::PageSettings,
    paint::{Fill, Stroke},
    surface::Surface,
    text::{Font, TextDirection},
};
use ttf_parser::Face;

/// Shades of grey, from 0 for black.
const INK: u8 = 0x1a;
const FAINT: u8 = 0x70;

/// DejaVu Sans: Latin, Greek, Cyrillic, Armenian, Georgian, Hebrew and Arabic. What it lacks is drawn as an empty box.
struct Typeface {
    font: Font,
    face: Face<'static>,
}

impl Typeface {
    fn new(data: &'static [u8]) -> Option<Self> {
        Some(Self { font: Font::new(data.into(), 0)?, face: Face::parse(data, 0).ok()? })
    }

    /// Points from the start of a text to its end, kerning left out.
    fn width(&self, text: &str, size: f32) -> f32 {
        let advance = |letter| {
            let glyph = self.face.glyph_index(letter).unwrap_or_default();
            f32::from(self.face.glyph_hor_advance(glyph).unwrap_or_default())
        };
        text.chars().map(advance).sum::<f32>() * size / f32::from(self.face.units_per_em())
    }
}

/// The PDF of a receipt.
///
/// # Errors
/// Where a font is broken or the document cannot be made: faults of ours.
pub fn render(receipt: &Receipt) -> Result<Vec<u8>, Problem> {
    let regular = Typeface::new(dejavu::sans::regular());
    let bold = Typeface::new(dejavu::sans::bold());
    let (Some(regular), Some(bold)) = (regular, bold) else { return Err(Problem::internal("a font is broken")) };
    let pick = |is_bold: bool| if is_bold { &bold } else { &regular };
    let pages = sheet::pages(receipt, &|text, size, is_bold| pick(is_bold).width(text, size));

    let mut document = Document::new();
    document.set_metadata(Metadata::new().title(format!("Receipt {}", receipt.number)).language("en".into()));
    for page in &pages {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| Problem::internal("a page has no size"))?;
        let mut sheet = document.start_page_with(settings);
        let mut surface = sheet.surface();
        draw(&mut surface, page, &pick);
        surface.finish();
        sheet.finish();
    }
    document.finish().map_err(|error| Problem::internal(format_args!("a receipt does not become a PDF: {error:?}")))
}

fn draw<'a>(surface: &mut Surface, page: &Page, pick: &impl Fn(bool) -> &'a Typeface) {
    for text in &page.texts {
        let paint = grey(if text.faint { FAINT } else { INK }).into();
        surface.set_fill(Some(Fill { paint, ..Fill::default() }));
        let at = Point::from_xy(text.x, text.y);
        surface.draw_text(at, pick(text.bold).font.clone(), text.size, &text.text, false, TextDirection::Auto);
    }
    surface.set_fill(None);
    surface.set_stroke(Some(Stroke { paint: grey(FAINT).into(), width: 0.5, ..Stroke::default() }));
    for y in &page.rules {
        let mut path = PathBuilder::new();
        path.move_to(MARGIN, *y);
        path.line_to(WIDTH - MARGIN, *y);
        if let Some(path) = path.finish() {
            surface.draw_path(&path);
        }
    }
    surface.set_stroke(None);
}

fn grey(shade: u8) -> rgb::Color {
    rgb::Color::new(shade, shade, shade)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sheet::tests::receipt;

    #[test]
    fn a_receipt_becomes_a_whole_document() {
        for (title, items) in [("Night of Strings", 1), ("Łódź, Αθήνα, Київ, 東京", 20), ("", 60)] {
            let pdf = render(&receipt(title, items, 4500)).unwrap();
            assert!(pdf.starts_with(b"%PDF-"), "{title}");
            assert!(pdf.ends_with(b"%%EOF") || pdf.ends_with(b"%%EOF\n"), "{title}");
        }
    }
}
