//! One payment.

use crate::{
    domain::{Driver, Payment},
    drive::{self, DriveOutcome},
    links, refunds, store,
    view::View,
};
use kit::{Answer, Problem, Request, Response, claims, guests, sql};

/// `GET /api/payments/{id}`
pub async fn one(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let base = links::base(&request).await?;
    let payment = current(request.id("id")?, &claims.subject).await?;
    let mut tx = sql::read().await?;
    let returned = refunds::of(&mut tx, &payment.id).await?;
    tx.rollback().await?;
    Ok(Response::json(200, &View::new(&payment, returned, &base)?)?.header("cache-control", "no-store"))
}

/// A person's payment, after what has come due for it was done.
pub async fn current(id: &str, person: &str) -> Result<Payment, Problem> {
    own(id, person).await?;
    // A step that cannot be made now takes nothing away from what can be shown.
    match drive::drive(id, Driver::Passer).await {
        Ok(DriveOutcome::Payment(_)) => {}
        Ok(DriveOutcome::Withdrawn(_) | DriveOutcome::Gone) => return Err(Problem::not_found()),
        Err(problem) => note("payment", id, &problem),
    }
    let mut tx = sql::read().await?;
    let due = refunds::due_of(&mut tx, id).await?;
    tx.rollback().await?;
    for refund in due {
        if let Err(problem) = refunds::attempt(&refund).await {
            note("refund", &refund, &problem);
        }
    }
    own(id, person).await
}

async fn own(id: &str, person: &str) -> Result<Payment, Problem> {
    let mut tx = sql::read().await?;
    let payment = store::find(&mut tx, id).await?.ok_or_else(Problem::not_found)?;
    let own = guests::stands_for(&mut tx, person, &payment.person).await?;
    tx.rollback().await?;
    if own { Ok(payment) } else { Err(Problem::not_found()) }
}

/// Tells the operator of a step that could not be made.
pub fn note(what: &str, id: &str, problem: &Problem) {
    kit::router::log(&format!("{what} {id} is not moved on: {}", problem.log.as_deref().unwrap_or(&problem.detail)));
}
