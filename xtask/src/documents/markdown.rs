//! What the checks want to know of a Markdown document.

use pulldown_cmark::{CodeBlockKind, CowStr, Event, Options, Parser, Tag, TagEnd};
use std::collections::BTreeSet;

/// A Markdown document, as GitHub shows it.
#[derive(Debug, Default)]
pub struct Document {
    /// Its path in the repository.
    pub file: String,
    /// Where links may lead in it: its headings.
    pub anchors: BTreeSet<String>,
    /// Links and images: lines, and where they lead.
    pub links: Vec<(usize, String)>,
    /// Code within a line.
    pub spans: Vec<(usize, String)>,
    /// Lines of blocks of code.
    pub blocks: Vec<(usize, String)>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// A table.
#[derive(Debug, Default)]
pub struct Table {
    /// The columns' headings.
    pub head: Vec<Cell>,
    /// Lines, and their cells.
    pub rows: Vec<(usize, Vec<Cell>)>,
}

/// A cell's content.
#[derive(Debug, Default)]
pub struct Cell {
    /// All of it.
    pub text: String,
    /// The code in it.
    pub code: Vec<String>,
}

impl Document {
    /// Reads the text of a file.
    pub fn parse(file: &str, text: &str) -> Self {
        let mut document = Self { file: file.to_owned(), ..Self::default() };
        let starts: Vec<usize> = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        let line = |at: usize| starts.partition_point(|start| *start <= at);
        // What a heading says, while it is read; and a block of code; and the table.
        let (mut heading, mut block, mut table) = (None::<String>, false, Table::default());
        for (event, range) in Parser::new_ext(text, Options::ENABLE_TABLES).into_offset_iter() {
            let at = line(range.start);
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => document.anchor(&heading.take().unwrap_or_default()),
                Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_) | CodeBlockKind::Indented)) => block = true,
                Event::End(TagEnd::CodeBlock) => block = false,
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    document.links.push((at, dest_url.into_string()));
                }
                Event::Start(Tag::Table(_)) => table = Table::default(),
                Event::Start(Tag::TableRow) => table.rows.push((at, Vec::new())),
                Event::Start(Tag::TableCell) => match table.rows.last_mut() {
                    Some((_, cells)) => cells.push(Cell::default()),
                    None => table.head.push(Cell::default()),
                },
                Event::End(TagEnd::Table) => document.tables.push(std::mem::take(&mut table)),
                Event::Text(said) if block => {
                    document.blocks.extend(said.lines().enumerate().map(|(number, text)| (at + number, text.to_owned())));
                }
                Event::Text(said) => add(&said, false, &mut heading, &mut table),
                Event::Code(said) => {
                    add(&said, true, &mut heading, &mut table);
                    document.spans.push((at, said.into_string()));
                }
                _ => {}
            }
        }
        document
    }

    /// The address of a heading: another one of the same words has a number behind it.
    fn anchor(&mut self, heading: &str) {
        let kept = |letter: &char| letter.is_alphanumeric() || ['-', '_', ' '].contains(letter);
        let slug: String =
            heading.to_lowercase().chars().filter(kept).map(|letter| if letter == ' ' { '-' } else { letter }).collect();
        let numbered = (1..).map(|number| format!("{slug}-{number}"));
        let free = std::iter::once(slug.clone()).chain(numbered).find(|slug| !self.anchors.contains(slug));
        self.anchors.extend(free);
    }

    /// The rows of the tables whose first column is called so.
    pub fn rows(&self, column: &str) -> impl Iterator<Item = (usize, &[Cell])> {
        let called = move |table: &&Table| table.head.first().is_some_and(|cell| cell.text == column);
        self.tables.iter().filter(called).flat_map(|table| table.rows.iter().map(|(line, cells)| (*line, cells.as_slice())))
    }
}

/// Text belongs to the heading, or to the last cell of the table, that is being read.
fn add(said: &CowStr<'_>, code: bool, heading: &mut Option<String>, table: &mut Table) {
    if let Some(heading) = heading {
        heading.push_str(said);
        return;
    }
    let cells = table.rows.last_mut().map_or(&mut table.head, |(_, cells)| cells);
    if let Some(cell) = cells.last_mut() {
        cell.text.push_str(said);
        if code {
            cell.code.push(said.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_is_read_with_its_lines() {
        let text = "# One & two\n\nA [link](other.md#there) and `code`,\nand `more\nof it`.\n\n```sh\nfirst\nsecond\n```\n\n# One & two\n\n\
                    | name | what |\n|---|---|\n| `a`, `b` | is *so* |\n";
        let document = Document::parse("a.md", text);
        assert_eq!(document.anchors, BTreeSet::from(["one--two".to_owned(), "one--two-1".to_owned()]));
        assert_eq!(document.links, [(3, "other.md#there".to_owned())]);
        let owned = |pairs: &[(usize, &str)]| pairs.iter().map(|(line, text)| (*line, (*text).to_owned())).collect::<Vec<_>>();
        assert_eq!(document.spans, owned(&[(3, "code"), (4, "more of it"), (16, "a"), (16, "b")]));
        assert_eq!(document.blocks, owned(&[(8, "first"), (9, "second")]));
        let rows: Vec<_> = document.rows("name").collect();
        assert_eq!((rows.len(), rows[0].0), (1, 16));
        assert_eq!((rows[0].1[0].code.as_slice(), rows[0].1[1].text.as_str()), (&["a".to_owned(), "b".to_owned()][..], "is so"));
        assert_eq!(document.rows("what").count(), 0);
    }
}
