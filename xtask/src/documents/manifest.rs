//! The application's variables: `spin.toml` beside their documentation.

use super::{CONFIGURATION, Fault, markdown::Document};
use anyhow::{Context, Result};
use std::path::Path;

const MANIFEST: &str = "spin.toml";

/// Variables without documentation, or with another default, and documentation without variables.
pub fn check(root: &Path, document: &Document) -> Result<Vec<Fault>> {
    let text = std::fs::read_to_string(root.join(MANIFEST)).context(MANIFEST)?;
    let manifest: toml::Table = text.parse().context(MANIFEST)?;
    let variables = manifest.get("variables").and_then(toml::Value::as_table).context("spin.toml declares no variables")?;
    Ok(compare(variables, document))
}

fn compare(variables: &toml::Table, document: &Document) -> Vec<Fault> {
    let mut documented = Vec::new();
    for (line, cells) in document.rows("variable") {
        let code = |column: usize| cells.get(column).and_then(|cell| cell.code.first()).map(String::as_str);
        documented.push((line, code(0).unwrap_or_default(), code(1).unwrap_or_default()));
    }
    let mut faults = Vec::new();
    for (name, declared) in variables {
        let default = declared.get("default").and_then(toml::Value::as_str).unwrap_or_default();
        match documented.iter().find(|(_, known, _)| known == name) {
            None => faults.push(Fault::new(MANIFEST, 1, format!("the variable {name} is not in {CONFIGURATION}"))),
            Some((line, _, said)) if *said != default => {
                faults.push(Fault::new(&document.file, *line, format!("the default of {name} is {default:?} in {MANIFEST}")));
            }
            Some(_) => {}
        }
    }
    let gone = documented.iter().filter(|(_, name, _)| !variables.contains_key(*name));
    faults
        .extend(gone.map(|(line, name, _)| Fault::new(&document.file, *line, format!("{MANIFEST} declares no variable {name}"))));
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_and_their_defaults_are_compared() {
        let variables =
            "a = { default = \"\" }\nb = { default = \"5\" }\nc = { default = \"x\", secret = true }".parse().unwrap();
        let text = "| variable | default |\n|---|---|\n| `a` | |\n| `b` | `6` |\n| `d` | `1` |\n";
        let said: Vec<_> = compare(&variables, &Document::parse("c.md", text)).iter().map(ToString::to_string).collect();
        assert_eq!(
            said,
            [
                "c.md:4: the default of b is \"5\" in spin.toml",
                "spin.toml:1: the variable c is not in docs/configuration.md",
                "c.md:5: spin.toml declares no variable d",
            ]
        );
    }
}
