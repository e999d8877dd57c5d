//! What providers tell us by themselves.

use crate::{
    domain::{Driver, Status},
    drive, limits,
    provider::{Notice, Provider, WebhookError},
    show,
    store::{self, Change},
};
use kit::{Answer, Problem, Request, Response, config, params, sql, time};
use serde_json::json;

/// `POST /api/payments/webhooks/{provider}/{region}`: the path says whose payment it is about, for providers nest their ids where no host finds them.
pub async fn receive(request: Request) -> Answer {
    let provider = Provider::named(request.parameter("provider")).ok_or_else(Problem::not_found)?.or_not_found().await?;
    if request.parameter("region") != config::region().await? {
        return Err(Problem::not_found());
    }
    let secret = provider.webhook_secret().ok_or_else(Problem::not_found)?;
    let secret = config::optional(secret).await?.ok_or(WebhookError::Unsigned)?;
    if let Some(notice) = provider.notice(&request, &secret, time::now())? {
        remember(provider, &notice).await?;
        // It is written down: whatever happens from here on, some driver continues with it, and the provider need not repeat it.
        if let Err(problem) = drive::drive(&notice.payment, Driver::Passer).await {
            show::note("payment", &notice.payment, &problem);
        }
    }
    Response::json(200, &json!({ "received": true }))
}

/// Writes down what was said, once, in the transaction that remembers the message.
async fn remember(provider: Provider, notice: &Notice) -> Result<(), Problem> {
    for _ in 0..limits::ATTEMPTS {
        let mut tx = sql::write().await?;
        let payment = store::find(&mut tx, &notice.payment).await?;
        let payment = payment.filter(|payment| payment.provider == provider.name() && payment.version > 0);
        let payment = payment.ok_or_else(Problem::not_found)?;
        let now = tx.now();
        let new = tx
            .execute(
                "INSERT INTO inbox (consumer, message_id, created_at) VALUES ($1, $2, $3) ON CONFLICT (consumer, message_id) DO NOTHING",
                params![format!("webhook:{}", provider.name()), &notice.id, now],
            )
            .await?;
        if new == 0 {
            return Ok(tx.rollback().await?);
        }
        // Money that has arrived stays arrived, whatever comes after.
        if payment.status == Status::Completed {
            return Ok(tx.commit().await?);
        }
        let mut details = payment.details.clone();
        details.memo = provider.told(&details.memo, &notice.verdict)?;
        let failure = payment.failure.as_deref();
        let told = Change { status: payment.status, details: &details, failure, due_at: Some(now), told: None };
        if store::swap(&mut tx, &payment, told).await? {
            return Ok(tx.commit().await?);
        }
        tx.rollback().await?;
    }
    Err(Problem::unavailable("The payment is being changed by others.", 1000))
}
