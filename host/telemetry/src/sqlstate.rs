//! What Postgres says of an error, for whoever decides whether to try again.

/// Whether an error by this SQLSTATE passes by itself: the statement was not done, and may be tried again.
#[must_use]
pub fn passes(code: &str) -> bool {
    let class = code.get(..2).unwrap_or_default();
    // Connections, transactions given up for others' sake, resources, intervention of an operator, the system's own errors.
    matches!(class, "08" | "40" | "53" | "57" | "58")
        // A lock was not to be had in time; a transaction stood still for too long; a standby that is not yet, or no longer, the primary, and that has no
        // place in a log of its own.
        || matches!(code, "55P03" | "25P03" | "25006" | "55000")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transient_errors_are_distinguished_from_permanent_ones() {
        for code in ["08006", "40001", "40P01", "53300", "55P03", "57014", "57P01", "25P03", "25006", "55000"] {
            assert!(passes(code), "{code}");
        }
        for code in ["23505", "23514", "42601", "42P01", "22003", "28P01", ""] {
            assert!(!passes(code), "{code}");
        }
    }
}
