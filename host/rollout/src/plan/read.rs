//! From TOML to a plan, with every fault.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Display;
use std::time::Duration;

use super::freeze::Moment;
use super::raw::{RawAnalysis, RawFreeze, RawPlan, RawQuery, RawSelector, RawStage};
use super::{
    Analysis, Errors, Fault, Freeze, Gate, Latency, Memory, Plan, PlanError, Query, Restarts, Selector, Stage, Traps, duration,
};
use crate::limits;
use crate::protocol::NodeKind;

pub(super) fn plan(text: &str) -> Result<Plan, PlanError> {
    if text.len() > limits::PLAN_BYTES {
        let message = format!("it has {} bytes, and {} are the most", text.len(), limits::PLAN_BYTES);
        return Err(PlanError::Malformed { message });
    }
    let raw: RawPlan =
        toml::from_str(text).map_err(|error| PlanError::Malformed { message: error.to_string().trim_end().to_owned() })?;
    let mut faults = Faults(Vec::new());
    let plan = faults.plan(raw);
    if faults.0.is_empty() { Ok(plan) } else { Err(PlanError::Invalid { faults: faults.0 }) }
}

/// What has been found. Each method returns something to go on with, so that all faults are found.
struct Faults(Vec<Fault>);

impl Faults {
    fn add(&mut self, at: impl Into<String>, problem: impl Into<String>, remedy: impl Into<String>) {
        self.0.push(Fault { at: at.into(), problem: problem.into(), remedy: remedy.into() });
    }

    fn plan(&mut self, raw: RawPlan) -> Plan {
        let interval_ms = self.duration("interval", raw.interval.as_deref(), limits::INTERVAL);
        let progress_deadline_ms =
            self.duration("progress_deadline", raw.progress_deadline.as_deref(), limits::PROGRESS_DEADLINE);
        let least = interval_ms.saturating_mul(2);
        if progress_deadline_ms < least {
            let problem = format!("{} is over before a step can have been looked at", duration::format(progress_deadline_ms));
            self.add("progress_deadline", problem, format!("write two intervals ({}) or more", duration::format(least)));
        }
        let application = raw.application.unwrap_or_default();
        self.name("application", &application);
        if raw.freeze.len() > limits::FREEZES {
            self.add("freeze", format!("there are {}", raw.freeze.len()), format!("write {} at most", limits::FREEZES));
        }
        let freezes = raw.freeze.into_iter().take(limits::FREEZES).enumerate();
        let freezes = freezes.filter_map(|(at, freeze)| self.freeze(&format!("freeze[{at}]"), freeze)).collect();
        Plan {
            application,
            interval_ms,
            progress_deadline_ms,
            failure_limit: self.number("failure_limit", raw.failure_limit, limits::FAILURE_LIMIT),
            rollback_window_ms: self.duration("rollback_window", raw.rollback_window.as_deref(), limits::ROLLBACK_WINDOW),
            freezes,
            stages: self.stages(raw.stages),
            analysis: self.analysis(raw.analysis.unwrap_or_default()),
        }
    }

    fn freeze(&mut self, at: &str, raw: RawFreeze) -> Option<Freeze> {
        let remedy =
            "write RFC 3339 with an offset, as in \"2026-12-24T00:00:00Z\", or a day and a time in UTC, as in \"fri 16:00\"";
        let mut moment = |key: &str, value: Option<toml::Value>| {
            let text = match value {
                Some(toml::Value::String(text)) => text,
                Some(toml::Value::Datetime(time)) => time.to_string(),
                Some(other) => other.to_string(),
                None => String::new(),
            };
            let moment = Moment::parse(&text);
            if moment.is_none() {
                let problem = if text.is_empty() { "is missing".to_owned() } else { format!("`{text}` is not a moment") };
                self.add(format!("{at}.{key}"), problem, remedy);
            }
            moment
        };
        let (from, to) = (moment("from", raw.from), moment("to", raw.to));
        let reason = raw.reason;
        match (from?, to?) {
            (Moment::Once(from_ms), Moment::Once(to_ms)) if from_ms < to_ms => Some(Freeze::Once { from_ms, to_ms, reason }),
            (Moment::Weekly(from), Moment::Weekly(to)) if from != to => Some(Freeze::Weekly { from, to, reason }),
            (Moment::Once(_), Moment::Once(_)) => {
                self.add(at, "ends before it begins", "write a `to` that is after `from`");
                None
            }
            (Moment::Weekly(_), Moment::Weekly(_)) => {
                self.add(at, "begins when it ends", "write another `to`");
                None
            }
            (Moment::Once(_), Moment::Weekly(_)) | (Moment::Weekly(_), Moment::Once(_)) => {
                self.add(at, "one end is a date, and one is a day of every week", "write both in the same way");
                None
            }
        }
    }

    fn stages(&mut self, raw: Vec<RawStage>) -> Vec<Stage> {
        if raw.is_empty() {
            self.add("stages", "there are none", "write at least one [[stages]] with a name, which takes every node");
        }
        if raw.len() > limits::STAGES {
            self.add("stages", format!("there are {}", raw.len()), format!("write {} at most", limits::STAGES));
        }
        let (last, mut names) = (raw.len().saturating_sub(1), BTreeSet::new());
        let stages = raw.into_iter().take(limits::STAGES).enumerate();
        stages
            .map(|(index, raw)| {
                let at = format!("stages[{index}]");
                let stage = self.stage(&at, raw, index == last);
                if !stage.name.is_empty() && !names.insert(stage.name.clone()) {
                    self.add(
                        format!("{at}.name"),
                        format!("`{}` is the name of another stage", stage.name),
                        "write another name",
                    );
                }
                stage
            })
            .collect()
    }

    fn stage(&mut self, at: &str, raw: RawStage, is_last: bool) -> Stage {
        let name = raw.name.unwrap_or_default();
        self.name(&format!("{at}.name"), &name);
        let nodes = self.selector(&format!("{at}.nodes"), raw.nodes.unwrap_or_default());
        let every = Selector { kind: None, region: None, labels: BTreeMap::new(), percent: 100 };
        if is_last && nodes != every {
            self.add(format!("{at}.nodes"), "the last stage leaves nodes out", "leave it away: the last stage takes every node");
        }
        if let Some(kind @ (NodeKind::Region | NodeKind::Worker)) = nodes.kind {
            let said = [("step_weight", raw.step_weight), ("max_weight", raw.max_weight)];
            for (key, _) in said.iter().filter(|(_, weight)| weight.is_some()) {
                let problem = format!("a {} switches whole", kind.name());
                self.add(format!("{at}.{key}"), problem, "leave it away: only edges take a share of requests");
            }
        }
        let max_weight = self.number(&format!("{at}.max_weight"), raw.max_weight, limits::PERCENT);
        if is_last && max_weight < 100 {
            let problem = format!("the last stage ends with {max_weight} percent");
            self.add(format!("{at}.max_weight"), problem, "leave it away: the last stage goes to 100");
        }
        let (least, _, most) = limits::PERCENT;
        let step_weight = self.number(&format!("{at}.step_weight"), raw.step_weight, (least, max_weight, most));
        if step_weight > max_weight {
            let problem = format!("{step_weight} is more than max_weight, {max_weight}");
            self.add(format!("{at}.step_weight"), problem, "write as much at most");
        }
        let gate = match raw.gate.as_deref() {
            None | Some("none") => Gate::None,
            Some("manual") => Gate::Manual,
            Some(other) => {
                self.add(format!("{at}.gate"), format!("`{other}` is not known"), "write \"manual\", or leave it away");
                Gate::None
            }
        };
        let hold_ms = self.duration(&format!("{at}.hold"), raw.hold.as_deref(), limits::HOLD);
        Stage { name, nodes, step_weight, max_weight, hold_ms, gate }
    }

    fn selector(&mut self, at: &str, raw: RawSelector) -> Selector {
        let kind = raw.kind.and_then(|text| {
            let kind = NodeKind::ALL.into_iter().find(|kind| kind.name() == text);
            if kind.is_none() {
                self.add(format!("{at}.kind"), format!("`{text}` is not known"), "write \"edge\", \"region\" or \"worker\"");
            }
            kind
        });
        if let Some(region) = &raw.region {
            self.text(&format!("{at}.region"), region, limits::NAME_CHARS);
        }
        if raw.labels.len() > limits::LABELS {
            let problem = format!("there are {}", raw.labels.len());
            self.add(format!("{at}.labels"), problem, format!("write {} at most", limits::LABELS));
        }
        for (name, value) in &raw.labels {
            self.text(&format!("{at}.labels.{name}"), value, limits::NAME_CHARS);
        }
        let percent = self.number(&format!("{at}.percent"), raw.percent, limits::PERCENT);
        Selector { kind, region: raw.region, labels: raw.labels, percent }
    }

    fn analysis(&mut self, raw: RawAnalysis) -> Analysis {
        let min_requests = self.number("analysis.min_requests", raw.min_requests, limits::MIN_REQUESTS);
        let errors = raw.errors.into_table().map(|raw| Errors {
            max_increase: self.number("analysis.errors.max_increase", raw.max_increase, limits::MAX_INCREASE),
            confidence: self.number("analysis.errors.confidence", raw.confidence, limits::CONFIDENCE),
        });
        let latency = raw.latency.into_table().map(|raw| Latency {
            quantile: self.number("analysis.latency.quantile", raw.quantile, limits::QUANTILE),
            max_ratio: self.number("analysis.latency.max_ratio", raw.max_ratio, limits::LATENCY_RATIO),
            min_increase_ms: self.number("analysis.latency.min_increase_ms", raw.min_increase_ms, limits::LATENCY_INCREASE_MS),
            confidence: self.number("analysis.latency.confidence", raw.confidence, limits::CONFIDENCE),
        });
        let traps = raw.traps.into_table().map(|raw| Traps { max: self.number("analysis.traps.max", raw.max, limits::TRAPS) });
        let memory = raw.memory.into_table().map(|raw| Memory {
            max_ratio: self.number("analysis.memory.max_ratio", raw.max_ratio, limits::MEMORY_RATIO),
            min_increase_mib: self.number("analysis.memory.min_increase_mib", raw.min_increase_mib, limits::MEMORY_INCREASE_MIB),
        });
        let restarts = raw.restarts.into_table().map(|raw| Restarts {
            max_ratio: self.number("analysis.restarts.max_ratio", raw.max_ratio, limits::RESTARTS_RATIO),
            min_increase: self.number("analysis.restarts.min_increase", raw.min_increase, limits::RESTARTS_INCREASE),
        });
        Analysis { min_requests, errors, latency, traps, memory, restarts, queries: self.queries(raw.queries) }
    }

    fn queries(&mut self, raw: Vec<RawQuery>) -> Vec<Query> {
        if raw.len() > limits::QUERIES {
            self.add("analysis.queries", format!("there are {}", raw.len()), format!("write {} at most", limits::QUERIES));
        }
        let mut names = BTreeSet::new();
        let queries = raw.into_iter().take(limits::QUERIES).enumerate();
        queries
            .map(|(index, raw)| {
                let at = format!("analysis.queries[{index}]");
                let (name, promql) = (raw.name.unwrap_or_default(), raw.promql.unwrap_or_default());
                self.name(&format!("{at}.name"), &name);
                if !name.is_empty() && !names.insert(name.clone()) {
                    self.add(format!("{at}.name"), format!("`{name}` is the name of another query"), "write another name");
                }
                self.text(&format!("{at}.promql"), &promql, limits::QUERY_CHARS);
                for (key, bound) in [("max", raw.max), ("min", raw.min)] {
                    if bound.is_some_and(|bound| !bound.is_finite()) {
                        self.add(format!("{at}.{key}"), "is not a number", "write a number");
                    }
                }
                match (raw.min, raw.max) {
                    (None, None) => self.add(&at, "nothing could fail it", "write `max`, `min` or both"),
                    (Some(min), Some(max)) if min > max => self.add(&at, "`min` is more than `max`", "write as much at most"),
                    _ => {}
                }
                Query { name, promql, max: raw.max, min: raw.min, required: raw.required.unwrap_or(false) }
            })
            .collect()
    }

    /// Lower-case letters, digits and hyphens: it stands in addresses, labels of metrics and sentences.
    fn name(&mut self, at: &str, name: &str) {
        let remedy = format!("write 1 to {} lower-case letters, digits and hyphens", limits::NAME_CHARS);
        if name.is_empty() {
            self.add(at, "is missing", remedy);
        } else if name.len() > limits::NAME_CHARS || !name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-')) {
            self.add(at, format!("`{name}` is not a name"), remedy);
        }
    }

    fn text(&mut self, at: &str, text: &str, most: usize) {
        let count = text.chars().count();
        if count == 0 || count > most {
            let problem = if count == 0 { "is missing or empty".to_owned() } else { format!("has {count} characters") };
            self.add(at, problem, format!("write 1 to {most} characters"));
        }
    }

    /// Within bounds (least, default, most), in milliseconds.
    fn duration(&mut self, at: &str, text: Option<&str>, bounds: (Duration, Duration, Duration)) -> u64 {
        let ms = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let (least, default, most) = (ms(bounds.0), ms(bounds.1), ms(bounds.2));
        let Some(text) = text else { return default };
        let value = duration::parse(text);
        if let Some(value) = value.filter(|value| (least..=most).contains(value)) {
            return value;
        }
        let problem = if value.is_some() { format!("`{text}` is out of bounds") } else { format!("`{text}` is not a duration") };
        let (least, most) = (duration::format(least), duration::format(most));
        self.add(at, problem, format!("write {least} to {most}, as in \"{}\"", duration::format(default.max(1_000))));
        default
    }

    /// Within bounds (least, default, most).
    fn number<S: Display + Copy, T: TryFrom<S> + PartialOrd + Display + Copy>(
        &mut self,
        at: &str,
        said: Option<S>,
        bounds: (T, T, T),
    ) -> T {
        let (least, default, most) = bounds;
        let Some(said) = said else { return default };
        match T::try_from(said) {
            Ok(value) if least <= value && value <= most => value,
            _ => {
                self.add(at, format!("{said} is out of bounds"), format!("write {least} to {most}"));
                default
            }
        }
    }
}
