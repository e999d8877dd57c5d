//! What browsers are told with an answer: who may read it ([`Cors`]), and what a page may do ([`harden`]); and what they say of who sent a request
//! ([`is_same_origin`]).
//!
//! Components add it to their answers, so that they say the same in every host; our own host adds it to the answers that it makes itself.
//! Both only fill in what an answer does not say yet: nothing is said twice, and who made an answer knows it best.

mod cors;
mod hardening;
pub mod limits;
mod same_origin;

pub use cors::{Cors, Error, Grant};
pub use hardening::harden;
pub use same_origin::{is_safe, is_same_origin};
