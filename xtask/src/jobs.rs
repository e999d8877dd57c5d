//! Programs of a run, each with its output to itself, one after the other or beside each other.

use crate::step::{Tests, finished, print, root, say};
use anyhow::{Context, Result, bail};
use std::{
    collections::{BTreeSet, VecDeque},
    path::PathBuf,
    process::{Command, Stdio},
    sync::{
        Mutex, MutexGuard, PoisonError,
        mpsc::{self, RecvTimeoutError},
    },
    time::{Duration, Instant},
};

/// Where their output is while they run.
const OUTPUTS: &str = "target/tests";
/// How much of what a failed program printed is shown again at the end.
const LAST_LINES: usize = 40;
/// How often it is said what runs.
const NEWS: Duration = Duration::from_secs(60);

/// A program, and what the table of steps calls it.
pub struct Job {
    pub name: String,
    pub command: Command,
}

/// Runs all of them, so many at a time and those of the front first, also after one has failed. What a program printed is shown when it ends.
pub fn run(jobs: Vec<Job>, at_a_time: usize) -> Result<()> {
    std::fs::create_dir_all(root().join(OUTPUTS))?;
    let (queue, running, failed) = (Mutex::new(VecDeque::from(jobs)), Mutex::new(BTreeSet::new()), Mutex::new(Vec::new()));
    let lane = &|| {
        // Taken by itself: a guard that lives on in the loop's head would be held by each.
        let next = || locked(&queue).pop_front();
        while let Some(job) = next() {
            let name = job.name.clone();
            locked(&running).insert(name.clone());
            if let Err(error) = one(job) {
                say(&format!("==> {name}: FAILED"));
                locked(&failed).push((name.clone(), format!("{error:#}")));
            }
            locked(&running).remove(&name);
        }
    };
    std::thread::scope(|scope| {
        let (ended, end) = mpsc::channel::<()>();
        for _ in 0..at_a_time {
            let ended = ended.clone();
            scope.spawn(move || {
                lane();
                drop(ended);
            });
        }
        drop(ended);
        // Nothing is ever sent: the channel closes when the last lane has ended.
        while end.recv_timeout(NEWS) == Err(RecvTimeoutError::Timeout) {
            let names: Vec<_> = locked(&running).iter().cloned().collect();
            say(&format!("    running: {}", names.join(", ")));
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    if failed.is_empty() {
        return Ok(());
    }
    // Once more, since it may stand far above: much is printed after it.
    let each = failed.iter().map(|(name, why)| format!("\n==> {name}: {why}\n"));
    bail!("{} failed:\n{}", failed.len(), each.collect::<String>())
}

/// Only one at a time shows what it printed.
static SHOWN: Mutex<()> = Mutex::new(());

fn one(Job { name, mut command }: Job) -> Result<()> {
    let path = output_of(&name);
    let file = std::fs::File::create(&path).with_context(|| path.display().to_string())?;
    say(&format!("\n==> {name} (its output until it ends: {})", path.display()));
    let start = Instant::now();
    let status = command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file).status();
    let seconds = start.elapsed().as_secs_f64();
    let status = status.with_context(|| format!("cannot start {}", command.get_program().display()))?;
    let output = std::fs::read(&path)?;
    let output = String::from_utf8_lossy(&output);
    let tests = output.lines().filter_map(Tests::counted).fold(Tests::default(), Tests::and);
    let shown = locked(&SHOWN);
    print(&format!("\n==> {name} printed:\n{}", output.trim_end()));
    say(&format!("==> {name}: done in {seconds:.0} s"));
    finished(&name, seconds, tests);
    drop(shown);
    std::fs::remove_file(&path)?;
    if !status.success() {
        bail!("it ended with {status}, and said at last:\n{}", last_lines(&output));
    }
    Ok(())
}

/// How a program ended, without the frames of a backtrace.
fn last_lines(output: &str) -> String {
    let is_frame = |line: &str| {
        let line = line.trim_start();
        line.starts_with("at ") || line.split_once(": ").is_some_and(|(number, _)| number.parse::<u32>().is_ok())
    };
    let lines: Vec<_> = output.trim_end().lines().filter(|line| !is_frame(line)).collect();
    lines.split_at(lines.len().saturating_sub(LAST_LINES)).1.join("\n")
}

fn output_of(name: &str) -> PathBuf {
    let file: String = name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    root().join(OUTPUTS).join(format!("{file}.txt"))
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_failed_program_is_shown_without_its_backtrace() {
        let output = "panicked at here:\nleft: 1\nstack backtrace:\n   0: core::panicking\n             at /rustc/lib.rs:1\n\nfailures: one\n";
        assert_eq!(last_lines(output), "panicked at here:\nleft: 1\nstack backtrace:\n\nfailures: one");
        let many: String = (0..100).map(|number| format!("line {number}\n")).collect();
        assert_eq!((last_lines(&many).lines().count(), last_lines(&many).lines().next()), (LAST_LINES, Some("line 60")));
    }
}
