//! Holds whose time is over.

use crate::store;
use kit::{
    Answer, Request, Response,
    ledger::{self, Action, Command, Outcome, Subject},
    sql, time,
};
use serde_json::json;

/// `POST /api/bookings/due`: has the ledger tidy overdue holds, of so many events. It depends on stored deadlines only.
pub async fn run(_: Request) -> Answer {
    let mut tx = sql::read().await?;
    let events = store::overdue_events(&mut tx).await?;
    tx.rollback().await?;
    let mut done = 0;
    if !events.is_empty() {
        let deadline = time::now() + kit::limits::COMMAND_MICROSECONDS;
        let commands = events.into_iter().map(|event| expire(event, deadline)).collect();
        for answer in ledger::apply(commands).await {
            match answer {
                Ok(receipt) => {
                    if let Outcome::Swept(count) = receipt.outcome {
                        done += count;
                    }
                }
                // The rows stay overdue: the next call sees to them.
                Err(rejection) => kit::router::log(&format!("overdue holds stay for now: {rejection:?}")),
            }
        }
    }
    Response::json(200, &json!({ "done": done }))
}

fn expire(event: String, deadline: i64) -> Command {
    Command::new(Subject::Platform, "", event, deadline, Action::Expire)
}
