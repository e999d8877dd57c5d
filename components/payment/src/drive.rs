//! Drives a payment on: asks the ledger and the provider, and writes down what they say.
//!
//! No transaction is open while either is asked. Whatever is done here may be done twice, by a retry, a passer-by or the ticker, and at
//! once: the ledger and the provider know the keys, and of two who write only one's swap finds the version it read.

use crate::{
    domain::{self, BeginOutcome, ConfirmOutcome, Driver, Payment, Settlement, Status, Step},
    intent, limits,
    provider::{Charge, Provider, Reply, Verdict},
    refunds,
    store::{self, Change},
};
use kit::{
    Problem,
    ledger::{self, Action, Confirmation, Money, Receipt, Rejection, Subject},
    params, problem, sql,
};

/// What became of a payment that was driven.
pub enum DriveOutcome {
    /// It stands like this.
    Payment(Box<Payment>),
    /// The ledger refused it before it began: it is gone, and nothing was done.
    Withdrawn(Problem),
    /// It is not there.
    Gone,
}

/// Makes the steps that are to be made now.
pub async fn drive(id: &str, driver: Driver) -> Result<DriveOutcome, Problem> {
    steps(id, driver, false).await
}

/// As [`drive`], by the request that has just made the payment.
pub async fn drive_new(id: &str) -> Result<DriveOutcome, Problem> {
    steps(id, Driver::Owner, true).await
}

async fn steps(id: &str, mut driver: Driver, mut first: bool) -> Result<DriveOutcome, Problem> {
    for _ in 0..limits::STEPS {
        let (found, now) = read(id).await?;
        let Some(payment) = found else { return Ok(DriveOutcome::Gone) };
        // What is due is asked about first: a buyer may have paid before the booking went.
        if payment.status == Status::RequiresAction
            && !payment.is_due(now)
            && let Some(code) = booking_gone(&payment).await?
        {
            let memo = provider(&payment)?.told(&payment.details.memo, &Verdict::Declined(code.to_owned()))?;
            fail(&payment, domain::Details { memo, ..payment.details.clone() }, code).await?;
            continue;
        }
        match domain::next_step(&payment, now, driver) {
            Step::Rest => return Ok(DriveOutcome::Payment(Box::new(payment))),
            Step::Begin => {
                if let Some(refusal) = begin(&payment, std::mem::take(&mut first)).await? {
                    return Ok(DriveOutcome::Withdrawn(refusal));
                }
            }
            Step::Start => {
                // Once asked, its due time says when to ask again.
                driver = Driver::Passer;
                let reply = provider(&payment)?.start(charge(&payment), now).await?;
                settle(&payment, reply, now).await?;
            }
            Step::LookUp => {
                let reply = provider(&payment)?.look_up(charge(&payment), now).await?;
                settle(&payment, reply, now).await?;
            }
        }
    }
    // Others are driving it too; how it stands is as good an answer as any.
    Ok(read(id).await?.0.map_or(DriveOutcome::Gone, |payment| DriveOutcome::Payment(Box::new(payment))))
}

async fn read(id: &str) -> Result<(Option<Payment>, i64), Problem> {
    let mut tx = sql::read().await?;
    let found = store::find(&mut tx, id).await?;
    let now = tx.now();
    tx.rollback().await?;
    Ok((found, now))
}

/// Why a payment can buy nothing any more, as a code; none where its booking still waits for it.
async fn booking_gone(payment: &Payment) -> Result<Option<&'static str>, Problem> {
    let mut tx = sql::read().await?;
    let statement =
        "SELECT b.status, b.expires_at, i.status FROM bookings b JOIN inventory i ON i.event = b.event WHERE b.id = $1";
    let row: Option<(String, Option<i64>, String)> = tx.one(statement, params![&payment.booking]).await?;
    let now = tx.now();
    tx.rollback().await?;
    Ok(row.and_then(|(status, expires_at, sale)| domain::gone(&status, expires_at, &sale, now)))
}

/// The provider of a payment.
pub fn provider(payment: &Payment) -> Result<Provider, Problem> {
    Provider::named(&payment.provider)
        .ok_or_else(|| Problem::internal(format_args!("payment {}: no provider {}", payment.id, payment.provider)))
}

fn charge(payment: &Payment) -> Charge<'_> {
    Charge {
        token: &payment.details.token,
        deadline: payment.details.deadline.unwrap_or(payment.created_at),
        created_at: payment.created_at,
        memo: &payment.details.memo,
    }
}

async fn decide(payment: &Payment, step: &str, action: Action) -> Result<Receipt, Rejection> {
    ledger::decide(Subject::Platform, format!("{step}:{}", payment.id), &payment.event, action, payment.details.trace.clone())
        .await
}

/// Asks the ledger for the hold, for the first time or again; gives the refusal where it was refused, for which the payment is withdrawn.
async fn begin(payment: &Payment, first: bool) -> Result<Option<Problem>, Problem> {
    match domain::after_begin(decide(payment, "begin", Action::BeginPayment(payment.booking.clone())).await, first) {
        BeginOutcome::Until(deadline) => {
            let mut tx = sql::write().await?;
            let details = domain::Details { deadline, ..payment.details.clone() };
            let change = Change {
                status: Status::Pending,
                details: &details,
                failure: None,
                // The provider is asked next. If this process ends here, another driver continues from then.
                due_at: Some(tx.now() + limits::OWN_TIME),
                told: Some("payment.initiated"),
            };
            if store::swap(&mut tx, payment, change).await? {
                tx.commit().await?;
                return Ok(None);
            }
            let gone = store::find(&mut tx, &payment.id).await?.is_none();
            tx.rollback().await?;
            if gone {
                // Another driver got a refusal and took it back, so this one's yes must not keep the booking waiting.
                let answer = decide(payment, "end", Action::EndPayment(payment.booking.clone())).await;
                if !domain::hold_is_back(&answer) {
                    kit::router::log(&format!("payment {}: its booking stays paying until its deadline", payment.id));
                }
                return Ok(Some(Problem::unavailable("The payment could not begin. Nothing was done.", 1000)));
            }
            Ok(None)
        }
        BeginOutcome::Refused(rejection) => {
            let mut tx = sql::write().await?;
            if !store::withdraw(&mut tx, &payment.id).await? {
                // Another driver got a yes.
                tx.rollback().await?;
                return Ok(None);
            }
            intent::forget(&mut tx, intent::PAYMENT, &payment.person, &payment.id).await?;
            tx.commit().await?;
            Ok(Some(not_payable(rejection)))
        }
        BeginOutcome::Unknown => Err(Rejection::Unknown.into()),
    }
}

/// What a refusal to begin is to a client.
pub fn not_payable(rejection: Rejection) -> Problem {
    match rejection {
        Rejection::Expired => Problem::new(problem::BOOKING_NOT_PAYABLE, "The hold has expired."),
        Rejection::WrongState(status) => {
            Problem::new(problem::BOOKING_NOT_PAYABLE, format!("The booking is {}.", status.as_str()))
        }
        Rejection::NotOnSale(_) => Problem::new(problem::BOOKING_NOT_PAYABLE, "The event was cancelled."),
        other => other.into(),
    }
}

async fn settle(payment: &Payment, reply: Reply, now: i64) -> Result<(), Problem> {
    let details = domain::Details { memo: reply.memo, ..payment.details.clone() };
    match domain::settle(payment, reply.outcome, now) {
        Settlement::Confirm => confirm(payment, details).await,
        Settlement::Fail(code) => fail(payment, details, &code).await,
        Settlement::Wait(status, due) => {
            change(payment, Change { status, details: &details, failure: None, due_at: Some(due), told: None }).await
        }
        Settlement::Close => change(payment, Change { due_at: None, ..as_it_is(payment, &details) }).await,
    }
}

/// The money is there: the ledger says what it buys.
async fn confirm(payment: &Payment, details: domain::Details) -> Result<(), Problem> {
    let paid = Money { amount: payment.amount, currency: payment.currency.clone() };
    let confirmation = Confirmation { booking: payment.booking.clone(), payment: payment.id.clone(), paid };
    let answer = decide(payment, "confirm", Action::Confirm(confirmation)).await;
    let confirmed = domain::after_confirm(&answer);
    if confirmed == ConfirmOutcome::AskAgain {
        return ask_again(payment, &details).await;
    }
    let mut tx = sql::write().await?;
    let now = tx.now();
    let details = domain::Details { completed_at: Some(now), ..details };
    let change =
        Change { status: Status::Completed, details: &details, failure: None, due_at: None, told: Some("payment.completed") };
    if !store::swap(&mut tx, payment, change).await? {
        return Ok(tx.rollback().await?);
    }
    // What was sold is written down as it is called now.
    ::receipt::record(&mut tx, &payment.id, &payment.booking).await?;
    if confirmed == ConfirmOutcome::GiveBack {
        kit::router::log(&format!("payment {} goes back, the ledger does not take it: {answer:?}", payment.id));
        refunds::owe(&mut tx, payment, payment.amount, refunds::LATE).await?;
    }
    Ok(tx.commit().await?)
}

/// There will be no money: the hold is the booking's own again.
async fn fail(payment: &Payment, details: domain::Details, code: &str) -> Result<(), Problem> {
    let answer = decide(payment, "end", Action::EndPayment(payment.booking.clone())).await;
    if !domain::hold_is_back(&answer) {
        return ask_again(payment, &details).await;
    }
    let failed =
        Change { status: Status::Failed, details: &details, failure: Some(code), due_at: None, told: Some("payment.failed") };
    change(payment, failed).await
}

/// The ledger could not be asked. The provider's word is not lost: it says the same when it is asked again.
async fn ask_again(payment: &Payment, details: &domain::Details) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    let due_at = Some(tx.now() + domain::wait(payment, tx.now()));
    let change = Change { due_at, ..as_it_is(payment, details) };
    if store::swap(&mut tx, payment, change).await? {
        return Ok(tx.commit().await?);
    }
    Ok(tx.rollback().await?)
}

fn as_it_is<'a>(payment: &'a Payment, details: &'a domain::Details) -> Change<'a> {
    Change { status: payment.status, details, failure: payment.failure.as_deref(), due_at: payment.due_at, told: None }
}

async fn change(payment: &Payment, change: Change<'_>) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    // A lost swap is no fault: somebody else made a step, and the next look finds it.
    if store::swap(&mut tx, payment, change).await? {
        return Ok(tx.commit().await?);
    }
    Ok(tx.rollback().await?)
}
