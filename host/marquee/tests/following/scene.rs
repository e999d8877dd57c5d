//! A fleet that publishes, and a worker that follows.

use crate::client::{Client, PASSWORD};
use crate::fleet::Node;
use crate::server::Server;
use serde_json::json;
use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use test_support::kafka::Kafka;
use test_support::{root, variable};

/// Longer than anything here takes.
const LONG: Duration = Duration::from_secs(120);
const ADMIN: &str = "root@example.com";
/// Where people reach it, as mails say.
pub const PUBLIC_URL: &str = "https://tickets.example";
/// The worker's file of variables.
pub const VARIABLES: &str = "worker-variables.toml";

/// Waits for something to be so.
pub async fn until(what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < LONG, "waited too long until {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub struct Scene {
    pub server: Server,
    pub kafka: Kafka,
    pub worker: Node,
    pub database: String,
    /// The RabbitMQ queue that its worker mirrors to.
    pub queue: String,
}

impl Scene {
    pub async fn start(name: &str) -> Self {
        let kafka = Kafka::start().await;
        let section = format!("[kafka]\nbrokers = [{:?}]\npartitions = 4\n", kafka.broker());
        let variables = [("admin_email", ADMIN), ("admin_password", PASSWORD), ("public_url", PUBLIC_URL)];
        let (server, database) = Server::start_fleet_with(name, &variables, &section);
        let queue = format!("booking_queue_{name}_{}", std::process::id());
        let text = format!(
            "name = \"worker-0\"\nregion = \"eu\"\napplication = {:?}\ndata = \"worker-0\"\nvariables = \"{VARIABLES}\"\n[listen]\nadmin = \"127.0.0.1:0\"\n\
             {section}[mail]\nfrom = \"Marquee <tickets@example.com>\"\nserver = {:?}\n[rabbitmq]\nqueue = {queue:?}\n",
            root().join("spin.toml"),
            variable("MARQUEE_TEST_SMTP"),
        );
        let environment = vec![
            ("SPIN_VARIABLE_DATABASE".to_owned(), database.clone()),
            ("SPIN_VARIABLE_PUBLIC_URL".to_owned(), PUBLIC_URL.to_owned()),
            ("MARQUEE_RABBITMQ".to_owned(), variable("MARQUEE_TEST_AMQP_URL")),
        ];
        let folder = server.folder.clone();
        std::fs::write(folder.join(VARIABLES), "").unwrap();
        let starting = move || Node::start("worker", &folder, "worker-0", &text, environment);
        let worker = tokio::task::spawn_blocking(starting).await.unwrap();
        Self { server, kafka, worker, database, queue }
    }

    pub async fn admin(&self) -> Client<'_> {
        let mut admin = Client::new(&self.server);
        let answer = admin.post("/api/auth/login", &json!({"email": ADMIN, "password": PASSWORD})).await.expect(200);
        admin.take_tokens(&answer);
        admin
    }

    /// `marquee audit` on its database.
    pub fn audit(&self) -> Output {
        let data: PathBuf = self.server.folder.join("audit");
        let mut command = Command::new(test_support::marquee());
        command.args(["audit", "--region", "eu", "--postgres", &self.database, "--data"]).arg(data).output().unwrap()
    }
}

/// A new account, and its address.
pub async fn person(server: &Server) -> (Client<'_>, String) {
    let mut client = Client::new(server);
    let email = format!("{}@example.com", crate::client::unique("follower"));
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada <b>Lovelace</b>"});
    let answer = client.post("/api/auth/register", &body).await.expect(201);
    client.take_tokens(&answer);
    (client, email)
}
