//! Who gets in: a node of the fleet, and nobody else.

use std::sync::Arc;

use fleet::client::Route;
use fleet::{Identity, Server, Tls, certificates, server};
use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{CertificateParams, CertifiedIssuer, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::fakes::{Database, FakeSource};
use crate::scene::{Folder, Node, Scene, TestClient, nodes};

type ClientCertificate = Option<(CertificateDer<'static>, PrivateKeyDer<'static>)>;

/// What a stranger who believes the authority hears from a node.
async fn status(scene: &Scene, shown: ClientCertificate) -> Result<String, String> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(scene.folder.authority()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])
        .unwrap()
        .with_root_certificates(roots);
    let mut config = match shown {
        Some((certificate, key)) => config.with_client_auth_cert(vec![certificate], key).unwrap(),
        None => config.with_no_client_auth(),
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    let stream = TcpStream::connect(scene.nodes[0].wire.address).await.unwrap();
    let name = ServerName::try_from("eu.region.marquee.internal").unwrap();
    let text = |error: &dyn std::error::Error| error.to_string();
    let stream = TlsConnector::from(Arc::new(config)).connect(name, stream).await.map_err(|error| text(&error))?;
    let (mut sender, connection) =
        hyper::client::conn::http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await.map_err(|error| text(&error))?;
    tokio::spawn(connection);
    let request = http::Request::get("https://eu.region.marquee.internal/node/v5/status").body(Empty::<bytes::Bytes>::new());
    let response = sender.send_request(request.unwrap()).await.map_err(|error| text(&error))?;
    let body = response.into_body().collect().await.map_err(|error| text(&error))?;
    Ok(String::from_utf8(body.to_bytes().to_vec()).unwrap())
}

fn shown(certificate: &CertificateDer<'static>, key: &KeyPair) -> ClientCertificate {
    Some((certificate.clone(), PrivateKeyDer::try_from(key.serialize_der()).unwrap()))
}

/// A certificate of the fleet's own authority with these names.
fn issued(scene: &Scene, names: Vec<SanType>) -> ClientCertificate {
    let authority = KeyPair::from_pem(&std::fs::read_to_string(scene.folder.path().join("ca.key")).unwrap()).unwrap();
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = rcgen::DistinguishedName::new();
    parameters.distinguished_name.push(rcgen::DnType::CommonName, "Marquee development authority");
    let issuer = Issuer::new(parameters, authority);
    let key = KeyPair::generate().unwrap();
    let mut parameters = CertificateParams::default();
    parameters.subject_alt_names = names;
    shown(parameters.signed_by(&key, &issuer).unwrap().der(), &key)
}

fn uri(text: &str) -> SanType {
    SanType::URI(text.try_into().unwrap())
}

#[tokio::test]
async fn only_nodes_of_the_fleet_get_in() {
    let scene = Scene::new(1).await;
    let said = status(&scene, issued(&scene, vec![uri("marquee://edge/-/edge-9")])).await.unwrap();
    assert_eq!(said, r#"{"node":"eu-1","region":"eu","serving":true}"#);

    let key = KeyPair::generate().unwrap();
    let names = vec![uri("marquee://edge/-/edge-0")];
    let mut parameters = CertificateParams::default();
    parameters.subject_alt_names = names;
    let alone = parameters.self_signed(&key).unwrap();
    let foreign = CertifiedIssuer::self_signed(CertificateParams::default(), KeyPair::generate().unwrap()).unwrap();
    let foreign = parameters.signed_by(&key, &foreign).unwrap();
    for (who, shown) in [
        ("without a certificate", None),
        ("by itself", shown(alone.der(), &key)),
        ("of another authority", shown(foreign.der(), &key)),
        ("without a name", issued(&scene, vec![])),
        ("with only a DNS name", issued(&scene, vec![SanType::DnsName("edge-0.edge.marquee.internal".try_into().unwrap())])),
        ("of another role", issued(&scene, vec![uri("marquee://worker/eu/w-1")])),
        ("of another kind", issued(&scene, vec![uri("spiffe://marquee/edge-0")])),
        ("with two names", issued(&scene, vec![uri("marquee://edge/-/edge-0"), uri("marquee://region/eu/eu-1")])),
    ] {
        let heard = status(&scene, shown).await;
        assert!(heard.is_err(), "{who}: {heard:?}");
    }
    assert!(status(&scene, issued(&scene, vec![uri("marquee://edge/-/edge-9")])).await.is_ok(), "and those who may still do");
}

#[tokio::test]
async fn a_client_accepts_only_nodes_of_the_expected_region() {
    let scene = Scene::new(1).await;
    let (database, source) = (Database::default(), FakeSource::new());
    let other = Node::new(scene.folder.tls("us-1"), &database, &source).await;
    let foreign = Folder::new(&nodes());
    let imposter = Node::new(foreign.tls("eu-1"), &database, &source).await;
    let asker =
        |region: &str, node: &Node| TestClient::new(scene.folder.tls("edge-0"), region, vec![node.address()], Route::Ledger);
    assert!(ask(&asker("us", &other)).await, "this is how it goes well");
    for (region, node) in [("eu", &other), ("us", &scene.nodes[0]), ("eu", &imposter)] {
        assert!(!ask(&asker(region, node)).await, "{region} {}", node.name);
    }
    assert_eq!(other.ledger.keys().len() + imposter.ledger.keys().len() + scene.nodes[0].ledger.keys().len(), 1);
}

async fn ask(asker: &TestClient) -> bool {
    use contracts::Ledger as _;
    asker.region.apply(vec![crate::fakes::command("e", "k")]).await.remove(0).is_ok()
}

#[tokio::test]
async fn mismatched_files_are_refused_at_start() {
    let (folder, other) = (Folder::new(&nodes()), Folder::new(&nodes()));
    let (certificate, key) = certificates::files(folder.path(), "eu-1");
    let (_, other_key) = certificates::files(other.path(), "eu-1");
    for (authority, certificate, key, expected) in [
        (other.authority(), certificate.clone(), key.clone(), "do not fit together"),
        (folder.authority(), certificate.clone(), other_key, "do not fit together"),
        (folder.authority(), folder.authority(), key.clone(), "names no node"),
        (folder.authority(), key.clone(), key.clone(), "cannot be read as a certificate"),
        (folder.path().join("none.pem"), certificate, key, "cannot be read as the certificate of an authority"),
    ] {
        let error = Tls::load(&authority, &certificate, &key).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    }
    let (database, source) = (Database::default(), FakeSource::new());
    let ledger = crate::fakes::FakeLedger::new(&database);
    let refused = Server::new(server::Options {
        tls: folder.tls("edge-0"),
        ledger: Arc::clone(&ledger) as _,
        decide: ledger,
        verifier: Arc::new(crate::fakes::FakeVerifier),
        region: crate::fakes::FakeRegion::new("x"),
        accounts: crate::fakes::FakeAccounts::new("x"),
        feed: source,
        ready: Arc::new(|| true),
        drain: fleet::limits::DRAIN,
    });
    assert!(refused.err().unwrap().to_string().contains("is no region's node"));
    assert_eq!(Identity::edge_node("edge-0").unwrap(), *folder.tls("edge-0").identity());
}
