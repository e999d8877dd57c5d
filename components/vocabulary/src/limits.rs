//! Lengths of lists that WIT documents: who hands over more is refused.

/// Revocations of one `add-revocations`: each has at most some 150 bytes.
pub const REVOCATIONS: usize = 500;
/// Public keys that there can be: as many as a node believes.
pub const KEYS: usize = 64;
/// Addresses that are asked for, or written down, at once.
pub const ADDRESSES: usize = 100;
/// Erasures that are asked for, or written down, at once.
pub const ERASURES: usize = 100;
/// Links to guests' orders that are handed over at once.
pub const GUEST_LINKS: usize = 100;
/// Claims of guests that are told of, or written down, at once.
pub const GUEST_CLAIMS: usize = 500;
/// Roles of an account: as many as there are.
pub const ROLES: usize = crate::accounts::Role::ALL.len();
/// Organisers that a person may be a member of.
pub const MEMBERSHIPS: usize = 100;
