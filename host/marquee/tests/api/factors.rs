//! Second factors and passkeys.

use crate::{
    SHARED,
    client::{Answer, Client, PASSWORD, eventually},
    operations::admin,
};
use hmac::{Hmac, Mac as _};
use passkeys::testing::{Authenticator, BACKED_UP, PRESENT, Saying, VERIFIED};
use reqwest::Method;
use serde_json::{Value, json};
use sha1::Sha1;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where a page of a platform on one's own machine comes from.
const ORIGIN: &str = "http://localhost:8080";

/// The code that an app shows so many steps from now (RFC 6238), by itself.
fn code(secret: &str, steps: u64) -> String {
    let letters = secret.bytes().map(|letter| "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567".bytes().position(|it| it == letter).unwrap());
    let bits: Vec<bool> = letters.flat_map(|five| (0..5).rev().map(move |bit| (five >> bit) & 1 == 1)).collect();
    let key: Vec<u8> = bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |all, bit| (all << 1) | u8::from(*bit))).collect();
    let step = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 30 + steps;
    let mut mac = Hmac::<Sha1>::new_from_slice(&key).unwrap();
    mac.update(&step.to_be_bytes());
    let mac = mac.finalize().into_bytes();
    let at = usize::from(mac[19] & 15);
    format!("{:06}", (u32::from_be_bytes(mac[at..at + 4].try_into().unwrap()) & 0x7fff_ffff) % 1_000_000)
}

/// Gives an account a second factor; its secret, and what the platform says.
pub async fn enable(client: &Client<'_>) -> (String, Value) {
    let begun = client.post("/api/auth/totp", &json!({})).await.expect(200);
    let secret = begun["secret"].as_str().unwrap().to_owned();
    let confirmed = client.post("/api/auth/totp/confirm", &json!({"code": code(&secret, 0)})).await.expect(200);
    (secret, confirmed)
}

/// An account with a second factor, whose app has just shown the code of the present step.
pub struct Person {
    pub client: Client<'static>,
    pub email: Value,
    secret: String,
    recovery_codes: Vec<String>,
}

impl Person {
    pub async fn new() -> Self {
        let client = Client::register(&SHARED).await;
        let email = client.get("/api/auth/me").await.expect(200)["email"].clone();
        let (secret, confirmed) = enable(&client).await;
        let codes = confirmed["recovery_codes"].as_array().unwrap().iter().map(|code| code.as_str().unwrap().to_owned());
        Self { client, email, recovery_codes: codes.collect(), secret }
    }

    /// Shows the password; gives the challenge.
    async fn challenge(&self) -> Value {
        let answer = self.log_in().await.expect(200);
        assert!(answer["access_token"].is_null() && answer["user"].is_null(), "{answer}");
        answer["second_factor"]["token"].clone()
    }

    async fn log_in(&self) -> Answer {
        Client::new(&SHARED).post("/api/auth/login", &json!({"email": self.email, "password": PASSWORD})).await
    }
}

async fn second(token: &Value, member: &str, shown: &str) -> Answer {
    Client::new(&SHARED).post("/api/auth/login/second-factor", &json!({"token": token, member: shown})).await
}

/// Somebody who is logged in by this answer.
fn with_tokens(answer: Answer) -> Client<'static> {
    let mut client = Client::new(&SHARED);
    client.take_tokens(&answer.expect(200));
    client
}

#[tokio::test]
async fn a_second_factor_is_asked_for_once_its_first_code_was_shown() {
    let client = Client::register(&SHARED).await;
    let off = json!({"enabled": false, "enabled_at": null, "recovery_codes_left": 0});
    assert_eq!(client.get("/api/auth/totp").await.expect(200), off);
    let email = client.get("/api/auth/me").await.expect(200)["email"].clone();
    client.post("/api/auth/totp/confirm", &json!({"code": "123456"})).await.expect_problem(409, "wrong-state");
    client.post("/api/auth/recovery-codes", &json!({})).await.expect_problem(409, "wrong-state");
    client.post("/api/auth/totp", &json!({})).await.expect(200);
    // Another one takes its place.
    let begun = client.post("/api/auth/totp", &json!({})).await.expect(200);
    let secret = begun["secret"].as_str().unwrap();
    let uri = begun["uri"].as_str().unwrap();
    assert!(uri.starts_with("otpauth://totp/") && uri.contains(&format!("?secret={secret}&issuer=")), "{uri}");
    let login = json!({"email": email, "password": PASSWORD});
    with_tokens(Client::new(&SHARED).post("/api/auth/login", &login).await);
    assert_eq!(client.get("/api/auth/totp").await.expect(200), off, "it counts for nothing yet");

    for nonsense in ["", "12345", "1234567", "12345a", "\u{663}\u{663}\u{663}\u{663}\u{663}\u{663}"] {
        let refused = client.post("/api/auth/totp/confirm", &json!({"code": nonsense})).await;
        assert_eq!(refused.expect_problem(400, "invalid-request")["errors"][0]["pointer"], "/code", "{nonsense}");
    }
    client.post("/api/auth/totp/confirm", &json!({"code": code(secret, 7)})).await.expect_problem(401, "bad-code");
    let shown = code(secret, 0);
    let confirmed = client.post("/api/auth/totp/confirm", &json!({"code": shown})).await.expect(200);
    assert_eq!(confirmed["recovery_codes"].as_array().unwrap().len(), 10);
    client.post("/api/auth/totp/confirm", &json!({"code": code(secret, 1)})).await.expect_problem(409, "wrong-state");
    client.post("/api/auth/totp", &json!({})).await.expect_problem(409, "wrong-state");
    let on = client.get("/api/auth/totp").await.expect(200);
    assert_eq!((&on["enabled"], &on["recovery_codes_left"]), (&json!(true), &json!(10)));

    let person = Person { client, email, secret: secret.to_owned(), recovery_codes: Vec::new() };
    let asked = person.log_in().await.expect(200);
    assert_eq!(asked["second_factor"]["methods"], json!(["totp", "recovery-code"]));
    let token = &asked["second_factor"]["token"];
    for wrong in [&shown, &code(secret, 7)] {
        second(token, "code", wrong).await.expect_problem(401, "bad-code");
    }
    let next = code(secret, 1);
    let entered = with_tokens(second(token, "code", &format!("{} {}", &next[..3], &next[3..])).await);
    assert_eq!(entered.get("/api/auth/me").await.expect(200)["email"], person.email);
    // Neither the challenge nor the code is good twice.
    second(token, "code", &next).await.expect_problem(400, "challenge-expired");
    second(&person.challenge().await, "code", &next).await.expect_problem(401, "bad-code");
}

#[tokio::test]
async fn one_of_them_is_shown_and_the_token_must_be_ours() {
    let person = Person::new().await;
    let token = person.challenge().await;
    for (body, pointer) in [
        (json!({"token": token}), "/code"),
        (json!({"code": "123456"}), "/token"),
        (json!({"token": token, "code": "123456", "recovery_code": person.recovery_codes[0]}), "/recovery_code"),
        (json!({"token": token, "recovery_code": "0123-4567-89ab-cde!"}), "/recovery_code"),
        (json!({"token": token, "code": 123_456}), "/code"),
        (json!({"token": token, "code": "123456", "password": PASSWORD}), "/password"),
    ] {
        let refused = Client::new(&SHARED).post("/api/auth/login/second-factor", &body).await;
        assert_eq!(refused.expect_problem(400, "invalid-request")["errors"][0]["pointer"], pointer, "{body}");
    }
    for made_up in ["x", &"A".repeat(43)] {
        second(&json!(made_up), "code", &code(&person.secret, 1)).await.expect_problem(400, "challenge-expired");
    }
    with_tokens(second(&token, "code", &code(&person.secret, 1)).await);
}

#[tokio::test]
async fn a_recovery_code_is_good_once_and_new_ones_end_the_old() {
    let person = Person::new().await;
    let [first, second_one] = [&person.recovery_codes[0], &person.recovery_codes[1]];
    let token = person.challenge().await;
    let typed = first.to_uppercase().replace('-', " ");
    let entered = with_tokens(second(&token, "recovery_code", &typed).await);
    assert_eq!(entered.get("/api/auth/totp").await.expect(200)["recovery_codes_left"], 9);
    second(&person.challenge().await, "recovery_code", first).await.expect_problem(401, "bad-code");
    let new = entered.post("/api/auth/recovery-codes", &json!({})).await.expect(200);
    second(&person.challenge().await, "recovery_code", second_one).await.expect_problem(401, "bad-code");
    with_tokens(second(&person.challenge().await, "recovery_code", new["recovery_codes"][0].as_str().unwrap()).await);
    // Nobody else's.
    let other = Person::new().await;
    second(&other.challenge().await, "recovery_code", new["recovery_codes"][1].as_str().unwrap())
        .await
        .expect_problem(401, "bad-code");
}

#[tokio::test]
async fn a_challenge_has_few_tries_and_wrong_codes_slow_down_who_tries_them() {
    let person = Person::new().await;
    let recovery = &person.recovery_codes[0];
    let wrong = code(&person.secret, 7);
    let token = person.challenge().await;
    for _ in 0..5 {
        second(&token, "code", &wrong).await.expect_problem(401, "bad-code");
    }
    second(&token, "recovery_code", recovery).await.expect_problem(400, "challenge-expired");
    let mut slowed = None;
    for _ in 0..5 {
        let answer = second(&person.challenge().await, "code", &wrong).await;
        if answer.status == 429 {
            slowed = Some(answer);
            break;
        }
        answer.expect_problem(401, "bad-code");
    }
    slowed.expect("it is slowed down").expect_problem(429, "rate-limited");
    let token = person.challenge().await;
    eventually("the owner gets in", async || second(&token, "recovery_code", recovery).await, |answer| answer.status != 429)
        .await
        .expect(200);
}

#[tokio::test]
async fn nobody_learns_of_a_second_factor_who_does_not_know_the_password() {
    let (person, other) = (Person::new().await, Client::register(&SHARED).await);
    let email = other.get("/api/auth/me").await.expect(200)["email"].clone();
    let mut answers = Vec::new();
    for email in [&person.email, &email] {
        let wrong = json!({"email": email, "password": "not that one"});
        answers.push(
            Client::new(&SHARED).post("/api/auth/login", &wrong).await.expect_problem(401, "bad-credentials")["detail"].clone(),
        );
    }
    assert_eq!(answers[0], answers[1]);
    let options = Client::new(&SHARED).post("/api/auth/passkeys/login/options", &json!({})).await.expect(200);
    assert_eq!(options["publicKey"]["allowCredentials"], json!([]));
}

#[tokio::test]
async fn a_new_password_ends_logins_under_way_and_leaves_the_second_factor() {
    const NEW: &str = "battery horse correct";
    let person = Person::new().await;
    let token = person.challenge().await;
    person.client.post("/api/auth/password", &json!({"current": PASSWORD, "new": NEW})).await.expect(204);
    second(&token, "recovery_code", &person.recovery_codes[0]).await.expect_problem(400, "challenge-expired");
    let login = json!({"email": person.email, "password": NEW});
    let asked = Client::new(&SHARED).post("/api/auth/login", &login).await.expect(200);
    with_tokens(second(&asked["second_factor"]["token"], "recovery_code", &person.recovery_codes[0]).await);
}

#[tokio::test]
async fn a_suspended_person_does_not_get_in_with_a_second_factor() {
    let person = Person::new().await;
    let token = person.challenge().await;
    admin().await.post(&format!("/api/users/{}/suspend", person.client.user), &json!({})).await.expect(204);
    second(&token, "recovery_code", &person.recovery_codes[0]).await.expect_problem(400, "challenge-expired");
    person.log_in().await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn a_second_factor_is_taken_away_by_a_session_that_has_shown_both() {
    let before = Client::register(&SHARED).await;
    let email = before.get("/api/auth/me").await.expect(200)["email"].clone();
    let login = json!({"email": email, "password": PASSWORD});
    // Logged in a moment ago, but with the password alone.
    let other = with_tokens(Client::new(&SHARED).post("/api/auth/login", &login).await);
    let begun = before.post("/api/auth/totp", &json!({})).await.expect(200);
    let secret = begun["secret"].as_str().unwrap();
    before.post("/api/auth/totp/confirm", &json!({"code": code(secret, 0)})).await.expect(200);
    other.send(Method::DELETE, "/api/auth/totp", &[], None).await.expect_problem(403, "reauthentication-required");
    for path in ["/api/auth/recovery-codes", "/api/auth/passkeys/options"] {
        other.post(path, &json!({})).await.expect_problem(403, "reauthentication-required");
    }

    // The password alone does not help, however it is shown.
    const NEW: &str = "battery horse correct";
    let change = json!({"email": "elsewhere@example.com", "password": PASSWORD});
    other.post("/api/auth/email", &change).await.expect_problem(403, "reauthentication-required");
    other.post("/api/auth/password", &json!({"current": PASSWORD, "new": NEW})).await.expect(204);
    other.send(Method::DELETE, "/api/auth/totp", &[], None).await.expect_problem(403, "reauthentication-required");

    // It does once it has shown both.
    let reauthenticate = async |body: Value| other.post("/api/auth/reauthenticate", &body).await;
    reauthenticate(json!({"password": NEW})).await.expect_problem(401, "second-factor-required");
    reauthenticate(json!({"password": NEW, "code": code(secret, 7)})).await.expect_problem(401, "bad-code");
    reauthenticate(json!({"password": "not that one", "code": code(secret, 1)})).await.expect_problem(401, "bad-credentials");
    reauthenticate(json!({"password": NEW, "code": code(secret, 1)})).await.expect(204);
    for _ in 0..2 {
        other.send(Method::DELETE, "/api/auth/totp", &[], None).await.expect(204);
    }
    assert_eq!(other.get("/api/auth/totp").await.expect(200)["recovery_codes_left"], 0);
    let login = json!({"email": email, "password": NEW});
    let entered = with_tokens(Client::new(&SHARED).post("/api/auth/login", &login).await);
    entered.post("/api/auth/reauthenticate", &json!({"password": NEW})).await.expect(204);
}

#[tokio::test]
async fn a_browsers_login_ends_with_cookies_after_the_second_factor() {
    let person = Person::new().await;
    let body = json!({"email": person.email, "password": PASSWORD, "transport": "cookie"});
    let send = async |path: &str, body: &Value, site: &str| {
        let headers = [("sec-fetch-site", site)];
        Client::new(&SHARED).send(Method::POST, path, &headers, Some(body.to_string().into())).await
    };
    let asked = send("/api/auth/login", &body, "same-origin").await;
    assert!(asked.headers.get("set-cookie").is_none());
    let token = asked.expect(200)["second_factor"]["token"].clone();
    let shown = json!({"token": token, "recovery_code": person.recovery_codes[0]});
    send("/api/auth/login/second-factor", &shown, "cross-site").await.expect_problem(403, "cross-site-request");
    let entered = send("/api/auth/login/second-factor", &shown, "same-origin").await;
    assert_eq!(entered.headers.get_all("set-cookie").iter().count(), 2);
    let entered = entered.expect(200);
    assert_eq!((&entered["user"]["email"], &entered["access_token"]), (&person.email, &Value::Null));
}

fn truth() -> Saying {
    Saying::truth(ORIGIN)
}

async fn options(client: &Client<'_>, path: &str) -> Value {
    client.post(path, &json!({})).await.expect(200)["publicKey"].clone()
}

/// Makes a passkey and sends it, as it or the browser says.
async fn add(client: &Client<'_>, saying: &Saying) -> (Authenticator, Answer) {
    let options = options(client, "/api/auth/passkeys/options").await;
    let (authenticator, sent) = Authenticator::create(&options, saying);
    (authenticator, client.post("/api/auth/passkeys", &json!({"name": "Phone", "credential": sent})).await)
}

/// An account with a passkey.
pub async fn with_passkey(client: &Client<'_>) -> (Authenticator, String) {
    let (authenticator, answer) = add(client, &truth()).await;
    (authenticator, answer.expect(201)["id"].as_str().unwrap().to_owned())
}

async fn log_in(sent: &Value) -> Answer {
    Client::new(&SHARED).post("/api/auth/passkeys/login", &json!({"credential": sent})).await
}

async fn use_passkey(authenticator: &mut Authenticator, saying: &Saying) -> Answer {
    let options = options(&Client::new(&SHARED), "/api/auth/passkeys/login/options").await;
    log_in(&authenticator.get(&options, saying)).await
}

#[tokio::test]
async fn a_passkey_is_added_used_listed_and_removed() {
    let client = Client::register(&SHARED).await;
    let asked = options(&client, "/api/auth/passkeys/options").await;
    assert_eq!(
        (&asked["rp"]["id"], &asked["attestation"], &asked["excludeCredentials"]),
        (&json!("localhost"), &json!("none"), &json!([]))
    );
    assert_eq!(asked["authenticatorSelection"]["userVerification"], "required");
    let saying = Saying { flags: VERIFIED | BACKED_UP, ..truth() };
    let (mut authenticator, answer) = add(&client, &saying).await;
    let added = answer.expect(201);
    assert_eq!((&added["name"], &added["backed_up"], &added["last_used_at"]), (&json!("Phone"), &json!(true), &Value::Null));
    let known = options(&client, "/api/auth/passkeys/options").await["excludeCredentials"].clone();
    assert_eq!(known.as_array().unwrap().len(), 1);

    for _ in 0..2 {
        let entered = with_tokens(use_passkey(&mut authenticator, &saying).await);
        assert_eq!(entered.user, client.user);
    }
    let listed = client.get("/api/auth/passkeys").await.expect(200);
    assert_eq!(listed["items"][0]["id"], added["id"]);
    assert!(listed["items"][0]["last_used_at"].is_string());
    assert_eq!(Client::register(&SHARED).await.get("/api/auth/passkeys").await.expect(200)["items"], json!([]));

    let path = format!("/api/auth/passkeys/{}", added["id"].as_str().unwrap());
    Client::register(&SHARED).await.send(Method::DELETE, &path, &[], None).await.expect_problem(404, "not-found");
    client.send(Method::DELETE, &path, &[], None).await.expect(204);
    client.send(Method::DELETE, &path, &[], None).await.expect_problem(404, "not-found");
    use_passkey(&mut authenticator, &saying).await.expect_problem(401, "passkey-refused");
}

/// What a browser or an authenticator may say that is not true.
fn lies() -> Vec<Saying> {
    let evil = "http://evil.example".to_owned();
    vec![
        Saying { origin: evil, ..truth() },
        Saying { embedded: true, ..truth() },
        Saying { rp_id: Some("evil.example".to_owned()), ..truth() },
        Saying { kind: Some("payment.get"), ..truth() },
        Saying { flags: PRESENT, ..truth() },
    ]
}

#[tokio::test]
async fn a_passkey_that_was_not_made_as_it_must_be_is_refused() {
    let client = Client::register(&SHARED).await;
    for saying in lies().into_iter().chain([Saying { format: "fido-u2f", ..truth() }]) {
        let refused = add(&client, &saying).await.1.expect_problem(400, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], "/credential", "{saying:?}");
    }
    // A challenge is answered once, by the session that it was put to, and is no login's.
    let asked = options(&client, "/api/auth/passkeys/options").await;
    let body = json!({"credential": Authenticator::create(&asked, &truth()).1});
    Client::register(&SHARED).await.post("/api/auth/passkeys", &body).await.expect_problem(400, "challenge-expired");
    assert_eq!(client.post("/api/auth/passkeys", &body).await.expect(201)["name"], "Passkey");
    client.post("/api/auth/passkeys", &body).await.expect_problem(400, "challenge-expired");
    let mut mixed = options(&client, "/api/auth/passkeys/options").await;
    mixed["challenge"] = options(&client, "/api/auth/passkeys/login/options").await["challenge"].clone();
    let body = json!({"credential": Authenticator::create(&mixed, &truth()).1});
    client.post("/api/auth/passkeys", &body).await.expect_problem(400, "challenge-expired");
    assert_eq!(client.get("/api/auth/passkeys").await.expect(200)["items"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_passkey_belongs_to_one_account_which_has_twenty_at_most() {
    let (client, thief) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    let asked = options(&client, "/api/auth/passkeys/options").await;
    let credential = Authenticator::create(&asked, &truth()).1;
    client.post("/api/auth/passkeys", &json!({"credential": credential})).await.expect(201);
    // The authenticator is the same, but answers the thief's challenge.
    let theirs = options(&thief, "/api/auth/passkeys/options").await;
    let saying = Saying { challenge: theirs["challenge"].as_str().map(str::to_owned), ..truth() };
    let body = json!({"credential": Authenticator::create(&asked, &saying).1});
    thief.post("/api/auth/passkeys", &body).await.expect_problem(409, "wrong-state");

    for _ in 1..20 {
        with_passkey(&client).await;
    }
    client.post("/api/auth/passkeys/options", &json!({})).await.expect_problem(409, "wrong-state");
    assert_eq!(client.get("/api/auth/passkeys").await.expect(200)["items"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn a_login_with_a_passkey_that_is_not_true_is_refused() {
    let (client, other) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    let (mut authenticator, _) = with_passkey(&client).await;
    let (mut others, _) = with_passkey(&other).await;
    let handle = options(&other, "/api/auth/passkeys/options").await["user"]["id"].as_str().unwrap().to_owned();
    let more = [Saying { spoiled: true, ..truth() }, Saying { user_handle: Some(handle), ..truth() }];
    for saying in lies().into_iter().chain(more) {
        use_passkey(&mut authenticator, &saying).await.expect_problem(401, "passkey-refused");
    }
    // Somebody else's credential under this one's id, and one that nobody has.
    let asked = options(&client, "/api/auth/passkeys/login/options").await;
    let mut foreign = others.get(&asked, &truth());
    let own = authenticator.get(&asked, &truth());
    (foreign["id"], foreign["rawId"]) = (own["id"].clone(), own["rawId"].clone());
    log_in(&foreign).await.expect_problem(401, "passkey-refused");
    let asked = options(&client, "/api/auth/passkeys/login/options").await;
    let mut unknown = authenticator.get(&asked, &truth());
    (unknown["id"], unknown["rawId"]) = (json!("AAAA"), json!("AAAA"));
    log_in(&unknown).await.expect_problem(401, "passkey-refused");
    // A challenge is answered once, whatever became of the answer.
    let right = authenticator.get(&asked, &truth());
    log_in(&right).await.expect_problem(400, "challenge-expired");
    let asked = options(&client, "/api/auth/passkeys/login/options").await;
    let right = authenticator.get(&asked, &truth());
    log_in(&right).await.expect(200);
    log_in(&right).await.expect_problem(400, "challenge-expired");
    for nonsense in [json!({}), json!({"id": "AAAA"}), json!("AAAA")] {
        let refused = log_in(&nonsense).await.expect_problem(400, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], "/credential", "{nonsense}");
    }
}

#[tokio::test]
async fn a_counter_that_does_not_grow_tells_a_copy() {
    let client = Client::register(&SHARED).await;
    let (mut authenticator, _) = with_passkey(&client).await;
    let at = |sign_count| Saying { sign_count: Some(sign_count), ..truth() };
    use_passkey(&mut authenticator, &at(7)).await.expect(200);
    for copied in [7, 3, 0] {
        use_passkey(&mut authenticator, &at(copied)).await.expect_problem(401, "passkey-refused");
    }
    use_passkey(&mut authenticator, &at(8)).await.expect(200);
    // One that does not count never does.
    let (mut synced, answer) = add(&client, &at(0)).await;
    answer.expect(201);
    for _ in 0..2 {
        use_passkey(&mut synced, &at(0)).await.expect(200);
    }
}

#[tokio::test]
async fn a_passkey_stands_for_both_factors() {
    let person = Person::new().await;
    let (mut authenticator, _) = with_passkey(&person.client).await;
    let entered = with_tokens(use_passkey(&mut authenticator, &truth()).await);
    entered.send(Method::DELETE, "/api/auth/totp", &[], None).await.expect(204);
    admin().await.post(&format!("/api/users/{}/suspend", person.client.user), &json!({})).await.expect(204);
    use_passkey(&mut authenticator, &truth()).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn the_audit_log_tells_of_second_factors_and_passkeys() {
    if !SHARED.form.has_worker() {
        eprintln!("skipped: in form {:?} nobody writes the audit log", SHARED.form);
        return;
    }
    let admin = admin().await;
    let person = Person::new().await;
    let token = person.challenge().await;
    second(&token, "code", &code(&person.secret, 7)).await.expect_problem(401, "bad-code");
    with_tokens(second(&token, "recovery_code", &person.recovery_codes[0]).await);
    person.client.post("/api/auth/recovery-codes", &json!({})).await.expect(200);
    let (mut authenticator, passkey) = with_passkey(&person.client).await;
    use_passkey(&mut authenticator, &Saying { spoiled: true, ..truth() }).await.expect_problem(401, "passkey-refused");
    let path = format!("/api/auth/passkeys/{passkey}");
    person.client.send(Method::DELETE, &path, &[], None).await.expect(204);
    person.client.send(Method::DELETE, "/api/auth/totp", &[], None).await.expect(204);
    let log = async || admin.get("/api/audit?limit=100").await.expect(200)["items"].as_array().unwrap().clone();
    for kind in [
        "user.second-factor-enabled",
        "user.second-factor-failed",
        "user.recovery-code-used",
        "user.recovery-codes-made",
        "user.passkey-added",
        "user.passkey-refused",
        "user.passkey-removed",
        "user.second-factor-disabled",
    ] {
        let told = |item: &Value| {
            item["type"] == kind && item["subject"] == person.client.user.as_str() && item["network"] == "127.0.0.0/24"
        };
        eventually(kind, log, |items: &Vec<Value>| items.iter().any(told)).await;
    }
}
