//! `POST /api/organisers`, `GET /api/organisers`, `PATCH /api/organisers/{id}`

use crate::{
    accounts::{self, Deed},
    email,
    erasure::anywhere,
    limits, members, roles, users,
};
use kit::team::{self, Permission, TeamRole};
use kit::{Answer, Problem, Request, Response, claims, config, id, idempotency, json, params, query, sql};
use serde::Serialize;
use serde_json::json;
use vocabulary::accounts::Membership;

/// An organiser as the API shows it.
#[derive(Serialize)]
struct Organiser<'a> {
    id: &'a str,
    name: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    contact_email: Option<&'a str>,
}

/// `contact_email`, where answers to mails about events go: absent, taken away (`null`) or an address, normalised.
fn read_contact(body: &mut json::Reader) -> Option<Option<String>> {
    let text = body.optional_text("contact_email", 1..=*limits::EMAIL_BYTES.end());
    let address = text.map(|text| email::normalise(&text));
    if let Some(Err(fault)) = &address {
        body.fault("contact_email", *fault);
    }
    body.has("contact_email").then(|| address.and_then(Result::ok))
}

/// Makes an organiser with the caller as its owner, who may from then on create events for it.
pub async fn create(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (name, contact_email) = json::read(&request, |body| (accounts::read_name(body), read_contact(body).flatten()))?;
    let region = config::region().await?;
    idempotency::once(&request, "organisers", &claims.subject, async |tx: &mut sql::Tx| {
        let user = &claims.subject;
        members::check_room(tx, user).await?;
        let (organiser, now) = (id::new(&region), tx.now());
        let statement = "INSERT INTO organisers (id, name, created_at, contact_email) VALUES ($1, $2, $3, $4)";
        tx.execute(statement, params![&organiser, &name, now, contact_email.as_deref()]).await?;
        members::add(tx, &organiser, user, TeamRole::Owner).await?;
        let details = json!({ "organiser_id": organiser });
        Deed { kind: "organiser.created", actor: user, aggregate: &organiser, version: 1, details }.write(tx, &request).await?;
        Response::json(201, &Organiser { id: &organiser, name: &name, contact_email: contact_email.as_deref() })
    })
    .await
}

/// The organisers that the caller may act for, by id: those that a person is a member of, or the one of an API key. They are few: there is one page. For
/// `all` see [`all`].
pub async fn mine(request: Request) -> Answer {
    let claims = team::claims(&request).await?;
    let wanted = query::read(&request, |query| {
        let of_all = query.boolean("all") == Some(true);
        let wanted = Wanted {
            search: query.text("search", limits::SEARCH_CHARACTERS),
            after: query.text("cursor", limits::ID_CURSOR_CHARACTERS),
            limit: query.integer("limit", kit::limits::PAGE),
        };
        if !of_all && (wanted.search.is_some() || wanted.after.is_some() || wanted.limit.is_some()) {
            query.fault("all", "must be true: one's own organisers are one page");
        }
        of_all.then_some(wanted)
    })?;
    if let Some(wanted) = wanted {
        return all(&claims.subject, &wanted).await;
    }
    let mut tx = sql::read().await?;
    let rows: Vec<(String, String, Option<String>, Option<String>)> = match &claims.scope {
        Some(scope) => tx.all("SELECT id, name, NULL, contact_email FROM organisers WHERE id = $1", params![&scope.organiser]).await?,
        None => {
            tx.all(
                "SELECT o.id, o.name, m.role, o.contact_email FROM organiser_members m JOIN organisers o ON o.id = m.organiser_id WHERE m.user_id = $1 \
                 ORDER BY o.id LIMIT $2",
                params![&claims.subject, limits::ORGANISERS_PER_USER],
            )
            .await?
        }
    };
    tx.rollback().await?;
    let membership = |(id, name, role, contact_email): (String, String, Option<String>, Option<String>)| {
        let named =
            |role: String| TeamRole::named(&role).ok_or_else(|| Problem::internal(format_args!("{role} is no role of a team")));
        let role = role.map(named).transpose()?;
        Ok(Membership { id, name, role, contact_email })
    };
    let items = rows.into_iter().map(membership).collect::<Result<Vec<_>, Problem>>()?;
    accounts::private(200, &json!({ "items": items, "next_cursor": null }))
}

/// Which of all organisers a page shows.
#[derive(Debug, Default)]
struct Wanted {
    /// Somewhere in the name, or the whole id.
    search: Option<String>,
    /// Id of the last one that was shown before.
    after: Option<String>,
    limit: Option<i64>,
}

/// Every organiser, the newest first, for admins.
async fn all(subject: &str, wanted: &Wanted) -> Answer {
    if wanted.after.as_ref().is_some_and(|id| !kit::id::valid(id)) {
        return Err(Problem::fault("/cursor", "not a cursor of this list"));
    }
    let limit = wanted.limit.unwrap_or(kit::limits::PAGE_DEFAULT);
    let mut tx = sql::read().await?;
    roles::admins_only(&mut tx, subject).await?;
    let mut items = page(&mut tx, wanted, limit + 1).await?;
    tx.rollback().await?;
    let next_cursor = users::cut(&mut items, limit).then(|| items.last().map(|item| item.id.clone())).flatten();
    accounts::private(200, &json!({ "items": items, "next_cursor": next_cursor }))
}

async fn page(tx: &mut sql::Tx, wanted: &Wanted, limit: i64) -> Result<Vec<Membership>, sql::Error> {
    let search = wanted.search.as_deref().map(|text| text.trim().to_lowercase());
    let rows: Vec<(String, String, Option<String>)> = tx
        .all(
            "SELECT id, name, contact_email FROM organisers WHERE (CAST($1 AS TEXT) IS NULL OR id < $1) \
             AND (CAST($2 AS TEXT) IS NULL OR id = $2 OR LOWER(name) LIKE $3 ESCAPE '!') ORDER BY id DESC LIMIT $4",
            params![wanted.after.as_deref(), search.as_deref(), search.as_deref().map(anywhere), limit],
        )
        .await?;
    Ok(rows.into_iter().map(|(id, name, contact_email)| Membership { id, name, role: None, contact_email }).collect())
}

/// Changes what an organiser is called, and where answers go. To send nothing changes nothing; `null` takes the address away.
pub async fn change(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (new_name, new_contact) =
        json::read(&request, |body| (body.optional_name("name", limits::NAME_CHARACTERS), read_contact(body)))?;
    idempotency::once(&request, "organisers", &claims.subject, async |tx: &mut sql::Tx| {
        let organiser = request.id("id")?;
        let version = touch(tx, organiser).await?;
        team::require(tx, &claims, organiser, Permission::ManageTeam).await?;
        let statement = "SELECT name, contact_email FROM organisers WHERE id = $1";
        let before: Option<(String, Option<String>)> = tx.one(statement, params![organiser]).await?;
        let (old_name, old_contact) = before.ok_or_else(Problem::not_found)?;
        let name = new_name.as_ref().unwrap_or(&old_name);
        let contact_email = new_contact.as_ref().unwrap_or(&old_contact).as_deref();
        let renamed = *name != old_name;
        if renamed || contact_email != old_contact.as_deref() {
            let statement = "UPDATE organisers SET name = $2, contact_email = $3 WHERE id = $1";
            tx.execute(statement, params![organiser, name, contact_email]).await?;
            let kind = if renamed { "organiser.renamed" } else { "organiser.changed" };
            let details = json!({ "organiser_id": organiser });
            Deed { kind, actor: &claims.subject, aggregate: organiser, version, details }.write(tx, &request).await?;
        }
        Response::json(200, &Organiser { id: organiser, name, contact_email })
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

#[cfg(test)]
mod tests {
    use super::*;
    use kit::sql::testing::{Database, ready};

    #[test]
    fn organisers_are_found_by_name_and_id() {
        for database in Database::all() {
            database.enter();
            database.run(
                "INSERT INTO organisers (id, name, created_at) VALUES ('eu_a', 'Blue Hall', 1), ('eu_b', 'Red 100% Hall', 2)",
            );
            let found = |search: Option<&str>, after: Option<&str>, limit| {
                let wanted = Wanted { search: search.map(str::to_owned), after: after.map(str::to_owned), limit: None };
                ready(async {
                    let mut tx = sql::read().await.unwrap();
                    let items = page(&mut tx, &wanted, limit).await.unwrap();
                    tx.rollback().await.unwrap();
                    items.into_iter().map(|item| item.id).collect::<Vec<_>>()
                })
            };
            assert_eq!(found(None, None, 10), ["eu_b", "eu_a"]);
            assert_eq!(found(None, None, 1), ["eu_b"]);
            assert_eq!(found(None, Some("eu_b"), 10), ["eu_a"]);
            assert_eq!(found(Some(" hall"), None, 10), ["eu_b", "eu_a"]);
            assert_eq!(found(Some("0%"), None, 10), ["eu_b"]);
            assert_eq!(found(Some("eu_a"), None, 10), ["eu_a"]);
        }
    }
}
