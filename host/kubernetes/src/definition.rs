//! The definition of the resource: what the server of Kubernetes' API takes, refuses and shows.
//!
//! Plans have the keys that files have, in the same words, so that there is one document of them. Their bounds are those of `rollout`.

use rollout::limits as agreed;
use serde_json::{Value, json};

use crate::error::Error;
use crate::limits;
use crate::resource::{GROUP, KIND, PLURAL, VERSION};

/// The definition, in YAML.
///
/// # Errors
/// Where it cannot be written.
pub fn definition() -> Result<String, Error> {
    serde_saphyr::to_string(&document()).map_err(|error| Error::Definition(error.to_string()))
}

pub(crate) fn document() -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("{PLURAL}.{GROUP}") },
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND, "listKind": format!("{KIND}List"), "plural": PLURAL, "singular": KIND.to_lowercase(),
                "shortNames": ["fr"], "categories": ["marquee"],
            },
            "versions": [{
                "name": VERSION,
                "served": true,
                "storage": true,
                "subresources": { "status": {} },
                "additionalPrinterColumns": [
                    column("Phase", "string", ".status.phase", "How far it is", 0),
                    column("Version", "string", ".status.version", "The application's version", 0),
                    column("Step", "string", ".status.step", "The stage, and the share of an edge's requests", 0),
                    column("Release", "integer", ".status.release", "As marquee fleet calls it", 0),
                    column("Nodes", "integer", ".status.nodes.known", "How many nodes are known", 1),
                    column("Away", "integer", ".status.nodes.away", "How many of them are away", 1),
                    column("Message", "string", ".status.conditions[?(@.type==\"Ready\")].message", "Why it is so", 1),
                    column("Age", "date", ".metadata.creationTimestamp", "Since when there is such an object", 0),
                ],
                "schema": { "openAPIV3Schema": {
                    "type": "object",
                    "description": "What release of an application a fleet is to run, and how it gets there. One object in the namespace of each control plane.",
                    "required": ["spec"],
                    "properties": {
                        "apiVersion": { "type": "string" },
                        "kind": { "type": "string" },
                        "metadata": { "type": "object" },
                        "spec": spec(),
                        "status": status(),
                    },
                } },
            }],
        },
    })
}

fn column(name: &str, kind: &str, path: &str, description: &str, priority: u8) -> Value {
    json!({ "name": name, "type": kind, "jsonPath": path, "description": description, "priority": priority })
}

fn described(mut schema: Value, description: &str) -> Value {
    if let Some(members) = schema.as_object_mut() {
        members.insert("description".to_owned(), description.into());
    }
    schema
}

fn text(most: usize, description: &str) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most, "description": description })
}

/// A name as plans have them.
fn name(description: &str) -> Value {
    json!({ "type": "string", "maxLength": agreed::NAME_CHARS, "pattern": "^[a-z0-9-]+$", "description": description })
}

fn duration(description: &str) -> Value {
    json!({ "type": "string", "maxLength": 20, "pattern": "^[0-9]+[smhd]$", "description": description })
}

fn whole(bounds: (impl serde::Serialize, impl serde::Serialize), description: &str) -> Value {
    json!({ "type": "integer", "format": "int64", "minimum": bounds.0, "maximum": bounds.1, "description": description })
}

fn number(description: &str) -> Value {
    json!({ "type": "number", "description": description })
}

fn list(items: Value, most: usize, description: &str) -> Value {
    json!({ "type": "array", "items": items, "maxItems": most, "description": description })
}

fn object(properties: Value, required: &[&str], description: &str) -> Value {
    json!({ "type": "object", "properties": properties, "required": required, "description": description })
}

fn spec() -> Value {
    let variable = object(
        json!({
            "value": { "type": "string", "maxLength": limits::VALUE_CHARS, "description": "The value itself." },
            "secret": text(agreed::NAME_CHARS * 4, "The name of a variable that each node has among its own, whose value it takes: it passes neither through here nor through the control plane."),
        }),
        &[],
        "The value of a variable.",
    );
    let mut variable = variable;
    rules(&mut variable, &[("has(self.value) != has(self.secret)", "write either value or secret")]);
    let variables = json!({
        "type": "object", "maxProperties": limits::VARIABLES, "additionalProperties": variable,
        "description": "Values of the application's variables, stronger than those in nodes' files.",
    });
    let key = object(
        json!({ "name": text(253, "The ConfigMap, in this namespace."), "key": text(253, "Its key.") }),
        &["key", "name"],
        "A key of a ConfigMap that holds a plan, as a file has it. It is read when a rollout begins; a change of it begins none.",
    );
    let mut spec = object(
        json!({
            "application": name("The application, as its manifest and its plan call it."),
            "reference": {
                "type": "string", "maxLength": limits::REFERENCE_CHARS, "pattern": "^[^\\s@]+@sha256:[0-9a-f]{64}$",
                "description": "The version, signed, by its digest: REGISTRY/REPOSITORY@sha256:…. Another one begins a rollout.",
            },
            "plan": plan(),
            "planFrom": object(json!({ "configMapKeyRef": key }), &["configMapKeyRef"], "Where the plan is, if it is not in plan."),
            "variables": variables,
            "paused": { "type": "boolean", "description": "Whether nothing begins, and what is under way gets no further. A bad version is taken back all the same." },
            "promote": text(128, "The gate that may be passed, as status.gate names it: RELEASE/STAGE. It holds of that release alone, so it may stay here."),
            "retry": { "type": "integer", "format": "int64", "minimum": 0, "description": "Another number has the same version tried again, after it was taken back." },
        }),
        &["application", "reference"],
        "What the fleet is to run.",
    );
    rules(&mut spec, &[("has(self.plan) != has(self.planFrom)", "write either plan or planFrom")]);
    spec
}

/// What the server evaluates, in CEL, and what it says where that is false.
fn rules(schema: &mut Value, rules: &[(&str, &str)]) {
    let rules: Vec<Value> = rules.iter().map(|(rule, message)| json!({ "rule": rule, "message": message })).collect();
    if let Some(members) = schema.as_object_mut() {
        members.insert("x-kubernetes-validations".to_owned(), rules.into());
    }
}

/// A plan: keys as `docs/configuration.md` explains them.
fn plan() -> Value {
    let (least, _, most) = agreed::PERCENT;
    let percent = |description| whole((least, most), description);
    let nodes = object(
        json!({
            "kind": { "type": "string", "enum": rollout::protocol::NodeKind::ALL.map(|kind| kind.name()), "description": "Only nodes of this kind." },
            "region": text(agreed::NAME_CHARS, "Only nodes of this region."),
            "labels": {
                "type": "object", "maxProperties": agreed::LABELS, "additionalProperties": { "type": "string", "maxLength": agreed::NAME_CHARS },
                "description": "Only nodes whose own file has all of these labels.",
            },
            "percent": percent("Of the nodes that match: so many, and at least one."),
        }),
        &[],
        "Which nodes the stage is for; the last one takes every node.",
    );
    let stage = object(
        json!({
            "name": name("Names the stage."),
            "nodes": nodes,
            "step_weight": percent("What each step adds to an edge's share of requests."),
            "max_weight": percent("The share with which the stage ends."),
            "hold": duration("How long the last step is looked at."),
            "gate": { "type": "string", "enum": ["none", "manual"], "description": "manual: after the stage it waits for spec.promote." },
        }),
        &["name"],
        "A stage.",
    );
    let moment = |description| text(40, description);
    let freeze = object(
        json!({
            "from": moment("When it begins: RFC 3339, or a day and a time in UTC."),
            "to": moment("When it ends."),
            "reason": text(200, "Shown with it."),
        }),
        &["from", "to"],
        "A time in which no rollout begins or goes on.",
    );
    let (least, _, most) = agreed::FAILURE_LIMIT;
    object(
        json!({
            "application": name("As spec.application; it may be left out."),
            "interval": duration("The time between two looks at what the version does."),
            "progress_deadline": duration("A step that has not got on by then is rolled back."),
            "failure_limit": whole((least, most), "Looks in a row that may fail before the version is rolled back."),
            "rollback_window": duration("How long all nodes keep the version before ready."),
            "freeze": list(freeze, agreed::FREEZES, "When no rollout begins or goes on."),
            "stages": described(
                json!({ "type": "array", "items": stage, "minItems": 1, "maxItems": agreed::STAGES }),
                "One after the other.",
            ),
            "analysis": analysis(),
        }),
        &["stages"],
        "How the fleet gets there: the keys of a plan's file, which docs/configuration.md explains.",
    )
}

fn analysis() -> Value {
    // The server knows no schema for a table or `false`: the control plane looks at what is in them.
    let check = |description: &str| json!({ "x-kubernetes-preserve-unknown-fields": true, "description": format!("{description} A table, or false.") });
    let query = object(
        json!({
            "name": name("Names the query."),
            "promql": text(agreed::QUERY_CHARS, "What Prometheus is asked."),
            "max": number("The most that is fine."),
            "min": number("The least that is fine."),
            "required": { "type": "boolean", "description": "Whether no answer is a failed look." },
        }),
        &["name", "promql"],
        "A query whose value must be within bounds.",
    );
    let (least, _, most) = agreed::MIN_REQUESTS;
    object(
        json!({
            "min_requests": whole((least, most), "Requests that each side must have had."),
            "errors": check("The share of answers with a 5xx."),
            "latency": check("How long answers take."),
            "traps": check("Traps, loops and exhausted memories."),
            "memory": check("The most memory of an instance."),
            "restarts": check("How often instances end."),
            "queries": list(query, agreed::QUERIES, "What Prometheus is asked."),
        }),
        &[],
        "What is looked at.",
    )
}

fn status() -> Value {
    let plain = |kind: &str, description: &str| json!({ "type": kind, "description": description });
    let count = |description: &str| json!({ "type": "integer", "format": "int64", "description": description });
    let condition = object(
        json!({
            "type": plain("string", "Ready, Reconciling or Stalled."),
            "status": { "type": "string", "enum": ["True", "False", "Unknown"] },
            "observedGeneration": count("Of which generation of the object it is."),
            "lastTransitionTime": { "type": "string", "format": "date-time" },
            "reason": plain("string", "Why, in a word."),
            "message": plain("string", "Why, in a sentence."),
        }),
        &["type", "status", "lastTransitionTime", "reason", "message"],
        "A condition.",
    );
    let mut conditions = list(condition, 8, "Ready, Reconciling and Stalled, one of which is true.");
    if let Some(members) = conditions.as_object_mut() {
        members.insert("x-kubernetes-list-type".to_owned(), "map".into());
        members.insert("x-kubernetes-list-map-keys".to_owned(), json!(["type"]));
    }
    let nodes = object(
        json!({
            "known": count("Nodes that are known."),
            "away": count("Those of them that have not been heard of for a while."),
            "drifting": count("Those that are there and are not yet as they are to be."),
        }),
        &[],
        "Nodes of the fleet.",
    );
    object(
        json!({
            "observedGeneration": count("The generation of the object that all of this is about."),
            "phase": plain("string", "How far it is, in a word."),
            "release": count("The number of the release, as marquee fleet has it."),
            "version": plain("string", "What the application calls the version."),
            "step": plain("string", "The stage, and the share of an edge's requests."),
            "gate": plain("string", "The gate that it waits at, for spec.promote."),
            "running": plain("string", "What nodes have, or go back to."),
            "nodes": nodes,
            "conditions": conditions,
        }),
        &[],
        "How the fleet is; written by the control plane.",
    )
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use super::*;

    fn file(path: &str) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
    }

    #[test]
    fn the_file_is_what_the_program_says() {
        let path = file("infra/kubernetes/definition.yaml");
        let there = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            there == definition().unwrap(),
            "{} is not what `marquee control --print-crds` prints: write it anew",
            path.display()
        );
    }

    /// Paths of all that is said of plans, as the document has them.
    fn paths(schema: &Value, at: &str, all: &mut BTreeSet<String>) {
        let within = schema.get("items").map_or(schema, |items| items);
        let list = if schema.get("items").is_some() { "[]" } else { "" };
        match within.get("properties").and_then(Value::as_object) {
            Some(properties) => {
                for (name, schema) in properties {
                    let at = if at.is_empty() { name.clone() } else { format!("{at}{list}.{name}") };
                    paths(schema, &at, all);
                }
            }
            None => _ = all.insert(at.to_owned()),
        }
    }

    #[test]
    fn every_key_of_plans_is_in_the_definition_and_no_other() {
        let mut said = BTreeSet::new();
        paths(&plan(), "", &mut said);
        let text = std::fs::read_to_string(file("docs/configuration.md")).unwrap();
        let (_, section) = text.split_once("\n## Plans of rollouts\n").unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split('`').next());
        // Of what the server does not look into, the table itself stands for its keys.
        let open = |key: &str| {
            key.strip_prefix("analysis.")
                .and_then(|rest| rest.split_once('.'))
                .filter(|(check, _)| !check.ends_with("[]"))
                .map(|(check, _)| format!("analysis.{check}"))
        };
        let documented: BTreeSet<String> = rows.map(|key| open(key).unwrap_or_else(|| key.to_owned())).collect();
        assert_eq!(said, documented);
    }
}
