//! Draws a receipt as PDF, with its fonts in it.

use crate::{
    Receipt,
    fonts::{self, Library},
    sheet::{self, HEIGHT, MARGIN, Page, WIDTH},
    typeset,
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
};
use std::cell::{Cell, RefCell};

/// Shades of grey, from 0 for black.
const INK: u8 = 0x1a;
const FAINT: u8 = 0x70;

/// The PDF of a receipt.
///
/// # Errors
/// Where a font is broken or the document cannot be made: faults of ours.
pub fn render(receipt: &Receipt) -> Result<Vec<u8>, Problem> {
    fonts::with(|library| render_with(library, receipt)).unwrap_or_else(|| Err(Problem::internal("a font is broken")))
}

/// As [`render`], with these fonts.
pub(crate) fn render_with(library: &mut Library, receipt: &Receipt) -> Result<Vec<u8>, Problem> {
    let (library, incomplete) = (RefCell::new(library), Cell::new(false));
    let measure = |text: &str, size: f32, bold: bool| {
        let line = typeset::line(&mut library.borrow_mut(), text, bold, typeset::is_rtl(text));
        incomplete.set(incomplete.get() || line.incomplete);
        line.width * size
    };
    let mut pages = sheet::pages(receipt, false, &measure);
    if incomplete.get() {
        pages = sheet::pages(receipt, true, &measure);
    }

    let mut document = Document::new();
    document.set_metadata(Metadata::new().title(format!("Receipt {}", receipt.number)).language("en".into()));
    for page in &pages {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| Problem::internal("a page has no size"))?;
        let mut sheet = document.start_page_with(settings);
        let mut surface = sheet.surface();
        draw(&mut surface, page, &mut library.borrow_mut());
        surface.finish();
        sheet.finish();
    }
    document.finish().map_err(|error| Problem::internal(format_args!("a receipt does not become a PDF: {error:?}")))
}

fn draw(surface: &mut Surface, page: &Page, library: &mut Library) {
    for text in &page.texts {
        let paint = grey(if text.faint { FAINT } else { INK }).into();
        surface.set_fill(Some(Fill { paint, ..Fill::default() }));
        let mut x = text.x;
        for run in typeset::line(library, &text.text, text.bold, text.rtl).runs {
            surface.draw_glyphs(Point::from_xy(x, text.y), &run.glyphs, run.font, &run.text, text.size, false);
            x += run.width * text.size;
        }
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
    use crate::fonts::Library;
    use crate::sheet::tests::receipt;
    use std::path::PathBuf;

    #[test]
    fn a_receipt_becomes_a_whole_document() {
        for (title, items) in [("Night of Strings", 1), ("Łódź, Αθήνα, Київ, 東京", 20), ("", 60)] {
            let pdf = render(&receipt(title, items, 4500)).unwrap();
            assert!(pdf.starts_with(b"%PDF-"), "{title}");
            assert!(pdf.ends_with(b"%%EOF") || pdf.ends_with(b"%%EOF\n"), "{title}");
        }
    }

    /// What built-in fonts lack.
    const SCRIPTS: [(&str, &str); 12] = [
        ("Chinese", "东京弦乐之夜，第14排"),
        ("Chinese, traditional", "臺北愛樂之夜 第14排"),
        ("Japanese", "弦楽四重奏の夜　カタカナ 14列"),
        ("Korean", "현악 사중주의 밤 14열"),
        ("Sinhala", "ශ්‍රී ලංකා තත් වාදන රාත්‍රිය 14"),
        ("Tamil", "கம்பி இசை இரவு வரிசை 14"),
        ("Devanagari", "तारों की रात, पंक्ति १४ (14)"),
        ("Bengali", "তারের রাত ১৪"),
        ("Thai", "คืนแห่งเครื่องสาย แถวที่ 14"),
        ("Khmer", "យប់នៃខ្សែ ១៤"),
        ("Ethiopic", "የክሮች ምሽት 14"),
        ("Emoji", "🎟️ 🎉 👩‍🎤 ❤️ 🎻"),
    ];

    /// Where `cargo xtask fonts` has put fonts.
    fn with_fonts() -> Library {
        let folder = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../infra/fonts"));
        let there = folder
            .read_dir()
            .is_ok_and(|entries| entries.flatten().any(|it| it.path().extension().is_some_and(|it| it == "ttf")));
        assert!(there, "there are no fonts in infra/fonts: `cargo xtask fonts` gets them, as `cargo xtask test` does");
        Library::new(folder).unwrap()
    }

    #[test]
    fn every_script_can_be_read_where_its_fonts_are() {
        let mut library = with_fonts();
        for (name, text) in SCRIPTS {
            for bold in [false, true] {
                assert!(!typeset::line(&mut library, text, bold, false).incomplete, "{name}");
            }
        }
        let mut all = receipt("שורה 14 באולם Blue Hall — صف 14 في القاعة", 0, 4500);
        all.items = receipt("", 12, 0).items;
        for (item, (name, text)) in all.items.iter_mut().zip(SCRIPTS) {
            item.name = format!("{name}: {text}");
        }
        all.event.venue.name = "היכל התרבות 7".into();
        all.event.venue.city = "תל אביב".into();
        all.seller.name = "株式会社 弦楽 (Strings Ltd) 14".into();
        if let Some(buyer) = &mut all.buyer {
            buyer.name = "أحمد ١٤ (14)".into();
        }
        let pdf = render_with(&mut library, &all).unwrap();
        assert!(pdf.len() < 1 << 20, "only the characters that are used are in it: {} bytes", pdf.len());
        if let Ok(folder) = std::env::var("MARQUEE_PAPERS") {
            std::fs::write(PathBuf::from(folder).join("scripts.pdf"), pdf).unwrap();
        }
    }
}
