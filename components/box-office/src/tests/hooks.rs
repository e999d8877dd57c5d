//! Webhooks as they are stored.

use crate::webhooks::store::{self, Row};
use kit::sealing::Sealed;
use kit::sql::{
    self,
    testing::{Database, ready},
};

#[test]
fn a_webhook_is_changed_by_who_has_read_what_it_is() {
    for database in Database::all() {
        database.enter();
        database.run("INSERT INTO organisers (id, name, created_at) VALUES ('eu_o', 'Blue Hall', 0)");
        let row = Row {
            id: "eu_w".to_owned(),
            organiser_id: "eu_o".to_owned(),
            url: "https://example.com/".to_owned(),
            types: "[]".to_owned(),
            description: None,
            state: "active".to_owned(),
            reason: None,
            previous_until: None,
            failing_since: None,
            version: 1,
            created_by: "eu_ada".to_owned(),
            created_at: 1,
        };
        let sealed = |text: &str| Sealed { key_id: "k".to_owned(), text: text.to_owned() };
        let found = ready(async {
            let mut tx = sql::write().await.unwrap();
            store::insert(&mut tx, &row, "k", "first").await.unwrap();
            let second = Row { version: 2, state: "paused".to_owned(), ..row.clone() };
            store::update(&mut tx, &second, true).await.unwrap();
            assert!(store::update(&mut tx, &second, false).await.is_err(), "it is version 2 already");
            let third = Row { version: 3, previous_until: Some(9), ..second };
            store::rotate(&mut tx, &third, &sealed("second"), &sealed("first")).await.unwrap();
            assert_eq!(store::secrets(&mut tx, "eu_w").await.unwrap().secret, "second");
            let found = store::find(&mut tx, "eu_o", "eu_w", "").await.unwrap().unwrap();
            assert_eq!((found.version, found.state.as_str(), found.previous_until), (3, "paused", Some(9)));
            tx.commit().await.unwrap();
            found
        });
        let now = found.created_at;
        ready(async {
            let mut tx = sql::write().await.unwrap();
            store::queue(&mut tx, "eu_w", "eu_d", "webhook.test", "{}", now + 1).await.unwrap();
            assert_eq!(store::since(&mut tx, "eu_w", "webhook.test", 0).await.unwrap(), 1);
            assert!(store::queue_again(&mut tx, "eu_d", now + 2, 0).await.unwrap());
            assert_eq!(store::deliveries(&mut tx, "eu_w", None, 10).await.unwrap().len(), 1);
            assert!(store::delivery(&mut tx, "eu_w", "eu_d").await.unwrap().is_some());
            store::now(&mut tx, "eu_w").await.unwrap();
            store::delete(&mut tx, "eu_w").await.unwrap();
            assert_eq!(store::page(&mut tx, "eu_o", None, 10).await.unwrap().len(), 0);
            assert_eq!(store::count(&mut tx, "eu_o").await.unwrap(), 0);
            tx.commit().await.unwrap();
        });
    }
}
