//! `marquee:accounts/mirror`: what the region of the accounts says, written down in another. Only the host asks.
//!
//! What is there already stays as it is, so all of this may be repeated.

use crate::{erasure, keys, language, sessions};
use kit::{Problem, params, sql};
use vocabulary::accounts::{
    Address, GuestClaim, GuestExchange, GuestLink, Membership, PublicKey, Revocation, Role, User, Visitor,
};
use vocabulary::limits;

/// Adds revocations.
pub async fn add_revocations(revocations: &[Revocation]) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    for Revocation { session, until } in revocations {
        sessions::repeat(&mut tx, session, *until).await?;
    }
    Ok(tx.commit().await?)
}

/// Adds keys and their ends. Where these are `all`, others have lost their trust.
pub async fn add_keys(list: &[PublicKey], all: bool) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    for PublicKey { kid, public_key, until } in list {
        keys::repeat(&mut tx, kid, public_key, *until).await?;
    }
    if all {
        let kids: Vec<&str> = list.iter().map(|key| key.kid.as_str()).collect();
        keys::only(&mut tx, &kids).await?;
    }
    Ok(tx.commit().await?)
}

/// Organisers, as they are called now.
async fn know(tx: &mut sql::Tx, organisers: &[Membership]) -> Result<(), sql::Error> {
    let now = tx.now();
    for Membership { id, name, role: _, contact_email } in organisers {
        let statement = "INSERT INTO organisers (id, name, created_at, contact_email) VALUES ($1, $2, $3, $4) \
                         ON CONFLICT (id) DO UPDATE SET name = $2, contact_email = $4";
        tx.execute(statement, params![id, name, now, contact_email.as_deref()]).await?;
    }
    Ok(())
}

/// A person's roles and organisers, as they are now: what is not listed was taken away. Nobody logs in here: of the account there is only what
/// permits writes, the address once there is mail for it or its owner has shown that they read it, and never its password.
pub async fn put_visitor(Visitor { user, organisers }: &Visitor) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    know(&mut tx, organisers).await?;
    if let Some(user) = user {
        put_user(&mut tx, user, organisers).await?;
    }
    Ok(tx.commit().await?)
}

async fn put_user(tx: &mut sql::Tx, user: &User, organisers: &[Membership]) -> Result<(), sql::Error> {
    if erasure::is_erased(tx, &user.id).await? {
        return Ok(());
    }
    let now = tx.now();
    // Also locks the row, so that two answers about one person do not mix.
    tx.execute(
        "INSERT INTO users (id, email, name, password_hash, version, created_at, contact_at) VALUES ($1, $1, $2, '', 0, $3, 0) \
         ON CONFLICT (id) DO UPDATE SET name = $2",
        params![&user.id, &user.name, now],
    )
    .await?;
    if user.email_verified {
        give_up_address(tx, &user.id, &user.email).await?;
        let statement = "UPDATE users SET email = $2, email_verified_at = COALESCE(email_verified_at, $3) WHERE id = $1";
        tx.execute(statement, params![&user.id, &user.email, now]).await?;
    }
    tx.execute("DELETE FROM user_roles WHERE user_id = $1", params![&user.id]).await?;
    for role in user.roles.iter().filter(|role| **role != Role::User) {
        let statement = "INSERT INTO user_roles (user_id, role) VALUES ($1, $2) ON CONFLICT (user_id, role) DO NOTHING";
        tx.execute(statement, params![&user.id, role.as_str()]).await?;
    }
    tx.execute("DELETE FROM organiser_members WHERE user_id = $1", params![&user.id]).await?;
    for Membership { id, role, .. } in organisers {
        let Some(role) = role else { continue };
        let statement = "INSERT INTO organiser_members (organiser_id, user_id, role) VALUES ($1, $2, $3)";
        tx.execute(statement, params![id, &user.id, role.name()]).await?;
    }
    Ok(())
}

/// Takes an address from whoever is thought to have it beside this person: they have another one by now, and are asked for again.
async fn give_up_address(tx: &mut sql::Tx, person: &str, address: &str) -> Result<(), sql::Error> {
    let statement = "UPDATE users SET email = id, contact_at = 0 WHERE email = $2 AND id <> $1";
    tx.execute(statement, params![person, address]).await.map(drop)
}

/// Who is to get mail and has no address here, or one that may be another by now; so many at most.
pub async fn missing_addresses() -> Result<Vec<String>, Problem> {
    let mut tx = sql::read().await?;
    // Of a guest whom an account has claimed that account's is asked for.
    let statement = "SELECT DISTINCT COALESCE(c.account, m.recipient) AS person FROM mail_log m LEFT JOIN guest_claims c ON c.guest = m.recipient \
                     LEFT JOIN contacts u ON u.id = COALESCE(c.account, m.recipient) AND (u.contact_at IS NULL OR u.contact_at > $1) \
                     WHERE m.state = 'due' AND u.id IS NULL ORDER BY person LIMIT $2";
    let fresh = tx.now() - kit::limits::CONTACT_MICROSECONDS;
    let rows: Vec<(String,)> = tx.all(statement, params![fresh, i64::try_from(limits::ADDRESSES).unwrap_or(i64::MAX)]).await?;
    tx.rollback().await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// How people are written to, as of now. Who had such an address before has another one by now, and is asked for again.
pub async fn put_addresses(addresses: &[Address]) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    for Address { id, email, name, verified_at, language, guest } in addresses {
        if erasure::is_erased(&mut tx, id).await? {
            continue;
        }
        // A node of the version before says none.
        let language = language.as_deref().and_then(language::normalise).unwrap_or_else(|| language::DEFAULT.to_owned());
        if *guest {
            // Their address may be others' as well.
            tx.execute(
                "INSERT INTO users (id, email, guest_email, name, password_hash, version, created_at, email_verified_at, contact_at, language) \
                 VALUES ($1, $1, $2, $3, '', 0, $4, $5, $4, $6) \
                 ON CONFLICT (id) DO UPDATE SET guest_email = $2, name = $3, email_verified_at = $5, contact_at = $4, language = $6",
                params![id, email, name, tx.now(), *verified_at, language],
            )
            .await?;
            continue;
        }
        give_up_address(&mut tx, id, email).await?;
        tx.execute(
            "INSERT INTO users (id, email, name, password_hash, version, created_at, email_verified_at, contact_at, language) \
             VALUES ($1, $2, $3, '', 0, $4, $5, $4, $6) \
             ON CONFLICT (id) DO UPDATE SET email = $2, name = $3, email_verified_at = $5, contact_at = $4, language = $6",
            params![id, email, name, tx.now(), *verified_at, language],
        )
        .await?;
    }
    Ok(tx.commit().await?)
}

/// The links to guests' orders that wait here, and from where on claims are not known for certain.
pub async fn guests_due() -> Result<GuestExchange, Problem> {
    let mut tx = sql::read().await?;
    let statement = "SELECT hash, guest, booking, created_at, expires_at FROM guest_links ORDER BY created_at, hash LIMIT $1";
    let most = i64::try_from(limits::GUEST_LINKS).unwrap_or(i64::MAX);
    let rows: Vec<(String, String, String, i64, i64)> = tx.all(statement, params![most]).await?;
    let newest: Option<(i64,)> = tx.one("SELECT COALESCE(MAX(claimed_at), 0) FROM guest_claims", params![]).await?;
    tx.rollback().await?;
    let link = |(hash, guest, booking, created_at, expires_at)| GuestLink { hash, guest, booking, created_at, expires_at };
    let since = newest.map_or(0, |(at,)| at - crate::limits::CLAIMS_OVERLAP).max(0);
    Ok(GuestExchange { links: rows.into_iter().map(link).collect(), since, after: String::new() })
}

/// Forgets links that the region of the accounts keeps by now, and adds claims.
pub async fn put_guests(kept: &[String], claims: &[GuestClaim]) -> Result<(), Problem> {
    let mut tx = sql::write().await?;
    for hash in kept {
        tx.execute("DELETE FROM guest_links WHERE hash = $1", params![hash]).await?;
    }
    for GuestClaim { guest, account, claimed_at } in claims {
        let statement =
            "INSERT INTO guest_claims (guest, account, claimed_at) VALUES ($1, $2, $3) ON CONFLICT (guest) DO NOTHING";
        tx.execute(statement, params![guest, account, *claimed_at]).await?;
    }
    Ok(tx.commit().await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::directory;
    use kit::sql::testing::{Database, ready};
    use vocabulary::accounts::TeamRole;

    const NOW: i64 = 1_790_000_000_000_000;

    fn visitor(roles: &[Role], organisers: &[(&str, TeamRole)]) -> Visitor {
        let membership = |(id, role): &(&str, TeamRole)| Membership {
            id: (*id).into(),
            name: format!("Hall {id}"),
            role: Some(*role),
            contact_email: Some(format!("{id}@example.com")),
        };
        Visitor {
            user: Some(User {
                id: "eu_u".into(),
                name: "Ada".into(),
                email: "ada@example.com".into(),
                email_verified: false,
                roles: roles.into(),
            }),
            organisers: organisers.iter().map(membership).collect(),
        }
    }

    #[test]
    fn a_visitor_may_do_what_was_said_last() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            for (roles, organisers, stored, members) in [
                (&[Role::User][..], &[][..], "", ""),
                (
                    &[Role::User, Role::Organiser, Role::Admin],
                    &[("eu_a", TeamRole::Owner), ("eu_b", TeamRole::Door)],
                    "admin organiser",
                    "eu_a:owner eu_b:door",
                ),
                (&[Role::User, Role::Organiser], &[("eu_b", TeamRole::Finance)], "organiser", "eu_b:finance"),
                (&[Role::User], &[], "", ""),
            ] {
                ready(put_visitor(&visitor(roles, organisers))).unwrap();
                let rows: Vec<(String,)> = database.all_rows("SELECT role FROM user_roles WHERE user_id = 'eu_u' ORDER BY role");
                assert_eq!(rows.into_iter().map(|(role,)| role).collect::<Vec<_>>().join(" "), stored);
                let rows: Vec<(String, String)> = database
                    .all_rows("SELECT organiser_id, role FROM organiser_members WHERE user_id = 'eu_u' ORDER BY organiser_id");
                let rows: Vec<_> = rows.into_iter().map(|(id, role)| format!("{id}:{role}")).collect();
                let unlike =
                    "SELECT COUNT(*) FROM organisers WHERE contact_email IS NULL OR contact_email <> id || '@example.com'";
                assert_eq!(database.all_rows::<(i64,)>(unlike), [(0,)]);
                assert_eq!(rows.join(" "), members);
            }
        }
    }

    #[test]
    fn an_address_is_whose_it_was_said_to_be_last() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            let reads = |id: &str, email: &str, email_verified| {
                let mut visitor = visitor(&[Role::User], &[]);
                let user = visitor.user.as_mut().unwrap();
                (user.id, user.email, user.email_verified) = (id.into(), email.into(), email_verified);
                ready(put_visitor(&visitor)).unwrap();
            };
            let known = || database.all_rows::<(String, String)>("SELECT id, email FROM users ORDER BY id");
            let row = |id: &str, email: &str| (id.to_owned(), email.to_owned());
            reads("eu_a", "ada@example.com", true);
            // Who is not known to read it takes it from nobody.
            reads("eu_b", "ada@example.com", false);
            assert_eq!(known(), [row("eu_a", "ada@example.com"), row("eu_b", "eu_b")]);
            // It is somebody else's by now, and the first one's other address is learned when it is needed.
            reads("eu_b", "ada@example.com", true);
            assert_eq!(known(), [row("eu_a", "eu_a"), row("eu_b", "ada@example.com")]);
            reads("eu_a", "lovelace@example.com", true);
            assert_eq!(known(), [row("eu_a", "lovelace@example.com"), row("eu_b", "ada@example.com")]);
        }
    }

    #[test]
    fn keys_and_revocations_are_told_once_and_other_keys_lose_their_trust() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            let key = |kid: &str| PublicKey { kid: kid.into(), public_key: "p".into(), until: None };
            let revocation = Revocation { session: "eu_s".into(), until: NOW + 1 };
            for _ in 0..2 {
                ready(add_revocations(std::slice::from_ref(&revocation))).unwrap();
                ready(add_keys(&[key("k1"), key("k2")], false)).unwrap();
            }
            ready(add_keys(&[key("k2"), key("k3")], true)).unwrap();
            let rows: Vec<(String,)> = database.all_rows("SELECT kid FROM signing_keys WHERE ends_at IS NULL ORDER BY kid");
            assert_eq!(rows, [("k2".to_owned(),), ("k3".to_owned(),)]);
            let rows: Vec<(String, i64)> = database.all_rows("SELECT session_id, ends_at FROM revocations");
            assert_eq!(rows, [("eu_s".to_owned(), NOW + 1)]);
            let told: Vec<(String,)> =
                database.all_rows("SELECT facts FROM journal_batches WHERE facts LIKE '%session_revoked%'");
            assert_eq!(told.len(), 1);
        }
    }

    #[test]
    fn whoever_is_to_get_mail_is_asked_for_until_their_address_is_here() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            ready(put_visitor(&visitor(&[Role::User], &[]))).unwrap();
            assert!(ready(missing_addresses()).unwrap().is_empty());
            for (id, recipient, state) in
                [("m1", "eu_u", "due"), ("m2", "eu_u", "due"), ("m3", "eu_v", "due"), ("m4", "eu_w", "sent")]
            {
                database.run(&format!(
                    "INSERT INTO mail_log (id, recipient, template, needs, state, attempts, due_at, claimed_until, created_at, updated_at) \
                     VALUES ('{id}', '{recipient}', 'welcome', '{{}}', '{state}', 0, 0, 0, 0, 0)"
                ));
            }
            assert_eq!(ready(missing_addresses()).unwrap(), ["eu_u", "eu_v"]);
            // Nobody is written to at what stands for an address until there is one.
            assert!(ready(directory::addresses_of(&["eu_u".to_owned()])).unwrap().is_empty());
            let address = |verified_at| Address {
                id: "eu_u".into(),
                email: "ada@example.com".into(),
                name: "Ada L".into(),
                verified_at,
                language: Some("de-AT".into()),
                guest: false,
            };
            for verified_at in [None, Some(NOW)] {
                ready(put_addresses(&[address(verified_at)])).unwrap();
                let known = ready(directory::addresses_of(&["eu_u".to_owned(), "eu_x".to_owned()])).unwrap();
                assert_eq!(known, [address(verified_at)]);
            }
            assert_eq!(ready(missing_addresses()).unwrap(), ["eu_v"]);
        }
    }

    #[test]
    fn guests_keep_their_addresses_to_themselves_wherever_they_are_written_to() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            let address = |id: &str, guest| Address {
                id: id.into(),
                email: "ada@example.com".into(),
                name: if guest { String::new() } else { "Ada".into() },
                verified_at: None,
                language: Some("de".into()),
                guest,
            };
            let all = [address("eu_ada", false), address("eu_g", true), address("eu_h", true)];
            for _ in 0..2 {
                ready(put_addresses(&all)).unwrap();
            }
            let ids = ["eu_ada", "eu_g", "eu_h"].map(str::to_owned);
            database.run("UPDATE users SET guest_until = 1 WHERE id = 'eu_g'");
            let mut known = ready(directory::addresses_of(&ids)).unwrap();
            known.sort_by(|a, b| a.id.cmp(&b.id));
            assert_eq!(known, all);
            let kept: Vec<(Option<i64>,)> = database.all_rows("SELECT guest_until FROM users WHERE id = 'eu_g'");
            assert_eq!(kept, [(None,)], "who is to be written to has bought");
        }
    }

    #[test]
    fn links_are_handed_over_once_and_claims_come_back_in_pages() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            for (id, guest_email) in [("eu_ada", "NULL"), ("eu_g", "'ada@example.com'"), ("eu_h", "'ada@example.com'")] {
                database.run(&format!(
                    "INSERT INTO users (id, email, guest_email, name, password_hash, version, created_at) VALUES ('{id}', '{id}', {guest_email}, '', '', 1, 0)"
                ));
            }
            database.run(&format!("INSERT INTO guest_claims (guest, account, claimed_at) VALUES ('eu_h', 'eu_ada', {NOW})"));
            let link = |guest: &str| GuestLink {
                hash: format!("of {guest}"),
                guest: guest.into(),
                booking: "us_b".into(),
                created_at: NOW,
                expires_at: NOW + 1,
            };
            let exchange = |since, after: &str| GuestExchange {
                links: ["eu_g", "eu_h", "eu_ada", "eu_nobody"].map(link).into(),
                since,
                after: after.to_owned(),
            };
            let claim = GuestClaim { guest: "eu_h".into(), account: "eu_ada".into(), claimed_at: NOW };
            for (since, after, claims) in [
                (0, "", std::slice::from_ref(&claim)),
                (NOW, "", std::slice::from_ref(&claim)),
                (NOW, "eu_h", &[]),
                (NOW + 1, "", &[]),
            ] {
                assert_eq!(ready(directory::exchange_guests(&exchange(since, after))).unwrap(), claims, "{since} {after}");
            }
            let kept: Vec<(String, i64)> = database.all_rows("SELECT hash, expires_at FROM guest_links");
            assert_eq!(kept, [("of eu_g".to_owned(), NOW + 1)], "of a guest who is nobody's yet, and once");

            // The same table holds those that wait, in the region of the event.
            let due = ready(guests_due()).unwrap();
            assert_eq!(due.links, [link("eu_g")]);
            assert_eq!(due.since, NOW - crate::limits::CLAIMS_OVERLAP);
            let other = GuestClaim { guest: "eu_i".into(), account: "eu_bob".into(), claimed_at: NOW + 7 };
            for _ in 0..2 {
                ready(put_guests(&["of eu_g".to_owned()], &[claim.clone(), other.clone()])).unwrap();
            }
            let due = ready(guests_due()).unwrap();
            assert_eq!((due.links.len(), due.since), (0, NOW + 7 - crate::limits::CLAIMS_OVERLAP));
        }
    }
}
