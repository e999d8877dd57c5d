//! Building: components for wasm, the binary for this machine.

use crate::{
    fonts,
    step::{cargo, run, step},
    tools, web,
};
use anyhow::{Context, Result};
use std::process::Command;

/// What components are built for.
pub const TARGET: &str = "wasm32-wasip2";
/// Where the binary lands.
pub const MARQUEE: &str = "target/release/marquee";
/// For what buys for many from one address: a variable, and its value.
pub const HELD_PLACES: (&str, &str) = ("SPIN_VARIABLE_HELD_PLACES_PER_ADDRESS", "1000000");

/// The host's crates.
pub const HOST: &[&str] = &[
    "bindings",
    "capabilities",
    "contracts",
    "edge",
    "fleet",
    "manifest",
    "marquee",
    "region",
    "runtime",
    "storage",
    "streams",
    "telemetry",
];

/// Guests that misbehave on purpose, for the host's tests.
pub const FIXTURES: [&str; 2] = ["fixtures", "p2-fixture"];

/// Those of them that know no WebAssembly: neither they nor their tests are built after wasmtime.
pub const APART: &[&str] = &["contracts", "edge", "fleet", "manifest", "region", "storage", "streams", "telemetry"];

/// Benchmarks of the host's parts. Nothing but lints and [`bench()`] builds them.
pub const BENCHES: &str = "benches";

/// Libraries that need neither wasm nor a server.
pub const PURE: &[&str] = &[
    "access-token",
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
    "webhooks",
];

/// What automation needs, too: it is built before anything else, with the features that it wants by itself.
pub const EARLY: &[&str] = &["demo"];

/// The tests' profile: see the file.
const CHECKED: &str = ".cargo/checked.toml";

/// `cargo build` for the binary of the host's crates, in the profile that is shipped.
pub fn host(arguments: &[&str]) -> Command {
    selected("build", HOST, arguments)
}

/// `cargo test` for these packages, with debug assertions and overflow checks.
pub fn tests(packages: &[&str], arguments: &[&str]) -> Command {
    selected("test", packages, &[&["--config", CHECKED], arguments].concat())
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

/// The command that builds all components, and these packages with them. Always all of them: what they share is built once, with the features that
/// all of them want together, and cargo finds out what is new.
pub fn components_build(more: &[&str]) -> Result<Command> {
    let mut build = cargo(&["build", "--profile", "wasm", "--locked", "--target", TARGET]);
    for name in component_names()?.iter().map(String::as_str).chain(more.iter().copied()) {
        build.args(["--package", name]);
    }
    Ok(build)
}

/// The components of `spin.toml`: each is a package of that name.
pub fn component_names() -> Result<Vec<String>> {
    let manifest: toml::Table = std::fs::read_to_string("spin.toml").context("spin.toml")?.parse().context("spin.toml")?;
    let components = manifest.get("component").and_then(toml::Value::as_table).context("spin.toml has no components")?;
    Ok(components.keys().cloned().collect())
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
        // Of the packages in the lock file, those without a source are ours. Benchmarks have no tests.
        let ours = lock["package"].as_array().unwrap().iter().filter(|package| package.get("source").is_none());
        for name in ours.map(|package| package["name"].as_str().unwrap()) {
            let elsewhere =
                ["xtask", "features", BENCHES, "fixtures", "bindings-fixture", "p2-fixture", "locales"].contains(&name);
            assert!(elsewhere || checked.contains_key(name), "{name} is missing from {CHECKED}");
        }
    }
}
