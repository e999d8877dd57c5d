//! Saying what is done, and doing it.

use anyhow::{Context, Result, bail};
use serde_json::Value;
use std::{
    ffi::OsStr,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Command, ExitStatus, Stdio},
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
    time::Instant,
};

/// The repository's root.
pub fn root() -> PathBuf {
    let manifest = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    manifest.parent().map(PathBuf::from).unwrap_or(manifest)
}

/// A line for the person who waits.
#[expect(clippy::print_stderr, reason = "this is a program for a terminal")]
pub fn say(line: &str) {
    eprintln!("{line}");
}

/// A line of a command's result.
#[expect(clippy::print_stdout, reason = "this is a program for a terminal, and for what reads its output")]
pub fn print(line: &str) {
    println!("{line}");
}

/// A step that is done.
struct FinishedStep {
    what: String,
    seconds: f64,
    tests: Tests,
}

/// How many tests a step ran.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Tests {
    passed: u32,
    skipped: u32,
}

impl Tests {
    /// What a line like `test result: ok. 12 passed; 0 failed; 1 ignored; ...` says.
    pub fn counted(line: &str) -> Option<Self> {
        let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
        let count = |what: &str| {
            counts.split(';').find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok()).unwrap_or_default()
        };
        Some(Self { passed: count("passed"), skipped: count("ignored") })
    }

    pub fn and(self, other: Self) -> Self {
        Self { passed: self.passed + other.passed, skipped: self.skipped + other.skipped }
    }
}

/// The steps done so far.
static DONE: Mutex<Vec<FinishedStep>> = Mutex::new(Vec::new());
/// When the first one began.
static BEGUN: OnceLock<Instant> = OnceLock::new();

fn done() -> MutexGuard<'static, Vec<FinishedStep>> {
    DONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Puts a step into the [`table`] that took so long.
pub fn finished(what: &str, seconds: f64, tests: Tests) {
    done().push(FinishedStep { what: what.to_owned(), seconds, tests });
}

/// Announces a step, does it, and says how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("\n==> {what}"));
    let start = Instant::now();
    BEGUN.get_or_init(|| start);
    let value = work().with_context(|| what.to_owned())?;
    let seconds = start.elapsed().as_secs_f64();
    say(&format!("==> {what}: done in {seconds:.0} s"));
    finished(what, seconds, Tests::default());
    Ok(value)
}

/// A table of the steps that are done: what each took, and how many tests it ran. Some ran beside each other, so the sum is less than its parts.
pub fn table() -> String {
    let done = done();
    let mut lines = vec![format!("{:>8}  {:>7}  {:>7}  step", "seconds", "tests", "skipped")];
    let mut line = |seconds: f64, tests: Tests, what: &str| {
        let number = |number: u32| if number == 0 { String::new() } else { number.to_string() };
        lines.push(format!("{seconds:>8.0}  {:>7}  {:>7}  {what}", number(tests.passed), number(tests.skipped)));
    };
    for step in &*done {
        line(step.seconds, step.tests, &step.what);
    }
    let all = done.iter().fold(Tests::default(), |sum, step| sum.and(step.tests));
    line(BEGUN.get().map_or(0.0, |begun| begun.elapsed().as_secs_f64()), all, "all, from the first to the last");
    lines.join("\n")
}

/// A command with these arguments.
pub fn command(program: impl AsRef<OsStr>, arguments: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.args(arguments);
    command
}

/// `cargo` with these arguments.
pub fn cargo(arguments: &[&str]) -> Command {
    let mut cargo = command(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()), arguments);
    // What `cargo xtask` says of xtask itself must not reach the builds: some build scripts watch these variables, and everything that depends
    // on them (ring, and with it the database driver and half of the host) would be built anew after each `cargo build` by hand.
    let own = |name: &str| name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_");
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_str().is_some_and(own)) {
        cargo.env_remove(name);
    }
    if system_openssl() {
        cargo.env("OPENSSL_NO_VENDOR", "1");
    }
    cargo
}

/// The same command, with the processor time that nobody else wants, as far as the machine permits to say so.
pub fn idle(command: Command) -> Command {
    const IDLE: [&str; 3] = ["chrt", "--idle", "0"];
    const NICE: [&str; 3] = ["nice", "-n", "19"];
    let permitted = self::command("env", &IDLE).arg("true").stderr(Stdio::null()).status().is_ok_and(|status| status.success());
    let mut idle = self::command("env", if permitted { &IDLE } else { &NICE });
    idle.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => idle.env(name, value),
            None => idle.env_remove(name),
        };
    }
    idle
}

/// Whether this machine has an OpenSSL for Kafka's client to use. Where it has none, one is built from source, which takes minutes.
fn system_openssl() -> bool {
    static FOUND: OnceLock<bool> = OnceLock::new();
    *FOUND.get_or_init(|| {
        let mut look = command("pkg-config", &["--atleast-version=3", "openssl"]);
        look.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok_and(|status| status.success())
    })
}

/// Runs a command to its end with its output shown; a failure names the command.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().with_context(|| format!("cannot start {}", shown(command)))?;
    ended(command, status)
}

/// Runs a build by cargo to its end. A warning in a crate of ours is a failure, also one of a crate that was built before: cargo tells it again.
pub fn run_without_warnings(command: &mut Command) -> Result<()> {
    let mut warnings = 0;
    built(command, |message| {
        let level = message.pointer("/message/level").and_then(Value::as_str);
        // The last one only counts the others.
        warnings += u32::from(level == Some("warning") && message.pointer("/message/spans/0").is_some());
    })?;
    if warnings > 0 {
        bail!("{warnings} warnings, which are failures in tests: see above");
    }
    Ok(())
}

/// Runs a build by cargo to its end, shows what the compiler says, and gives each of cargo's messages to `hear`.
pub fn built(command: &mut Command, mut hear: impl FnMut(&Value)) -> Result<()> {
    command.arg("--message-format=json-diagnostic-rendered-ansi").stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn().with_context(|| format!("cannot start {}", shown(command)))?;
    for line in BufReader::new(child.stdout.take().context("no output")?).lines() {
        // Whatever a build script prints is no message.
        let Ok(message) = serde_json::from_str::<Value>(&line?) else { continue };
        if let Some(text) = message.pointer("/message/rendered").and_then(Value::as_str) {
            say(text);
        }
        hear(&message);
    }
    ended(command, child.wait()?)
}

fn ended(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("{} ended with {status}", shown(command));
    }
    Ok(())
}

/// Runs a command to its end and gives what it printed; a failure shows what it said.
pub fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().with_context(|| format!("cannot start {}", shown(command)))?;
    if !output.status.success() {
        bail!("{} ended with {}: {}", shown(command), output.status, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|argument| argument.to_string_lossy().into_owned()));
    words.join(" ")
}

/// Writes a file that only this user may read, whatever the umask.
pub fn write_private(file: &Path, text: &str) -> Result<()> {
    use std::{io::Write as _, os::unix::fs::OpenOptionsExt as _, os::unix::fs::PermissionsExt as _};
    let write = || {
        let mut opened = std::fs::OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(file)?;
        opened.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        opened.write_all(text.as_bytes())
    };
    write().with_context(|| file.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_runs_idle_is_the_same_command() {
        let mut shown = Command::new("sh");
        shown.args(["-c", "echo $GIVEN$TAKEN $0", "word"]).env("GIVEN", "given").env_remove("TAKEN");
        assert_eq!(output(&mut idle(shown)).unwrap(), "given word\n");
    }

    #[test]
    fn tests_are_counted_by_what_cargo_prints() {
        let counted = |line| Tests::counted(line).map(|tests| (tests.passed, tests.skipped));
        assert_eq!(
            counted("test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 5 filtered out; finished in 0.1s"),
            Some((12, 3))
        );
        assert_eq!(counted("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out"), Some((1, 0)));
        assert_eq!(counted("test a_test ... ok"), None);
    }
}
