//! What is left of an event.

use kit::{
    Answer, Request, Response, hash, public, query,
    replica::{self, Availability, ReadError},
    time,
};
use serde::Serialize;

#[derive(Serialize)]
struct Line<'a> {
    id: &'a str,
    capacity: u32,
    available: u32,
    on_sale: bool,
}

#[derive(Serialize)]
struct View<'a> {
    event_id: &'a str,
    version: u64,
    as_of: String,
    ticket_types: &'a [Line<'a>],
}

/// `GET /api/events/{id}/availability`
pub async fn show(request: Request) -> Answer {
    let id = request.id("id")?;
    query::read(&request, |_| ())?;
    let availability = match replica::get_availability(id.to_owned()).await {
        Err(ReadError::LeftOut) => public::availability(id).await?,
        availability => availability?,
    };
    let lines: Vec<_> = availability
        .lines
        .iter()
        .map(|line| Line { id: &line.ticket_type, capacity: line.capacity, available: line.available, on_sale: line.on_sale })
        .collect();
    let etag = etag(&availability);
    if request.header("if-none-match").is_some_and(|tags| names(tags, &etag)) {
        return Ok(Response::empty(304).header("etag", etag).header("cache-control", "no-cache"));
    }
    let view = View {
        event_id: &availability.event_id,
        version: availability.version,
        as_of: time::format(availability.as_of),
        ticket_types: &lines,
    };
    Ok(Response::json(200, &view)?.header("etag", etag).header("cache-control", "no-cache"))
}

/// The inventory's version, and a digest of what is left: holds run out and sales begin without a new version. Weak, because `as_of`
/// moves on its own.
fn etag(availability: &Availability) -> String {
    let mut text = String::new();
    for line in &availability.lines {
        text.push_str(&format!("{} {} {} {};", line.ticket_type, line.capacity, line.available, line.on_sale));
    }
    let digest = hash::sha256(&[text.as_bytes()]);
    format!("W/\"{}-{}\"", availability.version, digest.get(..8).unwrap_or_default())
}

/// Whether a list of entity tags names this one, by weak comparison (RFC 9110, 13.1.2).
fn names(tags: &str, etag: &str) -> bool {
    let opaque = |tag: &str| tag.trim().trim_start_matches("W/").to_owned();
    tags.trim() == "*" || tags.split(',').any(|tag| opaque(tag) == opaque(etag))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::replica::LineAvailability;

    fn availability(version: u64, available: u32) -> Availability {
        let line = LineAvailability { ticket_type: "eu_t".into(), capacity: 10, available, on_sale: true };
        Availability { event_id: "eu_e".into(), version, lines: vec![line], as_of: 0 }
    }

    #[test]
    fn the_entity_tag_changes_with_availability() {
        let tag = etag(&availability(3, 5));
        assert!(tag.starts_with("W/\"3-"), "{tag}");
        assert_eq!(tag, etag(&Availability { as_of: 9, ..availability(3, 5) }));
        assert_ne!(tag, etag(&availability(4, 5)));
        assert_ne!(tag, etag(&availability(3, 6)));
    }

    #[test]
    fn tags_are_compared_weakly() {
        for (tags, found) in
            [("*", true), ("W/\"3-a\"", true), ("\"3-a\"", true), ("\"x\", W/\"3-a\"", true), ("\"3-b\"", false), ("", false)]
        {
            assert_eq!(names(tags, "W/\"3-a\""), found, "{tags}");
        }
    }
}
