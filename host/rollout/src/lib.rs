//! How a version reaches a fleet: what operators plan, what nodes report, and what is decided of it.
//!
//! Nothing here does I/O, has a clock or a task: time is a parameter, in milliseconds since 1970, and the same state with the same reports is always decided
//! alike. So an instance of the control plane that dies is followed by another one that reads the state and goes on, and everything can be simulated.

pub mod analysis;
pub mod compatibility;
pub mod limits;
pub mod machine;
pub mod plan;
pub mod protocol;
#[cfg(test)]
mod simulation;
