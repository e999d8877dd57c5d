//! A Kafka of a test's own, which it may stop.

use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};

use crate::{free_port, until, variable};

/// Who may use the secure listener.
pub const USER: &str = "marquee";
pub const PASSWORD: &str = "correct-horse";

pub struct Kafka {
    folder: tempfile::TempDir,
    port: u16,
    /// Where it takes nobody without a password, over TLS.
    secure: u16,
    server: Option<Child>,
}

impl Kafka {
    pub async fn start() -> Self {
        Self::with(None).await
    }

    /// As [`start`](Self::start), with a secure listener where there is a certificate for it, with its key, in PEM.
    pub async fn with(certificate: Option<&str>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [port, secure, controller] = [(); 3].map(|()| free_port());
        let data = folder.path().join("data");
        let address = certificate.map(|certificate| {
            std::fs::write(folder.path().join("broker.pem"), certificate).unwrap();
            format!(",SECURE://127.0.0.1:{secure}")
        });
        let address = address.unwrap_or_default();
        let settings = format!(
            "process.roles=broker,controller\nnode.id=1\ncontroller.quorum.voters=1@127.0.0.1:{controller}\n\
             listeners=PLAINTEXT://127.0.0.1:{port}{address},CONTROLLER://127.0.0.1:{controller}\n\
             advertised.listeners=PLAINTEXT://127.0.0.1:{port}{address}\n\
             listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,CONTROLLER:PLAINTEXT\n\
             controller.listener.names=CONTROLLER\n\
             listener.name.secure.ssl.keystore.type=PEM\nlistener.name.secure.ssl.keystore.location=broker.pem\n\
             listener.name.secure.sasl.enabled.mechanisms=PLAIN,SCRAM-SHA-512\n\
             listener.name.secure.plain.sasl.jaas.config=\
             org.apache.kafka.common.security.plain.PlainLoginModule required user_{USER}=\"{PASSWORD}\";\n\
             listener.name.secure.scram-sha-512.sasl.jaas.config=\
             org.apache.kafka.common.security.scram.ScramLoginModule required;\n\
             log.dirs={}\nauto.create.topics.enable=false\noffsets.topic.replication.factor=1\noffsets.topic.num.partitions=2\n\
             group.initial.rebalance.delay.ms=0\nlog.cleaner.dedupe.buffer.size=16777216\n",
            data.display()
        );
        std::fs::write(folder.path().join("server.properties"), settings).unwrap();
        let mut kafka = Self { folder, port, secure, server: None };
        let cluster = ["format", "--cluster-id", "bWFycXVlZS1wcml2YXRlLg", "--config", "server.properties"];
        let user = format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]");
        let formatted = kafka.java("kafka.tools.StorageTool").args(cluster).args(["--add-scram", &user]).output().unwrap();
        assert!(formatted.status.success(), "{}", String::from_utf8_lossy(&formatted.stderr));
        kafka.go_on().await;
        kafka
    }

    fn java(&self, class: &str) -> Command {
        let mut java = Command::new(variable("MARQUEE_TEST_JAVA"));
        java.args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(format!("{}/*", variable("MARQUEE_TEST_KAFKA_JARS")))
            .arg(class)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        java
    }

    pub fn broker(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub fn secure_broker(&self) -> String {
        format!("127.0.0.1:{}", self.secure)
    }

    /// Ends it at once, as a crash would.
    pub fn stop(&mut self) {
        if let Some(mut server) = self.server.take() {
            server.kill().unwrap();
            server.wait().unwrap();
        }
    }

    /// Starts it, with what it had, and waits until it answers.
    pub async fn go_on(&mut self) {
        self.server = Some(self.java("kafka.Kafka").arg("server.properties").spawn().unwrap());
        let broker = self.broker();
        until("Kafka answers", async || {
            let broker = broker.clone();
            let asking = tokio::task::spawn_blocking(move || {
                let client: BaseConsumer = ClientConfig::new().set("bootstrap.servers", broker).create().unwrap();
                client
                    .fetch_metadata(None, Duration::from_secs(1))
                    .ok()
                    .filter(|metadata| !metadata.brokers().is_empty())
                    .map(drop)
            });
            asking.await.unwrap()
        })
        .await;
    }
}

impl Drop for Kafka {
    fn drop(&mut self) {
        self.stop();
    }
}
