//! Source files.

use anyhow::{Context, Result};
use std::path::Path;

/// A source file.
pub struct Source {
    /// Its path in the repository.
    pub file: String,
    /// All of it.
    pub text: String,
}

impl Source {
    /// What comes before the file's own tests. Those in a file of their own are another source.
    pub fn without_tests(&self) -> &str {
        const BEGIN: &str = "#[cfg(test)]\nmod ";
        let here = |at: &usize| {
            let name = self.text.get(at + BEGIN.len()..).and_then(|rest| rest.lines().next());
            name.is_some_and(|name| name.ends_with('{'))
        };
        let end = self.text.match_indices(BEGIN).map(|(at, _)| at).find(here);
        self.text.get(..end.unwrap_or(self.text.len())).unwrap_or_default()
    }
}

/// The Rust sources under a folder of the repository.
pub fn rust(root: &Path, folder: &str) -> Result<Vec<Source>> {
    let (mut found, mut open) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = open.pop() {
        for entry in root.join(&folder).read_dir().with_context(|| folder.clone())? {
            let entry = entry?;
            let name = entry.file_name();
            let path = format!("{folder}/{}", name.to_string_lossy());
            if entry.file_type()?.is_dir() {
                open.push(path);
            } else if path.ends_with(".rs") {
                let text = std::fs::read_to_string(entry.path()).with_context(|| path.clone())?;
                found.push(Source { file: path, text });
            }
        }
    }
    found.sort_by(|one, other| one.file.cmp(&other.file));
    Ok(found)
}

/// Texts in quotes that follow `before`.
pub fn quoted<'a>(text: &'a str, before: &str) -> impl Iterator<Item = &'a str> {
    let opened = format!("{before}\"");
    let starts: Vec<usize> = text.match_indices(&opened).map(|(at, _)| at + opened.len()).collect();
    starts.into_iter().filter_map(|start| text.get(start..)?.split('"').next())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoted_names_are_found_outside_tests() {
        let text = "#[cfg(test)]\nmod elsewhere;\nlet a = var(\"ONE\");\n#[cfg(test)]\nmod tests {\n    var(\"TWO\");\n}\n";
        let source = Source { file: "a.rs".to_owned(), text: text.to_owned() };
        assert_eq!(quoted(&source.text, "var(").collect::<Vec<_>>(), ["ONE", "TWO"]);
        assert_eq!(quoted(source.without_tests(), "var(").collect::<Vec<_>>(), ["ONE"]);
    }
}
