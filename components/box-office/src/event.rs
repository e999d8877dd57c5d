//! The event that a request is about, and what the caller may do with it.

use kit::sql::Tx;
use kit::team::{self, Permission};
use kit::{Problem, params};

/// An event, as far as the box office needs it.
#[derive(Debug, Clone)]
pub struct Event {
    /// Its id.
    pub id: String,
    /// Whose it is.
    pub organiser: String,
}

/// The event, where this user may do that with it.
///
/// # Errors
/// 404 where there is none, 403 where the user may not.
pub async fn permitted(tx: &mut Tx, user: &str, id: &str, permission: Permission) -> Result<Event, Problem> {
    let found: Option<(String,)> = tx.one("SELECT organiser_id FROM events WHERE id = $1", params![id]).await?;
    let (organiser,) = found.ok_or_else(Problem::not_found)?;
    team::require(tx, user, &organiser, permission).await?;
    Ok(Event { id: id.to_owned(), organiser })
}
