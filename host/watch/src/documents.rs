//! What the control plane's API answers, as far as it is shown. What is missing is left out on the screen: an instance may be of another version.

use serde::{Deserialize, Deserializer, Serialize};

/// Text of others: nothing in it moves the cursor.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Text(pub String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from(String::deserialize(deserializer)?.as_str()))
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Self(text.chars().map(|char| if char.is_control() { ' ' } else { char }).collect())
    }
}

impl std::fmt::Display for Text {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&self.0)
    }
}

/// How the fleet is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Status {
    pub instance: Option<Text>,
    pub acts: Option<Text>,
    pub time: Text,
    pub you: You,
    pub rollout: Option<Rollout>,
}

/// Who asks.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct You {
    pub role: Text,
}

/// The last rollout.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Rollout {
    pub id: u64,
    pub application: Text,
    pub state: Text,
    pub stage: Option<Text>,
    pub step: Option<usize>,
    pub weight: Option<u8>,
    pub reason: Option<Text>,
    pub new: Release,
    pub old: Option<Release>,
    pub over: bool,
    pub waiting: Vec<Text>,
    pub progress: Vec<Stage>,
    pub figures: Vec<Figures>,
    pub events: Vec<Event>,
}

/// A release, by its number and its artifact.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Release {
    pub release: u64,
    pub version: Text,
}

/// A stage of the plan.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Stage {
    pub name: Text,
    pub state: Text,
    pub nodes: u64,
    pub steps: Vec<u8>,
    pub gate: Text,
}

/// Both releases on nodes of one kind.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Figures {
    pub kind: Text,
    pub at: Text,
    pub window_ms: u64,
    pub against: Option<Text>,
    pub new: Counted,
    pub old: Option<Counted>,
}

/// What a release did.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Counted {
    pub requests: u64,
    pub per_second: Option<f64>,
    pub error_share: Option<f64>,
    pub latency_ms: Quantiles,
    pub traps: u64,
}

/// How long answers take, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Quantiles {
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p99: Option<f64>,
}

/// Something that has happened.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct Event {
    pub at: Text,
    pub kind: Text,
    pub text: Text,
}

/// A row of the audit log.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Entry {
    pub at: Text,
    pub who: Text,
    pub what: Text,
    pub subject: Text,
    pub detail: Text,
}

/// A node.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(default)]
pub struct Node {
    pub node: Text,
    pub state: Text,
    #[serde(skip_serializing)]
    pub seen_at: Text,
    pub serving: Vec<Share>,
    pub assigned: Option<Vec<Share>>,
    pub drift: Vec<Text>,
}

/// A release's share of a node's requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
pub struct Share {
    pub release: u64,
    pub weight: u8,
}

impl Node {
    /// Its name as people read it: `marquee://edge/-/a` is `edge/a`.
    pub fn name(&self) -> String {
        self.node.0.strip_prefix("marquee://").unwrap_or(&self.node.0).replace("/-/", "/")
    }

    /// What it serves, by releases' numbers.
    pub fn serves(&self) -> String {
        let all: Vec<_> = self.serving.iter().map(|share| format!("{} {} %", share.release, share.weight)).collect();
        if all.is_empty() { "its own".to_owned() } else { all.join(" + ") }
    }

    /// What is to be said of it.
    pub fn remarks(&self) -> String {
        self.drift.iter().map(|text| text.0.as_str()).collect::<Vec<_>>().join("; ")
    }
}

impl Rollout {
    /// Number, state, and where it is.
    pub fn headline(&self) -> String {
        let mut line = format!("rollout {}: {}", self.id, self.state);
        if let Some(stage) = &self.stage {
            line.push_str(&format!(", stage {stage}"));
        }
        if let Some(weight) = self.weight {
            line.push_str(&format!(", {weight} % of an edge's requests"));
        }
        line
    }

    /// How it has ended, if it has.
    pub fn ended(&self) -> Option<crate::Ended> {
        if !self.over {
            return None;
        }
        if self.state.0 == "completed" {
            return Some(crate::Ended::Completed);
        }
        let reason = self.reason.clone().unwrap_or_default();
        Some(crate::Ended::NotRolledOut(format!("rollout {} is {}: {reason}", self.id, self.state)))
    }
}

/// The time of day of a time.
pub fn clock(time: &Text) -> String {
    time.0.get(11..19).map_or_else(String::new, |clock| format!("{clock}Z"))
}
