//! `spin:postgres`: a pool of connections for each address.

use crate::Commits;

/// A handle of a guest.
pub struct Connection;
/// What a guest says about a connection before it opens it.
pub struct ConnectionBuilder;

/// A role's Postgres pools, made as addresses are first used. Cheap to clone; clones share the pools.
#[derive(Clone)]
pub struct PostgresPools {
    commits: Commits,
}

impl PostgresPools {
    /// No pools yet.
    #[must_use]
    pub fn new() -> Self {
        Self { commits: Commits::new() }
    }

    /// Word of every commit made through these pools by components.
    #[must_use]
    pub fn commits(&self) -> &Commits {
        &self.commits
    }
}
