//! Who wants no more news: by the link in a mail, which mail programs follow by themselves (RFC 8058), and as a list of one's own.

use crate::{mine, offers};
use kit::claims::Claims;
use kit::sql::{self, Tx};
use kit::{Answer, Problem, Request, Response, claims, id, idempotency, json, params, problem, query, time, unsubscribe};
use serde_json::json;

/// `GET /api/unsubscribe/{token}`: a page with a button. Programs that look at every link of a mail end nothing by it.
pub async fn show(request: Request) -> Answer {
    query::read(&request, |_| ())?;
    let mut tx = sql::read().await?;
    let (organiser, _) = link(&mut tx, &request).await?;
    let name = name(&mut tx, &organiser).await?;
    tx.rollback().await?;
    let content = format!(
        "<h1>No more news from {name}?</h1><p>What concerns your tickets still reaches you.</p>\
         <form method=\"post\"><input type=\"hidden\" name=\"List-Unsubscribe\" value=\"One-Click\"><button>No more news</button></form>"
    );
    Ok(page(&content))
}

/// `POST /api/unsubscribe/{token}`: done, however often. Its body says `List-Unsubscribe=One-Click`, as a form of either kind; the link says all.
pub async fn unsubscribe(request: Request) -> Answer {
    query::read(&request, |_| ())?;
    let mut tx = sql::write().await?;
    let (organiser, address) = link(&mut tx, &request).await?;
    let region = id::region(request.id("token")?).ok_or_else(Problem::not_found)?;
    unsubscribe::unsubscribe(&mut tx, region, &organiser, &address).await?;
    let name = name(&mut tx, &organiser).await?;
    tx.commit().await?;
    Ok(page(&format!("<h1>Done</h1><p>{name} sends you no more news. What concerns your tickets still reaches you.</p>")))
}

/// `GET /api/unsubscriptions`: whose news the caller does not want at the address that they have shown to read.
pub async fn list(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    let (limit, after) = mine::asked(&request)?;
    let mut tx = sql::read().await?;
    let mut rows: Vec<(String, String, Option<String>, i64)> = Vec::new();
    if let Some(address) = own_address(&mut tx, &claims).await? {
        let (created_at, id) = after.unwrap_or((i64::MAX, String::new()));
        let statement = "SELECT s.id, s.organiser_id, o.name, s.created_at FROM unsubscriptions s LEFT JOIN organisers o ON o.id = s.organiser_id \
                         WHERE s.address_hash = $1 AND (s.created_at < $2 OR (s.created_at = $2 AND s.id < $3)) \
                         ORDER BY s.created_at DESC, s.id DESC LIMIT $4";
        // One more than asked for tells whether there is a next page.
        let wanted = i64::try_from(limit + 1).unwrap_or(i64::MAX);
        rows = tx.all(statement, params![address, created_at, id, wanted]).await?;
    }
    tx.rollback().await?;
    let more = rows.len() > limit;
    rows.truncate(limit);
    let next_cursor = rows.last().filter(|_| more).map(|(id, .., created_at)| format!("{created_at}.{id}"));
    let item = |(id, organiser, name, created_at): (String, String, Option<String>, i64)| json!({ "id": id, "organiser": { "id": organiser, "name": name }, "created_at": time::format(created_at) });
    let items: Vec<_> = rows.into_iter().map(item).collect();
    let page = json!({ "items": items, "next_cursor": next_cursor });
    Ok(Response::json(200, &page)?.header("cache-control", "private, no-store"))
}

/// `DELETE /api/unsubscriptions/{id}`: the organiser's news are wanted again. 204.
pub async fn end(request: Request) -> Answer {
    let claims = claims::require(&request).await?;
    json::read_optional(&request, |_| ())?;
    let id = request.id("id")?;
    idempotency::once(&request, "unsubscriptions", &claims.subject, async |tx: &mut Tx| {
        let address = own_address(tx, &claims).await?.ok_or_else(Problem::not_found)?;
        let statement = "DELETE FROM unsubscriptions WHERE id = $1 AND address_hash = $2";
        if tx.execute(statement, params![id, address]).await? == 0 {
            return Err(Problem::not_found());
        }
        Ok(Response::empty(204))
    })
    .await
}

/// What a link is good for. The secret is long and random, so there is nothing to be told by how it is refused.
async fn link(tx: &mut Tx, request: &Request) -> Result<(String, String), Problem> {
    let none = || Problem::new(problem::TOKEN_INVALID, "This is no link of a mail of ours, or it is older than a year.");
    let link = request.id("token").map_err(|_| none())?;
    unsubscribe::find(tx, link).await?.ok_or_else(none)
}

/// As HTML has it.
async fn name(tx: &mut Tx, organiser: &str) -> Result<String, Problem> {
    let row: Option<(String,)> = tx.one("SELECT name FROM organisers WHERE id = $1", params![organiser]).await?;
    let name = row.map_or_else(|| "this organiser".to_owned(), |(name,)| name);
    Ok(name.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;"))
}

async fn own_address(tx: &mut Tx, claims: &Claims) -> Result<Option<String>, Problem> {
    let address = offers::address_of(tx, &claims.subject).await?.filter(|(_, verified)| *verified);
    Ok(address.map(|(address, _)| unsubscribe::hashed(&address)))
}

fn page(content: &str) -> Response {
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>News</title><style>body{{font:1.1rem/1.5 system-ui,sans-serif;max-width:26rem;margin:4rem auto;padding:0 1rem}}\
         button{{font:inherit;padding:.5rem 1.5rem}}</style></head><body>{content}</body></html>"
    );
    Response::new(200, "text/html; charset=utf-8", html)
        .header("cache-control", "no-store")
        .header(
            "content-security-policy",
            "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
        )
        .header("referrer-policy", "no-referrer")
}
