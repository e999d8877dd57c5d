//! What nodes of one region ask the region of the accounts, and what they hear, in JSON.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vocabulary::accounts::{Address, Erasure, GuestClaim, GuestExchange};
use vocabulary::limits::{ADDRESSES, ERASURES, GUEST_CLAIMS, GUEST_LINKS};

/// What is not a message of these.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Not of the form.
    #[error("it cannot be read: {0}")]
    Form(String),
    /// More than may be.
    #[error("{0} of at most {1}")]
    TooMany(usize, usize),
}

/// A question or an answer.
pub(crate) fn write(message: &impl Serialize) -> Bytes {
    serde_json::to_vec(message).unwrap_or_default().into()
}

/// Reads whose addresses are asked for.
pub(crate) fn read_users(bytes: &[u8]) -> Result<Vec<String>, Error> {
    list(bytes, ADDRESSES)
}

/// Reads addresses.
pub(crate) fn read_addresses(bytes: &[u8]) -> Result<Vec<Address>, Error> {
    list(bytes, ADDRESSES)
}

/// Reads after which erasure others are asked for.
pub(crate) fn read_sequence(bytes: &[u8]) -> Result<i64, Error> {
    read(bytes)
}

/// Reads whose accounts were erased.
pub(crate) fn read_erasures(bytes: &[u8]) -> Result<Vec<Erasure>, Error> {
    list(bytes, ERASURES)
}

/// Reads links to guests' orders, and what is asked beside them.
pub(crate) fn read_exchange(bytes: &[u8]) -> Result<GuestExchange, Error> {
    let exchange: GuestExchange = read(bytes)?;
    let links = exchange.links.len();
    if links > GUEST_LINKS { Err(Error::TooMany(links, GUEST_LINKS)) } else { Ok(exchange) }
}

/// Reads claims.
pub(crate) fn read_claims(bytes: &[u8]) -> Result<Vec<GuestClaim>, Error> {
    list(bytes, GUEST_CLAIMS)
}

fn list<T: DeserializeOwned>(bytes: &[u8], most: usize) -> Result<Vec<T>, Error> {
    let list: Vec<T> = read(bytes)?;
    if list.len() > most { Err(Error::TooMany(list.len(), most)) } else { Ok(list) }
}

fn read<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Form(error.to_string()))
}
