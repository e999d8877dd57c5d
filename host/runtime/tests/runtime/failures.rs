//! What misbehaving components do to their own requests, and not to others'.

use crate::support::{application, get, manifest, post, request, send, stats, until};
use capabilities::Bindings;
use contracts::Failure;
use futures::future::join_all;
use http::{Method, StatusCode};
use runtime::{Allocation, Application, Cache, Engine, Loader, Mode};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HELLO: &str = "Hello!\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_component_answers() {
    let application = application("concurrency = 16").await;
    assert_eq!(get(&application, "/hello").await.unwrap(), (StatusCode::OK, HELLO.to_owned()));
    let response = application.handle("fixtures", request(Method::POST, "/echo?a=b", "some text")).await.unwrap();
    assert_eq!(response.headers()["x-target"], "http://example.com/echo?a=b", "the Host header is part of the target");
    let (status, body) = send(&application, request(Method::POST, "/echo", "some text")).await.unwrap();
    assert_eq!((status, body.as_str()), (StatusCode::OK, "some text"));
    assert_eq!(get(&application, "/nothing").await.unwrap().0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_kind_of_failure_has_its_own_status_and_the_next_request_works() {
    let application = application("concurrency = 1\nmemory_mib = 32\ntimeout_ms = 300").await;
    let cases = [
        ("/trap", "trapped", 502),
        ("/loop", "timed_out", 504),
        ("/slow?60000", "timed_out", 504),
        ("/eat-memory", "out_of_memory", 503),
        ("/error", "faulted", 502),
    ];
    for (path, label, status) in cases {
        // Neighbours in instances of their own notice nothing.
        let (failed, neighbours) =
            futures::join!(post(&application, path), join_all((0..8).map(|_| post(&application, "/slow?20"))));
        let failure = failed.unwrap_err();
        assert_eq!((failure.label(), failure.status().as_u16()), (label, status), "{path}: {failure}");
        assert!(neighbours.iter().all(Result::is_ok), "{path}: {neighbours:?}");
        assert_eq!(post(&application, "/hello").await.unwrap().1, HELLO, "after {path}");
    }
    assert!(matches!(application.handle("nobody", request(Method::GET, "/", "")).await, Err(Failure::NoComponent(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn requests_fail_with_their_shared_instance_but_reads_are_retried_once() {
    // An instance takes another request only while all it has are waiting, so they come one by one; and where another
    // instance was made all the same, for one of them or too late for any, it is all done again.
    for _ in 0..20 {
        let application = application("concurrency = 16").await;
        get(&application, "/hello").await.unwrap();
        let mut requests = Vec::new();
        for (method, path) in [(Method::POST, "/trap?500"), (Method::GET, "/slow?1000"), (Method::POST, "/slow?1000")] {
            let shared = application.clone();
            requests.push(tokio::spawn(async move { send(&shared, request(method, path, "")).await }));
            until("a beginning", || stats(&application).in_flight == requests.len()).await;
            get(&application, "/hello").await.unwrap();
        }
        let before = stats(&application).instances_made;
        let answers = join_all(requests).await;
        let [trapped, read, write] = answers.as_slice() else { panic!("{answers:?}") };
        // The second is the second try's own.
        if (before, stats(&application).instances_made) == (1, 2) {
            assert_eq!(trapped.as_ref().unwrap().as_ref().unwrap_err().label(), "trapped");
            assert_eq!(read.as_ref().unwrap().as_ref().unwrap().1, "Hello, at last!\n");
            assert_eq!(write.as_ref().unwrap().as_ref().unwrap_err().label(), "trapped", "a write is never sent twice");
            return;
        }
    }
    panic!("in twenty attempts three requests never shared an instance, with one more for the second try");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_that_traps_by_itself_is_not_tried_again() {
    let application = application("concurrency = 16").await;
    assert_eq!(get(&application, "/trap").await.unwrap_err().label(), "trapped");
    assert_eq!(stats(&application).instances_made, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn infinite_loops_are_interrupted_even_when_they_occupy_every_thread() {
    let application = application("concurrency = 1\ntimeout_ms = 300").await;
    let began = Instant::now();
    let failures = join_all((0..8).map(|_| get(&application, "/loop"))).await;
    assert!(failures.iter().all(|failure| *failure == Err(Failure::TimedOut)), "{failures:?}");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
    assert_eq!(get(&application, "/hello").await.unwrap().1, HELLO);
}

#[tokio::test(flavor = "multi_thread")]
async fn instances_are_used_again_and_replaced_after_so_many_requests() {
    let application = application("concurrency = 1\nreuse = 3").await;
    let mut counts = Vec::new();
    for _ in 0..60 {
        counts.push(get(&application, "/count").await.unwrap().1);
    }
    assert!(counts.iter().any(|count| count == "3"), "{counts:?}");
    assert!(counts.iter().all(|count| ["1", "2", "3"].contains(&count.as_str())), "{counts:?}");
    assert!((20..60).contains(&stats(&application).instances_made));
}

#[tokio::test(flavor = "multi_thread")]
async fn at_concurrency_one_instances_are_not_shared() {
    let application = application("concurrency = 1").await;
    let answers = join_all((0..8).map(|_| get(&application, "/slow?100"))).await;
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(stats(&application).instances_made, 8);
}

#[tokio::test(flavor = "multi_thread")]
async fn beyond_capacity_requests_queue_and_then_are_refused() {
    let application = application("concurrency = 1\ninstances = 4\ntimeout_ms = 30000").await;
    let capacity = 4;
    let busy: Vec<_> = (0..capacity)
        .map(|_| {
            let application = application.clone();
            tokio::spawn(async move { get(&application, "/slow?2600").await })
        })
        .collect();
    until("work", || stats(&application).in_flight == capacity).await;
    let began = Instant::now();
    let refused = get(&application, "/hello").await.unwrap_err();
    assert_eq!(refused, Failure::Overloaded);
    assert_eq!((refused.status().as_u16(), refused.retry_after().is_some()), (503, true));
    assert!(began.elapsed() >= runtime::limits::WAIT, "it had its chance");
    assert_eq!(get(&application, "/hello").await.unwrap().1, HELLO, "who waits while others finish is served");
    for answer in busy {
        assert!(answer.await.unwrap().is_ok());
    }
    until("an end", || stats(&application).in_flight == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_abandoned_request_holds_its_slot_until_the_guest_finishes() {
    let application = application("concurrency = 1").await;
    let gone = tokio::time::timeout(Duration::from_millis(100), get(&application, "/slow?400")).await;
    assert!(gone.is_err());
    assert_eq!(stats(&application).in_flight, 1);
    until("the guest's end", || stats(&application).in_flight == 0).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_instances_go_with_their_application() {
    // An engine of its own, whose instances can be counted.
    let engine = Engine::with(Allocation::Pool(64)).unwrap();
    let instances = || engine.wasmtime().pooling_allocator_metrics().unwrap().component_instances();
    let loader = Arc::new(Loader::new(engine.clone(), Cache::none()));
    let version = loader.load(manifest("concurrency = 1"), Mode::Native).await.unwrap();
    let application = Application::new(version, Bindings::default());
    get(&application, "/hello").await.unwrap();
    assert_eq!((stats(&application).instances, instances()), (1, 1));
    drop(application);
    until("the instance's end", || instances() == 0).await;
}
