//! The exports beside HTTP: what hosts of several regions ask. In stock Spin nobody does.

use crate::{directory, erasure, mirror};
use kit::{Problem, config};
use vocabulary::accounts::{Address, Erasure, Error, GuestClaim, GuestExchange, PublicKey, Revocation, Visitor};
use vocabulary::limits;

mod bindings {
    spin_sdk::wit_bindgen::generate!({
        path: "../../wit/marquee-accounts",
        inline: "package marquee:auth-component; \
            world auth { \
                export marquee:accounts/types@0.1.0; \
                export marquee:accounts/directory@0.1.0; \
                export marquee:accounts/mirror@0.1.0; \
            }",
        world: "marquee:auth-component/auth",
        runtime_path: "spin_sdk::wit_bindgen::rt",
        // Of an interface that is exported types can be mapped one by one only.
        with: {
            "marquee:accounts/types@0.1.0/public-key": vocabulary::accounts::PublicKey,
            "marquee:accounts/types@0.1.0/revocation": vocabulary::accounts::Revocation,
            "marquee:accounts/types@0.1.0/role": vocabulary::accounts::Role,
            "marquee:accounts/types@0.1.0/team-role": vocabulary::accounts::TeamRole,
            "marquee:accounts/types@0.1.0/user": vocabulary::accounts::User,
            "marquee:accounts/types@0.1.0/membership": vocabulary::accounts::Membership,
            "marquee:accounts/types@0.1.0/visitor": vocabulary::accounts::Visitor,
            "marquee:accounts/types@0.1.0/address": vocabulary::accounts::Address,
            "marquee:accounts/types@0.1.0/erasure": vocabulary::accounts::Erasure,
            "marquee:accounts/types@0.1.0/guest-link": vocabulary::accounts::GuestLink,
            "marquee:accounts/types@0.1.0/guest-exchange": vocabulary::accounts::GuestExchange,
            "marquee:accounts/types@0.1.0/guest-claim": vocabulary::accounts::GuestClaim,
            "marquee:accounts/types@0.1.0/error": vocabulary::accounts::Error,
        },
        generate_all,
    });
}

use bindings::exports::marquee::accounts as exported;

struct Auth;

bindings::export!(Auth with_types_in bindings);

impl exported::directory::Guest for Auth {
    async fn addresses_of(users: Vec<String>) -> Result<Vec<Address>, Error> {
        at_most(limits::ADDRESSES, &users)?;
        asked(Keeper::Here).await?;
        directory::addresses_of(&users).await.map_err(failed)
    }

    async fn erasures_after(region: String, sequence: i64) -> Result<Vec<Erasure>, Error> {
        asked(Keeper::Here).await?;
        erasure::after(&region, sequence).await.map_err(failed)
    }

    async fn exchange_guests(exchange: GuestExchange) -> Result<Vec<GuestClaim>, Error> {
        at_most(limits::GUEST_LINKS, &exchange.links)?;
        asked(Keeper::Here).await?;
        directory::exchange_guests(&exchange).await.map_err(failed)
    }
}

impl exported::mirror::Guest for Auth {
    async fn add_revocations(revocations: Vec<Revocation>) -> Result<(), Error> {
        at_most(limits::REVOCATIONS, &revocations)?;
        asked(Keeper::Elsewhere).await?;
        mirror::add_revocations(&revocations).await.map_err(failed)
    }

    async fn add_keys(keys: Vec<PublicKey>) -> Result<(), Error> {
        at_most(limits::KEYS, &keys)?;
        asked(Keeper::Elsewhere).await?;
        mirror::add_keys(&keys, false).await.map_err(failed)
    }

    async fn replace_keys(keys: Vec<PublicKey>) -> Result<(), Error> {
        at_most(limits::KEYS, &keys)?;
        asked(Keeper::Elsewhere).await?;
        mirror::add_keys(&keys, true).await.map_err(failed)
    }

    async fn put_visitor(visitor: Visitor) -> Result<(), Error> {
        if let Some(user) = &visitor.user {
            at_most(limits::ROLES, &user.roles)?;
        }
        at_most(limits::MEMBERSHIPS, &visitor.organisers)?;
        asked(Keeper::Elsewhere).await?;
        mirror::put_visitor(&visitor).await.map_err(failed)
    }

    async fn missing_addresses() -> Result<Vec<String>, Error> {
        asked(Keeper::Elsewhere).await?;
        mirror::missing_addresses().await.map_err(failed)
    }

    async fn put_addresses(addresses: Vec<Address>) -> Result<(), Error> {
        at_most(limits::ADDRESSES, &addresses)?;
        asked(Keeper::Elsewhere).await?;
        mirror::put_addresses(&addresses).await.map_err(failed)
    }

    async fn last_erasure() -> Result<i64, Error> {
        asked(Keeper::Elsewhere).await?;
        erasure::last().await.map_err(failed)
    }

    async fn add_erasures(erasures: Vec<Erasure>) -> Result<(), Error> {
        at_most(limits::ERASURES, &erasures)?;
        asked(Keeper::Elsewhere).await?;
        erasure::add(&erasures).await.map_err(failed)
    }

    async fn guests_due() -> Result<GuestExchange, Error> {
        asked(Keeper::Elsewhere).await?;
        mirror::guests_due().await.map_err(failed)
    }

    async fn put_guests(kept: Vec<String>, claims: Vec<GuestClaim>) -> Result<(), Error> {
        at_most(limits::GUEST_LINKS, &kept)?;
        at_most(limits::GUEST_CLAIMS, &claims)?;
        asked(Keeper::Elsewhere).await?;
        mirror::put_guests(&kept, &claims).await.map_err(failed)
    }
}

/// Which region keeps the accounts.
#[derive(PartialEq)]
enum Keeper {
    /// This one.
    Here,
    /// Another.
    Elsewhere,
}

/// Refuses what is asked in the wrong region: where the accounts are, nobody but `auth` itself says who may do what, and elsewhere nobody knows.
async fn asked(of: Keeper) -> Result<(), Error> {
    let elsewhere = config::accounts_elsewhere().await.map_err(failed)?.is_some();
    let keeper = if elsewhere { Keeper::Elsewhere } else { Keeper::Here };
    if keeper == of { Ok(()) } else { Err(Error::NotHere) }
}

/// Refuses a list that is longer than it may be.
fn at_most<T>(most: usize, list: &[T]) -> Result<(), Error> {
    if list.len() <= most { Ok(()) } else { Err(Error::TooLong(u32::try_from(most).unwrap_or(u32::MAX))) }
}

fn failed(problem: Problem) -> Error {
    Error::Failed(problem.log.unwrap_or(problem.detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use exported::{directory::Guest as _, mirror::Guest as _};
    use kit::sql::testing::ready;

    #[test]
    fn lists_have_an_end() {
        let key = PublicKey { kid: "k".into(), public_key: "p".into(), until: None };
        let revocation = Revocation { session: "s".into(), until: 1 };
        let too_long = |most: usize| Some(Error::TooLong(u32::try_from(most).unwrap()));
        let users = vec!["eu_u".to_owned(); limits::ADDRESSES + 1];
        assert_eq!(ready(Auth::addresses_of(users)).err(), too_long(100));
        assert_eq!(ready(Auth::add_revocations(vec![revocation; limits::REVOCATIONS + 1])).err(), too_long(500));
        for call in
            [ready(Auth::add_keys(vec![key.clone(); limits::KEYS + 1])), ready(Auth::replace_keys(vec![key; limits::KEYS + 1]))]
        {
            assert_eq!(call.err(), too_long(64));
        }
    }
}
