//! What no client should send. Each gets a problem and the right status, never a 500.

use crate::{
    SHARED,
    client::{Client, unique},
};
use reqwest::Method;

/// Every write with a body.
const WRITES: [(&str, &str); 19] = [
    ("POST", "/api/auth/register"),
    ("POST", "/api/auth/login"),
    ("POST", "/api/auth/refresh"),
    ("POST", "/api/auth/logout"),
    ("POST", "/api/auth/verify"),
    ("POST", "/api/auth/token"),
    ("POST", "/api/organisers"),
    ("PATCH", "/api/organisers/local_00000000000000000000000000"),
    ("PATCH", "/api/organisers/local_00000000000000000000000000/team/local_00000000000000000000000000"),
    ("POST", "/api/organisers/local_00000000000000000000000000/invitations"),
    ("POST", "/api/organisers/local_00000000000000000000000000/api-keys"),
    ("POST", "/api/invitations/accept"),
    ("POST", "/api/events"),
    ("POST", "/api/bookings"),
    ("POST", "/api/payments"),
    ("POST", "/api/users/local_00000000000000000000000000/roles"),
    ("PATCH", "/api/events/local_00000000000000000000000000"),
    ("POST", "/events/publish"),
    ("POST", "/events/replay"),
];

#[tokio::test]
async fn bodies_that_are_not_what_they_should_be() {
    let deep = format!("{}1{}", "[".repeat(5000), "]".repeat(5000));
    let bodies: [(&str, &[u8]); 14] = [
        ("empty", b""),
        ("blank", b"  "),
        ("not JSON", b"hello"),
        ("cut off", b"{\"email\": \"a"),
        ("a list", b"[]"),
        ("a number", b"7"),
        ("null", b"null"),
        ("unknown fields only", b"{\"colour\": \"red\"}"),
        ("bad UTF-8", b"{\"name\": \"\xff\xfe\"}"),
        ("a lone surrogate", b"{\"name\": \"\\ud800\"}"),
        ("U+0000", b"{\"name\": \"a\\u0000b\"}"),
        ("a number out of range", b"{\"name\": 1e999}"),
        ("two documents", b"{} {}"),
        ("deep", deep.as_bytes()),
    ];
    for (method, path) in WRITES {
        // Somebody else each time: one person who asks so often is told to wait.
        let (person, _) = Client::organiser(&SHARED).await;
        for (name, body) in bodies {
            let (method, key) = (Method::from_bytes(method.as_bytes()).unwrap(), unique("key"));
            let headers = [("idempotency-key", &*key), ("if-match", "\"1\"")];
            let answer = person.send(method.clone(), path, &headers, Some(body.to_vec())).await;
            // Whether the body or the permission is looked at first is the route's affair.
            assert!(
                matches!(answer.status.as_u16(), 400 | 403 | 404),
                "{method} {path}, {name}: {} {}",
                answer.status,
                answer.json
            );
            assert!(answer.json["type"].as_str().unwrap().starts_with("/problems/"), "{method} {path}, {name}");
        }
    }
}

#[tokio::test]
async fn a_huge_body_is_refused_and_the_refusal_arrives() {
    let person = Client::register(&SHARED).await;
    let body = format!("{{\"name\": \"{}\"}}", "x".repeat(2 * 1024 * 1024));
    // Often: whether an answer is cut off depends on who is faster.
    for path in ["/api/organisers", "/api/auth/login", "/api/bookings"].repeat(10) {
        let key = unique("key");
        let answer = person.send(Method::POST, path, &[("idempotency-key", &key)], Some(body.clone().into())).await;
        answer.expect_problem(413, "too-large");
    }
}

#[tokio::test]
async fn another_media_type_is_refused() {
    let person = Client::new(&SHARED);
    let body = b"email=a&password=b".to_vec();
    person
        .send(Method::POST, "/api/auth/login", &[("content-type", "application/x-www-form-urlencoded")], Some(body))
        .await
        .expect_problem(415, "unsupported-media-type");
}

#[tokio::test]
async fn ids_that_name_nothing() {
    let (person, _) = Client::organiser(&SHARED).await;
    let long = "a".repeat(500);
    for id in [
        "local_00000000000000000000000000",
        "x",
        "..",
        "%2e%2e%2fetc%2fpasswd",
        "%00",
        "%ff",
        "'%20OR%201=1--",
        "%F0%9F%8E%9F",
        &long,
    ] {
        for path in [
            "/api/events/{}",
            "/api/events/{}/availability",
            "/api/events/{}/analytics",
            "/api/bookings/{}",
            "/api/payments/{}",
            "/api/payments/{}/receipt",
        ] {
            let path = path.replace("{}", id);
            let answer = person.send_unchecked(Method::GET, &path, &[], None).await;
            assert!(matches!(answer.status.as_u16(), 400 | 404), "{path}: {}", answer.status);
            assert!(answer.json["type"].is_string() || path.contains(".."), "{path}");
        }
        for path in ["/api/events/{}/publish", "/api/events/{}/cancel", "/api/bookings/{}/cancel", "/api/payments/{}/refund"] {
            let path = path.replace("{}", id);
            let key = unique("key");
            let answer = person.send_unchecked(Method::POST, &path, &[("idempotency-key", &key)], Some(b"{}".to_vec())).await;
            assert!(matches!(answer.status.as_u16(), 400 | 403 | 404), "{path}: {} {}", answer.status, answer.json);
        }
    }
}

#[tokio::test]
async fn methods_and_paths_that_are_not_there() {
    let person = Client::new(&SHARED);
    for (method, path, status) in [
        (Method::DELETE, "/api/events", 405),
        (Method::PUT, "/api/bookings", 405),
        (Method::GET, "/api/auth/login", 405),
        (Method::GET, "/api/nothing", 404),
        (Method::POST, "/api/events/a/b/c/d", 404),
        (Method::GET, "/api", 404),
    ] {
        let answer = person.send(method.clone(), path, &[], None).await;
        assert_eq!(answer.status.as_u16(), status, "{method} {path}");
        assert!(answer.json["type"].is_string(), "{method} {path}");
        if status == 405 {
            assert!(answer.header("allow").is_some());
        }
    }
}

#[tokio::test]
async fn request_ids_are_given_back_if_they_are_sane() {
    let person = Client::new(&SHARED);
    let answer = person.send(Method::GET, "/api/events/x", &[("x-request-id", "my-request-1")], None).await;
    assert_eq!(answer.header("x-request-id"), Some("my-request-1"));
    assert_eq!(answer.expect_problem(404, "not-found")["request_id"], "my-request-1");
    let answer = person.send(Method::GET, "/api/events/x", &[("x-request-id", "<script>")], None).await;
    assert_ne!(answer.header("x-request-id"), Some("<script>"));
}
