//! Asks for a range of the journal to be published again. The relay does it, marks the records `ce_replayed: true`, and keeps publishing what
//! is new meanwhile.

use sqlx::PgPool;

use crate::{Error, limits};

/// Inserts a range of positions, both included, under an id of the caller's, which nobody has used before. `now` is in microseconds since the Unix
/// epoch. Fails where the range is none, or longer than [`limits::REPLAY_POSITIONS`], or the id is taken.
pub async fn request(pool: &PgPool, id: &str, first: i64, last: i64, requested_by: &str, now: i64) -> Result<(), Error> {
    if first < 1 || last < first || last - first >= limits::REPLAY_POSITIONS {
        let most = limits::REPLAY_POSITIONS;
        return Err(Error::Refused(format!("a range begins at 1 or later and has 1 to {most} positions, not {first} to {last}")));
    }
    let statement = "INSERT INTO replays (id, first, last, next, requested_by, created_at) VALUES ($1, $2, $3, $2, $4, $5) \
                     ON CONFLICT (id) DO NOTHING";
    let done = sqlx::query(statement).bind(id).bind(first).bind(last).bind(requested_by).bind(now).execute(pool).await?;
    if done.rows_affected() == 0 {
        return Err(Error::Refused(format!("there is a replay {id} already")));
    }
    Ok(())
}
