//! Invitations to an organiser's team: by mail, and in the list of who reads the address.

use crate::{
    accounts::{self, Deed},
    attempts, limits, members, organisers, sessions, verify_email,
};
use kit::mail_token::{self, Purpose};
use kit::team::{self, Permission, TeamRole};
use kit::{Answer, Problem, Request, Response, claims, config, id, idempotency, json, params, problem, query, sql, time};
use serde::Serialize;
use serde_json::{Value, json};

kit::row! {
    /// An invitation as who is invited sees it.
    struct OwnRow {
        id: String,
        organiser: String,
        name: String,
        role: String,
        created_at: i64,
        expires_at: i64,
    }
}

kit::row! {
    struct Row {
        id: String,
        email: String,
        role: String,
        invited_by: String,
        created_at: i64,
        expires_at: i64,
    }
}

/// An invitation as the organiser's team sees it.
#[derive(Serialize)]
struct Invitation {
    id: String,
    email: String,
    role: String,
    invited_by: String,
    created_at: String,
    expires_at: String,
}

impl From<Row> for Invitation {
    fn from(row: Row) -> Self {
        let Row { id, email, role, invited_by, created_at, expires_at } = row;
        Self { id, email, role, invited_by, created_at: time::format(created_at), expires_at: time::format(expires_at) }
    }
}

/// `POST /api/organisers/{id}/invitations`: has a mail sent to an address, whose reader may join the team. One invitation of an address takes the place
/// of the one before.
pub async fn invite(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (email, role) = json::read(&request, |body| (accounts::read_email(body), members::read_role(body)))?;
    let region = config::region().await?;
    idempotency::once(&request, "invitations", &claims.subject, async |tx: &mut sql::Tx| {
        let organiser = request.id("id")?;
        let version = organisers::touch(tx, organiser).await?;
        team::require(tx, &claims, organiser, Permission::ManageTeam).await?;
        if role == TeamRole::Owner {
            sessions::require_recent(tx, &claims).await?;
        }
        check(tx, organiser, &email).await?;
        let now = tx.now();
        let (id,): (String,) = tx
            .one(
                "INSERT INTO invitations (id, organiser_id, email, role, invited_by, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6, $7) \
                 ON CONFLICT (organiser_id, email) DO UPDATE SET role = $4, invited_by = $5, created_at = $6, expires_at = $7 RETURNING id",
                params![
                    id::new(&region),
                    organiser,
                    &email,
                    role.name(),
                    &claims.subject,
                    now,
                    now + limits::INVITATION_MICROSECONDS
                ],
            )
            .await?
            .ok_or_else(|| Problem::internal("an invitation was not written down"))?;
        // The worker makes the token, when it writes the mail: no secret stands in the journal, and no address of who has no account.
        let details = json!({ "organiser_id": organiser, "invitation_id": id, "role": role.name() });
        let deed = Deed { kind: "organiser.invited", actor: &claims.subject, aggregate: organiser, version, details };
        deed.write(tx, &request).await?;
        let shown = Invitation {
            id,
            email: email.clone(),
            role: role.name().to_owned(),
            invited_by: claims.subject.clone(),
            created_at: time::format(now),
            expires_at: time::format(now + limits::INVITATION_MICROSECONDS),
        };
        accounts::private(201, &shown)
    })
    .await
}

/// Refuses to invite who is there already, too many, and too often. The organiser's row is locked.
async fn check(tx: &mut sql::Tx, organiser: &str, email: &str) -> Result<(), Problem> {
    let statement =
        "SELECT 1 FROM organiser_members m JOIN users u ON u.id = m.user_id WHERE m.organiser_id = $1 AND u.email = $2";
    if tx.one::<(i64,)>(statement, params![organiser, email]).await?.is_some() {
        return Err(Problem::new(problem::WRONG_STATE, "The person with this address is a member already."));
    }
    let now = tx.now();
    tx.execute("DELETE FROM invitations WHERE organiser_id = $1 AND expires_at <= $2", params![organiser, now]).await?;
    let statement = "SELECT COUNT(*) FROM invitations WHERE organiser_id = $1 AND email <> $2";
    let (open,) = tx.one::<(i64,)>(statement, params![organiser, email]).await?.unwrap_or_default();
    if open >= limits::OPEN_INVITATIONS {
        let most = limits::OPEN_INVITATIONS;
        return Err(Problem::new(problem::WRONG_STATE, format!("An organiser may have {most} open invitations: withdraw one.")));
    }
    // However many organisers somebody has, nobody's mailbox is theirs to fill.
    attempts::count(tx, &attempts::mail_key("invited", email), &attempts::MAIL).await?;
    attempts::count(tx, &attempts::inviting_key(organiser), &attempts::INVITING).await
}

/// `GET /api/organisers/{id}/invitations`: those that are open, the newest first. They are few: there is one page.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let organiser = request.id("id")?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    organisers::require(&mut tx, &claims, organiser, Permission::ManageTeam).await?;
    let now = tx.now();
    let rows: Vec<Row> = tx
        .all(
            "SELECT id, email, role, invited_by, created_at, expires_at FROM invitations WHERE organiser_id = $1 AND expires_at > $2 \
             ORDER BY created_at DESC, id LIMIT $3",
            params![organiser, now, limits::OPEN_INVITATIONS],
        )
        .await?;
    tx.rollback().await?;
    let items: Vec<_> = rows.into_iter().map(Invitation::from).collect();
    accounts::private(200, &json!({ "items": items, "next_cursor": null }))
}

/// `DELETE /api/organisers/{id}/invitations/{invitation}`: nobody joins by it any more. 204.
pub async fn withdraw(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "invitations", &claims.subject, async |tx: &mut sql::Tx| {
        let (organiser, invitation) = (request.id("id")?, request.id("invitation")?);
        let version = organisers::touch(tx, organiser).await?;
        team::require(tx, &claims, organiser, Permission::ManageTeam).await?;
        let statement = "DELETE FROM invitations WHERE id = $1 AND organiser_id = $2";
        if tx.execute(statement, params![invitation, organiser]).await? == 0 {
            return Err(Problem::not_found());
        }
        mail_token::end(tx, Purpose::JoinTeam, invitation).await?;
        let details = json!({ "organiser_id": organiser, "invitation_id": invitation });
        let deed =
            Deed { kind: "organiser.invitation-withdrawn", actor: &claims.subject, aggregate: organiser, version, details };
        deed.write(tx, &request).await?;
        Ok(Response::empty(204))
    })
    .await
}

/// Ends what a user has invited others to, who may not do so any more: else they would come back by it under another name.
pub async fn end_of(tx: &mut sql::Tx, organiser: &str, user: &str) -> Result<(), sql::Error> {
    let statement = "DELETE FROM invitations WHERE organiser_id = $1 AND invited_by = $2";
    tx.execute(statement, params![organiser, user]).await.map(drop)
}

/// As [`end_of`], for all organisers.
pub async fn end_all_of(tx: &mut sql::Tx, user: &str) -> Result<(), sql::Error> {
    tx.execute("DELETE FROM invitations WHERE invited_by = $1", params![user]).await.map(drop)
}

/// `GET /api/invitations`: those to the caller's address, once it is known that they read it; the newest first.
pub async fn mine(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    let now = tx.now();
    let rows: Vec<OwnRow> = tx
        .all(
            "SELECT i.id, o.id, o.name, i.role, i.created_at, i.expires_at FROM users u JOIN invitations i ON i.email = u.email \
             JOIN organisers o ON o.id = i.organiser_id WHERE u.id = $1 AND u.email_verified_at IS NOT NULL AND i.expires_at > $2 \
             ORDER BY i.created_at DESC, i.id LIMIT $3",
            params![&claims.subject, now, limits::INVITATIONS_SHOWN],
        )
        .await?;
    tx.rollback().await?;
    let shown = |OwnRow { id, organiser, name, role, created_at, expires_at }| {
        json!({
            "id": id,
            "organiser": { "id": organiser, "name": name },
            "role": role,
            "created_at": time::format(created_at),
            "expires_at": time::format(expires_at),
        })
    };
    let items: Vec<Value> = rows.into_iter().map(shown).collect();
    accounts::private(200, &json!({ "items": items, "next_cursor": null }))
}

/// `POST /api/invitations/accept`: by the token of the mail, which shows that the caller reads the address as well.
pub async fn accept_by_token(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let token = json::read(&request, |body| body.text("token", 1..=*kit::limits::MAIL_TOKEN_BYTES.end()))?;
    idempotency::once(&request, "invitations", &claims.subject, async |tx: &mut sql::Tx| {
        let (id, email) = mail_token::find(tx, Purpose::JoinTeam, &token).await?.ok_or_else(verify_email::invalid)?;
        let user = accounts::find(tx, &claims.subject).await?.ok_or_else(accounts::gone)?;
        if user.email != email {
            return Err(Problem::forbidden("This invitation went to another address than your account's."));
        }
        if verify_email::note(tx, &user.id, &email).await? {
            let version = accounts::touch(tx, &user.id).await?;
            let details = json!({ "user_id": &user.id });
            let deed = Deed { kind: "user.email-verified", actor: &user.id, aggregate: &user.id, version, details };
            deed.write(tx, &request).await?;
        }
        join(tx, &request, &user.id, &id).await?.ok_or_else(verify_email::invalid)
    })
    .await
}

/// `POST /api/invitations/{id}/accept`: by who is known to read the address.
pub async fn accept(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    idempotency::once(&request, "invitations", &claims.subject, async |tx: &mut sql::Tx| {
        join(tx, &request, &claims.subject, request.id("id")?).await?.ok_or_else(Problem::not_found)
    })
    .await
}

/// Makes a user a member by an invitation to their verified address; none where there is no such invitation.
async fn join(tx: &mut sql::Tx, request: &Request, user: &str, invitation: &str) -> Result<Option<Response>, Problem> {
    let now = tx.now();
    let found: Option<(String, String)> = tx
        .one(
            "SELECT i.organiser_id, o.name FROM invitations i JOIN organisers o ON o.id = i.organiser_id \
             JOIN users u ON u.email = i.email AND u.email_verified_at IS NOT NULL \
             WHERE i.id = $1 AND u.id = $2 AND i.expires_at > $3",
            params![invitation, user, now],
        )
        .await?;
    let Some((organiser, name)) = found else { return Ok(None) };
    members::check_room(tx, user).await?;
    let version = organisers::touch(tx, &organiser).await?;
    // Its role as it is now, and only once: it may have been withdrawn, changed or used while this waited for the organiser's row.
    let statement = "DELETE FROM invitations WHERE id = $1 RETURNING role, invited_by";
    let Some((role, invited_by)) = tx.one::<(String, String)>(statement, params![invitation]).await? else { return Ok(None) };
    let role = TeamRole::named(&role).ok_or_else(|| Problem::internal(format_args!("an invitation to the role {role}")))?;
    mail_token::end(tx, Purpose::JoinTeam, invitation).await?;
    let statement = "SELECT COUNT(*), COUNT(CASE WHEN user_id = $2 THEN 1 END) FROM organiser_members WHERE organiser_id = $1";
    let (count, already): (i64, i64) = tx.one(statement, params![&organiser, user]).await?.unwrap_or_default();
    if already > 0 {
        return Err(Problem::new(problem::WRONG_STATE, "You are a member already."));
    }
    if count >= limits::MEMBERS {
        return Err(Problem::new(problem::WRONG_STATE, format!("A team may have {} members.", limits::MEMBERS)));
    }
    members::add(tx, &organiser, user, role).await?;
    let details = json!({
        "organiser_id": organiser, "user_id": user, "role": role.name(), "invitation_id": invitation, "invited_by": invited_by,
    });
    let deed = Deed { kind: "organiser.member-added", actor: user, aggregate: &organiser, version, details };
    deed.write(tx, request).await?;
    accounts::private(200, &json!({ "id": organiser, "name": name, "role": role.name() })).map(Some)
}
