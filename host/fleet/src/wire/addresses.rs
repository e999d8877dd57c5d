//! What regions ask of accounts: ids of users, and their addresses; the sequence of an erasure, and those after it. All in JSON.

use bytes::Bytes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use vocabulary::limits::{ADDRESSES, ERASURES};

/// Items of a list: as many of either.
const ITEMS: usize = if ADDRESSES > ERASURES { ADDRESSES } else { ERASURES };

/// What is not a message of these.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// Not of the form.
    #[error("it cannot be read: {0}")]
    Form(String),
    /// More than may be.
    #[error("{0} of at most {ITEMS}")]
    TooMany(usize),
}

/// A list: ids of users that are asked for, addresses or erasures.
pub(crate) fn list<T: Serialize>(items: &[T]) -> Bytes {
    serde_json::to_vec(items).unwrap_or_default().into()
}

/// Reads one.
pub(crate) fn read_list<T: DeserializeOwned>(bytes: &[u8]) -> Result<Vec<T>, Error> {
    let list: Vec<T> = serde_json::from_slice(bytes).map_err(|error| Error::Form(error.to_string()))?;
    if list.len() > ITEMS { Err(Error::TooMany(list.len())) } else { Ok(list) }
}

/// After which erasure others are asked for.
pub(crate) fn sequence(sequence: i64) -> Bytes {
    sequence.to_string().into()
}

/// Reads one.
pub(crate) fn read_sequence(bytes: &[u8]) -> Result<i64, Error> {
    serde_json::from_slice(bytes).map_err(|error| Error::Form(error.to_string()))
}
