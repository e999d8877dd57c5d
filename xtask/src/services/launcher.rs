//! Starting programs of services side by side, and waiting until each answers.

use super::{
    Environment, Kind,
    process::{Process, end},
    state::State,
};
use crate::step::say;
use anyhow::{Context, Result, anyhow, bail};
use std::{
    hash::{BuildHasher as _, RandomState},
    iter::repeat_with,
    net::TcpListener,
    ops::Range,
    os::unix::{fs::PermissionsExt, process::CommandExt},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// How long a service may take until it answers.
const READY: Duration = Duration::from_secs(90);
/// How often a service is started where a program of it ends early.
const ATTEMPTS: usize = 2;
/// How often it is asked.
const POLL: Duration = Duration::from_millis(50);

/// Starts services in a folder, and knows what it has started.
pub struct Launcher {
    folder: PathBuf,
    /// Whether the services outlive this process.
    detached: bool,
    state: Mutex<State>,
    /// Somebody wants it to stop waiting: the person who waits, or a service that failed.
    stop: Arc<AtomicBool>,
}

impl Launcher {
    /// For services that end with this process.
    pub fn owned(folder: &Path) -> Result<Self> {
        Self::new(folder, false)
    }

    /// For services that keep running when this process ends. Knows those that another one started in this folder. Ctrl-C and TERM make it give up.
    pub fn detached(folder: &Path) -> Result<Self> {
        let launcher = Self::new(folder, true)?;
        for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
            // The second time it ends at once.
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&launcher.stop))?;
            signal_hook::flag::register(signal, Arc::clone(&launcher.stop))?;
        }
        Ok(launcher)
    }

    fn new(folder: &Path, detached: bool) -> Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        // Postgres, as another user, must get through; nobody needs to look around.
        std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o711)).with_context(|| folder.display().to_string())?;
        let state = Mutex::new(State::load(&Self::file_in(folder))?);
        Ok(Self { folder: folder.to_owned(), detached, state, stop: Arc::default() })
    }

    /// Where a folder says what runs in it.
    pub fn file_in(folder: &Path) -> PathBuf {
        folder.join("state.json")
    }

    /// Where this says what runs.
    pub fn file(&self) -> PathBuf {
        Self::file_in(&self.folder)
    }

    /// The folder of all services.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What runs.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the tests read.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.state().environment()
    }

    /// Installs what is missing, then starts these at once. When one fails, all of these are ended.
    pub fn start(&self, kinds: &[Kind]) -> Result<()> {
        // One after the other: a package manager lets only one at a time.
        for kind in kinds {
            kind.install().with_context(|| kind.name())?;
            self.go_on()?;
        }
        let errors: Mutex<Vec<anyhow::Error>> = Mutex::default();
        std::thread::scope(|scope| {
            for kind in kinds {
                let errors = &errors;
                scope.spawn(move || {
                    if let Err(error) = kind.start(self).with_context(|| kind.name()) {
                        // The first one is the cause; the others gave up for it.
                        errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                        self.stop.store(true, Ordering::SeqCst);
                    }
                });
            }
        });
        let mut errors = errors.into_inner().unwrap_or_else(PoisonError::into_inner).into_iter();
        let Some(error) = errors.next() else { return Ok(()) };
        for kind in kinds {
            self.remove(*kind)?;
        }
        Err(error)
    }

    /// Starts a service. Once more, on other ports, where a program of it ends early: another process may have taken a port between its choice and its use,
    /// which each program tells in another way, and some in none.
    pub fn attempt(&self, kind: Kind, start: impl Fn() -> Result<Environment>) -> Result<()> {
        let mut left = ATTEMPTS;
        loop {
            left -= 1;
            let error = match start() {
                Ok(environment) => return self.export(kind, environment),
                Err(error) => error,
            };
            let ended = self.state().of(kind).iter().any(|process| !process.alive());
            if left == 0 || !ended || self.go_on().is_err() {
                return Err(error);
            }
            say(&format!("    {} ended early: once more, on other ports", kind.name()));
            self.remove(kind)?;
        }
    }

    /// Starts a program of a service; what it prints goes to its log.
    pub fn spawn(&self, service: Kind, name: &str, port: u16, command: &mut Command) -> Result<Process> {
        self.go_on()?;
        let log = self.folder.join(format!("{name}.log"));
        let output = std::fs::File::create(&log).with_context(|| log.display().to_string())?;
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        if self.detached {
            // A Ctrl-C on this terminal is not meant for it.
            command.process_group(0);
        }
        let mut child = command.spawn().with_context(|| format!("cannot start {}", command.get_program().to_string_lossy()))?;
        let process = Process::started(service, name, format!("127.0.0.1:{port}"), child.id(), log);
        // It must be waited for once it ends, or it stays a zombie.
        std::thread::spawn(move || child.wait());
        self.record(process.clone())?;
        Ok(process)
    }

    /// Notes a container that is started by other means.
    pub fn contained(&self, service: Kind, name: &str, port: u16) -> Result<()> {
        self.record(Process::contained(service, name, format!("127.0.0.1:{port}")))
    }

    fn record(&self, process: Process) -> Result<()> {
        let mut state = self.state();
        state.add(process);
        state.save(&self.file())
    }

    /// Waits until a program answers; says how its log ends when it does not.
    pub fn wait(&self, process: &Process, answers: impl Fn() -> Result<()>) -> Result<()> {
        let (name, address, deadline) = (&process.name, &process.address, Instant::now() + READY);
        loop {
            let answered = answers();
            // Asked afterwards: another one may have answered on a port that it took.
            if !process.alive() {
                bail!("{name} ended before it answered on {address}. Its log ends:\n{}", process.tail());
            }
            let Err(why) = answered else { return Ok(()) };
            self.go_on()?;
            if Instant::now() > deadline {
                let tail = process.tail();
                bail!("{name} does not answer on {address} after {} s: {why:#}. Its log ends:\n{tail}", READY.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }

    /// An error after Ctrl-C or TERM.
    pub fn go_on(&self) -> Result<()> {
        if self.stop.load(Ordering::SeqCst) { Err(anyhow!("given up")) } else { Ok(()) }
    }

    /// A service answers, and this is how it is found.
    pub fn export(&self, kind: Kind, environment: Environment) -> Result<()> {
        let mut state = self.state();
        state.export(kind, environment);
        state.save(&self.file())
    }

    /// Ends a service and forgets it.
    pub fn remove(&self, kind: Kind) -> Result<()> {
        // Ended without the lock: others keep starting.
        let processes = self.state().of(kind);
        end(&processes);
        let mut state = self.state();
        state.remove(kind);
        state.save(&self.file())
    }

    /// Ends everything.
    pub fn end_all(&self) {
        let processes = self.state().processes.clone();
        end(&processes);
    }
}

/// Where services listen: below what Linux, other systems and IANA set aside for connections, of which tests open thousands. One of these could
/// take a port between the moment it was found free and that at which the service listens.
const LISTENED: Range<u16> = 10_000..32_000;

/// Free ports, all different.
pub fn free_ports<const COUNT: usize>() -> Result<[u16; COUNT]> {
    // All are bound before any is released.
    let mut held = Vec::with_capacity(COUNT);
    let mut ports = [0; COUNT];
    for port in &mut ports {
        // The keys of these are random.
        let drawn = || LISTENED.start + (RandomState::new().hash_one(()) % LISTENED.len() as u64) as u16;
        let bound = |port| Some((port, TcpListener::bind(("127.0.0.1", port)).ok()?));
        let (free, listener) = repeat_with(drawn).take(1000).find_map(bound).context("no free port")?;
        *port = free;
        held.push(listener);
    }
    Ok(ports)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    fn launcher(name: &str) -> Launcher {
        Launcher::owned(&std::env::temp_dir().join(format!("marquee-{name}-{}", std::process::id()))).unwrap()
    }

    #[test]
    fn a_program_that_exits_at_once_is_reported_with_its_output() {
        let launcher = launcher("ends");
        let [port] = free_ports().unwrap();
        let mut program = Command::new("sh");
        program.args(["-c", "echo the disk is full; exit 1"]);
        let process = launcher.spawn(Kind::Mail, "mail", port, &mut program).unwrap();
        let error = launcher.wait(&process, || bail!("refused")).unwrap_err().to_string();
        assert!(error.contains("mail ended before it answered") && error.ends_with("the disk is full"), "{error}");
        std::fs::remove_dir_all(launcher.folder()).unwrap();
    }

    #[test]
    fn a_service_that_exits_early_is_restarted_once() {
        let launcher = launcher("attempts");
        let (starts, works_from) = (Cell::new(0), Cell::new(2));
        let start = || {
            starts.set(starts.get() + 1);
            let program = if starts.get() < works_from.get() { "exit 1" } else { "exec sleep 60" };
            let process = launcher.spawn(Kind::Mail, "mail", 1, Command::new("sh").args(["-c", program]))?;
            launcher.wait(&process, || if works_from.get() == 2 && starts.get() == 2 { Ok(()) } else { bail!("refused") })?;
            Ok(vec![("M", "here".to_owned())])
        };
        launcher.attempt(Kind::Mail, start).unwrap();
        assert_eq!((starts.get(), launcher.environment().len(), launcher.state().processes.len()), (2, 1, 1));
        launcher.remove(Kind::Mail).unwrap();
        starts.set(0);
        works_from.set(9);
        let error = launcher.attempt(Kind::Mail, start).unwrap_err().to_string();
        assert!(error.contains("ended before it answered") && starts.get() == 2, "{error}");
        std::fs::remove_dir_all(launcher.folder()).unwrap();
    }

    #[test]
    fn waiting_can_be_cancelled_and_started_services_stopped() {
        let launcher = launcher("gives-up");
        let mut program = Command::new("sleep");
        let process = launcher.spawn(Kind::Mail, "mail", 1, program.arg("60")).unwrap();
        launcher.stop.store(true, Ordering::SeqCst);
        assert_eq!(launcher.wait(&process, || bail!("refused")).unwrap_err().to_string(), "given up");
        assert_eq!(State::load(&launcher.file()).unwrap().processes.len(), 1);
        launcher.remove(Kind::Mail).unwrap();
        assert!(!process.alive());
        assert!(State::load(&launcher.file()).unwrap().processes.is_empty());
        std::fs::remove_dir_all(launcher.folder()).unwrap();
    }

    #[test]
    fn ports_differ() {
        let mut ports = free_ports::<20>().unwrap().to_vec();
        ports.sort_unstable();
        ports.dedup();
        assert_eq!(ports.len(), 20);
    }
}
