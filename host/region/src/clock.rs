//! This node's clock. It decides nothing, but that a command which is too late need not be begun.

/// Microseconds since the Unix epoch, UTC.
pub(crate) fn now() -> i64 {
    #[cfg(test)]
    if let Some(now) = crate::simulation::process::wall_clock() {
        return now;
    }
    edge::now()
}
