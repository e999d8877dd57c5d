//! The assignment that a node has taken last, on disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rollout::protocol::Assignment;

use crate::desired;

/// The file in the agent's folder.
const FILE: &str = "assignment.json";

/// The assignment that was taken last by the agent with this folder. One that cannot be read is as none, and is said to be so: the node then runs what its own
/// configuration names until it hears from the control plane.
#[must_use]
pub fn stored(folder: &Path) -> Option<Assignment> {
    let path = file(folder);
    let text = match read(&path) {
        Ok(text) => text?,
        Err(error) => {
            tracing::error!(file = %path.display(), %error, "the last assignment cannot be read");
            return None;
        }
    };
    desired::read(&text)
        .inspect_err(|error| tracing::error!(file = %path.display(), %error, "the last assignment cannot be used"))
        .ok()
}

fn read(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs::metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
        Ok(data) if data.len() > rollout::limits::ASSIGNMENT_BYTES as u64 => {
            return Err(io::Error::other("it is longer than any assignment"));
        }
        Ok(_) => {}
    }
    fs::read(path).map(Some)
}

/// Stores an assignment, whole or not at all, also where the machine loses its power.
pub(crate) fn store(folder: &Path, assignment: &Assignment) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let text = serde_json::to_vec_pretty(assignment)?;
    let path = file(folder);
    let new = path.with_extension("new");
    let mut written = File::create(&new)?;
    written.write_all(&text)?;
    written.sync_all()?;
    fs::rename(&new, &path)?;
    File::open(folder)?.sync_all()
}

fn file(folder: &Path) -> PathBuf {
    folder.join(FILE)
}
