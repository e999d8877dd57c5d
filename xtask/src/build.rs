//! Building: components for wasm, the binary for this machine.

use crate::{
    fonts,
    step::{built, cargo, run, run_without_warnings, step},
    tools, web,
};
use anyhow::{Context, Result};
use serde_json::Value;
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    path::{Path, PathBuf},
    process::Command,
};

/// What components are built for.
pub const TARGET: &str = "wasm32-wasip2";
/// Where the binary lands.
pub const MARQUEE: &str = "target/release/marquee";
/// For what buys for many from one address: a variable, and its value.
pub const HELD_PLACES: (&str, &str) = ("SPIN_VARIABLE_HELD_PLACES_PER_ADDRESS", "1000000");

/// The host's crates.
pub const HOST: &[&str] = &[
    "agent",
    "artifact",
    "bindings",
    "capabilities",
    "contracts",
    "control",
    "edge",
    "fleet",
    "kubernetes",
    "manifest",
    "marquee",
    "region",
    "rollout",
    "runtime",
    "storage",
    "streams",
    "telemetry",
    "watch",
];

/// Guests that misbehave on purpose, for the host's tests.
pub const FIXTURES: [&str; 2] = ["fixtures", "p2-fixture"];

/// Those of them that know no WebAssembly: neither they nor their tests are built after wasmtime.
pub const APART: &[&str] = &[
    "agent",
    "artifact",
    "contracts",
    "control",
    "edge",
    "fleet",
    "kubernetes",
    "manifest",
    "region",
    "rollout",
    "storage",
    "streams",
    "telemetry",
    "watch",
];

/// The one of them that has the binary, and tests of whole platforms.
pub const PLATFORMS: &str = "marquee";

/// Benchmarks of the host's parts. [`bench()`] builds them, and tests do without running them, so that they are linted.
pub const BENCHES: &str = "benches";

/// Libraries that need neither wasm nor a server.
pub const PURE: &[&str] = &[
    "access-token",
    "archive",
    "audit",
    "browser-policy",
    "calendar",
    "fuzz",
    "generator",
    "kit",
    "ledger-core",
    "ledger-engine",
    "migrations",
    "passkeys",
    "password-hashing",
    "read-model",
    "receipt",
    "ticket-code",
    "vocabulary",
    "wallet",
    "webhooks",
];

/// What automation needs, too: it is built before anything else, with the features that it wants by itself.
pub const EARLY: &[&str] = &["demo"];

/// The tests' profile: see the file.
pub const CHECKED: &str = ".cargo/checked.toml";

/// Builds the compiler that this profile names, which cargo calls in rustc's place.
pub fn compiler() -> Result<()> {
    run(&mut cargo(&["build", "--quiet", "--locked", "--package", "compiler"]))
}

/// `cargo build` for the binary of the host's crates, in the profile that is shipped.
pub fn host(arguments: &[&str]) -> Command {
    selected("build", HOST, arguments)
}

/// Builds [`PLATFORMS`] with its tests.
pub fn platform_tests() -> Result<Vec<TestProgram>> {
    test_programs(tests(&[PLATFORMS], &["--tests"]))
}

/// `cargo test` for these packages, with debug assertions and overflow checks.
pub fn tests(packages: &[&str], arguments: &[&str]) -> Command {
    selected("test", packages, &[&["--config", CHECKED], arguments].concat())
}

/// A program that tests were built into.
#[derive(Clone)]
pub struct TestProgram {
    /// The package, and which of its tests where they are not those of its own sources.
    pub name: String,
    file: PathBuf,
    /// The package's folder, which its tests run in.
    folder: PathBuf,
}

impl TestProgram {
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.file);
        command.current_dir(&self.folder);
        command
    }
}

/// Builds tests with this command of cargo's, and gives the programs that they are in.
pub fn test_programs(mut command: Command) -> Result<Vec<TestProgram>> {
    let mut found = Vec::new();
    built(command.arg("--no-run"), |message| found.extend(test_program(message)))?;
    Ok(found)
}

fn test_program(message: &Value) -> Option<TestProgram> {
    let text = |pointer: &str| message.pointer(pointer).and_then(Value::as_str);
    let is_test = message.pointer("/profile/test").and_then(Value::as_bool)?;
    let kind = text("/target/kind/0")?;
    if !is_test || kind == "bench" {
        return None;
    }
    let folder = Path::new(text("/manifest_path")?).parent()?.to_owned();
    let package = folder.file_name()?.to_str()?;
    let name = if kind == "test" { format!("{package} {}", text("/target/name")?) } else { package.to_owned() };
    Some(TestProgram { name, file: text("/executable")?.into(), folder })
}

/// `cargo bench` for one of the benchmarks, which is called with these arguments. It runs in the profile that is shipped.
pub fn bench(name: &str, arguments: &[&str]) -> Command {
    let mut command = cargo(&["bench", "--locked", "--package", BENCHES, "--bench", name, "--"]);
    command.args(arguments);
    command
}

/// Builds these benchmarks, so that no other step does.
pub fn benches(names: &[&str]) -> Result<()> {
    step("building what measures", || {
        tools::native_build()?;
        let mut command = cargo(&["bench", "--locked", "--package", BENCHES, "--no-run"]);
        command.args(names.iter().flat_map(|name| ["--bench", name]));
        run(&mut command)
    })
}

fn selected(verb: &str, packages: &[&str], arguments: &[&str]) -> Command {
    let mut command = cargo(&[verb, "--release", "--locked"]);
    for name in packages {
        command.args(["--package", name]);
    }
    command.args(arguments);
    command
}

/// Builds everything that `marquee up` needs.
pub fn all() -> Result<()> {
    fonts::offer();
    components(&[])?;
    step("building the host (cargo shows its progress; the first time takes some minutes)", || {
        tools::native_build()?;
        run(&mut host(&["--bin", "marquee"]))
    })
}

/// Builds the components, and these packages with them. The web app comes first: one of them has it in it.
pub fn components(more: &[&str]) -> Result<()> {
    web::build()?;
    step("building the components for wasm32-wasip2", || {
        tools::wasm_target()?;
        run(&mut components_build(more)?)
    })
}

/// The same for tests, with the fixtures. What is compiled for this machine is linted as it is compiled (see `xtask/compiler`), but of components
/// that is only what their unit tests are built from: what these alone make use of is found here.
pub fn components_for_tests() -> Result<()> {
    web::build()?;
    step("building the components for wasm32-wasip2", || {
        tools::wasm_target()?;
        run_without_warnings(&mut components_build(&FIXTURES)?)
    })
}

/// The command that builds all components, and these packages with them. Always all of them: what they share is built once, with the features that
/// all of them want together, and cargo finds out what is new.
pub fn components_build(more: &[&str]) -> Result<Command> {
    let mut build = cargo(&["build", "--release", "--locked", "--target", TARGET]);
    for name in component_names()?.iter().map(String::as_str).chain(more.iter().copied()) {
        build.args(["--package", name]);
    }
    Ok(build)
}

/// The packages that the components of `spin.toml` are built from.
pub fn component_names() -> Result<BTreeSet<String>> {
    Ok(components_by_package()?.into_iter().map(|(_, package)| package).collect())
}

/// The components of `spin.toml`, each with the package that its source is built from. Two may be the same file, with other limits.
pub fn components_by_package() -> Result<Vec<(String, String)>> {
    let manifest: toml::Table = std::fs::read_to_string("spin.toml").context("spin.toml")?.parse().context("spin.toml")?;
    let components = manifest.get("component").and_then(toml::Value::as_table).context("spin.toml has no components")?;
    let package = |(name, component): (&String, &toml::Value)| {
        let source = component.get("source").and_then(toml::Value::as_str).map(Path::new);
        let file = source.and_then(Path::file_stem).and_then(OsStr::to_str);
        let file = file.with_context(|| format!("spin.toml: component.{name} has no source"))?;
        Ok((name.clone(), file.replace('_', "-")))
    };
    components.iter().map(package).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_crate_of_ours_is_tested_with_assertions() {
        let root = crate::step::root();
        let read = |path: &str| std::fs::read_to_string(root.join(path)).unwrap().parse::<toml::Table>().unwrap();
        let checked = read(CHECKED);
        let checked = checked["profile"]["release"]["package"].as_table().unwrap();
        let lock = read("Cargo.lock");
        // Of the packages in the lock file, those without a source are ours.
        let ours = lock["package"].as_array().unwrap().iter().filter(|package| package.get("source").is_none());
        for name in ours.map(|package| package["name"].as_str().unwrap()) {
            let elsewhere =
                ["xtask", "compiler", "features", "fixtures", "bindings-fixture", "p2-fixture", "locales"].contains(&name);
            assert!(elsewhere || checked.contains_key(name), "{name} is missing from {CHECKED}");
        }
    }
}
