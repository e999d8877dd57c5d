//! Draws pages as PDF, with their fonts in it.

use crate::{
    Receipt,
    fonts::{self, Library},
    limits, outline,
    page::{HEIGHT, MARGIN, Measure, Page, RIGHT, Shape, Text, WIDTH},
    sheet,
    tickets::{Order, labels::Labels, layout},
    typeset::{self, Line},
};
use kit::Problem;
use krilla::{
    Document,
    color::rgb,
    geom::{PathBuilder, Point, Transform},
    metadata::Metadata,
    page::PageSettings,
    paint::{Fill, Stroke, StrokeDash},
    surface::Surface,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Shades of grey, from 0 for black.
const INK: u8 = 0x1a;
const FAINT: u8 = 0x70;
const SHADE: u8 = 0xf1;
/// The radius of round corners, in points; and of that how far away the handles of a curve are that is nearly an arc.
const ROUND: f32 = 10.0;
const HANDLE: f32 = 0.4477 * ROUND;
/// Modules that are left white on each side of a QR code (ISO/IEC 18004).
const QUIET: usize = 4;

/// The PDF of a receipt.
///
/// # Errors
/// Where a font is broken or the document cannot be made: faults of ours.
pub fn render(receipt: &Receipt) -> Result<Vec<u8>, Problem> {
    with(|library| render_with(library, receipt))
}

/// The PDF of an order's tickets: a page for each, with its code.
///
/// # Errors
/// As [`render`].
pub fn render_tickets(order: &Order) -> Result<Vec<u8>, Problem> {
    with(|library| render_tickets_with(library, order))
}

fn with(render: impl FnOnce(&mut Library) -> Result<Vec<u8>, Problem>) -> Result<Vec<u8>, Problem> {
    fonts::with(render).unwrap_or_else(|| Err(Problem::internal("a font is broken")))
}

/// As [`render`], with these fonts.
pub(crate) fn render_with(library: &mut Library, receipt: &Receipt) -> Result<Vec<u8>, Problem> {
    let mut press = Press::new(library, &format!("Receipt {}", receipt.number), "en");
    press.print(|incomplete, measure| Ok(sheet::pages(receipt, incomplete, measure)))?;
    press.finish()
}

/// As [`render_tickets`], with these fonts.
pub(crate) fn render_tickets_with(library: &mut Library, order: &Order) -> Result<Vec<u8>, Problem> {
    let wanted = Labels::of(&order.language);
    // Words that would be boxes are English.
    let there = !typeset::line(library, &wanted.letters(), false, false).incomplete;
    let labels = if there { wanted } else { Labels::fallback() };
    let mut press = Press::new(library, &format!("Tickets for {}", order.event.title), labels.tag);
    for ticket in &order.tickets {
        press.print(|incomplete, measure| Ok(vec![layout::page(order, ticket, labels, incomplete, measure)?]))?;
    }
    press.finish()
}

/// A document that pages are added to.
struct Press<'a> {
    library: RefCell<&'a mut Library>,
    /// What was set already: a text is measured before it is drawn, and many stand on every page.
    lines: RefCell<HashMap<(String, bool, bool), Rc<Line>>>,
    document: Document,
}

impl<'a> Press<'a> {
    fn new(library: &'a mut Library, title: &str, language: &str) -> Self {
        let mut document = Document::new();
        document.set_metadata(Metadata::new().title(title.to_owned()).language(language.to_owned()));
        Self { library: RefCell::new(library), lines: RefCell::default(), document }
    }

    /// Adds pages; they are laid out anew, told so, where they have characters that no font has.
    fn print(&mut self, layout: impl Fn(bool, Measure) -> Result<Vec<Page>, Problem>) -> Result<(), Problem> {
        let incomplete = Cell::new(false);
        let measure = |text: &str, size: f32, bold: bool| {
            let line = self.line(text, bold, typeset::is_rtl(text));
            incomplete.set(incomplete.get() || line.incomplete);
            line.width * size
        };
        let mut pages = layout(false, &measure)?;
        if incomplete.get() {
            pages = layout(true, &measure)?;
        }
        for page in &pages {
            self.draw(page)?;
        }
        Ok(())
    }

    fn line(&self, text: &str, bold: bool, rtl: bool) -> Rc<Line> {
        let key = (text.to_owned(), bold, rtl);
        if let Some(line) = self.lines.borrow().get(&key) {
            return Rc::clone(line);
        }
        let line = Rc::new(typeset::line(&mut self.library.borrow_mut(), text, bold, rtl));
        let mut lines = self.lines.borrow_mut();
        if lines.len() >= limits::LINES {
            lines.clear();
        }
        lines.insert(key, Rc::clone(&line));
        line
    }

    fn draw(&mut self, page: &Page) -> Result<(), Problem> {
        let settings = PageSettings::from_wh(WIDTH, HEIGHT).ok_or_else(|| Problem::internal("a page has no size"))?;
        let lines: Vec<Rc<Line>> = page.texts.iter().map(|text| self.line(&text.text, text.bold, text.rtl)).collect();
        let mut sheet = self.document.start_page_with(settings);
        let mut surface = sheet.surface();
        for shape in &page.shapes {
            draw_shape(&mut surface, shape);
        }
        for (text, line) in page.texts.iter().zip(&lines) {
            draw_text(&mut surface, text, line);
        }
        surface.set_fill(None);
        surface.set_stroke(Some(stroke()));
        for y in &page.rules {
            draw_line(&mut surface, (MARGIN, *y), (RIGHT, *y));
        }
        surface.set_stroke(None);
        surface.finish();
        sheet.finish();
        Ok(())
    }

    fn finish(self) -> Result<Vec<u8>, Problem> {
        self.document.finish().map_err(|error| Problem::internal(format_args!("a paper does not become a PDF: {error:?}")))
    }
}

fn draw_text(surface: &mut Surface, text: &Text, line: &Line) {
    surface.set_fill(Some(fill(if text.faint { FAINT } else { INK })));
    let mut x = text.x;
    for run in &line.runs {
        surface.draw_glyphs(Point::from_xy(x, text.y), &run.glyphs, run.font.clone(), &run.text, text.size, false);
        x += run.width * text.size;
    }
}

fn draw_shape(surface: &mut Surface, shape: &Shape) {
    surface.set_fill(None);
    match shape {
        Shape::Card { left, top, width, height, shaded } => {
            surface.set_fill(Some(fill(SHADE)));
            draw_box(surface, (*left, *top), (*width, *shaded), false);
            surface.set_fill(None);
            surface.set_stroke(Some(stroke()));
            draw_box(surface, (*left, *top), (*width, *height), true);
            draw_line(surface, (*left, top + shaded), (left + width, top + shaded));
        }
        Shape::Dashes { x, top, bottom } => {
            let dash = StrokeDash { array: vec![3.0, 3.0], offset: 0.0 };
            surface.set_stroke(Some(Stroke { dash: Some(dash), ..stroke() }));
            draw_line(surface, (*x, *top), (*x, *bottom));
        }
        Shape::Code { left, top, side, code } => draw_code(surface, (*left, *top), *side, code),
    }
    surface.set_stroke(None);
}

/// A box with round corners, above alone or on all sides.
fn draw_box(surface: &mut Surface, (left, top): (f32, f32), (width, height): (f32, f32), all: bool) {
    let (right, bottom) = (left + width, top + height);
    let mut path = PathBuilder::new();
    path.move_to(left, top + ROUND);
    path.cubic_to(left, top + HANDLE, left + HANDLE, top, left + ROUND, top);
    path.line_to(right - ROUND, top);
    path.cubic_to(right - HANDLE, top, right, top + HANDLE, right, top + ROUND);
    if all {
        path.line_to(right, bottom - ROUND);
        path.cubic_to(right, bottom - HANDLE, right - HANDLE, bottom, right - ROUND, bottom);
        path.line_to(left + ROUND, bottom);
        path.cubic_to(left + HANDLE, bottom, left, bottom - HANDLE, left, bottom - ROUND);
    } else {
        path.line_to(right, bottom);
        path.line_to(left, bottom);
    }
    path.close();
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

fn draw_line(surface: &mut Surface, from: (f32, f32), to: (f32, f32)) {
    let mut path = PathBuilder::new();
    path.move_to(from.0, from.1);
    path.line_to(to.0, to.1);
    if let Some(path) = path.finish() {
        surface.draw_path(&path);
    }
}

/// One path around all that is black: what is filled at once has no seams. A module is 1 here, so that numbers are short.
fn draw_code(surface: &mut Surface, (left, top): (f32, f32), side: f32, code: &[Vec<bool>]) {
    let scale = side / (code.len() + 2 * QUIET) as f32;
    let mut path = PathBuilder::new();
    for outline in outline::of(code) {
        for (number, (x, y)) in outline.into_iter().enumerate() {
            let (x, y) = ((x + QUIET) as f32, (y + QUIET) as f32);
            if number == 0 {
                path.move_to(x, y);
            } else {
                path.line_to(x, y);
            }
        }
        path.close();
    }
    let Some(path) = path.finish() else { return };
    surface.set_fill(Some(fill(0)));
    surface.push_transform(&Transform::from_row(scale, 0.0, 0.0, scale, left, top));
    surface.draw_path(&path);
    surface.pop();
}

fn fill(shade: u8) -> Fill {
    Fill { paint: rgb::Color::new(shade, shade, shade).into(), ..Fill::default() }
}

fn stroke() -> Stroke {
    Stroke { paint: rgb::Color::new(FAINT, FAINT, FAINT).into(), width: 0.5, ..Stroke::default() }
}

#[cfg(test)]
pub(crate) mod tests {
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
    pub fn with_fonts() -> Library {
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
