//! Lays a receipt out: texts at places on A4 pages, in points from the top left. No drawing here.

use crate::{Receipt, limits, money};

/// Points of an A4 page.
pub const WIDTH: f32 = 595.0;
/// Points of an A4 page.
pub const HEIGHT: f32 = 842.0;
/// The margin on every side.
pub const MARGIN: f32 = 56.0;

const RIGHT: f32 = WIDTH - MARGIN;
const BOTTOM: f32 = HEIGHT - MARGIN;
const NAME_WIDTH: f32 = 230.0;
const QUANTITY_RIGHT: f32 = 340.0;
const PRICE_RIGHT: f32 = 440.0;
const LINE: f32 = 1.4;

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
    /// What it says.
    pub text: String,
}

/// A page.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Page {
    /// In reading order.
    pub texts: Vec<Text>,
    /// Baselines of lines across the page.
    pub rules: Vec<f32>,
}

/// How wide a text is: text, size, bold.
pub type Measure<'a> = &'a dyn Fn(&str, f32, bool) -> f32;

/// The pages of a receipt.
pub fn pages(receipt: &Receipt, measure: Measure) -> Vec<Page> {
    let mut sheet = Sheet { measure, pages: vec![Page::default()], y: MARGIN };
    sheet.heading(receipt);
    sheet.event(receipt);
    sheet.items(receipt);
    sheet.sums(receipt);
    sheet.pages
}

struct Sheet<'a> {
    measure: Measure<'a>,
    pages: Vec<Page>,
    y: f32,
}

impl Sheet<'_> {
    fn heading(&mut self, receipt: &Receipt) {
        self.line(22.0);
        self.left("Receipt", 22.0, true);
        self.y += 8.0;
        for (name, value) in [
            ("Number", receipt.number.clone()),
            ("Issued", readable(&receipt.issued_at)),
            ("Booking", receipt.booking.id.clone()),
        ] {
            self.line(10.0);
            self.put(MARGIN, name, 10.0, false, true);
            self.put(MARGIN + 60.0, &value, 10.0, false, false);
        }
        self.y += 12.0;
    }

    fn event(&mut self, receipt: &Receipt) {
        self.rule();
        for line in self.wrapped(&receipt.event.title, 14.0, true, RIGHT - MARGIN) {
            self.line(14.0);
            self.left(&line, 14.0, true);
        }
        let venue = &receipt.event.venue;
        let venue = format!("{}, {}, {}", venue.name, venue.city, venue.country);
        let starts = format!("{} ({})", readable(&receipt.event.starts_at), receipt.event.timezone);
        for text in [venue, starts] {
            for line in self.wrapped(&text, 10.0, false, RIGHT - MARGIN) {
                self.line(10.0);
                self.left(&line, 10.0, false);
            }
        }
        self.y += 12.0;
    }

    fn items(&mut self, receipt: &Receipt) {
        self.rule();
        self.line(10.0);
        self.put(MARGIN, "Tickets", 10.0, false, true);
        self.right(QUANTITY_RIGHT, "Quantity", false, true);
        self.right(PRICE_RIGHT, "Price", false, true);
        self.right(RIGHT, "Total", false, true);
        for item in &receipt.items {
            let name = self.wrapped(&item.name, 10.0, false, NAME_WIDTH);
            for (index, line) in name.iter().enumerate() {
                self.line(10.0);
                self.left(line, 10.0, false);
                if index == 0 {
                    self.right(QUANTITY_RIGHT, &item.quantity.to_string(), false, false);
                    self.right(PRICE_RIGHT, &money::format(item.unit_price.amount, &item.unit_price.currency), false, false);
                    self.right(RIGHT, &money::format(item.total.amount, &item.total.currency), false, false);
                }
            }
        }
        self.y += 12.0;
    }

    fn sums(&mut self, receipt: &Receipt) {
        self.rule();
        let (total, refunded) = (&receipt.total, &receipt.refunded);
        let mut sums = vec![("Paid", total.amount, true)];
        if refunded.amount > 0 {
            sums.push(("Refunded", -refunded.amount, false));
            sums.push(("Left", total.amount - refunded.amount, true));
        }
        for (name, amount, bold) in sums {
            self.line(11.0);
            self.left(name, 11.0, bold);
            let text = money::format(amount, &total.currency);
            self.right(RIGHT, &text, bold, false);
        }
    }

    /// Goes on to the next line, on the next page where this one is full.
    fn line(&mut self, size: f32) {
        self.y += size * LINE;
        if self.y > BOTTOM && self.pages.len() < limits::PAGES {
            self.pages.push(Page::default());
            self.y = MARGIN + size * LINE;
        }
    }

    fn rule(&mut self) {
        let y = self.y;
        if let Some(page) = self.pages.last_mut() {
            page.rules.push(y);
        }
        self.y += 6.0;
    }

    fn left(&mut self, text: &str, size: f32, bold: bool) {
        self.put(MARGIN, text, size, bold, false);
    }

    /// Ends at `x`; sums and counts stand in columns.
    fn right(&mut self, x: f32, text: &str, bold: bool, faint: bool) {
        let width = (self.measure)(text, 10.0, bold);
        self.put(x - width, text, 10.0, bold, faint);
    }

    fn put(&mut self, x: f32, text: &str, size: f32, bold: bool, faint: bool) {
        let y = self.y;
        if let Some(page) = self.pages.last_mut() {
            page.texts.push(Text { x, y, size, bold, faint, text: text.to_owned() });
        }
    }

    /// A text in lines that are no wider than this, broken between words where there are any.
    fn wrapped(&self, text: &str, size: f32, bold: bool, width: f32) -> Vec<String> {
        let fits = |line: &str| (self.measure)(line, size, bold) <= width;
        let (mut lines, mut line) = (Vec::new(), String::new());
        for word in
            text.split(|character: char| character.is_whitespace() || character.is_control()).filter(|word| !word.is_empty())
        {
            let longer = if line.is_empty() { word.to_owned() } else { format!("{line} {word}") };
            if fits(&longer) {
                line = longer;
                continue;
            }
            if !line.is_empty() {
                lines.push(std::mem::take(&mut line));
            }
            // A word wider than the column is broken where it must be.
            for character in word.chars() {
                line.push(character);
                if !fits(&line) && line.chars().count() > 1 {
                    line.pop();
                    lines.push(std::mem::replace(&mut line, character.to_string()));
                }
            }
        }
        if !line.is_empty() || lines.is_empty() {
            lines.push(line);
        }
        lines
    }
}

/// `2027-03-01T19:00:00.5Z` as `2027-03-01 19:00 UTC`.
pub fn readable(instant: &str) -> String {
    match (instant.get(..10), instant.get(11..16)) {
        (Some(date), Some(time)) => format!("{date} {time} UTC"),
        _ => instant.to_owned(),
    }
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
pub(super) mod tests;
