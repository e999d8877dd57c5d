//! Satisfies marquee:edge from SQL, under stock Spin.
