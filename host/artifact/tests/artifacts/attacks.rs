//! Registries and artifacts that want something else than to be run.

use crate::registry::{Fault, Registry};
use crate::support::{login, packed, pull, pushed, reference, wasm};
use artifact::{Digest, Error, Options};
use serde_json::{Value, json};
use std::path::Path;

/// What stands in an artifact's manifest.
const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";
const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
const DATA: &str = "application/vnd.wasm.content.layer.v1+data";

#[tokio::test]
async fn bytes_that_are_not_what_their_digest_says_are_refused() {
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    let web = Digest::of(&wasm("web"));
    let folder = tempfile::tempdir().unwrap();
    for fault in [Fault::Tampered(web.to_string()), Fault::Endless] {
        registry.fails(fault);
        let refused = pull(&reference, folder.path()).await;
        assert!(matches!(refused, Err(Error::Tampered { .. })), "{refused:?}");
        assert!(!folder.path().join("spin.toml").exists() && !folder.path().join("blobs").join(web.hex()).exists());
        let left: Vec<_> = folder.path().join("blobs").read_dir().unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(left.iter().all(|name| !name.to_string_lossy().ends_with(".part")), "nothing of it is gone on with: {left:?}");
    }
    registry.fails(Fault::None);
    pull(&reference, folder.path()).await.unwrap();
}

#[tokio::test]
async fn lengths_are_not_believed() {
    let registry = Registry::start().await;
    let reference = pushed(&registry).await;
    let folder = tempfile::tempdir().unwrap();
    // More is promised than comes: what comes is whole, and what it should be.
    registry.fails(Fault::Overstated);
    let outcome = pull(&reference, folder.path()).await;
    assert!(matches!(&outcome, Ok(_) | Err(Error::Unreachable { .. })), "{outcome:?}");
    // Less than the manifest says.
    registry.fails(Fault::BreaksOff { after: 10, times: usize::MAX });
    let folder = tempfile::tempdir().unwrap();
    let truncated = pull(&reference, folder.path()).await;
    assert!(matches!(truncated, Err(Error::Unreachable { .. })), "{truncated:?}");
    registry.fails(Fault::EndlessManifests);
    let endless = pull(&crate::support::reference(&registry, "shop:1"), &folder.path().join("x")).await.unwrap_err();
    assert!(endless.to_string().contains("more than 1048576 bytes"), "{endless}");
}

#[tokio::test]
async fn a_manifest_is_what_its_digest_says() {
    let registry = Registry::start().await;
    let there = pushed(&registry).await;
    let digest = there.digest().unwrap();
    registry.put_manifest(&format!("shop:{digest}"), "{}");
    let refused = pull(&there, tempfile::tempdir().unwrap().path()).await;
    assert!(matches!(refused, Err(Error::Tampered { .. })), "{refused:?}");
}

#[tokio::test]
async fn nobody_is_sent_to_other_machines_of_the_neighbourhood() {
    let registry = Registry::start().await;
    let neighbour = Registry::start().await;
    let reference = pushed(&registry).await;
    let folder = tempfile::tempdir().unwrap();
    let near = format!("http://{}/v2/shop/blobs/{{digest}}", neighbour.address);
    let tls = format!("https://{}/v2/shop/blobs/{{digest}}", neighbour.address);
    for to in [
        &*near,
        &tls,
        "https://169.254.169.254/latest",
        "https://10.0.0.1/",
        "http://storage.example/",
        "https://localhost/",
        "file:///etc/passwd",
    ] {
        registry.fails(Fault::Redirects(to.to_owned()));
        let refused = pull(&reference, folder.path()).await;
        assert!(matches!(refused, Err(Error::Redirect { .. })), "{to}: {refused:?}");
    }
    assert!(neighbour.log().is_empty());
    // To itself it may send, and not for ever.
    registry.fails(Fault::Redirects("/v2/shop/blobs/{digest}".to_owned()));
    let around = pull(&reference, folder.path()).await.unwrap_err();
    assert!(matches!(&around, Error::Registry { reason, .. } if reason.contains("307")), "{around}");
    // Nor are layers sent elsewhere.
    registry.fails(Fault::SendsElsewhere(near.replace("{digest}", "uploads/1")));
    let mut other = crate::support::application(folder.path());
    other.components.insert("cart".to_owned(), wasm("new"));
    let sent = artifact::push(&artifact::pack(&other).unwrap(), &reference.clone(), &Options::default()).await;
    assert!(sent.is_err());
    let sent =
        artifact::push(&artifact::pack(&other).unwrap(), &crate::support::reference(&registry, "shop:2"), &Options::default())
            .await;
    assert!(matches!(sent, Err(Error::Redirect { .. })), "{sent:?}");
    assert!(neighbour.log().is_empty());
}

#[tokio::test]
async fn credentials_go_nowhere_else() {
    let registry = Registry::start().await;
    let neighbour = Registry::start().await;
    let folder = tempfile::tempdir().unwrap();
    let own = login(folder.path(), &registry.address);
    registry.fails(Fault::BearerOf(format!("http://storage.example:{}/token", 1)));
    let refused = artifact::push(&packed(), &reference(&registry, "shop:1"), &own).await;
    assert!(matches!(&refused, Err(Error::Redirect { .. })), "{refused:?}");
    assert!(!format!("{refused:?}").contains("correct"));
    assert!(neighbour.log().is_empty());
}

/// A locked application, as Spin has it, changed, in a registry.
async fn pulled_with(
    change: impl Fn(&mut Value),
    layers: impl Fn(&mut Vec<Value>),
    into: &Path,
) -> Result<artifact::Pulled, Error> {
    let registry = Registry::start().await;
    let wasm = wasm("web");
    let (web, file) = (registry.put_blob(wasm.clone()), registry.put_blob(vec![7; 300]));
    let mut locked = json!({
        "spin_lock_version": 0,
        "metadata": { "name": "shop", "version": "1" },
        "triggers": [{ "id": "web-http-trigger", "trigger_type": "http", "trigger_config": { "component": "web", "route": "/..." } }],
        "components": [{
            "id": "web",
            "source": { "content_type": "application/wasm", "digest": web },
            "files": [{ "digest": file, "path": "fonts/one.ttf" }],
        }],
    });
    change(&mut locked);
    let locked = locked.to_string();
    let described = registry.put_blob(locked.clone());
    let config = registry.put_blob("{}");
    let layer = |kind: &str, digest: &str, size: usize| json!({ "mediaType": kind, "digest": digest, "size": size });
    let mut all = vec![layer(WASM, &web, wasm.len()), layer(DATA, &file, 300), layer(APPLICATION, &described, locked.len())];
    layers(&mut all);
    let manifest =
        json!({ "schemaVersion": 2, "config": layer("application/vnd.oci.image.config.v1+json", &config, 2), "layers": all });
    registry.put_manifest("shop:1", manifest.to_string());
    pull(&reference(&registry, "shop:1"), into).await
}

#[tokio::test]
async fn paths_and_names_lead_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let into = folder.path().join("inner");
    pulled_with(|_| {}, |_| {}, &into).await.unwrap();
    assert_eq!(std::fs::read(into.join("files/web/fonts/one.ttf")).unwrap(), vec![7; 300]);
    let long = "a".repeat(2_000);
    for path in [
        "../../outside",
        "/etc/outside",
        "fonts/../../../outside",
        "",
        ".",
        "a//b",
        "a/./b",
        "a\\..\\b",
        "a\u{0}b",
        "a\nb",
        long.as_str(),
    ] {
        let refused = pulled_with(|locked| locked["components"][0]["files"][0]["path"] = path.into(), |_| {}, &into).await;
        assert!(matches!(refused, Err(Error::Unfit { .. })), "{path}: {refused:?}");
    }
    for name in ["..", "../web", "a/b", "", ".", "web\u{0}", "-", "we b"] {
        let refused = pulled_with(|locked| locked["components"][0]["id"] = name.into(), |_| {}, &into).await;
        assert!(matches!(refused, Err(Error::Unfit { .. })), "{name}: {refused:?}");
    }
    // A file where another has its folder.
    let clash = |locked: &mut Value| {
        let file = locked["components"][0]["files"][0].clone();
        let mut other = file.clone();
        other["path"] = "fonts".into();
        locked["components"][0]["files"] = json!([other, file]);
    };
    assert!(pulled_with(clash, |_| {}, &into).await.is_err());
    let twice = |locked: &mut Value| {
        let file = locked["components"][0]["files"][0].clone();
        locked["components"][0]["files"] = json!([file, file]);
    };
    assert!(pulled_with(twice, |_| {}, &into).await.unwrap_err().to_string().contains("twice"));
    assert!(!folder.path().join("outside").exists() && !Path::new("/etc/outside").exists());
}

#[tokio::test]
async fn what_is_no_application_for_this_host_is_refused_with_the_reason() {
    let folder = tempfile::tempdir().unwrap();
    let unfit = async |change: &dyn Fn(&mut Value), layers: &dyn Fn(&mut Vec<Value>)| {
        pulled_with(change, layers, folder.path()).await.unwrap_err().to_string()
    };
    let whole = &|_: &mut Value| {};
    let all = &|_: &mut Vec<Value>| {};
    let digest = Digest::of(b"nothing").to_string();
    for (message, said) in [
        (unfit(&|locked| locked["spin_lock_version"] = 2.into(), all).await, "locked in version 2"),
        (unfit(&|locked| locked["host_requirements"] = json!({ "gpu": "required" }), all).await, "requires gpu"),
        (unfit(&|locked| locked["must_understand"] = json!(["secrets"]), all).await, "secrets"),
        (unfit(&|locked| locked["components"][0]["source"]["digest"] = digest.clone().into(), all).await, "no layer of it"),
        (unfit(&|locked| locked["components"][0]["files"][0]["digest"] = digest.clone().into(), all).await, "no layer of it"),
        (
            unfit(
                &|locked| locked["components"][0]["source"] = json!({ "content_type": "x", "source": "file:///etc/passwd" }),
                all,
            )
            .await,
            "no digest",
        ),
        (
            unfit(&|locked| locked["components"][0]["files"][0] = json!({ "path": "a", "source": "file:///etc/passwd" }), all)
                .await,
            "no content",
        ),
        (unfit(&|locked| locked["components"] = json!([locked["components"][0], locked["components"][0]]), all).await, "twice"),
        (unfit(&|locked| locked["triggers"] = json!("x"), all).await, "cannot be read"),
        (unfit(whole, &|layers| drop(layers.pop())).await, "no layer describes"),
        (unfit(whole, &|layers| layers[0]["mediaType"] = "text/html".into()).await, "is of the type"),
        (unfit(whole, &|layers| layers[0]["size"] = 80_000_000.into()).await, "80000000 bytes"),
        (unfit(whole, &|layers| layers[1]["size"] = 80_000_000.into()).await, "80000000 bytes"),
        (unfit(whole, &|layers| layers[2]["size"] = 80_000_000.into()).await, "80000000 bytes"),
        (unfit(whole, &|layers| layers[0]["size"] = (1_u64 << 60).into()).await, "more than"),
        (unfit(whole, &|layers| *layers = vec![layers[0].clone(); 600]).await, "600 layers"),
        (unfit(whole, &|layers| layers[0]["digest"] = "sha256:../../x".into()).await, "manifest cannot be read"),
    ] {
        assert!(message.contains(said), "{said}: {message}");
    }
}
