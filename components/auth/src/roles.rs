//! `POST /api/users/{id}/roles`

use crate::accounts::{self, ADMIN, ORGANISER, USER};
use kit::{Answer, Problem, Request, Response, claims, idempotency, json, params, problem, sql};

/// Sets the roles that a user has beyond `user`: what is not listed is taken away. Admins only.
pub async fn set(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let roles = json::read(&request, |body| body.words("roles", 0..=3, &[USER, ORGANISER, ADMIN]))?;
    idempotency::once(&request, "roles", &claims.subject, async |tx: &mut sql::Tx| {
        if !claims::roles(tx, &claims.subject).await?.iter().any(|role| role == ADMIN) {
            return Err(Problem::forbidden("Only an admin may change roles."));
        }
        let user = request.id("id")?;
        if accounts::find(tx, user).await?.is_none() {
            return Err(Problem::not_found());
        }
        if !roles.contains(&ADMIN) {
            check_another_admin(tx, user).await?;
        }
        accounts::touch(tx, user).await?;
        tx.execute("DELETE FROM user_roles WHERE user_id = $1", params![user]).await?;
        for role in roles.iter().filter(|role| **role != USER) {
            tx.execute("INSERT INTO user_roles (user_id, role) VALUES ($1, $2)", params![user, *role]).await?;
        }
        let user = accounts::find(tx, user).await?.ok_or_else(Problem::not_found)?;
        Response::json(200, &user)
    })
    .await
}

/// Refuses to leave the platform without anybody who may change roles.
async fn check_another_admin(tx: &mut sql::Tx, user: &str) -> Result<(), Problem> {
    // Locks the rows of all admins, so that two of them cannot go at once, each counting on the other.
    tx.execute("UPDATE user_roles SET role = role WHERE role = $1", params![ADMIN]).await?;
    let admins: Vec<(String,)> =
        tx.all("SELECT user_id FROM user_roles WHERE role = $1 ORDER BY user_id LIMIT 2", params![ADMIN]).await?;
    match admins.as_slice() {
        [(only,)] if only == user => Err(Problem::new(problem::WRONG_STATE, "This is the only admin: make another one first.")),
        _ => Ok(()),
    }
}
