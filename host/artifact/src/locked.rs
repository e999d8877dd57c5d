//! An application as Spin locks it: what an artifact says of it, in JSON.
//!
//! Spin's crate `locked-app` says what stands there. It has no place for `tool` tables: ours stands in the metadata of each component, under
//! [`OURS`], where other hosts leave it alone.

use crate::digest::Digest;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// The member of a component's metadata, and of the application's, that is ours.
pub(crate) const OURS: &str = "marquee";

/// The application.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct LockedApp {
    pub spin_lock_version: u8,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub must_understand: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub host_requirements: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub variables: BTreeMap<String, Variable>,
    pub triggers: Vec<Trigger>,
    pub components: Vec<Component>,
}

/// A variable of the application: required where it has no default.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Variable {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub secret: bool,
}

/// What leads to a component.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Trigger {
    pub id: String,
    pub trigger_type: String,
    pub trigger_config: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trigger_dependencies: BTreeMap<String, Value>,
}

/// A component.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Component {
    pub id: String,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, Value>,
    pub source: Source,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub env: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<File>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub config: BTreeMap<String, String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<String, Dependency>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub trigger_dependencies: BTreeMap<String, Value>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub host_requirements: BTreeMap<String, Value>,
}

/// A component's wasm.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Source {
    pub content_type: String,
    #[serde(flatten)]
    pub content: ContentRef,
}

/// A file that a component sees.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct File {
    #[serde(flatten)]
    pub content: ContentRef,
    pub path: String,
}

/// Where content is: in a layer, or here.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct ContentRef {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// In base64, without padding.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<Digest>,
}

impl ContentRef {
    pub(crate) fn layer(digest: Digest) -> Self {
        Self { digest: Some(digest), ..Self::default() }
    }
}

/// What satisfies imports of a component.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) struct Dependency {
    pub source: Source,
    pub export: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherit: Option<Inherit>,
}

/// What of its depender's configuration a dependency may use.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub(crate) enum Inherit {
    All,
    Some(Vec<String>),
}

/// What is ours of a component's metadata.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
pub(crate) struct Ours {
    /// `[component.NAME.tool.marquee]`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool: Option<Value>,
    /// The component that satisfies each import: Spin keeps its bytes alone, and grants of its own are by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dependencies: BTreeMap<String, String>,
}
