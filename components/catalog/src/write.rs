//! Creating, changing, publishing and cancelling events.

use kit::sql::Tx;
use kit::team::{self, Permission};
use kit::{
    Answer, Problem, Request, Response, config, id, idempotency, identity::Claims, json, problem, seen::SeenKind, sql, trace,
};
use read_model::{EventDoc, EventStatus};

use crate::document::answer;
use crate::draft;
use crate::fields::{self, Fields};
use crate::images::{self, Picture, Slot};
use crate::steps::{Key, Kind, Pending, SCOPE, Step};
use crate::{conditions, due, limits, quotas, steps, store};

/// `POST /api/events`
pub async fn create(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let fields = json::read(&request, |body| fields::read(body, true))?;
    let region = config::region().await?;
    idempotency::once(&request, SCOPE, &claims.subject, async |tx: &mut Tx| {
        let doc = draft::create(fields.clone(), &region, tx.now(), || id::new(&region))?;
        check_organiser(tx, &claims, &doc.organiser_id).await?;
        quotas::check(tx, None, &doc, &claims.subject, &claims.subject).await?;
        let reminder_hours = fields.reminder_hours.unwrap_or(limits::REMINDER_DEFAULT);
        store::insert(tx, &doc, &claims.subject, reminder_hours).await?;
        steps::record(tx, &doc, "event.created", &claims.subject).await?;
        Ok(answer(201, &doc, Some(reminder_hours))?.header("location", format!("/api/events/{}", doc.id)))
    })
    .await
}

/// `PATCH /api/events/{id}`
pub async fn change(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    conditions::require_if_match(&request)?;
    let fields = json::read(&request, |body| fields::read(body, false))?;
    apply(&request, &claims, &EventCommand::Change(Box::new(fields))).await
}

/// `POST /api/events/{id}/publish`
pub async fn publish(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    json::read_optional(&request, |_| ())?;
    apply(&request, &claims, &EventCommand::Publish).await
}

/// `POST /api/events/{id}/cancel`
pub async fn cancel(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    json::read_optional(&request, |_| ())?;
    apply(&request, &claims, &EventCommand::Cancel).await
}

/// What is wanted of an event.
pub enum EventCommand {
    Change(Box<Fields>),
    Publish,
    Cancel,
    /// Another picture there, or none.
    Image(Slot, Option<Picture>),
}

impl EventCommand {
    /// The event as it is wanted.
    fn of(&self, old: &EventDoc, now: i64) -> Result<EventDoc, Problem> {
        Ok(match self {
            Self::Change(fields) => draft::change(old, (**fields).clone(), now, || id::new(&old.region))?,
            Self::Publish => draft::publish(old, now)?,
            Self::Cancel => draft::cancel(old),
            Self::Image(slot, picture) => {
                draft::set_image(old, *slot, picture.as_ref().map(|picture| picture.image(&old.region)))?
            }
        })
    }

    /// The hours of the event's reminder, where it wants others than these.
    fn reminder_hours(&self, old: i64) -> Option<i64> {
        match self {
            Self::Change(fields) => fields.reminder_hours.filter(|hours| *hours != old),
            Self::Publish | Self::Cancel | Self::Image(..) => None,
        }
    }

    /// The ledger's part in making `old` so; none while nothing is on sale.
    fn step(&self, old: &EventDoc) -> Option<Kind> {
        match (self, old.status) {
            (Self::Publish, EventStatus::Draft) => Some(Kind::Open),
            (Self::Change(_) | Self::Image(..), EventStatus::Published) => Some(Kind::Adjust),
            (Self::Cancel, EventStatus::Published) => Some(Kind::Close),
            _ => None,
        }
    }
}

/// What one look at the event led to.
enum NextStep {
    Answer(Response),
    /// The answer, but the event has something pending that is not in its way.
    AnswerAndDriveOn(Response),
    /// Recorded; the ledger is to be asked.
    Take(Box<Step>, String),
    /// Something is pending and comes first.
    DriveOn,
    /// Somebody else was faster.
    Again,
}

/// Has an event become what is wanted of it, and answers with it.
pub async fn apply(request: &Request, claims: &Claims, command: &EventCommand) -> Answer {
    let event = request.id("id")?;
    for _ in 0..limits::ROUNDS {
        match look(request, claims, event, command).await? {
            NextStep::Answer(response) => return Ok(response),
            NextStep::AnswerAndDriveOn(response) => {
                due::drive_on_later(event).await;
                return Ok(response);
            }
            NextStep::Take(step, recorded) => {
                let response = steps::take(&step, &recorded).await?;
                if step.kind == Kind::Close {
                    due::drive_on_later(event).await;
                }
                return Ok(response);
            }
            NextStep::DriveOn => match due::drive_on(event).await {
                // The ledger has refused it, and it is gone: what that says is for the request that wanted it.
                Err(problem) if problem.kind.status >= 500 => return Err(problem),
                Ok(_) | Err(_) => {}
            },
            NextStep::Again => {}
        }
    }
    Err(Problem::unavailable("Others are changing this event.", limits::RETRY_MILLISECONDS))
}

/// One transaction: answers, writes, or records the step to take.
async fn look(request: &Request, claims: &Claims, event: &str, command: &EventCommand) -> Result<NextStep, Problem> {
    let user = claims.subject.as_str();
    let key = idempotency::key(request)?;
    let fingerprint = idempotency::fingerprint(request);
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(request));
    if let Some(key) = key
        && let Some(kept) = idempotency::find(&mut tx, SCOPE, user, key, &fingerprint).await?
    {
        return Ok(NextStep::Answer(kept));
    }
    let stored = store::load(&mut tx, event).await?.ok_or_else(Problem::not_found)?;
    let old = &stored.doc;
    team::require(&mut tx, claims, &old.organiser_id, Permission::EditEvents).await?;
    let pending = stored.pending.as_deref().map(Pending::parse).transpose()?;
    if matches!(pending, Some(Pending::Step(_))) {
        return Ok(NextStep::DriveOn);
    }
    conditions::if_match(request, old.revision)?;
    let mut new = command.of(old, tx.now())?;
    let reminder_hours = command.reminder_hours(stored.reminder_hours);
    // Alone it is a change as well, which somebody else's must not be lost beside.
    if reminder_hours.is_some() && new == *old {
        new.revision += 1;
    }
    if new.organiser_id != old.organiser_id {
        check_organiser(&mut tx, claims, &new.organiser_id).await?;
    }
    quotas::check(&mut tx, Some(old), &new, &stored.created_by, user).await?;

    let picture = match command {
        EventCommand::Image(slot, Some(picture)) if new != *old => slot.of(&new).map(|image| (image.id.clone(), picture)),
        _ => None,
    };
    let key = key.map(|key| Key { key: key.to_owned(), fingerprint });
    if new != *old
        && let Some(kind) = command.step(old)
    {
        if kind == Kind::Adjust {
            check_capacity(&mut tx, &new).await?;
            check_shared_ever(&mut tx, &new).await?;
        }
        let seen = request.header("marquee-seen").map(str::to_owned);
        let trace = trace::parent(request);
        let step = Step { kind, doc: new, by: user.to_owned(), key, seen, trace, reminder_hours };
        let recorded = Pending::Step(step.clone()).render()?;
        if !store::set_pending(&mut tx, event, old.revision, None, Some(&recorded)).await? {
            return Ok(NextStep::Again);
        }
        if let Some((id, picture)) = picture
            && !images::save(&mut tx, &id, picture).await?
        {
            return Err(Problem::unavailable("It took too long to keep the picture: send it again.", limits::RETRY_MILLISECONDS));
        }
        tx.commit().await?;
        return Ok(NextStep::Take(Box::new(step), recorded));
    }

    let mut response = answer(200, &new, Some(reminder_hours.unwrap_or(stored.reminder_hours)))?;
    if new.status != EventStatus::Draft {
        response = response.seen(request, SeenKind::Event, &new.id, new.revision);
    }
    if new != *old {
        // Without a step: a draft, with nothing pending.
        if !store::update(&mut tx, &new, old.revision, None, None, reminder_hours).await? {
            return Ok(NextStep::Again);
        }
        if let Some((id, picture)) = picture
            && !images::save(&mut tx, &id, picture).await?
        {
            return Err(Problem::unavailable("It took too long to keep the picture: send it again.", limits::RETRY_MILLISECONDS));
        }
        images::tidy_replaced(&mut tx, old, &new).await?;
        let kind = if new.status == EventStatus::Cancelled { "event.cancelled" } else { "event.updated" };
        steps::record(&mut tx, &new, kind, user).await?;
    }
    if let Some(key) = key {
        match idempotency::keep(&mut tx, SCOPE, user, &key.key, &key.fingerprint, &response).await {
            Ok(()) => {}
            // The same request, at the same time: its answer is there now.
            Err(sql::Error::Unique(_) | sql::Error::Busy) => return Ok(NextStep::Again),
            Err(error) => return Err(error.into()),
        }
    }
    tx.commit().await?;
    Ok(match pending {
        Some(_) => NextStep::AnswerAndDriveOn(response),
        None => NextStep::Answer(response),
    })
}

/// 404 for an organiser that there is not, 403 for one that the caller may not do this for.
async fn check_organiser(tx: &mut Tx, claims: &Claims, organiser: &str) -> Result<(), Problem> {
    if !store::has_organiser(tx, organiser).await? {
        return Err(Problem::not_found());
    }
    team::require(tx, claims, organiser, Permission::EditEvents).await
}

/// Refuses at once what the ledger would refuse too; it has the last word.
async fn check_capacity(tx: &mut Tx, new: &EventDoc) -> Result<(), Problem> {
    let taken = store::taken(tx, &new.id).await?;
    for ticket in &new.ticket_types {
        if let Some((_, taken)) = taken.iter().find(|(id, taken)| *id == ticket.id && *taken > ticket.capacity) {
            return Err(Problem::new(
                problem::WRONG_STATE,
                format!("{taken} places of {} are held or sold: capacity cannot go below that.", ticket.id),
            ));
        }
    }
    let taken_of = |id: &String| taken.iter().find(|(known, _)| known == id).map_or(0, |(_, taken)| u64::from(*taken));
    for shared in &new.shared_capacities {
        let taken: u64 = shared.ticket_types.iter().map(taken_of).sum();
        if taken > shared.capacity.into() {
            return Err(Problem::new(
                problem::WRONG_STATE,
                format!("{taken} places of those who share {} are held or sold: capacity cannot go below that.", shared.name),
            ));
        }
    }
    Ok(())
}

/// As [`check_capacity`]: the lines of what is shared no more stay with the ledger, so their number is bounded.
async fn check_shared_ever(tx: &mut Tx, new: &EventDoc) -> Result<(), Problem> {
    let ever = store::ever_shared(tx, &new.id).await?;
    let added = new.shared_capacities.iter().filter(|shared| !ever.contains(&shared.id)).count();
    if added > 0 && ever.len() + added > limits::SHARED_EVER {
        let detail = format!(
            "An event on sale can have {} shared capacities in its life, and had {}: change one of them instead of replacing it.",
            limits::SHARED_EVER,
            ever.len()
        );
        return Err(Problem::new(problem::WRONG_STATE, detail));
    }
    Ok(())
}
