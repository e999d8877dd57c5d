//! `spin.toml`, the one manifest of both hosts: read, checked as Spin checks it, and resolved into what this host needs.

//!
//! [`Manifest`] is the whole of it: components, each with what it may use ([`Grants`]) and what satisfies its imports, and the table of
//! [`Routes`]. Variables are resolved from their [`VariableSources`].
//!
//! # Invariants
//! - Every fault of a manifest is found, and each says where it is and what to do.
//! - A component is granted what stands here, and nothing else.
//! - Values of variables are in no error and no `Debug` output.
//! - Nothing is read but the manifest and files of variables.

pub mod allowed_hosts;
mod check;
mod dependency;
mod error;
mod grants;
pub mod limits;
mod raw;
mod routes;
mod table;
mod tool;
mod variables;

pub use dependency::{Dependency, DependencyName};
pub use error::{Fault, ManifestError};
pub use grants::{Grants, Mount, Secret};
pub use routes::{Methods, Rate, RegionSource, Route, RouteError, Routes, RunLocation};
pub use tool::Tool;
pub use variables::VariableSources;

use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// An application as its manifest describes it, variables resolved.
#[derive(Clone, Debug)]
pub struct Manifest {
    /// The file.
    pub path: PathBuf,
    /// `application.name`.
    pub name: String,
    /// `application.version`; empty where the manifest gives none.
    pub version: String,
    /// `application.description`.
    pub description: String,
    /// Components by name.
    pub components: BTreeMap<String, Component>,
    /// Which component answers what, and how.
    pub routes: Routes,
    /// SHA-256 of its text, in hexadecimal.
    pub digest: String,
    /// The application's variables that have a value, by name.
    pub variables: BTreeMap<String, Variable>,
    /// What its components were written for.
    pub needs: Needs,
}

/// `[application.tool.marquee]`: what the components of an application need of a host, beside what they import. None: nothing is known.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, default)]
pub struct Needs {
    /// The number of the last migration that they need.
    pub schema: Option<u32>,
    /// The version of what edges and regions say to each other.
    pub ledger_wire: Option<u32>,
}

/// A variable of the application, resolved.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its value.
    pub value: Secret,
    /// Whether the manifest calls it one.
    pub secret: bool,
}

/// One component of the application.
#[derive(Clone, Debug)]
pub struct Component {
    /// Its name in the manifest.
    pub name: String,
    /// The wasm file.
    pub source: PathBuf,
    /// True where at least one HTTP trigger (a private one, too) names it.
    pub triggered: bool,
    /// What it may use. For a component that is only a dependency: what its `tool.marquee` table grants.
    pub grants: Grants,
    /// What satisfies its imports.
    pub dependencies: Vec<Dependency>,
    /// Files that it is to see, beside the folders among its grants.
    pub assets: Assets,
    /// How it is built.
    pub build: Option<Build>,
    /// Its `tool.marquee` table; none where there is no such table.
    pub tool: Option<Tool>,
}

impl Component {
    /// Limits from the `tool.marquee` table, or the defaults.
    #[must_use]
    pub fn limits(&self) -> Tool {
        self.tool.clone().unwrap_or_default()
    }
}

/// Files by patterns, relative to the manifest's folder.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Assets {
    /// Shown at the path that they have.
    pub patterns: Vec<String>,
    /// Not shown, whatever else names them.
    pub excluded: Vec<String>,
}

/// How a component is built.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Build {
    /// Shell commands, in order.
    pub commands: Vec<String>,
    /// Where they run.
    pub folder: PathBuf,
    /// Glob patterns, relative to `folder`, of the files that the wasm is made from.
    pub watch: Vec<String>,
}

impl Manifest {
    /// Reads and checks a manifest; every component's wasm file must be there.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn load(path: &Path, sources: &VariableSources) -> Result<Self, ManifestError> {
        let manifest = Self::parse(&variables::read_bounded(path)?, path, sources)?;
        let faults: Vec<Fault> = manifest.components.values().filter_map(missing_wasm).collect();
        if faults.is_empty() { Ok(manifest) } else { Err(ManifestError::Invalid { path: path.to_owned(), faults }) }
    }

    /// As [`Manifest::load`], from a text, without looking at the components' files. `path` is what errors name and
    /// what relative paths start from.
    ///
    /// # Errors
    /// See [`ManifestError`].
    pub fn parse(text: &str, path: &Path, sources: &VariableSources) -> Result<Self, ManifestError> {
        let raw: raw::Manifest = toml::from_str(text).map_err(|error| ManifestError::Malformed {
            path: path.to_owned(),
            message: error.to_string().trim_end().to_owned(),
        })?;
        let digest = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
        check::check(raw, digest, path, sources)
    }
}

fn missing_wasm(component: &Component) -> Option<Fault> {
    if component.source.is_file() {
        return None;
    }
    let problem = format!("{} is not there", component.source.display());
    Some(Fault::new(format!("component.{}.source", component.name), problem, "run cargo xtask build"))
}
