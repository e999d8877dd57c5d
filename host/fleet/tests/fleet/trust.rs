//! What a stolen certificate is worth, and how it becomes worth nothing.

use std::path::Path;
use std::sync::Arc;

use contracts::Ledger as _;
use edge::feed::Source as _;
use fleet::client::Route;
use fleet::{Identity, NodeAddress, Tls, certificates, tls};
use futures::StreamExt as _;
use http::Request;
use telemetry::BreakerState;
use tempfile::TempDir;
use tokio_util::sync::CancellationToken;
use vocabulary::booking::{
    Action, Annulment, Command, Confirmation, Money, Offer, OrderLine, Rejection, Sale, Subject, TokenFault,
};

use crate::fakes::{Database, FakeSource, command};
use crate::scene::{Folder, Node, Scene, TestClient, nodes};

fn text(text: &str) -> String {
    text.to_owned()
}

/// One of each, with what takes none of them by itself.
fn actions() -> Vec<Action> {
    let offers = vec![Offer::new("t", 1, 100, 6)];
    let sale = Sale::new(3, "EUR", offers);
    let paid = Money { amount: 9000, currency: text("EUR") };
    vec![
        Action::Open(sale.clone()),
        Action::Adjust(sale),
        Action::Close(4),
        Action::Hold(vec![OrderLine { ticket_type: text("t"), quantity: 2 }]),
        Action::BeginPayment(text("b")),
        Action::EndPayment(text("b")),
        Action::Confirm(Confirmation { booking: text("b"), payment: text("p"), paid }),
        Action::Cancel(text("b")),
        Action::Annul(Annulment { booking: text("b"), refund: None }),
        Action::Expire,
    ]
}

#[tokio::test]
async fn a_stolen_edge_can_only_relay_commands_with_a_persons_token() {
    let scene = Scene::new(1).await;
    let ada = || Subject::Person(text("eu_ada"));
    let mut decided = 0;
    for action in actions() {
        for subject in [ada(), Subject::Steward(text("eu_ada")), Subject::Platform] {
            let may = matches!((&subject, &action), (Subject::Person(_), Action::Hold(_) | Action::Cancel(_)));
            for token in [None, Some("of eu_ada"), Some("of eu_eve"), Some("forged"), Some("revoked")] {
                let before = scene.nodes[0].ledger.keys().len();
                let key = format!("{action:?}{subject:?}{token:?}");
                let command = Command {
                    subject: subject.clone(),
                    action: action.clone(),
                    token: token.map(str::to_owned),
                    ..command("e", &key)
                };
                let answer = scene.edge.region.apply(vec![command]).await.remove(0);
                let expected = match token {
                    _ if !may => Some(Rejection::Forbidden),
                    Some("of eu_ada") => None,
                    Some("of eu_eve") => Some(Rejection::Forbidden),
                    Some("revoked") => Some(Rejection::Unauthenticated(TokenFault::Revoked)),
                    _ => Some(Rejection::Unauthenticated(TokenFault::Invalid)),
                };
                assert_eq!(answer.err(), expected, "{key}");
                let asked = scene.nodes[0].ledger.keys().len() - before;
                assert_eq!(asked, usize::from(expected.is_none()), "{key}");
                decided += asked;
            }
        }
    }
    assert_eq!(decided, 2);
}

#[tokio::test]
async fn a_refused_command_blocks_none_of_its_batch() {
    let scene = Scene::new(1).await;
    let commands = vec![
        command("e", "k1"),
        Command { subject: Subject::Platform, ..command("e", "k2") },
        command("f", "k3"),
        Command { token: None, ..command("f", "k4") },
    ];
    let answers = scene.edge.region.apply(commands).await;
    assert!(answers[0].is_ok() && answers[2].is_ok());
    assert_eq!(answers[1], Err(Rejection::Forbidden));
    assert_eq!(answers[3], Err(Rejection::Unauthenticated(TokenFault::Invalid)));
}

#[tokio::test]
async fn only_the_regions_own_nodes_have_full_access() {
    let scene = Scene::new(1).await;
    let address = vec![scene.nodes[0].address()];
    let platform = |key: &str| Command { subject: Subject::Platform, action: Action::Expire, ..command("e", key) };
    let ask = async |name: &str, route| {
        let asker = TestClient::new(scene.folder.tls(name), "eu", address.clone(), route);
        asker.until("eu-1", |state| state == BreakerState::Closed).await;
        asker.region.apply(vec![platform(name)]).await.remove(0)
    };
    // `decide` is not for them at all, nor the ledger for another region's.
    for (name, route) in [("edge-0", Route::Decide), ("us-1", Route::Decide), ("us-1", Route::Ledger), ("edge-0", Route::Ledger)]
    {
        assert!(ask(name, route).await.is_err(), "{name} {route:?}");
    }
    assert!(scene.nodes[0].ledger.keys().is_empty() && scene.nodes[0].decide.keys().is_empty());
    for route in [Route::Decide, Route::Ledger] {
        assert!(ask("eu-2", route).await.is_ok(), "{route:?}");
    }
}

#[tokio::test]
async fn a_region_trusts_an_edge_only_for_the_clients_address() {
    let scene = Scene::new(1).await;
    let request = Request::get("/echo")
        .header("spin-client-addr", "198.51.100.7:1")
        .header("spin-full-url", "http://evil")
        .header("x-forwarded-for", "1.2.3.4")
        .header("x-real-ip", "1.2.3.4")
        .header("authorization", "Bearer t");
    let request = request.body(edge::known(bytes::Bytes::new())).unwrap();
    let answer = edge::Region::handle(&scene.edge.region, request).await.unwrap();
    let body = http_body_util::BodyExt::collect(answer.into_body()).await.unwrap().to_bytes();
    let headers = &serde_json::from_slice::<serde_json::Value>(&body).unwrap()["headers"];
    assert_eq!((&headers["spin-client-addr"], &headers["authorization"]), (&"198.51.100.7:1".into(), &"Bearer t".into()));
    for gone in ["spin-full-url", "x-forwarded-for", "x-real-ip"] {
        assert!(headers.get(gone).is_none(), "{headers}");
    }
}

/// A node's files in a folder of its own, as on a machine of its own.
fn apart(folder: &Folder, name: &str) -> (TempDir, Tls) {
    let own = tempfile::tempdir().unwrap();
    for file in ["ca.pem".to_owned(), format!("{name}.pem"), format!("{name}.key")] {
        std::fs::copy(folder.path().join(&file), own.path().join(&file)).unwrap();
    }
    let tls = load(own.path(), name).unwrap();
    (own, tls)
}

fn load(folder: &Path, name: &str) -> Result<Tls, tls::Error> {
    let (certificate, key) = certificates::files(folder, name);
    Tls::load(&folder.join(certificates::AUTHORITY), &certificate, &key)
}

fn edge_1() -> Identity {
    Identity::edge_node("edge-1").unwrap()
}

async fn connected(asker: &TestClient) {
    let names: Vec<_> = asker.region.breakers().into_iter().map(|(name, _)| name).collect();
    for name in names {
        asker.until(&name, |state| state == BreakerState::Closed).await;
    }
}

/// The list stands on the disk of one node, which reads it; nobody else has that disk.
#[tokio::test]
async fn a_revoked_edge_is_disconnected_by_every_node() {
    let folder = Folder::new(&[nodes(), vec![edge_1()]].concat());
    let (database, source) = (Database::default(), FakeSource::new());
    let own: Vec<_> = ["eu-2", "us-1", "edge-0", "edge-1"].into_iter().map(|name| apart(&folder, name)).collect();
    let [eu_2, us_1, edge_0, edge_1_tls] = [0, 1, 2, 3].map(|at| own[at].1.clone());
    let (eu_1, stop) = (folder.tls("eu-1"), CancellationToken::new());
    let one = Node::new(eu_1.clone(), &database, &source).await;
    let two = Node::new(eu_2.clone(), &database, &source).await;
    let far = Node::new(us_1, &database, &source).await;
    let (eu, us) = (vec![one.address(), two.address()], vec![far.address()]);
    // Nodes of a region know each other; another region's is reached by the edges alone.
    let peer = TestClient::new(eu_2, "eu", vec![one.address()], Route::Decide);
    let honest = [("eu", eu.clone()), ("us", us.clone())]
        .map(|(region, nodes)| TestClient::new(edge_0.clone(), region, nodes, Route::Ledger));
    let stolen =
        [("eu", eu), ("us", us)].map(|(region, nodes)| TestClient::new(edge_1_tls.clone(), region, nodes, Route::Ledger));
    for asker in honest.iter().chain(&stolen).chain([&peer]) {
        connected(asker).await;
    }
    let mut feed = stolen[1].region.open(None).await.unwrap().batches;

    tokio::spawn(eu_1.run(stop.clone()));
    certificates::revoke(folder.path(), &[edge_1()]).unwrap();
    for (asker, name) in [(&stolen[0], "eu-1"), (&stolen[0], "eu-2"), (&stolen[1], "us-1")] {
        asker.until(name, |state| state != BreakerState::Closed).await;
    }
    assert!(feed.next().await.is_none_or(|batch| batch.is_err()), "what was open is closed");
    for asker in &stolen {
        assert!(matches!(asker.region.apply(vec![command("e", "stolen")]).await[..], [Err(Rejection::Unavailable(_))]));
    }
    for asker in &honest {
        assert!(asker.region.apply(vec![command("e", "honest")]).await[0].is_ok());
    }
    assert!(database.version("stolen").is_none());
    stop.cancel();
}

#[tokio::test]
async fn revocation_lists_survive_a_restart() {
    let folder = Folder::new(&[nodes(), vec![edge_1()]].concat());
    let (database, source) = (Database::default(), FakeSource::new());
    let (own, tls) = apart(&folder, "eu-2");
    let kept = own.path().join("revoked");
    let (tls, stop) = (tls.keeping(kept.clone()), CancellationToken::new());
    let running = tokio::spawn(tls.clone().run(stop.clone()));
    let node = Node::new(tls, &database, &source).await;
    certificates::revoke(folder.path(), &[edge_1()]).unwrap();
    // An edge brings it; that it is one does not matter.
    let _edge = TestClient::new(folder.tls("edge-0"), "eu", vec![node.address()], Route::Ledger);
    while !kept.exists() {
        tokio::task::yield_now().await;
    }
    stop.cancel();
    running.await.unwrap();
    let again = load(own.path(), "eu-2").unwrap().keeping(kept);
    let node = Node::new(again, &database, &source).await;
    let (_own, before) = apart(&folder, "edge-1");
    let stolen = TestClient::new(before, "eu", vec![node.address()], Route::Ledger);
    assert!(stolen.region.apply(vec![command("e", "stolen")]).await[0].is_err());
    assert_eq!(database.effects(), 0);
}

#[tokio::test]
async fn a_revoked_region_node_receives_no_requests() {
    let scene = Scene::new(2).await;
    let name = scene.nodes[0].name.clone();
    certificates::revoke(scene.folder.path(), &[Identity::region_node("eu", &name).unwrap()]).unwrap();
    // The edge is brought the list by whoever has it.
    let (_own, other) = (CancellationToken::new(), scene.folder.tls(&scene.nodes[1].name));
    let node = Node::new(other, &scene.database, &scene.source).await;
    let address = NodeAddress { name: text("newer"), ..node.address() };
    let asker = TestClient::new(scene.edge.tls.clone(), "eu", vec![address], Route::Ledger);
    scene.edge.until(&name, |state| state != BreakerState::Closed).await;
    for key in ["a", "b", "c"] {
        assert!(scene.apply("e", key).await.is_ok(), "the other node is asked");
    }
    assert_eq!(scene.nodes[0].ledger.keys().len(), 0);
    drop(asker);
}

#[tokio::test]
async fn a_renewed_certificate_is_used_without_a_restart() {
    let folder = Folder::new(&nodes());
    let (database, source) = (Database::default(), FakeSource::new());
    let (server, edge) = (folder.tls("eu-1"), folder.tls("edge-0"));
    let node = Node::new(server.clone(), &database, &source).await;
    let asker = TestClient::new(edge.clone(), "eu", vec![node.address()], Route::Ledger);
    connected(&asker).await;
    assert!(asker.region.apply(vec![command("e", "before")]).await[0].is_ok());
    let both = [Identity::region_node("eu", "eu-1").unwrap(), Identity::edge_node("edge-0").unwrap()];
    // All that was made before is worth nothing: who goes on has what was made since.
    certificates::revoke(folder.path(), &both).unwrap();
    certificates::make(folder.path(), &both, 2).unwrap();
    edge.reload().unwrap();
    server.reload().unwrap();
    for key in ["one", "two", "three"] {
        while asker.region.apply(vec![command("e", key)]).await[0].is_err() {
            connected(&asker).await;
        }
    }
    assert_eq!(database.effects(), 4);
    // And a stranger to the renewal sees the new one.
    assert!(asker.region.apply(vec![command("e", "four")]).await[0].is_ok());
}

#[tokio::test]
async fn mismatched_files_are_ignored_and_the_previous_ones_stay() {
    let folder = Folder::new(&nodes());
    let (database, source) = (Database::default(), FakeSource::new());
    let server = folder.tls("eu-1");
    let node = Node::new(server.clone(), &database, &source).await;
    let (certificate, key) = certificates::files(folder.path(), "eu-1");
    let (other_certificate, other_key) = certificates::files(folder.path(), "eu-2");
    let before = std::fs::read(&key).unwrap();
    // Amid a renewal.
    std::fs::copy(&other_key, &key).unwrap();
    assert!(matches!(server.reload(), Err(tls::Error::Unfit(_))));
    std::fs::copy(&other_certificate, &certificate).unwrap();
    assert!(server.reload().unwrap_err().to_string().contains("this node is marquee://region/eu/eu-1"));
    std::fs::write(&certificate, "").unwrap();
    std::fs::write(&key, before).unwrap();
    assert!(matches!(server.reload(), Err(tls::Error::File { .. })));
    let asker = TestClient::new(folder.tls("edge-0"), "eu", vec![node.address()], Route::Ledger);
    assert!(asker.region.apply(vec![command("e", "k")]).await[0].is_ok());
    drop(Arc::clone(&source));
}
