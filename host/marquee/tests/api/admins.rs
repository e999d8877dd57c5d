//! What admins do with accounts, and see of organisers and regions.

use crate::{
    SHARED,
    client::{Client, PASSWORD, eventually, unique},
    guests,
    operations::admin,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Somebody new with an address of their own.
async fn newcomer(name: &str) -> (Client<'static>, Value) {
    let mut person = Client::new(&SHARED);
    let credentials = json!({"email": format!("{}@example.com", unique(name)), "password": PASSWORD});
    let mut account = credentials.clone();
    account["name"] = json!("Mallory");
    let tokens = person.post("/api/auth/register", &account).await.expect(201);
    person.take_tokens(&tokens);
    (person, credentials)
}

fn ids(page: &Value) -> Vec<&str> {
    page["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn an_admin_finds_somebody_and_sees_how_their_account_stands() {
    let (person, credentials) = newcomer("mallory").await;
    let organiser = person.post("/api/organisers", &json!({"name": "Blue Hall"})).await.expect(201);
    let admin = admin().await;
    let email = credentials["email"].as_str().unwrap();
    for search in [email, &email.to_uppercase(), &email[..email.len() - 8], &person.user] {
        let found = admin.get(&format!("/api/users?search={search}")).await.expect(200);
        assert_eq!(ids(&found), [person.user.as_str()], "{search}");
        assert_eq!((&found["items"][0]["roles"], &found["next_cursor"]), (&json!(["user", "organiser"]), &Value::Null));
    }
    assert_eq!(ids(&admin.get(&format!("/api/users?search={email}&role=admin")).await.expect(200)), [] as [&str; 0]);
    let shown = admin.get(&format!("/api/users/{}", person.user)).await.expect(200);
    assert_eq!((&shown["email"], &shown["sessions"], &shown["second_factor"]), (&json!(email), &json!(1), &json!(false)));
    assert_eq!(shown["organisers"], json!([{"id": organiser["id"], "name": "Blue Hall", "role": "owner"}]));
    admin.get("/api/users/local_00000000000000000000000000").await.expect_problem(404, "not-found");
    admin.get("/api/users?cursor=nonsense").await.expect_problem(400, "invalid-request");
    admin.get("/api/users?role=user").await.expect_problem(400, "invalid-request");

    // Pages follow one another without a gap, whoever else comes meanwhile.
    let (first, second) = (newcomer("paged").await.0, newcomer("paged").await.0);
    let page = admin.get("/api/users?search=paged-&limit=1").await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    assert_eq!(cursor, ids(&page)[0]);
    let all = admin.get("/api/users?search=paged-&limit=100").await.expect(200);
    let place = |user: &str| ids(&all).iter().position(|id| *id == user).unwrap();
    assert!(place(&second.user) < place(&first.user), "the newest first");
    let next = admin.get(&format!("/api/users?search=paged-&limit=1&cursor={}", second.user)).await.expect(200);
    assert!(ids(&next)[0] < second.user.as_str());
}

#[tokio::test]
async fn why_somebody_is_suspended_is_for_admins_to_read() {
    let (person, credentials) = newcomer("mallory").await;
    let (admin, user) = (admin().await, format!("/api/users/{}", person.user));
    let suspend = async |body: Value| admin.post(&format!("{user}/suspend"), &body).await;
    suspend(json!({"reason": ""})).await.expect_problem(400, "invalid-request");
    suspend(json!({"reason": "x".repeat(501)})).await.expect_problem(400, "invalid-request");
    suspend(json!({"reason": "Sold what is not theirs."})).await.expect(204);
    let shown = admin.get(&user).await.expect(200);
    assert_eq!((&shown["suspension_reason"], &shown["sessions"]), (&json!("Sold what is not theirs."), &json!(0)));
    assert!(shown["suspended_at"].is_string());
    let found = admin.get(&format!("/api/users?search={}&suspended=true", person.user)).await.expect(200);
    assert_eq!(ids(&found), [person.user.as_str()]);
    suspend(json!({})).await.expect(204);
    assert_eq!(admin.get(&user).await.expect(200)["suspension_reason"], "Sold what is not theirs.", "nothing new was said");
    let refused = person.post("/api/auth/login", &credentials).await.expect_problem(403, "forbidden");
    assert!(!refused.to_string().contains("theirs"), "{refused}");
    admin.post(&format!("{user}/restore"), &json!({"reason": "x"})).await.expect_problem(400, "invalid-request");
    admin.post(&format!("{user}/restore"), &json!({})).await.expect(204);
    let shown = admin.get(&user).await.expect(200);
    assert!(shown["suspension_reason"].is_null() && shown["suspended_at"].is_null(), "{shown}");
}

#[tokio::test]
async fn an_admin_ends_all_sessions_and_they_may_log_in_again() {
    let (person, credentials) = newcomer("trent").await;
    let admin = admin().await;
    admin.post(&format!("/api/users/{}/end-sessions", person.user), &json!({})).await.expect(204);
    for place in [&person, &person.elsewhere()] {
        eventually("the token is dead", async || place.get("/api/auth/me").await, |answer| answer.status == 401)
            .await
            .expect_problem(401, "token-revoked");
    }
    person.post("/api/auth/login", &credentials).await.expect(200);
}

#[tokio::test]
async fn a_mail_for_a_new_password_is_sent_to_who_has_one() {
    let (person, _) = newcomer("forgetful").await;
    let (admin, user) = (admin().await, format!("/api/users/{}", person.user));
    admin.post(&format!("{user}/password-reset"), &json!({})).await.expect(202);
    // It counts as those that anybody asks for: nobody's mailbox is filled.
    let again = async || admin.post(&format!("{user}/password-reset"), &json!({})).await.status;
    eventually("too many", again, |status| *status == 429).await;
    admin.post(&format!("{user}/suspend"), &json!({})).await.expect(204);
    admin.post(&format!("{user}/password-reset"), &json!({})).await.expect_problem(409, "wrong-state");
    let guest = guests::guest(&guests::address()).await;
    admin.post(&format!("/api/users/{}/password-reset", guest.user), &json!({})).await.expect_problem(409, "wrong-state");
}

#[tokio::test]
async fn an_admin_erases_an_account_and_leaves_no_organiser_without_an_owner() {
    let (person, credentials) = newcomer("gone").await;
    let (owner, _) = Client::organiser(&SHARED).await;
    let admin = admin().await;
    let erase = async |user: &str| admin.send(Method::DELETE, &format!("/api/users/{user}"), &[], None).await;
    erase(&owner.user).await.expect_problem(409, "wrong-state");
    erase(&person.user).await.expect(204);
    erase(&person.user).await.expect_problem(404, "not-found");
    admin.get(&format!("/api/users/{}", person.user)).await.expect_problem(404, "not-found");
    person.post("/api/auth/login", &credentials).await.expect_problem(401, "bad-credentials");
    let mut account = credentials.clone();
    account["name"] = json!("Somebody else");
    person.post("/api/auth/register", &account).await.expect(201);
}

#[tokio::test]
async fn an_admin_finds_every_organiser_and_others_their_own() {
    let name = unique("Ballroom");
    let (owner, _) = Client::organiser(&SHARED).await;
    let made = owner.post("/api/organisers", &json!({"name": name})).await.expect(201);
    let admin = admin().await;
    for search in [name.to_lowercase(), made["id"].as_str().unwrap().to_owned()] {
        let found = admin.get(&format!("/api/organisers?all=true&search={search}")).await.expect(200);
        assert_eq!(found["items"], json!([{"id": made["id"], "name": name}]), "{search}");
    }
    let page = admin.get("/api/organisers?all=true&limit=1").await.expect(200);
    assert_eq!(page["next_cursor"], page["items"][0]["id"]);
    owner.get("/api/organisers?all=true").await.expect_problem(403, "forbidden");
    owner.get("/api/organisers?search=x").await.expect_problem(400, "invalid-request");
    assert_eq!(owner.get("/api/organisers?all=false").await.expect(200)["items"].as_array().unwrap().len(), 2);
    // As for whoever is in its team.
    let team = format!("/api/organisers/{}/team", made["id"].as_str().unwrap());
    assert_eq!(admin.get(&team).await.expect(200)["items"][0]["user_id"], owner.user);
}

#[tokio::test]
async fn regions_say_how_they_are() {
    let admin = admin().await;
    admin.get("/api/regions?region=local").await.expect_problem(400, "invalid-request");
    let native = SHARED.form.is_native();
    let told = |page: &Value| !native || page["items"][0]["nodes"].as_array().is_some_and(|nodes| !nodes.is_empty());
    let page = eventually("a node says how it is", async || admin.get("/api/regions").await.expect(200), told).await;
    let region = &page["items"][0];
    assert_eq!((region["accounts"].clone(), page["items"].as_array().unwrap().len()), (json!(true), 1), "{page}");
    assert_eq!(region["id"], region["journal"]["region"]);
    if native {
        let node = &region["nodes"][0];
        assert!(node["checks"].as_array().unwrap().iter().any(|check| check["name"] == "sequencer"), "{node}");
        assert!(node["breakers"].is_array() && node["status"] != "silent", "{node}");
    }
}

#[tokio::test]
async fn the_audit_log_is_looked_through_for_who_and_what() {
    if !SHARED.form.has_worker() {
        eprintln!("skipped: in form {:?} nobody writes the audit log", SHARED.form);
        return;
    }
    let (person, _) = newcomer("watched").await;
    let admin = admin().await;
    let user = &person.user;
    admin.post(&format!("/api/users/{user}/suspend"), &json!({"reason": "Said nowhere else."})).await.expect(204);
    let log = async |filter: String| admin.get(&format!("/api/audit?{filter}")).await.expect(200)["items"].clone();
    let kinds = |items: &Value| {
        items.as_array().unwrap().iter().map(|item| item["type"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let subject = format!("subject={user}");
    let suspended = |items: &Value| kinds(items).contains(&"user.suspended".to_owned());
    let all = eventually("it was told", async || log(subject.clone()).await, suspended).await;
    assert_eq!(kinds(&all).last().unwrap(), "user.registered");
    assert!(!all.to_string().contains("Said nowhere else."), "{all}");
    assert_eq!(kinds(&log(format!("{subject}&type=user.suspended&actor={}", admin.user)).await), ["user.suspended"]);
    assert_eq!(kinds(&log(format!("{subject}&type=user&limit=1")).await), ["user.suspended"]);
    assert_eq!(log(format!("{subject}&type=booking")).await, json!([]));
    assert_eq!(log(format!("{subject}&to=2020-01-01T00:00:00Z")).await, json!([]));
    assert_eq!(kinds(&log(format!("{subject}&from=2020-01-01T00:00:00Z")).await), kinds(&all));
    let csv = async |path: &str| {
        let answer = admin.send(Method::GET, path, &[("accept", "text/csv")], None).await;
        assert_eq!(answer.header("content-type"), Some("text/csv; charset=utf-8; header=present"));
        assert_eq!(answer.header("cache-control"), Some("private, no-store"));
        let next = answer.header("link").map(|link| link.trim_start_matches('<').split('>').next().unwrap().to_owned());
        (String::from_utf8(answer.bytes).unwrap(), next)
    };
    let column = |text: &str| text.lines().skip(1).map(|line| line.split(',').nth(3).unwrap().to_owned()).collect::<Vec<_>>();
    let (text, next) = csv(&format!("/api/audit?{subject}")).await;
    assert_eq!((column(&text), next), (kinds(&all), None));
    assert!(text.contains(user) && text.contains(&admin.user) && !text.contains("Said nowhere else."), "{text}");
    let (first, next) = csv(&format!("/api/audit?{subject}&limit=1")).await;
    let (second, _) = csv(&next.unwrap()).await;
    assert_eq!([column(&first), column(&second)].concat(), kinds(&all)[..2]);
    admin.send(Method::GET, "/api/audit", &[("accept", "application/pdf")], None).await.expect_problem(406, "not-acceptable");
    for (filter, pointer) in [("type=User", "/type"), ("from=yesterday", "/from"), ("actor=", "/actor")] {
        let problem = admin.get(&format!("/api/audit?{filter}")).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer);
    }
}
