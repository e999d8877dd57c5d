//! Paying for a booking.

use crate::{
    domain::{Details, Driver, Payment, Status},
    drive::{self, DriveOutcome},
    intent::{self, IntentState, KeyedRequest},
    limits, links,
    provider::Provider,
    refunds::{self, RefundEntry},
    store,
    view::View,
};
use ::receipt::reasons;
use kit::{
    Answer, Problem, Request, Response, claims, guests, id, json, params, problem, questions,
    sql::{self, Error, Tx},
    trace,
};

/// What a client asks for.
struct Order {
    booking: String,
    token: String,
    trace: Option<String>,
}

/// `POST /api/payments`
pub async fn create(request: Request) -> Answer {
    let claims = claims::customer(&request).await?;
    let keyed = KeyedRequest::new(&request, intent::PAYMENT, &claims.subject)?;
    let order = read(&request)?;
    if !Provider::DEFAULT.is_on().await? {
        return Err(Problem::new(problem::PAYMENTS_OFF, "No payment provider is configured here."));
    }
    let base = links::base(&request).await?;
    let driven = match accept(&keyed, &order).await? {
        AcceptedIntent::Answered(answer) => return Ok(answer),
        AcceptedIntent::New(id) => drive::drive_new(&id).await,
        AcceptedIntent::Made(id) => drive::drive(&id, Driver::Owner).await,
    };
    match driven.map_err(intent::unsettled)? {
        DriveOutcome::Payment(payment) => {
            // Whatever fails from here on, something was done.
            let returned = returned(&payment).await.map_err(intent::unsettled)?;
            keyed.answer(answer(&request, &payment, returned, &base)?).await.map_err(intent::unsettled)
        }
        DriveOutcome::Withdrawn(problem) => Err(problem),
        DriveOutcome::Gone => Err(Problem::unavailable("The payment could not begin. Nothing was done.", 1000)),
    }
}

async fn returned(payment: &Payment) -> Result<Vec<RefundEntry>, Problem> {
    let mut tx = sql::read().await?;
    let returned = refunds::of(&mut tx, &payment.id).await?;
    tx.rollback().await?;
    Ok(returned)
}

fn read(request: &Request) -> Result<Order, Problem> {
    json::read(request, |body| {
        let booking = body.id("booking_id");
        let token = body.object("method", |method| {
            method.word("type", &["card"]);
            let token = method.text("token", limits::TOKEN);
            if !token.is_empty() && !Provider::DEFAULT.takes(&token) {
                method.fault("token", "not a token of the payment provider");
            }
            token
        });
        Order { booking, token: token.unwrap_or_default(), trace: trace::parent(request) }
    })
}

enum AcceptedIntent {
    /// The key has its answer.
    Answered(Response),
    /// The key's payment, just recorded.
    New(String),
    /// The key's payment, from an earlier try.
    Made(String),
}

/// Writes the payment down, unless its key has been used.
async fn accept(keyed: &KeyedRequest<'_>, order: &Order) -> Result<AcceptedIntent, Problem> {
    let mut last = Problem::unavailable("Too many payments at once.", 1000);
    for _ in 0..limits::ATTEMPTS {
        let mut tx = sql::write().await?;
        match keyed.find(&mut tx).await? {
            IntentState::Answered(answer) => return Ok(AcceptedIntent::Answered(answer)),
            IntentState::Made(id) => return Ok(AcceptedIntent::Made(id)),
            IntentState::Nothing => {}
        }
        let payment = new_payment(&mut tx, keyed.person, order).await?;
        if let Some(open) = store::open(&mut tx, &order.booking).await? {
            let due = open.is_due(tx.now());
            tx.rollback().await?;
            last = Problem::new(problem::BOOKING_NOT_PAYABLE, "Another payment for this booking is under way.");
            if !due {
                return Err(last);
            }
            // It may have ended since the last check.
            drive::drive(&open.id, Driver::Passer).await?;
            continue;
        }
        match write(&mut tx, keyed, &payment).await {
            Ok(()) => {
                tx.commit().await?;
                return Ok(AcceptedIntent::New(payment.id));
            }
            // On Postgres another request may have come between the look and the insert: look again.
            Err(Error::Unique(_) | Error::Busy) => tx.rollback().await?,
            Err(error) => return Err(error.into()),
        }
    }
    Err(last)
}

async fn write(tx: &mut Tx, keyed: &KeyedRequest<'_>, payment: &Payment) -> Result<(), Error> {
    keyed.make(tx, &payment.id).await?;
    store::insert(tx, payment).await
}

kit::row! {
    struct Booking { event: String, person: String, status: String, total: i64, currency: String }
}

/// The payment that this would be. What is certainly not payable is refused here; the rest is for the ledger to say.
async fn new_payment(tx: &mut Tx, person: &str, order: &Order) -> Result<Payment, Problem> {
    let statement = "SELECT event, person, status, total, currency FROM bookings WHERE id = $1";
    let booking: Booking = tx.one(statement, params![&order.booking]).await?.ok_or_else(Problem::not_found)?;
    if !guests::stands_for(tx, person, &booking.person).await? {
        return Err(Problem::not_found());
    }
    let not_payable = |detail: String| Err(Problem::new(problem::BOOKING_NOT_PAYABLE, detail));
    if booking.total == 0 {
        return not_payable("The booking is free of charge.".into());
    }
    // From these states no booking comes back to be paid.
    if matches!(booking.status.as_str(), "confirmed" | "cancelled" | "expired") {
        return not_payable(format!("The booking is {}.", booking.status));
    }
    let missing = questions::missing_of(tx, &order.booking).await?.of_owner();
    if !missing.is_empty() {
        return Err(questions::answers_missing(missing));
    }
    let region = id::region(&order.booking).ok_or_else(Problem::not_found)?;
    let now = tx.now();
    Ok(Payment {
        id: id::new(region),
        booking: order.booking.clone(),
        event: booking.event,
        person: person.to_owned(),
        amount: booking.total,
        currency: booking.currency,
        status: Status::Pending,
        provider: Provider::DEFAULT.name().to_owned(),
        details: Details {
            token: order.token.clone(),
            deadline: None,
            completed_at: None,
            trace: order.trace.clone(),
            memo: Provider::DEFAULT.memo(),
        },
        failure: None,
        refunded: 0,
        due_at: Some(now + limits::OWN_TIME),
        version: 0,
        created_at: now,
    })
}

fn answer(request: &Request, payment: &Payment, returned: Vec<RefundEntry>, base: &str) -> Answer {
    if payment.status == Status::Failed {
        let why = reasons::failure(payment.failure.as_deref().unwrap_or_default());
        return Ok(Problem::new(problem::PAYMENT_DECLINED, why).into_response(&request.path, &request.request_id));
    }
    Ok(Response::json(201, &View::new(payment, returned, base)?)?
        .header("location", format!("/api/payments/{}", payment.id))
        .header("cache-control", "no-store"))
}
