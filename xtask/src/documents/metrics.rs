//! Prometheus metrics: those that the host registers, and those that are documented.

use super::{Fault, METRICS, markdown::Document, source};
use anyhow::Result;
use std::{collections::BTreeSet, path::Path};

/// How names of metrics begin.
const FAMILIES: [&str; 2] = ["marquee_", "http_server_"];

/// Metrics without documentation, and documentation without metrics.
pub fn check(root: &Path, document: &Document) -> Result<Vec<Fault>> {
    let sources = source::rust(root, "host")?;
    let registering = sources.iter().filter(|source| source.text.contains("use prometheus"));
    let registered: BTreeSet<(&str, &str)> =
        registering.flat_map(|source| names(source.without_tests()).map(|name| (name, source.file.as_str()))).collect();
    Ok(compare(&registered, document))
}

fn names(text: &str) -> impl Iterator<Item = &str> {
    let metric = |name: &&str| {
        FAMILIES.iter().any(|family| name.starts_with(family))
            && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
    };
    source::quoted(text, "").filter(metric)
}

fn compare(registered: &BTreeSet<(&str, &str)>, document: &Document) -> Vec<Fault> {
    let documented: Vec<(usize, &str)> = document
        .rows("metric")
        .flat_map(|(line, cells)| {
            cells.first().into_iter().flat_map(move |cell| cell.code.iter().map(move |name| (line, name.as_str())))
        })
        .collect();
    let missing = registered.iter().filter(|(name, _)| documented.iter().all(|(_, known)| known != name));
    let missing = missing.map(|(name, file)| Fault::new(file, 1, format!("the metric {name} is not in {METRICS}")));
    let gone = documented.iter().filter(|(_, name)| registered.iter().all(|(known, _)| known != name));
    let gone = gone.map(|(line, name)| Fault::new(&document.file, *line, format!("nothing registers the metric {name}")));
    missing.chain(gone).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_without_documentation_and_documentation_without_a_metric_are_found() {
        let code = "Opts::new(\"marquee_one\", \"Not marquee_three.\")\n\"marquee_two\", \"x\"";
        let registered = names(code).map(|name| (name, "a.rs")).collect();
        let document =
            Document::parse("m.md", "| metric | what |\n|---|---|\n| `marquee_one` | `labels` |\n| `marquee_old` | |\n");
        let said: Vec<_> = compare(&registered, &document).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            ["a.rs:1: the metric marquee_two is not in docs/metrics.md", "m.md:4: nothing registers the metric marquee_old"]
        );
    }
}
