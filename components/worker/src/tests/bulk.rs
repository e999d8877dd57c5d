//! Mails to many people: each gets one, of what is true, after what somebody waits for.

use super::world::*;
use crate::limits;
use kit::sql::testing::{Database, ready};
use kit::time::SECOND;
use kit::{sql, unsubscribe};

const HOUR: i64 = 3_600 * SECOND;

/// A message to everybody who has a ticket for the event.
fn message(database: &Database, id: &str, kind: &str) {
    database.run(&format!(
        "INSERT INTO messages (id, event, organiser_id, kind, subject, text, holders, cursor, turn_at, sent, failed, unsubscribed, created_by, \
         created_at) VALUES ('{id}', 'eu_e', 'eu_o', '{kind}', 'Another <entrance>', 'Through the <garden>: https://hall.example/?a=1&b=2.\n\nBye', \
         1, '', 0, 0, 0, 0, 'eu_owner', {START})"
    ));
}

/// What became of its mails: sent, failed, unsubscribed, waiting.
fn counts(database: &Database, id: &str) -> (i64, i64, i64, i64) {
    let waiting = format!("(SELECT COUNT(*) FROM mail_log WHERE message = '{id}' AND state = 'due')");
    database.all_rows(&format!("SELECT sent, failed, unsubscribed, {waiting} FROM messages WHERE id = '{id}'")).remove(0)
}

fn person(database: &Database, id: &str, email: &str) {
    database.run(&format!(
        "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('{id}', '{email}', 'P', 'x', 1, 0)"
    ));
}

/// A confirmed booking of a ticket.
fn book(database: &Database, id: &str, person: &str, created_at: i64) {
    database.run(&format!(
        "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) \
         VALUES ('{id}', 'eu_e', '{person}', 'confirmed', 0, 0, 'EUR', 'seed {id}', 9, {created_at}, {created_at})"
    ));
    database.run(&format!(
        "INSERT INTO booking_items (booking, ticket_type, ordinal, quantity, unit_price) VALUES ('{id}', 'eu_t', 0, 1, 0)"
    ));
}

/// Gives a ticket of Ada's to somebody.
fn transfer(database: &Database, number: u32, holder: &str) {
    database.run(&format!(
        "INSERT INTO tickets (booking, number, event, ticket_type, generation, holder, held_since, version, updated_at) \
         VALUES ('eu_paid', {number}, 'eu_e', 'eu_t', 2, '{holder}', 0, 2, 0)"
    ));
}

/// The event begins so much later than now.
fn begins_in(database: &Database, microseconds: i64) {
    let at = START + microseconds;
    database.run(&format!("UPDATE events SET starts_at = {at}, ends_at = {at} + 1 WHERE id = 'eu_e'"));
}

#[test]
fn each_address_gets_a_message_once() {
    for database in worlds() {
        database.enter();
        // Ada has two orders; Bob's account is elsewhere; what Cy has bought goes to Ada's address, and Dee's was given to who stood at the counter.
        person(&database, "eu_cy", "cy@example.com");
        for (id, person) in [("eu_b", "us_bob"), ("eu_c", "eu_cy"), ("eu_d", "eu_sale")] {
            book(&database, id, person, 0);
        }
        database.run(
            "INSERT INTO order_details (booking, channel, email, updated_at) VALUES ('eu_c', 'online', 'ada@example.com', 0), \
             ('eu_d', 'counter', NULL, 0)",
        );
        message(&database, "eu_m", "service");
        let post = Post::default();
        for _ in 0..3 {
            post.tick();
        }
        let sent = post.sent.borrow();
        let [mail] = &sent[..] else { panic!("{} mails", sent.len()) };
        assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("ada@example.com", "Another <entrance>"));
        assert_eq!((mail.sender_name.as_deref(), &mail.list_unsubscribe), (Some("Blue Hall via Marquee"), &None));
        assert!(mail.text.starts_with("Through the <garden>: https://hall.example/?a=1&b=2.\n\nBye\n\n-- \n"), "{}", mail.text);
        assert!(
            mail.text.contains("because you have tickets for Night of Strings, by https://tickets.example."),
            "{}",
            mail.text
        );
        let html = mail.html.as_ref().unwrap();
        let url = "https:&#x2f;&#x2f;hall.example&#x2f;?a=1&amp;b=2";
        assert!(
            html.contains(&format!("<p dir=\"auto\">Through the &lt;garden&gt;: <a href=\"{url}\">{url}</a>.</p>")),
            "{html}"
        );
        assert_eq!(counts(&database, "eu_m"), (1, 0, 0, 1), "Bob's address is asked for");
        drop(sent);

        database.run("UPDATE users SET email = 'bob@example.org' WHERE id = 'us_bob'");
        database.set_now(START + HOUR);
        post.tick();
        assert_eq!(post.sent.borrow().last().unwrap().to, "bob@example.org");
        assert_eq!(counts(&database, "eu_m"), (2, 0, 0, 0));
        database.set_now(START);
    }
}

#[test]
fn a_crash_neither_loses_nor_repeats_a_message() {
    for database in worlds() {
        database.enter();
        let many = limits::BULK_BOOKINGS * 2 + 1;
        let values = |of: &dyn Fn(i64) -> String| (0..many).map(of).collect::<Vec<_>>().join(", ");
        let users = values(&|n| format!("('eu_u{n}', 'u{n}@example.com', 'U', 'x', 1, 0)"));
        database.run(&format!("INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES {users}"));
        let bookings = values(&|n| format!("('eu_x{n}', 'eu_e', 'eu_u{n}', 'confirmed', 0, 0, 'EUR', 's', 9, 0, 0)"));
        database.run(&format!(
            "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) VALUES {bookings}"
        ));
        let items = values(&|n| format!("('eu_x{n}', 'eu_t', 0, 1, 0)"));
        database.run(&format!("INSERT INTO booking_items (booking, ticket_type, ordinal, quantity, unit_price) VALUES {items}"));
        message(&database, "eu_m", "service");
        // The database goes away with the first mail: what was sent is not written down.
        let world = std::sync::Arc::clone(&database);
        let dying = Post { before: Some(Box::new(move |_| world.set_down(true))), ..Post::default() };
        dying.tick();
        database.set_down(false);
        assert!(!dying.ids().is_empty());
        database.set_now(START + limits::CLAIM + SECOND);
        let post = Post::default();
        for _ in 0..(many / 100 + 2) {
            post.tick();
        }
        let all: std::collections::BTreeSet<_> = post.sent.borrow().iter().map(|mail| mail.to.clone()).collect();
        let total = usize::try_from(many).unwrap() + 1;
        assert_eq!((all.len(), post.ids().len()), (total, total), "everybody, and nobody twice");
        assert!(dying.ids().iter().all(|id| post.ids().contains(id)), "with the same Message-ID");
        assert_eq!(counts(&database, "eu_m"), (many + 1, 0, 0, 0));
        database.set_now(START);
    }
}

#[test]
fn what_somebody_waits_for_is_sent_before_what_goes_to_many() {
    for database in worlds() {
        database.enter();
        message(&database, "eu_m", "service");
        ready(crate::bulk::write_down()).unwrap();
        // With records only what they ask for is sent.
        let post = Post::default();
        post.handle(&[registered("a.0", "eu_ada")]);
        assert_eq!(post.subjects(), ["Welcome to Marquee"]);
        database.run(&format!("UPDATE mail_log SET state = 'due', due_at = {START} + 1 WHERE template = 'welcome'"));
        database.set_now(START + SECOND);
        post.tick();
        let order: Vec<_> = post.sent.borrow().iter().skip(1).map(|mail| mail.subject.clone()).collect();
        assert_eq!(order, ["Welcome to Marquee", "Another <entrance>"], "although it came due later");
        database.set_now(START);
    }
}

#[test]
fn only_so_many_wait_and_messages_take_turns() {
    for database in worlds() {
        database.enter();
        message(&database, "eu_m", "service");
        let values = (0..=limits::BULK_DUE).map(|n| format!("('x{n}', 'eu_ada', 'message', '{{}}', 'due', 0, 0, 0, 0, 0, 1)"));
        database.run(&format!(
            "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at, bulk) VALUES {}",
            values.collect::<Vec<_>>().join(", ")
        ));
        ready(crate::bulk::write_down()).unwrap();
        assert_eq!(number(&database, "SELECT COUNT(*) FROM mail_log WHERE message = 'eu_m'"), 0);
        // Those that failed and are tried later are in nobody's way.
        database.run(&format!("UPDATE mail_log SET due_at = {START} + 1"));
        ready(crate::bulk::write_down()).unwrap();
        assert_eq!(number(&database, "SELECT COUNT(*) FROM mail_log WHERE message = 'eu_m'"), 1);
    }
}

#[test]
fn who_wants_no_news_gets_none_however_late_they_said_so() {
    for database in worlds() {
        database.enter();
        person(&database, "eu_cy", "cy@example.com");
        book(&database, "eu_c", "eu_cy", 0);
        message(&database, "eu_m", "news");
        let post = Post::default();
        post.tick();
        let links: Vec<_> = post.sent.borrow().iter().map(|mail| mail.list_unsubscribe.clone().unwrap()).collect();
        assert_eq!(links.len(), 2);
        for (mail, link) in post.sent.borrow().iter().zip(&links) {
            assert!(link.starts_with("https://tickets.example/api/unsubscribe/eu_"), "{link}");
            assert!(mail.text.contains(&format!("End them here: {link}\n")), "{}", mail.text);
        }
        // The next one is written down when Cy says so.
        for (id, kind) in [("eu_n", "news"), ("eu_s", "service")] {
            message(&database, id, kind);
        }
        ready(crate::bulk::write_down()).unwrap();
        let index = post.sent.borrow().iter().position(|mail| mail.to == "cy@example.com").unwrap();
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let link = links[index].rsplit('/').next().unwrap();
            let (organiser, address) = unsubscribe::find(&mut tx, link).await.unwrap().unwrap();
            unsubscribe::unsubscribe(&mut tx, "eu", &organiser, &address).await.unwrap();
            tx.commit().await.unwrap();
        });
        post.tick();
        assert_eq!((counts(&database, "eu_n"), counts(&database, "eu_s")), ((1, 0, 1, 0), (2, 0, 0, 0)));
        let to_cy = post.sent.borrow().iter().filter(|mail| mail.to == "cy@example.com").count();
        assert_eq!(to_cy, 2, "the first, and what concerns the tickets");
    }
}

#[test]
fn news_without_a_way_to_end_them_go_nowhere() {
    for database in worlds() {
        database.enter();
        message(&database, "eu_m", "news");
        let post = Post::default();
        ready(crate::handle(&[], &post, "http://127.0.0.1:8080"));
        assert_eq!((post.ids().len(), counts(&database, "eu_m")), (0, (0, 1, 0, 0)));
    }
}

#[test]
fn a_message_that_the_server_refuses_has_failed() {
    for database in worlds() {
        database.enter();
        message(&database, "eu_m", "service");
        let post = Post::answering([Err(crate::wit::mail::Error::Rejected("no such mailbox".to_owned()))]);
        post.tick();
        assert_eq!(counts(&database, "eu_m"), (0, 1, 0, 0));
    }
}

#[test]
fn who_had_an_order_by_then_is_reminded_once_and_of_what_is_true() {
    for database in worlds() {
        database.enter();
        database.run("DELETE FROM booking_items WHERE booking = 'eu_free'");
        person(&database, "eu_cy", "cy@example.com");
        person(&database, "eu_late", "late@example.com");
        transfer(&database, 2, "eu_cy");
        begins_in(&database, 24 * HOUR + 1);
        let post = Post::default();
        post.tick();
        assert_eq!(post.ids().len(), 0, "not yet");
        book(&database, "eu_gone", "eu_late", 0);
        database.run("UPDATE bookings SET status = 'cancelled' WHERE id = 'eu_gone'");
        begins_in(&database, 24 * HOUR);
        book(&database, "eu_late", "eu_late", START);
        post.tick();
        post.tick();
        let mut sent = post
            .sent
            .borrow()
            .iter()
            .map(|mail| (mail.to.clone(), mail.text.clone(), mail.attachments.len()))
            .collect::<Vec<_>>();
        sent.sort();
        let [(ada, for_ada, papers), (cy, for_cy, none)] = &sent[..] else { panic!("{sent:?}") };
        assert_eq!((ada.as_str(), cy.as_str(), *papers, *none), ("ada@example.com", "cy@example.com", 2, 0));
        let own = codes("eu_paid", "eu_t", 1).remove(0);
        assert!(for_ada.contains(&own) && for_ada.contains("Saturday, 16 January 2027, 13:30"), "{for_ada}");
        assert_eq!((for_ada.matches("  Standard").count(), for_cy.matches("  Standard").count()), (1, 1));
        assert!(!for_cy.contains(&own), "{for_cy}");
        assert!(post.sent.borrow().iter().all(|mail| mail.subject == "Soon: Night of Strings"));

        // Moved to another week, it has its mail for that.
        begins_in(&database, 200 * HOUR);
        database.set_now(START + 180 * HOUR);
        post.tick();
        assert_eq!(post.ids().len(), 2, "nobody is reminded twice");
        database.set_now(START);
    }
}

#[test]
fn nobody_is_reminded_of_what_has_begun_was_called_off_or_is_not_to_be_reminded_of() {
    for database in worlds() {
        database.enter();
        for (name, change) in [
            ("called off", "UPDATE events SET status = 'cancelled'"),
            ("begun", "UPDATE events SET starts_at = 1"),
            ("not wanted", "UPDATE events SET reminder_hours = 0"),
            ("given back", "UPDATE bookings SET status = 'cancelled'"),
        ] {
            database.run("DELETE FROM mail_log");
            database.run("DELETE FROM reminders");
            database.run("UPDATE events SET status = 'published', reminder_hours = 24");
            database.run("UPDATE bookings SET status = 'confirmed'");
            begins_in(&database, HOUR);
            // Once before they are written down, and once between that and the mail.
            if name != "given back" {
                database.run(change);
                ready(crate::bulk::write_down()).unwrap();
                assert_eq!(number(&database, "SELECT COUNT(*) FROM mail_log"), 0, "{name}");
                database.run("UPDATE events SET status = 'published', reminder_hours = 24");
                begins_in(&database, HOUR);
            }
            ready(crate::bulk::write_down()).unwrap();
            assert_eq!(number(&database, "SELECT COUNT(*) FROM mail_log"), 2, "{name}");
            database.run(change);
            let post = Post::default();
            post.tick();
            assert_eq!(post.ids().len(), 0, "{name}");
        }
    }
}
