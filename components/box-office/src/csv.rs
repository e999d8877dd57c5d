//! CSV for spreadsheets (RFC 4180).

/// Adds a row. Every cell is quoted; one that a spreadsheet would run as a formula begins with an apostrophe instead, which it shows as
/// text.
pub fn row<'a>(document: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            document.push(',');
        }
        document.push('"');
        if cell.starts_with(['=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}']) {
            document.push('\'');
        }
        document.push_str(&cell.replace('"', "\"\""));
        document.push('"');
    }
    document.push_str("\r\n");
}

#[cfg(test)]
mod tests {
    use super::row;

    fn written(cells: &[&str]) -> String {
        let mut document = String::new();
        row(&mut document, cells.iter().copied());
        document
    }

    #[test]
    fn cells_are_quoted() {
        assert_eq!(written(&["a", "b, \"c\"\nd", ""]), "\"a\",\"b, \"\"c\"\"\nd\",\"\"\r\n");
    }

    #[test]
    fn nothing_is_a_formula() {
        for cell in ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\u{ff1d}1"] {
            assert_eq!(written(&[cell]), format!("\"'{cell}\"\r\n"));
        }
        assert_eq!(written(&["a=1"]), "\"a=1\"\r\n");
    }
}
