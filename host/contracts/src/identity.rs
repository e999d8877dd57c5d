//! Who a token speaks for.

use futures::future::BoxFuture;
use vocabulary::edge::{Claims, Refusal};

/// Verifies access tokens with public keys alone.
pub trait Identity: Send + Sync + 'static {
    /// `token` is the compact JWS without the word Bearer.
    fn verify(&self, token: String) -> BoxFuture<'_, Result<Claims, Refusal>>;
}
