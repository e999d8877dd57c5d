//! Accounts: register, log in, tokens, roles, organisers.
