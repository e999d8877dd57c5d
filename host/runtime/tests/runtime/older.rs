//! Components that were built with what came before: WASI 0.2, earlier SDKs of Spin's.

use crate::support::{engine, get, loader, manifest_text, request, send, wasm};
use capabilities::Bindings;
use contracts::Failure;
use http::{Method, StatusCode};
use manifest::{Manifest, VariableSources};
use runtime::{Application, LoadError, Loader, Mode};
use std::path::Path;
use std::sync::Arc;

fn manifest(source: &Path, more: &str) -> Manifest {
    let text = manifest_text(source, more);
    Manifest::parse(&text, Path::new("spin.toml"), &VariableSources::new()).unwrap_or_else(|error| panic!("{error}"))
}

async fn application(more: &str) -> Arc<Application> {
    let version = loader().load(manifest(&wasm("p2_fixture"), more), Mode::Native).await;
    let application = Application::new(version.unwrap_or_else(|error| panic!("{error}")), Bindings::default());
    application.check(&[]).await.unwrap();
    application
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_of_wasi_0_2_answers() {
    let application = application("").await;
    assert_eq!(get(&application, "/hello").await.unwrap(), (StatusCode::OK, "Hello from 0.2!\n".to_owned()));
    let response = application.handle("fixtures", request(Method::POST, "/echo?a=b", "some text")).await.unwrap();
    assert_eq!(response.headers()["x-target"], "example.com/echo?a=b", "the Host header is part of the target");
    let (status, body) = send(&application, request(Method::POST, "/echo", "some text")).await.unwrap();
    assert_eq!((status, body.as_str()), (StatusCode::OK, "some text"));
    assert_eq!(get(&application, "/nothing").await.unwrap().0, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn each_of_its_requests_has_an_instance_of_its_own_whatever_the_manifest_says() {
    let application = application("[component.fixtures.tool.marquee]\nconcurrency = 16\nreuse = 1000").await;
    for _ in 0..4 {
        assert_eq!(get(&application, "/count").await.unwrap().1, "1");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_of_an_older_component_have_their_own_status() {
    let application = application("[component.fixtures.tool.marquee]\ntimeout_ms = 300").await;
    for (path, label, status) in [("/trap", "trapped", 502), ("/loop", "timed_out", 504)] {
        let failure: Failure = get(&application, path).await.unwrap_err();
        assert_eq!((failure.label(), failure.status().as_u16()), (label, status), "{path}: {failure}");
        assert_eq!(get(&application, "/hello").await.unwrap().0, StatusCode::OK, "after {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unsupported_component_is_refused_with_a_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let importing = |interface: &str| format!(r#"(component (import "{interface}" (instance (export "f" (func)))))"#);
    for (text, expected) in [
        ("(module)".to_owned(), "build it for wasm32-wasip2"),
        ("(component)".to_owned(), "rebuild it with spin-sdk 7"),
        (importing("spin:mqtt/mqtt@3.0.0"), "this host has no MQTT"),
        (importing("fermyon:spin/mysql@2.0.0"), "this host has no MySQL: use Postgres or SQLite"),
        (importing("fermyon:spin/llm@2.0.0"), "this host has no language models"),
        (importing("fermyon:spin/redis@2.0.0"), "rebuild it with spin-sdk 7"),
        (importing("spin:postgres/postgres@3.0.0"), "rebuild it with that"),
        (importing("wasi:http/types@0.2.0-rc-2023-10-18"), "a draft of WASI: rebuild it with spin-sdk 7"),
        (importing("wasi:http/types@0.3.0-rc-2026-03-15"), "a draft of WASI: rebuild it with spin-sdk 7"),
    ] {
        let source = folder.path().join("component.wasm");
        std::fs::write(&source, wat::parse_str(&text).unwrap()).unwrap();
        let loader = Arc::new(Loader::new(engine(), runtime::Cache::none()));
        let error: LoadError = loader.load(manifest(&source, ""), Mode::Native).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn it_reads_the_files_that_the_manifest_lists_and_no_others() {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in [
        ("assets/style.css", "css"),
        ("assets/deep/er/page.html", "page"),
        ("assets/draft.html", "draft"),
        ("whole/one.txt", "one"),
        ("single.txt", "single"),
        ("secret.txt", "secret"),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    let files = r#"
        files = [
            "assets/*.css", "assets/**/*.html",
            { source = "whole", destination = "/data" }, { source = "single.txt", destination = "/as/seen.txt" },
        ]
        exclude_files = ["assets/draft.html"]
    "#;
    for (more, readable) in [
        (
            files,
            &[
                ("/assets/style.css", "css"),
                ("/assets/deep/er/page.html", "page"),
                ("/data/one.txt", "one"),
                ("/as/seen.txt", "single"),
            ][..],
        ),
        // Folders alone are shown as they are.
        (r#"files = [{ source = "whole", destination = "/data" }]"#, &[("/data/one.txt", "one")]),
    ] {
        let text = manifest_text(&wasm("p2_fixture"), more);
        let manifest = Manifest::parse(&text, &folder.path().join("spin.toml"), &VariableSources::new()).unwrap();
        let application = Application::new(loader().load(manifest, Mode::Native).await.unwrap(), Bindings::default());
        for (path, text) in readable {
            assert_eq!(
                get(&application, &format!("/files{path}")).await.unwrap(),
                (StatusCode::OK, (*text).to_owned()),
                "{path}"
            );
        }
        for path in ["/secret.txt", "/single.txt", "/assets/draft.html", "/data/../secret.txt"] {
            assert_ne!(get(&application, &format!("/files{path}")).await.unwrap().0, StatusCode::OK, "{path}");
        }
    }
    let nothing = Manifest::parse(
        &manifest_text(&wasm("p2_fixture"), r#"files = ["no/such/*"]"#),
        &folder.path().join("spin.toml"),
        &VariableSources::new(),
    );
    let error = loader().load(nothing.unwrap(), Mode::Native).await.unwrap_err();
    assert!(error.to_string().contains("no/such/* matches no file"), "{error}");
}
