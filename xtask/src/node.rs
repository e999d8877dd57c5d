//! A platform of one's own, for as long as it is needed.

use crate::{build, step::root};
use anyhow::{Context, Result, bail};
use std::{
    io::{BufRead, BufReader},
    net::{TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// How long a program may take to end after it was asked to.
const STOP: Duration = Duration::from_secs(20);

/// How long stock Spin may take to compile the components and serve.
const READY: Duration = Duration::from_secs(300);

/// A running `marquee up`, or stock Spin; stopped when dropped.
pub struct Node {
    child: Child,
    /// Base URLs of its edges.
    pub edges: Vec<String>,
    folder: PathBuf,
}

impl Node {
    /// Starts one on free ports with an empty data folder under `target/`.
    pub fn start(name: &str, arguments: &[&str]) -> Result<Self> {
        Self::start_with(name, arguments, &[])
    }

    /// As [`start`](Self::start), with more in its environment.
    pub fn start_with(name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        Self::start_of(&root(), name, arguments, environment)
    }

    /// As [`start_with`](Self::start_with), of what was built in another folder.
    pub fn start_of(project: &Path, name: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Result<Self> {
        let folder = root().join(format!("target/{name}-{}", std::process::id()));
        let program = project.join(build::MARQUEE);
        let mut child = Command::new(&program)
            .current_dir(project)
            .args(["up", "--port", "0", "--data"])
            .arg(&folder)
            .args(arguments)
            .envs(environment.iter().copied())
            .env(build::HELD_PLACES.0, build::HELD_PLACES.1)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let stdout = child.stdout.take().context("no output")?;
        let mut node = Self { child, edges: Vec::new(), folder };
        let mut lines = BufReader::new(stdout).lines();
        for line in lines.by_ref() {
            let line = line?;
            let mut words = line.split_whitespace();
            if words.next() == Some("ready") {
                node.edges = words.take_while(|word| word.starts_with("http")).map(str::to_owned).collect();
                // What else it prints must go somewhere, or it would block.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(node);
            }
        }
        bail!("the node ended before it was ready: {}", node.child.wait()?)
    }

    /// Starts stock Spin with what has been built, on a free port with an empty data folder under `target/`. It takes the sandbox's payments.
    pub fn start_spin(spin: &Path, name: &str, environment: &[(&str, &str)]) -> Result<Self> {
        let folder = root().join(format!("target/{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let log = folder.join("spin.log");
        let output = std::fs::File::create(&log)?;
        // Nobody else takes it in the moment between.
        let address = TcpListener::bind(("127.0.0.1", 0))?.local_addr()?;
        let child = Command::new(spin)
            .current_dir(root())
            .args(["up", "--quiet", "--listen", &address.to_string(), "--from", "spin.toml", "--state-dir"])
            .arg(folder.join("state"))
            .env("SPIN_VARIABLE_SANDBOX_PAYMENTS", "on")
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", spin.display()))?;
        let mut node = Self { child, edges: vec![format!("http://{address}")], folder };
        let deadline = Instant::now() + READY;
        while TcpStream::connect(address).is_err() {
            let ended = node.child.try_wait()?;
            if ended.is_some() || Instant::now() > deadline {
                bail!("Spin does not serve: {}", std::fs::read_to_string(&log)?.trim());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(node)
    }

    /// Where it writes its mail.
    pub fn mail(&self) -> PathBuf {
        self.folder.join("mail")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        stop(&mut self.child);
        discard(&self.folder);
    }
}

/// Ends a program: asked first, killed when it does not listen.
pub fn stop(child: &mut Child) {
    let asked = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    let deadline = Instant::now() + STOP;
    while asked.is_ok() && Instant::now() < deadline {
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    // Nothing is left to do for one that cannot even be killed.
    let _ = child.kill();
    let _ = child.wait();
}

/// Removes a folder of ours. That it is gone already, or stays, is harmless.
pub fn discard(folder: &Path) {
    let _ = std::fs::remove_dir_all(folder);
}
