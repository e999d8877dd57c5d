//! The mail sink: takes every mail, and keeps it as a file of a Maildir.

use super::{
    Environment, Kind, fresh,
    launcher::{Launcher, free_ports},
    probe::Probe,
    text,
};
use crate::{step::command, tools};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// The Python that has it.
pub fn program() -> Result<PathBuf> {
    tools::aiosmtpd()
}

/// Starts it with an empty Maildir.
pub fn start(launcher: &Launcher) -> Result<Environment> {
    let folder = fresh(launcher.folder(), "mail")?;
    let box_ = folder.join("maildir");
    let [port] = free_ports()?;
    // `-n`: whoever starts it stays who they are.
    let mut server =
        command(program()?, &["-m", "aiosmtpd", "-n", "-l", &format!("127.0.0.1:{port}"), "-c", "aiosmtpd.handlers.Mailbox"]);
    let process = launcher.spawn(Kind::Mail, "mail", port, server.arg(&box_).current_dir(&folder))?;
    launcher.wait(&process, || answers(&process.address))?;
    Ok([environment(port), vec![("MARQUEE_TEST_MAILDIR", text(&box_)?)]].concat())
}

/// How it is found.
pub fn environment(port: u16) -> Environment {
    vec![("MARQUEE_TEST_SMTP", format!("smtp://127.0.0.1:{port}"))]
}

/// Whether it greets.
pub fn answers(address: &str) -> Result<()> {
    let mut probe = Probe::connect(address)?;
    let greeting = probe.line()?;
    if !greeting.starts_with("220") {
        bail!("it greets with {greeting}");
    }
    probe.send(b"QUIT\r\n")
}
