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
        let post = Post::default();
        post.handle(&[registered("a.0", "eu_ada")]);
        let sent = post.sent.borrow();
        let mail = &sent[0];
        for text in [&mail.subject, &mail.text, mail.html.as_ref().unwrap()] {
            assert!(!text.contains("Ada") && !text.contains("Lovelace"), "{text}");
        }
    }
}

#[test]
fn a_mail_reads_like_this() {
    for database in with_title("Night of Strings") {
        database.enter();
        let post = Post::default();
        post.handle(&[booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))]);
        let [first, second] = [1, 2].map(|number: usize| kit::tickets::tickets("seed", [("eu_t", 2)])[number - 1].code.clone());
        let expected = format!(
            "Hello Ada <Lovelace>,\n\nyour booking is confirmed.\n\nNight of Strings\nBlue Hall, Colombo, LK\n\
             Friday 15 January 2027, 13:30 (Asia/Colombo, UTC+05:30)\n\n2 x Standard\nTotal: EUR 90.00\n\n\
             Your tickets: show one code for each person at the door.\n\n{first}  Standard\n{second}  Standard\n\nBooking eu_paid\n\
             The receipt is attached.\n\n-- \nYou get this mail because of your account at https://tickets.example.\n"
        );
        assert_eq!(post.sent.borrow()[0].text, expected);
    }
}
