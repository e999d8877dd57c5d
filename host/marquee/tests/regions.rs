//! Two regions to one edge, in processes and databases of their own. Needs the Postgres that `MARQUEE_TEST_POSTGRES_URL` names.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "a test fails by panicking"
)]

use base64::{Engine as _, engine::general_purpose::STANDARD};
use client::{Client, OnSale, event, eventually, unique};
use reqwest::Method;
use serde_json::{Value, json};
use server::Server;
use test_support::archives::unzipped;
use test_support::people::{self, Known};
use test_support::{client, fleet, server};

const EU: usize = 0;
const US: usize = 1;

/// PNG, 8 x 8.
const PICTURE: &str = "iVBORw0KGgoAAAANSUhEUgAAAAgAAAAIAQAAAADsdIMmAAAADElEQVR42mNYxYACASqQBVHvL7SwAAAAAElFTkSuQmCC";

/// An event in each region.
async fn on_sale(organiser: &Client<'_>, id: &str) -> [OnSale; 2] {
    [
        OnSale::publish(organiser, id, json!({"title": "Night in Lisbon", "region": "eu"})).await,
        OnSale::publish(organiser, id, json!({"title": "Night in Boston", "region": "us"})).await,
    ]
}

async fn hold(client: &Client<'_>, show: &OnSale) -> client::Answer {
    client.post_with(&unique("key"), "/api/bookings", &show.order(1)).await
}

async fn booked(client: &Client<'_>, show: &OnSale) -> String {
    hold(client, show).await.expect(201)["id"].as_str().unwrap().to_owned()
}

async fn paid(client: &Client<'_>, booking: &str) -> Value {
    let body = json!({"booking_id": booking, "method": {"type": "card", "token": "tok_ok"}});
    client.post_with(&unique("key"), "/api/payments", &body).await.expect(201)
}

fn ids(list: &Value) -> Vec<String> {
    list["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect()
}

/// A connection to a region's database.
async fn connect(server: &Server, region: usize) -> sqlx::PgConnection {
    let url = server.fleet().regions[region].database();
    <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap()
}

/// Ends or starts nodes, which takes a while.
async fn aside(server: &Server, work: impl FnOnce(&mut fleet::Fleet) + Send) {
    std::thread::scope(|scope| scope.spawn(|| work(&mut server.fleet())).join().unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn two_regions_sell_as_one() {
    let server = Server::start_regions("two-regions");
    let (organiser, id) = Client::organiser(&server).await;
    let shows = on_sale(&organiser, &id).await;
    assert!(shows[EU].id.starts_with("eu_") && shows[US].id.starts_with("us_"));
    assert_eq!(shows[US].document["region"], "us");
    // Where nobody says which, it is the nearest.
    let near = organiser.elsewhere().post("/api/events", &event(&id, json!({}))).await.expect(201);
    assert!(near["id"].as_str().unwrap().starts_with("us_"), "{near}");
    organiser.post("/api/events", &event(&id, json!({"region": "mars"}))).await.expect_problem(400, "invalid-request");
    let other = Client::register(&server).await;
    other.post("/api/events", &event(&id, json!({"region": "us"}))).await.expect_problem(403, "forbidden");
    // What somebody is in a team holds in every region, from the next write on.
    let [mut accounts, mut us] = [connect(&server, EU).await, connect(&server, US).await];
    for (role, status) in [("owner", 201), ("door", 403), ("manager", 201), ("owner", 201)] {
        let change = sqlx::query("UPDATE organiser_members SET role = $1 WHERE user_id = $2").bind(role).bind(&organiser.user);
        change.execute(&mut accounts).await.unwrap();
        assert_eq!(organiser.get("/api/organisers").await.expect(200)["items"][0]["role"], role);
        organiser.post("/api/events", &event(&id, json!({"region": "us"}))).await.expect(status);
        let there = sqlx::query_scalar("SELECT role FROM organiser_members WHERE user_id = $1").bind(&organiser.user);
        let there: String = there.fetch_one(&mut us).await.unwrap();
        assert_eq!(there, role);
    }
    // A browser's cookie says as much, in a region that asks another who that is, too.
    let cookie = format!("theme=dark; __Host-marquee={}", organiser.token.as_deref().unwrap());
    let body = event(&id, json!({"region": "us"})).to_string().into_bytes();
    for (site, status) in [("same-origin", 201), ("cross-site", 403)] {
        let headers = [("cookie", cookie.as_str()), ("sec-fetch-site", site), ("idempotency-key", site)];
        let page = Client::new(&server).send(Method::POST, "/api/events", &headers, Some(body.clone())).await;
        assert_eq!(page.status, status, "{}", page.json);
    }

    // A picture is of its event's region, and asked for there from every edge.
    let path = format!("/api/events/{}/image", shows[US].id);
    let picture = STANDARD.decode(PICTURE).unwrap();
    let picture = organiser.send(Method::PUT, &path, &[("content-type", "image/png")], Some(picture)).await.expect(200);
    let url = picture["image"]["url"].as_str().unwrap();
    assert!(url.starts_with("/api/images/us_"), "{url}");
    for edge in [Client::new(&server), Client::new(&server).elsewhere()] {
        edge.get(url).await.expect(200);
    }

    let person = Client::register(&server).await;
    let at = [person.elsewhere().elsewhere(), person.elsewhere()];
    let mut bookings = Vec::new();
    for edge in &at {
        let list = edge.get("/api/events?q=night").await.expect(200);
        assert_eq!((list["items"].as_array().unwrap().len(), &list["incomplete"]), (2, &Value::Null), "{list}");
        for show in &shows {
            bookings.push(booked(edge, show).await);
            assert_eq!(edge.get(&format!("/api/events/{}", show.id)).await.expect(200)["id"], show.id);
        }
    }
    // One's own write is read at the other edge, whichever region it was in.
    for show in &shows {
        assert_eq!(show.available(&at[1]).await, 98);
    }

    // One list, newest first, whole or in pages, at both edges.
    let newest: Vec<_> = bookings.iter().rev().cloned().collect();
    for edge in &at {
        assert_eq!(ids(&edge.get("/api/bookings").await.expect(200)), newest);
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = edge.get(&format!("/api/bookings?limit=1{cursor}")).await.expect(200);
            seen.extend(ids(&page));
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        assert_eq!(seen, newest);
        edge.get("/api/bookings?limit=0").await.expect_problem(400, "invalid-request");
    }

    // A payment goes to its booking's region, whichever edge is asked; and so does all that is about it.
    for (edge, booking) in [(&at[0], &bookings[1]), (&at[1], &bookings[2])] {
        let payment = paid(edge, booking).await;
        assert_eq!(payment["status"], "completed");
        let path = format!("/api/payments/{}", payment["id"].as_str().unwrap());
        assert_eq!(edge.elsewhere().get(&path).await.expect(200)["booking_id"], **booking);
        edge.get(&format!("{path}/receipt")).await.expect(200);
        assert_eq!(edge.get(&format!("/api/bookings/{booking}")).await.expect(200)["status"], "confirmed");
        edge.post_with(&unique("key"), &format!("{path}/refund"), &json!({"amount": 1})).await.expect_problem(403, "forbidden");
        organiser.post_with(&unique("key"), &format!("{path}/refund"), &json!({"amount": 1})).await.expect(200);
    }
    let cancelled = at[0].post(&format!("/api/bookings/{}/cancel", bookings[3]), &json!({})).await.expect(200);
    assert_eq!(cancelled["status"], "cancelled");

    // Who bought in one region can be written to from there, though the account is another's.
    let mail = "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
                VALUES ('m', $1, 'welcome', '{}', 'due', 0, 0, 0, 0, 0)";
    sqlx::query(mail).bind(&person.user).execute(&mut us).await.unwrap();
    let address = async || {
        let row: Option<String> =
            sqlx::query_scalar("SELECT email FROM users WHERE id = $1").bind(&person.user).fetch_optional(&mut us).await.unwrap();
        row
    };
    let known =
        eventually("the address is known there", address, |it| it.as_ref().is_some_and(|email| email.contains('@'))).await;
    // It becomes another one, and the first is somebody else's: there that is learned the next time that it is asked for.
    let mut eu = connect(&server, EU).await;
    let moved = format!("{}@example.org", unique("moved"));
    for (user, email) in [(&person.user, &moved), (&other.user, known.as_ref().unwrap())] {
        sqlx::query("UPDATE users SET email = $2 WHERE id = $1").bind(user).bind(email).execute(&mut eu).await.unwrap();
    }
    sqlx::query(&mail.replace("'m'", "'n'")).bind(&other.user).execute(&mut us).await.unwrap();
    let addresses = async || {
        let statement = "SELECT email FROM users WHERE id IN ($1, $2) ORDER BY id = $1 DESC";
        let rows: Vec<String> =
            sqlx::query_scalar(statement).bind(&person.user).bind(&other.user).fetch_all(&mut us).await.unwrap();
        rows
    };
    let both = [moved, known.unwrap()];
    eventually("both addresses are known there", addresses, |it| **it == both).await;

    guests_buy_in_every_region(&server, &shows[US], [&mut accounts, &mut us]).await;
    tickets_change_hands_in_every_region(&server, &organiser, &shows, &mut accounts).await;

    // Each region has an audit log and a journal of its own; an admin asks for either at any edge.
    let role = "INSERT INTO user_roles (user_id, role) VALUES ($1, 'admin')";
    sqlx::query(role).bind(&organiser.user).execute(&mut accounts).await.unwrap();
    for (edge, nearest) in [(&organiser, "eu"), (&organiser.elsewhere(), "us")] {
        for (query, region) in [("?region=eu", "eu"), ("?region=us", "us"), ("", nearest)] {
            for path in ["/api/audit", "/events/status"] {
                assert_eq!(edge.get(&format!("{path}{query}")).await.expect(200)["region"], region, "{path}{query}");
            }
        }
        for path in ["/api/audit?region=mars", "/events/status?region=mars"] {
            edge.get(path).await.expect_problem(400, "invalid-request");
        }
        // Nobody publishes anything here, so each region refuses, and says that it is not for want of a region.
        for (region, status, slug) in [("us", 409, "wrong-state"), ("mars", 400, "invalid-request")] {
            let range = json!({"region": region, "first": 1, "last": 1});
            edge.post_with(&unique("key"), "/events/replay", &range).await.expect_problem(status, slug);
        }
    }

    // A webhook goes to the region that its path names, whatever its body says: that one would believe it if it were signed.
    for edge in &at {
        for (region, status, slug) in [("eu", 401, "unauthenticated"), ("us", 401, "unauthenticated"), ("mars", 404, "not-found")]
        {
            let path = format!("/api/payments/webhooks/sandbox/{region}");
            edge.post(&path, &json!({"data": {"payment": "us_1"}})).await.expect_problem(status, slug);
        }
    }

    // What names a region that there is not is not found.
    for path in ["/api/events/ap_1", "/api/bookings/ap_1", "/api/payments/ap_1"] {
        person.get(path).await.expect_problem(404, "not-found");
    }
    let nowhere = OnSale { id: "ap_1".to_owned(), ticket: "ap_2".to_owned(), document: Value::Null };
    hold(&person, &nowhere).await.expect_problem(404, "not-found");

    // A session that has ended is ended everywhere: at each edge, in each region.
    let gone = person.send(
        Method::POST,
        "/api/auth/logout",
        &[],
        Some(json!({"refresh_token": person.refresh_token}).to_string().into()),
    );
    gone.await.expect(204);
    for (edge, show) in at.iter().zip(&shows) {
        let asked = eventually("the token is dead", async || hold(edge, show).await, |answer| answer.status == 401).await;
        asked.expect_problem(401, "token-revoked");
        let read = async || edge.get(&format!("/api/bookings/{}", bookings[1])).await;
        eventually("it is dead in the region", read, |answer| answer.status == 401).await.expect_problem(401, "token-revoked");
    }

    // A signing key was stolen: once it is revoked its tokens are dead everywhere, and who logs in again gets one of another key.
    let mut person = Client::new(&server);
    let credentials = json!({"email": format!("{}@example.com", unique("owner")), "password": client::PASSWORD});
    let mut account = credentials.clone();
    account["name"] = json!("Owner");
    let tokens = person.post("/api/auth/register", &account).await.expect(201);
    person.take_tokens(&tokens);
    let booking = booked(&person, &shows[US]).await;
    let url = server.fleet().regions[EU].database();
    let kid = keys(&server, &url, &["list"])
        .lines()
        .find(|line| line.ends_with("in use"))
        .unwrap()
        .split(' ')
        .next()
        .unwrap()
        .to_owned();
    keys(&server, &url, &["revoke", &kid]);
    assert!(keys(&server, &url, &["list"]).contains("revoked"));
    for (edge, show) in [person.elsewhere().elsewhere(), person.elsewhere()].iter().zip(&shows) {
        let read = async || edge.get(&format!("/api/bookings/{booking}")).await.status.as_u16();
        eventually("its tokens are dead at the edge", async || hold(edge, show).await.status.as_u16(), |status| *status == 401)
            .await;
        eventually("and in the region", read, |status| *status == 401).await;
    }
    let tokens = person.post("/api/auth/login", &credentials).await.expect(200);
    person.take_tokens(&tokens);
    for edge in [person.elsewhere().elsewhere(), person.elsewhere()] {
        let read = async || edge.get(&format!("/api/bookings/{booking}")).await.status.as_u16();
        eventually("the new key is believed", read, |status| *status == 200).await;
    }
}

/// A guest buys where the accounts are not kept; what opens the order goes to where they are, and once an account has the guest's address it has the order
/// in both.
async fn guests_buy_in_every_region(server: &Server, show: &OnSale, [eu, us]: [&mut sqlx::PgConnection; 2]) {
    let address = format!("{}@example.org", unique("guest"));
    let mut guest = Client::new(server);
    let tokens = guest.post("/api/auth/guest", &json!({"email": address})).await.expect(201);
    guest.take_tokens(&tokens);
    let booking = booked(&guest, show).await;
    assert_eq!(paid(&guest.elsewhere(), &booking).await["status"], "completed");
    guest
        .post(&format!("/api/bookings/{booking}/tickets/1/transfer"), &json!({"email": address}))
        .await
        .expect_problem(403, "forbidden");
    guest.post("/api/events", &json!({"region": "us"})).await.expect_problem(403, "forbidden");

    // There is mail for the guest, whose address is an account's by now, which another region is told apart.
    let mut account = Client::new(server);
    let credentials = json!({"email": address, "password": client::PASSWORD});
    let mut new = credentials.clone();
    new["name"] = json!("Ada");
    let tokens = account.post("/api/auth/register", &new).await.expect(201);
    account.take_tokens(&tokens);
    for recipient in [&account.user, &guest.user] {
        let mail = "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
                    VALUES ($1, $1, 'welcome', '{}', 'due', 0, 0, 0, 0, 0)";
        sqlx::query(mail).bind(recipient).execute(&mut *us).await.unwrap();
    }
    let known = "SELECT COUNT(*) FROM contacts WHERE email = $1";
    let known = async || sqlx::query_scalar::<_, i64>(known).bind(&address).fetch_one(&mut *us).await.unwrap();
    eventually("both are known there", known, |known| *known == 2).await;
    let link = "INSERT INTO guest_links (hash, guest, booking, asked, created_at, expires_at) VALUES ('of a secret', $1, $2, 0, 0, 9000000000000000)";
    sqlx::query(link).bind(&guest.user).bind(&booking).execute(&mut *us).await.unwrap();
    let kept = "SELECT COUNT(*) FROM guest_links WHERE guest = $1";
    let kept = async || sqlx::query_scalar::<_, i64>(kept).bind(&guest.user).fetch_one(&mut *eu).await.unwrap();
    eventually("the link is kept where the accounts are", kept, |kept| *kept == 1).await;

    let path = format!("/api/bookings/{booking}");
    account.get(&path).await.expect_problem(404, "not-found");
    let verified = "UPDATE users SET email_verified_at = 0 WHERE id = $1";
    sqlx::query(verified).bind(&account.user).execute(&mut *eu).await.unwrap();
    let tokens = account.post("/api/auth/login", &credentials).await.expect(200);
    account.take_tokens(&tokens);
    let seen = async || account.elsewhere().get(&path).await.status.as_u16();
    eventually("the order is the account's in its own region", seen, |status| *status == 200).await;
    assert_eq!(ids(&account.get("/api/bookings").await.expect(200)), [booking.as_str()]);
    let tickets = account.get("/api/tickets").await.expect(200);
    assert_eq!(tickets["items"][0]["booking_id"], booking.as_str());
    account.post(&format!("{path}/cancel"), &json!({})).await.expect_problem(409, "not-cancellable");
    let dead = async || guest.elsewhere().get(&path).await.status.as_u16();
    eventually("the guest's session is over there", dead, |status| *status == 401).await;
    let left = "SELECT COUNT(*) FROM guest_links WHERE guest = $1";
    let left: i64 = sqlx::query_scalar(left).bind(&guest.user).fetch_one(&mut *us).await.unwrap();
    assert_eq!(left, 0, "handed over and forgotten");
}

/// Has the region of the accounts know that somebody reads this address, and nobody else.
async fn reads(person: &Client<'_>, address: &str, accounts: &mut sqlx::PgConnection) {
    let theirs = "UPDATE users SET email = $2, email_verified_at = 0 WHERE id = $1";
    sqlx::query(theirs).bind(&person.user).bind(address).execute(accounts).await.unwrap();
}

/// A person, met at the first edge, at that of this region.
fn at<'a>(person: &Client<'a>, region: usize) -> Client<'a> {
    if region == US { person.elsewhere() } else { person.elsewhere().elsewhere() }
}

/// A ticket of either region's event goes to whoever reads the address that it is offered to, at whichever edge they are.
async fn tickets_change_hands_in_every_region(
    server: &Server,
    organiser: &Client<'_>,
    shows: &[OnSale; 2],
    accounts: &mut sqlx::PgConnection,
) {
    let (buyer, receiver) = (Client::register(server).await, Client::register(server).await);
    let (stranger, unknown) = (Client::register(server).await, Client::register(server).await);
    // Another account had the address before, and every region has seen it with that.
    let (before, address) = (Client::register(server).await, format!("{}@example.org", unique("receiver")));
    reads(&before, &address, accounts).await;
    assert_eq!(before.get("/api/tickets/offers").await.expect(200)["incomplete"], Value::Null);
    reads(&before, &format!("{}@example.org", unique("before")), accounts).await;
    reads(&receiver, &address, accounts).await;
    reads(&stranger, &format!("{}@example.org", unique("stranger")), accounts).await;

    let mut all = Vec::new();
    // Each at the edge of its event's region, and at the other one.
    for (show, [near, far]) in shows.iter().zip([[EU, US], [US, EU]]) {
        let booking = booked(&at(&buyer, near), show).await;
        paid(&at(&buyer, near), &booking).await;
        let tickets = format!("/api/bookings/{booking}/tickets");
        let old = at(&buyer, far).get(&tickets).await.expect(200)["items"][0]["code"].clone();
        let transfer = format!("{tickets}/1/transfer");
        let offer = at(&buyer, far).post_with(&unique("key"), &transfer, &json!({"email": address})).await.expect(201);
        let token = json!({"token": offer["token"]});
        for edge in [near, far] {
            let offers = at(&receiver, edge).get("/api/tickets/offers").await.expect(200);
            assert_eq!((&offers["items"], &offers["incomplete"]), (&json!([offer]), &Value::Null));
            // Who reads another address, read this one once, or is not known to read any.
            for person in [&stranger, &before] {
                assert_eq!(at(person, edge).get("/api/tickets/offers").await.expect(200)["items"], json!([]));
                at(person, edge).post("/api/tickets/accept", &token).await.expect_problem(404, "not-found");
            }
            let refused = at(&unknown, edge).post("/api/tickets/accept", &token).await;
            assert!(matches!(refused.status.as_u16(), 403 | 404), "{}", refused.json);
        }
        let accepted = at(&receiver, far).post("/api/tickets/accept", &token).await.expect(200);
        assert_eq!(at(&receiver, near).post("/api/tickets/accept", &token).await.expect(200), accepted);
        assert!(accepted["code"].is_string() && accepted["code"] != old, "{accepted}");
        assert_eq!((&accepted["booking_id"], &accepted["event_id"]), (&json!(booking), &json!(show.id)));
        all.insert(0, accepted.clone());
        for edge in [near, far] {
            // One list of what is theirs in both regions.
            assert_eq!(at(&receiver, edge).get("/api/tickets").await.expect(200)["items"], json!(all));
            assert_eq!(at(&receiver, edge).get("/api/tickets/offers").await.expect(200)["items"], json!([]));
            let left = at(&buyer, edge).get(&tickets).await.expect(200)["items"][0].clone();
            assert_eq!((&left["transferred"], &left["code"]), (&json!(true), &Value::Null));
        }
        // The code before lets nobody in, the new one does, by a scanner at either edge.
        for (edge, code, result) in [(far, &old, "void"), (far, &accepted["code"], "admitted"), (near, &old, "void")] {
            let scan = json!({"code": code, "event_id": show.id});
            assert_eq!(at(organiser, edge).post("/api/checkin", &scan).await.expect(200)["result"], result);
        }
        // From now on the list says when that was.
        let listed = at(&receiver, near).get("/api/tickets").await.expect(200)["items"][0].clone();
        assert_eq!((&listed["id"], &listed["state"]), (&accepted["id"], &json!("admitted")));
        all[0] = listed;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn teams_and_programs_act_in_every_region() {
    let server = Server::start_regions("teams");
    let (owner, organiser) = Client::organiser(&server).await;
    let person = Client::register(&server).await;
    let at_us = Client::elsewhere;
    let new = async |client: &Client<'_>| client.post("/api/events", &event(&organiser, json!({"region": "us"}))).await;
    // Nobody of its team has been there yet.
    new(&at_us(&person)).await.expect_problem(404, "not-found");

    // Accounts are kept in `eu`; `us` asks.
    let url = server.fleet().regions[EU].database();
    let mut accounts = <sqlx::PgConnection as sqlx::Connection>::connect(&url).await.unwrap();
    sqlx::query("UPDATE users SET email_verified_at = 0 WHERE id = $1").bind(&person.user).execute(&mut accounts).await.unwrap();
    let email = person.get("/api/auth/me").await.expect(200)["email"].clone();
    let path = |rest: &str| format!("/api/organisers/{organiser}{rest}");
    let invite = |role: &str| json!({"email": email, "role": role});
    let invitation = at_us(&owner).post(&path("/invitations"), &invite("manager")).await.expect(201);
    let accept = format!("/api/invitations/{}/accept", invitation["id"].as_str().unwrap());
    at_us(&person).post(&accept, &json!({})).await.expect(200);
    new(&at_us(&person)).await.expect(201);
    let member = path(&format!("/team/{}", person.user));
    owner.send(Method::DELETE, &member, &[], None).await.expect(204);
    new(&at_us(&person)).await.expect_problem(403, "forbidden");

    // Nobody of this team has been in `us` when its program comes.
    let (another, anothers) = Client::organiser(&server).await;
    let keys = format!("/api/organisers/{anothers}/api-keys");
    let made = another.post(&keys, &json!({"name": "Till", "permissions": ["edit-events"]})).await.expect(201);
    let mut program = Client::new(&server);
    let token = at_us(&program).post("/api/auth/token", &json!({"api_key": made["key"]})).await.expect(200);
    program.token = token["access_token"].as_str().map(str::to_owned);
    let draft = |region: &str| event(&anothers, json!({"region": region}));
    for region in ["us", "eu"] {
        let created = program.post("/api/events", &draft(region)).await.expect(201);
        assert!(created["id"].as_str().unwrap().starts_with(region), "{created}");
        at_us(&program).post(&format!("/api/events/{}/publish", created["id"].as_str().unwrap()), &json!({})).await.expect(200);
    }
    new(&at_us(&program)).await.expect_problem(403, "forbidden");
    at_us(&program).get("/api/bookings").await.expect_problem(403, "forbidden");
    another.send(Method::DELETE, &format!("{keys}/{}", made["id"].as_str().unwrap()), &[], None).await.expect(204);
    for place in [program.elsewhere().elsewhere(), at_us(&program)] {
        for region in ["us", "eu"] {
            let asked = async || place.post("/api/events", &draft(region)).await;
            eventually("the key is dead", asked, |answer| answer.status == 401).await.expect_problem(401, "token-revoked");
        }
    }

    // What hands an organiser over asks who it is again.
    let old = "UPDATE sessions SET authenticated_at = 0 WHERE user_id = $1";
    sqlx::query(old).bind(&owner.user).execute(&mut accounts).await.unwrap();
    let again = "reauthentication-required";
    owner.post(&path("/invitations"), &invite("owner")).await.expect_problem(403, again);
    owner.post(&path("/invitations"), &invite("door")).await.expect(201);
    owner.post(&path("/api-keys"), &json!({"name": "Till", "permissions": ["check-in"]})).await.expect_problem(403, again);
    owner.send(Method::DELETE, &path("/api-keys/eu_1"), &[], None).await.expect_problem(403, again);
}

/// What `marquee keys` says of the keys in this database.
fn keys(server: &Server, database: &str, arguments: &[&str]) -> String {
    let asked = std::process::Command::new(test_support::marquee())
        .arg("keys")
        .args(arguments)
        .args(["--postgres", database, "--data"])
        .arg(server.folder.join("operator"))
        .output()
        .unwrap();
    assert!(asked.status.success(), "{}", String::from_utf8_lossy(&asked.stderr));
    String::from_utf8(asked.stdout).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_edge_is_locked_out_of_every_region_and_a_new_certificate_lets_it_in() {
    let server = Server::start_regions("stolen-edge");
    let (organiser, id) = Client::organiser(&server).await;
    let shows = on_sale(&organiser, &id).await;
    let person = Client::register(&server).await;
    // Of others: how often somebody books until the edge is known to be stolen is left open, and one person may have so many places.
    let (stolen, honest, later) =
        (person.elsewhere(), Client::register(&server).await, Client::register(&server).await.elsewhere());
    for show in &shows {
        booked(&stolen, show).await;
    }
    fleet::revoke(&server.folder, "edge-1");
    let status = async |show: &OnSale| hold(&stolen, show).await.status.as_u16();
    for show in &shows {
        eventually("nothing is booked through it", async || status(show).await, |status| *status == 503).await;
        booked(&honest, show).await;
    }
    let who = async || stolen.get("/api/auth/me").await.status.as_u16();
    eventually("nothing is handed over by it", who, |status| *status == 503).await;
    // No process was started anew.
    fleet::certificates(&server.folder, &["edge-1"]);
    for show in &shows {
        eventually("it sells again", async || hold(&later, show).await.status.as_u16(), |status| *status == 201).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_loss_of_one_region_leaves_the_other_selling() {
    let server = Server::start_regions("region-death");
    let (organiser, id) = Client::organiser(&server).await;
    let shows = on_sale(&organiser, &id).await;
    let person = Client::register(&server).await;
    let at = [person.elsewhere().elsewhere(), person.elsewhere()];
    for edge in &at {
        for show in &shows {
            booked(edge, show).await;
            eventually(
                "it is on show",
                async || edge.forgetful().get(&format!("/api/events/{}", show.id)).await,
                |answer| answer.status == 200,
            )
            .await;
        }
    }

    aside(&server, |fleet| fleet.regions[US].kill()).await;
    let page = async |edge: &Client<'_>, show: &OnSale| {
        let answer = edge.get(&format!("/api/events/{}", show.id)).await;
        let as_of = answer.header("marquee-as-of").unwrap_or_default().to_owned();
        (answer.status.as_u16(), as_of)
    };
    for edge in &at {
        let refused = eventually("it is not there", async || hold(edge, &shows[US]).await, |answer| answer.status == 503).await;
        assert!(refused.header("retry-after").is_some());
        refused.expect_problem(503, "unavailable");
        // The page is there, and says that it grows old; the other's does not.
        let (status, as_of) = page(edge, &shows[US]).await;
        assert_eq!(status, 200);
        let other = page(edge, &shows[EU]).await.1;
        eventually("the other goes on", async || page(edge, &shows[EU]).await.1, |now| *now > other).await;
        assert_eq!(page(edge, &shows[US]).await, (200, as_of));
        booked(edge, &shows[EU]).await;
        let list = edge.get("/api/bookings").await.expect(200);
        assert_eq!(list["incomplete"], json!(["us"]));
        assert!(ids(&list).iter().all(|id| id.starts_with("eu_")) && ids(&list).len() >= 3, "{list}");
    }
    let admin = server.admin.as_deref().unwrap();
    let stale = async || reqwest::get(format!("{admin}/health/detailed")).await.unwrap().text().await.unwrap();
    eventually("health says so", stale, |text| text.contains("edge-0-replica-us") && text.contains("s old")).await;

    // An edge that starts meanwhile has the one that is there, and says what it has not.
    let late = std::thread::scope(|scope| scope.spawn(|| server.fleet().edge(&server.folder, "edge-2", US)).join().unwrap());
    let new = format!("http://{}", late.addresses[0]);
    let list: Value = reqwest::get(format!("{new}/api/events")).await.unwrap().json().await.unwrap();
    assert_eq!((ids(&list), &list["incomplete"]), (vec![shows[EU].id.clone()], &json!(["us"])));
    assert_eq!(reqwest::get(format!("{new}/api/events/{}", shows[US].id)).await.unwrap().status(), 503);

    aside(&server, |fleet| fleet.regions[US].spawn()).await;
    for edge in &at {
        eventually("it sells again", async || hold(edge, &shows[US]).await.status.as_u16(), |status| *status == 201).await;
        let whole = async || edge.get("/api/bookings?limit=100").await.expect(200);
        eventually("the list is whole", whole, |list| list["incomplete"].is_null()).await;
    }
    let found = async || -> Value { reqwest::get(format!("{new}/api/events")).await.unwrap().json().await.unwrap() };
    eventually("the new edge has all", found, |list| list["incomplete"].is_null() && ids(list).len() == 2).await;
    drop(late);

    // Without the accounts nobody new logs in, and who is logged in goes on buying.
    aside(&server, |fleet| fleet.regions[EU].kill()).await;
    for edge in &at {
        let login = json!({"email": "somebody@example.com", "password": client::PASSWORD});
        let refused = async || edge.send(Method::POST, "/api/auth/login", &[], Some(login.to_string().into())).await;
        let refused = eventually("nobody logs in", refused, |answer| answer.status == 503).await;
        assert!(refused.header("retry-after").is_some());
        let booking = booked(edge, &shows[US]).await;
        assert_eq!(paid(edge, &booking).await["status"], "completed");
        assert_eq!(edge.get("/api/bookings").await.expect(200)["incomplete"], json!(["eu"]));
    }
    // Nobody here knows what an organiser may do by now.
    let renamed = event(&id, json!({"region": "us"}));
    organiser.post("/api/events", &renamed).await.expect_problem(503, "unavailable");

    aside(&server, |fleet| fleet.regions[EU].spawn()).await;
    eventually("it sells again", async || hold(&at[1], &shows[EU]).await.status.as_u16(), |status| *status == 201).await;
    eventually(
        "organisers are known",
        async || organiser.post("/api/events", &renamed).await.status.as_u16(),
        |status| *status == 201,
    )
    .await;
    // The accounts are followed again.
    let body = json!({"refresh_token": person.refresh_token});
    person.send(Method::POST, "/api/auth/logout", &[], Some(body.to_string().into())).await.expect(204);
    for edge in &at {
        let read = async || edge.get("/api/bookings").await.status.as_u16();
        eventually("the token is dead", read, |status| *status == 401).await;
        eventually("in both regions", async || hold(edge, &shows[US]).await.status.as_u16(), |status| *status == 401).await;
    }
}

/// What somebody bought elsewhere is handed out with the rest, and goes with the account, though that region was down when it was erased.
#[tokio::test(flavor = "multi_thread")]
async fn an_erasure_reaches_a_region_that_was_down() {
    let server = Server::start_regions("erased-in-regions");
    let admin = Client::register(&server).await;
    let role = "INSERT INTO user_roles (user_id, role) VALUES ($1, 'admin')";
    sqlx::query(role).bind(&admin.user).execute(&mut connect(&server, EU).await).await.unwrap();
    let known = Known::everywhere(&server, &admin, Some("us")).await;
    let databases = [EU, US].map(|region| server.fleet().regions[region].database());
    assert!(!people::in_database(&databases[US], &known.word).await.is_empty());

    for edge in [&known.person, &known.person.elsewhere()] {
        let whole = edge.get("/api/auth/me/export?limit=100").await.expect(200);
        let of = |kind: &str, region: &str| {
            whole["items"].as_array().unwrap().iter().any(|item| item["kind"] == kind && item["region"] == region)
        };
        assert!(of("session", "eu") && of("booking", "us") && of("receipt", "us") && !of("booking", "eu"), "{whole}");
        // The same as one archive of both.
        let archive = edge.send(Method::GET, "/api/auth/me/export", &[("accept", "application/zip")], None).await;
        let files: Vec<_> = unzipped(&archive.bytes).into_keys().collect();
        let number = known.payment.to_uppercase().replace('_', "-");
        let papers =
            [format!("receipt-{number}.pdf"), format!("tickets-{}.pdf", known.booking)].map(|name| format!("us/papers/{name}"));
        assert_eq!(files, [&["eu/data.json".to_owned(), "us/data.json".to_owned()][..], &papers].concat());
    }
    // A session that has proved nothing lately is refused in a region that has to ask for that.
    let mut eu = connect(&server, EU).await;
    let age = "UPDATE sessions SET authenticated_at = 0 WHERE user_id = $1";
    sqlx::query(age).bind(&known.person.user).execute(&mut eu).await.unwrap();
    for edge in [&known.person, &known.person.elsewhere()] {
        edge.get("/api/auth/me/export").await.expect_problem(403, "reauthentication-required");
    }

    let now = "UPDATE sessions SET authenticated_at = created_at WHERE user_id = $1";
    sqlx::query(now).bind(&known.person.user).execute(&mut eu).await.unwrap();
    aside(&server, |fleet| fleet.regions[US].kill()).await;
    // An archive is whole or is none.
    let archive = known.person.send(Method::GET, "/api/auth/me/export", &[("accept", "application/zip")], None).await;
    archive.expect_problem(503, "unavailable");
    known.erased().await;
    let waits = async || people::in_database(&databases[EU], &known.word).await;
    eventually("only the address is left, for the other region", waits, |it| *it == ["erasures.email"]).await;
    aside(&server, |fleet| fleet.regions[US].spawn()).await;
    for database in &databases {
        eventually("nothing is left", async || people::in_database(database, &known.word).await, Vec::is_empty).await;
    }
    // What is left is a sale, and a ticket that lets somebody in.
    let order = format!("/api/events/{}/orders/{}", known.event, known.booking);
    let order = eventually("the region sells again", async || known.organiser.get(&order).await, |it| it.status == 200).await;
    assert_eq!((&order.json["status"], &order.json["buyer"]["name"]), (&json!("confirmed"), &Value::Null), "{}", order.json);
}
