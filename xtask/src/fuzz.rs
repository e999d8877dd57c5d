//! `cargo xtask fuzz [TARGET]`: feeds mutated input to everything that parses input from outside, for a given time.
//!
//! Each target is a test of its crate (see `components/fuzz`), which `cargo xtask test` runs as well, for a moment.

use crate::{build, step::run as run_command, step::step, tools};
use anyhow::{Context, Result, bail};

/// Targets, and the crates whose tests they are: `fuzz_TARGET`.
const TARGETS: [(&str, &[&str]); 17] = [
    ("api_keys", &["auth"]),
    ("archives", &["archive"]),
    ("bodies", &["kit"]),
    ("cookies", &["read-model"]),
    ("cursors", &["booking", "box-office", "operations", "read-model"]),
    ("ids", &["kit"]),
    ("images", &["catalog"]),
    ("passkeys", &["passkeys"]),
    ("postgres", &["capabilities"]),
    ("queries", &["kit"]),
    ("receivers", &["webhooks"]),
    ("redis", &["storage"]),
    ("seen", &["read-model"]),
    ("tickets", &["ticket-code"]),
    ("tokens", &["access-token"]),
    ("webhooks", &["payment"]),
    ("wire", &["fleet"]),
];

/// Seconds for each target's crate, by default.
const SECONDS: &str = "60";

/// Runs the targets whose names contain the word, or all of them.
pub fn run(arguments: &[String]) -> Result<()> {
    let (mut target, mut seconds, mut seed) = (None, SECONDS.to_owned(), None);
    let usage = || format!("cargo xtask fuzz [{}] [--seconds {SECONDS}] [--seed N]", TARGETS.map(|(name, _)| name).join(" | "));
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut value = || words.next().cloned().with_context(|| format!("{word} takes a value: {}", usage()));
        match word.as_str() {
            "--seconds" => seconds = value()?,
            "--seed" => seed = Some(value()?),
            name if target.is_none() && TARGETS.iter().any(|(target, _)| *target == name) => target = Some(name),
            other => bail!("{other} is not understood: {}", usage()),
        }
    }
    tools::native_build()?;
    for (name, crates) in TARGETS.iter().filter(|(name, _)| target.is_none_or(|target| target == *name)) {
        for package in *crates {
            step(&format!("fuzzing {name} of {package} for {seconds} s"), || {
                let test = format!("fuzz_{name}");
                let mut command = build::tests(&[package], &["--lib", "--", &test]);
                run_command(
                    command.env("MARQUEE_FUZZ_SECONDS", &seconds).envs(seed.iter().map(|seed| ("MARQUEE_FUZZ_SEED", seed))),
                )
            })?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_test_of_its_crates() {
        for (name, crates) in TARGETS {
            for package in crates {
                let folder = ["components", "host"].map(|parent| crate::step::root().join(parent).join(package).join("src"));
                let folder = folder.into_iter().find(|folder| folder.is_dir()).unwrap();
                assert!(mentions(&folder, &format!("fn fuzz_{name}()")), "{name} of {package}");
            }
        }
    }

    fn mentions(folder: &std::path::Path, text: &str) -> bool {
        std::fs::read_dir(folder).unwrap().any(|entry| {
            let path = entry.unwrap().path();
            if path.is_dir() {
                mentions(&path, text)
            } else {
                std::fs::read_to_string(&path).is_ok_and(|file| file.contains(text))
            }
        })
    }
}
