//! Whether a message has arrived, and when it is tried again. Pure.

use super::send::Answer;
use crate::limits;

/// What becomes of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It has arrived.
    Delivered,
    /// Its receiver wants nothing any more (410).
    Gone,
    /// To be tried again after so many microseconds, for this reason.
    Again(i64, String),
    /// Not tried again.
    GivenUp(String),
}

/// Of an attempt, the first of which is 1. `over`: whether it has been tried for as long as may be. `chance` is anything from 0 to 65,535.
pub fn judge(answer: &Result<Answer, String>, attempt: i64, over: bool, chance: u16) -> Verdict {
    let reason = match answer {
        Ok(answer) if (200..300).contains(&answer.status) => return Verdict::Delivered,
        Ok(answer) if answer.status == 410 => return Verdict::Gone,
        Ok(answer) if (300..400).contains(&answer.status) => "a redirect, which is not followed".to_owned(),
        Ok(answer) => format!("answered {}", answer.status),
        Err(reason) => reason.clone(),
    };
    if over || attempt >= limits::HOOK_ATTEMPTS {
        return Verdict::GivenUp(reason);
    }
    let asked = answer.as_ref().ok().and_then(|answer| answer.retry_after).unwrap_or_default();
    Verdict::Again(jittered(backoff(attempt), chance).max(asked.min(*limits::HOOK_WAIT.end())), reason)
}

/// How long a server is left alone that has failed so often in a row; nothing after the first time, which may have been the message's fault.
pub fn rest(failures: i64) -> i64 {
    if failures < 2 { 0 } else { backoff(failures - 1).min(limits::HOOK_REST) }
}

/// Doubles with every attempt.
fn backoff(attempt: i64) -> i64 {
    let doublings = u32::try_from(attempt.saturating_sub(1)).unwrap_or_default().min(30);
    (limits::HOOK_WAIT.start() << doublings).min(*limits::HOOK_WAIT.end())
}

/// A fifth less to a fifth more, so that what failed together does not come together again.
fn jittered(wait: i64, chance: u16) -> i64 {
    wait - wait / 5 + wait / 5 * 2 * i64::from(chance) / i64::from(u16::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::time::SECOND;

    fn answered(status: u16) -> Result<Answer, String> {
        Ok(Answer { status, text: String::new(), retry_after: None })
    }

    #[test]
    fn every_answer_has_its_verdict() {
        for status in [200, 201, 202, 204, 299] {
            assert_eq!(judge(&answered(status), 1, false, 0), Verdict::Delivered);
            assert_eq!(judge(&answered(status), limits::HOOK_ATTEMPTS, true, 0), Verdict::Delivered);
        }
        assert_eq!(judge(&answered(410), 1, false, 0), Verdict::Gone);
        for status in [301, 302, 307, 400, 401, 404, 429, 500, 503] {
            assert!(matches!(judge(&answered(status), 1, false, 0), Verdict::Again(..)), "{status}");
        }
        assert!(matches!(judge(&Err("silent".to_owned()), 1, false, 0), Verdict::Again(_, reason) if reason == "silent"));
        assert_eq!(judge(&answered(500), 1, true, 0), Verdict::GivenUp("answered 500".to_owned()));
        assert_eq!(judge(&answered(500), limits::HOOK_ATTEMPTS, false, 0), Verdict::GivenUp("answered 500".to_owned()));
    }

    #[test]
    fn a_message_is_tried_for_about_a_day_longer_and_longer_apart() {
        let waits = |chance| {
            let wait = move |attempt| match judge(&answered(500), attempt, false, chance) {
                Verdict::Again(wait, _) => wait,
                other => panic!("{other:?}"),
            };
            (1..limits::HOOK_ATTEMPTS).map(wait).collect::<Vec<_>>()
        };
        let (least, most) = (waits(0), waits(u16::MAX));
        assert_eq!((least[0], most[0], least[1], most[1]), (4 * SECOND, 6 * SECOND, 8 * SECOND, 12 * SECOND));
        assert!(least.is_sorted() && most.is_sorted());
        for (all, hours) in [(least, 18..=24), (most, 24..=30)] {
            let total = all.iter().sum::<i64>() / SECOND / 3600;
            assert!(hours.contains(&total), "{total} hours");
        }
    }

    #[test]
    fn a_server_may_ask_for_more_time_within_reason() {
        let asking = |seconds: i64| Ok(Answer { status: 503, text: String::new(), retry_after: Some(seconds * SECOND) });
        let wait = |seconds| match judge(&asking(seconds), 1, false, 0) {
            Verdict::Again(wait, _) => wait / SECOND,
            other => panic!("{other:?}"),
        };
        assert_eq!((wait(0), wait(600), wait(1_000_000)), (4, 600, 3 * 3600));
    }

    #[test]
    fn a_server_that_fails_is_left_alone_for_longer_and_longer() {
        let rests: Vec<_> = (0..40).map(|failures| rest(failures) / SECOND).collect();
        assert_eq!(rests[..5], [0, 0, 5, 10, 20]);
        assert!(rests.is_sorted() && rests[39] == limits::HOOK_REST / SECOND);
    }
}
