//! Mails to guests: what opens their orders, and who is written to once an account has them.

use super::world::*;
use kit::guests::opened_by;
use kit::sql::testing::ready;
use kit::sql::{self, testing::Database};
use serde_json::json;

const ADDRESS: &str = "ada@example.com";
const DAY: i64 = 86_400_000_000;

/// Worlds in which both bookings are those of a guest with Ada's address; her own account is there as well.
fn worlds_of_a_guest() -> Vec<std::sync::Arc<Database>> {
    let all = worlds();
    for database in &all {
        database.enter();
        database.run(&format!(
            "INSERT INTO users (id, email, guest_email, name, password_hash, version, created_at, language) VALUES ('eu_g', 'eu_g', '{ADDRESS}', '', '', 1, 0, 'en')"
        ));
        database.run("UPDATE bookings SET person = 'eu_g'");
    }
    all
}

/// The record that tells of the paid booking, or of the free one.
fn bought(id: &str, of: &str) -> crate::wit::kafka::ConsumerRecord {
    let payment = (of == "eu_paid").then_some("eu_pay");
    saying(booking(id, "booking.updated", of, "confirmed", payment), &[("person", json!("eu_g"))])
}

/// The tokens that mails have, each with the booking that it opens.
fn opened(post: &Post) -> Vec<Option<String>> {
    let sent = post.sent.borrow();
    let tokens = sent.iter().flat_map(|mail| {
        assert_eq!(mail.to, ADDRESS);
        let page = format!("{BASE}/guest-order#token=");
        let links = mail.text.split_whitespace().filter_map(|word| word.strip_prefix(&page));
        let words: Vec<_> = links.filter(|token| token.starts_with("eu_g.")).collect();
        for word in &words {
            assert!(mail.html.as_ref().unwrap().contains(word), "the HTML has it as well");
        }
        words
    });
    let booking = |token: &str| {
        ready(async {
            let mut tx = sql::read().await.unwrap();
            let found = opened_by(&mut tx, token).await.unwrap();
            tx.rollback().await.unwrap();
            found.map(|(guest, booking)| {
                assert_eq!(guest, "eu_g");
                booking
            })
        })
    };
    tokens.map(booking).collect()
}

#[test]
fn what_a_guest_is_told_of_an_order_opens_it_until_thirty_days_after_its_event() {
    for database in worlds_of_a_guest() {
        database.enter();
        let failed = saying(payment("c.0", "payment.failed", None), &[("user_id", json!("eu_g"))]);
        let refunded = saying(payment("c.1", "payment.completed", Some(9000)), &[("user_id", json!("eu_g"))]);
        let before = json!({
            "starts_at": "2027-01-14T08:00:00Z", "ends_at": "2027-01-14T10:00:00Z", "timezone": "Asia/Colombo",
            "venue": {"name": "Blue Hall", "city": "Colombo", "country": "LK"},
        });
        let moved = record("e.0", "event.updated", "eu_e", &json!({"id": "eu_e", "actor": "eu_u", "before": before}));
        for (told, booking) in [
            (bought("b.0", "eu_paid"), "eu_paid"),
            (bought("b.1", "eu_free"), "eu_free"),
            (failed, "eu_paid"),
            (refunded, "eu_paid"),
            // One of them, whichever it is.
            (moved, "eu_paid"),
        ] {
            let post = Post::default();
            post.handle(&[told]);
            assert_eq!(opened(&post), [Some(booking.to_owned())]);
            let sent = post.sent.borrow();
            assert!(
                sent[0].text.contains("an order with this address") && !sent[0].text.contains("your account at"),
                "{}",
                sent[0].text
            );
            // The event of this world begins and ends at START.
            for (at, good) in [(START + 30 * DAY - 1, true), (START + 30 * DAY, false)] {
                database.set_now(at);
                assert_eq!(opened(&post)[0].is_some(), good);
            }
            database.set_now(START);
        }
        // Weeks after the event there is nothing to open.
        database.set_now(START + 30 * DAY);
        let post = Post::default();
        post.handle(&[saying(payment("c.2", "payment.completed", Some(1)), &[("user_id", json!("eu_g"))])]);
        assert_eq!((post.ids().len(), opened(&post).len()), (1, 0));
    }
}

#[test]
fn nobody_else_is_sent_what_opens_a_guests_order() {
    for database in worlds_of_a_guest() {
        database.enter();
        let links = || number(&database, "SELECT COUNT(*) FROM guest_links");
        // Where the organiser has named another address for the papers.
        database.run(
            "INSERT INTO order_details (booking, channel, email, updated_at) VALUES ('eu_free', 'online', 'box@example.com', 0)",
        );
        let post = Post::default();
        post.handle(&[bought("b.0", "eu_free")]);
        assert_eq!((post.sent.borrow()[0].to.as_str(), links()), ("box@example.com", 0));
        // The account of the same address has its own orders.
        database.run("UPDATE bookings SET person = 'eu_ada' WHERE id = 'eu_paid'");
        post.handle(&[booking("b.1", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))]);
        assert_eq!((post.sent.borrow()[1].to.as_str(), links()), (ADDRESS, 0));
        assert!(post.sent.borrow()[1].text.contains("your account at"));
        // An account that has claimed them is written to where it wishes, and logs in.
        database.run("DELETE FROM order_details");
        database.run("UPDATE users SET email = 'countess@example.com' WHERE id = 'eu_ada'");
        database.run("INSERT INTO guest_claims (guest, account, claimed_at) VALUES ('eu_g', 'eu_ada', 0)");
        post.handle(&[bought("b.2", "eu_free")]);
        assert_eq!((post.sent.borrow()[2].to.as_str(), links()), ("countess@example.com", 0));
        assert!(post.sent.borrow()[2].text.contains("Ada <Lovelace>"));
    }
}

#[test]
fn an_event_that_is_moved_is_told_once_to_an_account_and_its_guests() {
    for database in worlds_of_a_guest() {
        database.enter();
        database.run("UPDATE bookings SET person = 'eu_ada' WHERE id = 'eu_paid'");
        database.run("INSERT INTO guest_claims (guest, account, claimed_at) VALUES ('eu_g', 'eu_ada', 0)");
        let before = json!({
            "starts_at": "2027-01-14T08:00:00Z", "ends_at": "2027-01-14T10:00:00Z", "timezone": "Asia/Colombo",
            "venue": {"name": "Blue Hall", "city": "Colombo", "country": "LK"},
        });
        let post = Post::default();
        post.handle(&[record("e.0", "event.updated", "eu_e", &json!({"id": "eu_e", "actor": "eu_u", "before": before}))]);
        assert_eq!(post.subjects(), ["Changed: Night of Strings"]);
        // Also where nothing was bought but by the guest.
        database.run("UPDATE bookings SET person = 'eu_g'");
        post.handle(&[record("e.1", "event.updated", "eu_e", &json!({"id": "eu_e", "actor": "eu_u", "before": before}))]);
        assert_eq!(post.ids().len(), 2);
    }
}

#[test]
fn who_asks_gets_links_to_what_can_still_be_opened_and_each_opens_its_own() {
    let asked = |id: &str, user: Option<&str>| {
        let payload = json!({"user_id": user, "network": "192.0.2.0/24"});
        record(id, "user.guest-links-requested", user.unwrap_or("nobody"), &payload)
    };
    for database in worlds_of_a_guest() {
        database.enter();
        let post = Post::default();
        post.handle(&[asked("a.0", None)]);
        post.handle(&[asked("a.1", Some("eu_g"))]);
        assert_eq!(post.ids().len(), 0, "nothing was mailed that could be opened");
        post.handle(&[bought("b.0", "eu_paid"), bought("b.1", "eu_free")]);
        // An order of another region, of another guest with the address; one that is over; and one of somebody else's.
        database.run(&format!(
            "INSERT INTO users (id, email, guest_email, name, password_hash, version, created_at) VALUES ('eu_h', 'eu_h', '{ADDRESS}', '', '', 1, 0), \
             ('eu_i', 'eu_i', 'eve@example.com', '', '', 1, 0)"
        ));
        database.run(&format!(
            "INSERT INTO guest_links (hash, guest, booking, asked, created_at, expires_at) VALUES ('1', 'eu_h', 'us_b', 0, 0, {}), \
             ('2', 'eu_h', 'us_over', 0, 0, {START}), ('3', 'eu_i', 'eu_other', 0, 0, {})",
            START + 1, START + 1
        ));
        let post = Post::default();
        post.handle(&[asked("a.2", Some("eu_g"))]);
        assert_eq!(post.subjects(), ["Your orders"]);
        let mut own: Vec<_> = opened(&post).into_iter().flatten().collect();
        own.sort();
        assert_eq!(own, ["eu_free", "eu_paid"]);
        let sent = post.sent.borrow();
        let text = &sent[0].text;
        assert!(text.contains("Night of Strings") && text.contains("us_b") && text.contains("eu_h."), "{text}");
        assert!(!text.contains("us_over") && !text.contains("eu_other"), "{text}");
    }
}
