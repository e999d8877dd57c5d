//! Lists as CSV (RFC 4180), for spreadsheets.

use crate::{Request, Response, limits};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// Its media type, as a client asks for it.
pub const MEDIA: &str = "text/csv";

/// A table of so many columns.
pub struct Table {
    text: String,
}

impl Table {
    /// With this first line.
    pub fn new<'a>(columns: impl IntoIterator<Item = &'a str>) -> Self {
        // Spreadsheets take a file without the mark for one in the machine's old encoding.
        let mut table = Self { text: "\u{feff}".to_owned() };
        table.row(columns);
        table
    }

    /// Adds a line.
    pub fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        for (number, cell) in cells.into_iter().enumerate() {
            if number > 0 {
                self.text.push(',');
            }
            push(&mut self.text, cell);
        }
        self.text.push_str("\r\n");
    }

    /// Whether there is no room for more: the next page has the rest.
    pub fn is_full(&self) -> bool {
        self.text.len() >= limits::CSV_BYTES
    }

    /// As an answer: a download of this name, with where the next page is.
    pub fn answer(self, name: &str, next: Option<String>) -> Response {
        let response = Response::new(200, "text/csv; charset=utf-8; header=present", self.text)
            .header("content-disposition", format!("attachment; filename=\"{name}.csv\""));
        match next {
            Some(address) => response.header("link", format!("<{address}>; rel=\"next\"")),
            None => response,
        }
    }
}

/// The address of a list's next page.
pub fn next_page(request: &Request, cursor: &str) -> String {
    let given = request.query.iter().map(|(name, value)| (name.as_str(), value.as_str())).filter(|(name, _)| *name != "cursor");
    let encoded = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
    let query: Vec<_> =
        given.chain([("cursor", cursor)]).map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    format!("{}?{}", request.path, query.join("&"))
}

/// Spreadsheets run a cell that begins like a formula. With an apostrophe before it they show it as it was typed.
fn push(text: &mut String, cell: &str) {
    let formula = cell.trim_start().starts_with(['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠']);
    let number = cell.parse::<i64>().is_ok();
    let guard = if formula && !number { "'" } else { "" };
    if guard.is_empty() && !cell.contains(['"', ',', '\r', '\n', ';', '\t']) {
        text.push_str(cell);
    } else {
        text.push('"');
        text.push_str(guard);
        text.push_str(&cell.replace('"', "\"\""));
        text.push('"');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cell(text: &str) -> String {
        let mut line = String::new();
        push(&mut line, text);
        line
    }

    #[test]
    fn no_cell_is_a_formula() {
        for (given, shown) in [
            ("Ada", "Ada"),
            ("Ada, Countess", "\"Ada, Countess\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=HYPERLINK(\"http://x\")", "\"'=HYPERLINK(\"\"http://x\"\")\""),
            ("+49 30 1", "\"'+49 30 1\""),
            ("-4500", "-4500"),
            ("-1+1", "\"'-1+1\""),
            ("@SUM(A1)", "\"'@SUM(A1)\""),
            (" =1", "\"' =1\""),
            ("＝1", "\"'＝1\""),
            ("\t=1", "\"'\t=1\""),
            ("", ""),
        ] {
            assert_eq!(cell(given), shown, "{given:?}");
        }
    }

    #[test]
    fn lines_end_as_the_standard_says() {
        let mut table = Table::new(["id", "name"]);
        table.row(["1", "Ada"]);
        let answer = table.answer("orders", Some("/next".to_owned()));
        assert_eq!(&answer.body[..], "\u{feff}id,name\r\n1,Ada\r\n".as_bytes());
        assert!(answer.headers.contains(&("link", "</next>; rel=\"next\"".to_owned())));
    }
}
