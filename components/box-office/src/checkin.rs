//! The door: letting people in, and taking that back.

use crate::admission::{self, Admission, Facts, Verdict};
use crate::answers::DoorAnswer;
use crate::lists::List;
use crate::scan::{Door, Found};
use crate::ticket::{self, Ticket};
use crate::{answers, limits, lists};
use kit::sql::{Error, Tx};
use kit::team;
use kit::{Answer, Problem, Request, Response, idempotency, journal, json, params, time};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// Something that was scanned.
#[derive(Debug, Clone)]
pub struct Scan {
    /// The text.
    pub code: String,
    /// Where.
    pub gate: Option<String>,
    /// When; none: now.
    pub at: Option<i64>,
    /// How it came here.
    pub way: Way,
}

/// How a scan came here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// At once.
    Scan,
    /// Afterwards: there was no network.
    Offline,
    /// Somebody at the door picked it from a list.
    Manual,
}

impl Way {
    fn name(self) -> &'static str {
        match self {
            Self::Scan => "scan",
            Self::Offline => "offline",
            Self::Manual => "manual",
        }
    }
}

/// What comes of a scan, as it is shown.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcome {
    /// One word.
    pub result: String,
    /// Why a ticket is void.
    pub reason: Option<String>,
    /// When somebody was let in.
    pub admitted_at: Option<String>,
    /// Where.
    pub gate: Option<String>,
    /// The ticket's type.
    pub ticket_type_id: Option<String>,
    /// The name that it is in.
    pub name: Option<String>,
    /// What was answered that the organiser wants shown here.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<DoorAnswer>,
    /// Whether required answers are missing: a note, which keeps nobody out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub answers_missing: bool,
}

impl Outcome {
    fn of(result: &str) -> Self {
        Self { result: result.to_owned(), ..Self::default() }
    }

    fn at(self, at: i64, gate: Option<String>) -> Self {
        Self { admitted_at: Some(time::format(at)), gate, ..self }
    }
}

/// What a scanner says beside the scan.
struct Asked {
    event: Option<String>,
    list: Option<String>,
}

fn asked(body: &mut json::Reader) -> Asked {
    Asked { event: body.optional_id("event_id"), list: lists::asked_for(body) }
}

/// `POST /api/checkin`
pub async fn admit(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (asked, scan) = json::read(&request, |body| {
        let (code, gate, at) =
            (body.text("code", limits::CODE), body.optional_name("gate", limits::GATE), body.optional_instant("at"));
        let way = if body.optional_boolean("manual") == Some(true) { Way::Manual } else { Way::Scan };
        (self::asked(body), Scan { code, gate, at, way })
    })?;
    idempotency::once(&request, "checkin", &claims.subject, async |tx: &mut Tx| {
        let door = Door::open(tx, &claims, asked.event.as_deref()).await?;
        Response::json(200, &self::scan(tx, &request, &door, asked.list.as_deref(), &scan).await?)
    })
    .await
}

/// What is wrong with when something is said to have been scanned.
pub fn untimely(at: i64, now: i64) -> Option<&'static str> {
    match at - now {
        ahead if ahead > limits::SKEW => Some("is in the future: set the scanner's clock"),
        behind if behind < -limits::SCAN_AGE => Some("is more than 14 days ago"),
        _ => None,
    }
}

/// Lets somebody in, or says why not.
pub async fn scan(tx: &mut Tx, request: &Request, door: &Door<'_>, list: Option<&str>, scan: &Scan) -> Result<Outcome, Problem> {
    let (ticket, generation, event) = match door.find(tx, &scan.code, scan.way == Way::Manual).await? {
        Found::Ticket(ticket, generation, event) => (ticket, generation, event),
        Found::WrongEvent => return Ok(Outcome::of("wrong-event")),
        Found::Unknown => return Ok(Outcome::of("unknown")),
    };
    if let Some(fault) = scan.at.and_then(|at| untimely(at, tx.now())) {
        return Err(Problem::fault("/at", fault));
    }
    let list = lists::find(tx, &event.id, list).await?.ok_or_else(|| Problem::fault("/list", "is no list of this event"))?;
    let admissions = admissions(tx, &ticket, &list).await?;
    // A scanner's clock may be a little ahead.
    let at = scan.at.map_or(tx.now(), |at| at.min(tx.now()));
    let verdict = admission::decide(&Facts {
        good: ticket.is_good(),
        scanned: generation,
        generation: ticket.generation,
        ticket_type: &ticket.ticket_type,
        list: &list,
        at,
        offline: scan.way == Way::Offline,
        admissions: &admissions,
    });
    let outcome = match verdict {
        Verdict::Admit(entry) => {
            let admission = Admission { entry, at, gate: scan.gate.clone() };
            write(tx, request, &door.claims.subject, &ticket, &list, &admission, scan.way).await?;
            Outcome::of("admitted").at(at, admission.gate)
        }
        Verdict::Earlier(later) => {
            let admission = Admission { entry: later.entry, at, gate: scan.gate.clone() };
            replace(tx, request, &door.claims.subject, &ticket, &list, &admission, &later).await?;
            Outcome::of("admitted").at(at, admission.gate)
        }
        Verdict::Already(first) => Outcome::of("already-admitted").at(first.at, first.gate),
        Verdict::Void(reason) => Outcome { reason: Some(reason.name().to_owned()), ..Outcome::of("void") },
    };
    let mut outcome = described(tx, outcome, &ticket).await?;
    // What is merged has nobody at the door any more, and is kept.
    if scan.way != Way::Offline {
        (outcome.answers, outcome.answers_missing) = answers::at_the_door(tx, &ticket).await?;
    }
    Ok(outcome)
}

/// An outcome from before, with the name that its ticket is in now.
pub async fn named(tx: &mut Tx, door: &Door<'_>, scan: &Scan, outcome: Outcome) -> Result<Outcome, Problem> {
    if outcome.ticket_type_id.is_none() {
        return Ok(outcome);
    }
    match door.find(tx, &scan.code, scan.way == Way::Manual).await? {
        Found::Ticket(ticket, ..) => described(tx, outcome, &ticket).await,
        Found::WrongEvent | Found::Unknown => Ok(outcome),
    }
}

async fn described(tx: &mut Tx, outcome: Outcome, ticket: &Ticket) -> Result<Outcome, Problem> {
    let name = match &ticket.name {
        Some(name) => Some(name.clone()),
        None => ticket::name_of(tx, ticket.holder()).await?,
    };
    Ok(Outcome { ticket_type_id: Some(ticket.ticket_type.clone()), name, ..outcome })
}

async fn admissions(tx: &mut Tx, ticket: &Ticket, list: &List) -> Result<Vec<Admission>, Error> {
    let statement = "SELECT entry, at, gate FROM admissions WHERE booking = $1 AND number = $2 AND list = $3 ORDER BY entry";
    let rows: Vec<(i64, i64, Option<String>)> = tx.all(statement, params![&ticket.booking, ticket.number, &list.id]).await?;
    Ok(rows.into_iter().map(|(entry, at, gate)| Admission { entry, at, gate }).collect())
}

/// What the journal says of an admission.
fn details(list: &List, admission: &Admission, way: Way) -> serde_json::Value {
    let Admission { entry, at, gate } = admission;
    json!({ "list": list.id, "entry": entry, "gate": gate, "admitted_at": time::format(*at), "way": way.name() })
}

/// The key of the table lets in no second time by one list: it would refuse what this module decided wrongly.
async fn write(
    tx: &mut Tx,
    request: &Request,
    person: &str,
    ticket: &Ticket,
    list: &List,
    admission: &Admission,
    way: Way,
) -> Result<(), Error> {
    let now = tx.now();
    let Admission { entry, at, gate } = admission;
    tx.execute(
        "INSERT INTO admissions (booking, number, list, entry, event, at, gate, admitted_by, way, created_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",
        params![&ticket.booking, ticket.number, &list.id, *entry, &ticket.event, *at, gate.clone(), person, way.name(), now],
    )
    .await?;
    journal::write(tx, &[ticket.entry("ticket.admitted", person, request, details(list, admission, way))]).await
}

/// The scan that was earlier counts, whichever was told of first.
async fn replace(
    tx: &mut Tx,
    request: &Request,
    person: &str,
    ticket: &Ticket,
    list: &List,
    admission: &Admission,
    later: &Admission,
) -> Result<(), Error> {
    let Admission { entry, at, gate } = admission;
    tx.execute(
        "UPDATE admissions SET at = $5, gate = $6, admitted_by = $7, way = $8 WHERE booking = $1 AND number = $2 AND list = $3 AND entry = $4",
        params![&ticket.booking, ticket.number, &list.id, *entry, *at, gate.clone(), person, Way::Offline.name()],
    )
    .await?;
    let mut told = details(list, admission, Way::Offline);
    if let Some(members) = told.as_object_mut() {
        members.insert("before".to_owned(), json!({ "admitted_at": time::format(later.at), "gate": later.gate }));
    }
    journal::write(tx, &[ticket.entry("ticket.admission-corrected", person, request, told)]).await
}

/// `POST /api/checkin/undo`: takes back that somebody was let in, the last time of several.
pub async fn undo(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let (asked, code, manual) = json::read(&request, |body| {
        let (code, manual) = (body.text("code", limits::CODE), body.optional_boolean("manual") == Some(true));
        (self::asked(body), code, manual)
    })?;
    idempotency::once(&request, "checkin-undo", &claims.subject, async |tx: &mut Tx| {
        let door = Door::open(tx, &claims, asked.event.as_deref()).await?;
        Response::json(200, &take_back(tx, &request, &door, asked.list.as_deref(), (&code, manual)).await?)
    })
    .await
}

/// Takes it back, or says that nobody was let in.
pub async fn take_back(
    tx: &mut Tx,
    request: &Request,
    door: &Door<'_>,
    list: Option<&str>,
    (code, manual): (&str, bool),
) -> Result<Outcome, Problem> {
    let (ticket, event) = match door.find(tx, code, manual).await? {
        Found::Ticket(ticket, _, event) => (ticket, event),
        Found::WrongEvent => return Ok(Outcome::of("wrong-event")),
        Found::Unknown => return Ok(Outcome::of("unknown")),
    };
    let list = lists::find(tx, &event.id, list).await?.ok_or_else(|| Problem::fault("/list", "is no list of this event"))?;
    let Some(last) = admissions(tx, &ticket, &list).await?.pop() else {
        return described(tx, Outcome::of("not-admitted"), &ticket).await;
    };
    let statement = "DELETE FROM admissions WHERE booking = $1 AND number = $2 AND list = $3 AND entry = $4";
    tx.execute(statement, params![&ticket.booking, ticket.number, &list.id, last.entry]).await?;
    let told = json!({ "list": list.id, "entry": last.entry, "gate": last.gate, "admitted_at": time::format(last.at) });
    journal::write(tx, &[ticket.entry("ticket.admission-undone", &door.claims.subject, request, told)]).await?;
    described(tx, Outcome::of("undone").at(last.at, last.gate), &ticket).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scan_is_of_about_now() {
        let now = 1_790_000_000_000_000;
        for (at, fits) in [
            (now, true),
            (now + limits::SKEW, true),
            (now + limits::SKEW + 1, false),
            (now - limits::SCAN_AGE, true),
            (now - limits::SCAN_AGE - 1, false),
        ] {
            assert_eq!(untimely(at, now).is_none(), fits, "{at}");
        }
    }
}
