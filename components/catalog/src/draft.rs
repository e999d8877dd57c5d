//! Events being made and changed: pure.

use kit::{
    Problem,
    problem::{self, Fault},
};
use std::collections::BTreeMap;

use read_model::{EventDoc, EventStatus, Image, Question, SharedCapacity, TicketType};

use crate::fields::{Fields, QuestionFields, SharedFields, TicketFields};
use crate::images::Slot;
use crate::{codes, limits};

/// Why an event cannot be as it was asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Pointer and detail of each fault.
    Faults(Vec<(String, String)>),
    /// The event's state does not permit it.
    State(&'static str),
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Faults(faults) => {
                Self::invalid(faults.into_iter().map(|(pointer, detail)| Fault { pointer, detail }).collect())
            }
            Refusal::State(detail) => Self::new(problem::WRONG_STATE, detail),
        }
    }
}

/// A new draft, from fields that are all there. `new_id` gives the ids of the event and its ticket types.
pub fn create(fields: Fields, region: &str, now: i64, mut new_id: impl FnMut() -> String) -> Result<EventDoc, Refusal> {
    if fields.region.as_deref().is_some_and(|wanted| wanted != region) {
        return Err(fault("/region", format!("is not a region that can be chosen here; this is {region}")));
    }
    let blank = EventDoc { id: new_id(), region: region.to_owned(), ..EventDoc::default() };
    change(&blank, fields, now, new_id)
}

/// `old` with these fields, at the next revision; at the same one if nothing changes.
pub fn change(old: &EventDoc, fields: Fields, now: i64, mut new_id: impl FnMut() -> String) -> Result<EventDoc, Refusal> {
    if old.status == EventStatus::Cancelled {
        return Err(Refusal::State("A cancelled event cannot be changed."));
    }
    if fields.region.as_deref().is_some_and(|region| region != old.region) {
        return Err(fault("/region", "cannot be changed: the event's id names its home".to_owned()));
    }
    let draft = old.status == EventStatus::Draft;
    if !draft && fields.currency.as_deref().is_some_and(|currency| currency != old.currency) {
        return Err(Refusal::State("The currency can be changed in a draft only."));
    }
    let mut new = old.clone();
    set(&mut new.organiser_id, fields.organiser_id);
    set(&mut new.title, fields.title);
    set(&mut new.description, fields.description);
    set(&mut new.category, fields.category);
    set(&mut new.venue.name, fields.venue.name);
    set(&mut new.venue.city, fields.venue.city);
    set(&mut new.venue.country, fields.venue.country);
    set(&mut new.starts_at, fields.starts_at);
    set(&mut new.ends_at, fields.ends_at);
    set(&mut new.timezone, fields.timezone);
    set(&mut new.currency, fields.currency);
    set(&mut new.refund_until, fields.refund_until);
    set(&mut new.accent, fields.accent);
    let mut keys = BTreeMap::new();
    if let Some(tickets) = fields.ticket_types {
        (new.ticket_types, keys) = change_tickets(&old.ticket_types, tickets, draft, &mut new_id)?;
    }
    if let Some(questions) = fields.questions {
        new.questions = change_questions(&old.questions, questions, draft, &mut new_id)?;
    }
    if let Some(shared) = fields.shared_capacities {
        new.shared_capacities = change_shared(&old.shared_capacities, shared, &keys, &mut new_id)?;
    }
    check_questions(&new)?;
    check_shared(&new)?;
    check_times(old, &new, now)?;
    check_prices(old, &new)?;
    if new != *old {
        new.revision += 1;
    }
    Ok(new)
}

/// `old` with this picture there, or without one, at the next revision; at the same one if nothing changes.
pub fn set_image(old: &EventDoc, slot: Slot, image: Option<Image>) -> Result<EventDoc, Refusal> {
    if old.status == EventStatus::Cancelled {
        return Err(Refusal::State("A cancelled event cannot be changed."));
    }
    let mut new = old.clone();
    *slot.of_mut(&mut new) = image;
    if new != *old {
        new.revision += 1;
    }
    Ok(new)
}

/// `old` on show, at the next revision.
pub fn publish(old: &EventDoc, now: i64) -> Result<EventDoc, Refusal> {
    match old.status {
        EventStatus::Published => Ok(old.clone()),
        EventStatus::Cancelled => Err(Refusal::State("A cancelled event cannot be published.")),
        EventStatus::Draft if old.starts_at <= now => Err(Refusal::State("The event has begun already: change starts_at first.")),
        EventStatus::Draft => Ok(next(old, EventStatus::Published)),
    }
}

/// `old` called off, at the next revision.
pub fn cancel(old: &EventDoc) -> EventDoc {
    match old.status {
        EventStatus::Cancelled => old.clone(),
        EventStatus::Draft | EventStatus::Published => next(old, EventStatus::Cancelled),
    }
}

fn next(old: &EventDoc, status: EventStatus) -> EventDoc {
    EventDoc { status, revision: old.revision + 1, ..old.clone() }
}

fn set<T>(field: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *field = value;
    }
}

fn fault(pointer: &str, detail: String) -> Refusal {
    Refusal::Faults(vec![(pointer.to_owned(), detail)])
}

/// Times are checked where they change: an event that has begun may still have its description put right.
pub fn check_times(old: &EventDoc, new: &EventDoc, now: i64) -> Result<(), Refusal> {
    let mut faults = Vec::new();
    if new.starts_at != old.starts_at && new.starts_at <= now {
        faults.push(("/starts_at".to_owned(), "must be in the future".to_owned()));
    }
    if new.ends_at != old.ends_at && new.ends_at <= now {
        faults.push(("/ends_at".to_owned(), "must be in the future".to_owned()));
    }
    for (pointer, was, is) in [("/starts_at", old.starts_at, new.starts_at), ("/ends_at", old.ends_at, new.ends_at)] {
        if is != was && is > now.saturating_add(limits::AHEAD) {
            faults.push((pointer.to_owned(), "must be within a hundred years".to_owned()));
        }
    }
    if new.ends_at <= new.starts_at {
        faults.push(("/ends_at".to_owned(), "must be after starts_at".to_owned()));
    }
    if (new.refund_until, new.ends_at) != (old.refund_until, old.ends_at)
        && new.refund_until.is_some_and(|until| until > new.ends_at)
    {
        faults.push(("/refund_until".to_owned(), "must not be after ends_at".to_owned()));
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
}

/// Prices are checked where they, or what they are in, change.
fn check_prices(old: &EventDoc, new: &EventDoc) -> Result<(), Refusal> {
    let highest = codes::highest_price(&new.currency);
    let known = |ticket: &TicketType| {
        new.currency == old.currency
            && old.ticket_types.iter().any(|known| (&known.id, known.price) == (&ticket.id, ticket.price))
    };
    let faults = new.ticket_types.iter().enumerate().filter(|(_, ticket)| ticket.price > highest && !known(ticket));
    let faults: Vec<_> = faults
        .map(|(index, _)| {
            (format!("/ticket_types/{index}/price"), format!("must be at most {highest} minor units of {}", new.currency))
        })
        .collect();
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
}

/// Ids of new ticket types, by what their request calls them.
type Keys = BTreeMap<String, String>;

/// The new list of ticket types, in its order. What is on sale cannot be left out: people hold it.
fn change_tickets(
    old: &[TicketType],
    fields: Vec<TicketFields>,
    may_remove: bool,
    mut new_id: impl FnMut() -> String,
) -> Result<(Vec<TicketType>, Keys), Refusal> {
    let mut tickets: Vec<TicketType> = Vec::with_capacity(fields.len());
    let mut keys = Keys::new();
    for (index, given) in fields.into_iter().enumerate() {
        let mut ticket = match &given.id {
            None => TicketType { id: new_id(), per_person_limit: limits::PER_PERSON_DEFAULT, ..TicketType::default() },
            Some(id) => {
                let pointer = format!("/ticket_types/{index}/id");
                if tickets.iter().any(|ticket| ticket.id == *id) {
                    return Err(fault(&pointer, "given twice".to_owned()));
                }
                let Some(known) = old.iter().find(|ticket| ticket.id == *id) else {
                    return Err(fault(&pointer, "is not a ticket type of this event".to_owned()));
                };
                known.clone()
            }
        };
        if let Some(key) = given.key {
            let pointer = format!("/ticket_types/{index}/key");
            if old.iter().any(|ticket| ticket.id == key) {
                return Err(fault(&pointer, "is the id of a ticket type".to_owned()));
            }
            if keys.insert(key, ticket.id.clone()).is_some() {
                return Err(fault(&pointer, "given twice".to_owned()));
            }
        }
        set(&mut ticket.name, given.name);
        set(&mut ticket.price, given.price);
        set(&mut ticket.capacity, given.capacity.and_then(|capacity| u32::try_from(capacity).ok()));
        set(&mut ticket.per_person_limit, given.per_person_limit.and_then(|limit| u32::try_from(limit).ok()));
        set(&mut ticket.sales_from, given.sales_from);
        set(&mut ticket.sales_until, given.sales_until);
        set(&mut ticket.paused, given.paused);
        if let (Some(from), Some(until)) = (ticket.sales_from, ticket.sales_until)
            && until <= from
        {
            return Err(fault(&format!("/ticket_types/{index}/sales_until"), "must be after sales_from".to_owned()));
        }
        tickets.push(ticket);
    }
    let removed = old.iter().any(|known| tickets.iter().all(|ticket| ticket.id != known.id));
    if removed && !may_remove {
        return Err(Refusal::State("A ticket type can be removed in a draft only: give every one of them in ticket_types."));
    }
    Ok((tickets, keys))
}

/// The new list of shared capacities, in its order. One that is left out is shared no more.
fn change_shared(
    old: &[SharedCapacity],
    fields: Vec<SharedFields>,
    keys: &Keys,
    mut new_id: impl FnMut() -> String,
) -> Result<Vec<SharedCapacity>, Refusal> {
    let mut all: Vec<SharedCapacity> = Vec::with_capacity(fields.len());
    for (index, given) in fields.into_iter().enumerate() {
        let mut shared = match &given.id {
            None => SharedCapacity { id: new_id(), ..SharedCapacity::default() },
            Some(id) => {
                let pointer = format!("/shared_capacities/{index}/id");
                if all.iter().any(|shared| shared.id == *id) {
                    return Err(fault(&pointer, "given twice".to_owned()));
                }
                let Some(known) = old.iter().find(|shared| shared.id == *id) else {
                    return Err(fault(&pointer, "is not a shared capacity of this event".to_owned()));
                };
                known.clone()
            }
        };
        set(&mut shared.name, given.name);
        set(&mut shared.capacity, given.capacity.and_then(|capacity| u32::try_from(capacity).ok()));
        let named = |name: String| keys.get(&name).cloned().unwrap_or(name);
        set(&mut shared.ticket_types, given.ticket_types.map(|names| names.into_iter().map(named).collect()));
        all.push(shared);
    }
    Ok(all)
}

/// Whether what is shared fits the event's ticket types.
fn check_shared(new: &EventDoc) -> Result<(), Refusal> {
    let mut faults = Vec::new();
    let mut shared_by: BTreeMap<&str, usize> = BTreeMap::new();
    for (index, shared) in new.shared_capacities.iter().enumerate() {
        for (at, id) in shared.ticket_types.iter().enumerate() {
            let count = shared_by.entry(id).or_default();
            *count += 1;
            let detail = if new.ticket_types.iter().all(|ticket| ticket.id != *id) {
                "is no ticket type of this event".to_owned()
            } else if *count > limits::SHARED_OF_TYPE {
                format!("is in more than {} shared capacities", limits::SHARED_OF_TYPE)
            } else {
                continue;
            };
            faults.push((format!("/shared_capacities/{index}/ticket_types/{at}"), detail));
        }
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
}

/// The new list of questions, in its order. What was answered stays with the answer, whatever becomes of its question; but an id means one question for
/// good, so once it may have been answered, how it is answered and for what stays as it is.
fn change_questions(
    old: &[Question],
    fields: Vec<QuestionFields>,
    draft: bool,
    mut new_id: impl FnMut() -> String,
) -> Result<Vec<Question>, Refusal> {
    let mut questions: Vec<Question> = Vec::with_capacity(fields.len());
    for (index, given) in fields.into_iter().enumerate() {
        let pointer = format!("/questions/{index}/id");
        let QuestionFields { id, label, help, kind, choices, per, required, ticket_types, show_at_check_in } = given;
        if id.as_ref().is_some_and(|id| questions.iter().any(|question| question.id == *id)) {
            return Err(fault(&pointer, "given twice".to_owned()));
        }
        if let Some(id) = &id {
            let Some(known) = old.iter().find(|question| question.id == *id) else {
                return Err(fault(&pointer, "is not a question of this event".to_owned()));
            };
            if !draft && (known.kind, known.per) != (kind, per) {
                return Err(Refusal::State(
                    "How a question is answered, and for what, can be changed in a draft only: ask another one instead.",
                ));
            }
        }
        let id = id.unwrap_or_else(&mut new_id);
        questions.push(Question { id, label, help, kind, choices, per, required, ticket_types, show_at_check_in });
    }
    Ok(questions)
}

/// Whether the questions fit the event, and are not too much to read.
fn check_questions(new: &EventDoc) -> Result<(), Refusal> {
    let mut faults = Vec::new();
    let is_known = |id: &str| new.ticket_types.iter().any(|ticket| ticket.id == id);
    for (index, question) in new.questions.iter().enumerate() {
        let unknown = question.ticket_types.iter().enumerate().filter(|(_, id)| !is_known(id));
        let pointer = |(at, _)| (format!("/questions/{index}/ticket_types/{at}"), "is no ticket type of this event".to_owned());
        faults.extend(unknown.map(pointer));
    }
    let texts = new.questions.iter().flat_map(|question| question.choices.iter().chain([&question.label, &question.help]));
    if texts.map(|text| text.chars().count()).sum::<usize>() > limits::QUESTIONS_TEXT {
        let most = limits::QUESTIONS_TEXT;
        faults.push(("/questions".to_owned(), format!("must have {most} characters at most in all, help and choices included")));
    }
    if faults.is_empty() { Ok(()) } else { Err(Refusal::Faults(faults)) }
}

#[cfg(test)]
#[path = "draft_tests.rs"]
pub(crate) mod tests;
