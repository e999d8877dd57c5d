//! How a version reaches a fleet: no I/O, no clock, no task.

pub mod limits;
pub mod protocol;
