//! An organiser takes an order back.

use super::{detailed, store};
use crate::{event, limits};
use kit::ledger::{self, Action, Annulment, BookingStatus, Rejection, Subject};
use kit::seen::SeenKind;
use kit::team::{self, Permission};
use kit::{Answer, Problem, Request, idempotency, json, sql, trace};

/// What of the payment goes back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Back {
    Full,
    None,
    Amount(i64),
}

/// `POST /api/events/{id}/orders/{order}/cancel`: `{"refund": "full" | "none" | {"amount": 4500}}`. One that is cancelled already stays so, and is
/// shown as it is.
pub async fn cancel(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let given = idempotency::key(&request)?;
    let back = json::read(&request, |body| {
        let word = body.optional_word_or_object("refund", &["full", "none"], |refund| refund.integer("amount", limits::REFUND));
        if !body.has("refund") {
            body.fault("refund", "required: full, none, or an amount");
        }
        match word {
            Some(Ok("full")) => Back::Full,
            Some(Err(amount)) => Back::Amount(amount),
            _ => Back::None,
        }
    })?;
    let (event, order) = (request.id("id")?, request.id("order")?);

    let mut tx = sql::read().await?;
    event::permitted(&mut tx, &claims, event, Permission::EditOrders).await?;
    if back != Back::None {
        event::permitted(&mut tx, &claims, event, Permission::Refund).await?;
    }
    store::find(&mut tx, event, order).await?.ok_or_else(Problem::not_found)?;
    // The ledger may need the database's only writer, so nothing of ours stays open meanwhile.
    tx.rollback().await?;

    // An order can be cancelled only once, so its id does for a key where the client gives none.
    let key = given.map_or_else(|| format!("annul:{order}:{back:?}"), str::to_owned);
    let refund = match back {
        Back::Full => None,
        Back::None => Some(0),
        Back::Amount(amount) => Some(amount),
    };
    let annul = Action::Annul(Annulment { booking: order.to_owned(), refund });
    let decided = ledger::decide(Subject::Steward(claims.subject.clone()), key, event, annul, trace::parent(&request)).await;
    let version = match decided {
        Ok(receipt) => receipt.version,
        Err(Rejection::WrongState(BookingStatus::Cancelled)) => 0,
        Err(Rejection::Invalid(_)) => return Err(Problem::fault("/refund/amount", "more than what is left of what was paid")),
        Err(rejection) => return Err(rejection.into()),
    };
    let mut tx = sql::read().await?;
    let answer = detailed(&mut tx, event, order).await?;
    tx.rollback().await?;
    Ok(answer.seen(&request, SeenKind::Inventory, event, version))
}
