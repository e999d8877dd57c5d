//! Email addresses: one spelling each.

pub use kit::email::normalise;
