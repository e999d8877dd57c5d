//! `marquee:accounts`, as the component `auth` exports it.

use futures::future::BoxFuture;
use vocabulary::accounts::{Address, Erasure, Error, GuestClaim, GuestExchange, PublicKey, Revocation, Visitor};

/// What comes of a call.
pub type AccountsAnswer<'a, T> = BoxFuture<'a, Result<T, Error>>;

/// Calls of a component that exports `marquee:accounts`: each function is the one of that name in WIT, and its error is WIT's; where a call failed in
/// another way that is [`Error::Failed`].
pub trait AccountsComponent: Send + Sync {
    /// How these users are written to; in the region of the accounts.
    fn addresses_of(&self, users: Vec<String>) -> AccountsAnswer<'_, Vec<Address>>;
    /// Keeps links to guests' orders, and says which guests were claimed; in the region of the accounts.
    fn exchange_guests(&self, exchange: GuestExchange) -> AccountsAnswer<'_, Vec<GuestClaim>>;
    /// Adds revocations.
    fn add_revocations(&self, revocations: Vec<Revocation>) -> AccountsAnswer<'_, ()>;
    /// Adds keys, and when they end.
    fn add_keys(&self, keys: Vec<PublicKey>) -> AccountsAnswer<'_, ()>;
    /// The same, of all the keys that there are.
    fn replace_keys(&self, keys: Vec<PublicKey>) -> AccountsAnswer<'_, ()>;
    /// Replaces what a visitor may do.
    fn put_visitor(&self, visitor: Visitor) -> AccountsAnswer<'_, ()>;
    /// Who is to get mail and has no address here.
    fn missing_addresses(&self) -> AccountsAnswer<'_, Vec<String>>;
    /// Replaces addresses.
    fn put_addresses(&self, addresses: Vec<Address>) -> AccountsAnswer<'_, ()>;
    /// Whose accounts were erased after this; in the region of the accounts.
    fn erasures_after(&self, region: String, sequence: i64) -> AccountsAnswer<'_, Vec<Erasure>>;
    /// Up to which erasure this region has them.
    fn last_erasure(&self) -> AccountsAnswer<'_, i64>;
    /// Has these people's data erased here.
    fn add_erasures(&self, erasures: Vec<Erasure>) -> AccountsAnswer<'_, ()>;
    /// Which links to guests' orders are yet to be kept, and from where on claims are not known here.
    fn guests_due(&self) -> AccountsAnswer<'_, GuestExchange>;
    /// Forgets links that are kept, and adds claims.
    fn put_guests(&self, kept: Vec<String>, claims: Vec<GuestClaim>) -> AccountsAnswer<'_, ()>;
}
