//! Accounts that another region keeps: what this one has to know of them, and how it comes to know it.
//!
//! - **Public keys and revocations** go into this region's own journal and feed, so that its edges verify tokens without the other region:
//!   [`Mirror`] follows the other's feed, on the node that runs what a region runs once.
//! - **Roles** permit writes, and are read from SQL here. Where a route says that it needs them, [`Visitors`] first asks the other region who the caller
//!   is, by the caller's own token, and has the answer written down. Without that region such a write is `503`: a role that may have been taken
//!   away permits nothing.
//! - **Addresses** of people who are to get mail from here: [`AddressLookup`] asks for those that are missing, on the same node. Until it has them the
//!   mail waits. With the same look it hands over the links that open guests' orders, and learns which guests an account has claimed. Where the accounts
//!   are, [`Directory`] has the answer.
//!
//! - **Erasures**: [`Erasures`] asks, on the same node, whose accounts were erased since it asked last, and has what is known of them here erased, too.
//!
//! What is written and told is the business of the component that exports `marquee:accounts`; here it is only carried there.

mod addresses;
mod erasures;
mod mirror;
mod visitors;

use std::sync::Arc;

use contracts::{AccountsComponent, Components, Traffic};
use vocabulary::accounts::Error;

pub use addresses::{AddressLookup, Directory};
pub use erasures::Erasures;
pub use mirror::Mirror;
pub use visitors::Visitors;

/// The version of the application that has the traffic now, for its component that exports `marquee:accounts`.
struct Accounts<C>(Arc<C>);

impl<C: Components> Accounts<C> {
    fn of(traffic: &impl Traffic<Components = C>) -> Self {
        Self(traffic.current())
    }

    fn component(&self) -> Result<&dyn AccountsComponent, Error> {
        self.0.accounts().ok_or_else(|| Error::Failed("no component exports marquee:accounts".to_owned()))
    }
}
