//! Every limit of this crate, with its unit and its reason.

use std::time::Duration;

/// How often the control plane is asked.
pub const LOOK: Duration = Duration::from_secs(1);
/// How long it may be silent where nobody is there to see it: another instance takes over within seconds.
pub const SILENCE: Duration = Duration::from_secs(120);
/// How long a key is waited for before it is looked whether the screen is wanted at all.
pub const KEY: Duration = Duration::from_millis(200);
/// Keys that wait to be handled.
pub const KEYS: usize = 32;
/// Rows of the audit log that are asked for: as many as a screen may have room for.
pub const AUDIT: usize = 30;
/// Stages that the screen has a line for; the one that is under way is among them.
pub const STAGES: usize = 4;
/// Lines of what a rollout waits for.
pub const WAITING: usize = 3;
/// Lines of a sentence.
pub const SENTENCE: usize = 6;
/// Lines of what happened last, where there is room.
pub const LOG: u16 = 8;
/// Lines of nodes that are kept free before there is any of the log.
pub const NODES: u16 = 3;
/// Releases whose version is remembered.
pub const RELEASES: usize = 256;
