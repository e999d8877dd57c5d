//! The compiler that tests are built with: `.cargo/checked.toml` names this program as what cargo calls in rustc's place for our own crates. It is
//! clippy, so that what is compiled is linted as well, and after it rustdoc, so that its documents are read. Lints and documents by themselves would
//! compile every third-party crate and every crate of ours a second time.
//!
//! It is a program of its own because cargo builds all of our crates anew when it has changed.

use anyhow::{Context, Result};
use std::{
    path::{Path, PathBuf},
    process::{Command, ExitCode, ExitStatus},
};

/// Where documents land.
const DOCUMENTS: &str = "target/doc";
/// A warning is a failure. Not by the variable that clippy takes its own arguments from: cargo, which has it not, would build everything anew.
const DENIED: &str = "-Dwarnings";

fn main() -> Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    run(&arguments)
}

/// Compiles and lints, and reads the documents of what has tests.
fn run(arguments: &[String]) -> Result<ExitCode> {
    let (rustc, rest) = arguments.split_first().context("cargo calls this program, with rustc's path first")?;
    let status = finished(Command::new(beside(rustc, "clippy-driver")).arg(rustc).args(rest).arg(DENIED))?;
    if !status.success() {
        return Ok(code(status));
    }
    let Some(arguments) = documented(rest) else { return Ok(ExitCode::SUCCESS) };
    Ok(code(finished(Command::new(beside(rustc, "rustdoc")).args(arguments))?))
}

/// What rustdoc is given for a compilation with these arguments: for that of a crate's own tests, whatever else it is built into. They are told from
/// tests beside a crate by the name of their file.
fn documented(arguments: &[String]) -> Option<Vec<String>> {
    let is_root = |name: &str| arguments.iter().any(|argument| argument.ends_with(name));
    let has = |name: &str| arguments.iter().any(|argument| argument == name);
    let program = is_root("src/main.rs");
    if !has("--test") || !(program || is_root("src/lib.rs")) {
        return None;
    }
    let mut taken: Vec<String> = [DENIED, "--out-dir", DOCUMENTS].map(str::to_owned).into();
    if program {
        // As cargo does for programs.
        taken.extend(["--document-private-items", "-Arustdoc::private-intra-doc-links"].map(str::to_owned));
    }
    let mut arguments = arguments.iter();
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            "--test" => {}
            "--out-dir" => drop(arguments.next()),
            argument if argument.starts_with("--emit=") => {}
            _ => taken.push(argument.clone()),
        }
    }
    Some(taken)
}

/// A program of the same toolchain: beside rustc where its path is known, else from the PATH.
fn beside(rustc: &str, name: &str) -> PathBuf {
    Path::new(rustc).with_file_name(name)
}

fn finished(command: &mut Command) -> Result<ExitStatus> {
    command.status().with_context(|| format!("cannot start {}", command.get_program().display()))
}

fn code(status: ExitStatus) -> ExitCode {
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    code.map_or(ExitCode::FAILURE, ExitCode::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        text.split(' ').map(str::to_owned).collect()
    }

    #[test]
    fn documents_are_read_of_what_has_tests_once() {
        let of = |root: &str, kind: &str| {
            documented(&words(&format!(
                "--crate-name a {root} --emit=dep-info,link {kind} -C opt-level=0 --out-dir deps --extern b=b.rmeta"
            )))
        };
        let taken = words("-Dwarnings --out-dir target/doc --crate-name a a/src/lib.rs -C opt-level=0 --extern b=b.rmeta");
        assert_eq!(of("a/src/lib.rs", "--test"), Some(taken));
        assert!(of("a/src/main.rs", "--test").is_some_and(|taken| taken.contains(&"--document-private-items".to_owned())));
        assert_eq!(of("a/src/lib.rs", "--crate-type=lib"), None);
        assert_eq!(of("a/tests/a/main.rs", "--test"), None);
    }
}
