//! What a region asks the one that keeps the accounts, beside what edges ask of any.

use futures::future::BoxFuture;
use vocabulary::accounts::{Address, Error, GuestClaim, GuestExchange};

/// The region of the accounts, as another region reaches it.
pub trait Accounts: Send + Sync + 'static {
    /// How these users are written to, at most [`vocabulary::limits::ADDRESSES`]; who is not known is left out.
    fn addresses_of(&self, users: Vec<String>) -> BoxFuture<'_, Result<Vec<Address>, Error>>;

    /// Keeps links to guests' orders, and says which guests were claimed: at most [`vocabulary::limits::GUEST_CLAIMS`] of what is asked for.
    fn exchange_guests(&self, exchange: GuestExchange) -> BoxFuture<'_, Result<Vec<GuestClaim>, Error>>;
}
