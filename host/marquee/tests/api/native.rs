//! What only our host has: an admin listener, ticks that nobody outside may cause, security headers.

use crate::{SHARED, client::Client};
use reqwest::Method;

#[tokio::test]
async fn health_and_metrics_answer_on_the_admin_listener_alone() {
    if !SHARED.form.is_native() {
        eprintln!("skipped: form {:?} has no admin listener of its own", SHARED.form);
        return;
    }
    let admin = SHARED.admin.as_deref().expect("an admin listener");
    for path in ["/health", "/health/live", "/health/ready", "/health/detailed", "/metrics/health", "/metrics/circuit-breakers"] {
        assert_eq!(reqwest::get(format!("{admin}{path}")).await.unwrap().status(), 200, "{path}");
        let outside = Client::new(&SHARED).send_unchecked(Method::GET, path, &[], None).await;
        assert_eq!(outside.status, 404, "{path}");
    }
    let reset = reqwest::Client::new().post(format!("{admin}/metrics/circuit-breakers/reset")).send().await.unwrap();
    assert_eq!(reset.status(), 200);
    Client::new(&SHARED).get("/api/events").await.expect(200);
    let metrics = reqwest::get(format!("{admin}/metrics")).await.unwrap().text().await.unwrap();
    assert!(metrics.contains("http_server_request_duration_seconds_bucket"), "{metrics}");
}

#[tokio::test]
async fn ticks_are_the_tickers_alone() {
    if !SHARED.form.is_native() {
        eprintln!("skipped: in form {:?} there is no ticker, and a tick from outside is harmless", SHARED.form);
        return;
    }
    for path in ["/api/auth/due", "/api/events/due", "/api/bookings/due", "/api/payments/due", "/api/auth/mirror"] {
        Client::new(&SHARED).send_unchecked(Method::POST, path, &[], None).await.expect_problem(404, "not-found");
    }
}

#[tokio::test]
async fn answers_carry_security_headers() {
    if !SHARED.form.is_native() {
        eprintln!("skipped: in form {:?} the host in front sets none", SHARED.form);
        return;
    }
    let answer = Client::new(&SHARED).get("/api/events").await;
    assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    assert!(answer.header("content-security-policy").is_some() && answer.header("referrer-policy").is_some());
}
