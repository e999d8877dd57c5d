//! `POST /api/organisers`, `GET /api/organisers`

use crate::{
    accounts::{self, Deed},
    limits,
};
use kit::{Answer, Problem, Request, Response, claims, config, id, idempotency, json, params, problem, query, sql};
use serde_json::json;
use vocabulary::accounts::{Membership, TeamRole};

/// Makes an organiser with the caller as its member, who may from then on create events for it.
pub async fn create(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let name = json::read(&request, accounts::read_name)?;
    let region = config::region().await?;
    idempotency::once(&request, "organisers", &claims.subject, async |tx: &mut sql::Tx| {
        let user = &claims.subject;
        // Locks the user's row, so that no two requests count at once; and tells a token from elsewhere.
        accounts::touch(tx, user).await?;
        let (count,) = tx
            .one::<(i64,)>("SELECT COUNT(*) FROM organiser_members WHERE user_id = $1", params![user])
            .await?
            .unwrap_or_default();
        // A member has the role, unless an admin has taken it away: then only an admin gives it back.
        if count > 0 && claims::roles(tx, user).await?.is_empty() {
            return Err(Problem::refused(user, "An admin has taken the organiser's role from this account."));
        }
        if count >= limits::ORGANISERS_PER_USER {
            return Err(Problem::new(
                problem::WRONG_STATE,
                format!("A person may have {} organisers.", limits::ORGANISERS_PER_USER),
            ));
        }
        let (organiser, now) = (id::new(&region), tx.now());
        tx.execute("INSERT INTO organisers (id, name, created_at) VALUES ($1, $2, $3)", params![&organiser, &name, now]).await?;
        tx.execute("INSERT INTO organiser_members (organiser_id, user_id) VALUES ($1, $2)", params![&organiser, user]).await?;
        tx.execute(
            "INSERT INTO user_roles (user_id, role) VALUES ($1, $2) ON CONFLICT (user_id, role) DO NOTHING",
            params![user, accounts::ORGANISER],
        )
        .await?;
        let details = json!({ "organiser_id": organiser, "name": name });
        Deed { kind: "organiser.created", actor: user, aggregate: &organiser, version: 1, details }.write(tx, &request).await?;
        Response::json(201, &json!({ "id": organiser, "name": name }))
    })
    .await
}

/// The organisers that the caller is a member of, by id, and what they are there. They are few: there is one page.
pub async fn mine(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    let rows: Vec<(String, String, String)> = tx
        .all(
            "SELECT o.id, o.name, m.role FROM organiser_members m JOIN organisers o ON o.id = m.organiser_id WHERE m.user_id = $1 \
             ORDER BY o.id LIMIT $2",
            params![&claims.subject, limits::ORGANISERS_PER_USER],
        )
        .await?;
    tx.rollback().await?;
    let membership = |(id, name, role): (String, String, String)| {
        let role = TeamRole::named(&role).ok_or_else(|| Problem::internal(format_args!("{role} is no role of a team")))?;
        Ok(Membership { id, name, role })
    };
    let items = rows.into_iter().map(membership).collect::<Result<Vec<_>, Problem>>()?;
    accounts::private(200, &json!({ "items": items, "next_cursor": null }))
}
