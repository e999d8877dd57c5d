//! Whole rollouts over simulated fleets: nodes crash, fall silent and join, instances of the control plane die between any two decisions, operators pause,
//! promote and abort; and releases are good, or bad in one of several ways. A seed determines all of it.

mod node;
mod operator;
mod random;
mod tests;
mod version;
mod world;
