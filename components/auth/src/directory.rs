//! `marquee:accounts/directory`: what the region of the accounts tells other regions. Only the host asks.

use kit::{Problem, params, sql};
use vocabulary::accounts::{Address, GuestClaim, GuestExchange, GuestLink};
use vocabulary::limits;

/// How these people are written to; who is not known is left out. A guest who is to be written to has bought: they stay.
pub async fn addresses_of(users: &[String]) -> Result<Vec<Address>, Problem> {
    if users.is_empty() {
        return Ok(Vec::new());
    }
    let mut tx = sql::write().await?;
    let (list, ids) = (sql::list(1, users.len()), || users.iter().map(sql::Value::from));
    tx.execute(&format!("UPDATE users SET guest_until = NULL WHERE guest_until IS NOT NULL AND id IN ({list})"), ids()).await?;
    // A guest's name may be empty, and is told as it is.
    let statement = format!(
        "SELECT c.id, c.email, u.name, c.email_verified_at, c.language, c.guest FROM contacts c JOIN users u ON u.id = c.id WHERE c.id IN ({list})"
    );
    let rows: Vec<(String, String, String, Option<i64>, String, i64)> = tx.all(&statement, ids()).await?;
    tx.commit().await?;
    let address = |(id, email, name, verified_at, language, guest)| Address {
        id,
        email,
        name,
        verified_at,
        language: Some(language),
        guest: guest == 1,
    };
    Ok(rows.into_iter().map(address).collect())
}

/// Keeps links to the orders of guests who are not claimed; what is kept already stays as it is. Says which guests were claimed.
pub async fn exchange_guests(exchange: &GuestExchange) -> Result<Vec<GuestClaim>, Problem> {
    let GuestExchange { links, since, after } = exchange;
    let mut tx = if links.is_empty() { sql::read().await? } else { sql::write().await? };
    for GuestLink { hash, guest, booking, created_at, expires_at } in links {
        tx.execute("UPDATE users SET guest_until = NULL WHERE id = $1 AND guest_until IS NOT NULL", params![guest]).await?;
        let statement = "INSERT INTO guest_links (hash, guest, booking, asked, created_at, expires_at) \
                         SELECT $1, id, $3, 0, CAST($4 AS BIGINT), CAST($5 AS BIGINT) FROM users WHERE id = $2 AND guest_email IS NOT NULL \
                         AND NOT EXISTS (SELECT 1 FROM guest_claims WHERE guest_claims.guest = users.id) ON CONFLICT (hash) DO NOTHING";
        tx.execute(statement, params![hash, guest, booking, *created_at, *expires_at]).await?;
    }
    let statement = "SELECT guest, account, claimed_at FROM guest_claims WHERE claimed_at > $1 OR (claimed_at = $1 AND guest > $2) \
                     ORDER BY claimed_at, guest LIMIT $3";
    let most = i64::try_from(limits::GUEST_CLAIMS).unwrap_or(i64::MAX);
    let rows: Vec<(String, String, i64)> = tx.all(statement, params![*since, after, most]).await?;
    tx.commit().await?;
    Ok(rows.into_iter().map(|(guest, account, claimed_at)| GuestClaim { guest, account, claimed_at }).collect())
}
