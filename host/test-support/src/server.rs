//! A platform under test, in one of its forms; ended with the test process.

use crate::{fleet::Fleet, marquee, root, temporary};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Mutex,
    time::{Duration, Instant},
};

/// How long a platform may take to be ready: the first start compiles the components.
const READY: Duration = Duration::from_secs(120);

/// What the suite runs against: `MARQUEE_TEST_FORM`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Form {
    /// `marquee up`: edges, a region, a replica.
    Up,
    /// `marquee up --postgres`: the same on the server that `MARQUEE_TEST_POSTGRES_URL` names.
    Postgres,
    /// `marquee region` and `marquee edge`, two of each, on that server: see `fleet.rs`.
    Fleet,
    /// `marquee up --composed`: the bytes as stock Spin runs them.
    Composed,
    /// Stock `spin up`.
    Spin,
}

impl Form {
    pub fn of_this_run() -> Self {
        match std::env::var("MARQUEE_TEST_FORM").as_deref() {
            Err(_) | Ok("up") => Self::Up,
            Ok("postgres") => Self::Postgres,
            Ok("fleet") => Self::Fleet,
            Ok("composed") => Self::Composed,
            Ok("spin") => Self::Spin,
            Ok(other) => panic!("MARQUEE_TEST_FORM is {other}: up, postgres, fleet, composed or spin"),
        }
    }

    /// Whether this has what only our host has: an admin listener, a region that forwards, a replica that can be behind.
    pub fn is_native(self) -> bool {
        matches!(self, Self::Up | Self::Postgres | Self::Fleet)
    }

    /// Whether a worker follows what happens: mail, analytics, the audit log.
    pub fn has_worker(self) -> bool {
        matches!(self, Self::Up | Self::Postgres)
    }
}

pub struct Server {
    /// The process, where it is one.
    child: Option<Child>,
    /// The processes, where they are many.
    fleet: Option<Mutex<Fleet>>,
    /// Base URLs of the edges: two, or the same one twice.
    pub edges: [String; 2],
    /// Base URL of the admin listener, where there is one.
    pub admin: Option<String>,
    pub folder: PathBuf,
    pub form: Form,
}

/// Every running server's process id: ended when the test process ends, whatever happened in it.
static RUNNING: Mutex<Vec<u32>> = Mutex::new(Vec::new());

extern "C" fn end_all() {
    for id in RUNNING.lock().unwrap_or_else(std::sync::PoisonError::into_inner).drain(..) {
        signal("-TERM", id);
    }
}

/// An empty folder for this process, removed at the next build's clean.
pub fn fresh_folder(name: &str) -> PathBuf {
    let folder = temporary().join(format!("{name}-{}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

/// The application in a folder, where its files can be changed; its manifest.
pub fn copy_of_the_application(folder: &Path) -> PathBuf {
    let (manifest, copy) = (std::fs::read_to_string(root().join("spin.toml")).unwrap(), folder.join("spin.toml"));
    for file in root().join("target/wasm32-wasip2/release").read_dir().unwrap().map(|file| file.unwrap().path()) {
        if file.extension().is_some_and(|extension| extension == "wasm") {
            std::fs::copy(&file, folder.join(file.file_name().unwrap())).unwrap();
        }
    }
    std::fs::write(&copy, manifest.replace("target/wasm32-wasip2/release/", "")).unwrap();
    copy
}

impl Server {
    /// Starts an empty platform of this run's form with these variables.
    pub fn start(name: &str, variables: &[(&str, &str)]) -> Self {
        Self::start_in(Form::of_this_run(), fresh_folder(name), variables, &[])
    }

    /// Starts a platform on this folder; its data stays there between starts.
    pub fn start_in(form: Form, folder: PathBuf, variables: &[(&str, &str)], arguments: &[&str]) -> Self {
        let environment: HashMap<String, &str> =
            variables.iter().map(|(name, value)| (format!("SPIN_VARIABLE_{}", name.to_uppercase()), *value)).collect();
        let mut command = match form {
            Form::Spin => return Self::start_spin(folder, &environment),
            Form::Fleet => return Self::start_fleet(folder, &environment),
            Form::Up | Form::Postgres | Form::Composed => Command::new(marquee()),
        };
        command.args(["up", "--no-demo", "--port", "0", "--data"]).arg(&folder).args(arguments);
        match form {
            Form::Postgres => _ = command.args(["--postgres", &empty_database(&folder)]),
            Form::Composed => _ = command.arg("--composed"),
            Form::Up | Form::Fleet | Form::Spin => {}
        }
        let log = std::fs::File::options().create(true).append(true).open(folder.join("test.log")).unwrap();
        let mut child = command
            .current_dir(root())
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(log)
            .spawn()
            .expect("marquee starts");
        remember(child.id());
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let Some(ready) = lines.by_ref().map(Result::unwrap).find(|line| line.starts_with("ready")) else {
            let log = std::fs::read_to_string(folder.join("test.log")).unwrap_or_default();
            panic!("marquee ended before it was ready: {:?}\n{log}", child.wait());
        };
        std::thread::spawn(move || lines.for_each(drop));
        let (edges, admin) = ready.split_once("admin").unwrap_or((&ready, ""));
        let urls: Vec<_> = edges.split_whitespace().filter(|word| word.starts_with("http")).map(str::to_owned).collect();
        let edges = [urls.first().expect("an edge").clone(), urls.last().expect("an edge").clone()];
        let admin = Some(admin.trim().to_owned()).filter(|url| !url.is_empty());
        Self { child: Some(child), fleet: None, edges, admin, folder, form }
    }

    fn start_fleet(folder: PathBuf, environment: &HashMap<String, &str>) -> Self {
        let environment: Vec<_> = environment.iter().map(|(name, value)| (name.clone(), (*value).to_owned())).collect();
        let fleet = Fleet::start(&folder, &empty_database(&folder), &environment);
        Self::of_fleet(fleet, folder)
    }

    /// A fleet whose region's nodes say this in their files as well; gives its database's address, too.
    pub fn start_fleet_with(name: &str, variables: &[(&str, &str)], more: &str) -> (Self, String) {
        let folder = fresh_folder(name);
        let database = empty_database(&folder);
        let variable = |(name, value): &(&str, &str)| (format!("SPIN_VARIABLE_{}", name.to_uppercase()), (*value).to_owned());
        let environment: Vec<_> = variables.iter().map(variable).collect();
        let fleet = Fleet::start_with(&folder, &database, &environment, more);
        (Self::of_fleet(fleet, folder), database)
    }

    /// Two regions, each with a database of its own.
    pub fn start_regions(name: &str) -> Self {
        let folder = fresh_folder(name);
        let databases =
            ["eu", "us"].map(|region| empty_database(&folder.with_file_name(format!("{name}-{}-{region}", std::process::id()))));
        let fleet = Fleet::of_two_regions(&folder, [&databases[0], &databases[1]], &[]);
        Self::of_fleet(fleet, folder)
    }

    fn of_fleet(fleet: Fleet, folder: PathBuf) -> Self {
        let url = |edge: usize, address: usize| format!("http://{}", fleet.edges[edge].addresses[address]);
        let (edges, admin) = ([url(0, 0), url(1, 0)], Some(url(0, 1)));
        Self { child: None, fleet: Some(Mutex::new(fleet)), edges, admin, folder, form: Form::Fleet }
    }

    /// Its processes, where they are many.
    pub fn fleet(&self) -> std::sync::MutexGuard<'_, Fleet> {
        self.fleet.as_ref().expect("form `fleet`").lock().unwrap()
    }

    fn start_spin(folder: PathBuf, environment: &HashMap<String, &str>) -> Self {
        let port = crate::free_port();
        let log = std::fs::File::create(folder.join("test.log")).unwrap();
        let child = Command::new("spin")
            .args(["up", "--quiet", "--listen", &format!("127.0.0.1:{port}"), "--state-dir"])
            .arg(folder.join("state"))
            .arg("--from")
            .arg(root().join("spin.toml"))
            .env("SPIN_VARIABLE_SANDBOX_PAYMENTS", "on")
            .envs(environment)
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .expect("spin starts");
        remember(child.id());
        let deadline = Instant::now() + READY;
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                Instant::now() < deadline,
                "spin does not answer: {}",
                std::fs::read_to_string(folder.join("test.log")).unwrap()
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        let edge = format!("http://127.0.0.1:{port}");
        Self { child: Some(child), fleet: None, edges: [edge.clone(), edge], admin: None, folder, form: Form::Spin }
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("one process").id()
    }

    /// As a power cut does.
    pub fn kill(mut self) -> PathBuf {
        let mut child = self.child.take().expect("one process");
        child.kill().unwrap();
        child.wait().unwrap();
        self.folder.clone()
    }

    /// As Ctrl-C does; gives its exit code.
    pub fn interrupt(mut self) -> Option<i32> {
        let mut child = self.child.take().expect("one process");
        signal("-INT", child.id());
        child.wait().unwrap().code()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Asked and not killed: `spin up` would leave the process behind that really serves.
        if let Some(mut child) = self.child.take() {
            signal("-TERM", child.id());
            let _ = child.wait();
        }
    }
}

/// A database named for this folder and process, made anew on the tests' server; gives its address.
pub fn empty_database(folder: &Path) -> String {
    let server = std::env::var("MARQUEE_TEST_POSTGRES_URL").expect("MARQUEE_TEST_POSTGRES_URL names a server: cargo xtask test");
    let name = folder.file_name().unwrap().to_str().unwrap().replace('-', "_");
    let address = format!("{}/{name}", server.rsplit_once('/').unwrap().0);
    let create = async move {
        let mut admin = <sqlx::PgConnection as sqlx::Connection>::connect(&server).await.unwrap();
        for statement in [format!("DROP DATABASE IF EXISTS {name}"), format!("CREATE DATABASE {name}")] {
            sqlx::query(&statement).execute(&mut admin).await.unwrap();
        }
    };
    // A thread of its own: the caller may be inside a runtime.
    std::thread::spawn(|| tokio::runtime::Runtime::new().unwrap().block_on(create)).join().unwrap();
    address
}

/// Sends a signal to a process, which may be gone already.
pub fn signal(name: &str, id: u32) {
    let _ = Command::new("kill").args([name, &id.to_string()]).stderr(Stdio::null()).status();
}

pub fn remember(id: u32) {
    let mut running = RUNNING.lock().unwrap();
    if running.is_empty() {
        // SAFETY: the handler only locks a mutex and starts a process, neither of which unwinds into C.
        unsafe { libc::atexit(end_all) };
    }
    running.push(id);
}
