//! When no rollout begins or goes on.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

const MINUTES_OF_A_DAY: u64 = 24 * 60;
const MINUTES_OF_A_WEEK: u64 = 7 * MINUTES_OF_A_DAY;
const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];
/// 1970 began on a Thursday.
const DAY_OF_1970: u64 = 3;

/// A time in which no rollout begins or goes on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "when", rename_all = "lowercase")]
pub enum Freeze {
    /// Once.
    Once {
        /// Its first millisecond since 1970.
        from_ms: u64,
        /// The first one after it.
        to_ms: u64,
        /// Why, if somebody said so.
        reason: Option<String>,
    },
    /// Every week, perhaps over its end.
    Weekly {
        /// Its first minute, counted from Monday 00:00 UTC.
        from: u64,
        /// The first one after it.
        to: u64,
        /// Why, if somebody said so.
        reason: Option<String>,
    },
}

/// A moment, as a plan has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// Milliseconds since 1970.
    Once(u64),
    /// Minutes since Monday 00:00 UTC.
    Weekly(u64),
}

impl Moment {
    /// RFC 3339, or a day of the week and a time.
    pub(super) fn parse(text: &str) -> Option<Self> {
        match text.split_once(' ') {
            Some((day, time)) if DAYS.contains(&day.to_ascii_lowercase().as_str()) => {
                let day = DAYS.iter().position(|name| name.eq_ignore_ascii_case(day))?;
                let (hour, minute) = time.split_once(':')?;
                let two = |text: &str, bound: u64| text.parse::<u64>().ok().filter(|value| text.len() == 2 && *value < bound);
                let minutes = two(hour, 24)? * 60 + two(minute, 60)?;
                Some(Self::Weekly(u64::try_from(day).ok()? * MINUTES_OF_A_DAY + minutes))
            }
            _ => text.parse::<Timestamp>().ok().and_then(|time| u64::try_from(time.as_millisecond()).ok()).map(Self::Once),
        }
    }
}

impl Freeze {
    /// Whether it holds now.
    #[must_use]
    pub fn holds(&self, now_ms: u64) -> bool {
        match self {
            Self::Once { from_ms, to_ms, .. } => (*from_ms..*to_ms).contains(&now_ms),
            Self::Weekly { from, to, .. } => {
                let minute = (now_ms / 60_000 + DAY_OF_1970 * MINUTES_OF_A_DAY) % MINUTES_OF_A_WEEK;
                if from < to { (*from..*to).contains(&minute) } else { minute >= *from || minute < *to }
            }
        }
    }
}

impl fmt::Display for Freeze {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (from, to, reason) = match self {
            Self::Once { from_ms, to_ms, reason } => (moment(*from_ms), moment(*to_ms), reason),
            Self::Weekly { from, to, reason } => (weekly(*from), format!("{} UTC, every week", weekly(*to)), reason),
        };
        write!(f, "frozen from {from} to {to}")?;
        reason.as_ref().map_or(Ok(()), |reason| write!(f, " ({reason})"))
    }
}

fn moment(ms: u64) -> String {
    let time = i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok());
    time.map_or_else(|| format!("{ms} ms"), |time| time.to_string())
}

fn weekly(minute: u64) -> String {
    let day = usize::try_from(minute / MINUTES_OF_A_DAY).ok().and_then(|day| DAYS.get(day)).unwrap_or(&"?");
    format!("{day} {:02}:{:02}", minute % MINUTES_OF_A_DAY / 60, minute % 60)
}
