//! Logged in with cookies, as browsers are, and what pages of other sites make of that.

use crate::{
    SHARED,
    client::{Answer, Client, OnSale, PASSWORD, event, eventually, unique},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeMap;

const ACCESS: &str = "__Host-marquee";
const REFRESH: &str = "__Secure-marquee-refresh";
const SAME_ORIGIN: (&str, &str) = ("sec-fetch-site", "same-origin");
const CROSS_SITE: (&str, &str) = ("sec-fetch-site", "cross-site");

/// A cookie that an answer sets: its value, and its attributes in order.
fn set(answer: &Answer) -> BTreeMap<String, (String, Vec<String>)> {
    let lines = answer.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
    let parsed = lines.map(|line| {
        let mut parts = line.split("; ");
        let (name, value) = parts.next().unwrap().split_once('=').unwrap();
        let mut attributes: Vec<_> = parts.map(str::to_owned).collect();
        attributes.sort();
        (name.to_owned(), (value.to_owned(), attributes))
    });
    let cookies: Vec<_> = parsed.collect();
    let count = cookies.len();
    let cookies: BTreeMap<_, _> = cookies.into_iter().collect();
    assert_eq!(cookies.len(), count, "each once");
    cookies
}

/// What a browser has of ours, and what its pages send.
#[derive(Clone, Default)]
struct Jar(BTreeMap<String, String>);

impl Jar {
    fn of(access: &str, refresh: &str) -> Self {
        Self([(ACCESS.to_owned(), access.to_owned()), (REFRESH.to_owned(), refresh.to_owned())].into())
    }

    fn keep(&mut self, answer: &Answer) {
        for (name, (value, attributes)) in set(answer) {
            match attributes.contains(&"Max-Age=0".to_owned()) {
                true => _ = self.0.remove(&name),
                false => _ = self.0.insert(name, value),
            }
        }
    }

    fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The header `Cookie` of a request to this path.
    fn header(&self, path: &str) -> String {
        let sent = self.0.iter().filter(|(name, _)| *name != REFRESH || path.starts_with("/api/auth/"));
        sent.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    async fn ask(&self, client: &Client<'_>, method: Method, path: &str, more: &[(&str, &str)], body: Option<&Value>) -> Answer {
        let cookies = self.header(path);
        let mut headers = vec![("cookie", cookies.as_str())];
        headers.extend_from_slice(more);
        client.send(method, path, &headers, body.map(|body| body.to_string().into())).await
    }

    async fn get_me(&self, client: &Client<'_>) -> Answer {
        self.ask(client, Method::GET, "/api/auth/me", &[], None).await
    }

    /// A post by a page of ours; its cookies are kept.
    async fn post(&mut self, client: &Client<'_>, path: &str, body: Option<&Value>) -> Answer {
        let key = unique("key");
        let mut more = vec![SAME_ORIGIN];
        if !path.starts_with("/api/auth/") {
            more.push(("idempotency-key", &key));
        }
        let answer = self.ask(client, Method::POST, path, &more, body).await;
        self.keep(&answer);
        answer
    }
}

/// A new account, and its email.
async fn account() -> (Client<'static>, String) {
    let person = Client::register(&SHARED).await;
    let email = person.get("/api/auth/me").await.expect(200)["email"].as_str().unwrap().to_owned();
    (person, email)
}

fn credentials(email: &str) -> Value {
    json!({"email": email, "password": PASSWORD, "transport": "cookie"})
}

/// A browser in which somebody new has logged in; it has nothing but its cookies.
async fn browser() -> (Client<'static>, Jar, String) {
    let (email, client, mut jar) = (account().await.1, Client::new(&SHARED), Jar::default());
    jar.post(&client, "/api/auth/login", Some(&credentials(&email))).await.expect(200);
    (client, jar, email)
}

/// Fails unless these are our two cookies, out of reach of scripts and of other sites.
#[track_caller]
fn assert_ours(answer: &Answer, seconds: [std::ops::RangeInclusive<i64>; 2]) {
    let cookies = set(answer);
    assert_eq!(cookies.keys().collect::<Vec<_>>(), [ACCESS, REFRESH]);
    for ((name, path), seconds) in [(ACCESS, "/"), (REFRESH, "/api/auth")].into_iter().zip(seconds) {
        let attributes: Vec<_> = cookies[name].1.iter().map(String::as_str).collect();
        let [http_only, age, for_path, same_site, secure] = attributes[..] else { panic!("{name}: {attributes:?}") };
        assert_eq!([http_only, same_site, secure], ["HttpOnly", "SameSite=Strict", "Secure"], "{name}");
        assert_eq!(for_path, format!("Path={path}"), "{name}");
        let age = age.strip_prefix("Max-Age=").and_then(|age| age.parse().ok()).unwrap();
        assert!(seconds.contains(&age), "{name} lasts {age} s");
    }
    assert_eq!(answer.header("cache-control"), Some("no-store"));
}

#[tokio::test]
async fn a_page_logs_in_and_sees_no_token() {
    let (person, email) = account().await;
    let (client, mut jar) = (Client::new(&SHARED), Jar::default());
    let lasting = || [900..=900, 2_591_990..=2_592_000];
    let logged_in = jar.post(&client, "/api/auth/login", Some(&credentials(&email))).await;
    assert_ours(&logged_in, lasting());
    let user = person.get("/api/auth/me").await.expect(200);
    assert_eq!(logged_in.expect(200), json!({"user": user}));
    for place in [&client, &client.elsewhere()] {
        assert_eq!(jar.get_me(place).await.expect(200), user);
    }

    let (mut registered, mut new) = (Jar::default(), credentials(&format!("{}@example.com", unique("page"))));
    new["name"] = json!("Ada");
    let answer = registered.post(&client, "/api/auth/register", Some(&new)).await;
    assert_ours(&answer, lasting());
    let answer = answer.expect(201);
    assert_eq!(answer.as_object().unwrap().keys().collect::<Vec<_>>(), ["user"]);
    assert_eq!(registered.get_me(&client).await.expect(200), answer["user"]);

    // A program is told its tokens and given no cookies, as before.
    for transport in [json!({}), json!({"transport": "bearer"})] {
        let mut body = json!({"email": email, "password": PASSWORD});
        body.as_object_mut().unwrap().extend(transport.as_object().unwrap().clone());
        let answer = client.post("/api/auth/login", &body).await;
        assert!(set(&answer).is_empty() && answer.expect(200)["access_token"].is_string());
    }
    let wrong = json!({"email": email, "password": PASSWORD, "transport": "pigeon"});
    assert_eq!(
        client.post("/api/auth/login", &wrong).await.expect_problem(400, "invalid-request")["errors"][0]["pointer"],
        "/transport"
    );
}

#[tokio::test]
async fn everything_that_takes_a_token_takes_the_cookie() {
    let (client, mut jar, _) = browser().await;
    let organiser = jar.post(&client, "/api/organisers", Some(&json!({"name": "Blue Hall"}))).await.expect(201);
    let draft = event(organiser["id"].as_str().unwrap(), json!({}));
    let draft = jar.post(&client, "/api/events", Some(&draft)).await.expect(201);
    let id = draft["id"].as_str().unwrap();
    jar.post(&client, &format!("/api/events/{id}/publish"), Some(&json!({}))).await.expect(200);
    // At the edge, which reads the token before the body and hands it to the region with the hold.
    let order = json!({"event_id": id, "items": [{"ticket_type_id": draft["ticket_types"][0]["id"], "quantity": 1}]});
    let booking = jar.post(&client.elsewhere(), "/api/bookings", Some(&order)).await.expect(201);
    let mine = jar.ask(&client, Method::GET, "/api/bookings", &[], None).await.expect(200);
    assert_eq!(mine["items"][0]["id"], booking["id"]);
    let card = json!({"booking_id": booking["id"], "method": {"type": "card", "token": "tok_ok"}});
    jar.post(&client, "/api/payments", Some(&card)).await.expect(201);
    let cancel = format!("/api/bookings/{}/cancel", booking["id"].as_str().unwrap());
    jar.post(&client, &cancel, Some(&json!({}))).await.expect_problem(409, "not-cancellable");
    jar.ask(&client, Method::GET, "/api/audit", &[], None).await.expect_problem(403, "forbidden");
}

#[tokio::test]
async fn two_tabs_refresh_at_once_and_a_copy_ends_the_session() {
    let (client, mut jar, _) = browser().await;
    let mut copy = jar.clone();
    let first = jar.get(REFRESH).to_owned();
    let refreshed = jar.post(&client, "/api/auth/refresh", None).await;
    assert_ours(&refreshed, [900..=900, 2_591_990..=2_592_000]);
    assert_eq!(refreshed.expect(200)["user"], jar.get_me(&client).await.expect(200));
    assert_ne!(jar.get(REFRESH), first);
    // The other tab had sent the one before.
    let mut tab = copy.clone();
    tab.post(&client.elsewhere(), "/api/auth/refresh", Some(&json!({}))).await.expect(200);
    assert_eq!(tab.get(REFRESH), jar.get(REFRESH));
    jar.post(&client, "/api/auth/refresh", None).await.expect(200);
    // The page has used both of them by now.
    let refused = copy.post(&client, "/api/auth/refresh", None).await;
    assert!(set(&refused).is_empty());
    refused.expect_problem(401, "token-revoked");
    jar.post(&client, "/api/auth/refresh", None).await.expect_problem(401, "token-revoked");
    eventually("the session is over", async || jar.get_me(&client).await.status.as_u16(), |status| *status == 401).await;
    // Who has no cookie has asked with nothing.
    Jar::default().post(&client, "/api/auth/refresh", None).await.expect_problem(400, "invalid-request");
}

#[tokio::test]
async fn a_session_keeps_to_the_way_that_it_began_with() {
    let (client, mut jar, _) = browser().await;
    let in_the_body = json!({"refresh_token": jar.get(REFRESH)});
    client.post("/api/auth/refresh", &in_the_body).await.expect_problem(401, "token-revoked");
    let person = Client::register(&SHARED).await;
    let mut planted = Jar::of(person.token.as_deref().unwrap(), &person.refresh_token);
    planted.post(&client, "/api/auth/refresh", None).await.expect_problem(401, "token-revoked");
    // Neither ends anything.
    jar.post(&client, "/api/auth/refresh", None).await.expect(200);
    person.post("/api/auth/refresh", &json!({"refresh_token": person.refresh_token})).await.expect(200);
}

#[tokio::test]
async fn a_browser_logs_out_and_forgets() {
    let cleared = || [0..=0, 0..=0];
    let (client, mut jar, _) = browser().await;
    let before = jar.clone();
    let answer = jar.post(&client, "/api/auth/logout", None).await;
    let answer = (assert_ours(&answer, cleared()), answer).1;
    answer.expect(204);
    assert!(jar.0.is_empty());
    for place in [&client, &client.elsewhere()] {
        eventually("the token is dead", async || before.get_me(place).await.status.as_u16(), |status| *status == 401).await;
    }
    before.clone().post(&client, "/api/auth/refresh", None).await.expect_problem(401, "token-revoked");
    // Again, with what is no longer good, and with what never was.
    for mut jar in [before, Jar::of("x", "y"), Jar::of("x", &format!("local_1.{}", "a".repeat(52)))] {
        let answer = jar.post(&client, "/api/auth/logout", Some(&json!({}))).await;
        assert_ours(&answer, cleared());
        answer.expect(204);
    }

    // Its access token has gone by itself.
    let (client, mut jar, _) = browser().await;
    let before = jar.clone();
    jar.0.remove(ACCESS);
    jar.post(&client, "/api/auth/logout", None).await.expect(204);
    eventually("the session is over", async || before.get_me(&client).await.status.as_u16(), |status| *status == 401).await;

    // All at once; a session that is over ends no others.
    let (client, mut jar, email) = browser().await;
    let mut second = Jar::default();
    second.post(&client, "/api/auth/login", Some(&credentials(&email))).await.expect(200);
    let everywhere = json!({"everywhere": true});
    before.clone().post(&client, "/api/auth/logout", Some(&everywhere)).await.expect_problem(401, "token-revoked");
    jar.post(&client, "/api/auth/logout", Some(&everywhere)).await.expect(204);
    eventually("the other is over", async || second.get_me(&client).await.status.as_u16(), |status| *status == 401).await;
}

#[tokio::test]
async fn a_page_of_another_site_changes_nothing() {
    let (client, jar, email) = browser().await;
    let (organiser, id) = Client::organiser(&SHARED).await;
    let show = OnSale::with(&organiser, &id, 4500, 10, 6).await;
    let host = SHARED.edges[0].strip_prefix("http://").unwrap();
    let evil = ("origin", "https://evil.example");
    let (ours, neighbour) = (format!("http://{host}"), format!("http://evil.{host}"));
    let forged: [&[(&str, &str)]; 9] = [
        &[],
        &[CROSS_SITE],
        &[CROSS_SITE, ("origin", &ours)],
        &[("sec-fetch-site", "same-site"), ("origin", &ours)],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "")],
        &[evil],
        &[("origin", "null")],
        &[("origin", &neighbour)],
    ];
    let order = show.order(1);
    for (method, path, body) in [
        (Method::POST, "/api/bookings", Some(&order)),
        (Method::POST, "/api/auth/logout", None),
        (Method::POST, "/api/auth/logout", Some(&json!({"everywhere": true}))),
        (Method::POST, "/api/auth/refresh", None),
        (Method::PATCH, "/api/auth/me", Some(&json!({"name": "Mallory"}))),
        (Method::POST, "/api/auth/email", Some(&json!({"email": "mallory@example.com"}))),
        (Method::DELETE, "/api/auth/sessions/local_1", None),
        (Method::POST, "/api/organisers", Some(&json!({"name": "Mallory"}))),
    ] {
        for more in forged {
            let answer = jar.ask(&client, method.clone(), path, more, body).await;
            assert!(set(&answer).is_empty(), "{method} {path} {more:?}");
            answer.expect_problem(403, "cross-site-request");
        }
    }
    assert_eq!(jar.get_me(&client).await.expect(200)["name"], "Ada");
    assert_eq!(show.available(&organiser).await, 10);
    jar.clone().post(&client, "/api/auth/refresh", None).await.expect(200);

    // What only reads answers; its page cannot read the answer.
    let read = jar.ask(&client, Method::GET, "/api/bookings", &[CROSS_SITE, evil], None).await;
    assert_eq!(read.header("access-control-allow-origin"), None);
    read.expect(200);
    // A browser that says nothing but its origin, which is ours.
    jar.ask(&client, Method::PATCH, "/api/auth/me", &[("origin", &ours)], Some(&json!({"name": "Ada L."}))).await.expect(200);

    // To log somebody in as somebody else.
    let mut new = credentials(&format!("{}@example.com", unique("planted")));
    new["name"] = json!("Mallory");
    for more in forged {
        for (path, body) in [("/api/auth/login", &credentials(&email)), ("/api/auth/register", &new)] {
            let answer = Jar::default().ask(&client, Method::POST, path, more, Some(body)).await;
            assert!(set(&answer).is_empty(), "{path} {more:?}");
            answer.expect_problem(403, "cross-site-request");
        }
    }
}

#[tokio::test]
async fn the_header_counts_where_both_are_there() {
    let (client, jar, _) = browser().await;
    let person = Client::register(&SHARED).await;
    let bearer = format!("Bearer {}", person.token.as_deref().unwrap());
    let rename = json!({"name": "Grace"});
    // No page of another site can set it, so nothing else need show where it comes from.
    let answer = jar.ask(&client, Method::PATCH, "/api/auth/me", &[("authorization", &bearer), CROSS_SITE], Some(&rename)).await;
    assert_eq!(answer.expect(200)["id"], person.user);
    assert_eq!(jar.get_me(&client).await.expect(200)["name"], "Ada");
    for wrong in ["", "Bearer", "Bearer x", "Basic YTpi"] {
        for path in ["/api/auth/me", "/api/bookings"] {
            let answer = jar.ask(&client, Method::GET, path, &[("authorization", wrong)], None).await;
            answer.expect_problem(401, "unauthenticated");
        }
    }
    let answer = jar.ask(&client, Method::POST, "/api/auth/refresh", &[("authorization", &bearer), CROSS_SITE], None).await;
    answer.expect_problem(400, "invalid-request");
    // It ends its own session, and leaves the browser's cookies alone.
    let body = json!({"refresh_token": person.refresh_token});
    let answer = jar.ask(&client, Method::POST, "/api/auth/logout", &[("authorization", &bearer)], Some(&body)).await;
    assert!(set(&answer).is_empty());
    answer.expect(204);
    jar.get_me(&client).await.expect(200);
}

#[tokio::test]
async fn forged_and_tossed_cookies_are_worth_nothing() {
    let (client, jar, _) = browser().await;
    let (_, attacker, _) = browser().await;
    let (good, other) = (jar.get(ACCESS), attacker.get(ACCESS));
    let (head, signature) = good.rsplit_once('.').unwrap();
    let flipped = format!("{head}.{}{}", if signature.starts_with('A') { 'B' } else { 'A' }, &signature[1..]);
    let long = "a".repeat(5_000);
    for cookies in [
        vec![format!("{ACCESS}={flipped}")],
        vec![format!("{ACCESS}={head}.")],
        vec![format!("{ACCESS}={}", jar.get(REFRESH))],
        vec![format!("{ACCESS}=")],
        vec![format!("{ACCESS}=\"{good}\"")],
        vec![format!("{ACCESS}={good} {good}")],
        vec![format!("{ACCESS}={long}")],
        // A neighbour's host has set one as well.
        vec![format!("{ACCESS}={good}; {ACCESS}={other}")],
        vec![format!("{ACCESS}={other}; {ACCESS}={good}")],
        vec![format!("{ACCESS}={good}"), format!("{ACCESS}={other}")],
        // Of almost the same name, which prefixes do not guard.
        vec![format!("__host-marquee={good}")],
        vec![format!("={ACCESS}={good}")],
        vec![format!("x={ACCESS}={good}")],
        vec![format!("$Version=1, {ACCESS}={good}")],
        vec![format!("{REFRESH}={good}")],
    ] {
        let headers: Vec<_> = cookies.iter().map(|cookie| ("cookie", cookie.as_str())).collect();
        for place in [&client, &client.elsewhere()] {
            for path in ["/api/auth/me", "/api/bookings"] {
                place.send(Method::GET, path, &headers, None).await.expect_problem(401, "unauthenticated");
            }
        }
        client.send(Method::GET, "/api/events", &headers, None).await.expect(200);
    }
    // With others' around it, in one header or several, it is ours.
    for cookies in [vec![format!("_ga=1; {ACCESS}={good};theme=dark")], vec!["_ga=1".to_owned(), format!("{ACCESS}={good}")]] {
        let headers: Vec<_> = cookies.iter().map(|cookie| ("cookie", cookie.as_str())).collect();
        client.send(Method::GET, "/api/auth/me", &headers, None).await.expect(200);
    }

    // Of two refresh tokens neither is used: one is somebody else's.
    let both = format!("{REFRESH}={}; {REFRESH}={}", attacker.get(REFRESH), jar.get(REFRESH));
    let refused = client.send(Method::POST, "/api/auth/refresh", &[("cookie", &both), SAME_ORIGIN], None).await;
    assert!(set(&refused).is_empty());
    refused.expect_problem(400, "invalid-request");
    for mut jar in [jar, attacker] {
        jar.post(&client, "/api/auth/refresh", None).await.expect(200);
    }

    if SHARED.form.is_native() {
        let many = format!("{ACCESS}={}", "a".repeat(17_000));
        client.send(Method::GET, "/api/bookings", &[("cookie", &many)], None).await.expect_problem(431, "headers-too-large");
    }
}

#[tokio::test]
async fn a_session_that_was_planted_is_not_the_one_that_logs_in() {
    let (client, planted, _) = browser().await;
    let attacker = planted.get_me(&client).await.expect(200);
    let (mut jar, victim) = (planted.clone(), account().await.1);
    jar.post(&client, "/api/auth/login", Some(&credentials(&victim))).await.expect(200);
    let session = |jar: &Jar| jar.get(REFRESH).split_once('.').unwrap().0.to_owned();
    assert_ne!(session(&jar), session(&planted));
    assert_eq!(jar.get_me(&client).await.expect(200)["email"], victim);
    // Who planted it is still who they were.
    assert_eq!(planted.get_me(&client).await.expect(200), attacker);
    planted.clone().post(&client, "/api/auth/refresh", None).await.expect(200);
}
