//! `cargo xtask fuzz [TARGET]`: what reads input from outside is given what nobody would send, for as long as it is told.
//!
//! Each target is a test of its crate, which `cargo xtask test` runs as well, for a moment: see `components/fuzz`, and for the fleet's wire format
//! `host/fleet/src/wire/fuzz.rs`.

use crate::{build, step::run as run_command, step::step, tools};
use anyhow::{Context, Result, bail};

/// Targets, and the crates whose tests they are: `fuzz_TARGET`.
const TARGETS: [(&str, &[&str]); 8] = [
    ("bodies", &["kit"]),
    ("cursors", &["booking", "operations", "read-model"]),
    ("ids", &["kit"]),
    ("postgres", &["capabilities"]),
    ("queries", &["kit"]),
    ("redis", &["capabilities"]),
    ("seen", &["read-model"]),
    ("webhooks", &["payment"]),
];

/// The fleet's wire format: its tests count cases and not seconds.
const WIRE: &str = "wire";
/// Cases of each of those in a second, about.
const WIRE_CASES: u64 = 1_000;

/// Seconds for each target's crate, where nobody says otherwise.
const SECONDS: u64 = 60;

/// Runs one target, or all of them.
pub fn run(arguments: &[String]) -> Result<()> {
    let (mut target, mut seconds, mut seed) = (None, SECONDS, None);
    let mut names = TARGETS.map(|(name, _)| name).to_vec();
    names.push(WIRE);
    let usage = || format!("cargo xtask fuzz [{}] [--seconds {SECONDS}] [--seed N]", names.join(" | "));
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        let mut number = || {
            words
                .next()
                .and_then(|value| value.parse::<u64>().ok())
                .with_context(|| format!("{word} takes a number: {}", usage()))
        };
        match word.as_str() {
            "--seconds" => seconds = number()?,
            "--seed" => seed = Some(number()?),
            name if target.is_none() && names.contains(&name) => target = Some(name),
            other => bail!("{other} is not understood: {}", usage()),
        }
    }
    let wanted = |name: &str| target.is_none_or(|target| target == name);
    tools::native_build()?;
    for (name, crates) in TARGETS.iter().filter(|(name, _)| wanted(name)) {
        for package in *crates {
            step(&format!("fuzzing {name} of {package} for {seconds} s"), || {
                let mut command = build::tests(&[package], &["--lib", "--", &format!("fuzz_{name}")]);
                command.env("MARQUEE_FUZZ_SECONDS", seconds.to_string());
                run_command(command.envs(seed.iter().map(|seed| ("MARQUEE_FUZZ_SEED", seed.to_string()))))
            })?;
        }
    }
    if wanted(WIRE) {
        let cases = seconds.saturating_mul(WIRE_CASES);
        step(&format!("{cases} cases of each message that another node may send"), || {
            run_command(build::tests(&["fleet"], &["--lib", "--", "wire::fuzz"]).env("PROPTEST_CASES", cases.to_string()))
        })?;
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
                let folders = ["components", "host"].map(|parent| crate::step::root().join(parent).join(package).join("src"));
                let folder = folders.into_iter().find(|folder| folder.is_dir()).unwrap();
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
