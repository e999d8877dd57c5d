//! Two versions, and the traffic between them.

use crate::support::{cache as compiled, engine, get, load, loader, manifest, manifest_of_version, manifest_text, stats, wasm};
use capabilities::Bindings;
use contracts::{Traffic as _, Visitor};
use manifest::{Manifest, VariableSources};
use runtime::cache::{self, Origin};
use runtime::{Application, Cache, LoadError, Loader, Mode, Probe, ShareError, Switch};
use std::collections::BTreeSet;
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
async fn versions_share_the_traffic_and_a_visitor_stays_with_one() {
    let (first, second, third) = (version("first").await, version("second").await, version("third").await);
    let switch = Switch::new(Arc::clone(&first));
    let two = |weight: u8| [(Arc::clone(&first), 100 - weight), (Arc::clone(&second), weight)];
    let unchecked = switch.share(&two(10), 1).await;
    assert!(matches!(unchecked, Err(ShareError::Unchecked(_))), "{unchecked:?}");
    for application in [&first, &second, &third] {
        application.check(&probe("/hello")).await.unwrap();
    }
    for (weights, refused) in [
        (vec![], ShareError::Count(0)),
        (vec![20; 5], ShareError::Count(5)),
        (vec![90, 11], ShareError::Weights(101)),
        (vec![100, 0], ShareError::Weights(100)),
        (vec![99], ShareError::Weights(99)),
    ] {
        let shares: Vec<_> = weights.iter().map(|weight| (Arc::clone(&first), *weight)).collect();
        assert_eq!(switch.share(&shares, 1).await, Err(refused));
    }
    let visitors: Vec<_> = (0..2_000_u32).map(|n| Visitor::of(&[&n.to_le_bytes()])).collect();
    let taken = |switch: &Switch, by: &Arc<Application>| -> BTreeSet<usize> {
        let by_it = |(_, visitor): &(usize, &Visitor)| Arc::ptr_eq(&switch.taking(|| **visitor), by);
        visitors.iter().enumerate().filter(by_it).map(|(at, _)| at).collect()
    };
    let mut before = BTreeSet::new();
    for weight in [1, 10, 50] {
        switch.share(&two(weight), 7).await.unwrap();
        let now = taken(&switch, &second);
        assert!(before.is_subset(&now), "whoever came to the new version stays there");
        let expected = visitors.len() * usize::from(weight) / 100;
        assert!(now.len().abs_diff(expected) < 80, "{} of {expected}", now.len());
        assert!(Arc::ptr_eq(&switch.current(), &first), "who is nobody's visitor goes to the elder one");
        before = now;
    }
    let other = Switch::new(Arc::clone(&first));
    other.share(&two(50), 7).await.unwrap();
    assert_eq!(taken(&other, &second), before, "at another node the same");
    other.share(&two(50), 8).await.unwrap();
    assert_ne!(taken(&other, &second), before, "with the next release others are the first");
    // A third takes its share of both.
    switch.share(&[(Arc::clone(&first), 40), (Arc::clone(&second), 50), (Arc::clone(&third), 10)], 7).await.unwrap();
    let shares = [&first, &second, &third].map(|application| taken(&switch, application).len());
    assert!(shares.iter().zip([800, 1_000, 200]).all(|(now, expected)| now.abs_diff(expected) < 100), "{shares:?}");
    // The way back; and with one version nobody is asked who they are.
    switch.share(&[(Arc::clone(&first), 100)], 7).await.unwrap();
    assert!(Arc::ptr_eq(&switch.taking(|| panic!("there is one version")), &first));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_version_does_is_counted() {
    let application = Application::new(load(manifest_of_version("timeout_ms = 300", "first")).await, Bindings::default());
    application.check(&probe("/hello")).await.unwrap();
    assert_eq!(application.counts().requests, 0, "who looks whether it is well is no visitor");
    for path in ["/hello", "/hello", "/slow?5"] {
        assert_eq!(get(&application, path).await.unwrap().0, 200);
    }
    let well = application.counts();
    assert_eq!((well.requests, well.errors, well.traps), (3, 0, 0));
    assert!(well.restarts == 0 && well.memory > 64 * 1024, "{well:?}");
    for path in ["/trap", "/loop"] {
        assert!(get(&application, path).await.is_err());
    }
    let badly = application.counts();
    assert_eq!((badly.requests, badly.errors, badly.traps, badly.restarts), (5, 2, 2, 2));
    assert_eq!(badly.latency.iter().sum::<u64>(), 5);
    let slow = runtime::limits::LATENCY_BOUNDS_US.iter().position(|bound| *bound >= 300_000).unwrap();
    assert!(badly.latency[slow..].iter().sum::<u64>() >= 1, "the loop took its time: {badly:?}");
    // Another role of the same version counts for itself.
    let other = Application::new(Arc::clone(application.version()), Bindings::default());
    assert_eq!(other.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_version_imports_is_offered_here() {
    let imports = runtime::imports(&manifest("concurrency = 1")).unwrap();
    let offered = capabilities::interfaces();
    assert!(imports.len() > 5 && imports.is_subset(&offered), "{:?}", imports.difference(&offered));
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
    let behind = loader().load_behind(manifest("concurrency = 1"), Mode::Native).await.unwrap();
    assert_eq!(first.id(), behind.id());
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
