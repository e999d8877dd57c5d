//! A plan as TOML has it, before anything is checked but names of keys and types.

use std::collections::BTreeMap;
use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPlan {
    pub application: Option<String>,
    pub interval: Option<String>,
    pub progress_deadline: Option<String>,
    pub failure_limit: Option<i64>,
    pub rollback_window: Option<String>,
    #[serde(default)]
    pub freeze: Vec<RawFreeze>,
    #[serde(default)]
    pub stages: Vec<RawStage>,
    pub analysis: Option<RawAnalysis>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFreeze {
    // TOML has dates of its own: quoted or not, both are read.
    pub from: Option<toml::Value>,
    pub to: Option<toml::Value>,
    pub reason: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStage {
    pub name: Option<String>,
    pub nodes: Option<RawSelector>,
    pub step_weight: Option<i64>,
    pub max_weight: Option<i64>,
    pub hold: Option<String>,
    pub gate: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSelector {
    pub kind: Option<String>,
    pub region: Option<String>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    pub percent: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAnalysis {
    pub min_requests: Option<i64>,
    #[serde(default)]
    pub errors: Switchable<RawErrors>,
    #[serde(default)]
    pub latency: Switchable<RawLatency>,
    #[serde(default)]
    pub traps: Switchable<RawTraps>,
    #[serde(default)]
    pub memory: Switchable<RawMemory>,
    #[serde(default)]
    pub restarts: Switchable<RawRestarts>,
    #[serde(default)]
    pub queries: Vec<RawQuery>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawErrors {
    pub max_increase: Option<f64>,
    pub confidence: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawLatency {
    pub quantile: Option<f64>,
    pub max_ratio: Option<f64>,
    pub min_increase_ms: Option<f64>,
    pub confidence: Option<f64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTraps {
    pub max: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawMemory {
    pub max_ratio: Option<f64>,
    pub min_increase_mib: Option<i64>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRestarts {
    pub max_ratio: Option<f64>,
    pub min_increase: Option<f64>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawQuery {
    pub name: Option<String>,
    pub promql: Option<String>,
    pub max: Option<f64>,
    pub min: Option<f64>,
    pub required: Option<bool>,
}

/// A check: a table, `false` where it is not to be made, and its defaults where nothing is said.
#[derive(Debug)]
pub(super) enum Switchable<T> {
    Off,
    On(T),
}

impl<T> Switchable<T> {
    pub(super) fn into_table(self) -> Option<T> {
        match self {
            Self::Off => None,
            Self::On(table) => Some(table),
        }
    }
}

impl<T: Default> Default for Switchable<T> {
    fn default() -> Self {
        Self::On(T::default())
    }
}

// By hand, since an untagged enum would not say which of a table's keys is wrong.
impl<'de, T: Deserialize<'de>> Deserialize<'de> for Switchable<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TableOrFalse<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for TableOrFalse<T> {
            type Value = Switchable<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a table, or `false` for a check that is not to be made")
            }

            fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
                if value { Err(E::custom("write a table (`{}` has the defaults), or `false`")) } else { Ok(Switchable::Off) }
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(Switchable::On)
            }
        }

        deserializer.deserialize_any(TableOrFalse(PhantomData))
    }
}
