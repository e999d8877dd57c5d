//! What an organiser asks those who buy, and what of it has no answer yet.
//!
//! Nobody gets a ticket's code before what is required of the ticket is answered, and what is required of its order, if the ticket is still its buyer's.
//! So everybody who shows codes, and who takes money for them, asks here. Sales at the counter ask nothing, and once an event is over nothing is
//! missing any more.

use crate::problem::{self, Problem};
use crate::sql::{self, Error, Tx, Value};
use crate::{limits, params, tickets};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};

pub use read_model::{Question, QuestionKind, QuestionScope};

/// What an answer is about: the number of a ticket, or the order.
pub type About = Option<u32>;

/// A required answer that is not there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingAnswer {
    /// The question's id.
    pub question_id: String,
    /// The question.
    pub label: String,
    /// Of the ticket; none: of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub number: About,
}

/// The required answers that a booking lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Missing {
    order: Vec<MissingAnswer>,
    tickets: BTreeMap<u32, Vec<MissingAnswer>>,
    /// Tickets that somebody else has.
    transferred: BTreeSet<u32>,
}

impl Missing {
    fn new(
        questions: &[Question],
        items: &[(String, u32)],
        answered: &BTreeSet<(i64, String)>,
        transferred: BTreeSet<u32>,
    ) -> Self {
        let lacks = |scope: QuestionScope, number: About, is_asked: &dyn Fn(&Question) -> bool| {
            let lacking = questions.iter().filter(|question| {
                let at = i64::from(number.unwrap_or_default());
                question.required && question.per == scope && is_asked(question) && !answered.contains(&(at, question.id.clone()))
            });
            let missing =
                |question: &Question| MissingAnswer { question_id: question.id.clone(), label: question.label.clone(), number };
            lacking.map(missing).collect::<Vec<_>>()
        };
        let numbered = tickets::numbered(items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity)));
        let tickets = numbered.map(|(number, ticket_type)| {
            (number, lacks(QuestionScope::Ticket, Some(number), &|question| question.is_for(ticket_type)))
        });
        Self {
            order: lacks(QuestionScope::Order, None, &|question| is_for_order(question, items)),
            tickets: tickets.filter(|(_, missing)| !missing.is_empty()).collect(),
            transferred,
        }
    }

    /// Whether a ticket's code is not shown.
    #[must_use]
    pub fn withholds(&self, number: u32) -> bool {
        self.tickets.contains_key(&number) || (!self.order.is_empty() && !self.transferred.contains(&number))
    }

    /// What the booking's owner has to answer: of the order, and of the tickets that are still theirs.
    #[must_use]
    pub fn of_owner(&self) -> Vec<MissingAnswer> {
        let own = self.tickets.iter().filter(|(number, _)| !self.transferred.contains(number));
        self.order.iter().chain(own.flat_map(|(_, missing)| missing)).cloned().collect()
    }

    /// What is to be answered of these tickets.
    #[must_use]
    pub fn of_tickets(&self, numbers: &BTreeSet<u32>) -> Vec<MissingAnswer> {
        let these = self.tickets.iter().filter(|(number, _)| numbers.contains(number));
        these.flat_map(|(_, missing)| missing).cloned().collect()
    }
}

/// Whether a question that is asked once for an order is asked for one of these items.
#[must_use]
pub fn is_for_order(question: &Question, items: &[(String, u32)]) -> bool {
    items.iter().any(|(ticket_type, _)| question.is_for(ticket_type))
}

/// Refuses what these answers come before; as many of them are named as there are faults in one problem.
#[must_use]
pub fn answers_missing(mut missing: Vec<MissingAnswer>) -> Problem {
    missing.truncate(limits::FAULTS);
    let some = missing.iter().map(|missing| match missing.number {
        Some(number) => format!("\"{}\" of ticket {number}", missing.label),
        None => format!("\"{}\"", missing.label),
    });
    let detail = format!("The organiser asks first: {}.", some.collect::<Vec<_>>().join(", "));
    let mut problem = Problem::new(problem::ANSWERS_MISSING, detail);
    problem.missing = missing;
    problem
}

/// An event's questions, in its organiser's order.
///
/// # Errors
/// Of the database, and where they are not what this version understands.
pub async fn of_event(tx: &mut Tx, event: &str) -> Result<Vec<Question>, Error> {
    let row: Option<(String,)> = tx.one("SELECT questions FROM events WHERE id = $1", params![event]).await?;
    row.map_or(Ok(Vec::new()), |(text,)| parse(&text))
}

/// The column `events.questions`.
///
/// # Errors
/// Where it is not what this version understands.
pub fn parse(text: &str) -> Result<Vec<Question>, Error> {
    serde_json::from_str(text).map_err(|error| Error::Other(format!("questions of an event: {error}")))
}

/// What a booking lacks.
///
/// # Errors
/// Of the database.
pub async fn missing_of(tx: &mut Tx, booking: &str) -> Result<Missing, Error> {
    Ok(missing(tx, &[booking]).await?.remove(booking).unwrap_or_default())
}

/// What each of these bookings lacks, [`limits::ROWS`] at most; those that lack nothing are left out.
///
/// # Errors
/// Of the database.
pub async fn missing(tx: &mut Tx, bookings: &[&str]) -> Result<BTreeMap<String, Missing>, Error> {
    if bookings.is_empty() {
        return Ok(BTreeMap::new());
    }
    let now = tx.now();
    let statement = format!(
        "SELECT b.id, e.questions FROM bookings b JOIN events e ON e.id = b.event LEFT JOIN order_details d ON d.booking = b.id \
         WHERE e.questions <> '[]' AND e.ends_at > $1 AND COALESCE(d.channel, 'online') <> 'counter' AND b.id IN ({})",
        sql::list(2, bookings.len())
    );
    let parameters = std::iter::once(Value::from(now)).chain(bookings.iter().map(|id| Value::from(*id)));
    let rows: Vec<(String, String)> = tx.all(&statement, parameters).await?;
    let mut asked = BTreeMap::new();
    for (booking, questions) in rows {
        let questions = parse(&questions)?;
        if questions.iter().any(|question| question.required) {
            asked.insert(booking, questions);
        }
    }
    if asked.is_empty() {
        return Ok(BTreeMap::new());
    }
    let list = sql::list(1, asked.len());
    let ids = || asked.keys().map(Value::from);
    let statement =
        format!("SELECT booking, ticket_type, quantity FROM booking_items WHERE booking IN ({list}) ORDER BY booking, ordinal");
    let mut items: BTreeMap<String, Vec<(String, u32)>> = BTreeMap::new();
    for (booking, ticket_type, quantity) in tx.all::<(String, String, u32)>(&statement, ids()).await? {
        items.entry(booking).or_default().push((ticket_type, quantity));
    }
    let statement = format!("SELECT booking, number, question FROM answers WHERE booking IN ({list})");
    let mut answered: BTreeMap<String, BTreeSet<(i64, String)>> = BTreeMap::new();
    for (booking, number, question) in tx.all::<(String, i64, String)>(&statement, ids()).await? {
        answered.entry(booking).or_default().insert((number, question));
    }
    let statement = format!("SELECT booking, number FROM tickets WHERE holder IS NOT NULL AND booking IN ({list})");
    let mut transferred: BTreeMap<String, BTreeSet<u32>> = BTreeMap::new();
    for (booking, number) in tx.all::<(String, u32)>(&statement, ids()).await? {
        transferred.entry(booking).or_default().insert(number);
    }
    let lacks = |(booking, questions): (String, Vec<Question>)| {
        let items = items.remove(&booking).unwrap_or_default();
        let answered = answered.remove(&booking).unwrap_or_default();
        let missing = Missing::new(&questions, &items, &answered, transferred.remove(&booking).unwrap_or_default());
        (!missing.order.is_empty() || !missing.tickets.is_empty()).then_some((booking, missing))
    };
    Ok(asked.into_iter().filter_map(lacks).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn question(id: &str, per: QuestionScope, ticket_types: &[&str]) -> Question {
        let (label, ticket_types) = (format!("{id}?"), ticket_types.iter().map(|id| (*id).to_owned()).collect());
        Question { id: id.to_owned(), label, per, required: true, ticket_types, ..Question::default() }
    }

    fn lacking(missing: &[MissingAnswer]) -> Vec<(&str, About)> {
        missing.iter().map(|missing| (missing.question_id.as_str(), missing.number)).collect()
    }

    #[test]
    fn what_is_missing_is_missing_where_it_is_asked() {
        let questions = [
            question("all", QuestionScope::Order, &[]),
            question("seated", QuestionScope::Order, &["seat"]),
            question("boxed", QuestionScope::Order, &["box"]),
            question("shirt", QuestionScope::Ticket, &["stand"]),
            Question { required: false, ..question("if you like", QuestionScope::Ticket, &[]) },
        ];
        let items = [("stand".to_owned(), 2), ("seat".to_owned(), 1)];
        let of = |answered: &[(i64, &str)], transferred: &[u32]| {
            let answered = answered.iter().map(|(number, id)| (*number, (*id).to_owned())).collect();
            Missing::new(&questions, &items, &answered, transferred.iter().copied().collect())
        };
        let missing = of(&[], &[]);
        assert_eq!(lacking(&missing.of_owner()), [("all", None), ("seated", None), ("shirt", Some(1)), ("shirt", Some(2))]);
        assert_eq!([1, 2, 3].map(|number| missing.withholds(number)), [true; 3]);

        let missing = of(&[(0, "all"), (1, "shirt")], &[2]);
        assert_eq!(lacking(&missing.of_owner()), [("seated", None)], "what was given away is not its owner's to answer");
        assert_eq!(lacking(&missing.of_tickets(&[2].into())), [("shirt", Some(2))]);
        assert_eq!([1, 2, 3].map(|number| missing.withholds(number)), [true; 3]);

        // Who was given a ticket has nothing to do with the order.
        let missing = of(&[(2, "shirt")], &[2]);
        assert_eq!([1, 2, 3].map(|number| missing.withholds(number)), [true, false, true]);
        let missing = of(&[(0, "all"), (0, "seated"), (1, "shirt")], &[]);
        assert_eq!([1, 2, 3].map(|number| missing.withholds(number)), [false, true, false]);
    }

    #[test]
    fn a_refusal_lists_what_is_missing() {
        let missing = |number| MissingAnswer { question_id: "eu_q".to_owned(), label: "Shirt?".to_owned(), number };
        let problem = answers_missing(vec![missing(None), missing(Some(2))]);
        assert_eq!(problem.detail, "The organiser asks first: \"Shirt?\", \"Shirt?\" of ticket 2.");
        let response = problem.into_response("/api/payments", "r");
        let document: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
        let listed = serde_json::json!([
            { "question_id": "eu_q", "label": "Shirt?" }, { "question_id": "eu_q", "label": "Shirt?", "number": 2 },
        ]);
        assert_eq!((&document["status"], &document["missing"]), (&409.into(), &listed));
    }
}
