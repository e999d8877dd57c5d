//! Versions of the application in a registry, made by the commands that people use.

use std::path::Path;
use std::process::Command;
use test_support::server;

/// How a version differs from the application: what of its manifest is another text; and whether it is signed.
pub struct Change<'a> {
    pub name: &'a str,
    pub from: &'a str,
    pub to: &'a str,
    pub signed: bool,
}

/// `marquee fleet …` as somebody runs it in this folder.
pub fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(test_support::marquee());
    command.arg("fleet").args(arguments).args(["--output", "json"]).current_dir(folder);
    command
}

/// The one object that it answers with.
pub fn answered(folder: &Path, arguments: &[&str]) -> serde_json::Value {
    let output = command(folder, arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// These versions, by their digests, and in the folder the keys `release.key` and `release.pub`.
pub fn pushed<const COUNT: usize>(folder: &Path, changes: [Change<'_>; COUNT]) -> [String; COUNT] {
    let registry = std::env::var("MARQUEE_TEST_REGISTRY").expect(
        "MARQUEE_TEST_REGISTRY is not set: `cargo xtask test` sets it, and `cargo xtask services up --only registry` prints it",
    );
    let copy = server::copy_of_the_application(folder);
    let manifest = std::fs::read_to_string(&copy).unwrap();
    answered(folder, &["keygen", "release"]);
    let repository = folder.file_name().unwrap().to_str().unwrap();
    changes.map(|Change { name, from, to, signed }| {
        assert!(manifest.contains(from), "{from}");
        std::fs::write(&copy, manifest.replacen(from, to, 1)).unwrap();
        let name = format!("{registry}/{repository}:{name}");
        let pushed = answered(folder, &["push", &name, "--manifest", copy.to_str().unwrap()]);
        let reference = pushed["reference"].as_str().unwrap().to_owned();
        if signed {
            answered(folder, &["sign", &reference, "--key", "release.key"]);
        }
        reference
    })
}

/// A version that only keeps holds for another time.
pub fn holding<'a>(name: &'a str, to: &'a str, signed: bool) -> Change<'a> {
    Change { name, from: "hold_seconds = { default = \"600\" }", to, signed }
}
