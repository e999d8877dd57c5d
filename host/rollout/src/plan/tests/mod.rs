//! What a plan is read as, what is wrong with others, and whether the documents say so.

use super::{Errors, Freeze, Gate, Plan, PlanError, duration};
use crate::limits;
use crate::protocol::NodeKind;

mod documents;

/// The least that a plan may say.
pub(super) const LEAST: &str = "application = \"shop\"\n[[stages]]\nname = \"all\"\n";

fn careful() -> String {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/rollouts/careful.toml");
    std::fs::read_to_string(file).unwrap()
}

#[test]
fn the_example_is_a_plan() {
    let plan = Plan::parse(&careful()).unwrap();
    assert_eq!(plan.interval_ms, 30_000);
    assert_eq!(plan.rollback_window_ms, 86_400_000);
    let names: Vec<&str> = plan.stages.iter().map(|stage| stage.name.as_str()).collect();
    assert_eq!(names, ["canary", "edges", "first-worker", "first-region-nodes", "everything"]);
    let canary = &plan.stages[0];
    assert_eq!((canary.nodes.kind, canary.nodes.percent), (Some(NodeKind::Edge), 10));
    assert_eq!((0..canary.steps()).map(|step| canary.weight(step)).collect::<Vec<_>>(), [10, 20, 30, 40, 50]);
    assert_eq!(plan.stages[1].gate, Gate::Manual);
    assert_eq!(plan.stages[4].max_weight, 100);
    assert_eq!(plan.analysis.errors, Some(Errors { max_increase: 0.005, confidence: 0.99 }));
    assert_eq!(plan.analysis.queries.len(), 1);
    let text = serde_json::to_string(&plan).unwrap();
    assert_eq!(serde_json::from_str::<Plan>(&text).unwrap(), plan, "a plan is stored as JSON");
}

#[test]
fn every_check_is_made_unless_it_is_switched_off() {
    let plan = Plan::parse(LEAST).unwrap();
    let analysis = &plan.analysis;
    assert!(analysis.errors.is_some() && analysis.latency.is_some() && analysis.traps.is_some());
    assert!(analysis.memory.is_some() && analysis.restarts.is_some());
    let text = format!("{LEAST}[analysis]\nmin_requests = 5\nlatency = false\n");
    let plan = Plan::parse(&text).unwrap();
    assert_eq!((plan.analysis.latency, plan.analysis.min_requests), (None, 5));
    assert!(plan.analysis.errors.is_some());
}

#[test]
fn steps_end_with_the_most_weight() {
    let weights = |keys: &str| {
        let text = format!("application = \"a\"\n[[stages]]\nname = \"one\"\n{keys}\n[[stages]]\nname = \"all\"\n");
        let stage = Plan::parse(&text).unwrap().stages.remove(0);
        (0..stage.steps()).map(|step| stage.weight(step)).collect::<Vec<_>>()
    };
    assert_eq!(weights(""), [100]);
    assert_eq!(weights("max_weight = 20"), [20]);
    assert_eq!(weights("step_weight = 40"), [40, 80, 100]);
    assert_eq!(weights("step_weight = 7\nmax_weight = 20"), [7, 14, 20]);
    assert_eq!(weights("step_weight = 1").len(), 100);
}

/// What is written beside [`LEAST`], the key that is at fault, and a word of what to write instead.
const FAULTS: &[(&str, &str, &str)] = &[
    ("interval = \"30\"\n", "interval", "1s to 1h"),
    ("interval = \"500ms\"\n", "interval", "1s to 1h"),
    ("interval = \"2h\"\n", "interval", "1s to 1h"),
    ("interval = \"10m\"\nprogress_deadline = \"10m\"\n", "progress_deadline", "20m"),
    ("failure_limit = -1\n", "failure_limit", "0 to 10"),
    ("rollback_window = \"31d\"\n", "rollback_window", "30d"),
    ("freeze = [{ from = \"fri 16:00\" }]\n", "freeze[0].to", "fri 16:00"),
    ("freeze = [{ from = \"fri 24:00\", to = \"sat 01:00\" }]\n", "freeze[0].from", "fri 16:00"),
    ("freeze = [{ from = \"fri 16:00\", to = \"2026-12-24T00:00:00Z\" }]\n", "freeze[0]", "in the same way"),
    ("freeze = [{ from = 2026-12-24T00:00:00, to = 2026-12-25T00:00:00Z }]\n", "freeze[0].from", "offset"),
    ("freeze = [{ from = 2026-12-25T00:00:00Z, to = 2026-12-24T00:00:00Z }]\n", "freeze[0]", "after `from`"),
    ("freeze = [{ from = \"fri 16:00\", to = \"fri 16:00\" }]\n", "freeze[0]", "another `to`"),
    ("freeze = [{ from = 5, to = \"fri 16:00\" }]\n", "freeze[0].from", "RFC 3339"),
    ("[[stages]]\nname = \"all\"\n", "stages[1].name", "another name"),
    ("[[stages]]\nname = \"a b\"\n", "stages[0].name", "hyphens"),
    ("[[stages]]\nname = \"b\"\nnodes = { kind = \"pod\" }\n", "stages[0].nodes.kind", "worker"),
    ("[[stages]]\nname = \"b\"\nnodes = { percent = 0 }\n", "stages[0].nodes.percent", "1 to 100"),
    ("[[stages]]\nname = \"b\"\nnodes = { region = \"\" }\n", "stages[0].nodes.region", "1 to 63"),
    ("[[stages]]\nname = \"b\"\nnodes = { kind = \"worker\" }\nstep_weight = 10\n", "stages[0].step_weight", "only edges"),
    ("[[stages]]\nname = \"b\"\nstep_weight = 50\nmax_weight = 20\n", "stages[0].step_weight", "as much at most"),
    ("[[stages]]\nname = \"b\"\ngate = \"auto\"\n", "stages[0].gate", "manual"),
    ("[[stages]]\nname = \"b\"\nhold = \"8d\"\n", "stages[0].hold", "7d"),
    ("analysis.min_requests = -5\n", "analysis.min_requests", "0 to 1000000"),
    ("analysis.errors.confidence = 1.0\n", "analysis.errors.confidence", "0.8 to 0.9999"),
    ("analysis.errors.max_increase = nan\n", "analysis.errors.max_increase", "0 to 1"),
    ("analysis.latency.quantile = 99\n", "analysis.latency.quantile", "0.5 to 0.999"),
    ("analysis.queries = [{ name = \"q\", promql = \"up\" }]\n", "analysis.queries[0]", "`max`"),
    ("analysis.queries = [{ name = \"q\", max = 1 }]\n", "analysis.queries[0].promql", "1 to 4000"),
    ("analysis.queries = [{ name = \"q\", promql = \"up\", max = 1, min = 2 }]\n", "analysis.queries[0]", "at most"),
];

#[test]
fn every_fault_says_what_to_write() {
    for (text, at, remedy) in FAULTS {
        let text = match text.starts_with('[') {
            true => format!("application = \"shop\"\n{text}[[stages]]\nname = \"all\"\n"),
            false => format!("{text}{LEAST}"),
        };
        match Plan::parse(&text) {
            Err(PlanError::Invalid { faults }) => {
                let [fault] = faults.as_slice() else { panic!("{text}: {faults:?}") };
                assert_eq!(fault.at, *at, "{text}: {fault}");
                assert!(fault.remedy.contains(remedy), "{text}: {fault}");
            }
            other => panic!("{text}: {other:?}"),
        }
    }
}

#[test]
fn the_last_stage_takes_everything() {
    for (keys, at) in
        [("nodes = { kind = \"edge\" }", "nodes"), ("nodes.percent = 50", "nodes"), ("max_weight = 50", "max_weight")]
    {
        let error = Plan::parse(&format!("{LEAST}{keys}\n")).unwrap_err().to_string();
        assert!(error.contains(&format!("stages[0].{at}: the last stage")), "{error}");
    }
}

#[test]
fn an_application_is_named() {
    for name in ["Ä", "a b", "", &"a".repeat(64)] {
        let error = Plan::parse(&LEAST.replace("shop", name)).unwrap_err().to_string();
        assert!(error.starts_with("the plan has a fault: application: ") && error.contains("lower-case letters"), "{error}");
    }
}

#[test]
fn all_faults_are_found_at_once() {
    let error = Plan::parse("interval = \"0s\"\nfailure_limit = 11\n").unwrap_err();
    let PlanError::Invalid { faults } = &error else { panic!("{error}") };
    let at: Vec<&str> = faults.iter().map(|fault| fault.at.as_str()).collect();
    assert_eq!(at, ["interval", "application", "failure_limit", "stages"]);
    assert!(error.to_string().starts_with("the plan has 4 faults:\n  interval: "), "{error}");
}

#[test]
fn what_is_not_a_plan_at_all_is_said_with_its_line() {
    for (text, words) in [
        ("application = ", "line 1"),
        ("intervall = \"30s\"\n", "unknown field `intervall`, expected one of `application`, `interval`"),
        ("[[stages]]\nweight = 5\n", "unknown field `weight`, expected one of `name`"),
        ("interval = 30\n", "expected a string"),
        ("[analysis]\nlatency = { quantil = 0.9 }\n", "unknown field `quantil`"),
        ("[analysis]\nlatency = true\n", "`false`"),
        ("[analysis]\nlatency = 5\n", "a table, or `false`"),
        ("[analysis]\ntraps = { max = 0.5 }\n", "expected i64"),
    ] {
        let error = Plan::parse(text).unwrap_err();
        assert!(matches!(error, PlanError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let long = format!("{LEAST}# {}", "x".repeat(limits::PLAN_BYTES));
    assert!(Plan::parse(&long).unwrap_err().to_string().contains("65536 are the most"));
}

/// Milliseconds of a moment.
fn at(text: &str) -> u64 {
    u64::try_from(text.parse::<jiff::Timestamp>().unwrap().as_millisecond()).unwrap()
}

#[test]
fn a_weekly_freeze_goes_over_the_end_of_the_week() {
    let plan = Plan::parse(&careful()).unwrap();
    for (moment, is_frozen) in [
        ("2026-12-04T15:59:59Z", false), // a Friday
        ("2026-12-04T16:00:00Z", true),
        ("2026-12-05T12:00:00Z", true),
        ("2026-12-07T07:59:59Z", true),
        ("2026-12-07T08:00:00Z", false),
        ("2026-12-09T12:00:00Z", false),
    ] {
        assert_eq!(plan.frozen(at(moment)).is_some(), is_frozen, "{moment}");
    }
    let said = plan.frozen(at("2026-12-05T12:00:00Z")).unwrap().to_string();
    assert_eq!(said, "frozen from fri 16:00 to mon 08:00 UTC, every week (weekend)");
}

#[test]
fn a_freeze_of_dates_is_read_quoted_or_not_in_any_offset() {
    for moments in [
        "from = \"2026-12-24T00:00:00Z\", to = \"2026-12-27T01:00:00+01:00\"",
        "from = 2026-12-24T00:00:00Z, to = 2026-12-27T01:00:00+01:00",
        "from = 2026-12-24 00:00:00Z, to = 2026-12-27 01:00:00+01:00",
    ] {
        let plan = Plan::parse(&format!("freeze = [{{ {moments} }}]\n{LEAST}")).unwrap();
        let expected = Freeze::Once { from_ms: at("2026-12-24T00:00:00Z"), to_ms: at("2026-12-27T00:00:00Z"), reason: None };
        assert_eq!(plan.freezes, [expected]);
        assert!(plan.frozen(at("2026-12-24T00:00:00Z")).is_some() && plan.frozen(at("2026-12-27T00:00:00Z")).is_none());
        assert_eq!(plan.freezes[0].to_string(), "frozen from 2026-12-24T00:00:00Z to 2026-12-27T00:00:00Z");
    }
}

#[test]
fn durations_are_read_as_they_are_written() {
    for (text, ms) in [("1s", 1_000), ("90s", 90_000), ("10m", 600_000), ("24h", 86_400_000), ("7d", 604_800_000), ("0s", 0)] {
        assert_eq!(duration::parse(text), Some(ms), "{text}");
    }
    for text in ["", "s", "10", "10 m", "-1s", "1.5h", "10ms", "1m30s", "99999999999999999999s", "9999999999999999d", "ä"] {
        assert_eq!(duration::parse(text), None, "{text}");
    }
    for (ms, text) in
        [(0, "0s"), (400, "0s"), (1_400, "1s"), (90_000, "90s"), (120_000, "2m"), (86_400_000, "1d"), (90_000_000, "25h")]
    {
        assert_eq!(duration::format(ms), text, "{ms}");
    }
    for (ms, text) in [(0, "0s"), (1_600, "2s"), (125_000, "125s"), (210_000, "4m"), (7_205_000, "120m"), (90_000_000, "25h")] {
        assert_eq!(duration::about(ms), text, "{ms}");
    }
}
