//! A registry of OCI artifacts, Debian's `docker-registry`: whoever comes may write.

use super::{
    Environment, Kind, fresh,
    launcher::{Launcher, free_ports},
    probe::Probe,
    text,
};
use crate::{step::command, tools};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// Its program.
pub fn program() -> Result<PathBuf> {
    tools::program("docker-registry", "", &["docker-registry"])
}

/// Starts it empty.
pub fn start(launcher: &Launcher) -> Result<Environment> {
    let folder = fresh(launcher.folder(), "registry")?;
    let [port] = free_ports()?;
    let configuration = folder.join("registry.yml");
    let (data, address) = (folder.join("data"), format!("127.0.0.1:{port}"));
    std::fs::write(
        &configuration,
        format!(
            "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\", secret: tests}}\n",
            text(&data)?
        ),
    )?;
    let mut server = command(program()?, &["serve", &text(&configuration)?]);
    let process = launcher.spawn(Kind::Registry, "registry", port, &mut server)?;
    launcher.wait(&process, || answers(&process.address))?;
    Ok(environment(port))
}

/// How it is found.
pub fn environment(port: u16) -> Environment {
    vec![("MARQUEE_TEST_REGISTRY", format!("127.0.0.1:{port}"))]
}

/// Whether it speaks the distribution API.
pub fn answers(address: &str) -> Result<()> {
    let mut probe = Probe::connect(address)?;
    probe.send(format!("GET /v2/ HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").as_bytes())?;
    let answer = probe.line()?;
    if !answer.contains(" 200 ") {
        bail!("it answers {answer}");
    }
    Ok(())
}
