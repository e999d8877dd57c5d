//! What can be tried without a database: what happens when transactions fail.

mod attempts;
