//! Mail after the commit: none is missing, and a copy has the same id.

use super::world::*;
use crate::wit::mail::Error;
use crate::{Fate, batch, limits};
use kit::sql::testing::{Database, ready};
use kit::time::SECOND;

fn states(database: &Database) -> Vec<(String, i64, Option<String>)> {
    database.all_rows("SELECT state, attempts, error FROM mail_log ORDER BY created_at, id")
}

#[test]
fn a_paid_booking_comes_with_its_tickets_and_its_receipt() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        post.handle(&[booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))]);
        let sent = post.sent.borrow();
        let [mail] = &sent[..] else { panic!("{} mails", sent.len()) };
        assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("ada@example.com", "Your tickets for Night of Strings"));
        for code in &codes("eu_paid", "eu_t", 2) {
            assert!(mail.text.contains(&format!("{code}  Standard")) && mail.html.as_ref().unwrap().contains(code.as_str()));
        }
        let [tickets, calendar, receipt] = &mail.attachments[..] else { panic!("{} attachments", mail.attachments.len()) };
        assert_eq!((tickets.filename.as_str(), tickets.content_type.as_str()), ("tickets-eu_paid.pdf", "application/pdf"));
        assert_eq!(
            (calendar.filename.as_str(), calendar.content_type.as_str()),
            ("tickets-eu_paid.ics", "text/calendar; charset=utf-8")
        );
        assert_eq!((receipt.filename.as_str(), receipt.content_type.as_str()), ("receipt-EU-PAY.pdf", "application/pdf"));
        assert!(tickets.content.starts_with(b"%PDF-") && receipt.content.starts_with(b"%PDF-"));
        let calendar = String::from_utf8(calendar.content.clone()).unwrap();
        for line in ["UID:eu_paid@marquee", "DTSTART;TZID=Asia/Colombo:20270115T133000", "STATUS:CONFIRMED"] {
            assert!(calendar.contains(&format!("{line}\r\n")), "{line} in {calendar}");
        }
        assert_eq!(
            database.all_rows::<(String, String)>("SELECT state, address FROM mail_log"),
            [("sent".into(), "ada@example.com".into())]
        );
    }
}

#[test]
fn a_free_booking_comes_with_its_tickets_alone() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        post.handle(&[booking("b.0", "booking.created", "eu_free", "confirmed", None)]);
        let sent = post.sent.borrow();
        let attached: Vec<_> = sent[0].attachments.iter().map(|it| it.filename.as_str()).collect();
        assert_eq!(attached, ["tickets-eu_free.pdf", "tickets-eu_free.ics"]);
        assert!(!sent[0].text.contains("receipt"), "{}", sent[0].text);
        assert!(sent[0].text.contains(&codes("eu_free", "eu_f", 1)[0]));
    }
}

#[test]
fn each_change_has_its_mail() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        post.handle(&[
            registered("a.0", "eu_ada"),
            booking("b.0", "booking.created", "eu_paid", "held", None),
            booking("b.1", "booking.updated", "eu_paid", "confirmed", Some("eu_pay")),
            booking("b.2", "booking.cancelled", "eu_paid", "cancelled", Some("eu_pay")),
            booking("b.3", "booking.updated", "eu_paid", "expired", None),
            payment("c.0", "payment.initiated", None),
            payment("c.1", "payment.completed", None),
            payment("c.2", "payment.failed", None),
            payment("c.3", "payment.completed", Some(4500)),
        ]);
        let subjects = [
            "Cancelled: Night of Strings",
            "Welcome to Marquee",
            "Your payment for Night of Strings failed",
            "Your refund of EUR 45.00",
            "Your tickets for Night of Strings",
        ];
        assert_eq!(post.subjects(), subjects);
    }
}

#[test]
fn a_crash_before_a_mail_was_sent_loses_none() {
    for database in worlds() {
        database.enter();
        // What is committed when the process ends between the batch and its mail.
        let fates = ready(batch::handle(&[registered("a.0", "eu_ada")]));
        assert_eq!(fates, [Fate::Done]);
        let id = &database.all_rows::<(String,)>("SELECT id FROM mail_log WHERE state = 'due'")[0].0;
        let post = Post::default();
        // Kafka hands the record over again; the mail is sent once, and by whoever comes next.
        post.handle(&[registered("a.0", "eu_ada")]);
        post.tick();
        assert_eq!(post.ids(), std::slice::from_ref(id));
        assert_eq!(states(&database), [("sent".to_owned(), 1, None)]);
    }
}

#[test]
fn a_crash_after_a_mail_was_sent_may_bring_a_copy_of_it() {
    for database in worlds() {
        database.enter();
        let world = std::sync::Arc::clone(&database);
        let dying = Post { before: Some(Box::new(move |_| world.set_down(true))), ..Post::default() };
        assert_eq!(dying.handle(&[registered("a.0", "eu_ada")]), [Fate::Done]);
        database.set_down(false);

        let post = Post::default();
        post.tick();
        assert_eq!(post.ids(), [""; 0], "it is still somebody's");
        database.set_now(START + limits::CLAIM + SECOND);
        post.tick();
        assert_eq!((post.ids(), post.sent.borrow().len()), (dying.ids(), 1));
        post.tick();
        assert_eq!(post.ids().len(), 1);
    }
}

#[test]
fn what_is_published_again_makes_no_mail() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        let again = |record| with(record, "ce_replayed", Some("true"));
        let record = |id: &str| booking(id, "booking.updated", "eu_paid", "confirmed", Some("eu_pay"));
        // One that was never handled counts, and one that was does not.
        assert_eq!(post.handle(&[again(record("b.0")), again(registered("a.0", "eu_ada"))]), [Fate::Done, Fate::Done]);
        assert_eq!(post.handle(&[again(record("b.0")), record("b.0")]), [Fate::Done, Fate::Done]);
        assert_eq!((post.ids().len(), number(&database, "SELECT COUNT(*) FROM mail_log")), (0, 0));
        assert_eq!((number(&database, "SELECT bookings FROM analytics"), checked_log(&database, "eu")), (1, Ok(2)));
    }
}

#[test]
fn a_mail_is_tried_until_it_is_taken() {
    for database in worlds() {
        database.enter();
        let post = Post::answering([Err(Error::Unavailable(60_000)), Err(Error::Unknown), Ok(())]);
        post.handle(&[registered("a.0", "eu_ada")]);
        assert_eq!(states(&database)[0].0, "due");
        database.set_now(START + 59 * SECOND);
        post.tick();
        assert_eq!(post.ids().len(), 1, "not before the server said");
        database.set_now(START + 60 * SECOND);
        post.tick();
        assert_eq!(states(&database)[0].2.as_deref(), Some("the mail server did not say whether it took it"));
        database.set_now(START + 80 * SECOND);
        post.tick();
        let ids = post.ids();
        assert!(ids.len() == 3 && ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(states(&database), [("sent".to_owned(), 3, None)]);
    }
}

#[test]
fn what_cannot_be_sent_says_why() {
    for database in worlds() {
        database.enter();
        let post = Post::answering([Err(Error::Rejected("550 no such mailbox".into()))]);
        post.handle(&[registered("a.0", "eu_ada")]);
        assert_eq!(states(&database), [("failed".to_owned(), 1, Some("550 no such mailbox".to_owned()))]);

        // A booking that is not here.
        post.handle(&[booking("b.0", "booking.cancelled", "eu_gone", "cancelled", None)]);
        let mut reasons: Vec<_> =
            states(&database).into_iter().filter_map(|(state, _, error)| error.filter(|_| state == "failed")).collect();
        reasons.sort();
        assert_eq!(reasons, ["550 no such mailbox", "its booking or event is not here"]);
        post.tick();
        assert_eq!(post.ids().len(), 1);
    }
}

#[test]
fn nobody_writes_to_who_is_erased() {
    for database in worlds() {
        database.enter();
        database.run("UPDATE users SET email = id, name = '', erased_at = 1 WHERE id = 'eu_ada'");
        database.run("INSERT INTO erasures (user_id, sequence, passes, created_at) VALUES ('eu_ada', 1, 2, 1)");
        let post = Post::default();
        post.handle(&[booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))]);
        assert!(post.sent.borrow().is_empty());
        assert_eq!(states(&database), [("failed".to_owned(), 1, Some("the recipient's account was erased".to_owned()))]);
    }
}

#[test]
fn a_mail_waits_for_the_address_of_who_has_an_account_elsewhere() {
    for database in worlds() {
        database.enter();
        let post = Post::default();
        post.handle(&[registered("a.0", "us_bob"), registered("a.1", "us_nobody")]);
        assert!(states(&database).iter().all(|(state, ..)| state == "due") && post.ids().is_empty());
        database.run("UPDATE users SET email = 'bob@example.com' WHERE id = 'us_bob'");
        database.set_now(START + 5 * SECOND);
        post.tick();
        assert_eq!(post.ids().len(), 1);
        let mut states: Vec<_> = states(&database).into_iter().map(|(state, ..)| state).collect();
        states.sort();
        assert_eq!(states, ["due", "sent"]);
    }
}

#[test]
fn what_was_said_of_an_address_elsewhere_is_believed_for_an_hour() {
    for database in worlds() {
        database.enter();
        let asked_at =
            |at: i64| database.run(&format!("UPDATE users SET email = 'bob@example.com', contact_at = {at} WHERE id = 'us_bob'"));
        let post = Post::default();
        asked_at(START - kit::limits::CONTACT_MICROSECONDS);
        post.handle(&[registered("a.0", "us_bob")]);
        assert!(post.ids().is_empty(), "it may be another one by now");
        asked_at(START);
        database.set_now(START + 5 * SECOND);
        post.tick();
        assert_eq!(post.ids().len(), 1);
    }
}

#[test]
fn a_mail_is_given_up_in_the_end() {
    for database in worlds() {
        database.enter();
        let attempts = usize::try_from(limits::MAIL_ATTEMPTS).unwrap();
        let post = Post::answering(vec![Err(Error::Unavailable(1)); attempts + 5]);
        post.handle(&[registered("a.0", "eu_ada")]);
        for round in 1..limits::MAIL_ATTEMPTS + 5 {
            database.set_now(START + round * limits::WAIT.end());
            post.tick();
        }
        assert_eq!(post.ids().len(), attempts);
        let states = states(&database);
        assert_eq!((states[0].0.as_str(), states[0].1), ("failed", limits::MAIL_ATTEMPTS));
        assert!(states[0].2.as_ref().unwrap().contains("given up after 40 attempts"));
    }
}

#[test]
fn a_receipt_waits_for_its_payment() {
    for database in worlds() {
        database.enter();
        database.run("UPDATE payments SET status = 'processing' WHERE id = 'eu_pay'");
        let post = Post::default();
        post.handle(&[booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))]);
        assert_eq!(states(&database), [("due".to_owned(), 1, Some("its payment is not complete yet".to_owned()))]);
        database.run("UPDATE payments SET status = 'completed' WHERE id = 'eu_pay'");
        database.set_now(START + 5 * SECOND);
        post.tick();
        assert_eq!(post.sent.borrow()[0].attachments.len(), 3);
    }
}

/// As many tickets as a mail shows come on paper, too; its bound is the host's, of all that is in a mail.
#[test]
fn the_largest_order_fits_into_a_mail() {
    for database in worlds() {
        database.enter();
        database.run("UPDATE booking_items SET quantity = 2000 WHERE booking = 'eu_paid'");
        let post = Post::default();
        post.handle(&[booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))]);
        let sent = post.sent.borrow();
        assert!(sent[0].text.contains("And 1800 more"));
        let bytes: usize = sent[0].attachments.iter().map(|it| it.content.len()).sum();
        assert!(sent[0].attachments[0].content.len() > 100_000 && bytes * 3 / 2 < 4 << 20, "{bytes}");
    }
}

/// What people call themselves stands on no paper that goes to an address of which it is not known that they read it.
#[test]
fn tickets_have_no_names_for_an_unknown_reader() {
    for database in worlds() {
        database.enter();
        database.run("UPDATE users SET name = 'Buy at shop.example', email_verified_at = NULL WHERE id = 'eu_ada'");
        let named = attached(&database);
        database.run("UPDATE users SET name = 'A' WHERE id = 'eu_ada'");
        assert_eq!(named, attached(&database), "the same paper, whatever the name");
        database.run("UPDATE users SET email_verified_at = 1 WHERE id = 'eu_ada'");
        assert_ne!(named, attached(&database));
    }
}

/// How large the tickets of the free booking are in a mail.
fn attached(database: &Database) -> usize {
    database.run("DELETE FROM mail_log");
    database.run("DELETE FROM inbox");
    let post = Post::default();
    post.handle(&[booking("b.0", "booking.created", "eu_free", "confirmed", None)]);
    post.sent.borrow()[0].attachments[0].content.len()
}

#[test]
fn two_workers_do_not_send_the_same_mail() {
    for database in worlds() {
        database.enter();
        let records: Vec<_> = (0..60).map(|number| registered(&format!("a.{number}"), "eu_ada")).collect();
        ready(batch::handle(&records));
        let mut ids: Vec<String> = std::thread::scope(|scope| {
            let worker = || {
                scope.spawn(|| {
                    database.enter();
                    let post = Post::default();
                    // A claim that meets another's may come back empty-handed.
                    let mut rounds = 0;
                    while number(&database, "SELECT COUNT(*) FROM mail_log WHERE state = 'due'") > 0 {
                        ready(crate::mail::send_due(&post, BASE, 5, true)).ok();
                        rounds += 1;
                        assert!(rounds < 1000, "nobody sends what is due");
                    }
                    post.ids()
                })
            };
            let workers = [worker(), worker()];
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
        });
        ids.sort();
        assert_eq!(ids.len(), 60);
        ids.dedup();
        assert_eq!(ids.len(), 60);
    }
}
