//! What is left to be done when a request ends: unfinished steps, and the bookings of cancelled events.

use kit::ledger::{self, Action, Command, Rejection, Subject};
use kit::{Answer, Problem, Request, Response, sql, time};

use crate::steps::{self, Pending};
use crate::{images, limits, store};

/// `POST /api/events/due`: drives on what is pending, so much of it at a time.
pub async fn tick(_: Request) -> Answer {
    let mut tx = sql::read().await?;
    let events = store::due(&mut tx, limits::DUE_EVENTS).await?;
    drop(tx);
    let mut done = 0;
    let mut failed = None;
    for event in &events {
        match drive_on(event).await {
            Ok(moved) => done += usize::from(moved),
            Err(problem) => failed = Some((event, problem)),
        }
    }
    images::tick().await;
    // One line a tick: what fails here mostly fails for all of them.
    if let Some((event, problem)) = failed {
        report(event, &problem);
    }
    Response::json(200, &serde_json::json!({ "done": done }))
}

/// Takes an event's unfinished business further, if it has any; whether something was done.
pub async fn drive_on(event: &str) -> Result<bool, Problem> {
    let mut tx = sql::read().await?;
    let stored = store::load(&mut tx, event).await?;
    drop(tx);
    let Some(stored) = stored else { return Ok(false) };
    let Some(recorded) = &stored.pending else { return Ok(false) };
    match Pending::parse(recorded)? {
        Pending::Step(step) => steps::take(&step, recorded).await.map(|_| true),
        Pending::Bookings => cancel_bookings(event, stored.doc.revision, recorded).await,
    }
}

/// As [`drive_on`], for those who have their answer already: what fails now is driven on by the next.
pub async fn drive_on_later(event: &str) {
    if let Err(problem) = drive_on(event).await {
        report(event, &problem);
    }
}

/// Cancels the bookings of a cancelled event, chunk by chunk. The sale is closed, so that they only become fewer.
async fn cancel_bookings(event: &str, revision: u64, recorded: &str) -> Result<bool, Problem> {
    for _ in 0..limits::CHUNKS_PER_REQUEST {
        let mut tx = sql::read().await?;
        let bookings = store::live_bookings(&mut tx, event, limits::CHUNK).await?;
        drop(tx);
        if bookings.is_empty() {
            let mut tx = sql::write().await?;
            store::set_pending(&mut tx, event, revision, Some(recorded), None).await?;
            tx.commit().await?;
            return Ok(true);
        }
        let deadline = time::now() + kit::limits::COMMAND_MICROSECONDS;
        let commands = bookings.into_iter().map(|booking| {
            let key = format!("cancelled-event:{booking}");
            Command::new(Subject::Platform, key, event, deadline, Action::Cancel(booking))
        });
        for answer in ledger::apply(commands.collect()).await {
            match answer {
                // Ended by itself meanwhile: just as well.
                Ok(_) | Err(Rejection::WrongState(_)) => {}
                Err(rejection) => return Err(rejection.into()),
            }
        }
    }
    Ok(true)
}

fn report(event: &str, problem: &Problem) {
    let cause = problem.log.as_deref().unwrap_or(&problem.detail);
    kit::router::log(&format!("event {event}: not driven on yet: {cause}"));
}
