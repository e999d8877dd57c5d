//! `marquee:accounts/types`: what a region knows of accounts that another region keeps.
//!
//! Nodes of two regions say an [`Address`] and an [`Erasure`] to each other in JSON; that of a [`User`] and of a [`Membership`] is the API's.

use crate::wit::{enums, errors, records, variants};

enums! {
    /// What an account may do on the platform.
    Role {
        /// Everybody.
        "user" User,
        /// Organises, for those that they are a member of.
        "organiser" Organiser,
        /// May do anything.
        "admin" Admin,
    }

    /// What a member of an organiser's team is.
    TeamRole {
        /// Runs everything, the team included.
        "owner" Owner,
        /// Runs the events and the orders.
        "manager" Manager,
        /// Looks after the money.
        "finance" Finance,
        /// Stands at the door.
        "door" Door,
    }
}

records! {
    /// A key that access tokens are signed with.
    PublicKey {
        /// The `kid` of the token's header.
        "kid" kid: String,
        /// Ed25519, 32 bytes, base64url without padding.
        "public-key" public_key: String,
        /// Until when it is trusted, microseconds; none: until something else is said. The earlier of two is true.
        "until" until: Option<i64>,
    }

    /// A session whose access tokens are no longer good.
    Revocation {
        /// Session (refresh family) id.
        "session" session: String,
        /// When its last access token has ended and this may be forgotten, microseconds.
        "until" until: i64,
    }

    /// Somebody with an account.
    User {
        /// Their id.
        "id" id: String,
        /// As they write it.
        "name" name: String,
        /// Lower case.
        "email" email: String,
        /// Whether it is known that they read it.
        "email-verified" email_verified: bool,
        /// At most [`limits::ROLES`](crate::limits::ROLES).
        "roles" roles: Vec<Role>,
    }

    /// An organiser, and what a user is to it.
    Membership {
        /// The organiser's id.
        "id" id: String,
        /// The organiser's name.
        "name" name: String,
        /// What the user is in its team; none for a program, whose token says what it may.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "role" role: Option<TeamRole>,
        /// Where answers to mails about its events go; none: nobody has said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "contact-email" contact_email: Option<String>,
    }

    /// Somebody who writes in a region that does not keep the accounts, as they are now: what is not listed was taken away.
    Visitor {
        /// Who; none: a program of the organiser's.
        "user" user: Option<User>,
        /// At most [`limits::MEMBERSHIPS`](crate::limits::MEMBERSHIPS).
        "organisers" organisers: Vec<Membership>,
    }

    /// How somebody is written to.
    Address {
        /// The user's id.
        "id" id: String,
        /// Lower case.
        "email" email: String,
        /// As they write it.
        "name" name: String,
        /// Since when it is known that they read the address, microseconds; none: it is not known.
        "verified-at" verified_at: Option<i64>,
        /// In which they are written to, a BCP 47 tag; none: not known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "language" language: Option<String>,
        /// Whether they buy with an address alone, which may be others' as well.
        #[serde(default)]
        "guest" guest: bool,
    }

    /// A link that opens a guest's order.
    GuestLink {
        /// Of its secret.
        "hash" hash: String,
        /// Whose order it is: a user's id.
        "guest" guest: String,
        /// The order.
        "booking" booking: String,
        /// When it was made, microseconds.
        "created-at" created_at: i64,
        /// Until when it is good, microseconds.
        "expires-at" expires_at: i64,
    }

    /// What one region has to say of guests, and what it wants to know.
    GuestExchange {
        /// Links that were mailed; at most [`limits::GUEST_LINKS`](crate::limits::GUEST_LINKS).
        "links" links: Vec<GuestLink>,
        /// Claims from this instant on are asked for, microseconds.
        "since" since: i64,
        /// Of that instant those of guests behind this one.
        "after" after: String,
    }

    /// A guest whose orders are an account's.
    GuestClaim {
        /// Whose they were: a user's id.
        "guest" guest: String,
        /// Whose they are: a user's id.
        "account" account: String,
        /// Since when, microseconds.
        "claimed-at" claimed_at: i64,
    }

    /// Somebody whose account was erased.
    Erasure {
        /// Its place among all erasures: later ones have greater ones.
        "sequence" sequence: i64,
        /// The user's id.
        "user" user: String,
        /// The address that was theirs and that they read, while it matters; lower case.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        "email" email: Option<String>,
    }
}

variants! {
    /// Why nothing is known, or written down.
    Error {
        /// Asked in the wrong region.
        "not-here" NotHere,
        /// A list is longer than so many items. Nothing was done.
        "too-long" TooLong(u32),
        /// It may or may not have been done, for this reason; it may be asked for again.
        "failed" Failed(String),
    }
}

errors!(Error);

impl Role {
    /// As it stands in JSON and SQL.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Organiser => "organiser",
            Self::Admin => "admin",
        }
    }
}

impl TeamRole {
    /// As it stands in JSON and SQL.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::Manager => "manager",
            Self::Finance => "finance",
            Self::Door => "door",
        }
    }

    /// The inverse of [`Self::name`].
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|role| role.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_called_the_same_in_sql_and_json() {
        for role in Role::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        for role in TeamRole::ALL {
            assert_eq!(serde_json::to_value(role).unwrap(), role.name());
            assert_eq!(TeamRole::named(role.name()), Some(*role));
        }
        assert_eq!(TeamRole::named("admin"), None, "an admin is no member");
    }
}
