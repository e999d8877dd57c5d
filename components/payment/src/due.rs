//! What has come due.

use crate::{domain, domain::Driver, drive, limits, refunds, show, store};
use kit::{Answer, Problem, Request, Response, sql, time};
use serde_json::json;

/// `POST /api/payments/due`: moves payments and refunds on whose time has come, so many of each. It depends on stored times only.
pub async fn run(_: Request) -> Answer {
    let until = time::now() + limits::DUE_TIME;
    let mut done = 0;
    let mut tx = sql::read().await?;
    let mut payments = store::due(&mut tx).await?;
    payments.extend(store::bereft(&mut tx).await?);
    tx.rollback().await?;
    for id in payments {
        if time::now() > until {
            break;
        }
        match drive::drive(&id, Driver::Passer).await {
            Ok(_) => done += 1,
            Err(problem) => {
                show::note("payment", &id, &problem);
                put_off(&id).await?;
            }
        }
    }
    let mut tx = sql::read().await?;
    let refunds = refunds::due(&mut tx).await?;
    tx.rollback().await?;
    for id in refunds {
        if time::now() > until {
            break;
        }
        match refunds::attempt(&id).await {
            Ok(over) => done += u32::from(over),
            Err(problem) => show::note("refund", &id, &problem),
        }
    }
    Response::json(200, &json!({ "done": done }))
}

async fn put_off(id: &str) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    // Where even its row cannot be read, it waits for the longest.
    let wait = store::find(&mut tx, id).await.ok().flatten().map_or(*limits::WAIT.end(), |payment| domain::wait(&payment, now));
    store::put_off(&mut tx, id, now + wait).await?;
    Ok(tx.commit().await?)
}
