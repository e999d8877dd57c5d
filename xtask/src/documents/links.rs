//! Links, anchors and paths that lead nowhere.

use super::{Fault, Repository, markdown::Document};
use std::collections::BTreeSet;

/// Endings of files whose path is one wherever it begins, as `src/lib.rs` of a crate.
const ENDINGS: [&str; 9] = ["rs", "sql", "md", "js", "json", "wit", "yaml", "yml", "lua"];

/// What leads nowhere in all documents.
pub fn check(repository: &Repository) -> Vec<Fault> {
    let places = Places::of(&repository.files);
    repository.documents.iter().flat_map(|document| of(document, repository, &places)).collect()
}

fn of(document: &Document, repository: &Repository, places: &Places) -> Vec<Fault> {
    let folder = document.file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let links = document.links.iter().filter_map(|(line, to)| Some((line, link(to, document, folder, repository, places)?)));
    let paths = document.spans.iter().filter(|(_, text)| places.is_path(text) && !places.leads(text, folder));
    let paths = paths.map(|(line, text)| (line, format!("`{text}`: there is no such path in the repository")));
    links.chain(paths).map(|(line, text)| Fault::new(&document.file, *line, text)).collect()
}

/// What is wrong with a link.
fn link(to: &str, document: &Document, folder: &str, repository: &Repository, places: &Places) -> Option<String> {
    if ["http:", "https:", "mailto:"].iter().any(|scheme| to.starts_with(scheme)) {
        return None;
    }
    let (path, anchor) = to.split_once('#').map_or((to, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { document.file.clone() } else { joined(folder, path) };
    if !places.all.contains(target.as_str()) {
        return Some(format!("a link to {to}: there is no {target}"));
    }
    let known = repository.documents.iter().find(|document| document.file == target)?;
    let anchor = anchor.filter(|anchor| !known.anchors.contains(*anchor))?;
    Some(format!("a link to {to}: {target} has no heading #{anchor}"))
}

/// Files and folders of the repository.
struct Places {
    all: BTreeSet<String>,
}

impl Places {
    fn of(files: &BTreeSet<String>) -> Self {
        let ends = |file: &String| file.match_indices('/').map(|(at, _)| at).chain([file.len()]).collect::<Vec<_>>();
        let all = files.iter().flat_map(|file| ends(file).into_iter().filter_map(|end| file.get(..end).map(str::to_owned)));
        Self { all: all.chain([String::new()]).collect() }
    }

    /// Whether some code is meant as a path of this repository: it begins with a folder of its root, or ends as source files do.
    fn is_path(&self, text: &str) -> bool {
        let letter = |letter: char| letter.is_ascii_alphanumeric() || "_-./*".contains(letter);
        let Some((first, _)) = text.split_once('/') else { return false };
        let ending = text.rsplit_once('.').map_or("", |(_, ending)| ending);
        let plain = text.chars().all(letter) && !first.is_empty() && !text.contains("//") && !text.contains("...");
        plain && (self.all.contains(first) || (ENDINGS.contains(&ending) && !["target", ".."].contains(&first)))
    }

    /// Whether a path leads somewhere: from the root, from the folder of the document or, where it does not begin in the root, from any folder. `NAME` and
    /// `*` stand for anything.
    fn leads(&self, path: &str, folder: &str) -> bool {
        let path = path.trim_end_matches('/');
        let (from_root, from_folder) = (joined("", path), joined(folder, path));
        let in_root = path.split_once('/').is_some_and(|(first, _)| self.all.contains(first));
        self.all.iter().any(|place| {
            matches(&from_root, place) || matches(&from_folder, place) || (!in_root && matches_end(&from_root, place))
        })
    }
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut wanted, mut parts) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), parts.next()) {
            (None, None) => return true,
            (Some(wanted), Some(part)) if part_matches(wanted, part) => {}
            _ => return false,
        }
    }
}

fn matches_end(pattern: &str, path: &str) -> bool {
    let surplus = path.split('/').count().checked_sub(pattern.split('/').count());
    surplus.is_some_and(|surplus| {
        let end: Vec<&str> = path.split('/').skip(surplus).collect();
        matches(pattern, &end.join("/"))
    })
}

fn part_matches(wanted: &str, part: &str) -> bool {
    // A placeholder, as in components/NAME/src/lib.rs; README and the like are names.
    let name = wanted.len() > 1 && wanted.chars().all(|letter| letter.is_ascii_uppercase()) && wanted != "LICENSE";
    match wanted.split_once('*') {
        Some((before, after)) => part.strip_prefix(before).is_some_and(|rest| rest.ends_with(after)),
        None => name || wanted == part,
    }
}

/// A path from a folder, `.` and `..` resolved.
fn joined(folder: &str, path: &str) -> String {
    let from = if path.starts_with('/') { "" } else { folder };
    let mut parts: Vec<&str> = Vec::new();
    for part in from.split('/').chain(path.split('/')) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|part| *part != "..") => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repository(file: &str, text: &str) -> Repository {
        let other = Document::parse("docs/other.md", "# A heading\n");
        let files =
            ["README.md", "docs/other.md", "host/edge/src/lib.rs", "host/edge/src/search/index.rs", "infra/0001_first.sql", file];
        Repository { documents: vec![Document::parse(file, text), other], files: files.map(str::to_owned).into() }
    }

    fn said(file: &str, text: &str) -> Vec<String> {
        check(&repository(file, text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn valid_links_pass() {
        let text = "# Top\n[a](other.md#a-heading) [b](../README.md) [c](#top) [d](https://example.com/x.md) [e](../host/edge) [f](/docs/)\n\n\
                    `host/edge/src/lib.rs` `host/*/src/lib.rs` `host/NAME/src` `infra/0001_*.sql` `search/index.rs` `other.md` `../README.md`\n\
                    `text/html` `/api/events` `eu/eu-1` `fleet/ca.crl` `target/x/main.rs` `application/vnd.wasm+json`\n";
        assert_eq!(said("docs/a.md", text), Vec::<String>::new());
    }

    #[test]
    fn broken_links_are_reported_with_their_line() {
        let text = "[a](other.md#no-heading)\n[b](missing.md)\n[c](#nowhere) `host/edge/src/gone.rs`\n\nand `search/gone.rs`, `host/gone`\n";
        assert_eq!(
            said("docs/a.md", text),
            [
                "docs/a.md:1: a link to other.md#no-heading: docs/other.md has no heading #no-heading",
                "docs/a.md:2: a link to missing.md: there is no docs/missing.md",
                "docs/a.md:3: a link to #nowhere: docs/a.md has no heading #nowhere",
                "docs/a.md:3: `host/edge/src/gone.rs`: there is no such path in the repository",
                "docs/a.md:5: `search/gone.rs`: there is no such path in the repository",
                "docs/a.md:5: `host/gone`: there is no such path in the repository",
            ]
        );
    }
}
