//! What rounds came to, as a table.

use crate::history::{Answer, Request};
use crate::kinds::{ALL, Kind};
use std::fmt::Write as _;
use std::time::Duration;

/// The time to the first accepted booking after a fault that is expected at most.
pub const EXPECTED: Duration = Duration::from_secs(5);

/// One round.
pub struct Round {
    pub number: usize,
    pub kind: Kind,
    pub what: String,
    /// Until bookings flowed again for every show; none: they never did.
    pub pause: Option<Duration>,
    pub counts: Counts,
    pub wrong: Vec<String>,
}

/// Answers, by what they say.
#[derive(Clone, Copy, Default)]
pub struct Counts {
    requests: usize,
    pub accepted: usize,
    refused: usize,
    not_done: usize,
    unknown: usize,
}

impl Counts {
    pub fn of(requests: &[Request]) -> Self {
        let mut counts = Self { requests: requests.len(), ..Self::default() };
        for request in requests {
            let count = match request.answer {
                Answer::Accepted { .. } | Answer::Underway { .. } => &mut counts.accepted,
                Answer::NotDone | Answer::Unauthenticated => &mut counts.not_done,
                Answer::Unknown | Answer::Unexpected(_) => &mut counts.unknown,
                _ => &mut counts.refused,
            };
            *count += 1;
        }
        counts
    }

    fn add(&mut self, other: Self) {
        self.requests += other.requests;
        self.accepted += other.accepted;
        self.refused += other.refused;
        self.not_done += other.not_done;
        self.unknown += other.unknown;
    }
}

impl Round {
    /// One line, told as it is done.
    pub fn line(&self) -> String {
        let Counts { requests, accepted, refused, not_done, unknown } = self.counts;
        let pause = self.pause.map_or("never".to_owned(), |pause| format!("{:.2} s", pause.as_secs_f64()));
        let verdict = if self.wrong.is_empty() { "one order".to_owned() } else { format!("WRONG: {}", self.wrong.join("; ")) };
        format!(
            "round {}: {} ({}): {requests} requests, {accepted} accepted, {refused} refused, {not_done} not done, {unknown} unknown; \
             flowing after {pause}; {verdict}",
            self.number,
            self.kind.name(),
            self.what
        )
    }
}

/// The table, with a row for each kind that there was.
pub fn table(rounds: &[Round]) -> String {
    let mut text = format!(
        "{:<20} {:>6} {:>8} {:>8} {:>7} {:>8} {:>7}   first accepted after it, s: {:>5} {:>6} {:>5} {:>5}   {}\n",
        "fault", "rounds", "requests", "accepted", "refused", "not done", "unknown", "min", "median", "p95", "max", "one order"
    );
    for kind in ALL {
        let of_kind: Vec<_> = rounds.iter().filter(|round| round.kind == kind).collect();
        if of_kind.is_empty() {
            continue;
        }
        row(&mut text, kind.name(), &of_kind);
    }
    row(&mut text, "all", &rounds.iter().collect::<Vec<_>>());
    text
}

fn row(text: &mut String, name: &str, rounds: &[&Round]) {
    let mut sum = Counts::default();
    rounds.iter().for_each(|round| sum.add(round.counts));
    let mut pauses: Vec<f64> =
        rounds.iter().map(|round| round.pause.map_or(f64::INFINITY, |pause| pause.as_secs_f64())).collect();
    pauses.sort_by(f64::total_cmp);
    // The smallest that at least so many of a hundred do not exceed.
    let quantile = |percent: usize| pauses[(pauses.len() * percent).div_ceil(100).max(1) - 1];
    let wrong = rounds.iter().filter(|round| !round.wrong.is_empty()).count();
    let verdict = if wrong == 0 { "yes".to_owned() } else { format!("NO, in {wrong}") };
    let _ = writeln!(
        text,
        "{name:<20} {:>6} {:>8} {:>8} {:>7} {:>8} {:>7}   {:>26} {:>5.2} {:>6.2} {:>5.2} {:>5.2}   {verdict}",
        rounds.len(),
        sum.requests,
        sum.accepted,
        sum.refused,
        sum.not_done,
        sum.unknown,
        "",
        pauses[0],
        quantile(50),
        quantile(95),
        pauses[pauses.len() - 1]
    );
}
