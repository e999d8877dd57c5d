//! What can be tried without a host: the statements against a real SQLite, and what happens when transactions fail.

mod attempts;
mod node;
mod sqlite;
