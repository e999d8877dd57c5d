//! Formatting, lints, that no third-party crate is built twice, and that `spin.toml` names what its components are built from.

use crate::{
    build, spin_manifest,
    step::{self, cargo, output, step},
};
use anyhow::{Result, bail};
use std::collections::BTreeSet;

/// Checks everything; warnings are failures.
pub fn run() -> Result<()> {
    step("checking the format", || step::run(&mut cargo(&["fmt", "--all", "--check"])))?;
    step("holding spin.toml against the crates that it builds", spin_manifest::check)?;
    step("linting the host", || {
        step::run(&mut cargo(&["clippy", "--release", "--locked", "--all-targets", "--", "-D", "warnings"]))
    })?;
    step("linting the components", || {
        let mut command = cargo(&["clippy", "--profile", "wasm", "--locked", "--target", build::TARGET]);
        for name in build::component_names()?.iter().map(String::as_str).chain(["kit", "receipt"]) {
            command.args(["--package", name]);
        }
        step::run(command.args(["--", "-D", "warnings"]))
    })?;
    step("comparing the features of third-party crates", features)
}

/// Fails where one of the native crates, built or tested by itself, would build a third-party crate with other features than all of them
/// together do.
fn features() -> Result<()> {
    let components = build::component_names()?;
    let native: Vec<&str> =
        [build::HOST, build::PURE].concat().into_iter().chain(components.iter().map(String::as_str)).collect();
    let all = third_party(&native, "normal,build,dev")?;
    let builds = native.iter().flat_map(|name| ["normal,build", "normal,build,dev"].map(|edges| (*name, edges)));
    for (name, edges) in builds {
        let own = third_party(&[name], edges)?;
        if let Some(other) = own.difference(&all).next() {
            bail!(
                "{name} alone would build {other}, with other features than all crates together: run `cargo hakari generate` (from cargo-hakari)"
            );
        }
    }
    Ok(())
}

/// The third-party crates that these packages are built from, each with its version and features.
fn third_party(packages: &[&str], edges: &str) -> Result<BTreeSet<String>> {
    let mut tree = cargo(&["tree", "--locked", "--quiet", "--prefix", "none", "--edges", edges, "--format", "{p} [{f}]"]);
    for name in packages {
        tree.args(["--package", name]);
    }
    // A workspace's own crate is shown with its folder, in brackets; "(*)" says that a crate was shown before.
    let lines = output(&mut tree)?;
    Ok(lines.lines().map(|line| line.trim_end_matches(" (*)").to_owned()).filter(|line| !line.contains(" (/")).collect())
}
