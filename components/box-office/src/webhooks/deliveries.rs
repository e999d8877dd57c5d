//! What a webhook was told, and what became of it.

use super::store::Row;
use super::view::DeliveryView;
use super::{no_query, own, private, read, store};
use crate::{limits, mine};
use ::webhooks::TEST;
use kit::sql::Tx;
use kit::{Answer, Problem, Request, claims, config, id, idempotency, json, problem, sql, time};
use serde_json::json;

/// `GET /api/organisers/{id}/webhooks/{hook}/deliveries`: newest first.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (limit, after) = mine::asked(&request)?;
    let mut tx = sql::read().await?;
    let hook = read(&mut tx, &claims, &request).await?;
    // One more than asked for tells whether there is a next page.
    let mut rows = store::deliveries(&mut tx, &hook.id, after, limit + 1).await?;
    tx.rollback().await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|row| format!("{}.{}", row.created_at, row.id));
    let items: Vec<DeliveryView> = rows.into_iter().map(DeliveryView::from).collect();
    private(200, &json!({ "items": items, "next_cursor": next_cursor }))
}

/// `POST /api/organisers/{id}/webhooks/{hook}/test`: a message that tells of nothing.
pub async fn test(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    no_query(&request)?;
    json::read_optional(&request, |_| ())?;
    let region = config::region().await?;
    idempotency::once(&request, "webhook-deliveries", &claims.subject, async |tx: &mut Tx| {
        let (hook, now) = (active(tx, &claims, &request).await?, tx.now());
        if store::since(tx, &hook.id, TEST, now - limits::WEBHOOK_TESTS_IN).await? >= limits::WEBHOOK_TESTS {
            return Err(too_often(limits::WEBHOOK_TESTS_IN));
        }
        let id = id::new(&region);
        let body = json!({
            "specversion": "1.0",
            "id": id,
            "source": format!("/regions/{region}"),
            "type": TEST,
            "subject": hook.id,
            "time": time::format(now),
            "datacontenttype": "application/json",
            "data": { "organiser_id": hook.organiser_id, "webhook_id": hook.id },
        });
        store::queue(tx, &hook.id, &id, TEST, &body.to_string(), now + limits::WEBHOOK_GIVEN_UP).await?;
        store::now(tx, &hook.id).await?;
        shown(tx, &hook, &id).await
    })
    .await
}

/// `POST /api/organisers/{id}/webhooks/{hook}/deliveries/{delivery}/resend`: the same message again, with the same id.
pub async fn resend(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    no_query(&request)?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "webhook-deliveries", &claims.subject, async |tx: &mut Tx| {
        let delivery = request.id("delivery")?;
        let (hook, now) = (active(tx, &claims, &request).await?, tx.now());
        store::delivery(tx, &hook.id, delivery).await?.ok_or_else(Problem::not_found)?;
        let (give_up_at, since) = (now + limits::WEBHOOK_GIVEN_UP, now - limits::WEBHOOK_RESEND_EVERY);
        if !store::queue_again(tx, delivery, give_up_at, since).await? {
            return Err(too_often(limits::WEBHOOK_RESEND_EVERY));
        }
        store::now(tx, &hook.id).await?;
        shown(tx, &hook, delivery).await
    })
    .await
}

async fn active(tx: &mut Tx, claims: &claims::Claims, request: &Request) -> Result<Row, Problem> {
    let hook = own(tx, claims, request).await?;
    if hook.state == "active" {
        return Ok(hook);
    }
    Err(Problem::new(problem::WRONG_STATE, format!("The webhook is {}: set `paused` to false first.", hook.state)))
}

async fn shown(tx: &mut Tx, hook: &Row, delivery: &str) -> Answer {
    let delivery = store::delivery(tx, &hook.id, delivery).await?.ok_or_else(Problem::not_found)?;
    private(202, &DeliveryView::from(delivery))
}

fn too_often(every: i64) -> Problem {
    Problem::new(problem::RATE_LIMITED, "This was sent a moment ago, or is just being sent.")
        .with("retry-after", (every / time::SECOND).to_string())
}
