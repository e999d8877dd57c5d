//! Cancelling a booking, and letting people in by its tickets: one of the two.
//!
//! The ledger knows no door, and the door no ledger. So before the ledger is asked, a stop is written down, with the booking's row locked:
//! whoever lets somebody in locks that row as well, and sees either no stop, which comes after and finds the admission, or the stop. A stop
//! ends once the ledger has decided; one that nobody ends, because the outcome is unknown or a node died, runs out once nothing can be
//! decided any more.

use crate::limits;
use kit::sql::{self, Tx};
use kit::{Problem, hash, params, problem, router};

/// A booking whose tickets let nobody in.
#[derive(Debug)]
pub struct Stop(String);

impl Stop {
    /// Of a booking that is confirmed; none where it no longer is.
    ///
    /// # Errors
    /// 409 where somebody was let in by one of its tickets.
    pub async fn begin(booking: &str) -> Result<Option<Self>, Problem> {
        let mut tx = sql::write().await?;
        let stop = write(&mut tx, booking).await?;
        tx.commit().await?;
        Ok(stop)
    }

    /// Ends it. Where that fails it runs out.
    pub async fn end(self) {
        if let Err(problem) = self.delete().await {
            router::log(&format!("a stop stays until it runs out: {}", problem.log.as_deref().unwrap_or(&problem.detail)));
        }
    }

    async fn delete(self) -> Result<(), Problem> {
        let mut tx = sql::write().await?;
        tx.execute("DELETE FROM ticket_stops WHERE id = $1", params![self.0]).await?;
        Ok(tx.commit().await?)
    }
}

async fn write(tx: &mut Tx, booking: &str) -> Result<Option<Stop>, Problem> {
    let statement = format!("SELECT status FROM bookings WHERE id = $1{}", tx.exclusive_lock());
    let status: Option<(String,)> = tx.one(&statement, params![booking]).await?;
    if status.is_none_or(|(status,)| status != "confirmed") {
        return Ok(None);
    }
    let admitted: Option<(i64,)> = tx.one("SELECT 1 FROM admissions WHERE booking = $1 LIMIT 1", params![booking]).await?;
    if admitted.is_some() {
        return Err(Problem::new(problem::NOT_CANCELLABLE, "Somebody was let in by a ticket of this booking already."));
    }
    let (id, now) = (hash::secret(), tx.now());
    tx.execute("DELETE FROM ticket_stops WHERE booking = $1 AND until <= $2", params![booking, now]).await?;
    let until = now + limits::STOP_MICROSECONDS;
    tx.execute("INSERT INTO ticket_stops (id, booking, until) VALUES ($1, $2, $3)", params![&id, booking, until]).await?;
    Ok(Some(Stop(id)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    const NOW: i64 = 1_800_000_000_000_000;

    fn world() -> Vec<std::sync::Arc<Database>> {
        let all = Database::all();
        for database in &all {
            database.set_now(NOW);
            database
                .run("INSERT INTO inventory (event, version, status, revision, currency) VALUES ('eu_e', 1, 'open', 1, 'EUR')");
            database.run(
                "INSERT INTO bookings (id, event, person, status, extended, total, currency, ticket_seed, version, created_at, updated_at) \
                 VALUES ('eu_b', 'eu_e', 'eu_p', 'confirmed', 0, 0, 'EUR', 'seed', 1, 0, 0), ('eu_h', 'eu_e', 'eu_p', 'held', 0, 0, 'EUR', 's', 1, 0, 0)",
            );
        }
        all
    }

    fn stops(database: &Database) -> Vec<(String, i64)> {
        database.all_rows("SELECT booking, until FROM ticket_stops")
    }

    #[test]
    fn a_stop_lasts_until_it_is_ended_or_runs_out() {
        for database in world() {
            database.enter();
            let stop = ready(Stop::begin("eu_b")).unwrap().unwrap();
            assert_eq!(stops(&database), [("eu_b".to_owned(), NOW + limits::STOP_MICROSECONDS)]);
            let other = ready(Stop::begin("eu_b")).unwrap().unwrap();
            ready(stop.end());
            assert_eq!(stops(&database).len(), 1, "each ends its own");
            drop(other);
            database.set_now(NOW + limits::STOP_MICROSECONDS);
            ready(Stop::begin("eu_b")).unwrap().unwrap();
            assert_eq!(stops(&database).len(), 1, "what has run out goes");
            assert!(ready(Stop::begin("eu_h")).unwrap().is_none() && ready(Stop::begin("eu_none")).unwrap().is_none());
        }
    }

    #[test]
    fn who_was_let_in_keeps_the_booking() {
        for database in world() {
            database.enter();
            database.run(
                "INSERT INTO tickets (booking, number, event, ticket_type, generation, version, updated_at) \
                 VALUES ('eu_b', 1, 'eu_e', 'eu_t', 1, 1, 0)",
            );
            database.run(
                "INSERT INTO admissions (booking, number, list, entry, event, at, admitted_by, way, created_at) \
                 VALUES ('eu_b', 1, 'default', 1, 'eu_e', 0, 'eu_d', 'scan', 0)",
            );
            assert_eq!(ready(Stop::begin("eu_b")).unwrap_err().kind.slug, "not-cancellable");
            assert_eq!(stops(&database), []);
        }
    }
}
