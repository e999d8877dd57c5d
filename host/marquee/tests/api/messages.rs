//! What organisers write to those who come, reminders, and who wants no news. What mails say is seen where there is a worker.

use crate::{
    ADMIN_EMAIL,
    client::{Answer, Client, OnSale, PASSWORD, eventually, unique},
    server::Server,
    teams::{self, delete, patch},
    tickets::{booked, code, tickets},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// One whose news can be ended.
static WRITING: LazyLock<Server> = LazyLock::new(|| {
    let variables = [("admin_email", ADMIN_EMAIL), ("admin_password", PASSWORD), ("public_url", "https://tickets.example")];
    Server::start("writing", &variables)
});

/// What a message needs.
pub fn service() -> Value {
    json!({"kind": "service", "subject": "Another entrance", "text": "Please come through the garden."})
}

fn news(subject: &str) -> Value {
    json!({"kind": "news", "subject": subject, "text": "We play again in May."})
}

/// Whether somebody sends mail in this run's form; else it is refused, and said.
fn sends() -> bool {
    if !WRITING.form.has_worker() {
        eprintln!("skipped: in form {:?} nobody writes mails", WRITING.form);
    }
    WRITING.form.has_worker()
}

async fn vouched(person: &Client<'_>) {
    let mut admin = Client::new(&WRITING);
    let login = admin.post("/api/auth/login", &json!({"email": ADMIN_EMAIL, "password": PASSWORD})).await.expect(200);
    admin.take_tokens(&login);
    admin.post(&format!("/api/users/{}/verify-email", person.user), &json!({})).await.expect(204);
}

/// An organiser whose address is known to be read, and the organiser's id.
async fn organiser() -> (Client<'static>, String) {
    let (owner, id) = Client::organiser(&WRITING).await;
    vouched(&owner).await;
    (owner, id)
}

/// A new account that reads German, and its address.
async fn german() -> (Client<'static>, String) {
    let mut client = Client::new(&WRITING);
    let email = format!("{}@example.com", unique("leserin"));
    let body = json!({"email": email, "password": PASSWORD, "name": "Ada"}).to_string().into_bytes();
    let headers = [("accept-language", "de")];
    let registered = client.send(Method::POST, "/api/auth/register", &headers, Some(body)).await.expect(201);
    client.take_tokens(&registered);
    (client, email)
}

async fn address(person: &Client<'_>) -> String {
    person.get("/api/auth/me").await.expect(200)["email"].as_str().unwrap().to_owned()
}

fn messages(show: &OnSale) -> String {
    format!("/api/events/{}/messages", show.id)
}

async fn send(organiser: &Client<'_>, show: &OnSale, message: &Value) -> Answer {
    organiser.post_with(&unique("key"), &messages(show), message).await
}

/// The message once all of its mails have been sent.
async fn done(organiser: &Client<'_>, show: &OnSale, sent: &Value) -> Value {
    let path = format!("{}/{}", messages(show), sent["id"].as_str().unwrap());
    eventually("it is sent", async || organiser.get(&path).await.expect(200), |it| it["state"] == "done").await
}

/// The mails with this subject that have come for an address: neither folded nor quoted.
fn mails(address: &str, subject: &str) -> Vec<String> {
    let files = std::fs::read_dir(WRITING.folder.join("mail")).into_iter().flatten();
    let texts = files.filter_map(|file| std::fs::read(file.unwrap().path()).ok());
    let plain = texts.map(|bytes| String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace("=\n", "").replace("\n ", " "));
    let heads = |text: &str, line: &str| text.lines().take_while(|it| !it.is_empty()).any(|it| it.contains(line));
    plain.filter(|text| heads(text, address) && heads(text, subject)).collect()
}

fn header<'a>(mail: &'a str, name: &str) -> Option<&'a str> {
    mail.lines().take_while(|line| !line.is_empty()).find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
}

/// The path of the link that a mail program posts to.
fn link(mail: &str) -> String {
    let url = header(mail, "List-Unsubscribe").unwrap().trim_matches(['<', '>']);
    url.strip_prefix("https://tickets.example").unwrap().to_owned()
}

/// As mail programs post it, who are nobody.
async fn one_click(path: &str) -> Answer {
    let form = [("content-type", "application/x-www-form-urlencoded")];
    Client::new(&WRITING).send(Method::POST, path, &form, Some(b"List-Unsubscribe=One-Click".to_vec())).await
}

#[tokio::test]
async fn who_comes_is_written_to_once_whatever_they_have() {
    let (owner, id) = organiser().await;
    let show = OnSale::with(&owner, &id, 0, 20, 8).await;
    if !sends() {
        send(&owner, &show, &service()).await.expect_problem(409, "messages-off");
        owner.post(&format!("{}/test", messages(&show)), &service()).await.expect_problem(409, "messages-off");
        assert_eq!(owner.get(&messages(&show)).await.expect(200)["items"], json!([]));
        return;
    }
    patch(&owner, &format!("/api/organisers/{id}"), &json!({"contact_email": "box@example.com"})).await.expect(200);
    let (ada, (greta, greta_address)) = (Client::register(&WRITING).await, german().await);
    let ada_address = address(&ada).await;
    booked(&ada, &show, 2).await;
    booked(&ada, &show, 1).await;
    booked(&greta, &show, 1).await;
    let subject = unique("Entrance");
    let text = "Through the garden, <b>please</b>.\r\n\r\nMore at https://hall.example/way?a=1&b=2.";
    let message = json!({"kind": "service", "subject": subject, "text": text});
    let key = unique("key");
    let answer = owner.post_with(&key, &messages(&show), &message).await;
    assert!(answer.header("location").unwrap().starts_with(&messages(&show)));
    let sent = answer.expect(201);
    assert_eq!(owner.post_with(&key, &messages(&show), &message).await.expect(201), sent, "once");
    assert_eq!(sent["to"], json!({"ticket_type_ids": null, "admitted": null, "holders": true}));
    let sent = done(&owner, &show, &sent).await;
    assert_eq!(sent["counts"], json!({"queued": 0, "sent": 2, "failed": 0, "unsubscribed": 0}));
    assert_eq!(owner.get(&messages(&show)).await.expect(200)["items"], json!([sent]));

    let (for_ada, for_greta) = (mails(&ada_address, &subject), mails(&greta_address, &subject));
    let ([english], [german]) = (&for_ada[..], &for_greta[..]) else {
        panic!("{} and {} mails", for_ada.len(), for_greta.len());
    };
    assert!(
        header(english, "From").unwrap().starts_with("\"Blue Hall via Marquee\" <")
            || header(english, "From").unwrap().starts_with("Blue Hall via Marquee <")
    );
    assert_eq!((header(english, "Reply-To"), header(english, "List-Unsubscribe")), (Some("box@example.com"), None));
    assert!(english.contains("Through the garden, <b>please</b>.\n\nMore at https://hall.example/way?a=1&b=2.\n"), "{english}");
    assert!(english.contains("Through the garden, &lt;b&gt;please&lt;&#x2f;b&gt;."), "{english}");
    assert!(english.contains("because you have tickets for Night of Strings") && !english.contains("End them here"), "{english}");
    assert!(german.contains("weil du Tickets für Night of Strings hast") && german.contains("Through the garden"), "{german}");
}

#[tokio::test]
async fn a_message_goes_to_whom_it_is_for() {
    if !sends() {
        return;
    }
    let (owner, id) = organiser().await;
    let types = json!([
        {"name": "Standing", "price": 0, "capacity": 20, "per_person_limit": 6},
        {"name": "Seated", "price": 0, "capacity": 20, "per_person_limit": 6},
    ]);
    let show = OnSale::publish(&owner, &id, json!({"ticket_types": types})).await;
    let seated = show.document["ticket_types"][1]["id"].clone();
    let (standing, sitting) = (Client::register(&WRITING).await, Client::register(&WRITING).await);
    let inside = booked(&standing, &show, 1).await;
    let order = json!({"event_id": show.id, "items": [{"ticket_type_id": seated, "quantity": 1}]});
    sitting.post_with(&unique("key"), "/api/bookings", &order).await.expect(201);
    let ticket = &tickets(&standing, &inside).await[0];
    owner.post("/api/checkin", &json!({"code": code(ticket), "event_id": show.id})).await.expect(200);
    for (to, expected) in [
        (json!({"ticket_type_ids": [seated]}), [0, 1]),
        (json!({"admitted": true}), [1, 0]),
        (json!({"admitted": false, "holders": false}), [0, 1]),
    ] {
        let mut message = service();
        (message["to"], message["subject"]) = (to.clone(), json!(unique("To")));
        let sent = send(&owner, &show, &message).await.expect(201);
        assert_eq!(done(&owner, &show, &sent).await["counts"]["sent"], 1, "{to}");
        let subject = message["subject"].as_str().unwrap();
        let came = [mails(&address(&standing).await, subject).len(), mails(&address(&sitting).await, subject).len()];
        assert_eq!(came, expected, "{to}");
    }
}

#[tokio::test]
async fn news_end_with_one_click_and_are_had_again_when_asked_for() {
    if !sends() {
        return;
    }
    let (owner, id) = organiser().await;
    let show = OnSale::with(&owner, &id, 0, 20, 8).await;
    let reader = Client::register(&WRITING).await;
    let own = address(&reader).await;
    booked(&reader, &show, 1).await;
    let first = unique("News");
    let sent = send(&owner, &show, &news(&first)).await.expect(201);
    assert_eq!(done(&owner, &show, &sent).await["counts"]["sent"], 1);
    let mail = mails(&own, &first).remove(0);
    assert_eq!(header(&mail, "List-Unsubscribe-Post"), Some("List-Unsubscribe=One-Click"));
    let path = link(&mail);
    assert!(mail.contains(&format!("End them here: https://tickets.example{path}")), "{mail}");

    // Who only looks ends nothing.
    let page = Client::new(&WRITING).get(&path).await;
    assert_eq!(page.status, 200);
    let page = String::from_utf8(page.bytes).unwrap();
    assert!(page.contains("No more news from Blue Hall?") && page.contains("value=\"One-Click\""), "{page}");
    let multipart = b"--x\r\nContent-Disposition: form-data; name=\"List-Unsubscribe\"\r\n\r\nOne-Click\r\n--x--\r\n".to_vec();
    for _ in 0..2 {
        assert_eq!(one_click(&path).await.status, 200);
    }
    let form = [("content-type", "multipart/form-data; boundary=x")];
    assert_eq!(Client::new(&WRITING).send(Method::POST, &path, &form, Some(multipart)).await.status, 200);
    for other in ["/api/unsubscribe/local_00000000000000000000000000", "/api/unsubscribe/x"] {
        one_click(other).await.expect_problem(400, "token-invalid");
        Client::new(&WRITING).get(other).await.expect_problem(400, "token-invalid");
    }

    let second = unique("News");
    let sent = send(&owner, &show, &news(&second)).await.expect(201);
    let counts = json!({"queued": 0, "sent": 0, "failed": 0, "unsubscribed": 1});
    assert_eq!(done(&owner, &show, &sent).await["counts"], counts);
    // What concerns tickets still comes.
    let sent = send(&owner, &show, &service()).await.expect(201);
    assert_eq!(done(&owner, &show, &sent).await["counts"]["sent"], 1);

    assert_eq!(reader.get("/api/unsubscriptions").await.expect(200)["items"], json!([]), "nobody has shown whose the address is");
    vouched(&reader).await;
    let list = reader.get("/api/unsubscriptions").await.expect(200);
    assert_eq!(list["items"][0]["organiser"], json!({"id": id, "name": "Blue Hall"}));
    let item = format!("/api/unsubscriptions/{}", list["items"][0]["id"].as_str().unwrap());
    delete(&owner, &item).await.expect_problem(404, "not-found");
    delete(&reader, &item).await.expect(204);
    delete(&reader, &item).await.expect_problem(404, "not-found");
    let third = unique("News");
    let sent = send(&owner, &show, &news(&third)).await.expect(201);
    assert_eq!(done(&owner, &show, &sent).await["counts"]["sent"], 1);
    assert_eq!((mails(&own, &second).len(), mails(&own, &third).len()), (0, 1));
}

#[tokio::test]
async fn a_message_that_may_not_be_sent_is_refused() {
    let (owner, id) = Client::organiser(&WRITING).await;
    let show = OnSale::with(&owner, &id, 0, 20, 8).await;
    let path = messages(&show);
    owner.post(&path, &service()).await.expect_problem(400, "idempotency-key-missing");
    for (change, pointer) in [
        (json!({"kind": "advert"}), "/kind"),
        (json!({"subject": "two\nlines"}), "/subject"),
        (json!({"subject": "x".repeat(151)}), "/subject"),
        (json!({"text": " \u{200b}\n"}), "/text"),
        (json!({"text": "x".repeat(10_001)}), "/text"),
        (json!({"to": {"ticket_type_ids": []}}), "/to/ticket_type_ids"),
        (json!({"to": {"admitted": "yes"}}), "/to/admitted"),
        (json!({"to": {"everybody": true}}), "/to/everybody"),
        (json!({"html": "<p>"}), "/html"),
    ] {
        let mut message = service();
        message.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let refused = send(&owner, &show, &message).await.expect_problem(400, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{change}");
    }
    Client::register(&WRITING).await.get(&path).await.expect_problem(403, "forbidden");
    owner.get(&format!("{path}/local_00000000000000000000000000")).await.expect_problem(404, "not-found");
    if !sends() {
        return;
    }
    for refused in [path.clone(), format!("{path}/test")] {
        let unknown = owner.post_with(&unique("key"), &refused, &service()).await.expect_problem(409, "wrong-state");
        assert!(unknown["detail"].as_str().unwrap().contains("address"), "{unknown}");
    }
    vouched(&owner).await;
    let mut others = service();
    others["to"] = json!({"ticket_type_ids": ["local_00000000000000000000000000"]});
    let refused = send(&owner, &show, &others).await.expect_problem(400, "invalid-request");
    assert_eq!(refused["errors"][0]["pointer"], "/to/ticket_type_ids/0");
    let draft = owner.post("/api/events", &crate::client::event(&id, json!({}))).await.expect(201);
    let of_draft = format!("/api/events/{}/messages", draft["id"].as_str().unwrap());
    owner.post_with(&unique("key"), &of_draft, &service()).await.expect_problem(409, "wrong-state");

    // A test goes to who asks, of a draft as well; a program is nobody.
    let subject = unique("Look");
    owner.post(&format!("{of_draft}/test"), &news(&subject)).await.expect(202);
    let own = address(&owner).await;
    let mail = eventually("the test", async || mails(&own, &subject).pop(), Option::is_some).await.unwrap();
    assert_eq!(header(&mail, "Subject"), Some(format!("Test: {subject}").as_str()));
    assert!(mail.contains("We play again in May.") && header(&mail, "List-Unsubscribe").is_none(), "{mail}");
    let key = teams::api_key(&owner, &id, &["send-messages"]).await;
    let token = Client::new(&WRITING).post("/api/auth/token", &json!({"api_key": key["key"]})).await.expect(200);
    let mut program = Client::new(&WRITING);
    program.token = Some(token["access_token"].as_str().unwrap().to_owned());
    program.post(&format!("{path}/test"), &service()).await.expect_problem(409, "wrong-state");
    assert_eq!(send(&program, &show, &service()).await.expect(201)["created_by"], key["id"]);

    for _ in 1..5 {
        send(&owner, &show, &service()).await.expect(201);
    }
    let refused = send(&owner, &show, &service()).await;
    let wait: u32 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((80_000..=86_400).contains(&wait), "{wait}");
    refused.expect_problem(429, "rate-limited");
    let page = owner.get(&format!("{path}?limit=2")).await.expect(200);
    let rest = owner.get(&format!("{path}?cursor={}", page["next_cursor"].as_str().unwrap())).await.expect(200);
    assert_eq!((page["items"].as_array().unwrap().len(), rest["items"].as_array().unwrap().len()), (2, 3));
}

#[tokio::test]
async fn news_that_nobody_could_end_are_refused() {
    let (owner, id) = Client::organiser(&crate::SHARED).await;
    teams::vouch(&owner).await;
    let show = OnSale::with(&owner, &id, 0, 20, 8).await;
    // This platform has no address of its own.
    send(&owner, &show, &news("News")).await.expect_problem(409, "messages-off");
}

#[tokio::test]
async fn who_had_an_order_by_then_is_reminded_once() {
    let (owner, id) = organiser().await;
    let show = OnSale::with(&owner, &id, 0, 20, 8).await;
    let path = format!("/api/events/{}", show.id);
    let change = async |body: Value| {
        let etag = owner.get(&path).await.header("etag").unwrap().to_owned();
        owner.send(Method::PATCH, &path, &[("if-match", &etag)], Some(body.to_string().into())).await
    };
    assert_eq!(show.document["reminder_hours"], 24, "unless its organiser says otherwise");
    for hours in [json!(-1), json!(337), json!("24"), json!(1.5)] {
        let refused = change(json!({"reminder_hours": hours})).await.expect_problem(400, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], "/reminder_hours");
    }
    for (hours, kept) in [(json!(48), 48), (Value::Null, 0), (json!(1), 1)] {
        assert_eq!(change(json!({"reminder_hours": hours})).await.expect(200)["reminder_hours"], kept);
    }
    let unchanged = change(json!({"reminder_hours": 1})).await.expect(200);
    let public = Client::new(&WRITING).get(&path).await.expect(200);
    assert_eq!((&public["reminder_hours"], &public["revision"]), (&Value::Null, &unchanged["revision"]), "its team's business");
    let own = owner.get(&format!("/api/organisers/{id}/events")).await.expect(200);
    assert_eq!(own["items"][0]["reminder_hours"], 1);
    let copy = json!({"starts_at": "2038-01-01T19:00:00Z"});
    owner.post(&format!("{path}/copies"), &copy).await.expect(201);
    let own = owner.get(&format!("/api/organisers/{id}/events?status=draft")).await.expect(200);
    assert_eq!(own["items"][0]["reminder_hours"], 1, "copies have what it has");
    if !sends() {
        return;
    }

    let (buyer, gone) = (Client::register(&WRITING).await, Client::register(&WRITING).await);
    let (kept, given_back) = (booked(&buyer, &show, 2).await, booked(&gone, &show, 1).await);
    let cancelled = format!("{path}/orders/{}/cancel", given_back.rsplit('/').next().unwrap());
    owner.post(&cancelled, &json!({"refund": "none"})).await.expect(200);
    // Then its moment comes.
    let starts_at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(3_602);
    change(json!({"starts_at": starts_at.to_string()})).await.expect(200);
    let came = async |person: &Client<'_>| mails(&address(person).await, "Soon: Night of Strings");
    let reminder = eventually("the reminder", async || came(&buyer).await.pop(), Option::is_some).await.unwrap();
    for ticket in tickets(&buyer, &kept).await {
        assert!(reminder.contains(code(&ticket)), "{reminder}");
    }
    assert!(reminder.contains("application/pdf") && reminder.contains("text/calendar"), "{reminder}");
    // Moved, with another hour, and one who came later: whoever was reminded is not reminded again.
    let later = Client::register(&WRITING).await;
    booked(&later, &show, 1).await;
    let starts_at = jiff::Timestamp::now() + jiff::SignedDuration::from_secs(7_201);
    change(json!({"starts_at": starts_at.to_string(), "reminder_hours": 2})).await.expect(200);
    let sent = send(&owner, &show, &service()).await.expect(201);
    done(&owner, &show, &sent).await;
    assert_eq!((came(&buyer).await.len(), came(&gone).await.len(), came(&later).await.len()), (1, 0, 0));
}
