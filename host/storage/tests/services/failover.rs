//! Redis that goes away, moves, or is several.

use std::{process::Command, time::Duration};

use storage::redis::{Connection, Error, Parameter, RedisConnections, Reply};
use telemetry::{BreakerOptions, BreakerSource as _, BreakerState};
use test_support::{
    free_port,
    redis::{PASSWORD, PASSWORD_ENCODED, Redis, Sentinels},
    until,
};

use crate::anybody;

fn text(text: &str) -> Parameter {
    Parameter::Binary(text.as_bytes().to_vec())
}

/// The role of the node behind a connection.
async fn role(connection: &Connection) -> Option<String> {
    let answer = connection.execute("ROLE", vec![]).await.ok()?;
    match answer.into_iter().next()? {
        Reply::Binary(role) => String::from_utf8(role).ok(),
        _ => None,
    }
}

fn state(connections: &RedisConnections) -> BreakerState {
    connections.lines()[0].state
}

const IMPATIENT: BreakerOptions =
    BreakerOptions { failures: 3, open: Duration::from_millis(200), longest: Duration::from_millis(200) };

#[tokio::test]
async fn a_lost_redis_opens_its_breaker_and_recovers() {
    let mut server = Redis::start(&[]).await;
    let connections = RedisConnections::with(IMPATIENT, None);
    let redis = connections.open(&server.url(), &anybody()).await.unwrap();
    redis.set("key".into(), b"1".to_vec()).await.unwrap();
    // What Redis answers is no failure, however often.
    for _ in 0..10 {
        assert!(matches!(redis.execute("NOSUCHCOMMAND", vec![]).await, Err(Error::Other(_))));
        assert!(matches!(redis.sadd("key".into(), vec!["a".into()]).await, Err(Error::TypeError)));
    }
    assert_eq!(state(&connections), BreakerState::Closed);
    server.kill();
    until("it is left alone", async || match redis.get("key".into()).await {
        Err(Error::Other(text)) if text.contains("circuit breaker is open") => Some(()),
        _ => None,
    })
    .await;
    let counts = connections.lines()[0].counts.unwrap();
    assert!(counts.failed >= 3 && counts.rejected >= 1, "{counts:?}");
    server.start_again().await;
    until("it is used again", async || redis.set("key".into(), b"2".to_vec()).await.ok()).await;
    assert_eq!(redis.get("key".into()).await.unwrap().as_deref(), Some(&b"2"[..]));
    assert_eq!(state(&connections), BreakerState::Closed);
    // A reset does not wait until its time has come.
    let patient = BreakerOptions { failures: 1, open: Duration::from_secs(3_600), longest: Duration::from_secs(3_600) };
    let connections = RedisConnections::with(patient, None);
    let redis = connections.handle(&server.url()).unwrap();
    server.kill();
    until("it is left alone", async || {
        (redis.get("key".into()).await.is_err() && state(&connections) == BreakerState::Open).then_some(())
    })
    .await;
    server.start_again().await;
    assert!(redis.get("key".into()).await.is_err());
    connections.reset();
    assert_eq!(redis.get("key".into()).await.unwrap(), None);
}

#[tokio::test]
async fn a_new_primary_is_found_after_failover_and_demotion() {
    let mut sentinels = Sentinels::start().await;
    let connections = RedisConnections::with(IMPATIENT, None);
    let url = sentinels.url();
    let redis = connections.open(&url, &anybody()).await.unwrap();
    redis.set("key".into(), b"1".to_vec()).await.unwrap();
    let replica = RedisConnections::new();
    let replica = replica.handle(&format!("redis://:{PASSWORD_ENCODED}@127.0.0.1:{}", sentinels.replica.port)).unwrap();
    until("the replica has it", async || replica.get("key".into()).await.ok().flatten()).await;

    sentinels.primary.kill();
    until("there is another primary", async || redis.set("other".into(), b"2".to_vec()).await.ok()).await;
    // Sentinel closes what is connected to a server that it has just made the primary, whoever asked for it.
    let kept = until("what the old one had is there", async || redis.get("key".into()).await.ok().flatten()).await;
    assert_eq!(kept, b"1");
    let new = until("it is the replica that was", async || replica.get("other".into()).await.ok().flatten()).await;
    assert_eq!(new, b"2");

    // Now it is the other's turn, and nobody has to die for it.
    sentinels.primary.start_again().await;
    let first = RedisConnections::new();
    let first = first.handle(&format!("redis://:{PASSWORD_ENCODED}@127.0.0.1:{}", sentinels.primary.port)).unwrap();
    until("the old primary follows", async || (first.get("other".into()).await.ok()??.as_slice() == b"2").then_some(())).await;
    let sentinel = RedisConnections::new();
    let sentinel = sentinel.handle(&format!("redis://127.0.0.1:{}", sentinels.ports[0])).unwrap();
    until("Sentinel agrees", async || sentinel.execute("SENTINEL", vec![text("FAILOVER"), text("shop")]).await.ok()).await;
    until("it is the primary again", async || (role(&first).await? == "master").then_some(())).await;
    until("what is written goes there", async || {
        redis.set("third".into(), b"3".to_vec()).await.ok()?;
        first.get("third".into()).await.ok().flatten()
    })
    .await;
    // A handle with a connection of its own finds it, too.
    until("a transaction", async || {
        let redis = connections.open(&url, &anybody()).await.ok()?;
        redis.execute("MULTI", vec![]).await.ok()?;
        redis.execute("SET", vec![text("fourth"), text("4")]).await.ok()?;
        redis.execute("EXEC", vec![]).await.ok()
    })
    .await;
    let fourth = until("it was written there", async || first.get("fourth".into()).await.ok().flatten()).await;
    assert_eq!(fourth, b"4");
    assert_eq!(connections.lines().len(), 1);
    assert!(!format!("{:?}", connections.lines()).contains(PASSWORD), "no password is shown");
}

#[tokio::test]
async fn an_unknown_sentinel_service_is_an_error() {
    let sentinels = Sentinels::start().await;
    let url = sentinels.url().replace("/shop", "/elsewhere");
    let outcome = RedisConnections::new().open(&url, &anybody()).await;
    assert!(matches!(outcome, Err(Error::Other(_))));
}

#[tokio::test]
async fn commands_reach_the_right_cluster_node() {
    let arguments = ["--cluster-enabled", "yes", "--cluster-node-timeout", "1000", "--requirepass", "pw", "--masterauth", "pw"];
    let mut nodes = Vec::new();
    for _ in 0..3 {
        // The nodes among themselves talk on a port of their own, which by default is none that can be had.
        let bus = free_port().to_string();
        let arguments: Vec<&str> = arguments.iter().copied().chain(["--cluster-port", &bus]).collect();
        let node = Redis::start(&arguments).await;
        nodes.push(node);
    }
    let addresses: Vec<String> = nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)).collect();
    let cli = std::env::var("MARQUEE_TEST_REDIS_BIN")
        .map_or("redis-cli".to_owned(), |server| server.replace("redis-server", "redis-cli"));
    let mut creating = Command::new(cli);
    creating.args(["-a", "pw", "--no-auth-warning", "--cluster", "create"]).args(&addresses).arg("--cluster-yes");
    let created = creating.output().unwrap();
    assert!(created.status.success(), "{created:?}");
    let connections = RedisConnections::new();
    let url = format!("redis-cluster://:pw@{}", addresses.join(","));
    let redis = until("the cluster is up", async || connections.open(&url, &anybody()).await.ok()).await;
    for number in 0..100 {
        until("every slot has its node", async || redis.set(format!("key{number}"), vec![number]).await.ok()).await;
    }
    for number in 0..100 {
        assert_eq!(redis.get(format!("key{number}")).await.unwrap(), Some(vec![number]));
    }
    // They are spread, and whoever is asked for several finds them.
    let first = RedisConnections::new();
    let first = first.handle(&format!("redis://:pw@{}", addresses[0])).unwrap();
    let mut elsewhere = 0;
    for number in 0..100 {
        elsewhere += usize::from(first.get(format!("key{number}")).await.is_err());
    }
    assert!((1..100).contains(&elsewhere), "{elsewhere}");
    assert_eq!(redis.del((0..100).map(|number| format!("key{number}")).collect()).await.unwrap(), 100);
    // What needs a connection of its own has none to be said to.
    assert!(matches!(redis.execute("MULTI", vec![]).await, Err(Error::Other(_))));
}

#[tokio::test]
async fn tls_accepts_only_certificates_of_the_authority() {
    let folder = tempfile::tempdir().unwrap();
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let certificate = rcgen::CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let file = |name: &str, text: String| {
        std::fs::write(folder.path().join(name), text).unwrap();
        folder.path().join(name).to_str().unwrap().to_owned()
    };
    let (root, port) = (authority.pem(), free_port());
    let files = [file("ca.pem", root.clone()), file("node.pem", certificate.pem()), file("node.key", key.serialize_pem())];
    let port_text = port.to_string();
    let arguments = [
        "--tls-port",
        &port_text,
        "--tls-ca-cert-file",
        &files[0],
        "--tls-cert-file",
        &files[1],
        "--tls-key-file",
        &files[2],
        "--tls-auth-clients",
        "no",
    ];
    let _server = Redis::start(&arguments).await;
    let url = format!("rediss://127.0.0.1:{port}");
    let trusting = RedisConnections::with(BreakerOptions::default(), Some(root.into_bytes()));
    let redis = trusting.open(&url, &anybody()).await.unwrap();
    redis.set("key".into(), b"1".to_vec()).await.unwrap();
    assert_eq!(redis.get("key".into()).await.unwrap().as_deref(), Some(&b"1"[..]));
    assert!(RedisConnections::new().open(&url, &anybody()).await.is_err(), "nobody else vouches for it");
}
