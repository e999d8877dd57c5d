//! Real Postgres and Redis for the tests, each in a private folder on a free port; the machine's own services are not touched.

use crate::{
    node::{discard, stop},
    step::{command, output, say, step},
    tools,
};
use anyhow::{Context, Result, bail};
use std::{
    net::TcpListener,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a service may take until it answers.
const READY: Duration = Duration::from_secs(60);

/// Names the variable that the tests find Postgres by.
const POSTGRES_URL: &str = "MARQUEE_TEST_POSTGRES_URL";

/// The running services; stopped, with their data, when dropped.
pub struct Services {
    postgres: Child,
    /// Where its programs are.
    programs: PathBuf,
    redis: Child,
    folder: PathBuf,
    /// What the tests read: names and values of environment variables.
    pub environment: Vec<(&'static str, String)>,
}

/// `cargo xtask services up`.
pub fn command_line(arguments: &[String]) -> Result<()> {
    let ["up"] = arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] else { bail!("usage: cargo xtask services up") };
    let mut services = Services::start()?;
    for (name, value) in &services.environment {
        say(&format!("export {name}={value}"));
    }
    say("Ctrl-C stops them");
    services.postgres.wait()?;
    Ok(())
}

impl Services {
    /// Starts them, installing what is missing, and waits until they answer.
    pub fn start() -> Result<Self> {
        step("starting a private Postgres and Redis", || {
            let initdb = tools::program("initdb", "/usr/lib/postgresql/*/bin", &["postgresql"])?;
            let redis_server = tools::program("redis-server", "", &["redis-server"])?;
            let folder = Path::new("/tmp").join(format!("marquee-services-{}", std::process::id()));
            std::fs::create_dir_all(&folder)?;
            let (postgres, postgres_port) = start_postgres(&initdb, &folder)?;
            let redis_port = free_port()?;
            let redis = Command::new(redis_server)
                .args(["--port", &redis_port.to_string(), "--bind", "127.0.0.1", "--save", "", "--dir"])
                .arg(&folder)
                .stdout(Stdio::null())
                .spawn()
                .context("cannot start redis-server")?;
            let mut environment = for_rounds()?;
            environment.extend([
                (POSTGRES_URL, format!("postgres://postgres@127.0.0.1:{postgres_port}/postgres")),
                ("MARQUEE_TEST_REDIS_URL", format!("redis://127.0.0.1:{redis_port}")),
            ]);
            let programs = initdb.canonicalize()?.parent().map(Path::to_owned).unwrap_or_default();
            let services = Self { postgres, programs, redis, folder, environment };
            for port in [postgres_port, redis_port] {
                wait_for(port)?;
            }
            Ok(services)
        })
    }
}

/// What the rounds of faults need to set up for themselves, installed where it is missing: Postgres' programs, and a library that moves a process's
/// clock.
pub fn for_rounds() -> Result<Vec<(&'static str, String)>> {
    let initdb = tools::program("initdb", "/usr/lib/postgresql/*/bin", &["postgresql"])?;
    // A link on the PATH says nothing of the others.
    let programs = initdb.canonicalize()?.parent().map(Path::to_owned).unwrap_or_default();
    let faketime = tools::file("libfaketime.so.1", "/usr/lib/*/faketime", &["libfaketime"])?;
    let text = |path: &Path| path.display().to_string();
    Ok(vec![("MARQUEE_TEST_POSTGRES_BIN", text(&programs)), ("MARQUEE_TEST_FAKETIME", text(&faketime))])
}

impl Services {
    /// What Postgres answers: rows as lines, columns apart by tabs.
    pub fn psql(&self, query: &str) -> Result<String> {
        let url = self.postgres_url();
        output(&mut command(
            self.programs.join("psql"),
            &["--no-align", "--tuples-only", "--field-separator=\t", "--command", query, url],
        ))
    }

    /// The URL of a new database of this name on the private Postgres.
    pub fn database(&self, name: &str) -> Result<String> {
        self.psql(&format!("CREATE DATABASE {name}"))?;
        let server = self.postgres_url().rsplit_once('/').map_or("", |(server, _)| server);
        Ok(format!("{server}/{name}"))
    }

    /// The URL of the database that is there from the beginning.
    pub fn postgres_url(&self) -> &str {
        self.environment.iter().find(|(name, _)| *name == POSTGRES_URL).map_or("", |(_, url)| url)
    }
}

impl Drop for Services {
    fn drop(&mut self) {
        stop(&mut self.postgres);
        stop(&mut self.redis);
        discard(&self.folder);
    }
}

/// Postgres refuses to run as root: there it runs as the user `postgres`, which its package made.
fn start_postgres(initdb: &Path, folder: &Path) -> Result<(Child, u16)> {
    let data = folder.join("postgres");
    std::fs::create_dir_all(&data)?;
    let user = Owner::of_postgres()?;
    if let Some(owner) = &user {
        std::os::unix::fs::chown(&data, Some(owner.uid), Some(owner.gid))?;
    }
    let as_owner = |mut command: Command| {
        command.current_dir(&data).stdin(Stdio::null()).stdout(Stdio::null());
        if let Some(owner) = &user {
            command.uid(owner.uid).gid(owner.gid);
        }
        command
    };
    output(
        as_owner(command(initdb, &["--auth=trust", "--username=postgres", "--encoding=UTF8", "--pgdata=."]))
            .stdout(Stdio::piped()),
    )?;
    let port = free_port()?;
    let server =
        as_owner(command(initdb.with_file_name("postgres"), &["-D", ".", "-h", "127.0.0.1", "-k", ".", "-p", &port.to_string()]))
            .stderr(std::fs::File::create(folder.join("postgres.log"))?)
            .spawn()
            .context("cannot start postgres")?;
    Ok((server, port))
}

struct Owner {
    uid: u32,
    gid: u32,
}

impl Owner {
    fn of_postgres() -> Result<Option<Self>> {
        let number = |arguments: &[&str]| -> Result<u32> {
            output(&mut command("id", arguments))?.trim().parse().context("id printed no number")
        };
        if number(&["-u"])? != 0 {
            return Ok(None);
        }
        Ok(Some(Self { uid: number(&["-u", "postgres"])?, gid: number(&["-g", "postgres"])? }))
    }
}

fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn wait_for(port: u16) -> Result<()> {
    let deadline = Instant::now() + READY;
    while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
        if Instant::now() > deadline {
            bail!("nothing answered on port {port} within {} s", READY.as_secs());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}
