//! What can be tried without a host: the statements against a real SQLite.

mod node;
mod sqlite;
