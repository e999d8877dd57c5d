//! From a manifest to an artifact, as `spin registry push` makes it: a layer for each component's wasm and for each file, and one that says how they
//! are an application.
//!
//! The same application is the same bytes, wherever and whenever it is packed: so its digest is its name.

use crate::digest::Digest;
use crate::error::Error;
use crate::limits;
use crate::locked::{self, ContentRef, Inherit, LockedApp, OURS, Ours, Source};
use crate::oci::{Blob, CONFIG, Content, Descriptor, Manifest};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::PathBuf;
use toml::Table;

/// The layer that says what the application is.
pub(crate) const APPLICATION: &str = "application/vnd.fermyon.spin.application.v1+config";
/// A component.
pub(crate) const WASM: &str = "application/vnd.wasm.content.layer.v1+wasm";
/// A file.
pub(crate) const DATA: &str = "application/vnd.wasm.content.layer.v1+data";
/// What names the layer with the application in the configuration, so that no two have the same.
const LABEL: &str = "com.fermyon.spin.lockedAppDigest";
/// What a component's wasm is.
const WASM_TYPE: &str = "application/wasm";

/// What is packed. Who makes it has read and checked the manifest.
#[derive(Debug)]
pub struct Application {
    /// The manifest's text.
    pub manifest: String,
    /// The wasm of every component that the manifest has; where they are composed, of those that are to be packed.
    pub components: BTreeMap<String, Vec<u8>>,
    /// The files that each component sees.
    pub files: BTreeMap<String, Vec<File>>,
    /// The components have their dependencies in them: for hosts that do not compose.
    pub composed: bool,
}

/// A file that a component sees.
#[derive(Clone, Debug)]
pub struct File {
    /// Where it sees it, without the first slash.
    pub path: String,
    /// Where it is.
    pub source: PathBuf,
}

/// An artifact, ready to be sent.
#[derive(Debug)]
pub struct Packed {
    pub(crate) manifest: Vec<u8>,
    /// Configuration and layers.
    pub(crate) blobs: Vec<Blob>,
    digest: Digest,
}

impl Packed {
    /// What it is called for ever.
    #[must_use]
    pub fn digest(&self) -> Digest {
        self.digest
    }
}

/// Makes an artifact of an application.
///
/// # Errors
/// Where something of it has no place in an artifact.
pub fn pack(application: &Application) -> Result<Packed, Error> {
    let manifest: Table =
        application.manifest.parse().map_err(|error: toml::de::Error| Error::Pack(error.message().trim().to_owned()))?;
    let mut layers = Layers::default();
    let locked = locked(&manifest, application, &mut layers)?;
    let text = serde_json::to_vec(&locked).map_err(|error| Error::Pack(error.to_string()))?;
    if text.len() as u64 > limits::LOCKED_BYTES {
        return Err(Error::Pack(format!("its description has more than {} bytes", limits::LOCKED_BYTES)));
    }
    let described = Blob::of(APPLICATION, text);
    let config = json!({
        "architecture": "wasm",
        "config": { "Labels": { LABEL: described.descriptor.digest.to_string() } },
        "os": "Wasip1",
        "rootfs": { "diff_ids": [], "type": "layers" },
    });
    let config = Blob::of(CONFIG, config.to_string().into_bytes());
    let mut blobs = layers.blobs;
    blobs.push(described);
    let mut manifest = Manifest::new(config.descriptor.clone(), blobs.iter().map(|blob| blob.descriptor.clone()).collect());
    manifest.annotations = annotations(&locked);
    let manifest = serde_json::to_vec(&manifest).map_err(|error| Error::Pack(error.to_string()))?;
    // What is refused when it comes is not sent.
    Manifest::parse(&manifest).map_err(Error::Pack)?;
    blobs.insert(0, config);
    Ok(Packed { digest: Digest::of(&manifest), manifest, blobs })
}

/// Each content once, in the order in which it is first needed.
#[derive(Default)]
struct Layers {
    blobs: Vec<Blob>,
    files: usize,
}

impl Layers {
    fn add(&mut self, descriptor: Descriptor, content: Content) {
        if self.blobs.iter().all(|blob| blob.descriptor.digest != descriptor.digest) {
            self.blobs.push(Blob { descriptor, content });
        }
    }

    fn wasm(&mut self, application: &Application, name: &str) -> Result<Source, Error> {
        let bytes = application.components.get(name).ok_or_else(|| Error::Pack(format!("the component {name:?} has no wasm")))?;
        if bytes.len() as u64 > limits::WASM_BYTES {
            return Err(Error::Pack(format!("the component {name:?} has more than {} bytes", limits::WASM_BYTES)));
        }
        let descriptor = Descriptor::of(WASM, bytes);
        let content = ContentRef::layer(descriptor.digest);
        self.add(descriptor, Content::Bytes(bytes.clone().into()));
        Ok(Source { content_type: WASM_TYPE.to_owned(), content })
    }

    fn file(&mut self, file: &File) -> Result<locked::File, Error> {
        self.files += 1;
        if self.files > limits::FILES {
            return Err(Error::Pack(format!("its components see more than {} files", limits::FILES)));
        }
        crate::unpack::inside(&file.path).map_err(|reason| Error::Pack(format!("the file {:?}: {reason}", file.path)))?;
        let bytes = crate::blobs::read(&file.source, limits::FILE_BYTES)?.ok_or_else(|| {
            Error::Pack(format!("{} is gone, or has more than {} bytes", file.source.display(), limits::FILE_BYTES))
        })?;
        let descriptor = Descriptor::of(DATA, &bytes);
        let mut content = ContentRef::layer(descriptor.digest);
        if bytes.len() <= limits::INLINE_BYTES {
            content.inline = Some(BASE64_STANDARD_NO_PAD.encode(&bytes));
        } else {
            self.add(descriptor, Content::File(file.source.clone()));
        }
        Ok(locked::File { content, path: file.path.clone() })
    }
}

fn locked(manifest: &Table, application: &Application, layers: &mut Layers) -> Result<LockedApp, Error> {
    let described = table(manifest, "application");
    let mut metadata = BTreeMap::new();
    for key in ["name", "version", "description", "authors"] {
        insert(&mut metadata, key, described.get(key))?;
    }
    metadata.insert("trigger".to_owned(), json!({ "type": "http" }));
    let mut ours = serde_json::Map::new();
    if application.composed {
        ours.insert("composed".to_owned(), true.into());
    }
    if let Some(tool) = described.get("tool").and_then(|tool| tool.get("marquee")) {
        ours.insert("tool".to_owned(), json(tool)?);
    }
    if !ours.is_empty() {
        metadata.insert(OURS.to_owned(), ours.into());
    }
    let variables = table(manifest, "variables").iter().map(|(name, variable)| {
        let text = |key: &str| variable.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let secret = variable.get("secret").and_then(toml::Value::as_bool).unwrap_or(false);
        (name.clone(), locked::Variable { description: text("description"), default: text("default"), secret })
    });
    let mut components = Vec::new();
    let mut names: Vec<(&String, &toml::Value)> = table(manifest, "component").iter().collect();
    names.sort_by_key(|(name, _)| *name);
    for (name, component) in names {
        if application.composed && !application.components.contains_key(name) {
            continue;
        }
        components.push(self::component(name, component, manifest, application, layers)?);
    }
    Ok(LockedApp {
        spin_lock_version: 0,
        must_understand: Vec::new(),
        metadata,
        host_requirements: BTreeMap::new(),
        variables: variables.collect(),
        triggers: triggers(manifest)?,
        components,
    })
}

/// The triggers, in their order, with ids as Spin gives them.
fn triggers(manifest: &Table) -> Result<Vec<locked::Trigger>, Error> {
    let mut triggers: Vec<locked::Trigger> = Vec::new();
    let mut counter = 0;
    for (kind, entries) in table(manifest, "trigger") {
        for entry in entries.as_array().into_iter().flatten() {
            let mut config: BTreeMap<String, Value> = BTreeMap::new();
            for (key, value) in entry.as_table().into_iter().flatten() {
                config.insert(key.clone(), json(value)?);
            }
            let given = config.remove("id").and_then(|id| id.as_str().map(str::to_owned));
            let of = config.get("component").and_then(Value::as_str).unwrap_or_default();
            let natural = format!("{of}-{kind}-trigger");
            let taken = |id: &str| triggers.iter().any(|trigger| trigger.id == id);
            let id = given.unwrap_or(natural);
            let id = if taken(&id) {
                loop {
                    counter += 1;
                    let id = format!("{kind}-trigger{counter}");
                    if !taken(&id) {
                        break id;
                    }
                }
            } else {
                id
            };
            triggers.push(locked::Trigger {
                id,
                trigger_type: kind.clone(),
                trigger_config: config,
                trigger_dependencies: BTreeMap::new(),
            });
        }
    }
    Ok(triggers)
}

fn component(
    name: &str,
    written: &toml::Value,
    manifest: &Table,
    application: &Application,
    layers: &mut Layers,
) -> Result<locked::Component, Error> {
    let empty = Table::new();
    let written = written.as_table().unwrap_or(&empty);
    let mut metadata = BTreeMap::new();
    // Spin calls databases otherwise here.
    for (key, called) in [
        ("description", "description"),
        ("allowed_outbound_hosts", "allowed_outbound_hosts"),
        ("key_value_stores", "key_value_stores"),
        ("sqlite_databases", "databases"),
        ("ai_models", "ai_models"),
    ] {
        insert(&mut metadata, called, written.get(key))?;
    }
    let mut ours =
        Ours { tool: written.get("tool").and_then(|tool| tool.get("marquee")).map(json).transpose()?, ..Ours::default() };
    let mut dependencies = BTreeMap::new();
    if !application.composed {
        let all = written.get("dependencies_inherit_configuration").and_then(toml::Value::as_bool);
        for (import, dependency) in table(written, "dependencies") {
            let text = |key: &str| dependency.get(key).and_then(toml::Value::as_str);
            let of = text("component").ok_or_else(|| Error::Pack(format!("{name:?}: {import:?} names no component")))?;
            if table(manifest, "component").get(of).is_none() {
                return Err(Error::Pack(format!("{name:?}: there is no component {of:?}")));
            }
            let inherits = dependency.get("inherit_configuration").and_then(toml::Value::as_bool).or(all).unwrap_or(false);
            let (source, export) = (layers.wasm(application, of)?, text("export").map(str::to_owned));
            dependencies.insert(import.clone(), locked::Dependency { source, export, inherit: inherits.then_some(Inherit::All) });
            ours.dependencies.insert(import.clone(), of.to_owned());
        }
    }
    if ours.tool.is_some() || !ours.dependencies.is_empty() {
        let ours = serde_json::to_value(&ours).map_err(|error| Error::Pack(error.to_string()))?;
        metadata.insert(OURS.to_owned(), ours);
    }
    let mut seen = Vec::new();
    for file in application.files.get(name).into_iter().flatten() {
        seen.push(layers.file(file)?);
    }
    seen.sort_by(|one, other| one.path.cmp(&other.path));
    if seen.windows(2).any(|pair| matches!(pair, [one, other] if one.path == other.path)) {
        return Err(Error::Pack(format!("{name:?} sees two files at the same path")));
    }
    let texts = |key: &str| {
        let pairs = table(written, key).iter().filter_map(|(name, text)| Some((name.clone(), text.as_str()?.to_owned())));
        pairs.collect::<BTreeMap<_, _>>()
    };
    Ok(locked::Component {
        id: name.to_owned(),
        metadata,
        source: layers.wasm(application, name)?,
        env: texts("environment"),
        files: seen,
        config: texts("variables"),
        dependencies,
        trigger_dependencies: BTreeMap::new(),
        host_requirements: BTreeMap::new(),
    })
}

/// What people see of it in a registry.
fn annotations(locked: &LockedApp) -> BTreeMap<String, String> {
    let mut annotations = BTreeMap::new();
    for (key, called) in [("name", "title"), ("version", "version"), ("description", "description"), ("authors", "authors")] {
        let text = match locked.metadata.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Array(texts)) => texts.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", "),
            _ => continue,
        };
        annotations.insert(format!("org.opencontainers.image.{called}"), text);
    }
    annotations
}

fn table<'t>(of: &'t Table, key: &str) -> &'t Table {
    static NONE: std::sync::LazyLock<Table> = std::sync::LazyLock::new(Table::new);
    of.get(key).and_then(toml::Value::as_table).unwrap_or(&NONE)
}

/// What says nothing is left out, as Spin does.
fn insert(metadata: &mut BTreeMap<String, Value>, key: &str, value: Option<&toml::Value>) -> Result<(), Error> {
    let says = |value: &&toml::Value| match value {
        toml::Value::String(text) => !text.is_empty(),
        toml::Value::Array(texts) => !texts.is_empty(),
        _ => true,
    };
    if let Some(value) = value.filter(says) {
        metadata.insert(key.to_owned(), json(value)?);
    }
    Ok(())
}

/// The same in JSON, members in the order of their names.
fn json(value: &toml::Value) -> Result<Value, Error> {
    Ok(match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(value) => (*value).into(),
        toml::Value::Datetime(time) => return Err(Error::Pack(format!("JSON has no date: write {time} as a text"))),
        toml::Value::Array(values) => Value::Array(values.iter().map(json).collect::<Result<_, _>>()?),
        toml::Value::Table(table) => {
            let sorted: BTreeMap<_, _> = table.iter().collect();
            Value::Object(sorted.into_iter().map(|(key, value)| Ok((key.clone(), json(value)?))).collect::<Result<_, Error>>()?)
        }
    })
}
