//! Lines that say the same again and again are counted and summarised: in an outage every request and every batch would write one.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock, Mutex, PoisonError},
    time::Instant,
};

use crate::limits;

/// Lines of all components of this process.
static ALL: LazyLock<Mutex<Repeats>> = LazyLock::new(Mutex::default);

#[derive(Default)]
struct Repeats(HashMap<(Arc<str>, String), RepeatedLine>);

/// Lines that are alike but for their numbers.
struct RepeatedLine {
    since: Instant,
    written: u32,
    left_out: u64,
    last: String,
}

/// What is to be written now that a component has said this line: it, unless it has been said often, and how many lines were left out lately.
pub(super) fn heard(component: &Arc<str>, line: &str) -> Vec<(Arc<str>, String)> {
    ALL.lock().unwrap_or_else(PoisonError::into_inner).heard(component, line, Instant::now())
}

impl Repeats {
    fn heard(&mut self, component: &Arc<str>, line: &str, now: Instant) -> Vec<(Arc<str>, String)> {
        let mut out = Vec::new();
        self.0.retain(|(component, _), repeated| {
            let over = now.duration_since(repeated.since) >= limits::LOG_REPEATS_OVER;
            if over && repeated.left_out > 0 {
                let seconds = limits::LOG_REPEATS_OVER.as_secs();
                let text = format!("{} (and {} more lines like this one in {seconds} s)", repeated.last, repeated.left_out);
                out.push((Arc::clone(component), text));
            }
            !over
        });
        let key = (Arc::clone(component), shape(line));
        if !self.0.contains_key(&key) && self.0.len() >= limits::LOG_SHAPES {
            out.push((Arc::clone(component), line.to_owned()));
            return out;
        }
        let repeated = self.0.entry(key).or_insert(RepeatedLine { since: now, written: 0, left_out: 0, last: String::new() });
        if repeated.written < limits::LOG_REPEATS {
            repeated.written += 1;
            out.push((Arc::clone(component), line.to_owned()));
        } else {
            repeated.left_out += 1;
            line.clone_into(&mut repeated.last);
        }
        out
    }
}

/// The line without what differs from one to the next: words with a digit in them are numbers and ids.
fn shape(line: &str) -> String {
    line.split(' ')
        .map(|word| if word.bytes().any(|byte| byte.is_ascii_digit()) { "#" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_lines_are_summarised() {
        let (mut repeats, component) = (Repeats::default(), Arc::from("ledger"));
        let start = Instant::now();
        let mut written = Vec::new();
        for batch in 0..1_000u32 {
            let line = format!("ledger: {} commands: the database is down", batch % 200 + 1);
            written.extend(repeats.heard(&component, &line, start));
        }
        assert_eq!(written.len(), usize::try_from(limits::LOG_REPEATS).unwrap());
        written.clear();
        written.extend(repeats.heard(&component, "something else", start));
        assert_eq!(written.len(), 1, "what says something else is not held back");
        written.clear();
        written.extend(repeats.heard(&component, "something else", start + limits::LOG_REPEATS_OVER));
        let left_out = 1_000 - limits::LOG_REPEATS;
        assert!(written.iter().any(|(_, line)| line.contains(&format!("and {left_out} more"))), "{written:?}");
    }
}
