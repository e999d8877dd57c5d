//! A new rollout: the plan is read, the version fetched and verified, and whether all known nodes can run it is looked at before the first one hears of it.

use std::collections::{BTreeMap, BTreeSet};

use rollout::compatibility;
use rollout::machine::{Rollout, Verb};
use rollout::plan::{Plan, PlanError};
use rollout::protocol::{Needs, Release, ReleaseId, Value};
use serde::Deserialize;

use crate::artifacts::{Resolved, Unusable};
use crate::control::Shared;
use crate::declarations::Declaration;
use crate::error::Error;
use crate::limits;
use crate::people::{Caller, Problem};
use crate::rounds;
use crate::store::{AuditEntry, NewRelease, NodeRow, RolloutRow, Snapshot};

/// What somebody wants to be rolled out.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Deployment {
    /// The version, by tag or digest.
    pub(crate) reference: String,
    /// Values of its variables.
    #[serde(default)]
    pub(crate) variables: BTreeMap<String, Value>,
    /// How, TOML.
    pub(crate) plan: String,
}

/// Begins a rollout. False with it: it is under way already, or has been begun for this very declaration.
pub(crate) async fn deploy(
    shared: &Shared,
    caller: &Caller,
    deployment: Deployment,
    declaration: Option<&Declaration>,
) -> Result<(RolloutRow, bool), Problem> {
    let Ok(_one) = shared.deployments.try_acquire() else {
        return Err(Problem::conflict("Another deployment is being looked at: ask again once it has been answered."));
    };
    let Deployment { reference, variables, plan } = deployment;
    let plan = read_plan(shared, &plan)?;
    bounded(&variables)?;
    let snapshot = shared.store.look().await?;
    if let Some(row) = under_way(&snapshot) {
        let wanted = &row.state.new;
        let alike = row.state.plan == plan && wanted.variables == variables;
        if alike && (wanted.reference == reference || resolve(shared, reference).await?.reference == wanted.reference) {
            return Ok((row.clone(), false));
        }
        return Err(busy(row));
    }
    if let Some(freeze) = plan.frozen(snapshot.now) {
        return Err(Problem::conflict(format!("The plan is frozen now ({freeze}): nothing begins until that is over.")));
    }
    let resolved = resolve(shared, reference).await?;
    let needs = check(shared, &plan, &resolved, &variables).await?;
    begin(shared, caller, &plan, resolved, needs, variables, declaration).await
}

fn read_plan(shared: &Shared, text: &str) -> Result<Plan, Problem> {
    let plan = Plan::parse(text).map_err(|error| match error {
        PlanError::Malformed { message } => Problem::unusable("The plan cannot be read.", vec![message]),
        PlanError::Invalid { faults } => {
            Problem::unusable("The plan cannot be used.", faults.iter().map(ToString::to_string).collect())
        }
    })?;
    if shared.prometheus.is_none() && !plan.analysis.queries.is_empty() {
        let fault = "analysis.queries: this control plane has no Prometheus; name one in its file, or leave them out";
        return Err(Problem::unusable("The plan cannot be used.", vec![fault.to_owned()]));
    }
    Ok(plan)
}

fn bounded(variables: &BTreeMap<String, Value>) -> Result<(), Problem> {
    let bytes: usize = variables
        .iter()
        .map(|(name, value)| {
            name.len()
                + match value {
                    Value::Text(value) => value.len(),
                    Value::Secret { secret } => secret.len(),
                }
        })
        .sum();
    if variables.len() <= limits::VARIABLES && bytes <= limits::VARIABLES_BYTES {
        return Ok(());
    }
    let (most, weight) = (limits::VARIABLES, limits::VARIABLES_BYTES);
    Err(Problem::unusable(format!("A release has at most {most} variables, and {weight} bytes of them."), Vec::new()))
}

/// The rollout that is not over.
fn under_way(snapshot: &Snapshot) -> Option<&RolloutRow> {
    snapshot.rollout.as_ref().filter(|row| !row.state.state.is_final())
}

fn busy(row: &RolloutRow) -> Problem {
    let (id, state) = (row.release.0, row.state.state.name());
    Problem::conflict(format!("Rollout {id} is {state}: one at a time. Wait until it is over, or abort it."))
}

async fn resolve(shared: &Shared, reference: String) -> Result<Resolved, Problem> {
    let resolved = shared.artifacts.resolve(reference).await;
    shared.metrics.version(match &resolved {
        Ok(_) => "found",
        Err(Unusable::Away(_)) => "away",
        Err(Unusable::Refused(_)) => "refused",
    });
    resolved.map_err(|error| match error {
        Unusable::Away(reason) => Problem::unavailable(reason),
        Unusable::Refused(reason) => Problem::unusable("The version cannot be used.", vec![reason]),
    })
}

/// Looks whether all nodes can run it, and whether the plan means any of them. Returns what it needs.
async fn check(shared: &Shared, plan: &Plan, resolved: &Resolved, variables: &BTreeMap<String, Value>) -> Result<Needs, Problem> {
    let mut faults = Vec::new();
    if plan.application != resolved.application {
        faults.push(format!("the plan is for {:?}, and the version is of {:?}", plan.application, resolved.application));
    }
    let unknown = variables.keys().filter(|name| !resolved.variables.contains(*name));
    faults.extend(unknown.map(|name| format!("the version has no variable {name:?}")));
    let needs = needs(&resolved.needs, variables);
    let (nodes, _) = shared.store.nodes().await?;
    if nodes.is_empty() {
        return Err(Problem::conflict("No node has reported yet: there is nobody to roll it out to."));
    }
    for (at, stage) in plan.stages.iter().enumerate() {
        // A kind of which there is none is passed over. A label or region that nobody has is a slip: what the stage is there to find would be found by
        // everybody.
        let chosen = !stage.nodes.labels.is_empty() || stage.nodes.region.is_some();
        if chosen && !nodes.iter().any(|node| stage.nodes.matches(&node.report.node)) {
            faults.push(format!("stages[{at}].nodes: none of the {} known nodes is meant by {:?}", nodes.len(), stage.name));
        }
    }
    faults.extend(unfit(&needs, &nodes));
    if faults.is_empty() { Ok(needs) } else { Err(Problem::unusable("It cannot be rolled out to this fleet.", faults)) }
}

/// What nodes must have: what the release sets itself they need not, and what it takes of their secrets they must.
fn needs(version: &Needs, variables: &BTreeMap<String, Value>) -> Needs {
    let secrets = variables.values().filter_map(|value| match value {
        Value::Secret { secret } => Some(secret.clone()),
        Value::Text(_) => None,
    });
    let open: BTreeSet<String> = version.variables.iter().filter(|name| !variables.contains_key(*name)).cloned().collect();
    Needs { variables: open.into_iter().chain(secrets).collect(), ..version.clone() }
}

/// Nodes that cannot run it, each with why.
fn unfit(needs: &Needs, nodes: &[NodeRow]) -> Vec<String> {
    let mut faults: Vec<String> = Vec::new();
    for node in nodes {
        if let Err(reasons) = compatibility::check(needs, &node.report.node) {
            faults.extend(reasons.into_iter().map(|reason| format!("{}: {reason}", node.node)));
        }
    }
    let more = faults.len().saturating_sub(limits::NAMED);
    faults.truncate(limits::NAMED);
    if more > 0 {
        faults.push(format!("and {more} more"));
    }
    faults
}

async fn begin(
    shared: &Shared,
    caller: &Caller,
    plan: &Plan,
    resolved: Resolved,
    needs: Needs,
    variables: BTreeMap<String, Value>,
    declaration: Option<&Declaration>,
) -> Result<(RolloutRow, bool), Problem> {
    for _ in 0..limits::SWAPS {
        let snapshot = shared.store.look().await?;
        if let Some(declaration) = declaration {
            if let Some(row) = begun(shared, declaration).await? {
                return Ok((row, false));
            }
            if snapshot.lease.holder != shared.name {
                return Err(Problem::unavailable("Another instance acts."));
            }
        }
        if let Some(row) = under_way(&snapshot) {
            return Err(busy(row));
        }
        let old = match &snapshot.rollout {
            Some(row) => outcome(shared, row, &resolved, &variables).await?,
            None => None,
        };
        let id = shared.store.next_release().await?;
        let release = Release { id, reference: resolved.reference.clone(), variables: variables.clone(), needs: needs.clone() };
        let json = |text: serde_json::Result<String>| text.map_err(|error| Problem::from(Error::row("control_releases", error)));
        let new = NewRelease {
            id,
            application: resolved.application.clone(),
            version: resolved.version.clone(),
            release: json(serde_json::to_string(&release))?,
            contents: json(serde_json::to_string(&resolved.contents))?,
            state: json(serde_json::to_string(&Rollout::new(plan.clone(), old, release, snapshot.now)))?,
            by: caller.name.clone(),
            declaration: declaration.cloned(),
        };
        let (reference, count) = (&resolved.reference, variables.len());
        let detail = format!("{reference}, {count} variables, {} stages", plan.stages.len());
        let entry = AuditEntry::new(&caller.name, "deploy", format!("rollout {}", id.0), detail);
        if shared.store.begin_rollout(&new, snapshot.lease.stamp, &entry).await? {
            tracing::info!(rollout = id.0, reference, by = caller.name, "a rollout begins");
            let row = shared.store.rollout(id).await?;
            shared.changed.notify_one();
            return Ok((row.ok_or_else(|| Error::row("control_rollouts", "the new one is not there"))?, true));
        }
        shared.metrics.conflict("person");
    }
    Err(Problem::conflict("Others change what nodes are to do all the time: try again."))
}

/// The rollout that was begun for this generation of an object, or a later one.
async fn begun(shared: &Shared, declaration: &Declaration) -> Result<Option<RolloutRow>, Problem> {
    match shared.store.declared(&declaration.object).await? {
        Some(known) if known.generation >= declaration.generation => Ok(shared.store.rollout(known.release).await?),
        _ => Ok(None),
    }
}

/// What nodes have now, which the new release follows.
async fn outcome(
    shared: &Shared,
    row: &RolloutRow,
    resolved: &Resolved,
    variables: &BTreeMap<String, Value>,
) -> Result<Option<Release>, Problem> {
    let Some(old) = row.state.outcome() else { return Ok(None) };
    if old.reference == resolved.reference && old.variables == *variables {
        let id = old.id.0;
        return Err(Problem::conflict(format!("Release {id} is this version with these variables, and nodes have it.")));
    }
    match shared.store.release(old.id).await? {
        Some(known) if known.application != resolved.application => {
            let (known, wanted) = (known.application, &resolved.application);
            Err(Problem::conflict(format!(
                "This fleet runs {known:?}: for {wanted:?} another fleet and control plane are needed."
            )))
        }
        _ => Ok(Some(old.clone())),
    }
}

/// Does what somebody says about the last rollout.
pub(crate) async fn say(
    shared: &Shared,
    caller: &Caller,
    id: ReleaseId,
    verb: Verb,
    stage: Option<&str>,
) -> Result<RolloutRow, Problem> {
    for _ in 0..limits::SWAPS {
        let snapshot = shared.store.look().await?;
        let row = match snapshot.rollout {
            Some(row) if row.release == id => row,
            Some(row) if id < row.release => {
                let last = row.release.0;
                return Err(Problem::conflict(format!("Rollout {} is past: the last one is {last}.", id.0)));
            }
            _ => return Err(Problem::not_found(format!("There is no rollout {}.", id.0))),
        };
        if let Some(stage) = stage {
            at_stage(&row.state, stage)?;
        }
        let said = row.state.say(verb, &caller.name, snapshot.now).map_err(|refusal| Problem::conflict(refusal.to_string()))?;
        if said.next == row.state {
            return Ok(row);
        }
        let (nodes, _) = shared.store.nodes().await?;
        let nodes = rounds::known(nodes);
        let entries = said.events.iter().map(|event| rounds::entry(&caller.name, &row, event)).collect();
        let change = rounds::change(snapshot.lease.stamp, &row, &said.next, nodes.keys(), entries)?;
        if shared.store.swap(&change).await? {
            for event in &said.events {
                tracing::info!(rollout = id.0, by = caller.name, "{}", event.text);
            }
            shared.changed.notify_one();
            let row = shared.store.rollout(id).await?;
            return row.ok_or_else(|| Error::row("control_rollouts", "it is not there any more").into());
        }
        shared.metrics.conflict("person");
    }
    Err(Problem::conflict("Others change this rollout all the time: try again."))
}

/// Whether a rollout is where somebody believes it to be.
fn at_stage(rollout: &Rollout, named: &str) -> Result<(), Problem> {
    let stage = rollout.state.position().and_then(|(stage, _)| rollout.plan.stages.get(stage));
    match stage {
        Some(stage) if stage.name == named => Ok(()),
        Some(stage) => Err(Problem::conflict(format!("The rollout is at the stage {:?}, not at {named:?}.", stage.name))),
        None => Err(Problem::conflict(format!("The rollout is at no stage, and not at {named:?}."))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_needs_what_it_does_not_set() {
        let version = Needs { variables: ["a", "b"].map(str::to_owned).into(), ..Needs::default() };
        let secret = Value::Secret { secret: "node_b".to_owned() };
        let variables = [("a".to_owned(), Value::Text("1".to_owned())), ("b".to_owned(), secret)].into();
        assert_eq!(needs(&version, &variables).variables, ["node_b".to_owned()].into());
        assert_eq!(needs(&version, &BTreeMap::new()).variables, version.variables);
    }

    #[test]
    fn variables_are_bounded() {
        let many = (0..=limits::VARIABLES).map(|n| (format!("v{n}"), Value::Text(String::new()))).collect();
        assert!(bounded(&many).is_err());
        assert!(bounded(&[("a".to_owned(), Value::Text("x".repeat(limits::VARIABLES_BYTES)))].into()).is_err());
        assert!(bounded(&[("a".to_owned(), Value::Text("x".to_owned()))].into()).is_ok());
    }
}
