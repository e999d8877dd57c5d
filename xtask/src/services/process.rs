//! A service's program as a process that a later run finds again.

use super::Kind;
use serde::{Deserialize, Serialize};
use std::{
    path::PathBuf,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// How long programs may take to end after they were asked to.
const STOP: Duration = Duration::from_secs(15);
/// How often that is checked.
const POLL: Duration = Duration::from_millis(20);
/// How much of a log is shown of a service that does not answer: lines, and bytes.
const TAIL: (usize, usize) = (15, 4096);

/// A program that runs, or ran.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Process {
    /// What it is a part of.
    pub service: Kind,
    /// Unique among all of them.
    pub name: String,
    /// `host:port`.
    pub address: String,
    /// None for one in a container.
    pub pid: Option<u32>,
    /// When it began, as the kernel counts: a pid may have gone to a stranger since.
    born: String,
    log: PathBuf,
}

impl Process {
    /// Of a program that was started just now.
    pub fn started(service: Kind, name: &str, address: String, pid: u32, log: PathBuf) -> Self {
        // One that has ended already has no beginning, and never seems to live.
        Self { service, name: name.to_owned(), address, pid: Some(pid), born: born(pid).unwrap_or_default(), log }
    }

    /// Of a container that was started just now.
    pub fn contained(service: Kind, name: &str, address: String) -> Self {
        Self { service, name: name.to_owned(), address, pid: None, born: String::new(), log: PathBuf::new() }
    }

    /// Whether it still runs. Of a container nothing is known here.
    pub fn alive(&self) -> bool {
        self.pid.is_none_or(|pid| !self.born.is_empty() && born(pid).as_ref() == Some(&self.born))
    }

    /// The end of what it wrote.
    pub fn tail(&self) -> String {
        let log = std::fs::read(&self.log).unwrap_or_default();
        tail(&String::from_utf8_lossy(log.get(log.len().saturating_sub(TAIL.1)..).unwrap_or_default()))
    }

    fn signal(&self, signal: &str) {
        if let Some(pid) = self.pid.filter(|_| self.alive()) {
            // That it ended in between is harmless.
            let _ = Command::new("kill").args([signal, &pid.to_string()]).stderr(Stdio::null()).status();
        }
    }
}

/// Ends programs: all are asked first, and killed when they do not listen.
pub fn end(processes: &[Process]) {
    for process in processes {
        // On TERM Postgres waits for its clients to go.
        process.signal(if process.service == Kind::Postgres { "-INT" } else { "-TERM" });
    }
    let deadline = Instant::now() + STOP;
    let any = || processes.iter().any(|process| process.pid.is_some() && process.alive());
    while any() && Instant::now() < deadline {
        std::thread::sleep(POLL);
    }
    for process in processes {
        process.signal("-KILL");
    }
}

/// When a process began; none where it is gone, or dead and only not yet waited for.
fn born(pid: u32) -> Option<String> {
    if let Ok(stat) = std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        return began(&stat);
    }
    if std::path::Path::new("/proc/self/stat").exists() {
        return None;
    }
    let ps = Command::new("ps").args(["-o", "lstart=", "-p", &pid.to_string()]).output().ok()?;
    Some(String::from_utf8_lossy(&ps.stdout).trim().to_owned()).filter(|text| !text.is_empty())
}

/// Out of Linux's `/proc/PID/stat` (proc(5)): the state and the start follow the program's name, which may itself hold spaces and parentheses.
fn began(stat: &str) -> Option<String> {
    let (_, after) = stat.rsplit_once(')')?;
    let fields: Vec<_> = after.split_whitespace().collect();
    let dead = matches!(*fields.first()?, "Z" | "X" | "x");
    fields.get(19).filter(|_| !dead).map(|start| (*start).to_owned())
}

fn tail(log: &str) -> String {
    let lines: Vec<_> = log.lines().collect();
    lines.get(lines.len().saturating_sub(TAIL.0)..).unwrap_or_default().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn start_times_are_parsed_after_names_with_parentheses() {
        let stat = "42 (a) (b c) S 1 42 42 0 -1 4194560 100 0 0 0 1 2 0 0 20 0 1 0 987654 1000 10";
        assert_eq!(began(stat).as_deref(), Some("987654"));
        assert_eq!(began(&stat.replace(" S ", " Z ")), None);
        assert_eq!(began("nonsense"), None);
    }

    #[test]
    fn a_reused_pid_is_not_the_same_process() {
        let mut child = Command::new("sleep").arg("60").spawn().unwrap();
        let mut process = Process::started(Kind::Mail, "sleep", "127.0.0.1:1".into(), child.id(), PathBuf::new());
        assert!(process.alive());
        let stranger = Process { born: "1".into(), ..process.clone() };
        assert!(!stranger.alive());
        end(&[stranger]);
        assert!(process.alive(), "a stranger was ended");
        end(std::slice::from_ref(&process));
        assert!(!process.alive());
        child.wait().unwrap();
        process.born.clear();
        assert!(!process.alive());
    }

    #[test]
    fn the_tail_is_the_last_lines() {
        let log: String = (0..40).map(|line| format!("line {line}\n")).collect();
        assert!(tail(&log).starts_with("line 25\n") && tail(&log).ends_with("line 39"));
        assert_eq!(tail(""), "");
    }
}
