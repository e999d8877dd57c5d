//! Whose answers a booking's are, and what they are asked.

use super::check::Change;
use super::store::Stored;
use kit::questions::{self, About, Question, QuestionKind, QuestionScope};
use kit::sql::Tx;
use kit::{Problem, guests, params, problem, tickets};
use serde::Serialize;
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

/// Who answers.
#[derive(Debug, Clone, Copy)]
pub enum Who<'a> {
    /// Whose the booking is, or to whom tickets of it were transferred.
    Person(&'a str),
    /// A member of the team of the event's organiser.
    Team { event: &'a str, member: &'a str },
}

impl<'a> Who<'a> {
    /// Their account.
    pub fn actor(self) -> &'a str {
        match self {
            Self::Person(id) | Self::Team { member: id, .. } => id,
        }
    }
}

/// A ticket that may be answered about.
#[derive(Debug)]
struct Ticket {
    ticket_type: String,
    holder: String,
}

/// A booking to somebody who answers what is asked of it.
#[derive(Debug)]
pub struct Respondent {
    booking: String,
    /// Its event.
    pub event: String,
    /// Whose it is.
    pub owner: String,
    /// What it was paid by.
    pub payment: Option<String>,
    /// Whether what is asked of the order is theirs to answer.
    pub answers_order: bool,
    team: bool,
    status: String,
    expires_at: Option<i64>,
    starts_at: i64,
    ends_at: i64,
    questions: Vec<Question>,
    items: Vec<(String, u32)>,
    tickets: BTreeMap<u32, Ticket>,
}

kit::row! {
    struct Row {
        event: String,
        person: String,
        status: String,
        expires_at: Option<i64>,
        payment: Option<String>,
        questions: String,
        starts_at: i64,
        ends_at: i64,
    }
}

#[derive(Debug, Serialize)]
struct TicketView {
    number: u32,
    ticket_type_id: String,
    answers: BTreeMap<String, Json>,
}

/// What somebody is asked, and what they have answered.
#[derive(Debug, Serialize)]
pub struct View {
    booking_id: String,
    event_id: String,
    questions: Vec<Question>,
    #[serde(skip_serializing_if = "Option::is_none")]
    order: Option<BTreeMap<String, Json>>,
    tickets: Vec<TicketView>,
    complete: bool,
}

impl Respondent {
    /// With `lock` neither the booking nor its answers change before the transaction ends, but by it.
    ///
    /// # Errors
    /// 404 where nothing of the booking is theirs.
    pub async fn find(tx: &mut Tx, booking: &str, who: Who<'_>, lock: bool) -> Result<Self, Problem> {
        if lock {
            let statement = format!("SELECT 1 FROM bookings WHERE id = $1{}", tx.exclusive_lock());
            tx.one::<(i64,)>(&statement, params![booking]).await?;
        }
        let statement = "SELECT b.event, b.person, b.status, b.expires_at, b.payment, e.questions, e.starts_at, e.ends_at \
                         FROM bookings b JOIN events e ON e.id = b.event WHERE b.id = $1";
        let row: Row = tx.one(statement, params![booking]).await?.ok_or_else(Problem::not_found)?;
        let items = crate::ticket::items(tx, booking).await?;
        let statement = "SELECT number, holder FROM tickets WHERE booking = $1 AND holder IS NOT NULL";
        let transferred: BTreeMap<u32, String> =
            tx.all::<(u32, String)>(statement, params![booking]).await?.into_iter().collect();
        let (team, subjects) = match who {
            Who::Team { event, .. } if event != row.event => return Err(Problem::not_found()),
            Who::Team { .. } => (true, Vec::new()),
            Who::Person(person) => (false, guests::subjects(tx, person).await?),
        };
        let answers_order = team || subjects.contains(&row.person);
        let numbered = tickets::numbered(items.iter().map(|(ticket_type, quantity)| (ticket_type.as_str(), *quantity)));
        let tickets = numbered.map(|(number, ticket_type)| {
            let holder = transferred.get(&number).unwrap_or(&row.person).clone();
            (number, Ticket { ticket_type: ticket_type.to_owned(), holder })
        });
        let tickets: BTreeMap<u32, Ticket> = tickets.filter(|(_, ticket)| team || subjects.contains(&ticket.holder)).collect();
        if !answers_order && tickets.is_empty() {
            return Err(Problem::not_found());
        }
        Ok(Self {
            booking: booking.to_owned(),
            event: row.event,
            owner: row.person,
            payment: row.payment,
            answers_order,
            team,
            status: row.status,
            expires_at: row.expires_at,
            starts_at: row.starts_at,
            ends_at: row.ends_at,
            questions: questions::parse(&row.questions)?,
            items,
            tickets,
        })
    }

    /// Whether it is a member of the organiser's team, and none of those who are asked.
    pub fn is_team(&self) -> bool {
        self.team
    }

    /// Whether the booking was bought.
    pub fn is_confirmed(&self) -> bool {
        self.status == "confirmed"
    }

    /// Whether what they have answered stays as it is.
    pub fn has_begun(&self, now: i64) -> bool {
        !self.team && self.is_confirmed() && self.starts_at <= now
    }

    /// The tickets that are theirs to answer about.
    pub fn numbers(&self) -> BTreeSet<u32> {
        self.tickets.keys().copied().collect()
    }

    /// What is asked of the order.
    pub fn of_order(&self) -> Vec<&Question> {
        let asked = |question: &&Question| question.per == QuestionScope::Order && questions::is_for_order(question, &self.items);
        self.questions.iter().filter(asked).collect()
    }

    /// What is asked of a ticket of theirs.
    pub fn of_ticket(&self, number: u32) -> Option<Vec<&Question>> {
        let ticket = self.tickets.get(&number)?;
        let asked = |question: &&Question| question.per == QuestionScope::Ticket && question.is_for(&ticket.ticket_type);
        Some(self.questions.iter().filter(asked).collect())
    }

    /// Whose an answer about this is.
    pub fn person(&self, about: About) -> &str {
        about.and_then(|number| self.tickets.get(&number)).map_or(&self.owner, |ticket| &ticket.holder)
    }

    /// The booking that the answers are of.
    pub fn booking(&self) -> &str {
        &self.booking
    }

    /// Refuses where there is nothing to answer any more.
    pub fn may_answer(&self, now: i64) -> Result<(), Problem> {
        let held = matches!(&*self.status, "held" | "paying") && self.expires_at.is_some_and(|at| at > now);
        if !held && !self.is_confirmed() {
            return Err(Problem::new(
                problem::WRONG_STATE,
                "The booking has expired or was cancelled: nothing is asked any more.",
            ));
        }
        if !self.team && self.ends_at <= now {
            return Err(Problem::new(problem::WRONG_STATE, "The event is over: nothing is asked any more."));
        }
        Ok(())
    }

    /// Refuses to change what was answered once the event has begun. A consent may be taken back at any time.
    pub fn may_change(&self, changes: &[Change<'_>], stored: &[Stored], now: i64) -> Result<(), Problem> {
        let was_answered = |change: &&Change<'_>| {
            let before = stored.iter().any(|known| known.about == change.about && known.question == change.question.id);
            before && change.question.kind != QuestionKind::Consent
        };
        if self.has_begun(now) && changes.iter().any(|change| was_answered(&change)) {
            let detail = "The event has begun: what was answered stays as it is, and what is missing can still be given.";
            return Err(Problem::new(problem::WRONG_STATE, detail));
        }
        Ok(())
    }

    /// As the API shows it.
    pub fn view(self, answers: &[Stored], complete: bool) -> View {
        let values = |about: About, asked: &[&Question]| {
            let of = |question: &&Question| answers.iter().find(|answer| answer.about == about && answer.question == question.id);
            asked.iter().filter_map(|question| of(question).map(|answer| (question.id.clone(), answer.value.clone()))).collect()
        };
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        let order = self.answers_order.then(|| {
            let questions = self.of_order();
            asked.extend(questions.iter().map(|question| question.id.as_str()));
            values(None, &questions)
        });
        let mut tickets = Vec::with_capacity(self.tickets.len());
        for (number, ticket) in &self.tickets {
            let questions = self.of_ticket(*number).unwrap_or_default();
            asked.extend(questions.iter().map(|question| question.id.as_str()));
            let answers = values(Some(*number), &questions);
            tickets.push(TicketView { number: *number, ticket_type_id: ticket.ticket_type.clone(), answers });
        }
        let questions = self.questions.iter().filter(|question| asked.contains(question.id.as_str())).cloned().collect();
        View { questions, order, tickets, complete, booking_id: self.booking.clone(), event_id: self.event.clone() }
    }
}
