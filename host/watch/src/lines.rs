//! What changes, a line each: where nobody looks at a screen.

use std::collections::BTreeMap;
use std::io::Write as _;

use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::documents::{Counted, Event, Figures, Node, clock};
use crate::look::{Seen, look};
use crate::{Api, Ended, Error, Options, limits};

/// How it is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// A screen that somebody looks at.
    Screen,
    /// Lines for people.
    Lines,
    /// JSON documents, a line each.
    Documents,
}

/// Shows what changes until the rollout is over, if that is wanted, or somebody stops it.
pub async fn run(api: &dyn Api, options: &Options) -> Result<Ended, Error> {
    let mut stop = crate::terminal::Signals::listen()?;
    let mut shown = Shown::default();
    let mut seen = Seen::default();
    let mut answered_at = Instant::now();
    loop {
        match look(api, &seen).await {
            Ok(now) => {
                seen = now;
                answered_at = Instant::now();
                fits(&seen, options)?;
                let lines = match options.form {
                    Form::Documents => shown.document(&seen),
                    Form::Screen | Form::Lines => shown.lines(&seen),
                };
                let mut out = std::io::stdout().lock();
                lines.iter().try_for_each(|line| writeln!(out, "{line}"))?;
                out.flush()?;
            }
            // Nobody would see that it is asked in vain.
            Err(refusal) if matches!(refusal.status, Some(400..500)) || answered_at.elapsed() > limits::SILENCE => {
                return Err(Error::Refused(refusal.reason));
            }
            Err(_) => {}
        }
        if let Some(ended) = over(&seen, options) {
            return Ok(ended);
        }
        tokio::select! {
            () = sleep(limits::LOOK) => {}
            () = stop.stopped() => return Ok(Ended::Left),
        }
    }
}

/// Whether it is the application that is wanted.
pub fn fits(seen: &Seen, options: &Options) -> Result<(), Error> {
    let (Some(wanted), Some(rollout)) = (&options.application, &seen.status.rollout) else { return Ok(()) };
    if *wanted == rollout.application.0 {
        return Ok(());
    }
    Err(Error::Refused(format!("this control plane rolls out {:?}, and not {wanted:?}", rollout.application.0)))
}

/// How the rollout has ended, if that is waited for.
pub fn over(seen: &Seen, options: &Options) -> Option<Ended> {
    seen.status.rollout.as_ref().filter(|_| options.until_done)?.ended()
}

/// What was said already.
#[derive(Debug, Default)]
pub struct Shown {
    headline: Option<String>,
    waiting: Vec<String>,
    /// Of this rollout.
    rollout: u64,
    events: Vec<Event>,
    figures: Vec<Figures>,
    nodes: BTreeMap<String, Node>,
    document: Option<Value>,
}

impl Shown {
    /// What is new, in lines.
    pub fn lines(&mut self, seen: &Seen) -> Vec<String> {
        let mut lines = Vec::new();
        match &seen.status.rollout {
            None => {
                let nothing = "nothing was rolled out yet".to_owned();
                if self.headline.as_ref() != Some(&nothing) {
                    lines.push(nothing.clone());
                    self.headline = Some(nothing);
                }
            }
            Some(rollout) => {
                if self.rollout != rollout.id {
                    self.rollout = rollout.id;
                    self.events.clear();
                    self.figures.clear();
                }
                let mut headline = rollout.headline();
                if let Some(reason) = &rollout.reason {
                    headline.push_str(&format!(": {reason}"));
                }
                if self.headline.as_ref() != Some(&headline) {
                    lines.push(headline.clone());
                    self.headline = Some(headline);
                }
                for event in rollout.events.iter().filter(|event| !self.events.contains(event)) {
                    lines.push(format!("  {}  {}  {}", event.at, event.kind, event.text));
                }
                self.events.clone_from(&rollout.events);
                let waiting: Vec<String> = rollout.waiting.iter().map(|text| without_times(&text.0)).collect();
                if self.waiting != waiting {
                    lines.extend(rollout.waiting.iter().map(|text| format!("  waits: {text}")));
                    self.waiting = waiting;
                }
                for figures in rollout.figures.iter().filter(|figures| !self.figures.contains(figures)) {
                    lines.push(both(figures));
                }
                self.figures.clone_from(&rollout.figures);
            }
        }
        for node in &seen.nodes {
            let before = self.nodes.insert(node.name(), node.clone());
            let is_same =
                |before: &Node| before.state == node.state && before.serving == node.serving && before.drift == node.drift;
            if !before.as_ref().is_some_and(is_same) {
                let remarks = node.remarks();
                let remarks = if remarks.is_empty() { remarks } else { format!(": {remarks}") };
                lines.push(format!("  node {}  {}  serves {}{remarks}", node.name(), node.state, node.serves()));
            }
        }
        lines
    }

    /// A document with all that there is, if anything in it has changed but the time.
    pub fn document(&mut self, seen: &Seen) -> Vec<String> {
        let member = |name: &str| seen.raw.get(name).cloned().unwrap_or_default();
        let (acts, rollout) = (member("acts"), member("rollout"));
        let now = json!({ "acts": acts, "rollout": rollout, "nodes": seen.nodes });
        if self.document.as_ref() == Some(&now) {
            return Vec::new();
        }
        self.document = Some(now);
        vec![json!({ "time": member("time"), "acts": acts, "rollout": rollout, "nodes": seen.nodes }).to_string()]
    }
}

/// What is waited for, without how long: that changes with every look.
fn without_times(text: &str) -> String {
    text.chars().filter(|char| !char.is_ascii_digit()).collect()
}

/// Both releases in a line.
fn both(figures: &Figures) -> String {
    let Figures { kind, at, against, new, old, .. } = figures;
    let old = old.as_ref().map_or_else(String::new, |old| format!("; old {}", counted(old)));
    let against = against.as_ref().map_or_else(String::new, |against| format!(" ({against})"));
    format!("  {kind} nodes at {}: new {}{old}{against}", clock(at), counted(new))
}

fn counted(of: &Counted) -> String {
    let part = |value: Option<f64>, name: &str, digits: usize| {
        value.map_or_else(String::new, |value| format!(", {value:.digits$}{name}"))
    };
    format!(
        "{} requests{}{}{}{}",
        of.requests,
        part(of.per_second, "/s", 1),
        part(of.error_share.map(|share| share * 100.0), " % 5xx", 2),
        part(of.latency_ms.p50, " ms p50", 1),
        part(of.latency_ms.p99, " ms p99", 1),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::documents::Status;

    fn seen(state: &str, waits: &str, nodes: &[(&str, &str)]) -> Seen {
        let raw = json!({
            "acts": "control-0", "time": "2026-12-01T14:02:11Z",
            "rollout": {
                "id": 2, "application": "shop", "state": state, "stage": "canary", "weight": 50, "over": state == "rolled-back",
                "reason": (state == "rolled-back").then_some("it was worse"), "new": { "release": 2 }, "waiting": [waits],
                "events": [{ "at": "2026-12-01T14:01:00Z", "kind": "stage-began", "text": "stage canary" }],
                "figures": [{
                    "kind": "edge", "at": "2026-12-01T14:02:00Z", "window_ms": 10_000, "against": "on the same nodes",
                    "new": { "requests": 100, "per_second": 10.0, "error_share": 0.05, "latency_ms": { "p50": 2.5, "p99": 3.0 } },
                    "old": { "requests": 90, "error_share": 0.0 },
                }],
            },
        });
        let status: Status = serde_json::from_value(raw.clone()).unwrap();
        let node = |(name, state): &(&str, &str)| Node {
            node: format!("marquee://edge/-/{name}").as_str().into(),
            state: (*state).into(),
            ..Node::default()
        };
        Seen { status, raw, nodes: nodes.iter().map(node).collect(), ..Seen::default() }
    }

    #[test]
    fn only_what_is_new_is_a_line() {
        let mut shown = Shown::default();
        let one = seen("running", "another 5 s", &[("a", "ready")]);
        assert_eq!(
            shown.lines(&one),
            [
                "rollout 2: running, stage canary, 50 % of an edge's requests",
                "  2026-12-01T14:01:00Z  stage-began  stage canary",
                "  waits: another 5 s",
                "  edge nodes at 14:02:00Z: new 100 requests, 10.0/s, 5.00 % 5xx, 2.5 ms p50, 3.0 ms p99; old 90 requests, 0.00 % 5xx (on the same nodes)",
                "  node edge/a  ready  serves its own",
            ]
        );
        assert!(shown.lines(&one).is_empty());
        assert!(shown.lines(&seen("running", "another 4 s", &[("a", "ready")])).is_empty());
        assert_eq!(
            shown.lines(&seen("rolled-back", "another 3 s", &[("a", "away")])),
            [
                "rollout 2: rolled-back, stage canary, 50 % of an edge's requests: it was worse",
                "  node edge/a  away  serves its own",
            ]
        );
    }

    #[test]
    fn a_document_comes_with_a_change_and_not_with_time() {
        let mut shown = Shown::default();
        let mut one = seen("running", "", &[("a", "ready")]);
        let documents = shown.document(&one);
        let document: Value = serde_json::from_str(&documents[0]).unwrap();
        assert_eq!((&document["rollout"]["state"], &document["nodes"][0]["state"]), (&json!("running"), &json!("ready")));
        one.raw["time"] = json!("2026-12-01T14:02:12Z");
        one.nodes[0].seen_at = "2026-12-01T14:02:12Z".into();
        assert!(shown.document(&one).is_empty());
        one.nodes[0].state = "away".into();
        assert_eq!(shown.document(&one).len(), 1);
    }

    #[test]
    fn the_end_is_that_of_a_deployment_that_was_waited_for() {
        let mut options = Options { application: None, until_done: true, form: Form::Lines, colours: false };
        assert_eq!(over(&seen("running", "", &[]), &options), None);
        let back = seen("rolled-back", "", &[]);
        assert_eq!(over(&back, &options), Some(Ended::NotRolledOut("rollout 2 is rolled-back: it was worse".to_owned())));
        options.until_done = false;
        assert_eq!(over(&back, &options), None);
        options.application = Some("shop".to_owned());
        assert!(fits(&back, &options).is_ok());
        options.application = Some("other".to_owned());
        assert!(matches!(fits(&back, &options), Err(Error::Refused(reason)) if reason.contains("\"shop\", and not \"other\"")));
    }
}
