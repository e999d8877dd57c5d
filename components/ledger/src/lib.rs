//! The shell around ledger-core: SQL, ids and time.
