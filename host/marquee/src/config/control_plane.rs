//! The control plane that a node follows, and what the node is called there.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::Artifact;
use crate::limits;

/// The control plane, as nodes know it.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct ControlPlane {
    /// Where its instances listen for agents: `host:port` each.
    pub nodes: Vec<String>,
    /// What plans may choose the node by.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
}

impl ControlPlane {
    pub(super) fn check(&self, artifact: Option<&Artifact>) -> Result<(), String> {
        let (least, most) = (agent::limits::INSTANCES.start(), agent::limits::INSTANCES.end());
        if !agent::limits::INSTANCES.contains(&self.nodes.len()) {
            return Err(format!("control.nodes: {} instances: {least} to {most}", self.nodes.len()));
        }
        let is_address = |text: &str| {
            let parts = text.rsplit_once(':').and_then(|(host, port)| Some((host, port.parse::<u16>().ok()?)));
            parts.is_some_and(|(host, port)| !host.is_empty() && !host.contains(char::is_whitespace) && port > 0)
        };
        if let Some(address) = self.nodes.iter().find(|address| !is_address(address)) {
            return Err(format!("control.nodes: {address:?} is no address: write host:port"));
        }
        if self.labels.len() > limits::LABELS {
            return Err(format!("control.labels: {} labels: {} at most", self.labels.len(), limits::LABELS));
        }
        let is_plain = |text: &String| {
            let plain = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.'));
            plain && (1..=limits::LABEL_BYTES).contains(&text.len())
        };
        if let Some((name, value)) = self.labels.iter().find(|(name, value)| !is_plain(name) || !is_plain(value)) {
            return Err(format!(
                "control.labels: {name:?} = {value:?}: letters, digits, '-', '_' and '.', 1 to {}",
                limits::LABEL_BYTES
            ));
        }
        if artifact.is_none_or(|artifact| artifact.trusted_keys.is_empty()) {
            let reason = "control: a node that follows a control plane runs what is signed: name whose signature it wants in artifact.trusted_keys";
            return Err(reason.to_owned());
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_say_what_to_write() {
        let trusting = Artifact { trusted_keys: vec!["a.pub".into()], ..Artifact::default() };
        let read = |text: &str| toml::from_str::<ControlPlane>(text).unwrap();
        for (text, said) in [
            ("nodes = [\"10.0.0.9:7643\", \"control.example:7643\", \"[::1]:7643\"]", None),
            ("nodes = [\"10.0.0.9:7643\"]\nlabels = { tier = \"canary\", rack = \"a-1.b\" }", None),
            ("nodes = []", Some("0 instances: 1 to 16")),
            ("nodes = [\"10.0.0.9\"]", Some("write host:port")),
            ("nodes = [\":7643\"]", Some("write host:port")),
            ("nodes = [\"a:0\"]", Some("write host:port")),
            ("nodes = [\"a:1\"]\nlabels = { tier = \"\" }", Some("\"tier\" = \"\"")),
            ("nodes = [\"a:1\"]\nlabels = { tier = \"a b\" }", Some("control.labels")),
        ] {
            let checked = read(text).check(Some(&trusting));
            match said {
                None => assert_eq!(checked, Ok(()), "{text}"),
                Some(said) => assert!(checked.as_ref().is_err_and(|reason| reason.contains(said)), "{text}: {checked:?}"),
            }
        }
        for artifact in [None, Some(&Artifact::default())] {
            assert!(read("nodes = [\"a:1\"]").check(artifact).unwrap_err().contains("artifact.trusted_keys"));
        }
    }
}
