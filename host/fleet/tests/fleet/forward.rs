//! Whole requests, forwarded: as they are, and sent again only where that is right.

use std::convert::Infallible;

use bytes::Bytes;
use contracts::BodyError;
use edge::{Body, Problem, Region as _, RequestBody};
use futures::StreamExt as _;
use http::{Request, Response};
use http_body::{Body as _, Frame};
use http_body_util::{BodyExt as _, StreamBody};
use tokio::task::JoinHandle;

use crate::scene::Scene;

fn request(method: &str, uri: &str, headers: &[(&str, &str)], body: &str) -> Request<RequestBody> {
    let mut request = Request::builder().method(method).uri(uri);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.body(edge::known(Bytes::from(body.to_owned()))).unwrap()
}

/// Of a length that nobody knows.
fn streamed(pieces: usize) -> RequestBody {
    let pieces = (0..pieces).map(|_| Ok::<_, Infallible>(Frame::data(Bytes::from(vec![b'x'; 16 * 1024]))));
    StreamBody::new(futures::stream::iter(pieces)).map_err(|never| match never {}).boxed_unsync()
}

/// Breaks off after more than is kept to be sent again.
fn broken_off() -> RequestBody {
    let pieces = (0..10).map(|n| match n {
        9 => Err(BodyError::new("gone")),
        _ => Ok(Frame::data(Bytes::from(vec![b'x'; 16 * 1024]))),
    });
    StreamBody::new(futures::stream::iter(pieces)).boxed_unsync()
}

fn sending(scene: &Scene, request: Request<RequestBody>) -> JoinHandle<Result<Response<Body>, Problem>> {
    let region = scene.edge.region.clone();
    tokio::spawn(async move { region.handle(request).await })
}

async fn json(response: Response<Body>) -> serde_json::Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

/// Which node works on a request, and lets it go on where it does not go under.
async fn working(scene: &Scene) -> usize {
    tokio::select! {
        () = scene.nodes[0].region.arrived() => 0,
        () = scene.nodes[1].region.arrived() => 1,
    }
}

#[tokio::test]
async fn a_request_is_answered_as_if_the_region_were_here() {
    let scene = Scene::new(1).await;
    let said = [
        ("host", "shop.example"),
        ("x-request-id", "r1"),
        ("spin-client-addr", "198.51.100.7:1"),
        ("marquee-seen", "s"),
        ("traceparent", "00-1-2-01"),
        ("authorization", "Bearer x"),
        ("connection", "close"),
    ];
    let response = scene.edge.region.handle(request("PATCH", "/api/events/eu_1?a=b%20c", &said, "hello")).await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.headers()["etag"], "\"1\"");
    assert!(response.body().size_hint().exact().is_some(), "a length that was known still is");
    let seen = json(response).await;
    assert_eq!(
        (&seen["method"], &seen["uri"], &seen["length"]),
        (&"PATCH".into(), &"/api/events/eu_1?a=b%20c".into(), &5.into())
    );
    for (name, value) in &said[..6] {
        assert_eq!(seen["headers"][name], *value);
    }
    assert!(seen["headers"].get("connection").is_none());
    let seen = json(scene.edge.region.handle(request("GET", "http://shop.example/a", &[], "")).await.unwrap()).await;
    assert_eq!(seen["uri"], "http://shop.example/a");
}

#[tokio::test]
async fn bodies_are_streamed_both_ways() {
    let scene = Scene::new(1).await;
    for (pieces, length) in [(0, 0), (1, 16 * 1024), (1024, 16 * 1024 * 1024)] {
        let upload = Request::post("/up").body(streamed(pieces)).unwrap();
        assert_eq!(json(scene.edge.region.handle(upload).await.unwrap()).await["length"], length);
    }
    let too_long = Request::post("/up").body(streamed(1025)).unwrap();
    assert_eq!(scene.edge.region.handle(too_long).await.unwrap_err(), Problem::TooLarge);
    let answer = scene.edge.region.handle(request("GET", "/big", &[], "")).await.unwrap();
    assert_eq!(answer.into_body().collect().await.unwrap().to_bytes().len(), 1024 * 1024);
}

#[tokio::test]
async fn an_unread_answer_blocks_no_other() {
    let scene = Scene::new(1).await;
    let mut unread = Vec::new();
    for _ in 0..40 {
        unread.push(scene.edge.region.handle(request("GET", "/big", &[], "")).await.unwrap());
    }
    assert_eq!(json(scene.edge.region.handle(request("GET", "/a", &[], "")).await.unwrap()).await["node"], "eu-1");
    for response in unread {
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes().len(), 1024 * 1024);
    }
}

#[tokio::test]
async fn problems_are_forwarded_and_a_component_cannot_forge_one() {
    let scene = Scene::new(1).await;
    assert_eq!(scene.edge.region.handle(request("GET", "/problem", &[], "")).await.unwrap_err(), Problem::Unavailable(7));
    let answer = scene.edge.region.handle(request("GET", "/lies", &[("marquee-problem", "x")], "")).await.unwrap();
    assert!(!answer.headers().contains_key("marquee-problem") && !answer.headers().contains_key("marquee-refused"));
    assert!(json(answer).await["headers"].get("marquee-problem").is_none());
}

#[tokio::test]
async fn a_lost_answer_is_retried_only_for_safe_requests() {
    let long = "x".repeat(512 * 1024);
    let key = ("idempotency-key", "k");
    for (method, headers, body, again) in [
        ("GET", &[][..], "", true),
        ("POST", &[key][..], "short", true),
        ("POST", &[][..], "short", false),
        ("DELETE", &[][..], "", false),
        ("POST", &[key][..], long.as_str(), true),
    ] {
        let scene = Scene::new(2).await;
        let asked = sending(&scene, request(method, "/wait", headers, body));
        let working = working(&scene).await;
        scene.nodes[working].wire.cut();
        scene.nodes[1 - working].region.let_through.add_permits(1);
        let answer = asked.await.unwrap();
        if again {
            assert_eq!(json(answer.unwrap()).await["node"], scene.nodes[1 - working].name, "{method}");
        } else {
            assert_eq!(answer.unwrap_err(), Problem::OutcomeUnknown, "{method} {headers:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_after_a_lost_answer_leaves_it_unknown() {
    for (method, headers, unknown) in [("POST", &[("idempotency-key", "k")][..], true), ("GET", &[][..], false)] {
        let scene = Scene::new(2).await;
        let asked = sending(&scene, request(method, "/refuse", headers, ""));
        let working = working(&scene).await;
        scene.nodes[working].wire.cut();
        scene.nodes[1 - working].region.let_through.add_permits(1);
        match asked.await.unwrap() {
            Err(problem) => assert!(unknown && problem == Problem::OutcomeUnknown, "{method}: {problem:?}"),
            Ok(answer) => assert!(!unknown && answer.status() == 503, "{method}"),
        }
    }
}

#[tokio::test]
async fn a_request_that_reached_no_node_is_unavailable() {
    let scene = Scene::new(1).await;
    scene.nodes[0].wire.cut();
    while scene.edge.region.reachable() {
        tokio::task::yield_now().await;
    }
    for body in [edge::known(Bytes::from_static(b"x")), streamed(20)] {
        let refused = scene.edge.region.handle(Request::post("/a").body(body).unwrap()).await.unwrap_err();
        assert_eq!(refused, Problem::Unavailable(1));
    }
}

#[tokio::test]
async fn a_request_with_a_broken_body_is_not_sent() {
    let scene = Scene::new(1).await;
    let answer = scene.edge.region.handle(Request::post("/a").body(broken_off()).unwrap()).await;
    assert_eq!(answer.unwrap_err(), Problem::Unavailable(1));
    let text = String::from_utf8(scene.edge.metrics.render().unwrap()).unwrap();
    assert!(!text.contains("kind=\"forward\""), "{text}");
}

#[tokio::test]
async fn stalled_bodies_and_unread_answers_block_no_other() {
    let scene = Scene::new(1).await;
    // More than are forwarded at once: their bodies have begun and do not go on.
    let pending = || {
        let begun = futures::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from_static(b"{")))]);
        StreamBody::new(begun.chain(futures::stream::pending())).map_err(|never| match never {}).boxed_unsync()
    };
    let asked: Vec<_> =
        (0..=fleet::limits::FORWARDS).map(|_| sending(&scene, Request::post("/a").body(pending()).unwrap())).collect();
    let mut unread = Vec::new();
    for _ in 0..=fleet::limits::FORWARDS {
        unread.push(scene.edge.region.handle(request("GET", "/a", &[], "")).await.unwrap());
    }
    assert_eq!(json(scene.edge.region.handle(request("GET", "/a", &[], "")).await.unwrap()).await["node"], "eu-1");
    assert!(asked.iter().all(|asked| !asked.is_finished()));
    asked.iter().for_each(JoinHandle::abort);
}
