//! `GET /api/organisers/{id}/team`, `PATCH` and `DELETE /api/organisers/{id}/team/{user}`

use crate::{
    accounts::{self, Deed},
    invitations, limits, organisers, sessions,
};
use kit::team::{self, Permission, TeamRole};
use kit::{Answer, Problem, Request, Response, claims, idempotency, json, params, problem, query, sql, time};
use serde::Serialize;
use serde_json::json;

kit::row! {
    struct Row {
        user_id: String,
        name: String,
        email: String,
        role: String,
        since: i64,
    }
}

/// A member as the API shows them.
#[derive(Serialize)]
struct Member {
    user_id: String,
    name: String,
    email: String,
    role: String,
    since: String,
}

impl From<Row> for Member {
    fn from(row: Row) -> Self {
        let Row { user_id, name, email, role, since } = row;
        Self { user_id, name, email, role, since: time::format(since) }
    }
}

/// The members of a team, those who have been in it for longest first. They are few: there is one page.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let organiser = request.id("id")?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    organisers::require(&mut tx, &claims, organiser, Permission::ManageTeam).await?;
    let rows: Vec<Row> = tx
        .all(
            "SELECT u.id, u.name, u.email, m.role, m.created_at FROM organiser_members m JOIN users u ON u.id = m.user_id \
             WHERE m.organiser_id = $1 ORDER BY m.created_at, u.id LIMIT $2",
            params![organiser, limits::MEMBERS],
        )
        .await?;
    tx.rollback().await?;
    let items: Vec<_> = rows.into_iter().map(Member::from).collect();
    accounts::private(200, &json!({ "items": items, "next_cursor": null }))
}

/// Gives a member another role.
pub async fn change(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let role = json::read(&request, read_role)?;
    idempotency::once(&request, "team", &claims.subject, async |tx: &mut sql::Tx| {
        let (organiser, user) = (request.id("id")?, request.id("user")?);
        let version = organisers::touch(tx, organiser).await?;
        team::require(tx, &claims, organiser, Permission::ManageTeam).await?;
        let mut member = find(tx, organiser, user).await?.ok_or_else(Problem::not_found)?;
        if member.role != role.name() {
            let was_owner = member.role == TeamRole::Owner.name();
            if was_owner || role == TeamRole::Owner {
                sessions::require_recent(tx, &claims).await?;
            }
            if was_owner {
                leave_another_owner(tx, organiser, user).await?;
                invitations::end_of(tx, organiser, user).await?;
            }
            let statement = "UPDATE organiser_members SET role = $3 WHERE organiser_id = $1 AND user_id = $2";
            tx.execute(statement, params![organiser, user, role.name()]).await?;
            let details = json!({ "organiser_id": organiser, "user_id": user, "before": member.role, "role": role.name() });
            let deed = Deed { kind: "organiser.member-changed", actor: &claims.subject, aggregate: organiser, version, details };
            deed.write(tx, &request).await?;
            role.name().clone_into(&mut member.role);
        }
        accounts::private(200, &Member::from(member))
    })
    .await
}

/// Takes a member out of a team; anybody may leave one. 204.
pub async fn remove(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "team", &claims.subject, async |tx: &mut sql::Tx| {
        let (organiser, user) = (request.id("id")?, request.id("user")?);
        let version = organisers::touch(tx, organiser).await?;
        let leaves = claims.subject == user;
        if !leaves {
            team::require(tx, &claims, organiser, Permission::ManageTeam).await?;
        }
        let member = find(tx, organiser, user).await?.ok_or_else(Problem::not_found)?;
        if member.role == TeamRole::Owner.name() {
            if !leaves {
                sessions::require_recent(tx, &claims).await?;
            }
            leave_another_owner(tx, organiser, user).await?;
        }
        invitations::end_of(tx, organiser, user).await?;
        let statement = "DELETE FROM organiser_members WHERE organiser_id = $1 AND user_id = $2";
        tx.execute(statement, params![organiser, user]).await?;
        let details = json!({ "organiser_id": organiser, "user_id": user, "role": member.role });
        let deed = Deed { kind: "organiser.member-removed", actor: &claims.subject, aggregate: organiser, version, details };
        deed.write(tx, &request).await?;
        Ok(Response::empty(204))
    })
    .await
}

async fn find(tx: &mut sql::Tx, organiser: &str, user: &str) -> Result<Option<Row>, sql::Error> {
    let statement = "SELECT u.id, u.name, u.email, m.role, m.created_at FROM organiser_members m JOIN users u ON u.id = m.user_id \
                     WHERE m.organiser_id = $1 AND m.user_id = $2";
    tx.one(statement, params![organiser, user]).await
}

/// `role`, as an organiser's team has it.
pub fn read_role(body: &mut json::Reader) -> TeamRole {
    // What is no role is a fault, so nobody sees what stands in for it.
    let names: Vec<_> = TeamRole::ALL.iter().map(|role| role.name()).collect();
    TeamRole::named(body.word("role", &names)).unwrap_or(TeamRole::Door)
}

/// Refuses who may be a member of no further organiser. Locks their row, so that no two requests count at once; and tells a token from elsewhere.
pub async fn check_room(tx: &mut sql::Tx, user: &str) -> Result<(), Problem> {
    accounts::touch(tx, user).await?;
    let statement = "SELECT organiser_role_taken_at, (SELECT COUNT(*) FROM organiser_members WHERE user_id = users.id) FROM users WHERE id = $1";
    let (taken_at, count): (Option<i64>, i64) = tx.one(statement, params![user]).await?.ok_or_else(accounts::gone)?;
    // Then only an admin gives it back; admins may do everything anyway.
    if taken_at.is_some() && claims::roles(tx, user).await?.is_empty() {
        return Err(Problem::refused(user, "An admin has taken the organiser's role from this account."));
    }
    if count >= limits::ORGANISERS_PER_USER {
        let most = limits::ORGANISERS_PER_USER;
        return Err(Problem::new(problem::WRONG_STATE, format!("A person may be a member of {most} organisers.")));
    }
    Ok(())
}

/// Makes a user a member, who gets the organiser's role with it: without that, membership permits nothing.
pub async fn add(tx: &mut sql::Tx, organiser: &str, user: &str, role: TeamRole) -> Result<(), sql::Error> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO organiser_members (organiser_id, user_id, role, created_at) VALUES ($1, $2, $3, $4)",
        params![organiser, user, role.name(), now],
    )
    .await?;
    let statement = "INSERT INTO user_roles (user_id, role) VALUES ($1, $2) ON CONFLICT (user_id, role) DO NOTHING";
    tx.execute(statement, params![user, accounts::ORGANISER]).await.map(drop)
}

/// Whether an organiser has an owner, beside this user, who may act for it: who is not suspended and has the organiser's role.
pub async fn has_another_owner(tx: &mut sql::Tx, organiser: &str, but: &str) -> Result<bool, sql::Error> {
    let row: Option<(i64,)> = tx
        .one(
            "SELECT 1 FROM organiser_members m JOIN users u ON u.id = m.user_id AND u.suspended_at IS NULL \
             JOIN user_roles r ON r.user_id = m.user_id AND r.role = 'organiser' \
             WHERE m.organiser_id = $1 AND m.user_id <> $2 AND m.role = 'owner' LIMIT 1",
            params![organiser, but],
        )
        .await?;
    Ok(row.is_some())
}

/// Refuses to leave an organiser without an owner. The organiser's row is locked, so no two owners go at once, each counting on the other.
async fn leave_another_owner(tx: &mut sql::Tx, organiser: &str, user: &str) -> Result<(), Problem> {
    if has_another_owner(tx, organiser, user).await? {
        return Ok(());
    }
    Err(Problem::new(problem::WRONG_STATE, "This is the only owner who may act for the organiser: make another one first."))
}
