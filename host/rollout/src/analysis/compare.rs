//! The checks of a plan: each is passed, or fails with a sentence that has the figures.

use serde::{Deserialize, Serialize};

use super::histogram::{quantile, share_above, total};
use super::statistics::{Proportion, exceeds, float, is_larger};
use crate::limits;
use crate::plan::{Analysis, Errors, Latency, Memory, Query, Restarts, Traps, duration};
use crate::protocol::{Counters, NodeKind};

/// Bytes of a MiB.
const MIB: u64 = 1 << 20;

/// What a release is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// The release before, on the same nodes in the same window.
    SameNodes,
    /// The release before, on other nodes of the same kind and regions in the same window.
    OtherNodes,
    /// The release before, on nodes of the same kind and regions in the window before.
    WindowBefore,
    /// Nothing: nobody serves the release before, or nobody has asked for it.
    Nothing,
}

impl Against {
    /// In a few words; none where there is nothing.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::SameNodes => "on the same nodes",
            Self::OtherNodes => "on other nodes meanwhile",
            Self::WindowBefore => "in the window before",
            Self::Nothing => "",
        }
    }
}

/// Both samples of one kind of nodes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Comparison<'a> {
    pub kind: NodeKind,
    pub new: &'a Counters,
    pub old: &'a Counters,
    pub against: Against,
    /// How long the window is, in milliseconds.
    pub window_ms: u64,
}

/// What a release fails, in sentences.
///
/// Shares and quantiles are judged only if there are as many requests as the plan wants, traps and memory always.
pub(crate) fn compare(analysis: &Analysis, comparison: &Comparison<'_>) -> Vec<String> {
    let least = analysis.min_requests.max(1);
    let Comparison { new, old, against, .. } = *comparison;
    let is_compared = new.requests >= least && old.requests >= least && against != Against::Nothing;
    let is_judged_alone = new.requests >= least && against == Against::Nothing;
    let failures = [
        analysis.errors.filter(|_| is_compared || is_judged_alone).and_then(|check| errors(check, comparison)),
        analysis.latency.filter(|_| is_compared).and_then(|check| latency(check, comparison)),
        analysis.restarts.filter(|_| is_compared).and_then(|check| restarts(check, comparison)),
        analysis.traps.and_then(|check| traps(check, comparison)),
        analysis.memory.filter(|_| against != Against::Nothing).and_then(|check| memory(check, comparison)),
    ];
    let (kind, window) = (comparison.kind.name(), duration::about(comparison.window_ms));
    failures.into_iter().flatten().map(|failure| format!("{kind} nodes, last {window}: {failure}")).collect()
}

/// Without anything to compare with, the release before is taken to have had no error.
fn errors(check: Errors, Comparison { new, old, against, .. }: &Comparison<'_>) -> Option<String> {
    let of_new = Proportion { count: new.errors, of: new.requests };
    let of_old = Proportion { count: old.errors, of: old.requests };
    if !is_larger(of_new, of_old, check.max_increase, check.confidence) {
        return None;
    }
    let compared = match against {
        Against::Nothing => String::new(),
        against => {
            format!(", against {} of {} of the release before, {}", percent(of_old.share()), old.requests, against.words())
        }
    };
    let (share, most) = (percent(of_new.share()), percent(check.max_increase));
    Some(format!("{share} of {} requests were answered with a 5xx{compared}; {most} more is the most", new.requests))
}

/// The share of requests that are slower than the limit, which is 1 - `quantile` where the quantile is at the limit. So chance is told from slowness by the
/// same test as errors, however few requests are beyond a high quantile.
fn latency(check: Latency, Comparison { new, old, against, .. }: &Comparison<'_>) -> Option<String> {
    let (of_new, of_old) = (quantile(&new.latency, check.quantile)?, quantile(&old.latency, check.quantile)?);
    let limit = (of_old * check.max_ratio).max(of_old + check.min_increase_ms * 1_000.0);
    let beyond = 1.0 - check.quantile;
    let spread = check.quantile * beyond;
    let variance = spread / float(total(&new.latency)) + spread / float(total(&old.latency));
    if !exceeds(share_above(&new.latency, limit) - beyond, variance, check.confidence) {
        return None;
    }
    // One part in ten thousand: 99.9 is no more digits than was written.
    let (name, words) = ((check.quantile * 10_000.0).round() / 100.0, against.words());
    let (of_new, of_old, limit) = (milliseconds(of_new), milliseconds(of_old), milliseconds(limit));
    Some(format!(
        "{name} % of answers take {of_new} at most, against {of_old} of the release before, {words}; {limit} is the limit"
    ))
}

fn restarts(check: Restarts, Comparison { new, old, against, .. }: &Comparison<'_>) -> Option<String> {
    let of_new = float(new.restarts) / float(new.requests.max(1));
    let of_old = float(old.restarts) / float(old.requests.max(1));
    if of_new <= of_old * check.max_ratio || of_new - of_old <= check.min_increase {
        return None;
    }
    let words = against.words();
    Some(format!(
        "{} instances ended in {} requests, against {} in {} of the release before, {words}; {} times as many is the most",
        new.restarts, new.requests, old.restarts, old.requests, check.max_ratio
    ))
}

fn traps(check: Traps, Comparison { new, old, against, .. }: &Comparison<'_>) -> Option<String> {
    let also_before = match against {
        Against::Nothing => 0,
        _ => old.traps.saturating_mul(new.requests).div_ceil(old.requests.max(1)),
    };
    let most = check.max.saturating_add(also_before);
    let said = format!("{} traps for {} requests; {most} is the most", new.traps, new.requests);
    // Where the release before traps as well, as where a machine has too much to do and requests run out of their time, one more may be chance.
    let (of_new, of_old) =
        (Proportion { count: new.traps, of: new.requests }, Proportion { count: also_before, of: new.requests });
    let is_more = also_before == 0 || is_larger(of_new, of_old, 0.0, limits::TRAPS_CONFIDENCE);
    (new.traps > most && is_more).then_some(said)
}

fn memory(check: Memory, Comparison { new, old, against, .. }: &Comparison<'_>) -> Option<String> {
    let (of_new, of_old) = (float(new.memory), float(old.memory));
    let is_more = old.memory > 0
        && of_new > of_old * check.max_ratio
        && new.memory > old.memory.saturating_add(check.min_increase_mib.saturating_mul(MIB));
    let (of_new, of_old) = (of_new / float(MIB), of_old / float(MIB));
    let (words, ratio) = (against.words(), check.max_ratio);
    let said = format!(
        "an instance has {of_new:.1} MiB, against {of_old:.1} MiB of the release before, {words}; {ratio} times as much is the most"
    );
    is_more.then_some(said)
}

/// What a query's value fails, in a sentence.
pub(crate) fn judge_reading(query: &Query, reading: Option<&Result<f64, String>>) -> Option<String> {
    let name = &query.name;
    match reading {
        Some(Ok(value)) if value.is_nan() => query.required.then(|| format!("the query {name} has no value")),
        Some(Ok(value)) => {
            let above = query.max.filter(|max| value > max).map(|max| format!("the query {name} is {value}; {max} is the most"));
            above.or_else(|| {
                query.min.filter(|min| value < min).map(|min| format!("the query {name} is {value}; {min} is the least"))
            })
        }
        Some(Err(reason)) => query.required.then(|| format!("the query {name} has no value: {reason}")),
        None => query.required.then(|| format!("the query {name} was not asked")),
    }
}

fn percent(share: f64) -> String {
    format!("{:.2} %", share * 100.0)
}

fn milliseconds(us: f64) -> String {
    format!("{:.1} ms", us / 1_000.0)
}
