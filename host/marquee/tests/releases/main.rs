//! Nodes that a control plane rolls versions out to: one that is simulated, so that it says what each case needs, and the real one (`rolling`). Nodes,
//! registry and database are real. Needs what `MARQUEE_TEST_POSTGRES_URL` and `MARQUEE_TEST_REGISTRY` name.

#![allow(clippy::expect_used, clippy::indexing_slicing, clippy::panic, clippy::unwrap_used, reason = "a test fails by panicking")]

mod control;
mod following;
mod proof;
mod rolling;
mod stalled;
mod versions;

use control::{Control, release, serving, shares};
use rollout::protocol::{Assignment, FailureKind, NodeKind, Phase, Release, ReleaseId, ReleaseReport, Report, Stamp};
use stalled::Stalled;
use test_support::client::eventually;
use test_support::fleet::{self, Node};
use test_support::server::{self, fresh_folder};
use tokio::task::JoinHandle;
use versions::{holding, pushed};

fn digest(reference: &str) -> &str {
    reference.split_once('@').unwrap().1
}

fn reported(report: &Report, id: u64) -> Option<&ReleaseReport> {
    report.releases.iter().find(|reported| reported.release == ReleaseId(id))
}

fn is_ready(report: &Report, id: u64) -> bool {
    reported(report, id).is_some_and(|reported| reported.phase == Phase::Ready)
}

fn failed(report: &Report, id: u64) -> Option<FailureKind> {
    match reported(report, id)?.phase {
        Phase::Failed { kind, .. } => Some(kind),
        Phase::Preparing | Phase::Ready => None,
    }
}

fn requests(report: &Report, id: u64) -> u64 {
    reported(report, id).map_or(0, |reported| reported.counters.requests)
}

#[tokio::test(flavor = "multi_thread")]
async fn nodes_run_what_is_assigned_and_keep_it_without_the_control_plane() {
    let folder = fresh_folder("releases");
    let [first, second, unsigned] = pushed(
        &folder,
        [
            holding("first", "hold_seconds = { default = \"600\" }", true),
            holding("second", "hold_seconds = { default = \"601\" }", true),
            holding("unsigned", "hold_seconds = { default = \"602\" }", false),
        ],
    );
    fleet::certificates(&folder, &["eu/eu-1", "edge-0", "control/control-1"]);
    let mut control = Control::start(&folder, "127.0.0.1:0").await;
    let address = control.address.clone();
    let followed = |text: String| {
        let named = format!("application = {:?}\n", test_support::root().join("spin.toml"));
        let section = format!(
            "[control]\nnodes = [{address:?}]\nlabels = {{ tier = \"canary\" }}\n\
             [artifact]\nfrom = {first:?}\ntrusted_keys = [\"release.pub\"]\n[listen]\n"
        );
        text.replace(&named, "").replace("[listen]\n", &section)
    };
    let environment = vec![
        ("SPIN_VARIABLE_DATABASE".to_owned(), server::empty_database(&folder)),
        ("SPIN_VARIABLE_OF_THIS_MACHINE".to_owned(), "17".to_owned()),
    ];
    let region = Node::start("region", &folder, "eu-1", &followed(fleet::region_config("eu-1")), environment);
    let nodes = [region.addresses[0].clone()];
    let variables = folder.join("edge-0.variables.toml");
    std::fs::write(&variables, "").unwrap();
    let text = format!("variables = {variables:?}\n{}", followed(fleet::edge_config("edge-0", &nodes)));
    let mut edge = Node::start("edge", &folder, "edge-0", &text, Vec::new());

    // What they are; and that nothing is assigned to them.
    let said = control.until("edge-0", |_| true).await;
    assert_eq!((said.node.kind, said.node.region.as_str(), said.node.labels["tier"].as_str()), (NodeKind::Edge, "eu", "canary"));
    assert!(said.serving.is_empty() && said.known == Stamp::default() && said.node.schema.is_none());
    let said = control.until("eu-1", |_| true).await;
    assert!(said.node.kind == NodeKind::Region && said.node.schema.is_some_and(|schema| schema.last > 1));
    assert!(said.node.variables.contains("of_this_machine") && said.node.interfaces.contains("marquee:booking/ledger@0.1"));
    for node in [&region, &edge] {
        let says = node.says_of("application").await;
        assert!(says.contains(digest(&first)), "{says}");
    }

    // Half of the visitors go to the new version, each always to the same; who has begun with it stays.
    // SIGHUP comes before that, and takes its time: what is assigned meanwhile is stronger than what the node's own file names.
    let (one, two) = (release(1, &first, &[]), release(2, &second, &[]));
    let reading = Stalled::reading(&edge, &variables, "hold_seconds = \"610\"\n").await;
    control.assign("edge-0", (1, 1), &[&one, &two], &[(1, 50), (2, 50)]);
    control.until("edge-0", |report| serving(report) == [(1, 50), (2, 50)]).await;
    reading.goes_on(&edge).await;
    let ask = async |browser: &str| {
        let request = reqwest::Client::new().get(format!("http://{}/api/events", edge.addresses[0]));
        let answer = request.header("user-agent", browser).send().await.unwrap();
        assert_eq!(answer.status(), 200);
    };
    for browser in 0..40 {
        ask(&format!("browser {browser}")).await;
    }
    let both = |report: &Report| requests(report, 1) + requests(report, 2);
    let counted = control.until("edge-0", |report| both(report) >= 40).await;
    assert!(requests(&counted, 1) > 5 && requests(&counted, 2) > 5, "{counted:?}");
    for reported in &counted.releases {
        assert_eq!((reported.counters.errors, reported.counters.traps), (0, 0));
        assert!(reported.counters.memory > 0);
        assert_eq!(reported.counters.latency.iter().sum::<u64>(), reported.counters.requests);
    }
    for _ in 0..20 {
        ask("browser 0").await;
    }
    let again = control.until("edge-0", |report| both(report) >= both(&counted) + 20).await;
    let grown = [1, 2].map(|id| requests(&again, id) - requests(&counted, id));
    assert!(grown == [20, 0] || grown == [0, 20], "{grown:?}");

    // What nobody has signed does not run, and what a region is not made for is refused; nothing changes by either.
    let third = release(3, &unsigned, &[]);
    control.assign("edge-0", (1, 2), &[&one, &two, &third], &[(3, 100)]);
    let refused = control.until("edge-0", |report| failed(report, 3).is_some()).await;
    assert_eq!((failed(&refused, 3), serving(&refused)), (Some(FailureKind::Untrusted), vec![(1, 50), (2, 50)]));
    control.assign("eu-1", (1, 2), &[&one, &two], &[(1, 50), (2, 50)]);
    let refused = control.until("eu-1", |report| failed(report, 2).is_some()).await;
    assert_eq!((failed(&refused, 2), serving(&refused).len()), (Some(FailureKind::Incompatible), 0));

    // A secret of the machine's that the release gives another name; one that is not there.
    let named = |id: u64, secret: &str| release(id, &second, &[("hold_seconds", secret)]);
    let (with, without) = (named(4, "of_this_machine"), named(5, "of_another_machine"));
    control.assign("eu-1", (1, 3), &[&one, &with, &without], &[(4, 100)]);
    let told = control.until("eu-1", |report| serving(report) == [(4, 100)] && failed(report, 5).is_some()).await;
    assert_eq!((failed(&told, 5), is_ready(&told, 1)), (Some(FailureKind::Invalid), true));

    // The whole edge; without the control plane it is so after a restart, too.
    control.assign("edge-0", (1, 4), &[&one, &two], &[(2, 100)]);
    control.until("edge-0", |report| serving(report) == [(2, 100)]).await;
    let before = edge.says_of("application").await;
    assert!(before.contains(digest(&second)), "{before}");
    // The way back does not wait until variables have been read again, and then has those.
    let reading = Stalled::reading(&edge, &variables, "hold_seconds = \"611\"\n").await;
    for (revision, release) in [(5, 1), (6, 2)] {
        control.assign("edge-0", (1, revision), &[&one, &two], &[(release, 100)]);
        control.until("edge-0", |report| serving(report) == [(release, 100)]).await;
    }
    reading.goes_on(&edge).await;
    let says = edge.says_of("application").await;
    assert!(says.contains(digest(&second)) && says != before, "{says} after {before}");
    control.stop().await;
    edge.stop();
    edge.spawn();
    let says = edge.says_of("application").await;
    assert!(says.contains(digest(&second)), "{says}");
    let alone = async || edge.says_of("control").await;
    eventually("it says that it is alone", alone, |says| says.contains("is not heard")).await;

    // The way back, once it is heard again. What is not assigned any more is deleted, once no request is at it.
    let slow = under_way(&edge).await;
    let mut control = Control::start(&folder, &address).await;
    control.assign("edge-0", (2, 1), &[&one], &[(1, 100)]);
    let told = control.until("edge-0", |report| serving(report) == [(1, 100)]).await;
    assert_eq!(told.known, Stamp { epoch: 2, revision: 1 });
    let store = folder.join("edge-0/artifacts");
    let there = async || [&first, &second].map(|reference| store.join(digest(reference).replace("sha256:", "")).exists());
    // It has tidied after the switch when it takes another assignment.
    control.assign("edge-0", (2, 2), &[&one], &[(1, 100)]);
    control.until("edge-0", |report| report.known == Stamp { epoch: 2, revision: 2 }).await;
    assert_eq!((there().await, slow.is_finished()), ([true, true], false));
    slow.abort();
    none_under_way(&edge).await;
    control.assign("edge-0", (2, 3), &[&one], &[(1, 100)]);
    eventually("the store has what is assigned", there, |there| *there == [true, false]).await;
    assert_eq!(shares(&[(1, 100)]), told.serving);
}

/// A request that a client takes its time to send, as slowly as it may; ends where the edge gives it up.
async fn under_way(edge: &Node) -> JoinHandle<()> {
    use tokio::io::AsyncWriteExt as _;
    let mut client = tokio::net::TcpStream::connect(&edge.addresses[0]).await.unwrap();
    let sending = tokio::spawn(async move {
        let head =
            "POST /api/auth/login HTTP/1.1\r\nhost: edge\r\ncontent-type: application/json\r\ncontent-length: 1000000\r\n\r\n";
        client.write_all(head.as_bytes()).await.unwrap();
        while client.write_all(&[b' '; 8 * 1024]).await.is_ok() {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
        }
    });
    eventually("it is under way", async || requests_at(edge).await, |requests| *requests == 1).await;
    sending
}

async fn none_under_way(edge: &Node) {
    eventually("it has ended", async || requests_at(edge).await, |requests| *requests == 0).await;
}

/// How many requests an edge is at.
async fn requests_at(edge: &Node) -> usize {
    let metrics = reqwest::get(format!("http://{}/metrics", edge.addresses.last().unwrap())).await.unwrap().text().await.unwrap();
    let line = metrics.lines().find_map(|line| line.strip_prefix("http_server_active_requests{role=\"edge\"} "));
    line.map_or(0, |count| count.parse().unwrap())
}

/// What a node has to have ready, and to serve.
fn assignment(stamp: (u64, u64), releases: &[&Release], serving: &[(u64, u8)]) -> Assignment {
    Assignment {
        stamp: Stamp { epoch: stamp.0, revision: stamp.1 },
        releases: releases.iter().map(|release| (*release).clone()).collect(),
        serving: shares(serving),
        report_ms: 250,
    }
}
