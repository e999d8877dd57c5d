//! What is written and shown, against real databases.

mod door;
mod lists;
mod offline;
mod shown;
mod transfers;
mod world;
