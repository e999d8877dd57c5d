//! Mails say what is true when they are sent, and all of it.

use super::world::*;
use crate::limits;
use crate::wit::kafka::ConsumerRecord;
use kit::sql::testing::Database;
use serde_json::json;

/// What the one mail says that a record leads to: its subject, then its text.
fn told(record: ConsumerRecord) -> String {
    let post = Post::default();
    post.handle(&[record]);
    let sent = post.sent.borrow();
    let [mail] = &sent[..] else { panic!("{} mails", sent.len()) };
    let html = mail.html.as_ref().unwrap();
    // Both say the same; a sentence of the text stands in the HTML as well.
    for sentence in ["open no door", "has gone back", "goes back", "are held until", "hold has expired", "whole event"] {
        assert_eq!(mail.text.contains(sentence), html.contains(sentence), "{sentence}: {}", mail.text);
    }
    format!("{}\n{}", mail.subject, mail.text)
}

fn refund(database: &Database, status: &str, amount: i64) {
    database.run(&format!(
        "INSERT INTO refunds (id, payment, booking, amount, currency, reason, status, attempts, due_at, created_at, updated_at) \
         VALUES ('eu_r{status}', 'eu_pay', 'eu_paid', {amount}, 'EUR', 'cancelled', '{status}', 0, 0, 0, 0)"
    ));
}

/// The event asks something of each ticket.
fn asks(database: &Database) {
    let question = r#"[{"id": "eu_q", "label": "Meal", "kind": "text", "per": "ticket", "required": true}]"#;
    database.run(&format!("UPDATE events SET questions = '{question}', ends_at = {START} + 1"));
}

/// The buyer of the free booking answered what was asked; with `completed` everything that is required.
fn answered(id: &str, completed: bool) -> ConsumerRecord {
    let payload = json!({
        "order_id": "eu_free", "event_id": "eu_e", "actor": "eu_ada", "user_id": "eu_ada", "payment_id": null, "tickets": [1],
        "completed": completed,
    });
    record(id, "order.answered", "eu_free", &payload)
}

/// A situation, what is recorded in it, what its mail says, and what it does not.
type Case = (&'static str, fn(&Database), ConsumerRecord, &'static [&'static str], &'static [&'static str]);

#[test]
fn a_mail_says_only_what_is_true() {
    let cancelled = |payment, by: &str| {
        saying(booking("b.0", "booking.cancelled", "eu_paid", "cancelled", payment), &[("cancelled_by", json!(by))])
    };
    let refunded = |reason: &str| saying(payment("c.0", "payment.completed", Some(9000)), &[("refund_reason", json!(reason))]);
    let cases: Vec<Case> = vec![
        (
            "a mere hold was cancelled",
            |database| database.run("UPDATE bookings SET status = 'cancelled', payment = NULL WHERE id = 'eu_paid'"),
            cancelled(None, "buyer"),
            &["Cancelled: Night of Strings", "as you asked, the places that you held are given back"],
            &["its tickets", "goes back", "whole event"],
        ),
        (
            "a paid booking was cancelled by the buyer",
            |database| {
                database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_paid'");
                refund(database, "due", 9000);
            },
            cancelled(Some("eu_pay"), "buyer"),
            &["as you asked, this booking is cancelled", "its tickets open no door", "EUR 90.00 goes back"],
            &["whole event", "has gone back", "held"],
        ),
        (
            "all of it had been refunded before",
            |database| {
                database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_paid'");
                refund(database, "completed", 9000);
            },
            cancelled(Some("eu_pay"), "organiser"),
            &["the organiser has cancelled this booking", "EUR 90.00 has gone back to you already"],
            &["goes back the way", "as you asked"],
        ),
        (
            "the whole event was cancelled",
            |database| {
                database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_paid'");
                refund(database, "due", 8000);
                refund(database, "completed", 1000);
            },
            cancelled(Some("eu_pay"), "event"),
            &[
                "The event is cancelled: Night of Strings",
                "the whole event is cancelled",
                "EUR 80.00 goes back",
                "EUR 10.00 has gone back",
            ],
            &["as you asked"],
        ),
        (
            "the event was cancelled while somebody held places",
            |database| database.run("UPDATE bookings SET status = 'cancelled', payment = NULL WHERE id = 'eu_paid'"),
            cancelled(None, "event"),
            &["The event is cancelled", "the places that you held are given back"],
            &["tickets open", "goes back"],
        ),
        (
            "a payment failed and the hold goes on",
            |database| {
                database.run(&format!(
                    "UPDATE bookings SET status = 'held', expires_at = {START} + 600000000, payment = NULL WHERE id = 'eu_paid'"
                ))
            },
            payment("c.0", "payment.failed", None),
            &["held until Friday, 15 January 2027, 13:40 (Asia/Colombo, UTC+05:30)", "not enough money", "Nothing was charged"],
            &["expired"],
        ),
        (
            "a payment failed and the hold has expired",
            |database| {
                database.run(&format!(
                    "UPDATE bookings SET status = 'paying', expires_at = {START}, payment = NULL WHERE id = 'eu_paid'"
                ))
            },
            saying(payment("c.0", "payment.failed", None), &[("failure", json!("not_completed"))]),
            &["Your hold has expired, and its places are for sale again", "was not completed on the provider's page in time"],
            &["held until", "pay in another way"],
        ),
        (
            "a payment failed because the event was cancelled",
            |database| database.run("UPDATE bookings SET status = 'cancelled', payment = NULL WHERE id = 'eu_paid'"),
            saying(payment("c.0", "payment.failed", None), &[("failure", json!("event_cancelled"))]),
            &["The event was cancelled.", "there is nothing left to pay"],
            &["held until", "pay in another way"],
        ),
        (
            "late money beyond the limit is returned",
            |database| database.run("UPDATE bookings SET status = 'expired', payment = NULL WHERE id = 'eu_paid'"),
            refunded("over_limit"),
            &["Your refund of EUR 90.00", "because the payment came after the hold had expired", "more than one person may have"],
            &["tickets are valid"],
        ),
        (
            "late money for what is sold out is returned",
            |database| database.run("UPDATE bookings SET status = 'expired', payment = NULL WHERE id = 'eu_paid'"),
            refunded("sold_out"),
            &["because the payment came after the hold had expired, and the places had gone to others"],
            &["tickets are valid"],
        ),
        (
            "the organiser gives something back",
            |_| {},
            refunded("requested"),
            &["because the organiser gives it back", "your tickets are valid"],
            &["cancelled"],
        ),
        (
            "a booking was cancelled before its mail was sent",
            |database| database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_paid'"),
            booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay")),
            &["Your order for Night of Strings, cancelled since", "there are no tickets for it any more", "receipt is attached"],
            &["Your tickets for", "show one code"],
        ),
        (
            "the organiser asks something first",
            asks,
            booking("b.0", "booking.created", "eu_free", "confirmed", None),
            &[
                "Your booking for Night of Strings: questions to answer first",
                "your booking is confirmed",
                "Please answer in your account at https://tickets.example, under booking eu_free",
            ],
            &["Your tickets for", "show one code", "attached", "EU.T1."],
        ),
        (
            "what the organiser asks was answered before the mail was sent",
            |database| {
                asks(database);
                database.run(
                    "INSERT INTO answers (booking, number, question, event, person, label, kind, value, answered_by, answered_at) \
                     VALUES ('eu_free', 1, 'eu_q', 'eu_e', 'eu_ada', 'Meal', 'text', '\"Rice\"', 'eu_ada', 0)",
                );
            },
            answered("o.0", true),
            &["Your tickets for Night of Strings", "show one code", "The tickets are attached"],
            &["asks something", "Rice", "Meal"],
        ),
    ];
    for database in Database::all() {
        for (name, setup, record, says, says_not) in &cases {
            for table in [
                "answers",
                "inbox",
                "mail_log",
                "refunds",
                "payments",
                "booking_items",
                "bookings",
                "inventory",
                "ticket_types",
                "events",
                "organisers",
                "users",
            ] {
                database.enter();
                database.run(&format!("DELETE FROM {table}"));
            }
            database.set_now(START);
            populate(&database, "Night of Strings");
            setup(&database);
            let mail = told(record.clone());
            for part in *says {
                assert!(mail.contains(part), "{name}: no {part:?} in {mail}");
            }
            for part in *says_not {
                assert!(!mail.contains(part), "{name}: {part:?} in {mail}");
            }
        }
    }
}

#[test]
fn who_answers_a_part_gets_no_mail() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        post.handle(&[answered("o.0", false)]);
        assert_eq!((post.ids().len(), number(&database, "SELECT COUNT(*) FROM audit_log WHERE actor = 'eu_ada'")), (0, 1));
    }
}

#[test]
fn a_payment_that_failed_and_then_came_is_not_called_failed() {
    for database in worlds() {
        database.enter();
        database.run("UPDATE payments SET status = 'completed' WHERE id = 'eu_failed'");
        let post = Post::default();
        post.handle(&[payment("c.0", "payment.failed", None)]);
        assert_eq!(post.ids().len(), 0);
    }
}

#[test]
fn a_paid_order_gets_its_mail_however_long_its_title_and_high_its_price() {
    for database in Database::all() {
        database.enter();
        database.set_now(START);
        populate(&database, &"ก".repeat(200));
        let dear = json!({"amount": 500_000_000_000_000_000i64, "currency": "IDR"});
        let record = booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"));
        let mail = told(saying(record, &[("total", dear)]));
        let (subject, text) = mail.split_once('\n').unwrap();
        assert!(subject.chars().count() <= limits::SUBJECT && subject.ends_with("ก…"), "{subject}");
        assert!(text.contains(&"ก".repeat(200)), "the whole title stands in the mail");
    }
}

#[test]
fn an_order_with_more_tickets_than_a_mail_shows_says_how_many_and_where() {
    for database in worlds() {
        database.enter();
        database.run("UPDATE booking_items SET quantity = 1000 WHERE booking = 'eu_paid'");
        let mail = told(booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay")));
        assert_eq!(mail.lines().filter(|line| line.ends_with("  Standard")).count(), limits::TICKETS);
        assert!(
            mail.contains("And 800 more: all of them stand in your account at https://tickets.example, under booking eu_paid."),
            "{mail}"
        );
    }
}

/// When and where it was, as the catalog tells of it.
fn moved(id: &str) -> ConsumerRecord {
    let before = json!({
        "starts_at": "2027-01-14T08:00:00Z", "ends_at": "2027-01-14T10:00:00Z", "timezone": "Asia/Colombo",
        "venue": {"name": "Red Hall", "city": "Kandy", "country": "LK"},
    });
    record(id, "event.updated", "eu_e", &json!({"id": "eu_e", "actor": "eu_u", "before": before}))
}

#[test]
fn holders_of_tickets_are_told_once_when_day_time_or_venue_change() {
    for database in worlds() {
        database.enter();
        database.run("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_cy', 'cy@example.com', 'Cy', 'x', 1, 0)");
        database.run(
            "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) \
             VALUES ('eu_gone', 'eu_e', 'eu_cy', 'cancelled', 0, 9000, 'EUR', 'seed', 9, 0, 0)",
        );
        let post = Post::default();
        post.handle(&[
            moved("e.0"),
            moved("e.0"),
            record("e.1", "event.updated", "eu_e", &json!({"id": "eu_e", "actor": "eu_u"})),
        ]);
        post.tick();
        let sent = post.sent.borrow();
        let [mail] = &sent[..] else { panic!("{} mails, for Ada has two bookings and Cy none any more", sent.len()) };
        assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("ada@example.com", "Changed: Night of Strings"));
        for part in [
            "Your tickets stay valid.",
            "Now\nBlue Hall, Colombo, LK\nbegins Friday, 15 January 2027, 13:30 (Asia/Colombo, UTC+05:30)",
            "Before\nRed Hall, Kandy, LK\nbegan Thursday, 14 January 2027, 13:30 (Asia/Colombo, UTC+05:30)",
        ] {
            assert!(mail.text.contains(part), "{part:?} in {}", mail.text);
        }
    }
}

#[test]
fn nobody_is_told_of_a_new_day_for_an_event_that_is_cancelled_or_back_where_it_was() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        database.run("UPDATE events SET status = 'cancelled'");
        post.handle(&[moved("e.0")]);
        database.run(
            "UPDATE events SET status = 'published', venue_name = 'Red Hall', city = 'Kandy', starts_at = 1799913600000000, ends_at = 1799920800000000",
        );
        post.handle(&[moved("e.1")]);
        assert_eq!(post.ids().len(), 0);
        assert_eq!(number(&database, "SELECT COUNT(*) FROM mail_log WHERE state = 'due'"), 0);
    }
}

#[test]
fn every_change_of_how_an_account_is_entered_is_told_to_its_owner() {
    for database in worlds() {
        database.enter();
        for (kind, subject, sentence) in [
            ("user.second-factor-enabled", "Your account has a second factor now", "needs a code of an app as well"),
            (
                "user.second-factor-disabled",
                "Your second factor was taken away",
                "the second factor of your account was taken away",
            ),
            ("user.recovery-code-used", "A recovery code of your account was used", "one of your recovery codes was used"),
            ("user.recovery-codes-made", "Your account has new recovery codes", "new recovery codes were made"),
            ("user.passkey-added", "Your account has a new passkey", "a passkey was added to your account"),
            ("user.passkey-removed", "A passkey of your account was removed", "a passkey was removed from your account"),
        ] {
            let payload = json!({"user_id": "eu_ada", "actor": "eu_ada", "network": "192.0.2.0/24"});
            let mail = told(record(&format!("{kind}.0"), kind, "eu_ada", &payload));
            assert!(mail.starts_with(&format!("{subject}\n")) && mail.contains(sentence), "{mail}");
            assert!(mail.contains("If that was not you"), "{mail}");
        }
        // Whoever failed is not known to be its owner, and may fail often.
        let post = Post::default();
        for kind in ["user.second-factor-failed", "user.passkey-refused"] {
            post.handle(&[record(&format!("{kind}.0"), kind, "eu_ada", &json!({"user_id": "eu_ada", "network": null}))]);
        }
        assert_eq!(post.sent.borrow().len(), 0);
    }
}
