//! `spin:redis`.

/// A handle of a guest.
pub struct Connection;

/// A role's Redis connections, made as addresses are first used. Cheap to clone; clones share them.
#[derive(Clone, Default)]
pub struct RedisConnections {}

impl RedisConnections {
    /// No connections yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}
