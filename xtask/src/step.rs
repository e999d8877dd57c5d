//! Saying what is done, and doing it.

use anyhow::{Context, Result, bail};
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
#[derive(Clone, Copy, Default)]
struct Tests {
    passed: u32,
    skipped: u32,
}

/// The steps done so far, and the tests of the one that is running.
static DONE: Mutex<(Vec<FinishedStep>, Tests)> = Mutex::new((Vec::new(), Tests { passed: 0, skipped: 0 }));

fn done() -> MutexGuard<'static, (Vec<FinishedStep>, Tests)> {
    DONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Announces a step, does it, and says how long it took.
pub fn step<T>(what: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    say(&format!("\n==> {what}"));
    let start = Instant::now();
    let value = work().with_context(|| what.to_owned())?;
    let seconds = start.elapsed().as_secs_f64();
    say(&format!("==> {what}: done in {seconds:.0} s"));
    let mut done = done();
    let tests = std::mem::take(&mut done.1);
    done.0.push(FinishedStep { what: what.to_owned(), seconds, tests });
    Ok(value)
}

/// A table of the steps that are done: what each took, and how many tests it ran.
pub fn table() -> String {
    let done = done();
    let mut lines = vec![format!("{:>8}  {:>7}  {:>7}  step", "seconds", "tests", "skipped")];
    let mut line = |seconds: f64, tests: Tests, what: &str| {
        let number = |number: u32| if number == 0 { String::new() } else { number.to_string() };
        lines.push(format!("{seconds:>8.0}  {:>7}  {:>7}  {what}", number(tests.passed), number(tests.skipped)));
    };
    let mut all = (0.0, Tests::default());
    for step in &done.0 {
        line(step.seconds, step.tests, &step.what);
        all.0 += step.seconds;
        all.1.passed += step.tests.passed;
        all.1.skipped += step.tests.skipped;
    }
    line(all.0, all.1, "all");
    lines.join("\n")
}

/// Runs tests with their output shown, and counts them for the [`table`].
pub fn run_tests(command: &mut Command) -> Result<()> {
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {}", shown(command)))?;
    for line in BufReader::new(child.stdout.take().context("no output")?).split(b'\n') {
        let line = line?;
        let line = String::from_utf8_lossy(&line);
        print(&line);
        if let Some(tests) = result(&line) {
            let mut done = done();
            done.1.passed += tests.passed;
            done.1.skipped += tests.skipped;
        }
    }
    ended(command, child.wait()?)
}

/// What a line like `test result: ok. 12 passed; 0 failed; 1 ignored; ...` says.
fn result(line: &str) -> Option<Tests> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let count =
        |what: &str| counts.split(';').find_map(|part| part.trim().strip_suffix(what)?.trim().parse().ok()).unwrap_or_default();
    Some(Tests { passed: count("passed"), skipped: count("ignored") })
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
    fn tests_are_counted_by_what_cargo_prints() {
        let counted = |line| result(line).map(|tests| (tests.passed, tests.skipped));
        assert_eq!(
            counted("test result: ok. 12 passed; 0 failed; 3 ignored; 0 measured; 5 filtered out; finished in 0.1s"),
            Some((12, 3))
        );
        assert_eq!(counted("test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out"), Some((1, 0)));
        assert_eq!(counted("test a_test ... ok"), None);
    }
}
