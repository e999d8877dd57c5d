-- Accounts: keys that end, people who may not come in, tries at passwords, and from where.

-- Trusted until then: it was retired or revoked. NULL: it is in use.
ALTER TABLE signing_keys ADD COLUMN ends_at BIGINT;
ALTER TABLE signing_keys ADD COLUMN revoked_at BIGINT;

ALTER TABLE users ADD COLUMN suspended_at BIGINT;

-- Where it began: 192.0.2.0/24 or 2001:db8:1::/48.
ALTER TABLE sessions ADD COLUMN network TEXT;
CREATE INDEX sessions_by_end ON sessions (expires_at);

-- Wrong passwords lately, by account and by whether they came from a network that it is known to be used from.
CREATE TABLE login_attempts (
  account TEXT PRIMARY KEY,            -- a hash
  failures BIGINT NOT NULL,
  next_at BIGINT NOT NULL,             -- no try before
  updated_at BIGINT NOT NULL
);
CREATE INDEX login_attempts_by_age ON login_attempts (updated_at);
