//! Accounts: registering, tokens, sessions, roles.

use crate::{
    ADMIN_EMAIL, SHARED,
    client::{Client, OnSale, PASSWORD, event, eventually, unique},
    operations::admin,
};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn a_person_registers_logs_in_and_is_known_at_every_edge() {
    let mut person = Client::new(&SHARED);
    let email = format!("{}@Example.com", unique("Ada"));
    let registered =
        person.post("/api/auth/register", &json!({"email": email, "password": PASSWORD, "name": "Ada"})).await.expect(201);
    assert_eq!(registered["user"]["email"], email.to_lowercase());
    assert_eq!(registered["user"]["roles"], json!(["user"]));
    assert_eq!((&registered["token_type"], &registered["expires_in"]), (&json!("Bearer"), &json!(900)));

    let logged_in =
        person.post("/api/auth/login", &json!({"email": email.to_uppercase(), "password": PASSWORD})).await.expect(200);
    person.take_tokens(&logged_in);
    for place in [&person, &person.elsewhere()] {
        assert_eq!(place.get("/api/auth/me").await.expect(200), logged_in["user"]);
    }
    let verified = person.post("/api/auth/verify", &json!({"token": person.token})).await.expect(200);
    assert_eq!((&verified["active"], &verified["sub"]), (&json!(true), &logged_in["user"]["id"]));
}

#[tokio::test]
async fn an_email_belongs_to_one_account() {
    let person = Client::new(&SHARED);
    let body = json!({"email": format!("{}@example.com", unique("bob")), "password": PASSWORD, "name": "Bob"});
    person.post("/api/auth/register", &body).await.expect(201);
    person.post("/api/auth/register", &body).await.expect_problem(409, "email-taken");
}

#[tokio::test]
async fn wrong_credentials_do_not_say_what_is_wrong() {
    let person = Client::new(&SHARED);
    let email = format!("{}@example.com", unique("eve"));
    person.post("/api/auth/register", &json!({"email": email, "password": PASSWORD, "name": "Eve"})).await.expect(201);
    let wrong = person.post("/api/auth/login", &json!({"email": email, "password": "not that one"})).await;
    let unknown = person.post("/api/auth/login", &json!({"email": "nobody@example.com", "password": PASSWORD})).await;
    assert_eq!(wrong.expect_problem(401, "bad-credentials")["detail"], unknown.expect_problem(401, "bad-credentials")["detail"]);
}

#[tokio::test]
async fn refresh_tokens_rotate() {
    let mut person = Client::register(&SHARED).await;
    let first = person.refresh_token.clone();
    let second = person.post("/api/auth/refresh", &json!({"refresh_token": first})).await.expect(200);
    assert_ne!(second["refresh_token"], json!(first));
    person.take_tokens(&second);
    person.get("/api/auth/me").await.expect(200);
    // A lost answer may be asked for again, shortly after.
    let again = person.post("/api/auth/refresh", &json!({"refresh_token": first})).await.expect(200);
    person.post("/api/auth/refresh", &json!({"refresh_token": again["refresh_token"]})).await.expect(200);
}

#[tokio::test]
async fn an_old_refresh_token_ends_the_family() {
    let mut person = Client::register(&SHARED).await;
    let first = person.refresh_token.clone();
    for _ in 0..2 {
        let next = person.post("/api/auth/refresh", &json!({"refresh_token": person.refresh_token})).await.expect(200);
        person.take_tokens(&next);
    }
    person.post("/api/auth/refresh", &json!({"refresh_token": first})).await.expect_problem(401, "token-revoked");
    person.post("/api/auth/refresh", &json!({"refresh_token": person.refresh_token})).await.expect_problem(401, "token-revoked");
    eventually(
        "the thief's access token dies",
        async || person.get("/api/auth/me").await.status.as_u16(),
        |status| *status == 401,
    )
    .await;
}

#[tokio::test]
async fn a_made_up_refresh_secret_ends_nobodys_session() {
    let person = Client::register(&SHARED).await;
    let session = person.refresh_token.split_once('.').unwrap().0;
    for secret in ["a".repeat(52), "0".repeat(52), "z".repeat(52)] {
        let made_up = json!({"refresh_token": format!("{session}.{secret}")});
        Client::new(&SHARED).post("/api/auth/refresh", &made_up).await.expect_problem(401, "token-revoked");
    }
    person.get("/api/auth/me").await.expect(200);
    person.post("/api/auth/refresh", &json!({"refresh_token": person.refresh_token})).await.expect(200);
}

#[tokio::test]
async fn nonsense_is_no_refresh_token() {
    for token in ["", "x", "local_0.x", &"a".repeat(300)] {
        let status = Client::new(&SHARED).post("/api/auth/refresh", &json!({"refresh_token": token})).await.status.as_u16();
        assert!(matches!(status, 400 | 401), "{token}: {status}");
    }
}

#[tokio::test]
async fn a_logout_is_known_at_every_edge_within_a_second() {
    let person = Client::register(&SHARED).await;
    let elsewhere = person.elsewhere();
    elsewhere.get("/api/bookings").await.expect(200);
    person.post("/api/auth/logout", &json!({"refresh_token": person.refresh_token})).await.expect(204);
    let logged_out = std::time::Instant::now();
    for place in [&person, &elsewhere] {
        // A booking is the edge's own verification, `me` the region's.
        for path in ["/api/auth/me", "/api/bookings"] {
            eventually("the token is dead", async || place.get(path).await, |answer| answer.status == 401)
                .await
                .expect_problem(401, "token-revoked");
        }
    }
    // The promise of the API is a second; a machine under test load gets a few.
    assert!(logged_out.elapsed().as_secs() < 10);
    let verified = person.post("/api/auth/verify", &json!({"token": person.token})).await.expect(200);
    assert_eq!(verified, json!({"active": false}));
    person.post("/api/auth/refresh", &json!({"refresh_token": person.refresh_token})).await.expect_problem(401, "token-revoked");
}

#[tokio::test]
async fn forged_and_foreign_tokens_are_refused() {
    let person = Client::register(&SHARED).await;
    let token = person.token.clone().unwrap();
    let (head, signature) = token.rsplit_once('.').unwrap();
    let (header, claims) = head.split_once('.').unwrap();
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0";
    let mut flipped = signature.to_owned();
    flipped.replace_range(0..1, if signature.starts_with('A') { "B" } else { "A" });
    for forged in [
        format!("{head}.{flipped}"),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
        format!("{header}.{}.{signature}", &claims[..claims.len() - 2]),
        head.to_owned(),
        "x".into(),
        "a.b.c".into(),
    ] {
        let header = format!("Bearer {forged}");
        for place in [&person, &person.elsewhere()] {
            place
                .send(Method::GET, "/api/auth/me", &[("authorization", &header)], None)
                .await
                .expect_problem(401, "unauthenticated");
        }
        let verified = person.post("/api/auth/verify", &json!({"token": forged})).await.expect(200);
        assert_eq!(verified, json!({"active": false}));
    }
    for header in ["", "Bearer", "Bearer ", "Basic YTpi", &format!("Bearer{token}"), &token] {
        person.send(Method::GET, "/api/auth/me", &[("authorization", header)], None).await.expect_problem(401, "unauthenticated");
    }
}

#[tokio::test]
async fn an_organiser_may_organise_at_once() {
    let (person, organiser) = Client::organiser(&SHARED).await;
    let me = person.get("/api/auth/me").await.expect(200);
    assert_eq!(me["roles"], json!(["user", "organiser"]));
    let mine = person.get("/api/organisers").await.expect(200);
    assert_eq!(mine, json!({"items": [{"id": organiser, "name": "Blue Hall", "role": "owner"}], "next_cursor": null}));
    let nobodys = Client::register(&SHARED).await.get("/api/organisers").await.expect(200);
    assert_eq!(nobodys["items"], json!([]));
}

#[tokio::test]
async fn an_admin_changes_roles_and_nobody_else_does() {
    let mut admin = Client::new(&SHARED);
    let tokens = admin.post("/api/auth/login", &json!({"email": ADMIN_EMAIL, "password": PASSWORD})).await.expect(200);
    admin.take_tokens(&tokens);
    assert!(tokens["user"]["roles"].as_array().unwrap().contains(&json!("admin")));
    let person = Client::register(&SHARED).await;
    let path = format!("/api/users/{}/roles", person.user);
    person.post(&path, &json!({"roles": ["admin"]})).await.expect_problem(403, "forbidden");
    admin.post(&path, &json!({"roles": ["king"]})).await.expect_problem(400, "invalid-request");
    admin.post("/api/users/local_00000000000000000000000000/roles", &json!({"roles": []})).await.expect_problem(404, "not-found");
    let changed = admin.post(&path, &json!({"roles": ["admin"]})).await.expect(200);
    assert!(changed["roles"].as_array().unwrap().contains(&json!("admin")));
    // A role read from SQL counts at once, whatever the token says.
    person.post(&path, &json!({"roles": []})).await.expect(200);
    person.post(&path, &json!({"roles": ["admin"]})).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn the_public_keys_are_public() {
    let keys = Client::new(&SHARED).get("/.well-known/jwks.json").await.expect(200);
    let key = &keys["keys"][0];
    assert_eq!((&key["kty"], &key["crv"], &key["alg"]), (&json!("OKP"), &json!("Ed25519"), &json!("EdDSA")));
    assert!(key["d"].is_null(), "the private part is not");
}

#[tokio::test]
async fn an_organiser_whose_role_was_taken_away_organises_no_more() {
    let (person, organiser) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&person, &organiser, 4500, 10, 5).await;
    let buyer = Client::register(&SHARED).await;
    let hold = buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201);
    let paying = json!({"booking_id": hold["id"], "method": {"type": "card", "token": "tok_ok"}});
    let payment = buyer.post_with(&unique("key"), "/api/payments", &paying).await.expect(201);
    let refund = format!("/api/payments/{}/refund", payment["id"].as_str().unwrap());
    let roles = format!("/api/users/{}/roles", person.user);
    let admin = admin().await;
    admin.post(&roles, &json!({"roles": []})).await.expect(200);
    for place in [&person, &person.elsewhere()] {
        place.post("/api/events", &event(&organiser, json!({}))).await.expect_problem(403, "forbidden");
        place.post(&format!("/api/events/{}/cancel", show.id), &json!({})).await.expect_problem(403, "forbidden");
        place.get(&format!("/api/events/{}/analytics", show.id)).await.expect_problem(403, "forbidden");
        place.post_with(&unique("key"), &refund, &json!({"amount": 1})).await.expect_problem(404, "not-found");
        // Nor do they get it back by themselves.
        place.post("/api/organisers", &json!({"name": "Red Hall"})).await.expect_problem(403, "forbidden");
    }
    admin.post(&roles, &json!({"roles": ["organiser"]})).await.expect(200);
    person.post("/api/events", &event(&organiser, json!({}))).await.expect(201);
    person.post_with(&unique("key"), &refund, &json!({"amount": 1})).await.expect(200);
}

#[tokio::test]
async fn a_suspended_person_is_out_everywhere_and_stays_out() {
    let mut person = Client::new(&SHARED);
    let credentials = json!({"email": format!("{}@example.com", unique("mallory")), "password": PASSWORD});
    let mut account = credentials.clone();
    account["name"] = json!("Mallory");
    let tokens = person.post("/api/auth/register", &account).await.expect(201);
    person.take_tokens(&tokens);
    let mut second = person.elsewhere();
    let tokens = second.post("/api/auth/login", &credentials).await.expect(200);
    second.take_tokens(&tokens);
    let admin = admin().await;
    let path = |what: &str| format!("/api/users/{}/{what}", person.user);
    person.post(&path("suspend"), &json!({})).await.expect_problem(403, "forbidden");
    admin.post("/api/users/local_00000000000000000000000000/suspend", &json!({})).await.expect_problem(404, "not-found");
    for _ in 0..2 {
        admin.post(&path("suspend"), &json!({})).await.expect(204);
    }
    for session in [&person, &person.elsewhere(), &second, &second.elsewhere()] {
        for path in ["/api/auth/me", "/api/bookings"] {
            eventually("the token is dead", async || session.get(path).await, |answer| answer.status == 401)
                .await
                .expect_problem(401, "token-revoked");
        }
        session
            .post("/api/auth/refresh", &json!({"refresh_token": session.refresh_token}))
            .await
            .expect_problem(401, "token-revoked");
    }
    person.post("/api/auth/login", &credentials).await.expect_problem(403, "forbidden");
    // Only who knows the password learns of it.
    let wrong = json!({"email": credentials["email"], "password": "not that one"});
    person.post("/api/auth/login", &wrong).await.expect_problem(401, "bad-credentials");
    for _ in 0..2 {
        admin.post(&path("restore"), &json!({})).await.expect(204);
    }
    let tokens = person.post("/api/auth/login", &credentials).await.expect(200);
    second.post("/api/auth/refresh", &json!({"refresh_token": second.refresh_token})).await.expect_problem(401, "token-revoked");
    person.take_tokens(&tokens);
    person.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn the_audit_log_tells_what_was_done_to_an_account() {
    if !SHARED.form.has_worker() {
        eprintln!("skipped: in form {:?} nobody writes the audit log", SHARED.form);
        return;
    }
    let admin = admin().await;
    let mut person = Client::new(&SHARED);
    let credentials = json!({"email": format!("{}@example.com", unique("trudy")), "password": PASSWORD});
    let mut account = credentials.clone();
    account["name"] = json!("Trudy");
    let tokens = person.post("/api/auth/register", &account).await.expect(201);
    person.take_tokens(&tokens);
    let organiser = person.post("/api/organisers", &json!({"name": "Blue Hall"})).await.expect(201);
    let first = person.refresh_token.clone();
    for _ in 0..2 {
        let next = person.post("/api/auth/refresh", &json!({"refresh_token": person.refresh_token})).await.expect(200);
        person.take_tokens(&next);
    }
    let change = json!({"current": "not that one", "new": "battery horse correct"});
    person.post("/api/auth/password", &change).await.expect_problem(401, "bad-credentials");
    for _ in 0..4 {
        person.get("/api/audit").await.expect_problem(403, "forbidden");
    }
    person.post("/api/auth/refresh", &json!({"refresh_token": first})).await.expect_problem(401, "token-revoked");
    let wrong = json!({"email": credentials["email"], "password": "not that one"});
    person.post("/api/auth/login", &wrong).await.expect_problem(401, "bad-credentials");
    admin.post(&format!("/api/users/{}/roles", person.user), &json!({"roles": []})).await.expect(200);
    for what in ["suspend", "restore"] {
        admin.post(&format!("/api/users/{}/{what}", person.user), &json!({})).await.expect(204);
    }
    let (user, organiser) = (person.user.as_str(), organiser["id"].as_str().unwrap());
    let told = [
        ("access.refused", user),
        ("user.refresh-reused", user),
        ("user.login-failed", user),
        ("organiser.created", organiser),
        ("user.roles-changed", user),
        ("user.suspended", user),
        ("user.restored", user),
    ];
    let log = async || admin.get("/api/audit?limit=100").await.expect(200)["items"].as_array().unwrap().clone();
    for (kind, subject) in told {
        let told =
            |item: &serde_json::Value| item["type"] == kind && item["subject"] == subject && item["network"] == "127.0.0.0/24";
        let found = |items: &Vec<serde_json::Value>| items.iter().any(told);
        eventually(kind, log, found).await;
    }
    // Whoever has a session and guesses is as visible as who logs in.
    let failed = |items: &Vec<serde_json::Value>| {
        items.iter().filter(|item| item["type"] == "user.login-failed" && item["subject"] == user).count()
    };
    eventually("wrong passwords", async || failed(&log().await), |failed| *failed == 2).await;
    // The same refusal is told once a minute, of which one may have ended meanwhile.
    let refused = log().await.iter().filter(|item| item["type"] == "access.refused" && item["subject"] == user).count();
    assert!((1..=2).contains(&refused), "{refused}");
}

#[tokio::test]
async fn wrong_passwords_slow_down_who_tries_them_and_lock_nobody_out() {
    let person = Client::new(&SHARED);
    let body = json!({"email": format!("{}@example.com", unique("target")), "password": PASSWORD, "name": "Target"});
    person.post("/api/auth/register", &body).await.expect(201);
    for email in [body["email"].as_str().unwrap(), &format!("{}@example.com", unique("nobody"))] {
        let wrong = json!({"email": email, "password": "not that one"});
        let mut slowed = None;
        for _ in 0..20 {
            let answer = person.post("/api/auth/login", &wrong).await;
            if answer.status == 429 {
                slowed = Some(answer);
                break;
            }
            answer.expect_problem(401, "bad-credentials");
        }
        let slowed = slowed.expect("it is slowed down, whether there is such an account or not");
        assert!(slowed.header("retry-after").unwrap().parse::<u32>().unwrap() <= 31);
        slowed.expect_problem(429, "rate-limited");
    }
    let right = json!({"email": body["email"], "password": PASSWORD});
    eventually(
        "the owner gets in",
        async || person.post("/api/auth/login", &right).await.status.as_u16(),
        |status| *status == 200,
    )
    .await;
    person.post("/api/auth/login", &right).await.expect(200);
}

#[tokio::test]
async fn a_password_is_changed_by_who_knows_it_and_the_other_sessions_end() {
    const NEW: &str = "battery horse correct";
    let person = Client::register(&SHARED).await;
    let email = person.get("/api/auth/me").await.expect(200)["email"].clone();
    let mut other = Client::new(&SHARED);
    let logged_in = other.post("/api/auth/login", &json!({"email": email, "password": PASSWORD})).await.expect(200);
    other.take_tokens(&logged_in);
    let change =
        async |current: &str, new: &str| person.post("/api/auth/password", &json!({"current": current, "new": new})).await;
    change("not that one", NEW).await.expect_problem(401, "bad-credentials");
    for (new, why) in [("password", "is tried first"), ("short", "is too short"), (email.as_str().unwrap(), "is the address")] {
        assert_eq!(change(PASSWORD, new).await.expect_problem(400, "invalid-request")["errors"][0]["pointer"], "/new", "{why}");
    }
    change(PASSWORD, NEW).await.expect(204);

    person.get("/api/auth/me").await.expect(200);
    eventually("the other session is dead", async || other.get("/api/auth/me").await.status.as_u16(), |it| *it == 401).await;
    let login = async |password: &str| {
        let answer = Client::new(&SHARED).post("/api/auth/login", &json!({"email": email, "password": password})).await;
        answer.status.as_u16()
    };
    assert_eq!((login(PASSWORD).await, login(NEW).await), (401, 200));
}

#[tokio::test]
async fn to_forget_a_password_says_nothing_of_who_has_an_account() {
    let person = Client::register(&SHARED).await;
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email_verified"], false);
    let email = person.get("/api/auth/me").await.expect(200)["email"].clone();
    let nobody = json!(format!("{}@example.com", unique("nobody")));
    // More than there are mails.
    for email in [&email, &nobody, &json!("no address")].repeat(5) {
        let answer = Client::new(&SHARED).post("/api/auth/password/forgot", &json!({"email": email})).await;
        assert_eq!((answer.status.as_u16(), answer.bytes.len()), (202, 0), "{email}");
    }
    let made_up = format!("{}.{}", person.user, "a".repeat(52));
    for token in ["x", &made_up] {
        let reset = json!({"token": token, "password": PASSWORD});
        person.post("/api/auth/password/reset", &reset).await.expect_problem(400, "token-invalid");
        person.post("/api/auth/verify-email", &json!({"token": token})).await.expect_problem(400, "token-invalid");
    }
    person.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn an_international_address_and_password_are_the_same_however_they_are_typed() {
    let person = Client::new(&SHARED);
    let local = unique("jorg");
    let (composed, decomposed) = ("p\u{e4}ssw\u{f6}rter sind lang", "pa\u{308}sswo\u{308}rter sind lang");
    let body = json!({"email": format!("{local}@B\u{fc}cher.example"), "password": decomposed, "name": "J\u{f6}rg"});
    let registered = person.post("/api/auth/register", &body).await.expect(201);
    let ascii = format!("{local}@xn--bcher-kva.example");
    assert_eq!(registered["user"]["email"], ascii);
    for email in [ascii, format!("{local}@bu\u{308}cher.example")] {
        for password in [composed, decomposed] {
            person.post("/api/auth/login", &json!({"email": email, "password": password})).await.expect(200);
        }
        let taken = json!({"email": email, "password": composed, "name": "J"});
        person.post("/api/auth/register", &taken).await.expect_problem(409, "email-taken");
    }
}

#[tokio::test]
async fn a_password_that_everybody_tries_first_is_refused() {
    for password in ["password", "Password1", "12345678", "iloveyou", "qwertyuiop"] {
        let body = json!({"email": format!("{}@example.com", unique("lazy")), "password": password, "name": "Lazy"});
        let problem = Client::new(&SHARED).post("/api/auth/register", &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], "/password", "{password}");
    }
}
