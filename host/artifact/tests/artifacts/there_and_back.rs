//! What is pushed comes back the same, and nothing moves twice.

use crate::registry::{Fault, Registry};
use crate::support::{application, login, packed, pull, pushed, reference, wasm};
use artifact::{Application, Error, File, Options, Place, pack};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// A folder that was pulled into, as an application again.
fn repacked(folder: &Path) -> artifact::Packed {
    let manifest = std::fs::read_to_string(folder.join("spin.toml")).unwrap();
    let table: toml::Table = manifest.parse().unwrap();
    let components = table["component"].as_table().unwrap();
    let source = |component: &toml::Value| std::fs::read(folder.join(component["source"].as_str().unwrap())).unwrap();
    let mut files = Vec::new();
    for name in ["empty", "fonts/LICENCE", "fonts/large.ttf"] {
        files.push(File { path: name.to_owned(), source: folder.join("files/web").join(name) });
    }
    pack(&Application {
        components: components.iter().map(|(name, component)| (name.clone(), source(component))).collect(),
        files: BTreeMap::from([("web".to_owned(), files)]),
        composed: false,
        manifest,
    })
    .unwrap()
}

#[tokio::test]
async fn what_is_pushed_comes_back_the_same() {
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    let folder = tempfile::tempdir().unwrap();
    let pulled = pull(&reference, folder.path()).await.unwrap();
    assert_eq!(pulled.digest, packed().digest(), "the same application is the same bytes");
    assert_eq!((pulled.application.0.as_str(), pulled.application.1.as_str(), pulled.composed), ("shop", "1.2.0", false));
    assert_eq!(repacked(folder.path()).digest(), pulled.digest, "tool tables, grants, routes, files: nothing is lost");
    assert_eq!(std::fs::read(folder.path().join("files/web/fonts/large.ttf")).unwrap(), vec![7; 5_000]);
    assert_eq!(std::fs::read(folder.path().join("files/web/empty")).unwrap(), b"");
    let manifest = std::fs::read_to_string(&pulled.manifest).unwrap();
    for kept in [
        "schema = 31",
        "\"POST /api/orders/:id\"",
        "timeout_ms = 500",
        "required = true",
        "component = \"stock\"",
        "private = true",
    ] {
        assert!(manifest.contains(kept), "{kept} in {manifest}");
    }
}

#[tokio::test]
async fn a_change_of_one_component_moves_one_layer() {
    let registry = Registry::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut application = application(folder.path());
    let first = artifact::push(&pack(&application).unwrap(), &reference(&registry, "shop:1"), &Options::default()).await.unwrap();
    // Three components, a file, what describes them, and the configuration; small files stand in the description.
    assert_eq!((first.sent, first.present), (6, 0));
    let again = artifact::push(&pack(&application).unwrap(), &reference(&registry, "shop:2"), &Options::default()).await.unwrap();
    assert_eq!((again.sent, again.present, again.digest), (0, 6, first.digest));
    application.components.insert("cart".to_owned(), wasm("another cart"));
    let next = artifact::push(&pack(&application).unwrap(), &reference(&registry, "shop:3"), &Options::default()).await.unwrap();
    assert_eq!((next.sent, next.present), (3, 3), "the component, and what describes it");
    assert!(next.bytes < 210_000, "{}", next.bytes);

    let folder = tempfile::tempdir().unwrap();
    let (options, folder) = (Options::default(), folder.path());
    let store = |reference| artifact::pull(reference, None, &options, Place::Store { folder, running: None });
    assert_eq!(store_traffic(store(&first.reference).await), (5, 0));
    assert_eq!(store_traffic(store(&next.reference).await), (2, 3), "and back the same");
    // The way back needs no registry.
    registry.fails(Fault::Overloaded);
    assert_eq!(store_traffic(store(&first.reference).await), (0, 5));
    registry.fails(Fault::None);
    application.components.insert("cart".to_owned(), wasm("a third cart"));
    let third = artifact::push(&pack(&application).unwrap(), &reference(&registry, "shop:4"), &Options::default()).await.unwrap();
    store(&third.reference).await.unwrap();
    let folders = folder.read_dir().unwrap().count();
    assert_eq!(folders, 4, "two versions, their layers, and the lock; older ones are gone");
    assert!(!folder.join(next.digest.hex()).exists() && folder.join(first.digest.hex()).exists());
}

#[tokio::test]
async fn a_store_keeps_what_it_is_told_to() {
    let registry = Registry::start().await;
    let folder = tempfile::tempdir().unwrap();
    let mut application = application(folder.path());
    let mut versions = Vec::new();
    for cart in ["a cart", "another cart", "a third cart"] {
        application.components.insert("cart".to_owned(), wasm(cart));
        let name = format!("shop:{}", versions.len());
        versions
            .push(artifact::push(&pack(&application).unwrap(), &reference(&registry, &name), &Options::default()).await.unwrap());
    }
    let folder = tempfile::tempdir().unwrap();
    let (options, folder) = (Options::default(), folder.path());
    let (none, first) = (BTreeSet::new(), BTreeSet::from([versions[0].digest]));
    for version in &versions {
        artifact::pull(&version.reference, None, &options, Place::Kept { folder, running: &none }).await.unwrap();
    }
    let there =
        || versions.iter().map(|version| folder.join(version.digest.hex()).join("spin.toml").is_file()).collect::<Vec<_>>();
    assert_eq!(there(), [true; 3]);
    // The files of what runs stay as they are.
    let wasm_of = |version: usize| folder.join(versions[version].digest.hex()).join("spin.toml");
    let before = std::fs::metadata(wasm_of(0)).unwrap().modified().unwrap();
    artifact::keep_only(folder, &BTreeSet::from([versions[0].digest, versions[2].digest])).unwrap();
    assert_eq!((there(), std::fs::metadata(wasm_of(0)).unwrap().modified().unwrap()), (vec![true, false, true], before));
    // What is kept needs no registry; what is not does.
    registry.fails(Fault::Overloaded);
    let pull =
        |version: usize| artifact::pull(&versions[version].reference, None, &options, Place::Kept { folder, running: &first });
    assert_eq!(store_traffic(pull(0).await), (0, 5));
    assert_eq!(store_traffic(pull(2).await), (0, 5));
    assert!(pull(1).await.is_err());
    artifact::keep_only(&folder.join("nowhere"), &none).unwrap();
}

#[tokio::test]
async fn what_is_there_whole_is_not_written_again() {
    use std::os::unix::fs::MetadataExt as _;
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    let store = tempfile::tempdir().unwrap();
    let (options, none) = (Options::default(), BTreeSet::new());
    let pull = async || {
        let place = Place::Kept { folder: store.path(), running: &none };
        artifact::pull(&reference, None, &options, place).await.unwrap().manifest
    };
    let manifest = pull().await;
    let file = |name: &str| manifest.with_file_name(name);
    let files = ["artifact.json", "spin.toml", "files/web/fonts/large.ttf", "files/web/empty"].map(file);
    let inodes = || files.clone().map(|file| std::fs::metadata(file).unwrap().ino());
    let before = inodes();
    pull().await;
    assert_eq!(inodes(), before, "a full disk keeps nobody from starting with it");
    // What somebody has changed is made anew.
    std::fs::write(file("files/web/empty"), "no more").unwrap();
    std::fs::remove_file(file("files/web/fonts/large.ttf")).unwrap();
    pull().await;
    assert_eq!(std::fs::read(file("files/web/empty")).unwrap(), b"");
    assert_eq!(std::fs::read(file("files/web/fonts/large.ttf")).unwrap(), vec![7; 5_000]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_changed_by_one_at_a_time() {
    let registry = Registry::start().await;
    let (folder, store) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut application = application(folder.path());
    let one = artifact::push(&pack(&application).unwrap(), &reference(&registry, "shop:1"), &Options::default()).await.unwrap();
    application.components.insert("cart".to_owned(), wasm("another cart"));
    let other = artifact::push(&pack(&application).unwrap(), &reference(&registry, "shop:2"), &Options::default()).await.unwrap();
    let (options, none) = (Options::default(), BTreeSet::new());
    let pull = |reference| artifact::pull(reference, None, &options, Place::Kept { folder: store.path(), running: &none });
    let (one_came, other_came) = tokio::join!(pull(&one.reference), pull(&other.reference));
    let came = [store_traffic(one_came), store_traffic(other_came)];
    assert!([[(5, 0), (2, 3)], [(2, 3), (5, 0)]].contains(&came), "each layer once, whoever was first: {came:?}");
    // Nothing is deleted that somebody fetches.
    let held = std::fs::File::open(store.path().join("lock")).unwrap();
    held.lock().unwrap();
    let is_there = || store.path().join(one.digest.hex()).exists();
    artifact::keep_only(store.path(), &none).unwrap();
    assert!(is_there());
    drop(held);
    artifact::keep_only(store.path(), &none).unwrap();
    assert!(!is_there());
}

fn store_traffic(pulled: Result<artifact::Pulled, Error>) -> (usize, usize) {
    let traffic = pulled.unwrap().traffic;
    (traffic.fetched, traffic.present)
}

#[tokio::test]
async fn a_layer_goes_on_where_it_broke_off() {
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    registry.fails(Fault::BreaksOff { after: 9_000, times: 2 });
    registry.log();
    let folder = tempfile::tempdir().unwrap();
    let pulled = pull(&reference, folder.path()).await.unwrap();
    let log = registry.log();
    assert!(
        log.iter().any(|line| line.ends_with(" bytes=9000-")) && log.iter().any(|line| line.ends_with(" bytes=18000-")),
        "{log:?}"
    );
    // Every byte came once: what was there was not fetched again.
    let all: u64 = 3 * 200_008 + 5_000;
    assert!((all..all + 5_000).contains(&pulled.traffic.bytes), "{}", pulled.traffic.bytes);

    for fault in [Fault::NoRanges, Fault::OtherRange] {
        registry.fails(Fault::BreaksOff { after: 10_000, times: usize::MAX });
        let folder = tempfile::tempdir().unwrap();
        let error = pull(&reference, folder.path()).await.unwrap_err();
        assert!(error.is_away() && folder.path().join("spin.toml").metadata().is_err(), "{error}");
        registry.fails(fault);
        pull(&reference, folder.path()).await.unwrap();
    }
}

#[tokio::test]
async fn a_folder_is_taken_only_if_it_is_ours() {
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("precious"), "x").unwrap();
    let message = pull(&reference, folder.path()).await.unwrap_err().to_string();
    assert!(message.contains("has something else in it"), "{message}");
    std::fs::remove_file(folder.path().join("precious")).unwrap();
    pull(&reference, folder.path()).await.unwrap();
    // What was changed there since is not believed.
    let manifest = folder.path().join("spin.toml");
    let wrote = std::fs::read(&manifest).unwrap();
    let wasm = folder.path().join("blobs").join(artifact::Digest::of(&crate::support::wasm("web")).hex());
    std::fs::write(&manifest, "name = \"another\"").unwrap();
    std::fs::write(&wasm, "another").unwrap();
    std::fs::remove_file(folder.path().join("files/web/fonts/large.ttf")).unwrap();
    let pulled = pull(&reference, folder.path()).await.unwrap();
    assert_eq!(std::fs::read(&manifest).unwrap(), wrote);
    assert_eq!(std::fs::read(&wasm).unwrap(), crate::support::wasm("web"));
    assert!(folder.path().join("files/web/fonts/large.ttf").is_file());
    assert_eq!(pulled.traffic.fetched, 1);
}

#[tokio::test]
async fn access_is_by_docker_s_credentials() {
    let registry = Registry::start().await;
    let folder = tempfile::tempdir().unwrap();
    let own = login(folder.path(), &registry.address);
    for fault in [Fault::Basic, Fault::Bearer] {
        registry.fails(fault);
        let there = artifact::push(&packed(), &reference(&registry, "shop:1"), &own).await.unwrap().reference;
        let into = tempfile::tempdir().unwrap();
        artifact::pull(&there, None, &own, Place::Folder(into.path())).await.unwrap();
        let stranger = artifact::pull(&there, None, &Options::default(), Place::Folder(&into.path().join("x"))).await;
        assert!(matches!(stranger, Err(Error::Unauthorized { .. })), "{stranger:?}");
    }
    registry.fails(Fault::None);
    let missing = pull(&reference(&registry, "shop:9"), &folder.path().join("x")).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
    registry.fails(Fault::Overloaded);
    let overloaded = pull(&reference(&registry, "shop:1"), &folder.path().join("y")).await.unwrap_err();
    assert!(overloaded.is_away() && overloaded.to_string().contains("503"), "{overloaded}");
}

#[test]
fn what_cannot_be_packed_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let with = |change: &dyn Fn(&mut Application)| {
        let mut application = application(folder.path());
        change(&mut application);
        pack(&application).unwrap_err().to_string()
    };
    let file = |path: &str| File { path: path.to_owned(), source: folder.path().join("LICENCE") };
    for (message, said) in [
        (with(&|application| drop(application.components.remove("cart"))), "\"cart\" has no wasm"),
        (with(&|application| application.files.get_mut("web").unwrap().push(file("../x"))), "somewhere within"),
        (with(&|application| application.files.get_mut("web").unwrap().push(file("empty"))), "two files at the same path"),
        (with(&|application| application.files.get_mut("web").unwrap()[0].source = "/nowhere".into()), "/nowhere is gone"),
        (with(&|application| application.manifest = "[".to_owned()), "cannot be packed"),
    ] {
        assert!(message.contains(said), "{message}");
    }
}
