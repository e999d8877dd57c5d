//! Formatting, lints, documents, what is depended on, that no third-party crate is built twice, and that `spin.toml` names what its components are
//! built from.

use crate::{
    build, documents, spin_manifest,
    step::{self, cargo, command, output, say, step},
    tools, web,
};
use anyhow::{Result, bail};
use std::{collections::BTreeSet, process::Command};

/// The message where the vulnerability database is unreachable.
const UNKNOWN: &str = "known vulnerabilities of dependencies: the RustSec database cannot be fetched here (`cargo deny check advisories` where it can)";

/// Checks everything; warnings are failures. Gives what could not be checked here, and why.
pub fn run() -> Result<Option<String>> {
    let skipped = all_but_lints()?;
    // One of the components has it in it.
    web::build()?;
    // Components as well, and their tests: nothing of them is written for wasm alone.
    step("linting", || {
        tools::native_build()?;
        step::run(workspace("clippy").args(["--all-targets", "--", "-D", "warnings"]))
    })?;
    // With what lints have compiled already; only our own crates are documented.
    step("documenting the crates", || step::run(workspace("doc").arg("--no-deps").env("RUSTDOCFLAGS", "-D warnings")))?;
    Ok(skipped)
}

/// The same without lints and documents of crates, which come with the compiler where tests are built (see `xtask/compiler`).
pub fn all_but_lints() -> Result<Option<String>> {
    step("checking the format", || step::run(&mut cargo(&["fmt", "--all", "--check"])))?;
    step("checking the documents", documents::check)?;
    let skipped = step("checking what is depended on", dependencies)?;
    if let Some(what) = &skipped {
        say(&format!("not checked: {what}"));
    }
    step("holding spin.toml against the crates that it builds", spin_manifest::check)?;
    step("comparing the features of third-party crates, and looking who is built after wasmtime", features)?;
    Ok(skipped)
}

/// A command of cargo for all crates, but for guests that misbehave on purpose.
fn workspace(verb: &str) -> Command {
    let mut command = cargo(&[verb, "--release", "--locked", "--workspace"]);
    command.args(build::FIXTURES.iter().flat_map(|name| ["--exclude", name]));
    command
}

/// Licences, sources and versions of all dependencies, as `deny.toml` permits them; and known vulnerabilities, where the database of them can be had.
fn dependencies() -> Result<Option<String>> {
    let deny = tools::cargo_deny()?;
    step::run(&mut command(&deny, &["--locked", "check", "--hide-inclusion-graph", "bans", "licenses", "sources"]))?;
    if let Err(error) = output(command(&deny, &["fetch", "db"]).env("GIT_TERMINAL_PROMPT", "0")) {
        say(&format!("    {error:#}"));
        return Ok(Some(UNKNOWN.to_owned()));
    }
    step::run(&mut command(&deny, &["--locked", "check", "--disable-fetch", "--hide-inclusion-graph", "advisories"]))?;
    Ok(None)
}

/// Fails where the binary by itself, or one of the native crates when it is tested by itself, would build a third-party crate with other features
/// than all of them together do; and where one that is to be apart from wasmtime is built from it.
fn features() -> Result<()> {
    let components = build::component_names()?;
    let native: Vec<&str> =
        [build::HOST, build::PURE].concat().into_iter().chain(components.iter().map(String::as_str)).collect();
    let tests = "normal,build,dev";
    let all = third_party(&native, tests)?;
    let builds: Vec<_> = native.iter().map(|name| (*name, tests)).chain([("marquee", "normal,build")]).collect();
    let judge = |builds: &[(&str, &str)]| {
        for (name, edges) in builds {
            let own = third_party(&[name], edges)?;
            if let Some(other) = own.difference(&all).next() {
                bail!(
                    "{name} alone would build {other}, with other features than all crates together: run `cargo hakari generate` (from cargo-hakari)"
                );
            }
            if build::APART.contains(name) && own.iter().any(|other| other.starts_with("wasmtime ")) {
                bail!(
                    "{name} is built from wasmtime: what it needs of components is for `contracts` to say (see host/ARCHITECTURE.md)"
                );
            }
        }
        Ok(())
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        let parts: Vec<_> = builds.chunks(builds.len().div_ceil(cores)).map(|part| scope.spawn(|| judge(part))).collect();
        parts.into_iter().try_for_each(|part| part.join().unwrap_or_else(|_| bail!("a thread panicked")))
    })
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
