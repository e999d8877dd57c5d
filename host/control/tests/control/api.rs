//! Who may ask what, and what is refused.

use std::time::Duration;

use bytes::Bytes;
use fleet::Identity;
use rollout::protocol::{NodeKind, Report, SYNC, Stamp};
use serde_json::{Value, json};
use test_support::until;

use crate::fleet_of_agents::{Agent, description};
use crate::instances::{ADMIN, Ground, OPERATOR, VIEWER};

const PLAN: &str = "application = \"shop\"\ninterval = \"1s\"\n[[stages]]\nname = \"all\"\n";

fn deployment(reference: &str, variables: Value, plan: &str) -> Value {
    json!({ "reference": reference, "variables": variables, "plan": plan })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn roles_may_do_what_they_are_for() {
    let ground = Ground::start(&["one"]).await;
    let _edge = Agent::edge(&ground, "edge-0");
    until("it has reported", async || ground.get("v1/nodes").await["nodes"].get(0).map(drop)).await;
    let deploy = deployment("r.example/shop:1", json!({}), PLAN);
    let node = "v1/nodes/marquee:%2F%2Fedge%2F-%2Fedge-7";
    let http = reqwest::Client::new();
    for (method, path, body, expected) in [
        // Of a viewer, of an operator, of an admin, of nobody.
        ("GET", "v1/status", None, [200, 200, 200, 401]),
        ("GET", "v1/nodes", None, [200, 200, 200, 401]),
        ("GET", "v1/drift", None, [200, 200, 200, 401]),
        ("GET", "v1/rollouts", None, [200, 200, 200, 401]),
        ("GET", "v1/rollouts/99", None, [404, 404, 404, 401]),
        ("GET", "v1/releases/x", None, [404, 404, 404, 401]),
        ("GET", "v1/audit", None, [403, 403, 200, 401]),
        ("GET", "v1/audit?limit=0", None, [403, 403, 400, 401]),
        ("GET", "v1/rollouts?limit=1000", None, [400, 400, 400, 401]),
        ("GET", "v1/rollouts?colour=red", None, [400, 400, 400, 401]),
        ("DELETE", node, None, [403, 403, 404, 401]),
        ("POST", "v1/rollouts/1/pause", None, [403, 404, 404, 401]),
        ("POST", "v1/rollouts/1/dance", None, [403, 404, 404, 401]),
        ("POST", "v1/deployments", Some("{}".to_owned()), [403, 400, 400, 401]),
        ("POST", "v1/deployments", Some(" ".repeat(600 * 1024)), [403, 413, 413, 401]),
        ("PUT", "v1/status", None, [405, 405, 405, 405]),
        ("GET", "v1/nothing", None, [404, 404, 404, 404]),
        // At last, for it changes something: the second one finds what the first has begun.
        ("POST", "v1/deployments", Some(deploy.to_string()), [403, 201, 200, 401]),
    ] {
        for (token, expected) in [Some(VIEWER), Some(OPERATOR), Some(ADMIN), None].into_iter().zip(expected) {
            let mut request = http.request(method.parse().unwrap(), format!("{}/{path}", ground.address()));
            if let Some(token) = token {
                request = request.bearer_auth(token);
            }
            if let Some(body) = &body {
                request = request.header("content-type", "application/json").body(body.clone());
            }
            let response = request.send().await.unwrap();
            assert_eq!(response.status().as_u16(), expected, "{method} {path} {token:?}");
            assert_eq!(response.headers()["cache-control"], "no-store");
            if !response.status().is_success() {
                assert_eq!(response.headers()["content-type"], "application/problem+json", "{method} {path}");
                let problem: Value = response.json().await.unwrap();
                assert_eq!(problem["status"], expected);
                assert!(!problem["detail"].as_str().unwrap().is_empty());
            }
        }
    }
    let wrong = ground.client("nobody-knows-this-one").get("v1/status").await.unwrap();
    assert_eq!(wrong.status, 401);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_rolled_out_is_refused_before_any_node_hears_of_it() {
    let ground = Ground::start(&["one"]).await;
    let operator = ground.client(OPERATOR);
    let tried = async |reference: &str, variables: Value, plan: &str| {
        let answer = operator.post("v1/deployments", &deployment(reference, variables, plan)).await.unwrap();
        (answer.status, answer.refusal().unwrap_or_default())
    };
    let (status, said) = tried("r.example/shop:1", json!({}), PLAN).await;
    assert!(status == 409 && said.contains("No node"), "{status} {said}");
    let edge = Agent::edge(&ground, "edge-0");
    until("it has reported", async || ground.get("v1/nodes").await["nodes"].get(0).map(drop)).await;
    let canary = format!("{PLAN}nodes = {{ labels = {{ tier = \"canary\" }} }}\n[[stages]]\nname = \"rest\"\n");
    let query = format!("{PLAN}[[analysis.queries]]\nname = \"a\"\npromql = \"up\"\nmin = 1\n");
    let frozen = format!("{PLAN}[[freeze]]\nfrom = \"2020-01-01T00:00:00Z\"\nto = \"2099-01-01T00:00:00Z\"\n");
    for (reference, variables, plan, status, said) in [
        ("r.example/shop:1", json!({}), "nonsense", 422, "plan"),
        ("r.example/shop:1", json!({}), "application = \"shop\"\n", 422, "stages"),
        ("r.example/shop:1", json!({}), &*canary, 422, "stages[0].nodes"),
        ("r.example/shop:1", json!({}), &*query, 422, "Prometheus"),
        ("r.example/shop:1", json!({}), &*frozen, 409, "frozen"),
        ("r.example/shop:1", json!({ "color": "red" }), PLAN, 422, "no variable \"color\""),
        ("r.example/shop:1", json!({ "password": { "secret": "shop_password" } }), PLAN, 422, "shop_password"),
        ("r.example/shop:1", json!({ "colour": "x".repeat(200_000) }), PLAN, 422, "bytes"),
        ("r.example/other:1", json!({}), PLAN, 422, "\"other\""),
        ("r.example/shop:unsigned", json!({}), PLAN, 422, "not signed"),
        ("r.example/shop:away", json!({}), PLAN, 503, "cannot be reached"),
        ("r.example/shop:newer", json!({}), PLAN, 422, "marquee://edge/-/edge-0"),
    ] {
        let (answered, why) = tried(reference, variables.clone(), plan).await;
        assert!(answered == status && why.contains(said), "{reference} {variables}: {answered} {why}");
    }
    assert!(ground.get("v1/rollouts").await["rollouts"].as_array().unwrap().is_empty());
    assert!(edge.told().assignments.is_empty());
    let forgotten = ground.client(ADMIN);
    drop(edge);
    let address = format!("{}/v1/nodes/marquee:%2F%2Fedge%2F-%2Fedge-0", ground.address());
    let response = reqwest::Client::new().delete(address).bearer_auth(ADMIN).send().await.unwrap();
    assert_eq!(response.status().as_u16(), 204);
    let log = forgotten.get("v1/audit").await.unwrap().body;
    assert_eq!(log["entries"][0]["what"], "forget");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_is_there_for_everybody_and_says_nothing() {
    let ground = Ground::start(&["one"]).await;
    let http = reqwest::Client::new();
    for (path, kind) in [("", "text/html"), ("page.css", "text/css"), ("page.js", "text/javascript")] {
        let address = format!("{}/{path}", ground.address());
        let response = http.get(&address).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 200, "{path}");
        let headers = response.headers().clone();
        let header = |name: &str| headers[name].to_str().unwrap().to_owned();
        assert!(header("content-type").starts_with(kind), "{path}: {}", header("content-type"));
        let policy = header("content-security-policy");
        for directive in [
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'self'",
            "require-trusted-types-for 'script'",
        ] {
            assert!(policy.split("; ").any(|one| one == directive), "{directive} is not in {policy}");
        }
        assert_eq!((header("x-content-type-options"), header("referrer-policy")), ("nosniff".into(), "no-referrer".into()));
        assert_eq!(header("cache-control"), "no-cache");
        let text = response.text().await.unwrap();
        assert!(!text.contains("style=") && !text.contains("<script>"), "{path} has what its policy forbids");
        let again = http.get(&address).header("if-none-match", header("etag")).send().await.unwrap();
        assert_eq!((again.status().as_u16(), &again.headers()["etag"]), (304, &headers["etag"]), "{path}");
        let other = http.get(&address).header("if-none-match", "\"other\"").send().await.unwrap();
        assert_eq!(other.status().as_u16(), 200, "{path}");
    }
    // Who asks with a token hears who they are.
    let you = ground.get("v1/status").await["you"].clone();
    assert_eq!(you, json!({ "name": "a-viewer", "role": "viewer" }));
    let counted = |line: &String| line.starts_with("marquee_control_requests_total{status=\"304\"} 3");
    assert!(ground.metrics("one").iter().any(counted), "{}", ground.metrics("one").join("\n"));
}

/// It answers every ping, and asks nothing: else a few of them would keep operators out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_requests_is_closed() {
    let ground = Ground::start(&["one"]).await;
    let stream = tokio::net::TcpStream::connect(ground.address().trim_start_matches("http://")).await.unwrap();
    let (_client, connection) = h2::client::handshake(stream).await.unwrap();
    let ended = tokio::time::timeout(Duration::from_secs(60), connection).await;
    assert!(ended.is_ok(), "it is still open");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn agents_speak_for_themselves_alone() {
    let ground = Ground::start(&["one"]).await;
    let edge = Identity::edge_node("edge-0").unwrap();
    let address = ground.agents.lock().unwrap()[0].clone();
    let client = fleet::control::Client::new(ground.tls(&edge), address).unwrap();
    let post = async |path: &str, body: Vec<u8>| {
        client.post(path, body.into(), Duration::from_secs(10), 1 << 20).await.unwrap().status.as_u16()
    };
    let report = |kind| Report {
        node: description(kind),
        boot: 1,
        known: Stamp::default(),
        releases: Vec::new(),
        serving: Vec::new(),
        wait: false,
    };
    let json = |report: &Report| serde_json::to_vec(report).unwrap();
    // Once it has done a round: before that it sends them elsewhere.
    until("it answers", async || (post(SYNC, json(&report(NodeKind::Edge))).await == 204).then_some(())).await;
    assert_eq!(post(SYNC, json(&report(NodeKind::Region))).await, 403);
    assert_eq!(post(SYNC, b"{}".to_vec()).await, 400);
    assert_eq!(post(SYNC, vec![b' '; rollout::limits::REPORT_BYTES + 1]).await, 413);
    assert_eq!(post("/v1/status", Vec::new()).await, 404, "people's routes are not here");
    // Without a certificate nobody gets in at all.
    let address = ground.agents.lock().unwrap()[0].clone();
    let nobody = reqwest::Client::builder().danger_accept_invalid_certs(true).build().unwrap();
    let nobody = nobody.post(format!("https://{address}{SYNC}")).body(Bytes::new()).send().await;
    assert!(nobody.is_err());
    until("that is counted", async || {
        let refused = |line: &String| line == "marquee_control_certificates_refused_total 1";
        ground.metrics("one").iter().any(refused).then_some(())
    })
    .await;
    let metrics = ground.metrics("one");
    let refused = |line: &String| line.starts_with("marquee_control_reports_total{outcome=\"refused\"}");
    assert!(metrics.iter().any(refused), "{}", metrics.join("\n"));
    // What waits is answered as soon as there is something.
    let waiting = Report { wait: true, ..report(NodeKind::Edge) };
    let waits = client.post(SYNC, json(&waiting).into(), Duration::from_secs(40), 1 << 20);
    let deploys = async {
        until("it has reported", async || ground.get("v1/nodes").await["nodes"].get(0).map(drop)).await;
        ground.deploy("1", PLAN).await
    };
    let (answer, id) = tokio::join!(waits, deploys);
    let answer = answer.unwrap();
    assert_eq!(answer.status.as_u16(), 200);
    let assignment: rollout::protocol::Assignment = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(assignment.serving[0].release.0, id);
}
