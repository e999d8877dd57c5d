//! RabbitMQ: one node, with an Erlang port mapper of its own, so that it meets no other node of this machine.

use super::{
    Environment, Kind, fresh,
    launcher::{Launcher, free_ports},
    probe::Probe,
    text,
};
use crate::{step::command, tools};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Where Debian keeps the program. The one on the PATH there is a wrapper that changes the user and the folder.
const PROGRAM: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// What its port mapper is called here.
pub const MAPPER: &str = "rabbitmq-epmd";

/// Its program.
pub fn program() -> Result<PathBuf> {
    let here = || Some(PathBuf::from(PROGRAM)).filter(|path| path.is_file());
    if let Some(path) = here() {
        return Ok(path);
    }
    let path = tools::program("rabbitmq-server", "", &["rabbitmq-server"])?;
    Ok(here().unwrap_or(path))
}

/// Starts it, as the current user.
pub fn start(launcher: &Launcher) -> Result<Environment> {
    let program = program()?;
    let folder = fresh(launcher.folder(), "rabbitmq")?;
    let [port, nodes, mapper] = free_ports()?;
    let epmd = tools::program("epmd", "/usr/lib/erlang/*/bin", &["erlang-base"])?;
    // RabbitMQ would start one that stays.
    let mut epmd = command(epmd, &["-port", &mapper.to_string(), "-address", "127.0.0.1"]);
    let names = launcher.spawn(Kind::Rabbitmq, MAPPER, mapper, &mut epmd)?;
    launcher.wait(&names, || Probe::connect(&names.address).map(drop))?;
    std::fs::write(folder.join("rabbitmq.conf"), configuration(port))?;
    std::fs::write(folder.join("advanced.config"), "[].\n")?;
    std::fs::write(folder.join("enabled_plugins"), "[].\n")?;
    let mut server = command(&program, &[]);
    // Nothing of what the machine's own node is set to.
    server.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).current_dir(&folder);
    server.envs(private(&folder)?).env("ERL_EPMD_PORT", mapper.to_string()).env("ERL_EPMD_ADDRESS", "127.0.0.1");
    server.env("RABBITMQ_DIST_PORT", nodes.to_string());
    let process = launcher.spawn(Kind::Rabbitmq, "rabbitmq", port, &mut server)?;
    launcher.wait(&process, || answers(&process.address))?;
    let programs = text(program.parent().context("no folder of programs")?)?;
    Ok([environment(port), vec![("MARQUEE_TEST_RABBITMQ_BIN", programs)]].concat())
}

/// How it is found.
pub fn environment(port: u16) -> Environment {
    vec![("MARQUEE_TEST_AMQP_URL", format!("amqp://guest:guest@127.0.0.1:{port}/%2f"))]
}

fn configuration(port: u16) -> String {
    format!(
        "listeners.tcp.1 = 127.0.0.1:{port}\ndistribution.listener.interface = 127.0.0.1\n\
         log.file = false\nlog.console = true\nlog.console.level = warning\n"
    )
}

/// Where it keeps and looks for things: all of it in this folder, its cookie (in HOME) too.
fn private(folder: &Path) -> Result<Environment> {
    let of = |name: &str| text(&folder.join(name));
    Ok(vec![
        ("HOME", text(folder)?),
        ("RABBITMQ_NODENAME", "marquee@localhost".to_owned()),
        ("RABBITMQ_CONF_ENV_FILE", of("rabbitmq-env.conf")?),
        ("RABBITMQ_CONFIG_FILE", of("rabbitmq.conf")?),
        ("RABBITMQ_ADVANCED_CONFIG_FILE", of("advanced.config")?),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", of("enabled_plugins")?),
        ("RABBITMQ_MNESIA_BASE", of("data")?),
        ("RABBITMQ_LOG_BASE", of("log")?),
        ("RABBITMQ_PID_FILE", of("pid")?),
        // Its script then becomes the node, and does not stand in front of it.
        ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
        // Ctrl-C ends it, as it does the others.
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "+Bd".to_owned()),
    ])
}

/// Whether it opens the conversation; its port mapper only listens.
pub fn answers(address: &str) -> Result<()> {
    let mut probe = Probe::connect(address)?;
    probe.send(b"AMQP\0\0\x09\x01")?;
    let frame = probe.read(11)?;
    // A frame about methods, on channel 0, of some length: method 10 of class 10, Connection.Start.
    match (frame.first_chunk::<3>(), frame.last_chunk::<4>()) {
        (Some([1, 0, 0]), Some([0, 10, 0, 10])) => Ok(()),
        _ => bail!("it does not speak AMQP 0-9-1"),
    }
}
