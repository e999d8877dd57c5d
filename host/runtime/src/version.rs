//! An application, loaded: one immutable thing that a node can hold two of.

use crate::assets;
use crate::background;
use crate::cache::{self, Cache, Origin};
use crate::compose::{self, ComposeError, Part};
use crate::engine::Engine;
use crate::limits;
use bindings::accounts_component::AccountsComponentPre;
use bindings::consumer_component::ConsumerComponentPre;
use bindings::ledger_component::LedgerComponentPre;
use capabilities::{InstanceState, LinkSet};
use contracts::HostRoute;
use hmac::{Hmac, Mac as _};
use manifest::Manifest;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tempfile::TempDir;
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime_wasi_http::handler::ProxyPre;
use wasmtime_wasi_http::{p2, p3};

/// How our own interfaces are satisfied.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Mode {
    /// By this host, each role in its way.
    Native,
    /// By composing dependencies in, as stock Spin does: nothing is linked but WASI and Spin's interfaces.
    Composed,
}

/// Packages whose interfaces this host brings itself in [`Mode::Native`].
const OURS: [&str; 5] = ["marquee:booking", "marquee:edge", "marquee:kafka", "marquee:mail", "marquee:passwords"];
/// What a component that answers HTTP exports.
const HTTP: &str = "wasi:http/handler@0.3.0";
/// What it exports where it was built for WASI 0.2, in any of its versions.
const HTTP_0_2: &str = "wasi:http/incoming-handler@0.2.0";
/// What the component that decides about bookings exports.
const LEDGER: &str = "marquee:booking/ledger@0.1.0";
/// What the component that follows what has happened exports.
const CONSUMER: &str = "marquee:kafka/consumer@0.1.0";
/// What the component that keeps accounts exports, beside `marquee:accounts/directory` of the same version.
const ACCOUNTS: &str = "marquee:accounts/mirror@0.1.0";

/// Why an application cannot be loaded. Each names the component.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its wasm file cannot be read.
    #[error("component {component}: {} cannot be read: {reason}; run cargo xtask build", path.display())]
    Unreadable {
        /// The component.
        component: String,
        /// The file.
        path: PathBuf,
        /// What the operating system says.
        reason: String,
    },
    /// Its dependencies cannot be composed in.
    #[error("component {component}: {source}")]
    Compose {
        /// The component.
        component: String,
        /// Why.
        source: ComposeError,
    },
    /// A dependency that does not inherit its depender's configuration: Spin would wrap it so that it can do nothing; we cannot.
    #[error("component {component}: the dependency {dependency} must say inherit_configuration = true to be composed in")]
    NotInherited {
        /// The component.
        component: String,
        /// The dependency.
        dependency: String,
    },
    /// Its bytes are not a component that wasmtime can compile.
    #[error("component {component}: does not compile: {reason}")]
    Compile {
        /// The component.
        component: String,
        /// What wasmtime says.
        reason: String,
    },
    /// Files that it is to see cannot be shown to it.
    #[error("component {component}: files: {reason}")]
    Files {
        /// The component.
        component: String,
        /// What is wrong with which.
        reason: String,
    },
    /// It imports what nothing here offers, or an interface of another shape.
    #[error("component {component}: does not link: {reason}{}", hint(reason))]
    Link {
        /// The component.
        component: String,
        /// What wasmtime says.
        reason: String,
    },
    /// Its bytes are a core module, not a component.
    #[error(
        "component {component}: {} is a core module, as cargo builds for wasm32-wasip1: build it for wasm32-wasip2, which makes a component",
        path.display()
    )]
    Module {
        /// The component.
        component: String,
        /// The file.
        path: PathBuf,
    },
    /// A trigger names it and it does not answer HTTP.
    #[error(
        "component {component}: a trigger names it, but it exports neither {HTTP} nor {HTTP_0_2}: rebuild it with spin-sdk 7"
    )]
    NotAHandler {
        /// The component.
        component: String,
    },
    /// The linker itself could not be made.
    #[error("the host's interfaces do not link: {0}")]
    Linker(String),
}

/// A component, compiled and linked.
pub(crate) struct LinkedComponent {
    pub(crate) digest: String,
    component: Component,
    pub(crate) exports: Exports,
}

/// What of a component this host calls.
pub(crate) struct Exports {
    pub(crate) http: Option<Arc<ProxyPre<InstanceState>>>,
    pub(crate) ledger: Option<LedgerComponentPre<InstanceState>>,
    pub(crate) consumer: Option<ConsumerComponentPre<InstanceState>>,
    pub(crate) accounts: Option<AccountsComponentPre<InstanceState>>,
}

/// An application as it was loaded: its manifest, and its components' digests and compiled code. Never changes; roles
/// share it.
pub struct Version {
    id: String,
    mode: Mode,
    engine: Engine,
    manifest: Manifest,
    components: BTreeMap<String, LinkedComponent>,
    /// Files that components see, for as long as there is this.
    _files: Vec<TempDir>,
}

impl Version {
    /// Names all that changes what the application does, in hexadecimal: the manifest's text, the values of variables, the mode, every
    /// component's bytes and the files that it sees. Of secrets it has a digest [keyed](Loader::keyed) for this node. What the host makes for each process
    /// ([`HostRoute::VARIABLE`]) is left out.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// How our own interfaces are satisfied.
    #[must_use]
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The manifest.
    #[must_use]
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The beginning of its id, as a number.
    #[must_use]
    pub fn number(&self) -> u64 {
        self.id.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
    }

    /// The loaded components with the digests of their bytes (as composed), by name.
    pub fn digests(&self) -> impl Iterator<Item = (&str, &str)> {
        self.components.iter().map(|(name, loaded)| (name.as_str(), loaded.digest.as_str()))
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// An interface that a host drives which this version exports and the other one does not: to who drives it, the other would be as good as none.
    #[must_use]
    pub fn exports_beyond(&self, other: &Self) -> Option<&'static str> {
        let theirs = other.driven();
        self.driven().into_iter().zip(theirs).find_map(|(own, theirs)| own.filter(|_| theirs.is_none()))
    }

    /// Which interfaces that a host drives its components export.
    fn driven(&self) -> [Option<&'static str>; 3] {
        let has = |exports: fn(&Exports) -> bool| self.components.values().any(|loaded| exports(&loaded.exports));
        [
            has(|exports| exports.ledger.is_some()).then_some(LEDGER),
            has(|exports| exports.consumer.is_some()).then_some(CONSUMER),
            has(|exports| exports.accounts.is_some()).then_some(ACCOUNTS),
        ]
    }

    pub(crate) fn loaded(&self) -> impl Iterator<Item = (&manifest::Component, &LinkedComponent)> {
        self.components.iter().filter_map(|(name, loaded)| Some((self.manifest.components.get(name)?, loaded)))
    }
}

impl std::fmt::Debug for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Version").field("id", &self.id).field("mode", &self.mode).finish_non_exhaustive()
    }
}

/// Loads applications. A component whose bytes are those of the application loaded before is neither compiled nor
/// loaded again.
pub struct Loader {
    engine: Engine,
    cache: Cache,
    key: Vec<u8>,
    known: Mutex<BTreeMap<String, Component>>,
}

impl Loader {
    /// A loader for this engine, with the compile cache that it reads and fills.
    #[must_use]
    pub fn new(engine: Engine, cache: Cache) -> Self {
        Self { engine, cache, key: Vec::new(), known: Mutex::default() }
    }

    /// Has ids of versions cover secrets by digests with this key. It must be kept as the secrets are: who has it can try guesses. Without a
    /// key ids do not cover secrets.
    #[must_use]
    pub fn keyed(mut self, key: Vec<u8>) -> Self {
        self.key = key;
        self
    }

    /// As [`load`](Self::load), on one thread of low priority: for a version that is to come, beside one that answers requests.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load_behind(self: &Arc<Self>, manifest: Manifest, mode: Mode) -> Result<Arc<Version>, LoadError> {
        self.load_as(manifest, mode, true).await
    }

    /// Reads, composes, compiles and links what a manifest names. Components are worked on at the same time, off the async
    /// threads.
    ///
    /// Of components without a trigger, those with a `tool.marquee` table are loaded, and only in [`Mode::Native`]: the
    /// rest exists to be composed in.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(self: &Arc<Self>, manifest: Manifest, mode: Mode) -> Result<Arc<Version>, LoadError> {
        self.load_as(manifest, mode, false).await
    }

    async fn load_as(self: &Arc<Self>, manifest: Manifest, mode: Mode, behind: bool) -> Result<Arc<Version>, LoadError> {
        let staging = tokio::task::spawn_blocking(move || stage(manifest));
        let (manifest, files, seen) = staging.await.map_err(|error| LoadError::Linker(error.to_string()))??;
        let manifest = Arc::new(manifest);
        let wanted = manifest
            .components
            .values()
            .filter(|component| component.triggered || (mode == Mode::Native && component.tool.is_some()));
        // Those of one file come one after the other, so that it is compiled once.
        let mut by_source: BTreeMap<&Path, Vec<String>> = BTreeMap::new();
        for component in wanted {
            by_source.entry(&component.source).or_default().push(component.name.clone());
        }
        let groups: Vec<Vec<String>> = by_source.into_values().collect();
        let groups = if behind { vec![groups.concat()] } else { groups };
        let works: Vec<_> = groups
            .into_iter()
            .map(|names| {
                let (loader, manifest) = (Arc::clone(self), Arc::clone(&manifest));
                let work = move || {
                    let mut compiled = Vec::with_capacity(names.len());
                    for name in names {
                        let next = loader.component(&manifest, &name, mode, &compiled)?;
                        compiled.push(next);
                    }
                    Ok::<_, LoadError>(compiled)
                };
                tokio::task::spawn_blocking(move || if behind { background::run(work) } else { work() })
            })
            .collect();
        let mut compiled = Vec::new();
        for work in works {
            compiled.extend(work.await.map_err(|error| LoadError::Linker(error.to_string()))??);
        }
        let linker = linker(&self.engine, mode)?;
        let mut components = BTreeMap::new();
        for (name, digest, component) in compiled {
            let exports = link(&linker, &name, &component)?;
            let triggered = manifest.components.get(&name).is_some_and(|component| component.triggered);
            if triggered && exports.http.is_none() {
                return Err(LoadError::NotAHandler { component: name });
            }
            components.insert(name, LinkedComponent { digest, component, exports });
        }
        let known = components.values().map(|loaded| (loaded.digest.clone(), loaded.component.clone())).collect();
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
        let manifest = Arc::unwrap_or_clone(manifest);
        let id = id(&manifest, mode, &components, &seen, &self.key);
        Ok(Arc::new(Version { id, mode, engine: self.engine.clone(), manifest, components, _files: files }))
    }

    /// A component, unless it is one of the last application's or of these, by its name and the digest of its bytes.
    fn component(
        &self,
        manifest: &Manifest,
        name: &str,
        mode: Mode,
        before: &[(String, String, Component)],
    ) -> Result<(String, String, Component), LoadError> {
        let began = Instant::now();
        let wasm = bytes(manifest, name, mode)?;
        let digest = cache::digest(&wasm);
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).get(&digest).cloned();
        let same = || before.iter().find(|(_, other, _)| *other == digest).map(|(_, _, component)| component.clone());
        if let Some(component) = known.or_else(same) {
            return Ok((name.to_owned(), digest, component));
        }
        let (component, origin) = self
            .cache
            .component(&self.engine, &wasm, &digest)
            .map_err(|error| LoadError::Compile { component: name.to_owned(), reason: format!("{error:#}") })?;
        // The first request need not wait for what can be done now.
        component
            .initialize_copy_on_write_image()
            .map_err(|error| LoadError::Compile { component: name.to_owned(), reason: format!("{error:#}") })?;
        let took_ms = began.elapsed().as_millis();
        match origin {
            Origin::Compiled => tracing::info!(component = name, took_ms, "compiled"),
            Origin::Cached => tracing::debug!(component = name, took_ms, "loaded from the compile cache"),
        }
        Ok((name.to_owned(), digest, component))
    }
}

/// What of an application's files components see, by component.
type SeenDigests = BTreeMap<String, Vec<u8>>;

/// Copies what components are to see and cannot be shown as it is, and names what they see.
fn stage(mut manifest: Manifest) -> Result<(Manifest, Vec<TempDir>, SeenDigests), LoadError> {
    let root = manifest.path.parent().unwrap_or_else(|| Path::new("")).to_owned();
    let (mut folders, mut seen) = (Vec::new(), SeenDigests::new());
    for (name, component) in &mut manifest.components {
        let staged = assets::stage(&root, component);
        let (digest, folder) = staged.map_err(|reason| LoadError::Files { component: name.clone(), reason })?;
        folders.extend(folder);
        seen.insert(name.clone(), digest);
    }
    Ok((manifest, folders, seen))
}

/// A component's bytes with all its dependencies composed in, as [`Mode::Composed`] runs it.
///
/// # Errors
/// Where one of them cannot be read, or they do not fit.
pub fn composed(manifest: &Manifest, name: &str) -> Result<Vec<u8>, LoadError> {
    bytes(manifest, name, Mode::Composed)
}

/// A component's bytes as its file has them.
///
/// # Errors
/// Where it cannot be read, is too large, or is no component.
pub fn uncomposed(manifest: &Manifest, name: &str) -> Result<Vec<u8>, LoadError> {
    read(name, source(manifest, name))
}

fn source<'m>(manifest: &'m Manifest, name: &str) -> &'m Path {
    manifest.components.get(name).map_or(Path::new(""), |component| &component.source)
}

/// A component's bytes, with those dependencies composed in that this host does not bring itself.
pub(crate) fn bytes(manifest: &Manifest, name: &str, mode: Mode) -> Result<Vec<u8>, LoadError> {
    let wasm = read(name, source(manifest, name))?;
    let mut parts = Vec::new();
    for dependency in manifest.components.get(name).map_or(&[][..], |component| &component.dependencies) {
        if mode == Mode::Native && dependency.name.package().is_some_and(|package| OURS.contains(&package)) {
            continue;
        }
        if !dependency.inherits {
            let (component, dependency) = (name.to_owned(), dependency.name.to_string());
            return Err(LoadError::NotInherited { component, dependency });
        }
        let wasm = read(&dependency.component, source(manifest, &dependency.component))?;
        parts.push(Part { name: &dependency.name, export: dependency.export.as_deref(), wasm });
    }
    if parts.is_empty() {
        return Ok(wasm);
    }
    let native: &[&str] = if mode == Mode::Native { &OURS } else { &[] };
    compose::compose(name, wasm, parts, native).map_err(|source| LoadError::Compose { component: name.to_owned(), source })
}

fn read(component: &str, path: &Path) -> Result<Vec<u8>, LoadError> {
    let unreadable = |reason: String| LoadError::Unreadable { component: component.to_owned(), path: path.to_owned(), reason };
    let length = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.len();
    if length > limits::WASM_BYTES {
        return Err(unreadable(format!("larger than {} bytes", limits::WASM_BYTES)));
    }
    let wasm = std::fs::read(path).map_err(|error| unreadable(error.to_string()))?;
    if wasm.starts_with(MODULE) {
        return Err(LoadError::Module { component: component.to_owned(), path: path.to_owned() });
    }
    Ok(wasm)
}

/// How the bytes of a core module begin: a component has another number in the second half.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

/// Packages that Spin offers and this host does not, and what to do without them.
const MISSING: [(&str, &str); 9] = [
    ("spin:mqtt", "this host has no MQTT"),
    ("fermyon:spin/mqtt", "this host has no MQTT"),
    ("spin:mysql", "this host has no MySQL: use Postgres or SQLite"),
    ("fermyon:spin/mysql", "this host has no MySQL: use Postgres or SQLite"),
    ("fermyon:spin/llm", "this host has no language models"),
    ("wasi:keyvalue", "use spin:key-value, as spin-sdk 7 does"),
    ("wasi:config", "use spin:variables, as spin-sdk 7 does"),
    (
        "fermyon:spin",
        "of the earlier interfaces this host has key-value, sqlite and variables at 2.0.0: rebuild it with spin-sdk 7",
    ),
    ("spin:", "this host has the interfaces of spin-sdk 7: rebuild it with that"),
];

/// What to do about an import that is not here, by the text in which wasmtime names it.
fn hint(reason: &str) -> String {
    let named = |(package, hint): &(&str, &str)| reason.contains(&format!("`{package}")).then(|| format!("; {hint}"));
    let draft = ["0.2.0-rc", "0.3.0-rc"].iter().any(|draft| reason.contains(draft));
    let drafts = draft.then(|| "; it is built for a draft of WASI: rebuild it with spin-sdk 7".to_owned());
    MISSING.iter().find_map(named).or(drafts).unwrap_or_default()
}

fn linker(engine: &Engine, mode: Mode) -> Result<Linker<InstanceState>, LoadError> {
    let mut linker = Linker::new(engine.wasmtime());
    let set = match mode {
        Mode::Native => LinkSet::All,
        Mode::Composed => LinkSet::SpinOnly,
    };
    capabilities::add_to_linker(&mut linker, set).map_err(|error| LoadError::Linker(format!("{error:#}")))?;
    Ok(linker)
}

fn link(linker: &Linker<InstanceState>, name: &str, component: &Component) -> Result<Exports, LoadError> {
    let failed = |error: wasmtime::Error| LoadError::Link { component: name.to_owned(), reason: format!("{error:#}") };
    let pre: InstancePre<InstanceState> = linker.instantiate_pre(component).map_err(failed)?;
    let has = |interface: &str| component.get_export_index(None, interface).is_some();
    let http = if has(HTTP) {
        Some(Arc::new(ProxyPre::P3(p3::bindings::ServicePre::new(pre.clone()).map_err(failed)?)))
    } else if has(HTTP_0_2) {
        Some(Arc::new(ProxyPre::P2(p2::bindings::ProxyPre::new(pre.clone()).map_err(failed)?)))
    } else {
        None
    };
    let ledger = has(LEDGER).then(|| LedgerComponentPre::new(pre.clone())).transpose().map_err(failed)?;
    let consumer = has(CONSUMER).then(|| ConsumerComponentPre::new(pre.clone())).transpose().map_err(failed)?;
    let accounts = has(ACCOUNTS).then(|| AccountsComponentPre::new(pre)).transpose().map_err(failed)?;
    Ok(Exports { http, ledger, consumer, accounts })
}

fn id(manifest: &Manifest, mode: Mode, components: &BTreeMap<String, LinkedComponent>, seen: &SeenDigests, key: &[u8]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(&manifest.digest);
    hasher.update(format!("{mode:?}"));
    for (name, variable) in manifest.variables.iter().filter(|(name, _)| *name != HostRoute::VARIABLE) {
        let value = variable.value.expose().as_bytes();
        let Some(value) = (if variable.secret { keyed(key, value) } else { Some(value.to_vec()) }) else { continue };
        // Lengths first, so that no two lists of variables are one.
        for part in [name.as_bytes(), &value] {
            hasher.update((part.len() as u64).to_be_bytes());
            hasher.update(part);
        }
    }
    for (name, loaded) in components {
        hasher.update(name);
        hasher.update([0]);
        hasher.update(&loaded.digest);
        hasher.update(seen.get(name).map_or(&[][..], Vec::as_slice));
    }
    hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// HMAC-SHA-256 (RFC 2104); none without a key.
fn keyed(key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok().filter(|_| !key.is_empty())?;
    mac.update(value);
    Some(mac.finalize().into_bytes().to_vec())
}
