//! Building: components for wasm, the binary for this machine.

use crate::{
    step::{cargo, run, step},
    tools,
};
use anyhow::{Context, Result};
use std::path::PathBuf;

/// Where the binary lands.
pub const MARQUEE: &str = "target/release/marquee";

/// Builds everything that `marquee up` needs.
pub fn all() -> Result<()> {
    components(&[])?;
    step("building the host (cargo shows its progress; the first time takes some minutes)", || {
        tools::c_compiler()?;
        run(&mut cargo(&["build", "--release", "--locked", "--package", "marquee"]))
    })
}

/// Builds the components, and these packages with them.
pub fn components(more: &[&str]) -> Result<()> {
    step("building the components for wasm32-wasip2", || {
        tools::wasm_target()?;
        let names = component_names()?;
        let mut command = cargo(&["build", "--profile", "wasm", "--locked", "--target", "wasm32-wasip2"]);
        for name in names.iter().map(String::as_str).chain(more.iter().copied()) {
            command.args(["--package", name]);
        }
        run(&mut command)
    })
}

/// The components of `spin.toml`: each is a package of that name.
pub fn component_names() -> Result<Vec<String>> {
    let manifest: toml::Table = std::fs::read_to_string("spin.toml").context("spin.toml")?.parse().context("spin.toml")?;
    let components = manifest.get("component").and_then(toml::Value::as_table).context("spin.toml has no components")?;
    Ok(components.keys().cloned().collect())
}

/// The folder of a package under `components/`.
pub fn component_folder(name: &str) -> PathBuf {
    PathBuf::from("components").join(name)
}
