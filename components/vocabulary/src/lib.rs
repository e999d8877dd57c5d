//! What components and hosts say to each other: the types of `wit/marquee-booking`, `wit/marquee-edge` and `wit/marquee-accounts`, once, for both
//! sides.
//!
//! WIT says what each type means; here stands what it is in Rust and what can be told of it without anything else. Hosts have wasmtime lift and lower
//! these types (feature `host`), components have wit-bindgen do so. Nobody converts between twins of a type, for there are none.
//!
//! An optional field that is added here and in WIT is none everywhere but where somebody sets it: who makes a [`booking::Command`] or an
//! [`edge::Event`] begins with its `new` or its default.

pub mod accounts;
pub mod booking;
pub mod edge;
pub mod limits;
mod wit;
