//! What browsers are told with an answer: the same in every form, and each thing once.

use crate::{SHARED, client::Client};
use reqwest::Method;

const ORIGIN: (&str, &str) = ("origin", "https://shop.example");

/// The values of a header.
fn values(answer: &crate::client::Answer, name: &str) -> Vec<String> {
    answer.headers.get_all(name).iter().map(|value| value.to_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn answers_carry_each_security_header_once() {
    let client = Client::new(&SHARED);
    // Of every component, of pages and data, and refusals.
    for (method, path) in [
        (Method::GET, "/api/events"),
        (Method::GET, "/api/bookings"),
        (Method::GET, "/api/payments/local_1"),
        (Method::GET, "/.well-known/jwks.json"),
        (Method::GET, "/api/audit"),
        (Method::GET, "/"),
        (Method::GET, "/api/openapi.json"),
        (Method::GET, "/no/such/page"),
        (Method::DELETE, "/api/events"),
        (Method::POST, "/api/auth/due"),
    ] {
        let answer = client.send_unchecked(method.clone(), path, &[("accept", "text/html")], None).await;
        assert_eq!(values(&answer, "x-content-type-options"), ["nosniff"], "{method} {path}");
        for name in ["content-security-policy", "referrer-policy", "x-request-id"] {
            assert_eq!(values(&answer, name).len(), 1, "{method} {path}: {name}");
        }
        assert!(values(&answer, "content-security-policy")[0].contains("frame-ancestors 'none'"), "{method} {path}");
    }
}

#[tokio::test]
async fn a_page_of_another_origin_reads_what_is_public_and_nothing_else() {
    let (nobody, person) = (Client::new(&SHARED), Client::register(&SHARED).await);
    let allowed = |answer| values(&answer, "access-control-allow-origin");
    let get = async |client: &Client<'_>, path| client.send(Method::GET, path, &[ORIGIN], None).await;
    let public = get(&nobody, "/api/events").await;
    assert!(values(&public, "access-control-expose-headers").concat().contains("Marquee-As-Of"));
    assert_eq!(allowed(public), ["*"]);
    assert_eq!(allowed(get(&nobody, "/api/events/local_1").await), ["*"], "a refusal is public, too");
    assert_eq!(allowed(get(&person, "/api/bookings").await), [""; 0]);
    let login = nobody.send(Method::POST, "/api/auth/login", &[ORIGIN], Some(b"{}".to_vec())).await;
    assert_eq!(allowed(login), [""; 0]);
    let asked = [ORIGIN, ("access-control-request-method", "POST"), ("access-control-request-headers", "authorization")];
    let preflight = nobody.send_unchecked(Method::OPTIONS, "/api/bookings", &asked, None).await;
    assert_eq!(preflight.status, 204);
    assert_eq!(values(&preflight, "access-control-allow-methods"), ["GET, HEAD"]);
    assert!(!values(&preflight, "access-control-allow-headers").concat().contains("Authorization"));
    assert_eq!(allowed(preflight), ["*"]);
}

#[tokio::test]
async fn a_page_of_another_origin_may_load_the_element_and_what_it_shows() {
    let client = Client::new(&SHARED);
    let script = client.send_unchecked(Method::GET, "/embed.js", &[ORIGIN, ("accept-encoding", "br")], None).await;
    assert_eq!(script.status, 200);
    assert!(script.header("content-type").unwrap().starts_with("text/javascript"));
    assert_eq!(values(&script, "access-control-allow-origin"), ["*"]);
    assert_eq!(values(&script, "access-control-allow-credentials"), [""; 0]);
    assert_eq!(values(&script, "cross-origin-resource-policy"), ["cross-origin"]);
    let age = "public, max-age=3600, stale-while-revalidate=86400";
    assert_eq!(values(&script, "cache-control"), [age]);
    let tag = script.header("etag").unwrap().to_owned();
    let known = [ORIGIN, ("accept-encoding", "br"), ("if-none-match", tag.as_str())];
    let known = client.send_unchecked(Method::GET, "/embed.js", &known, None).await;
    assert_eq!((known.status.as_u16(), known.header("cache-control")), (304, Some(age)));
    let left = client.send(Method::GET, "/api/events/local_1/availability", &[ORIGIN], None).await;
    assert_eq!(values(&left, "access-control-allow-origin"), ["*"]);
    assert_eq!(values(&left, "access-control-allow-credentials"), [""; 0]);
}
