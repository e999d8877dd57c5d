//! The demo catalog: a few hundred believable events, made through the public API.
//!
//! What events there are to be follows from a seed, and when they are from the day on which they are made. What is there already is looked for
//! first, and each request's `Idempotency-Key` follows from what it asks: loading the catalog again, or going on with one that was broken off, adds
//! what is missing and nothing else.

mod api;
mod catalog;
pub mod limits;
mod load;
mod random;
#[cfg(test)]
mod tests;
mod words;

pub use api::{Answer, Api, ApiRequest};
pub use load::{LoadReport, Options, load};
pub use random::password;
