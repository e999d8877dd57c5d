//! What components and hosts say to each other: the types of `wit/marquee-booking`, `wit/marquee-edge` and `wit/marquee-accounts`, once, for both
//! sides.
//!
//! WIT says what each type means; here stands what it is in Rust and what can be told of it without anything else. Components have wit-bindgen lift and
//! lower these types. In the host wasmtime has types of its own, which only the crate `bindings` knows, and who calls components and is called by them:
//! whoever else speaks of bookings and events does so without wasmtime.
//!
//! An optional field that is added here and in WIT is none everywhere but where somebody sets it: who makes a [`booking::Command`] or an
//! [`edge::Event`] begins with its `new` or its default.

pub mod accounts;
pub mod booking;
pub mod edge;
pub mod limits;
mod wit;
