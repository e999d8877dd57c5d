//! The assignment that a node has taken last, on disk.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use fleet::Identity;
use rollout::protocol::Assignment;
use serde::{Deserialize, Serialize};

use crate::desired;
use crate::error::Faulty;

/// The file in the agent's folder.
const FILE: &str = "assignment.json";

/// What stands there. Stamps are those of the whole fleet: a node that took another one's for its own would hear of nothing newer.
#[derive(Serialize, Deserialize)]
struct Stored<A> {
    /// Whose it is.
    node: String,
    #[serde(flatten)]
    assignment: A,
}

/// The assignment that was taken last by this node's agent with this folder. One that cannot be read, or is another node's, is as none, and is said to be so: the
/// node then runs what its own configuration names until it hears from the control plane.
#[must_use]
pub fn stored(folder: &Path, node: &Identity) -> Option<Assignment> {
    let path = file(folder);
    let text = match read(&path) {
        Ok(text) => text?,
        Err(error) => {
            tracing::error!(file = %path.display(), %error, "the last assignment cannot be read");
            return None;
        }
    };
    own(&text, node)
        .inspect_err(|error| tracing::error!(file = %path.display(), %error, "the last assignment cannot be used"))
        .ok()
}

fn own(text: &[u8], node: &Identity) -> Result<Assignment, Faulty> {
    let Stored { node: whose, assignment } =
        serde_json::from_slice::<Stored<Assignment>>(text).map_err(|error| Faulty::Malformed(error.to_string()))?;
    if whose != node.to_string() {
        return Err(Faulty::Foreign(whose));
    }
    desired::check(&assignment)?;
    Ok(assignment)
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
pub(crate) fn store(folder: &Path, node: &Identity, assignment: &Assignment) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let text = serde_json::to_vec_pretty(&Stored { node: node.to_string(), assignment })?;
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
