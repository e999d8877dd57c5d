//! The outcome of handled records: done, retried, or dead-lettered. No I/O.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::Rules;
use super::attempt::Outcome;
use super::dead::DeadLetter;
use super::work::{Batch, PartitionQueues, State};
use crate::Disposition;
use crate::retry::{Retry, Verdict, pause};

/// A record's attempts so far. Only failures while other records succeed count against the record itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DeliveryAttempts {
    /// The handler has failed with it alone: it is handed over alone.
    pub(super) alone: bool,
    /// How often it is to be tried again, whatever the reason, since something was done last.
    tries: u32,
    /// How often while others were done.
    strikes: u32,
    /// How often the handler failed with it alone, while it answered otherwise.
    failures: u32,
    /// What the consumer had done, and the handler answered, when that was last compared.
    seen: Option<(u64, u64)>,
}

impl DeliveryAttempts {
    /// It is handed over.
    pub(super) fn begins(&mut self, done: u64, answered: u64) {
        self.seen.get_or_insert((done, answered));
    }
}

/// What is left to be done once a batch has been judged.
#[derive(Debug, Default)]
pub(super) struct BatchOutcome {
    /// To the dead letters.
    pub(super) doomed: Vec<DeadLetter>,
    /// How many records of which topic were done or are to be tried again.
    pub(super) counts: Vec<(Arc<str>, &'static str, u64)>,
}

impl PartitionQueues {
    /// Decides the outcome of each record of a batch. Doomed ones stay in flight until they are [`PartitionQueues::buried`].
    pub(super) fn judge(&mut self, batch: &Batch, outcomes: Vec<Outcome>, now: Instant) -> BatchOutcome {
        let mut judged = BatchOutcome::default();
        let mut counts: BTreeMap<(Arc<str>, &'static str), u64> = BTreeMap::new();
        let mut rest = Vec::new();
        for (record, outcome) in batch.records().iter().zip(outcomes) {
            if outcome == Outcome::Said(Disposition::Done) {
                self.done += 1;
                self.finish(batch, record);
                *counts.entry((Arc::clone(&record.topic), "done")).or_default() += 1;
            } else {
                rest.push((record, outcome));
            }
        }
        let (rules, done, answered) = (self.rules, self.done, self.answered);
        let mut again = 0;
        for (record, outcome) in rest {
            // The partition's new owner handles it again.
            let Some(entry) = self.entry(batch, record) else { continue };
            match verdict(&rules, &mut entry.trial, outcome, done, answered) {
                Verdict::Again(pause) => {
                    entry.state = State::Until(now + pause);
                    again += 1;
                    *counts.entry((Arc::clone(&record.topic), "retry")).or_default() += 1;
                }
                Verdict::GivenUp(reason) => judged.doomed.push(DeadLetter { record: Arc::clone(record), reason }),
            }
        }
        self.waits += again;
        judged.counts = counts.into_iter().map(|((topic, outcome), records)| (topic, outcome, records)).collect();
        judged
    }

    /// A dead letter was written, or not: then its record is handled again.
    pub(super) fn buried(&mut self, batch: &Batch, doomed: &DeadLetter, written: bool, now: Instant) {
        if written {
            self.finish(batch, &doomed.record);
        } else {
            let pause = self.rules.outage;
            if let Some(entry) = self.entry(batch, &doomed.record) {
                entry.state = State::Until(now + pause);
                self.waits += 1;
            }
        }
    }
}

fn verdict(rules: &Rules, trial: &mut DeliveryAttempts, outcome: Outcome, done: u64, answered: u64) -> Verdict {
    let (seen_done, seen_answered) = trial.seen.unwrap_or_default();
    let others_were_done = done > seen_done;
    trial.seen = Some((done, answered));
    trial.tries = if others_were_done { 1 } else { trial.tries.saturating_add(1) };
    match outcome {
        Outcome::Said(Disposition::Reject(reason)) => Verdict::GivenUp(reason),
        // It is judged where it is not done only.
        Outcome::Said(Disposition::Done) | Outcome::Untried => Verdict::Again(outage(rules, trial.tries)),
        Outcome::Said(Disposition::Retry(asked)) => {
            trial.alone = false;
            if !others_were_done {
                let asked = Duration::from_millis(asked.into()).min(rules.retry.1);
                return Verdict::Again(outage(rules, trial.tries).max(asked));
            }
            trial.strikes += 1;
            Retry { pauses: rules.retry, attempts: rules.attempts }.verdict(trial.strikes, asked)
        }
        Outcome::Failed(reason) => {
            trial.alone = true;
            if answered > seen_answered {
                trial.failures += 1;
                if trial.failures >= rules.alone {
                    return Verdict::GivenUp(format!("the handler failed with it {} times: {reason}", trial.failures));
                }
            }
            Verdict::Again(outage(rules, trial.tries))
        }
    }
}

fn outage(rules: &Rules, tries: u32) -> Duration {
    pause((rules.retry.0, rules.outage), tries)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Record;
    use crate::record::TopicPartition;

    fn work(rules: Rules) -> PartitionQueues {
        let mut work = PartitionQueues::new(rules);
        work.assign(TopicPartition { topic: "t".into(), partition: 0 });
        work
    }

    fn push(work: &mut PartitionQueues, offset: i64, key: &str) -> bool {
        work.push(Record {
            topic: "t".into(),
            partition: 0,
            offset,
            timestamp: 0,
            key: key.into(),
            headers: Vec::new(),
            value: None,
        })
    }

    /// Hands over a batch and gives its offsets; each has this outcome.
    fn round(
        work: &mut PartitionQueues,
        now: Instant,
        mut outcome: impl FnMut(i64) -> Outcome,
    ) -> (Vec<i64>, Vec<(i64, String)>) {
        let Some(batch) = work.take(now) else { return (Vec::new(), Vec::new()) };
        let offsets: Vec<i64> = batch.records().iter().map(|record| record.offset).collect();
        let outcomes: Vec<Outcome> = offsets.iter().map(|offset| outcome(*offset)).collect();
        let answered = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Said(_))).count();
        work.answered(answered as u64);
        let judged = work.judge(&batch, outcomes, now);
        for doomed in &judged.doomed {
            work.buried(&batch, doomed, true, now);
        }
        work.landed(&batch);
        (offsets, judged.doomed.into_iter().map(|doomed| (doomed.record.offset, doomed.reason)).collect())
    }

    fn committed(work: &mut PartitionQueues) -> Option<i64> {
        work.commits(None).pop().map(|(_, position)| position)
    }

    const DONE: Outcome = Outcome::Said(Disposition::Done);
    const RETRY: Outcome = Outcome::Said(Disposition::Retry(10));
    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_retry_blocks_its_key_and_the_offset() {
        let (mut work, now) = (work(Rules::default()), Instant::now());
        for (offset, key) in [(0, "a"), (1, "b"), (2, "a"), (3, "c"), (4, "")] {
            push(&mut work, offset, key);
        }
        // The second `a` is not in the first batch, whatever the outcome of the first.
        assert_eq!(round(&mut work, now, |offset| if offset == 0 { RETRY } else { DONE }).0, [0, 1, 3, 4]);
        assert_eq!(committed(&mut work), Some(0));
        assert_eq!(round(&mut work, now, |_| DONE).0, [0; 0]);
        assert_eq!(work.due().map(|due| due > now), Some(true));
        let later = now + HOUR;
        assert_eq!(round(&mut work, later, |_| DONE).0, [0]);
        assert_eq!(round(&mut work, later, |_| DONE).0, [2]);
        assert_eq!(committed(&mut work), Some(5));
        assert_eq!(committed(&mut work), None);
    }

    #[test]
    fn attempts_count_only_while_other_records_succeed() {
        let (mut work, mut now) = (work(Rules::default()), Instant::now());
        push(&mut work, 0, "bad");
        for _ in 0..100 {
            now += HOUR;
            assert_eq!(round(&mut work, now, |_| RETRY), (vec![0], vec![]));
            assert!(work.due().unwrap() <= now + 2 * Rules::default().outage);
        }
        let mut waited = Duration::ZERO;
        for attempt in 1..=Rules::default().attempts {
            now = work.due().unwrap().max(now);
            push(&mut work, i64::from(attempt), "good");
            let (_, doomed) = round(&mut work, now, |offset| if offset == 0 { RETRY } else { DONE });
            assert_eq!(doomed.len(), usize::from(attempt == Rules::default().attempts), "{attempt}");
            waited += work.due().map_or(Duration::ZERO, |due| due - now);
        }
        assert!(waited > HOUR / 2 && waited < 2 * HOUR, "{waited:?}");
        assert_eq!(committed(&mut work), Some(i64::from(Rules::default().attempts) + 1));
    }

    #[test]
    fn a_failing_record_is_retried_alone_and_then_dead_lettered() {
        let (mut work, mut now) = (work(Rules::default()), Instant::now());
        for offset in 0..4 {
            push(&mut work, offset, &offset.to_string());
        }
        let outcome = |offset| if offset == 2 { Outcome::Failed("trapped".to_owned()) } else { DONE };
        assert_eq!(round(&mut work, now, outcome), (vec![0, 1, 2, 3], vec![]));
        let mut all = Vec::new();
        for number in 4..12 {
            push(&mut work, number, &number.to_string());
            now += HOUR;
            // It, and then the others.
            for _ in 0..2 {
                let (offsets, doomed) = round(&mut work, now, outcome);
                assert!(!offsets.contains(&2) || offsets == [2], "{offsets:?}");
                all.extend(doomed);
            }
        }
        assert_eq!(all, [(2, "the handler failed with it 3 times: trapped".to_owned())]);
    }

    #[test]
    fn a_failing_handler_dead_letters_nothing() {
        let (mut work, mut now) = (work(Rules::default()), Instant::now());
        push(&mut work, 0, "a");
        for _ in 0..50 {
            now += HOUR;
            assert_eq!(round(&mut work, now, |_| Outcome::Failed("no instance".to_owned())), (vec![0], vec![]));
        }
        assert_eq!(round(&mut work, now + HOUR, |_| DONE).0, [0]);
    }

    #[test]
    fn a_full_partition_pauses_and_a_reassigned_one_starts_fresh() {
        let rules = Rules { partition: 4, ..Rules::default() };
        let (mut work, now) = (work(rules), Instant::now());
        let place = TopicPartition { topic: "t".into(), partition: 0 };
        let paused: Vec<_> = (0..4).map(|offset| push(&mut work, offset, "k")).collect();
        assert_eq!(paused, [false, false, false, true]);
        // Twice the same counts once.
        assert!(!push(&mut work, 3, "k"));
        assert_eq!(round(&mut work, now, |_| DONE).0, [0]);
        assert!(work.resumed().is_empty());
        assert_eq!(round(&mut work, now, |_| DONE).0, [1]);
        assert_eq!(work.resumed(), std::slice::from_ref(&place));

        let batch = work.take(now).unwrap();
        work.leave(Some(std::slice::from_ref(&place)));
        assert!(work.leaving_in_flight());
        work.assign(place.clone());
        push(&mut work, 2, "k");
        // What was handed over before is not this partition's any more.
        work.judge(&batch, vec![DONE], now);
        work.landed(&batch);
        assert_eq!(work.position(&place), Some(2));
        assert_eq!(round(&mut work, now, |_| DONE).0, [2]);
    }
}
