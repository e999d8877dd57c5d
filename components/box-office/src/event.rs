//! The event that a request is about, and what the caller may do with it.

use kit::claims::Claims;
use kit::sql::Tx;
use kit::team::{self, Permission};
use kit::{Problem, params};

/// Refuses the bearer of a token who may not do that with an event.
///
/// # Errors
/// 404 where there is no such event, 403 where they may not.
pub async fn permitted(tx: &mut Tx, claims: &Claims, id: &str, permission: Permission) -> Result<(), Problem> {
    let found: Option<(String,)> = tx.one("SELECT organiser_id FROM events WHERE id = $1", params![id]).await?;
    let (organiser,) = found.ok_or_else(Problem::not_found)?;
    team::require(tx, claims, &organiser, permission).await
}
