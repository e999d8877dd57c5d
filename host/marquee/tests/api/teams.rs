//! Organisers' teams, invitations to them, and API keys of their own programs. Who may do what is tried by `matrix.rs`.

use crate::{
    SHARED,
    client::{Answer, Client, OnSale, event, eventually, unique},
    operations::admin,
};
use reqwest::Method;
use serde_json::{Value, json};

/// Whoever has this token.
pub fn bearer(token: &str) -> Client<'static> {
    let mut client = Client::new(&SHARED);
    client.token = Some(token.to_owned());
    client
}

pub async fn delete(client: &Client<'_>, path: &str) -> Answer {
    client.send(Method::DELETE, path, &[], None).await
}

pub async fn patch(client: &Client<'_>, path: &str, body: &Value) -> Answer {
    client.send(Method::PATCH, path, &[], Some(body.to_string().into())).await
}

async fn email(person: &Client<'_>) -> String {
    person.get("/api/auth/me").await.expect(200)["email"].as_str().unwrap().to_owned()
}

/// Has an admin vouch for a person's address: in some forms no mail goes out.
pub async fn vouch(person: &Client<'_>) {
    admin().await.post(&format!("/api/users/{}/verify-email", person.user), &json!({})).await.expect(204);
}

/// Invites a person, who can accept; gives the invitation's id.
pub async fn invited(owner: &Client<'_>, organiser: &str, person: &Client<'_>, role: &str) -> String {
    vouch(person).await;
    let body = json!({"email": email(person).await, "role": role});
    let invitation = owner.post(&format!("/api/organisers/{organiser}/invitations"), &body).await.expect(201);
    invitation["id"].as_str().unwrap().to_owned()
}

async fn accept(person: &Client<'_>, invitation: &str) -> Answer {
    person.post(&format!("/api/invitations/{invitation}/accept"), &json!({})).await
}

/// A new member of the organiser's team.
pub async fn member(owner: &Client<'_>, organiser: &str, role: &str) -> Client<'static> {
    let person = Client::register(&SHARED).await;
    let invitation = invited(owner, organiser, &person, role).await;
    assert_eq!(accept(&person, &invitation).await.expect(200)["role"], role);
    person
}

/// A new API key with these permissions, the whole of it.
pub async fn api_key(owner: &Client<'_>, organiser: &str, permissions: &[&str]) -> Value {
    let body = json!({"name": "Till", "permissions": permissions});
    owner.post(&format!("/api/organisers/{organiser}/api-keys"), &body).await.expect(201)
}

async fn exchange(key: &Value) -> Answer {
    Client::new(&SHARED).post("/api/auth/token", &json!({"api_key": key["key"]})).await
}

/// A program that has a token for this key.
pub async fn exchanged(key: &Value) -> Client<'static> {
    bearer(exchange(key).await.expect(200)["access_token"].as_str().unwrap())
}

async fn team(owner: &Client<'_>, organiser: &str) -> Vec<(String, String)> {
    let team = owner.get(&format!("/api/organisers/{organiser}/team")).await.expect(200);
    let text = |member: &Value, name: &str| member[name].as_str().unwrap().to_owned();
    team["items"].as_array().unwrap().iter().map(|member| (text(member, "user_id"), text(member, "role"))).collect()
}

#[tokio::test]
async fn a_team_shares_the_work_each_as_far_as_their_role_goes() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let manager = member(&owner, &organiser, "manager").await;
    let door = member(&owner, &organiser, "door").await;
    let mine = manager.get("/api/organisers").await.expect(200);
    assert_eq!((&mine["items"][0]["id"], &mine["items"][0]["name"]), (&json!(organiser), &json!("Blue Hall")));
    assert_eq!(manager.get("/api/auth/me").await.expect(200)["roles"], json!(["user", "organiser"]));
    let all = [(&owner, "owner"), (&manager, "manager"), (&door, "door")];
    assert_eq!(team(&owner, &organiser).await, all.map(|(person, role)| (person.user.clone(), role.to_owned())));
    let shown = owner.get(&format!("/api/organisers/{organiser}/team")).await.expect(200)["items"][1].clone();
    assert_eq!((shown["email"].as_str(), &shown["name"]), (Some(&*email(&manager).await), &json!("Ada")));
    assert!(shown["since"].as_str().unwrap() > "2024");

    let show = OnSale::with(&manager, &organiser, 4500, 10, 5).await;
    let analytics = format!("/api/events/{}/analytics", show.id);
    manager.elsewhere().get(&analytics).await.expect(200);
    for place in [&door, &door.elsewhere()] {
        place.post("/api/events", &event(&organiser, json!({}))).await.expect_problem(403, "forbidden");
        place.get(&analytics).await.expect_problem(403, "forbidden");
    }
    // Another role counts at once, whatever the token says; and so does none.
    let of = |person: &Client<'_>| format!("/api/organisers/{organiser}/team/{}", person.user);
    assert_eq!(patch(&owner, &of(&door), &json!({"role": "finance"})).await.expect(200)["role"], "finance");
    door.get(&analytics).await.expect(200);
    patch(&owner, &of(&door), &json!({"role": "king"})).await.expect_problem(400, "invalid-request");
    patch(&owner, &of(&Client::register(&SHARED).await), &json!({"role": "door"})).await.expect_problem(404, "not-found");
    patch(&manager, &of(&door), &json!({"role": "owner"})).await.expect_problem(403, "forbidden");
    delete(&door, &of(&manager)).await.expect_problem(403, "forbidden");
    delete(&owner, &of(&door)).await.expect(204);
    delete(&owner, &of(&door)).await.expect_problem(404, "not-found");
    for place in [&door, &door.elsewhere()] {
        place.get(&analytics).await.expect_problem(403, "forbidden");
    }
    assert_eq!(door.get("/api/organisers").await.expect(200)["items"], json!([]));
    // Whoever does not want to be a member need not ask.
    delete(&manager, &of(&manager)).await.expect(204);
    manager.get(&analytics).await.expect_problem(403, "forbidden");
    assert_eq!(team(&owner, &organiser).await.len(), 1);
}

#[tokio::test]
async fn an_organiser_keeps_an_owner() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let path = |person: &Client<'_>| format!("/api/organisers/{organiser}/team/{}", person.user);
    let gone = async |as_whom: &Client<'_>, person: &Client<'_>| {
        patch(as_whom, &path(person), &json!({"role": "manager"})).await.expect_problem(409, "wrong-state");
        delete(as_whom, &path(person)).await.expect_problem(409, "wrong-state");
    };
    gone(&owner, &owner).await;
    gone(&admin().await, &owner).await;
    let second = member(&owner, &organiser, "owner").await;
    // One who is suspended is nobody to count on.
    admin().await.post(&format!("/api/users/{}/suspend", second.user), &json!({})).await.expect(204);
    gone(&owner, &owner).await;
    admin().await.post(&format!("/api/users/{}/restore", second.user), &json!({})).await.expect(204);
    patch(&owner, &path(&owner), &json!({"role": "manager"})).await.expect(200);
    owner.get(&format!("/api/organisers/{organiser}/team")).await.expect_problem(403, "forbidden");
    delete(&owner, &path(&owner)).await.expect(204);
}

#[tokio::test]
async fn two_owners_do_not_both_go_each_counting_on_the_other() {
    for _ in 0..5 {
        let (first, organiser) = Client::organiser(&SHARED).await;
        let second = member(&first, &organiser, "owner").await;
        let [one, other] = [&first, &second].map(|person| format!("/api/organisers/{organiser}/team/{}", person.user));
        let answers = tokio::join!(delete(&first, &one), delete(&second, &other));
        let mut statuses = [answers.0.status.as_u16(), answers.1.status.as_u16()];
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 409]);
    }
}

#[tokio::test]
async fn an_invitation_is_for_who_reads_the_address_once() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let person = Client::register(&SHARED).await;
    let address = email(&person).await;
    let invitations = format!("/api/organisers/{organiser}/invitations");
    let invite = async |email: &str, role: &str| owner.post(&invitations, &json!({"email": email, "role": role})).await;
    let first = invite(&address.to_uppercase(), "door").await.expect(201);
    assert_eq!((&first["email"], &first["role"], &first["invited_by"]), (&json!(address), &json!("door"), &json!(owner.user)));

    // A registration shows nothing.
    let accept_first = async |person: &Client<'_>| accept(person, first["id"].as_str().unwrap()).await;
    assert_eq!(person.get("/api/invitations").await.expect(200)["items"], json!([]));
    accept_first(&person).await.expect_problem(404, "not-found");
    vouch(&person).await;
    assert_eq!(person.get("/api/auth/me").await.expect(200)["email_verified"], true);
    let own = person.get("/api/invitations").await.expect(200)["items"].clone();
    assert_eq!(own[0]["organiser"], json!({"id": organiser, "name": "Blue Hall"}));
    assert_eq!((own.as_array().unwrap().len(), &own[0]["id"]), (1, &first["id"]));
    let other = Client::register(&SHARED).await;
    vouch(&other).await;
    assert_eq!(other.get("/api/invitations").await.expect(200)["items"], json!([]));
    accept_first(&other).await.expect_problem(404, "not-found");

    // Another one takes its place.
    let second = invite(&address, "finance").await.expect(201);
    assert_eq!(second["id"], first["id"]);
    let open = owner.get(&invitations).await.expect(200)["items"].clone();
    assert_eq!((open.as_array().unwrap().len(), &open[0]["role"]), (1, &json!("finance")));
    assert_eq!(accept_first(&person).await.expect(200), json!({"id": organiser, "name": "Blue Hall", "role": "finance"}));
    accept_first(&person).await.expect_problem(404, "not-found");
    assert_eq!(owner.get(&invitations).await.expect(200)["items"], json!([]));
    invite(&address, "owner").await.expect_problem(409, "wrong-state");

    let withdrawn = invited(&owner, &organiser, &other, "manager").await;
    let path = format!("{invitations}/{withdrawn}");
    delete(&person, &path).await.expect_problem(403, "forbidden");
    delete(&owner, &path).await.expect(204);
    delete(&owner, &path).await.expect_problem(404, "not-found");
    accept(&other, &withdrawn).await.expect_problem(404, "not-found");

    for (body, pointer) in [
        (json!({"email": "nobody", "role": "door"}), "/email"),
        (json!({"email": "a@example.com", "role": "admin"}), "/role"),
        (json!({"email": "a@example.com"}), "/role"),
    ] {
        let problem = owner.post(&invitations, &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{body}");
    }
    let made_up = format!("{withdrawn}.{}", "a".repeat(52));
    person.post("/api/invitations/accept", &json!({"token": made_up})).await.expect_problem(400, "token-invalid");
}

#[tokio::test]
async fn whoever_is_removed_does_not_come_back_by_what_they_left_behind() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let second = member(&owner, &organiser, "owner").await;
    let (accomplice, another) = (Client::register(&SHARED).await, Client::register(&SHARED).await);
    let path = format!("/api/organisers/{organiser}/team/{}", second.user);
    for (person, ended) in [(&accomplice, true), (&another, false)] {
        let invitation = invited(&second, &organiser, person, "owner").await;
        match ended {
            true => patch(&owner, &path, &json!({"role": "manager"})).await.expect(200),
            false => delete(&owner, &path).await.expect(204),
        };
        accept(person, &invitation).await.expect_problem(404, "not-found");
        if ended {
            patch(&owner, &path, &json!({"role": "owner"})).await.expect(200);
        }
    }
    assert_eq!(team(&owner, &organiser).await.len(), 1);
}

#[tokio::test]
async fn nobodys_mailbox_is_filled_with_invitations_and_no_list_with_them() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let invitations = format!("/api/organisers/{organiser}/invitations");
    let victim = json!({"email": format!("{}@example.com", unique("victim")), "role": "door"});
    let mut slowed = None;
    for _ in 0..8 {
        // However many organisers somebody has.
        let other = owner.post("/api/organisers", &json!({"name": "Red Hall"})).await.expect(201);
        let path = format!("/api/organisers/{}/invitations", other["id"].as_str().unwrap());
        let answer = owner.post(&path, &victim).await;
        if answer.status == 429 {
            slowed = Some(answer);
            break;
        }
        answer.expect(201);
    }
    let slowed = slowed.expect("it is slowed down");
    assert!(slowed.header("retry-after").unwrap().parse::<u32>().unwrap() > 60);
    slowed.expect_problem(429, "rate-limited");
    let invite = async || {
        let body = json!({"email": format!("{}@example.com", unique("invited")), "role": "door"});
        owner.post(&invitations, &body).await
    };
    for _ in 0..50 {
        invite().await.expect(201);
    }
    invite().await.expect_problem(409, "wrong-state");
    assert_eq!(owner.get(&invitations).await.expect(200)["items"].as_array().unwrap().len(), 50);
}

#[tokio::test]
async fn what_an_admin_took_away_no_team_gives_back() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let person = member(&owner, &organiser, "manager").await;
    let roles = format!("/api/users/{}/roles", person.user);
    admin().await.post(&roles, &json!({"roles": []})).await.expect(200);
    delete(&person, &format!("/api/organisers/{organiser}/team/{}", person.user)).await.expect(204);
    let invitation = invited(&owner, &organiser, &person, "manager").await;
    accept(&person, &invitation).await.expect_problem(403, "forbidden");
    person.post("/api/organisers", &json!({"name": "Red Hall"})).await.expect_problem(403, "forbidden");
    admin().await.post(&roles, &json!({"roles": ["organiser"]})).await.expect(200);
    accept(&person, &invitation).await.expect(200);
    person.post("/api/events", &event(&organiser, json!({}))).await.expect(201);
}

#[tokio::test]
async fn an_organiser_is_called_otherwise() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let path = format!("/api/organisers/{organiser}");
    let renamed = patch(&owner, &path, &json!({"name": "  Red\u{200b} Hall "})).await.expect(200);
    assert_eq!(renamed, json!({"id": organiser, "name": "Red Hall"}));
    assert_eq!(patch(&owner, &path, &json!({})).await.expect(200), renamed);
    assert_eq!(owner.get("/api/organisers").await.expect(200)["items"][0]["name"], "Red Hall");
    patch(&owner, &path, &json!({"name": ""})).await.expect_problem(400, "invalid-request");
    patch(&owner, "/api/organisers/local_00000000000000000000000000", &json!({"name": "X"}))
        .await
        .expect_problem(404, "not-found");
}

#[tokio::test]
async fn a_program_does_what_its_key_permits_and_nothing_that_a_person_does() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let keys = format!("/api/organisers/{organiser}/api-keys");
    let key = api_key(&owner, &organiser, &["edit-events", "see-orders"]).await;
    let text = key["key"].as_str().unwrap();
    assert!(text.starts_with("mk_") && text.starts_with(key["prefix"].as_str().unwrap()), "{text}");
    let listed = owner.get(&keys).await.expect(200)["items"].clone();
    assert_eq!((listed.as_array().unwrap().len(), &listed[0]["last_used_at"]), (1, &Value::Null));
    assert!(!listed.to_string().contains(&text[text.len() - 58..]), "a key is shown once");

    let program = exchanged(&key).await;
    assert!(owner.get(&keys).await.expect(200)["items"][0]["last_used_at"].is_string());
    let said = program.post("/api/auth/verify", &json!({"token": program.token})).await.expect(200);
    assert_eq!((&said["sub"], &said["organiser_id"], &said["roles"]), (&key["id"], &json!(organiser), &json!([])));
    assert_eq!(said["permissions"], json!(["edit-events", "see-orders"]));
    assert_eq!(program.get("/api/organisers").await.expect(200)["items"], json!([{"id": organiser, "name": "Blue Hall"}]));
    for place in [&program, &program.elsewhere()] {
        let show = OnSale::with(place, &organiser, 4500, 10, 5).await;
        place.get(&format!("/api/events/{}/analytics", show.id)).await.expect(200);
        place.post(&format!("/api/events/{}/cancel", show.id), &json!({})).await.expect(200);
        // It is nobody: it holds nothing, has no account and no team.
        let show = OnSale::with(place, &organiser, 0, 10, 5).await;
        place.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect_problem(403, "forbidden");
        for path in ["/api/auth/me", "/api/bookings", "/api/invitations", &keys] {
            place.get(path).await.expect_problem(403, "forbidden");
        }
        place.post("/api/organisers", &json!({"name": "Red Hall"})).await.expect_problem(403, "forbidden");
    }
    let (another, anothers) = Client::organiser(&SHARED).await;
    program.post("/api/events", &event(&anothers, json!({}))).await.expect_problem(403, "forbidden");
    // Nor does it take what is its organiser's to another.
    let draft = program.post("/api/events", &event(&organiser, json!({}))).await.expect(201);
    let moving = [("if-match", "\"1\"")];
    let elsewhere = Some(json!({"organiser_id": anothers}).to_string().into());
    let path = format!("/api/events/{}", draft["id"].as_str().unwrap());
    program.send(Method::PATCH, &path, &moving, elsewhere).await.expect_problem(403, "forbidden");

    let path = format!("{keys}/{}", key["id"].as_str().unwrap());
    delete(&another, &path).await.expect_problem(403, "forbidden");
    let foreign = format!("/api/organisers/{anothers}/api-keys/{}", key["id"].as_str().unwrap());
    delete(&another, &foreign).await.expect_problem(404, "not-found");
    delete(&owner, &path).await.expect(204);
    delete(&owner, &path).await.expect_problem(404, "not-found");
    for place in [&program, &program.elsewhere()] {
        let asked = async || place.post("/api/events", &event(&organiser, json!({}))).await;
        eventually("the key is dead", asked, |answer| answer.status == 401).await.expect_problem(401, "token-revoked");
    }
    exchange(&key).await.expect_problem(401, "api-key-invalid");
    assert_eq!(owner.get(&keys).await.expect(200)["items"], json!([]));
}

#[tokio::test]
async fn api_keys_are_made_with_care() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let keys = format!("/api/organisers/{organiser}/api-keys");
    for (change, pointer) in [
        (json!({"permissions": ["manage-team"]}), "/permissions/0"),
        (json!({"permissions": ["see-orders", "manage-programs"]}), "/permissions/1"),
        (json!({"permissions": []}), "/permissions"),
        (json!({"name": "\u{200b}"}), "/name"),
        (json!({"expires_at": "2020-01-01T00:00:00Z"}), "/expires_at"),
    ] {
        let mut body = json!({"name": "Till", "permissions": ["check-in"]});
        body.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        let problem = owner.post(&keys, &body).await.expect_problem(400, "invalid-request");
        assert_eq!(problem["errors"][0]["pointer"], pointer, "{change}");
    }
    // Once with its Idempotency-Key, and shown once.
    let (once, body) = (unique("key"), json!({"name": "Till", "permissions": ["check-in"]}));
    let made = owner.post_with(&once, &keys, &body).await.expect(201);
    let again = owner.post_with(&once, &keys, &body).await.expect(201);
    assert_eq!((&again["id"], &again["key"]), (&made["id"], &Value::Null));
    let mut without = made.clone();
    without.as_object_mut().unwrap().remove("key");
    assert_eq!(again, without);
    // Its end is its tokens' end.
    let soon = (jiff::Timestamp::now() + jiff::SignedDuration::from_secs(300)).to_string();
    let expires = json!({"name": "Till", "permissions": ["check-in"], "expires_at": soon});
    let expires = owner.post(&keys, &expires).await.expect(201);
    let seconds = exchange(&expires).await.expect(200)["expires_in"].as_i64().unwrap();
    assert!((1..=300).contains(&seconds), "{seconds}");
    assert_eq!(exchange(&made).await.expect(200)["expires_in"], 900);

    let text = made["key"].as_str().unwrap();
    let other = if text.ends_with('0') { "1" } else { "0" };
    for wrong in ["x", "mk_", &text.replacen("mk_", "mk-", 1), &format!("{}{other}", &text[..text.len() - 1])] {
        exchange(&json!({"key": wrong})).await.expect_problem(401, "api-key-invalid");
    }
    for _ in 2..20 {
        api_key(&owner, &organiser, &["check-in"]).await;
    }
    owner.post(&keys, &body).await.expect_problem(409, "wrong-state");
}

#[tokio::test]
async fn a_program_stops_when_nobody_is_left_who_answers_for_it() {
    let (owner, organiser) = Client::organiser(&SHARED).await;
    let key = api_key(&owner, &organiser, &["edit-events"]).await;
    let program = exchanged(&key).await;
    let second = member(&owner, &organiser, "owner").await;
    let admin = admin().await;
    let suspend = async |person: &Client<'_>| {
        admin.post(&format!("/api/users/{}/suspend", person.user), &json!({})).await.expect(204);
    };
    suspend(&owner).await;
    program.post("/api/events", &event(&organiser, json!({}))).await.expect(201);
    admin.post(&format!("/api/users/{}/roles", second.user), &json!({"roles": []})).await.expect(200);
    for place in [&program, &program.elsewhere()] {
        let asked = async || place.post("/api/events", &event(&organiser, json!({}))).await;
        eventually("its token is dead", asked, |answer| answer.status == 401).await.expect_problem(401, "token-revoked");
    }
    // Neither does it get another, until there is somebody again and the last of the old ones has ended.
    exchange(&key).await.expect_problem(503, "unavailable");
    let fresh = api_key(&admin, &organiser, &["edit-events"]).await;
    exchange(&fresh).await.expect_problem(403, "forbidden");
    admin.post(&format!("/api/users/{}/restore", owner.user), &json!({})).await.expect(204);
    exchange(&fresh).await.expect(200);
}
