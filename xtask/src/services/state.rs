//! What runs, in a file, so that the next command finds it.

use super::{Environment, Kind, process::Process};
use crate::step::write_private;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The services of one folder.
#[derive(Debug, Default, Deserialize, Serialize)]
pub struct State {
    /// Whether they run in containers.
    pub containers: bool,
    /// Their programs.
    pub processes: Vec<Process>,
    environment: Vec<(Kind, String, String)>,
}

impl State {
    /// What the file says; nothing where there is none.
    pub fn load(file: &Path) -> Result<Self> {
        match std::fs::read(file) {
            Ok(bytes) => serde_json::from_slice(&bytes).with_context(|| format!("{} is damaged", file.display())),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error).with_context(|| file.display().to_string()),
        }
    }

    /// Replaces the file as a whole.
    pub fn save(&self, file: &Path) -> Result<()> {
        let next = file.with_extension("next");
        write_private(&next, &serde_json::to_string_pretty(self)?)?;
        std::fs::rename(&next, file).with_context(|| file.display().to_string())
    }

    /// A program was started.
    pub fn add(&mut self, process: Process) {
        self.processes.push(process);
        self.processes.sort_by_key(|process| process.service);
    }

    /// The programs of one service.
    pub fn of(&self, kind: Kind) -> Vec<Process> {
        self.processes.iter().filter(|process| process.service == kind).cloned().collect()
    }

    /// What the tests read.
    pub fn environment(&self) -> Vec<(String, String)> {
        self.environment.iter().map(|(_, name, value)| (name.clone(), value.clone())).collect()
    }

    /// How a service that answers is found.
    pub fn export(&mut self, kind: Kind, environment: Environment) {
        self.environment.extend(environment.into_iter().map(|(name, value)| (kind, name.to_owned(), value)));
        // They come as they get ready; people look for them in one order.
        self.environment.sort_by_key(|(kind, ..)| *kind);
    }

    /// Forgets a service.
    pub fn remove(&mut self, kind: Kind) {
        self.processes.retain(|process| process.service != kind);
        self.environment.retain(|(other, ..)| *other != kind);
    }

    /// As lines that a shell reads.
    pub fn exports(&self) -> Vec<String> {
        self.environment.iter().map(|(_, name, value)| format!("export {name}={}", quoted(value))).collect()
    }
}

/// As one word of a shell.
fn quoted(value: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/:.,@%_-+=".contains(letter);
    if value.chars().all(plain) { value.to_owned() } else { format!("'{}'", value.replace('\'', "'\\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_removed_service_leaves_no_state() {
        let mut state = State::default();
        state.processes.push(Process::contained(Kind::Redis, "redis-primary", "127.0.0.1:1".into()));
        state.processes.push(Process::contained(Kind::Mail, "mail", "127.0.0.1:2".into()));
        state.export(Kind::Redis, vec![("R", "redis://127.0.0.1:1".into())]);
        state.export(Kind::Mail, vec![("M", "it's here".into())]);
        state.remove(Kind::Redis);
        assert!(state.of(Kind::Redis).is_empty());
        assert_eq!(state.of(Kind::Mail).len(), 1);
        assert_eq!(state.exports(), ["export M='it'\\''s here'"]);
    }

    #[test]
    fn state_round_trips_and_a_missing_file_is_empty() {
        let folder = std::env::temp_dir().join(format!("marquee-state-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let file = folder.join("state.json");
        assert!(State::load(&file).unwrap().processes.is_empty());
        let mut state = State { containers: true, ..State::default() };
        state.export(Kind::Rabbitmq, vec![("A", "amqp://guest:guest@127.0.0.1:5/%2f".into())]);
        state.save(&file).unwrap();
        let loaded = State::load(&file).unwrap();
        assert!(loaded.containers);
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600, "passwords are in it");
        assert_eq!(loaded.exports(), ["export A=amqp://guest:guest@127.0.0.1:5/%2f"]);
        std::fs::write(&file, "{").unwrap();
        assert!(State::load(&file).unwrap_err().to_string().contains("damaged"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
