//! A store of objects that speaks S3's protocol: SeaweedFS, all of its parts in one program. It checks signatures, and makes a bucket with its first object.

use super::{
    Environment, Kind, fresh,
    launcher::{Launcher, free_ports},
    probe::Probe,
};
use crate::{step::command, tools};
use anyhow::{Result, bail};
use std::path::PathBuf;

/// The key that it knows, and its secret.
const KEY: [&str; 2] = ["marquee", "secret-of-tests"];

/// The program that it is.
pub fn program() -> Result<PathBuf> {
    tools::seaweedfs()
}

/// Starts it empty.
pub fn start(launcher: &Launcher) -> Result<Environment> {
    let folder = fresh(launcher.folder(), "s3")?;
    let [s3, filer, volume, master, a, b, c, d] = free_ports()?;
    let mut server = command(program()?, &["server", "-filer", "-s3", "-dir=.", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]);
    // The last ones are what a store of many machines has, and a small one of tests has not.
    server.args(["-s3.port.iceberg=0", "-s3.iam=false", "-volume.max=100", "-master.volumeSizeLimitMB=64"]);
    for (part, ports) in [("s3", [s3, a]), ("filer", [filer, b]), ("volume", [volume, c]), ("master", [master, d])] {
        server.args([format!("-{part}.port={}", ports[0]), format!("-{part}.port.grpc={}", ports[1])]);
    }
    server.env("AWS_ACCESS_KEY_ID", KEY[0]).env("AWS_SECRET_ACCESS_KEY", KEY[1]).current_dir(&folder);
    let process = launcher.spawn(Kind::S3, "s3", s3, &mut server)?;
    launcher.wait(&process, || {
        answers(&process.address)?;
        stores(&format!("127.0.0.1:{filer}"))
    })?;
    Ok(environment(s3))
}

/// How it is found.
pub fn environment(port: u16) -> Environment {
    let [key, secret] = KEY.map(str::to_owned);
    vec![
        ("MARQUEE_TEST_S3", format!("http://127.0.0.1:{port}")),
        ("MARQUEE_TEST_S3_ACCESS_KEY", key),
        ("MARQUEE_TEST_S3_SECRET_KEY", secret),
    ]
}

/// Whether it answers, which without a key is a refusal.
pub fn answers(address: &str) -> Result<()> {
    asked(address, "GET / HTTP/1.0\r\n\r\n", "403")
}

/// Whether it has somewhere to put a file: one part of it has to hear of another before.
fn stores(filer: &str) -> Result<()> {
    asked(filer, "PUT /ready HTTP/1.0\r\ncontent-length: 2\r\n\r\nok", "201")
}

fn asked(address: &str, request: &str, status: &str) -> Result<()> {
    let mut probe = Probe::connect(address)?;
    probe.send(request.as_bytes())?;
    let line = probe.line()?;
    if line.split(' ').nth(1) != Some(status) {
        bail!("it answers {line}");
    }
    Ok(())
}
