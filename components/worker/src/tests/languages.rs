//! Every mail in every language, and in whose name it comes.

use super::world::*;
use crate::limits;
use crate::mail::Template;
use crate::mail::render::{LANGUAGES, language};
use crate::wit::mail::Message;
use minijinja::Value;
use minijinja::value::Serde;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;
use std::path::Path;

fn value(json: &Json) -> Value {
    Value::from(Serde(json))
}

/// What a mail may be told of: everything, with nothing that is optional.
fn facts() -> Json {
    let instant = json!({"at": START, "timezone": "Asia/Colombo"});
    let money = json!({"amount": 123_450, "currency": "EUR"});
    let place = json!({"venue": "Blue Hall, Colombo, LK", "starts": instant, "ends": instant});
    json!({
        "base": "", "receipt": false, "printed": false, "person": {"name": null, "verified": false, "guest": false}, "organiser": {"name": "Blue Hall"},
        "booking": {
            "id": "eu_paid", "event_id": "eu_e", "title": "Night of Strings", "venue": "Blue Hall, Colombo, LK", "starts": instant,
            "items": [{"name": "Standard", "quantity": 2}], "total": money, "status": "confirmed", "held_until": null, "bought": false,
            "tickets": [], "more": 0, "answers_missing": false,
        },
        "moved": {"title": "Night of Strings", "now": place, "before": place},
        "offer": null, "amount": money, "why": null, "cancelled_by": "", "change": null, "going_back": null, "went_back": null,
        "invitation": null, "link": null, "orders": [], "token": "eu_ada.secret", "code": "1234 5678", "new_email": null,
        "message": null, "webhook": null, "unsubscribe": null,
    })
}

/// What a template may say beside that: each of these in turn.
fn variations(template: Template) -> Vec<(&'static str, Vec<Json>)> {
    let codes = |list: &[&str]| list.iter().map(|code| json!(code)).collect::<Vec<_>>();
    let instant = json!({"at": START, "timezone": "Asia/Colombo"});
    let money = || vec![json!({"amount": 5, "currency": "JPY"})];
    let own = match template {
        Template::Confirmed => vec![
            ("/booking/status", codes(&["cancelled"])),
            ("/booking/answers_missing", vec![json!(true)]),
            ("/booking/tickets", vec![json!([{"code": "CODE", "name": "Standard"}])]),
            ("/receipt", vec![json!(true)]),
            ("/printed", vec![json!(true)]),
        ],
        Template::Cancelled => vec![
            ("/cancelled_by", codes(&["buyer", "organiser", "event"])),
            ("/booking/bought", vec![json!(true)]),
            ("/going_back", money()),
            ("/went_back", money()),
        ],
        Template::PaymentFailed => {
            let reasons = [
                "insufficient_funds",
                "not_completed",
                "declined_by_buyer",
                "hold_expired",
                "booking_cancelled",
                "event_cancelled",
                "already_paid",
                "declined",
            ];
            vec![
                ("/why", codes(&reasons)),
                ("/booking/held_until", vec![instant]),
                ("/booking/status", codes(&["cancelled", "expired"])),
            ]
        }
        Template::Refunded => {
            let reasons = [
                "cancelled",
                "event_cancelled",
                "sold_out",
                "over_limit",
                "booking_cancelled",
                "already_paid",
                "requested",
                "late",
            ];
            vec![("/why", codes(&reasons)), ("/booking/status", codes(&["cancelled"]))]
        }
        Template::SecondFactorChanged => {
            let changes = [
                "user.second-factor-enabled",
                "user.second-factor-disabled",
                "user.recovery-code-used",
                "user.recovery-codes-made",
                "user.passkey-added",
                "user.passkey-removed",
            ];
            vec![("/change", codes(&changes))]
        }
        Template::Invitation => {
            let of = |role: &str| json!({"role": role, "from": null});
            let from = json!({"role": "owner", "from": {"name": "Olga", "organiser": "Blue Hall"}});
            vec![("/invitation", vec![of("owner"), of("manager"), of("finance"), of("door"), from])]
        }
        Template::LeaveEmail => vec![("/new_email", vec![json!("countess@example.org")])],
        Template::TicketOffered => {
            let offer = json!({
                "token": "eu_offer", "from": "ada@example.com", "title": "Night of Strings", "venue": "Blue Hall", "starts": instant,
                "ticket_type": "Standard", "until": instant,
            });
            vec![("/offer", vec![offer])]
        }
        Template::Welcome => vec![("/token", vec![Json::Null])],
        Template::Message => {
            let of = |test: bool| json!({"subject": "Entrance", "text": "By the garden.", "title": "Night", "test": test, "news": true});
            vec![("/message", vec![of(false), of(true)])]
        }
        Template::Reminder => vec![
            ("/booking/tickets", vec![json!([{"code": "CODE", "name": "Standard"}])]),
            ("/booking/more", vec![json!(7)]),
            ("/printed", vec![json!(true)]),
        ],
        Template::WebhookDisabled => {
            let of = |reason: &str| json!({"organiser": "Blue Hall", "url": "https://hall.example/hook", "reason": reason});
            vec![("/webhook", vec![of("gone"), of("failing")])]
        }
        Template::GuestOrders => {
            let order =
                |title: Option<&str>| json!({"booking": "us_b", "title": title, "starts": instant, "link": "eu_g.secret"});
            vec![("/orders", vec![json!([order(Some("Night of Strings"))]), json!([order(None)])])]
        }
        Template::VerifyEmail
        | Template::TakeEmail
        | Template::Moved
        | Template::PasswordForgotten
        | Template::PasswordChanged => vec![],
    };
    let greeting = [("/base", vec![json!(BASE)]), ("/person/name", vec![json!("Ada <Lovelace>")])];
    own.into_iter().chain(greeting).collect()
}

const TEMPLATES: [Template; 18] = [
    Template::Welcome,
    Template::VerifyEmail,
    Template::LeaveEmail,
    Template::TakeEmail,
    Template::Confirmed,
    Template::Cancelled,
    Template::PaymentFailed,
    Template::Refunded,
    Template::Moved,
    Template::PasswordForgotten,
    Template::PasswordChanged,
    Template::TicketOffered,
    Template::Invitation,
    Template::SecondFactorChanged,
    Template::Message,
    Template::Reminder,
    Template::WebhookDisabled,
    Template::GuestOrders,
];

/// The texts of a template: each is another, whatever the language, where English has another.
fn texts(template: Template, tag: &str) -> Vec<String> {
    let language = language(tag);
    assert_eq!(language.tag, tag);
    let mut facts = facts();
    let mut texts = Vec::new();
    let required = ["/invitation", "/offer", "/change", "/message", "/webhook"];
    for (pointer, values) in std::iter::once(("/base", vec![json!("")])).chain(variations(template)) {
        for new in values {
            let before = std::mem::replace(facts.pointer_mut(pointer).unwrap(), new.clone());
            let needed = matches!(
                template,
                Template::Invitation
                    | Template::TicketOffered
                    | Template::SecondFactorChanged
                    | Template::Message
                    | Template::WebhookDisabled
            );
            if !needed || required.iter().any(|pointer| !facts.pointer(pointer).unwrap().is_null()) {
                for kind in ["txt", "html"] {
                    let name = format!("{}.{kind}", template.name());
                    let text = language.rendered(&name, &value(&facts)).unwrap();
                    let (subject, body) =
                        text.split_once("\n\n").unwrap_or_else(|| panic!("{tag}/{name} has no subject: {text}"));
                    assert!(!subject.contains('\n') && subject.chars().count() <= limits::SUBJECT, "{tag}/{name}: {subject}");
                    assert!(!body.trim().is_empty(), "{tag}/{name} has no text");
                    for leftover in ["{{", "{%", "none", "undefined", "user."] {
                        assert!(!text.contains(leftover), "{tag}/{name}: {leftover} in {text}");
                    }
                    for line in text.lines() {
                        assert!(
                            line.trim_end() == line && !line.contains(" ,") && !line.contains(".."),
                            "{tag}/{name}: {line:?}"
                        );
                    }
                    if kind == "txt" {
                        texts.push(text);
                    } else {
                        assert!(!text.contains("<Lovelace>"), "{text}");
                    }
                }
            }
            // What is needed stays from then on.
            if !required.contains(&pointer) {
                *facts.pointer_mut(pointer).unwrap() = before;
            }
        }
    }
    texts
}

#[test]
fn every_mail_can_be_written_in_every_language_whatever_it_tells_of() {
    for template in TEMPLATES {
        assert_eq!(Template::named(template.name()), Some(template));
        let english = texts(template, "en");
        let distinct = |texts: &[String]| texts.iter().collect::<BTreeSet<_>>().len();
        for language in &LANGUAGES {
            let texts = texts(template, language.tag);
            // What English tells apart is told apart in each, and none is English.
            assert_eq!(distinct(&texts), distinct(&english), "{}/{}", language.tag, template.name());
            if language.tag != "en" {
                for (text, english) in texts.iter().zip(&english) {
                    for line in english.lines().filter(|line| line.split(' ').count() > 4 && !line.contains("UTC")) {
                        assert!(!text.contains(line), "{}/{}: {line}", language.tag, template.name());
                    }
                }
            }
        }
    }
}

#[test]
fn what_opens_a_guests_order_and_why_they_get_a_mail_is_said_in_every_language() {
    for kind in ["txt", "html"] {
        let (mut links, mut reasons) = (BTreeSet::new(), BTreeSet::new());
        for language in &LANGUAGES {
            let mut facts = facts();
            let footer = format!("footer.{kind}");
            let of_an_account = language.rendered(&footer, &value(&facts)).unwrap();
            facts["person"]["guest"] = json!(true);
            facts["link"] = json!("eu_g.secret");
            let reason = language.rendered(&footer, &value(&facts)).unwrap();
            assert_ne!(reason, of_an_account, "{}", language.tag);
            let link = language.rendered(&format!("order-link.{kind}"), &value(&facts)).unwrap();
            assert!(link.contains("eu_g.secret") && link.contains("/api/auth/guest/open"), "{link}");
            assert!(links.insert(link) && reasons.insert(reason), "{}", language.tag);
            // Where there is a page for it, that is all that they need.
            facts["base"] = json!(BASE);
            let link = language.rendered(&format!("order-link.{kind}"), &value(&facts)).unwrap();
            let page = format!("{BASE}/guest-order#token=eu_g.secret");
            let page = if kind == "txt" { page } else { page.replace('/', "&#x2f;") };
            assert!(link.contains(&page) && !link.contains("api"), "{link}");
        }
    }
}

#[test]
fn every_folder_is_a_language_and_has_the_files_that_english_has() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("templates");
    let names = |path: &Path| {
        let entries = std::fs::read_dir(path).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        entries.collect::<BTreeSet<String>>()
    };
    let english = names(&folder.join("en"));
    let mut known: BTreeSet<String> = LANGUAGES.iter().map(|language| language.tag.to_owned()).collect();
    for tag in &known {
        let own = names(&folder.join(tag));
        assert_eq!(english.difference(&own).collect::<Vec<_>>(), [""; 0], "the folder {tag} lacks these");
        assert_eq!(own.difference(&english).collect::<Vec<_>>(), [""; 0], "nobody reads these of the folder {tag}");
    }
    known.insert("layout.html".to_owned());
    assert_eq!(names(&folder), known, "a folder is named in LANGUAGES of render.rs");
}

#[test]
fn a_language_that_nobody_has_written_is_english() {
    for (tag, expected) in
        [("de", "de"), ("de-AT", "de"), ("DE", "de"), ("si-LK", "si"), ("en-US", "en"), ("fr", "en"), ("", "en"), ("deu", "en")]
    {
        assert_eq!(language(tag).tag, expected, "{tag}");
    }
}

/// Looks at the mail of a confirmed booking whose owner reads this language.
fn confirmed(tag: &str, look: impl Fn(&Message)) {
    for database in worlds() {
        database.enter();
        database.run(&format!("UPDATE users SET language = '{tag}' WHERE id = 'eu_ada'"));
        let post = Post::default();
        post.handle(&[booking("b.0", "booking.updated", "eu_paid", "confirmed", Some("eu_pay"))]);
        let sent = post.sent.borrow();
        let [mail] = &sent[..] else { panic!("{} mails", sent.len()) };
        look(mail);
    }
}

#[test]
fn a_mail_reads_like_this_in_german() {
    confirmed("de-AT", |mail| {
        let [first, second] = codes("eu_paid", "eu_t", 2).try_into().unwrap();
        let expected = format!(
            "Hallo Ada <Lovelace>,\n\nDeine Buchung ist bestätigt.\n\nNight of Strings\nBlue Hall, Colombo, LK\n\
             Freitag, 15. Januar 2027, 13:30 Uhr (Asia/Colombo, UTC+05:30)\n\n2 × Standard\nGesamtbetrag: 90,00 EUR\n\n\
             Deine Tickets: Bitte zeig am Einlass für jede Person einen Code vor.\n\n{first}  Standard\n{second}  Standard\n\n\
             Buchung eu_paid\n\
             Die Tickets findest du im Anhang: als PDF zum Ausdrucken und als Eintrag für deinen Kalender.\nDen Beleg findest du im Anhang.\n\n-- \n\
             Du erhältst diese E-Mail, weil du ein Konto auf https://tickets.example hast.\n"
        );
        assert_eq!(mail.subject, "Deine Tickets für Night of Strings");
        assert_eq!(mail.text, expected);
        assert_eq!(mail.sender_name.as_deref(), Some("Blue Hall über Marquee"));
        let html = mail.html.as_ref().unwrap();
        assert!(
            html.contains("<html lang=\"de\">") && html.contains("<p dir=\"auto\">Deine Buchung ist bestätigt.</p>"),
            "{html}"
        );
        assert!(html.contains("Hallo Ada &lt;Lovelace&gt;,") && html.contains("2 × Standard<br>"), "{html}");
        assert!(html.contains(&format!("overflow-wrap:anywhere\">{first}</span>")), "{html}");
    });
}

#[test]
fn a_mail_reads_like_this_in_sinhala() {
    confirmed("si", |mail| {
        assert_eq!(mail.subject, "Night of Strings සඳහා ඔබේ ප්\u{200d}රවේශ පත්\u{200d}ර");
        for part in [
            "ආයුබෝවන් Ada <Lovelace>,\n\nඔබේ වෙන්කිරීම තහවුරු කර ඇත.\n",
            "2027 ජනවාරි 15, සිකුරාදා, පැය 13:30 (Asia/Colombo, UTC+05:30)\n",
            "2 × Standard\nමුළු මුදල: EUR 90.00\n",
        ] {
            assert!(mail.text.contains(part), "{part} in {}", mail.text);
        }
        assert_eq!(mail.sender_name.as_deref(), Some("Blue Hall (Marquee හරහා)"));
        assert!(mail.html.as_ref().unwrap().contains("<html lang=\"si\">"));
    });
}

#[test]
fn mails_about_an_event_are_sent_in_its_organisers_name_and_answered_to_them() {
    for database in worlds() {
        database.enter();
        let moved = json!({"id": "eu_e", "actor": "eu_u", "before": {
            "starts_at": "2027-01-14T08:00:00Z", "ends_at": "2027-01-14T10:00:00Z", "timezone": "Asia/Colombo",
            "venue": {"name": "Red Hall", "city": "Kandy", "country": "LK"},
        }});
        let records = |round: &str| {
            vec![
                booking(&format!("b.{round}"), "booking.updated", "eu_paid", "confirmed", Some("eu_pay")),
                booking(&format!("c.{round}"), "booking.cancelled", "eu_paid", "cancelled", Some("eu_pay")),
                payment(&format!("d.{round}"), "payment.failed", None),
                payment(&format!("e.{round}"), "payment.completed", Some(4500)),
                record(&format!("f.{round}"), "event.updated", "eu_e", &moved),
            ]
        };
        let post = Post::default();
        post.handle(&records("0"));
        post.tick();
        database.run("UPDATE organisers SET contact_email = 'box@example.com', name = 'Blue \r\nBcc: eve@example.com Hall'");
        post.handle(&records("1"));
        post.tick();
        // What is about an account is ours.
        post.handle(&[registered("a.0", "eu_ada"), forgotten("a.1", Some("eu_ada"))]);
        let sent = post.sent.borrow();
        let senders: Vec<_> = sent.iter().map(|mail| (mail.sender_name.as_deref(), mail.reply_to.as_deref())).collect();
        let (before, after) = (Some("Blue Hall via Marquee"), Some("Blue Bcc: eve@example.com Hall via Marquee"));
        assert_eq!(senders[..5], [(before, None); 5]);
        assert_eq!(senders[5..10], [(after, Some("box@example.com")); 5]);
        assert_eq!(senders[10..], [(None, None); 2]);
        assert!(sent.iter().all(|mail| mail.list_unsubscribe.is_none()));
    }
}

#[test]
fn a_ticket_is_offered_in_the_language_of_who_gets_it_or_else_of_who_gives_it() {
    for database in worlds() {
        database.enter();
        database.run(
            "INSERT INTO tickets (booking, number, event, ticket_type, generation, version, updated_at) VALUES ('eu_paid', 1, 'eu_e', 'eu_t', 1, 1, 0)",
        );
        database.run(&format!(
            "INSERT INTO ticket_offers (id, booking, number, generation, offered_by, email, status, expires_at, created_at, updated_at) \
             VALUES ('eu_offer', 'eu_paid', 1, 1, 'eu_ada', 'grace@example.com', 'open', {}, {START}, {START})",
            START + 3600 * 1_000_000
        ));
        database.run("UPDATE users SET language = 'de' WHERE id = 'eu_ada'");
        let offered = |id: &str| {
            let payload = json!({"offer_id": "eu_offer", "booking_id": "eu_paid", "number": 1, "actor": "eu_ada"});
            record(id, "ticket.offered", "eu_paid.0001", &payload)
        };
        let post = Post::default();
        post.handle(&[offered("a.0")]);
        database.run(
            "INSERT INTO users (id, email, name, password_hash, version, created_at, language) \
             VALUES ('eu_grace', 'grace@example.com', 'Grace', 'x', 1, 0, 'si')",
        );
        post.handle(&[offered("a.1")]);
        let sent = post.sent.borrow();
        let [german, sinhala] = &sent[..] else { panic!("{} mails", sent.len()) };
        assert_eq!(german.subject, "Ein Ticket für Night of Strings");
        assert!(
            german.text.contains("weil dir jemand auf https://tickets.example ein Ticket überlassen möchte."),
            "{}",
            german.text
        );
        assert_eq!(german.sender_name.as_deref(), Some("Blue Hall über Marquee"));
        assert!(sinhala.subject.starts_with("Night of Strings සඳහා"), "{}", sinhala.subject);
    }
}

#[test]
fn an_invitation_is_in_the_language_of_who_is_invited_or_else_of_who_invites() {
    for database in worlds() {
        database.enter();
        database.run(
            "INSERT INTO users (id, email, name, password_hash, version, created_at, language) \
             VALUES ('eu_owner', 'o@example.com', 'Olga', 'x', 1, 0, 'de')",
        );
        database.run(&format!(
            "INSERT INTO invitations (id, organiser_id, email, role, invited_by, created_at, expires_at) \
             VALUES ('eu_i', 'eu_o', 'new@example.com', 'finance', 'eu_owner', {START}, {START} + 1)"
        ));
        let post = Post::default();
        post.handle(&[invited("a.0")]);
        database.run("UPDATE users SET email = 'new@example.com', language = 'si' WHERE id = 'us_bob'");
        post.handle(&[invited("a.1")]);
        let sent = post.sent.borrow();
        let subjects: Vec<_> = sent.iter().map(|mail| mail.subject.as_str()).collect();
        assert_eq!(subjects, ["Du bist in ein Team eingeladen", "ඔබට කණ්ඩායමකට එක්වීමට ආරාධනා කර ඇත"]);
        assert!(sent[0].text.contains("Deine Rolle wäre: Finanzen."), "{}", sent[0].text);
        assert!(sent.iter().all(|mail| mail.sender_name.is_none()), "no organiser is named by who is not known");
    }
}

#[test]
fn whoever_is_written_to_is_told_why_and_how_news_end_in_their_language() {
    let mut facts = facts();
    facts["message"] =
        json!({"subject": "Entrance", "text": "By the garden.", "title": "Night of Strings", "test": false, "news": true});
    facts["base"] = json!(BASE);
    for (tag, why, how) in [
        (
            "en",
            "You get this mail from Blue Hall because you have tickets for Night of Strings, by https://tickets.example.",
            "You do not want such news from Blue Hall? End them here: https://tickets.example/u",
        ),
        (
            "de",
            "Du erhältst diese E-Mail von Blue Hall über https://tickets.example, weil du Tickets für Night of Strings hast.",
            "Du möchtest solche Neuigkeiten von Blue Hall nicht mehr erhalten? Hier bestellst du sie ab: https://tickets.example/u",
        ),
        (
            "si",
            "ඔබ සතුව Night of Strings සඳහා ප්\u{200d}රවේශ පත්\u{200d}ර ඇති නිසා Blue Hall වෙතින් https://tickets.example හරහා ඔබට මෙම ඊමේල් පණිවිඩය ලැබේ.",
            "Blue Hall වෙතින් මෙවැනි පුවත් තවදුරටත් අවශ්\u{200d}ය නැද්ද? ඒවා මෙතැනින් නවත්වන්න: https://tickets.example/u",
        ),
    ] {
        for (link, expected) in [(Json::Null, why.to_owned()), (json!("https://tickets.example/u"), format!("{why}\n{how}"))] {
            facts["unsubscribe"] = link;
            assert_eq!(language(tag).rendered("footer.txt", &value(&facts)).unwrap(), expected);
        }
    }
}
