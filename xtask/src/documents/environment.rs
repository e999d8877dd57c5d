//! Environment variables: those that the code reads, and those that are documented.

use super::{Fault, markdown::Document, source};
use anyhow::Result;
use std::{collections::BTreeSet, path::Path};

/// Where code is.
const FOLDERS: [&str; 5] = ["components", "host", "infra", "load-tests", "xtask"];
/// How an environment variable is read.
const READERS: [&str; 3] = ["var(", "var_os(", "variable("];
/// What the host says to its components, and nobody to the host.
const INTERNAL: &str = "MARQUEE_HOST";
/// Read by the libraries that verify certificates.
const OF_LIBRARIES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// Every variable of the application may be set by one of these.
const OF_THE_APPLICATION: &str = "SPIN_VARIABLE_";

/// Variables without documentation, and documentation without variables.
pub fn check<'a>(root: &Path, documents: impl IntoIterator<Item = Result<&'a Document>>) -> Result<Vec<Fault>> {
    let documents: Vec<&Document> = documents.into_iter().collect::<Result<_>>()?;
    let (mut ours, mut read) = (Vec::new(), BTreeSet::new());
    for source in FOLDERS.iter().map(|folder| source::rust(root, folder)).collect::<Result<Vec<_>>>()?.iter().flatten() {
        // Names that tests of these checks make up are no variables.
        let text = if source.file.starts_with("xtask/") { source.without_tests() } else { &source.text };
        let here: BTreeSet<&str> = source::quoted(text, "").filter(|text| is_ours(text)).collect();
        // What the host reads beside variables of its own; its tests, and components that are made for them, may read others.
        let host = source.file.starts_with("host/") && source.file.contains("/src/") && !source.file.contains("/fixtures/");
        let others: BTreeSet<&str> = READERS
            .iter()
            .flat_map(|reader| source::quoted(source.without_tests(), reader))
            .filter(|text| is_name(text))
            .collect();
        let said = here.iter().chain(others.iter().filter(|_| host));
        ours.extend(said.map(|name| ((*name).to_owned(), source.file.clone())));
        read.extend(here.iter().chain(&others).map(|name| (*name).to_owned()));
    }
    Ok(compare(&ours, &read, &documents))
}

fn is_ours(text: &str) -> bool {
    text.strip_prefix("MARQUEE_").is_some_and(is_name)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
}

fn compare(ours: &[(String, String)], read: &BTreeSet<String>, documents: &[&Document]) -> Vec<Fault> {
    let mut documented: Vec<(&str, usize, &str)> = Vec::new();
    for document in documents {
        for (line, cells) in document.rows("environment variable") {
            let names = cells.first().into_iter().flat_map(|cell| &cell.code);
            documented.extend(names.map(|name| (document.file.as_str(), line, name.as_str())));
        }
    }
    let (mut faults, mut seen) = (Vec::new(), BTreeSet::from([INTERNAL]));
    for (name, file) in ours.iter().filter(|(name, _)| !name.starts_with(OF_THE_APPLICATION)) {
        if seen.insert(name) && documented.iter().all(|(_, _, known)| known != name) {
            faults.push(Fault::new(file, 1, format!("the environment variable {name} is documented nowhere")));
        }
    }
    let known = |name: &str| read.contains(name) || OF_LIBRARIES.contains(&name) || name.starts_with(OF_THE_APPLICATION);
    let gone = documented.iter().filter(|(_, _, name)| !known(name));
    faults
        .extend(gone.map(|(file, line, name)| Fault::new(file, *line, format!("nothing reads the environment variable {name}"))));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_documents_are_compared_both_ways() {
        let text = "| environment variable | what |\n|---|---|\n| `MARQUEE_A`, `SPIN_VARIABLE_NAME` | |\n| `SSL_CERT_FILE` | |\n| `OLD` | |\n";
        let document = Document::parse("c.md", text);
        let ours = ["MARQUEE_A", "MARQUEE_B", "MARQUEE_HOST", "MARQUEE_B"].map(|name| (name.to_owned(), "a.rs".to_owned()));
        let read = ours.iter().map(|(name, _)| name.clone()).collect();
        let said: Vec<_> = compare(&ours, &read, &[&document]).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "a.rs:1: the environment variable MARQUEE_B is documented nowhere",
                "c.md:5: nothing reads the environment variable OLD"
            ]
        );
    }
}
