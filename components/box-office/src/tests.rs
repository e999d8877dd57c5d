//! What is written and shown, against real databases.

mod answers;
mod door;
mod hooks;
mod lists;
mod messages;
mod offline;
mod papers;
mod passes;
mod shown;
mod transfers;
pub mod world;
