//! This node's clock. It decides nothing, but that a command which is too late need not be begun.

/// Microseconds since the Unix epoch, UTC.
pub(crate) fn now() -> i64 {
    #[cfg(test)]
    if let Some(now) = crate::simulation::process::wall_clock() {
        return now;
    }
    edge::now()
}

/// A pause of this length or up to a quarter less, so that those who lost the same thing at the same moment do not all come back at once.
pub(crate) fn jittered(pause: std::time::Duration) -> std::time::Duration {
    #[cfg(test)]
    if let Some(chance) = crate::simulation::process::life() {
        return pause - pause.mul_f64(f64::from(u32::try_from(chance % 256).unwrap_or(0)) / 1024.0);
    }
    telemetry::jittered(pause)
}
