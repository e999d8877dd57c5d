//! A zone's rules around an event, as `VTIMEZONE`: each change of its offset with the instant of it. No rule for all time is made up of them.

use crate::{Error, LOCAL, limits, write::Writer};
use jiff::{
    SignedDuration, Timestamp,
    tz::{Dst, Offset, TimeZone},
};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

/// Writes what the clock does from before the event until a while after it.
pub fn write(writer: &mut Writer, name: &str, zone: &TimeZone, starts: Timestamp, ends: Timestamp) -> Result<(), Error> {
    let until = ends.saturating_add(limits::BEYOND)?;
    // The last one before, or at, the event's beginning.
    let before = zone.preceding(starts.checked_add(SECOND)?).next();
    let from = before.as_ref().map_or(starts, |change| change.timestamp());
    let after = zone.following(from).take_while(|change| change.timestamp() <= until);
    writer.line("BEGIN", "VTIMEZONE");
    writer.line("TZID", name);
    match before {
        Some(change) => {
            let offset = zone.to_offset(change.timestamp().checked_sub(SECOND)?);
            observance(writer, change.timestamp(), (offset, change.offset()), change.dst(), change.abbreviation());
        }
        // It never was another one.
        None => {
            let info = zone.to_offset_info(starts);
            observance(writer, Timestamp::UNIX_EPOCH, (info.offset(), info.offset()), info.dst(), info.abbreviation());
        }
    }
    let mut offset = zone.to_offset(starts);
    for change in after.take(limits::CHANGES) {
        observance(writer, change.timestamp(), (offset, change.offset()), change.dst(), change.abbreviation());
        offset = change.offset();
    }
    writer.line("END", "VTIMEZONE");
    Ok(())
}

/// From an instant on. It begins at what the clock showed that was right until then.
fn observance(writer: &mut Writer, at: Timestamp, (from, to): (Offset, Offset), dst: Dst, abbreviation: &str) {
    let kind = if dst.is_dst() { "DAYLIGHT" } else { "STANDARD" };
    writer.line("BEGIN", kind);
    writer.line("DTSTART", &from.to_datetime(at).strftime(LOCAL).to_string());
    writer.line("TZOFFSETFROM", &written(from));
    writer.line("TZOFFSETTO", &written(to));
    writer.text("TZNAME", abbreviation);
    writer.line("END", kind);
}

/// `+0530`, with seconds where there are any.
fn written(offset: Offset) -> String {
    let seconds = offset.seconds();
    let sign = if seconds < 0 { '-' } else { '+' };
    let seconds = seconds.unsigned_abs();
    let text = format!("{sign}{:02}{:02}", seconds / 3600, seconds / 60 % 60);
    if seconds.is_multiple_of(60) { text } else { format!("{text}{:02}", seconds % 60) }
}
