//! Holds `spin.toml` against the crates that its components are built from: how they are built, and what `spin watch` looks at.

use crate::{
    build,
    step::{cargo, output},
    web,
};
use anyhow::{Context, Result, bail};
use serde_json::Value as Json;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Component, Path, PathBuf},
};

/// How Spin has a component built: all of them at once, so that nothing is built twice, and what they have in them before.
const COMMAND: &str = "cargo xtask components";
/// What every component is built from.
const SHARED: [&str; 2] = ["Cargo.toml", "Cargo.lock"];
/// What names a file that is built in, from the source's folder.
const INCLUDES: [&str; 2] = ["include_str!(", "include_bytes!("];
/// What names folders of WIT, and files that a build script reads, from the crate's folder. Only what is outside that matters here.
const READS: [&str; 3] = ["path: \"", "path: [\"", "rerun-if-changed="];

/// Fails where a component is built by another command than the others, or `spin watch` would miss a file that it is built from. Says what
/// should stand in `spin.toml` instead.
pub fn check() -> Result<()> {
    let manifest: toml::Table = std::fs::read_to_string("spin.toml")?.parse().context("spin.toml")?;
    let crates = Crates::read()?;
    for (name, package) in build::components_by_package()? {
        let own = manifest.get("component").and_then(|all| all.get(&name)).and_then(|component| component.get("build"));
        let own = own.with_context(|| format!("spin.toml: component.{name} has no build table"))?;
        if own.get("command").and_then(toml::Value::as_str) != Some(COMMAND) {
            bail!("spin.toml: component.{name}.build.command must be {COMMAND:?}, which builds all components");
        }
        let watched: BTreeSet<&str> =
            own.get("watch").and_then(toml::Value::as_array).into_iter().flatten().filter_map(toml::Value::as_str).collect();
        let needed = crates.watch(&package)?;
        if watched != needed.iter().map(String::as_str).collect() {
            bail!("spin.toml: component.{name}.build.watch must name what it is built from:\n{needed:?}");
        }
    }
    Ok(())
}

/// The workspace's crates, as cargo knows them for the components' platform.
struct Crates {
    /// Folders by name, from the workspace's root.
    folders: BTreeMap<String, PathBuf>,
    /// Which of them each is built from.
    needs: BTreeMap<String, Vec<String>>,
}

impl Crates {
    fn read() -> Result<Self> {
        let mut command = cargo(&["metadata", "--format-version=1", "--locked", "--quiet", "--filter-platform", build::TARGET]);
        Self::of(&serde_json::from_str(&output(&mut command)?)?)
    }

    fn of(metadata: &Json) -> Result<Self> {
        let list = |value: &Json, key: &str| value.get(key).and_then(Json::as_array).cloned().unwrap_or_default();
        let text = |value: &Json, key: &str| value.get(key).and_then(Json::as_str).unwrap_or_default().to_owned();
        let root = PathBuf::from(text(metadata, "workspace_root"));
        let members: BTreeSet<String> =
            list(metadata, "workspace_members").iter().filter_map(|id| id.as_str().map(str::to_owned)).collect();
        let (mut names, mut folders, mut needs) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        for package in list(metadata, "packages").iter().filter(|package| members.contains(&text(package, "id"))) {
            let manifest = PathBuf::from(text(package, "manifest_path"));
            let folder = manifest.parent().and_then(|folder| folder.strip_prefix(&root).ok());
            folders.insert(text(package, "name"), folder.context("a crate outside the workspace")?.to_owned());
            names.insert(text(package, "id"), text(package, "name"));
        }
        let resolve = metadata.get("resolve").context("cargo metadata resolves nothing")?;
        for node in list(resolve, "nodes") {
            let Some(name) = names.get(&text(&node, "id")) else { continue };
            // Of dependencies for tests alone nothing is built in.
            let built_in =
                |dep: &Json| list(dep, "dep_kinds").iter().any(|kind| matches!(text(kind, "kind").as_str(), "" | "build"));
            let deps = list(&node, "deps");
            let deps = deps.iter().filter(|dep| built_in(dep)).filter_map(|dep| names.get(&text(dep, "pkg")).cloned());
            needs.insert(name.clone(), deps.collect());
        }
        Ok(Self { folders, needs })
    }

    /// Patterns of every file that a crate is built from.
    fn watch(&self, name: &str) -> Result<BTreeSet<String>> {
        let (mut found, mut left) = (BTreeSet::new(), vec![name]);
        while let Some(next) = left.pop() {
            if found.insert(next) {
                left.extend(
                    self.needs.get(next).with_context(|| format!("there is no crate {next}"))?.iter().map(String::as_str),
                );
            }
        }
        let folders: BTreeSet<&PathBuf> = found.iter().filter_map(|name| self.folders.get(*name)).collect();
        let mut watch: BTreeSet<String> = SHARED.iter().map(|&file| file.to_owned()).collect();
        watch.extend(folders.iter().map(|folder| format!("{}/**/*", folder.display())));
        for folder in &folders {
            for input in inputs(folder)?.into_iter().filter(|input| !folders.iter().any(|folder| input.starts_with(folder))) {
                // What is made by the build must not set off another: the sources of it do.
                if input == Path::new(web::DIST) {
                    watch.extend(web::watched());
                    continue;
                }
                watch.insert(if input.is_dir() { format!("{}/**/*", input.display()) } else { input.display().to_string() });
            }
        }
        Ok(watch)
    }
}

/// What a crate's sources name that is built in.
fn inputs(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let (mut inputs, mut left) = (BTreeSet::new(), vec![folder.to_owned()]);
    while let Some(here) = left.pop() {
        for entry in here.read_dir().with_context(|| here.display().to_string())?.flatten() {
            let path = entry.path();
            if path.is_dir() {
                left.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = std::fs::read_to_string(&path)?;
                for named in named(&text).with_context(|| path.display().to_string())? {
                    let input = match named {
                        BuildInput::FromSource(text) => lexical(&here.join(text)),
                        BuildInput::FromCrate(text) => lexical(&folder.join(text)),
                    };
                    inputs.insert(input);
                }
            }
        }
    }
    Ok(inputs)
}

#[derive(Debug, PartialEq)]
enum BuildInput<'a> {
    FromSource(&'a str),
    FromCrate(&'a str),
}

/// What a source names.
fn named(source: &str) -> Result<Vec<BuildInput<'_>>> {
    let mut found = Vec::new();
    for marker in INCLUDES {
        for rest in source.split(marker).skip(1) {
            let quoted = rest.strip_prefix("concat!(").unwrap_or(rest).strip_prefix('"').and_then(|rest| rest.split_once('"'));
            let (path, _) =
                quoted.with_context(|| format!("{marker}…) names no text: what `spin watch` is to look at is not known"))?;
            found.push(BuildInput::FromSource(path));
        }
    }
    for marker in READS {
        for rest in source.split(marker).skip(1) {
            let list = if marker.contains('[') { rest.split_once(']').map_or(rest, |(list, _)| list) } else { rest };
            let paths = list.split('"').step_by(2).take(if marker.contains('[') { usize::MAX } else { 1 });
            found.extend(paths.filter(|path| path.starts_with("../")).map(BuildInput::FromCrate));
        }
    }
    Ok(found)
}

/// A path without `..`, for what need not be there.
fn lexical(path: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => _ = plain.pop(),
            Component::CurDir => {}
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn embedded_files_are_found_in_sources() {
        let source = r#"
            const A: &str = include_str!("../a.sql");
            const B: &[u8] = include_bytes!(concat!("../b/", "c.bin"));
            generate!({ path: "../../wit/shop", world: "shop" });
            generate!({ path: ["../../wit/one", "../../wit/two"] });
            struct Request { path: String }
            let root = Request { path: "/api".into() };
            println!("cargo::rerun-if-changed=../d.txt");
            println!("cargo::rerun-if-changed=build.rs");
        "#;
        let expected = [
            BuildInput::FromSource("../a.sql"),
            BuildInput::FromSource("../b/"),
            BuildInput::FromCrate("../../wit/shop"),
            BuildInput::FromCrate("../../wit/one"),
            BuildInput::FromCrate("../../wit/two"),
            BuildInput::FromCrate("../d.txt"),
        ];
        assert_eq!(named(source).unwrap(), expected);
        assert!(named("include_str!(env!(\"OUT_DIR\"))").is_err());
        assert_eq!(lexical(Path::new("components/kit/../../wit/./shop")), Path::new("wit/shop"));
    }

    #[test]
    fn build_inputs_exclude_dev_dependencies() {
        let package = |name: &str| json!({"id": name, "name": name, "manifest_path": format!("/w/{name}/Cargo.toml")});
        let on = |name: &str, kind: Json| json!({"pkg": name, "dep_kinds": [{"kind": kind}]});
        let metadata = json!({
            "workspace_root": "/w",
            "workspace_members": ["a", "b", "c", "t"],
            "packages": [package("a"), package("b"), package("c"), package("t"), package("serde")],
            "resolve": {"nodes": [
                {"id": "a", "deps": [on("b", Json::Null), on("t", json!("dev")), on("serde", Json::Null)]},
                {"id": "b", "deps": [on("c", json!("build"))]}, {"id": "c", "deps": []}, {"id": "t", "deps": []},
                {"id": "serde", "deps": []},
            ]},
        });
        let crates = Crates::of(&metadata).unwrap();
        assert_eq!(crates.needs["a"], ["b"]);
        assert_eq!(crates.needs["b"], ["c"]);
        assert_eq!(crates.folders["c"], Path::new("c"));
    }
}
