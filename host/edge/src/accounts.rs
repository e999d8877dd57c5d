//! What a region asks the one that keeps the accounts, beside what edges ask of any.

use futures::future::BoxFuture;
use vocabulary::accounts::{Address, Erasure, Error, GuestClaim, GuestExchange};

/// The region of the accounts, as another region reaches it.
pub trait Accounts: Send + Sync + 'static {
    /// How these users are written to, at most [`vocabulary::limits::ADDRESSES`]; who is not known is left out.
    fn addresses_of(&self, users: Vec<String>) -> BoxFuture<'_, Result<Vec<Address>, Error>>;

    /// Whose accounts were erased after this sequence, at most [`vocabulary::limits::ERASURES`]; `region` asks, which has those before.
    fn erasures_after(&self, region: String, sequence: i64) -> BoxFuture<'_, Result<Vec<Erasure>, Error>>;
    /// Keeps links to guests' orders, and says which guests were claimed: at most [`vocabulary::limits::GUEST_CLAIMS`] of what is asked for.
    fn exchange_guests(&self, exchange: GuestExchange) -> BoxFuture<'_, Result<Vec<GuestClaim>, Error>>;
}
