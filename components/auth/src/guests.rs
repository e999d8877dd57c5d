//! Guests, who buy with an address alone: `POST /api/auth/guest`, `POST /api/auth/guest/open`, `POST /api/auth/guest/links`.
//!
//! Each checkout is a guest of its own, whatever address it gives: nobody sees by an address what was bought with it before. Who reads the address comes
//! back by a link from a mail, or registers with it: once an account has shown to read it, what guests bought with it is the account's.

use crate::accounts::{self, Deed, User};
use crate::{attempts, email, keys, language, limits, sessions, setup, transport::Transport, verify_email};
use kit::guests::opened_by;
use kit::{Answer, Problem, Request, Response, config, hash, id, journal, json, network, params, problem, sql, trace};
use serde_json::json;

/// Makes a guest, and gives them a session: 201, whatever else there is with this address.
pub async fn create(request: Request) -> Answer {
    let (email, name, transport) = json::read(&request, |body| {
        (accounts::read_email(body), body.optional_name("name", limits::NAME_CHARACTERS), Transport::read(body))
    })?;
    transport.check(&request)?;
    setup::ensure().await?;
    let key = keys::signing().await?;
    let guest = User {
        id: id::new(&config::region().await?),
        email,
        email_verified: false,
        name: name.unwrap_or_default(),
        language: language::preferred(&request),
        roles: Vec::new(),
        guest: true,
    };
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    attempts::count(&mut tx, &attempts::mail_key("guest", &guest.email), &attempts::GUESTS).await?;
    add(&mut tx, &guest).await?;
    let details = json!({ "user_id": &guest.id });
    let deed = Deed { kind: "user.guest-created", actor: &guest.id, aggregate: &guest.id, version: 1, details };
    deed.write(&mut tx, &request).await?;
    let mut grant = sessions::start(&mut tx, &key, &guest, &request, transport).await?;
    tx.commit().await?;
    grant.user = Some(guest);
    grant.answer(201)
}

async fn add(tx: &mut sql::Tx, guest: &User) -> Result<(), Problem> {
    let now = tx.now();
    // Our host's retention does it by itself.
    if !config::own_host() {
        tidy(tx).await?;
    }
    let until = now + limits::GUEST_MICROSECONDS;
    let statement = "SELECT COUNT(*) FROM users WHERE guest_until > $1";
    let (new,) = tx.one::<(i64,)>(statement, params![until - 86_400 * kit::time::SECOND]).await?.unwrap_or_default();
    if new >= limits::GUESTS_A_DAY {
        return Err(Problem::unavailable("Too many people buy without an account today.", limits::GUESTS_RETRY_MILLISECONDS));
    }
    // The address stands beside its column: nothing that finds an account by it finds a guest.
    let statement = "INSERT INTO users (id, email, guest_email, name, password_hash, version, created_at, language, guest_until) \
                     VALUES ($1, $1, $2, $3, '', 1, $4, $5, $6)";
    tx.execute(statement, params![&guest.id, &guest.email, &guest.name, now, &guest.language, until]).await?;
    Ok(())
}

/// Deletes a few guests who have bought nothing. Those who have stay for good, as what they bought does.
async fn tidy(tx: &mut sql::Tx) -> Result<(), sql::Error> {
    let now = tx.now();
    let keep =
        "UPDATE users SET guest_until = NULL WHERE guest_until <= $1 AND EXISTS (SELECT 1 FROM bookings WHERE person = users.id)";
    tx.execute(keep, params![now]).await?;
    tx.execute("DELETE FROM sessions WHERE user_id IN (SELECT id FROM users WHERE guest_until <= $1)", params![now]).await?;
    let delete = "DELETE FROM users WHERE id IN (SELECT id FROM users WHERE guest_until <= $1 ORDER BY guest_until LIMIT $2)";
    tx.execute(delete, params![now, limits::GUESTS_TIDIED]).await.map(drop)
}

/// Lets in who has the link of a mail: they read the guest's address. As often as they like, while the link is good.
pub async fn open(request: Request) -> Answer {
    let (token, transport) =
        json::read(&request, |body| (body.text("token", 1..=*kit::limits::MAIL_TOKEN_BYTES.end()), Transport::read(body)))?;
    transport.check(&request)?;
    setup::ensure().await?;
    let key = keys::signing().await?;
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    let (id, _) = opened_by(&mut tx, &token).await?.ok_or_else(invalid)?;
    // Locks the guest's row: whoever suspends or claims them comes before, and has ended the link, or after, and ends the session.
    let version = accounts::touch(&mut tx, &id).await?;
    let (_, booking) = opened_by(&mut tx, &token).await?.ok_or_else(invalid)?;
    if accounts::is_suspended(&mut tx, &id).await? {
        return Err(accounts::suspended());
    }
    let guest = accounts::find(&mut tx, &id).await?.filter(|user| user.guest).ok_or_else(invalid)?;
    if verify_email::note(&mut tx, &id, &guest.email).await? {
        let details = json!({ "user_id": &id });
        Deed { kind: "user.email-verified", actor: &id, aggregate: &id, version, details }.write(&mut tx, &request).await?;
    }
    let guest = User { email_verified: true, ..guest };
    let mut grant = sessions::start(&mut tx, &key, &guest, &request, transport).await?;
    sessions::Note { kind: "user.login", user: &id, session: grant.session() }.write(&mut tx, &request).await?;
    tx.commit().await?;
    grant.user = Some(guest);
    grant.booking_id = Some(booking);
    grant.answer(200)
}

fn invalid() -> Problem {
    Problem::new(
        problem::TOKEN_INVALID,
        "This link is not one of ours, or too old, or its order is an account's by now: ask for another mail, or log in.",
    )
}

/// Has links to all orders that guests have made with this address, and that can still be opened, sent there: 202 in every case, after the same work.
pub async fn links(request: Request) -> Answer {
    let text = json::read(&request, |body| body.text("email", 1..=*limits::EMAIL_BYTES.end()))?;
    // What is no address is nobody's, and costs the same.
    let email = email::normalise(&text).unwrap_or_else(|_| text.to_lowercase());
    let mut tx = sql::write().await?;
    tx.part_of(trace::parent(&request));
    match attempts::count(&mut tx, &attempts::mail_key("guest-links", &email), &attempts::MAIL).await {
        Ok(()) => {}
        // The mails that went out are there to be read; to say that there are some would say that somebody bought.
        Err(too_soon) if too_soon.kind.slug == problem::RATE_LIMITED.slug => {
            tx.rollback().await?;
            return Ok(Response::empty(202));
        }
        Err(problem) => return Err(problem),
    }
    let statement = "SELECT id FROM users WHERE guest_email = $1 AND suspended_at IS NULL \
                     AND EXISTS (SELECT 1 FROM guest_links WHERE guest = users.id AND expires_at > $2) ORDER BY created_at DESC, id LIMIT 1";
    let now = tx.now();
    let guest: Option<(String,)> = tx.one(statement, params![&email, now]).await?;
    let guest = guest.map(|(id,)| id);
    // The worker makes the links, when it writes the mail: no secret stands in the journal, and no address.
    let asked = journal::Entry {
        topic: journal::USER_EVENTS,
        kind: "user.guest-links-requested",
        aggregate: guest.clone().unwrap_or_else(|| hash::sha256(&[b"nobody", email.as_bytes()])),
        version: 0,
        payload: json!({ "user_id": guest, "network": network::of(&request) }),
        fact: None,
    };
    journal::write(&mut tx, &[asked]).await?;
    tx.commit().await?;
    Ok(Response::empty(202))
}

/// Gives an account what guests have bought with its address, which its owner has shown to read; their sessions and links end. Who is suspended is left
/// as they are.
pub async fn gather(tx: &mut sql::Tx, request: &Request, account: &str, email: &str) -> Result<(), Problem> {
    let statement = "SELECT COUNT(*) FROM guest_claims WHERE account = $1";
    let (had,) = tx.one::<(i64,)>(statement, params![account]).await?.unwrap_or_default();
    let statement = "SELECT id FROM users WHERE guest_email = $1 AND suspended_at IS NULL \
                     AND NOT EXISTS (SELECT 1 FROM guest_claims WHERE guest = users.id) ORDER BY created_at DESC, id LIMIT $2";
    let room = (kit::limits::GUESTS_CLAIMED - had).max(0);
    let guests: Vec<(String,)> = tx.all(statement, params![email, room]).await?;
    let mut claimed = Vec::new();
    for (guest,) in guests {
        // Locks the guest's row: whoever opens a link at this moment comes before or after.
        accounts::touch(tx, &guest).await?;
        if accounts::is_suspended(tx, &guest).await? {
            continue;
        }
        let now = tx.now();
        let statement =
            "INSERT INTO guest_claims (guest, account, claimed_at) VALUES ($1, $2, $3) ON CONFLICT (guest) DO NOTHING";
        if tx.execute(statement, params![&guest, account, now]).await? == 0 {
            continue;
        }
        sessions::end_all(tx, &guest).await?;
        tx.execute("DELETE FROM guest_links WHERE guest = $1", params![&guest]).await?;
        claimed.push(guest);
    }
    if claimed.is_empty() {
        return Ok(());
    }
    let version = accounts::touch(tx, account).await?;
    let details = json!({ "user_id": account, "guests": claimed });
    let deed = Deed { kind: "user.guests-claimed", actor: account, aggregate: account, version, details };
    Ok(deed.write(tx, request).await?)
}
