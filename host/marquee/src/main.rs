//! The binary: one process, any role.
fn main() {}
