//! `POST /api/users/{id}/roles`

use crate::accounts::{self, ADMIN, Deed, ORGANISER, USER};
use crate::{api_keys, invitations};
use kit::{Answer, Problem, Request, Response, claims, idempotency, json, params, problem, sql};
use serde_json::json;

/// Sets the roles that a user has beyond `user`: what is not listed is taken away. Admins only.
pub async fn set(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let roles = json::read(&request, |body| body.words("roles", 0..=3, &[USER, ORGANISER, ADMIN]))?;
    idempotency::once(&request, "roles", &claims.subject, async |tx: &mut sql::Tx| {
        admins_only(tx, &claims.subject).await?;
        let user = request.id("id")?;
        let before = accounts::find(tx, user).await?.ok_or_else(Problem::not_found)?;
        if before.guest {
            return Err(Problem::new(problem::WRONG_STATE, "A guest has no roles."));
        }
        if !roles.contains(&ADMIN) {
            check_another_admin(tx, user).await?;
        }
        let version = accounts::touch(tx, user).await?;
        tx.execute("DELETE FROM user_roles WHERE user_id = $1", params![user]).await?;
        for role in roles.iter().filter(|role| **role != USER) {
            tx.execute("INSERT INTO user_roles (user_id, role) VALUES ($1, $2)", params![user, *role]).await?;
        }
        note_taken(tx, &before, &roles).await?;
        let user = accounts::find(tx, user).await?.ok_or_else(Problem::not_found)?;
        if user.roles != before.roles {
            let details = json!({ "user_id": user.id, "before": before.roles, "roles": user.roles });
            let deed = Deed { kind: "user.roles-changed", actor: &claims.subject, aggregate: &user.id, version, details };
            deed.write(tx, &request).await?;
        }
        Response::json(200, &user)
    })
    .await
}

/// Remembers whether the organiser's role was taken away: then neither a new organiser nor an invitation gives it back, whatever teams there are.
pub async fn note_taken(tx: &mut sql::Tx, before: &accounts::User, roles: &[&str]) -> Result<(), sql::Error> {
    let (had, has) = (before.roles.iter().any(|role| role == ORGANISER), roles.contains(&ORGANISER));
    if had == has {
        return Ok(());
    }
    let taken_at = (!has).then(|| tx.now());
    let statement = "UPDATE users SET organiser_role_taken_at = CAST($2 AS BIGINT) WHERE id = $1";
    tx.execute(statement, params![&before.id, taken_at]).await?;
    if taken_at.is_some() {
        invitations::end_all_of(tx, &before.id).await?;
        api_keys::end_tokens_without_owner(tx, &before.id).await?;
    }
    Ok(())
}

/// Refuses everybody but admins.
pub async fn admins_only(tx: &mut sql::Tx, user: &str) -> Result<(), Problem> {
    if claims::roles(tx, user).await?.iter().any(|role| role == ADMIN) {
        return Ok(());
    }
    Err(Problem::refused(user, "Only an admin may do this."))
}

/// Refuses to leave the platform without anybody who may change roles.
pub async fn check_another_admin(tx: &mut sql::Tx, user: &str) -> Result<(), Problem> {
    // Locks the rows of all admins, so that two of them cannot go at once, each counting on the other.
    tx.execute("UPDATE user_roles SET role = role WHERE role = $1", params![ADMIN]).await?;
    let admins: Vec<(String,)> = tx
        .all(
            "SELECT r.user_id FROM user_roles r JOIN users u ON u.id = r.user_id WHERE r.role = $1 AND u.suspended_at IS NULL \
             ORDER BY r.user_id LIMIT 2",
            params![ADMIN],
        )
        .await?;
    match admins.as_slice() {
        [(only,)] if only == user => Err(Problem::new(problem::WRONG_STATE, "This is the only admin: make another one first.")),
        _ => Ok(()),
    }
}
