//! Buying with an address alone, and how what was bought comes into an account.

use crate::{
    SHARED,
    client::{Answer, Client, OnSale, PASSWORD, eventually, unique},
    operations::admin,
    teams::patch,
    tickets::{booked, code, tickets},
};
use reqwest::Method;
use serde_json::{Value, json};

/// An address that nobody has.
pub fn address() -> String {
    format!("{}@example.com", unique("guest"))
}

/// A guest with this address.
pub async fn guest(address: &str) -> Client<'static> {
    let mut guest = Client::new(&SHARED);
    let made = guest.post("/api/auth/guest", &json!({"email": address})).await.expect(201);
    guest.take_tokens(&made);
    guest
}

/// An account with this address, of which nobody knows yet that its owner reads it.
async fn account(address: &str) -> Client<'static> {
    let mut account = Client::new(&SHARED);
    let body = json!({"email": address, "password": PASSWORD, "name": "Ada"});
    let made = account.post("/api/auth/register", &body).await.expect(201);
    account.take_tokens(&made);
    account
}

async fn log_in(address: &str) -> Client<'static> {
    let mut account = Client::new(&SHARED);
    let tokens = account.post("/api/auth/login", &json!({"email": address, "password": PASSWORD})).await.expect(200);
    account.take_tokens(&tokens);
    account
}

async fn held(buyer: &Client<'_>, show: &OnSale) -> Value {
    buyer.post_with(&unique("key"), "/api/bookings", &show.order(1)).await.expect(201)
}

async fn pay(buyer: &Client<'_>, booking: &Value) -> Answer {
    let body = json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_ok"}});
    buyer.post_with(&unique("key"), "/api/payments", &body).await
}

fn path(booking: &Value) -> String {
    format!("/api/bookings/{}", booking["id"].as_str().unwrap())
}

/// Something that is paid for and can be given back, and something free.
async fn shows() -> (Client<'static>, OnSale, OnSale) {
    let (organiser, id) = Client::organiser(&SHARED).await;
    let paid = OnSale::publish(&organiser, &id, json!({"refund_until": "2037-02-01T00:00:00Z"})).await;
    let free = OnSale::with(&organiser, &id, 0, 10, 6).await;
    (organiser, paid, free)
}

async fn ids(buyer: &Client<'_>) -> Vec<String> {
    let (mut ids, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = buyer.get(&format!("/api/bookings?limit=1{cursor}")).await.expect(200);
        ids.extend(page["items"].as_array().unwrap().iter().map(|booking| booking["id"].as_str().unwrap().to_owned()));
        let Some(next) = page["next_cursor"].as_str() else { return ids };
        cursor = format!("&cursor={next}");
    }
}

async fn until_refused(buyer: &Client<'_>) {
    eventually("the session is over", async || buyer.get("/api/auth/me").await.status.as_u16(), |it| *it == 401).await;
}

/// Every token in mails that opens an order of this guest's.
fn links(guest: &Client<'_>) -> Vec<String> {
    let files = std::fs::read_dir(SHARED.folder.join("mail")).into_iter().flatten();
    let begin = format!("{}.", guest.user);
    let mut found = Vec::new();
    for text in files.filter_map(|file| std::fs::read_to_string(file.unwrap().path()).ok()) {
        // Quoted-printable breaks long lines.
        let text = text.replace("=\r\n", "");
        found.extend(text.split_whitespace().filter(|word| word.starts_with(&begin)).map(str::to_owned));
    }
    found.sort();
    found.dedup();
    found
}

#[tokio::test]
async fn a_guest_buys_from_hold_to_ticket_and_sees_what_they_bought() {
    let (organiser, show, _) = shows().await;
    let address = address();
    let body = json!({"email": address.to_uppercase(), "name": "Ada", "transport": null}).to_string();
    let mut guest = Client::new(&SHARED);
    let headers = [("accept-language", "de-AT")];
    let made = guest.send(Method::POST, "/api/auth/guest", &headers, Some(body.into())).await;
    assert_eq!(made.header("cache-control"), Some("no-store"));
    let made = made.expect(201);
    guest.take_tokens(&made);
    let me = json!({
        "id": guest.user, "email": address, "email_verified": false, "name": "Ada", "language": "de-AT", "roles": [], "guest": true,
    });
    assert_eq!((&made["user"], guest.get("/api/auth/me").await.expect(200)), (&me, me.clone()));

    let booking = held(&guest.elsewhere(), &show).await;
    assert_eq!(booking["status"], "held");
    let payment = pay(&guest, &booking).await.expect(201);
    assert_eq!(payment["status"], "completed");
    let payment = format!("/api/payments/{}", payment["id"].as_str().unwrap());
    guest.get(&payment).await.expect(200);
    let receipt = guest.get(&format!("{payment}/receipt")).await.expect(200);
    assert_eq!(receipt["buyer"], json!({"name": "Ada", "email": address}), "{receipt}");
    assert_eq!(ids(&guest).await, [booking["id"].as_str().unwrap()]);
    let sold = tickets(&guest, &path(&booking)).await;
    assert!(code(&sold[0]).len() > 50);
    for media in ["application/pdf", "text/calendar"] {
        let paper = guest.send(Method::GET, &format!("{}/tickets", path(&booking)), &[("accept", media)], None).await;
        assert!(paper.header("content-type").unwrap().starts_with(media));
        assert_eq!(paper.status, 200);
    }
    let name = json!({"name": "Grace"}).to_string();
    guest.send(Method::PUT, &format!("{}/tickets/1", path(&booking)), &[], Some(name.into())).await.expect(200);

    // The organiser sees an order like any other, and an admin that there is such a person.
    let orders = organiser.get(&format!("/api/events/{}/orders?q={address}", show.id)).await.expect(200);
    assert_eq!(orders["items"][0]["buyer"], json!({"name": "Ada", "email": address}), "{orders}");

    // The session goes on, and ends.
    let refreshed = guest.post("/api/auth/refresh", &json!({"refresh_token": guest.refresh_token})).await.expect(200);
    guest.take_tokens(&refreshed);
    let said = guest.post("/api/auth/verify", &json!({"token": guest.token})).await.expect(200);
    assert_eq!((&said["sub"], &said["roles"], &said["guest"]), (&json!(guest.user), &json!([]), &json!(true)));
    assert_eq!(guest.post(&format!("{}/cancel", path(&booking)), &json!({})).await.expect(200)["status"], "cancelled");
    let refund = async || guest.get(&payment).await.expect(200)["refunds"][0]["reason"].clone();
    eventually("the money goes back", refund, |reason| *reason == "cancelled").await;
    guest.post("/api/auth/logout", &json!({"refresh_token": guest.refresh_token})).await.expect(204);
    until_refused(&guest).await;
}

#[tokio::test]
async fn a_guest_does_what_a_checkout_needs_and_nothing_else() {
    let (_, _, show) = shows().await;
    let guest = guest(&address()).await;
    let booking = booked(&guest, &show, 1).await;
    let offer = json!({"email": "grace@example.com"});
    // Of these the matrix has all; here is what a guest is told.
    for refused in [
        guest.post(&format!("{booking}/tickets/1/transfer"), &offer).await,
        guest.get("/api/tickets").await,
        guest.get("/api/auth/sessions").await,
        patch(&guest, "/api/auth/me", &json!({"name": "Eve"})).await,
        guest.post("/api/auth/password", &json!({"current": "x", "new": PASSWORD})).await,
        guest.post("/api/organisers", &json!({"name": "Red Hall"})).await,
    ] {
        let problem = refused.expect_problem(403, "forbidden");
        assert!(problem["detail"].as_str().unwrap().contains("register"), "{problem}");
    }
    let admin = admin().await;
    let roles = format!("/api/users/{}/roles", guest.user);
    admin.post(&roles, &json!({"roles": ["admin"]})).await.expect_problem(409, "wrong-state");
    for (body, pointer) in [
        (json!({}), "/email"),
        (json!({"email": "nobody"}), "/email"),
        (json!({"email": "a@example.com", "name": " "}), "/name"),
        (json!({"email": "a@example.com", "transport": "pigeon"}), "/transport"),
        (json!({"email": "a@example.com", "password": PASSWORD}), "/password"),
    ] {
        let refused = Client::new(&SHARED).post("/api/auth/guest", &body).await.expect_problem(400, "invalid-request");
        assert_eq!(refused["errors"][0]["pointer"], pointer, "{refused}");
    }
}

#[tokio::test]
async fn an_address_says_nothing_of_who_else_has_it() {
    let (_, _, show) = shows().await;
    let address = address();
    let owner = account(&address).await;
    let own = booked(&owner, &show, 1).await;
    let (first, second) = (guest(&address).await, guest(&address).await);
    assert_ne!(first.user, second.user);
    let booking = booked(&first, &show, 1).await;
    for other in [&second, &owner] {
        other.get(&booking).await.expect_problem(404, "not-found");
        other.get(&format!("{booking}/tickets")).await.expect_problem(404, "not-found");
        other.post(&format!("{booking}/cancel"), &json!({})).await.expect_problem(404, "not-found");
    }
    first.get(&own).await.expect_problem(404, "not-found");
    assert_eq!((ids(&second).await.len(), ids(&owner).await.len()), (0, 1));
    // What is asked for by an address alone finds the account and no guest, and says as much of each.
    let nobody = Client::new(&SHARED);
    for email in [address.as_str(), "nobody@example.org", "no address"] {
        let asked = nobody.post("/api/auth/guest/links", &json!({"email": email})).await;
        assert_eq!((asked.status.as_u16(), asked.bytes.len()), (202, 0));
    }
    let login = json!({"email": first.user, "password": PASSWORD});
    nobody.post("/api/auth/login", &login).await.expect_problem(401, "bad-credentials");
    let token = json!({"token": format!("{}.{}", first.user, "0".repeat(52))});
    nobody.post("/api/auth/guest/open", &token).await.expect_problem(400, "token-invalid");
    // One address is not to be filled with mails, and the others do not wait for it.
    let more = async || nobody.post("/api/auth/guest", &json!({"email": address})).await;
    let refused = eventually("the next has to wait", more, |answer| answer.status != 201).await;
    assert!(refused.header("retry-after").is_some());
    refused.expect_problem(429, "rate-limited");
    guest(&self::address()).await;
}

#[tokio::test]
async fn a_guests_browser_sees_no_token() {
    let client = Client::new(&SHARED);
    let body = json!({"email": address(), "transport": "cookie"}).to_string();
    for (site, status) in [("cross-site", 403), ("same-origin", 201)] {
        let made = client.send(Method::POST, "/api/auth/guest", &[("sec-fetch-site", site)], Some(body.clone().into())).await;
        assert_eq!(made.status.as_u16(), status);
        if status == 403 {
            assert!(made.header("set-cookie").is_none());
            continue;
        }
        assert_eq!(made.json.as_object().unwrap().keys().collect::<Vec<_>>(), ["user"]);
        let cookies: Vec<_> = made.headers.get_all("set-cookie").iter().map(|it| it.to_str().unwrap().to_owned()).collect();
        let [access, refresh] = &cookies[..] else { panic!("{cookies:?}") };
        let age = |cookie: &str| -> i64 {
            cookie.split("; ").find_map(|part| part.strip_prefix("Max-Age=")).and_then(|age| age.parse().ok()).unwrap()
        };
        assert!(access.starts_with("__Host-marquee=") && age(access) == 900, "{access}");
        assert!(refresh.starts_with("__Secure-marquee-refresh=") && (86_390..=86_400).contains(&age(refresh)), "{refresh}");
        let cookie = access.split(';').next().unwrap();
        let me = client.send(Method::GET, "/api/auth/me", &[("cookie", cookie)], None).await.expect(200);
        assert_eq!(me, made.json["user"]);
    }
}

#[tokio::test]
async fn an_account_that_reads_the_address_has_what_guests_bought_with_it() {
    let (_, show, free) = shows().await;
    let address = address();
    let guests = [guest(&address).await, guest(&address).await];
    let (waiting, given) = (held(&guests[0], &show).await, booked(&guests[0], &free, 1).await);
    let kept = booked(&guests[1], &free, 2).await;
    let account = account(&address).await;
    let own = held(&account, &show).await;
    assert_eq!(ids(&account).await.len(), 1, "nobody knows yet that its owner reads the address");
    account.get(&kept).await.expect_problem(404, "not-found");

    let vouch = format!("/api/users/{}/verify-email", account.user);
    admin().await.post(&vouch, &json!({})).await.expect(204);
    let id = |path: &str| path.rsplit('/').next().unwrap().to_owned();
    let newest = [own["id"].as_str().unwrap().to_owned(), id(&kept), id(&given), waiting["id"].as_str().unwrap().to_owned()];
    assert_eq!(ids(&account.elsewhere()).await, newest, "one list, in pages");
    for guest in &guests {
        until_refused(guest).await;
        guest
            .post("/api/auth/refresh", &json!({"refresh_token": guest.refresh_token}))
            .await
            .expect_problem(401, "token-revoked");
    }
    // They are its own in every way.
    let key = unique("key");
    let body = json!({"booking_id": waiting["id"], "method": {"type": "card", "token": "tok_ok"}});
    let payment = account.post_with(&key, "/api/payments", &body).await.expect(201);
    assert_eq!(account.post_with(&key, "/api/payments", &body).await.expect(201), payment);
    assert_eq!(payment["status"], "completed");
    let receipt = format!("/api/payments/{}/receipt", payment["id"].as_str().unwrap());
    assert_eq!(account.get(&receipt).await.expect(200)["buyer"]["email"], address);
    assert_eq!(tickets(&account, &path(&waiting)).await.len(), 1);
    assert_eq!(account.post(&format!("{}/cancel", path(&waiting)), &json!({})).await.expect(200)["status"], "cancelled");
    assert_eq!(account.post(&format!("{given}/cancel"), &json!({})).await.expect(200)["status"], "cancelled");
    let listed = account.get("/api/tickets").await.expect(200);
    let good: Vec<_> = listed["items"].as_array().unwrap().iter().filter(|ticket| ticket["state"] == "valid").collect();
    assert_eq!(good.iter().map(|ticket| ticket["booking_id"].as_str().unwrap()).collect::<Vec<_>>(), [id(&kept), id(&kept)]);
    let name = json!({"name": "Grace"}).to_string();
    account.send(Method::PUT, &format!("{kept}/tickets/1"), &[], Some(name.into())).await.expect(200);
    let offer = json!({"email": "grace@example.com"});
    account.post(&format!("{kept}/tickets/2/transfer"), &offer).await.expect(201);
    account.send(Method::DELETE, &format!("{kept}/tickets/2/transfer"), &[], None).await.expect(204);
    Client::register(&SHARED).await.get(&kept).await.expect_problem(404, "not-found");

    // What is bought with it later comes with the next login, and not before.
    let later = guest(&address).await;
    let more = booked(&later, &free, 1).await;
    account.get(&more).await.expect_problem(404, "not-found");
    let again = log_in(&address).await;
    again.get(&more).await.expect(200);
    account.get(&more).await.expect(200);
    until_refused(&later).await;
    assert_eq!(ids(&again).await.len(), 5);
}

#[tokio::test]
async fn a_suspended_guest_is_out_and_their_orders_are_nobodys() {
    let (_, _, show) = shows().await;
    let (address, admin) = (address(), admin().await);
    let guest = guest(&address).await;
    let booking = booked(&guest, &show, 1).await;
    admin.post(&format!("/api/users/{}/suspend", guest.user), &json!({})).await.expect(204);
    until_refused(&guest).await;
    let account = account(&address).await;
    let vouch = format!("/api/users/{}/verify-email", account.user);
    admin.post(&vouch, &json!({})).await.expect(204);
    account.get(&booking).await.expect_problem(404, "not-found");
    if SHARED.form.has_worker() {
        let link = eventually("the mail has come", async || links(&guest).pop(), Option::is_some).await.unwrap();
        let open = async || Client::new(&SHARED).post("/api/auth/guest/open", &json!({"token": link})).await;
        open().await.expect_problem(403, "forbidden");
        admin.post(&format!("/api/users/{}/restore", guest.user), &json!({})).await.expect(204);
        assert_eq!(open().await.expect(200)["user"]["id"], guest.user.as_str());
    }
    admin.post(&format!("/api/users/{}/restore", guest.user), &json!({})).await.expect(204);
    log_in(&address).await.get(&booking).await.expect(200);
}

#[tokio::test]
async fn the_link_of_a_mail_opens_the_order_until_it_is_an_accounts() {
    if !SHARED.form.has_worker() {
        eprintln!("skipped: in form {:?} nobody writes mails", SHARED.form);
        return;
    }
    let (_, _, show) = shows().await;
    let address = address();
    let guest = guest(&address).await;
    let booking = booked(&guest, &show, 1).await;
    let link = eventually("the mail has come", async || links(&guest).pop(), Option::is_some).await.unwrap();
    assert_eq!(guest.get("/api/auth/me").await.expect(200)["email_verified"], false);
    // As often as one likes, beside the session that is there.
    for _ in 0..2 {
        let mut again = Client::new(&SHARED);
        let opened = again.post("/api/auth/guest/open", &json!({"token": link})).await.expect(200);
        assert_eq!(format!("/api/bookings/{}", opened["booking_id"].as_str().unwrap()), booking);
        assert_eq!((&opened["user"]["id"], &opened["user"]["email_verified"]), (&json!(guest.user), &json!(true)));
        again.take_tokens(&opened);
        again.get(&booking).await.expect(200);
    }
    let page = json!({"token": link, "transport": "cookie"}).to_string();
    let headers = [("sec-fetch-site", "same-origin")];
    let opened = Client::new(&SHARED).send(Method::POST, "/api/auth/guest/open", &headers, Some(page.into())).await.expect(200);
    assert_eq!(opened.as_object().unwrap().keys().collect::<Vec<_>>(), ["booking_id", "user"]);
    guest.get(&booking).await.expect(200);

    // Another one can be had for the address alone.
    Client::new(&SHARED).post("/api/auth/guest/links", &json!({"email": address})).await.expect(202);
    let all = eventually("another mail has come", async || links(&guest), |links| links.len() > 1).await;
    let account = account(&address).await;
    let open = async |token: &str| Client::new(&SHARED).post("/api/auth/guest/open", &json!({"token": token})).await;
    for token in &all {
        open(token).await.expect(200);
    }
    let vouch = format!("/api/users/{}/verify-email", account.user);
    admin().await.post(&vouch, &json!({})).await.expect(204);
    for token in &all {
        open(token).await.expect_problem(400, "token-invalid");
    }
    account.get(&booking).await.expect(200);
}
