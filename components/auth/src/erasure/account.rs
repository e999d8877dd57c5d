//! The account itself, in the region that keeps it.

use crate::accounts::{self, ADMIN, Deed};
use crate::{attempts, challenges, invitations, members, organisers, roles, sessions};
use kit::team::TeamRole;
use kit::{Problem, claims, guests, params, sql};
use serde_json::json;

/// Erases a user's account, and the guests that it has claimed. Its row is locked by the caller. Who did it is `actor`, from `network`.
///
/// # Errors
/// 409 where an organiser would be left without an owner, or the platform without an admin.
pub async fn erase(tx: &mut sql::Tx, user: &str, actor: &str, network: Option<String>) -> Result<(), Problem> {
    let claimed = guests::subjects(tx, user).await?;
    for guest in claimed.iter().filter(|guest| *guest != user) {
        accounts::touch(tx, guest).await?;
        if !super::is_erased(tx, guest).await? {
            erase_one(tx, guest, actor, network.clone()).await?;
        }
    }
    erase_one(tx, user, actor, network).await
}

async fn erase_one(tx: &mut sql::Tx, user: &str, actor: &str, network: Option<String>) -> Result<(), Problem> {
    let statement = "SELECT COALESCE(guest_email, email), email_verified_at FROM users WHERE id = $1 AND erased_at IS NULL";
    let found: Option<(String, Option<i64>)> = tx.one(statement, params![user]).await?;
    let (email, verified_at) = found.ok_or_else(accounts::gone)?;
    if claims::roles(tx, user).await?.iter().any(|role| role == ADMIN) {
        roles::check_another_admin(tx, user).await?;
    }
    leave_teams(tx, user, actor, network.as_deref()).await?;
    forget_attempts(tx, user, &email).await?;
    sessions::erase_all(tx, user).await?;
    challenges::end_all(tx, user).await?;
    for table in ["totp", "recovery_codes", "passkeys", "mail_tokens", "email_changes", "user_roles"] {
        tx.execute(&format!("DELETE FROM {table} WHERE user_id = $1"), params![user]).await?;
    }
    tx.execute("DELETE FROM guest_links WHERE guest = $1", params![user]).await?;
    // Only who reads an address has anything to do with what goes by it: anybody can register with one.
    let address = verified_at.map(|_| email.as_str());
    if let Some(address) = address {
        tx.execute("DELETE FROM invitations WHERE email = $1", params![address]).await?;
        tx.execute("DELETE FROM mail_tokens WHERE email = $1", params![address]).await?;
        tx.execute("DELETE FROM email_changes WHERE new_email = $1", params![address]).await?;
    }
    let version = accounts::touch(tx, user).await?;
    forget(tx, user).await?;
    let sequence = next(tx).await?;
    super::write(tx, sequence, user, address).await?;
    let details = json!({ "user_id": user });
    Ok(Deed { kind: "user.erased", actor, aggregate: user, version, details }.write_from(tx, network.as_deref()).await?)
}

/// What is left of an account, or of what another region has said of one, is its id.
pub async fn forget(tx: &mut sql::Tx, user: &str) -> Result<(), sql::Error> {
    let now = tx.now();
    for table in ["user_roles", "organiser_members"] {
        tx.execute(&format!("DELETE FROM {table} WHERE user_id = $1"), params![user]).await?;
    }
    tx.execute(
        "UPDATE users SET email = id, guest_email = NULL, guest_until = NULL, name = '', password_hash = '', language = 'en', \
         email_verified_at = NULL, suspended_at = NULL, suspension_reason = NULL, organiser_role_taken_at = NULL, contact_at = NULL, erased_at = $2 WHERE id = $1 AND erased_at IS NULL",
        params![user, now],
    )
    .await
    .map(drop)
}

/// Ends memberships. Every organiser keeps an owner who may act for it: its row is locked while that is looked at.
async fn leave_teams(tx: &mut sql::Tx, user: &str, actor: &str, network: Option<&str>) -> Result<(), Problem> {
    let statement = "SELECT organiser_id, role FROM organiser_members WHERE user_id = $1 ORDER BY organiser_id";
    let teams: Vec<(String, String)> = tx.all(statement, params![user]).await?;
    for (organiser, role) in teams {
        let version = organisers::touch(tx, &organiser).await?;
        if role == TeamRole::Owner.name() && !members::has_another_owner(tx, &organiser, user).await? {
            let detail = format!("This is the only owner who may act for the organiser {organiser}: make another one first.");
            return Err(super::refused(&detail));
        }
        let statement = "DELETE FROM organiser_members WHERE organiser_id = $1 AND user_id = $2";
        tx.execute(statement, params![&organiser, user]).await?;
        let details = json!({ "organiser_id": organiser, "user_id": user, "role": role });
        let deed = Deed { kind: "organiser.member-removed", actor, aggregate: &organiser, version, details };
        deed.write_from(tx, network).await?;
    }
    Ok(invitations::end_all_of(tx, user).await?)
}

/// What tries at the account were counted under. Others end by themselves after a day.
async fn forget_attempts(tx: &mut sql::Tx, user: &str, email: &str) -> Result<(), Problem> {
    let statement = "SELECT DISTINCT network FROM sessions WHERE user_id = $1 AND network IS NOT NULL";
    let networks: Vec<(String,)> = tx.all(statement, params![user]).await?;
    let mut keys = vec![attempts::key(email, None, false), attempts::second_factor_key(user, None, false)];
    for (network,) in &networks {
        keys.push(attempts::key(email, Some(network), true));
        keys.push(attempts::second_factor_key(user, Some(network), true));
    }
    keys.extend(["reset", "verify", "take"].map(|kind| attempts::mail_key(kind, email)));
    keys.push(attempts::mail_key("change", user));
    for key in keys {
        attempts::forget(tx, &key).await?;
    }
    Ok(())
}

/// The sequence of the next erasure. Whoever has it locks the row until the end of the transaction, so that nobody sees a later one before. It grows with
/// time, so that a database which is restored gives none twice.
async fn next(tx: &mut sql::Tx) -> Result<i64, Problem> {
    let now = tx.now();
    let statement =
        "UPDATE erasure_sequence SET last = CASE WHEN last >= $1 THEN last + 1 ELSE CAST($1 AS BIGINT) END RETURNING last";
    let next: Option<(i64,)> = tx.one(statement, params![now]).await?;
    next.map(|(next,)| next).ok_or_else(|| Problem::internal("erasure_sequence has no row"))
}
