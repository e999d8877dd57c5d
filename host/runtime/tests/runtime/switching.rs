//! Two versions, and the traffic between them.

use crate::support::{cache as compiled, engine, get, load, loader, manifest, manifest_of_version, manifest_text, stats, wasm};
use capabilities::Bindings;
use manifest::{Manifest, VariableSources};
use runtime::cache::{self, Origin};
use runtime::{Application, Cache, LoadError, Loader, Mode, Probe, Switch};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

async fn version(name: &str) -> Arc<Application> {
    Application::new(load(manifest_of_version("concurrency = 16", name)).await, Bindings::default())
}

fn probe(path: &str) -> Vec<Probe> {
    vec![Probe { component: "fixtures".to_owned(), path: path.to_owned() }]
}

#[tokio::test(flavor = "multi_thread")]
async fn traffic_moves_to_the_next_version_and_no_request_fails() {
    let switch = Arc::new(Switch::new(version("first").await));
    let stop = Arc::new(AtomicBool::new(false));
    let clients: Vec<_> = (0..8)
        .map(|client| {
            let (switch, stop) = (Arc::clone(&switch), Arc::clone(&stop));
            tokio::spawn(async move {
                let mut seen = Vec::new();
                while !stop.load(Ordering::Relaxed) {
                    let path = if client % 2 == 0 { "/version" } else { "/slow?5" };
                    let answer = get(&switch.current(), path).await.unwrap();
                    assert_eq!(answer.0, 200);
                    seen.push(answer.1);
                }
                seen
            })
        })
        .collect();
    for name in ["second", "third", "fourth"] {
        let before = switch.replace(version(name).await, &probe("/hello")).await.unwrap();
        drop(before);
        assert_eq!(get(&switch.current(), "/version").await.unwrap().1, name);
    }
    stop.store(true, Ordering::Relaxed);
    for client in clients {
        let seen = client.await.unwrap();
        let order = ["first", "second", "third", "fourth"];
        let positions: Vec<_> = seen.iter().filter_map(|name| order.iter().position(|other| other == name)).collect();
        assert!(positions.is_sorted(), "nobody went back: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_finishes_on_the_version_it_began_on() {
    let switch = Switch::new(version("first").await);
    let old = switch.current();
    let (slow, replaced) =
        futures::join!(get(&old, "/slow?300"), async { switch.replace(version("second").await, &probe("/hello")).await });
    assert!(slow.is_ok() && replaced.is_ok());
    assert_eq!(get(&old, "/version").await.unwrap().1, "first");
    assert_eq!(get(&switch.current(), "/version").await.unwrap().1, "second");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unhealthy_version_gets_no_traffic() {
    let switch = Switch::new(version("first").await);
    for path in ["/trap", "/loop", "/error"] {
        let next = Application::new(load(manifest_of_version("timeout_ms = 300", "second")).await, Bindings::default());
        let error = switch.replace(next, &probe(path)).await.unwrap_err().to_string();
        assert!(error.contains("fixtures") && error.contains(path), "{error}");
        assert_eq!(get(&switch.current(), "/version").await.unwrap().1, "first");
    }
    // So little memory that there is not even an instance.
    let next = Application::new(load(manifest("memory_mib = 1")).await, Bindings::default());
    let unhealthy = switch.replace(next, &[]).await.unwrap_err();
    assert_eq!(unhealthy.component, "fixtures");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_that_does_not_load_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let source = folder.path().join("broken.wasm");
    let load = async |wasm: Option<Vec<u8>>| {
        match wasm {
            Some(wasm) => std::fs::write(&source, wasm).unwrap(),
            None => drop(std::fs::remove_file(&source)),
        }
        let text = format!(
            "spin_manifest_version = 2\n[application]\nname = \"x\"\n[[trigger.http]]\nroute = \"/\"\ncomponent = \"broken\"\n\
             [component.broken]\nsource = {source:?}\n"
        );
        let manifest = Manifest::parse(&text, Path::new("spin.toml"), &VariableSources::new()).unwrap();
        loader().load(manifest, Mode::Native).await.unwrap_err()
    };
    let component = |text: &str| Some(wat::parse_str(text).unwrap());
    assert!(matches!(load(None).await, LoadError::Unreadable { .. }));
    assert!(matches!(load(Some(b"nonsense".to_vec())).await, LoadError::Compile { .. }));
    assert!(matches!(load(component("(component)")).await, LoadError::NotAHandler { .. }));
    let foreign = load(component("(component (import \"else:where/x\" (instance (export \"f\" (func)))))")).await;
    assert!(matches!(&foreign, LoadError::Link { .. }) && foreign.to_string().contains("else:where/x"), "{foreign}");
}

#[tokio::test(flavor = "multi_thread")]
async fn roles_share_code_but_not_instances_and_ids_name_what_is_loaded() {
    let first = load(manifest("concurrency = 1")).await;
    let again = load(manifest("concurrency = 1")).await;
    let other = load(manifest("concurrency = 2")).await;
    assert_eq!(first.id(), again.id());
    assert_ne!(first.id(), other.id());
    let roles = [(); 2].map(|()| Application::new(Arc::clone(&first), Bindings::default()));
    assert_eq!(get(&roles[0], "/count").await.unwrap().1, "1");
    assert_eq!(roles.each_ref().map(|role| stats(role).instances_made), [1, 0]);
    assert_eq!(get(&roles[1], "/count").await.unwrap().1, "1");
    assert_eq!(roles.each_ref().map(|role| stats(role).instances_made), [1, 1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_covers_the_values_of_variables_and_gives_no_secret_away() {
    let text = format!(
        "spin_manifest_version = 2\n[application]\nname = \"fixtures\"\n[variables]\nplain = {{ default = \"\" }}\n\
         password = {{ default = \"\", secret = true }}\nhost_secret = {{ default = \"\", secret = true }}\n\
         [[trigger.http]]\nroute = \"/...\"\ncomponent = \"fixtures\"\n[component.fixtures]\nsource = {:?}\n",
        wasm("fixtures")
    );
    let id = async |key: &str, name: &str, value: &str| {
        let sources = VariableSources::new().set(name, value);
        let manifest = Manifest::parse(&text, Path::new("spin.toml"), &sources).unwrap();
        let loader = Arc::new(Loader::new(engine(), compiled()).keyed(key.into()));
        loader.load(manifest, Mode::Native).await.unwrap().id().to_owned()
    };
    let first = id("key", "plain", "").await;
    assert_eq!(first, id("key", "password", "").await, "nothing is set");
    assert_eq!(first, id("key", "host_secret", "another in each process").await);
    assert_ne!(first, id("key", "plain", "x").await);
    let secret = id("key", "password", "x").await;
    assert_ne!(first, secret);
    assert_eq!(secret, id("key", "password", "x").await);
    assert_ne!(secret, id("another key", "password", "x").await, "who knows the manifest cannot try passwords");
    assert_eq!(id("", "password", "x").await, id("", "password", "y").await, "without a key nothing is said of secrets");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_id_covers_the_files_that_components_see() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join("seen").join(name), text).unwrap();
    std::fs::create_dir(folder.path().join("seen")).unwrap();
    std::fs::write(folder.path().join("unseen"), "x").unwrap();
    let id = async |files: &str| {
        let text = manifest_text(&wasm("fixtures"), files);
        let manifest = Manifest::parse(&text, &folder.path().join("spin.toml"), &VariableSources::new()).unwrap();
        loader().load(manifest, Mode::Native).await.unwrap().id().to_owned()
    };
    // As it is, and copied.
    for files in ["files = [{ source = \"seen\", destination = \"/\" }]", "files = [\"seen/**/*\"]"] {
        write("a", "one");
        let first = id(files).await;
        std::fs::write(folder.path().join("unseen"), "y").unwrap();
        assert_eq!(first, id(files).await, "{files}: a file that nobody sees");
        write("a", "two");
        let second = id(files).await;
        assert_ne!(first, second, "{files}: a file has changed");
        write("b", "");
        assert_ne!(second, id(files).await, "{files}: there is another file");
        std::fs::remove_file(folder.path().join("seen/b")).unwrap();
        assert_eq!(second, id(files).await, "{files}");
    }
}

#[test]
fn the_second_load_compiles_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let bytes = std::fs::read(wasm("fixtures")).unwrap();
    let load = || Cache::open(folder.path()).component(&engine(), &bytes, &cache::digest(&bytes)).unwrap().1;
    assert_eq!(load(), Origin::Compiled);
    assert_eq!(load(), Origin::Cached);
}
