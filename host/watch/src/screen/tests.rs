//! What somebody sees, as text.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use serde_json::{Value, json};

use super::*;
use crate::documents::{Entry, Status};
use crate::ui::Action;

fn status() -> Value {
    let latency = |p99: f64| json!({ "p50": 2.5, "p90": 2.9, "p99": p99 });
    json!({
        "instance": "control-1", "acts": "control-0", "time": "2026-12-01T14:02:11.5Z",
        "you": { "name": "ann", "role": "operator" },
        "rollout": {
            "id": 2, "application": "shop", "state": "running", "stage": "canary", "step": 1, "weight": 50, "reason": null,
            "new": { "release": 2 }, "old": { "release": 1 }, "over": false,
            "waiting": ["edges have answered 12 of 200 requests with the new release"],
            "progress": [
                { "name": "canary", "state": "under-way", "nodes": 1, "steps": [25, 50], "gate": "manual" },
                { "name": "everything", "state": "to-come", "nodes": 0, "steps": [50, 100], "gate": "none" },
            ],
            "figures": [{
                "kind": "edge", "at": "2026-12-01T14:02:00Z", "window_ms": 30_000, "against": "on the same nodes",
                "new": { "requests": 1_234, "per_second": 41.13, "errors": 31, "error_share": 0.025, "latency_ms": latency(19.25), "traps": 3 },
                "old": { "requests": 1_240, "per_second": 41.33, "errors": 0, "error_share": 0.0, "latency_ms": latency(9.96), "traps": 0 },
            }],
            "events": [
                { "at": "2026-12-01T14:01:00Z", "kind": "stage-began", "text": "stage canary has begun" },
                { "at": "2026-12-01T14:01:30Z", "kind": "step-began", "text": "edges give the release 50 %\u{1b}[2J" },
            ],
        },
    })
}

fn node(name: &str, state: &str, serving: Value, drift: &[&str]) -> Node {
    let node = json!({
        "node": format!("marquee://edge/-/{name}"), "state": state, "serving": serving, "seen_at": "2026-12-01T14:02:09Z", "drift": drift,
    });
    serde_json::from_value(node).unwrap()
}

fn seen() -> Seen {
    let raw = status();
    let status: Status = serde_json::from_value(raw.clone()).unwrap();
    let whole = json!([{ "release": 1, "weight": 100 }]);
    let both = json!([{ "release": 1, "weight": 50 }, { "release": 2, "weight": 50 }]);
    let nodes = vec![
        node("edge-2", "failed", whole.clone(), &["release 2 has failed there (fetch: no answer)"]),
        node("edge-0", "ready", both, &[]),
        node("edge-1", "ready", whole, &[]),
    ];
    let versions = [(1, "1.0.0".to_owned()), (2, "1.0.1".to_owned())].into();
    Seen { status, raw, nodes, audit: None, versions }
}

/// The screen as lines, without blanks at their ends.
fn drawn(width: u16, height: u16, seen: &Seen, ui: &mut Ui) -> Vec<String> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw(frame, seen, ui)).unwrap();
    let buffer = terminal.backend().buffer();
    let line = |row: u16| (0..width).map(|column| buffer[(column, row)].symbol()).collect::<String>().trim_end().to_owned();
    (0..height).map(line).collect()
}

fn press(ui: &mut Ui, code: KeyCode, seen: &Seen) -> Action {
    ui.key(KeyEvent::new(code, KeyModifiers::NONE), seen.status.rollout.as_ref())
}

#[test]
fn a_rollout_fits_80_columns_and_24_lines() {
    let shown = drawn(80, 24, &seen(), &mut Ui::default());
    let expected = [
        " marquee shop                                         control-0 acts  14:02:11Z",
        "rollout 2  running  stage canary, 50 % of an edge's requests",
        "new: release 2 (1.0.1)   old: release 1 (1.0.0)",
        "waits: edges have answered 12 of 200 requests with the new release",
        "▶ canary      25 %✓ [50 %]  under way, then a gate: 1 node",
        "· everything  50 % 100 %  to come: 0 nodes",
        "figures    requests    /s 5xx % p50 ms p90 ms p99 ms traps  30 s to 14:02:00Z",
        "edge   new     1234  41.1  2.50    2.5    2.9   19.2     3",
        "       old     1240  41.3  0.00    2.5    2.9   10.0     0  on the same nodes",
        "nodes: 1 failed, 2 ready",
        "edge/edge-2  failed    1 100 %          14:02:09Z  release 2 has failed there (f",
        "edge/edge-0  ready     1 50 % + 2 50 %  14:02:09Z",
        "edge/edge-1  ready     1 100 %          14:02:09Z",
        "",
        "",
        "",
        "",
        "",
        "",
        "",
        "what happened",
        // The newest first, and no escape sequence.
        "14:01:30Z  edges give the release 50 % [2J",
        "14:01:00Z  stage canary has begun",
        " q quit  ? help  p pause  r resume  P promote  a abort  b rollback  ↑↓ nodes",
    ];
    assert_eq!(shown, expected, "\n{}", shown.join("\n"));
}

#[test]
fn what_is_wide_or_small_is_drawn_as_far_as_it_goes() {
    let seen = seen();
    let wide = drawn(140, 50, &seen, &mut Ui::default()).join("\n");
    for words in ["30 s to 14:02:00Z", "on the same nodes", "release 2 has failed there (fetch: no answer)"] {
        assert!(wide.contains(words), "{words} is not in\n{wide}");
    }
    for (width, height) in [(1, 1), (10, 3), (40, 10), (80, 5), (300, 2)] {
        let shown = drawn(width, height, &seen, &mut Ui::default());
        assert_eq!(shown.len(), usize::from(height));
    }
}

#[test]
fn the_reason_of_an_end_is_read_whole() {
    let mut seen = seen();
    let rollout = seen.status.rollout.as_mut().unwrap();
    rollout.state = Text::from("rolled-back");
    rollout.stage = None;
    rollout.weight = None;
    rollout.over = true;
    rollout.progress[0].state = Text::from("reached");
    rollout.reason = Some(Text::from(
        "edge nodes, last 30 s: 2.50 % of 1234 requests were answered with a 5xx, against 0.00 % of 1240 of the release before, on the same nodes",
    ));
    let shown = drawn(80, 24, &seen, &mut Ui::default());
    assert_eq!(shown[1], "rollout 2  rolled-back");
    let text = shown[2..4].join(" ");
    assert!(text.contains("2.50 % of 1234 requests") && text.contains("release before, on the same nodes"), "{text}");
    assert!(shown.iter().any(|line| line.starts_with("× canary")), "{}", shown.join("\n"));
}

#[test]
fn nodes_scroll_within_what_there_is() {
    let mut seen = seen();
    seen.nodes =
        (0..100).map(|n| node(&format!("edge-{n:02}"), "ready", json!([{ "release": 1, "weight": 100 }]), &[])).collect();
    let mut ui = Ui::default();
    let first = |ui: &mut Ui| {
        let shown = drawn(80, 24, &seen, ui);
        let at = shown.iter().position(|line| line.starts_with("nodes:")).unwrap();
        (shown[at].clone(), shown[at + 1].split(' ').next().unwrap().to_owned())
    };
    assert_eq!(first(&mut ui).1, "edge/edge-00");
    let page = ui.page;
    assert!(page >= 3, "{page}");
    press(&mut ui, KeyCode::Down, &seen);
    assert_eq!(first(&mut ui).1, "edge/edge-01");
    press(&mut ui, KeyCode::PageDown, &seen);
    assert_eq!(first(&mut ui).1, format!("edge/edge-{:02}", page + 1));
    press(&mut ui, KeyCode::End, &seen);
    assert_eq!(
        first(&mut ui),
        (format!("nodes: 100 ready  ({}-100 of 100)", 101 - page), format!("edge/edge-{:02}", 100 - page))
    );
    press(&mut ui, KeyCode::Down, &seen);
    assert_eq!(first(&mut ui).1, format!("edge/edge-{:02}", 100 - page));
    press(&mut ui, KeyCode::Home, &seen);
    press(&mut ui, KeyCode::Up, &seen);
    assert_eq!(first(&mut ui).1, "edge/edge-00");
}

#[test]
fn nothing_is_done_that_nobody_has_confirmed() {
    let (mut ui, mut seen) = (Ui::default(), seen());
    for (key, words) in [('p', "pause rollout 2?"), ('r', "resume"), ('P', "promote"), ('a', "abort"), ('b', "rollback")] {
        assert_eq!(press(&mut ui, KeyCode::Char(key), &seen), Action::Nothing);
        let shown = drawn(80, 24, &seen, &mut ui);
        assert!(shown[23].contains(words) && shown[23].ends_with("y / n"), "{}", shown[23]);
        assert_eq!(press(&mut ui, KeyCode::Enter, &seen), Action::Nothing);
        assert!(drawn(80, 24, &seen, &mut ui)[23].contains("nothing was done"));
    }
    press(&mut ui, KeyCode::Char('P'), &seen);
    let Action::Say(question) = press(&mut ui, KeyCode::Char('y'), &seen) else { panic!("it is confirmed") };
    assert_eq!((question.verb, question.rollout, question.stage.as_deref()), (Verb::Promote, 2, Some("canary")));
    press(&mut ui, KeyCode::Char('a'), &seen);
    let Action::Say(question) = press(&mut ui, KeyCode::Char('y'), &seen) else { panic!("it is confirmed") };
    assert_eq!((question.verb, question.stage), (Verb::Abort, None));
    // What is refused is read.
    ui.said = "abort: This needs a token of an operator, and this one is of a viewer.".to_owned();
    assert!(drawn(80, 24, &seen, &mut ui)[23].contains("needs a token of an operator"));
    assert_eq!(press(&mut ui, KeyCode::Char('q'), &seen), Action::Leave);
    seen.status.rollout = None;
    press(&mut ui, KeyCode::Char('a'), &seen);
    assert!(drawn(80, 24, &seen, &mut ui)[23].contains("nothing was rolled out yet"));
}

#[test]
fn help_an_outage_and_the_audit_log_are_shown() {
    let (mut ui, mut seen) = (Ui::default(), seen());
    press(&mut ui, KeyCode::Char('?'), &seen);
    let shown = drawn(80, 24, &seen, &mut ui).join("\n");
    assert!(shown.contains("keys") && shown.contains("P  promote: it goes on past this gate"), "{shown}");
    press(&mut ui, KeyCode::Char('?'), &seen);
    ui.trouble = Some("the control plane does not answer: connection refused".to_owned());
    seen.audit = Some(vec![Entry {
        at: "2026-12-01T14:00:59Z".into(),
        who: "ann".into(),
        what: "deploy".into(),
        subject: "rollout 2".into(),
        detail: "r/shop".into(),
    }]);
    let shown = drawn(80, 24, &seen, &mut ui);
    assert!(shown[1].starts_with("not heard (shown: 14:02:11Z): the control plane does not answer"), "{}", shown[1]);
    let log = shown.iter().position(|line| line == "audit log").unwrap();
    assert_eq!(shown[log + 1], "14:00:59Z  ann: deploy rollout 2  r/shop");
    let nothing = drawn(80, 24, &Seen::default(), &mut Ui::default());
    assert_eq!(nothing[1], "asking the control plane…");
}
