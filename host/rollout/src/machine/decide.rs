/// Decides what follows, from a rollout's state and what is known of the fleet.
///
/// To be called whenever nodes have reported, and at least once a second; nothing changes where nothing follows.
#[must_use]
pub fn decide(rollout: &Rollout, now_ms: u64, fleet: &Fleet) -> Decision;
