//! `cargo xtask up`: build what is missing, run the platform, and with `--watch` rebuild what is saved.

use crate::{
    build,
    step::{command, run as run_command, say},
    web,
};
use anyhow::{Context, Result};
use std::{
    collections::BTreeMap,
    os::unix::process::{CommandExt, parent_id},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

/// How often sources are looked at.
const POLL: Duration = Duration::from_millis(300);

/// Builds, then becomes `marquee up`, so that signals and exit code are its own.
pub fn run(arguments: &[String]) -> Result<ExitCode> {
    if let [word, node] = arguments
        && word == "--rebuild-for"
    {
        rebuild_on_save(node.parse().context("--rebuild-for takes a process id")?)?;
        return Ok(ExitCode::SUCCESS);
    }
    build::all()?;
    if arguments.iter().any(|argument| argument == "--watch") {
        let this = std::env::current_exe().context("this program's own path")?;
        // It ends with the node: see `rebuild_on_save`.
        command(this, &["up", "--rebuild-for", &std::process::id().to_string()]).spawn().context("cannot start the watcher")?;
    }
    say("");
    Err(command(build::MARQUEE, &["up"]).args(arguments).exec()).context(build::MARQUEE)
}

/// Rebuilds components when a source is saved, for as long as the process that started this one lives. The node itself notices
/// the new wasm.
fn rebuild_on_save(node: u32) -> Result<()> {
    let mut before = sources()?;
    while parent_id() == node {
        std::thread::sleep(POLL);
        let now = sources()?;
        let changed: Vec<PathBuf> =
            now.iter().filter(|(path, time)| before.get(*path) != Some(*time)).map(|(path, _)| path.clone()).collect();
        before = now;
        let Some(path) = changed.first() else { continue };
        say(&format!("{} was saved: building", path.display()));
        // The app itself only where it has changed.
        if web::build().and_then(|()| run_command(build::components_build(&[])?.arg("--quiet"))).is_err() {
            say("the build failed: what ran before goes on");
        }
    }
    Ok(())
}

/// Every file that a component is built from, with the time of its last change.
fn sources() -> Result<BTreeMap<PathBuf, SystemTime>> {
    let mut found = BTreeMap::new();
    for path in ["components", "wit", "infra/migrations"].map(Path::new).into_iter().chain(web::sources()) {
        if path.is_dir() {
            collect(path, &mut found)?;
        } else {
            found
                .insert(path.to_owned(), path.metadata().and_then(|data| data.modified()).context("what the app is built from")?);
        }
    }
    Ok(found)
}

fn collect(folder: &Path, found: &mut BTreeMap<PathBuf, SystemTime>) -> Result<()> {
    for entry in folder.read_dir().with_context(|| folder.display().to_string())?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found)?;
        } else if let Ok(time) = entry.metadata().and_then(|data| data.modified()) {
            found.insert(path, time);
        }
    }
    Ok(())
}
