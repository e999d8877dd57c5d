//! Versions that `spin registry push` has made. The texts are what Spin 4 writes of such an application, made up here.

use crate::registry::Registry;
use crate::support::{pull, reference, wasm};
use serde_json::{Value, json};

/// An artifact of this locked application, whose components are these.
async fn pushed(locked: Value, parts: &[&str], as_config: bool) -> (Registry, artifact::Reference) {
    let registry = Registry::start().await;
    let layer = |kind: &str, bytes: Vec<u8>| {
        let size = bytes.len();
        json!({ "mediaType": kind, "digest": registry.put_blob(bytes), "size": size })
    };
    let mut layers: Vec<Value> =
        parts.iter().map(|part| layer("application/vnd.wasm.content.layer.v1+wasm", wasm(part))).collect();
    let described = layer("application/vnd.fermyon.spin.application.v1+config", locked.to_string().into_bytes());
    let config = if as_config {
        described
    } else {
        layers.push(described);
        layer("application/vnd.oci.image.config.v1+json", b"{\"architecture\":\"wasm\",\"os\":\"Wasip1\"}".to_vec())
    };
    let manifest = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "config": config, "layers": layers,
        "annotations": { "org.opencontainers.image.title": "shop", "org.opencontainers.image.created": "2026-08-21T08:42:43+00:00" },
    });
    registry.put_manifest("shop:1", manifest.to_string());
    let reference = reference(&registry, "shop:1");
    (registry, reference)
}

fn digest(part: &str) -> String {
    artifact::Digest::of(&wasm(part)).to_string()
}

/// As Spin writes it: empty things are left out, `build` stands in the metadata, and a small file is inline, without padding.
fn locked(dependencies: Value) -> Value {
    json!({
        "spin_lock_version": 1,
        "must_understand": ["host_requirements"],
        "host_requirements": { "local_service_chaining": "optional" },
        "metadata": { "description": "Sells", "name": "shop", "trigger": { "type": "http" }, "triggers": { "http": {} }, "version": "0.1.0" },
        "variables": { "region": { "default": "local" }, "password": { "secret": true } },
        "triggers": [{ "id": "web-http-trigger", "trigger_type": "http", "trigger_config": { "component": "web", "executor": null, "route": "/..." } }],
        "components": [{
            "id": "web",
            "metadata": { "allowed_outbound_hosts": ["https://a.example"], "databases": ["default"], "build": { "command": "make" } },
            "source": { "content_type": "application/wasm", "digest": digest("web") },
            "env": { "MODE": "sells" },
            "files": [{ "inline": "aGVsbG8", "digest": artifact::Digest::of(b"hello").to_string(), "path": "a/hello" }],
            "config": { "region": "{{ region }}" },
            "dependencies": dependencies,
        }],
    })
}

#[tokio::test]
async fn a_version_that_spin_composed_is_pulled() {
    for as_config in [false, true] {
        let (_registry, reference) = pushed(locked(json!({})), &["web"], as_config).await;
        let folder = tempfile::tempdir().unwrap();
        let pulled = pull(&reference, folder.path()).await.unwrap();
        let manifest: toml::Table = std::fs::read_to_string(pulled.manifest).unwrap().parse().unwrap();
        let web = &manifest["component"]["web"];
        assert_eq!(std::fs::read(folder.path().join(web["source"].as_str().unwrap())).unwrap(), wasm("web"));
        assert_eq!(std::fs::read(folder.path().join("files/web/a/hello")).unwrap(), b"hello");
        assert_eq!(web["sqlite_databases"][0].as_str(), Some("default"));
        assert_eq!(manifest["trigger"]["http"][0]["route"].as_str(), Some("/..."));
        assert_eq!(manifest["variables"]["password"]["required"].as_bool(), Some(true));
        assert!(web.get("tool").is_none());
    }
}

#[tokio::test]
async fn a_version_that_spin_left_uncomposed_has_its_dependencies_as_components() {
    let dependencies = json!({
        "shop:stock@0.1.0": { "source": { "content_type": "application/wasm", "digest": digest("stock") }, "export": null, "inherit": "All" },
        "shop:tax@0.1.0": { "source": { "content_type": "application/wasm", "digest": digest("tax") }, "export": null },
    });
    let (_registry, reference) = pushed(locked(dependencies), &["web", "stock", "tax"], false).await;
    let folder = tempfile::tempdir().unwrap();
    let pulled = pull(&reference, folder.path()).await.unwrap();
    let manifest: toml::Table = std::fs::read_to_string(pulled.manifest).unwrap().parse().unwrap();
    for (import, part, inherits) in [("shop:stock@0.1.0", "stock", true), ("shop:tax@0.1.0", "tax", false)] {
        let dependency = &manifest["component"]["web"]["dependencies"][import];
        assert_eq!(dependency["inherit_configuration"].as_bool(), Some(inherits));
        let source = &manifest["component"][dependency["component"].as_str().unwrap()]["source"];
        assert_eq!(std::fs::read(folder.path().join(source.as_str().unwrap())).unwrap(), wasm(part));
    }
}
