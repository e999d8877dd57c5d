//! Applications to push.

use crate::registry::{LOGIN, Registry};
use artifact::{Application, Credentials, File, Options, Packed, Place, PrivateKey, PublicKey, Pulled, Reference, pack};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// A manifest with everything that an artifact has to carry.
pub const MANIFEST: &str = r#"
spin_manifest_version = 2

[application]
name = "shop"
version = "1.2.0"
description = "Sells things"
authors = ["Ada <ada@example.com>", "Bob"]

[application.tool.marquee]
schema = 31

[variables]
region = { default = "local" }
password = { required = true, secret = true, description = "Of the database" }

[[trigger.http]]
route = "/..."
component = "web"

[[trigger.http]]
route = "/api/..."
component = "web"

[[trigger.http]]
route = { private = true }
component = "cart"

[component.web]
source = "web.wasm"
description = "Pages"
allowed_outbound_hosts = ["postgres://{{ region }}.example:5432"]
sqlite_databases = ["default"]
key_value_stores = ["default"]
files = [{ source = "fonts", destination = "/fonts" }]
environment = { MODE = "sells" }

[component.web.variables]
region = "{{ region }}"
password = "{{ password }}"

[component.web.dependencies]
"shop:stock@0.1.0" = { component = "stock", inherit_configuration = true }

[component.web.build]
command = "cargo build"

[component.web.tool.marquee]
concurrency = 4
timeout_ms = 500

[component.web.tool.marquee.routes]
"GET /" = { runs = "edge", immutable = true }
"POST /api/orders/:id" = { runs = "region", by = { path = "id" }, token = true }

[component.cart]
source = "cart.wasm"

[component.stock]
source = "stock.wasm"

[component.stock.tool.marquee]
sqlite_databases = ["default"]
"#;

/// Wasm that nobody runs here: large enough to be sent in pieces.
pub fn wasm(of: &str) -> Vec<u8> {
    let mut bytes = b"\0asm\x0d\0\x01\0".to_vec();
    bytes.extend(of.as_bytes().iter().cycle().take(200_000));
    bytes
}

/// The application, with its files in this folder.
pub fn application(folder: &Path) -> Application {
    let file = |name: &str, content: &[u8]| {
        let source = folder.join(name);
        std::fs::write(&source, content).unwrap();
        source
    };
    let files = vec![
        File { path: "fonts/large.ttf".to_owned(), source: file("large.ttf", &vec![7; 5_000]) },
        File { path: "fonts/LICENCE".to_owned(), source: file("LICENCE", b"do as you like") },
        File { path: "empty".to_owned(), source: file("empty", b"") },
    ];
    Application {
        manifest: MANIFEST.to_owned(),
        components: ["web", "cart", "stock"].map(|name| (name.to_owned(), wasm(name))).into(),
        files: BTreeMap::from([("web".to_owned(), files)]),
        composed: false,
    }
}

/// The application, packed.
pub fn packed() -> Packed {
    let folder = tempfile::tempdir().unwrap();
    let mut packed = application(folder.path());
    // It is read again when it is sent.
    let kept = folder.keep();
    for files in packed.files.values_mut() {
        for file in files {
            file.source = kept.join(file.source.file_name().unwrap());
        }
    }
    pack(&packed).unwrap()
}

pub fn reference(registry: &Registry, rest: &str) -> Reference {
    format!("{}/{rest}", registry.address).parse().unwrap()
}

/// The application in a registry.
pub async fn pushed(registry: &Registry) -> Reference {
    artifact::push(&packed(), &reference(registry, "shop:1"), &Options::default()).await.unwrap().reference
}

pub async fn pull(reference: &Reference, folder: &Path) -> Result<Pulled, artifact::Error> {
    artifact::pull(reference, None, &Options::default(), Place::Folder(folder)).await
}

/// A key, and the file with its public half.
pub fn key() -> (PrivateKey, Vec<PublicKey>) {
    let key = PrivateKey::generate().unwrap();
    let public = vec![key.public().unwrap()];
    (key, public)
}

/// Options with the registry's name and password.
pub fn login(folder: &Path, registry: &str) -> Options {
    let file: PathBuf = folder.join("config.json");
    let (user, password) = LOGIN;
    let text = format!(r#"{{"auths": {{"{registry}": {{"username": "{user}", "password": "{password}"}}}}}}"#);
    std::fs::write(&file, text).unwrap();
    Options { credentials: Credentials::File(file), ..Options::default() }
}
