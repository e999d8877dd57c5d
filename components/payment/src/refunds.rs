//! Gives money back: moves refunds that are due on to the provider, and books them.
//!
//! An attempt first claims its refund: it fixes the amount, counts itself and sets the time of the next one. Then the provider is
//! asked, with the refund's id as its key, and what it says is written down once.

use crate::{
    domain::{self, Payment, Status},
    drive, limits,
    provider::Refunded,
    store,
};
use kit::{
    Problem, id, journal, params, sql,
    sql::{Error, Tx},
};

/// A payment that the ledger could not take, and did not say why.
pub const LATE: &str = "late";
/// Asked for by the organiser.
pub const REQUESTED: &str = "requested";

kit::row! {
    struct Refund { id: String, payment: String, amount: i64, attempts: i64 }
}

kit::row! {
    /// What goes back, or has gone back, of a payment.
    #[derive(Debug, Clone, PartialEq, Eq)]
    pub struct RefundEntry { pub amount: i64, pub reason: String, pub status: String, pub created_at: i64 }
}

/// All refunds of a payment, in the order in which they became due.
pub async fn of(tx: &mut Tx, payment: &str) -> Result<Vec<RefundEntry>, Error> {
    let statement = "SELECT amount, reason, status, created_at FROM refunds WHERE payment = $1 ORDER BY created_at, id LIMIT $2";
    tx.all(statement, params![payment, limits::REFUNDS_SHOWN]).await
}

/// Refunds whose time has come, the longest overdue first.
pub async fn due(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let now = tx.now();
    let statement = "SELECT id FROM refunds WHERE status = 'due' AND due_at <= $1 ORDER BY due_at, id LIMIT $2";
    let rows: Vec<(String,)> = tx.all(statement, params![now, limits::DUE]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Those of one payment.
pub async fn due_of(tx: &mut Tx, payment: &str) -> Result<Vec<String>, Error> {
    let now = tx.now();
    let statement = "SELECT id FROM refunds WHERE payment = $1 AND status = 'due' AND due_at <= $2 ORDER BY due_at, id LIMIT $3";
    let rows: Vec<(String,)> = tx.all(statement, params![payment, now, limits::REFUNDS_OF_ONE]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes down that money of a payment is to go back; gives the refund's id.
pub async fn owe(tx: &mut Tx, payment: &Payment, amount: i64, reason: &str) -> Result<String, Error> {
    let now = tx.now();
    let region = id::region(&payment.id).ok_or_else(|| Error::Other(format!("payment {}: not an id", payment.id)))?;
    let refund = id::new(region);
    tx.execute(
        "INSERT INTO refunds (id, payment, booking, amount, currency, reason, status, attempts, due_at, created_at, updated_at) \
         VALUES ($1, $2, $3, $4, $5, $6, 'due', 0, $7, $7, $7)",
        params![&refund, &payment.id, &payment.booking, amount, &payment.currency, reason, now],
    )
    .await?;
    Ok(refund)
}

/// Keeps others from counting a payment's refunds until this transaction ends; whether there is such a payment.
pub async fn lock(tx: &mut Tx, payment: &str) -> Result<bool, Error> {
    let now = tx.now();
    Ok(tx.execute("UPDATE payments SET updated_at = $2 WHERE id = $1", params![payment, now]).await? == 1)
}

/// Minor units of a payment that are due to go back, a given refund left out; only those that were attempted already, if so asked.
pub async fn owed(tx: &mut Tx, payment: &str, but: &str, attempted: bool) -> Result<i64, Error> {
    let statement = "SELECT CAST(COALESCE(SUM(amount), 0) AS BIGINT) FROM refunds \
                     WHERE payment = $1 AND id <> $2 AND status = 'due' AND attempts >= $3";
    let row: Option<(i64,)> = tx.one(statement, params![payment, but, i64::from(attempted)]).await?;
    Ok(row.map_or(0, |(sum,)| sum))
}

/// Makes one attempt at a refund that is due; whether it is over now. One that is not due, or claimed by somebody else, is left alone.
pub async fn attempt(id: &str) -> Result<bool, Problem> {
    let Some((payment, amount)) = claim(id).await? else { return Ok(false) };
    match drive::provider(&payment)?.refund(id, &payment.id, amount).await {
        Refunded::Done => finish(id, &payment.id, amount).await,
        Refunded::Refused(reason) => {
            kit::router::log(&format!("refund {id} of payment {}: refused by the provider: {reason}", payment.id));
            let mut tx = sql::write().await?;
            end(&mut tx, id, "failed").await?;
            tx.commit().await?;
            Ok(true)
        }
        // Tried again when its time comes.
        Refunded::NoAnswer => Ok(false),
    }
}

async fn claim(id: &str) -> Result<Option<(Payment, i64)>, Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    let statement = "SELECT id, payment, amount, attempts FROM refunds WHERE id = $1 AND status = 'due' AND due_at <= $2";
    let Some(refund) = tx.one::<Refund>(statement, params![id, now]).await? else { return Ok(None) };
    lock(&mut tx, &refund.payment).await?;
    let payment = store::find(&mut tx, &refund.payment).await?.filter(|payment| payment.status == Status::Completed);
    let next = now + domain::refund_wait(refund.attempts);
    let claimed = match &payment {
        // The ledger has seen money that is not booked here yet: the payment goes first.
        None => postpone(&mut tx, &refund, next).await?,
        Some(payment) => {
            // Once asked for, the amount stays: the provider knows the refund by its id.
            let amount = if refund.attempts == 0 {
                let elsewhere = owed(&mut tx, &payment.id, id, true).await?;
                refund.amount.min(payment.amount - payment.refunded - elsewhere)
            } else {
                refund.amount
            };
            if amount <= 0 {
                kit::router::log(&format!("refund {id} of payment {}: nothing is left to give back", payment.id));
                end(&mut tx, id, "failed").await?;
                None
            } else if take(&mut tx, &refund, amount, next).await? {
                Some((payment.clone(), amount))
            } else {
                None
            }
        }
    };
    tx.commit().await?;
    Ok(claimed)
}

async fn postpone(tx: &mut Tx, refund: &Refund, until: i64) -> Result<Option<(Payment, i64)>, Error> {
    let now = tx.now();
    let statement = "UPDATE refunds SET due_at = $2, updated_at = $3 WHERE id = $1 AND status = 'due'";
    tx.execute(statement, params![&refund.id, until, now]).await?;
    Ok(None)
}

async fn take(tx: &mut Tx, refund: &Refund, amount: i64, next: i64) -> Result<bool, Error> {
    let now = tx.now();
    let taken = tx
        .execute(
            "UPDATE refunds SET attempts = attempts + 1, amount = $3, due_at = $4, updated_at = $5 \
             WHERE id = $1 AND status = 'due' AND attempts = $2",
            params![&refund.id, refund.attempts, amount, next, now],
        )
        .await?;
    Ok(taken == 1)
}

/// Ends a refund, once; whether it was still due.
async fn end(tx: &mut Tx, id: &str, status: &str) -> Result<bool, Error> {
    let now = tx.now();
    let statement = "UPDATE refunds SET status = $2, updated_at = $3 WHERE id = $1 AND status = 'due'";
    Ok(tx.execute(statement, params![id, status, now]).await? == 1)
}

/// Books a refund that the provider has made.
async fn finish(id: &str, payment: &str, amount: i64) -> Result<bool, Problem> {
    let mut tx = sql::write().await?;
    if !end(&mut tx, id, "completed").await? {
        tx.rollback().await?;
        return Ok(false);
    }
    let reason: Option<(String,)> = tx.one("SELECT reason FROM refunds WHERE id = $1", params![id]).await?;
    let now = tx.now();
    tx.execute(
        "UPDATE payments SET refunded = refunded + $2, version = version + 1, updated_at = $3 WHERE id = $1",
        params![payment, amount, now],
    )
    .await?;
    let after = store::find(&mut tx, payment).await?;
    let after = after.ok_or_else(|| Problem::internal(format_args!("payment {payment} is gone")))?;
    // Told as the payment it is part of: what came in is complete, and so much of it has gone back.
    let mut entry = store::entry("payment.completed", &after, after.version);
    if let Some(fields) = entry.payload.as_object_mut() {
        fields.insert("refund_id".into(), id.into());
        fields.insert("refund_amount".into(), amount.into());
        fields.insert("refund_reason".into(), reason.map(|(reason,)| reason).into());
    }
    journal::write(&mut tx, &[entry]).await?;
    tx.commit().await?;
    Ok(true)
}
