//! Whether the documents are true: links and paths that lead somewhere, commands and tests that exist, and every setting and metric documented.
//!
//! What `marquee` itself takes on its command line is compared by a test of the crate `marquee`, which has the parser.

mod citations;
mod commands;
mod environment;
mod links;
mod manifest;
mod markdown;
mod metrics;
mod settings;
mod source;

use crate::step::{command, output, root, say};
use anyhow::{Context, Result, bail};
use markdown::Document;
use std::{collections::BTreeSet, fmt, path::Path};

/// Where settings are documented.
const CONFIGURATION: &str = "docs/configuration.md";
/// Where tests, and the variables that they read, are documented.
const TESTING: &str = "docs/testing.md";
/// Where metrics are documented.
const METRICS: &str = "docs/metrics.md";

/// Something in a document that is not so, or something that no document has.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fault {
    file: String,
    line: usize,
    text: String,
}

impl Fault {
    fn new(file: &str, line: usize, text: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line, text: text.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, line, text } = self;
        write!(f, "{file}:{line}: {text}")
    }
}

/// The repository's Markdown documents, and the paths of all its files.
struct Repository {
    documents: Vec<Document>,
    files: BTreeSet<String>,
}

impl Repository {
    /// What git knows of, and what is new and not ignored.
    fn read(root: &Path) -> Result<Self> {
        let mut list = command("git", &["ls-files", "--cached", "--others", "--exclude-standard"]);
        let listed = output(list.current_dir(root)).context("the documents of the repository are found by git")?;
        // A file that was removed and not yet committed is still listed.
        let files: BTreeSet<String> = listed.lines().filter(|file| root.join(file).exists()).map(str::to_owned).collect();
        let read = |file: &String| {
            let text = std::fs::read_to_string(root.join(file)).with_context(|| file.clone())?;
            Ok(Document::parse(file, &text))
        };
        let documents = files.iter().filter(|file| file.ends_with(".md")).map(read).collect::<Result<_>>()?;
        Ok(Self { documents, files })
    }

    fn document(&self, file: &str) -> Result<&Document> {
        self.documents.iter().find(|document| document.file == file).with_context(|| format!("there is no {file}"))
    }
}

/// Checks them all; says everything that is wrong, and where.
pub fn check() -> Result<()> {
    let root = root();
    let repository = Repository::read(&root)?;
    let mut faults = links::check(&repository);
    faults.extend(citations::check(&root, &repository)?);
    faults.extend(commands::check(&repository));
    faults.extend(settings::check(&root, repository.document(CONFIGURATION)?)?);
    faults.extend(manifest::check(&root, repository.document(CONFIGURATION)?)?);
    faults.extend(environment::check(&root, [CONFIGURATION, TESTING].map(|file| repository.document(file)))?);
    faults.extend(metrics::check(&root, repository.document(METRICS)?)?);
    faults.sort();
    for fault in &faults {
        say(&fault.to_string());
    }
    if !faults.is_empty() {
        bail!("{} faults in the documents, listed above", faults.len());
    }
    Ok(())
}
