//! Agents and the control plane: who gets in, what is bounded, and what an end of either does.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fleet::Tls;
use fleet::control::{Answer, Call, Client, Error, Options, respond, serve};
use http::StatusCode;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::scene::{Folder, nodes};

const WITHIN: Duration = Duration::from_secs(20);

/// An instance of the control plane that answers who asks what, and what waits, not at all.
struct Control {
    address: String,
    stop: CancellationToken,
    _end: DropGuard,
    serving: tokio::task::JoinHandle<()>,
    /// A word for each request that waits, and one when it ends.
    waiting: mpsc::UnboundedReceiver<&'static str>,
}

struct Ended(mpsc::UnboundedSender<&'static str>);

impl Drop for Ended {
    fn drop(&mut self) {
        _ = self.0.send("ended");
    }
}

impl Control {
    async fn new(tls: Tls) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let stop = CancellationToken::new();
        let (says, waiting) = mpsc::unbounded_channel();
        let stopping = stop.clone();
        let answer = move |call: Call| {
            let (says, stopping) = (says.clone(), stopping.clone());
            async move {
                if call.path == "/wait" {
                    let _ended = Ended(says.clone());
                    _ = says.send("waits");
                    stopping.cancelled().await;
                    return respond(StatusCode::NO_CONTENT, Bytes::new());
                }
                let said = format!("{} {} {} {}", call.peer, call.method, call.path, call.body.len());
                respond(StatusCode::OK, said.into())
            }
        };
        let options = Options { body_bytes: 1_000, drain: WITHIN };
        let until = stop.clone();
        let serving = tokio::spawn(async move { serve(listener, tls, options, answer, until).await.unwrap() });
        Self { address, _end: stop.clone().drop_guard(), stop, serving, waiting }
    }

    fn client(&self, tls: Tls) -> Arc<Client> {
        Arc::new(Client::new(tls, self.address.clone()).unwrap())
    }
}

async fn post(client: &Client, path: &str, bytes: usize) -> Result<Answer, Error> {
    client.post(path, vec![b' '; bytes].into(), WITHIN, 100).await
}

#[tokio::test]
async fn agents_are_known_by_their_certificates() {
    let folder = Folder::new(&nodes());
    let control = Control::new(folder.tls("control-1")).await;
    for (name, identity) in [("edge-0", "marquee://edge/-/edge-0"), ("eu-1", "marquee://region/eu/eu-1")] {
        let answer = post(&control.client(folder.tls(name)), "/a", 2).await.unwrap();
        assert_eq!((answer.status, &*answer.body), (StatusCode::OK, format!("{identity} POST /a 2").as_bytes()));
    }
    let answer = post(&control.client(folder.tls("control-1")), "/a", 2).await.unwrap();
    assert_eq!((answer.status, answer.body.len()), (StatusCode::FORBIDDEN, 0));
    let stranger = Folder::new(&nodes());
    assert!(post(&control.client(stranger.tls("edge-0")), "/a", 2).await.is_err());
}

#[tokio::test]
async fn nobody_else_passes_for_the_control_plane() {
    let folder = Folder::new(&nodes());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let options = Options { body_bytes: 1, drain: WITHIN };
    let answer = |_| async { respond(StatusCode::OK, Bytes::new()) };
    let served = serve(listener, folder.tls("eu-1"), options, answer, CancellationToken::new()).await;
    assert!(served.unwrap_err().to_string().starts_with("marquee://region/eu/eu-1 is no instance"));
    // Of another authority.
    let control = Control::new(Folder::new(&nodes()).tls("control-1")).await;
    let refused = post(&control.client(folder.tls("edge-0")), "/a", 1).await.unwrap_err();
    assert!(matches!(refused, Error::Unreachable(_)), "{refused}");
}

#[tokio::test]
async fn bodies_are_bounded_at_both_ends() {
    let folder = Folder::new(&nodes());
    let control = Control::new(folder.tls("control-1")).await;
    let client = control.client(folder.tls("edge-0"));
    assert_eq!(post(&client, "/a", 1_000).await.unwrap().status, StatusCode::OK);
    assert_eq!(post(&client, "/a", 1_001).await.unwrap().status, StatusCode::PAYLOAD_TOO_LARGE);
    let long = format!("/{}", "a".repeat(100));
    assert_eq!(post(&client, &long, 1).await, Err(Error::Body(100)));
}

#[tokio::test]
async fn what_waits_ends_with_who_asked_and_with_who_is_asked() {
    let folder = Folder::new(&nodes());
    let mut control = Control::new(folder.tls("control-1")).await;
    let client = control.client(folder.tls("edge-0"));
    let wait = || {
        let client = Arc::clone(&client);
        tokio::spawn(async move { post(&client, "/wait", 1).await })
    };
    let given_up = wait();
    assert_eq!(control.waiting.recv().await, Some("waits"));
    given_up.abort();
    assert_eq!(control.waiting.recv().await, Some("ended"));
    let waiting = wait();
    assert_eq!(control.waiting.recv().await, Some("waits"));
    // A request beside the one that waits.
    assert_eq!(post(&client, "/a", 1).await.unwrap().status, StatusCode::OK);
    control.stop.cancel();
    assert_eq!(waiting.await.unwrap().unwrap().status, StatusCode::NO_CONTENT);
    control.serving.await.unwrap();
    assert!(matches!(post(&client, "/a", 1).await, Err(Error::Unreachable(_))));
}

#[tokio::test]
async fn no_answer_is_waited_for_for_ever() {
    let folder = Folder::new(&nodes());
    let control = Control::new(folder.tls("control-1")).await;
    let within = Duration::from_millis(1);
    let slow = control.client(folder.tls("edge-0")).post("/wait", Bytes::new(), within, 100).await;
    assert_eq!(slow, Err(Error::Broken("no answer in 1 ms".to_owned())));
}

#[tokio::test]
async fn a_revoked_agent_is_refused_as_soon_as_any_agent_knows() {
    let folder = Folder::new(&nodes());
    let mut control = Control::new(folder.tls("control-1")).await;
    let (stolen, informed) = (control.client(folder.tls("edge-0")), folder.tls("eu-1"));
    assert_eq!(post(&stolen, "/a", 1).await.unwrap().status, StatusCode::OK);
    let waiting = tokio::spawn(async move { post(&stolen, "/wait", 1).await });
    assert_eq!(control.waiting.recv().await, Some("waits"));
    let (list, _) = fleet::certificates::revoke(folder.path(), &[fleet::Identity::edge_node("edge-0").unwrap()]).unwrap();
    assert!(list.exists());
    informed.reload().unwrap();
    let client = control.client(informed);
    let stop = CancellationToken::new();
    let exchanging = {
        let (client, stop) = (Arc::clone(&client), stop.clone());
        tokio::spawn(async move { client.exchange_revocations(&stop).await })
    };
    assert_eq!(post(&client, "/a", 1).await.unwrap().status, StatusCode::OK);
    assert!(matches!(waiting.await.unwrap(), Err(Error::Broken(_))));
    stop.cancel();
    exchanging.await.unwrap();
}
