//! Servers of a test's own, which it may kill.

use std::{
    net::{Ipv4Addr, TcpListener},
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

use storage::redis::{Connection, Parameter, RedisConnections};
use tempfile::TempDir;

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port()
}

/// What `MARQUEE_TEST_REDIS_BIN` names, else what is on the path.
pub fn redis_program() -> String {
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
        let _ = self.0.kill();
        let _ = self.0.wait();
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
        let password = password.map_or(String::new(), |password| password.replace('@', "%40").replace('/', "%2F"));
        let url = format!("redis://:{password}@127.0.0.1:{}", self.port);
        until("Redis answers", async || {
            let Ok(connection) = RedisConnections::new().handle(&url) else { return None };
            connection.execute("PING", vec![]).await.ok()
        })
        .await;
    }
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
                let sentinel = RedisConnections::new().handle(&format!("redis://127.0.0.1:{port}")).ok()?;
                let said = sentinel.execute("SENTINEL", vec![text("MASTER"), text("shop")]).await.ok()?;
                let said = format!("{said:?}");
                let has = |name: &str, number: &str| said.contains(&format!("{:?}, {:?}", binary(name), binary(number)));
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

pub fn text(text: &str) -> Parameter {
    Parameter::Binary(text.as_bytes().to_vec())
}

fn binary(text: &str) -> storage::redis::Reply {
    storage::redis::Reply::Binary(text.as_bytes().to_vec())
}

/// Asks again and again until there is an answer; for so long that only what never comes fails.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let asking = async {
        loop {
            if let Some(answer) = ask().await {
                return answer;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), asking).await.unwrap_or_else(|_| panic!("in vain: {what}"))
}

/// The role of the node behind a connection.
pub async fn role(connection: &Connection) -> Option<String> {
    let said = connection.execute("ROLE", vec![]).await.ok()?;
    match said.into_iter().next()? {
        storage::redis::Reply::Binary(role) => String::from_utf8(role).ok(),
        _ => None,
    }
}
