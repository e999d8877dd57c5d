//! Where the journal goes: to Kafka, or in `up` by a bus in its place to the component that handles records.

pub mod bus;
pub mod destination;
pub mod record_handler;
