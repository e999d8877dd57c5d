//! Records as CloudEvents 1.0 in binary mode: attributes in headers, the payload as the value.

use crate::limits;
use crate::wit::kafka::ConsumerRecord;
use kit::{id, time};
use serde::de::IgnoredAny;
use std::ops::RangeInclusive;

/// A record that can be understood.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Record<'a> {
    /// Stable and unique: the same record has the same, however often it comes.
    pub id: &'a str,
    /// The region that it comes from.
    pub region: &'a str,
    /// For example `booking.created`.
    pub kind: &'a str,
    /// The id of what it happened to.
    pub subject: &'a str,
    /// When it happened.
    pub at: i64,
    /// Published again, on request.
    pub replayed: bool,
    /// What it says: a JSON object.
    pub value: &'a [u8],
}

/// Reads a record.
///
/// # Errors
/// What is wrong with it: it will never be right.
pub fn read(record: &ConsumerRecord) -> Result<Record<'_>, String> {
    let version = required(record, "ce_specversion", limits::HEADER_BYTES)?;
    if version != "1.0" {
        return Err(format!("ce_specversion: {version} is not 1.0"));
    }
    let id = required(record, "ce_id", limits::ID_BYTES)?;
    let source = required(record, "ce_source", limits::HEADER_BYTES)?;
    let region = source.strip_prefix("/regions/").filter(|region| id::valid_region(region));
    let region = region.ok_or_else(|| format!("ce_source: {source} names no region"))?;
    let kind = required(record, "ce_type", limits::HEADER_BYTES)?;
    let subject = required(record, "ce_subject", limits::HEADER_BYTES)?;
    let at = required(record, "ce_time", limits::HEADER_BYTES)?;
    let at = time::parse(at).ok_or_else(|| format!("ce_time: {at} is not an RFC 3339 instant"))?;
    let version = required(record, "ce_aggregateversion", limits::HEADER_BYTES)?;
    if !version.parse::<i64>().is_ok_and(|version| version >= 0) {
        return Err(format!("ce_aggregateversion: {version} is not a version"));
    }
    let replayed = match text(record, "ce_replayed", limits::HEADER_BYTES)? {
        None | Some("false") => false,
        Some("true") => true,
        Some(other) => return Err(format!("ce_replayed: {other} is neither true nor false")),
    };
    let value = record.value.as_deref().ok_or("a record without value")?;
    if value.len() > limits::VALUE_BYTES {
        return Err(format!("the value has more than {} bytes", limits::VALUE_BYTES));
    }
    serde_json::from_slice::<IgnoredAny>(value).map_err(|error| format!("the value is not JSON: {error}"))?;
    if value.trim_ascii_start().first() != Some(&b'{') {
        return Err("the value is not a JSON object".to_owned());
    }
    Ok(Record { id, region, kind, subject, at, replayed, value })
}

fn required<'a>(record: &'a ConsumerRecord, name: &str, bytes: RangeInclusive<usize>) -> Result<&'a str, String> {
    text(record, name, bytes)?.ok_or_else(|| format!("{name} is missing"))
}

/// A header's value: visible ASCII, as all of ours are. The last one counts where there are several.
fn text<'a>(record: &'a ConsumerRecord, name: &str, bytes: RangeInclusive<usize>) -> Result<Option<&'a str>, String> {
    let Some(header) = record.headers.iter().rev().find(|header| header.key == name) else { return Ok(None) };
    let text = std::str::from_utf8(&header.value).ok().filter(|text| text.bytes().all(|byte| byte.is_ascii_graphic()));
    let text = text.filter(|text| bytes.contains(&text.len()));
    text.map(Some).ok_or_else(|| format!("{name} is not {} to {} visible ASCII characters", bytes.start(), bytes.end()))
}
