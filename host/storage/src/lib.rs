//! SQLite and Redis: what a node and its components both use of them.
//!
//! [`sqlite`] has pools of connections by label, [`redis`] a connection for each address. Both are handles that are cheap to clone. What is long
//! is read in [`batches`]; [`Commits`] tells who waits for the next commit.
//!
//! # Invariants
//! - A connection goes back to its pool only if nothing of its user is left on it: no transaction, no setting. Else it is closed.
//! - The region's statements and components' wait their turn in the same pool.
//! - Nothing here blocks an async thread.
//! - No component is known here, and nothing of WebAssembly.

pub mod batches;
mod commits;
pub mod limits;
pub mod percent;
pub mod redis;
pub mod sqlite;

pub use commits::Commits;
