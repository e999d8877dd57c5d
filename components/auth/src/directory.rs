//! `marquee:accounts/directory`: what the region of the accounts tells other regions. Only the host asks.

use kit::{Problem, sql};
use vocabulary::accounts::Address;

/// How these people are written to; who is not known is left out.
pub async fn addresses_of(users: &[String]) -> Result<Vec<Address>, Problem> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = sql::read().await?;
    let statement = format!(
        "SELECT id, email, name, email_verified_at, language FROM users WHERE email <> id AND id IN ({})",
        sql::list(1, users.len())
    );
    let rows: Vec<(String, String, String, Option<i64>, String)> = tx.all(&statement, users.iter().map(sql::Value::from)).await?;
    tx.rollback().await?;
    let address = |(id, email, name, verified_at, language)| Address { id, email, name, verified_at, language: Some(language) };
    Ok(rows.into_iter().map(address).collect())
}
