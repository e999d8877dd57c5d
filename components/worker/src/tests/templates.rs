//! What people read.

use super::world::*;
use kit::sql::testing::Database;
use std::sync::Arc;

fn with_title(title: &str) -> Vec<Arc<Database>> {
    let all = Database::all();
    for database in &all {
        database.enter();
        database.set_now(START);
        populate(database, title);
    }
    all
}

#[test]
fn what_people_type_is_escaped_in_html_and_begins_no_line() {
    for database in with_title("<script>alert(1)</script> & more\r\nBcc: eve@example.com") {
        database.enter();
        let post = Post::default();
        post.handle(&[
            registered("a.0", "eu_ada"),
            booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay")),
            booking("b.1", "booking.cancelled", "eu_paid", "cancelled", Some("eu_pay")),
            payment("c.0", "payment.failed", None),
            payment("c.1", "payment.completed", Some(4500)),
        ]);
        let sent = post.sent.borrow();
        assert_eq!(sent.len(), 5);
        for mail in sent.iter() {
            let html = mail.html.as_ref().unwrap();
            assert!(!html.contains("<script") && !html.contains("<Lovelace"), "{html}");
            // Who registers is not known to be who reads the address.
            let named = !mail.subject.contains("Welcome");
            assert_eq!(html.contains("Ada &lt;Lovelace&gt;"), named, "{html}");
            assert!(!mail.subject.contains(['\r', '\n']) && !mail.subject.contains('{'), "{}", mail.subject);
            assert!(
                mail.text.contains("Ada <Lovelace>") == named && !mail.text.lines().any(|line| line.starts_with("Bcc:")),
                "{}",
                mail.text
            );
            // Whole, and nothing of the templates is left.
            assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"), "{html}");
            for leftover in ["{{", "{%", "none", "undefined"] {
                assert!(!html.contains(leftover) && !mail.text.contains(leftover), "{leftover}: {}", mail.text);
            }
            assert!(mail.text.contains(BASE) && html.contains("https:&#x2f;&#x2f;tickets.example"), "{html}");
        }
    }
}

#[test]
fn a_registration_with_somebody_elses_address_carries_no_text_to_them() {
    for database in with_title("Night of Strings") {
        database.enter();
        database.run("UPDATE users SET email_verified_at = NULL");
        let post = Post::default();
        post.handle(&[
            registered("a.0", "eu_ada"),
            forgotten("a.1", Some("eu_ada")),
            record("a.2", "user.password-changed", "eu_ada", &serde_json::json!({"user_id": "eu_ada"})),
            record("a.3", "user.second-factor-enabled", "eu_ada", &serde_json::json!({"user_id": "eu_ada"})),
            booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay")),
            booking("b.1", "booking.cancelled", "eu_paid", "cancelled", Some("eu_pay")),
            payment("c.0", "payment.failed", None),
            payment("c.1", "payment.completed", Some(4500)),
        ]);
        let sent = post.sent.borrow();
        assert_eq!(sent.len(), 8);
        for mail in sent.iter() {
            for text in [&mail.subject, &mail.text, mail.html.as_ref().unwrap()] {
                assert!(!text.contains("Ada") && !text.contains("Lovelace"), "{text}");
            }
        }
    }
}

#[test]
fn a_ticket_that_is_offered_names_the_address_of_who_offers_it_and_nothing_that_they_typed() {
    for database in with_title("Night of Strings") {
        database.enter();
        database.run(
            "INSERT INTO tickets (booking, number, event, ticket_type, generation, version, updated_at) VALUES ('eu_paid', 1, 'eu_e', 'eu_t', 1, 1, 0)",
        );
        database.run(&format!(
            "INSERT INTO ticket_offers (id, booking, number, generation, offered_by, email, status, expires_at, created_at, updated_at) \
             VALUES ('eu_offer', 'eu_paid', 1, 1, 'eu_ada', 'grace@example.com', 'open', {}, {START}, {START})",
            START + 3600 * 1_000_000
        ));
        let offered = |id: &str| {
            let payload = serde_json::json!({"offer_id": "eu_offer", "booking_id": "eu_paid", "number": 1, "actor": "eu_ada"});
            record(id, "ticket.offered", "eu_paid.0001", &payload)
        };
        let post = Post::default();
        post.handle(&[offered("a.0")]);
        let sent = post.sent.borrow();
        let [mail] = &sent[..] else { panic!("{} mails", sent.len()) };
        assert_eq!((mail.to.as_str(), mail.subject.as_str()), ("grace@example.com", "A ticket for Night of Strings"));
        for text in [&mail.text, mail.html.as_ref().unwrap()] {
            assert!(text.contains("ada@example.com") && text.contains("eu_offer") && text.contains("Standard"), "{text}");
            assert!(!text.contains("Lovelace") && !text.contains("your account"), "{text}");
        }
        drop(sent);
        // What is no longer true is not written, nor what somebody says who may be anybody.
        database.run("UPDATE users SET email_verified_at = NULL");
        post.handle(&[offered("a.1")]);
        database.run("UPDATE users SET email_verified_at = 0");
        database.run("UPDATE ticket_offers SET status = 'withdrawn'");
        post.handle(&[offered("a.2")]);
        assert_eq!(post.sent.borrow().len(), 1);
    }
}

/// The token that stands in a mail, on a line of its own or in a link that has one.
fn token(mail: &crate::wit::mail::Message) -> Option<String> {
    let line = mail.text.lines().find(|line| line.starts_with("eu_ada.") || line.contains("#token="))?;
    let token = line.rsplit('=').next()?;
    assert!(mail.html.as_ref().unwrap().contains(token));
    Some(token.to_owned())
}

#[test]
fn a_mail_has_a_token_that_shows_that_it_was_read() {
    use kit::mail_token::{self, Purpose};
    use kit::sql::{self, testing::ready};
    for database in with_title("Night of Strings") {
        database.enter();
        database.run("UPDATE users SET email_verified_at = NULL");
        let post = Post::default();
        post.handle(&[registered("a.0", "eu_ada"), forgotten("a.1", Some("eu_ada")), forgotten("a.2", None)]);
        let sent = post.sent.borrow();
        assert_eq!(sent.len(), 2, "nobody is written to about an address that nobody has");
        for mail in sent.iter() {
            let (purpose, page) = match mail.subject.contains("Welcome") {
                true => (Purpose::VerifyEmail, "/verify-email"),
                false => (Purpose::ResetPassword, "/reset-password"),
            };
            // What is behind the # goes to no server.
            let link = format!("{BASE}{page}#token={}", token(mail).unwrap());
            assert!(mail.text.lines().any(|line| line == link), "{}", mail.text);
            assert!(mail.html.as_ref().unwrap().contains(&format!("href=\"{}\"", link.replace('/', "&#x2f;"))));
            let owner = ready(async {
                let mut tx = sql::read().await.unwrap();
                let owner = mail_token::find(&mut tx, purpose, &token(mail).unwrap()).await.unwrap();
                tx.rollback().await.unwrap();
                owner
            });
            assert_eq!(owner, Some(("eu_ada".to_owned(), "ada@example.com".to_owned())), "{}", mail.subject);
        }
        drop(sent);
        // Who has shown it is not asked again.
        database.run("UPDATE users SET email_verified_at = 0");
        post.handle(&[registered("a.3", "eu_ada")]);
        assert_eq!(token(post.sent.borrow().last().unwrap()), None);
    }
}

/// The code that stands in a mail, on a line of its own.
fn code(mail: &crate::wit::mail::Message) -> Option<String> {
    let is_code = |line: &&str| line.len() == 9 && line.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ');
    let line = mail.text.lines().find(is_code)?;
    assert!(mail.html.as_ref().unwrap().contains(line));
    Some(line.replace(' ', ""))
}

#[test]
fn only_the_mail_that_verifies_an_address_has_a_code_and_the_newest_counts() {
    use kit::mail_token::{self, Purpose};
    use kit::sql::{self, testing::ready};
    let requested = |id| record(id, "user.verification-requested", "eu_ada", &serde_json::json!({"user_id": "eu_ada"}));
    for database in with_title("Night of Strings") {
        database.enter();
        database.run("UPDATE users SET email_verified_at = NULL");
        let post = Post::default();
        post.handle(&[registered("a.0", "eu_ada")]);
        post.handle(&[requested("a.1"), forgotten("a.2", Some("eu_ada"))]);
        let good = |code: &str| {
            ready(async {
                let mut tx = sql::write().await.unwrap();
                let good = mail_token::is_code(&mut tx, Purpose::VerifyEmail, "eu_ada", "ada@example.com", code).await.unwrap();
                tx.commit().await.unwrap();
                good
            })
        };
        let sent = post.sent.borrow();
        let codes: Vec<_> = sent.iter().map(|mail| (mail.subject.as_str(), code(mail))).collect();
        let of = |subject: &str| codes.iter().find(|(known, _)| *known == subject).unwrap().1.clone();
        assert_eq!(of("Choose a new password"), None);
        let (first, newest) = (of("Welcome to Marquee").unwrap(), of("Is this your address?").unwrap());
        assert_eq!((good(&first), good(&newest)), (false, true));
        drop(sent);
        database.run("UPDATE users SET email_verified_at = 0");
        post.handle(&[requested("a.3")]);
        assert_eq!(post.ids().len(), 3, "there is nothing to show any more");
    }
}

#[test]
fn both_addresses_are_asked_before_an_account_changes_to_another() {
    use kit::mail_token::{self, Purpose};
    use kit::sql::{self, testing::ready};
    let requested = |id, address| {
        let payload = serde_json::json!({"user_id": "eu_ada", "address": address});
        record(id, "user.email-change-requested", "eu_ada", &payload)
    };
    for database in with_title("Night of Strings") {
        database.enter();
        database.run(&format!(
            "INSERT INTO email_changes (user_id, session_id, old_email, new_email, expires_at) \
             VALUES ('eu_ada', 'eu_s', 'ada@example.com', 'countess@example.org', {START} + 1)"
        ));
        let post = Post::default();
        post.handle(&[requested("a.0", "old"), requested("a.1", "new")]);
        let sent = post.sent.borrow();
        assert_eq!(sent.len(), 2);
        for (address, purpose) in [("ada@example.com", Purpose::LeaveEmail), ("countess@example.org", Purpose::TakeEmail)] {
            let mail = sent.iter().find(|mail| mail.to == address).unwrap();
            let owner = ready(async {
                let mut tx = sql::read().await.unwrap();
                let owner = mail_token::find(&mut tx, purpose, &token(mail).unwrap()).await.unwrap();
                tx.rollback().await.unwrap();
                owner
            });
            assert_eq!(owner, Some(("eu_ada".to_owned(), address.to_owned())));
            // Who reads the other address may have nothing to do with her.
            let known = purpose == Purpose::LeaveEmail;
            assert_eq!((mail.text.contains("Lovelace"), mail.text.contains("countess@")), (known, known), "{}", mail.text);
        }
        drop(sent);
        // Where nobody knows whose the old one is, nothing that was typed goes there.
        database.run("UPDATE users SET email_verified_at = NULL");
        post.handle(&[requested("a.4", "old")]);
        let text = post.sent.borrow()[2].text.clone();
        assert!(!text.contains("countess@") && !text.contains("Lovelace") && text.contains("another address"), "{text}");
        // What is void by the time that the mail is written is not asked.
        for void in ["UPDATE email_changes SET old_email = 'x@example.com'", "DELETE FROM email_changes"] {
            database.run(void);
            post.handle(&[requested("a.2", "old"), requested("a.3", "new")]);
            assert_eq!(post.ids().len(), 3, "{void}");
        }
    }
}

#[test]
fn an_invitation_goes_to_an_address_and_says_who_sends_it_only_if_that_is_known() {
    use kit::mail_token::{self, Purpose};
    use kit::sql::{self, testing::ready};
    for database in with_title("Night of Strings") {
        database.enter();
        database.run(
            "INSERT INTO users (id, email, name, password_hash, version, created_at) VALUES ('eu_owner', 'o@example.com', 'Olga <b>', 'x', 1, 0)",
        );
        let invite = || {
            database.run(&format!(
                "INSERT INTO invitations (id, organiser_id, email, role, invited_by, created_at, expires_at) \
                 VALUES ('eu_i', 'eu_o', 'new@example.com', 'finance', 'eu_owner', {START}, {START} + 1)"
            ));
        };
        invite();
        let post = Post::default();
        post.handle(&[invited("a.0")]);
        database.run("UPDATE users SET email_verified_at = 0 WHERE id = 'eu_owner'");
        post.handle(&[invited("a.1")]);
        // Withdrawn, accepted, over.
        database.run("DELETE FROM invitations");
        post.handle(&[invited("a.2")]);
        invite();
        database.run(&format!("UPDATE invitations SET expires_at = {START}"));
        post.handle(&[invited("a.3")]);

        let sent = post.sent.borrow();
        let [unknown, known] = &sent[..] else { panic!("{} mails", sent.len()) };
        assert_eq!(number(&database, "SELECT COUNT(*) FROM mail_log WHERE state = 'failed'"), 2);
        for mail in [unknown, known] {
            assert_eq!(mail.to, "new@example.com");
            assert!(
                mail.text.contains("You would be: finance.") && mail.text.contains("because this address was invited"),
                "{}",
                mail.text
            );
        }
        assert_eq!((&*unknown.subject, &*known.subject), ("You are invited to a team", "Join the team of Blue Hall"));
        for text in [&unknown.subject, &unknown.text, unknown.html.as_ref().unwrap()] {
            assert!(!text.contains("Olga") && !text.contains("Blue Hall"), "{text}");
        }
        assert!(known.text.contains("Olga <b> invites you to the team of Blue Hall"), "{}", known.text);
        assert!(known.html.as_ref().unwrap().contains("Olga &lt;b&gt; invites you"));
        // The newest token is good, and says which invitation it is of.
        let token =
            |mail: &crate::wit::mail::Message| mail.text.lines().find(|line| line.starts_with("eu_i.")).unwrap().to_owned();
        let found = |token: &str| {
            ready(async {
                let mut tx = sql::read().await.unwrap();
                let found = mail_token::find(&mut tx, Purpose::JoinTeam, token).await.unwrap();
                tx.rollback().await.unwrap();
                found
            })
        };
        assert_eq!(
            (found(&token(unknown)), found(&token(known))),
            (None, Some(("eu_i".to_owned(), "new@example.com".to_owned())))
        );
    }
}

#[test]
fn a_mail_reads_like_this() {
    for database in with_title("Night of Strings") {
        database.enter();
        let post = Post::default();
        post.handle(&[booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))]);
        let [first, second] = codes("eu_paid", "eu_t", 2).try_into().unwrap();
        let expected = format!(
            "Hello Ada <Lovelace>,\n\nyour booking is confirmed.\n\nNight of Strings\nBlue Hall, Colombo, LK\n\
             Friday, 15 January 2027, 13:30 (Asia/Colombo, UTC+05:30)\n\n2 x Standard\nTotal: EUR 90.00\n\n\
             Your tickets: show one code for each person at the door.\n\n{first}  Standard\n{second}  Standard\n\nBooking eu_paid\n\
             The tickets are attached: as a PDF to print, and as an entry for your calendar.\n\
             The receipt is attached.\n\n-- \nYou get this mail because of your account at https://tickets.example.\n"
        );
        assert_eq!(post.sent.borrow()[0].text, expected);
    }
}
