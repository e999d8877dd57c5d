//! What goes to many people, by a mail server: organisers' news, which end, and reminders.

use crate::client::{Client, OnSale, eventually, unique};
use crate::mail::{self, Mail};
use crate::scene::{PUBLIC_URL, Scene, person, until};
use reqwest::Method;
use serde_json::{Value, json};

/// The mails to an address with this subject.
fn with_subject(address: &str, subject: &str) -> Vec<Mail> {
    mail::of(address).into_iter().filter(|mail| mail.header("Subject") == subject).collect()
}

pub async fn who_comes_is_written_to_until_they_want_no_news_and_is_reminded_once(scene: &Scene) {
    let (organiser, organiser_id) = Client::organiser(&scene.server).await;
    let vouch = format!("/api/users/{}/verify-email", organiser.user);
    scene.admin().await.post(&vouch, &json!({})).await.expect(204);
    let show = OnSale::with(&organiser, &organiser_id, 0, 20, 8).await;
    let ((ada, of_ada), (bob, of_bob)) = (person(&scene.server).await, person(&scene.server).await);
    for buyer in [&ada, &bob] {
        buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    }
    let messages = format!("/api/events/{}/messages", show.id);
    // The message once its mails are sent, and its subject.
    let sent = async |kind: &str| -> (Value, String) {
        let subject = unique(kind);
        let message = json!({"kind": kind, "subject": subject, "text": "We play again in May."});
        let sent = organiser.post_with(&unique("key"), &messages, &message).await.expect(201);
        let path = format!("{messages}/{}", sent["id"].as_str().unwrap());
        let ask = async || organiser.get(&path).await.expect(200);
        (eventually("it is sent", ask, |it| it["state"] == "done").await["counts"].clone(), subject)
    };

    let (counts, first) = sent("news").await;
    assert_eq!((&counts["sent"], &counts["failed"]), (&json!(2), &json!(0)));
    until("both have it", async || [&of_ada, &of_bob].iter().all(|of| with_subject(of, &first).len() == 1)).await;
    let mail = with_subject(&of_ada, &first).remove(0);
    assert_eq!(mail.header("List-Unsubscribe-Post"), "List-Unsubscribe=One-Click");
    assert!(mail.header("From").contains("Blue Hall via Marquee"), "{}", mail.header("From"));
    let link = mail.header("List-Unsubscribe").trim_matches(['<', '>']).strip_prefix(PUBLIC_URL).unwrap().to_owned();
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let body = Some(b"List-Unsubscribe=One-Click".to_vec());
    assert_eq!(Client::new(&scene.server).send(Method::POST, &link, &form, body).await.status, 200);
    let (counts, second) = sent("news").await;
    assert_eq!((&counts["sent"], &counts["unsubscribed"]), (&json!(1), &json!(1)));
    until("Bob has the next one", async || with_subject(&of_bob, &second).len() == 1).await;

    // The moment of its reminder comes.
    let path = format!("/api/events/{}", show.id);
    let etag = organiser.get(&path).await.header("etag").unwrap().to_owned();
    let starts_at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3_602);
    let change = json!({"starts_at": starts_at.to_string(), "reminder_hours": 1}).to_string().into_bytes();
    organiser.send(Method::PATCH, &path, &[("if-match", &etag)], Some(change)).await.expect(200);
    let reminded = |of: &str| with_subject(of, "Soon: Night of Strings").len();
    until("both are reminded", async || reminded(&of_ada) == 1 && reminded(&of_bob) == 1).await;
    // What was written later has come by then, and the news that Ada does not want have not.
    let (_, third) = sent("service").await;
    until("both have what concerns their tickets", async || {
        [&of_ada, &of_bob].iter().all(|of| with_subject(of, &third).len() == 1)
    })
    .await;
    assert_eq!((reminded(&of_ada), reminded(&of_bob), with_subject(&of_ada, &second).len()), (1, 1, 0));
}
