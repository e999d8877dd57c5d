//! A Redis of a test's own, or several, which it may kill.

use std::{
    collections::HashMap,
    path::Path,
    process::{Child, Command, Stdio},
};

use redis::{Client, FromRedisValue, cmd};
use tempfile::TempDir;

use crate::{free_port, until};

/// What `MARQUEE_TEST_REDIS_BIN` names, else what is on the path.
fn redis_program() -> String {
    let program = std::env::var("MARQUEE_TEST_REDIS_BIN").unwrap_or_else(|_| "redis-server".to_owned());
    let there = Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(
        there,
        "{program} cannot be run: put redis-server on the PATH or set MARQUEE_TEST_REDIS_BIN, as `cargo xtask test` does"
    );
    program
}

/// A process that ends with its test.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        _ = self.0.kill();
        _ = self.0.wait();
    }
}

/// A Redis of this test's own, and its files.
pub struct Redis {
    pub port: u16,
    process: Option<Process>,
    folder: TempDir,
    program: String,
    arguments: Vec<String>,
}

impl Redis {
    /// Started with these arguments beside the usual ones; it answers.
    pub async fn start(arguments: &[&str]) -> Self {
        let (program, folder, port) = (redis_program(), tempfile::tempdir().unwrap(), free_port());
        let arguments: Vec<String> = arguments.iter().map(|argument| (*argument).to_owned()).collect();
        let mut redis = Self { port, process: None, folder, program, arguments };
        redis.start_again().await;
        redis
    }

    /// As a power cut would.
    pub fn kill(&mut self) {
        self.process = None;
    }

    /// On the same port, with nothing in it.
    pub async fn start_again(&mut self) {
        self.process = Some(run(&self.program, self.folder.path(), self.port, &self.arguments));
        self.answers().await;
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    async fn answers(&self) {
        let password = self.arguments.iter().skip_while(|argument| *argument != "--requirepass").nth(1);
        let user = password.map_or(String::new(), |password| format!(":{}@", password.replace('@', "%40").replace('/', "%2F")));
        let url = format!("redis://{user}127.0.0.1:{}", self.port);
        until("Redis answers", async || ask::<String>(&url, &["PING"]).await).await;
    }
}

/// What the server at this address answers to a command; none where it does not, or an error.
async fn ask<T: FromRedisValue>(url: &str, command: &[&str]) -> Option<T> {
    let mut connection = Client::open(url).unwrap().get_multiplexed_async_connection().await.ok()?;
    let (name, arguments) = command.split_first().unwrap();
    cmd(name).arg(arguments).query_async(&mut connection).await.ok()
}

fn run(program: &str, folder: &Path, port: u16, arguments: &[String]) -> Process {
    let mut command = Command::new(program);
    command.args(["--port", &port.to_string(), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
    command.arg("--dir").arg(folder).args(arguments).stdout(Stdio::null());
    Process(command.spawn().unwrap())
}

/// Sentinels over a primary, and it and its replica.
pub struct Sentinels {
    pub primary: Redis,
    pub replica: Redis,
    pub ports: [u16; 3],
    _processes: Vec<Process>,
    _folder: TempDir,
}

/// The password of its nodes.
pub const PASSWORD: &str = "p@ss/word";
/// How its address spells that.
pub const PASSWORD_ENCODED: &str = "p%40ss%2Fword";

/// Longer than a machine with much to do takes a server from its work: one that is only slow must not be replaced by one that has
/// just started and has nothing.
const DOWN_AFTER_MS: u32 = 2_000;

impl Sentinels {
    /// They agree on the primary, and the replica follows it.
    pub async fn start() -> Self {
        let secret = ["--requirepass", PASSWORD, "--masterauth", PASSWORD];
        let primary = Redis::start(&secret).await;
        let follows = ["--replicaof", &format!("127.0.0.1 {}", primary.port)].map(str::to_owned);
        let follows: Vec<&str> = secret.into_iter().chain(follows.iter().map(String::as_str)).collect();
        let replica = Redis::start(&follows).await;
        let (folder, ports) = (tempfile::tempdir().unwrap(), [free_port(), free_port(), free_port()]);
        let mut processes = Vec::new();
        for port in ports {
            let file = folder.path().join(format!("{port}.conf"));
            let text = format!(
                "port {port}\nbind 127.0.0.1\nsentinel monitor shop 127.0.0.1 {} 2\nsentinel auth-pass shop {PASSWORD}\n\
                 sentinel down-after-milliseconds shop {DOWN_AFTER_MS}\nsentinel failover-timeout shop 3000\n",
                primary.port
            );
            std::fs::write(&file, text).unwrap();
            let mut command = Command::new(&primary.program);
            command.arg(&file).arg("--sentinel").stdout(Stdio::null());
            processes.push(Process(command.spawn().unwrap()));
        }
        let sentinels = Self { primary, replica, ports, _processes: processes, _folder: folder };
        for port in sentinels.ports {
            until("Sentinels know the replica and each other", async || {
                let url = format!("redis://127.0.0.1:{port}");
                let primary: HashMap<String, String> = ask(&url, &["SENTINEL", "MASTER", "shop"]).await?;
                let has = |name: &str, number: &str| primary.get(name).is_some_and(|value| value == number);
                (has("num-slaves", "1") && has("num-other-sentinels", "2")).then_some(())
            })
            .await;
        }
        sentinels
    }

    /// The address of the primary.
    pub fn url(&self) -> String {
        let [a, b, c] = self.ports;
        format!("redis-sentinel://:{PASSWORD_ENCODED}@127.0.0.1:{a},127.0.0.1:{b},127.0.0.1:{c}/shop")
    }
}
