//! The screen: from the top what is decided of the rollout, the stages, both releases, the nodes, what happened last, and what keys do.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph};

use crate::documents::{Counted, Figures, Node, Rollout, Stage, Text, clock};
use crate::limits;
use crate::look::Seen;
use crate::ui::{Question, Ui, Verb};

#[cfg(test)]
mod tests;

/// Draws everything anew.
pub fn draw(frame: &mut Frame<'_>, seen: &Seen, ui: &mut Ui) {
    let area = frame.area();
    let rollout = seen.status.rollout.as_ref();
    let summary = summary(seen, rollout, ui, area.width.into());
    let stages = rollout.map(|rollout| stages(rollout, ui)).unwrap_or_default();
    let figures = rollout.map(|rollout| figures(&rollout.figures)).unwrap_or_default();
    let heights = [1, height(&summary), height(&stages), height(&figures)];
    let taken = heights.iter().sum::<u16>() + 1;
    let left = area.height.saturating_sub(taken);
    // Nodes and the log each have a line that says what they are.
    let log = log(seen);
    let log_lines = left.saturating_sub(limits::NODES + 1).min(limits::LOG).min(left / 2).min(height(&log));
    let constraints = heights.map(Constraint::Length).into_iter().chain([
        Constraint::Min(0),
        Constraint::Length(log_lines),
        Constraint::Length(1),
    ]);
    let parts: Vec<Rect> = Layout::vertical(constraints).split(area).to_vec();
    let [title, of_summary, of_stages, of_figures, of_nodes, of_log, footer] = parts.as_slice() else { return };
    frame.render_widget(header(seen, rollout, title.width), *title);
    frame.render_widget(Paragraph::new(summary), *of_summary);
    frame.render_widget(Paragraph::new(stages), *of_stages);
    frame.render_widget(Paragraph::new(figures), *of_figures);
    frame.render_widget(nodes(&seen.nodes, ui, *of_nodes), *of_nodes);
    frame.render_widget(Paragraph::new(log), *of_log);
    frame.render_widget(keys(ui, footer.width), *footer);
    if ui.is_helping {
        help(frame);
    }
}

fn height(lines: &[Line<'_>]) -> u16 {
    u16::try_from(lines.len()).unwrap_or(u16::MAX)
}

/// A sentence in as many lines as it takes; a word that is longer than a line is cut.
fn wrapped(text: &str, width: usize, style: Style) -> Vec<Line<'static>> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + 1 + word.chars().count() <= width => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines.truncate(limits::SENTENCE);
    lines.into_iter().map(|line| Line::styled(line, style)).collect()
}

const SOFT: Style = Style::new().add_modifier(Modifier::DIM);
const STRONG: Style = Style::new().add_modifier(Modifier::BOLD);

/// A state, which its word says; the colour says it once more.
fn tone(state: &str, ui: &Ui) -> Style {
    let colour = match state {
        "completed" | "ready" | "done" => Color::Green,
        "gated" | "paused" | "away" | "reached" => Color::Yellow,
        "rolling-back" | "rolled-back" | "aborted" | "failed" => Color::Red,
        "pending" | "running" | "switching" | "under-way" => Color::Cyan,
        _ => return SOFT,
    };
    if ui.has_colours { STRONG.fg(colour) } else { STRONG }
}

/// Words to the left and to the right of a line; of too many, those to the left are cut.
fn spread(left: &str, right: &str, width: u16) -> String {
    let width = usize::from(width);
    let room = width.saturating_sub(right.chars().count() + 1);
    let left: String = left.chars().take(room).collect();
    let gap = width.saturating_sub(left.chars().count() + right.chars().count());
    format!("{left}{}{right}", " ".repeat(gap))
}

fn header(seen: &Seen, rollout: Option<&Rollout>, width: u16) -> Line<'static> {
    let status = &seen.status;
    let application = rollout.map_or_else(String::new, |rollout| format!(" {}", rollout.application));
    let acts = status.acts.as_ref().map_or_else(|| "no instance acts".to_owned(), |acts| format!("{acts} acts"));
    let right = if status.time.0.is_empty() { String::new() } else { format!("{acts}  {} ", clock(&status.time)) };
    Line::styled(spread(&format!(" marquee{application}"), &right, width), Style::new().add_modifier(Modifier::REVERSED))
}

fn summary(seen: &Seen, rollout: Option<&Rollout>, ui: &Ui, width: usize) -> Vec<Line<'static>> {
    let mut lines = Vec::new();
    if let Some(trouble) = &ui.trouble {
        let since = if seen.status.time.0.is_empty() { String::new() } else { format!(" (shown: {})", clock(&seen.status.time)) };
        lines.extend(wrapped(&format!("not heard{since}: {trouble}"), width, tone("failed", ui)));
    }
    let Some(rollout) = rollout else {
        let asked = if seen.raw.is_null() { "asking the control plane…" } else { "nothing was rolled out yet" };
        lines.push(Line::from(asked));
        return lines;
    };
    let mut headline = vec![Span::styled(format!("rollout {}  ", rollout.id), STRONG)];
    headline.push(Span::styled(rollout.state.to_string(), tone(&rollout.state.0, ui)));
    if let Some(stage) = &rollout.stage {
        headline.push(Span::raw(format!("  stage {stage}")));
    }
    if let Some(weight) = rollout.weight {
        headline.push(Span::raw(format!(", {weight} % of an edge's requests")));
    }
    lines.push(Line::from(headline));
    if let Some(reason) = &rollout.reason {
        lines.extend(wrapped(&reason.0, width, tone(&rollout.state.0, ui)));
    }
    let old = rollout.old.as_ref().map_or_else(|| "nothing before it".to_owned(), |old| seen.named(old.release));
    lines.push(Line::from(format!("new: {}   old: {old}", seen.named(rollout.new.release))));
    let waiting = rollout.waiting.iter().flat_map(|reason| wrapped(&format!("waits: {reason}"), width, SOFT));
    lines.extend(waiting.take(limits::WAITING));
    lines
}

/// A line for each stage with its steps: done, under way, to come.
fn stages(rollout: &Rollout, ui: &Ui) -> Vec<Line<'static>> {
    let all = &rollout.progress;
    let at = all.iter().position(|stage| stage.state.0 == "under-way").unwrap_or_default();
    let first = (at + 1).saturating_sub(limits::STAGES).min(all.len().saturating_sub(limits::STAGES));
    let name = all.iter().map(|stage| stage.name.0.chars().count()).max().unwrap_or_default().min(20);
    let line = |stage: &Stage| {
        let Stage { name: of, state, nodes, steps, gate } = stage;
        let is_here = state.0 == "under-way";
        let mark = match state.0.as_str() {
            "done" => "✓",
            "under-way" => "▶",
            "reached" => "×",
            _ => "·",
        };
        let of: String = of.0.chars().take(name).collect();
        let mut spans = vec![Span::styled(format!("{mark} {of:<name$} "), tone(&state.0, ui))];
        for (number, weight) in steps.iter().enumerate() {
            let is_done = state.0 == "done" || is_here && rollout.step.is_none_or(|step| number < step);
            spans.push(if is_here && rollout.step == Some(number) {
                Span::styled(format!(" [{weight} %]"), tone("under-way", ui))
            } else if is_done {
                Span::styled(format!(" {weight} %✓"), tone("done", ui))
            } else {
                Span::styled(format!(" {weight} %"), SOFT)
            });
        }
        let gate = if gate.0 == "manual" && (is_here || state.0 == "to-come") { ", then a gate" } else { "" };
        let nodes = if *nodes == 1 { "1 node".to_owned() } else { format!("{nodes} nodes") };
        let is_at_gate = is_here && rollout.step.is_none();
        let far = if is_at_gate { "done, at its gate".to_owned() } else { format!("{}{gate}", state.0.replace('-', " ")) };
        spans.push(Span::styled(format!("  {far}: {nodes}"), SOFT));
        Line::from(spans)
    };
    all.iter().skip(first).take(limits::STAGES).map(line).collect()
}

/// Two lines for each kind of nodes: the new release and the old one beneath it.
fn figures(all: &[Figures]) -> Vec<Line<'static>> {
    let Some(first) = all.first() else { return Vec::new() };
    let looked = format!("  {} s to {}", first.window_ms / 1_000, clock(&first.at));
    let [requests, rate, share, p50, p90, p99, traps] = ["requests", "/s", "5xx %", "p50 ms", "p90 ms", "p99 ms", "traps"];
    let head = format!("{:<11}{requests:>8}{rate:>6}{share:>6}{p50:>7}{p90:>7}{p99:>7}{traps:>6}{looked}", "figures");
    let mut lines = vec![Line::styled(head, STRONG)];
    for Figures { kind, against, new, old, .. } in all {
        lines.push(Line::from(format!("{kind:<7}new {}", row(new))));
        let old = old.as_ref().map_or_else(|| " nothing to compare with".to_owned(), row);
        let against = against.as_ref().map_or_else(String::new, |against| format!("  {against}"));
        lines.push(Line::from(vec![Span::raw(format!("{:<7}old {old}", "")), Span::styled(against, SOFT)]));
    }
    lines
}

fn row(of: &Counted) -> String {
    let Counted { requests, per_second, error_share, latency_ms, traps } = of;
    let share = error_share.map(|share| share * 100.0);
    format!(
        "{requests:>8}{}{}{}{}{}{traps:>6}",
        number(*per_second, 6, 1),
        number(share, 6, 2),
        number(latency_ms.p50, 7, 1),
        number(latency_ms.p90, 7, 1),
        number(latency_ms.p99, 7, 1),
    )
}

fn number(value: Option<f64>, width: usize, digits: usize) -> String {
    value.map_or_else(|| format!("{:>width$}", "-"), |value| format!("{value:>width$.digits$}"))
}

/// As many nodes as there is room for.
fn nodes(all: &[Node], ui: &mut Ui, area: Rect) -> Paragraph<'static> {
    let page = usize::from(area.height.saturating_sub(1));
    ui.page = page;
    ui.offset = ui.offset.min(all.len().saturating_sub(page));
    let shown = all.iter().skip(ui.offset).take(page);
    let widest = |of: fn(&Node) -> String, most: usize| {
        let widths = all.iter().map(|node| of(node).chars().count());
        widths.max().unwrap_or_default().clamp(6, most)
    };
    let (name, serves) = (widest(Node::name, 24), widest(Node::serves, 18));
    let states: Vec<String> = ["failed", "away", "switching", "ready"]
        .into_iter()
        .map(|state| (state, all.iter().filter(|node| node.state.0 == state).count()))
        .filter(|(_, count)| *count > 0)
        .map(|(state, count)| format!("{count} {state}"))
        .collect();
    let range = if all.len() > page && page > 0 {
        format!("  ({}-{} of {})", ui.offset + 1, ui.offset + page, all.len())
    } else {
        String::new()
    };
    let title =
        if all.is_empty() { "nodes: none has reported yet".to_owned() } else { format!("nodes: {}{range}", states.join(", ")) };
    let mut lines = vec![Line::styled(title, STRONG)];
    lines.extend(shown.map(|node| {
        let cut = |text: String, width: usize| text.chars().take(width).collect::<String>();
        Line::from(vec![
            Span::raw(format!("{:<name$}  ", cut(node.name(), name))),
            Span::styled(format!("{:<10}", node.state), tone(&node.state.0, ui)),
            Span::raw(format!("{:<serves$}  {}  ", cut(node.serves(), serves), clock(&node.seen_at))),
            Span::styled(node.remarks(), SOFT),
        ])
    }));
    Paragraph::new(lines)
}

/// The audit log, for who may read it; for others what happened to the rollout. The newest first.
fn log(seen: &Seen) -> Vec<Line<'static>> {
    let line = |at: &Text, text: String| Line::from(vec![Span::styled(format!("{}  ", clock(at)), SOFT), Span::raw(text)]);
    let (title, lines): (_, Vec<_>) = match (&seen.audit, &seen.status.rollout) {
        (Some(entries), _) => {
            let text =
                |entry: &crate::documents::Entry| format!("{}: {} {}  {}", entry.who, entry.what, entry.subject, entry.detail);
            ("audit log", entries.iter().map(|entry| line(&entry.at, text(entry))).collect())
        }
        (None, Some(rollout)) => {
            ("what happened", rollout.events.iter().rev().map(|event| line(&event.at, event.text.to_string())).collect())
        }
        (None, None) => return Vec::new(),
    };
    std::iter::once(Line::styled(title, STRONG)).chain(lines).collect()
}

fn keys(ui: &Ui, width: u16) -> Line<'static> {
    if let Some(Question { verb, rollout, .. }) = &ui.question {
        let text = format!(" {} rollout {rollout}? {}: y / n", verb.name(), verb.does());
        return Line::styled(spread(&text, "", width), STRONG.add_modifier(Modifier::REVERSED));
    }
    if !ui.said.is_empty() {
        return Line::styled(format!(" {}", Text::from(ui.said.as_str())), STRONG);
    }
    Line::styled(" q quit  ? help  p pause  r resume  P promote  a abort  b rollback  ↑↓ nodes", SOFT)
}

fn help(frame: &mut Frame<'_>) {
    let mut lines: Vec<Line<'_>> =
        Verb::ALL.iter().map(|verb| Line::from(format!("{}  {}: {}", verb.key(), verb.name(), verb.does()))).collect();
    lines.push(Line::from("each asks first; y does it, every other key does not"));
    lines.push(Line::from("↑ ↓ PgUp PgDn Home End  scroll the nodes, those in trouble first"));
    lines.push(Line::from("q  quit: the rollout goes on"));
    let area = frame.area();
    let (width, height) = (area.width.min(68), area.height.min(height(&lines) + 2));
    let (x, y) = (area.width.saturating_sub(width) / 2, area.height.saturating_sub(height) / 2);
    let area = Rect::new(x, y, width, height);
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(lines).block(Block::bordered().title(" keys ")), area);
}
