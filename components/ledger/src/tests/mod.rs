//! What can be tried without a host: the statements of a transaction, on a real SQLite and a real Postgres.

mod database;
mod node;
