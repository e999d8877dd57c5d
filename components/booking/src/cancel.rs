//! Giving places back.

use crate::{stop::Stop, store, view::View};
use kit::{
    Answer, Problem, Request, Response, claims, idempotency, json,
    ledger::{self, Action, BookingStatus, Rejection, Subject},
    seen::SeenKind,
    sql, trace,
};

/// `POST /api/bookings/{id}/cancel`. A booking that is cancelled already stays so, and is shown as it is.
pub async fn cancel(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let given = idempotency::key(&request)?;
    json::read_optional(&request, |_| ())?;
    let id = request.id("id")?;

    let mut tx = sql::read().await?;
    let found = store::find(&mut tx, id, &claims.subject).await?.ok_or_else(Problem::not_found)?;
    // The ledger may need the database's only writer, so nothing of ours stays open meanwhile.
    tx.rollback().await?;
    let (event, owner) = (found.event_id, found.person);

    // A booking can be cancelled only once, so its id does for a key where the client gives none.
    let key = given.map_or_else(|| format!("cancel:{id}"), str::to_owned);
    // From here on nobody is let in by its tickets, unless somebody was before: then it stays as it is.
    let stop = if found.status == BookingStatus::Confirmed { Stop::begin(id).await? } else { None };
    // The ledger knows nobody but who booked. That the caller stands for them is known by now, in the region that decides.
    let cancel = Action::Cancel(id.to_owned());
    let decided = ledger::decide(Subject::Person(owner), key, &event, cancel, trace::parent(&request)).await;
    if let Some(stop) = stop
        && !matches!(decided, Err(Rejection::Unknown))
    {
        stop.end().await;
    }
    let (version, booking) = match decided {
        Ok(receipt) => {
            let version = receipt.version;
            (version, ledger::booking(receipt).ok_or_else(|| Problem::internal("a cancellation left no booking"))?)
        }
        Err(Rejection::WrongState(BookingStatus::Cancelled)) => {
            let mut tx = sql::read().await?;
            let booking = store::find(&mut tx, id, &claims.subject).await?.ok_or_else(Problem::not_found)?;
            (booking.version, booking)
        }
        Err(rejection) => return Err(rejection.into()),
    };
    Ok(Response::json(200, &View::new(&booking))?.header("cache-control", "no-store").seen(
        &request,
        SeenKind::Inventory,
        &event,
        version,
    ))
}
