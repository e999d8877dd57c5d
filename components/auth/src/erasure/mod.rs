//! Erasure: what is known of a person goes.
//!
//! `account` is what the region of the accounts does, in one transaction: nobody logs in as them any more, their address is free, and what is left of the
//! account is an id, which bookings and books go on to have as their owner's. The same transaction writes a row of `erasures`, and every region has one
//! sooner or later, by `marquee:accounts`. `traces` is what each region does then, in pieces that may be done any number of times, by its ticker: what
//! it has of the person beside the account.
//!
//! Which columns are a person's is said by `infra/migrations/personal.txt`.

mod account;
mod requests;
#[cfg(test)]
mod tests;
mod traces;

pub use account::erase;
pub use traces::anywhere;

use crate::{accounts, limits, reauthentication, sessions, transport};
use kit::{Answer, Problem, Request, Response, browser, claims, json, network, params, problem, sql, trace};
use vocabulary::accounts::Erasure;

/// `DELETE /api/auth/me`: erases the caller's account, for who has proved lately whose it is, or does so now with the password. 204.
pub async fn erase_mine(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let password = json::read_optional(&request, |body| body.optional_text("password", 1..=*limits::PASSWORD_CHARACTERS.end()))?;
    let mut tx = sql::read().await?;
    let user = accounts::find(&mut tx, &claims.subject).await?.ok_or_else(accounts::gone)?;
    if password.is_none() {
        sessions::require_recent(&mut tx, &claims).await?;
    }
    tx.rollback().await?;
    let checked = match password {
        Some(password) => Some(reauthentication::check_password(&request, &user, &password).await?),
        None => None,
    };

    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    accounts::touch(&mut tx, &user.id).await?;
    if let Some(checked) = checked {
        checked.still_holds(&mut tx).await?;
        sessions::note_password(&mut tx, &user.id, &claims.session).await?;
    }
    sessions::require_recent(&mut tx, &claims).await?;
    account::erase(&mut tx, &user.id, &user.id, network::of(&request)).await?;
    tx.commit().await?;
    begin().await;
    let answer = Response::empty(204);
    Ok(if browser::has_cookies(&request) { transport::clear_cookies(answer) } else { answer })
}

/// Begins with what is left beside an account. That is gone, whatever comes of this: what fails is done by the next tick, and where there is none by the
/// next erasure.
pub async fn begin() {
    if let Err(problem) = traces::erase_due(limits::ERASURE_STEPS).await {
        kit::router::log(&format!("what is left of an erased account goes later: {}", problem.log.unwrap_or(problem.detail)));
    }
}

/// Does some of what there is to do; gives how much that was.
pub async fn due() -> Result<u32, Problem> {
    let asked = requests::handle().await?;
    Ok(asked + traces::erase_due(limits::ERASURE_STEPS).await?)
}

/// Whose accounts were erased after this sequence; `region` has the others.
pub async fn after(region: &str, sequence: i64) -> Result<Vec<Erasure>, Problem> {
    let mut tx = sql::write().await?;
    let now = tx.now();
    // Where it is, and that it asks: not every time, for it asks all the time.
    tx.execute(
        "INSERT INTO erasure_readers (region, sequence, heard_at) VALUES ($1, $2, $3) ON CONFLICT (region) DO UPDATE \
         SET sequence = $2, heard_at = $3 WHERE erasure_readers.sequence <> $2 OR erasure_readers.heard_at < $4",
        params![region, sequence, now, now - limits::ERASURE_HEARD],
    )
    .await?;
    let rows: Vec<(i64, String, Option<String>)> = tx
        .all(
            "SELECT sequence, user_id, email FROM erasures WHERE sequence > $1 ORDER BY sequence LIMIT $2",
            params![sequence, i64::try_from(vocabulary::limits::ERASURES).unwrap_or(i64::MAX)],
        )
        .await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(|(sequence, user, email)| Erasure { sequence, user, email }).collect())
}

/// The last erasure that is known here.
pub async fn last() -> Result<i64, Problem> {
    let mut tx = sql::read().await?;
    let last: Option<(i64,)> = tx.one("SELECT COALESCE(MAX(sequence), 0) FROM erasures", []).await?;
    tx.rollback().await?;
    Ok(last.map_or(0, |(last,)| last))
}

/// Writes down whose data is to go from this region, which another keeps the accounts of.
pub async fn add(erasures: &[Erasure]) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    for Erasure { sequence, user, email } in erasures {
        write(&mut tx, *sequence, user, email.as_deref()).await?;
        account::forget(&mut tx, user).await?;
    }
    Ok(tx.commit().await?)
}

async fn write(tx: &mut sql::Tx, sequence: i64, user: &str, email: Option<&str>) -> Result<(), sql::Error> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO erasures (user_id, sequence, email, passes, due_at, created_at) VALUES ($1, $2, $3, 0, $4, $4) \
         ON CONFLICT (user_id) DO NOTHING",
        params![user, sequence, email, now],
    )
    .await
    .map(drop)
}

/// Whether somebody is to be forgotten here: then nothing is written down of them any more, by whoever has yet to hear of it.
pub async fn is_erased(tx: &mut sql::Tx, user: &str) -> Result<bool, sql::Error> {
    Ok(tx.one::<(i64,)>("SELECT 1 FROM erasures WHERE user_id = $1", params![user]).await?.is_some())
}

fn refused(detail: &str) -> Problem {
    Problem::new(problem::WRONG_STATE, detail)
}
