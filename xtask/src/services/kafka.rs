//! Apache Kafka: one node that is broker and controller, from the jars of Maven Central.

use super::{
    Environment, Kind, fresh, jars,
    launcher::{Launcher, free_ports},
    probe::{Probe, number},
    text,
};
use crate::{
    step::{command, output},
    tools,
};
use anyhow::{Context, Result, bail};
use std::path::{Path, PathBuf};

/// Any 16 bytes in base64 name a cluster; this one is always alone in its folder.
const CLUSTER: &str = "bWFycXVlZS1zZXJ2aWNlcw";

/// What it logs: what is amiss, to its standard output.
const LOG: &str = "rootLogger.level = warn
rootLogger.appenderRef.console.ref = console
appender.console.type = Console
appender.console.name = console
appender.console.layout.type = PatternLayout
appender.console.layout.pattern = %d %p %c{1}: %m%n
";

/// Java, and the folder of Kafka's jars.
pub fn programs() -> Result<(PathBuf, PathBuf)> {
    Ok((tools::java()?, jars::folder()?))
}

/// Starts it in an empty folder.
pub fn start(launcher: &Launcher) -> Result<Environment> {
    let (java, jars) = programs()?;
    let folder = fresh(launcher.folder(), "kafka")?;
    let [port, controller] = free_ports()?;
    let settings = folder.join("server.properties");
    std::fs::write(&settings, server(&folder, port, controller)?)?;
    std::fs::write(folder.join("log.properties"), LOG)?;
    // The JVM finds every jar of a folder by this name.
    let jars_of = |options: &[&str]| {
        let mut java = command(&java, options);
        java.arg("-cp").arg(jars.join("*")).current_dir(&folder);
        java
    };
    // Half of the time of so short a run would go into compiling well.
    let mut format =
        jars_of(&["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dlog4j2.configurationFile=log.properties"]);
    output(format.args(["kafka.tools.StorageTool", "format", "--cluster-id", CLUSTER, "--config"]).arg(&settings))?;
    launcher.go_on()?;
    let mut server = jars_of(&["-Xms128m", "-Xmx512m", "-Dlog4j2.configurationFile=log.properties"]);
    let process = launcher.spawn(Kind::Kafka, "kafka", port, server.arg("kafka.Kafka").arg(&settings))?;
    launcher.wait(&process, || answers(&process.address))?;
    let programs = vec![("MARQUEE_TEST_KAFKA_JARS", text(&jars)?), ("MARQUEE_TEST_JAVA", text(&java)?)];
    Ok([environment(port), programs].concat())
}

/// How it is found.
pub fn environment(port: u16) -> Environment {
    vec![("MARQUEE_TEST_KAFKA", format!("127.0.0.1:{port}"))]
}

/// Its settings: alone, so everything has one copy, and consumer groups do not wait for members; topics are made by who needs them.
fn server(folder: &Path, port: u16, controller: u16) -> Result<String> {
    Ok(format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT
controller.listener.names=CONTROLLER
log.dirs={}
auto.create.topics.enable=false
group.initial.rebalance.delay.ms=0
log.cleaner.dedupe.buffer.size=16777216
offsets.topic.num.partitions=4
offsets.topic.replication.factor=1
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
share.coordinator.state.topic.num.partitions=4
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
",
        text(&folder.join("data"))?
    ))
}

/// Whether it knows a broker that takes records: itself.
pub fn answers(address: &str) -> Result<()> {
    let mut probe = Probe::connect(address)?;
    // Metadata, version 4, number 1, from `xtask`; of no topic, and none is to be made.
    let request = b"\0\x03\0\x04\0\0\0\x01\0\x05xtask\0\0\0\0\0";
    probe.send(&u32::try_from(request.len()).context("a long request")?.to_be_bytes())?;
    probe.send(request)?;
    let length = probe.number()?;
    let answer = probe.read(length)?;
    // Behind the request's number and how long to hold back.
    if number(&answer, 8)? == 0 { bail!("it has no broker yet") } else { Ok(()) }
}
