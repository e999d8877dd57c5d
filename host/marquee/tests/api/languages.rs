//! In which language people are written to, in whose name, and where answers go. What mails say is seen where there is a worker.

use crate::{
    SHARED,
    client::{Client, OnSale, PASSWORD, eventually, unique},
    teams::patch,
    tickets::booked,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use reqwest::Method;
use serde_json::json;

/// A new account whose browser likes these languages; its address.
async fn reader(accept_language: &str) -> (Client<'static>, String) {
    let mut client = Client::new(&SHARED);
    let email = format!("{}@example.com", unique("reader"));
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada"}).to_string().into_bytes();
    let headers = [("accept-language", accept_language)];
    let registered = client.send(Method::POST, "/api/auth/register", &headers, Some(body)).await.expect(201);
    client.take_tokens(&registered);
    (client, email)
}

/// A header's value, unfolded, its encoded words decoded (RFC 2047).
fn header(mail: &str, name: &str) -> Option<String> {
    let head = mail.split("\r\n\r\n").next()?.replace("\r\n ", " ");
    let value = head.split("\r\n").find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))?.to_owned();
    let mut decoded = String::new();
    let mut after_encoded = true;
    for word in value.split(' ') {
        match word.strip_prefix("=?utf-8?b?").and_then(|word| word.strip_suffix("?=")) {
            // Blanks between two of them are part of neither.
            Some(word) => {
                decoded.push_str(if after_encoded { "" } else { " " });
                decoded.push_str(&String::from_utf8(STANDARD.decode(word).unwrap()).unwrap());
                after_encoded = true;
            }
            None => {
                decoded.push_str(if decoded.is_empty() { "" } else { " " });
                decoded.push_str(word);
                after_encoded = false;
            }
        }
    }
    Some(decoded)
}

/// The mail for this address whose subject begins so.
async fn mail(address: &str, subject: &str) -> String {
    let found = || {
        let files = std::fs::read_dir(SHARED.folder.join("mail")).into_iter().flatten();
        let mut mails = files.filter_map(|file| String::from_utf8(std::fs::read(file.unwrap().path()).ok()?).ok());
        mails.find(|mail| {
            header(mail, "To").as_deref() == Some(address) && header(mail, "Subject").is_some_and(|it| it.starts_with(subject))
        })
    };
    eventually(subject, async || found(), Option::is_some).await.unwrap()
}

#[tokio::test]
async fn a_language_is_what_the_browser_likes_until_its_owner_says_otherwise() {
    for (accept, expected) in [
        ("de-at,de;q=0.9,en;q=0.8", "de-AT"),
        ("en;q=0.5, si", "si"),
        ("fr", "fr"),
        ("*", "en"),
        ("?!, ;q=1, de;q=0.1", "de"),
        ("", "en"),
    ] {
        let (person, _) = reader(accept).await;
        assert_eq!(person.get("/api/auth/me").await.expect(200)["language"], expected, "{accept}");
    }
    let (person, email) = reader("de").await;
    let changed = patch(&person, "/api/auth/me", &json!({"language": "SI-lk"})).await.expect(200);
    assert_eq!((&changed["language"], &changed["name"]), (&json!("si-LK"), &json!("Ada")));
    assert_eq!(person.get("/api/auth/me").await.expect(200), changed);
    let login = Client::new(&SHARED).post("/api/auth/login", &json!({"email": email, "password": PASSWORD})).await.expect(200);
    assert_eq!(login["user"]["language"], "si-LK");
    for language in
        [json!(""), json!("*"), json!("und"), json!("german!"), json!(7), json!("de\r\nBcc: x"), json!("x".repeat(36))]
    {
        let refused = patch(&person, "/api/auth/me", &json!({"language": language})).await.expect_problem(400, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], "/language", "{language}");
    }
    assert_eq!(patch(&person, "/api/auth/me", &json!({"name": "Ada L"})).await.expect(200)["language"], "si-LK");
}

#[tokio::test]
async fn an_organiser_says_where_answers_go() {
    let (owner, _) = Client::organiser(&SHARED).await;
    let new = json!({"name": "Red Hall", "contact_email": "Box@Bücher.example"});
    let made = owner.post("/api/organisers", &new).await.expect(201);
    assert_eq!((&made["name"], &made["contact_email"]), (&json!("Red Hall"), &json!("box@xn--bcher-kva.example")));
    let path = format!("/api/organisers/{}", made["id"].as_str().unwrap());
    let changed = patch(&owner, &path, &json!({"contact_email": "office@example.com"})).await.expect(200);
    assert_eq!(changed, json!({"id": made["id"], "name": "Red Hall", "contact_email": "office@example.com"}));
    assert_eq!(patch(&owner, &path, &json!({})).await.expect(200), changed);
    assert_eq!(patch(&owner, &path, &json!({"name": "Hall"})).await.expect(200)["contact_email"], "office@example.com");
    let own = owner.get("/api/organisers").await.expect(200);
    assert!(own["items"].as_array().unwrap().iter().any(|it| it["contact_email"] == "office@example.com"), "{own}");
    for address in
        ["nobody", "a@example.com\r\nBcc: eve@example.com", "Ada <ada@example.com>", "a@example.com, b@example.com", ""]
    {
        for (method, path) in [(Method::PATCH, path.as_str()), (Method::POST, "/api/organisers")] {
            let body = json!({"name": "X", "contact_email": address}).to_string().into_bytes();
            let refused = owner.send(method, path, &[], Some(body)).await.expect_problem(400, "invalid-request");
            assert_eq!(refused["errors"][0]["pointer"], "/contact_email", "{address}");
        }
    }
    let taken_away = patch(&owner, &path, &json!({"contact_email": null})).await.expect(200);
    assert_eq!(taken_away, json!({"id": made["id"], "name": "Hall"}));
    let (stranger, _) = Client::organiser(&SHARED).await;
    patch(&stranger, &path, &json!({"contact_email": "eve@example.com"})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_german_buyer_is_written_to_in_german_in_the_organisers_name() {
    if !SHARED.form.has_worker() {
        eprintln!("skipped: in form {:?} nobody writes mails", SHARED.form);
        return;
    }
    let (organiser, id) = Client::organiser(&SHARED).await;
    patch(&organiser, &format!("/api/organisers/{id}"), &json!({"contact_email": "kasse@example.com"})).await.expect(200);
    let show = OnSale::with(&organiser, &id, 0, 10, 6).await;
    let (buyer, email) = reader("de-DE,de;q=0.9").await;
    let booking = booked(&buyer, &show, 2).await;
    let mail = mail(&email, "Deine Tickets für ").await;
    assert_eq!(header(&mail, "From").as_deref(), Some("Blue Hall über Marquee <marquee@localhost>"), "{mail}");
    assert_eq!(header(&mail, "Reply-To").as_deref(), Some("kasse@example.com"));
    assert!(mail.contains("Deine Buchung ist bestätigt.\r\n"), "{mail}");
    assert!(mail.contains(&format!("Buchung {}\r\n", booking.rsplit('/').next().unwrap())), "{mail}");
    assert!(mail.contains("<html lang=\"de\">") && !mail.contains("Hello"), "{mail}");
}
