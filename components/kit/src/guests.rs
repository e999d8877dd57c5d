//! Guests, who buy with an address alone: the links that open their orders, and whose those are once an account has shown to read the same address.
//!
//! What a guest booked stays the guest's in every table: the ledger alone writes bookings. An account stands for the guests that it has claimed, and
//! [`subjects`] and [`stands_for`] are the one place that says so.

use crate::sql::{Error, Tx};
use crate::{hash, limits, mail_token, params};

/// All whose orders are a person's: their own id first, and of an account the guests that it has claimed.
///
/// # Errors
/// Of the database.
pub async fn subjects(tx: &mut Tx, person: &str) -> Result<Vec<String>, Error> {
    let statement = "SELECT guest FROM guest_claims WHERE account = $1 ORDER BY claimed_at DESC, guest LIMIT $2";
    let claimed: Vec<(String,)> = tx.all(statement, params![person, limits::GUESTS_CLAIMED]).await?;
    Ok(std::iter::once(person.to_owned()).chain(claimed.into_iter().map(|(guest,)| guest)).collect())
}

/// Whether what is `owner`'s is a person's: they are the same, or that is a guest whom the person's account has claimed.
///
/// # Errors
/// Of the database.
pub async fn stands_for(tx: &mut Tx, person: &str, owner: &str) -> Result<bool, Error> {
    Ok(person == owner || account_of(tx, owner).await?.is_some_and(|account| account == person))
}

/// The account that has claimed a guest; none of who is no guest, or was not claimed.
///
/// # Errors
/// Of the database.
pub async fn account_of(tx: &mut Tx, guest: &str) -> Result<Option<String>, Error> {
    let row: Option<(String,)> = tx.one("SELECT account FROM guest_claims WHERE guest = $1", params![guest]).await?;
    Ok(row.map(|(account,)| account))
}

/// Why a link goes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// Something has happened to the order.
    Order,
    /// Somebody asked for links to what was bought with an address. Of these only the newest few are good.
    Asked,
}

/// An order of a guest's.
#[derive(Debug, Clone, Copy)]
pub struct Order<'a> {
    /// Whose it is.
    pub guest: &'a str,
    /// Its booking.
    pub booking: &'a str,
}

/// Makes the secret that opens an order until `expires_at`, for the mail that is being written: the database has a hash of it alone.
///
/// # Errors
/// Of the database.
pub async fn issue_link(tx: &mut Tx, order: Order<'_>, reason: Reason, expires_at: i64) -> Result<String, Error> {
    let Order { guest, booking } = order;
    let (secret, now) = (hash::secret(), tx.now());
    let asked = i64::from(reason == Reason::Asked);
    let statement =
        "INSERT INTO guest_links (hash, guest, booking, asked, created_at, expires_at) VALUES ($1, $2, $3, $4, $5, $6)";
    tx.execute(statement, params![hashed(guest, &secret), guest, booking, asked, now, expires_at]).await?;
    if reason == Reason::Asked {
        let newest = "SELECT hash FROM guest_links WHERE guest = $1 AND booking = $2 AND asked = 1 ORDER BY created_at DESC, hash LIMIT $3";
        let statement =
            format!("DELETE FROM guest_links WHERE guest = $1 AND booking = $2 AND asked = 1 AND hash NOT IN ({newest})");
        tx.execute(&statement, params![guest, booking, limits::GUEST_LINKS_ASKED]).await?;
    }
    Ok(format!("{guest}.{secret}"))
}

/// The guest and the booking that a link opens, while it is good.
///
/// # Errors
/// Of the database.
pub async fn opened_by(tx: &mut Tx, token: &str) -> Result<Option<(String, String)>, Error> {
    let Some((guest, secret)) = mail_token::parse(token) else { return Ok(None) };
    let now = tx.now();
    let statement = "SELECT guest, booking FROM guest_links WHERE hash = $1 AND expires_at > $2";
    tx.one(statement, params![hashed(guest, secret), now]).await
}

fn hashed(guest: &str, secret: &str) -> String {
    hash::sha256(&[b"guest-link", guest.as_bytes(), secret.as_bytes()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{
        self,
        testing::{Database, ready},
    };

    const NOW: i64 = 1_790_000_000_000_000;
    const ORDER: Order<'static> = Order { guest: "eu_g", booking: "eu_b" };

    fn issued(reason: Reason, expires_at: i64) -> String {
        ready(async {
            let mut tx = sql::write().await.unwrap();
            let token = issue_link(&mut tx, ORDER, reason, expires_at).await.unwrap();
            tx.commit().await.unwrap();
            token
        })
    }

    fn opens(token: &str) -> bool {
        let found = ready(async {
            let mut tx = sql::read().await.unwrap();
            let found = opened_by(&mut tx, token).await.unwrap();
            tx.rollback().await.unwrap();
            found
        });
        assert!(found.as_ref().is_none_or(|found| *found == ("eu_g".to_owned(), "eu_b".to_owned())), "{found:?}");
        found.is_some()
    }

    #[test]
    fn a_link_opens_its_order_until_it_ends_and_those_asked_for_give_way_to_newer_ones() {
        for database in Database::all() {
            database.enter();
            database.set_now(NOW);
            let bought = issued(Reason::Order, NOW + 10);
            let asked: Vec<_> = (0..=limits::GUEST_LINKS_ASKED)
                .map(|at| {
                    database.set_now(NOW + at);
                    issued(Reason::Asked, NOW + 10)
                })
                .collect();
            assert_eq!(asked.iter().map(|token| opens(token)).collect::<Vec<_>>(), [false, true, true, true]);
            assert!(opens(&bought), "whoever asks ends nothing of this");
            let (guest, secret) = bought.split_once('.').unwrap();
            let stored: Vec<(String,)> = database.all_rows("SELECT hash FROM guest_links");
            assert!(stored.iter().all(|(hash,)| !hash.contains(secret)), "a copy of the database opens nothing");
            for nonsense in
                [format!("eu_other.{secret}"), format!("{guest}.{}", "0".repeat(secret.len())), guest.to_owned(), String::new()]
            {
                assert!(!opens(&nonsense), "{nonsense}");
            }
            database.set_now(NOW + 10);
            assert!(!opens(&bought));
        }
    }

    #[test]
    fn an_account_stands_for_the_guests_that_it_has_claimed() {
        for database in Database::all() {
            database.enter();
            for (guest, account, at) in [("eu_g", "eu_ada", 1), ("eu_h", "eu_ada", 2), ("eu_i", "eu_bob", 3)] {
                database
                    .run(&format!("INSERT INTO guest_claims (guest, account, claimed_at) VALUES ('{guest}', '{account}', {at})"));
            }
            ready(async {
                let mut tx = sql::read().await.unwrap();
                for (person, all) in
                    [("eu_ada", &["eu_ada", "eu_h", "eu_g"][..]), ("eu_bob", &["eu_bob", "eu_i"]), ("eu_g", &["eu_g"])]
                {
                    assert_eq!(subjects(&mut tx, person).await.unwrap(), all);
                    for owner in ["eu_ada", "eu_bob", "eu_g", "eu_h", "eu_i"] {
                        assert_eq!(stands_for(&mut tx, person, owner).await.unwrap(), all.contains(&owner), "{person} {owner}");
                    }
                }
                tx.rollback().await.unwrap();
            });
        }
    }
}
