//! An organiser gives money back.

use crate::{
    domain::{Payment, Status},
    intent::{self, IntentState, KeyedRequest},
    limits, links, refunds, store,
    view::View,
};
use kit::{
    Answer, Problem, Request, Response, guests,
    identity::Claims,
    json, params, problem,
    sql::{self, Error, Tx},
    team::{self, Permission},
};

/// `POST /api/payments/{id}/refund`: `{"amount": 4500}`, or everything that is left.
pub async fn create(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let keyed = KeyedRequest::new(&request, intent::REFUND, &claims.subject)?;
    let amount = json::read_optional(&request, |body| body.optional_integer("amount", limits::REFUND))?;
    let id = request.id("id")?;
    let base = links::base(&request).await?;
    let refund = match accept(&keyed, &claims, id, amount).await? {
        AcceptedIntent::Answered(answer) => return Ok(answer),
        AcceptedIntent::Refund(refund) => refund,
    };
    refunds::attempt(&refund).await.map_err(intent::unsettled)?;
    // Whatever fails from here on, something was done.
    let (payment, returned) = refunded(id).await.map_err(intent::unsettled)?;
    let answer = Response::json(200, &View::new(&payment, returned, &base)?)?.header("cache-control", "no-store");
    keyed.answer(answer).await.map_err(intent::unsettled)
}

async fn refunded(id: &str) -> Result<(Payment, Vec<refunds::RefundEntry>), Problem> {
    let mut tx = sql::read().await?;
    let payment = store::find(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let returned = refunds::of(&mut tx, id).await?;
    tx.rollback().await?;
    Ok((payment, returned))
}

enum AcceptedIntent {
    /// The key has its answer.
    Answered(Response),
    /// The key's refund, new or from an earlier try.
    Refund(String),
}

async fn accept(keyed: &KeyedRequest<'_>, claims: &Claims, id: &str, amount: Option<i64>) -> Result<AcceptedIntent, Problem> {
    for _ in 0..limits::ATTEMPTS {
        let mut tx = sql::write().await?;
        let payment = permitted(&mut tx, id, claims).await?;
        match keyed.find(&mut tx).await? {
            IntentState::Answered(answer) => return Ok(AcceptedIntent::Answered(answer)),
            IntentState::Made(refund) => return Ok(AcceptedIntent::Refund(refund)),
            IntentState::Nothing => {}
        }
        let amount = refundable(&mut tx, &payment, amount).await?;
        let refund = refunds::owe(&mut tx, &payment, amount, refunds::REQUESTED).await?;
        match keyed.make(&mut tx, &refund).await {
            Ok(()) => {
                tx.commit().await?;
                return Ok(AcceptedIntent::Refund(refund));
            }
            // On Postgres another request with this key may have come between the look and the insert: look again.
            Err(Error::Unique(_) | Error::Busy) => tx.rollback().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(Problem::unavailable("Too many refunds at once.", 1000))
}

/// The payment, if its caller may give it back: for its event's organiser, or as an admin. Its buyer learns that they may not, everybody
/// else learns nothing.
async fn permitted(tx: &mut Tx, id: &str, claims: &Claims) -> Result<Payment, Problem> {
    // Locked before it is read, so that two refunds at once count each other.
    refunds::lock(tx, id).await?;
    let payment = store::find(tx, id).await?.filter(|payment| payment.version > 0).ok_or_else(Problem::not_found)?;
    let organiser: Option<(String,)> = tx.one("SELECT organiser_id FROM events WHERE id = $1", params![&payment.event]).await?;
    let organiser = organiser.map_or(String::new(), |(organiser,)| organiser);
    if team::authority(tx, claims, &organiser).await?.may(Permission::Refund) {
        Ok(payment)
    } else if guests::stands_for(tx, &claims.subject, &payment.person).await? {
        Err(Problem::refused(
            &claims.subject,
            "Only the event's organiser can refund a payment. To give your tickets back, cancel the booking.",
        ))
    } else {
        Err(Problem::not_found())
    }
}

/// How much is to go back: what is asked for, if so much is left of what was paid.
async fn refundable(tx: &mut Tx, payment: &Payment, asked: Option<i64>) -> Result<i64, Problem> {
    if payment.status != Status::Completed {
        return Err(Problem::new(problem::WRONG_STATE, format!("The payment is {}.", payment.status.name())));
    }
    let left = payment.amount - payment.refunded - refunds::owed(tx, &payment.id, "", false).await?;
    let amount = asked.unwrap_or(left);
    if left <= 0 {
        Err(Problem::new(problem::WRONG_STATE, "All of it has been refunded, or is about to be."))
    } else if amount > left {
        Err(Problem::new(problem::WRONG_STATE, format!("Only {left} {} are left to refund, in minor units.", payment.currency)))
    } else {
        Ok(amount)
    }
}
