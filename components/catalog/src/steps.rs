//! Steps that catalog and ledger take together.
//!
//! The ledger goes first: what it has not opened cannot be shown as on sale, and what it has not closed cannot be shown as
//! cancelled. The step is recorded in `events.pending` before the ledger gets it and finished after, so that the next request that finds it
//! there (the next write, a tick) can take it to its end. Both halves may be done twice: the ledger knows the step by its key,
//! `<action>:<event>:<revision>`, and the event is written only where that step is still pending.
//!
//! A step that the ledger refuses is taken back by a newer one, the sale as it stands under the revision after: once the ledger has
//! that, somebody slow can no longer have the refused one accepted behind the catalog's back.

use kit::ledger::{self, Action, Offer, Outcome, Receipt, Rejection, Sale, SharedCapacity, Subject};
use kit::sql::Tx;
use kit::{Problem, Response, idempotency, journal, problem, seen::Seen, seen::SeenKind, sql};
use read_model::{EventDoc, EventStatus, Fact};
use serde::{Deserialize, Serialize};

use crate::document::{Document, answer};
use crate::{images, limits, store};

/// The content of `events.pending`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "pending", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "one at a time, on its way to and from a row")]
pub enum Pending {
    /// The ledger's half of a change may or may not be done.
    Step(Step),
    /// The event is cancelled; its bookings are being.
    Bookings,
}

/// A change that needs the ledger.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    pub kind: Kind,
    /// The event as it will be.
    pub doc: EventDoc,
    /// The user who wants it.
    pub by: String,
    /// Under what to keep the answer.
    pub key: Option<Key>,
    /// The `Marquee-Seen` that came with the request.
    pub seen: Option<String>,
    /// The request's `traceparent`.
    #[serde(default)]
    pub trace: Option<String>,
    /// Another time of the event's reminder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reminder_hours: Option<i64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    Open,
    Adjust,
    Close,
    /// Takes a refused step back.
    Restore,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Key {
    pub key: String,
    pub fingerprint: String,
}

/// The idempotency scope of this component.
pub const SCOPE: &str = "catalog";

impl Pending {
    pub fn parse(text: &str) -> Result<Self, Problem> {
        serde_json::from_str(text).map_err(|error| Problem::internal(format_args!("events.pending: {error}")))
    }

    pub fn render(&self) -> Result<String, Problem> {
        serde_json::to_string(self).map_err(|error| Problem::internal(format_args!("a step does not serialize: {error}")))
    }
}

impl Step {
    /// The revision that the event has until this is finished. A step that takes another back skips that one's.
    fn base_revision(&self) -> u64 {
        self.doc.revision.saturating_sub(if self.kind == Kind::Restore { 2 } else { 1 })
    }

    fn command(&self) -> (String, Action) {
        let (name, action) = match self.kind {
            Kind::Open => ("open", Action::Open(sale(&self.doc))),
            Kind::Adjust | Kind::Restore => ("adjust", Action::Adjust(sale(&self.doc))),
            Kind::Close => ("close", Action::Close(self.doc.revision)),
        };
        (format!("{name}:{}:{}", self.doc.id, self.doc.revision), action)
    }
}

/// What the ledger sells: from when it is opened until the event ends.
fn sale(doc: &EventDoc) -> Sale {
    let offers = doc.ticket_types.iter().map(|ticket| Offer {
        ticket_type: ticket.id.clone(),
        price: ticket.price,
        capacity: ticket.capacity,
        per_person_limit: ticket.per_person_limit,
        sales_from: ticket.sales_from,
        sales_until: ticket.sales_until,
        paused: ticket.paused,
    });
    let shared = doc.shared_capacities.iter().map(|shared| SharedCapacity {
        id: shared.id.clone(),
        capacity: shared.capacity,
        ticket_types: shared.ticket_types.clone(),
    });
    Sale {
        sales_until: Some(doc.ends_at),
        shared: shared.collect(),
        refund_until: doc.refund_until,
        ..Sale::new(doc.revision, doc.currency.as_str(), offers.collect())
    }
}

/// Takes a recorded step to its end; returns the answer for its request.
pub async fn take(step: &Step, recorded: &str) -> Result<Response, Problem> {
    let (key, action) = step.command();
    match ledger::decide(Subject::Steward(step.by.clone()), key, step.doc.id.clone(), action, step.trace.clone()).await {
        Ok(receipt) => finish(step, recorded, Some(&receipt)).await,
        // Done long ago, and its key has been forgotten since.
        Err(Rejection::StaleRevision(revision)) if revision == step.doc.revision => finish(step, recorded, None).await,
        // Recorded is as good as accepted: it is driven on, and the same key finds its answer then.
        Err(Rejection::Unavailable(_) | Rejection::Unknown) => Err(not_yet()),
        Err(rejection) => {
            take_back(step, recorded).await?;
            Err(rejection.into())
        }
    }
}

/// The step is recorded and will be taken; by when is not known.
fn not_yet() -> Problem {
    Problem::new(problem::OUTCOME_UNKNOWN, "It is under way: send it again with the same Idempotency-Key to hear how it ended.")
        .with("retry-after", limits::RETRY_MILLISECONDS.div_ceil(1000).to_string())
}

/// The catalog's half.
async fn finish(step: &Step, recorded: &str, receipt: Option<&Receipt>) -> Result<Response, Problem> {
    let mut tx = sql::write().await?;
    tx.part_of(step.trace.clone());
    let bookings = match step.kind {
        Kind::Close => Some(Pending::Bookings.render()?),
        Kind::Open | Kind::Adjust | Kind::Restore => None,
    };
    let stored = store::load(&mut tx, &step.doc.id).await?;
    let reminder_hours = step.reminder_hours.or(stored.as_ref().map(|stored| stored.reminder_hours));
    let response = rendered(step, receipt, reminder_hours)?;
    let before = stored.map(|stored| stored.doc);
    let (base, pending) = (step.base_revision(), bookings.as_deref());
    if !store::update(&mut tx, &step.doc, base, Some(recorded), pending, step.reminder_hours).await? {
        return finished_by_another(&mut tx, step, response).await;
    }
    let kind = if step.kind == Kind::Close { "event.cancelled" } else { "event.updated" };
    if let Some(before) = &before {
        images::tidy_replaced(&mut tx, before, &step.doc).await?;
    }
    record_change(&mut tx, before.as_ref(), &step.doc, kind, &step.by).await?;
    keep(&mut tx, step, &response).await?;
    tx.commit().await?;
    Ok(response)
}

/// Keeps the answer. A key that has meanwhile served another request is that one's: the step must not hang on it.
async fn keep(tx: &mut Tx, step: &Step, response: &Response) -> Result<(), Problem> {
    let Some(key) = &step.key else { return Ok(()) };
    match idempotency::find(tx, SCOPE, &step.by, &key.key, &key.fingerprint).await {
        Ok(None) => Ok(idempotency::keep(tx, SCOPE, &step.by, &key.key, &key.fingerprint, response).await?),
        Ok(Some(_)) => Ok(()),
        Err(problem) if problem.kind.slug == problem::IDEMPOTENCY_CONFLICT.slug => Ok(()),
        Err(problem) => Err(problem),
    }
}

/// The step is no longer pending: because it is done, or because it was taken back.
async fn finished_by_another(tx: &mut Tx, step: &Step, response: Response) -> Result<Response, Problem> {
    if let Some(key) = &step.key
        && let Some(kept) = idempotency::find(tx, SCOPE, &step.by, &key.key, &key.fingerprint).await?
    {
        return Ok(kept);
    }
    let stored = store::load(tx, &step.doc.id).await?.ok_or_else(Problem::not_found)?;
    if stored.doc.revision == step.doc.revision {
        return Ok(response);
    }
    Err(not_yet())
}

/// Ends a refused step. Where the sale is open, the revision after it is claimed for the sale as it stands.
async fn take_back(step: &Step, recorded: &str) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    let Some(stored) = store::load(&mut tx, &step.doc.id).await? else { return Ok(()) };
    let restore = (stored.doc.status == EventStatus::Published && step.kind != Kind::Restore).then(|| Step {
        kind: Kind::Restore,
        doc: EventDoc { revision: step.doc.revision + 1, ..stored.doc.clone() },
        by: step.by.clone(),
        key: None,
        seen: None,
        trace: step.trace.clone(),
        reminder_hours: None,
    });
    let then = restore.clone().map(|restore| Pending::Step(restore).render()).transpose()?;
    if store::set_pending(&mut tx, &step.doc.id, stored.doc.revision, Some(recorded), then.as_deref()).await? {
        images::tidy_replaced(&mut tx, &step.doc, &stored.doc).await?;
        tx.commit().await?;
        if let (Some(restore), Some(recorded)) = (restore, then) {
            // What cannot be had now is driven on later; the refusal stands either way.
            if let Err(problem) = Box::pin(take(&restore, &recorded)).await {
                kit::router::log(&format!("event {}: a refused change is not taken back yet: {}", step.doc.id, problem.detail));
            }
        }
    }
    Ok(())
}

fn rendered(step: &Step, receipt: Option<&Receipt>, reminder_hours: Option<i64>) -> Result<Response, Problem> {
    let mut seen = step.seen.as_deref().map(Seen::parse).unwrap_or_default();
    seen.note(SeenKind::Event, &step.doc.id, step.doc.revision);
    if let Some(Receipt { version, outcome: Outcome::Sale(_), .. }) = receipt {
        seen.note(SeenKind::Inventory, &step.doc.id, *version);
    }
    let response = answer(200, &step.doc, reminder_hours)?;
    Ok(match seen.render() {
        Some(token) => response.header("marquee-seen", token),
        None => response,
    })
}

/// The journal's row for a change of `doc` that this user made.
pub async fn record(tx: &mut Tx, doc: &EventDoc, kind: &'static str, by: &str) -> Result<(), Problem> {
    record_change(tx, None, doc, kind, by).await
}

/// As [`record`], of an event that was `before`: whether it was published with this, and, where people hold tickets for it, its previous time and place are
/// told with it.
async fn record_change(
    tx: &mut Tx,
    before: Option<&EventDoc>,
    doc: &EventDoc,
    kind: &'static str,
    by: &str,
) -> Result<(), Problem> {
    let mut payload = serde_json::to_value(Document::from(doc))
        .map_err(|error| Problem::internal(format_args!("an event does not serialize: {error}")))?;
    if let Some(members) = payload.as_object_mut() {
        members.insert("actor".into(), by.into());
        if before.is_some_and(|before| before.status == EventStatus::Draft) && doc.status == EventStatus::Published {
            members.insert("published".into(), true.into());
        }
        if let Some(before) = before.and_then(|before| moved(before, doc)) {
            members.insert("before".into(), before);
        }
    }
    let version = i64::try_from(doc.revision).map_err(|_| Problem::internal("a revision beyond BIGINT"))?;
    let entry = journal::Entry {
        topic: journal::CATALOG_EVENTS,
        kind,
        aggregate: doc.id.clone(),
        version,
        payload,
        fact: (doc.status != EventStatus::Draft).then(|| Fact::Event(doc.clone())),
    };
    Ok(journal::write(tx, &[entry]).await?)
}

/// When and where a published event was, if it is at another time or place now.
fn moved(before: &EventDoc, doc: &EventDoc) -> Option<serde_json::Value> {
    let of = |doc: &EventDoc| {
        let document = serde_json::to_value(Document::from(doc)).ok()?;
        let member = |name: &str| Some((name.to_owned(), document.get(name)?.clone()));
        ["starts_at", "ends_at", "timezone", "venue"].into_iter().map(member).collect::<Option<serde_json::Map<_, _>>>()
    };
    let on_sale = before.status == EventStatus::Published && doc.status == EventStatus::Published;
    let (was, is) = (of(before)?, of(doc)?);
    (on_sale && was != is).then(|| was.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::{publish, tests::event};

    #[test]
    fn a_step_survives_its_row() {
        let step = Step {
            kind: Kind::Open,
            doc: publish(&event(), 0).unwrap(),
            by: "eu_u".to_owned(),
            key: Some(Key { key: "k".to_owned(), fingerprint: "f".to_owned() }),
            seen: None,
            trace: Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned()),
            reminder_hours: Some(48),
        };
        assert_eq!((step.base_revision(), step.command().0.as_str()), (1, "open:eu_1:2"));
        for pending in [Pending::Step(step), Pending::Bookings] {
            assert_eq!(Pending::parse(&pending.render().unwrap()).unwrap(), pending);
        }
        assert!(Pending::parse("{}").is_err());
    }

    #[test]
    fn a_rescheduled_event_names_its_previous_time_and_place() {
        let before = publish(&event(), 0).unwrap();
        let mut after = before.clone();
        after.title = "Another title".to_owned();
        assert_eq!(moved(&before, &after), None, "the same day and place");
        after.starts_at += 1_000_000;
        let told = moved(&before, &after).unwrap();
        assert_eq!(told["starts_at"], kit::time::format(before.starts_at));
        assert_eq!(moved(&event(), &after), None, "a draft, which nobody has tickets for");
    }
}
