//! `POST /api/organisers`, `GET /api/organisers`, `PATCH /api/organisers/{id}`

use crate::{
    accounts::{self, Deed},
    limits, members,
};
use kit::team::{self, Permission, TeamRole};
use kit::{Answer, Problem, Request, Response, claims, config, id, idempotency, json, params, query, sql};
use serde_json::json;
use vocabulary::accounts::Membership;

/// Makes an organiser with the caller as its owner, who may from then on create events for it.
pub async fn create(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let name = json::read(&request, accounts::read_name)?;
    let region = config::region().await?;
    idempotency::once(&request, "organisers", &claims.subject, async |tx: &mut sql::Tx| {
        let user = &claims.subject;
        members::check_room(tx, user).await?;
        let (organiser, now) = (id::new(&region), tx.now());
        tx.execute("INSERT INTO organisers (id, name, created_at) VALUES ($1, $2, $3)", params![&organiser, &name, now]).await?;
        members::add(tx, &organiser, user, TeamRole::Owner).await?;
        let details = json!({ "organiser_id": organiser, "name": name });
        Deed { kind: "organiser.created", actor: user, aggregate: &organiser, version: 1, details }.write(tx, &request).await?;
        Response::json(201, &json!({ "id": organiser, "name": name }))
    })
    .await
}

/// The organisers that the caller may act for, by id: those that a person is a member of, or the one of an API key. They are few: there is one page.
pub async fn mine(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    let rows: Vec<(String, String, Option<String>)> = match &claims.scope {
        Some(scope) => tx.all("SELECT id, name, NULL FROM organisers WHERE id = $1", params![&scope.organiser]).await?,
        None => {
            tx.all(
                "SELECT o.id, o.name, m.role FROM organiser_members m JOIN organisers o ON o.id = m.organiser_id WHERE m.user_id = $1 \
                 ORDER BY o.id LIMIT $2",
                params![&claims.subject, limits::ORGANISERS_PER_USER],
            )
            .await?
        }
    };
    tx.rollback().await?;
    let membership = |(id, name, role): (String, String, Option<String>)| {
        let named =
            |role: String| TeamRole::named(&role).ok_or_else(|| Problem::internal(format_args!("{role} is no role of a team")));
        let role = role.map(named).transpose()?;
        Ok(Membership { id, name, role })
    };
    let items = rows.into_iter().map(membership).collect::<Result<Vec<_>, Problem>>()?;
    accounts::private(200, &json!({ "items": items, "next_cursor": null }))
}

/// Changes what an organiser is called. To send nothing changes nothing.
pub async fn change(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let new = json::read(&request, |body| body.optional_name("name", limits::NAME_CHARACTERS))?;
    idempotency::once(&request, "organisers", &claims.subject, async |tx: &mut sql::Tx| {
        let organiser = request.id("id")?;
        let version = touch(tx, organiser).await?;
        team::require(tx, &claims, organiser, Permission::ManageTeam).await?;
        let statement = "SELECT name FROM organisers WHERE id = $1";
        let (before,) = tx.one::<(String,)>(statement, params![organiser]).await?.ok_or_else(Problem::not_found)?;
        let name = new.as_ref().unwrap_or(&before);
        if *name != before {
            tx.execute("UPDATE organisers SET name = $2 WHERE id = $1", params![organiser, name]).await?;
            let details = json!({ "organiser_id": organiser, "before": before, "name": name });
            let deed = Deed { kind: "organiser.renamed", actor: &claims.subject, aggregate: organiser, version, details };
            deed.write(tx, &request).await?;
        }
        Response::json(200, &json!({ "id": organiser, "name": name }))
    })
    .await
}

/// Counts a change of an organiser or its team; gives the new version. Locks its row, so that what is counted of it and its owners stays true meanwhile.
/// 404 where there is no such organiser.
pub async fn touch(tx: &mut sql::Tx, organiser: &str) -> Result<i64, Problem> {
    tx.one::<(i64,)>("UPDATE organisers SET version = version + 1 WHERE id = $1 RETURNING version", params![organiser])
        .await?
        .map(|(version,)| version)
        .ok_or_else(Problem::not_found)
}

/// Refuses a reader who may not do that for an organiser; 404 where there is no such organiser.
pub async fn require(tx: &mut sql::Tx, claims: &claims::Claims, organiser: &str, permission: Permission) -> Result<(), Problem> {
    let found: Option<(String,)> = tx.one("SELECT id FROM organisers WHERE id = $1", params![organiser]).await?;
    found.ok_or_else(Problem::not_found)?;
    team::require(tx, claims, organiser, permission).await
}
