//! `marquee fleet deploy` and what follows: versions on their way to the fleet, as the control plane has them.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, Subcommand};
use control::{Answer, Client};
use serde_json::{Value, json};

use crate::cli::artifacts::Output;
use crate::cli::watching;
use crate::config::settings::{CONTROL, CONTROL_TOKEN, Settings};
use crate::error::Error;
use crate::{limits, say};

/// What to do with rollouts. Exit codes: 0 it was done; 1 it could not be; 2 wrong usage; 3 it was rolled back, aborted or failed (deploy --wait); 4 it was
/// refused, because it does not fit what is there or the plan is frozen.
#[derive(Debug, Subcommand)]
pub enum Rollouts {
    /// Rolls a version out over the fleet, as a plan says.
    ///
    /// Exit codes: 0 it has begun, or with --wait every node has it; 1 an error; 3 with --wait: it was rolled back, aborted or failed; 4 refused, because
    /// another rollout is under way or the plan is frozen now.
    Deploy {
        /// Which: REGISTRY/REPOSITORY:TAG or @sha256:…; a tag is looked up once.
        reference: String,
        /// The plan, TOML.
        #[arg(long, value_name = "FILE")]
        plan: PathBuf,
        /// A variable of the application; may be given several times.
        #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = pair)]
        variables: Vec<(String, String)>,
        /// A variable whose value each node has among its own variables, under the name behind the sign; may be given several times.
        #[arg(long = "secret", value_name = "NAME=NODE_NAME", value_parser = pair)]
        secrets: Vec<(String, String)>,
        /// Waits until it is over, and says what happens.
        #[arg(long)]
        wait: bool,
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Says how far the last rollout is, and how the fleet is.
    Status {
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Shows the last rollout as it goes, with nodes, figures of both releases and what happened; keys decide. Where the output is no terminal, or is JSON, a
    /// line for everything that changes.
    ///
    /// Exit codes: 0 somebody has left, or with --until-done every node has it; 1 an error, or left before it was done; 3 with --until-done: it was rolled
    /// back, aborted or failed.
    Watch {
        /// Refuses unless it is of this application.
        #[arg(value_name = "APPLICATION")]
        application: Option<String>,
        /// Ends with the rollout.
        #[arg(long)]
        until_done: bool,
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Holds the rollout where it is; it is looked at all the same.
    ///
    /// Exit codes: 0 done, or so already; 1 an error; 4 refused.
    Pause {
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Lets a paused rollout go on.
    ///
    /// Exit codes: 0 done, or so already; 1 an error; 4 refused.
    Resume {
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Lets a rollout go on past a gate.
    ///
    /// Exit codes: 0 done, or so already; 1 an error; 4 refused.
    Promote {
        /// Only if it is at this stage.
        #[arg(long, value_name = "NAME")]
        stage: Option<String>,
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Ends a rollout that is under way: nodes go back to the release before.
    ///
    /// Exit codes: 0 done, or so already; 1 an error; 4 refused.
    Abort {
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Has nodes go back to the release before, also where the rollout is over, as long as the plan's window is open.
    ///
    /// Exit codes: 0 done, or so already; 1 an error; 4 refused.
    Rollback {
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Lists the last rollouts, the latest first.
    History {
        /// How many.
        #[arg(long, value_name = "COUNT", default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=200))]
        limit: u32,
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Lists the nodes: what each has, serves, and is to serve.
    Nodes {
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Says in what two releases differ: version, variables, components, needs.
    Diff {
        /// A release, by its number.
        #[arg(value_name = "RELEASE")]
        one: u64,
        /// The other.
        #[arg(value_name = "RELEASE")]
        other: u64,
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
    /// Lists the nodes that are not as they are to be, or are away.
    Drift {
        /// See [`ControlAccess`].
        #[command(flatten)]
        control: ControlAccess,
    },
}

/// Where the control plane is, and who one is there.
#[derive(Clone, Debug, Args)]
pub struct ControlAccess {
    /// The address of the control plane, https://HOST:PORT; also `MARQUEE_CONTROL`.
    #[arg(long, value_name = "URL")]
    pub control: Option<String>,
    /// A file with the token and nothing else, where `MARQUEE_CONTROL_TOKEN` is not set.
    #[arg(long, value_name = "FILE")]
    pub token_file: Option<PathBuf>,
    /// Who signed the control plane's certificate, PEM, where the system does not trust it.
    #[arg(long, value_name = "FILE")]
    pub authority: Option<PathBuf>,
    /// How the answer is written.
    #[arg(long, value_enum, default_value = "text")]
    pub output: Output,
}

/// `NAME=VALUE`.
fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as NAME=VALUE".to_owned()),
    }
}

/// `marquee fleet deploy` and so on.
pub async fn run(action: Rollouts, settings: &Settings) -> Result<(), Error> {
    match action {
        Rollouts::Deploy { reference, plan, variables, secrets, wait, control } => {
            let session = Session::new(&control, settings)?;
            let text = std::fs::read_to_string(&plan).map_err(|error| Error::Refused(format!("{}: {error}", plan.display())))?;
            let variables = variables.into_iter().map(|(name, value)| (name, json!(value)));
            let secrets = secrets.into_iter().map(|(name, secret)| (name, json!({ "secret": secret })));
            let (mut all, mut twice) = (BTreeMap::new(), None);
            for (name, value) in variables.chain(secrets) {
                if all.insert(name.clone(), value).is_some() {
                    twice = Some(name);
                }
            }
            if let Some(name) = twice {
                return Err(Error::Refused(format!("the variable {name} is given twice")));
            }
            let body = json!({ "reference": reference, "variables": all, "plan": text });
            let begun = session.post("v1/deployments", &body).await?;
            if wait { session.follow(&begun).await } else { session.show(&begun, &rollout(&begun)) }
        }
        Rollouts::Status { control } => {
            let session = Session::new(&control, settings)?;
            let status = session.get("v1/status").await?;
            session.show(&status, &self::status(&status))
        }
        Rollouts::Watch { application, until_done, control } => {
            let session = Session::new(&control, settings)?;
            watching::run(session.client, control.output, application, until_done).await
        }
        Rollouts::Pause { control } => Session::new(&control, settings)?.tell("pause", None).await,
        Rollouts::Resume { control } => Session::new(&control, settings)?.tell("resume", None).await,
        Rollouts::Promote { stage, control } => Session::new(&control, settings)?.tell("promote", stage).await,
        Rollouts::Abort { control } => Session::new(&control, settings)?.tell("abort", None).await,
        Rollouts::Rollback { control } => Session::new(&control, settings)?.tell("rollback", None).await,
        Rollouts::History { limit, control } => {
            let session = Session::new(&control, settings)?;
            let history = session.get(&format!("v1/rollouts?limit={limit}")).await?;
            session.show(&history, &items(&history, "rollouts").map(line).collect::<Vec<_>>())
        }
        Rollouts::Nodes { control } => {
            let session = Session::new(&control, settings)?;
            let nodes = session.get("v1/nodes").await?;
            session.show(&nodes, &items(&nodes, "nodes").map(node).collect::<Vec<_>>())
        }
        Rollouts::Diff { one, other, control } => {
            let session = Session::new(&control, settings)?;
            let (before, after) = (session.release(one).await?, session.release(other).await?);
            let changes = differences(&before, &after);
            let shown =
                changes.iter().map(|(at, from, to)| format!("{at}: {} -> {}", plain(from), plain(to))).collect::<Vec<_>>();
            let shown = if shown.is_empty() { vec!["no difference".to_owned()] } else { shown };
            let changes: Vec<_> = changes.iter().map(|(at, from, to)| json!({ "at": at, "from": from, "to": to })).collect();
            session.show(&json!({ "from": one, "to": other, "differences": changes }), &shown)
        }
        Rollouts::Drift { control } => {
            let session = Session::new(&control, settings)?;
            let drift = session.get("v1/drift").await?;
            let mut lines: Vec<String> = items(&drift, "nodes").flat_map(drifting).collect();
            if lines.is_empty() {
                lines.push(format!("all {} nodes are as they are to be", plain(of(&drift, "known"))));
            }
            session.show(&drift, &lines)
        }
    }
}

/// The control plane, for somebody.
struct Session {
    client: Client,
    output: Output,
}

impl Session {
    fn new(access: &ControlAccess, settings: &Settings) -> Result<Self, Error> {
        let ControlAccess { control, token_file, authority, output } = access;
        let address = control.as_ref().or(settings.control.as_ref());
        let missing = |what: &str| Error::Refused(what.to_owned());
        let address = address.ok_or_else(|| missing(&format!("say where the control plane is: --control URL, or {CONTROL}")))?;
        let token = match (&settings.control_token, token_file) {
            (Some(token), _) => token.clone(),
            (None, Some(file)) => std::fs::read_to_string(file)
                .map_err(|error| Error::Refused(format!("{}: {error}", file.display())))?
                .trim()
                .to_owned(),
            (None, None) => return Err(missing(&format!("say who you are: {CONTROL_TOKEN}, or --token-file FILE"))),
        };
        let client = Client::new(address, &token, authority.as_deref()).map_err(Error::Refused)?;
        Ok(Self { client, output: *output })
    }

    async fn get(&self, path: &str) -> Result<Value, Error> {
        answered(self.client.get(path).await)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value, Error> {
        answered(self.client.post(path, body).await)
    }

    fn show(&self, document: &Value, lines: &[String]) -> Result<(), Error> {
        match self.output {
            Output::Json => say(&document.to_string()),
            Output::Text => lines.iter().try_for_each(|line| say(line)),
        }
    }

    async fn release(&self, id: u64) -> Result<Value, Error> {
        self.get(&format!("v1/releases/{id}")).await
    }

    /// Says something about the last rollout.
    async fn tell(&self, verb: &str, stage: Option<String>) -> Result<(), Error> {
        let status = self.get("v1/status").await?;
        let Some(id) = of(of(&status, "rollout"), "id").as_u64() else {
            return Err(Error::Conflict("nothing was ever rolled out".to_owned()));
        };
        let body = stage.map_or_else(|| json!({}), |stage| json!({ "stage": stage }));
        let rollout = self.post(&format!("v1/rollouts/{id}/{verb}"), &body).await?;
        self.show(&rollout, &self::rollout(&rollout))
    }

    /// Waits until a rollout is over, and says what happens. An instance that goes away meanwhile is waited for.
    async fn follow(&self, begun: &Value) -> Result<(), Error> {
        let id = plain(of(begun, "id"));
        let mut rollout = begun.clone();
        let (mut shown, mut said) = (None::<String>, BTreeSet::new());
        let mut answered_at = Instant::now();
        loop {
            if let Output::Text = self.output {
                let now = headline(&rollout);
                if shown.as_ref() != Some(&now) {
                    say(&now)?;
                    shown = Some(now);
                }
                for event in items(&rollout, "events") {
                    let line = event_line(event);
                    if said.insert(line.clone()) {
                        say(&line)?;
                    }
                }
            }
            if of(&rollout, "over").as_bool() == Some(true) {
                break;
            }
            tokio::time::sleep(limits::ROLLOUT_POLL).await;
            match self.get(&format!("v1/rollouts/{id}")).await {
                Ok(now) => {
                    rollout = now;
                    answered_at = Instant::now();
                }
                Err(error) if answered_at.elapsed() > limits::ROLLOUT_SILENCE => return Err(error),
                Err(error) => tracing::debug!(%error, "the control plane is asked again"),
            }
        }
        if let Output::Json = self.output {
            say(&rollout.to_string())?;
        }
        if of(&rollout, "state") == "completed" {
            return Ok(());
        }
        let (state, reason) = (plain(of(&rollout, "state")), plain(of(&rollout, "reason")));
        Err(Error::NotRolledOut(format!("rollout {id} is {state}: {reason}")))
    }
}

/// What was answered, or why it was not done.
fn answered(answer: Result<Answer, String>) -> Result<Value, Error> {
    let answer = answer.map_err(Error::Refused)?;
    match answer.refusal() {
        None => Ok(answer.body),
        Some(reason) if answer.status == 409 => Err(Error::Conflict(reason)),
        Some(reason) => Err(Error::Refused(reason)),
    }
}

/// A member of a document; null where there is none.
fn of<'a>(document: &'a Value, name: &str) -> &'a Value {
    document.get(name).unwrap_or(&Value::Null)
}

fn items<'a>(document: &'a Value, name: &str) -> impl Iterator<Item = &'a Value> {
    document.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// A value in a line: texts without quotes, nothing for null.
fn plain(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        // What comes from elsewhere moves no cursor.
        Value::String(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
        other => other.to_string(),
    }
}

/// The rollout's number, state and stage.
fn headline(rollout: &Value) -> String {
    let mut line = format!("rollout {}: {}", plain(of(rollout, "id")), plain(of(rollout, "state")));
    if !of(rollout, "stage").is_null() {
        line.push_str(&format!(", stage {}", plain(of(rollout, "stage"))));
    }
    if !of(rollout, "weight").is_null() {
        line.push_str(&format!(", {} % of an edge's requests", plain(of(rollout, "weight"))));
    }
    if !of(rollout, "reason").is_null() {
        line.push_str(&format!(": {}", plain(of(rollout, "reason"))));
    }
    line
}

fn event_line(event: &Value) -> String {
    format!("  {}  {}  {}", plain(of(event, "at")), plain(of(event, "kind")), plain(of(event, "text")))
}

/// A rollout in a few lines.
fn rollout(rollout: &Value) -> Vec<String> {
    let mut lines = vec![headline(rollout)];
    for (name, release) in [("new", of(rollout, "new")), ("old", of(rollout, "old"))] {
        if !release.is_null() {
            lines.push(format!("  {name}: release {}, {}", plain(of(release, "release")), plain(of(release, "reference"))));
        }
    }
    lines.push(format!("  begun {} by {}", plain(of(rollout, "began_at")), plain(of(rollout, "began_by"))));
    lines.extend(items(rollout, "waiting").map(|waits| format!("  waits: {}", plain(waits))));
    let events: Vec<_> = items(rollout, "events").collect();
    lines.extend(events.iter().skip(events.len().saturating_sub(limits::EVENTS_SHOWN)).map(|event| event_line(event)));
    lines
}

fn status(status: &Value) -> Vec<String> {
    let mut lines = match of(status, "rollout") {
        Value::Null => vec!["nothing was rolled out yet".to_owned()],
        last => rollout(last),
    };
    let nodes = of(status, "nodes");
    let (known, away, drifting) = (plain(of(nodes, "known")), plain(of(nodes, "away")), plain(of(nodes, "drifting")));
    lines.push(format!("nodes: {known} known, {away} away, {drifting} not yet as they are to be"));
    lines.push(match of(status, "acts") {
        Value::Null => "no instance acts now: one will within seconds".to_owned(),
        acts => format!("acts: {}", plain(acts)),
    });
    lines
}

/// A rollout in a line.
fn line(rollout: &Value) -> String {
    let (at, by) = (plain(of(rollout, "began_at")), plain(of(rollout, "began_by")));
    format!("{at}  {}  by {by}  {}", headline(rollout), plain(of(of(rollout, "new"), "reference")))
}

fn shares(serving: &Value) -> String {
    let all = serving.as_array().into_iter().flatten();
    let all: Vec<_> = all.map(|share| format!("{} {} %", plain(of(share, "release")), plain(of(share, "weight")))).collect();
    if all.is_empty() { "its own".to_owned() } else { all.join(" + ") }
}

/// A node in a line.
fn node(node: &Value) -> String {
    let mut line = format!("{}  {}  serves {}", plain(of(node, "node")), plain(of(node, "region")), shares(of(node, "serving")));
    if !of(node, "assigned").is_null() && of(node, "assigned") != of(node, "serving") {
        line.push_str(&format!(", is to serve {}", shares(of(node, "assigned"))));
    }
    for release in items(node, "releases").filter(|release| of(release, "phase") != "ready") {
        let (id, phase, reason) = (plain(of(release, "release")), plain(of(release, "phase")), plain(of(release, "reason")));
        line.push_str(&format!(", release {id} {phase} {reason}"));
    }
    if *of(node, "away") == true {
        line.push_str(&format!(", away since {}", plain(of(node, "seen_at"))));
    }
    line
}

fn drifting(node: &Value) -> Vec<String> {
    let name = plain(of(node, "node"));
    let away = (*of(node, "away") == true).then(|| format!("{name}: away since {}", plain(of(node, "seen_at"))));
    away.into_iter().chain(items(node, "drift").map(|drift| format!("{name}: {}", plain(drift)))).collect()
}

/// Where two documents differ, by path.
fn differences(before: &Value, after: &Value) -> Vec<(String, Value, Value)> {
    // Of each release its own, and nothing that it does.
    const OWN: [&str; 3] = ["release", "created_at", "created_by"];
    let mut all = Vec::new();
    compare("", before, after, &mut all);
    all.retain(|(at, ..)| !OWN.contains(&at.as_str()));
    all
}

fn compare(at: &str, before: &Value, after: &Value, all: &mut Vec<(String, Value, Value)>) {
    match (before, after) {
        (Value::Object(one), Value::Object(other)) => {
            for name in one.keys().chain(other.keys()).collect::<BTreeSet<_>>() {
                let path = if at.is_empty() { name.clone() } else { format!("{at}.{name}") };
                let of = |object: &serde_json::Map<String, Value>| object.get(name).cloned().unwrap_or(Value::Null);
                compare(&path, &of(one), &of(other), all);
            }
        }
        (one, other) if one != other => all.push((at.to_owned(), one.clone(), other.clone())),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases_differ_in_what_they_do() {
        let before = json!({ "release": 1, "reference": "a", "components": { "auth": "1", "web": "2" }, "variables": {} });
        let after =
            json!({ "release": 2, "reference": "b", "components": { "auth": "1", "web": "3" }, "variables": { "x": "y" } });
        let at: Vec<_> = differences(&before, &after).into_iter().map(|(at, ..)| at).collect();
        assert_eq!(at, ["components.web", "reference", "variables.x"]);
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn a_node_is_a_line() {
        let shown = node(&json!({
            "node": "marquee://edge/-/edge-0", "region": "eu", "away": false,
            "serving": [{ "release": 1, "weight": 90 }, { "release": 2, "weight": 10 }],
            "assigned": [{ "release": 1, "weight": 80 }, { "release": 2, "weight": 20 }],
            "releases": [{ "release": 1, "phase": "ready" }, { "release": 2, "phase": "failed", "reason": "no\u{7}" }],
        }));
        assert_eq!(
            shown,
            "marquee://edge/-/edge-0  eu  serves 1 90 % + 2 10 %, is to serve 1 80 % + 2 20 %, release 2 failed no "
        );
    }

    #[test]
    fn scripts_tell_a_refusal_from_an_error() {
        let answer = |status| answered(Ok(Answer { status, body: json!({ "detail": "why", "faults": ["a", "b"] }) }));
        assert!(answer(201).is_ok());
        for (status, code) in [(409, 4), (422, 1), (401, 1), (503, 1)] {
            let error = answer(status).unwrap_err();
            assert_eq!((error.exit_code(), error.to_string().as_str()), (code, "why: a; b"), "{status}");
        }
        assert_eq!(Error::NotRolledOut(String::new()).exit_code(), 3);
        assert_eq!(answered(Err("no answer".to_owned())).unwrap_err().exit_code(), 1);
    }

    #[test]
    fn variables_are_pairs() {
        assert_eq!(pair("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(pair("=b").is_err() && pair("a").is_err());
    }
}
