//! Passwords and TLS, of Kafka and of RabbitMQ.

use std::io::Write as _;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use streams::mirror::{Options, RabbitMqMirror};
use streams::{Error, Handler, Mechanism, Producer, Protocol, Secret, Settings, topics};
use test_support::kafka::{Kafka, PASSWORD, USER};
use test_support::variable;
use tokio::net::{TcpListener, TcpStream};

use crate::handlers::{consume, rules};
use crate::mirror::{Queue, record};
use crate::scene::{PARTITIONS, Topic, unique, until};

/// Of a server at 127.0.0.1, and of the authority that signed it; PEM.
struct Certificate {
    authority: String,
    chain: String,
    key: String,
}

impl Certificate {
    fn new() -> Self {
        let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
        // Else both have one name, and OpenSSL takes the server's certificate for one that signs itself.
        parameters.distinguished_name.push(rcgen::DnType::CommonName, "authority");
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        let key = rcgen::KeyPair::generate().unwrap();
        let authority = parameters.self_signed(&key).unwrap().pem();
        let issuer = rcgen::Issuer::new(parameters, key);
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        Self { authority, chain: certificate.pem(), key: key.serialize_pem() }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn kafka_requires_the_password_and_a_trusted_certificate() {
    let certificate = Certificate::new();
    let kafka = Kafka::with(Some(&format!("{}{}", certificate.key, certificate.chain))).await;
    let mut authority = tempfile::NamedTempFile::new().unwrap();
    authority.write_all(certificate.authority.as_bytes()).unwrap();
    let settings = |mechanism, password: &str| Settings {
        protocol: Some(Protocol::SaslSsl),
        mechanism: Some(mechanism),
        user: Some(USER.to_owned()),
        password: Some(Secret::new(password.to_owned())),
        ca_file: Some(authority.path().to_owned()),
        partitions: PARTITIONS,
        ..Settings::new(&[&kafka.secure_broker()])
    };
    let open = Topic::on(&kafka.broker()).await;
    for mechanism in [Mechanism::ScramSha512, Mechanism::Plain] {
        let secure = Topic { settings: settings(mechanism, PASSWORD), name: unique("topic"), metrics: Arc::clone(&open.metrics) };
        // A server that has just started takes its time over the first handshakes.
        until("it lets us in", async || topics::create_these(&secure.settings, &[&secure.name]).await.is_ok()).await;
        let producer = Producer::new(&secure.settings).unwrap();
        let sent = producer.send(vec![record(&secure, 1), record(&secure, 2)]).await;
        assert!(sent.iter().all(Result::is_ok), "{mechanism:?}: {sent:?}");
        // As others see it who come by the other door.
        let plain = Topic { settings: open.settings.clone(), name: secure.name.clone(), metrics: Arc::clone(&open.metrics) };
        assert_eq!(plain.read(2).await.len(), 2);
    }
    let stranger = Settings { ca_file: None, ..settings(Mechanism::ScramSha512, PASSWORD) };
    for (settings, word) in [(settings(Mechanism::ScramSha512, "wrong"), "uthentication"), (stranger, "certificate")] {
        until("it says why it does not", async || {
            let error = topics::create_these(&settings, &[&unique("topic")]).await.unwrap_err();
            let text = error.to_string();
            assert!(!text.contains("wrong") && !text.contains(PASSWORD), "{text}");
            matches!(error, Error::Unreachable(_)) && text.contains(word)
        })
        .await;
    }
}

/// TLS before RabbitMQ, until its end.
async fn tls_before(address: String, certificate: &Certificate) -> u16 {
    let chain = CertificateDer::pem_slice_iter(certificate.chain.as_bytes()).map(Result::unwrap).collect();
    let key = PrivateKeyDer::from_pem_slice(certificate.key.as_bytes()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(chain, key).unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((here, _)) = listener.accept().await {
            let (acceptor, address) = (acceptor.clone(), address.clone());
            tokio::spawn(async move {
                let Ok(mut here) = acceptor.accept(here).await else { return };
                let mut there = TcpStream::connect(address).await.unwrap();
                _ = tokio::io::copy_bidirectional(&mut here, &mut there).await;
            });
        }
    });
    port
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_copied_over_verified_tls_only() {
    let (topic, queue, certificate) = (Topic::create().await, Queue::create().await, Certificate::new());
    let address = variable("MARQUEE_TEST_AMQP_URL");
    let (user, rest) = address.strip_prefix("amqp://").unwrap().rsplit_once('@').unwrap();
    let (host, vhost) = rest.split_once('/').unwrap();
    let port = tls_before(host.to_owned(), &certificate).await;
    let mirror = |authority: Option<&str>| {
        let options = Options {
            url: Secret::new(format!("amqps://{user}@127.0.0.1:{port}/{vhost}")),
            authority: authority.map(str::to_owned),
            queue: queue.name.clone(),
            breaker: streams::limits::AMQP_BREAKER,
            metrics: Arc::clone(&topic.metrics),
        };
        Arc::new(RabbitMqMirror::new(options).unwrap())
    };
    let group = streams::mirror::group(&unique("group"));
    let producer = Producer::new(&topic.settings).unwrap();
    assert!(producer.send(vec![record(&topic, 0)]).await[0].is_ok());

    let distrustful = mirror(None);
    let consuming = consume(&topic, &group, Arc::clone(&distrustful) as Arc<dyn Handler>, rules());
    until("it does not believe it", async || distrustful.breaker().state() != telemetry::BreakerState::Closed).await;
    consuming.end().await;
    assert_eq!(topic.committed(&group).await, 0);

    let consuming = consume(&topic, &group, mirror(Some(&certificate.authority)) as Arc<dyn Handler>, rules());
    until("it is copied", async || topic.committed(&group).await == 1).await;
    assert_eq!(queue.next().await.unwrap().data, b"{\"number\":0}");
    consuming.end().await;
    queue.remove().await;
    topic.remove().await;
}
