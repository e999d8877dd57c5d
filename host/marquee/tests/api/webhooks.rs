//! Webhooks: an organiser's servers are told what happens, in messages that they can verify. Who may have them is tried by `matrix.rs`.

use crate::{
    SHARED,
    client::{Answer, Client, OnSale, eventually, unique},
    server::Server,
    teams::{delete, patch},
    tickets::{booked, code, tickets},
};
use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use serde_json::{Value, json};
use standardwebhooks::Webhook;
use std::collections::VecDeque;
use std::sync::{Arc, LazyLock, Mutex};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

/// One that may tell servers of this machine.
static TELLING: LazyLock<Server> = LazyLock::new(|| Server::start("telling", &[("webhook_receivers", "any")]));

/// A message as it arrived.
#[derive(Clone, Debug)]
struct Heard {
    headers: HeaderMap,
    body: String,
}

impl Heard {
    fn id(&self) -> String {
        self.headers["webhook-id"].to_str().unwrap().to_owned()
    }

    fn event(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }

    fn is_signed_with(&self, secret: &str) -> bool {
        Webhook::new(secret).unwrap().verify(self.body.as_bytes(), &self.headers).is_ok()
    }
}

/// A server that is told: it answers as it is asked to, and then 200.
#[derive(Clone, Default)]
struct Subscriber {
    url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
    answers: Arc<Mutex<VecDeque<u16>>>,
}

impl Subscriber {
    async fn answering(answers: &[u16]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/hooks?tenant=7", listener.local_addr().unwrap());
        let subscriber = Self { url, answers: Arc::new(Mutex::new(answers.iter().copied().collect())), ..Self::default() };
        let serving = subscriber.clone();
        tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serving.clone().serve(stream));
            }
        });
        subscriber
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut text = Vec::new();
        let (head, body) = loop {
            let mut piece = [0; 4_096];
            let read = stream.read(&mut piece).await.unwrap();
            if read == 0 {
                return;
            }
            text.extend_from_slice(&piece[..read]);
            let text = String::from_utf8_lossy(&text).into_owned();
            let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
            let length =
                head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse::<usize>().ok());
            if body.len() >= length.expect("a length") {
                break (head.to_owned(), body.to_owned());
            }
        };
        assert!(head.starts_with("POST /hooks?tenant=7 HTTP/1.1"), "{head}");
        let header = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_str(value).unwrap()))
        };
        let headers = head.lines().filter_map(header).collect();
        self.heard.lock().unwrap().push(Heard { headers, body });
        let status = self.answers.lock().unwrap().pop_front().unwrap_or(200);
        let said = format!("said {status}");
        let answer = format!(
            "HTTP/1.1 {status} X\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{said}",
            said.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }

    /// The messages of a type, once there are so many.
    async fn told(&self, kind: &str, count: usize) -> Vec<Heard> {
        let heard = async || {
            let all = self.heard.lock().unwrap().clone();
            all.into_iter().filter(|heard| heard.event()["type"] == kind).collect::<Vec<_>>()
        };
        eventually(kind, heard, |heard| heard.len() >= count).await
    }
}

/// Whether somebody tells servers in this run's form.
fn tells() -> bool {
    if !TELLING.form.has_worker() {
        eprintln!("skipped: in form {:?} there is no worker, so nobody is told", TELLING.form);
    }
    TELLING.form.has_worker()
}

fn hooks(organiser: &str) -> String {
    format!("/api/organisers/{organiser}/webhooks")
}

/// A webhook of these types, and its path.
async fn hook(owner: &Client<'_>, organiser: &str, subscriber: &Subscriber, types: &[&str]) -> (Value, String) {
    let made = owner.post(&hooks(organiser), &json!({"url": subscriber.url, "types": types})).await.expect(201);
    let path = format!("{}/{}", hooks(organiser), made["id"].as_str().unwrap());
    (made, path)
}

/// The newest delivery, once it is right.
async fn delivery(owner: &Client<'_>, hook: &str, right: impl Fn(&Value) -> bool) -> Value {
    let ask = async || owner.get(&format!("{hook}/deliveries")).await.expect(200)["items"][0].clone();
    eventually("the delivery", ask, right).await
}

async fn empty(client: &Client<'_>, path: &str) -> Answer {
    client.post(path, &json!({})).await
}

#[tokio::test]
async fn an_organisers_server_is_told_of_an_order_from_sale_to_refund() {
    if !tells() {
        return;
    }
    let (owner, organiser) = Client::organiser(&TELLING).await;
    let subscriber = Subscriber::answering(&[]).await;
    let types = ["event.published", "order.confirmed", "order.cancelled", "order.refunded", "ticket.admitted"];
    let (made, path) = hook(&owner, &organiser, &subscriber, &types).await;
    let secret = made["secret"].as_str().unwrap();
    assert!(secret.starts_with("whsec_"), "{secret}");
    let show = OnSale::with(&owner, &organiser, 4500, 20, 8).await;
    let published = subscriber.told("event.published", 1).await.remove(0).event();
    assert_eq!((&published["subject"], &published["data"]["event"]["id"]), (&json!(show.id), &json!(show.id)));
    assert_eq!(published["data"]["event"]["title"], "Night of Strings");
    assert!(published["data"]["event"].get("actor").is_none() && published["data"]["event"].get("published").is_none());

    let buyer = Client::register(&TELLING).await;
    let held = buyer.post_with(&unique("key"), "/api/bookings", &show.order(2)).await.expect(201);
    let booking = held["id"].as_str().unwrap();
    let card = json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}});
    buyer.post_with(&unique("key"), "/api/payments", &card).await.expect(201);
    let heard = subscriber.told("order.confirmed", 1).await.remove(0);
    assert!(heard.is_signed_with(secret), "{heard:?}");
    assert!(!heard.is_signed_with("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"));
    assert_eq!(heard.headers["content-type"], "application/cloudevents+json");
    let event = heard.event();
    assert_eq!((&event["specversion"], &event["subject"]), (&json!("1.0"), &json!(booking)));
    assert_eq!(event["data"]["event"], json!({"id": show.id, "title": "Night of Strings"}));
    // As the list of orders shows it, but for the team's own note and what its buyer was asked.
    let mut order = owner.get(&format!("/api/events/{}/orders", show.id)).await.expect(200)["items"][0].clone();
    for own in ["note", "answers"] {
        order.as_object_mut().unwrap().remove(own);
    }
    assert_eq!(event["data"]["order"], order);

    let ticket = &tickets(&buyer, &format!("/api/bookings/{booking}")).await[0];
    owner.post("/api/checkin", &json!({"code": code(ticket), "event_id": show.id, "gate": "north"})).await.expect(200);
    let admitted = subscriber.told("ticket.admitted", 1).await.remove(0).event();
    assert_eq!(admitted["data"]["ticket"]["order_id"], booking);
    assert_eq!(
        (&admitted["data"]["admission"]["gate"], &admitted["data"]["admission"]["list"]),
        (&json!("north"), &json!("default"))
    );
    assert!(!admitted.to_string().contains(&owner.user), "who let in is nobody's business: {admitted}");

    let cancel = format!("/api/events/{}/orders/{booking}/cancel", show.id);
    owner.post(&cancel, &json!({"refund": "full"})).await.expect(200);
    let cancelled = subscriber.told("order.cancelled", 1).await.remove(0).event();
    assert_eq!(cancelled["data"]["order"]["status"], "cancelled");
    let refunded = subscriber.told("order.refunded", 1).await.remove(0).event();
    assert_eq!(refunded["data"]["refund"]["amount"], json!({"amount": 9000, "currency": "EUR"}));

    let log = owner.get(&format!("{path}/deliveries?limit=2")).await.expect(200);
    let (first, cursor) = (log["items"].as_array().unwrap().clone(), log["next_cursor"].as_str().unwrap());
    let rest = owner.get(&format!("{path}/deliveries?cursor={cursor}")).await.expect(200)["items"].as_array().unwrap().clone();
    assert_eq!((first.len(), rest.len()), (2, 3));
    let confirmed = rest.iter().find(|delivery| delivery["type"] == "order.confirmed").unwrap();
    assert_eq!((&confirmed["id"], &confirmed["state"]), (&json!(heard.id()), &json!("delivered")));
    assert_eq!(
        (&confirmed["status"], &confirmed["answer"], &confirmed["attempts"]),
        (&json!(200), &json!("said 200"), &json!(1))
    );
}

#[tokio::test]
async fn what_does_not_arrive_is_sent_again_with_the_same_id() {
    if !tells() {
        return;
    }
    let (owner, organiser) = Client::organiser(&TELLING).await;
    let subscriber = Subscriber::answering(&[500, 302]).await;
    let (_, path) = hook(&owner, &organiser, &subscriber, &["order.confirmed"]).await;
    let show = OnSale::with(&owner, &organiser, 0, 20, 8).await;
    booked(&Client::register(&TELLING).await, &show, 1).await;
    let failed = delivery(&owner, &path, |it| it["error"].is_string()).await;
    assert_eq!((&failed["state"], &failed["status"], &failed["answer"]), (&json!("due"), &json!(500), &json!("said 500")));
    assert!(failed["next_attempt_at"].as_str() > failed["attempted_at"].as_str(), "{failed}");
    let failing = owner.get(&hooks(&organiser)).await.expect(200)["items"][0].clone();
    assert!(failing["failing_since"].is_string(), "{failing}");
    let again = delivery(&owner, &path, |it| it["status"] == 302).await;
    assert_eq!(again["error"], "a redirect, which is not followed");
    let resent = empty(&owner, &format!("{path}/deliveries/{}/resend", again["id"].as_str().unwrap())).await;
    if resent.status == 429 {
        // A moment ago: it comes by itself.
        assert!(resent.header("retry-after").is_some());
    }
    let delivered = delivery(&owner, &path, |it| it["state"] == "delivered").await;
    let heard = subscriber.told("order.confirmed", 3).await;
    let first = &heard[0];
    assert!(heard.iter().all(|heard| heard.id() == delivered["id"].as_str().unwrap() && heard.body == first.body), "{heard:?}");
    let recovered = owner.get(&hooks(&organiser)).await.expect(200)["items"][0].clone();
    assert_eq!((&recovered["state"], &recovered["failing_since"]), (&json!("active"), &Value::Null));
}

#[tokio::test]
async fn who_answers_gone_is_told_nothing_until_somebody_says_so() {
    if !tells() {
        return;
    }
    let (owner, organiser) = Client::organiser(&TELLING).await;
    let subscriber = Subscriber::answering(&[410]).await;
    let (_, path) = hook(&owner, &organiser, &subscriber, &["order.confirmed"]).await;
    let tested = empty(&owner, &format!("{path}/test")).await.expect(202);
    assert_eq!((&tested["type"], &tested["state"], &tested["attempts"]), (&json!("webhook.test"), &json!("due"), &json!(0)));
    let failed = delivery(&owner, &path, |it| it["state"] == "failed").await;
    assert_eq!((&failed["id"], &failed["status"]), (&tested["id"], &json!(410)));
    let disabled = owner.get(&hooks(&organiser)).await.expect(200)["items"][0].clone();
    assert_eq!((&disabled["state"], &disabled["reason"]), (&json!("disabled"), &json!("gone")));
    let resend = format!("{path}/deliveries/{}/resend", tested["id"].as_str().unwrap());
    for refused in [format!("{path}/test"), resend.clone()] {
        empty(&owner, &refused).await.expect_problem(409, "wrong-state");
    }
    let again = patch(&owner, &path, &json!({"paused": false})).await.expect(200);
    assert_eq!((&again["state"], &again["reason"]), (&json!("active"), &Value::Null));
    let resent = async || empty(&owner, &resend).await.status;
    eventually("it is sent again", resent, |status| *status == 202).await;
    let heard = subscriber.told("webhook.test", 2).await;
    assert_eq!((heard[0].id(), &heard[0].body), (heard[1].id(), &heard[1].body));
    delivery(&owner, &path, |it| it["state"] == "delivered").await;
}

#[tokio::test]
async fn while_a_secret_is_exchanged_both_are_good() {
    if !tells() {
        return;
    }
    let (owner, organiser) = Client::organiser(&TELLING).await;
    let subscriber = Subscriber::answering(&[]).await;
    let (made, path) = hook(&owner, &organiser, &subscriber, &["order.confirmed"]).await;
    let (key, body) = (unique("key"), json!({}));
    let rotated = owner.post_with(&key, &format!("{path}/secret"), &body).await.expect(200);
    assert!(rotated["rotating_until"].is_string(), "{rotated}");
    let again = owner.post_with(&key, &format!("{path}/secret"), &body).await.expect(200);
    assert!(again.get("secret").is_none() && again["id"] == rotated["id"], "{again}");
    empty(&owner, &format!("{path}/test")).await.expect(202);
    let heard = subscriber.told("webhook.test", 1).await.remove(0);
    assert_ne!(made["secret"], rotated["secret"]);
    for secret in [&made["secret"], &rotated["secret"]] {
        assert!(heard.is_signed_with(secret.as_str().unwrap()), "{heard:?}");
    }
}

#[tokio::test]
async fn a_paused_webhook_is_told_nothing_and_a_slow_server_holds_up_nobody() {
    if !tells() {
        return;
    }
    let (owner, organiser) = Client::organiser(&TELLING).await;
    // It takes connections, and says nothing.
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = Subscriber { url: format!("http://{}/", silent.local_addr().unwrap()), ..Subscriber::default() };
    let (paused, quick) = (Subscriber::answering(&[]).await, Subscriber::answering(&[]).await);
    let (_, slow) = hook(&owner, &organiser, &silent, &["order.confirmed"]).await;
    let (_, path) = hook(&owner, &organiser, &paused, &["order.confirmed"]).await;
    hook(&owner, &organiser, &quick, &["order.confirmed"]).await;
    assert_eq!(patch(&owner, &path, &json!({"paused": true})).await.expect(200)["state"], "paused");
    let show = OnSale::with(&owner, &organiser, 0, 20, 8).await;
    let buyer = Client::register(&TELLING).await;
    for count in 1..=3 {
        booked(&buyer, &show, 1).await;
        quick.told("order.confirmed", count).await;
    }
    let waiting = delivery(&owner, &slow, |it| it["state"] == "due").await;
    assert_eq!(waiting["type"], "order.confirmed");
    assert_eq!(owner.get(&format!("{path}/deliveries")).await.expect(200)["items"], json!([]));
    assert!(paused.heard.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_webhook_is_made_changed_and_deleted() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let all = hooks(&organiser);
    let (key, body) =
        (unique("key"), json!({"url": "https://hooks.example.invalid/", "types": ["order.confirmed"], "description": "Books"}));
    let made = owner.post_with(&key, &all, &body).await.expect(201);
    assert_eq!(
        (&made["state"], &made["description"], &made["created_by"]),
        (&json!("active"), &json!("Books"), &json!(owner.user))
    );
    let again = owner.post_with(&key, &all, &body).await.expect(201);
    assert!(made["secret"].is_string() && again.get("secret").is_none() && again["id"] == made["id"], "{again}");
    let path = format!("{all}/{}", made["id"].as_str().unwrap());
    let changed =
        patch(&owner, &path, &json!({"types": ["ticket.admitted", "event.updated"], "description": null})).await.expect(200);
    assert_eq!((&changed["types"], &changed["description"]), (&json!(["ticket.admitted", "event.updated"]), &Value::Null));
    assert_eq!(changed["url"], "https://hooks.example.invalid/");
    let second = owner.post(&all, &body).await.expect(201);
    let page = owner.get(&format!("{all}?limit=1")).await.expect(200);
    assert_eq!((&page["items"][0]["id"], page["items"][0].get("secret")), (&second["id"], None));
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(owner.get(&format!("{all}?cursor={cursor}")).await.expect(200)["items"][0]["id"], made["id"]);
    // Another organiser's team does not see that it is there.
    let (other, others) = Client::organiser(&SHARED).await;
    patch(&other, &path, &json!({"paused": true})).await.expect_problem(403, "forbidden");
    let taken = format!("{}/{}", hooks(&others), made["id"].as_str().unwrap());
    patch(&other, &taken, &json!({"paused": true})).await.expect_problem(404, "not-found");
    other.get(&format!("{taken}/deliveries")).await.expect_problem(404, "not-found");
    delete(&owner, &path).await.expect(204);
    delete(&owner, &path).await.expect_problem(404, "not-found");
    assert_eq!(owner.get(&all).await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn messages_go_to_the_public_internet_alone() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let all = hooks(&organiser);
    let types = json!(["order.confirmed"]);
    let made = owner.post(&all, &json!({"url": "https://hooks.example.invalid/", "types": types})).await.expect(201);
    let path = format!("{all}/{}", made["id"].as_str().unwrap());
    for url in [
        "http://example.com/",
        "https://user:password@example.com/",
        "https://example.com:25/",
        "https://localhost/",
        "https://127.0.0.1/",
        "https://2130706433/",
        "https://10.0.0.1/",
        "https://169.254.169.254/latest/meta-data/",
        "https://100.64.0.1/",
        "https://[::1]/",
        "https://[::ffff:10.0.0.1]/",
        "https://[64:ff9b::a00:1]/",
        "nonsense",
    ] {
        for refused in
            [owner.post(&all, &json!({"url": url, "types": types})).await, patch(&owner, &path, &json!({"url": url})).await]
        {
            let problem = refused.expect_problem(400, "invalid-request");
            assert_eq!(problem["errors"][0]["pointer"], "/url", "{url}: {problem}");
        }
    }
    for (body, pointer) in [
        (json!({"types": types}), "/url"),
        (json!({"url": "https://example.com/"}), "/types"),
        (json!({"url": "https://example.com/", "types": []}), "/types"),
        (json!({"url": "https://example.com/", "types": ["user.registered"]}), "/types/0"),
        (json!({"url": "https://example.com/", "types": types, "secret": "mine"}), "/secret"),
    ] {
        let problem = owner.post(&all, &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
}
