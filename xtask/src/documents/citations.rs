//! Tests that a table names and that are not there: `path/to/file.rs`, a colon, and the names of tests in that file with commas between them.

use super::{Fault, Repository, markdown::Cell};
use anyhow::{Context, Result};
use std::{collections::BTreeMap, path::Path};

/// What tables name and no file has.
pub fn check(root: &Path, repository: &Repository) -> Result<Vec<Fault>> {
    let mut sources = BTreeMap::new();
    let mut faults = Vec::new();
    for document in &repository.documents {
        let rows = document.tables.iter().flat_map(|table| &table.rows);
        let cells = rows.flat_map(|(line, cells)| cells.iter().map(move |cell| (*line, cell)));
        for (line, file, test) in
            cells.flat_map(|(line, cell)| cited(cell).into_iter().map(move |(file, test)| (line, file, test)))
        {
            // Of a path that leads nowhere others tell.
            if !repository.files.contains(file) {
                continue;
            }
            if !sources.contains_key(file) {
                sources.insert(file, std::fs::read_to_string(root.join(file)).with_context(|| file.to_owned())?);
            }
            if !sources.get(file).is_some_and(|source| source.contains(&format!("fn {test}("))) {
                faults.push(Fault::new(&document.file, line, format!("`{test}`: {file} has no such test")));
            }
        }
    }
    Ok(faults)
}

/// Files and the tests that are named with them.
fn cited(cell: &Cell) -> Vec<(&str, &str)> {
    let mut cited = Vec::new();
    let (mut rest, mut file) = (cell.text.as_str(), None);
    for code in &cell.code {
        let Some((between, after)) = rest.split_once(code.as_str()) else { break };
        rest = after;
        if code.ends_with(".rs") {
            file = Some(code.as_str());
        } else if let Some(file) = file
            && [": ", ", "].contains(&between)
            && code.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_')
        {
            cited.push((file, code.as_str()));
        } else {
            file = None;
        }
    }
    cited
}

#[cfg(test)]
mod tests {
    use super::super::markdown::Document;
    use super::*;

    #[test]
    fn tests_are_named_after_their_file() {
        let text = "| a |\n|---|\n| Test: `x/a.rs`: `one`, `two`; `x/b.rs`: `three`. In `x/c.rs` and by `four`; `x/d.rs`, where `five` is; `x/e.rs`, `y/` |\n";
        let document = Document::parse("a.md", text);
        let cell = &document.tables[0].rows[0].1[0];
        assert_eq!(cited(cell), [("x/a.rs", "one"), ("x/a.rs", "two"), ("x/b.rs", "three")]);
    }
}
