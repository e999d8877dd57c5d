//! Applications made of the fixture component.

use bytes::Bytes;
use capabilities::Bindings;
use contracts::{Failure, RequestBody};
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt as _, Full};
use manifest::{Manifest, VariableSources};
use runtime::{Application, Cache, Engine, Loader, Mode, Version};
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// One engine for all tests: each has a pool of its own.
pub fn engine() -> Engine {
    static ENGINE: OnceLock<Engine> = OnceLock::new();
    ENGINE.get_or_init(|| Engine::new().unwrap()).clone()
}

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub fn wasm(name: &str) -> PathBuf {
    let path = root().join("target/wasm32-wasip2/release").join(format!("{name}.wasm"));
    assert!(path.is_file(), "{} is not there: run cargo xtask build", path.display());
    path
}

/// The fixture as the component `fixtures`, with this `tool.marquee` table.
pub fn manifest(tool: &str) -> Manifest {
    manifest_of_version(tool, "first")
}

/// This wasm file as the component `fixtures`, with more keys.
pub fn manifest_text(source: &Path, more: &str) -> String {
    format!(
        r#"
        spin_manifest_version = 2
        [application]
        name = "fixtures"
        [[trigger.http]]
        route = "/..."
        component = "fixtures"
        [component.fixtures]
        source = {source:?}
        {more}
        "#
    )
}

pub fn manifest_of_version(tool: &str, version: &str) -> Manifest {
    let more = format!("environment = {{ VERSION = {version:?} }}\n[component.fixtures.tool.marquee]\n{tool}");
    let text = manifest_text(&wasm("fixtures"), &more);
    Manifest::parse(&text, Path::new("spin.toml"), &VariableSources::new()).unwrap()
}

pub async fn load(manifest: Manifest) -> Arc<Version> {
    loader().load(manifest, Mode::Native).await.unwrap()
}

/// All tests share one compiled fixture.
pub fn loader() -> Arc<Loader> {
    static LOADER: OnceLock<Arc<Loader>> = OnceLock::new();
    let made = LOADER.get_or_init(|| Arc::new(Loader::new(engine(), cache())));
    Arc::clone(made)
}

pub fn cache() -> Cache {
    Cache::open(&test_support::compiled_code())
}

pub async fn application(tool: &str) -> Arc<Application> {
    Application::new(load(manifest(tool)).await, Bindings::default())
}

pub fn request(method: Method, target: &str, body: &'static str) -> Request<RequestBody> {
    let body = match body {
        "" => contracts::empty(),
        text => Full::new(Bytes::from_static(text.as_bytes())).map_err(|never| match never {}).boxed_unsync(),
    };
    Request::builder().method(method).uri(target).header("host", "example.com").body(body).unwrap()
}

pub async fn get(application: &Application, target: &str) -> Result<(StatusCode, String), Failure> {
    send(application, request(Method::GET, target, "")).await
}

pub async fn post(application: &Application, target: &str) -> Result<(StatusCode, String), Failure> {
    send(application, request(Method::POST, target, "x")).await
}

pub async fn send(application: &Application, request: Request<RequestBody>) -> Result<(StatusCode, String), Failure> {
    let response = application.handle("fixtures", request).await?;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Ok((status, String::from_utf8(body.to_vec()).unwrap()))
}

pub fn stats(application: &Application) -> runtime::Stats {
    application.stats().next().unwrap().1
}

/// Waits for something that happens soon; not waiting at all would race with it.
pub async fn until(what: &str, mut done: impl FnMut() -> bool) {
    for _ in 0..10_000 {
        if done() {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
    }
    panic!("{what} has not happened");
}
