//! Who wants no more news of an organiser, and the links in mails that say so.
//!
//! What counts is the address that is written to, with an account or without. It is known as a hash alone: that is enough to leave it out, and stays when
//! an account is gone. A link's secret shows that its bearer has read such a mail; it ends the news and is good for nothing else.

use crate::sql::{Error, Tx};
use crate::{hash, id, params};

/// An address as it is known here.
#[must_use]
pub fn hashed(address: &str) -> String {
    hash::sha256(&[b"unsubscribe-address", address.as_bytes()])
}

fn hashed_link(link: &str) -> String {
    hash::sha256(&[b"unsubscribe-link", link.as_bytes()])
}

/// Makes what stands in the link of a mail of this region's to an address. It begins with the region's name, as ids do.
///
/// # Errors
/// Of the database.
pub async fn link(tx: &mut Tx, region: &str, organiser: &str, address: &str) -> Result<String, Error> {
    let link = format!("{region}_{}", hash::secret());
    let now = tx.now();
    tx.execute(
        "INSERT INTO unsubscribe_links (hash, organiser_id, address_hash, created_at) VALUES ($1, $2, $3, $4)",
        params![hashed_link(&link), organiser, hashed(address), now],
    )
    .await?;
    Ok(link)
}

/// Of which organiser a link ends the news, and the hash of whose address; none where it is no link of ours.
///
/// # Errors
/// Of the database.
pub async fn find(tx: &mut Tx, link: &str) -> Result<Option<(String, String)>, Error> {
    let statement = "SELECT organiser_id, address_hash FROM unsubscribe_links WHERE hash = $1";
    tx.one(statement, params![hashed_link(link)]).await
}

/// Has an organiser send this address no more news; once is as good as twice.
///
/// # Errors
/// Of the database.
pub async fn unsubscribe(tx: &mut Tx, region: &str, organiser: &str, address_hash: &str) -> Result<(), Error> {
    let now = tx.now();
    tx.execute(
        "INSERT INTO unsubscriptions (id, organiser_id, address_hash, created_at) VALUES ($1, $2, $3, $4) \
         ON CONFLICT (organiser_id, address_hash) DO NOTHING",
        params![format!("{region}_{}", id::unique(now)), organiser, address_hash, now],
    )
    .await
    .map(drop)
}

/// Whether this address wants no news of an organiser.
///
/// # Errors
/// Of the database.
pub async fn is_unsubscribed(tx: &mut Tx, organiser: &str, address: &str) -> Result<bool, Error> {
    let statement = "SELECT 1 FROM unsubscriptions WHERE organiser_id = $1 AND address_hash = $2";
    let row: Option<(i64,)> = tx.one(statement, params![organiser, hashed(address)]).await?;
    Ok(row.is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sql::{
        self,
        testing::{Database, ready},
    };

    #[test]
    fn a_link_ends_the_news_of_one_organiser_to_one_address() {
        for database in Database::all() {
            database.enter();
            ready(async {
                let mut tx = sql::write().await.unwrap();
                let ours = link(&mut tx, "eu", "eu_o", "ada@example.com").await.unwrap();
                assert!(id::region(&ours) == Some("eu") && !ours.contains("ada"), "{ours}");
                assert_eq!(find(&mut tx, "eu_00000000000000000000000000").await.unwrap(), None);
                let (organiser, address) = find(&mut tx, &ours).await.unwrap().unwrap();
                for _ in 0..2 {
                    unsubscribe(&mut tx, "eu", &organiser, &address).await.unwrap();
                }
                for (organiser, address, wants_none) in
                    [("eu_o", "ada@example.com", true), ("eu_p", "ada@example.com", false), ("eu_o", "bob@example.com", false)]
                {
                    assert_eq!(is_unsubscribed(&mut tx, organiser, address).await.unwrap(), wants_none, "{organiser} {address}");
                }
                tx.commit().await.unwrap();
            });
            let stored: Vec<(String, String)> = database.all_rows("SELECT hash, address_hash FROM unsubscribe_links");
            assert!(stored.iter().all(|(hash, address)| !hash.contains("eu_") && !address.contains('@')), "{stored:?}");
        }
    }
}
