//! Payments in SQL. Every change is a swap of the version, with its journal row in the same transaction.

use crate::{
    domain::{Details, Payment, Status},
    limits,
};
use kit::{
    journal::{self, Entry},
    params,
    sql::{Error, Tx},
};
use serde_json::json;

kit::row! {
    struct Row {
        id: String,
        booking: String,
        event: String,
        person: String,
        amount: i64,
        currency: String,
        status: String,
        provider: String,
        provider_state: String,
        failure: Option<String>,
        refunded: i64,
        due_at: Option<i64>,
        version: i64,
        created_at: i64,
    }
}

const COLUMNS: &str = "id, booking, event, person, amount, currency, status, provider, provider_state, failure, refunded, due_at, version, created_at";

impl TryFrom<Row> for Payment {
    type Error = Error;

    fn try_from(row: Row) -> Result<Self, Error> {
        let broken = |what: String| Error::Other(format!("payment {}: {what}", row.id));
        let status = Status::named(&row.status).ok_or_else(|| broken(format!("unknown status {:?}", row.status)))?;
        let details = serde_json::from_str(&row.provider_state).map_err(|error| broken(format!("provider_state: {error}")))?;
        let payment = Self {
            id: row.id,
            booking: row.booking,
            event: row.event,
            person: row.person,
            amount: row.amount,
            currency: row.currency,
            status,
            provider: row.provider,
            details,
            failure: row.failure,
            refunded: row.refunded,
            due_at: row.due_at,
            version: row.version,
            created_at: row.created_at,
        };
        debug_assert!(payment.is_sound(), "payment {} is read as {:?} {:?}", payment.id, payment.status, payment.failure);
        Ok(payment)
    }
}

/// The payment of this id.
pub async fn find(tx: &mut Tx, id: &str) -> Result<Option<Payment>, Error> {
    let statement = format!("SELECT {COLUMNS} FROM payments WHERE id = $1");
    tx.one::<Row>(&statement, params![id]).await?.map(Payment::try_from).transpose()
}

/// The one payment of a booking whose outcome is still open.
pub async fn open(tx: &mut Tx, booking: &str) -> Result<Option<Payment>, Error> {
    let statement =
        format!("SELECT {COLUMNS} FROM payments WHERE booking = $1 AND status IN ('pending', 'requires_action', 'processing')");
    tx.one::<Row>(&statement, params![booking]).await?.map(Payment::try_from).transpose()
}

/// Payments whose time has come, the longest overdue first.
pub async fn due(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let now = tx.now();
    let statement = "SELECT id FROM payments WHERE due_at IS NOT NULL AND due_at <= $1 ORDER BY due_at, id LIMIT $2";
    let rows: Vec<(String,)> = tx.all(statement, params![now, limits::DUE]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Payments that wait for their buyers, whose bookings do not wait for them any more.
pub async fn bereft(tx: &mut Tx) -> Result<Vec<String>, Error> {
    let statement = "SELECT p.id FROM payments p JOIN bookings b ON b.id = p.booking JOIN inventory i ON i.event = b.event \
                     WHERE p.status = 'requires_action' AND (b.status NOT IN ('held', 'paying') OR i.status = 'closed') \
                     ORDER BY p.id LIMIT $1";
    let rows: Vec<(String,)> = tx.all(statement, params![limits::DUE]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Writes a new payment down. [`Error::Unique`]: its booking has an open one.
pub async fn insert(tx: &mut Tx, payment: &Payment) -> Result<(), Error> {
    let details = text(&payment.details)?;
    tx.execute(
        "INSERT INTO payments (id, booking, event, person, amount, currency, status, provider, provider_state, failure, refunded, \
         due_at, version, created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, 0, $10, $11, $12, $12)",
        params![
            &payment.id,
            &payment.booking,
            &payment.event,
            &payment.person,
            payment.amount,
            &payment.currency,
            payment.status.name(),
            &payment.provider,
            details,
            payment.due_at,
            payment.version,
            payment.created_at,
        ],
    )
    .await
    .map(drop)
}

/// Takes back a payment that the ledger refused before it became visible; returns whether it was still there.
pub async fn withdraw(tx: &mut Tx, id: &str) -> Result<bool, Error> {
    Ok(tx.execute("DELETE FROM payments WHERE id = $1 AND version = 0", params![id]).await? == 1)
}

/// What a step makes of a payment.
pub struct Change<'a> {
    /// Its status from now on.
    pub status: Status,
    /// Its details from now on.
    pub details: &'a Details,
    /// Why it failed.
    pub failure: Option<&'a str>,
    /// When to look at it again.
    pub due_at: Option<i64>,
    /// What the journal says of it: `payment.initiated`, `payment.completed`, `payment.failed`; none where it is not published.
    pub told: Option<&'static str>,
}

/// Makes a step, unless somebody else has made one since `payment` was read: then nothing is done, and the answer is false.
pub async fn swap(tx: &mut Tx, payment: &Payment, change: Change<'_>) -> Result<bool, Error> {
    debug_assert!(
        payment.status.may_become(change.status),
        "payment {} is to be {:?} after {:?}",
        payment.id,
        change.status,
        payment.status
    );
    let now = tx.now();
    let changed = tx
        .execute(
            "UPDATE payments SET status = $3, provider_state = $4, failure = $5, due_at = $6, updated_at = $7, version = version + 1 \
             WHERE id = $1 AND version = $2",
            params![
                &payment.id,
                payment.version,
                change.status.name(),
                text(change.details)?,
                change.failure,
                change.due_at,
                now
            ],
        )
        .await?;
    if changed == 0 {
        return Ok(false);
    }
    if let Some(kind) = change.told {
        tx.part_of(payment.details.trace.clone());
        let after = Payment { status: change.status, failure: change.failure.map(str::to_owned), ..payment.clone() };
        journal::write(tx, &[entry(kind, &after, payment.version + 1)]).await?;
    }
    Ok(true)
}

/// What the journal says of a payment.
pub fn entry(kind: &'static str, payment: &Payment, version: i64) -> Entry {
    let mut payload = json!({
        "payment_id": payment.id,
        "booking_id": payment.booking,
        "event_id": payment.event,
        "user_id": payment.person,
        "amount": payment.amount,
        "currency": payment.currency,
        "status": payment.status.name(),
        "provider": payment.provider,
        "refunded": payment.refunded,
    });
    if let (Some(failure), Some(fields)) = (&payment.failure, payload.as_object_mut()) {
        fields.insert("failure".into(), json!(failure));
    }
    Entry { topic: journal::PAYMENT_EVENTS, kind, aggregate: payment.id.clone(), version, payload, fact: None }
}

/// Puts a payment off that could not be driven now, so that it does not keep others from their turn.
pub async fn put_off(tx: &mut Tx, id: &str, until: i64) -> Result<(), Error> {
    let now = tx.now();
    tx.execute("UPDATE payments SET due_at = $2 WHERE id = $1 AND due_at <= $3", params![id, until, now]).await.map(drop)
}

fn text(details: &Details) -> Result<String, Error> {
    serde_json::to_string(details).map_err(|error| Error::Other(format!("details do not serialize: {error}")))
}
