//! Answers in SQL, and as an organiser's team sees them: with the question as it was asked.

use super::check::Change;
use super::respondent::Respondent;
use crate::limits;
use crate::ticket::Ticket;
use kit::questions::{self, About, Question, QuestionScope};
use kit::sql::{self, Error, FromRow, RowReader, Tx, Value};
use kit::{params, time};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use std::collections::BTreeMap;

/// An answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Stored {
    booking: String,
    /// What it is about.
    pub about: About,
    /// The question's id.
    pub question: String,
    /// The question, as it was asked.
    pub label: String,
    kind: String,
    /// What was answered.
    pub value: Json,
    answered_at: i64,
}

impl FromRow for Stored {
    fn from_row(row: &mut RowReader) -> Result<Self, Error> {
        let (booking, number, question, label, kind) =
            (row.column()?, row.column::<u32>()?, row.column()?, row.column()?, row.column()?);
        let value: String = row.column()?;
        let value = serde_json::from_str(&value).map_err(|error| Error::Other(format!("an answer: {error}")))?;
        let about = Some(number).filter(|number| *number > 0);
        Ok(Self { booking, about, question, label, kind, value, answered_at: row.column()? })
    }
}

const COLUMNS: &str = "booking, number, question, label, kind, value, answered_at";

/// All answers of a booking.
pub async fn of_booking(tx: &mut Tx, booking: &str) -> Result<Vec<Stored>, Error> {
    let statement = format!("SELECT {COLUMNS} FROM answers WHERE booking = $1 ORDER BY number, question");
    tx.all(&statement, params![booking]).await
}

/// Characters of all answers of a booking, as [`limits::BOOKING_ANSWERS`] counts them.
pub async fn characters(tx: &mut Tx, booking: &str) -> Result<i64, Error> {
    let each = limits::ANSWER_TEXT;
    let statement = format!(
        "SELECT CAST(COALESCE(SUM(LENGTH(label) + LENGTH(value) + {each}), 0) AS BIGINT) FROM answers WHERE booking = $1"
    );
    Ok(tx.one::<(i64,)>(&statement, params![booking]).await?.unwrap_or_default().0)
}

/// Writes these down.
pub async fn write(tx: &mut Tx, respondent: &Respondent, actor: &str, changes: &[Change<'_>]) -> Result<(), Error> {
    let (booking, now) = (respondent.booking(), tx.now());
    let mut gone: BTreeMap<i64, Vec<&str>> = BTreeMap::new();
    let mut rows = Vec::new();
    for Change { about, question, value } in changes {
        let number = i64::from(about.unwrap_or_default());
        let Some(value) = value else {
            gone.entry(number).or_default().push(&question.id);
            continue;
        };
        rows.push(params![
            booking,
            number,
            &question.id,
            &respondent.event,
            respondent.person(*about),
            &question.label,
            question.kind.as_str(),
            value.to_string(),
            actor,
            now,
        ]);
    }
    for (number, questions) in gone {
        let list = sql::list(3, questions.len());
        let statement = format!("DELETE FROM answers WHERE booking = $1 AND number = $2 AND question IN ({list})");
        tx.execute(&statement, params![booking, number].into_iter().chain(questions.into_iter().map(Value::from))).await?;
    }
    for some in rows.chunks(kit::limits::ROWS) {
        let statement = format!(
            "INSERT INTO answers (booking, number, question, event, person, label, kind, value, answered_by, answered_at) VALUES {} \
             ON CONFLICT (booking, number, question) DO UPDATE SET \
             label = excluded.label, value = excluded.value, answered_by = excluded.answered_by, answered_at = excluded.answered_at",
            sql::rows(some.len(), 10)
        );
        tx.execute(&statement, some.iter().flatten().cloned()).await?;
    }
    Ok(())
}

/// What was answered of a ticket is its holder's: who has it next is asked anew.
pub async fn forget_of_ticket(tx: &mut Tx, booking: &str, number: u32) -> Result<(), Error> {
    tx.execute("DELETE FROM answers WHERE booking = $1 AND number = $2", params![booking, number]).await.map(drop)
}

/// An answer as the organiser's team sees it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct AnswerView {
    question_id: String,
    label: String,
    kind: String,
    value: Json,
    /// Of the ticket; none: of the order.
    #[serde(skip_serializing_if = "Option::is_none")]
    number: About,
    answered_at: String,
}

/// Which answers are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    Orders,
    Tickets,
    All,
}

impl Scope {
    fn condition(self) -> &'static str {
        match self {
            Self::Orders => "number = 0",
            Self::Tickets => "number > 0",
            Self::All => "number >= 0",
        }
    }
}

/// The answers of these bookings, by booking and by the number of the ticket; 0: of the order.
pub async fn of_bookings<'a>(
    tx: &mut Tx,
    bookings: impl IntoIterator<Item = &'a str>,
    scope: Scope,
) -> Result<BTreeMap<(String, u32), Vec<AnswerView>>, Error> {
    let mut bookings: Vec<&str> = bookings.into_iter().collect();
    bookings.dedup();
    let mut all: BTreeMap<(String, u32), Vec<AnswerView>> = BTreeMap::new();
    let mut places: BTreeMap<String, usize> = BTreeMap::new();
    for some in bookings.chunks(kit::limits::ROWS) {
        let (list, which) = (sql::list(1, some.len()), scope.condition());
        let statement =
            format!("SELECT {COLUMNS} FROM answers WHERE booking IN ({list}) AND {which} ORDER BY booking, number, question");
        for answer in tx.all::<Stored>(&statement, some.iter().map(|id| Value::from(*id))).await? {
            let key = (answer.booking, answer.about.unwrap_or_default());
            all.entry(key).or_default().push(AnswerView {
                question_id: answer.question,
                label: answer.label,
                kind: answer.kind,
                value: answer.value,
                number: answer.about,
                answered_at: time::format(answer.answered_at),
            });
        }
        // As the organiser has the questions: their ids, made in one moment, say nothing of that. What is asked no more comes last.
        let statement =
            format!("SELECT DISTINCT e.questions FROM answers a JOIN events e ON e.id = a.event WHERE a.booking IN ({list})");
        for (asked,) in tx.all::<(String,)>(&statement, some.iter().map(|id| Value::from(*id))).await? {
            let asked = questions::parse(&asked)?;
            places.extend(asked.into_iter().enumerate().map(|(place, question)| (question.id, place)));
        }
    }
    for answers in all.values_mut() {
        answers.sort_by_key(|answer| places.get(&answer.question_id).copied().unwrap_or(usize::MAX));
    }
    Ok(all)
}

/// Columns of a table, one for each question: those that are asked, and then those that were answered and are asked no more.
#[derive(Debug)]
pub struct Columns(Vec<(String, String)>);

impl Columns {
    /// Of the questions that an event asks of orders, or of tickets.
    pub async fn of(tx: &mut Tx, event: &str, scope: QuestionScope) -> Result<Self, Error> {
        let asked = questions::of_event(tx, event).await?;
        let asked = asked.into_iter().filter(|question| question.per == scope).map(|Question { id, label, .. }| (id, label));
        let mut columns: Vec<(String, String)> = asked.collect();
        let which = if scope == QuestionScope::Order { Scope::Orders } else { Scope::Tickets };
        let statement = format!(
            "SELECT question, MAX(label) FROM answers WHERE event = $1 AND {} GROUP BY question ORDER BY question LIMIT $2",
            which.condition()
        );
        let answered: Vec<(String, String)> = tx.all(&statement, params![event, limits::ANSWERED_QUESTIONS]).await?;
        columns.extend(answered.into_iter().filter(|(id, _)| !columns.iter().any(|(known, _)| known == id)).collect::<Vec<_>>());
        Ok(Self(columns))
    }

    /// Their headings.
    pub fn labels(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|(_, label)| label.as_str())
    }

    /// The cells of a row.
    pub fn cells(&self, answers: Option<&Vec<AnswerView>>) -> Vec<String> {
        let of = |id: &str| answers.into_iter().flatten().find(|answer| answer.question_id == *id);
        self.0.iter().map(|(id, _)| of(id).map_or_else(String::new, |answer| in_words(&answer.value))).collect()
    }
}

/// An answer in a line.
fn in_words(value: &Json) -> String {
    match value {
        Json::String(text) => text.clone(),
        Json::Array(choices) => choices.iter().filter_map(Json::as_str).collect::<Vec<_>>().join("; "),
        _ => "yes".to_owned(),
    }
}

/// What who stands at the door is shown of a ticket's answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DoorAnswer {
    label: String,
    value: String,
}

/// What the organiser wants shown at the door, and whether required answers are missing: that keeps nobody out.
pub async fn at_the_door(tx: &mut Tx, ticket: &Ticket) -> Result<(Vec<DoorAnswer>, bool), Error> {
    let asked = questions::of_event(tx, &ticket.event).await?;
    if asked.is_empty() {
        return Ok((Vec::new(), false));
    }
    let missing = questions::missing_of(tx, &ticket.booking).await?.withholds(ticket.number);
    let statement = format!("SELECT {COLUMNS} FROM answers WHERE booking = $1 AND number IN (0, $2)");
    let answers: Vec<Stored> = tx.all(&statement, params![&ticket.booking, ticket.number]).await?;
    let of = |question: &Question| {
        let about = (question.per == QuestionScope::Ticket).then_some(ticket.number);
        // Whoever was given the ticket has nothing to do with the order.
        let theirs = about.is_some() || ticket.transferred_to.is_none();
        let answer = answers.iter().find(|answer| theirs && answer.about == about && answer.question == question.id)?;
        Some(DoorAnswer { label: answer.label.clone(), value: in_words(&answer.value) })
    };
    Ok((asked.iter().filter(|question| question.show_at_check_in).filter_map(of).collect(), missing))
}
