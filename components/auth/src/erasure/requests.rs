//! What an operator asks for by a command: the region's node that ticks does it, and says where it may not be done.

use super::account;
use crate::accounts;
use kit::{Problem, config, params, sql};

/// Who acts by a command of the binary.
const OPERATOR: &str = "operator";

/// Erases the account that was asked for first; gives how many that were. Where another region keeps the accounts nothing is asked.
pub async fn handle() -> Result<u32, Problem> {
    let mut tx = sql::read().await?;
    let statement = "SELECT user_id FROM erasure_requests WHERE refused IS NULL ORDER BY created_at, user_id LIMIT 1";
    let asked: Option<(String,)> = tx.one(statement, []).await?;
    tx.rollback().await?;
    let Some((user,)) = asked else { return Ok(0) };
    let mut tx = sql::write().await?;
    let done = match config::accounts_elsewhere().await? {
        Some(region) => Err(super::refused(&format!("the region {region} keeps the accounts: ask there"))),
        None => erase(&mut tx, &user).await,
    };
    match done {
        Ok(()) => {
            tx.execute("DELETE FROM erasure_requests WHERE user_id = $1", params![&user]).await?;
            tx.commit().await?;
        }
        Err(problem) if problem.kind.status < 500 => {
            tx.rollback().await?;
            let mut tx = sql::write().await?;
            tx.execute("UPDATE erasure_requests SET refused = $2 WHERE user_id = $1", params![&user, problem.detail]).await?;
            tx.commit().await?;
        }
        Err(problem) => return Err(problem),
    }
    Ok(1)
}

async fn erase(tx: &mut sql::Tx, user: &str) -> Result<(), Problem> {
    if accounts::find(tx, user).await?.is_none() {
        return Err(super::refused("there is no such account, or it is erased already"));
    }
    accounts::touch(tx, user).await?;
    account::erase(tx, user, OPERATOR, None).await
}
