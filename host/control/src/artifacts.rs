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

use crate::limits;

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

/// What an application's components import of the host, as nodes name what they offer: how components run is not known here. Takes CPU time.
pub type Imports = fn(&Manifest) -> Result<BTreeSet<String>, String>;

/// OCI registries.
#[derive(Debug)]
pub struct Registry {
    imports: Imports,
    trusted: Vec<PublicKey>,
    options: artifact::Options,
    /// What was fetched last is there: what the next has in common with it is not fetched again. One at a time.
    folder: Mutex<PathBuf>,
}

impl Registry {
    /// Believes what one of these keys has signed; keeps the last version in this folder.
    #[must_use]
    pub fn new(trusted: Vec<PublicKey>, options: artifact::Options, folder: PathBuf, imports: Imports) -> Self {
        Self { imports, trusted, options, folder: Mutex::new(folder) }
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
            let imports = self.imports;
            let reading = tokio::task::spawn_blocking(move || read(&pulled, imports));
            reading.await.map_err(|error| Unusable::Refused(error.to_string()))?.map_err(Unusable::Refused)
        })
    }
}

fn unusable(error: artifact::Error) -> Unusable {
    let said = error.to_string();
    if error.is_away() { Unusable::Away(said) } else { Unusable::Refused(said) }
}

/// Reads a version that is laid out.
fn read(pulled: &Pulled, imports: Imports) -> Result<Resolved, String> {
    let Pulled { reference, manifest: path, application: (application, version), composed, key, .. } = pulled;
    if *composed {
        return Err(format!("{reference} has its dependencies in it, for hosts that do not compose: push it without --compose"));
    }
    let text = std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let (variables, required) = variables(&text)?;
    // Nodes give them values.
    let sources = required.iter().fold(VariableSources::new(), |sources, name| sources.otherwise(name.clone(), ""));
    let manifest = Manifest::load(path, &sources).map_err(|error| error.to_string())?;
    let mut components = BTreeMap::new();
    for (name, component) in &manifest.components {
        components.insert(name.clone(), digest(&component.source).map_err(|reason| format!("component {name}: {reason}"))?);
    }
    let manifest::Needs { schema, ledger_wire } = manifest.needs;
    let needs = Needs { interfaces: imports(&manifest)?, ledger_wire, schema, variables: required };
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

/// SHA-256 of a component, in hexadecimal.
fn digest(path: &Path) -> Result<String, String> {
    let (length, most) = (std::fs::metadata(path).map_err(|error| error.to_string())?.len(), artifact::limits::WASM_BYTES);
    if length > most {
        return Err(format!("it has {length} bytes: {most} at most"));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    Ok(Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANIFEST: &str = r#"
spin_manifest_version = 2
[application]
name = "shop"
version = "1.0.0"
[application.tool.marquee]
schema = 31
ledger_wire = 5
[variables]
region = { default = "local" }
password = { required = true, secret = true }
[[trigger.http]]
route = "/..."
component = "shop"
[component.shop]
source = "shop.wasm"
[component.shop.tool.marquee.routes]
"GET /" = { runs = "edge" }
"#;

    #[test]
    fn a_version_says_what_it_needs_and_is_made_of() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("spin.toml");
        std::fs::write(&path, MANIFEST).unwrap();
        std::fs::write(folder.path().join("shop.wasm"), b"").unwrap();
        let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        let reference: Reference = format!("r.example/shop@sha256:{digest}").parse().unwrap();
        let pulled = Pulled {
            digest: reference.digest().unwrap(),
            reference,
            manifest: path,
            application: ("shop".to_owned(), "1.0.0".to_owned()),
            composed: false,
            key: Some("k".to_owned()),
            traffic: artifact::Traffic::default(),
        };
        let imports: Imports = |manifest| Ok(manifest.components.keys().map(|name| format!("imports:of/{name}")).collect());
        let resolved = read(&pulled, imports).unwrap();
        assert_eq!(resolved.needs.interfaces, ["imports:of/shop".to_owned()].into());
        assert_eq!(resolved.needs.variables, ["password".to_owned()].into());
        assert_eq!((resolved.needs.schema, resolved.needs.ledger_wire), (Some(31), Some(5)));
        assert_eq!(resolved.variables, ["password", "region"].map(str::to_owned).into());
        assert_eq!(resolved.contents.components, [("shop".to_owned(), digest.to_owned())].into());
        assert_eq!((resolved.application.as_str(), resolved.version.as_str()), ("shop", "1.0.0"));
        let composed = read(&Pulled { composed: true, ..pulled.clone() }, imports).unwrap_err();
        assert!(composed.contains("--compose"), "{composed}");
        assert_eq!(read(&pulled, |_| Err("no component".to_owned())).unwrap_err(), "no component");
    }
}
