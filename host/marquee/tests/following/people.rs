//! People: what they are called stands in no record, and nothing of who is erased is left.

use crate::scene::{Scene, until};
use crate::topics;
use test_support::people::{self, Known};

#[tokio::test(flavor = "multi_thread")]
async fn no_record_says_what_anybody_is_called() {
    let scene = Scene::start("erased").await;
    let known = Known::everywhere(&scene.server, &scene.admin().await, None).await;
    known.followed().await;
    known.erased().await;
    let admin = scene.admin().await;
    let erased = async || {
        let log = admin.get("/api/audit?limit=100").await.expect(200);
        log["items"].as_array().is_some_and(|items| items.iter().any(|entry| entry["type"] == "user.erased"))
    };
    until("the audit log knows of it", erased).await;
    assert_eq!(people::in_database(&scene.database, &known.word).await, Vec::<String>::new());
    let (user, booking, payment, event) =
        (known.person.user.clone(), known.booking.clone(), known.payment.clone(), known.event.clone());
    for (topic, key, last) in [
        ("user-events", user, "user.erased"),
        ("booking-events", booking, "order.changed"),
        ("payment-events", payment, "payment.completed"),
        ("catalog-events", event, "event.updated"),
    ] {
        let last = move |record: &topics::TopicRecord| record.key == key && record.header("ce_type") == last;
        let read = topics::read(scene.kafka.broker(), topic, move |read| read.iter().any(&last)).await;
        for record in read {
            let text = format!("{record:?}").to_lowercase();
            assert!(!text.contains(&known.word), "{topic}: {text}");
        }
    }
    let audit = scene.audit();
    assert!(audit.status.success(), "{}", String::from_utf8_lossy(&audit.stderr));
}
