//! The manifest as it is written. Unknown keys are refused where Spin refuses them.
//!
//! Where a key may hold several shapes it is kept as a TOML value, and `check` says what it may be: serde's own message
//! for such keys ("did not match any variant") helps no reader.

use serde::Deserialize;
use std::collections::BTreeMap;
use toml::{Table, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    pub spin_manifest_version: Value,
    pub application: Application,
    #[serde(default)]
    pub variables: BTreeMap<String, Variable>,
    #[serde(default)]
    pub trigger: BTreeMap<String, Vec<Table>>,
    #[serde(default)]
    pub component: BTreeMap<String, Component>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Application {
    pub name: String,
    #[serde(default)]
    pub version: String,
    #[serde(default)]
    pub description: String,
    #[serde(default, rename = "authors")]
    pub _authors: Vec<String>,
    #[serde(default, rename = "targets")]
    pub _targets: Vec<Value>,
    #[serde(default)]
    pub trigger: BTreeMap<String, Table>,
    #[serde(default)]
    pub tool: BTreeMap<String, Table>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Variable {
    #[serde(default, rename = "description")]
    pub _description: Option<String>,
    #[serde(default)]
    pub required: bool,
    pub default: Option<String>,
    #[serde(default)]
    pub secret: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Trigger {
    #[serde(default, rename = "id")]
    pub _id: String,
    pub component: Option<Value>,
    pub route: Option<Value>,
    pub executor: Option<Value>,
    #[serde(default)]
    pub components: Table,
    #[serde(default)]
    pub dependencies: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Component {
    pub source: Value,
    #[serde(default, rename = "description")]
    pub _description: String,
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    #[serde(default)]
    pub files: Vec<Value>,
    #[serde(default)]
    pub exclude_files: Vec<String>,
    #[serde(default)]
    pub allowed_http_hosts: Vec<String>,
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    #[serde(default)]
    pub ai_models: Vec<String>,
    #[serde(default, rename = "targets")]
    pub _targets: Option<Vec<Value>>,
    pub build: Option<Build>,
    #[serde(default)]
    pub tool: BTreeMap<String, Table>,
    pub dependencies_inherit_configuration: Option<bool>,
    #[serde(default)]
    pub dependencies: BTreeMap<String, Value>,
    #[serde(default, rename = "profile")]
    pub _profile: Table,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Build {
    pub command: Value,
    #[serde(default)]
    pub workdir: Option<String>,
    #[serde(default)]
    pub watch: Vec<String>,
}

/// `[component.NAME.tool.marquee]`.
#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Tool {
    /// Read by itself, row by row, so that a fault names its row: see `table`.
    #[serde(default, rename = "routes")]
    pub _routes: Option<Table>,
    pub concurrency: Option<u32>,
    pub instances: Option<u32>,
    pub reuse: Option<u32>,
    pub memory_mib: Option<u32>,
    pub timeout_ms: Option<u32>,
    #[serde(default)]
    pub sqlite_databases: Vec<String>,
    #[serde(default)]
    pub key_value_stores: Vec<String>,
    #[serde(default)]
    pub allowed_outbound_hosts: Vec<String>,
    #[serde(default)]
    pub internet: String,
    #[serde(default)]
    pub kafka_topics: Vec<String>,
    #[serde(default)]
    pub variables: BTreeMap<String, String>,
}

/// `{ component = "…" }` in `[component.NAME.dependencies]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Dependency {
    pub component: String,
    pub export: Option<String>,
    pub inherit_configuration: Option<Value>,
}

/// A row of `[component.NAME.tool.marquee.routes]`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table like { runs = \"edge\" }")]
pub(super) struct Row {
    pub runs: Option<RunLocation>,
    pub by: Option<RegionSource>,
    pub host: Option<HostCall>,
    #[serde(default)]
    pub roles: bool,
    #[serde(default)]
    pub recent: bool,
    #[serde(default)]
    pub token: bool,
    #[serde(default)]
    pub immutable: bool,
    pub body_mib: Option<u32>,
    pub rate: Option<Rate>,
}

#[derive(Clone, Copy, Deserialize, PartialEq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RunLocation {
    Edge,
    Region,
    Accounts,
    EveryRegion,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "a table with one of path, body and query, and perhaps or")]
pub(super) struct RegionSource {
    pub path: Option<String>,
    pub body: Option<String>,
    pub or: Option<String>,
    pub query: Option<String>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum HostCall {
    Tick,
    Command,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Rate {
    Attempts,
}
