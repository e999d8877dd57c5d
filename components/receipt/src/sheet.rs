//! Lays a receipt out. No drawing here.

use crate::page::{self, BOTTOM, LINE, MARGIN, Measure, Page, RIGHT, Text, isolated};
use crate::{Buyer, Item, Receipt, limits, money, typeset};

/// Where what a label names begins.
const VALUE: f32 = MARGIN + 64.0;
/// Between columns.
const GAP: f32 = 14.0;
/// A column of names is no narrower: where sums leave less, they go below the names.
const NAME_WIDTH: f32 = 150.0;

/// The pages of a receipt; `incomplete` says that there are characters in it that no font has.
pub fn pages(receipt: &Receipt, incomplete: bool, measure: Measure) -> Vec<Page> {
    let mut sheet = Sheet { measure, pages: vec![Page::default()], y: MARGIN };
    sheet.heading(receipt);
    sheet.event(receipt);
    sheet.items(receipt);
    sheet.sums(receipt);
    if incomplete {
        sheet.note("An empty box stands for a character that this document has no font for. The receipt is there as JSON, too.");
    }
    sheet.numbers(receipt);
    sheet.pages
}

struct Sheet<'a> {
    measure: Measure<'a>,
    pages: Vec<Page>,
    y: f32,
}

/// Where the columns of the items end, and how wide their names may be.
struct Columns {
    name: f32,
    quantity: f32,
    price: f32,
}

impl Sheet<'_> {
    fn heading(&mut self, receipt: &Receipt) {
        self.line(22.0);
        self.left("Receipt", 22.0, true);
        self.y += 8.0;
        let buyer = receipt.buyer.as_ref().map(|Buyer { name, email }| match name.as_str() {
            "" => isolated(email),
            name => format!("{}, {}", isolated(name), isolated(email)),
        });
        let refunds = match &receipt.booking.refund_until_local {
            Some(until) => format!("The buyer may cancel for a refund until {until}."),
            None => "The buyer may not cancel for a refund.".to_owned(),
        };
        for (name, value) in [
            ("Number", Some(receipt.number.clone())),
            ("Issued", Some(receipt.issued_local.clone())),
            ("Booking", Some(receipt.booking.id.clone())),
            ("Sold by", Some(receipt.seller.name.clone())),
            ("Sold to", buyer),
            ("Terms", Some(refunds)),
        ] {
            let Some(value) = value else { continue };
            for (index, line) in self.wrapped(&value, 10.0, false, RIGHT - VALUE).into_iter().enumerate() {
                self.line(10.0);
                if index == 0 {
                    self.put(MARGIN, name, 10.0, false, true);
                }
                self.part(VALUE, &line, 10.0, false, typeset::is_rtl(&value));
            }
        }
        self.y += 12.0;
    }

    fn event(&mut self, receipt: &Receipt) {
        self.rule();
        self.paragraph(&receipt.event.title, 14.0, true);
        let venue = &receipt.event.venue;
        let venue = format!("{}, {}, {}", isolated(&venue.name), isolated(&venue.city), venue.country);
        self.paragraph(&venue, 10.0, false);
        self.paragraph(&receipt.event.starts_local, 10.0, false);
        self.y += 12.0;
    }

    /// A text over the whole width.
    fn paragraph(&mut self, text: &str, size: f32, bold: bool) {
        for line in self.wrapped(text, size, bold, RIGHT - MARGIN) {
            self.line(size);
            self.part(MARGIN, &line, size, bold, typeset::is_rtl(text));
        }
    }

    /// Columns as wide as what stands in them; none where that leaves too little for names.
    fn columns(&self, items: &[Item]) -> Option<Columns> {
        let widest = |heading: &str, text: &dyn Fn(&Item) -> String| {
            let widths = items.iter().map(text).map(|text| (self.measure)(&text, 10.0, false));
            widths.fold((self.measure)(heading, 10.0, false), f32::max)
        };
        let price = RIGHT - widest("Total", &total) - GAP;
        let quantity = price - widest("Price", &price_of_one) - GAP;
        let name = quantity - widest("Quantity", &|item| item.quantity.to_string()) - GAP;
        (name - MARGIN >= NAME_WIDTH).then_some(Columns { name: name - MARGIN, quantity, price })
    }

    fn items(&mut self, receipt: &Receipt) {
        self.rule();
        self.line(10.0);
        self.put(MARGIN, "Tickets", 10.0, false, true);
        self.right(RIGHT, "Total", false, true);
        let columns = self.columns(&receipt.items);
        if let Some(columns) = &columns {
            self.right(columns.quantity, "Quantity", false, true);
            self.right(columns.price, "Price", false, true);
        }
        for item in &receipt.items {
            let width = columns.as_ref().map_or(RIGHT - MARGIN, |columns| columns.name);
            let rtl = typeset::is_rtl(&item.name);
            for (index, line) in self.wrapped(&item.name, 10.0, false, width).into_iter().enumerate() {
                self.line(10.0);
                self.part(MARGIN, &line, 10.0, false, rtl);
                if let Some(columns) = columns.as_ref().filter(|_| index == 0) {
                    self.right(columns.quantity, &item.quantity.to_string(), false, false);
                    self.right(columns.price, &price_of_one(item), false, false);
                    self.right(RIGHT, &total(item), false, false);
                }
            }
            if columns.is_none() {
                self.below(item);
            }
        }
        self.y += 12.0;
    }

    /// Sums that leave no room beside a name: below it, the total on a line of its own where both are long.
    fn below(&mut self, item: &Item) {
        let each = format!("{} × {}", item.quantity, price_of_one(item));
        let total = total(item);
        let width = |text: &str| (self.measure)(text, 10.0, false);
        let together = width(&each) + GAP + width(&total) <= RIGHT - MARGIN;
        self.line(10.0);
        self.left(&each, 10.0, false);
        if !together {
            self.line(10.0);
        }
        self.right(RIGHT, &total, false, false);
        self.y += 4.0;
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

    fn note(&mut self, text: &str) {
        self.y += 12.0;
        for line in self.wrapped(text, 8.0, false, RIGHT - MARGIN) {
            self.line(8.0);
            self.put(MARGIN, &line, 8.0, false, true);
        }
    }

    /// Of several pages, each says which it is.
    fn numbers(&mut self, receipt: &Receipt) {
        let all = self.pages.len();
        for (number, page) in (1..).zip(&mut self.pages).take(if all > 1 { all } else { 0 }) {
            let text = format!("{}, page {number} of {all}", receipt.number);
            let place = (MARGIN, BOTTOM + 20.0);
            page.texts.push(Text { x: place.0, y: place.1, size: 8.0, bold: false, faint: true, rtl: false, text });
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
        self.text(Text { x, y: self.y, size, bold, faint, rtl: false, text: text.to_owned() });
    }

    /// A line of a paragraph.
    fn part(&mut self, x: f32, text: &str, size: f32, bold: bool, rtl: bool) {
        self.text(Text { x, y: self.y, size, bold, faint: false, rtl, text: text.to_owned() });
    }

    fn text(&mut self, text: Text) {
        if let Some(page) = self.pages.last_mut() {
            page.texts.push(text);
        }
    }

    fn wrapped(&self, text: &str, size: f32, bold: bool, width: f32) -> Vec<String> {
        page::wrapped(self.measure, text, size, bold, width)
    }
}

fn price_of_one(item: &Item) -> String {
    money::format(item.unit_price.amount, &item.unit_price.currency)
}

fn total(item: &Item) -> String {
    money::format(item.total.amount, &item.total.currency)
}

#[cfg(test)]
#[path = "sheet_tests.rs"]
pub(super) mod tests;
