//! What a version in a registry is: fetched, verified, and read for what it needs of nodes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use artifact::{Place, PublicKey, Pulled, Reference};
use futures::future::BoxFuture;
use manifest::{Manifest, VariableSources};
use rollout::protocol::Needs;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Mutex;
use wac_types::{ItemKind, Package, Type, Types};

use crate::limits;

/// The namespace of interfaces that nodes bring themselves, although a manifest names a component for stock Spin to compose in.
const OURS: &str = "marquee:";

/// A version of an application, verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolved {
    /// It, by its digest.
    pub reference: String,
    /// The application's name, as its manifest says.
    pub application: String,
    /// Its version, as its manifest says; perhaps empty.
    pub version: String,
    /// What it needs of every node that runs it. Among the variables are those that the release may set itself.
    pub needs: Needs,
    /// All of its variables.
    pub variables: BTreeSet<String>,
    /// What it is made of.
    pub contents: Contents,
}

/// What a version is made of, for people who compare two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contents {
    /// SHA-256 of each component, in hexadecimal.
    pub components: BTreeMap<String, String>,
    /// SHA-256 of its manifest.
    pub manifest: String,
    /// The key that has signed it.
    pub key: String,
}

/// Why a version is of no use.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Unusable {
    /// The registry does not answer: it may later.
    #[error("{0}")]
    Away(String),
    /// It is not there, not signed by whom this control plane trusts, or no application.
    #[error("{0}")]
    Refused(String),
}

/// Where versions come from.
pub trait Artifacts: Send + Sync + 'static {
    /// Finds a version by tag or digest, verifies it, and says what it needs.
    fn resolve(&self, reference: String) -> BoxFuture<'_, Result<Resolved, Unusable>>;
}

/// OCI registries.
#[derive(Debug)]
pub struct Registry {
    trusted: Vec<PublicKey>,
    options: artifact::Options,
    /// What was fetched last is there: what the next has in common with it is not fetched again. One at a time.
    folder: Mutex<PathBuf>,
}

impl Registry {
    /// Believes what one of these keys has signed; keeps the last version in this folder.
    #[must_use]
    pub fn new(trusted: Vec<PublicKey>, options: artifact::Options, folder: PathBuf) -> Self {
        Self { trusted, options, folder: Mutex::new(folder) }
    }
}

impl Artifacts for Registry {
    fn resolve(&self, reference: String) -> BoxFuture<'_, Result<Resolved, Unusable>> {
        Box::pin(async move {
            let reference: Reference = reference.parse().map_err(unusable)?;
            let folder = self.folder.lock().await;
            let place = Place::Folder(&folder);
            let pulling = artifact::pull(&reference, Some(&self.trusted), &self.options, place);
            let pulled = tokio::time::timeout(limits::FETCH, pulling).await;
            let late = |_| Unusable::Away(format!("{reference} could not be fetched within {} s", limits::FETCH.as_secs()));
            let pulled = pulled.map_err(late)?.map_err(unusable)?;
            let reading = tokio::task::spawn_blocking(move || read(&pulled));
            reading.await.map_err(|error| Unusable::Refused(error.to_string()))?.map_err(Unusable::Refused)
        })
    }
}

fn unusable(error: artifact::Error) -> Unusable {
    let said = error.to_string();
    if error.is_away() { Unusable::Away(said) } else { Unusable::Refused(said) }
}

/// Reads a version that is laid out.
fn read(pulled: &Pulled) -> Result<Resolved, String> {
    let Pulled { reference, manifest: path, application: (application, version), composed, key, .. } = pulled;
    if *composed {
        return Err(format!("{reference} has its dependencies in it, for hosts that do not compose: push it without --compose"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (variables, required) = variables(&text)?;
    // Nodes give them values.
    let sources = required.iter().fold(VariableSources::new(), |sources, name| sources.otherwise(name.clone(), ""));
    let manifest = Manifest::load(path, &sources).map_err(|error| error.to_string())?;
    let mut wasm = BTreeMap::new();
    for (name, component) in &manifest.components {
        wasm.insert(name.as_str(), Wasm::read(name, &component.source)?);
    }
    let needs = Needs { interfaces: interfaces(&manifest, &wasm), variables: required, ..Needs::default() };
    let components = wasm.iter().map(|(name, wasm)| ((*name).to_owned(), wasm.digest.clone())).collect();
    let contents = Contents { components, manifest: manifest.digest.clone(), key: key.clone().unwrap_or_default() };
    let (application, version) = (application.clone(), version.clone());
    Ok(Resolved { reference: reference.to_string(), application, version, needs, variables, contents })
}

/// The variables of a manifest, and those of them that have no default.
fn variables(manifest: &str) -> Result<(BTreeSet<String>, BTreeSet<String>), String> {
    let table: toml::Table = manifest.parse().map_err(|error: toml::de::Error| format!("its manifest: {}", error.message()))?;
    let (mut all, mut without_default) = (BTreeSet::new(), BTreeSet::new());
    for (name, variable) in table.get("variables").and_then(toml::Value::as_table).into_iter().flatten() {
        all.insert(name.clone());
        if variable.get("required").and_then(toml::Value::as_bool) == Some(true) {
            without_default.insert(name.clone());
        }
    }
    Ok((all, without_default))
}

/// What is asked of a component's bytes.
struct Wasm {
    digest: String,
    imports: BTreeSet<String>,
}

impl Wasm {
    fn read(name: &str, path: &Path) -> Result<Self, String> {
        let length = std::fs::metadata(path).map_err(|error| format!("component {name}: {error}"))?.len();
        if length > artifact::limits::WASM_BYTES {
            let most = artifact::limits::WASM_BYTES;
            return Err(format!("component {name} has {length} bytes: {most} at most"));
        }
        let bytes = std::fs::read(path).map_err(|error| format!("component {name}: {error}"))?;
        let digest = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let imports = imports(name, bytes).map_err(|reason| format!("component {name}: {reason}"))?;
        Ok(Self { digest, imports })
    }
}

/// Interfaces that a component imports. One with types only needs nobody who offers it.
fn imports(name: &str, wasm: Vec<u8>) -> Result<BTreeSet<String>, String> {
    let mut types = Types::default();
    let package = Package::from_bytes(name, None, wasm, &mut types).map_err(|error| format!("{error:#}"))?;
    let needed = |kind: &ItemKind| match kind {
        ItemKind::Instance(interface) => {
            let only_types = |export: &ItemKind| matches!(export, ItemKind::Type(kind) if !matches!(kind, Type::Resource(_)));
            !types[*interface].exports.values().all(only_types)
        }
        ItemKind::Type(_) => false,
        _ => true,
    };
    let world = &types[package.ty()];
    Ok(world.imports.iter().filter(|(_, kind)| needed(kind)).map(|(name, _)| name.clone()).collect())
}

/// What nodes must offer: what their components import, and what is imported by what is composed into them, but for what composing satisfies.
fn interfaces(manifest: &Manifest, wasm: &BTreeMap<&str, Wasm>) -> BTreeSet<String> {
    let imports = |name: &str| wasm.get(name).into_iter().flat_map(|wasm| &wasm.imports);
    let mut all = BTreeSet::new();
    // What is neither asked by anybody nor by the host is there to be composed in alone.
    for component in manifest.components.values().filter(|component| component.triggered || component.tool.is_some()) {
        let composed = component.dependencies.iter();
        let composed: Vec<_> =
            composed.filter(|dependency| !dependency.name.package().is_some_and(|package| package.starts_with(OURS))).collect();
        let satisfied = |import: &&String| composed.iter().any(|dependency| dependency.name.matches(import));
        all.extend(imports(&component.name).filter(|import| !satisfied(import)).cloned());
        all.extend(composed.iter().flat_map(|dependency| imports(&dependency.component)).cloned());
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "shop"
version = "1.0.0"
[variables]
region = { default = "local" }
password = { required = true, secret = true }
[[trigger.http]]
route = "/..."
component = "shop"
[component.shop]
source = "shop.wasm"
[component.shop.dependencies]
"shop:stock@1.0.0" = { component = "stock", inherit_configuration = true }
"marquee:booking@0.1.0" = { component = "stock", inherit_configuration = true }
[component.shop.tool.marquee.routes]
"GET /" = { runs = "edge" }
[component.stock]
source = "stock.wasm"
"#;
    const SHOP: &str = r#"(component
        (import "spin:variables/variables@3.0.0" (instance (export "get" (func))))
        (import "shop:stock/types@1.0.0" (instance (type $t u32) (export "n" (type (eq $t)))))
        (import "shop:stock/store@1.0.0" (instance (export "take" (func))))
        (import "marquee:booking/ledger@0.1.0" (instance (export "apply" (func)))))"#;
    const STOCK: &str = r#"(component (import "wasi:io/poll@0.2.6" (instance (export "poll" (func)))))"#;

    #[test]
    fn a_version_needs_what_it_imports_and_does_not_bring() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spin.toml");
        std::fs::write(&path, MANIFEST).unwrap();
        std::fs::write(folder.path().join("shop.wasm"), wat::parse_str(SHOP).unwrap()).unwrap();
        std::fs::write(folder.path().join("stock.wasm"), wat::parse_str(STOCK).unwrap()).unwrap();
        let reference: Reference =
            "r.example/shop@sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855".parse().unwrap();
        let pulled = Pulled {
            digest: reference.digest().unwrap(),
            reference,
            manifest: path,
            application: ("shop".to_owned(), "1.0.0".to_owned()),
            composed: false,
            key: Some("k".to_owned()),
            traffic: artifact::Traffic::default(),
        };
        let resolved = read(&pulled).unwrap();
        let interfaces = ["marquee:booking/ledger@0.1.0", "spin:variables/variables@3.0.0", "wasi:io/poll@0.2.6"];
        assert_eq!(resolved.needs.interfaces, interfaces.map(str::to_owned).into());
        assert_eq!(resolved.needs.variables, ["password".to_owned()].into());
        assert_eq!(resolved.variables, ["password", "region"].map(str::to_owned).into());
        assert_eq!(resolved.contents.components.keys().collect::<Vec<_>>(), ["shop", "stock"]);
        assert_eq!(resolved.contents.components["shop"].len(), 64);
        let composed = read(&Pulled { composed: true, ..pulled }).unwrap_err();
        assert!(composed.contains("--compose"), "{composed}");
    }
}
