//! Lays a ticket out: a card with what it is for on the left and its code, to be scanned, on the right. One page, for one person.

use super::labels::Labels;
use super::{Order, Ticket};
use crate::page::{BOTTOM, LINE, MARGIN, Measure, Page, RIGHT, Shape, Text, isolated, wrapped};
use crate::{money, typeset};
use kit::Problem;
use qrcodegen::{QrCode, QrCodeEcc};

/// Between the card's edge and what stands on it.
const PADDING: f32 = 20.0;
/// How wide the right part is.
const STUB: f32 = 214.0;
/// The side of the code with its quiet zone: 67 mm, so that a module of the longest one is more than a millimetre wide.
const CODE: f32 = 190.0;
const TEXT_LEFT: f32 = MARGIN + PADDING;
const STUB_LEFT: f32 = RIGHT - STUB;
/// How wide what stands left of the code may be.
const COLUMN: f32 = STUB_LEFT - PADDING - TEXT_LEFT;
/// Sizes of a title: the largest one is taken in which it needs no more than three lines.
const TITLE: [f32; 4] = [24.0, 19.0, 15.0, 12.0];
const TITLE_LINES: usize = 3;
/// Sizes of what stands left of the code: the largest one is taken in which all of it ends above [`LOWEST`].
const FACTS: [f32; 3] = [10.5, 8.5, 6.5];
const LOWEST: f32 = BOTTOM - 56.0;

/// The page of a ticket; `incomplete` says that there are characters in it that no font has.
///
/// # Errors
/// Where its code does not become a QR code: a fault of ours.
pub fn page(
    order: &Order,
    ticket: &Ticket,
    labels: &'static Labels,
    incomplete: bool,
    measure: Measure,
) -> Result<Page, Problem> {
    let code = QrCode::encode_text(&ticket.code, QrCodeEcc::Medium)
        .map_err(|error| Problem::internal(format_args!("a ticket's code does not become a QR code: {error}")))?;
    let mut sheet = Sheet { measure, labels, page: Page::default(), y: MARGIN + PADDING };
    sheet.heading(order, ticket);
    let shaded = sheet.y - MARGIN;
    let top = sheet.y;
    sheet.code(ticket, &code);
    let (code_end, others) = (sheet.y, sheet.page.texts.len());
    for size in FACTS {
        sheet.y = top;
        sheet.page.texts.truncate(others);
        sheet.facts(order, ticket, size);
        if sheet.y <= LOWEST {
            break;
        }
    }
    let bottom = sheet.y.max(code_end) + 14.0;
    let card = Shape::Card { left: MARGIN, top: MARGIN, width: RIGHT - MARGIN, height: bottom - MARGIN, shaded };
    sheet.page.shapes.insert(0, card);
    sheet.page.shapes.push(Shape::Dashes { x: STUB_LEFT, top, bottom });
    sheet.y = bottom + 10.0;
    sheet.note(labels.at_the_door);
    if incomplete {
        sheet.note(labels.incomplete);
    }
    Ok(sheet.page)
}

struct Sheet<'a> {
    measure: Measure<'a>,
    labels: &'static Labels,
    page: Page,
    /// The lower end of what is there already.
    y: f32,
}

impl Sheet<'_> {
    fn heading(&mut self, order: &Order, ticket: &Ticket) {
        let number = self.labels.number(ticket.number, order.size);
        let width = (self.measure)(&number, 9.0, false);
        let right = RIGHT - PADDING - width;
        for (index, line) in wrapped(self.measure, &order.seller, 9.0, false, right - TEXT_LEFT - PADDING).iter().enumerate() {
            self.y += 9.0 * LINE;
            self.put(TEXT_LEFT, line, 9.0, (false, true));
            if index == 0 {
                self.put(right, &number, 9.0, (false, true));
            }
        }
        self.y += 4.0;
        let width = RIGHT - PADDING - TEXT_LEFT;
        let mut title = (0.0, Vec::new());
        for size in TITLE {
            title = (size, wrapped(self.measure, &order.event.title, size, true, width));
            if title.1.len() <= TITLE_LINES {
                break;
            }
        }
        let rtl = typeset::is_rtl(&order.event.title);
        for line in &title.1 {
            self.y += title.0 * 1.25;
            self.part(TEXT_LEFT, line, title.0, true, rtl);
        }
        self.y += 14.0;
    }

    fn facts(&mut self, order: &Order, ticket: &Ticket, size: f32) {
        let event = &order.event;
        self.y += 8.0;
        let labels = self.labels;
        let (day, time) = event.starts(labels);
        self.fact((labels.when, size), &[(&day, true), (&time, false)]);
        let city = format!("{}, {}", isolated(&event.venue.city), event.venue.country);
        self.fact((labels.location, size), &[(&event.venue.name, true), (&city, false)]);
        self.fact((labels.ticket, size), &[(&ticket.kind, true)]);
        if let Some(name) = &ticket.name {
            self.fact((labels.name, size), &[(name, true)]);
        }
        self.fact((labels.price, size), &[(&money::format(ticket.price.amount, &ticket.price.currency), false)]);
        self.fact((labels.order, size), &[(&order.id, false)]);
        if let Some(buyer) = order.buyer.as_ref().filter(|buyer| ticket.name.as_ref() != Some(*buyer)) {
            self.fact((labels.ordered_by, size), &[(buyer, false)]);
        }
    }

    /// What it is called, small, and below it what it is, in bold or not.
    fn fact(&mut self, (name, size): (&str, f32), values: &[(&str, bool)]) {
        self.y += 8.0 * LINE + size / 2.0;
        self.put(TEXT_LEFT, name, 8.0, (false, true));
        for (value, bold) in values.iter().filter(|(value, _)| !value.is_empty()) {
            let rtl = typeset::is_rtl(value);
            for line in wrapped(self.measure, value, size, *bold, COLUMN) {
                self.y += size * LINE;
                self.part(TEXT_LEFT, &line, size, *bold, rtl);
            }
        }
    }

    /// The code in the middle of its part, and in letters below.
    fn code(&mut self, ticket: &Ticket, code: &QrCode) {
        let left = STUB_LEFT + (STUB - CODE) / 2.0;
        let rows = (0..code.size()).map(|y| (0..code.size()).map(|x| code.get_module(x, y)).collect()).collect();
        self.page.shapes.push(Shape::Code { left, top: self.y + 8.0, side: CODE, code: rows });
        self.y += 8.0 + CODE;
        for line in wrapped(self.measure, &ticket.code, 6.5, false, CODE - 8.0) {
            self.y += 6.5 * LINE;
            let width = (self.measure)(&line, 6.5, false);
            self.put(left + (CODE - width) / 2.0, &line, 6.5, (false, true));
        }
    }

    fn note(&mut self, text: &str) {
        for line in wrapped(self.measure, text, 8.5, false, RIGHT - MARGIN) {
            self.y += 8.5 * LINE;
            self.put(MARGIN, &line, 8.5, (false, true));
        }
    }

    fn put(&mut self, x: f32, text: &str, size: f32, (bold, faint): (bool, bool)) {
        let y = self.y;
        self.page.texts.push(Text { x, y, size, bold, faint, rtl: typeset::is_rtl(text), text: text.to_owned() });
    }

    /// A line of a paragraph.
    fn part(&mut self, x: f32, text: &str, size: f32, bold: bool, rtl: bool) {
        let y = self.y;
        self.page.texts.push(Text { x, y, size, bold, faint: false, rtl, text: text.to_owned() });
    }
}
