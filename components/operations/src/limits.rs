//! Every bound of this component.

use std::ops::RangeInclusive;

/// A position of the journal.
pub const POSITION: RangeInclusive<i64> = 1..=i64::MAX;
/// Positions of one replay: as many as the relay takes.
pub const REPLAY_POSITIONS: i64 = 100_000_000;
/// Replays that may be open at once.
pub const OPEN_REPLAYS: i64 = 20;
/// Replays that are shown: all open ones, and the newest.
pub const REPLAYS: i64 = 20;
/// Bytes of a list's cursor.
pub const CURSOR_BYTES: RangeInclusive<usize> = 1..=18;
/// Characters of a custom event's type.
pub const TYPE_CHARACTERS: RangeInclusive<usize> = 1..=100;
/// Characters of its subject.
pub const SUBJECT_CHARACTERS: RangeInclusive<usize> = 1..=100;
/// Bytes of its data.
pub const DATA_BYTES: usize = 64 * 1024;
/// Bytes of a region's name.
pub const REGION_BYTES: RangeInclusive<usize> = 1..=16;
/// Entries of the audit log that one page looks through, where they are not looked up by who or what: some ten milliseconds' work.
pub const AUDIT_SCANNED: i64 = 50_000;
/// Entries of one answer in CSV; the next page has its own. A row and its line are about a kilobyte, and an instance serves many requests.
pub const AUDIT_CSV_ROWS: i64 = 1_000;
/// Characters of what the audit log is looked through for.
pub const AUDIT_FILTER: RangeInclusive<usize> = 1..=100;
/// Nodes of a region that are shown.
pub const NODES: i64 = 100;
/// Leases of a region that are shown: as many as there can be.
pub const LEASES: i64 = 100;
/// Up to how many of what waits is counted.
pub const COUNTED: i64 = 10_000;
/// After how long a node that does not report is shown as silent, in microseconds: several times as long as it takes to report again.
pub const SILENT: i64 = 20_000_000;
