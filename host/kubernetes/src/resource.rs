//! The custom resource: what it is called, and what an object declares.

use std::collections::BTreeMap;

use kube::api::ApiResource;
use rollout::plan::{Plan, PlanError};
use rollout::protocol::Value as Variable;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// Its group.
pub const GROUP: &str = "marquee.dev";
/// Its version.
pub const VERSION: &str = "v1alpha1";
/// Its kind.
pub const KIND: &str = "FleetRelease";
/// Its name in addresses.
pub const PLURAL: &str = "fleetreleases";

/// How it is asked for.
pub(crate) fn api() -> ApiResource {
    ApiResource {
        group: GROUP.to_owned(),
        version: VERSION.to_owned(),
        api_version: format!("{GROUP}/{VERSION}"),
        kind: KIND.to_owned(),
        plural: PLURAL.to_owned(),
    }
}

/// What an object declares.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Spec {
    application: String,
    pub(crate) reference: String,
    plan: Option<Map<String, Value>>,
    pub(crate) plan_from: Option<PlanFrom>,
    #[serde(default)]
    variables: BTreeMap<String, Assigned>,
    /// Whether nothing begins or goes on.
    #[serde(default)]
    pub(crate) paused: bool,
    /// The gate that is passed: `RELEASE/STAGE`.
    pub(crate) promote: Option<String>,
    #[serde(default)]
    retry: u64,
}

/// Where else a plan is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PlanFrom {
    pub(crate) config_map_key_ref: KeyRef,
}

/// A key of a ConfigMap.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeyRef {
    pub(crate) name: String,
    pub(crate) key: String,
}

/// A variable's value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Assigned {
    value: Option<String>,
    secret: Option<String>,
}

impl Spec {
    /// Reads an object's.
    pub(crate) fn read(spec: &Value) -> Result<Self, String> {
        Self::deserialize(spec).map_err(|error| format!("spec: {error}"))
    }

    /// A digest of what is to be deployed. Neither whether it is paused nor what is promoted makes it another deployment.
    pub(crate) fn want(spec: &Value) -> String {
        let of = |name: &str| spec.get(name).cloned().unwrap_or_default();
        let names = ["application", "reference", "plan", "planFrom", "variables", "retry"];
        let wanted: BTreeMap<&str, Value> = names.iter().map(|name| (*name, of(name))).collect();
        Sha256::digest(json!(wanted).to_string()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Its variables, as releases have them.
    pub(crate) fn variables(&self) -> Result<BTreeMap<String, Variable>, String> {
        let one = |(name, assigned): (&String, &Assigned)| match (&assigned.value, &assigned.secret) {
            (Some(value), None) => Ok((name.clone(), Variable::Text(value.clone()))),
            (None, Some(secret)) => Ok((name.clone(), Variable::Secret { secret: secret.clone() })),
            _ => Err(format!("spec.variables.{name}: write either value or secret")),
        };
        self.variables.iter().map(one).collect()
    }

    /// The plan's text, TOML, looked through: its own, or what was read of the ConfigMap.
    pub(crate) fn plan(&self, read: Option<&str>) -> Result<String, String> {
        let text = match (&self.plan, read) {
            (Some(plan), _) => self.written(plan)?,
            (None, Some(text)) => text.to_owned(),
            (None, None) => return Err("spec: write either plan or planFrom".to_owned()),
        };
        let plan = Plan::parse(&text).map_err(|error| match error {
            PlanError::Malformed { message } => format!("the plan cannot be read: {}", one_line(&message)),
            PlanError::Invalid { faults } => {
                let faults: Vec<String> = faults.iter().map(ToString::to_string).collect();
                faults.join("; ")
            }
        })?;
        if plan.application == self.application {
            return Ok(text);
        }
        Err(format!("the plan is for {:?}, and spec.application is {:?}", plan.application, self.application))
    }

    /// A plan of an object, as files have it.
    fn written(&self, plan: &Map<String, Value>) -> Result<String, String> {
        let mut plan = plan.clone();
        plan.entry("application").or_insert_with(|| self.application.clone().into());
        toml::to_string(&without_nulls(Value::Object(plan))).map_err(|error| format!("the plan cannot be read: {error}"))
    }
}

/// TOML has none.
fn without_nulls(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.into_iter().filter(|(_, member)| !member.is_null());
            Value::Object(kept.map(|(name, member)| (name, without_nulls(member))).collect())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(without_nulls).collect()),
        other => other,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(more: &Value) -> Value {
        let mut spec = json!({ "application": "shop", "reference": "r.example/shop@sha256:1" });
        spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        spec
    }

    fn plan(plan: Value) -> Result<String, String> {
        Spec::read(&spec(&json!({ "plan": plan }))).unwrap().plan(None)
    }

    #[test]
    fn a_plan_is_what_a_file_would_say() {
        let written = plan(json!({
            "interval": "5s", "failure_limit": 2, "freeze": [{ "from": "fri 16:00", "to": "mon 08:00", "reason": null }],
            "stages": [
                { "name": "canary", "nodes": { "kind": "edge", "labels": { "tier": "canary" } }, "step_weight": 10, "gate": "manual" },
                { "name": "all" }
            ],
            "analysis": { "min_requests": 0, "latency": false, "memory": { "max_ratio": 2 } }
        }));
        let file = r#"
            application = "shop"
            interval = "5s"
            failure_limit = 2
            [[freeze]]
            from = "fri 16:00"
            to = "mon 08:00"
            [[stages]]
            name = "canary"
            nodes = { kind = "edge", labels = { tier = "canary" } }
            step_weight = 10
            gate = "manual"
            [[stages]]
            name = "all"
            [analysis]
            min_requests = 0
            latency = false
            memory = { max_ratio = 2 }
        "#;
        assert_eq!(Plan::parse(&written.unwrap()), Plan::parse(file));
    }

    #[test]
    fn every_fault_of_a_plan_is_named_in_one_line() {
        let said = plan(json!({ "interval": "0s", "stages": [{ "name": "A" }] })).unwrap_err();
        assert!(said.contains("interval: ") && said.contains("stages[0].name: ") && !said.contains('\n'), "{said}");
        let said = plan(json!({ "stages": [{ "name": "all" }], "analysis": { "latency": { "ratio": 2 } } })).unwrap_err();
        assert!(said.contains("ratio") && !said.contains('\n'), "{said}");
        let said = plan(json!({ "application": "other", "stages": [{ "name": "all" }] })).unwrap_err();
        assert!(said.contains("other") && said.contains("shop"), "{said}");
        let read = Spec::read(&spec(&json!({ "planFrom": { "configMapKeyRef": { "name": "n", "key": "k" } } }))).unwrap();
        assert!(read.plan(Some("application = \"shop\"\n[[stages]]\nname = \"all\"\n")).is_ok());
        assert!(read.plan(Some("[[stages]]")).is_err() && read.plan(None).is_err());
    }

    #[test]
    fn another_deployment_is_what_nodes_would_notice_or_somebody_asks_for() {
        let base = spec(&json!({ "plan": { "stages": [{ "name": "all" }] } }));
        let with = |more: Value| {
            let mut spec = base.clone();
            spec.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            Spec::want(&spec)
        };
        for same in [json!({ "paused": true }), json!({ "promote": "1/canary" })] {
            assert_eq!(with(same.clone()), Spec::want(&base), "{same}");
        }
        for other in [json!({ "retry": 1 }), json!({ "reference": "r" }), json!({ "variables": { "a": { "value": "b" } } })] {
            assert_ne!(with(other.clone()), Spec::want(&base), "{other}");
        }
    }

    #[test]
    fn a_variable_is_a_value_or_the_name_of_a_secret() {
        let of = |variable: Value| Spec::read(&spec(&json!({ "variables": { "a": variable } }))).unwrap().variables();
        assert_eq!(of(json!({ "value": "" })).unwrap()["a"], Variable::Text(String::new()));
        assert_eq!(of(json!({ "secret": "b" })).unwrap()["a"], Variable::Secret { secret: "b".to_owned() });
        assert!(of(json!({})).is_err() && of(json!({ "value": "x", "secret": "y" })).is_err());
        assert!(Spec::read(&spec(&json!({ "pause": true }))).unwrap_err().contains("pause"));
    }
}
