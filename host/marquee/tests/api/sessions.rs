//! One's own sessions, and what one says of oneself.

use crate::{
    SHARED,
    client::{Client, PASSWORD, eventually, unique},
};
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody's email and first login.
async fn person() -> (Client<'static>, String) {
    let person = Client::register(&SHARED).await;
    let email = person.get("/api/auth/me").await.expect(200)["email"].as_str().unwrap().to_owned();
    (person, email)
}

/// Another login of theirs.
async fn login(email: &str, user_agent: &str) -> Client<'static> {
    let mut client = Client::new(&SHARED);
    let body = json!({"email": email, "password": PASSWORD}).to_string().into();
    let tokens = client.send(Method::POST, "/api/auth/login", &[("user-agent", user_agent)], Some(body)).await.expect(200);
    client.take_tokens(&tokens);
    client
}

async fn sessions(client: &Client<'_>) -> Vec<Value> {
    client.get("/api/auth/sessions").await.expect(200)["items"].as_array().unwrap().clone()
}

fn id(client: &Client<'_>) -> String {
    client.refresh_token.split_once('.').unwrap().0.to_owned()
}

async fn end(client: &Client<'_>, id: &str) -> crate::client::Answer {
    client.send(Method::DELETE, &format!("/api/auth/sessions/{id}"), &[], None).await
}

async fn is_over(client: &Client<'_>) {
    let status = async || client.get("/api/auth/me").await.status.as_u16();
    eventually("the session is over", status, |status| *status == 401).await;
    client.post("/api/auth/refresh", &json!({"refresh_token": client.refresh_token})).await.expect_problem(401, "token-revoked");
}

#[tokio::test]
async fn a_person_sees_their_sessions_and_ends_one() {
    let (first, email) = person().await;
    let phone = login(&email, "  Phone \t 7  ").await;
    let odd = login(&email, &"x".repeat(500)).await;
    let listed = sessions(&phone).await;
    assert_eq!(listed.iter().map(|it| it["current"] == true).collect::<Vec<_>>(), [true, false, false]);
    let agent = |client: &Client<'_>| {
        let session = listed.iter().find(|it| it["id"] == json!(id(client))).unwrap();
        session["user_agent"].as_str().map(str::to_owned)
    };
    assert_eq!((agent(&first), agent(&phone), agent(&odd)), (None, Some("Phone 7".to_owned()), Some("x".repeat(200))));
    assert!(listed.iter().all(|it| it["created_at"] == it["last_used_at"]), "{listed:?}");

    let other = Client::register(&SHARED).await;
    for id in [id(&other), "local_1".to_owned(), "no%20id".to_owned()] {
        end(&phone, &id).await.expect_problem(404, "not-found");
    }
    other.get("/api/auth/me").await.expect(200);
    for _ in 0..2 {
        end(&phone, &id(&odd)).await.expect(204);
    }
    is_over(&odd).await;
    let left: Vec<_> = sessions(&phone).await.iter().map(|it| it["id"].clone()).collect();
    assert_eq!(left, [json!(id(&phone)), json!(id(&first))]);
    end(&phone, &id(&phone)).await.expect(204);
    is_over(&phone).await;
    first.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_session_that_was_used_says_so() {
    let (mut first, email) = person().await;
    let second = login(&email, "a").await;
    let refresh = json!({"refresh_token": first.refresh_token}).to_string().into();
    let tokens = first.send(Method::POST, "/api/auth/refresh", &[("user-agent", "newer")], Some(refresh)).await.expect(200);
    first.take_tokens(&tokens);
    let listed = sessions(&second).await;
    let session = listed.iter().find(|it| it["id"] == json!(id(&first))).unwrap();
    assert!(session["last_used_at"].as_str() > session["created_at"].as_str(), "{session}");
    assert_eq!(session["user_agent"], "newer");
}

#[tokio::test]
async fn a_person_logs_out_everywhere() {
    let (first, email) = person().await;
    let (second, bystander) = (login(&email, "a").await, Client::register(&SHARED).await);
    let everywhere = json!({"everywhere": true});
    let foreign = json!({"everywhere": true, "refresh_token": bystander.refresh_token});
    first.post("/api/auth/logout", &foreign).await.expect_problem(400, "invalid-request");
    for body in [json!({}), json!({"everywhere": false})] {
        let refused = first.post("/api/auth/logout", &body).await.expect_problem(400, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], "/refresh_token");
    }
    second.get("/api/auth/me").await.expect(200);
    first.post("/api/auth/logout", &everywhere).await.expect(204);
    for client in [&first, &second, &second.elsewhere()] {
        is_over(client).await;
    }
    bystander.get("/api/auth/me").await.expect(200);
    // One that is over has no say any more: its owner may think that all others are over, too.
    let third = login(&email, "a").await;
    first.post("/api/auth/logout", &everywhere).await.expect_problem(401, "token-revoked");
    third.get("/api/auth/me").await.expect(200);
}

#[tokio::test]
async fn a_session_proves_again_whose_it_is() {
    let (person, _) = person().await;
    let prove = async |password: &str| person.post("/api/auth/reauthenticate", &json!({"password": password})).await;
    prove("not that one").await.expect_problem(401, "bad-credentials");
    prove(PASSWORD).await.expect(204);
    let mut slowed = None;
    for _ in 0..20 {
        let answer = prove("not that one").await;
        if answer.status == 429 {
            slowed = Some(answer);
            break;
        }
    }
    slowed.expect("guessing is slowed down").expect_problem(429, "rate-limited");
}

#[tokio::test]
async fn a_person_changes_their_name_and_nothing_else() {
    let person = Client::register(&SHARED).await;
    let change = async |body: Value| person.send(Method::PATCH, "/api/auth/me", &[], Some(body.to_string().into())).await;
    let me = person.get("/api/auth/me").await.expect(200);
    assert_eq!(change(json!({})).await.expect(200), me);
    let renamed = change(json!({"name": "  Ada\u{a0} Lovelace "})).await.expect(200);
    assert_eq!((&renamed["name"], &renamed["email"]), (&json!("Ada Lovelace"), &me["email"]));
    assert_eq!(person.elsewhere().get("/api/auth/me").await.expect(200), renamed);
    for wrong in [
        json!({"name": ""}),
        json!({"name": "a\nb"}),
        json!({"name": "x".repeat(101)}),
        json!({"email": "other@example.com"}),
        json!({"roles": ["admin"]}),
        json!({"id": unique("x")}),
    ] {
        change(wrong).await.expect_problem(400, "invalid-request");
    }
    assert_eq!(person.get("/api/auth/me").await.expect(200), renamed);
}
