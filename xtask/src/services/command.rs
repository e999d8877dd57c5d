//! `cargo xtask services up|status|down`: services that keep running after the command has ended.

use super::{Kind, compose, launcher::Launcher, process::Process, process::end, state::State, works};
use crate::{
    node::discard,
    step::{print, root, say, step, write_private},
};
use anyhow::{Context, Result, bail};
use std::{
    fs::{File, TryLockError},
    path::{Path, PathBuf},
    process::ExitCode,
};

const USAGE: &str = "cargo xtask services up [--only postgres,redis] [--packages | --docker] | status | down";

/// How to bring the services up.
#[derive(Debug, Eq, PartialEq)]
struct Options {
    kinds: Vec<Kind>,
    /// None: whichever this machine has.
    containers: Option<bool>,
}

/// Runs the command.
pub fn command_line(arguments: &[String]) -> Result<ExitCode> {
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let (word, rest) = arguments.split_first().context(USAGE)?;
    let folder = folder(&root());
    match (*word, rest) {
        ("up", rest) => up(&folder, &options(rest)?),
        ("status", []) => status(&folder),
        ("down", []) => down(&folder),
        _ => bail!("{} is not understood: {USAGE}", arguments.join(" ")),
    }
}

fn options(mut words: &[&str]) -> Result<Options> {
    let mut options = Options { kinds: Kind::ALL.to_vec(), containers: None };
    while let Some((word, rest)) = words.split_first() {
        words = rest;
        match *word {
            "--packages" => options.containers = Some(false),
            "--docker" => options.containers = Some(true),
            "--only" => {
                let (names, rest) = rest.split_first().with_context(|| format!("--only takes names: {USAGE}"))?;
                let named = names.split(',').map(Kind::parse).collect::<Result<Vec<_>>>()?;
                options.kinds.retain(|kind| named.contains(kind));
                words = rest;
            }
            other => bail!("{other} is not understood: {USAGE}"),
        }
    }
    Ok(options)
}

/// Where the services of a checkout are. Not under `target`: cleaning that must not lose sight of what runs; and Postgres, as another user, must
/// get there.
fn folder(root: &Path) -> PathBuf {
    let name: String =
        root.display().to_string().chars().map(|letter| if letter.is_alphanumeric() { letter } else { '-' }).collect();
    Path::new("/tmp").join(format!("marquee-services{name}"))
}

/// The file of variables for a shell to read.
fn exports() -> PathBuf {
    root().join("target/services/env")
}

/// Starts those that do not run yet, or do not answer.
fn up(folder: &Path, options: &Options) -> Result<ExitCode> {
    let _lock = lock()?;
    let launcher = Launcher::detached(folder)?;
    let before = {
        let state = launcher.state();
        (state.containers, !state.processes.is_empty())
    };
    let containers = match (options.containers, before) {
        (Some(wanted), (is, true)) if wanted != is => {
            bail!("services run already, {}: first cargo xtask services down", if is { "in containers" } else { "from packages" })
        }
        (_, (is, true)) => is,
        (Some(wanted), _) => wanted,
        (None, _) => compose::available().is_ok(),
    };
    if containers {
        compose::available()?;
    }
    launcher.state().containers = containers;
    let missing: Vec<Kind> = options.kinds.iter().copied().filter(|kind| !runs(&launcher.state().of(*kind))).collect();
    if missing.is_empty() {
        say("they run already");
    } else {
        let names: Vec<_> = missing.iter().map(|kind| kind.name()).collect();
        let how = if containers { "in containers" } else { "from packages" };
        step(&format!("starting {} {how}", names.join(", ")), || {
            for kind in &missing {
                launcher.remove(*kind)?;
            }
            if containers { compose::start(&launcher, &missing) } else { launcher.start(&missing) }
        })?;
    }
    let lines = launcher.state().exports();
    // Passwords are among them.
    write_private(&exports(), &(lines.join("\n") + "\n"))?;
    for line in &lines {
        print(line);
    }
    say(&format!("\nthe same lines are in {}; cargo xtask services down ends them", exports().display()));
    Ok(ExitCode::SUCCESS)
}

/// Whether every program of a service works.
fn runs(processes: &[Process]) -> bool {
    !processes.is_empty() && processes.iter().all(|process| works(process).is_ok())
}

/// Says how each program is; fails when one does not work, or none is there.
fn status(folder: &Path) -> Result<ExitCode> {
    let state = State::load(&Launcher::file_in(folder))?;
    if state.processes.is_empty() {
        say("nothing runs: cargo xtask services up");
        return Ok(ExitCode::FAILURE);
    }
    let mut all = true;
    for process in &state.processes {
        let state = works(process);
        all &= state.is_ok();
        print(&line(process, &state));
    }
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn line(process: &Process, state: &Result<()>) -> String {
    let pid = process.pid.map_or_else(|| "container".to_owned(), |pid| format!("pid {pid}"));
    let state = match state {
        Ok(()) => "answers".to_owned(),
        Err(_) if !process.alive() => "has ended".to_owned(),
        Err(why) => format!("does not answer: {why:#}"),
    };
    format!("{:<14} {:<21} {pid:<12} {state}", process.name, process.address)
}

/// Ends all of them.
fn down(folder: &Path) -> Result<ExitCode> {
    let _lock = lock()?;
    let state = State::load(&Launcher::file_in(folder))?;
    if state.containers && !state.processes.is_empty() {
        compose::down()?;
    }
    end(&state.processes);
    discard(folder);
    discard_file(&exports());
    say(if state.processes.is_empty() { "nothing ran" } else { "they have ended" });
    Ok(ExitCode::SUCCESS)
}

/// That it is gone already is harmless.
fn discard_file(file: &Path) {
    let _ = std::fs::remove_file(file);
}

/// Held while services are started or ended: one command at a time.
fn lock() -> Result<File> {
    let file = exports().with_file_name("lock");
    std::fs::create_dir_all(file.parent().context("no folder")?)?;
    let lock = File::create(&file).with_context(|| file.display().to_string())?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            say("waiting for another cargo xtask services");
            lock.lock()?;
        }
        Err(TryLockError::Error(error)) => return Err(error.into()),
    }
    Ok(lock)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_parsed() {
        assert_eq!(options(&[]).unwrap(), Options { kinds: Kind::ALL.to_vec(), containers: None });
        let some = options(&["--only", "postgres,redis", "--packages"]).unwrap();
        assert_eq!(some, Options { kinds: vec![Kind::Redis, Kind::Postgres], containers: Some(false) });
        for wrong in [&["--only"][..], &["--only", "oracle"], &["--only", ""], &["redis"]] {
            assert!(options(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_checkout_has_a_folder_of_its_own() {
        assert_eq!(folder(Path::new("/home/ada/marquee")), Path::new("/tmp/marquee-services-home-ada-marquee"));
    }

    #[test]
    fn a_line_shows_the_known_state() {
        let contained = Process::contained(Kind::Mail, "mail", "127.0.0.1:2525".into());
        assert_eq!(line(&contained, &Ok(())), "mail           127.0.0.1:2525        container    answers");
        let refused = line(&contained, &Err(anyhow::anyhow!("refused").context("cannot connect")));
        assert!(refused.ends_with("does not answer: cannot connect: refused"), "{refused}");
        let gone = Process::started(Kind::Kafka, "kafka", "127.0.0.1:9092".into(), u32::MAX, PathBuf::new());
        assert!(line(&gone, &Err(anyhow::anyhow!("refused"))).ends_with("has ended"));
        assert!(!runs(&[gone]) && !runs(&[]));
    }
}
