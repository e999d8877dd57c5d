//! What a client may say about an event: the bodies of POST and PATCH, each field checked by itself.

use kit::json::Reader;
use read_model::{QuestionKind, QuestionScope};

use crate::{codes, limits};

/// The fields that were given. In a POST all are that must be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    pub organiser_id: Option<String>,
    pub title: Option<String>,
    pub description: Option<String>,
    pub category: Option<String>,
    pub venue: VenueFields,
    pub starts_at: Option<i64>,
    pub ends_at: Option<i64>,
    pub timezone: Option<String>,
    pub currency: Option<String>,
    pub region: Option<String>,
    /// `Some(None)`: taken away.
    pub refund_until: Option<Option<i64>>,
    pub ticket_types: Option<Vec<TicketFields>>,
    pub questions: Option<Vec<QuestionFields>>,
    pub shared_capacities: Option<Vec<SharedFields>>,
    /// 0: nobody is reminded.
    pub reminder_hours: Option<i64>,
    /// `#rrggbb`, in small letters. `Some(None)`: taken away.
    pub accent: Option<Option<String>>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VenueFields {
    pub name: Option<String>,
    pub city: Option<String>,
    pub country: Option<String>,
}

/// With an id it changes that ticket type; without, it is a new one and has all but the limit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TicketFields {
    pub id: Option<String>,
    /// What the rest of the request calls a new one.
    pub key: Option<String>,
    pub name: Option<String>,
    pub price: Option<i64>,
    pub capacity: Option<i64>,
    pub per_person_limit: Option<i64>,
    /// `Some(None)`: taken away.
    pub sales_from: Option<Option<i64>>,
    /// `Some(None)`: taken away.
    pub sales_until: Option<Option<i64>>,
    pub paused: Option<bool>,
}

/// With an id it changes that shared capacity; without, it is a new one and has all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SharedFields {
    pub id: Option<String>,
    pub name: Option<String>,
    pub capacity: Option<i64>,
    /// Ids, and keys of new ticket types.
    pub ticket_types: Option<Vec<String>>,
}

/// Always whole. With an id it is what that question is from now on; without, it is a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QuestionFields {
    pub id: Option<String>,
    pub label: String,
    pub help: String,
    pub kind: QuestionKind,
    pub choices: Vec<String>,
    pub per: QuestionScope,
    pub required: bool,
    pub ticket_types: Vec<String>,
    pub show_at_check_in: bool,
}

/// Reads the fields; `whole` where all must be there.
pub fn read(body: &mut Reader, whole: bool) -> Fields {
    Fields {
        organiser_id: if whole { Some(body.id("organiser_id")) } else { body.optional_id("organiser_id") },
        title: line(body, "title", &limits::TITLE, whole),
        description: text(body, "description", &limits::DESCRIPTION, whole).map(|text| kit::text::paragraphs(&text)),
        category: code(body, "category", whole, is_slug, "must be a slug, for example live-music"),
        venue: if whole {
            body.object("venue", |venue| read_venue(venue, true))
        } else {
            body.optional_object("venue", |venue| read_venue(venue, false))
        }
        .unwrap_or_default(),
        starts_at: instant(body, "starts_at", whole),
        ends_at: instant(body, "ends_at", whole),
        timezone: code(body, "timezone", whole, codes::is_timezone, "must be an IANA time zone name, for example Asia/Colombo"),
        currency: code(body, "currency", whole, codes::is_currency, "must be an ISO 4217 code, for example EUR"),
        region: code(body, "region", false, kit::id::valid_region, "must be 1 to 16 lower-case letters and digits"),
        refund_until: body.nullable_instant("refund_until"),
        ticket_types: if whole {
            Some(body.objects("ticket_types", limits::TICKET_TYPES, |ticket| read_ticket(ticket, true)))
        } else {
            body.optional_objects("ticket_types", limits::TICKET_TYPES, |ticket| read_ticket(ticket, false))
        },
        questions: body.optional_objects("questions", limits::QUESTIONS, |question| read_question(question, whole)),
        shared_capacities: body.optional_objects("shared_capacities", limits::SHARED, |shared| read_shared(shared, whole)),
        reminder_hours: reminder_hours(body),
        accent: accent(body),
    }
}

/// A colour in its one form, so that who writes it otherwise changes nothing.
fn accent(body: &mut Reader) -> Option<Option<String>> {
    let given = body.has("accent");
    let colour = body.optional_text("accent", limits::CODE);
    if colour.as_deref().is_some_and(|colour| !is_colour(colour)) {
        body.fault("accent", "must be a colour as #rrggbb, for example #0b6e4f");
        return None;
    }
    given.then(|| colour.map(|colour| colour.to_ascii_lowercase()))
}

fn is_colour(text: &str) -> bool {
    text.strip_prefix('#').is_some_and(|digits| digits.len() == 6 && digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// `null` is as good as none.
fn reminder_hours(body: &mut Reader) -> Option<i64> {
    let hours = body.optional_integer("reminder_hours", limits::REMINDER_HOURS);
    body.has("reminder_hours").then(|| hours.unwrap_or(0))
}

fn read_venue(venue: &mut Reader, whole: bool) -> VenueFields {
    VenueFields {
        name: line(venue, "name", &limits::VENUE_NAME, whole),
        city: line(venue, "city", &limits::CITY, whole),
        country: code(venue, "country", whole, codes::is_country, "must be an ISO 3166-1 alpha-2 code, for example LK"),
    }
}

fn read_ticket(ticket: &mut Reader, whole: bool) -> TicketFields {
    // A new event has no ticket types yet that an id could name.
    let id = if whole { None } else { ticket.optional_id("id") };
    let whole = whole || id.is_none();
    let key = ticket.optional_name("key", limits::TICKET_KEY);
    if key.is_some() && id.is_some() {
        ticket.fault("key", "only of a new ticket type: this one has an id");
    }
    TicketFields {
        id,
        key,
        name: line(ticket, "name", &limits::TICKET_NAME, whole),
        price: integer(ticket, "price", &limits::PRICE, whole),
        capacity: integer(ticket, "capacity", &limits::CAPACITY, whole),
        per_person_limit: integer(ticket, "per_person_limit", &limits::PER_PERSON, false),
        sales_from: ticket.nullable_instant("sales_from"),
        sales_until: ticket.nullable_instant("sales_until"),
        paused: ticket.optional_boolean("paused"),
    }
}

fn read_shared(shared: &mut Reader, new: bool) -> SharedFields {
    // A new event has nothing yet that an id could name.
    let id = if new { None } else { shared.optional_id("id") };
    let whole = id.is_none();
    let ticket_types = shared.optional_names("ticket_types", &limits::SHARED_TYPES, &limits::TICKET_KEY);
    if whole && ticket_types.is_none() && !shared.has("ticket_types") {
        shared.fault("ticket_types", "required");
    }
    SharedFields {
        id,
        name: line(shared, "name", &limits::TICKET_NAME, whole),
        capacity: integer(shared, "capacity", &limits::CAPACITY, whole),
        ticket_types,
    }
}

fn read_question(question: &mut Reader, new: bool) -> QuestionFields {
    // A new event has no questions yet that an id could name.
    let id = if new { None } else { question.optional_id("id") };
    let kind = match question.word("kind", &["text", "paragraph", "choice", "choices", "consent"]) {
        "paragraph" => QuestionKind::Paragraph,
        "choice" => QuestionKind::Choice,
        "choices" => QuestionKind::Choices,
        "consent" => QuestionKind::Consent,
        _ => QuestionKind::Text,
    };
    let per = match question.word("per", &["order", "ticket"]) {
        "ticket" => QuestionScope::Ticket,
        _ => QuestionScope::Order,
    };
    let chosen = matches!(kind, QuestionKind::Choice | QuestionKind::Choices);
    let choices = question.optional_names("choices", &limits::CHOICES, &limits::CHOICE);
    match &choices {
        None if chosen && !question.has("choices") => question.fault("choices", "required: there is something to choose from"),
        Some(_) if !chosen => question.fault("choices", "only where something is chosen"),
        _ => {}
    }
    QuestionFields {
        id,
        label: question.name("label", limits::QUESTION_LABEL),
        help: question.optional_text("help", limits::QUESTION_HELP).map(|text| kit::text::paragraphs(&text)).unwrap_or_default(),
        kind,
        choices: choices.unwrap_or_default(),
        per,
        required: question.optional_boolean("required").unwrap_or_default(),
        ticket_types: question.optional_ids("ticket_types", &limits::TICKET_TYPES).unwrap_or_default(),
        show_at_check_in: question.optional_boolean("show_at_check_in").unwrap_or_default(),
    }
}

fn text(body: &mut Reader, name: &'static str, characters: &std::ops::RangeInclusive<usize>, whole: bool) -> Option<String> {
    if whole { Some(body.text(name, characters.clone())) } else { body.optional_text(name, characters.clone()) }
}

fn line(body: &mut Reader, name: &'static str, characters: &std::ops::RangeInclusive<usize>, whole: bool) -> Option<String> {
    if whole { Some(body.name(name, characters.clone())) } else { body.optional_name(name, characters.clone()) }
}

/// A text in a code of its own, which says how long it may be.
fn code(body: &mut Reader, name: &'static str, whole: bool, is_known: fn(&str) -> bool, detail: &str) -> Option<String> {
    let given = body.has(name);
    let value = text(body, name, &limits::CODE, whole);
    // An empty stand-in has its fault already.
    if given && value.as_deref().is_some_and(|text| !text.is_empty() && !is_known(text)) {
        body.fault(name, detail);
    }
    value
}

fn instant(body: &mut Reader, name: &'static str, whole: bool) -> Option<i64> {
    if whole { Some(body.instant(name)) } else { body.optional_instant(name) }
}

fn integer(body: &mut Reader, name: &'static str, range: &std::ops::RangeInclusive<i64>, whole: bool) -> Option<i64> {
    if whole { Some(body.integer(name, range.clone())) } else { body.optional_integer(name, range.clone()) }
}

fn is_slug(text: &str) -> bool {
    limits::CATEGORY.contains(&text.len())
        && text
            .split('-')
            .all(|word| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours() {
        for (text, good) in [
            ("#0b6e4f", true),
            ("#0B6E4F", true),
            ("#fff", false),
            ("0b6e4f0", false),
            ("#0b6e4g", false),
            ("#0b6e4f0", false),
            ("#0b6e4é", false),
            ("red", false),
            ("", false),
        ] {
            assert_eq!(is_colour(text), good, "{text}");
        }
    }

    #[test]
    fn slugs() {
        for (text, good) in [
            ("music", true),
            ("live-music-2", true),
            ("", false),
            ("Music", false),
            ("-music", false),
            ("a--b", false),
            ("a b", false),
            ("é", false),
            (&"a".repeat(41), false),
        ] {
            assert_eq!(is_slug(text), good, "{text}");
        }
    }
}
