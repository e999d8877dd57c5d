//! A Postgres of the rounds' own, which may be killed.

use crate::server::{remember, signal};
use std::{
    os::unix::{fs::chown, process::CommandExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long it may take until it answers: after a crash it reads its log first, and waits for what is left of its last life.
const READY: Duration = Duration::from_secs(60);

pub struct Postgres {
    programs: PathBuf,
    folder: PathBuf,
    /// The folder in it that has the cluster.
    data: String,
    copies: usize,
    port: u16,
    /// Postgres refuses to run as root.
    user: Option<(u32, u32)>,
    child: Option<Child>,
}

impl Postgres {
    /// A new cluster, which keeps what it says it has (fsync is on), and one database in it.
    pub fn start() -> Self {
        let programs = std::env::var_os("MARQUEE_TEST_POSTGRES_BIN");
        let programs = PathBuf::from(
            programs.expect("MARQUEE_TEST_POSTGRES_BIN names the folder of Postgres' programs: cargo xtask faults"),
        );
        let folder = std::env::temp_dir().join(format!("marquee-rounds-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let user = (number(&["-u"]) == 0).then(|| (number(&["-u", "postgres"]), number(&["-g", "postgres"])));
        if let Some((user, group)) = user {
            chown(&folder, Some(user), Some(group)).unwrap();
        }
        let port = test_support::free_port();
        let data = "data".to_owned();
        let mut postgres = Self { programs, folder, data, copies: 0, port, user, child: None };
        let made =
            postgres.command("initdb", &["--auth=trust", "--username=postgres", "--encoding=UTF8", "--pgdata=data"]).output();
        let made = made.unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        postgres.spawn();
        postgres
    }

    fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        command
    }

    pub fn address(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Its URL, or the same database's behind another address.
    pub fn url(&self, address: &str) -> String {
        format!("postgres://postgres@{address}/postgres")
    }

    /// Starts it and waits until it answers.
    pub fn spawn(&mut self) {
        let deadline = Instant::now() + READY;
        let log = self.folder.join("log");
        loop {
            let port = self.port.to_string();
            let mut command = self
                .command("postgres", &["-D", &self.data, "-h", "127.0.0.1", "-k", ".", "-p", &port, "-c", "max_connections=300"]);
            let mut child =
                command.stderr(std::fs::File::options().create(true).append(true).open(&log).unwrap()).spawn().unwrap();
            remember(child.id());
            // It ends at once while anything of its last life is left.
            while child.try_wait().unwrap().is_none() {
                if self.answers() {
                    self.child = Some(child);
                    return;
                }
                assert!(Instant::now() < deadline, "{}", std::fs::read_to_string(&log).unwrap());
                std::thread::sleep(Duration::from_millis(20));
            }
            assert!(Instant::now() < deadline, "{}", std::fs::read_to_string(&log).unwrap());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// How often it has warned of a ROLLBACK or a COMMIT where there was nothing to end.
    pub fn needless_ends(&self) -> usize {
        let log = std::fs::read_to_string(self.folder.join("log")).unwrap();
        log.matches("there is no transaction in progress").count()
    }

    fn answers(&self) -> bool {
        let port = self.port.to_string();
        self.command("pg_isready", &["-q", "-h", "127.0.0.1", "-p", &port]).status().is_ok_and(|status| status.success())
    }

    /// A copy of the cluster as it is now, while it runs.
    pub fn copy(&mut self) -> String {
        self.copies += 1;
        let (name, port) = (format!("copy-{}", self.copies), self.port.to_string());
        let arguments = ["-D", &name, "-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-c", "fast", "-X", "stream"];
        let copied = self.command("pg_basebackup", &arguments).output().unwrap();
        assert!(copied.status.success(), "{}", String::from_utf8_lossy(&copied.stderr));
        name
    }

    /// Has a copy take the place of the cluster, which ends without a word: put back as it is, or promoted like a replica that was left behind.
    pub fn replace(&mut self, copy: String, promoted: bool) {
        self.abort();
        let folder = self.folder.join(&copy);
        if promoted {
            std::fs::write(folder.join("standby.signal"), "").unwrap();
        }
        self.data = copy;
        self.spawn();
        if promoted {
            let port = self.port.to_string();
            let arguments = ["-h", "127.0.0.1", "-p", &port, "-U", "postgres", "-Atc", "SELECT pg_promote(true, 60)"];
            let promoted = self.command("psql", &arguments).output().unwrap();
            assert!(promoted.status.success(), "{}", String::from_utf8_lossy(&promoted.stderr));
        }
    }

    /// As a power cut does: all of its processes at once.
    pub fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        let mut all = vec![child.id()];
        all.extend(children(child.id()));
        all.into_iter().for_each(|id| signal("-KILL", id));
        child.wait().unwrap();
    }

    /// `pg_ctl stop -m immediate`: without a word to its clients, and nothing is tidied up.
    pub fn abort(&mut self) {
        let mut child = self.child.take().unwrap();
        signal("-QUIT", child.id());
        child.wait().unwrap();
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.abort();
        }
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn number(arguments: &[&str]) -> u32 {
    let output = Command::new("id").args(arguments).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().parse().expect("a number: is there a user `postgres`?")
}

/// Processes whose parent this one is.
fn children(parent: u32) -> Vec<u32> {
    let of = |entry: &Path| -> Option<u32> {
        let id = entry.file_name()?.to_str()?.parse().ok()?;
        let stat = std::fs::read_to_string(entry.join("stat")).ok()?;
        // After the name, which may contain anything: the state, then the parent.
        let ppid: u32 = stat.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()?;
        (ppid == parent).then_some(id)
    };
    std::fs::read_dir("/proc").unwrap().filter_map(|entry| of(&entry.ok()?.path())).collect()
}
