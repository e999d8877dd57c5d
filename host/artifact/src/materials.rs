//! What components are made of, as `Cargo.lock` has it: a bill of materials in the form of CycloneDX.
//!
//! It names nothing that differs from one making to the next: the same lock file is the same bill.

use crate::error::Error;
use serde::Deserialize;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Deserialize)]
struct Lock {
    #[serde(default)]
    package: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    #[serde(default)]
    dependencies: Vec<String>,
}

impl Package {
    fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }

    /// Whether a line of another's dependencies means this one: `NAME`, `NAME VERSION` or `NAME VERSION (SOURCE)`.
    fn is_meant(&self, line: &str) -> bool {
        let mut words = line.split(' ');
        words.next() == Some(&self.name) && words.next().is_none_or(|version| version == self.version)
    }
}

/// The packages of a lock file that these are made of, themselves included: what they depend on, for tests and for building as well, since lock files
/// make no difference.
///
/// # Errors
/// Where it is no lock file, or has none of them.
pub fn materials(lock: &str, roots: &[String], (name, version): (&str, &str)) -> Result<Value, Error> {
    let wrong = |reason: String| Error::Pack(format!("Cargo.lock: {reason}"));
    let lock: Lock = toml::from_str(lock).map_err(|error| wrong(error.message().trim().to_owned()))?;
    let mut by_name: BTreeMap<&str, Vec<&Package>> = BTreeMap::new();
    for package in &lock.package {
        by_name.entry(&package.name).or_default().push(package);
    }
    // Those of this workspace have no source.
    let own = |root: &String| by_name.get(root.as_str()).into_iter().flatten().find(|package| package.source.is_none()).copied();
    let mut waiting: Vec<&Package> = roots.iter().filter_map(own).collect();
    if waiting.is_empty() {
        return Err(wrong(format!("has none of the components {}", roots.join(", "))));
    }
    let mut parts: BTreeMap<String, &Package> = BTreeMap::new();
    let mut graph: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    while let Some(package) = waiting.pop() {
        if parts.insert(package.purl(), package).is_some() {
            continue;
        }
        let depends = graph.entry(package.purl()).or_default();
        for line in &package.dependencies {
            let named = line.split(' ').next().unwrap_or_default();
            let meant = by_name.get(named).into_iter().flatten().find(|package| package.is_meant(line));
            let meant = meant.ok_or_else(|| wrong(format!("{} depends on {line}, which it has not", package.name)))?;
            depends.insert(meant.purl());
            waiting.push(meant);
        }
    }
    let components: Vec<Value> = parts
        .iter()
        .map(|(purl, package)| {
            let mut component = json!({
                "type": "library", "bom-ref": purl, "name": package.name, "version": package.version, "purl": purl,
            });
            if let (Some(checksum), Some(members)) = (&package.checksum, component.as_object_mut()) {
                members.insert("hashes".to_owned(), json!([{ "alg": "SHA-256", "content": checksum }]));
            }
            component
        })
        .collect();
    let dependencies: Vec<Value> = graph.iter().map(|(purl, depends)| json!({ "ref": purl, "dependsOn": depends })).collect();
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": { "component": { "type": "application", "bom-ref": name, "name": name, "version": version } },
        "components": components,
        "dependencies": dependencies,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOCK: &str = r#"
version = 4
[[package]]
name = "cart"
version = "0.1.0"
dependencies = ["serde 1.0.2", "stock"]
[[package]]
name = "stock"
version = "0.1.0"
dependencies = ["serde 2.0.0 (registry+https://github.com/rust-lang/crates.io-index)"]
[[package]]
name = "unused"
version = "9.0.0"
[[package]]
name = "serde"
version = "1.0.2"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "aa"
[[package]]
name = "serde"
version = "2.0.0"
source = "registry+https://github.com/rust-lang/crates.io-index"
checksum = "bb"
"#;

    #[test]
    fn a_bill_has_what_components_depend_on_and_nothing_else() {
        let bill = materials(LOCK, &["cart".to_owned(), "another".to_owned()], ("shop", "1")).unwrap();
        let purls: Vec<&str> = bill["components"].as_array().unwrap().iter().map(|part| part["purl"].as_str().unwrap()).collect();
        assert_eq!(purls, ["pkg:cargo/cart@0.1.0", "pkg:cargo/serde@1.0.2", "pkg:cargo/serde@2.0.0", "pkg:cargo/stock@0.1.0"]);
        assert_eq!(bill["components"][1]["hashes"][0]["content"], "aa");
        assert_eq!(bill["dependencies"][0]["dependsOn"], json!(["pkg:cargo/serde@1.0.2", "pkg:cargo/stock@0.1.0"]));
        assert_eq!(bill, materials(LOCK, &["cart".to_owned()], ("shop", "1")).unwrap());
    }

    #[test]
    fn what_is_no_lock_file_is_refused() {
        for (lock, root, said) in [
            ("[", "cart", "Cargo.lock"),
            (LOCK, "nobody", "none of the components nobody"),
            (LOCK, "serde", "none of the components serde"),
            (&LOCK.replace("serde 1.0.2", "serde 7"), "cart", "depends on serde 7"),
        ] {
            let message = materials(lock, &[root.to_owned()], ("shop", "1")).unwrap_err().to_string();
            assert!(message.contains(said), "{message}");
        }
    }
}
