//! Users' addresses, between nodes of two regions: ids of users in JSON, and the addresses in JSON.

use bytes::Bytes;
use vocabulary::accounts::Address;
use vocabulary::limits::ADDRESSES;

/// What is not a message of these.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Not of the form.
    #[error("it cannot be read: {0}")]
    Form(String),
    /// More than may be.
    #[error("{0} of at most {ADDRESSES}")]
    TooMany(usize),
}

/// A question: ids of users.
pub(crate) fn request(users: &[String]) -> Bytes {
    serde_json::to_vec(users).unwrap_or_default().into()
}

/// Reads one.
pub(crate) fn read_request(bytes: &[u8]) -> Result<Vec<String>, Error> {
    read(bytes)
}

/// An answer.
pub(crate) fn answer(addresses: &[Address]) -> Bytes {
    serde_json::to_vec(addresses).unwrap_or_default().into()
}

/// Reads one.
pub(crate) fn read_answer(bytes: &[u8]) -> Result<Vec<Address>, Error> {
    read(bytes)
}

fn read<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, Error> {
    let list: Vec<T> = serde_json::from_slice(bytes).map_err(|error| Error::Form(error.to_string()))?;
    if list.len() > ADDRESSES { Err(Error::TooMany(list.len())) } else { Ok(list) }
}
