//! A file of variables that takes its time to be read, as one on a disk far away.

use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::process::Command;
use test_support::client::eventually;
use test_support::fleet::Node;

/// A node that has been sent SIGHUP and does not get on with it.
pub struct Stalled {
    pipe: File,
    text: String,
    /// How often it had finished before.
    before: usize,
}

impl Stalled {
    /// The node reads its variables, which will be these; whoever reads them after it has them at once.
    pub async fn reading(node: &Node, variables: &Path, text: &str) -> Self {
        let (pipe, new) = (variables.with_extension("pipe"), variables.with_extension("new"));
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        fs::remove_file(variables).unwrap();
        fs::hard_link(&pipe, variables).unwrap();
        let before = finished(node);
        node.reload();
        // It can be opened so as soon as somebody reads.
        let open = async || OpenOptions::new().write(true).custom_flags(libc::O_NONBLOCK).open(&pipe).ok();
        let opened = eventually("it reads its variables", open, Option::is_some).await.unwrap();
        fs::write(&new, text).unwrap();
        fs::rename(&new, variables).unwrap();
        fs::remove_file(&pipe).unwrap();
        Self { pipe: opened, text: text.to_owned(), before }
    }

    /// Returns once it has done what SIGHUP asks for.
    pub async fn goes_on(mut self, node: &Node) {
        self.pipe.write_all(self.text.as_bytes()).unwrap();
        drop(self.pipe);
        eventually("it has finished", async || finished(node), |finished| *finished > self.before).await;
    }
}

/// How often it has said what came of a SIGHUP.
fn finished(node: &Node) -> usize {
    fs::read_to_string(node.log()).unwrap().matches("SIGHUP").count()
}
