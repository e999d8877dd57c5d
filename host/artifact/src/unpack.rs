//! From a locked application, Spin's or ours, back to a manifest with its wasm and files. What it says is a stranger's until here: names become
//! folders only where they are names, and paths stay within.

use crate::digest::Digest;
use crate::limits;
use crate::locked::{Component, ContentRef, Inherit, LockedApp, OURS, Ours};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component as Part, Path};
use toml::Table;

/// An application, as it is to be laid out in a folder.
#[derive(Debug)]
pub(crate) struct Unpacked {
    /// The manifest's text.
    pub manifest: String,
    /// The wasm of the components and of what they depend on.
    pub wasm: BTreeSet<Digest>,
    /// Files by component and path.
    pub files: Vec<UnpackedFile>,
    /// Dependencies are in the components already.
    pub composed: bool,
    pub name: String,
    pub version: String,
}

/// A file that a component sees.
#[derive(Debug)]
pub(crate) struct UnpackedFile {
    pub component: String,
    pub path: String,
    pub content: FileContent,
}

#[derive(Debug)]
pub(crate) enum FileContent {
    Layer(Digest),
    Bytes(Vec<u8>),
}

/// The folder of files within an application's.
pub(crate) const FILES: &str = "files";

/// Reads a locked application. `blobs` is how its folder reaches that of the layers.
pub(crate) fn unpack(text: &[u8], blobs: &str) -> Result<Unpacked, String> {
    let locked: LockedApp =
        serde_json::from_slice(text).map_err(|error| format!("its locked application cannot be read: {error}"))?;
    understood(&locked)?;
    let mut unpacked = Unpacked {
        manifest: String::new(),
        wasm: BTreeSet::new(),
        files: Vec::new(),
        composed: locked.metadata.get(OURS).and_then(|ours| ours.get("composed")).and_then(Value::as_bool).unwrap_or(false),
        name: text_of(locked.metadata.get("name")),
        version: text_of(locked.metadata.get("version")),
    };
    let mut components = BTreeMap::new();
    for component in &locked.components {
        if !is_name(&component.id) {
            return Err(format!("{:?} is no component's name", component.id));
        }
        let table = self::component(component, &locked, blobs, &mut components, &mut unpacked)?;
        if components.insert(component.id.clone(), toml::Value::Table(table)).is_some() {
            return Err(format!("the component {:?} is there twice", component.id));
        }
    }
    let mut manifest = BTreeMap::from([
        ("spin_manifest_version".to_owned(), toml::Value::Integer(2)),
        ("application".to_owned(), toml::Value::Table(application(&locked)?)),
        ("component".to_owned(), table(components)),
        ("trigger".to_owned(), triggers(&locked)?),
    ]);
    let variables = locked.variables.iter().map(|(name, variable)| {
        let mut table = BTreeMap::new();
        match &variable.default {
            Some(default) => table.insert("default".to_owned(), toml::Value::String(default.clone())),
            None => table.insert("required".to_owned(), toml::Value::Boolean(true)),
        };
        if let Some(description) = &variable.description {
            table.insert("description".to_owned(), toml::Value::String(description.clone()));
        }
        if variable.secret {
            table.insert("secret".to_owned(), toml::Value::Boolean(true));
        }
        (name.clone(), self::table(table))
    });
    manifest.insert("variables".to_owned(), table(variables.collect()));
    let manifest: Table = manifest.into_iter().collect();
    unpacked.manifest = toml::to_string(&manifest).map_err(|error| format!("its manifest cannot be written: {error}"))?;
    Ok(unpacked)
}

/// What a host must know about is refused where this one does not.
fn understood(locked: &LockedApp) -> Result<(), String> {
    if locked.spin_lock_version > 1 {
        return Err(format!("it is locked in version {}: 0 and 1 are understood", locked.spin_lock_version));
    }
    let of_components = locked.components.iter().flat_map(|component| &component.host_requirements);
    let mut required =
        locked.host_requirements.iter().chain(of_components).filter(|(_, value)| value.as_str() != Some("optional"));
    if let Some((requirement, _)) = required.next() {
        return Err(format!("it requires {requirement}, which this host has not"));
    }
    let known = ["host_requirements", "component_host_requirements"];
    if let Some(other) = locked.must_understand.iter().find(|name| !known.contains(&name.as_str())) {
        return Err(format!("it must be understood by {other}, which this host does not know"));
    }
    let of_components = locked.components.iter().any(|component| !component.trigger_dependencies.is_empty());
    if of_components || locked.triggers.iter().any(|trigger| !trigger.trigger_dependencies.is_empty()) {
        return Err("its triggers have middleware, which this host has not".to_owned());
    }
    Ok(())
}

fn application(locked: &LockedApp) -> Result<Table, String> {
    let mut table = BTreeMap::new();
    for key in ["name", "version", "description", "authors"] {
        if let Some(value) = locked.metadata.get(key) {
            table.insert(key.to_owned(), toml(value)?);
        }
    }
    // Settings for all triggers: who reads the manifest says what it makes of them.
    let settings = locked.metadata.get("triggers").and_then(Value::as_object).into_iter().flatten();
    let settings: BTreeMap<String, toml::Value> = settings
        .filter(|(_, settings)| settings.as_object().is_some_and(|settings| !settings.is_empty()))
        .map(|(kind, settings)| Ok((kind.clone(), toml(settings)?)))
        .collect::<Result<_, String>>()?;
    if !settings.is_empty() {
        table.insert("trigger".to_owned(), self::table(settings));
    }
    if let Some(tool) = locked.metadata.get(OURS).and_then(|ours| ours.get("tool")) {
        table.insert("tool".to_owned(), self::table(BTreeMap::from([(OURS.to_owned(), toml(tool)?)])));
    }
    Ok(table.into_iter().collect())
}

fn triggers(locked: &LockedApp) -> Result<toml::Value, String> {
    let mut kinds: BTreeMap<String, Vec<toml::Value>> = BTreeMap::new();
    for trigger in &locked.triggers {
        let mut entry = BTreeMap::from([("id".to_owned(), toml::Value::String(trigger.id.clone()))]);
        for (key, value) in trigger.trigger_config.iter().filter(|(_, value)| !value.is_null()) {
            entry.insert(key.clone(), toml(value)?);
        }
        kinds.entry(trigger.trigger_type.clone()).or_default().push(table(entry));
    }
    Ok(table(kinds.into_iter().map(|(kind, entries)| (kind, toml::Value::Array(entries))).collect()))
}

fn component(
    component: &Component,
    locked: &LockedApp,
    blobs: &str,
    others: &mut BTreeMap<String, toml::Value>,
    unpacked: &mut Unpacked,
) -> Result<Table, String> {
    let id = &component.id;
    let ours: Ours = match component.metadata.get(OURS) {
        Some(ours) => serde_json::from_value(ours.clone()).map_err(|error| format!("{id}: metadata.{OURS}: {error}"))?,
        None => Ours::default(),
    };
    let wasm = |content: &ContentRef| content.digest.ok_or_else(|| format!("{id}: its wasm has no digest"));
    let source = |digest: Digest| toml::Value::String(format!("{blobs}/{}", digest.hex()));
    let digest = wasm(&component.source.content)?;
    unpacked.wasm.insert(digest);
    let mut table = BTreeMap::from([("source".to_owned(), source(digest))]);
    for (key, called) in [
        ("description", "description"),
        ("allowed_outbound_hosts", "allowed_outbound_hosts"),
        ("key_value_stores", "key_value_stores"),
        ("databases", "sqlite_databases"),
        ("ai_models", "ai_models"),
    ] {
        if let Some(value) = component.metadata.get(key) {
            table.insert(called.to_owned(), toml(value)?);
        }
    }
    for (key, texts) in [("environment", &component.env), ("variables", &component.config)] {
        if !texts.is_empty() {
            let texts = texts.iter().map(|(name, text)| (name.clone(), toml::Value::String(text.clone())));
            table.insert(key.to_owned(), self::table(texts.collect()));
        }
    }
    let mut dependencies = BTreeMap::new();
    for (import, dependency) in &component.dependencies {
        let digest = wasm(&dependency.source.content)?;
        let named = ours.dependencies.get(import);
        let named = match named {
            Some(name) => {
                let other = locked.components.iter().find(|other| other.id == *name);
                if other.is_none_or(|other| other.source.content.digest != Some(digest)) {
                    return Err(format!("{id}: {import} is said to be {name:?}, which is another"));
                }
                name.clone()
            }
            // Spin forgets which component it was: it gets a name of its own.
            None => {
                let name = format!("dependency-x{}", digest.short());
                others
                    .entry(name.clone())
                    .or_insert_with(|| self::table(BTreeMap::from([("source".to_owned(), source(digest))])));
                name
            }
        };
        unpacked.wasm.insert(digest);
        let mut entry = BTreeMap::from([("component".to_owned(), toml::Value::String(named))]);
        if let Some(export) = &dependency.export {
            entry.insert("export".to_owned(), toml::Value::String(export.clone()));
        }
        let inherits = match &dependency.inherit {
            Some(Inherit::All) => true,
            None => false,
            Some(Inherit::Some(parts)) if parts.is_empty() => false,
            Some(Inherit::Some(_)) => {
                return Err(format!("{id}: {import} inherits parts of a configuration: all or none can be"));
            }
        };
        entry.insert("inherit_configuration".to_owned(), toml::Value::Boolean(inherits));
        dependencies.insert(import.clone(), self::table(entry));
    }
    if !dependencies.is_empty() {
        table.insert("dependencies".to_owned(), self::table(dependencies));
    }
    if !component.files.is_empty() {
        files(component, unpacked)?;
        let entry = BTreeMap::from([
            ("source".to_owned(), toml::Value::String(format!("{FILES}/{id}"))),
            ("destination".to_owned(), toml::Value::String("/".to_owned())),
        ]);
        table.insert(FILES.to_owned(), toml::Value::Array(vec![self::table(entry)]));
    }
    if let Some(tool) = &ours.tool {
        table.insert("tool".to_owned(), self::table(BTreeMap::from([(OURS.to_owned(), toml(tool)?)])));
    }
    Ok(table.into_iter().collect())
}

fn files(component: &Component, unpacked: &mut Unpacked) -> Result<(), String> {
    let mut paths = BTreeSet::new();
    for file in &component.files {
        let wrong = |reason: &str| format!("{}: the file {:?}: {reason}", component.id, file.path);
        inside(&file.path).map_err(wrong)?;
        if !paths.insert(&file.path) {
            return Err(wrong("is there twice"));
        }
        if unpacked.files.len() >= limits::FILES {
            return Err(format!("its components see more than {} files", limits::FILES));
        }
        let content = match (&file.content.inline, file.content.digest) {
            (Some(inline), digest) => {
                let bytes = BASE64_STANDARD_NO_PAD.decode(inline).map_err(|_| wrong("is not in base64"))?;
                if digest.is_some_and(|digest| digest != Digest::of(&bytes)) {
                    return Err(wrong("is not what its digest says"));
                }
                FileContent::Bytes(bytes)
            }
            (None, Some(digest)) => FileContent::Layer(digest),
            (None, None) => return Err(wrong("has no content")),
        };
        unpacked.files.push(UnpackedFile { component: component.id.clone(), path: file.path.clone(), content });
    }
    Ok(())
}

/// Whether a path stays within the folder that it is put into.
pub(crate) fn inside(path: &str) -> Result<(), &'static str> {
    if path.is_empty() || path.len() > limits::PATH_BYTES {
        return Err("a path has 1 to 1024 bytes");
    }
    if path.contains(['\\', '\0']) || path.chars().any(char::is_control) {
        return Err("a path has no backslash and no control characters");
    }
    let plain = Path::new(path).components().all(|part| matches!(part, Part::Normal(_)));
    // `a/./b` and `a//b` are read as `a/b`: another spelling of the same place.
    if !plain || path.split('/').any(|part| part.is_empty() || part == ".") {
        return Err("a path leads from the component's root to somewhere within");
    }
    Ok(())
}

/// A component's name, as Spin and the manifest have it: words joined by `-`.
fn is_name(text: &str) -> bool {
    let word =
        |word: &str| word.starts_with(|c: char| c.is_ascii_alphabetic()) && word.chars().all(|c| c.is_ascii_alphanumeric());
    text.len() <= 128 && text.split('-').all(word)
}

fn text_of(value: Option<&Value>) -> String {
    value.and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn table(entries: BTreeMap<String, toml::Value>) -> toml::Value {
    toml::Value::Table(entries.into_iter().collect())
}

/// The same in TOML, which has no null.
fn toml(value: &Value) -> Result<toml::Value, String> {
    Ok(match value {
        Value::Null => return Err("a null, which TOML has not".to_owned()),
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(number), _) => number.into(),
            (None, Some(number)) => number.into(),
            (None, None) => return Err(format!("{number} is too large")),
        },
        Value::String(text) => text.as_str().into(),
        Value::Array(values) => toml::Value::Array(values.iter().map(toml).collect::<Result<_, _>>()?),
        Value::Object(members) => {
            let members: BTreeMap<String, toml::Value> = members
                .iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(key, value)| Ok((key.clone(), toml(value)?)))
                .collect::<Result<_, String>>()?;
            table(members)
        }
    })
}
