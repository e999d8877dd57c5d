//! Postgres: one server, nobody needs a password.

use super::{
    Environment, Kind, fresh,
    launcher::{Launcher, free_ports},
    probe::Probe,
};
use crate::{
    step::{command, output},
    tools,
};
use anyhow::{Context, Result, bail};
use std::{
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Command, Stdio},
};

/// Names the variables that the tests find Postgres and its programs by.
pub const URL: &str = "MARQUEE_TEST_POSTGRES_URL";
pub const PROGRAMS: &str = "MARQUEE_TEST_POSTGRES_BIN";

/// The folder of its programs.
pub fn programs() -> Result<PathBuf> {
    let initdb = tools::program("initdb", "/usr/lib/postgresql/*/bin", &["postgresql"])?;
    // A link on the PATH says nothing of the others.
    Ok(initdb.canonicalize()?.parent().map(PathBuf::from).unwrap_or_default())
}

/// Postgres refuses to run as root: there it runs as the user `postgres`, which its package made.
pub fn start(launcher: &Launcher) -> Result<Environment> {
    let programs = programs()?;
    let data = fresh(launcher.folder(), "postgres")?;
    let user = Owner::of_postgres()?;
    if let Some(owner) = &user {
        std::os::unix::fs::chown(&data, Some(owner.uid), Some(owner.gid))?;
    }
    let as_owner = |mut command: Command| {
        command.current_dir(&data).stdin(Stdio::null());
        if let Some(owner) = &user {
            command.uid(owner.uid).gid(owner.gid);
        }
        command
    };
    let make = ["--auth=trust", "--username=postgres", "--encoding=UTF8", "--no-sync", "--pgdata=."];
    output(&mut as_owner(command(programs.join("initdb"), &make)))?;
    let [port] = free_ports()?;
    let serve = ["-D", ".", "-h", "127.0.0.1", "-k", ".", "-p", &port.to_string()];
    let mut server = as_owner(command(programs.join("postgres"), &serve));
    let process = launcher.spawn(Kind::Postgres, "postgres", port, &mut server)?;
    launcher.wait(&process, || answers(&process.address))?;
    Ok([environment(port), vec![(PROGRAMS, super::text(&programs)?)]].concat())
}

/// How it is found.
pub fn environment(port: u16) -> Environment {
    vec![(URL, format!("postgres://postgres@127.0.0.1:{port}/postgres"))]
}

/// Whether it answers a query.
pub fn answers(address: &str) -> Result<()> {
    let mut probe = Probe::connect(address)?;
    // Version 3.0 of its protocol, then who asks whom; a length counts itself.
    let who = b"\0\x03\0\0user\0postgres\0database\0postgres\0\0";
    probe.send(&[&length(who.len())[..], who].concat())?;
    until(&mut probe, b'Z')?;
    let query = b"SELECT 1\0";
    probe.send(&[b"Q", &length(query.len())[..], query].concat())?;
    until(&mut probe, b'D')
}

fn length(of: usize) -> [u8; 4] {
    u32::try_from(of + 4).unwrap_or_default().to_be_bytes()
}

/// Reads messages until one of this kind.
fn until(probe: &mut Probe, kind: u8) -> Result<()> {
    // A dozen parameter messages come first.
    for _ in 0..100 {
        let found = probe.read(1)?;
        let length = probe.number()?;
        let body = probe.read(length.saturating_sub(4))?;
        match found.first() {
            Some(b'E') => bail!("it says {}", String::from_utf8_lossy(&body).replace('\0', " ").trim()),
            Some(found) if *found == kind => return Ok(()),
            _ => {}
        }
    }
    bail!("it never came to an answer")
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
