//! Addresses: shown to be read, by a token or a code, and changed where both agree. What mails say is seen where there is a worker.

use crate::{
    SHARED,
    client::{Answer, Client, PASSWORD, eventually, unique},
};
use serde_json::{Value, json};

/// A mail, its lines not folded or quoted.
struct Mail(String);

impl Mail {
    fn token(&self) -> Option<String> {
        let is_token =
            |line: &&str| line.starts_with("local_") && line.rsplit_once('.').is_some_and(|(_, secret)| secret.len() == 52);
        self.0.lines().map(str::trim_end).find(is_token).map(str::to_owned)
    }

    fn code(&self) -> Option<String> {
        let is_code = |line: &&str| line.len() == 9 && line.bytes().all(|byte| byte.is_ascii_digit() || byte == b' ');
        self.0.lines().map(str::trim_end).find(is_code).map(str::to_owned)
    }
}

/// The mails with this subject that have come for this address.
fn mails(address: &str, subject: &str) -> Vec<Mail> {
    let files = std::fs::read_dir(SHARED.folder.join("mail")).into_iter().flatten();
    let texts = files.filter_map(|file| std::fs::read(file.unwrap().path()).ok());
    let plain = texts.map(|bytes| String::from_utf8_lossy(&bytes).replace("\r\n", "\n").replace("=\n", ""));
    let heads = |text: &str, line: &str| text.lines().take_while(|it| !it.is_empty()).any(|it| it.contains(line));
    plain.filter(|text| heads(text, address) && heads(text, &format!("Subject: {subject}"))).map(Mail).collect()
}

/// The one that has come beside so many.
async fn mail(address: &str, subject: &str, before: &[String]) -> Mail {
    let new =
        async || mails(address, subject).into_iter().find(|mail| mail.token().is_some_and(|token| !before.contains(&token)));
    eventually(subject, async || new().await.is_some(), |there| *there).await;
    new().await.unwrap()
}

/// False where nobody writes mails; says so.
fn there_are_mails() -> bool {
    let worker = SHARED.form.has_worker();
    if !worker {
        eprintln!("skipped: in form {:?} nobody writes mails", SHARED.form);
    }
    worker
}

async fn person() -> (Client<'static>, String) {
    let person = Client::register(&SHARED).await;
    let email = person.get("/api/auth/me").await.expect(200)["email"].as_str().unwrap().to_owned();
    (person, email)
}

fn new_address() -> String {
    format!("{}@example.org", unique("new"))
}

async fn login(email: &str) -> Answer {
    Client::new(&SHARED).post("/api/auth/login", &json!({"email": email, "password": PASSWORD})).await
}

async fn verify(body: Value) -> Answer {
    Client::new(&SHARED).post("/api/auth/verify-email", &body).await
}

async fn confirm(token: &str) -> Answer {
    Client::new(&SHARED).post("/api/auth/email/confirm", &json!({"token": token})).await
}

const WELCOME: &str = "Welcome to Marquee";
const AGAIN: &str = "Is this your address?";
const LEAVE: &str = "Is your account to have another address?";
const TAKE: &str = "Is this to be the address of your account?";

#[tokio::test]
async fn what_shows_that_an_address_is_read_is_a_token_or_an_address_and_a_code() {
    for (body, pointers) in [
        (json!({}), &["/token"][..]),
        (json!({"email": "a@example.com"}), &["/code"]),
        (json!({"code": "12345678"}), &["/email"]),
        (json!({"token": "x", "code": "12345678"}), &["/code"]),
        (json!({"token": 7}), &["/token"]),
        (json!({"email": "a@example.com", "code": 12_345_678}), &["/code"]),
    ] {
        let refused = verify(body.clone()).await.expect_problem(400, "invalid-request");
        let named: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|it| it["pointer"].as_str().unwrap()).collect();
        assert_eq!(named, pointers, "{body}");
    }
    let (_, email) = person().await;
    for email in [email.as_str(), "nobody@example.com", "no address"] {
        verify(json!({"email": email, "code": "not one"})).await.expect_problem(400, "token-invalid");
    }
    confirm("x").await.expect_problem(400, "token-invalid");
}

#[tokio::test]
async fn mails_that_verify_an_address_are_slowed_down() {
    let (person, _) = person().await;
    let mut sent = 0;
    let refused = loop {
        let answer = person.post("/api/auth/verify-email/resend", &json!({})).await;
        if answer.status == 429 {
            break answer;
        }
        answer.expect(202);
        sent += 1;
        assert!(sent < 10);
    };
    assert!(refused.header("retry-after").unwrap().parse::<u32>().unwrap() > 60);
    refused.expect_problem(429, "rate-limited");
}

#[tokio::test]
async fn a_code_from_a_mail_is_typed_once_and_guessed_at_a_few_times() {
    if !there_are_mails() {
        return;
    }
    let (guessed, email) = person().await;
    let welcome = mail(&email, WELCOME, &[]).await;
    let (code, token) = (welcome.code().unwrap(), welcome.token().unwrap());
    let wrong = if code.starts_with('0') { "1000 0000" } else { "0000 0000" };
    for _ in 0..5 {
        verify(json!({"email": email, "code": wrong})).await.expect_problem(400, "token-invalid");
    }
    verify(json!({"email": email, "code": code})).await.expect_problem(400, "token-invalid");
    // Another mail has another code, and ends what the first one said.
    guessed.post("/api/auth/verify-email/resend", &json!({})).await.expect(202);
    let again = mail(&email, AGAIN, &[]).await;
    verify(json!({"token": token})).await.expect_problem(400, "token-invalid");
    let code = json!({"email": email.to_uppercase(), "code": again.code().unwrap().replace(' ', "-")});
    assert_eq!(guessed.get("/api/auth/me").await.expect(200)["email_verified"], false);
    verify(code.clone()).await.expect(204);
    assert_eq!(guessed.get("/api/auth/me").await.expect(200)["email_verified"], true);
    verify(code).await.expect_problem(400, "token-invalid");
    verify(json!({"token": again.token()})).await.expect_problem(400, "token-invalid");
    guessed.post("/api/auth/verify-email/resend", &json!({})).await.expect(202);

    let (person, email) = person().await;
    let token = mail(&email, WELCOME, &[]).await.token();
    verify(json!({"token": token})).await.expect(204);
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email_verified"], true);
}

#[tokio::test]
async fn another_address_is_asked_for_by_who_proves_whose_the_account_is() {
    let (person, email) = person().await;
    let ask = async |body: Value| person.post("/api/auth/email", &body).await;
    ask(json!({"email": new_address(), "password": "not that one"})).await.expect_problem(401, "bad-credentials");
    for (same, why) in [(email.to_uppercase(), "it is the account's"), ("no address".to_owned(), "it is none")] {
        let refused = ask(json!({"email": same})).await.expect_problem(400, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], "/email", "{why}");
    }
    let (_, taken) = self::person().await;
    ask(json!({"email": taken, "password": PASSWORD})).await.expect_problem(409, "email-taken");
    // Who has just logged in has proved it.
    ask(json!({"email": new_address()})).await.expect(202);
    ask(json!({"email": new_address(), "password": PASSWORD})).await.expect(202);
    let mut slowed = false;
    for _ in 0..10 {
        slowed |= ask(json!({"email": new_address()})).await.status == 429;
    }
    assert!(slowed, "nobody fills strangers' mailboxes");
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email"], email);
}

#[tokio::test]
async fn an_address_changes_once_both_have_confirmed() {
    if !there_are_mails() {
        return;
    }
    let (person, old) = person().await;
    let mut other = Client::new(&SHARED);
    other.take_tokens(&login(&old).await.expect(200));
    let welcome = mail(&old, WELCOME, &[]).await.token().unwrap();
    let new = new_address();
    person.post("/api/auth/email", &json!({"email": new.to_uppercase(), "password": PASSWORD})).await.expect(202);
    let (leave, take) = (mail(&old, LEAVE, &[]).await, mail(&new, TAKE, &[]).await);
    assert!(!leave.0.contains(&new), "nobody knows whose the old one is, and who typed the new one");
    assert!(!take.0.contains(&old) && !take.0.contains("Ada"), "{}", take.0);
    let (leave, take) = (leave.token().unwrap(), take.token().unwrap());
    for wrong in [json!({"token": take}), json!({"token": leave})] {
        verify(wrong).await.expect_problem(400, "token-invalid");
    }
    confirm(&take).await.expect(202);
    confirm(&take).await.expect_problem(400, "token-invalid");
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email"], old);
    login(&new).await.expect_problem(401, "bad-credentials");
    confirm(&leave).await.expect(204);
    confirm(&leave).await.expect_problem(400, "token-invalid");

    let me = person.get("/api/auth/me").await.expect(200);
    assert_eq!((&me["email"], &me["email_verified"]), (&json!(new), &json!(true)));
    eventually("other sessions are over", async || other.get("/api/auth/me").await.status.as_u16(), |it| *it == 401).await;
    login(&old).await.expect_problem(401, "bad-credentials");
    login(&new).await.expect(200);
    verify(json!({"token": welcome})).await.expect_problem(400, "token-invalid");
    // The address that it had is anybody's.
    let again = json!({"email": old, "password": PASSWORD, "name": "Ada"});
    Client::new(&SHARED).post("/api/auth/register", &again).await.expect(201);
}

#[tokio::test]
async fn a_change_of_address_is_void_once_another_is_asked_for_or_the_password_changes() {
    if !there_are_mails() {
        return;
    }
    let (person, old) = person().await;
    let (first, second) = (new_address(), new_address());
    let ask = async |email: &str| person.post("/api/auth/email", &json!({"email": email})).await.expect(202);
    ask(&first).await;
    let leave = mail(&old, LEAVE, &[]).await.token().unwrap();
    let take = mail(&first, TAKE, &[]).await.token().unwrap();
    ask(&second).await;
    let newer = mail(&old, LEAVE, std::slice::from_ref(&leave)).await.token().unwrap();
    for void in [&leave, &take] {
        confirm(void).await.expect_problem(400, "token-invalid");
    }
    confirm(&newer).await.expect(202);
    let take = mail(&second, TAKE, &[]).await.token().unwrap();
    person.post("/api/auth/password", &json!({"current": PASSWORD, "new": "battery horse correct"})).await.expect(204);
    confirm(&take).await.expect_problem(400, "token-invalid");
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email"], old);
}

#[tokio::test]
async fn an_address_that_is_taken_meanwhile_stays_with_who_took_it() {
    if !there_are_mails() {
        return;
    }
    let (person, old) = person().await;
    let new = new_address();
    person.post("/api/auth/email", &json!({"email": new})).await.expect(202);
    let (leave, take) = (mail(&old, LEAVE, &[]).await.token().unwrap(), mail(&new, TAKE, &[]).await.token().unwrap());
    confirm(&leave).await.expect(202);
    let taken = json!({"email": new, "password": PASSWORD, "name": "Grace"});
    Client::new(&SHARED).post("/api/auth/register", &taken).await.expect(201);
    confirm(&take).await.expect_problem(409, "email-taken");
    confirm(&take).await.expect_problem(400, "token-invalid");
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email"], old);
    assert_eq!(login(&new).await.expect(200)["user"]["name"], "Grace");
}
